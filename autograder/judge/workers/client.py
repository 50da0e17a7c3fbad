"""The judge's end of a worker: sends requests, times and watches it, and checks every reply."""

import contextlib
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Literal

from torch import Tensor

from autograder.judge.inside import codec, frames, vocabulary
from autograder.judge.inside.codec import Handle
from autograder.judge.limits import GB, Limits
from autograder.judge.workers.box import Box, open_box
from autograder.judge.workers.bubblewrap import SandboxError
from autograder.judge.workers.own_time import Meter, OwnClock, StarvedError, own_seconds

__all__ = [
    "CallReply",
    "CellReply",
    "Handle",
    "SandboxError",
    "StarvedError",
    "Worker",
    "WorkerDied",
]

Reason = Literal["time", "processor", "memory", "crash", "output", "protocol"]
Output = dict[str, Any]
Opener = Callable[[Limits], Box]  # gives a box with a ready worker; raises SandboxError

WATCH_INTERVAL = 0.2  # seconds
# A worker that has closed its connection should end: it has this much of its own time to do so.
LAST_WORDS = 5.0
# A crash of a process that has grown to this part of its limit is attributed to memory: C code
# rarely reports the cause.
NEARLY = 0.8
MOST_SKIPPED = 20  # statements of a cell that were left out
LONGEST = 200  # characters of such a statement, and of its error
BWRAP_PROCESSES = 8  # an upper bound; the kernel counts the worker's own processes exactly
MIMES: dict[str, type] = {"text/plain": str, "image/png": bytes}


class WorkerDied(Exception):  # noqa: N818  an event, not an error of ours
    """The worker hung, crashed, or broke a rule. It has been ended, with all that it started.

    reason  time | processor (the time of all its requests together) | memory | crash | output |
            protocol
    undisturbed  it has computed until its time was over, and did not have to wait for a core: the
                 same request would end in the same way again

    The text is a predicate that a student may read, such as "ran longer than 5 seconds".
    """

    def __init__(self, reason: Reason, message: str, *, undisturbed: bool = False) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.undisturbed = undisturbed


@dataclass(frozen=True)
class CellReply:
    """The result of a cell.

    ok       it ran to its end
    skipped  the statements that failed and were left out: the line, the statement and the error,
             as the student sees them
    outputs  in order, in the notebook format's shape:
             {"output_type": "stream", "name": "stdout" | "stderr", "text": str}
             {"output_type": "display_data" | "execute_result",
              "data": {"text/plain": str, "image/png": bytes}}  either or both
             {"output_type": "error", "ename": str, "evalue": str, "traceback": str}
    """

    ok: bool
    outputs: list[Output]
    skipped: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class CallReply:
    """The result of a call.

    status           ok | missing (there is nothing of that name) | error (it raised)
    value            the returned value, or with `wrt` the gradient (None where none flows)
    changed_inputs   positions and names of the arguments that it wrote into
    exception        one of vocabulary.EXCEPTIONS, or OWN_EXCEPTION; never its text
    cell, line       where it was raised: the number of the cell, from 0, and the line in it, from 1
    not_implemented  a cell's own `raise NotImplementedError`: the stub
    """

    status: Literal["ok", "missing", "error"]
    value: Any = None
    changed_inputs: list[int | str] = field(default_factory=list)
    exception: str = ""
    cell: int | None = None
    line: int | None = None
    not_implemented: bool = False

    @property
    def changed(self) -> bool:
        """Whether it wrote into any argument."""
        return bool(self.changed_inputs)

    @property
    def requires_grad(self) -> bool:
        """Whether the value is a tensor through which gradients flow."""
        return isinstance(self.value, Tensor) and self.value.requires_grad


