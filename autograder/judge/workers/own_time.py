"""A submission's own time: what its processes used or slept, without waiting for a core.

On a busy machine a right answer takes longer by the clock, through no fault of the student. For
each thread, Linux counts how long it was ready to run but had to wait
(`/proc/PID/task/TID/schedstat`, "run-queue delay"). A clock that subtracts this shows the same time
on an idle machine and beside fifty busy programs.

    own = max(elapsed - waited, processor time used)

The second term is for a submission whose threads wait for each other: sixty spinning threads are
charged for the processor time that they use together.
"""

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic

# What has computed for this part of its time, and has waited for a core for no more than that part
# of it, was slowed down by nothing but itself.
COMPUTED, DISTURBED = 0.9, 0.25
# Without the kernel's counts, limits are this many times as long by the clock.
WIDE = 4.0
# A box that gets no core at all is given up after this many times its limit by the clock.
PATIENCE = 100.0
TICK = 0.1  # seconds between looks at a clock that is nearly out
NANO = 1e-9


class StarvedError(Exception):
    """A submission got no core for so long that it can't be judged: the machine's fault."""


@cache
def can_be_told() -> bool:
    """Whether the kernel reports how long a thread has waited for a core."""
    try:
        used, _, slices = map(int, Path("/proc/thread-self/schedstat").read_text().split())
    except (OSError, ValueError):
        return False
    return used > 0 and slices > 0


@dataclass
class _Thread:
    """The time that a thread had used and waited (ns) when it was last looked at.

    ahead  ns of waiting that were counted here before the kernel counted them
    """

    used: int
    waited: int
    ahead: int = 0


class Meter:
    """Adds up what the processes of a box use, and how long they wait for a core. Thread-safe.

    processes  returns their numbers
    used       s of processor time since the meter was made
    waited     s that at least one of them was ready to run and had to wait
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self.processes = processes
        self.used = self.waited = 0.0
        self._threads: dict[tuple[int, int], _Thread] = {}
        self._lock = threading.Lock()
        self._at = monotonic()
        self._note(self.processes(), first=True)

    def look(self, processes: Iterable[int] | None = None) -> None:
        """Read the counters again.

        processes  their numbers, if they are known already
        """
        with self._lock:
            self._note(self.processes() if processes is None else processes)

    def _note(self, processes: Iterable[int], *, first: bool = False) -> None:
        if not can_be_told():
            return
        now = monotonic()
        since, self._at = int((now - self._at) / NANO), now
        used = longest = 0
        seen: dict[tuple[int, int], _Thread] = {}
        for key, counters in _counters(processes):
            before = self._threads.get(key, _Thread(*counters) if first else _Thread(0, 0))
            seen[key] = thread = _Thread(*counters)
            used += max(thread.used - before.used, 0)
            longest = max(longest, _waited(key, before, thread, since))
        self._threads = seen
        self.used += used * NANO
        self.waited += longest * NANO


def _waited(key: tuple[int, int], before: _Thread, now: _Thread, since: int) -> int:
    """How long a thread has waited since the last look, in ns.

    The kernel counts a wait only when it is over. During a wait, a thread is ready to run and its
    counters do not change: the time is counted here at once, and subtracted when the kernel counts
    it.
    """
    told = now.waited - before.waited
    if told == 0 and now.used == before.used and _is_ready(*key):
        now.ahead = before.ahead + since
        return since
    now.ahead = max(before.ahead - told, 0)
    return max(told - before.ahead, 0)


def _counters(processes: Iterable[int]) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
    """Process and thread, and what it has used and waited, in ns.

    Threads that have just ended are left out.
    """
    for process in processes:
        try:
            # Ten times as fast as a Path, and this is called often.
            threads = os.listdir(f"/proc/{process}/task")  # noqa: PTH208
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{process}/task/{thread}/schedstat") as file:  # noqa: PTH123
                    used, waited, _ = file.read().split()
            except (OSError, ValueError):
                continue
            yield (process, int(thread)), (int(used), int(waited))


def _is_ready(process: int, thread: int) -> bool:
    """Whether a thread could run: state R."""
    try:
        stat = Path(f"/proc/{process}/task/{thread}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["R"]


class OwnClock:
    """A deadline in a box's own time, as `frames` takes one.

    limit  s of own time
    Reading it raises StarvedError if the machine gives the box no time at all.
    """

    def __init__(self, meter: Meter, limit: float) -> None:
        self.meter, self.limit, self.start = meter, limit, monotonic()
        self._used, self._waited = meter.used, meter.waited

    def left(self) -> float:
        """Seconds to wait before it is asked again; 0 or less when the time is over."""
        elapsed = monotonic() - self.start
        if elapsed < self.limit:  # own time is never longer: the counters need not be read
            return self.limit - elapsed
        own = self.passed(elapsed)
        if own < self.limit and elapsed > PATIENCE * self.limit:
            got = f"of {elapsed:.0f} seconds it got {own:.1f}"
            raise StarvedError(f"the machine was so busy that {got}: grade it again")
        return 0.0 if own >= self.limit else max(self.limit - own, TICK)

    def passed(self, elapsed: float | None = None) -> float:
        """Seconds of own time since the clock was made."""
        elapsed = monotonic() - self.start if elapsed is None else elapsed
        self.meter.look()
        used, waited = self.meter.used - self._used, self.meter.waited - self._waited
        return own_seconds(elapsed, waited, used)

    def was_undisturbed(self) -> bool:
        """Whether the time went into computing, on a machine that left it a core.

        Then the same work would take as long again. If it is not known, it is not.
        """
        passed = self.passed()
        used, waited = self.meter.used - self._used, self.meter.waited - self._waited
        return used >= COMPUTED * passed and waited <= DISTURBED * passed


def own_seconds(elapsed: float, waited: float, used: float = 0.0) -> float:
    """Own time, in s.

    elapsed  s by the clock
    waited   s of waiting for a core
    used     s of processor time
    """
    if not can_be_told():
        return elapsed / WIDE
    return max(elapsed - waited, used, 0.0)


def load_of_machine() -> float:
    """The machine's load average of the last minute for each core; 0 where it is not known."""
    try:
        return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except (OSError, AttributeError):
        return 0.0
