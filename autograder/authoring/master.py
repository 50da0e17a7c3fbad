"""Read a master, and refuse it with file and line when it is not in the house order.

A master is jupytext Markdown. Its cells have roles, given on a code fence's info line or on a
region:

    ```python task="soft_encode" difficulty=2 minutes=20 seconds=1   the import of one reference
    ```python tags=["check"]                                         visible checks of the task
                                                                     above, one `with
                                                                     visible_checks.of("soft_encode"):`
    ```python tags=["picture"]                                       @picture("soft_encode"), of the
                                                                     task above; or a picture of the
                                                                     whole
    ```python tags=["training"]                                      run by students, skipped by the
                                                                     judge
    <!-- #region tags=["question"] -->                               a question to think about
    <!-- #region written="why_grey" points=4 -->                     a question answered in writing
    <!-- #region rubric="why_grey" -->                               how it is graded; never ships
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext

from autograder.assignments import Assignment, CourseError
from autograder.authoring.given_cells import (
    GivenCellError,
    picture_name,
    prove_check,
    prove_drawing,
)
from autograder.checks import checks_of

ATTRIBUTES = {
    "code": {"task", "difficulty", "minutes", "seconds", "tags"},
    "markdown": {"written", "rubric", "points", "tags"},
}
TAGS = {"code": {"check", "picture", "training"}, "markdown": {"question"}}
# What jupytext did not take for a cell is left in the prose: a directive with a slip of the pen.
LEFTOVER = re.compile(r"^\s*(<!--\s*#.*|```+\s*\S+[ \t]+\S*=.*)$", re.MULTILINE)


class MasterError(CourseError):
    """A master that can't be built; the text names file and line."""


