"""The wire between the judge and the worker: messages, and values in them. Imported by both sides.

A message is a 12-byte head (header length: 4 bytes, body length: 8 bytes, big-endian), a JSON
header and a safetensors body. Nothing is ever unpickled or evaluated, and nothing is believed: the
other side may be a student's program, so every size is checked before a byte is allocated and every
read has a deadline.

A value keeps its form: a NumPy array arrives as one, a tuple is no list, strides survive. In JSON:

    None, True, 3, 0.5, NaN, "short", [1, 2]     themselves
    {"tuple": [...]}  {"dict": {...}}            containers
    {"tensor": REF, "stride": [...], "grad": true}   a tensor of the body; stride unless contiguous
    {"array": REF}  {"scalar": REF}              a NumPy array, a NumPy scalar
    {"text": REF}  {"bytes": REF}                a long string, bytes
    {"dtype": "float32"}                         a torch.dtype
    {"handle": 7, "kind": "a function"}          anything else: it stays where it is, and can be
                                                 referred to
"""

import builtins
import json
import math
import re
import select
import socket
import struct
import types
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple, Protocol

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

Tensors = dict[str, Tensor]
Json = Any
Keep = Callable[[object], int]
Resolve = Callable[[int, str], object]

HEAD = struct.Struct(">IQ")
JSON_DEPTH, JSON_ITEMS = 16, 100_000
# A container takes two levels of JSON (a tuple: {"tuple": [...]}), and the header itself takes two.
VALUE_DEPTH = 6
SHORT_TEXT = 256  # characters that travel in the header
INTEGER_BITS = 1024

_SENT = {
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.uint16, torch.uint32, torch.uint64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
}
_DTYPE_NAMES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype)
}

# What an object that is not sent may be called. A fixed vocabulary: no text of the student's goes
# this way.
_KIND_OF: dict[type, str] = {
    torch.nn.Module: "a network (torch.nn.Module)",
    type: "a class",
    types.FunctionType: "a function",
    types.BuiltinFunctionType: "a function",
    types.MethodType: "a method",
    types.GeneratorType: "a generator",
    set: "a set",
    range: "a range",
    complex: "a complex number",
    np.complexfloating: "a complex number",
    int: "a very large integer, or a subclass of int",
    dict: "a dict with keys that are not strings, or a subclass of dict",
    list: "a subclass of list",
    tuple: "a subclass of tuple",
    str: "a subclass of str",
    types.ModuleType: "a module",
    BaseException: "an exception",
}
TOO_LARGE = "a value too large or too deep to send"
KINDS = {
    *_KIND_OF.values(),
    *("a tensor subclass", "a sparse or nested tensor", "a complex tensor", "a quantised tensor"),
    *("a tensor without data (meta)", "a tensor of an unusual dtype", "a numpy array subclass"),
    *("a numpy array of complex numbers", "a numpy array of unusual dtype"),
    *("a named tuple", "an object", TOO_LARGE),
}

OWN_EXCEPTION = "an exception of the student's own"
EXCEPTIONS: dict[str, type[BaseException]] = {
    **{
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, BaseException) and name == value.__name__
    },
    "numpy.linalg.LinAlgError": np.linalg.LinAlgError,
    "torch.linalg.LinAlgError": torch.linalg.LinAlgError,
}


class WireError(Exception):
    """Bytes or a value that the format does not allow; the text says which rule was broken."""


class TooLargeError(WireError):
    """A message larger than the limit."""


class Closed(Exception):  # noqa: N818  an end, not an error
    """The other side has closed its end."""


class TimedOut(Exception):  # noqa: N818
    """The deadline has passed."""


class Bounds(Protocol):
    """The limits that a message is held to, in bytes: of its header, and of all of it."""

    header: int
    reply: int


class Clock(Protocol):
    """A deadline that may move, as one in a program's own time does."""

    def left(self) -> float:
        """Seconds until it has to be asked again; 0 or less when it has passed."""


Deadline = float | Clock | None  # of `time.monotonic`, or a clock, or none: as long as it takes


class DefaultBounds(NamedTuple):
    """What `Limits` has, for whoever has no Limits."""

    header: int = 4 * 2**20
    reply: int = 64 * 2**20


DEFAULT = DefaultBounds()


@dataclass(frozen=True)
class Opaque:
    """A value that stayed in the worker.

    handle  refers to it in a later call
    kind    one of KINDS
    """

    handle: int
    kind: str = "an object"


# ----------------------------------------------------------------------------------------- messages


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
    _bound(len(text), len(body), limits)
    return b"".join((HEAD.pack(len(text), len(body)), text, body))


