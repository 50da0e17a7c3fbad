"""Read a submitted notebook without trusting it, and graft the student's work on the released one.

The released notebook is the skeleton: its cells, their order, tags and locked sources stay. From the
submission come the answers, the student's edits of unlocked cells and the student's own cells, in order.
So a cell that was deleted, copied, split, retyped or re-tagged costs nothing: tasks are found by name.
"""

import ast
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.catalogue import Assignment, CourseError, assignments, find_assignment
from autograder.judge.code_cells import MAX_CODE, parse

MAX_BYTES = 25 * 2**20
MAX_CELLS = 5_000
GONE = "# This cell was not handed in."
ELSEWHERE = (
    "# This cell was handed in as it was given out; the name is defined in a cell of the student's own."
)


class RefusedError(Exception):
    """A submission that can't be read; the text is one sentence for its student."""


@dataclass
class Reading:
    """A submission on the released notebook's skeleton.

    notebook  valid nbformat 4.5, without outputs
    repairs   what was put right, a sentence each
    """

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)


@dataclass
class _Cell:
    """What is believed of a submitted cell: what it says, and which released cell it claims to be."""

    kind: str
    source: str
    claims: list[str]
    attachments: dict[str, Any]


def read_submission(path: Path, released: NotebookNode) -> Reading:
    """Read `path` and graft it on `released`. Raises RefusedError with the reason."""
    return graft(_cells(_parse(_bytes(path), path.name)), released)


def assignment_of(path: Path, name: str | None = None) -> Assignment:
    """The assignment that a notebook is a submission of: `name`, or else by its file's name or its metadata.

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
        at_the_end = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        cut = " It looks cut off." if at_the_end else ""
        raise RefusedError(f"{name} is not a notebook: line {error.lineno} is not JSON.{cut}") from None
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        raise RefusedError(f"{name} is not a notebook: its JSON can't be read safely.") from None
    if not isinstance(content, dict):
        raise RefusedError(f"{name} is not a notebook: it is JSON, but no notebook.")
    return content


def _cells(content: dict[str, Any]) -> list[_Cell]:
    """The cells of any nbformat: 4 has them at the top, 3 and 2 in worksheets."""
    raw = content.get("cells")
    if not isinstance(raw, list):
        sheets = content.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        raw = [
            cell
            for sheet in sheets
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    cells = [_cell(cell) for cell in raw if isinstance(cell, dict)]
    if not cells:
        raise RefusedError("The notebook has no cells.")
    if len(cells) > MAX_CELLS:
        raise RefusedError(f"The notebook has {len(cells)} cells, and {MAX_CELLS} is the limit.")
    return cells


def _cell(raw: dict[str, Any]) -> _Cell:
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    kind = raw.get("cell_type")
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    nbgrader = metadata.get("nbgrader") if isinstance(metadata.get("nbgrader"), dict) else {}
    claims = [claim for claim in (nbgrader.get("grade_id"), raw.get("id")) if isinstance(claim, str)]
    return _Cell(
        kind if kind in ("code", "markdown", "raw") else "markdown",
        writable(source) if isinstance(source, str) else "",
        claims,
        _images(raw.get("attachments")),
    )


def writable(text: str) -> str:
    """Text that can be written as UTF-8: a lone surrogate in JSON is legal, and no file could hold it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _images(attachments: object) -> dict[str, Any]:
    """The pictures pasted into a written answer; anything else that is attached is left behind."""
    if not isinstance(attachments, dict):
        return {}
    found = {}
    for name, bundle in attachments.items():
        kinds = bundle.items() if isinstance(bundle, dict) else ()
        kept = {k: v for k, v in kinds if k in ("image/png", "image/jpeg") and _is_base64(v)}
        found |= {writable(name): kept} if kept else {}
    return found


def _is_base64(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/=\s]*", value) is not None


def graft(cells: list[_Cell], released: NotebookNode) -> Reading:
    """Put a submission's cells on the skeleton of the released notebook."""
    return _Graft(released).graft(cells)


