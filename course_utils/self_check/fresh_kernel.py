"""A fresh kernel of this Python for a notebook's cells, with a time limit for each cell.

with FreshKernel(folder) as kernel:
    ran = kernel.run("1 / 0", seconds=60)       # ran.error: "ZeroDivisionError"
"""

import ast
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any, NamedTuple

import ipykernel  # noqa: F401  fails here if it is not installed
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

START_UP = 120  # seconds: a cold disk, a virus scanner
GRACE = 10  # seconds for an interrupted cell to end
ANSWER_TIME = 60  # seconds for a question of our own
WIDE = 4.0  # by the clock, where the system does not say how long a process waited for a core
# The whole of a question to the kernel: no name of the notebook's is used, and none is made.
QUESTION = (
    "__import__('json').dumps(__import__('course_utils.self_check.inside_kernel', fromlist=['_'])"
    ".answer(*__import__('json').loads({!r})))"
)

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# How IPython 7 to 9 heads a frame that is in a cell, and one that is in a file.
IN_CELL = re.compile(
    r'^\s*(?:Cell |Input |File ")?(?:In ?\[|<ipython-input-)(\d+)(?:.*?, line (\d+))?'
)
IN_FILE = re.compile(r"^(?:File )?\S.*\.py\b")
ARROW = re.compile(r"^-+> *(\d+)")


class KernelLostError(Exception):
    """The kernel has ended, or can't be interrupted; the text says which."""


class Ran(NamedTuple):
    """The result of a cell.

    number     its execution count, as in `In [3]`
    error      the name of the exception that it raised, or ""
    says       the exception's message
    place      the cell number and line where the exception was raised, if that is in a cell
    timed_out  it was interrupted because it took too long
    seconds    it ran or slept; without waiting for a core, where the system reports that
    """

    number: int
    error: str = ""
    says: str = ""
    place: tuple[int, int] | None = None
    timed_out: bool = False
    seconds: float = 0.0


class FreshKernel:
    """A running kernel, as a context manager. It records whether cells raise, not their output.

    folder       where it works
    environment  variables besides those of this process
    Raises KernelLostError if it does not start.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        # Without folders of kernels there is one left: this Python's own.
        own = KernelSpecManager(kernel_dirs=[])
        self.manager = KernelManager(kernel_name="python3", kernel_spec_manager=own)
        self.manager.start_kernel(
            cwd=str(folder),
            env={**os.environ, **(environment or {})},
            extra_arguments=[
                "--HistoryManager.enabled=False"
            ],  # these cells were not typed by a person
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.client = self.manager.blocking_client()
        self.client.start_channels(iopub=False, stdin=False, hb=False)

    def __enter__(self) -> "FreshKernel":
        try:
            self.run("", START_UP)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it. Raises nothing if it has ended."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, source: str, seconds: float) -> Ran:
        """Run a cell. One that takes longer is interrupted.

        Raises KernelLostError.
        """
        start, waited = monotonic(), self._waited()
        # Otherwise the kernel may refuse what comes right after a cell that has failed.
        request = self.client.execute(source, allow_stdin=False, stop_on_error=False)
        reply = self._reply(request, seconds)
        if reply is None:
            self.manager.interrupt_kernel()
            reply = self._reply(request, GRACE)
            if reply is None:
                raise KernelLostError(
                    f"ran longer than {seconds:g} seconds, and could not be stopped"
                )
            stopped = f"ran longer than {seconds:g} seconds, and was stopped"
            number = reply.get("execution_count") or 0
            return Ran(number, "KeyboardInterrupt", stopped, timed_out=True)
        own = self._own_seconds(monotonic() - start, waited)
        if reply["status"] == "ok":
            return Ran(reply["execution_count"], seconds=own)
        place = place_of("\n".join(reply.get("traceback", [])))
        number, error = reply.get("execution_count") or 0, reply.get("ename") or "an exception"
        return Ran(number, error, reply.get("evalue") or "", place, seconds=own)

    def ask(self, question: str, *arguments: object) -> Any:
        """The answer to a question of `self_check.inside_kernel`, which has to be importable there.

        Raises KernelLostError if there is none.
        """
        expression = QUESTION.format(json.dumps([question, *arguments]))
        request = self.client.execute(
            "",
            silent=True,
            allow_stdin=False,
            stop_on_error=False,
            user_expressions={"answer": expression},
        )
        reply = self._reply(request, ANSWER_TIME) or {}
        try:
            answer = reply["user_expressions"]["answer"]["data"]["text/plain"]
            return json.loads(ast.literal_eval(answer))
        except (KeyError, TypeError, ValueError, SyntaxError):
            # A cell has changed how the kernel answers.
            raise KernelLostError("left the kernel unable to answer") from None

    def _waited(self) -> float | None:
        """Seconds that the kernel's main thread has waited for a core; None if unknown."""
        process = getattr(self.manager.provisioner, "pid", None)
        try:
            return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):  # not Linux
            return None

    def _own_seconds(self, elapsed: float, waited_before: float | None) -> float:
        waited = self._waited()
        if waited is None or waited_before is None:
            return elapsed / WIDE
        return max(elapsed - (waited - waited_before), 0.0)

    def _reply(self, request: str, seconds: float) -> dict | None:
        """The reply to a request, or None if there is none within so many seconds."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            try:
                message = self.client.get_shell_msg(timeout=min(left, 1))
            except Empty:
                if not self.manager.is_alive():
                    raise KernelLostError("ended the kernel (out of memory, most often)") from None
                continue
            if message["parent_header"].get("msg_id") == request:
                return message["content"]
        return None


def place_of(traceback: str) -> tuple[int, int] | None:
    """Number of the cell and line in it of a traceback's innermost frame that is in a cell."""
    found, cell = None, None
    for line in COLOUR.sub("", traceback).splitlines():
        if header := IN_CELL.search(line):
            cell = int(header[1])
            found = (cell, int(header[2])) if header[2] else found
        elif IN_FILE.match(line):
            cell = None
        elif cell is not None and (arrow := ARROW.match(line)):
            found = (cell, int(arrow[1]))
    return found
