"""A class of an assignment that is judged in a blink, for tests with hundreds of submissions.

Its five tasks are in small_course/. Only a process that has a copy of the package with this
assignment first on its path can import this: see the fixture `small_course` in
tests/benchmarks/conftest.py.
"""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.assignments import find_assignment
from autograder.authoring.master import Master
from autograder.authoring.notebooks import solution_notebook
from autograder.demo import as_answer
from autograder.misconceptions import misconceptions_of

SMALL = find_assignment("small")
NAME = SMALL.name


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