def write(sock: socket.socket, message: bytes, deadline: Deadline = None) -> None:
    """Send a packed message. Raises TimedOut or Closed."""
    view = memoryview(message)
    while view:
        _set_deadline(sock, deadline)
        try:
            view = view[sock.send(view) :]
        except TimeoutError:  # of a clock's there may be more
            continue
        except OSError as error:
            raise Closed(f"the connection is gone ({error.strerror})") from None


def receive(
    sock: socket.socket, deadline: Deadline = None, limits: Bounds = DEFAULT
) -> tuple[dict[str, Json], Tensors]:
    """Receive one message: its header and its tensors, by reference.

    Raises WireError (or TooLargeError), TimedOut or Closed; after any of them the connection is
    useless.
    """
    header_size, body_size = HEAD.unpack(_read(sock, HEAD.size, deadline))
    _bound(header_size, body_size, limits)
    header = _parse(_read(sock, header_size, deadline))
    return header, _load(_read(sock, body_size, deadline))


def _bound(header: int, body: int, limits: Bounds) -> None:
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


# Possessive, so that a hostile megabyte of escapes can't fill a stack. A string that never ends
# matches up to the end of the text, or each of its escaped quotes would be tried as a beginning.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def _parse(data: bytes) -> dict[str, Json]:
    try:
        text = data.decode()
        _check_nesting(_STRING.sub("", text))
        header = json.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise WireError(f"the header is not JSON ({type(error).__name__})") from None
    if not isinstance(header, dict):
        raise WireError("the header is not a JSON object")
    return header


def _check_nesting(structure: str) -> None:
    """Refuse a JSON bomb before it is parsed. `structure` is the JSON text without its strings."""
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
    except (
        Exception
    ) as error:  # the parser's own exceptions, and torch's for a dtype it does not have
        raise WireError(f"the body is not safetensors ({type(error).__name__})") from None
    if any(tensor.dtype not in _SENT for tensor in tensors.values()):
        raise WireError("the body has a tensor of a dtype that is not sent")
    return tensors


# ------------------------------------------------------------------------------------- value → JSON


def encode(value: object, tensors: Tensors, keep: Keep | None = None) -> Json:
    """A value as JSON; its tensors, copied, are added to `tensors`.

    keep   keeps an object that can't be sent, and returns its handle
    Raises WireError for such an object if there is no `keep`.
    """
    before = set(tensors)
    try:
        return _Encoder(tensors, keep).encode(value)
    except _Unsendable:
        for ref in set(tensors) - before:
            del tensors[ref]
        return _opaque(value, TOO_LARGE, keep)


class _Unsendable(Exception):  # noqa: N818
    """The value as a whole is too large or too deep."""


class _Stays(Exception):  # noqa: N818
    """This object, which may be inside a value that can be sent, stays where it is."""


