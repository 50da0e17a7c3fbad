"""What a notebook's visible checks say of an answer: that of a student, or one of ours.

    notebook = Notebook("data_driven_graphics")
    notebook.says_of("vote", source)        # None if they pass, else the last line of the traceback

As a script, it counts which answers of a folder are caught; a file is
ASSIGNMENT/wrong/TASK__WHAT.py or ASSIGNMENT/right/TASK__WHAT.py:

    python tests/grading/visible.py FOLDER
"""

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

from autograder.assignments import assignments, find_assignment
from autograder.authoring.master import read_master


class Notebook:
    """A solved notebook of a topic, without its pictures and trainings."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.master = read_master(find_assignment(topic))
        self.checks = {cell.name: cell.source for cell in self.master.named("check")}
        self.names: dict[str, Any] = {"__name__": "__main__"}
        for cell in self.master.cells:
            if cell.role in ("code", "task"):
                exec(cell.source, self.names)

    def says_of(self, task: str, answer: str | object) -> str | None:
        """What the task's visible checks say of an answer, or None if they pass.

        answer  a cell's source, or the function or class itself
        """
        names = dict(self.names)
        try:
            if isinstance(answer, str):
                exec(answer, names)
            else:
                names[task] = answer
            with contextlib.redirect_stdout(io.StringIO()):
                exec(self.checks[task], names)
        except Exception as error:  # a wrong answer may raise anything
            return f"{type(error).__name__}: {error}"
        return None


def count(folder: Path) -> None:
    """Print what is said of each answer in a folder, and how many are caught."""
    for assignment in assignments():
        files = sorted(folder.glob(f"{assignment.name}/*/*.py"))
        notebook = Notebook(assignment.topic) if files else None
        caught = {"wrong": [0, 0], "right": [0, 0]}
        for file in files:
            says = notebook.says_of(file.stem.partition("__")[0], file.read_text())
            caught[file.parent.name][0] += says is not None
            caught[file.parent.name][1] += 1
            print(f"  {file.parent.name} {file.stem}: {says or 'passes'}")
        for kind, (some, every) in caught.items():
            print(f"{assignment.name}: {some} of {every} {kind} answers are caught")


if __name__ == "__main__":
    count(Path(sys.argv[1]))
