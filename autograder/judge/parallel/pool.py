"""Judge many submissions in parallel: one process per core, with workers forked from one zygote.

    with Pool(exam) as pool:
        for submission, judgement in pool.judge(paths): ...

`pool.run(jobs, later)` does the jobs of `later`, such as the pictures of feedback pages, whenever a
slot has no other job.

If a slot's process dies (for example because it ran out of memory), its submission gets a second
attempt in a new process. If that dies too, the submission is not graded, which is never a zero.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Self

import torch

from autograder.judge.exam import Exam
from autograder.judge.judge import cold_opener
from autograder.judge.limits import Limits
from autograder.judge.parallel.jobs import Job, JobRunner, Queue, Result
from autograder.judge.source.forbidden_calls import objects_of
from autograder.judge.workers.box import Box, open_box
from autograder.judge.workers.bubblewrap import BUBBLEWRAP, SandboxError
from autograder.judge.workers.warm import Slot as ZygoteSlot
from autograder.judge.workers.warm import Zygote

# Forked, so that a slot shares all modules that this process has imported.
CONTEXT = get_context("fork")
STOPPED = "The grader was stopped while judging this submission."


@dataclass
class Slot:
    """A process that does one job at a time.

    worker_factory  opens warm workers from the zygote; None if workers start cold
    job             what it is doing, or None
    """

    process: BaseProcess
    pipe: Connection
    worker_factory: ZygoteSlot | None
    job: Job | None = None


class Pool(JobRunner):
    """Judges submissions of one exam; a context manager.

    jobs      how many submissions to judge in parallel; by default one per core
    warm      if False, every worker starts cold
    why_cold  why there is no zygote; empty if there is one
    Raises SandboxError, with the fix, if the sandbox does not work.
    """

    def __init__(self, exam: Exam, jobs: int | None = None, *, warm: bool = True) -> None:
        self.exam = exam
        count = jobs or os.cpu_count() or 1
        self.why_cold = "" if warm else "asked for"
        self.zygote = self._start_zygote(count) if warm and exam.level == BUBBLEWRAP else None
        factories: Sequence[ZygoteSlot | None] = [None] * count
        if self.zygote:
            factories = self.zygote.slots
        else:
            open_box(exam.level, Limits()).close()  # fail now, not after grading has started
        self.slots: list[Slot] = []
        for factory in factories:
            self.slots.append(self._start_slot(factory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, jobs: Iterable[Job], later: deque[Job] | None = None
    ) -> Iterator[tuple[Job, Result]]:
        """Do the jobs; yields each result when it is ready, in any order.

        jobs   the next one is asked for when a slot is free, so they may still be arriving
        later  done when there are no other jobs; the caller may add to it after each result
        """
        queue = Queue(jobs, later)
        while True:
            for slot in self.slots:
                if slot.job is None:
                    self._assign(slot, queue.take())
            busy = [(slot, slot.job) for slot in self.slots if slot.job is not None]
            if not busy:
                return
            ready = wait([slot.pipe for slot, _ in busy])
            for slot, job in busy:
                if slot.pipe not in ready:
                    continue
                result = self._receive(slot)
                if result is None and not queue.try_again(job):
                    result = self.given_up(job, STOPPED)
                self._assign(slot, queue.take())
                if result is not None:
                    yield job, result

    def close(self) -> None:
        """End the slots, the zygote and every worker."""
        for slot in self.slots:
            slot.pipe.close()
            slot.process.terminate()
        for slot in self.slots:
            slot.process.join()
        if self.zygote:
            self.zygote.close()

    def _start_zygote(self, jobs: int) -> Zygote | None:
        """Start a zygote and test that it forks; None, and `why_cold` is set, if it does not."""
        try:
            zygote = Zygote(jobs, self.exam.preload, self.exam.packs, self.exam.loads)
            for rule in self.exam.rules.values():  # meanwhile; the slots are forks of this process
                objects_of(rule)
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

    def _start_slot(self, factory: ZygoteSlot | None) -> Slot:
        ours, theirs = CONTEXT.Pipe()
        to_close = [ours, *(slot.pipe for slot in self.slots)]
        arguments = (theirs, to_close, self.exam, factory)
        process = CONTEXT.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return Slot(process, ours, factory)

    def _assign(self, slot: Slot, job: Job | None) -> None:
        slot.job = job
        if job is not None:
            slot.pipe.send(job)

    def _receive(self, slot: Slot) -> Result | None:
        """The slot's result; None if its process has died, which is then replaced."""
        try:
            return slot.pipe.recv()
        except (EOFError, OSError):
            self._replace(slot)
            return None

    def _replace(self, slot: Slot) -> None:
        """Start a new process in a slot. It takes over the connection to the zygote."""
        slot.process.kill()
        slot.process.join()
        fresh = self._start_slot(slot.worker_factory)
        slot.process, slot.pipe = fresh.process, fresh.pipe


def _work(
    pipe: Connection, to_close: list[Connection], exam: Exam, factory: ZygoteSlot | None
) -> None:
    """The main function of a slot: do jobs until the pool closes its end of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the pool handles Ctrl-C
    # A fork does not copy torch's threads, so waiting for one of them would hang. Besides, there is
    # already one slot per core.
    torch.set_num_threads(1)
    for connection in to_close:
        connection.close()
    opener = _make_opener(exam, factory) if factory else None
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(job.run(exam, opener))


def _make_opener(exam: Exam, factory: ZygoteSlot) -> Callable[[Limits], Box]:
    """A function that opens a warm worker, or a cold one if the zygote fails."""

    cold = cold_opener(exam)

    def open_(limits: Limits) -> Box:
        try:
            return factory.open(limits)
        except SandboxError:
            return cold(limits)

    return open_