class _Encoder:
    """Encodes one value, by exact type. A subclass may do anything: it goes as its base, or
    stays.
    """

    def __init__(self, tensors: Tensors, keep: Keep | None) -> None:
        self.tensors, self.keep, self.items = tensors, keep, 0
        self.room = (
            DEFAULT.reply - DEFAULT.header - sum(tensor.nbytes for tensor in tensors.values())
        )

    def encode(self, value: object, depth: int = 0) -> Json:
        self.count(1, depth)
        base = plain(value)
        try:
            return _FORMS.get(type(base), _Encoder.other)(self, base, depth)
        except _Stays:
            return _opaque(value, describe(value), self.keep)

    def count(self, items: int, depth: int = 0) -> None:
        self.items += items
        # Half of what a header may hold, as other values may travel in the same one.
        if self.items > JSON_ITEMS // 2 or depth > VALUE_DEPTH:
            raise _Unsendable

    def take(self, size: int) -> None:
        """Take room in the body, before anything is copied: an expanded tensor may claim any
        size.
        """
        self.room -= size
        if self.room < 0:
            raise _Unsendable

    def add(self, tensor: Tensor) -> str:
        """Put a tensor in the body, as a contiguous copy."""
        self.count(5 + tensor.ndim)
        ref = str(len(self.tensors))
        self.tensors[ref] = (
            tensor.detach().resolve_neg().clone(memory_format=torch.contiguous_format)
        )
        return ref

    def plain(self, value: bool | float | None, depth: int) -> Json:
        return value

    def integer(self, value: int, depth: int) -> Json:
        if value.bit_length() > INTEGER_BITS:
            raise _Stays
        return value

    def text(self, value: str, depth: int) -> Json:
        if len(value) <= SHORT_TEXT:
            return value
        return {"text": self.binary(value.encode("utf-8", "surrogatepass"), depth)["bytes"]}

    def binary(self, value: bytes, depth: int) -> Json:
        self.take(len(value))
        return {"bytes": self.add(torch.from_numpy(np.frombuffer(value, np.uint8).copy()))}

    def sequence(self, value: Sequence[object], depth: int) -> Json:
        return [self.encode(item, depth + 1) for item in value]

    def fixed(self, value: Sequence[object], depth: int) -> Json:
        return {"tuple": self.sequence(value, depth)}

    def mapping(self, value: Mapping[object, object], depth: int) -> Json:
        if not all(type(key) is str and len(key) <= SHORT_TEXT for key in value):
            raise _Stays
        return {"dict": {key: self.encode(item, depth + 1) for key, item in value.items()}}

    def tensor(self, value: Tensor, depth: int) -> Json:
        if _tensor_kind(value):
            raise _Stays
        self.take(value.numel() * value.element_size())
        form: dict[str, Json] = {"tensor": self.add(value)}
        if not value.is_contiguous() and _is_compact(value.shape, value.stride()):
            form["stride"] = list(value.stride())
        return form | ({"grad": True} if value.requires_grad else {})

    def array(self, value: np.ndarray, depth: int) -> Json:
        if value.dtype.kind not in "biuf" or value.itemsize > 8:
            raise _Stays
        self.take(value.nbytes)
        native = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
        return {"array": self.add(torch.from_numpy(native))}

    def dtype(self, value: torch.dtype, depth: int) -> Json:
        return {"dtype": str(value).removeprefix("torch.")}

    def opaque(self, value: Opaque, depth: int) -> Json:
        return {"handle": value.handle, "kind": value.kind}

    def other(self, value: object, depth: int) -> Json:
        """What its exact type does not tell: NumPy's scalars, each of which has a type of its
        own.
        """
        if not issubclass(type(value), np.generic):
            raise _Stays
        return {"scalar": self.array(np.asarray(value), depth)["array"]}


_FORMS: dict[type, Callable[[_Encoder, Any, int], Json]] = {
    **dict.fromkeys((type(None), bool, float), _Encoder.plain),
    **dict.fromkeys((tuple, torch.Size), _Encoder.fixed),
    **dict.fromkeys((dict, OrderedDict), _Encoder.mapping),
    **dict.fromkeys((Tensor, torch.nn.Parameter), _Encoder.tensor),
    int: _Encoder.integer,
    str: _Encoder.text,
    bytes: _Encoder.binary,
    list: _Encoder.sequence,
    np.ndarray: _Encoder.array,
    torch.dtype: _Encoder.dtype,
    Opaque: _Encoder.opaque,
}


