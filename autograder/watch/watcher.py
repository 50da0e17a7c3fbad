"""Grade what arrives in a course directory, until Ctrl-C.

A batch is a few submissions of one assignment. Only a batch holds the course directory's lock, so
`autograder grade` and `autograder collect` can run between two batches; while one of them runs, the
watcher waits. Whatever is interrupted is found again by the next look, or at the next start.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from autograder.assignments import Assignment, CourseError
from autograder.course_files.lock import BusyError, only_watcher, only_writer
from autograder.gradebook.course import Course
from autograder.gradebook.grading import GradingProgress
from autograder.gradebook.recorder import NOT_RECORDED
from autograder.judge.verdict import Verdict
from autograder.watch.arrivals import PATIENCE, Arrivals, HandIn, Submitted
from autograder.watch.events import FolderEvents
from autograder.watch.exchange import Inbound
from autograder.watch.judges import Judges

LOOK = 0.25  # seconds between two looks after a submission has changed
REST = 2.0  # seconds between two looks while the rest of a submission is to come
RESCAN = 10.0  # seconds between two looks if no event comes: some network drives give none
BUSY = 1.0  # seconds until the next attempt if another process is grading
RETRY = 30.0  # seconds until the next attempt after an error that a person must fix
AGAIN = f"Trying again every {RETRY:.0f} seconds."
PER_JOB = 3  # submissions in a batch, for each that is judged in parallel


class WatchProgress:
    """Callbacks of a watcher. These defaults do nothing."""

    def watching(self, assignments: Sequence[Assignment], inbound: Path | None) -> None:
        """Everything there was has been looked at; `inbound` is the exchange's folder, if any."""

    def resumed(self, assignment: Assignment, graded: int, students: int) -> None:
        """At the start, so many of the students' submissions are graded already."""

    def waiting(self, sentence: str) -> None:
        """Grading can't go on now; the sentence says why. It is tried again."""

    def grading(self, hand_ins: Sequence[HandIn]) -> None:
        """A batch starts; an empty one if it is over."""

    def graded(self, hand_in: HandIn, verdict: Verdict, *, is_new: bool) -> None:
        """A submission is graded, and its page is written.

        is_new  False if the submission had this verdict before
        """

    def collected(self, hand_in: HandIn, warning: str) -> None:
        """nbgrader warned about a submission that it collected."""

    def not_collected(self, hand_in: HandIn, why: str) -> None:
        """A submission could not be taken from the exchange."""


class _Batch(GradingProgress):
    """Notes who was judged in a batch, and passes the sentences on."""

    def __init__(self, progress: WatchProgress) -> None:
        self.progress = progress
        self.new: set[str] = set()

    def started(self, to_judge: int, to_draw: int, students: int, why_cold: str) -> None:
        """Report that workers start cold."""
        if why_cold and to_judge:
            self.progress.waiting(f"Workers start cold, which is slow: {why_cold}")

    def judged(self, student: str, verdict: Verdict) -> None:
        """Note the student."""
        self.new.add(student)


