"""A notebook of the course as it was saved: its cells, its tasks, and frequent mistakes.

read(Path("3_colorization.ipynb")).tasks["soft_encode"].points      4.0
"""

import ast
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ANSWER = "*Write your answer here.*"  # the initial text of a written question's cell
MAX_BYTES = 25 * 2**20  # larger files are not graded
CALLED = {"task": "the cell of {}", "check": "the check of {}", "picture": "the picture of {}"}
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # whose cell is Python like any other
CHECKS = re.compile(r'visible_checks\.(?:of|passed)\("(\w+)"\)')  # older releases had `passed`
GIVEN = ("check-", "picture-", "grade-", "setup")  # cells in which a student defines nothing


class NotebookError(Exception):
    """The file is not a runnable notebook of the course; the message is one sentence."""


@dataclass(frozen=True)
class Cell:
    """A cell.

    name    the builder's name, such as `task-vote`; anything for a student's own cell
    called  how messages refer to it
    number  its execution count when it was saved, if it had been run
    """

    kind: str
    source: str
    name: str
    called: str
    is_training: bool
    number: object = None

    @cached_property
    def body(self) -> list[ast.stmt]:
        """Its statements without IPython's lines; empty if it is not Python."""
        lines = self.source.lstrip()
        if lines.startswith("%%") and not lines.startswith(PYTHON_MAGICS):
            return []  # another language, or a file that it writes
        # Lines that are IPython's, `%time` and `!ls`, are no Python.
        plain = re.sub(r"^[%!?].*$", "", self.source, flags=re.MULTILINE)
        try:
            return ast.parse(plain).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []

    @cached_property
    def defines(self) -> set[str]:
        """The names that it defines at its top level."""
        if not self.body and not self.source.lstrip().startswith("%%"):
            return set(re.findall(r"^(?:def|class) (\w+)", self.source, re.MULTILINE))
        return {name for statement in self.body for name in bound_by(statement)}

    def used_by(self, name: str) -> set[str]:
        """The names that are read by the statements that define `name` in this cell."""
        parts = [part for one in self.body if name in bound_by(one) for part in ast.walk(one)]
        return {
            part.id
            for part in parts
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
        }


@dataclass(frozen=True)
class Task:
    """A task, as described in the notebook's metadata.

    check  a digest of the released cell of its visible checks; empty if unknown
    """

    name: str
    points: float = 0
    minutes: float = 0
    check: str = ""


class SavedNotebook:
    """A saved notebook.

    about  the assignment in its metadata: name, title, tasks, files to hand in
    """

    def __init__(self, path: Path, about: dict[str, Any], cells: list[Cell]) -> None:
        self.path, self.about, self.cells = path, about, cells
        self.tasks = {task.name: task for task in self._tasks()}

    @cached_property
    def code(self) -> list[Cell]:
        """The cells that run in grading: code, but no training, and none of the grader's own."""
        return [
            cell
            for cell in self.cells
            if cell.kind == "code"
            and cell.source.strip()
            and not cell.is_training
            and not cell.name.startswith("grade-")
        ]

    @cached_property
    def checks(self) -> dict[str, Cell]:
        """The cell of each task's visible checks: found by its name, or else by its last line."""
        found: dict[str, Cell] = {}
        for task in self.tasks:
            by_name = [cell for cell in self.code if cell.name == f"check-{task}"]
            by_line = [cell for cell in self.code if task in CHECKS.findall(cell.source)]
            if cells := by_name or by_line:
                found[task] = cells[0]
        return found

    @cached_property
    def defining(self) -> dict[str, list[Cell]]:
        """The cells that define each task, but for those that none defines."""
        cells = [cell for cell in self.code if not cell.name.startswith(GIVEN)]
        found = {task: [cell for cell in cells if task in cell.defines] for task in self.tasks}
        return {task: cells for task, cells in found.items() if cells}

    def names_behind(self, task: str) -> set[str]:
        """The task's name, and all names of the notebook that it uses, or that those use."""
        found, todo = {task}, [task]
        while todo:
            name = todo.pop()
            cells = [cell for cell in self.code if name in cell.defines]
            new = {used for cell in cells for used in cell.used_by(name)} - found
            found |= new
            todo += new
        return found

    @property
    def name(self) -> str:
        """The name under which it is handed in."""
        name = self.about.get("name")
        return f"{name}.ipynb" if isinstance(name, str) else self.path.name

    @property
    def files(self) -> list[str]:
        """The names of the files that are handed in with it."""
        names = self.about.get("hand_in")
        names = names if isinstance(names, list) else []
        return [name for name in names if isinstance(name, str) and Path(name).name == name]

    def traps(self) -> list[str]:
        """What has cost others points, a sentence each."""
        found = []
        for name, cells in self.defining.items():
            if len(cells) > 1:
                places = ", ".join(cell.called for cell in cells)
                found.append(f"{name} is defined {len(cells)} times ({places}): keep one.")
        for name, cell in self.checks.items():
            if self.tasks[name].check not in ("", digest(cell.source)):
                found.append(
                    f"The check of {name} was changed: grading takes the one that was given out."
                )
        written = [cell for cell in self.cells if cell.name.startswith("written-")]
        empty = [
            cell.name.partition("-")[2] for cell in written if cell.source.strip() in ("", ANSWER)
        ]
        return [*found, *([f"Not answered in writing yet: {', '.join(empty)}."] if empty else [])]

    def _tasks(self) -> list[Task]:
        """Read the metadata or, if an editor has dropped those, the checks that are present."""
        told = self.about.get("tasks")
        if isinstance(told, dict) and told:
            return [_task(name, _dict(about)) for name, about in told.items()]
        found = [CHECKS.search(cell.source) for cell in self.code]
        return [Task(match[1]) for match in found if match]


