"""Messages over a socket, between the judge and the worker. Both sides import this.

A message is a 12-byte head (header length: 4 bytes, body length: 8 bytes, big-endian), a JSON
header and a safetensors body. Nothing is ever unpickled or evaluated, and nothing is trusted: the
other side may be a student's program. So every size is checked before a byte is allocated, and
every read has a deadline.
"""

import json
import re
import select
import socket
import struct
from time import monotonic
from typing import Any, NamedTuple, Protocol

import safetensors.torch
from torch import Tensor

from .vocabulary import DTYPES

Tensors = dict[str, Tensor]  # the body of a message, by reference
Json = Any  # whatever JSON can hold

HEAD = struct.Struct(">IQ")
JSON_DEPTH, JSON_ITEMS = 16, 100_000


class WireError(Exception):
    """Bytes or a value that the format does not allow; the text says which rule was broken."""


class TooLargeError(WireError):
    """A message larger than the limit."""


class Closed(Exception):  # noqa: N818  an end, not an error
    """The other side has closed its end."""


class TimedOut(Exception):  # noqa: N818
    """The deadline has passed."""


class Bounds(Protocol):
    """The limits of a message in bytes: of its header, and of the whole."""

    @property
    def header(self) -> int:
        """Of the header."""

    @property
    def reply(self) -> int:
        """Of header and body together."""


class DefaultBounds(NamedTuple):
    """The same numbers as in `Limits`, which only the judge has."""

    header: int = 4 * 2**20
    reply: int = 64 * 2**20


DEFAULT = DefaultBounds()


class Clock(Protocol):
    """A deadline that may move, such as one in a program's own time."""

    def left(self) -> float:
        """Seconds until it has to be asked again; 0 or less when it has passed."""


Deadline = float | Clock | None  # a time of `time.monotonic`, or a clock; None: no deadline


# ------------------------------------------------------------------------------- sending, receiving


def send(
    sock: socket.socket,
    header: dict[str, Json],
    tensors: Tensors,
    deadline: Deadline = None,
    limits: Bounds = DEFAULT,
) -> None:
    """Send one message. Raises TooLargeError before the first byte is sent; TimedOut; Closed."""
    write(sock, pack(header, tensors, limits), deadline)


def pack(header: dict[str, Json], tensors: Tensors, limits: Bounds = DEFAULT) -> bytes:
    """One message, as bytes. Raises TooLargeError."""
    text = json.dumps(header, separators=(",", ":")).encode()
    body = safetensors.torch.save(tensors) if tensors else b""
    _check_size(len(text), len(body), limits)
    return b"".join((HEAD.pack(len(text), len(body)), text, body))


def write(sock: socket.socket, message: bytes, deadline: Deadline = None) -> None:
    """Send a packed message. Raises TimedOut or Closed."""
    view = memoryview(message)
    while view:
        _set_deadline(sock, deadline)
        try:
            sent = sock.send(view)
        except TimeoutError:  # the deadline is looked at again: a clock may have been stopped
            continue
        except OSError as error:
            raise Closed(f"the connection is gone ({error.strerror})") from None
        view = view[sent:]


def receive(
    sock: socket.socket, deadline: Deadline = None, limits: Bounds = DEFAULT
) -> tuple[dict[str, Json], Tensors]:
    """Receive one message: its header, and its tensors by reference.

    Raises WireError (or TooLargeError), TimedOut or Closed. After any of them the connection can't
    be used any more.
    """
    header_size, body_size = HEAD.unpack(_read(sock, HEAD.size, deadline))
    _check_size(header_size, body_size, limits)
    header = _parse(_read(sock, header_size, deadline))
    return header, _load(_read(sock, body_size, deadline))


def _check_size(header: int, body: int, limits: Bounds) -> None:
    if header > limits.header:
        raise TooLargeError(f"a header of {header} bytes, and {limits.header} is the limit")
    if header + body > limits.reply:
        raise TooLargeError(f"a message of {header + body} bytes, and {limits.reply} is the limit")


def _set_deadline(sock: socket.socket, deadline: Deadline) -> None:
    left = seconds_left(deadline)
    if left is not None and left <= 0:
        raise TimedOut("the deadline has passed")
    sock.settimeout(left)


def seconds_left(deadline: Deadline) -> float | None:
    """Seconds until a deadline has passed, or has to be asked again; None if there is none."""
    if deadline is None:
        return None
    return deadline - monotonic() if isinstance(deadline, (int, float)) else deadline.left()


def _read(sock: socket.socket, size: int, deadline: Deadline) -> bytes:
    """Exactly `size` bytes."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        _set_deadline(sock, deadline)
        try:
            count = sock.recv_into(view[done:])
        except TimeoutError:
            continue
        except OSError as error:
            raise Closed(f"the connection is gone ({error.strerror})") from None
        if not count:
            raise Closed("the connection was closed" + (" inside a message" if done else ""))
        done += count
    return bytes(data)


def is_quiet(sock: socket.socket) -> bool:
    """Whether there is nothing to read. Raises Closed."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        if sock.recv(1, socket.MSG_PEEK):
            return False
    except OSError as error:
        raise Closed(f"the connection is gone ({error.strerror})") from None
    raise Closed("the connection was closed")


# ------------------------------------------------------------------------------------------ parsing

# Possessive, so that a hostile megabyte of escapes can't fill a stack. A string that never ends
# matches up to the end of the text, or each of its escaped quotes would be tried as a beginning.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def _parse(data: bytes) -> dict[str, Json]:
    try:
        text = data.decode()
        _check_nesting(_STRING.sub("", text))
        header = json.loads(text)
    # UnicodeDecodeError and JSONDecodeError are ValueErrors.
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON ({type(error).__name__})") from None
    if not isinstance(header, dict):
        raise WireError("the header is not a JSON object")
    return header


def _check_nesting(structure: str) -> None:
    """Refuse a JSON bomb before it is parsed.

    structure  the JSON text without its strings
    """
    if sum(map(structure.count, "[{,")) > JSON_ITEMS:
        raise WireError(f"the header has more than {JSON_ITEMS} items")
    depth = 0
    for bracket in _BRACKET.finditer(structure):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > JSON_DEPTH:
            raise WireError(f"the header is nested deeper than {JSON_DEPTH} levels")


def _load(body: bytes) -> Tensors:
    if not body:
        return {}
    try:
        tensors = safetensors.torch.load(body)
    # The parser's own exceptions, and torch's for a dtype that it does not have.
    except Exception as error:
        raise WireError(f"the body is not safetensors ({type(error).__name__})") from None
    if any(tensor.dtype not in DTYPES for tensor in tensors.values()):
        raise WireError("the body has a tensor of a dtype that is not sent")
    return tensors
