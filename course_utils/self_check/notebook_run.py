"""One run of a notebook's visible checks, as in grading: each task's result and its reason.

run = NotebookRun(saved, released)
run.run()
run.results["vote"].outcome         passed | FAILED | not solved yet | not reached
run.notes                           what else a student should know, a sentence each

A task counts as it was at its visible check or as it is at the end of the notebook, whichever is
better.
"""

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_utils.notebook.saved_notebook import Cell, NotebookError, SavedNotebook, Task
from course_utils.self_check import not_handed_in
from course_utils.self_check.as_graded import GradedFolder, graded_folder, on_released

if TYPE_CHECKING:  # jupyter_client and nbformat may be missing
    from nbformat import NotebookNode

    from course_utils.self_check.fresh_kernel import FreshKernel, Ran

SECONDS = 120  # for one cell; the grader waits less
GRADER_SECONDS = 10  # of its own time, for one cell
# Added for a cell that imports: the grader loads large packages before it starts to count.
LOADING = 20
RESTARTS = 3  # of a kernel that a cell has ended
# Set in the kernel, because a cell that calls the self-check would never end.
INSIDE = "COURSE_SELF_CHECK"


@dataclass(frozen=True)
class Result:
    """What came of a task's visible checks.

    outcome  passed | FAILED | not solved yet | not reached
    why      a sentence where that does not say it all
    """

    outcome: str
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether all went well."""
        return self.outcome == "passed"


class NotebookRun:
    """A saved notebook's run.

    saved      the notebook as it was saved
    released   as it was given out, or None if unknown
    tell       called with each task and its result, in the notebook's order, as soon as it is
               settled
    progress   called with what is being done, and with nothing when it is done

    graded   the notebook that is run
    results  by task
    failed   the cells, checks aside, that have raised an exception
    notes    a sentence on whatever else a student should know
    """

    def __init__(
        self,
        saved: SavedNotebook,
        released: "NotebookNode | None" = None,
        tell: Callable[[Task, Result], object] = lambda *_: None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.saved, self.tell, self.progress = saved, tell, progress
        self.graded, self.repairs = on_released(saved, released) if released else (saved, [])
        self.results: dict[str, Result] = {}
        self.failed: list[tuple[Cell, Ran]] = []
        self.notes: list[str] = []
        self._given = {cell.source for cell in released.cells} if released else set()
        self._task_of = {
            id(cell): self.graded.tasks[task] for task, cell in self.graded.checks.items()
        }
        self._cells: dict[int, Cell] = {}  # by the kernel's number
        self._hung: set[str] = set()  # tasks
        self._fatal: set[int] = set()  # cells that have ended a kernel, by id
        self._told: list[str] = []
        self._folder: GradedFolder
        self._running: FreshKernel | None = None

    def run(self) -> None:
        """Run it. Raises NotebookError if nothing can be run here."""
        try:
            from course_utils.self_check.fresh_kernel import KernelLostError
        except ImportError as error:
            says = f"{error.name} is not installed for {sys.executable}"
            raise NotebookError(
                f"{says}: run this with the Python that your notebooks use."
            ) from None
        try:
            with graded_folder(self.saved) as self._folder:
                try:
                    self._open()
                    self._run_cells()
                    self._run_checks_again()
                    self._look_for_folders()
                finally:
                    self._close()
        except KernelLostError as lost:  # of those that a cell ends, none comes here
            raise NotebookError(
                f"No kernel starts with {sys.executable}: an empty cell {lost}."
            ) from None
        except OSError as error:
            says = error.strerror or str(error)
            raise NotebookError(
                f"No folder could be made for the run ({says}): is the disk full?"
            ) from None
        self._conclude()

    def _open(self) -> None:
        """Start a kernel. Raises KernelLostError."""
        from course_utils.self_check.fresh_kernel import FreshKernel

        self._cells.clear()
        kernel = FreshKernel(self._folder.work, self._folder.environment | {INSIDE: "1"})
        self._running = kernel.__enter__()
        self._running.ask("start")

    def _close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    @property
    def _kernel(self) -> "FreshKernel":
        """The running kernel."""
        if self._running is None:
            raise RuntimeError("no kernel is running")
        return self._running

    def _run_cells(self) -> None:
        from course_utils.self_check.fresh_kernel import KernelLostError

        cells = self.graded.code
        for number, cell in enumerate(cells, 1):
            if cell.name.removeprefix("picture-") in self._hung:
                continue  # it would take as long
            self.progress(f"cell {number} of {len(cells)}: {cell.called}")
            try:
                ran, left_out = self._run_cell(cell)
            except KernelLostError as lost:
                self._lost(cell, str(lost))
                if not self._again(cells[:number]):
                    return
                continue
            finally:
                self.progress("")
            self._take(cell, ran, left_out)

    def _run_cell(self, cell: Cell) -> tuple["Ran", list[tuple[int, str, str]]]:
        """Run a cell; return its result and the statements that were left out.

        Raises KernelLostError.
        """
        if id(cell) in self._task_of:
            self._kernel.ask("reset")
        ran = self._kernel.run(cell.source, SECONDS)
        self._cells[ran.number] = cell
        return ran, [(line, source, error) for line, source, error in self._kernel.ask("skipped")]

    def _lost(self, cell: Cell, why: str) -> None:
        """A cell has ended the kernel: that costs its task."""
        self._fatal.add(id(cell))
        if task := self._task_of.get(id(cell)):
            self._hung.add(task.name)
            self._settle(task, Result("FAILED", f"it {why}"))
        called = _capital(cell.called)
        self.notes.append(
            f"{called} {why}: the cells below it were run without it, in a new kernel."
        )

    def _again(self, cells: list[Cell]) -> bool:
        """Start another kernel and rerun the earlier cells; return whether that has worked."""
        from course_utils.self_check.fresh_kernel import KernelLostError

        self._close()
        if len(self._fatal) > RESTARTS:
            self.notes.append("That happened too often: what comes after it was not run.")
            return False
        self._open()
        for cell in cells:
            if id(cell) in self._fatal or cell.name.startswith(("check-", "picture-")):
                continue
            try:
                self._run_cell(cell)
            except KernelLostError:  # it went well the first time
                self._fatal.add(id(cell))
                return self._again(cells)
        return True

    def _run_checks_again(self) -> None:
        """At the end of the notebook, with what names mean there."""
        from course_utils.self_check.fresh_kernel import KernelLostError

        for task, check in self.graded.checks.items():
            if task in self._hung or task not in self.results:
                continue
            self.progress(f"the check of {task}, at the end of the notebook")
            try:
                ran, left_out = self._run_cell(check)
            except KernelLostError:
                return
            finally:
                self.progress("")
            self._compare(
                self.graded.tasks[task], self._result(self.graded.tasks[task], ran, left_out)
            )

    def _compare(self, task: Task, at_end: Result) -> None:
        """Keep a check's better result, in its place or at the end; note if the latter is worse."""
        in_place = self.results[task.name]
        if in_place.passed and not at_end.passed:
            self.notes.append(self._changed_later(task.name))
        elif at_end.passed or in_place.outcome == "not solved yet":
            self._settle(task, at_end)

    def _changed_later(self, task: str) -> str:
        """Which cell makes a task fail that passes in its place."""
        cells, names = self.graded.code, self.graded.names_behind(task)
        below = cells[cells.index(self.graded.checks[task]) + 1 :]
        changing = [
            cell for cell in below if cell.defines & names and not cell.name.startswith("picture-")
        ]
        counts = "the grade takes it as it was at its check"
        if not changing:
            return f"{task} passed in its place, and fails at the end of the notebook; {counts}."
        name = task if task in changing[-1].defines else min(changing[-1].defines & names)
        what = "it" if name == task else f"{name}, which it uses"
        where = f"a later cell ({changing[-1].called})"
        return f"{task} passed in its place, but {where} changes {what}; {counts}."

    def _look_for_folders(self) -> None:
        """Note modules and packages that may be missing in grading."""
        from course_utils.self_check.fresh_kernel import KernelLostError

        names = not_handed_in.imported(self.graded)
        parent = str(self._folder.work.parent)
        try:
            foreign = self._kernel.ask("foreign", list(names), parent)
        except KernelLostError:
            return
        for name, folder in foreign.items():
            self.notes.append(
                f"{name} comes from {folder}, which is not there in grading ({names[name]})."
            )
        for name, package in not_handed_in.not_required(set(names) - set(foreign)).items():
            missing = f"{package} is not in requirements.txt and may be missing in grading"
            self.notes.append(f"{missing} ({names[name]}).")

    def _take(self, cell: Cell, ran: "Ran", left_out: list[tuple[int, str, str]]) -> None:
        """Record a cell's result. Raises NotebookError if nothing can run at all."""
        if task := self._task_of.get(id(cell)):
            self._hung |= {task.name} if ran.timed_out else set()
            self._settle(task, self._result(task, ran, left_out))
            return
        if ran.error and cell.name == "setup":
            raise NotebookError(self._folder.told(ran.says))
        if ran.error:
            self.failed.append((cell, ran))
        self.notes += [self._left_out(cell, *one) for one in left_out]
        if ran.seconds > _allowed(cell) and cell.source not in self._given:
            self.notes.append(
                f"{_capital(cell.called)} took {ran.seconds:.0f} seconds; "
                f"the grader stops a cell after {GRADER_SECONDS} "
                "and goes on without what it defines."
            )

    def _left_out(self, cell: Cell, line: int, source: str, error: str) -> str:
        """The note on a statement that was left out; none if it only waits for a task."""
        if self._stub_in(error.removeprefix("NotImplementedError: ").partition(".")[0]):
            return ""
        if (note := not_handed_in.note_on(self.saved, error)) is not None:
            return note
        where = f"line {line} of {cell.called}"
        return f"{where} was skipped here and will be in grading: `{source}` ({error})."

    def _settle(self, task: Task, result: Result) -> None:
        """Keep a result, and tell those that nothing can change any more."""
        self.results[task.name] = result
        self._tell_settled()

    def _tell_settled(self, *, all_of_them: bool = False) -> None:
        """Tell results in the notebook's order, up to the first that may still become better."""
        for task in list(self.graded.tasks.values())[len(self._told) :]:
            result = self.results.get(task.name)
            if result is None or not (result.passed or all_of_them):
                return
            self._told.append(task.name)
            self.tell(task, result)

    def _conclude(self) -> None:
        """Results for the tasks that have none, and the notes."""
        for task in self.graded.tasks.values():
            if task.name not in self.graded.checks:
                self.results[task.name] = Result(
                    "not reached", "its check is no longer in the notebook"
                )
            self.results.setdefault(task.name, Result("not reached"))
        self._tell_settled(all_of_them=True)
        notes = [*self._untouched(), *self._traps(), *self.notes]
        notes += [self._failure(cell, ran) for cell, ran in self._unexplained()]
        self.notes = [note for note in dict.fromkeys(notes) if note]

    def _result(self, task: Task, ran: "Ran", left_out: list[tuple[int, str, str]]) -> Result:
        """What to call what became of a check, and why that is."""
        if not ran.error and left_out:  # what was not checked has not passed
            return Result(
                "FAILED", f"{left_out[0][2]} (line {left_out[0][0]} of the check of {task.name})"
            )
        if not ran.error:
            return Result("passed")
        stub = self._stub(ran)
        if stub == task.name:
            return Result("not solved yet")
        if stub:
            return Result("FAILED", f"it needs {stub}, which is not solved yet")
        own = [ran for cell, ran in self.failed if cell.name == f"task-{task.name}"]
        if own:
            return Result("FAILED", self._sentence(own[0]))
        if task.name not in self.graded.defining:
            return Result("FAILED", f"no cell defines {task.name}: was it renamed, or deleted?")
        return Result("FAILED", self._sentence(ran))

    def _stub(self, ran: "Ran") -> str:
        """The task whose stub has raised, or nothing: torch raises NotImplementedError, too."""
        return (
            self._stub_in(ran.says.partition(".")[0]) if ran.error == "NotImplementedError" else ""
        )

    def _stub_in(self, name: str) -> str:
        return name if name in self.graded.tasks else ""

    def _sentence(self, ran: "Ran") -> str:
        """An exception, and where it comes from."""
        number, line = ran.place or (0, 0)
        cell = self._cells.get(number)
        if ran.timed_out or cell is None:
            return f"it {ran.says}" if ran.timed_out else f"{ran.error}: {_first_line(ran.says)}"
        says = _first_line(ran.says)
        if ran.error != "AssertionError":
            says = f"{ran.error}: {says}" if says else ran.error
        if empty := re.match(r"(?:[ \t]*\n)*", cell.source):
            line += len(empty[0].splitlines())  # IPython drops empty lines at the top
        lines = cell.source.splitlines()
        says = says or lines[min(line, len(lines)) - 1].strip()
        return f"{says} (line {line} of {cell.called})"

    def _untouched(self) -> list[str]:
        """Whether this is the file as it was given out, while the student works in another one."""
        if any(result.outcome != "not solved yet" for result in self.results.values()):
            return []
        if any(cell.number for cell in self.saved.cells):
            return []
        return [
            "No cell of this file has ever been run. If you have worked on it, "
            "save it first; on Colab, give the path of the copy that is on your Drive."
        ]

    def _traps(self) -> list[str]:
        """What has cost others points, and what was put right."""
        # The traps tell of checks, and to put back what is no answer costs nothing.
        repairs = [repair for repair in self.repairs if repair.startswith(("task-", "written-"))]
        return [*self.saved.traps(), *repairs]

    def _unexplained(self) -> list[tuple[Cell, "Ran"]]:
        """The cells that have failed otherwise than by a task that does not pass."""
        open_tasks = {name for name, result in self.results.items() if not result.passed}
        return [
            (cell, ran)
            for cell, ran in self.failed
            if cell.name.partition("-")[2] not in open_tasks and not self._stub(ran)
        ]

    def _failure(self, cell: Cell, ran: "Ran") -> str:
        """The note on a cell that fails."""
        if (note := not_handed_in.note_on(self.saved, ran.says)) is not None:
            return note
        return f"{_capital(cell.called)} fails: {self._folder.told(self._sentence(ran))}."


def _allowed(cell: Cell) -> float:
    """Seconds that a cell may take before a note is due."""
    loads = any(isinstance(statement, ast.Import | ast.ImportFrom) for statement in cell.body)
    return GRADER_SECONDS + LOADING * loads


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _first_line(text: str) -> str:
    """Of an exception's text, without the place that a SyntaxError gives."""
    return re.sub(r" \(\S+, line \d+\)$", "", (text.strip().splitlines() or [""])[0])[:200]
