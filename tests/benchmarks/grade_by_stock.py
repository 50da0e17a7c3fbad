"""A course directory of stock nbgrader with the same assignment, and its class graded there.

The hidden checks are asserts in the grade cells. Nothing of the judge is used.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from course_class import Student, hand_in, without_training
from measured import run_measured
from nbgrader.api import Gradebook
from stock_cells import hidden_tests

from autograder.authoring.master import Master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import Build
from course_utils.data.data_folder import VARIABLE

# A cell is interrupted after 30 seconds, and the notebook goes on: nbgrader's own defaults.
CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "stock"
c.ExecutePreprocessor.timeout = 30
c.ExecutePreprocessor.interrupt_on_timeout = True
"""
NBGRADER = [sys.executable, "-P", "-m", "nbgrader"]
# What it says first of a notebook.
BEGINS = re.compile(r"Sanitizing .*/submitted/([^/]+)/")
# The threads are torch's own choice, and the pictures those of the release.
NOT_INHERITED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONPATH", VARIABLE)
Points = dict[str, dict[str, float]]  # by student and task


def environment() -> dict[str, str]:
    """The environment of stock nbgrader, which finds its kernel beside its Python."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return env | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])}


def grade_by_stock(
    master: Master,
    release: Build,
    students: list[Student],
    folder: Path,
    on_student: Callable[[], object],
) -> dict[str, object]:
    """Grade the class by `nbgrader autograde`; the figures, and the points of each student.

    on_student  called when one is done and another begins
    """
    name = master.assignment.name
    stock_course(master, release, folder)
    released = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    hand_in(students, released, master, folder)
    begun: dict[str, float] = {}

    def note(line: str) -> None:
        if (found := BEGINS.search(line)) and found[1] not in begun:
            if begun:
                on_student()
            begun[found[1]] = time.monotonic()

    start = time.monotonic()
    used = run_measured([*NBGRADER, "autograde", name], folder, environment(), note)
    end, first = time.monotonic(), min(begun.values())
    return {
        "start_up": first - start,
        "seconds": (end - first) / len(students),
        "cpu": used.cpu / len(students),
        "memory": used.memory,
        "points": points_in(folder, name),
    }


def stock_course(master: Master, release: Build, folder: Path) -> None:
    """A course directory as nbgrader's documentation has it, with the assignment released."""
    name = master.assignment.name
    source = Path(shutil.copytree(release.student, folder / "source" / name))
    (source / "nbgrader_config.py").unlink()
    (folder / "nbgrader_config.py").write_text(CONFIG)
    notebook = without_training(student_notebook(master))
    for cell in notebook.cells:
        if cell.id.startswith("grade-"):
            cell.source = hidden_tests(master.assignment.topic, cell.id.removeprefix("grade-"))
    nbformat.write(notebook, source / f"{name}.ipynb")
    command = [*NBGRADER, "generate_assignment", name]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)


def points_in(folder: Path, name: str) -> Points:
    """What the gradebook of a course directory has for each task."""
    found: Points = {}
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        for submission in gradebook.assignment_submissions(name):
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            found[submission.student.id] = {
                grade.name.removeprefix("grade-"): grade.auto_score
                for grade in grades
                if grade.name.startswith("grade-")
            }
    return found
