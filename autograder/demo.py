"""A small class for `autograder demo`: submissions of every kind that a grader meets."""

import ast
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.authoring.master import Master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.stub import solution_of
from autograder.judge.checking.submission import REFERENCE_FILES
from autograder.misconceptions import Answer, Misconception, misconceptions_of

LOOP = "def {task}(*args, **kwargs):\n    while True:\n        pass"


@dataclass(frozen=True)
class DemoStudent:
    """A student of the demo and what was handed in, as the bytes of a notebook file."""

    name: str
    says: str
    notebook: bytes


def demo_class(master: Master) -> list[DemoStudent]:
    """Eight students: right, half done, three misconceptions, unsolved, corrupt, endless."""
    solved, empty = solution_notebook(master), student_notebook(master)
    answers = {cell.id: cell.source for cell in solved.cells if cell.id.startswith("task-")}
    known = misconceptions_of(master.assignment.topic)
    wrong = [known[task][0] for task in master.tasks if known.get(task)][-3:]
    half = dict(list(answers.items())[: len(answers) // 2])
    loop = {f"task-{master.tasks[-1]}": LOOP.format(task=master.tasks[-1])}
    return [
        DemoStudent("ada", "the reference", _hand_in(empty, answers)),
        DemoStudent("ben", "half done", _hand_in(empty, half)),
        *(
            DemoStudent(name, mistake.name, _hand_in(empty, answers | _mistake(mistake)))
            for name, mistake in zip(("chloe", "dan", "eve"), wrong, strict=True)
        ),
        DemoStudent("finn", "unsolved", _hand_in(empty, {})),
        DemoStudent("grace", "a corrupt file", _hand_in(empty, answers)[:20_000]),
        DemoStudent("hal", "an endless loop", _hand_in(empty, answers | loop)),
    ]


def hand_in(students: list[DemoStudent], master: Master, course: Path) -> None:
    """Write each notebook, and the reference's trained files, where nbgrader expects them."""
    name = master.assignment.name
    for student in students:
        folder = course / "submitted" / student.name / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.ipynb").write_bytes(student.notebook)
        for file in master.files:
            shutil.copy(REFERENCE_FILES[file], folder)


def _hand_in(empty: NotebookNode, answers: dict[str, str]) -> bytes:
    notebook = nbformat.from_dict(empty)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    return json.dumps(notebook, indent=1).encode()


def _mistake(mistake: Misconception) -> dict[str, str]:
    return {f"task-{mistake.task}": as_answer(mistake.function, mistake.task)}


def as_answer(function: Answer, task: str) -> str:
    """The source of a misconception or alternative, renamed to the task as a student's answer."""
    module, own = sys.modules[function.__module__], function.__name__
    tree = ast.parse(solution_of(module, own, set()))
    tree.body = [node for node in tree.body if not _is_ours(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.decorator_list = [one for one in node.decorator_list if not _registers(one)]
            node.name = task if node.name == own else node.name
        elif isinstance(node, ast.Name) and node.id == own:  # it calls itself
            node.id = task
    return ast.unparse(tree)


def _registers(decorator: ast.expr) -> bool:
    """Whether it is `@misconception(...)` or `@alternative(...)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in ("misconception", "alternative")


def _is_ours(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder")
