"""What a pool or a cluster is asked to do with a submission: judge it, or draw for its page."""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.judge.draw import Drawing, draw
from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement, judge, not_graded
from autograder.judge.workers.client import Opener

Result = Judgement | Drawing
TRIES = 2  # attempts at a job during which the grader dies


@dataclass(frozen=True)
class Job:
    """One submission to judge, or to draw for.

    pictures  the names of the pictures to draw; None to judge it
    hung      when drawing, the tasks that ran out of time when it was judged
    """

    path: Path
    pictures: tuple[str, ...] | None = None
    hung: tuple[str, ...] = ()

    def run(self, exam: Exam, opener: Opener | None = None) -> Result:
        """Do it, in this process."""
        if self.pictures is None:
            return judge(self.path, exam, opener=opener)
        return draw(self.path, exam, self.pictures, self.hung, opener=opener)


class Queue:
    """The jobs that are left: first those to try again, then those asked for, then those for later.

    jobs   may be an iterator: the next one is asked for when it is needed
    later  others may add to it
    """

    def __init__(self, jobs: Iterable[Job], later: deque[Job] | None = None) -> None:
        self.jobs, self.later = iter(jobs), deque[Job]() if later is None else later
        self.again = deque[Job]()
        self.losses = Counter[Job]()

    def take(self) -> Job | None:
        """The next job; None if there is none at the moment."""
        if self.again:
            return self.again.popleft()
        job = next(self.jobs, None)
        return self.later.popleft() if job is None and self.later else job

    def try_again(self, job: Job) -> bool:
        """Put back a job during which the grader died. False if it has had its attempts."""
        self.losses[job] += 1
        if self.losses[job] >= TRIES:
            return False
        self.again.append(job)
        return True


class JobRunner(ABC):
    """What does the jobs of one exam: the slots of this machine, or a cluster.

    why_cold  why workers start cold; empty if they don't
    """

    exam: Exam
    why_cold: str

    @abstractmethod
    def run(
        self, jobs: Iterable[Job], later: deque[Job] | None = None
    ) -> Iterator[tuple[Job, Result]]:
        """Do the jobs; yields each result when it is ready, in any order.

        later  done when there are no other jobs; the caller may add to it after each result
        """

    def judge(self, submissions: Iterable[Path]) -> Iterator[tuple[Path, Judgement]]:
        """Judge the submissions; yields each judgement when it is ready, in any order.

        Raises the same errors as `run`.
        """
        for job, result in self.run(Job(path) for path in submissions):
            if isinstance(result, Judgement):
                yield job.path, result

    def given_up(self, job: Job, why: str) -> Result:
        """The result of a job that could not be done."""
        failed = not_graded(job.path, self.exam, why)
        return failed if job.pictures is None else Drawing(failed.notebook, why)
