"""Judge a class on the machines of a Dask cluster; the interface is the same as `Pool`'s.

    with Cluster("tcp://10.0.0.1:8786", exam) as cluster:
        for submission, judgement in cluster.judge(paths): ...

The machines share no file system, so a submission is sent as bytes, and its verdict comes back as
JSON. This machine inspects the files beside a notebook, and refuses anything that is not a file of
a reasonable size. Each other machine runs a pool (see dask_worker.py), with the same version of the
grader as here.

Anyone who can reach a Dask scheduler can run programs on its workers. Use a private network, or TLS
(`tls://`, with the certificates from Dask's configuration). TLS also prevents others from reading
submissions or forging verdicts on the network.

If a machine is lost, its submissions are tried again on another. Dask counts these attempts
(`distributed.scheduler.allowed-failures`). If only the grader on a machine dies, for example
because it ran out of memory, the attempts are counted here, as in a pool. After too many attempts a
submission is not graded, which is never a zero.
"""

import json
import logging
import pkgutil
import time
from asyncio import CancelledError
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import nbformat

from autograder.assignments import CourseError
from autograder.judge.draw import Drawing
from autograder.judge.exam import REMEDY, Exam
from autograder.judge.intake.read_notebook import MAX_BYTES, RefusedError
from autograder.judge.intake.sibling_files import files_beside
from autograder.judge.intake.weights_file import saved_bytes
from autograder.judge.judge import Judgement
from autograder.judge.parallel import dask_worker
from autograder.judge.parallel.jobs import TRIES, Job, JobRunner, Result
from autograder.judge.parallel.messages import LostError, Parcel, Setting, UnfitError
from autograder.judge.parallel.pool import STOPPED
from autograder.judge.verdict import Verdict

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT = 10.0  # seconds that the scheduler may take to answer
PATIENCE = 60.0  # seconds to wait for a Dask worker if there is none
TICK = 1.0  # seconds between checks of the cluster while nothing arrives
INSTALL = "pip install 'distributed>=2024.8'"
GOES_ON = (
    "Finished verdicts are kept: the same command continues from there, even without --scheduler."
)
# A function and a name from the standard library. A machine without the grader could not unpickle
# one of our functions, and would end without an error message.
LOOK_FOR_GRADER = (pkgutil.resolve_name, f"{dask_worker.__name__}:__name__")

Say = Callable[[str], object]


@dataclass(frozen=True)
class _Sent:
    """A job that was sent to the cluster.

    key     hash of everything that its verdict depends on, computed before the files were read
    beside  notes on the files beside it
    """

    job: Job
    key: str
    beside: list[str]
    future: "Future"