class Watcher:
    """Grades what arrives in a course directory.

    assignment  watch this one only; by default, all in the course directory
    jobs        how many submissions to judge in parallel; by default one per core
    patience    seconds until an incomplete file that no longer changes is graded as it is
    """

    def __init__(
        self,
        course: Course,
        progress: WatchProgress,
        assignment: Assignment | None = None,
        *,
        jobs: int | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.course, self.progress, self.assignment = course, progress, assignment
        self.inbound = Inbound(course, self.assignments)
        self.submitted = Submitted(course, self.assignments)
        self.new_inbound = Arrivals(self.inbound, patience=patience)
        self.new_submitted = Arrivals(self.submitted, patience=patience)
        self.judges = Judges(jobs)
        self.batch = PER_JOB * (jobs or os.cpu_count() or 1)
        self.not_before, self.hindrance = 0.0, ""

    def assignments(self) -> list[Assignment]:
        """The assignments that are watched."""
        return [self.assignment] if self.assignment else self.course.released()

    def run(self) -> None:
        """Watch until KeyboardInterrupt.

        Raises CourseError if the watcher can't start: another one is running, or the checks, the
        sandbox, the gradebook or the configuration is broken. Later, such errors are reported, and
        the watcher tries again.
        """
        with only_watcher(self.course.folder), self.judges, FolderEvents() as events:
            while not self._try_to_resume():
                time.sleep(BUSY)
            self.progress.watching(self.assignments(), self.inbound.folder)
            while True:
                if not self.step(time.monotonic()):
                    events.wait(self._folders(), self._pause())

    def step(self, now: float) -> bool:
        """Collect and grade one batch; returns False if there is none, or if it has to wait.

        now  the time in seconds, on any clock that only goes forward
        """
        if now < self.not_before:
            return False
        inbound = self.new_inbound.look(now)[: self.batch]
        ready = self.new_submitted.look(now)
        if not inbound and not ready:
            return False
        try:
            with only_writer(self.course.folder):
                ready = self._collect(inbound) + ready
                if ready:
                    self._grade_first(ready)
        except CourseError as error:
            self._hold(error, now)
            return False
        self.hindrance = ""
        return True

    def _try_to_resume(self) -> bool:
        """Bring the gradebook up to date with the verdicts on disk; False if another grades."""
        try:
            with only_writer(self.course.folder):
                for assignment in self.assignments():
                    self._resume(assignment)
        except BusyError as error:
            self._hold(error, 0.0)
            return False
        self.hindrance = ""
        if self.assignment:
            self.judges.pool(self.course.exam(self.assignment))
        return True

    def _resume(self, assignment: Assignment) -> None:
        exam = self.course.exam(assignment)
        students = self.course.students(assignment)
        hand_ins = [HandIn(assignment, student) for student in students]
        judged = [one for one in hand_ins if self.course.entry(exam, one.student).is_judged]
        if judged:
            self._grade(judged, show_unchanged=False)
        self.progress.resumed(assignment, len(judged), len(students))

    def _collect(self, hand_ins: Sequence[HandIn]) -> list[HandIn]:
        """Collect from the exchange; returns the submissions that have to be graded."""
        collected = []
        for hand_in in hand_ins:
            state = self.inbound.snapshot(hand_in)
            try:
                if not self.inbound.is_collected(hand_in):
                    if warning := self.inbound.collect(hand_in):
                        self.progress.collected(hand_in, warning)
                    collected.append(hand_in)
            except (CourseError, OSError) as error:
                self.progress.not_collected(hand_in, str(error))
            self.new_inbound.accept(hand_in, state)
        return collected

    def _grade_first(self, ready: Sequence[HandIn]) -> None:
        """Grade a batch: the first submission, and more of the same assignment."""
        assignment = ready[0].assignment
        same = [hand_in for hand_in in ready if hand_in.assignment == assignment]
        self._grade(list(dict.fromkeys(same))[: self.batch])

    def _grade(self, hand_ins: Sequence[HandIn], *, show_unchanged: bool = True) -> None:
        """Grade submissions of one assignment, and report them."""
        # Their state before they are read: a later change is noticed by the next look.
        states = [self.submitted.snapshot(hand_in) for hand_in in hand_ins]
        students = [hand_in.student for hand_in in hand_ins]
        noted = _Batch(self.progress)
        self.progress.grading(hand_ins)
        try:
            verdicts = self.judges.grade(self.course, hand_ins[0].assignment, students, noted)
        finally:
            self.progress.grading([])
        for hand_in, state, verdict in zip(hand_ins, states, verdicts, strict=True):
            self.new_submitted.accept(hand_in, state)
            is_new = hand_in.student in noted.new
            if is_new or show_unchanged or _has_problems(verdict):
                self.progress.graded(hand_in, verdict, is_new=is_new)

    def _hold(self, error: CourseError, now: float) -> None:
        """Try again later, and say so once."""
        is_busy = isinstance(error, BusyError)
        self.not_before = now + (BUSY if is_busy else RETRY)
        sentence = f"{error} Then `watch` continues by itself." if is_busy else f"{error} {AGAIN}"
        if sentence != self.hindrance:
            self.progress.waiting(sentence)
        self.hindrance = sentence

    def _pause(self) -> float:
        """The seconds until the next look if there is no event."""
        sources = self.new_inbound, self.new_submitted
        if self.hindrance:
            return BUSY
        if any(source.is_settling for source in sources):
            return LOOK
        return REST if any(source.is_incomplete for source in sources) else RESCAN

    def _folders(self) -> list[Path]:
        """The folders in which something may appear or change."""
        submitted = self.course.folder / "submitted"
        known = [*self.new_submitted.handled, *self.new_submitted.pending]
        folders = {submitted, *map(self.submitted.home, known)}
        folders.update(path for path in submitted.glob("*") if path.is_dir())
        if self.inbound.folder and self.inbound.folder.is_dir():
            folders.add(self.inbound.folder)
        return list(folders)


def _has_problems(verdict: Verdict) -> bool:
    return any(flag.startswith(NOT_RECORDED) for flag in verdict.flags)
