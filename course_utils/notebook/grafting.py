"""Merge a submitted notebook into the released one, for the self-check and the grader.

released = released_notebook("3_colorization")
reading = graft_submission(Path("3_colorization.ipynb"), released)
reading.notebook.cells      the cells that run in grading, in order
reading.repairs             a sentence for each repair

The released notebook is the skeleton: its cells, their order, tags and locked sources are kept. The
submission provides the answers, the student's edits of unlocked cells, and the student's own cells,
in order. So deleted, copied, split, joined or retyped cells do no harm: tasks are found by name.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.notebook.cell_parts import (
    Part,
    added_text,
    bare_lines,
    cut,
    missing_imports,
    plain,
    resembles,
    same_text,
    text_of,
)
from course_utils.notebook.locked_cells import (
    LockedCells,
    Piece,
    StudentCode,
    is_training,
    released_parts,
)
from course_utils.notebook.saved_notebook import content_of
from course_utils.notebook.submitted_cells import MAX_CELLS, Submitted, cells_of, writable

__all__ = [
    "ELSEWHERE",
    "GONE",
    "MAX_CELLS",
    "Reading",
    "cells_of",
    "graft",
    "graft_submission",
    "missing_imports",
    "released_notebook",
    "writable",
]

# A file for each notebook that came with this archive.
RELEASED = Path(__file__).parents[1] / "released"
GONE = "# This cell was not handed in."
ELSEWHERE = (
    "# This cell was handed in as it was given out; "
    "the name is defined in a cell of the student's own."
)
RESTORED = "# Imports that were given out, and that the cell below does not have:"
MAX_TEXT = (
    2_000_000  # characters that are compared to find additions; anything beyond is kept unchanged
)
MAX_GUESSES = 500  # comparisons of cells that have lost their ids


@dataclass
class Reading:
    """A submission merged into the released notebook.

    notebook  valid nbformat 4.5, without outputs; the released cells keep their ids
    repairs   a sentence for each repair
    """

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)


def released_notebook(name: str) -> NotebookNode | None:
    """The notebook `name` as it was given out; None if the archive, an older one, has no copy."""
    path = RELEASED / f"{name}.json"
    if not re.fullmatch(r"\w+", name) or not path.is_file():
        return None
    return nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))


def graft_submission(path: Path, released: NotebookNode) -> Reading:
    """Read a notebook and merge it into `released`, as the grader does.

    Raises NotebookError for a file that is not a notebook, or has too many cells.
    """
    return graft(cells_of(content_of(path)), released)


def graft(cells: list[Submitted], released: NotebookNode) -> Reading:
    """Merge a submission's cells into the released notebook."""
    return _Graft(released).graft(cells)


