"""Grade a class: judge new submissions in parallel, and record each verdict as it arrives.

Pictures for the feedback pages are drawn when no submission is waiting for its verdict.

The judges, on this machine or on a cluster, write to `verdicts/` only. One process, on this
machine, writes to the gradebook. So grading can be stopped at any time, and the next run continues.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from autograder.assignments import Assignment
from autograder.course_files.lock import only_writer
from autograder.gradebook.course import Course
from autograder.gradebook.entry import Entry
from autograder.gradebook.recorder import Recorded, record_class
from autograder.gradebook.store import Pictures
from autograder.judge.draw import Drawing
from autograder.judge.exam import Exam
from autograder.judge.judge import check_the_checks, not_graded
from autograder.judge.parallel.dask_client import Cluster
from autograder.judge.parallel.jobs import Job, JobRunner
from autograder.judge.parallel.pool import Pool
from autograder.judge.verdict import Verdict

NOT_DRAWN = "The pictures could not be drawn; the same command tries again: {}"


class GradingProgress:
    """Progress callbacks for grading a class. These defaults do nothing."""

    def waiting(self, sentence: str) -> None:
        """Grading waits for something; the sentence says what can be done."""

    def started(self, to_judge: int, to_draw: int, students: int, why_cold: str) -> None:
        """Grading starts.

        to_judge  submissions to judge
        to_draw   submissions judged earlier, for which pictures have to be drawn
        why_cold  empty, or the reason why workers start cold
        """

    def judged(self, student: str, verdict: Verdict) -> None:
        """A submission was judged."""

    def recorded(self, student: str) -> None:
        """A verdict was recorded in the gradebook, or could not be."""

    def to_draw(self, student: str) -> None:
        """A verdict is there, and pictures have to be drawn for its page."""

    def drawn(self, student: str) -> None:
        """The pictures for a page were drawn, or could not be."""

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
    open_pool: Callable[[Exam], Pool] | None = None,
    pictures: Pictures = "lost",
) -> dict[str, Verdict]:
    """Grade students' submissions; returns the verdicts, with problems of recording as flags.

    The result is keyed by student. A folder name that is not UTF-8 is escaped.

    again      judge unchanged submissions as well
    jobs       how many submissions to judge in parallel; by default one per core
    open_pool  gives a pool that stays open, to use instead of a new one; called if it is needed
    progress   its methods are called as grading proceeds
    scheduler  address of a Dask scheduler: judge on its workers instead of this machine
    pictures   which pictures are drawn for the feedback pages
    Raises CourseError: the checks are broken, the sandbox does not work, another process grades
    in this course directory, or the cluster can't be reached or is lost.
    """
    with only_writer(course.folder):
        exam = course.exam(assignment)
        check_the_checks(exam)
        work = _Work(course, exam, students, progress, again=again, pictures=pictures)
        with _open_judges(exam, work, progress, jobs, scheduler, open_pool) as judges:
            why_cold = judges.why_cold if judges else ""
            progress.started(len(work.to_judge), len(work.later), len(students), why_cold)
            recorded = record_class(
                course,
                exam,
                work.students_with_news(judges),
                again=again,
                on_recorded=progress.recorded,
                on_page=progress.page,
            )
    for student, problem in work.problems.items():
        recorded[student].problems.append(problem)
    return {_escape(student): _add_problems(recorded[student]) for student in students}


def _escape(student: str) -> str:
    """A folder's name as valid Unicode: bytes that are not UTF-8 are escaped."""
    return student.encode("utf-8", "backslashreplace").decode()


def _open_judges(
    exam: Exam,
    work: "_Work",
    progress: GradingProgress,
    jobs: int | None,
    scheduler: str | None,
    open_pool: Callable[[Exam], Pool] | None,
) -> AbstractContextManager[JobRunner | None]:
    """The pool or the cluster that will judge and draw; None if there is nothing to do."""
    if not work.to_judge and not work.later:
        return nullcontext()
    if scheduler:
        return Cluster(scheduler, exam, progress.waiting)
    return nullcontext(open_pool(exam)) if open_pool else Pool(exam, jobs)


class _Work:
    """What has to be judged and drawn for a class.

    entries   the students' work, by submission
    to_judge  the students whose submissions have to be judged
    later     the drawings that can be made now; more are added after each verdict
    problems  by student, why no pictures could be drawn
    """

    def __init__(
        self,
        course: Course,
        exam: Exam,
        students: Sequence[str],
        progress: GradingProgress,
        *,
        again: bool,
        pictures: Pictures,
    ) -> None:
        self.course, self.exam, self.students = course, exam, students
        self.progress, self.pictures = progress, pictures
        self.to_judge: list[str] = []
        self.later: deque[Job] = deque()
        self.problems: dict[str, str] = {}
        self.entries: dict[Path, Entry] = {}
        for student in students:
            entry = course.entry(exam, student)
            self.entries[entry.submission] = entry
            if again or not entry.is_judged:
                self.to_judge.append(student)
            else:
                self._plan_drawing(entry)

    def _plan_drawing(self, entry: Entry) -> bool:
        """Put a judged submission on the list of drawings, if there is anything to draw."""
        wanted = entry.to_draw(self.pictures)
        if wanted is not None:
            self.later.append(Job(entry.submission, wanted, entry.hung))
        return wanted is not None

    def students_with_news(self, judges: JobRunner | None) -> Iterator[str]:
        """Yield students whose verdict, and later whose pictures, are on disk.

        The verdicts of earlier runs come first.
        """
        yield from (student for student in self.students if student not in self.to_judge)
        waiting = [entry for entry in self.entries.values() if entry.student in self.to_judge]
        jobs = []
        for entry in waiting:
            if without_notebook := entry.judge_missing():
                entry.write(without_notebook)
                self.progress.judged(entry.student, without_notebook.verdict)
                yield entry.student
            else:
                jobs.append(Job(entry.submission))
        if judges:
            yield from self._results(judges, jobs)

    def _results(self, judges: JobRunner, jobs: Iterable[Job]) -> Iterator[str]:
        for job, result in judges.run(jobs, self.later):
            entry = self.entries[job.path]
            if isinstance(result, Drawing):
                entry.write_drawn(result, self.pictures)
                if result.problem:
                    self.problems[entry.student] = NOT_DRAWN.format(result.problem)
                self.progress.drawn(entry.student)
            else:
                entry.write(result)
                self.progress.judged(entry.student, result.verdict)
                # Anew: what has been read of this entry was about the state before the verdict.
                if self._plan_drawing(self.course.entry(self.exam, entry.student)):
                    self.progress.to_draw(entry.student)
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
