"""How long a command takes, and how much memory and processor time it uses."""

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PERIOD = 1.0  # seconds between two looks at the memory
TAIL = 30  # lines of a failed command that are shown


@dataclass(frozen=True)
class Used:
    """What a command has used.

    cpu     s    processor time of its process and of those that it has waited for
    memory  B    peak of all its processes together; a page that several share counts once
    """

    cpu: float
    memory: int


def run_measured(
    command: Sequence[object],
    folder: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], object],
) -> Used:
    """Run a command in a folder until it ends.

    on_line  called for each line that it writes, to either stream, as it is written
    Raises RuntimeError, with its last lines, if it fails.
    """
    lines: list[str] = []
    process = subprocess.Popen(
        [*map(str, command)],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    memory = _Memory(psutil.Process(process.pid))
    memory.start()
    for line in process.stdout or ():
        lines.append(line)
        on_line(line)
    memory.stop()  # while it still is the process of this number
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} failed:\n{''.join(lines[-TAIL:])}")
    return Used(usage.ru_utime + usage.ru_stime, memory.peak)


class _Memory(threading.Thread):
    """Looks at the memory of a process and of all that it has started."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.halt = process, 0, threading.Event()

    def run(self) -> None:
        while not self.halt.wait(PERIOD):
            self.peak = max(self.peak, memory_of(self.process))

    def stop(self) -> None:
        self.halt.set()
        self.join()


def memory_of(process: psutil.Process) -> int:
    """Bytes that a process and its descendants hold, each page divided by its users (PSS)."""
    try:
        pids = [process.pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(_proportional, pids))


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
