"""Read a class for its report: verdicts and executed notebooks, one student at a time.

A verdict that is missing, broken or older than the submission is reported as such.
"""

import hashlib
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from autograder.assignments import CourseError
from autograder.gradebook.course import Course
from autograder.judge.exam import Exam
from autograder.judge.verdict import Verdict
from autograder.progress import Progress
from autograder.report.executed import Cell, cells_of
from autograder.report.gallery import thumbnail, width_for
from autograder.report.similarity import OwnCode, own_code

NOT_JUDGED = "not judged"
OUT_OF_DATE = "out of date"


@dataclass(frozen=True)
class Entry:
    """A student on the page.

    name      as it is shown
    page      relative link to the feedback page, or empty
    standing  graded | refused | not graded | not judged | out of date
    verdict   None for the last two
    picture   a small WebP, or None
    code      the student's own, for `similarity`
    """

    name: str
    page: str
    standing: str
    verdict: Verdict | None
    picture: bytes | None
    code: OwnCode


def gather(
    course: Course, exam: Exam, picture: str, progress: Progress, *, anonymous: bool = False
) -> list[Entry]:
    """Everybody who has handed in, in the order of the page.

    picture    the name of the picture to show
    anonymous  numbers in the names' places, and no links
    Raises CourseError when nobody has handed in anything.
    """
    students = course.students(exam.assignment)
    if not students:
        raise CourseError(
            f"Nobody has handed in {exam.assignment.name}: "
            f"put notebooks under {course.folder / 'submitted'}/STUDENT/{exam.assignment.name}/ "
            "first."
        )
    names = _numbered(students) if anonymous else {one: _shown(one) for one in students}
    given = {cell.id: cell.source for cell in exam.released.cells}
    read = partial(
        _entry, course, exam, picture, given, width_for(len(students)), anonymous=anonymous
    )
    entries = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow works outside of Python's lock
        for entry in pool.map(read, names, names.values()):
            entries.append(entry)
            progress("reading verdicts and notebooks", len(entries), len(students))
    return entries


def _shown(student: str) -> str:
    """A folder's name as text that can be written, and that no other folder has."""
    return student.encode("utf-8", "backslashreplace").decode()


def _numbered(students: list[str]) -> dict[str, str]:
    """Anonymous numbers, ordered by a hash with a random key, so that names can't be recovered."""
    key = secrets.token_bytes(16)

    def place(student: str) -> bytes:
        return hashlib.blake2b(os.fsencode(student), key=key).digest()

    return {
        student: f"Student {number}"
        for number, student in enumerate(sorted(students, key=place), 1)
    }


def _entry(
    course: Course,
    exam: Exam,
    picture: str,
    given: dict[str, str],
    width: int,
    student: str,
    name: str,
    *,
    anonymous: bool,
) -> Entry:
    work = course.entry(exam, student)
    verdict, stored = work.verdict, work.stored
    if verdict is None:
        standing = OUT_OF_DATE if stored.is_there() else NOT_JUDGED
        return Entry(name, "", standing, None, None, {})
    drawn = f"picture-{picture}"
    cells = cells_of(
        stored.home / "executed.ipynb",
        lambda cell: cell.startswith(("task-", "own-")) or cell == drawn,
    )
    page = "" if anonymous else _link(course, work.feedback)
    return Entry(
        name,
        page,
        verdict.status,
        verdict,
        _drawn(cells, drawn, width),
        own_code([(cell["id"], cell["source"]) for cell in cells if cell["id"] != drawn], given),
    )


def _drawn(cells: list[Cell], drawn: str, width: int) -> bytes | None:
    return next((thumbnail(cell, width) for cell in cells if cell["id"] == drawn), None)


def _link(course: Course, path: Path) -> str:
    """From the page to a student's feedback page, if it is there."""
    there = path.relative_to(course.folder)
    return f"../{quote(os.fsencode(there))}" if path.is_file() else ""
