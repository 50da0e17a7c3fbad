"""A master becomes a student notebook (stubs) and a solution notebook (references)."""

import builtins
import hashlib
import re

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from autograder.build.master import Cell, Master, MasterError
from autograder.build.stub import defined_names, free_names, solution_of, stub_of

ANSWER = "*Write your answer here.*"


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
        self.effort = _effort_by_heading(master)

    def build(self) -> NotebookNode:
        cells = [made for cell in self.master.cells for made in self.make(cell)]
        for cell in cells:
            cell["id"] = cell.metadata.pop("name", content_id(cell))
        metadata = {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "assignment": {"name": self.master.assignment.name, "title": self.master.title},
        }
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        notebook.nbformat_minor = 5
        nbformat.validate(notebook)
        return notebook

    def make(self, cell: Cell) -> list[NotebookNode]:
        """The notebook cells that a master's cell becomes."""
        if cell.role == "rubric":
            return [_markdown(f"> **Rubric.** {cell.source}")] if self.solved else []
        if cell.role == "written":
            return self.written(cell)
        if cell.kind == "markdown":
            return [_markdown(self.effort.get(id(cell), cell.source))]
        if cell.role == "task":
            return [self.task(cell)]
        self.defined |= defined_names(TransformerManager().transform_cell(cell.source))
        if cell.role == "training":
            return [_code(cell.source, tags=["training"])]
        if cell.role == "code":
            return [_code(cell.source)]
        made = [_code(cell.source, f"{cell.role}-{cell.name}", locked=True)]
        ends_task = cell.role == "picture" and cell.name in self.master.points
        return [*made, self.grade(cell.name)] if ends_task else made

    def task(self, cell: Cell) -> NotebookNode:
        stub = stub_of(self.module, cell.name)
        missing = free_names(stub) - self.defined - set(dir(builtins))
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
    """An id that stays when cells are added elsewhere: a submission of an older release still fits."""
    return f"{cell.cell_type}-{hashlib.sha256(cell.source.encode()).hexdigest()[:12]}"


def _effort_by_heading(master: Master) -> dict[int, str]:
    """Each task's heading with its difficulty, minutes, seconds and points put under it."""
    found, heading = {}, None
    for cell in master.cells:
        if cell.role == "text" and "## Task" in cell.source:
            heading = cell
        if cell.role == "task":
            effort = _effort(cell, master.points[cell.name])
            # A heading of a part may stand above the task's in the same cell.
            titled = re.sub("^## Task.*$", rf"\g<0>\n\n{effort}", heading.source, count=1, flags=re.MULTILINE)
            found[id(heading)] = titled
    return found


def _effort(cell: Cell, points: float) -> str:
    level = cell.attributes["difficulty"]
    dots = "●" * level + "○" * (3 - level)
    return (
        f"**Difficulty** {dots} · **about {cell.attributes['minutes']:g} minutes** · "
        f"{cell.attributes['seconds']:g} s of CPU · **{points:g} points**"
    )


def _markdown(source: str, grade_id: str = "", **nbgrader: object) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, metadata=_metadata("markdown", grade_id, nbgrader))


def _code(source: str, grade_id: str = "", tags: list[str] | None = None, **nbgrader: object) -> NotebookNode:
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
