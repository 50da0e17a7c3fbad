"""The visible checks of a notebook as it was saved: what is solved, what is left, what to hand in.

python -m course_utils.self_check 3_colorization.ipynb      in a terminal
self_check("3_colorization.ipynb")                          in a cell of the notebook

As in grading, the file counts and not what is on the screen. It is run from top to bottom in a fresh kernel,
without the cells that train: a network is handed in as the file that they have saved.

Exit code: 0 if all visible checks pass and all that is handed in is there, 1 if not, 2 if there is no
notebook of the course that could be run.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from course_utils.saved_notebook import MAX_BYTES, Cell, NotebookError, SavedNotebook, Task, read
from course_utils.setup_check import HOME, say

if TYPE_CHECKING:
    from course_utils.fresh_kernel import FreshKernel, Ran  # jupyter_client may be missing

SECONDS = 120  # for one cell; the grader waits less
MOST = 8  # notes that are shown
INSIDE = "COURSE_SELF_CHECK"  # set in the kernel: a cell that calls this would go on for ever


def self_check(notebook: str | Path) -> bool:
    """Run a saved notebook's visible checks, print what came of them, and return whether all is well."""
    if os.environ.get(INSIDE):
        return False
    command = [sys.executable, "-m", "course_utils.self_check", str(notebook)]
    try:
        read(Path(notebook))  # before a process is started
        # A process of its own: this one has an event loop running, and is a kernel itself.
        with subprocess.Popen(
            command,
            env=os.environ | _with_course() | {"PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as run:
            try:
                for line in run.stdout:
                    say(line.rstrip("\n"))
                return run.wait() == 0
            finally:
                run.terminate()  # if it was interrupted here
    except (NotebookError, OSError) as error:
        say(str(error))
        return False


def main(arguments: list[str]) -> int:
    """The command. Returns its exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        say("Say which notebook: python -m course_utils.self_check NOTEBOOK.ipynb")
        return 2
    if os.environ.get(INSIDE):
        return 2
    try:
        saved = read(Path(arguments[0]))
        say(f"{saved.path.name}, saved {_ago(saved.path)}, is run in a fresh kernel without the training.\n")
        results = _Run(saved)
        results.run()
    except NotebookError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("Stopped.")
        return 1
    return _summary(saved, results)


def _with_course() -> dict[str, str]:
    """The variable by which another Python finds this course_utils, wherever it works."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))}


def _ago(path: Path) -> str:
    minutes = max(time() - path.stat().st_mtime, 0) / 60
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes:.0f} minutes ago"
    return f"{minutes / 60:.0f} hours ago" if minutes < 48 * 60 else f"{minutes / 60 / 24:.0f} days ago"


@dataclass(frozen=True)
class Result:
    """What came of a task's visible checks.

    outcome  passed | FAILED | not solved yet | not reached
    why      a sentence where that does not say it all
    """

    outcome: str
    why: str = ""


class _Run:
    """One run of a saved notebook, and what came of its tasks.

    failed  the cells, checks aside, that have raised an exception
    notes   a sentence on whatever else a student should know
    """

    def __init__(self, saved: SavedNotebook) -> None:
        self.saved = saved
        self.results: dict[str, Result] = {}
        self.failed: list[tuple[Cell, Ran]] = []
        self.notes: list[str] = []
        self._task_of = {id(cell): saved.tasks[task] for task, cell in saved.checks.items()}
        self._cells: dict[int, Cell] = {}  # by the kernel's number
        self._hung: set[str] = set()  # tasks

    def run(self) -> None:
        """Run it, and print a line for each task as soon as its checks have run.

        Raises NotebookError if nothing can be run here.
        """
        try:
            from course_utils.fresh_kernel import FreshKernel, KernelLostError
        except ImportError as error:
            says = f"{error.name} is not installed for {sys.executable}"
            raise NotebookError(f"{says}: run this with the Python that your notebooks use.") from None
        try:
            with FreshKernel(self.saved.path.parent.resolve(), _with_course() | {INSIDE: "1"}) as kernel:
                self._run_cells(kernel)
        except KernelLostError as lost:  # of those that a cell ends, none comes here
            raise NotebookError(f"No kernel starts with {sys.executable}: an empty cell {lost}.") from None
        for task in self.saved.tasks.values():
            if task.name not in self.saved.checks:
                self._keep(task, Result("not reached", "its check is no longer in the notebook"))
            elif task.name not in self.results:
                self._keep(task, Result("not reached"))
        self.notes += self._untouched() + self.saved.traps()
        self.notes += [self._note(cell, ran) for cell, ran in self._unexplained()]

    def _run_cells(self, kernel: "FreshKernel") -> None:
        from course_utils.fresh_kernel import KernelLostError

        for number, cell in enumerate(self.saved.code, 1):
            if cell.name.removeprefix("picture-") in self._hung:
                continue  # it would take as long
            _progress(f"cell {number} of {len(self.saved.code)}: {cell.called}")
            try:
                ran = kernel.run(cell.source, SECONDS)
            except KernelLostError as lost:
                if task := self._task_of.get(id(cell)):
                    self._keep(task, Result("FAILED", f"it {lost}"))
                called = cell.called[0].upper() + cell.called[1:]
                self.notes.append(f"{called} {lost}: what comes after it was not run.")
                return
            finally:
                _progress("")
            self._cells[ran.number] = cell
            self._take(cell, ran)

    def _take(self, cell: Cell, ran: "Ran") -> None:
        """Keep what became of a cell. Raises NotebookError if the first one says that nothing can run."""
        if task := self._task_of.get(id(cell)):
            self._keep(task, self._result(task, ran) if ran.error else Result("passed"))
            self._hung |= {task.name} if ran.timed_out else set()
        elif ran.error and cell.name == "setup":
            raise NotebookError(ran.says)
        elif ran.error:
            self.failed.append((cell, ran))

    def _keep(self, task: Task, result: Result) -> None:
        self.results[task.name] = result
        width = max(map(len, self.saved.tasks)) + 1
        worth = f"{task.points:g} points" if task.points else ""
        left = f", about {task.minutes:g} minutes" if task.minutes and result.outcome != "passed" else ""
        say(f"{task.name + ':':{width}} {result.outcome:14} {worth}{left}".rstrip())
        if result.why:
            say(f"    {result.why}")

    def _result(self, task: Task, ran: "Ran") -> Result:
        """What to call a check that has raised, and why that is."""
        stub = self._stub(ran)
        if stub == task.name:
            return Result("not solved yet")
        if stub:
            return Result("FAILED", f"it needs {stub}, which is not solved yet")
        own = [ran for cell, ran in self.failed if cell.name == f"task-{task.name}"]
        if own:
            return Result("FAILED", self._sentence(own[0]))
        if task.name not in self.saved.defining:
            return Result("FAILED", f"no cell defines {task.name}: was it renamed, or deleted?")
        return Result("FAILED", self._sentence(ran))

    def _stub(self, ran: "Ran") -> str:
        """The task whose stub has raised, or nothing: torch raises NotImplementedError, too."""
        name = ran.says.partition(".")[0] if ran.error == "NotImplementedError" else ""
        return name if name in self.saved.tasks else ""

    def _sentence(self, ran: "Ran") -> str:
        """An exception, and where it comes from."""
        number, line = ran.place or (0, 0)
        cell = self._cells.get(number)
        if ran.timed_out or cell is None:
            return f"it {ran.says}" if ran.timed_out else f"{ran.error}: {_first_line(ran.says)}"
        says = _first_line(ran.says)
        if ran.error != "AssertionError":
            says = f"{ran.error}: {says}" if says else ran.error
        line += len(re.match(r"(?:[ \t]*\n)*", cell.source)[0].splitlines())  # IPython drops empty ones
        lines = cell.source.splitlines()
        says = says or lines[min(line, len(lines)) - 1].strip()
        return f"{says} (line {line} of {cell.called})"

    def _untouched(self) -> list[str]:
        """Whether this is the file as it was given out, and the one that is worked in is another."""
        if any(result.outcome != "not solved yet" for result in self.results.values()):
            return []
        if any(cell.number for cell in self.saved.cells):
            return []
        return [
            "No cell of this file has ever been run. If you have worked on it, save it first; on Colab, give "
            "the path of the copy that is on your Drive."
        ]

    def _unexplained(self) -> list[tuple[Cell, "Ran"]]:
        """The cells that have failed otherwise than by a task that does not pass."""
        passed = {name for name, result in self.results.items() if result.outcome == "passed"}
        open_tasks = set(self.saved.tasks) - passed
        return [
            (cell, ran)
            for cell, ran in self.failed
            if cell.name.partition("-")[2] not in open_tasks and not self._stub(ran)
        ]

    def _note(self, cell: Cell, ran: "Ran") -> str:
        return f"{cell.called[0].upper()}{cell.called[1:]} fails: {self._sentence(ran)}."


def _first_line(text: str) -> str:
    """Of an exception's text, without the place that a SyntaxError gives."""
    return re.sub(r" \(\S+, line \d+\)$", "", (text.strip().splitlines() or [""])[0])[:200]


def _progress(text: str) -> None:
    """Show what is being done, in a terminal alone; what comes next is written over it."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text[:78]}")
        sys.stderr.flush()


def _summary(saved: SavedNotebook, run: _Run) -> int:
    """Print the sums, the notes and what is handed in; return the exit code."""
    left = [task for task in saved.tasks.values() if run.results[task.name].outcome != "passed"]
    minutes, total = sum(task.minutes for task in left), len(saved.tasks)
    about = f"; about {minutes:g} minutes are left" if minutes else ""
    say(f"\n{total - len(left)} of {total} tasks pass their visible checks{about}.")
    say("For the grade they are called with other numbers and sizes as well.")
    more = [f"There are {len(run.notes) - MOST} more notes."] if len(run.notes) > MOST else []
    if run.notes:
        say("\n" + "\n".join(f"note: {note}" for note in [*run.notes[:MOST], *more]))
    files = _hand_in(saved)
    say("\nTo hand in:\n" + "\n".join(f"{state:8} {says}" for state, says in files))
    return int(bool(left) or any(state != "ok" for state, _ in files))


def _hand_in(saved: SavedNotebook) -> list[tuple[str, str]]:
    """Each file that is handed in: ok, or what is wrong; and its name with what to do."""
    path, name = saved.path, saved.name
    if path.name != name:
        found = [("RENAME", f"{name}, which is called {path.name} here")]
    elif path.stat().st_size > MAX_BYTES:
        found = [("TOO BIG", f"{name}: clear the outputs of all cells, and save it")]
    else:
        found = [("ok", name)]
    for file in saved.files:
        there = path.with_name(file).is_file() and path.with_name(file).stat().st_size > 0
        found.append(("ok", file) if there else ("MISSING", f"{file}: run the cell that trains and saves it"))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
