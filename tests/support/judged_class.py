"""A course directory whose class has verdicts without anything having been judged: made up, by a
seed.
"""

import json
import random
import shutil
import sqlite3
import tempfile
from atexit import register
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import MissingEntry

from autograder.assignments import Assignment
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import Build, student_files
from autograder.checks import Check, checks_of
from autograder.gradebook.course import Course, init_course
from autograder.gradebook.entry import Entry
from autograder.gradebook.recorder import record_class
from autograder.judge.judge import Judgement
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def build_unexecuted(master: Master, to: Path) -> Build:
    """What `build` makes, but for running the solution: the gradebook does not look at pictures."""
    made = Build(master.assignment, to / master.assignment.name)
    for name, content in student_files(master, student_notebook(master)).items():
        path = made.student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made.solution.parent.mkdir()
    nbformat.write(student_notebook(master), made.solution)
    return made


def course_of(master: Master, folder: Path) -> Course:
    """A course directory with this assignment, and nobody in it.

    Copied from one that is made once: nbgrader takes seconds for a new gradebook.
    """
    shutil.copytree(_empty_course(master.assignment), folder / "course", copy_function=shutil.copy)
    return Course(folder / "course")


@cache
def _empty_course(assignment: Assignment) -> Path:
    home = tempfile.TemporaryDirectory(prefix="course-")
    register(home.cleanup)
    built = build_unexecuted(read_master(assignment), Path(home.name) / "build")
    return init_course(Path(home.name) / "course", [built]).folder


def submit(course: Course, assignment: Assignment, student: str, content: object) -> Path:
    """Put a notebook, or any bytes, where nbgrader collects submissions."""
    path = course.submission(assignment, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def entry_of(course: Course, assignment: Assignment, student: str) -> Entry:
    """A student's work in a course directory, as it is now."""
    return course.entry(course.exam(assignment), student)


def record(
    course: Course, assignment: Assignment, students: Iterable[str], **how: object
) -> dict[str, list[str]]:
    """Record verdicts that are there; returns the problems of each student who has any."""
    recorded = record_class(course, course.exam(assignment), students, **how)
    return {student: one.problems for student, one in recorded.items() if one.problems}


def grade_one(
    course: Course, assignment: Assignment, student: str, *, again: bool = False
) -> Verdict:
    """Judge one student, unless nothing has changed, and record the verdict."""
    entry = entry_of(course, assignment, student)
    if again:
        entry.stored.home.joinpath("verdict.json").unlink()
    verdict = entry.judge().verdict
    verdict.flags += record(course, assignment, [student], again=again).get(student, [])
    return verdict


def scores_of(course: Course, assignment: Assignment, student: str) -> dict[str, float | None]:
    """The automatic score of each task, as nbgrader's gradebook has it."""
    with course.gradebook() as gradebook:
        try:
            submission = gradebook.find_submission(assignment.name, student)
        except MissingEntry:
            return {}
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        prefix = "grade-"
        return {
            grade.name.removeprefix(prefix): grade.auto_score
            for grade in grades
            if grade.name.startswith(prefix)
        }


def hand_in(course: Course, master: Master, student: str, seed: int) -> Verdict:
    """Hand in a notebook that says something in its own cell and answers, and keep a verdict of
    it.
    """
    notebook = student_notebook(master)
    notebook.cells.insert(
        3, nbformat.v4.new_markdown_cell(f"{student} was here, {seed}", id=f"own-{seed}")
    )
    for cell in notebook.cells:
        if cell.id.startswith("written-") and seed % 2:
            cell.source = f"My answer number {seed}: $x^{seed}$"
    submit(course, master.assignment, student, notebook)
    draw = random.Random(seed)
    return keep(course, master, student, lambda check: draw.random() < 0.7, notebook)


def keep(
    course: Course,
    master: Master,
    student: str,
    passes: Callable[[Check], bool],
    notebook: NotebookNode,
    **said: object,
) -> Verdict:
    """Keep a verdict of what the student has handed in, as if it had been judged and drawn."""
    entry = entry_of(course, master.assignment, student)
    tasks = {name: TaskVerdict(name, []) for name in master.tasks}
    for check in checks_of(master.assignment.topic):
        tasks[check.task].checks.append(_checked(check, passes(check)))
    verdict = Verdict(
        master.assignment.name,
        **{
            "status": "graded",
            "level": course.level,
            "tasks": list(tasks.values()),
            "key": entry.key,
        }
        | said,
    )
    executed = _executed(notebook)
    entry.stored.write(Judgement(verdict, executed))
    entry.stored.write_drawn(executed, "lost")
    return verdict


def _checked(check: Check, passed: bool) -> CheckVerdict:
    kind, message = ("", "") if passed else ("wrong value", "the result has wrong values")
    return CheckVerdict(
        check.name, check.says, check.points, passed=passed, kind=kind, message=message
    )


def _executed(notebook: NotebookNode) -> NotebookNode:
    """The notebook with an output in every picture's cell."""
    ran = nbformat.from_dict(notebook)
    for cell in ran.cells:
        if cell.id.startswith("picture-"):
            data, words = (
                {"image/png": PNG, "text/plain": "<Figure>"},
                {"image/png": {"alt": "a dot"}},
            )
            cell.outputs = [nbformat.v4.new_output("display_data", data=data, metadata=words)]
    return ran


GRADES = """
    SELECT s.student_id, c.name, g.auto_score, g.manual_score, g.needs_manual_grade,
        n.late_submission_penalty
    FROM grade g JOIN base_cell c ON c.id = g.cell_id
    JOIN submitted_notebook n ON n.id = g.notebook_id
    JOIN submitted_assignment s ON s.id = n.assignment_id"""
COMMENTS = """
    SELECT s.student_id, c.name, k.auto_comment, k.manual_comment
    FROM comment k JOIN base_cell c ON c.id = k.cell_id
    JOIN submitted_notebook n ON n.id = k.notebook_id
    JOIN submitted_assignment s ON s.id = n.assignment_id"""


def gradebook_rows(course: Course) -> list[tuple]:
    """Every score and every comment of every student, without nbgrader's help."""
    with sqlite3.connect(course.folder / "gradebook.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return sorted(
            database.execute(GRADES).fetchall() + database.execute(COMMENTS).fetchall(), key=repr
        )


def rows_of(course: Course, student: str) -> list[tuple]:
    """The rows of one student."""
    return [row for row in gradebook_rows(course) if row[0] == student]
