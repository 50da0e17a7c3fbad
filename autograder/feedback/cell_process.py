"""The process that turns cells into HTML, seen from its parent.

A cell may crash it; the page is completed all the same.

Its limit is processor time, not the time on a clock: a busy machine never changes a page.
"""

import json
import os
import signal
import subprocess
import sys
from atexit import register
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from autograder.assignments import COURSE
from autograder.feedback.cell_html import READY, CellHtml, plain_cell, request_for

CELL_SECONDS = 10  # of processor time that one cell may take,
PAGE_SECONDS = 30  # and all cells of a page that are not of the class; usual is a hundredth
DEATHS = 3  # of the process by one page's cells; then the rest of its cells is plain text
COMMAND = ("-P", "-m", "autograder.feedback.cell_html")
TRIES = 2  # when something else has killed the process
KILLED = (-signal.SIGKILL, -signal.SIGTERM)
PAGE_SIZE = 40 * 2**20  # characters of a page's HTML; what comes after that is cut short
SHORT = 1_000  # characters
REMEMBERED = 4096  # cells: most of a page is the same for every student of a class
REMEMBERED_SIZE = 50_000  # characters of a cell that is remembered
TOO_MUCH = "This cell can't be shown as it looks in the notebook. It is here as plain text."


class CellProcess:
    """Turns cells into HTML in a separate process, started on first use and after each crash."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.is_ready = False
        self.owner = os.getpid()
        self.lock = Lock()
        self.known: OrderedDict[str, CellHtml] = OrderedDict()

    def start(self) -> None:
        """Start the process, if it does not run, without waiting until it is ready: a second."""
        with self.lock, suppress(OSError):  # the first page says what is wrong
            self._started()

    def page(self, cells: Sequence[dict[str, Any]]) -> list[CellHtml]:
        """The cells of one page, in order. Never fails for what is in them."""
        with self.lock:
            shown, left, deaths, size = [], float(PAGE_SECONDS), 0, 0
            for cell in cells:
                request = request_for(cell)
                html, used = self._known_or_made(request, left if deaths < DEATHS else 0.0)
                left, deaths = left - used, deaths + (html is None)
                html = html or plain_cell(request, TOO_MUCH)
                if size + len(html.body) > PAGE_SIZE:
                    html = plain_cell(
                        request, "This page is too long, and this cell is cut short.", SHORT
                    )
                size += len(html.body)
                shown.append(html)
            return shown

    def _known_or_made(self, request: dict[str, Any], left: float) -> tuple[CellHtml | None, float]:
        """A cell's HTML, or None if it can't be made; and the processor time used."""
        try:
            key = json.dumps(request)
        except (TypeError, ValueError, RecursionError):
            # Not a notebook's content, or nested without end.
            return plain_cell(request, TOO_MUCH), 0.0
        if key in self.known:
            self.known.move_to_end(key)
            return self.known[key], 0.0
        if left <= 0:
            return plain_cell(request, TOO_MUCH), 0.0
        answer = self._ask(key)
        if answer is None:
            return None, float(CELL_SECONDS)
        html = CellHtml(answer["body"], answer["comment"])
        if len(key) + len(html.body) <= REMEMBERED_SIZE:
            self.known[key] = html
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
        return html, answer["seconds"]

    def _ask(self, cell: str) -> dict[str, Any] | None:
        """The process's answer; None if the question made it crash."""
        for _ in range(TRIES):
            process = self._running()
            question, answer = process.stdin, process.stdout
            assert question, "a pipe"
            assert answer, "a pipe"
            try:
                question.write(f'{{"seconds": {CELL_SECONDS}, "cell": {cell}}}\n')
                question.flush()
                return json.loads(answer.readline())
            except (OSError, ValueError):  # it has died, before it has answered or amid its answer
                # It may still run, and its next words would answer another question.
                process.kill()
                if process.wait() not in KILLED:
                    return None
            finally:
                if process.poll() is not None:
                    self.close()
        return None

    def _running(self) -> subprocess.Popen[str]:
        """The process, ready for a question. Raises OSError if it does not start."""
        process = self._started()
        if not self.is_ready:
            assert process.stdout, "a pipe"
            if process.stdout.readline().strip() != READY:
                self.close()
                raise OSError("the process that writes feedback pages does not start")
            self.is_ready = True
        return process

    def _started(self) -> subprocess.Popen[str]:
        if self.owner != os.getpid():  # a fork: the process is its parent's
            self.process, self.owner = None, os.getpid()
        if self.process is None:
            self.is_ready = False
            self.process = subprocess.Popen(
                [sys.executable, *COMMAND],
                cwd=COURSE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="ascii",
                env=os.environ | {"PYTHONPATH": _path(), "OMP_NUM_THREADS": "1"},
            )
        return self.process

    def close(self) -> None:
        """End the process. It is started again when it is needed."""
        process, self.process = self.process, None
        if process is None or self.owner != os.getpid():
            return
        with suppress(OSError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _path() -> str:
    """Where the process finds this package, and what else is on this one's path."""
    return os.pathsep.join(filter(None, (str(COURSE), os.environ.get("PYTHONPATH", ""))))


cells_as_html = CellProcess()  # one for all pages that this process writes
register(cells_as_html.close)