SENT = frozenset(_FORMS)  # the types whose values can be sent, as a rule
# By the base's own methods, so that nothing of a subclass is run.
_AS_BASE: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (list, lambda value: list(list.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (str, str.__str__),
    (float, float.__float__),
    (int, int.__index__),
)


def plain(value: object) -> Any:  # noqa: ANN401
    """A value of a subclass of tuple, list, dict, str, float or int, as one of the base."""
    kind = type(value)
    if kind in _FORMS or issubclass(kind, np.generic):
        return value
    return next((convert(value) for base, convert in _AS_BASE if issubclass(kind, base)), value)


def _opaque(value: object, kind: str, keep: Keep | None) -> Json:
    if keep is None:
        raise WireError(f"{kind} can't be sent")
    return {"handle": keep(value), "kind": kind}


def _is_compact(shape: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether no two elements share memory, and so little lies between them that it may be
    allocated.
    """
    span = 1
    for step, size in sorted(zip(stride, shape, strict=True)):
        if size > 1 and step < span:
            return False
        span += (size - 1) * step if size > 1 else 0
    return span <= 16 * math.prod(shape) + 256


# ------------------------------------------------------------------------------------- JSON → value


def decode(value: Json, tensors: Tensors, resolve: Callable[[int, str], object] = Opaque) -> Any:  # noqa: ANN401
    """The inverse of `encode`. Each tensor it refers to is taken out of `tensors`.

    resolve   turns a handle and its kind into a value
    Raises WireError for JSON that `encode` does not write.
    """
    if isinstance(value, list):
        return [decode(item, tensors, resolve) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next((tag for tag in _TAGS if tag in value), None)
    try:
        return _TAGS[tag](value, tensors, resolve)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise WireError(
            f"a value is not in the form it should have ({type(error).__name__})"
        ) from None


def _tuple(value: Json, tensors: Tensors, resolve: Resolve) -> tuple:
    return tuple(decode(typed(value["tuple"], list), tensors, resolve))


def _dict(value: Json, tensors: Tensors, resolve: Resolve) -> dict[str, object]:
    return {key: decode(item, tensors, resolve) for key, item in typed(value["dict"], dict).items()}


def _tensor(value: Json, tensors: Tensors, resolve: Resolve) -> Tensor:
    tensor = tensors.pop(
        value["tensor"]
    )  # taken: a megabyte that is referred to 10,000 times stays one
    if "stride" in value:
        stride = [typed(step, int) for step in typed(value["stride"], list)]
        if not _is_compact(tensor.shape, stride):
            raise WireError("a tensor has strides that are not sent")
        tensor = torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype).copy_(tensor)
    return tensor.requires_grad_() if value.get("grad") is True else tensor


def _array(value: Json, tensors: Tensors, resolve: Resolve) -> np.ndarray:
    return tensors.pop(value["array"]).numpy()


def _scalar(value: Json, tensors: Tensors, resolve: Resolve) -> np.generic:
    return tensors.pop(value["scalar"]).numpy().reshape(())[()]


def _bytes(value: Json, tensors: Tensors, resolve: Resolve) -> bytes:
    return tensors.pop(value["bytes"]).numpy().tobytes()


def _text(value: Json, tensors: Tensors, resolve: Resolve) -> str:
    return tensors.pop(value["text"]).numpy().tobytes().decode("utf-8", "surrogatepass")


def _dtype(value: Json, tensors: Tensors, resolve: Resolve) -> torch.dtype:
    return _DTYPE_NAMES[value["dtype"]]


def _handle(value: Json, tensors: Tensors, resolve: Resolve) -> object:
    if value["kind"] not in KINDS:
        raise WireError("a value is of a kind that there is not")
    return resolve(typed(value["handle"], int), value["kind"])


_TAGS: dict[str | None, Callable[[Json, Tensors, Resolve], object]] = {
    "tuple": _tuple,
    "dict": _dict,
    "tensor": _tensor,
    "array": _array,
    "scalar": _scalar,
    "bytes": _bytes,
    "text": _text,
    "dtype": _dtype,
    "handle": _handle,
}


def typed(value: Json, kind: type) -> Any:  # noqa: ANN401
    """`value`, if it is exactly of this type. Raises WireError."""
    if type(value) is not kind:
        raise WireError(f"a {type(value).__name__} where a {kind.__name__} should be")
    return value


# --------------------------------------------------------------------------------------- vocabulary


def describe(value: object) -> str:
    """What an object that is not sent is called: one of KINDS. Runs none of the object's own
    code.
    """
    kind = type(value)
    if issubclass(kind, Tensor):
        return _tensor_kind(value) or "an object"
    if issubclass(kind, np.ndarray):
        return _array_kind(value)
    if issubclass(kind, tuple) and "_fields" in vars(kind):
        return "a named tuple"
    return next((name for base, name in _KIND_OF.items() if issubclass(kind, base)), "an object")


def _tensor_kind(value: Tensor) -> str:
    """Why a tensor can't be sent, as one of KINDS, or "" if it can."""
    if type(value) not in (Tensor, torch.nn.Parameter):
        return "a tensor subclass"
    if value.layout is not torch.strided or value.is_nested:
        return "a sparse or nested tensor"
    if value.is_quantized:
        return "a quantised tensor"
    if value.device.type != "cpu":
        return "a tensor without data (meta)"
    if value.is_complex():
        return "a complex tensor"
    return "" if value.dtype in _SENT else "a tensor of an unusual dtype"


def _array_kind(value: np.ndarray) -> str:
    if type(value) is not np.ndarray:
        return "a numpy array subclass"
    return (
        "a numpy array of complex numbers"
        if value.dtype.kind == "c"
        else "a numpy array of unusual dtype"
    )


def exception_name(error: BaseException) -> str:
    """What an exception is called: one of EXCEPTIONS, or OWN_EXCEPTION; never a text of the
    student's.

    A library's exception goes by the first of its bases that is known.
    """
    if isinstance(error, RuntimeError) and any(
        type(t) is str and "allocate memory" in t for t in error.args
    ):
        return "MemoryError"  # which PyTorch reports as a RuntimeError
    known = {value: name for name, value in EXCEPTIONS.items()}
    if type(error).__module__ == "__main__" and type(error) not in known:
        return OWN_EXCEPTION
    return next((known[base] for base in type(error).__mro__ if base in known), OWN_EXCEPTION)
