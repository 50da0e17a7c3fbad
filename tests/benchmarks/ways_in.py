"""A class of twenty in which everything occurs, and an empty course directory for it.

    python ways_in.py FOLDER

makes FOLDER/blank, the course directory, and FOLDER/handed_in/STUDENT.ipynb. Run by
test_ways_in.py, in a process that has the small course's package first on its path.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from judged_class import build_unexecuted
from large_class import HOSTILE
from nbformat import NotebookNode
from small_class import SMALL

from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.demo import as_answer
from autograder.gradebook.course import init_course
from autograder.misconceptions import misconceptions_of

Answers = dict[str, str]
UNREADABLE = (b'{"cells": [', b"", b"<html><body>Please log in</body></html>")


def answers_of(master: Master) -> list[Answers]:
    """The sources of the tasks that each of seventeen students has answered."""
    cells = solution_notebook(master).cells
    right = {c.id.removeprefix("task-"): c.source for c in cells if c.id.startswith("task-")}
    known = misconceptions_of(master.assignment.topic)
    halves = [{task: right[task] for task in master.tasks[:count]} for count in (2, 3)]
    wrong = [right | {task: as_answer(known[task][0].function, task)} for task in master.tasks]
    hostile = [
        right | {"softmax": f"def softmax(logits):\n    {HOSTILE[kind]}"}
        for kind in ("hangs", "exits", "cheats")
    ]
    gives_up = right | {"softmax": "def softmax(logits):\n    raise ValueError('I give up 🦊')"}
    typo = right | {"gray": "def gray(images:\n    return images"}
    return [right, right, {}, *halves, *wrong, gives_up, typo, *hostile, right, right]


def without_a_cell(notebook: NotebookNode) -> None:
    """A task's cell deleted, another one copied."""
    cells = {cell.id: cell for cell in notebook.cells}
    notebook.cells.remove(cells["task-gray"])
    notebook.cells.append(nbformat.from_dict(cells["task-enlarge"]))


def of_another_format(notebook: NotebookNode) -> None:
    """As an odd editor writes it."""
    notebook.nbformat_minor = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = None


ODD: dict[int, Callable[[NotebookNode], None]] = {15: without_a_cell, 16: of_another_format}


def handed_in(master: Master) -> dict[str, bytes]:
    """What each of twenty students hands in; every other one says something in a cell of its
    own.
    """
    found = []
    for number, answers in enumerate(answers_of(master)):
        notebook = student_notebook(master)
        for cell in notebook.cells:
            cell.source = answers.get(cell.id.removeprefix("task-"), cell.source)
        if number % 2:
            said = nbformat.v4.new_markdown_cell(
                f"Student {number} says: because $x^{number}$.", id=f"own-{number}"
            )
            notebook.cells.insert(3, said)
        ODD.get(number, lambda notebook: None)(notebook)
        found.append(json.dumps(notebook).encode())
    return {f"s{number:02}": content for number, content in enumerate([*found, *UNREADABLE])}


def main(folder: Path) -> None:
    master = read_master(SMALL)
    init_course(folder / "blank", [build_unexecuted(master, folder / "build")])
    (folder / "handed_in").mkdir()
    for student, content in handed_in(master).items():
        (folder / "handed_in" / f"{student}.ipynb").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
