"""The leak test: opens a release and looks for anything that is not for students.

Two nets. The first compares: every file of the release must be one that the builder makes, byte for
byte, so that any line put in by hand is seen, however short. The second searches: no telling line
of a reference body, a hidden check, a misconception or an alternative may be anywhere, so that a
secret that crept into a master or into `course_utils` is seen as well.
"""

import ast
import inspect
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np

from autograder.assignments import CourseError
from autograder.authoring.master import Master
from autograder.authoring.stub import stub_of

# A line shorter than this, spaces aside, tells nothing: `else:`, `return loss`.
TELLING = 16
# From this length on, a line is looked for inside other lines too.
LONG = 28
# Whole lines that everybody writes, here without their spaces.
IDIOMS = {"withtorch.no_grad():", "withtorch.inference_mode():", "super().__init__()"}
IDIOMS |= {"optimizer.zero_grad()", "optimizer.step()", "returntorch.stack(", "ifweightsisNone:"}
PNG = b"\x89PNG\r\n\x1a\n"
ZIP = b"PK\x03\x04"
PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


class LeakError(CourseError):
    """A release that holds, or may hold, what students must not see."""


def find_leaks(
    archive: Path, master: Master, expected: dict[str, bytes], pictures: set[str]
) -> list[str]:
    """What is wrong with a release, a sentence each; empty when nothing is.

    expected  the content of every file but the pictures, by name inside the archive
    pictures  the names of the pictures inside the archive
    """
    with zipfile.ZipFile(archive) as release:
        content = {name: release.read(name) for name in release.namelist()}
    allowed = set(expected) | pictures
    leaks = [f"{name} is not on the allowlist." for name in sorted(set(content) - allowed)]
    leaks += [f"{name} is missing." for name in sorted(allowed - set(content))]
    for name in sorted(set(content) & allowed):
        if name in pictures:
            leaks += [] if _only_pixels(content[name]) else [f"{name} holds more than a picture."]
        elif content[name] != expected[name]:
            leaks.append(f"{name} is not what the builder makes.")
    return leaks + _search(content, secret_lines(master))


def secret_lines(master: Master) -> dict[str, str]:
    """Every telling line that must not ship, without its spaces, and where it comes from."""
    reference, topic = master.assignment.reference(), master.assignment.topic
    modules = {
        "reference": reference,
        "hidden check": import_module(f"autograder.checks.test_{topic}"),
        "misconception": import_module(f"autograder.misconceptions.{topic}"),
        "alternative": import_module(f"autograder.alternatives.{topic}"),
    }
    public = _public_lines(reference, set(master.tasks))
    secret: dict[str, str] = {}
    for role, module in modules.items():
        file = Path(inspect.getfile(module)).name
        for number, line in enumerate(inspect.getsource(module).splitlines(), 1):
            if (bare := _bare(line)) not in public and _is_telling(bare):
                secret.setdefault(bare, f"{role}, {file}:{number}")
    return secret


def _public_lines(module: ModuleType, tasks: set[str]) -> set[str]:
    """The lines of a reference that its stubs show, and its own docstring."""
    lines = [line for task in tasks for line in stub_of(module, task).splitlines()]
    lines += (
        ast.get_docstring(ast.parse(inspect.getsource(module)), clean=False) or ""
    ).splitlines()
    return {_bare(line) for line in lines}


def _bare(line: str) -> str:
    return "".join(line.split())


def _is_telling(bare: str) -> bool:
    return len(bare) >= TELLING and not bare.startswith(("import", "from")) and bare not in IDIOMS


def _search(content: dict[str, bytes], secret: dict[str, str]) -> list[str]:
    inside = _LongLines(secret)
    leaks = []
    for name, data in sorted(content.items()):
        if data.startswith(PNG):
            continue
        for line in _lines(name, data):
            bare = _bare(line)
            found = bare if bare in secret else inside.first_in(bare)
            if found:
                leaks.append(f"{name} shows a line of a {secret[found]}: {line.strip()[:80]}")
    return leaks


class _LongLines:
    """The secret lines that are looked for inside other lines, by how they begin.

    A release has thousands of lines, and an assignment thousands of secrets: to look for each in
    each takes seconds.
    """

    def __init__(self, secret: Iterable[str]) -> None:
        self.by_start: dict[str, list[str]] = {}
        for line in secret:
            if len(line) >= LONG:
                self.by_start.setdefault(line[:LONG], []).append(line)

    def first_in(self, bare: str) -> str | None:
        """The secret that is found first inside a line without spaces, or None."""
        for at in range(len(bare) - LONG + 1):
            for line in self.by_start.get(bare[at : at + LONG], ()):
                if bare.startswith(line, at):
                    return line
        return None


def _lines(name: str, data: bytes) -> list[str]:
    """The lines that a reader of the file sees; for a notebook, of cells, outputs and metadata."""
    if data.startswith(ZIP):  # packed, it would show nothing, and take minutes
        with suppress(ValueError, OSError, zipfile.BadZipFile):
            return _texts_of_pack(data)
    text = data.decode("utf-8", "replace")
    if not name.endswith((".ipynb", ".json")):
        return text.splitlines()
    return [line for string in _strings(json.loads(text)) for line in string.splitlines()]


def _texts_of_pack(data: bytes) -> list[str]:
    """The texts in a pack of arrays: their names, and what is in those that are not numbers."""
    with np.load(BytesIO(data), allow_pickle=False) as pack:
        arrays = {name: pack[name] for name in pack.files}
    texts = [array for array in arrays.values() if array.dtype.kind in "US"]
    return [*arrays, *(str(text) for array in texts for text in array.ravel())]


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _strings(key)
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)


def _only_pixels(data: bytes) -> bool:
    """Whether a PNG has no chunk but its pixels', and nothing after its end."""
    if not data.startswith(PNG):
        return False
    at = len(PNG)
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + size
        if kind not in PIXELS:
            return False
        if kind == b"IEND":
            return at == len(data)
    return False