class Cluster(JobRunner):
    """Judges submissions of one assignment on the workers of a Dask scheduler; a context manager.

    scheduler  its address, or the file that `dask scheduler --scheduler-file` has written
    say        called with a sentence if the cluster has to be waited for
    why_cold   why workers start cold on one of the machines; empty if they don't
    Raises CourseError: Dask is not installed, no scheduler answers at the address, no machine has
    joined, or one of them can't judge this class.
    """

    def __init__(self, scheduler: str, exam: Exam, say: Say = lambda _: None) -> None:
        self.scheduler, self.exam, self.say = scheduler, exam, say
        run = uuid4().hex
        self.setting = Setting(run, exam.assignment.name, exam.level, exam.environment())
        self.client = connect(scheduler)
        self.sent: dict[str, _Sent] = {}  # by the key of the future
        self.finished: SimpleQueue[Future] = SimpleQueue()
        self.empty_since: float | None = None  # when the cluster was first seen without a machine
        try:
            while not self._count_slots():
                pass
            self.why_cold = self._start_pools()
        except BaseException:  # Ctrl-C, too
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, jobs: Iterable[Job], later: deque[Job] | None = None
    ) -> Iterator[tuple[Job, Result]]:
        """Do the jobs; yields each result when it is ready, in any order.

        later  done when there are no other jobs; the caller may add to it after each result
        Raises CourseError: the scheduler or all machines are lost, or a machine has joined that
        can't judge this class.
        """
        waiting, losses = deque(jobs), Counter[Job]()
        later = deque() if later is None else later
        done: list[tuple[Job, Result]] = []
        while waiting or later or self.sent or done:
            # Never send more than the slots can judge: if a machine is lost, Dask counts a failure
            # for every submission that was sent to it.
            while (waiting or later) and len(self.sent) < self._count_slots():
                job = waiting.popleft() if waiting else later.popleft()
                if can_be_sent(job.path):
                    self._send(job)
                else:  # it is refused without being run
                    done.append((job, job.run(self.exam)))
            while done:  # after sending, because the caller may work for a while on each result
                yield done.pop()
            for one in self._wait_for_finished():
                result = self._read_result(one, losses)
                if result is None:
                    waiting.appendleft(one.job)
                else:
                    done.append((one.job, result))

    def close(self) -> None:
        """End everything that was started for this class, on every machine."""
        with suppress(Exception):  # if the scheduler is lost, each pool ends by itself
            self.client.cancel([one.future for one in self.sent.values()])
            self.client.run(dask_worker.end, self.setting.run, on_error="ignore")
        self.client.close()

    def _count_slots(self) -> int:
        """How many submissions the cluster judges at a time; 0 while no machine has joined yet.

        Raises CourseError if the scheduler is lost, or if no machine joins in time.
        """
        while self.client.status == "connecting":
            time.sleep(TICK)
        try:
            slots = sum(self.client.nthreads().values())
        except Exception:  # Dask raises many kinds if the scheduler is lost
            raise self._lost_scheduler() from None
        if slots:
            self.empty_since = None
            return slots
        option = "--scheduler-file " if Path(self.scheduler).is_file() else ""
        remedy = f"Start one with `dask worker {option}{self.scheduler}`."
        if self.empty_since is None:
            self.empty_since = time.monotonic()
            self.say(f"No Dask worker is connected to {self.scheduler}. {remedy}")
        elif time.monotonic() - self.empty_since > PATIENCE:
            empty = f"No Dask worker was connected to {self.scheduler} for {PATIENCE:.0f} seconds."
            raise CourseError(f"{empty} {remedy} {GOES_ON}")
        else:
            time.sleep(TICK)
        return 0

    def _lost_scheduler(self) -> CourseError:
        return CourseError(f"The Dask scheduler at {self.scheduler} is lost. {GOES_ON}")

    def _start_pools(self) -> str:
        """Start a pool on each machine; returns why workers start cold on one of them, or "".

        Raises CourseError if a machine can't judge this class.
        """
        try:
            self.client.run_on_scheduler(*LOOK_FOR_GRADER)
        except ImportError as error:
            scheduler = f"The Dask scheduler at {self.scheduler}"
            raise CourseError(
                f"{scheduler} can't import the grader ({error}). Start it in an environment with "
                "this clone of the course installed."
            ) from None
        for address, answer in self.client.run(*LOOK_FOR_GRADER, on_error="return").items():
            if isinstance(answer, ImportError):
                raise CourseError(f"{address}: It can't import the grader ({answer}). {REMEDY}.")
        found = self.client.run(dask_worker.begin, self.setting, on_error="return")
        for address, answer in found.items():
            if isinstance(answer, dict) and "failed" in answer:
                raise CourseError(f"{address}: {answer['failed']}")
        # A worker that did not answer has left. If it returns, its first submission starts a pool.
        for address, answer in found.items():
            if isinstance(answer, dict) and answer["why_cold"]:
                return f"{address}: {answer['why_cold']}"
        return ""

    def _send(self, job: Job) -> None:
        """Send a job to the cluster. Raises CourseError if the scheduler is lost."""
        path = job.path
        # The key comes first: if the files change before they are read, the verdict's key does not
        # match them, and they are judged again.
        key, beside = self.exam.key_of(path), files_beside(path)
        parcel = self._pack(job)
        task = f"judge-{uuid4().hex}"
        try:
            future = self.client.submit(
                dask_worker.run_parcel, self.setting, parcel, key=task, pure=False
            )
        except Exception:  # Dask raises many kinds if the scheduler is lost
            raise self._lost_scheduler() from None
        self.sent[task] = _Sent(job, key, beside, future)
        future.add_done_callback(self.finished.put)

    def _pack(self, job: Job) -> Parcel:
        files = {}
        for name, file in self.exam.handed_in_with(job.path).items():
            content = saved_bytes(file)
            if content is not None:
                files[name] = content
        return Parcel(job.path.name, job.path.read_bytes(), files, job.pictures, job.hung)

    def _wait_for_finished(self) -> Iterator[_Sent]:
        """Yield a job that has finished or failed; none if nothing arrives for a moment.

        Raises CourseError if the cluster is lost.
        """
        try:
            if self.sent:
                yield self.sent.pop(str(self.finished.get(timeout=TICK).key))
        except Empty:
            self._count_slots()

    def _read_result(self, one: _Sent, losses: Counter[Job]) -> Result | None:
        """A job's result; None if it has to be sent again.

        losses  how often the grader has died at each job
        Raises CourseError if a machine can't judge this class.
        """
        from distributed import KilledWorker

        # Any other status: the connection to the scheduler was lost, and is back.
        if one.future.status not in ("finished", "error"):
            return None
        try:
            said, notebook = one.future.result(timeout=CONNECT)
        except UnfitError as error:
            raise CourseError(f"{error} {GOES_ON}") from None
        except KilledWorker:
            lost = "Every machine that tried to judge this submission was lost."
            return self.given_up(one.job, lost)
        except LostError:
            losses[one.job] += 1
            return None if losses[one.job] < TRIES else self.given_up(one.job, STOPPED)
        except (Exception, CancelledError) as error:
            # Any other status: the machine was lost before it delivered the result.
            if one.future.status != "error":
                return None
            return self.given_up(one.job, f"The grader failed: {type(error).__name__}: {error}")
        executed = nbformat.from_dict(json.loads(notebook))
        if one.job.pictures is not None:
            return Drawing(executed, json.loads(said))
        judgement = Judgement(Verdict.from_json(said), executed)
        judgement.verdict.key = one.key
        judgement.verdict.flags[:0] = one.beside
        return judgement


