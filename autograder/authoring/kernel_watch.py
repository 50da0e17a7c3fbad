"""Detect a kernel that no longer does anything.

It is judged by what its processes do, never by the clock: on a busy machine, everything is slow.

A kernel moves if it or what it has started computes, waits for a processor, or reads and writes.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import psutil

PERIOD = 10.0  # seconds between two looks at the kernel
# Looks in a row that must find it still: five minutes, or more if this process has to wait as well.
LOOKS = 30
# Of a processor. A kernel that waits for a lock takes 0.0005 of one, for a shell command (`!sleep
# 60`) 0.013. Where nothing but this is known, a computing kernel on a busy machine might look idle:
# better too patient.
COMPUTES = 0.02 if sys.platform == "linux" else 0.005
# Share of the time spent waiting for a processor. A thread that wakes up briefly waits less.
WAITS = 0.5
TRANSFERS = 4096  # bytes in each second, read or written


class Work(NamedTuple):
    """What some processes have done since they began, or between two such moments.

    computed     seconds of processor time
    waited       seconds in which a thread was ready and had no processor; 0 where the system does
                 not say
    transferred  bytes read and written; 0 where the system does not say
    """

    computed: float
    waited: float
    transferred: float

    def moves(self, seconds: float) -> bool:
        """Whether that is more than nothing, for so many seconds."""
        return (
            self.computed >= COMPUTES * seconds
            or self.waited >= WAITS * seconds
            or self.transferred >= TRANSFERS * seconds
        )


def work_of(pid: int) -> dict[int, Work]:
    """The work of a process and its descendants so far, by process id; empty if it has ended."""
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
    except psutil.Error:
        return {}
    found = {}
    for one in tree:
        try:
            found[one.pid] = _work(one)
        except psutil.Error:  # it has just ended
            continue
    return found


def _work(process: psutil.Process) -> Work:
    with process.oneshot():
        times = process.cpu_times()
        try:
            transfers = process.io_counters()
            characters = transfers.read_chars + transfers.write_chars
        except (AttributeError, psutil.AccessDenied):
            # macOS and Windows count differently, or not at all.
            characters = 0
    return Work(times.user + times.system, _waited(process.pid), characters)


def _waited(pid: int) -> float:
    """Seconds that the threads of a process were ready and had no processor: Linux counts them."""
    waited = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            waited += int(thread.read_text().split()[1])
        except (OSError, IndexError, ValueError):  # it has just ended
            continue
    return waited / 1e9


def work_between(before: dict[int, Work], after: dict[int, Work]) -> Work:
    """The work done between two moments.

    A new process counts with all its work; one that has ended does not count.
    """
    nothing = Work(0, 0, 0)
    each = [
        [max(0.0, new - old) for new, old in zip(work, before.get(pid, nothing), strict=True)]
        for pid, work in after.items()
    ]
    return Work(*map(sum, zip(*each, strict=True))) if each else nothing


class Watch:
    """A thread that looks at a kernel now and then. A context manager.

    pid       gives the kernel's process, or None while there is none
    on_still  called once, when the kernel has not moved for `looks` times `period` seconds
    on_tick   called every second
    """

    def __init__(
        self,
        pid: Callable[[], int | None],
        on_still: Callable[[], object],
        on_tick: Callable[[], object] = lambda: None,
        *,
        period: float = PERIOD,
        looks: int = LOOKS,
    ) -> None:
        self.pid, self.on_still, self.on_tick = pid, on_still, on_tick
        self.period, self.looks = period, looks
        self.still = 0  # looks in a row that found no movement
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True, name="kernel watch")

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        self._thread.join()

    def moved(self) -> None:
        """Something else shows that the kernel moves: it has begun another cell."""
        self.still = 0

    def _run(self) -> None:
        before, since = self._work(), time.monotonic()
        while not self._over.wait(min(1.0, self.period)):
            self.on_tick()
            seconds = time.monotonic() - since
            if seconds < self.period:
                continue
            now = self._work()
            self.look(before, now, seconds)
            before, since = now, time.monotonic()
            if self.still >= self.looks:
                self.on_still()
                return

    def look(self, before: dict[int, Work], after: dict[int, Work], seconds: float) -> None:
        """Count a look at a kernel that has done this in so many seconds."""
        ended = not after  # nbclient finds out by itself
        self.still = 0 if ended or work_between(before, after).moves(seconds) else self.still + 1

    def _work(self) -> dict[int, Work]:
        pid = self.pid()
        return {} if pid is None else work_of(pid)