class _Graft:
    """One submission while it is merged.

    answers  by released cell that students edit: the submitted cells for it
    front    by locked cell: the student's cells directly before it, with what was added to it
    own      by the place of a released cell: the student's own cells after it; -1 for those before
             all others
    last     the place of the most recent released cell
    changed  locked cells that were changed, and whether something was added to them
    near     missing cells of which an edited version, without its id, was submitted
    """

    def __init__(self, released: NotebookNode) -> None:
        self.skeleton = nbformat.from_dict(released)
        self.cells = {cell.id: cell for cell in self.skeleton.cells}
        self.place = {name: index for index, name in enumerate(self.cells)}
        self.given = {cell.id: cell.source for cell in self.skeleton.cells}
        self.ids = set(self.cells)
        self.by_source = {plain(cell.source): cell.id for cell in self.skeleton.cells}
        self.placeholders = {
            plain(cell.source) for cell in self.skeleton.cells if _is_written(cell)
        }
        self.locked = LockedCells([cell for cell in self.skeleton.cells if _is_locked_code(cell)])
        tasks = {name.removeprefix("task-") for name, cell in self.cells.items() if _is_task(cell)}
        self.code = StudentCode(tasks)
        self.claimed: set[str] = set()
        self.older = False  # the submission is of an older release
        self.answers: dict[str, list[Submitted]] = {}
        self.front: dict[str, list[Submitted]] = {}
        self.own: dict[int, list[Submitted]] = {}
        self.last = -1
        self.changed: dict[str, bool] = {}
        self.near: set[str] = set()
        self.guesses, self.unread = MAX_GUESSES, MAX_TEXT
        self.repairs: list[str] = []

    def graft(self, cells: list[Submitted]) -> Reading:
        matched = [(cell, self.name_of(cell)) for cell in cells]
        self.note_handed_in(matched)
        for cell, name in matched:
            self.take(cell, name)
        self.move_answers()
        self.skeleton.cells = self.filled_skeleton()
        return Reading(self.skeleton, self.repairs)

    # Which cell is which

    def name_of(self, cell: Submitted) -> str:
        """The released cell behind a submitted one, however edited; "" for the student's own."""
        claims = (claim for claim in cell.claims if claim in self.place)
        name = next(claims, "") or self.by_source.get(plain(cell.source), "")
        return name if name and self.can_be(cell, name) else ""

    def can_be(self, cell: Submitted, name: str) -> bool:
        """Whether the type fits: an answer may have any cell type, anything else keeps its own."""
        released = self.cells[name]
        return "nbgrader" in released.metadata or released.cell_type == cell.kind

    def is_whole(self, cell: Submitted, name: str) -> bool:
        """Whether a cell is as it was given out."""
        return same_text(cell.source, self.given[name])

    def note_handed_in(self, matched: list[tuple[Submitted, str]]) -> None:
        """Record which cells are present, parts of locked ones, and names the student binds."""
        self.claimed = {name for _, name in matched if name}
        self.older = any(
            cell.given_out and not self.is_whole(cell, name) for cell, name in matched if name
        )
        for cell, name in matched:
            if name in self.locked.parts:
                whole = self.is_whole(cell, name)
                self.locked.take_off(name, None if whole else self.code.parts(cell.source) or [])
        touched = any(
            name in self.locked.parts and not self.is_whole(cell, name) for cell, name in matched
        )
        for cell, name in matched if touched or self.locked.left else ():
            if cell.kind == "code" and name not in self.locked.parts:
                for part in self.code.parts(cell.source) or []:
                    for bound in part.binds:
                        self.code.binds.setdefault(bound, set()).add(id(cell))

    def edited_version_of(self, cell: Submitted) -> str:
        """The next missing cell of which this one, without its id, is an edited version; or ""."""
        if cell.kind == "markdown" and _is_of_older_release(cell):
            return ""
        for released in self.skeleton.cells[self.last + 1 :]:
            if released.id in self.claimed:
                return ""
            if (
                _is_given(released)
                and released.cell_type == cell.kind
                and released.id not in self.near
            ):
                self.guesses -= 1
                if self.guesses < 0:
                    return ""
                if resembles(cell.source, released.source):
                    return released.id
        return ""

    # What becomes of each submitted cell

    def take(self, cell: Submitted, name: str) -> None:
        """Each submitted cell answers a released one, or is the student's own and follows one."""
        if not name:
            self.take_own(cell)
        elif name in self.locked.parts:
            self.take_locked(cell, name)
        elif _is_editable(self.cells[name]):
            self.take_answer(cell, name)
        else:
            self.take_text(cell, name)

    def take_own(self, cell: Submitted) -> None:
        """Take a student's own cell, joined cells, or an edited one without its id."""
        if cell.kind == "code":
            pieces = self.pieces(cell)
            if _owners(pieces):
                self.keep(cell, pieces)
                return
        if cell.kind == "markdown" and self.take_apart(cell):
            return
        near = self.edited_version_of(cell) if cell.kind in ("code", "markdown") else ""
        if near:
            self.near.add(near)
        if near and cell.kind == "markdown":
            self.take_text(cell, near)
            return
        # Code is run after the cell that was given out.
        self.last = self.place[near] if near else self.last
        self.put(cell)

    def put(self, cell: Submitted) -> None:
        self.own.setdefault(self.last, []).append(cell)

    def take_answer(self, cell: Submitted, name: str) -> None:
        """Take a cell that students edit; given cells that were joined with it are put back."""
        if self.cells[name].cell_type == "markdown":
            cell = self.without_given_text(cell)
        elif _owners(pieces := self.pieces(cell)):
            cell = replace(cell, source=text_of([part for part, owner in pieces if not owner]))
            if not cell.source:
                return
        self.last = self.place[name]
        self.answers.setdefault(name, []).append(cell)

    # Locked code

    def take_locked(self, cell: Submitted, name: str) -> None:
        """Locked code is put back; what was added to it is kept in front of it."""
        self.gather_split(name)
        self.last = self.place[name]
        if self.is_whole(cell, name) or cell.given_out:  # by our release, or by an older one
            return
        self.changed.setdefault(name, False)
        parts = self.code.parts(cell.source)
        if parts is None or (cell.kind != "code" and not any(part.binds for part in parts)):
            self.put_in_front(name, [self.added(cell, name)], cell.kind)
        else:
            self.keep(cell, self.locked.pieces(parts, name), name)

    def gather_split(self, name: str) -> None:
        """Move what is between two parts of a split locked cell in front of the whole."""
        if self.last == self.place[name] and name in self.changed:
            self.front.setdefault(name, []).extend(self.own.pop(self.last, []))

    def pieces(self, cell: Submitted) -> list[Piece]:
        """The parts of an unlocked cell, with the missing locked cells that they come from."""
        return self.locked.pieces(self.code.parts(cell.source) or []) if self.locked.left else []

    def keep(self, cell: Submitted, pieces: list[Piece], name: str = "") -> None:
        """Keep the student's parts, each before the locked cell that follows it here.

        name  the locked cell that it is; "" if it is none, and some were found in it
        """
        owners = _owners(pieces)
        targets, target = [], owners[-1] if owners else name
        for _, owner in reversed(pieces):
            target = owner or target
            targets.append(target)
        targets.reverse()
        for target in dict.fromkeys(targets):
            if not name:
                self.gather_split(target)
            mine = [
                not owner and one == target for (_, owner), one in zip(pieces, targets, strict=True)
            ]
            cautious = self.older or is_training(self.cells[target])
            self.put_in_front(
                target, self.code.kept(pieces, mine, id(cell), cautious=cautious), "code"
            )
            self.last = self.place[name or target]

    def put_in_front(self, name: str, texts: list[str], kind: str) -> None:
        """Keep what was added to a locked cell: in front of it, or behind what it needs."""
        for text in (text for text in texts if text.strip()):
            needed = self.needed_by(text)
            if needed > self.place[name]:
                self.own.setdefault(needed, []).append(Submitted(kind, text))
            else:
                self.front.setdefault(name, []).append(Submitted(kind, text))
            self.changed[name] = True

    def needed_by(self, text: str) -> int:
        """The place of the last given cell that first binds a name used in this code; or -1."""
        parts = self.code.parts(text) or []
        uses = {name for part in parts for name in part.uses} - {
            name for part in parts for name in part.binds
        }
        return max((self.first_bound.get(name, -1) for name in uses), default=-1)

    @cached_property
    def first_bound(self) -> dict[str, int]:
        """The place of the given cell that binds each name first."""
        found: dict[str, int] = {}
        for cell in self.skeleton.cells:
            if _is_given(cell) and cell.cell_type == "code":
                for part in released_parts(cell.source):
                    found |= dict.fromkeys(part.binds - found.keys(), self.place[cell.id])
        return found

    # Given Markdown

    def added(self, cell: Submitted, name: str) -> str:
        """What a cell adds to the released one; all of it, if it is too long to compare."""
        self.unread -= len(cell.source)
        return added_text(cell.source, self.given[name]) if self.unread >= 0 else cell.source

    def take_text(self, cell: Submitted, name: str) -> None:
        """Given Markdown is put back; what was added to it is the student's own, behind it."""
        if self.is_whole(cell, name):
            self.last = self.place[name]
            return
        if "nbgrader" in self.cells[name].metadata:
            self.changed.setdefault(name, False)
        if not self.take_apart(cell, name):
            self.last = self.place[name]
            self.put_text(cell, self.added(cell, name))

    def take_apart(self, cell: Submitted, name: str = "") -> bool:
        """Split a cell that contains whole given texts, of `name` or of missing cells."""
        self.unread -= len(cell.source)
        pieces = cut(cell.source, self.given_texts(name)) if self.unread >= 0 else []
        found = [given for _, given in pieces if given]
        for text, given in pieces if found else ():
            if given:
                self.last = self.place[given]
                self.near.add(given)
            else:
                self.put_text(cell, text)
        return bool(found)

    def given_texts(self, name: str = "") -> dict[str, str]:
        """The given Markdown that is missing, and that of `name`."""
        known = self.claimed | self.near
        texts = [
            cell for cell in self.skeleton.cells if cell.cell_type == "markdown" and _is_given(cell)
        ]
        return {cell.id: cell.source for cell in texts if cell.id == name or cell.id not in known}

    def put_text(self, cell: Submitted, text: str) -> None:
        pairs = zip(text.split("\n"), bare_lines(text), strict=True)
        text = "\n".join(line for line, bare in pairs if bare not in self.placeholders)
        if text := text.strip("\n").rstrip():
            self.put(Submitted("markdown", text, [], cell.attachments))

    def without_given_text(self, cell: Submitted) -> Submitted:
        """A written answer without the question that it was joined with."""
        pieces = cut(cell.source, self.given_texts())
        mine = [text.strip("\n") for text, given in pieces if not given]
        return replace(cell, source="\n\n".join(mine)) if len(mine) < len(pieces) else cell

    def move_answers(self) -> None:
        """Use text above or below an answer's cell as the answer, if that cell is unchanged."""
        for cell in (cell for cell in self.skeleton.cells if _is_written(cell)):
            given, index = self.answers.get(cell.id, []), self.place[cell.id]
            if any(plain(one.source) not in ("", plain(cell.source)) for one in given):
                continue
            asked = index > 0 and self.skeleton.cells[index - 1].cell_type == "markdown"
            places = [index - 1, index] if asked else [index]
            found = [one for at in places for one in self.own.get(at, []) if _may_answer(one)]
            if not found:
                continue
            for at in places:
                self.own[at] = [one for one in self.own.get(at, []) if not _may_answer(one)]
            pictures = {name: picture for one in found for name, picture in one.attachments.items()}
            text = "\n\n".join(one.source for one in found)
            self.answers[cell.id] = [Submitted("markdown", text, [], pictures)]
            self.repairs.append(f"{cell.id}: the answer was in another cell, and is moved here.")

    # The skeleton, filled

    def filled_skeleton(self) -> list[NotebookNode]:
        grafted = [self.new(cell) for cell in self.own.get(-1, [])]
        for index, cell in enumerate(self.skeleton.cells):
            grafted += [self.new(one) for one in self.front.get(cell.id, [])]
            grafted += self.filled(cell)
            grafted += [self.new(one) for one in self.own.get(index, [])]
        for number, cell in enumerate(grafted):
            cell.id = cell.id or f"own-{number:04}"
        return grafted

    def filled(self, cell: NotebookNode) -> list[NotebookNode]:
        """A released cell with what the student made of it; copies of it after it."""
        given = self.answers.get(cell.id, [])
        if not _is_editable(cell):
            self.note_change(cell)
            return [cell]
        if not given:
            return self.missing(cell)
        if any(one.kind != cell.cell_type for one in given):
            self.repairs.append(f"{cell.id}: the cell's type was changed, and is put back.")
        if len(given) > 1:
            self.repairs.append(
                f"{cell.id}: the cell is there {len(given)} times; all are kept, stubs aside."
            )
        worked = [one for one in given if not self.is_whole(one, cell.id)] or given[:1]
        if _is_task(cell) and any("NotImplementedError" in one.source for one in worked):
            worked = self.without_stubs(worked, cell.id.removeprefix("task-"))
        cell.source = worked[0].source
        if worked[0].attachments and cell.cell_type == "markdown":
            cell.attachments = worked[0].attachments
        copies = [self.new(replace(one, kind=cell.cell_type)) for one in worked[1:]]
        return [*self.lost_imports(cell, worked), cell, *copies]

    @cached_property
    def defined(self) -> set[str]:
        """The names that the student's cells make, stubs aside."""
        own = [cell for cells in (*self.own.values(), *self.front.values()) for cell in cells]
        changed = [
            cell for name, cells in self.answers.items() for cell in self.changed_code(name, cells)
        ]
        cells = [*(cell for cell in own if cell.kind == "code"), *changed]
        parts = [part for cell in cells for part in self.code.parts(cell.source) or []]
        return {name for part in parts if not self.is_stub(part) for name in part.makes}

    def changed_code(self, name: str, cells: list[Submitted]) -> list[Submitted]:
        is_code = name in self.answers and not _is_written(self.cells[name])
        return [cell for cell in cells if is_code and not self.is_whole(cell, name)]

    def is_stub(self, part: Part) -> bool:
        return part.is_stub or part.key in self.stubs

    @cached_property
    def stubs(self) -> set[str]:
        """The definitions that were given out to be written, by their keys."""
        tasks = [cell for cell in self.skeleton.cells if _is_task(cell)]
        return {
            part.key
            for cell in tasks
            for part in released_parts(cell.source)
            if part.kind == "definition"
        }

    def without_stubs(self, cells: list[Submitted], task: str) -> list[Submitted]:
        """A task's cells without the stub where that would hide what is defined elsewhere."""
        if task not in self.defined:
            return cells
        found = []
        for cell in cells:
            parts = self.code.parts(cell.source) or []
            mine = [part for part in parts if not (part.binds == {task} and self.is_stub(part))]
            found.append(replace(cell, source=text_of(mine)) if len(mine) < len(parts) else cell)
        return [cell for cell in found if cell.source.strip()] or [Submitted("code", ELSEWHERE)]

    def missing(self, cell: NotebookNode) -> list[NotebookNode]:
        """A released cell that was deleted: not run, so that what is defined elsewhere stands."""
        if cell.id not in self.near:
            self.repairs.append(f"{cell.id}: the cell is missing.")
        if _is_task(cell):
            cell.source = GONE
        return [cell]

    def note_change(self, cell: NotebookNode) -> None:
        kept = "; what you added is kept as a cell of your own" if self.changed.get(cell.id) else ""
        if cell.id in self.changed and ("nbgrader" in cell.metadata or kept):
            self.repairs.append(f"{cell.id}: a locked cell was changed, and is put back{kept}.")

    def lost_imports(self, cell: NotebookNode, worked: list[Submitted]) -> list[NotebookNode]:
        """A cell with the imports of a given cell that the student's version lacks."""
        if not _is_given(cell) or any(self.is_whole(one, cell.id) for one in worked):
            return []
        lost, index = self.given[cell.id], self.place[cell.id]
        around = [
            one
            for at, cells in self.own.items()
            if at <= index
            for one in cells
            if one.kind == "code"
        ]
        for one in [*worked, *around]:
            lost = missing_imports(lost, one.source)
        if not lost:
            return []
        shown = "; ".join(f"`{line}`" for line in lost.split("\n"))
        self.repairs.append(
            f"{cell.id}: imports that were given out are missing, and are put back: {shown}."
        )
        made = nbformat.v4.new_code_cell(f"{RESTORED}\n{lost}")
        own_id = f"code-{content_hash(made.source)}"
        made.id = "" if own_id in self.ids else own_id
        self.ids.add(own_id)
        return [made]

    def new(self, cell: Submitted) -> NotebookNode:
        """A student's own cell as a fresh one, without its metadata, outputs and id."""
        make = {
            "code": nbformat.v4.new_code_cell,
            "markdown": nbformat.v4.new_markdown_cell,
            "raw": nbformat.v4.new_raw_cell,
        }[cell.kind]
        made = make(cell.source)
        made.id = ""
        if cell.kind == "markdown" and cell.attachments:
            made.attachments = cell.attachments
        return made


