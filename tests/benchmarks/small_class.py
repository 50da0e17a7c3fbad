"""The benchmark's class, in both forms: with the hidden tests in the cells for stock nbgrader, and
for us.
"""

import ast
import inspect
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.assignments import COURSE
from autograder.authoring.master import Master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.checks import checks_module, checks_of
from autograder.demo import as_answer
from autograder.misconceptions import misconceptions_of

STOCK_CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'stock'\n"
# What a careful instructor would write in a cell: shape first, then values.
STOCK_EXPECT = """
from types import SimpleNamespace

def expect(result, close_to=None, shape=None, dtype=None, tolerance=1e-5):
    if close_to is not None:
        assert result.shape == close_to.shape
        allowed = tolerance * max(1.0, close_to.abs().max().item())
        assert torch.allclose(result, close_to, rtol=0, atol=allowed)
    assert shape is None or tuple(result.shape) == shape
    assert dtype is None or result.dtype == dtype
    assert torch.isfinite(result).all()
"""


def answers_of_the_class(master: Master, count: int) -> dict[str, dict[str, str]]:
    """By student, the source of each task that was answered: two thirds right, the others each in
    its way.
    """
    right = {
        cell.id.removeprefix("task-"): cell.source
        for cell in solution_notebook(master).cells
        if cell.id.startswith("task-")
    }
    known = misconceptions_of(master.assignment.topic)
    wrong = [right | {task: as_answer(known[task][0].function, task)} for task in master.tasks]
    gives_up = "def softmax(logits):\n    raise ValueError('I give up')"
    others = [{}, right | {"softmax": gives_up}, *wrong]
    kinds = [right, right, *[kind for other in others for kind in (other, right, right)]]
    return {f"student-{number:02}": kinds[number % len(kinds)] for number in range(count)}


def hand_in(
    notebook: NotebookNode, classroom: dict[str, dict[str, str]], folder: Path, name: str
) -> None:
    """Write each student's notebook where nbgrader collects submissions."""
    for student, answers in classroom.items():
        mine = nbformat.from_dict(notebook)
        for cell in mine.cells:
            cell.source = answers.get(cell.id.removeprefix("task-"), cell.source)
        path = folder / "submitted" / student / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(mine, path)


def stock_course(master: Master, folder: Path) -> None:
    """A course directory as nbgrader's documentation has it, with the source of the assignment."""
    source = folder / "source" / master.assignment.name
    source.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(STOCK_CONFIG)
    notebook = student_notebook(master)
    for cell in notebook.cells:
        if cell.id.startswith("grade-"):
            cell.source = hidden_tests(master, cell.id.removeprefix("grade-"))
    nbformat.write(notebook, source / f"{master.assignment.name}.ipynb")
    for module in (COURSE / "course_utils").glob("*.py"):
        (source / "course_utils").mkdir(exist_ok=True)
        shutil.copy(module, source / "course_utils")


def hidden_tests(master: Master, task: str) -> str:
    """The hidden checks of a task as the source of a test cell."""
    module = checks_module(master.assignment.topic)
    own = {check.name for check in checks_of(master.assignment.topic) if check.task == task}
    body = [node for node in ast.parse(inspect.getsource(module)).body if _belongs(node, own)]
    for node in body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    calls = "\n".join(f"{name}(SimpleNamespace({task}={task}))" for name in sorted(own))
    text = "\n".join([ast.unparse(ast.Module(body, [])), STOCK_EXPECT, calls])
    return f"### BEGIN HIDDEN TESTS\n{text}\n### END HIDDEN TESTS"


def _belongs(node: ast.stmt, own: set[str]) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name in own or not node.name.startswith("test_")
    return isinstance(node, ast.Import)