def can_be_sent(submission: Path) -> bool:
    """Whether it is a readable file that is not too large and not among too many others.

    If not, the judge refuses it without running anything.
    """
    try:
        files_beside(submission)
        # Checked before the file is opened, because opening a pipe would block.
        if submission.is_symlink() or not submission.is_file():
            return False
        with submission.open("rb"):
            return submission.stat().st_size <= MAX_BYTES
    except (RefusedError, OSError):
        return False


def connect(scheduler: str) -> "Client":
    """Connect to a Dask scheduler, by its address or its file. Raises CourseError with the fix."""
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise CourseError(f"--scheduler needs Dask ({error}): {INSTALL}") from None
    for logger in ("distributed", "distributed.client"):  # our CourseErrors report what goes wrong
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    # Dask warns about large messages, but a large submission must be sent all the same.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"})
    where = {"scheduler_file" if Path(scheduler).is_file() else "address": scheduler}
    try:
        return Client(**where, timeout=CONNECT, set_as_default=False)
    except Exception as error:  # of Dask, tornado or the system, or an AssertionError
        why = str(error) or type(error).__name__
        raise CourseError(
            f"There is no Dask scheduler at {scheduler} ({why}). Start one with `dask scheduler`, "
            "and use the address that it prints."
        ) from None