def content_hash(source: str) -> str:
    """What the id of a cell that was given out ends in, if it has no name: `code-` and this."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _owners(pieces: list[Piece]) -> list[str]:
    return [owner for _, owner in pieces if owner]


def _is_of_older_release(cell: Submitted) -> bool:
    """Whether a cell is still what its id says that it was when it was given out."""
    return f"{cell.kind}-{content_hash(cell.source)}" in cell.claims


def _may_answer(cell: Submitted) -> bool:
    return cell.kind == "markdown" and bool(cell.source.strip()) and not _is_of_older_release(cell)


def _is_editable(cell: NotebookNode) -> bool:
    """Whether a released cell is the student's to change: answers, and code that is not locked."""
    nbgrader = cell.metadata.get("nbgrader")
    if nbgrader is None:
        return cell.cell_type == "code" and not is_training(cell)
    return bool(nbgrader.get("solution"))


def _is_locked_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and not _is_editable(cell)


def _is_given(cell: NotebookNode) -> bool:
    """Whether a given cell is only read or run: neither an answer's cell nor locked code."""
    if cell.cell_type == "markdown":
        return not _is_editable(cell)
    return cell.cell_type == "code" and "nbgrader" not in cell.metadata and not is_training(cell)


def _is_task(cell: NotebookNode) -> bool:
    return cell.id.startswith("task-")


def _is_written(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and _is_editable(cell)
