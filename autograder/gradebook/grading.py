"""Grade a class: judge side by side what is not judged yet, and record each verdict as it comes.

Judging, by this machine's pool or by a cluster's, writes to `verdicts/` only; one writer records,
on this machine. So it may be stopped at any moment, and then goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain

from autograder.assignments import Assignment
from autograder.course_files.lock import only_writer
from autograder.gradebook.course import Course
from autograder.gradebook.recorder import Recorded, record_class
from autograder.judge.exam import Exam
from autograder.judge.judge import check_the_checks, not_graded
from autograder.judge.parallel.dask_client import Cluster
from autograder.judge.parallel.pool import Pool
from autograder.judge.verdict import Verdict

OnVerdict = Callable[[str, Verdict], object]
OnStudent = Callable[[str], object]


class GradingProgress:
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
    progress: GradingProgress,
    *,
    again: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> dict[str, Verdict]:
    """Grade the submissions of students; returns each one's verdict, with what went wrong as a
    flag.

    A student whose folder's name is not UTF-8 is returned under the escaped name.

    again      judge also what has not changed
    jobs       how many at a time; by default one for each core
    progress   told of what happens
    scheduler  of Dask: judge on its workers, and not on this machine
    Raises CourseError: the checks are broken, the sandbox can't be had, another process grades
    here, or the cluster can't be had or is lost.
    """
    with only_writer(course.folder):
        exam = course.exam(assignment)
        check_the_checks(exam)
        waiting = [
            student for student in students if again or not course.entry(exam, student).is_judged
        ]
        with _judges(exam, waiting, progress, jobs, scheduler) as judges:
            progress.started(len(waiting), len(students), judges.why_cold if judges else "")
            done = _judged(course, exam, students, waiting, judges, progress)
            recorded = record_class(
                course,
                exam,
                done,
                again=again,
                on_recorded=progress.recorded,
                on_page=progress.page,
            )
    return {as_text(student): _with_problems(recorded[student]) for student in students}


def as_text(student: str) -> str:
    """A folder's name as text that can be written: one that is not UTF-8 has its bytes escaped."""
    return student.encode("utf-8", "backslashreplace").decode()


def _judges(
    exam: Exam,
    waiting: Sequence[str],
    progress: GradingProgress,
    jobs: int | None,
    scheduler: str | None,
) -> AbstractContextManager[Pool | Cluster | None]:
    """Whoever judges those who wait; nobody if nobody waits."""
    if not waiting:
        return nullcontext()
    if scheduler:
        return Cluster(scheduler, exam, progress.waiting)
    return Pool(exam, jobs)


def _judged(
    course: Course,
    exam: Exam,
    students: Sequence[str],
    waiting: Sequence[str],
    judges: Pool | Cluster | None,
    progress: GradingProgress,
) -> Iterator[str]:
    """Students whose verdict is on disk: first those who have one, then each as it is judged."""
    yield from (student for student in students if student not in waiting)
    entries = {entry.submission: entry for entry in (course.entry(exam, one) for one in waiting)}
    missing = {
        path: found for path, entry in entries.items() if (found := entry.without_notebook())
    }
    there = [path for path in entries if path not in missing]
    judged = judges.judge(there) if judges and there else ()
    for path, judgement in chain(missing.items(), judged):
        entry = entries[path]
        entry.write(judgement)
        progress.judged(entry.student, judgement.verdict)
        yield entry.student


def _with_problems(recorded: Recorded) -> Verdict:
    """A student's verdict, with what went wrong in recording it as flags."""
    entry = recorded.entry
    verdict = entry.verdict or entry.stored.verdict()  # what was handed in may have changed since
    if verdict is None:
        verdict = not_graded(entry.submission, entry.exam, "The verdict is gone again.").verdict
    verdict.flags += recorded.problems
    return verdict
