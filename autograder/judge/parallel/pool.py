"""Judge many submissions side by side: one process for each core, all with workers from one zygote.

    with Pool(assignment) as pool:
        for submission, judgement in pool.judge(paths): ...

A slot that is lost (killed, out of memory) costs the submission it was at a second try, in a new
slot; lost twice, it is not graded. That is our fault, never a zero.
"""

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Self

import torch

from autograder.assignments import Assignment
from autograder.authoring.master import read_master
from autograder.authoring.packs import hidden_packs_of, packs_of
from autograder.judge.judge import Judgement, judge, not_graded
from autograder.judge.limits import Limits
from autograder.judge.workers.box import Box, open_box
from autograder.judge.workers.bubblewrap import BUBBLEWRAP, SandboxError
from autograder.judge.workers.preload import preload_of
from autograder.judge.workers.warm import Slot, Zygote

TRIES = 2
# Forked, so that a slot has imported all that this process has.
CONTEXT = get_context("fork")


@dataclass
class _Seat:
    """A slot's process, as the pool sees it."""

    process: CONTEXT.Process
    pipe: Connection
    way: Slot | None  # to the zygote
    at: Path | None = None  # the submission it is judging


class Pool:
    """Judges submissions of one assignment; a context manager.

    level     the sandbox; only bubblewrap has a zygote, the other starts its workers cold
    slots     how many at a time; by default one for each core
    warm      False: start each worker cold, as the reference does
    why_cold  why there is no zygote, or empty
    Raises SandboxError, with the remedy, if the sandbox can't be had.
    """

    def __init__(
        self,
        assignment: Assignment,
        level: str = BUBBLEWRAP,
        slots: int | None = None,
        *,
        warm: bool = True,
    ) -> None:
        self.assignment, self.level = assignment, level
        count = slots or os.cpu_count() or 1
        # A master that can't be read, or a pack that can't be made, is told before anything is
        # started.
        master = read_master(assignment)
        self.packs, self.preload = packs_of(master), preload_of(master)
        hidden_packs_of(master)
        self.why_cold = "" if warm else "asked for"
        self.zygote = self._zygote(count) if warm and level == BUBBLEWRAP else None
        if self.zygote is None:
            open_box(level, Limits()).close()  # before a class is kept waiting for it
        ways = self.zygote.slots if self.zygote else [None] * count
        self.seats: list[_Seat] = []
        for way in ways:
            self.seats.append(self._seat(way))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judge(self, submissions: Iterable[Path]) -> Iterator[tuple[Path, Judgement]]:
        """Judge them all; gives each as it is done, in no particular order."""
        waiting, tries = deque(submissions), Counter[Path]()
        for seat in self.seats:
            self._give(seat, waiting)
        while busy := [seat for seat in self.seats if seat.at is not None]:
            ready = wait([seat.pipe for seat in busy])
            for seat in (seat for seat in busy if seat.pipe in ready):
                path = seat.at
                judgement = self._received(seat)
                if judgement is None:
                    tries[path] += 1
                    if tries[path] < TRIES:
                        waiting.appendleft(path)
                    else:
                        judgement = self._lost(path)
                self._give(seat, waiting)
                if judgement is not None:
                    yield path, judgement

    def close(self) -> None:
        """End the slots, the zygote and every worker."""
        for seat in self.seats:
            seat.pipe.close()
            seat.process.terminate()
        for seat in self.seats:
            seat.process.join()
        if self.zygote:
            self.zygote.close()

    def _zygote(self, slots: int) -> Zygote | None:
        """A zygote that has shown that it can fork; None, with the reason kept, if there is
        none.
        """
        try:
            zygote = Zygote(slots, self.preload, self.packs)
            zygote.wait_until_ready()
        except SandboxError as error:
            self.why_cold = str(error)
            return None
        try:
            zygote.slots[0].open(Limits()).close()
        except SandboxError as error:
            zygote.close()
            self.why_cold = str(error)
            return None
        return zygote

    def _seat(self, way: Slot | None) -> _Seat:
        ours, theirs = CONTEXT.Pipe()
        others = [seat.pipe for seat in self.seats]
        given = (
            theirs,
            [ours, *others],
            self.assignment,
            self.level,
            way,
            self.packs,
            self.preload,
        )
        process = CONTEXT.Process(target=_work, args=given, daemon=True)
        process.start()
        theirs.close()
        return _Seat(process, ours, way)

    def _give(self, seat: _Seat, waiting: deque[Path]) -> None:
        seat.at = waiting.popleft() if waiting else None
        if seat.at is not None:
            seat.pipe.send(seat.at)

    def _received(self, seat: _Seat) -> Judgement | None:
        """What a slot answers; None, and a new process in its place, if it was lost."""
        try:
            return seat.pipe.recv()
        except (EOFError, OSError):
            self._replace(seat)
            return None

    def _replace(self, seat: _Seat) -> None:
        """A new process in the place of one that was lost; it shares the way to the zygote."""
        seat.process.kill()
        seat.process.join()
        fresh = self._seat(seat.way)
        seat.process, seat.pipe = fresh.process, fresh.pipe

    def _lost(self, path: Path) -> Judgement:
        return not_graded(
            path, self.assignment, self.level, "The grader was stopped while it was at this."
        )


def _work(
    pipe: Connection,
    others: list[Connection],
    assignment: Assignment,
    level: str,
    way: Slot | None,
    packs: Sequence[Path],
    preload: Sequence[str],
) -> None:
    """A slot: judges what it is given until the pool closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pool's business
    # The threads that torch has started in the pool's process did not come along: to wait for one
    # is to hang. And a core has one slot.
    torch.set_num_threads(1)
    for other in others:
        other.close()
    opener = _opener(level, way, packs, preload) if way else None
    while True:
        try:
            path = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(judge(path, assignment, level=level, opener=opener))


def _opener(
    level: str, way: Slot, packs: Sequence[Path], preload: Sequence[str]
) -> Callable[[Limits], Box]:
    """A warm worker, or a cold one where the zygote fails."""

    def open_(limits: Limits) -> Box:
        try:
            return way.open(limits)
        except SandboxError:
            return open_box(level, limits, packs, preload)

    return open_
