"""What a pool or a cluster is asked to do with a submission: judge it, or draw for its page."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.judge.exam import Exam
from autograder.judge.judge import Drawing, Judgement, draw, judge
from autograder.judge.workers.client import Opener

Result = Judgement | Drawing
TRIES = 2  # attempts at a job during which the grader dies


@dataclass(frozen=True)
class Job:
    """One submission to judge, or to draw for.

    pictures  the names of the pictures to draw; None to judge it
    """

    path: Path
    pictures: tuple[str, ...] | None = None

    def run(self, exam: Exam, opener: Opener | None = None) -> Result:
        """Do it, in this process."""
        if self.pictures is None:
            return judge(self.path, exam, opener=opener)
        return draw(self.path, exam, self.pictures, opener=opener)


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
