"""A box: a worker that runs in the sandbox, with every process that it starts.

It can be measured, and ended so that no process and no file of it is left.
"""

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from autograder.judge.inside import frames
from autograder.judge.limits import Limits
from autograder.judge.workers import seccomp
from autograder.judge.workers.bubblewrap import (
    BUBBLEWRAP,
    FOLDERS,
    SandboxError,
    Stage,
    bubblewrap_command,
    environment,
    fresh_uid,
    preconditions,
    remedy,
    seen_under_tmp,
    start_command,
)
from autograder.judge.workers.cgroup import Cgroup
from autograder.judge.workers.own_time import Meter, OwnClock, StarvedError

# Fields of /proc/PID/status. The file also holds the name that the process has given itself, so the
# pattern matches whole lines only.
SIZES = re.compile(
    r"^(Vm(?:Size|HWM)|Rss(?:Anon|Shmem)|Pss_(?:Anon|Shmem)):\s+(\d+) kB$", re.ASCII | re.MULTILINE
)
SOCKETS_USED = re.compile(r"^sockets: used (\d+)$", re.ASCII | re.MULTILINE)
SOCKET = 2**18  # B of kernel memory that can wait in a socket; the default of Linux, rounded up
# Seconds that the kernel may take to remove killed processes: it needs a core for that, too.
TEARDOWN = 60.0


@dataclass(frozen=True)
class Usage:
    """What a box's processes use at one moment.

    cpu        s of processor time, including that of children that have ended
    memory     B that `Limits.tree` bounds: resident, files excluded, and what may wait in sockets
    peak       B that the largest of them has ever had resident, files included
    family     their process numbers
    """

    cpu: float = 0.0
    memory: int = 0
    peak: int = 0
    family: tuple[int, ...] = ()

    @property
    def processes(self) -> int:
        """The number of processes."""
        return len(self.family)


class Box:
    """A running worker and everything that it started.

    socket   the judge's end of the connection
    process  a child of the judge that ends with the worker: bubblewrap, or the worker itself
    group    its control group, once it has joined one
    """

    def __init__(self, process: subprocess.Popen, connection: socket.socket, stage: Stage) -> None:
        self.process, self.socket, self.stage = process, connection, stage
        self.group: Cgroup | None = None
        self._ended, self._ending = False, threading.Lock()

    def usage(self) -> Usage:
        """The use of resources now; zeros where there is no /proc."""
        family = self.family()
        sizes = [_sizes(pid) for pid in family]
        return Usage(
            cpu=sum(_cpu_seconds(stat) for stat in family.values()),
            memory=sum(_counted(size) for size in sizes) + _in_sockets(family),
            peak=max((size.get("VmHWM", 0) for size in sizes), default=0),
            family=tuple(family),
        )

    def shared_fairly(self) -> int:
        """Resident bytes; memory that processes share is counted once. Exact, and slow."""
        family = self.family()
        return sum(_shared_fairly(pid) for pid in family) + _in_sockets(family)

    def join_group(self, limits: Limits) -> None:
        """Move the worker into a new control group, before it meets a student's code."""
        self.group = Cgroup(limits)
        family = self.family()
        parents = {int(stat[1]) for stat in family.values()}
        # The processes around the worker are ours. If the kernel ended one of them for lack of
        # memory, the worker's own end would be hidden.
        self.group.add([pid for pid in family if pid not in parents])

    def leave_group(self) -> None:
        """Remove the group of a box that has ended."""
        if self.group:
            self.group.remove()

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended one of its processes for lack of memory."""
        return self.group is not None and self.group.out_of_memory()

    def family(self) -> dict[int, list[str]]:
        """The box's processes: the fields of /proc/PID/stat from the state on, by process."""
        return tree_of(self.process.pid)

    def ended(self) -> bool:
        """Whether the worker has ended."""
        return self.process.poll() is not None

    def exit_status(self, within: float) -> int | None:
        """The worker's exit code, or minus its signal.

        within   seconds to wait for its end
        returns  None if it has not ended by then
        """
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        # bubblewrap reports a signal as a shell does: as 128 and its number.
        return 128 - code if 128 < code < 192 else code

    def end(self) -> None:
        """End the worker and everything that it started.

        It may be called twice, and from another thread.
        """
        with self._ending:
            if self._ended:  # its process numbers may belong to another program now
                return
            self._ended = True
            family = self.family()
            # In a box this is enough: the kernel ends a process namespace with its first process.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for pid in family:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            _wait_for_none(family)

    def close(self) -> None:
        """End it, and remove its files and its control group."""
        self.end()
        self.socket.close()
        self.stage.remove()
        self.leave_group()


