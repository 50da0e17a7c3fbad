"""Judge many submissions side by side: one process for each core, all with workers from one zygote.

    with Pool(exam) as pool:
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
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

import torch

from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement, judge, not_graded
from autograder.judge.limits import Limits
from autograder.judge.workers.box import Box, open_box
from autograder.judge.workers.bubblewrap import BUBBLEWRAP, SandboxError
from autograder.judge.workers.warm import Slot as ZygoteSlot
from autograder.judge.workers.warm import Zygote

TRIES = 2
# Forked, so that a slot has imported all that this process has.
CONTEXT = get_context("fork")


@dataclass
class Slot:
    """A place for one submission at a time: a process of its own.

    worker_factory  where its workers come from: the zygote's end, or None if they start cold
    path            the submission that it is judging
    """

    process: BaseProcess
    pipe: Connection
    worker_factory: ZygoteSlot | None
    path: Path | None = None


class Pool:
    """Judges submissions of one exam; a context manager.

    jobs      how many at a time; by default one for each core
    warm      False: start each worker cold, as the reference does
    why_cold  why there is no zygote, or empty
    Raises SandboxError, with the remedy, if the sandbox can't be had.
    """

    def __init__(self, exam: Exam, jobs: int | None = None, *, warm: bool = True) -> None:
        self.exam = exam
        count = jobs or os.cpu_count() or 1
        self.why_cold = "" if warm else "asked for"
        self.zygote = self._zygote(count) if warm and exam.level == BUBBLEWRAP else None
        factories: Sequence[ZygoteSlot | None] = [None] * count
        if self.zygote:
            factories = self.zygote.slots
        else:
            open_box(exam.level, Limits()).close()  # before a class is kept waiting for it
        self.slots: list[Slot] = []
        for factory in factories:
            self.slots.append(self._slot(factory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judge(self, submissions: Iterable[Path]) -> Iterator[tuple[Path, Judgement]]:
        """Judge them all; gives each as it is done, in no particular order."""
        waiting, tries = deque(submissions), Counter[Path]()
        for slot in self.slots:
            self._give(slot, waiting)
        while busy := [(slot, slot.path) for slot in self.slots if slot.path is not None]:
            ready = wait([slot.pipe for slot, _ in busy])
            for slot, path in busy:
                if slot.pipe not in ready:
                    continue
                judgement = self._received(slot)
                if judgement is None:
                    tries[path] += 1
                    if tries[path] < TRIES:
                        waiting.appendleft(path)
                    else:
                        judgement = self._lost(path)
                self._give(slot, waiting)
                if judgement is not None:
                    yield path, judgement

    def close(self) -> None:
        """End the slots, the zygote and every worker."""
        for slot in self.slots:
            slot.pipe.close()
            slot.process.terminate()
        for slot in self.slots:
            slot.process.join()
        if self.zygote:
            self.zygote.close()

    def _zygote(self, jobs: int) -> Zygote | None:
        """A zygote that has shown that it can fork; None, with the reason kept, if there is none."""
        try:
            zygote = Zygote(jobs, self.exam.preload, self.exam.packs)
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

    def _slot(self, factory: ZygoteSlot | None) -> Slot:
        ours, theirs = CONTEXT.Pipe()
        not_its_own = [ours, *(slot.pipe for slot in self.slots)]
        given = (theirs, not_its_own, self.exam, factory)
        process = CONTEXT.Process(target=_work, args=given, daemon=True)
        process.start()
        theirs.close()
        return Slot(process, ours, factory)

    def _give(self, slot: Slot, waiting: deque[Path]) -> None:
        slot.path = waiting.popleft() if waiting else None
        if slot.path is not None:
            slot.pipe.send(slot.path)

    def _received(self, slot: Slot) -> Judgement | None:
        """What a slot answers; None, and a new process in its place, if it was lost."""
        try:
            return slot.pipe.recv()
        except (EOFError, OSError):
            self._replace(slot)
            return None

    def _replace(self, slot: Slot) -> None:
        """A new process in the place of one that was lost; it shares the way to the zygote."""
        slot.process.kill()
        slot.process.join()
        fresh = self._slot(slot.worker_factory)
        slot.process, slot.pipe = fresh.process, fresh.pipe

    def _lost(self, path: Path) -> Judgement:
        return not_graded(path, self.exam, "The grader was stopped while it was at this.")


def _work(
    pipe: Connection, others: list[Connection], exam: Exam, factory: ZygoteSlot | None
) -> None:
    """A slot: judges what it is given until the pool closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pool's business
    # The threads that torch has started in the pool's process did not come along: to wait for one
    # is to hang. And a core has one slot.
    torch.set_num_threads(1)
    for other in others:
        other.close()
    opener = _opener(exam, factory) if factory else None
    while True:
        try:
            path = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(judge(path, exam, opener=opener))


def _opener(exam: Exam, factory: ZygoteSlot) -> Callable[[Limits], Box]:
    """A warm worker, or a cold one where the zygote fails."""

    def open_(limits: Limits) -> Box:
        try:
            return factory.open(limits)
        except SandboxError:
            return open_box(exam.level, limits, exam.packs, exam.preload)

    return open_
