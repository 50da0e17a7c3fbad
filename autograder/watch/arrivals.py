"""Notice submissions that are new or changed, and wait until they are complete.

Every look compares the folders with their state when they were last graded, so nothing depends on
events: they only say when to look. A lost event, or a network drive without events, costs seconds.

A submission is ready when its files have not changed for a moment (`settle`) and are complete. A
notebook that is still being copied is not JSON yet, and the header of a trained network states the
file's length. A file that stays incomplete (`patience`) is graded as it is: then it is a bad file.
"""

import json
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from autograder.assignments import Assignment
from autograder.course_files.folder import CourseFolder
from autograder.course_files.handed_in import MOST_FILES, notebook_in
from autograder.judge.intake.read_notebook import MAX_BYTES

SETTLE = 0.5  # seconds without a change before a complete submission is graded
PATIENCE = 10.0  # seconds without a change before an incomplete one is graded
LONGEST_HEADER = 2**20  # bytes of a network's header; the networks of the course need a few hundred

# Path, type, size, times and number of each file.
Snapshot = tuple[tuple[str, int, int, int, int, int], ...]


@dataclass(frozen=True)
class HandIn:
    """One student's work for one assignment."""

    assignment: Assignment
    student: str


class Source(Protocol):
    """Folders in which submissions arrive."""

    def find(self) -> Iterable[HandIn]:
        """The submissions that are there now."""

    def snapshot(self, hand_in: HandIn) -> Snapshot:
        """The state of a submission's files."""

    def is_whole(self, hand_in: HandIn) -> bool:
        """Whether a submission's files look complete."""


@dataclass
class _Pending:
    """A submission that has changed.

    snapshot   its state at the last look
    since      when that state was first seen
    is_whole   whether it looks complete in that state; None if that was not needed yet
    """

    snapshot: Snapshot
    since: float
    is_whole: bool | None = None


@dataclass
class Arrivals:
    """The submissions of a source that have to be graded.

    settle    seconds without a change before a complete submission is ready
    patience  seconds without a change before any submission is ready
    """

    source: Source
    settle: float = SETTLE
    patience: float = PATIENCE
    handled: dict[HandIn, Snapshot] = field(default_factory=dict)
    pending: dict[HandIn, _Pending] = field(default_factory=dict)
    backlog: set[HandIn] | None = None

    @property
    def is_settling(self) -> bool:
        """Whether a submission has just changed, so that the next look should come soon."""
        return any(pending.is_whole is None for pending in self.pending.values())

    @property
    def is_incomplete(self) -> bool:
        """Whether the rest of a submission is still to come."""
        return any(pending.is_whole is False for pending in self.pending.values())

    def look(self, now: float) -> list[HandIn]:
        """The submissions that are ready; those that arrived after the first look come first.

        now  the time in seconds, on any clock that only goes forward
        """
        found = list(self.source.find())
        if self.backlog is None:
            self.backlog = set(found)
        for hand_in in found:
            self._compare(hand_in, now)
        self._forget_others(set(found))
        ready = [hand_in for hand_in in self.pending if self._is_ready(hand_in, now)]
        return sorted(ready, key=self._rank)

    def accept(self, hand_in: HandIn, snapshot: Snapshot) -> None:
        """Count a submission as handled in this state, which the next look compares with."""
        self.pending.pop(hand_in, None)
        self.handled[hand_in] = snapshot

    def _compare(self, hand_in: HandIn, now: float) -> None:
        """Note a change since the last look, and since the submission was handled."""
        snapshot = self.source.snapshot(hand_in)
        if self.handled.get(hand_in) == snapshot:
            self.pending.pop(hand_in, None)
            return
        before = self.pending.get(hand_in)
        if before is None or before.snapshot != snapshot:
            self.pending[hand_in] = _Pending(snapshot, now)

    def _forget_others(self, found: set[HandIn]) -> None:
        for known in (self.handled, self.pending):
            for gone in known.keys() - found:
                del known[gone]

    def _is_ready(self, hand_in: HandIn, now: float) -> bool:
        pending = self.pending[hand_in]
        quiet = now - pending.since
        if quiet < self.settle:
            return False
        if pending.is_whole is None:
            pending.is_whole = self.source.is_whole(hand_in)
        return pending.is_whole or quiet >= self.patience

    def _rank(self, hand_in: HandIn) -> tuple[bool, float, str]:
        is_old = self.backlog is not None and hand_in in self.backlog
        return is_old, self.pending[hand_in].since, hand_in.student


@dataclass(frozen=True)
class Submitted:
    """The students' folders under submitted/ of a course directory.

    assignments  returns those that are watched; more may be added while watching
    """

    folder: CourseFolder
    assignments: Callable[[], list[Assignment]]

    def find(self) -> list[HandIn]:
        """Every student's folder of every assignment."""
        return [
            HandIn(assignment, student)
            for assignment in self.assignments()
            for student in self.folder.students(assignment)
        ]

    def snapshot(self, hand_in: HandIn) -> Snapshot:
        """The files directly in the folder: the verdict depends on no others."""
        return snapshot_of(self.home(hand_in), deep=False)

    def is_whole(self, hand_in: HandIn) -> bool:
        """Whether the notebook and the networks look complete."""
        return is_whole(self.home(hand_in), hand_in.assignment.name)

    def home(self, hand_in: HandIn) -> Path:
        """The folder of a submission."""
        return self.folder.folder / "submitted" / hand_in.student / hand_in.assignment.name


def snapshot_of(folder: Path, *, deep: bool) -> Snapshot:
    """The state of the files in a folder, without following links.

    deep  include the folders inside
    """
    found: list[tuple[str, int, int, int, int, int]] = []
    folders = [str(folder)]
    while folders and len(found) < MOST_FILES:
        # What vanishes during the look, or can't be read, is missing here.
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in islice(entries, MOST_FILES):
                found.append(_describe(entry))
                if deep and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return tuple(sorted(found))


def _describe(entry: os.DirEntry) -> tuple[str, int, int, int, int, int]:
    state = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(state.st_mode):  # its times change with the files inside
        return entry.path, state.st_mode, 0, 0, 0, state.st_ino
    times = state.st_mtime_ns, state.st_ctime_ns  # copying tools set the first, never the second
    return entry.path, state.st_mode, state.st_size, *times, state.st_ino


def is_whole(folder: Path, assignment: str) -> bool:
    """Whether the notebook to grade, and every network beside it, look complete."""
    files = [notebook_in(folder, assignment), *folder.glob("*.safetensors")]
    try:
        return all(map(_is_whole_file, files))
    except OSError:
        return False


def _is_whole_file(path: Path) -> bool:
    """Whether a file looks complete; raises OSError if it can't be read.

    The judge refuses links, folders and files that are too large, so there is nothing to wait for.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return True
    if path.suffix.lower() == ".safetensors":
        return _is_whole_network(path)
    return path.stat().st_size > MAX_BYTES or _is_json(path.read_bytes())


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _is_whole_network(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LONGEST_HEADER:
            return True  # no network of the course: the judge says so
        header = file.read(length)
    try:
        tensors = json.loads(header)
        ends = [one["data_offsets"][1] for one in tensors.values() if "data_offsets" in one]
    except (ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return False
    return path.stat().st_size >= 8 + length + max(ends, default=0)