class _Graft:
    def __init__(self, released: NotebookNode) -> None:
        self.skeleton = nbformat.from_dict(released)
        self.place = {cell.id: index for index, cell in enumerate(self.skeleton.cells)}
        self.by_source = {cell.source: cell.id for cell in self.skeleton.cells}
        self.answers: dict[str, list[_Cell]] = {}
        self.own: dict[int, list[_Cell]] = {}  # the student's own cells, by the released cell they follow
        self.repairs: list[str] = []

    def graft(self, cells: list[_Cell]) -> Reading:
        self.sort(cells)
        elsewhere = _defined([cell for own in self.own.values() for cell in own])
        grafted = [self.new(cell) for cell in self.own.get(-1, [])]
        for index, cell in enumerate(self.skeleton.cells):
            grafted += self.filled(cell, elsewhere)
            grafted += [self.new(own) for own in self.own.get(index, [])]
        self.skeleton.cells = grafted
        for number, cell in enumerate(grafted):
            cell.id = cell.id or f"own-{number:04}"
        return Reading(self.skeleton, self.repairs)

    def sort(self, cells: list[_Cell]) -> None:
        """Each submitted cell answers a released one, or is the student's own and follows one."""
        last = -1
        for cell in cells:
            name = next(
                (claim for claim in cell.claims if claim in self.place), self.by_source.get(cell.source)
            )
            if name is None or not self.can_be(cell, name):
                self.own.setdefault(last, []).append(cell)
            else:
                last = self.place[name]
                self.answers.setdefault(name, []).append(cell)

    def can_be(self, cell: _Cell, name: str) -> bool:
        """An answer is one in whatever type of cell it was handed in; anything else has to keep its type."""
        released = self.skeleton.cells[self.place[name]]
        return "nbgrader" in released.metadata or released.cell_type == cell.kind

    def filled(self, cell: NotebookNode, elsewhere: set[str]) -> list[NotebookNode]:
        """A released cell with what the student made of it, and copies of it after it."""
        given = self.answers.get(cell.id, [])
        if not _editable(cell):
            self.note_changes(cell, given)
            return [cell]
        if not given:
            return self.missing(cell)
        if any(one.kind != cell.cell_type for one in given):
            self.repairs.append(f"{cell.id}: the cell's type was changed, and is put back.")
        worked = [one for one in given if one.source.strip() != cell.source.strip()] or given[:1]
        if len(given) > 1:
            self.repairs.append(
                f"{cell.id}: the cell is there {len(given)} times; all are kept, stubs aside."
            )
        task = cell.id.removeprefix("task-")
        if worked[0].source.strip() == cell.source.strip() and _is_task(cell) and task in elsewhere:
            cell.source = ELSEWHERE
            return [cell]
        cell.source = worked[0].source
        if worked[0].attachments and cell.cell_type == "markdown":
            cell.attachments = worked[0].attachments
        copies = [_Cell(cell.cell_type, one.source, [], {}) for one in worked[1:]]
        return [cell, *(self.new(copy) for copy in copies)]

    def missing(self, cell: NotebookNode) -> list[NotebookNode]:
        """A released cell that was deleted: not run, so that what is defined elsewhere stands."""
        self.repairs.append(f"{cell.id}: the cell is missing.")
        if _is_task(cell):
            cell.source = GONE
        return [cell]

    def note_changes(self, cell: NotebookNode, given: list[_Cell]) -> None:
        if "nbgrader" in cell.metadata and any(one.source.strip() != cell.source.strip() for one in given):
            self.repairs.append(f"{cell.id}: a locked cell was changed, and is put back.")

    def new(self, cell: _Cell) -> NotebookNode:
        """A cell of the student's own, as a fresh one: none of its metadata, outputs or id is believed."""
        make = {
            "code": nbformat.v4.new_code_cell,
            "markdown": nbformat.v4.new_markdown_cell,
            "raw": nbformat.v4.new_raw_cell,
        }[cell.kind]
        made = make(cell.source)
        made.id = ""
        return made


def _editable(cell: NotebookNode) -> bool:
    """Whether a released cell is the student's to change: answers, and code that is not locked."""
    nbgrader = cell.metadata.get("nbgrader")
    if nbgrader is None:
        return cell.cell_type == "code" and "training" not in cell.metadata.get("tags", [])
    return bool(nbgrader.get("solution"))


def _is_task(cell: NotebookNode) -> bool:
    return cell.id.startswith("task-")


def _defined(cells: list[_Cell]) -> set[str]:
    """The functions and classes that the student's own cells define."""
    names, left = set(), MAX_CODE
    for cell in (cell for cell in cells if cell.kind == "code" and len(cell.source) <= left):
        left -= len(cell.source)
        code = parse(cell.source)  # what is no Python will say so itself when it is run
        body = code.tree.body if code else []
        names |= {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return names
