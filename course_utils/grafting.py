"""Put a submitted notebook on the notebook that was given out. The self-check and the grader both do it.

released = released_notebook("3_colorization")
reading = graft_submission(Path("3_colorization.ipynb"), released)
reading.notebook.cells      the cells that are run for a grade, in order
reading.repairs             what was put right, a sentence each

The released notebook is the skeleton: its cells, their order, tags and locked sources stay. From the
submission come the answers, the student's edits of unlocked cells and the student's own cells, in order.
So a cell that was deleted, copied, split, joined or retyped costs nothing: tasks are found by name.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils.saved_notebook import NotebookError

MAX_CELLS = 5_000
RELEASED = Path(__file__).parent / "released"  # one file for each notebook that came with this archive
GONE = "# This cell was not handed in."
ELSEWHERE = (
    "# This cell was handed in as it was given out; the name is defined in a cell of the student's own."
)


@dataclass
class Reading:
    """A submission on the released notebook's skeleton.

    notebook  valid nbformat 4.5, without outputs; the released cells keep their ids
    repairs   what was put right, a sentence each
    """

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)


@dataclass
class Submitted:
    """What is believed of a submitted cell: what it says, and which released cell it claims to be."""

    kind: str
    source: str
    claims: list[str] = field(default_factory=list)
    attachments: dict[str, Any] = field(default_factory=dict)


def released_notebook(name: str) -> NotebookNode | None:
    """The notebook `name` as it was given out; None where the archive has no copy, as older ones have not."""
    path = RELEASED / f"{name}.json"
    if not re.fullmatch(r"\w+", name) or not path.is_file():
        return None
    return nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))


def graft_submission(path: Path, released: NotebookNode) -> Reading:
    """Read a notebook and put it on `released`, as the grader does.

    Raises NotebookError for a file that is no notebook. The grader's limits of size are not looked at.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise NotebookError(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise NotebookError(f"{path.name} is not a notebook: open it in Jupyter, and save it there.")
    return graft(cells_of(content), released)


def cells_of(content: dict[str, Any]) -> list[Submitted]:
    """The cells of any nbformat: 4 has them at the top, 3 and 2 in worksheets. Raises NotebookError."""
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
    if len(raw) > MAX_CELLS:  # before any is looked at: millions of them take minutes and gigabytes
        raise NotebookError(f"The notebook has {len(raw)} cells, and {MAX_CELLS} is the limit.")
    cells = [_submitted(cell) for cell in raw if isinstance(cell, dict)]
    if not cells:
        raise NotebookError("The notebook has no cells.")
    return cells


def _submitted(raw: dict[str, Any]) -> Submitted:
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    kind = raw.get("cell_type")
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    nbgrader = metadata.get("nbgrader") if isinstance(metadata.get("nbgrader"), dict) else {}
    claims = [claim for claim in (nbgrader.get("grade_id"), raw.get("id")) if isinstance(claim, str)]
    return Submitted(
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


def graft(cells: list[Submitted], released: NotebookNode) -> Reading:
    """Put a submission's cells on the skeleton of the released notebook."""
    return _Graft(released).graft(cells)


class _Graft:
    def __init__(self, released: NotebookNode) -> None:
        self.skeleton = nbformat.from_dict(released)
        self.place = {cell.id: index for index, cell in enumerate(self.skeleton.cells)}
        self.by_source = {cell.source: cell.id for cell in self.skeleton.cells}
        self.answers: dict[str, list[Submitted]] = {}
        self.own: dict[int, list[Submitted]] = {}  # the student's own cells, by the released cell they follow
        self.repairs: list[str] = []

    def graft(self, cells: list[Submitted]) -> Reading:
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

    def sort(self, cells: list[Submitted]) -> None:
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

    def can_be(self, cell: Submitted, name: str) -> bool:
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
        copies = [
            Submitted(
                cell.cell_type,
                one.source,
            )
            for one in worked[1:]
        ]
        return [cell, *(self.new(copy) for copy in copies)]

    def missing(self, cell: NotebookNode) -> list[NotebookNode]:
        """A released cell that was deleted: not run, so that what is defined elsewhere stands."""
        self.repairs.append(f"{cell.id}: the cell is missing.")
        if _is_task(cell):
            cell.source = GONE
        return [cell]

    def note_changes(self, cell: NotebookNode, given: list[Submitted]) -> None:
        if "nbgrader" in cell.metadata and any(one.source.strip() != cell.source.strip() for one in given):
            self.repairs.append(f"{cell.id}: a locked cell was changed, and is put back.")

    def new(self, cell: Submitted) -> NotebookNode:
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


def _defined(cells: list[Submitted]) -> set[str]:
    """The functions and classes that the student's own cells define."""
    names = set()
    for cell in cells:
        names |= {
            node.name for node in _body(cell.source) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        }
    return names


def _body(source: str) -> list[ast.stmt]:
    plain = re.sub(r"^[%!?].*$", "", source, flags=re.MULTILINE)
    try:
        return ast.parse(plain).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
