"""Grade a class: judge side by side what is not judged yet, and record each verdict as it comes.

Judging, by this machine's pool or by a cluster's, writes to `verdicts/` only; one writer records,
on this machine. So it may be stopped at any moment, and then goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain

from autograder.assignments import Assignment
from autograder.gradebook.course import Course
from autograder.gradebook.lock import only_writer
from autograder.gradebook.recorder import record_class
from autograder.judge.judge import check_the_checks
from autograder.judge.parallel.dask_client import Cluster
from autograder.judge.parallel.pool import Pool
from autograder.judge.verdict import Verdict

OnVerdict = Callable[[str, Verdict], object]
OnStudent = Callable[[str], object]


class Told:
    """Whoever is told of a class being graded; these do nothing."""

    def waiting(self, sentence: str) -> None:
        """There is something to wait for, or to do about it."""

    def started(self, to_judge: int, students: int, why_cold: str) -> None:
        """How many submissions are to be judged, of how many; why workers start cold, or empty."""

    def judged(self, student: str, verdict: Verdict) -> None:
        """A verdict is there."""

    def recorded(self, student: str) -> None:
        """It is in the gradebook."""

    def page(self, student: str) -> None:
        """The feedback page is there."""


def grade_class(
    course: Course,
    assignment: Assignment,
    students: Sequence[str],
    told: Told,
    *,
    again: bool = False,
    slots: int | None = None,
    scheduler: str | None = None,
) -> dict[str, Verdict]:
    """Grade the submissions of students; returns each one's verdict, with what went wrong as a
    flag.

    A student whose folder's name is not UTF-8 is returned under the escaped name.

    again      judge also what has not changed
    slots      how many at a time; by default one for each core
    scheduler  of Dask: judge on its workers, and not on this machine
    Raises CourseError: the checks are broken, the sandbox can't be had, another process grades
    here, or the cluster can't be had or is lost.
    """
    with only_writer(course.folder):
        check_the_checks(assignment)
        waiting = [
            student for student in students if again or not _is_fresh(course, assignment, student)
        ]
        if not waiting:
            judges = nullcontext()
        elif scheduler:
            judges = Cluster(scheduler, assignment, course.level, told.waiting)
        else:
            judges = Pool(assignment, course.level, slots)
        with judges as pool:
            told.started(len(waiting), len(students), pool.why_cold if pool else "")
            done = _judged(course, assignment, students, waiting, pool, told)
            problems = record_class(
                course, assignment, done, again=again, on_recorded=told.recorded, on_page=told.page
            )
    return {
        as_text(student): _verdict(course, assignment, student, problems) for student in students
    }


def as_text(student: str) -> str:
    """A folder's name as text that can be written: one that is not UTF-8 has its bytes escaped."""
    return student.encode("utf-8", "backslashreplace").decode()


def _is_fresh(course: Course, assignment: Assignment, student: str) -> bool:
    verdict = course.store.verdict(course.submission(assignment, student), assignment, student)
    return verdict is not None and verdict.status != "not graded"


def _judged(
    course: Course,
    assignment: Assignment,
    students: Sequence[str],
    waiting: Sequence[str],
    pool: Pool | Cluster | None,
    told: Told,
) -> Iterator[str]:
    """Students whose verdict is in the store: first those who have one, then each as it is
    judged.
    """
    yield from (student for student in students if student not in waiting)
    by_path = {course.submission(assignment, student): student for student in waiting}
    missing = {
        path: found for path in by_path if (found := course.store.not_there(path, assignment))
    }
    there = [path for path in by_path if path not in missing]
    for path, judgement in chain(missing.items(), pool.judge(there) if pool and there else ()):
        student = by_path[path]
        course.store.keep_of(path, student, judgement)
        told.judged(student, judgement.verdict)
        yield student


def _verdict(
    course: Course, assignment: Assignment, student: str, problems: dict[str, list[str]]
) -> Verdict:
    verdict = course.store.verdict(course.submission(assignment, student), assignment, student)
    assert verdict is not None, "it has just been judged"
    verdict.flags += problems.get(student, [])
    return verdict
