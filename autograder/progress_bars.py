"""Progress bars for grading a class, with a running count of the verdicts."""

import sys
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from autograder.gradebook.grading import GradingProgress
from autograder.judge.verdict import Verdict

INTERRUPTED = 130  # the exit code that shells give Ctrl-C


class ProgressBars(GradingProgress):
    """Shows the progress of a grading run. A context manager.

    Ctrl-C inside it ends the program, with a sentence on how much is done.
    """

    def __init__(self, console: Console) -> None:
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ]
        self.console = console
        self.counts = Counter[str]()
        self.bars: dict[str, TaskID] = {}
        self.undrawn = 0
        self.progress = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> "ProgressBars":
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
            sentence = f"Stopped; {done}. The same command goes on from there."
            self.console.print(sentence, style="bold red")
            sys.exit(INTERRUPTED)

    def waiting(self, sentence: str) -> None:
        """Print the sentence."""
        self.console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def started(self, to_judge: int, to_draw: int, students: int, why_cold: str) -> None:
        """Open the bars."""
        if why_cold:
            warning = f"Workers start cold, which is slow: {why_cold}"
            self.console.print(warning, style="yellow", markup=False, highlight=False)
        self.progress.start()
        self.undrawn = to_draw
        totals = {"judged": to_judge, "recorded": students, "drawn": to_draw, "pages": students}
        for what, total in totals.items():
            self.bars[what] = self.progress.add_task(what, total=total)

    def judged(self, student: str, verdict: Verdict) -> None:
        """Count a verdict by its status."""
        self.counts[verdict.status] += 1
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        self.progress.update(self.bars["judged"], advance=1, description=f"judged: {counts}")

    def recorded(self, student: str) -> None:
        """Count a student recorded in the gradebook."""
        self.progress.advance(self.bars["recorded"])

    def to_draw(self, student: str) -> None:
        """Expect one more drawing."""
        self.undrawn += 1
        self.progress.update(self.bars["drawn"], total=self.undrawn)

    def drawn(self, student: str) -> None:
        """Count a drawing."""
        self.progress.advance(self.bars["drawn"])

    def page(self, student: str) -> None:
        """Count a feedback page."""
        self.progress.advance(self.bars["pages"])
