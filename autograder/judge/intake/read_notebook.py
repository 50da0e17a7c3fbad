"""Read a submitted notebook without trusting it, and graft the student's work on the released one.

The limits, and what is refused, are here. The grafting is `course_utils.notebook.grafting`, which
students have too: their self-check runs the same cells as the judge.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.assignments import Assignment, CourseError, assignments, find_assignment
from course_utils.notebook.grafting import (
    ELSEWHERE,
    GONE,
    MAX_CELLS,
    Reading,
    cells_of,
    graft,
    writable,
)
from course_utils.notebook.saved_notebook import NotebookError

__all__ = [
    "ELSEWHERE",
    "GONE",
    "MAX_BYTES",
    "MAX_CELLS",
    "Reading",
    "RefusedError",
    "assignment_of",
    "graft",
    "read_submission",
    "writable",
]

MAX_BYTES = 25 * 2**20


class RefusedError(Exception):
    """A submission that can't be read; the text is one sentence for its student."""


def read_submission(path: Path, released: NotebookNode) -> Reading:
    """Read `path` and graft it on `released`. Raises RefusedError with the reason."""
    try:
        return graft(cells_of(_parse(_bytes(path), path.name)), released)
    except NotebookError as error:
        raise RefusedError(str(error)) from None


def assignment_of(path: Path, name: str | None = None) -> Assignment:
    """The assignment of a notebook: `name`, or else by its file name or its metadata.

    Raises CourseError when there is no such file, and when nothing tells.
    """
    if not path.is_file():
        raise CourseError(f"There is no file {path}.")
    if name is not None:
        return find_assignment(name)
    with suppress(CourseError):
        return find_assignment(path.stem)
    with suppress(RefusedError, CourseError, KeyError, TypeError):
        return find_assignment(_parse(_bytes(path), path.name)["metadata"]["assignment"]["name"])
    known = ", ".join(assignment.name for assignment in assignments())
    raise CourseError(
        f"{path.name} does not tell which assignment it is: name one with --assignment ({known})."
    )


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise RefusedError(f"{path.name} is not a file.")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise RefusedError(
            f"{path.name} has {size / 2**20:.0f} MB, and {MAX_BYTES / 2**20:.0f} MB is the limit: "
            "clear the outputs of all cells and hand it in again."
        )
    return path.read_bytes()


def _parse(data: bytes, name: str) -> dict[str, Any]:
    if not data.strip():
        raise RefusedError(f"{name} is empty.")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise RefusedError(f"{name} is not a notebook: it is not text in UTF-8.") from None
    except json.JSONDecodeError as error:
        at_the_end = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith(
            "Unterminated string"
        )
        cut = " It looks cut off." if at_the_end else ""
        raise RefusedError(
            f"{name} is not a notebook: line {error.lineno} is not JSON.{cut}"
        ) from None
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        raise RefusedError(f"{name} is not a notebook: its JSON can't be read safely.") from None
    if not isinstance(content, dict):
        raise RefusedError(f"{name} is not a notebook: it is JSON, but no notebook.")
    return content
