"""A line for each submission that `autograder watch` grades."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from autograder.assignments import Assignment
from autograder.course_files.names import shown
from autograder.judge.verdict import Verdict
from autograder.progress_bars import INTERRUPTED
from autograder.watch.arrivals import HandIn
from autograder.watch.watcher import WatchProgress


class WatchLines(WatchProgress):
    """Prints a line for each graded submission. A context manager.

    out  the console for these lines
    err  the console for sentences on the state of the watcher

    Ctrl-C inside it ends the program, with a sentence.
    """

    def __init__(self, out: Console, err: Console) -> None:
        self.out, self.err = out, err
        self.count = 0
        self.status: Status | None = None

    def __enter__(self) -> "WatchLines":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.grading([])
        if kind is KeyboardInterrupt:
            done = f"{self.count} {'submission was' if self.count == 1 else 'submissions were'}"
            sentence = f"Stopped; {done} graded. The same command goes on from there."
            self.err.print(sentence, style="bold red")
            sys.exit(INTERRUPTED)

    def watching(self, assignments: Sequence[Assignment], inbound: Path | None) -> None:
        """Say what is watched."""
        names = ", ".join(assignment.name for assignment in assignments)
        exchange = f", and nbgrader's exchange in {inbound}" if inbound and inbound.is_dir() else ""
        self._say(f"Watching {names}{exchange}. Ctrl-C ends it.")

    def resumed(self, assignment: Assignment, graded: int, students: int) -> None:
        """Say how many submissions are graded already."""
        if students:
            self._say(f"{assignment.name}: {graded} of {students} submissions are graded already.")

    def waiting(self, sentence: str) -> None:
        """Print the sentence."""
        self._say(sentence, "yellow")

    def grading(self, hand_ins: Sequence[HandIn]) -> None:
        """Show a spinner with the students' names in a terminal."""
        if self.status:
            self.status.stop()
            self.status = None
        if hand_ins:
            names = ", ".join(shown(hand_in.student) for hand_in in hand_ins)
            self.status = self.err.status(Text(f"grading {names}"))
            self.status.start()

    def graded(self, hand_in: HandIn, verdict: Verdict, *, is_new: bool) -> None:
        """Print the points, or why there are none."""
        self.count += is_new
        if verdict.status == "graded":
            result = Text(f"{verdict.earned:g}/{verdict.points:g}")
        else:
            result = Text(f"{verdict.status}: {verdict.reason}", style="red")
        if not is_new:
            result.append(", unchanged", style="dim")
        for flag in verdict.flags:
            result.append(f"  to look at: {flag}", style="yellow")
        self._line(hand_in, result)

    def collected(self, hand_in: HandIn, warning: str) -> None:
        """Print nbgrader's warning."""
        self._line(hand_in, Text(f"collected, but {warning}", style="yellow"))

    def not_collected(self, hand_in: HandIn, why: str) -> None:
        """Print the reason."""
        self._line(hand_in, Text(f"not collected: {why}", style="red"))

    def _line(self, hand_in: HandIn, result: Text) -> None:
        """A line with the time, the student, the assignment and the result."""
        time = f"{datetime.now():%H:%M:%S}"
        line = Text(f"{time}  {shown(hand_in.student)}  {hand_in.assignment.name}  ")
        self.out.print(line + result, soft_wrap=True, highlight=False)

    def _say(self, sentence: str, style: str = "") -> None:
        self.err.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)
