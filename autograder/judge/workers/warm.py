"""Warm workers: a zygote has imported everything, and forks a ready worker in milliseconds.

A forked worker may see and do the same as a cold one: its files are those of the zygote's box,
everything writable is new and belongs to it alone, and it is confined by the same code. The cold
start remains as the reference.
"""

import base64
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from autograder.judge.inside import frames
from autograder.judge.limits import Limits
from autograder.judge.workers import seccomp
from autograder.judge.workers.box import TEARDOWN, Box, tree_of
from autograder.judge.workers.bubblewrap import (
    BUBBLEWRAP,
    FOLDERS,
    SandboxError,
    Stage,
    bubblewrap_command,
    fresh_uid,
    preconditions,
    remedy,
    seen_under_tmp,
    start_command,
)
from autograder.judge.workers.own_time import Meter, OwnClock, StarvedError

# Seconds by the clock for the imports, which take five on an idle machine. This limit is for a
# zygote that hangs: one that has ended is noticed at once.
START_UP = 1200.0
BUSY = 10  # a zygote may take this many times the limit to fork, by the clock


class WarmBox(Box):
    """A worker that a zygote has forked, and everything that it started.

    socket  the judge's end of the request/reply connection
    pidfd   the first process of its namespaces: all others in them end with it
    status  a connection on which its end is reported; closing it also ends the worker
    """

    def __init__(self, connection: socket.socket, pidfd: int, status: socket.socket) -> None:
        self.socket, self.pidfd, self.status = connection, pidfd, status
        self.pid, self.group = _pid_of(pidfd), None
        self._report: dict | None = None
        self._closed = False

    def family(self) -> dict[int, list[str]]:
        """The box's processes: the fields of /proc/PID/stat from the state on, by process."""
        return tree_of(self.pid)

    def ended(self) -> bool:
        """Whether the worker has ended."""
        return self.exit_status(0) is not None or _is_readable(self.pidfd, 0)

    def exit_status(self, within: float) -> int | None:
        """The worker's exit code, or minus its signal.

        within   seconds to wait for its end
        returns  None if it has not ended by then
        """
        if self._report is None and _is_readable(self.status.fileno(), within):
            with contextlib.suppress(OSError, ValueError):
                self._report = json.loads(self.status.recv(2**16) or '{"exit": -9}')
        return None if self._report is None else self._report.get("exit", -signal.SIGKILL)

    def end(self) -> None:
        """End the worker and everything that it started.

        It may be called twice, and from another thread.
        """
        with contextlib.suppress(OSError):  # it has ended already
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        # The first process of the namespaces ends last.
        _is_readable(self.pidfd, TEARDOWN)

    def close(self) -> None:
        """End it, and close its connections."""
        if not self._closed:
            self._closed = True
            self.end()
            self.socket.close()
            self.status.close()
            os.close(self.pidfd)
            self.leave_group()


def _pid_of(pidfd: int) -> int:
    """A process's number here. In its own namespace it has another one."""
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


def _is_readable(descriptor: int, within: float) -> bool:
    return bool(select.select([descriptor], [], [], within)[0])


class Zygote:
    """A running zygote, to be used as a context manager.

    Boxes are opened through its slots: each process of the judge uses one of them.

    preload  what is imported before the first fork, as dotted names
    packs    the files in the data folder of its workers
    loads    code that is run before the first fork, so that workers find their data in memory
    Raises SandboxError if it can't be started: workers have to be started cold then.
    """

    def __init__(
        self,
        slots: int = 1,
        preload: Sequence[str] = (),
        packs: Sequence[Path] = (),
        loads: Sequence[str] = (),
    ) -> None:
        for finding in preconditions(BUBBLEWRAP):
            if not finding.ok:
                raise SandboxError(finding.detail)
        self.stage = Stage(packs)
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(slots)]
        self.slots = [Slot(ours) for ours, _ in pairs]
        theirs = [end for _, end in pairs]
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in close
        try:
            self.process = _start(self.stage, theirs, preload, loads, self.errors)
        except OSError as error:
            self.stage.remove()
            raise SandboxError(f"The zygote could not be started: {error}.") from error
        for end in theirs:
            end.close()

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_until_ready(self) -> None:
        """Wait for the imports. Raises SandboxError with the remedy."""
        try:
            for slot in self.slots:
                slot.wait_until_ready()
        except SandboxError:
            self.close()
            self.errors.seek(0)
            raise SandboxError(remedy(self.errors.read().decode(errors="replace"))) from None

    def close(self) -> None:
        """End it, and every box that is still open."""
        for slot in self.slots:
            slot.control.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.stage.remove()


class Slot:
    """The connection of one process to the zygote. It opens one box after the other."""

    def __init__(self, control: socket.socket) -> None:
        self.control, self.ready = control, False

    def wait_until_ready(self) -> None:
        """Wait for the zygote's imports. Raises SandboxError."""
        if not self.ready:
            self.control.settimeout(START_UP)
            with contextlib.suppress(OSError):
                self.ready = bool(self.control.recv(2**16))
            self.control.settimeout(None)
        if not self.ready:
            raise SandboxError("The zygote did not start.")

    def open(self, limits: Limits) -> WarmBox:
        """Open a box with a ready worker.

        Raises SandboxError, which is never a student's fault.
        """
        self.wait_until_ready()
        ours, theirs = socket.socketpair()
        status, their_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = asdict(limits) | {"uid": fresh_uid() if os.geteuid() == 0 else None}
        try:
            with theirs, their_status:
                fds = [theirs.fileno(), their_status.fileno()]
                socket.send_fds(self.control, [json.dumps(request).encode()], fds)
            # Our copies of the zygote's ends are closed now. If it has ended, the stream has ended,
            # too, and this does not wait.
            status.settimeout(BUSY * limits.start_up)
            message, pidfds, _, _ = socket.recv_fds(status, 2**16, 1)
        except OSError as error:
            raise SandboxError(f"The zygote does not answer: {error}.") from error
        if not pidfds:
            why = message.decode() or "it has ended"
            raise SandboxError(f"The zygote could not fork a worker: {why}.")
        status.settimeout(None)
        box = WarmBox(ours, pidfds[0], status)
        _wait_for_worker(box, limits)
        return box


def _wait_for_worker(box: WarmBox, limits: Limits) -> None:
    try:
        frames.receive(box.socket, OwnClock(Meter(box.family), limits.start_up))
        box.join_group(limits)
    except (frames.WireError, frames.Closed, frames.TimedOut, StarvedError):
        box.exit_status(1.0)
        said = box._report or {}
        box.close()
        raise SandboxError(f"A warm worker did not start: {said.get('failed', said)}.") from None
    except BaseException:  # Ctrl-C
        box.close()
        raise


def _start(
    stage: Stage,
    slots: list[socket.socket],
    preload: Sequence[str],
    loads: Sequence[str],
    errors: IO[bytes],
) -> subprocess.Popen:
    limits = Limits()
    config = asdict(limits) | {
        "filter": base64.b64encode(seccomp.program()).decode(),
        "preload": list(preload),
        "loads": list(loads),
        "under_tmp": seen_under_tmp(stage.path),
        "folders": FOLDERS,
    }
    numbers = [str(slot.fileno()) for slot in slots]
    command = start_command("/worker", "zygote", json.dumps(config), *numbers)
    return subprocess.Popen(
        bubblewrap_command(stage.path, limits, command, root=os.geteuid() == 0, nests=True),
        cwd="/",
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=[slot.fileno() for slot in slots],
        start_new_session=True,
    )
