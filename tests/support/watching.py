"""`autograder watch`, in a process that is forked from the tests' own; its lines are read as they
come. No clock limits a wait: it ends with the line, or with the process.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command_line import run_command


class Watching:
    """A running `autograder watch`.

    said  the lines so far, of both streams
    """

    def __init__(self, course: Path, *options: object) -> None:
        reads, writes = os.pipe()
        command = ["autograder", "watch", str(course), *map(str, options)]
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reads)
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os._exit(run_command(command, course, writes, writes))
        os.close(writes)
        self.lines = os.fdopen(reads)
        self.said: list[str] = []
        self.code: int | None = None

    def wait_for(self, pattern: str) -> str:
        """Read until a line has the pattern, and return that line."""
        for line in self.lines:
            self.said.append(line.rstrip())
            if re.search(pattern, line):
                return line.rstrip()
        raise AssertionError(f"It ended without {pattern!r}:\n" + "\n".join(self.said))

    def interrupt(self) -> int:
        """Ctrl-C, to everything that it has started in its terminal; returns its exit code."""
        os.killpg(self.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Wait for the end; returns the exit code."""
        self.said += [line.rstrip() for line in self.lines]
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def kill(self) -> None:
        """`kill -9`, if it is still running."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.end()
        self.lines.close()


@contextmanager
def watching(course: Path, *options: object) -> Iterator[Watching]:
    """Watch a course directory, in a process that is killed at the end if it still runs."""
    watch = Watching(course, *options)
    try:
        yield watch
    finally:
        watch.kill()
        sys.stdout.write("\n".join(watch.said))  # shown if the test fails