@dataclass
class Cell:
    """One cell of a master.

    role  text | question | written | rubric | code | task | check | picture | training
    name  the task it belongs to, or the written question's or the picture's own name
    line  where its content starts in the master
    """

    kind: str
    source: str
    line: int
    role: str
    name: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Master:
    """A master that has been found in order."""

    assignment: Assignment
    metadata: dict[str, Any]
    cells: list[Cell]
    points: dict[str, float]  # of each task: the sum of its hidden checks

    @property
    def title(self) -> str:
        """The assignment's title, from the front matter."""
        return self.metadata["assignment"]["title"]

    @property
    def limits(self) -> dict[str, float]:
        """The limits that the assignment sets, from the front matter; the rest have defaults."""
        return self.metadata["assignment"].get("limits", {})

    @property
    def packs(self) -> list[str]:
        """The names of the packs of pictures that come with it, from the front matter."""
        return self.metadata["assignment"].get("data", [])

    @property
    def hidden_packs(self) -> list[str]:
        """Names of the packs that only hidden checks see, from the front matter. Never shipped."""
        return self.metadata["assignment"].get("hidden_data", [])

    @property
    def files(self) -> list[str]:
        """The names of the files that are handed in with the notebook, from the front matter."""
        return self.metadata["assignment"].get("hand_in", [])

    def named(self, role: str) -> list[Cell]:
        """The cells of one role, in order."""
        return [cell for cell in self.cells if cell.role == role]

    @property
    def pictures(self) -> list[str]:
        """The names of the pictures, in order."""
        return [cell.name for cell in self.named("picture")]

    @property
    def gallery_picture(self) -> str:
        """The picture that the report shows of every student; "" if there is no picture.

        The front matter names it. By default it is the last one. It is drawn for every student, so
        it should not take long.
        """
        last = next(reversed(self.pictures), "")
        return self.metadata["assignment"].get("gallery", last)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, in order."""
        return [cell.name for cell in self.named("task")]


def read_master(assignment: Assignment, path: Path | None = None) -> Master:
    """Read and validate a master. Raises MasterError with file and line."""
    return _Reader(assignment, path or assignment.master).read()


class _Reader:
    def __init__(self, assignment: Assignment, path: Path) -> None:
        self.assignment, self.path = assignment, path

    def fail(self, line: int, message: str) -> MasterError:
        return MasterError(f"{self.path}:{line}: {message}")

    def read(self) -> Master:
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise MasterError(f"{self.path}: the master can't be read: {error.strerror}.") from None
        notebook = jupytext.reads(text, fmt="md")
        metadata = dict(notebook.metadata)
        if not isinstance(metadata.get("assignment", {}).get("title"), str):
            raise self.fail(1, "the front matter has no `jupyter: assignment: title:`.")
        cells = self.cells(text, notebook.cells)
        points = self.points(cells)
        self.check_order(cells, points)
        master = Master(self.assignment, metadata, cells, points)
        self.check_gallery(master)
        return master

    def cells(self, text: str, raw: list) -> list[Cell]:
        cells, at, name = [], 0, ""
        for cell in raw:
            at = max(at, text.find(cell.source, at))
            line = text.count("\n", 0, at) + 1
            at += len(cell.source)
            found = self.cell(cell, line, name)
            name = found.name if found.role == "task" else name
            cells.append(found)
        return cells

    def cell(self, raw: Any, line: int, task: str) -> Cell:
        # jupytext's own note on blank lines is no directive
        attributes = {
            key: value for key, value in raw.metadata.items() if key != "lines_to_next_cell"
        }
        known = ATTRIBUTES[raw.cell_type]
        if unknown := set(attributes) - known:
            raise self.fail(
                line, f"unknown directive {min(unknown)!r}; known here: {', '.join(sorted(known))}."
            )
        for tag in attributes.get("tags", []):
            if tag not in TAGS[raw.cell_type]:
                tags = ", ".join(sorted(TAGS[raw.cell_type]))
                raise self.fail(line, f"unknown tag {tag!r}; known here: {tags}.")
        if raw.cell_type == "markdown" and (slip := LEFTOVER.search(raw.source)):
            line += raw.source.count("\n", 0, slip.start(1))
            raise self.fail(line, f"this directive was not understood: {slip[1].strip()}")
        return self.with_role(raw, line, attributes, task)

    def with_role(self, raw: Any, line: int, attributes: dict, task: str) -> Cell:
        for role in ("task", "written", "rubric"):
            if role in attributes:
                cell = Cell(raw.cell_type, raw.source, line, role, attributes[role], attributes)
                if role == "task":
                    self.check_task(cell)
                return cell
        tags = attributes.get("tags", [])
        role = tags[0] if tags else {"code": "code", "markdown": "text"}[raw.cell_type]
        name = self.belongs_to(raw, line, role, task)
        if raw.cell_type == "code" and self.imports_reference(raw.source):
            raise self.fail(line, 'only a task may import the reference: give the cell task="...".')
        return Cell(raw.cell_type, raw.source, line, role, name, attributes)

    def belongs_to(self, raw: Any, line: int, role: str, task: str) -> str:
        """The task or the picture that a cell belongs to. It may leave no names behind."""
        try:
            if role == "picture":
                return picture_name(raw.source)
            if role == "check":
                prove_check(raw.source, task)
            elif raw.cell_type == "code":
                prove_drawing(raw.source)
        except GivenCellError as error:
            raise self.fail(line + error.line, str(error)) from None
        return task if role in ("check", "question") else ""

    def imports_reference(self, source: str) -> bool:
        return (
            re.search(r"course_utils(\.|\s+import\s+)reference|\bautograder\b", source) is not None
        )

    def check_task(self, cell: Cell) -> None:
        wanted = f"from {self.assignment.reference_name} import {cell.name}"
        try:
            same = ast.dump(ast.parse(cell.source)) == ast.dump(ast.parse(wanted))
        except SyntaxError:
            same = False
        if not same:
            raise self.fail(
                cell.line, f"the cell of task {cell.name!r} must be `{wanted}` and nothing else."
            )
        reference = getattr(self.assignment.reference(), cell.name, None)
        if reference is None:
            raise self.fail(cell.line, f"{self.assignment.reference_name} has no {cell.name!r}.")
        if not reference.__doc__:
            raise self.fail(
                cell.line, f"the reference of {cell.name!r} has no docstring to show to students."
            )
        if cell.attributes.get("difficulty") not in (1, 2, 3):
            raise self.fail(cell.line, f"task {cell.name!r} needs difficulty=1, 2 or 3.")
        for effort in ("minutes", "seconds"):
            if not isinstance(cell.attributes.get(effort), (int, float)):
                raise self.fail(cell.line, f"task {cell.name!r} needs {effort}=..., a number.")

    def points(self, cells: list[Cell]) -> dict[str, float]:
        points: dict[str, float] = {}
        for check in checks_of(self.assignment.topic):
            points[check.task] = points.get(check.task, 0) + check.points
        tasks = {cell.name: cell for cell in cells if cell.role == "task"}
        for name, cell in tasks.items():
            if name not in points:
                raise self.fail(
                    cell.line,
                    f"task {name!r} has no hidden check in test_{self.assignment.topic}.py.",
                )
        if left := set(points) - set(tasks):
            raise self.fail(
                1, f"there are hidden checks of {min(left)!r}, which is no task of this master."
            )
        return {name: points[name] for name in tasks}

    def check_order(self, cells: list[Cell], points: dict[str, float]) -> None:
        order = _Order(self.fail, set(points))
        for position, cell in enumerate(cells):
            order.take(cell)
            if cell.role in ("written", "rubric"):
                self.check_written(cells, position)
        order.end(cells[-1].line)

    def check_gallery(self, master: Master) -> None:
        if (name := master.gallery_picture) and name not in master.pictures:
            raise self.fail(1, f"`gallery`: there is no picture {name!r}.")

    def check_written(self, cells: list[Cell], position: int) -> None:
        cell = cells[position]
        if cell.role == "rubric":
            before = cells[position - 1]
            if (before.role, before.name) != ("written", cell.name):
                raise self.fail(
                    cell.line,
                    f"the rubric {cell.name!r} must come right after its written question.",
                )
            return
        after = cells[position + 1] if position + 1 < len(cells) else None
        if after is None or (after.role, after.name) != ("rubric", cell.name):
            raise self.fail(
                cell.line, f"the written question {cell.name!r} has no rubric right after it."
            )
        if (
            not isinstance(cell.attributes.get("points"), (int, float))
            or cell.attributes["points"] <= 0
        ):
            raise self.fail(
                cell.line, f"the written question {cell.name!r} needs points=..., more than 0."
            )


class _Order:
    """Checks the order of cells: heading, task, check, picture, then one question.

    Under a heading of the first level, and before the next task, pictures and questions are of no
    task.
    """

    def __init__(self, fail: Callable[[int, str], MasterError], tasks: set[str]) -> None:
        self.fail, self.tasks = fail, tasks
        self.seen: set[tuple[str, str]] = set()
        self.expected: list[str] = []  # what the task still needs
        self.heading, self.task = False, ""

    def take(self, cell: Cell) -> None:
        """Raises MasterError when the cell is out of order, or there twice."""
        if cell.role in ("task", "written", "picture"):
            if (cell.role, cell.name) in self.seen:
                raise self.fail(cell.line, f"{cell.role} {cell.name!r} is there twice.")
            self.seen.add((cell.role, cell.name))
        if cell.role == "text":
            self.heading = self.heading or "## Task" in cell.source
            if not self.expected and re.search("^# ", cell.source, re.MULTILINE):
                self.task = ""
        elif cell.role == "task":
            self.begin(cell)
        elif self.is_due(cell):
            self.go_on(cell)

    def is_due(self, cell: Cell) -> bool:
        """Whether it has to be the next part of a task."""
        if cell.role in ("question", "written"):
            return bool(self.expected or self.task)
        return cell.role == "check" or (
            cell.role == "picture" and bool(self.expected or cell.name in self.tasks)
        )

    def begin(self, cell: Cell) -> None:
        self.end(cell.line)
        if not self.heading:
            raise self.fail(
                cell.line, f"task {cell.name!r} has no heading `## Task: ...` above it."
            )
        self.expected, self.heading, self.task = ["check", "picture", "question"], False, cell.name

    def go_on(self, cell: Cell) -> None:
        role = "question" if cell.role == "written" else cell.role
        if self.expected[:1] != [role]:
            wanted = f"its {self.expected[0]}" if self.expected else "no more"
            raise self.fail(
                cell.line, f"a {cell.role} is out of order: here the task needs {wanted}."
            )
        if role == "picture" and cell.name != self.task:
            raise self.fail(
                cell.line, f'the picture of task {self.task!r} must be @picture("{self.task}").'
            )
        self.expected = self.expected[1:]

    def end(self, line: int) -> None:
        """Raises MasterError when the last task lacks something."""
        if self.expected:
            raise self.fail(line, f"before this, task {self.task!r} needs its {self.expected[0]}.")
