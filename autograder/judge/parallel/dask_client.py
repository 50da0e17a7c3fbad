"""Judge a class on the machines of a Dask cluster: as `Pool`, with the slots elsewhere.

    with Cluster("tcp://10.0.0.1:8786", exam) as cluster:
        for submission, judgement in cluster.judge(paths): ...

A submission travels as bytes, for the machines share no file system; what lies beside it is looked
at here, and what is no file of a bearable size is refused here. Its verdict comes back as JSON. On
each machine a pool judges (see dask_worker.py), which must be the same grader as this one.

Whoever can reach a Dask scheduler can run programs on its workers: let its network be yours alone,
or use TLS (`tls://`, with the certificates that Dask's configuration names). Then nobody reads submissions, or
forges verdicts, on their way either.

A machine that is lost costs the submissions it was at another try. It is Dask that counts these
(`distributed.scheduler.allowed-failures`); a grader that is lost by itself, as for want of memory,
is counted here, as in a pool. Lost too often is not graded: that is our fault, never a zero.
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
from autograder.judge.exam import REMEDY, Exam
from autograder.judge.intake.read_notebook import MAX_BYTES, RefusedError
from autograder.judge.intake.sibling_files import files_beside
from autograder.judge.intake.weights_file import saved_bytes
from autograder.judge.judge import Judgement, judge, not_graded
from autograder.judge.parallel import dask_worker
from autograder.judge.parallel.messages import LostError, Parcel, Setting, UnfitError
from autograder.judge.parallel.pool import TRIES
from autograder.judge.verdict import Verdict

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT = 10.0  # seconds for the scheduler to answer, also when it has been lost
PATIENCE = 60.0  # seconds for a Dask worker to join, when there is none
TICK = 1.0  # seconds between looks at the cluster while nothing comes
INSTALL = "pip install 'distributed>=2024.8'"
GOES_ON = (
    "What has been judged is kept: the same command goes on from there, also without --scheduler."
)
# By names, and nothing of ours: a machine that could not read what it was sent would end without a
# word.
LOOK_FOR_GRADER = (pkgutil.resolve_name, f"{dask_worker.__name__}:__name__")

Say = Callable[[str], object]


@dataclass(frozen=True)
class _Sent:
    """A submission on its way.

    key     of its verdict, by what was there before it was read
    beside  what is told of the files beside it
    """

    path: Path
    key: str
    beside: list[str]
    future: "Future"


class Cluster:
    """Judges submissions of one assignment on the workers of a Dask scheduler; a context manager.

    scheduler  its address, or the file that `dask scheduler --scheduler-file` has written
    say        told in a sentence what is waited for
    why_cold   why workers start cold on one of the machines, or empty
    Raises CourseError: Dask is not installed, nobody is at the address, no machine has joined, or
    one of them can't judge this class.
    """

    def __init__(
        self,
        scheduler: str,
        exam: Exam,
        say: Say = lambda _: None,
    ) -> None:
        self.scheduler, self.exam, self.say = scheduler, exam, say
        name, environment = exam.assignment.name, exam.environment()
        self.setting = Setting(uuid4().hex, name, exam.level, environment)
        self.client = connect(scheduler)
        self.sent: dict[str, _Sent] = {}  # by the key of the future
        self.finished: SimpleQueue[Future] = SimpleQueue()
        self.empty_since: float | None = None  # when it was seen that there is no machine
        try:
            while not self._slots():
                pass
            self.why_cold = self._begin()
        except BaseException:  # Ctrl-C, too
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judge(self, submissions: Iterable[Path]) -> Iterator[tuple[Path, Judgement]]:
        """Judge them all; gives each as it is done, in no particular order.

        Raises CourseError: the scheduler is lost, all machines are, or one has joined that can't
        judge this.
        """
        waiting, losses = deque(submissions), Counter[Path]()
        done: list[tuple[Path, Judgement]] = []
        while waiting or self.sent or done:
            # No more are sent than are judged: of a machine that is lost, Dask suspects all that it
            # was sent.
            while waiting and len(self.sent) < self._slots():
                path = waiting.popleft()
                if can_be_sent(path):
                    self._send(path)
                else:  # it is refused, and there is nothing to run
                    done.append((path, judge(path, self.exam)))
            while done:  # only now: whoever takes them takes their time
                yield done.pop()
            for one in self._finished():
                judgement = self._judgement(one, losses)
                if judgement is None:
                    waiting.appendleft(one.path)
                else:
                    done.append((one.path, judgement))

    def close(self) -> None:
        """End all that was started for this class, on every machine."""
        with suppress(Exception):  # where the scheduler is lost, each pool ends by itself
            self.client.cancel([one.future for one in self.sent.values()])
            self.client.run(dask_worker.end, self.setting.run, on_error="ignore")
        self.client.close()

    def _slots(self) -> int:
        """How many submissions are judged at a time; after a while 0, if there is none but hope.

        Raises CourseError.
        """
        while self.client.status == "connecting":
            time.sleep(TICK)
        try:
            slots = sum(self.client.nthreads().values())
        except Exception:  # there are many by which Dask says so
            raise self._lost_scheduler() from None
        if slots:
            self.empty_since = None
        elif self.empty_since is None:
            self.empty_since = time.monotonic()
            self.say(f"No Dask worker is at {self.scheduler}: start one with `{self._how()}`.")
        elif time.monotonic() - self.empty_since > PATIENCE:
            raise CourseError(
                f"For {PATIENCE:.0f} seconds no Dask worker was at {self.scheduler}: start one with "
                f"`{self._how()}`. {GOES_ON}"
            )
        else:
            time.sleep(TICK)
        return slots

    def _lost_scheduler(self) -> CourseError:
        return CourseError(f"The Dask scheduler at {self.scheduler} is lost. {GOES_ON}")

    def _how(self) -> str:
        """The command that starts a Dask worker."""
        file = Path(self.scheduler).is_file()
        return f"dask worker {'--scheduler-file ' if file else ''}{self.scheduler}"

    def _begin(self) -> str:
        """Start a pool on each machine; returns why one is cold. Raises CourseError: one is not
        fit.
        """
        try:
            self.client.run_on_scheduler(*LOOK_FOR_GRADER)
        except ImportError as error:
            raise CourseError(
                f"The Dask scheduler at {self.scheduler} can't import the grader ({error}): start it where "
                "this clone of the course is installed, too."
            ) from None
        for address, answer in self.client.run(*LOOK_FOR_GRADER, on_error="return").items():
            if isinstance(answer, ImportError):
                raise CourseError(f"{address}: It can't import the grader ({answer}). {REMEDY}.")
        found = self.client.run(dask_worker.begin, self.setting, on_error="return")
        for address, answer in found.items():
            if isinstance(answer, dict) and "failed" in answer:
                raise CourseError(f"{address}: {answer['failed']}")
        # Who gives no answer has gone. If it comes back, its first submission tells.
        cold = {
            address: answer["why_cold"]
            for address, answer in found.items()
            if isinstance(answer, dict)
        }
        return next((f"{address}: {why}" for address, why in cold.items() if why), "")

    def _send(self, path: Path) -> None:
        """Put a submission on its way. Raises CourseError."""
        # In this order: what is handed in again meanwhile has another key, and is judged again.
        key, beside = self.exam.key_of(path), files_beside(path)
        parcel = self._packed(path)
        task = f"judge-{uuid4().hex}"
        try:
            future = self.client.submit(
                dask_worker.judge_parcel, self.setting, parcel, key=task, pure=False
            )
        except Exception:  # there are many by which Dask says so
            raise self._lost_scheduler() from None
        self.sent[task] = _Sent(path, key, beside, future)
        future.add_done_callback(self.finished.put)

    def _packed(self, path: Path) -> Parcel:
        wanted = self.exam.handed_in_with(path)
        files = {name: saved_bytes(file) for name, file in wanted.items()}
        there = {name: content for name, content in files.items() if content is not None}
        return Parcel(path.name, path.read_bytes(), there)

    def _finished(self) -> Iterator[_Sent]:
        """What has come to an end, well or not; nothing after a while. Raises CourseError: it can't
        go on.
        """
        try:
            if self.sent:
                yield self.sent.pop(str(self.finished.get(timeout=TICK).key))
        except Empty:
            self._slots()

    def _judgement(self, one: _Sent, losses: Counter[Path]) -> Judgement | None:
        """A submission's judgement; None if it has to be sent again. Raises CourseError: one is not
        fit.
        """
        from distributed import KilledWorker

        if one.future.status not in (
            "finished",
            "error",
        ):  # the connection was lost, and is there again
            return None
        try:
            verdict, notebook = one.future.result(timeout=CONNECT)
        except UnfitError as error:
            raise CourseError(f"{error} {GOES_ON}") from None
        except KilledWorker:
            return self._not_graded(one, "Each machine of the cluster that was at this was lost.")
        except LostError:
            losses[one.path] += 1
            stopped = "The grader was stopped while it was at this."
            return self._not_graded(one, stopped) if losses[one.path] == TRIES else None
        except (Exception, CancelledError) as error:
            if (
                one.future.status != "error"
            ):  # its machine was lost before it had handed over the verdict
                return None
            return self._not_graded(one, f"The grader failed: {type(error).__name__}: {error}")
        judgement = Judgement(Verdict.from_json(verdict), nbformat.from_dict(json.loads(notebook)))
        judgement.verdict.key = one.key
        judgement.verdict.flags[:0] = one.beside
        return judgement

    def _not_graded(self, one: _Sent, reason: str) -> Judgement:
        return not_graded(one.path, self.exam, reason)


def can_be_sent(submission: Path) -> bool:
    """Whether there is a file to judge; what is none, or is too large, or lies among too many, is
    refused.
    """
    try:
        files_beside(submission)
        if (
            submission.is_symlink() or not submission.is_file()
        ):  # before it is opened: a pipe would wait
            return False
        with submission.open("rb"):
            return submission.stat().st_size <= MAX_BYTES
    except (RefusedError, OSError):
        return False


def connect(scheduler: str) -> "Client":
    """A client of a Dask scheduler, by its address or its file. Raises CourseError with the
    remedy.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise CourseError(f"--scheduler needs Dask ({error}): {INSTALL}") from None
    for logger in ("distributed", "distributed.client"):  # what goes wrong is told in a sentence
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    # A submission is as large as it is.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"})
    where = {"scheduler_file" if Path(scheduler).is_file() else "address": scheduler}
    try:
        return Client(**where, timeout=CONNECT, set_as_default=False)
    except Exception as error:  # Dask's, tornado's and the system's, and an assertion
        why = str(error) or type(error).__name__
        raise CourseError(
            f"There is no Dask scheduler at {scheduler} ({why}). Start one with `dask scheduler`, and give "
            "the address that it prints."
        ) from None
