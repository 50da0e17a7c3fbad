"""Grade a class: judge new submissions in parallel, and record each verdict as it arrives.

The judges, on this machine or on a cluster, write to `verdicts/` only. One process, on this
machine, writes to the gradebook. So grading can be stopped at any time, and the next run continues.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path

from autograder.assignments import Assignment
from autograder.course_files.lock import only_writer
from autograder.gradebook.course import Course
from autograder.gradebook.entry import Entry
from autograder.gradebook.recorder import Recorded, record_class
from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement, check_the_checks, not_graded
from autograder.judge.parallel.dask_client import Cluster
from autograder.judge.parallel.pool import Pool
from autograder.judge.verdict import Verdict


class GradingProgress:
    """Progress callbacks for grading a class. These defaults do nothing."""

    def waiting(self, sentence: str) -> None:
        """Grading waits for something; the sentence says what can be done."""

    def started(self, to_judge: int, students: int, why_cold: str) -> None:
        """Judging starts; `why_cold` is empty, or the reason why workers start cold."""

    def judged(self, student: str, verdict: Verdict) -> None:
        """A submission was judged."""

    def recorded(self, student: str) -> None:
        """A verdict was recorded in the gradebook, or could not be."""

    def page(self, student: str) -> None:
        """A feedback page is up to date, or could not be written."""


def grade_class(
    course: Course,
    assignment: Assignment,
    students: Sequence[str],
    progress: GradingProgress,
    *,
    again: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
    judges: Pool | None = None,
) -> dict[str, Verdict]:
    """Grade students' submissions; returns the verdicts, with problems of recording as flags.

    The result is keyed by student. A folder name that is not UTF-8 is escaped.

    again      judge unchanged submissions as well
    jobs       how many submissions to judge in parallel; by default one per core
    judges     an open pool for this exam, to use instead of a new one; it stays open
    progress   its methods are called as grading proceeds
    scheduler  address of a Dask scheduler: judge on its workers instead of this machine
    Raises CourseError: the checks are broken, the sandbox does not work, another process grades
    in this course directory, or the cluster can't be reached or is lost.
    """
    with only_writer(course.folder):
        exam = course.exam(assignment)
        check_the_checks(exam)
        waiting = [
            student for student in students if again or not course.entry(exam, student).is_judged
        ]
        opened = (
            nullcontext(judges)
            if judges
            else _open_judges(exam, waiting, progress, jobs, scheduler)
        )
        with opened as judging:
            progress.started(len(waiting), len(students), judging.why_cold if judging else "")
            judged = _judge_waiting(course, exam, students, waiting, judging, progress)
            recorded = record_class(
                course,
                exam,
                judged,
                again=again,
                on_recorded=progress.recorded,
                on_page=progress.page,
            )
    return {_escape(student): _add_problems(recorded[student]) for student in students}


def _escape(student: str) -> str:
    """A folder's name as valid Unicode: bytes that are not UTF-8 are escaped."""
    return student.encode("utf-8", "backslashreplace").decode()


def _open_judges(
    exam: Exam,
    waiting: Sequence[str],
    progress: GradingProgress,
    jobs: int | None,
    scheduler: str | None,
) -> AbstractContextManager[Pool | Cluster | None]:
    """The pool or the cluster that will judge; None if no submission has to be judged."""
    if not waiting:
        return nullcontext()
    if scheduler:
        return Cluster(scheduler, exam, progress.waiting)
    return Pool(exam, jobs)


def _judge_waiting(
    course: Course,
    exam: Exam,
    students: Sequence[str],
    waiting: Sequence[str],
    judges: Pool | Cluster | None,
    progress: GradingProgress,
) -> Iterator[str]:
    """Yield students as their verdicts are on disk: first those judged before, then the rest."""
    yield from (student for student in students if student not in waiting)
    entries: dict[Path, Entry] = {}
    missing: dict[Path, Judgement] = {}
    for student in waiting:
        entry = course.entry(exam, student)
        entries[entry.submission] = entry
        if without_notebook := entry.judge_missing():
            missing[entry.submission] = without_notebook
    notebooks = [path for path in entries if path not in missing]
    judged = judges.judge(notebooks) if judges and notebooks else ()
    for path, judgement in chain(missing.items(), judged):
        entry = entries[path]
        entry.write(judgement)
        progress.judged(entry.student, judgement.verdict)
        yield entry.student


def _add_problems(recorded: Recorded) -> Verdict:
    """A student's verdict, with the problems of recording it added to its flags."""
    entry = recorded.entry
    verdict = entry.verdict or entry.stored.verdict()  # the submission may have changed since
    if verdict is None:
        gone = "The verdict was deleted while the class was being graded."
        verdict = not_graded(entry.submission, entry.exam, gone).verdict
    verdict.flags += recorded.problems
    return verdict