def tree_of(root: int) -> dict[int, list[str]]:
    """A process and its descendants: the fields of /proc/PID/stat from the state on, by process."""
    everyone = {int(path.name): _stat(path) for path in Path("/proc").glob("[0-9]*")}
    found = {root: everyone.get(root, [])}
    size = 0
    while size < len(found):  # until no more children are found
        size = len(found)
        for pid, stat in everyone.items():
            # A process that has lost its parent still belongs to the session. (In a box, it becomes
            # a child of bubblewrap.)
            if stat and (int(stat[1]) in found or int(stat[3]) == root):
                found.setdefault(pid, stat)
    return {pid: stat for pid, stat in found.items() if stat}


def _wait_for_none(pids: Iterable[int]) -> None:
    deadline = monotonic() + TEARDOWN
    while monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in pids):
        sleep(0.01)


def _stat(path: Path) -> list[str]:
    return _text(path / "stat").rpartition(")")[2].split()


def _cpu_seconds(stat: list[str]) -> float:
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")  # utime, stime, cutime, cstime


def _sizes(pid: int, file: str = "status") -> dict[str, int]:
    """The sizes in /proc/PID/FILE, in bytes; none of a process that has ended."""
    text = _text(Path(f"/proc/{pid}/{file}"))
    return {name: int(size) * 1024 for name, size in SIZES.findall(text)}


def _counted(sizes: dict[str, int]) -> int:
    return sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)


def _shared_fairly(pid: int) -> int:
    found = _sizes(pid, "smaps_rollup")
    if "Pss_Anon" not in found:  # it has ended, or we may not read this: an upper bound instead
        return _counted(_sizes(pid))
    return found["Pss_Anon"] + found.get("Pss_Shmem", 0)


def _in_sockets(family: Iterable[int]) -> int:
    """Bytes that could wait in the sockets of a box, which has its own network namespace."""
    inner = next((pid for pid in family if _network(pid) not in (_network("self"), None)), None)
    found = SOCKETS_USED.search(_text(Path(f"/proc/{inner}/net/sockstat"))) if inner else None
    return int(found[1]) * SOCKET if found else 0


def _network(pid: int | str) -> int | None:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return None


def _text(path: Path) -> str:
    """A file in /proc, where the name of a process may be any bytes; empty if it has ended."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def open_box(
    level: str, limits: Limits, packs: Sequence[Path] = (), preload: Sequence[str] = ()
) -> Box:
    """Start a worker, and wait until it is ready to meet a student's code.

    packs    the files in its data folder
    preload  what it imports before it is ready, as dotted names
    The box ends with the thread that opens it, so that thread has to outlive it.
    Raises SandboxError: whatever goes wrong here is not caused by a student.
    """
    for finding in preconditions(level):
        if not finding.ok:
            raise SandboxError(finding.detail)
    try:
        stage = Stage(packs)
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"The worker's files could not be laid out: {error}.") from error
    ours, theirs = socket.socketpair()
    with theirs, tempfile.TemporaryFile() as errors:
        try:
            process = _start(level, limits, stage.path, theirs, errors, preload)
        except OSError as error:
            stage.remove()
            raise SandboxError(f"The worker could not be started: {error}.") from error
        theirs.close()  # so that the worker's end closes when the worker ends
        box = Box(process, ours, stage)
        _wait_until_ready(box, limits, errors, boxed=level == BUBBLEWRAP)
    return box


def _wait_until_ready(box: Box, limits: Limits, errors: IO[bytes], *, boxed: bool) -> None:
    try:
        frames.receive(box.socket, OwnClock(Meter(box.family), limits.start_up))
        if boxed:
            box.join_group(limits)
    except (frames.WireError, frames.Closed, frames.TimedOut, StarvedError):
        box.close()
        errors.seek(0)
        raise SandboxError(remedy(errors.read().decode(errors="replace"))) from None
    except BaseException:  # Ctrl-C
        box.close()
        raise


def _start(
    level: str,
    limits: Limits,
    stage: Path,
    connection: socket.socket,
    errors: IO[bytes],
    preload: Sequence[str] = (),
) -> subprocess.Popen:
    root, boxed = os.geteuid() == 0, level == BUBBLEWRAP
    config = asdict(limits) | {
        "uid": fresh_uid() if root and boxed else None,
        # Outside a box this limit would count every process of its user on this machine.
        "processes": limits.processes if boxed else None,
        "filter": base64.b64encode(seccomp.program()).decode() if boxed else "",
        "preload": list(preload),
        # Where system calls can't be filtered, it may never be able to make namespaces.
        "mounts": boxed and bool(seccomp.program()),
        "under_tmp": seen_under_tmp(stage) if boxed else [],
        "folders": FOLDERS,
    }
    folder = "/worker" if boxed else f"{stage}/worker"
    command = start_command(folder, "worker", str(connection.fileno()), json.dumps(config))
    if boxed:
        command = bubblewrap_command(stage, limits, command, root=root, nests=config["mounts"])
    return subprocess.Popen(
        command,
        cwd="/" if boxed else stage / "home",
        env={} if boxed else environment(f"{stage}/home", f"{stage}/course", f"{stage}/matplotlib"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=[connection.fileno()],
        start_new_session=True,
    )
