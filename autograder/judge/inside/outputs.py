"""What cells print, display and raise, in the notebook format's shape, up to a number of bytes."""

import base64
import binascii
import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any

MAX_OUTPUTS = 1000  # of one cell
MAX_TRACEBACK = 20_000  # characters
MAX_NAME, MAX_TEXT = 200, 2000  # characters of an exception's type, and of its text
PNG = b"\x89PNG\r\n\x1a\n"  # what each begins with
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Output = dict[str, Any]


class Recorder:
    """Records what a cell puts out, in order, until a number of bytes is used up."""

    def __init__(self, limit: int) -> None:
        self.limit, self.muted = limit, True
        self.clear()

    def clear(self) -> None:
        """Forget everything, and have room again."""
        self.outputs: list[Output] = []
        self.left, self.cut = self.limit, False

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record within this, and nothing outside of it."""
        self.clear()
        self.muted = False
        try:
            yield
        finally:
            self.muted = True

    def stream(self, name: str, text: str) -> None:
        """Add text written to stdout or stderr.

        It is joined to the last output if that is of the same stream.
        """
        if self.muted or not (text := self._take(text)):
            return
        last = self.outputs[-1] if self.outputs else {}
        if last.get("name") == name:
            last["text"].append(text)
        else:
            self._add({"output_type": "stream", "name": name, "text": [text]})

    def data(self, kind: str, bundle: dict[str, Any]) -> None:
        """Add something displayed: its plain text and its PNG. HTML and the like are not kept."""
        if self.muted:
            return
        kept: dict[str, str | bytes] = {}
        png = _png(bundle.get("image/png"))
        if png and len(png) <= self.left:
            self.left -= len(png)
            kept["image/png"] = png
        if isinstance(text := bundle.get("text/plain"), str):
            kept["text/plain"] = self._take(text)
        if kept:
            self._add({"output_type": kind, "data": kept})

    def error(self, error_type: type, error: object, lines: list[str]) -> None:
        """Add an exception that ended the cell."""
        if self.muted:
            return
        traceback = ANSI.sub("", "\n".join(lines))
        output = {
            "output_type": "error",
            "ename": error_type.__name__[:MAX_NAME],
            "evalue": text_of(error)[:MAX_TEXT],
            "traceback": traceback[-MAX_TRACEBACK:],
        }
        self.outputs.append(output)

    def taken(self) -> list[Output]:
        """The outputs, with each stream's text in one piece."""
        return [_joined(output) for output in self.outputs]

    def has_error(self) -> bool:
        """Whether an exception was recorded."""
        return any(output["output_type"] == "error" for output in self.outputs)

    def _add(self, output: Output) -> None:
        if len(self.outputs) < MAX_OUTPUTS:
            self.outputs.append(output)

    def _take(self, text: str) -> str:
        """As much of a text as there is room for. Where the first is cut, a note is added."""
        kept, self.left = text[: self.left], max(self.left - len(text), 0)
        if len(kept) == len(text) or self.cut:
            return kept
        self.cut = True
        return f"{kept}\n[The output was cut here: {self.limit} bytes is the limit.]\n"


class Stream(io.TextIOBase):
    """Takes the place of sys.stdout or sys.stderr."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.recorder, self.name = recorder, name

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, text: str) -> int:
        """Record the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.recorder.stream(self.name, text)
        return len(text)


def text_of(error: object) -> str:
    """An exception's text; empty if it can't be had."""
    try:
        return str(error)
    except BaseException:  # a __str__ of the student's own
        return ""


def _joined(output: Output) -> Output:
    return output | {"text": "".join(output["text"])} if "text" in output else output


def _png(data: object) -> bytes | None:
    """The PNG that a display formatter gives: as bytes, or in base 64."""
    if isinstance(data, str):
        try:
            data = base64.b64decode(data)
        except (ValueError, binascii.Error):
            return None
    return bytes(data) if isinstance(data, bytes) and data.startswith(PNG) else None
