"""How far a class has been graded, as it goes: bars, and a running count of the verdicts."""

import sys
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autograder.gradebook.grading import GradingProgress
from autograder.judge.verdict import Verdict

INTERRUPTED = 130  # the exit code that shells give Ctrl-C


class Tally(GradingProgress):
    """Shows what it is told; a context manager. Ctrl-C in it ends the program and says what is
    done.
    """

    def __init__(self, console: Console) -> None:
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ]
        self.console, self.counts = console, Counter[str]()
        self.progress = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> "Tally":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()
        if kind is KeyboardInterrupt:
            done = f"{self.counts.total()} were judged in this run"
            self.console.print(
                f"Stopped; {done}. The same command goes on from there.", style="bold red"
            )
            sys.exit(INTERRUPTED)

    def waiting(self, sentence: str) -> None:
        """Say it."""
        self.console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def started(self, to_judge: int, students: int, why_cold: str) -> None:
        """Open the bars."""
        if why_cold:
            said = f"Workers start cold, which is slow: {why_cold}"
            self.console.print(said, style="yellow", markup=False, highlight=False)
        self.progress.start()
        self.bars = {
            what: self.progress.add_task(what, total=total)
            for what, total in (("judged", to_judge), ("recorded", students), ("pages", students))
        }

    def judged(self, student: str, verdict: Verdict) -> None:
        """Count it by its status."""
        self.counts[verdict.status] += 1
        said = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        self.progress.update(self.bars["judged"], advance=1, description=f"judged: {said}")

    def recorded(self, student: str) -> None:
        """Count it."""
        self.progress.advance(self.bars["recorded"])

    def page(self, student: str) -> None:
        """Count it."""
        self.progress.advance(self.bars["pages"])
