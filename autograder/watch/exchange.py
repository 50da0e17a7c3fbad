"""Collect submissions from the inbound folder of nbgrader's exchange, one student at a time.

`nbgrader collect` takes every submission of an assignment, even one that is being copied, and never
takes it again. Here, a student's submission is taken once it is complete, and only if it contains
nothing but files and folders: nbgrader's copy would follow links, wherever they lead.
"""

import glob
import logging
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nbgrader.exchange.default.collect import ExchangeCollect
from nbgrader.utils import capture_log, temp_attrs

from autograder.assignments import Assignment, CourseError
from autograder.course_files.names import is_junk, shown
from autograder.course_files.timestamps import written_in
from autograder.gradebook.course import Course, raise_if_failed
from autograder.watch.arrivals import HandIn, Snapshot, is_whole, snapshot_of


class Inbound:
    """The submissions in the exchange's inbound folder. It need not exist yet.

    assignments  returns those that are watched; more may be added while watching
    folder       None if the exchange keeps no files, such as one that is a web service
    found        the submissions of each student at the last call of `find`
    """

    def __init__(self, course: Course, assignments: Callable[[], list[Assignment]]) -> None:
        self.course, self.assignments = course, assignments
        collector = self._make_collector()
        self.folder: Path | None = None
        self.found: dict[HandIn, list[Path]] = {}
        if isinstance(collector, ExchangeCollect):
            self.folder = Path(collector.root, course.api.coursedir.course_id, "inbound")

    def find(self) -> list[HandIn]:
        """Every student with submissions of an assignment."""
        self.found = self._by_student()
        return list(self.found)

    def snapshot(self, hand_in: HandIn) -> Snapshot:
        """The state of all files in all submissions of the student that `find` has found."""
        folders = self._folders(hand_in)
        return tuple(line for folder in folders for line in snapshot_of(folder, deep=True))

    def is_whole(self, hand_in: HandIn) -> bool:
        """Whether all submissions of the student look complete."""
        return all(is_whole(one, hand_in.assignment.name) for one in self._folders(hand_in))

    def is_collected(self, hand_in: HandIn) -> bool:
        """Whether the student's last submission is in the course directory already."""
        newest = max(map(_timestamp_of, self._folders(hand_in)), default="")
        with suppress(CourseError):
            return written_in(self._home(hand_in)) == newest
        return False

    def collect(self, hand_in: HandIn) -> str:
        """Run nbgrader's collect for one student; returns its warnings, or nothing.

        Raises CourseError if nothing could be collected.
        """
        for folder in self._folders(hand_in):
            _refuse_odd_files(folder)
        coursedir, name = self.course.api.coursedir, hand_in.assignment.name
        student = glob.escape(hand_in.student)
        with temp_attrs(coursedir, assignment_id=name, student_id=student):
            collector = self._make_collector()
            collector.update = True
            with _warnings(collector.log):
                result = capture_log(collector)
        if result.get("error", "").rstrip().endswith("KeyboardInterrupt"):
            raise KeyboardInterrupt  # nbgrader catches everything
        raise_if_failed(result, "collecting")
        return " ".join(result.get("log", "").replace("[WARNING]", "").split())

    def _make_collector(self) -> ExchangeCollect:
        api = self.course.api
        collect = api.exchange.Collect
        return collect(coursedir=api.coursedir, authenticator=api.authenticator, parent=api)

    def _home(self, hand_in: HandIn) -> Path:
        return self.course.folder / "submitted" / hand_in.student / hand_in.assignment.name

    def _folders(self, hand_in: HandIn) -> list[Path]:
        return self.found.get(hand_in, [])

    def _by_student(self) -> dict[HandIn, list[Path]]:
        """The submissions, called STUDENT+ASSIGNMENT+TIME+RANDOM, of each student."""
        found: dict[HandIn, list[Path]] = {}
        for name in self._names():
            for assignment in self.assignments():
                student, plus, _ = name.rpartition(f"+{assignment.name}+")
                # Anybody may create folders here: `..` would lead out of submitted/.
                if plus and student and not is_junk(student):
                    path = Path(str(self.folder), name)
                    found.setdefault(HandIn(assignment, student), []).append(path)
        return found

    def _names(self) -> list[str]:
        if self.folder is None:
            return []
        try:
            return sorted(path.name for path in self.folder.iterdir())
        except OSError:  # nothing was released through it
            return []


def _refuse_odd_files(folder: Path) -> None:
    """Raises CourseError for a link or a device, which nbgrader would copy or read."""
    for path, mode in _modes(folder):
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            name = shown(path.name)
            raise CourseError(f"`{name}` is neither a file nor a folder. Ask for another hand-in.")


def _modes(folder: Path) -> Iterator[tuple[Path, int]]:
    yield folder, folder.lstat().st_mode
    for path, mode, *_ in snapshot_of(folder, deep=True):
        yield Path(path), mode


@contextmanager
def _warnings(log: logging.Logger) -> Iterator[None]:
    """Let nbgrader's warnings through, which `Course` turns off."""
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def _timestamp_of(folder: Path) -> str:
    return folder.name.rsplit("+", 3)[2]