def content_of(path: Path) -> dict[str, Any]:
    """What a notebook's file says, as JSON. Raises NotebookError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise NotebookError(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise NotebookError(f"{path.name} is no notebook: open it in Jupyter, and save it there.")
    return content


def read(path: Path) -> SavedNotebook:
    """Read a saved notebook of the course. Raises NotebookError."""
    content = content_of(path)
    raw = content.get("cells")
    if not isinstance(raw, list):
        raise NotebookError(f"{path.name} is no notebook: open it in Jupyter, and save it there.")
    cells: list[Cell] = []
    for one in (one for one in raw if isinstance(one, dict)):
        cells.append(cell_of(one, sum(cell.kind == "code" for cell in cells) + 1))
    saved = SavedNotebook(path, _dict(_dict(content.get("metadata")).get("assignment")), cells)
    if not saved.tasks:
        raise NotebookError(
            f"{path.name} is no notebook of the course: no cell of it checks a task."
        )
    return saved


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement at the top level binds, in all its branches."""
    names: set[str] = set()
    todo: list[ast.AST] = [statement]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(part.name)
            continue  # what is bound inside stays inside
        if isinstance(
            part, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            continue
        if isinstance(part, ast.alias):
            names.add((part.asname or part.name).partition(".")[0])
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        todo += ast.iter_child_nodes(part)
    return names


def digest(source: str) -> str:
    """A digest that shows whether a cell's source has changed; line endings do not count."""
    same = source.replace("\r\n", "\n").replace("\r", "\n").strip()
    return hashlib.sha256(same.encode("utf-8", "replace")).hexdigest()[:16]


def cell_of(raw: dict[str, Any], number: int) -> Cell:
    """A cell; its name is nbgrader's, or the id where an editor has kept that alone.

    number  which of the cells of code it is, if it is one
    """
    source, metadata = raw.get("source", ""), _dict(raw.get("metadata"))
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    name = str(_dict(metadata.get("nbgrader")).get("grade_id") or raw.get("id") or "")
    role, _, task = name.partition("-")
    called = CALLED.get(role, f"code cell {number}").format(task)
    tags = metadata.get("tags")
    is_training = isinstance(tags, list) and "training" in tags
    return Cell(
        str(raw.get("cell_type")), source, name, called, is_training, raw.get("execution_count")
    )


def _task(name: str, about: dict[str, Any]) -> Task:
    numbers = {
        key: about[key] for key in ("points", "minutes") if isinstance(about.get(key), (int, float))
    }
    return Task(name, **numbers, check=str(about.get("check", "")))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
