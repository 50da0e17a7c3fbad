"""The visible checks of a notebook as it was saved: what is solved, what is left, what to hand in.

python -m course_utils.self_check 3_colorization.ipynb      in a terminal
self_check("3_colorization.ipynb")                          in a cell of the notebook

As in grading, the file counts and not what is on the screen. Its cells are put on the notebook that
was given out, and run from top to bottom in a fresh kernel and an empty folder. The cells that
train are left out: what counts is the network's file, which is handed in with the notebook.

run(path).results["vote"].outcome                           the same without printing

Exit code: 0 if all visible checks pass and all that is handed in is there, 1 if not, 2 if there is
no notebook of the course that could be run.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from course_utils.notebook.saved_notebook import (
    MAX_BYTES,
    NotebookError,
    SavedNotebook,
    Task,
    digest,
    read,
)
from course_utils.self_check.as_graded import released_of
from course_utils.self_check.notebook_run import INSIDE, NotebookRun, Result
from course_utils.setup_check import HOME, say

if TYPE_CHECKING:
    from nbformat import NotebookNode  # it may not be installed

MOST = 8  # notes that are shown


def run(
    path: Path,
    released: "NotebookNode | None" = None,
    tell: Callable[[Task, Result], object] = lambda *_: None,
) -> NotebookRun:
    """Run a saved notebook's visible checks; return the results by task, and notes.

    released  the notebook as it was given out, a NotebookNode; by default the archive's copy, if it
              has one
    tell      called with each task and its result, in the notebook's order, as soon as it is
              settled
    Raises NotebookError if there is no notebook of the course, or nothing can be run.
    """
    saved = read(path)
    whole = NotebookRun(saved, released or released_of(saved), tell, _progress)
    whole.run()
    return whole


def self_check(notebook: str | Path) -> bool:
    """Run a saved notebook's visible checks, print the results, and return whether all is well."""
    if os.environ.get(INSIDE):
        return False
    command = [sys.executable, "-m", "course_utils.self_check", str(notebook)]
    try:
        read(Path(notebook))  # before a process is started
        # A separate process: this one is a kernel itself, with a running event loop.
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
                for line in run.stdout or ():
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
        released = released_of(saved)
        start = (
            f"{saved.path.name}, {_state(saved, released)}, is run in a fresh "
            "kernel without the training."
        )
        say(f"{start}\n")
        width = max(map(len, saved.tasks)) + 1
        whole = run(saved.path, released, lambda task, result: _say_result(task, result, width))
    except NotebookError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("Stopped.")
        return 1
    return _summary(whole)


def _with_course() -> dict[str, str]:
    """The variable by which another Python finds this course_utils, wherever it works."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))}


def _state(saved: SavedNotebook, released: "NotebookNode | None") -> str:
    """When the file was saved, or that it is unchanged: dates in an archive mean nothing."""
    if released:
        mine = [digest(cell.source) for cell in saved.cells]
        if mine == [digest(cell.source) for cell in released.cells]:
            return "as it was given out"
    return f"saved {_ago(saved.path)}"


def _ago(path: Path) -> str:
    minutes = max(time() - path.stat().st_mtime, 0) / 60
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes:.0f} minutes ago"
    return (
        f"{minutes / 60:.0f} hours ago"
        if minutes < 48 * 60
        else f"{minutes / 60 / 24:.0f} days ago"
    )


def _say_result(task: Task, result: Result, width: int) -> None:
    """A task's line, and why where that does not say it all."""
    worth = f"{task.points:g} points" if task.points else ""
    left = f", about {task.minutes:g} minutes" if task.minutes and not result.passed else ""
    say(f"{task.name + ':':{width}} {result.outcome:14} {worth}{left}".rstrip())
    if result.why:
        say(f"    {result.why}")


def _progress(text: str) -> None:
    """Show what is being done, in a terminal alone; what comes next is written over it."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text[:78]}")
        sys.stderr.flush()


def _summary(whole: NotebookRun) -> int:
    """Print the sums, the notes and what is handed in; return the exit code."""
    tasks = list(whole.graded.tasks.values())
    left = [task for task in tasks if not whole.results[task.name].passed]
    minutes = sum(task.minutes for task in left)
    about = f"; about {minutes:g} minutes are left" if minutes else ""
    say(f"\n{len(tasks) - len(left)} of {len(tasks)} tasks pass their visible checks{about}.")
    say("For the grade they are called with other numbers and sizes as well.")
    more = [f"There are {len(whole.notes) - MOST} more notes."] if len(whole.notes) > MOST else []
    if whole.notes:
        say("\n" + "\n".join(f"note: {note}" for note in [*whole.notes[:MOST], *more]))
    files = _hand_in(whole.saved)
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
        found.append(
            ("ok", file) if there else ("MISSING", f"{file}: run the cell that trains and saves it")
        )
    return found
