"""A master becomes a student notebook (stubs) and a solution notebook (references)."""

import builtins
import hashlib
import re

import nbformat
from nbformat import NotebookNode

from autograder.authoring.given_cells import line_of, plain_python
from autograder.authoring.master import Cell, Master, MasterError
from autograder.authoring.source_names import defined_names, free_names
from autograder.authoring.stub import solution_of, stub_of
from course_utils.notebook.saved_notebook import ANSWER, digest

# Where something is missing, the cells below would say so by a traceback: this one says it in a
# sentence.
SETUP = """\
# Run this first: it is silent, or says in a sentence what is missing and how to mend it.
try:
    from course_utils.setup_check import required
except ModuleNotFoundError:
    import os

    lost = ModuleNotFoundError(
        f"course_utils is not in {{os.getcwd()}}: unpack {name}.zip, and open the notebook that "
        "lies in it. "
        "(On Colab: upload the archive; !unzip -q {name}.zip; %cd {name}; then this cell again.)"
    )
    lost._render_traceback_ = lambda: [str(lost)]
    raise lost from None
required()"""
KNOWN = {
    *dir(builtins),
    "get_ipython",
    "display",
    "In",
    "Out",
    "_",
    "__",
    "___",
}  # in every notebook
HAND_IN = """\
# Before you hand in

Save the notebook, and run these two lines in a new cell, or in a terminal
`python -m course_utils.self_check {name}.ipynb`:

```python
from course_utils.self_check import self_check
self_check("{name}.ipynb")
```

Both run the saved file as it is run for your grade: from top to bottom, in a fresh kernel, without
the training. They show which visible checks pass, so you need not restart and run everything
yourself.

Hand in {files}."""


def student_notebook(master: Master) -> NotebookNode:
    """The notebook that students get: every task a stub, every rubric gone."""
    return _Builder(master, solved=False).build()


def solution_notebook(master: Master) -> NotebookNode:
    """The same notebook with the references in the tasks' places, and with the rubrics."""
    return _Builder(master, solved=True).build()