class Worker:
    """A running worker. As a context manager, it is killed at the end.

    Starting one takes seconds, unless `opener` has a warm one: a zygote's slot. Raises SandboxError
    if it can't be started, which is never a student's fault.
    Use it from one thread, which has to outlive it. After a WorkerDied, every later request raises
    it again.
    """

    def __init__(
        self, level: str = "bubblewrap", limits: Limits | None = None, opener: Opener | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._box = opener(self.limits) if opener else open_box(level, self.limits)
        self._died: WorkerDied | None = None
        self._elapsed = 0.0
        self._watch = _Watch(self._box, self.limits)
        self._watch.start()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def cell(self, source: str, timeout: float | None = None, *, silent: bool = False) -> CellReply:
        """Run a cell.

        timeout  s of its own time; the limit for cells by default
        silent   record no outputs
        Raises WorkerDied, and StarvedError.
        """
        request = {"op": "cell", "source": source, "silent": silent}
        reply, tensors = self._ask(request, {}, self.limits.cell if timeout is None else timeout)
        with self._checked():
            return _cell_reply(reply, tensors)

    def call(
        self,
        target: str | Handle,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        *,
        method: str = "",
        wrt: int | str | Sequence[int | str] | None = None,
        cotangent: Tensor | Sequence[Tensor] | None = None,
        timeout: float | None = None,
        at_end: bool = True,
    ) -> CallReply:
        """Call a task by its name, or something that an earlier call returned.

        method     call this method of the target instead
        wrt        position or name of the argument to differentiate by: the value is then the
                   gradient. Several positions or names: a list of gradients
        cotangent  the gradient that arrives at the result, in its shape; None for a scalar result
        timeout    s of its own time; the limit for calls by default
        at_end     call the task as it is now, not as it was when it was marked
        Raises WorkerDied, and StarvedError; WireError for arguments that can't be sent.
        """
        tensors: frames.Tensors = {}
        kwargs = dict(kwargs or {})
        several = None if wrt is None else [wrt] if isinstance(wrt, (int, str)) else list(wrt)
        request = {
            "op": "call",
            "target": {"name": target} if isinstance(target, str) else {"handle": target.handle},
            "method": method,
            "args": [codec.encode(argument, tensors) for argument in args],
            "kwargs": {name: codec.encode(argument, tensors) for name, argument in kwargs.items()},
            "wrt": several,
            "cotangent": codec.encode(cotangent, tensors),
            "at_end": at_end,
        }
        reply, tensors = self._ask(
            request, tensors, self.limits.call if timeout is None else timeout
        )
        with self._checked():
            answer = _call_reply(reply, tensors, [*range(len(args)), *kwargs])
            if several is not None and answer.status == "ok":
                found = _gradients(answer.value, len(several))
                answer = replace(answer, value=found[0] if isinstance(wrt, (int, str)) else found)
            return answer

    def forbid(self, rules: Mapping[str, Mapping[str, Sequence[str]]]) -> bool:
        """Tell it what each task may not call, before it meets a student's code.

        rules    by task: dotted `names`, and `ops` of torch
        returns  whether they are in force
        Raises WorkerDied, and StarvedError.
        """
        reply, _ = self._ask({"op": "forbid", "rules": rules}, {}, self.limits.cell)
        return reply.get("status") == "ok"

    def mark(self, task: str) -> None:
        """Have it keep what all names stand for now, for calls of this task.

        Raises WorkerDied, and StarvedError.
        """
        self._ask({"op": "mark", "task": task}, {}, self.limits.call)

    def differs(self, task: str) -> bool:
        """Whether the task, or a name that it uses, has changed since it was marked.

        Raises WorkerDied, and StarvedError.
        """
        reply, _ = self._ask({"op": "differs", "task": task}, {}, self.limits.call)
        return reply.get("differs") is True

    def lower_priority(self, nice: int) -> None:
        """Let other processes go first, by so much: 0 to 19. What it starts later is the same."""
        for process in self._box.family() if nice else ():
            with contextlib.suppress(OSError):  # it may have ended, or be another user's
                os.setpriority(os.PRIO_PROCESS, process, nice)

    def kill(self) -> None:
        """End it, with all that it started. May be called twice."""
        self._watch.stop()
        self._box.close()
        self._died = self._died or WorkerDied("crash", "was ended by the grader")

    @property
    def seconds(self) -> float:
        """Its own time for all requests so far, in s."""
        meter = self._watch.meter
        return own_seconds(self._elapsed, meter.waited)

    @property
    def usage(self) -> dict[str, float]:
        """What it has used so far.

        seconds          s of its own time, while it answered
        elapsed_seconds  s by the clock, while it answered
        waited_seconds   s that it was ready to run and had to wait for a core
        cpu_seconds      s of processor time since the start-up
        peak_bytes       B of its largest process
        """
        watch = self._watch
        return {
            "seconds": self.seconds,
            "elapsed_seconds": self._elapsed,
            "waited_seconds": watch.meter.waited,
            "cpu_seconds": watch.cpu,
            "peak_bytes": watch.peak,
        }

    def _ask(
        self, request: dict[str, Any], tensors: frames.Tensors, timeout: float
    ) -> tuple[dict[str, Any], frames.Tensors]:
        if self._died:
            raise self._died
        token = secrets.token_hex(8)
        message = frames.pack(request | {"id": token}, tensors, self.limits)
        left = max(self.limits.submission - self.seconds, 0.0)
        start = monotonic()
        try:
            clock = OwnClock(self._watch.meter, min(timeout, left))
            with self._checked(_too_long(timeout, left, self.limits.submission), clock):
                return self._exchange(message, token, clock)
        except StarvedError:
            self._died = WorkerDied("crash", "was ended by the grader")
            self.kill()
            raise
        finally:
            self._elapsed += monotonic() - start

    def _exchange(
        self, message: bytes, token: str, deadline: OwnClock
    ) -> tuple[dict[str, Any], frames.Tensors]:
        connection = self._box.socket
        if not frames.is_quiet(connection):
            raise frames.WireError("it spoke without being asked")
        frames.write(connection, message, deadline)
        reply, tensors = frames.receive(connection, deadline, self.limits)
        if reply.get("id") != token:
            raise frames.WireError("it answered something that was not asked")
        return reply, tensors

    @contextlib.contextmanager
    def _checked(self, too_long: str = "", clock: OwnClock | None = None) -> Iterator[None]:
        """Turn any protocol error into a WorkerDied, and kill the worker.

        too_long  the text for a worker that does not answer in time
        clock     the time that it had
        """
        try:
            yield
        except frames.TimedOut:
            undisturbed = clock is not None and clock.was_undisturbed()
            died = WorkerDied("time", too_long, undisturbed=undisturbed)
        except frames.Closed:
            died = self._why_closed()
        except frames.TooLargeError as error:
            died = WorkerDied("output", f"sent more than it may ({error})")
        except (frames.WireError, KeyError, TypeError, ValueError) as error:
            died = WorkerDied("protocol", f"broke the protocol ({error})")
        else:
            return
        self._died = died
        self.kill()
        raise died from None

    def _why_closed(self) -> WorkerDied:
        """Why a worker has closed its connection: as the kernel reports, not the worker itself."""
        status = self._exit_status()
        if self._watch.fault:
            raise StarvedError(self._watch.fault)
        if self._watch.verdict:
            return self._watch.verdict
        if self._box.out_of_memory():
            return WorkerDied("memory", _too_big(self.limits.tree))
        if status is None:
            return WorkerDied("protocol", "closed its connection to the grader")
        if status >= 0:
            return WorkerDied("crash", f"ended the process (exit code {status})")
        out_of_time = self._watch.cpu >= self.limits.cpu and status == -signal.SIGKILL
        if out_of_time or status == -signal.SIGXCPU:
            used = f"used more than {self.limits.cpu:g} seconds of processor time"
            return WorkerDied("processor", used)
        if self._watch.grown > NEARLY * self.limits.memory:
            return WorkerDied("memory", _too_big(self.limits.memory))
        return WorkerDied("crash", f"crashed ({_signal_name(-status)})")

    def _exit_status(self) -> int | None:
        """How the process has ended; None if it still runs, without a connection."""
        clock = OwnClock(self._watch.meter, LAST_WORDS)
        while (left := clock.left()) > 0:
            if (status := self._box.exit_status(within=min(left, WATCH_INTERVAL))) is not None:
                return status
        return None


class _Watch(threading.Thread):
    """Looks at a box at intervals, and ends it if it uses too much.

    meter    adds up what it uses, and how long it waits for a core
    cpu      s of processor time that it has used since its start-up
    peak     B that its largest process has had resident
    verdict  why the watch has ended the box, or None
    fault    why the watch failed and ended the box, which is a fault of ours; empty if it did not
    """

    def __init__(self, box: Box, limits: Limits) -> None:
        super().__init__(name="watch", daemon=True)
        self.box, self.limits = box, limits
        self.verdict: WorkerDied | None = None
        self.fault = ""
        self.first = box.usage()
        self.meter = Meter(box.family)
        self.cpu, self.peak = 0.0, self.first.peak
        self.halt = threading.Event()

    @property
    def grown(self) -> int:
        """Bytes that the largest process has grown by since the start-up."""
        return self.peak - self.first.peak

    def run(self) -> None:
        """Watch until it is stopped or the box has ended."""
        try:
            while not self.halt.wait(WATCH_INTERVAL):
                if self.box.ended():
                    self.box.end()  # processes left behind could keep the connection open
                    return
                self.look()
        except Exception as error:  # without a watch nothing may go on
            self.fault = f"it could not be watched ({type(error).__name__}: {error})"
            self.box.end()

    def look(self) -> None:
        """Record what the box uses, and end it if that is too much."""
        now = self.box.usage()
        self.meter.look(now.family)
        self.cpu = max(self.cpu, now.cpu - self.first.cpu)
        self.peak = max(self.peak, now.peak)
        if self.box.out_of_memory() or self._too_big(now.memory):
            self.condemn(WorkerDied("memory", _too_big(self.limits.tree)))
        elif now.processes > self.limits.processes + BWRAP_PROCESSES:
            started = f"started more than {self.limits.processes} processes"
            self.condemn(WorkerDied("crash", started))

    def _too_big(self, memory: int) -> bool:
        """Whether all processes together use more memory than they may.

        memory  an upper bound: what processes share is counted for each of them
        """
        return memory > self.limits.tree and self.box.shared_fairly() > self.limits.tree

    def condemn(self, verdict: WorkerDied) -> None:
        """End the box."""
        self.verdict = verdict
        self.box.end()

    def stop(self) -> None:
        """Look once more, and stop."""
        self.halt.set()
        if self.is_alive():
            self.join()
            with contextlib.suppress(Exception):  # the box is about to end
                self.look()


def _too_long(timeout: float, left: float, whole: float) -> str:
    if left < timeout:
        return f"used up the {whole:g} seconds that a submission may take"
    return f"ran longer than {timeout:g} second{'' if timeout == 1 else 's'}"


def _too_big(size: int) -> str:
    return f"took more than {size / GB:.2g} GB of memory"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# ---------------------------------------------------------------- replies, which are not trusted


def _cell_reply(reply: dict[str, Any], tensors: frames.Tensors) -> CellReply:
    outputs = codec.typed(codec.decode(reply["outputs"], tensors), list)
    skipped = [_skipped(one) for one in codec.typed(reply["skipped"], list)[:MOST_SKIPPED]]
    return CellReply(reply["status"] == "ok", [_output(output) for output in outputs], skipped)


def _skipped(given: Any) -> tuple[int, str, str]:
    line, statement, error = codec.typed(given, list)
    texts = [codec.typed(text, str)[:LONGEST] for text in (statement, error)]
    return _small(line) or 0, texts[0], texts[1]


def _output(output: Any) -> Output:
    """An output with the fields that it should have, and no other."""
    kind = codec.typed(output, dict)["output_type"]
    if kind in ("display_data", "execute_result"):
        given = codec.typed(output["data"], dict)
        known = {mime: form for mime, form in MIMES.items() if mime in given}
        data: dict[str, Any] = {
            mime: codec.typed(given[mime], form) for mime, form in known.items()
        }
        return {"output_type": kind, "data": data}
    names = {"stream": ("name", "text"), "error": ("ename", "evalue", "traceback")}[kind]
    if kind == "stream" and output["name"] not in ("stdout", "stderr"):
        raise frames.WireError("a stream that there is not")
    texts = {name: codec.typed(output[name], str) for name in names}
    return {"output_type": kind} | texts


def _call_reply(
    reply: dict[str, Any], tensors: frames.Tensors, labels: list[int | str]
) -> CallReply:
    status = reply["status"]
    if status == "ok":
        changed = codec.typed(reply["changed_inputs"], list)
        if not all(label in labels for label in changed):
            raise frames.WireError("an argument that there is not")
        return CallReply("ok", codec.decode(reply["value"], tensors), changed)
    if status == "missing":
        return CallReply("missing")
    if status != "error" or reply["exception"] not in {
        *vocabulary.EXCEPTIONS,
        vocabulary.OWN_EXCEPTION,
    }:
        raise frames.WireError("an answer that there is not")
    cell, line = (_small(reply[name]) for name in ("cell", "line"))
    stub = codec.typed(reply["not_implemented"], bool)
    return CallReply(
        "error", exception=reply["exception"], cell=cell, line=line, not_implemented=stub
    )


def _gradients(value: Any, count: int) -> list[Tensor | None]:
    found = codec.typed(value, list)
    if len(found) != count or not all(one is None or isinstance(one, Tensor) for one in found):
        raise frames.WireError("something else than gradients")
    return found


def _small(number: Any) -> int | None:
    if number is not None and not 0 <= codec.typed(number, int) < 10**6:
        raise frames.WireError("a number out of range")
    return number