class _Builder:
    def __init__(self, master: Master, *, solved: bool) -> None:
        self.master, self.solved = master, solved
        self.module = master.assignment.reference()
        self.defined: set[str] = set()
        self.headings = _headings(master)

    def build(self) -> NotebookNode:
        cells = [made for cell in self.master.cells for made in self.make(cell)]
        cells = [*self.with_setup(cells), self.hand_in()]
        for cell in cells:
            cell["id"] = cell.metadata.pop("name", content_id(cell))
        metadata = {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
            "assignment": self.about(),
        }
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        notebook.nbformat_minor = 5
        nbformat.validate(notebook)
        return notebook

    def about(self) -> dict[str, object]:
        """The metadata for the student's tools: course_utils.setup_check and .self_check."""
        minutes = {cell.name: cell.attributes["minutes"] for cell in self.master.named("task")}
        checks = {cell.name: digest(cell.source) for cell in self.master.named("check")}
        points = self.master.points
        return {
            "name": self.master.assignment.name,
            "title": self.master.title,
            "data": self.master.packs,
            "hand_in": self.master.files,
            "tasks": {
                task: {"points": points[task], "minutes": minutes[task], "check": checks[task]}
                for task in self.master.tasks
            },
        }

    def with_setup(self, cells: list[NotebookNode]) -> list[NotebookNode]:
        """The cells, with a setup check before the first code cell."""
        first = next((at for at, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
        setup = _code(SETUP.format(name=self.master.assignment.name), "setup", locked=True)
        return [*cells[:first], setup, *cells[first:]]

    def hand_in(self) -> NotebookNode:
        """The last cell: what to do when all is written."""
        name = self.master.assignment.name
        files = " and ".join(f"`{file}`" for file in [f"{name}.ipynb", *self.master.files])
        return _markdown(HAND_IN.format(name=name, files=files), "hand-in", locked=True)

    def make(self, cell: Cell) -> list[NotebookNode]:
        """The notebook cells that a master's cell becomes."""
        if cell.role == "rubric":
            return [_markdown(f"> **Rubric.** {cell.source}")] if self.solved else []
        if cell.role == "written":
            return self.written(cell)
        if cell.kind == "markdown":
            return [_markdown(self.headings.get(id(cell), cell.source))]
        if cell.role == "task":
            return [self.task(cell)]
        self.given(cell)
        if cell.role == "training":
            return [_code(cell.source, tags=["training"])]
        if cell.role == "code":
            return [_code(cell.source)]
        made = [_code(cell.source, f"{cell.role}-{cell.name}", locked=True)]
        ends_task = cell.role == "picture" and cell.name in self.master.points
        return [*made, self.grade(cell.name)] if ends_task else made

    def given(self, cell: Cell) -> None:
        """Record what a given cell defines; checks, pictures: nothing. Raises MasterError."""
        source = plain_python(cell.source)
        if unknown := free_names(source) - self.defined - KNOWN:
            line, name = min((cell.line + line_of(cell.source, name), name) for name in unknown)
            raise MasterError(
                f"{self.master.assignment.master}:{line}: {name!r} is used here, and no earlier "
                "cell "
                "defines it: checks and pictures leave no names behind."
            )
        if cell.role not in ("check", "picture"):
            self.defined |= defined_names(source)

    def task(self, cell: Cell) -> NotebookNode:
        stub = stub_of(self.module, cell.name)
        missing = free_names(stub) - self.defined - KNOWN
        if missing:
            raise MasterError(
                f"{self.master.assignment.master}:{cell.line}: the stub of {cell.name!r} needs "
                f"{min(missing)!r}, which no earlier cell imports."
            )
        source = solution_of(self.module, cell.name, self.defined) if self.solved else stub
        self.defined |= defined_names(source)
        return _code(source, f"task-{cell.name}", solution=True)

    def grade(self, task: str) -> NotebookNode:
        points = self.master.points[task]
        says = f"# {points:g} points: the hidden checks of `{task}` are run here when you hand in."
        says += f'\nvisible_checks.required("{task}")'  # for nbgrader's Validate button
        return _code(says, f"grade-{task}", grade=True, locked=True, points=points)

    def written(self, cell: Cell) -> list[NotebookNode]:
        points = cell.attributes["points"]
        prompt = _markdown(f"{cell.source}\n\n*{points:g} points, graded by a person.*")
        answer = _markdown(ANSWER, f"written-{cell.name}", grade=True, solution=True, points=points)
        return [prompt, answer]


def content_id(cell: NotebookNode) -> str:
    """An id that does not change when other cells are added, so that old submissions still fit."""
    return f"{cell.cell_type}-{hashlib.sha256(cell.source.encode()).hexdigest()[:12]}"


def _headings(master: Master) -> dict[int, str]:
    """The text cells, with points and times added under the title and each task's heading."""
    title = next(cell for cell in master.cells if cell.role == "text")
    found, heading = {id(title): _under("^# .*$", title.source, _sums(master))}, title
    for cell in master.cells:
        if cell.role == "text" and "## Task" in cell.source:
            heading = cell
        if cell.role == "task":
            effort = _effort(cell, master.points[cell.name])
            # A heading of a part may stand above the task's in the same cell.
            found[id(heading)] = _under(
                "^## Task.*$", found.get(id(heading), heading.source), effort
            )
    return found


def _under(heading: str, source: str, line: str) -> str:
    return re.sub(
        heading, lambda found: f"{found[0]}\n\n{line}", source, count=1, flags=re.MULTILINE
    )


def _sums(master: Master) -> str:
    """The whole assignment's points and hours."""
    tasks, written = master.named("task"), master.named("written")
    auto, manual = (
        sum(master.points.values()),
        sum(question.attributes["points"] for question in written),
    )
    minutes = sum(task.attributes["minutes"] for task in tasks)
    parts = [f"**{auto + manual:g} points**", f"{_count(tasks, 'task')} ({auto:g})"]
    parts += [f"{_count(written, 'written question')} ({manual:g})"] if written else []
    return " · ".join([*parts, f"**about {_hours(minutes)}**"])


def _count(things: list[Cell], word: str) -> str:
    return f"{len(things)} {word}{'s' if len(things) != 1 else ''}"


def _hours(minutes: float) -> str:
    """To the half hour, which is as well as anybody can tell."""
    halves = max(round(minutes / 30), 1)
    if halves == 1:
        return "half an hour"
    hours = "½" if halves % 2 else ""
    return f"{halves // 2}{hours} hour{'s' if halves > 2 else ''}"


def _effort(cell: Cell, points: float) -> str:
    level = cell.attributes["difficulty"]
    dots = "●" * level + "○" * (3 - level)
    return (
        f"**Difficulty** {dots} · **about {cell.attributes['minutes']:g} minutes** · "
        f"{cell.attributes['seconds']:g} s of CPU · **{points:g} points**"
    )


def _markdown(source: str, grade_id: str = "", **nbgrader: object) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, metadata=_metadata("markdown", grade_id, nbgrader))


def _code(
    source: str, grade_id: str = "", tags: list[str] | None = None, **nbgrader: object
) -> NotebookNode:
    metadata = _metadata("code", grade_id, nbgrader) | ({"tags": tags} if tags else {})
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def _metadata(kind: str, grade_id: str, nbgrader: dict) -> dict:
    """nbgrader's metadata (schema 3); `name` becomes the cell's id."""
    if not grade_id:
        return {}
    roles = {"grade": False, "locked": False, "solution": False, "task": False} | nbgrader
    return {
        "name": grade_id,
        "nbgrader": {"schema_version": 3, "grade_id": grade_id, "cell_type": kind, **roles},
        **({"editable": False, "deletable": False} if roles["locked"] else {"deletable": False}),
    }
