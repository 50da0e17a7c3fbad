"""A submission in a sandbox: its cells run in a worker, which answers the calls of checks.

If a call hangs or crashes, only that call fails: a new worker replays the cells for the next one.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.checks import Failure, Forbidden
from autograder.judge.checking.output_room import OutputRoom
from autograder.judge.checking.run_checks import InfrastructureError
from autograder.judge.checking.submission import Answer, Call, Submission, called, no_gradient
from autograder.judge.inside.codec import Handle
from autograder.judge.inside.frames import WireError
from autograder.judge.intake.read_notebook import writable
from autograder.judge.limits import Limits
from autograder.judge.source.code_cells import ASIDE, cell_names, definitions_in
from autograder.judge.source.forbidden_calls import NOT_ALLOWED
from autograder.judge.source.needed_cells import (
    CHECK,
    PICTURE,
    Sources,
    all_sources,
    is_given,
    names_bound_by_given,
    names_reached,
    without_pictures,
)
from autograder.judge.workers.client import CallReply, Opener, SandboxError, Worker, WorkerDied
from autograder.judge.workers.own_time import StarvedError, load_of_machine

# A task that has hung or crashed this often is not called again: its other checks would end in the
# same way.
STRIKES = 2
OUT_OF_TIME = ("time", "processor")
# The start of a new worker does not count as the student's time. So their number has to be limited,
# for a notebook that ends each of them.
WORKERS = 24
# Sums over all workers, in s: their own time, time by the clock, time of waiting for a core,
# processor time.
RESOURCES = ("seconds", "elapsed_seconds", "waited_seconds", "cpu_seconds")
TOO_OFTEN = "can't be called: the notebook has ended its process {} times"
STARVED = "The grading machine was too busy: {}."
SLOW_MACHINE = "The grading machine was too slow: {}, which is as it was given out, {}."
SKIPPED = "Line {} of {} fails in the grader and was skipped: `{}` ({})."
MISSING = re.compile(r"name '(\w+)' is not defined")
PLACE = re.compile(r" \((?:/|\w:)[^)]*\)")  # a path of Python on this machine
MOST_SKIPPED = 20  # skipped statements that are reported
HUNG = 1.0  # s for a given cell that uses a task which has run out of time before
NOT_DRAWN = "This cell was not run: it uses a task whose check was stopped by the grader."
# Pixels: a picture drawn for a high-resolution screen is shrunk to the feedback page's column.
PAGE_WIDTH = 840


class RemoteSubmission(Submission):
    """A submission whose functions are in a worker. As a context manager, it ends the worker.

    notebook  the merged notebook; running it writes the outputs of its cells
    opener    opens boxes with workers; by default they start cold
    rules     what each task may not call
    files     by name, the files that are handed in with the notebook
    sources   what is run of each cell; by default everything
    nice      how far the priority of its workers is lowered: 0 to 19
    hung      tasks that have run out of time before: given cells that use them get little time

    forbidden  by task, why it is no longer called: a sentence for the student
    flags      sentences on what an instructor may want to look at
    skipped    sentences on what the cells could not do here, although the student's machine could
    """

    def __init__(
        self,
        notebook: NotebookNode,
        level: str,
        limits: Limits,
        opener: Opener | None = None,
        rules: Mapping[str, Forbidden] | None = None,
        files: Mapping[str, Path] | None = None,
        sources: Sources | None = None,
        nice: int = 0,
        hung: Collection[str] = (),
    ) -> None:
        super().__init__(files)
        self.rules, self.forbidden, self.flags = dict(rules or {}), dict[str, str](), list[str]()
        self.notebook, self.level, self.limits, self.opener = notebook, level, limits, opener
        self.sources = all_sources(notebook) if sources is None else sources
        self.nice, self.hung = nice, frozenset(hung)
        self.skipped: list[str] = []
        self.resources: dict[str, float] = dict.fromkeys(RESOURCES, 0.0) | {
            "peak_bytes": 0,
            "workers": 0,
        }
        self._at_end = False
        self._room = OutputRoom(limits.output)
        self._worker: Worker | None = None
        # Cells that have ended a worker: only their definitions are replayed.
        self._fatal: set[str] = set()
        self._hopeless: set[str] = set()  # cells whose definitions have ended a worker, too
        self._strikes: Counter[str] = Counter()
        self._handles: dict[int, tuple[Call, Worker, Handle]] = {}  # by the call that gave them

    def __enter__(self) -> "RemoteSubmission":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker, with all that it started."""
        self._end_worker()
        self.resources["machine_load"] = load_of_machine()

    @property
    def seconds(self) -> float:
        """The submission's own time so far, in s."""
        return self.resources["seconds"] + (self._worker.seconds if self._worker else 0.0)

    def run_cells(self, on_cell: Callable[[], object] = lambda: None) -> None:
        """Run the notebook from top to bottom, and write its outputs.

        It stops when the submission's time is used up.

        on_cell  called after each cell that was run
        Raises InfrastructureError.
        """
        self._run(on_cell)
        if self._misses_a_name() and self._run_more():
            self._run(lambda: None)

    def _run(self, on_cell: Callable[[], object]) -> None:
        cells = self.runnable()
        with suppress(WorkerDied), _no_starving():  # after too many workers the rest is not run
            while cells and self.seconds < self.limits.submission:
                worker = self._live_worker(replay_before=cells[0])
                cells = self._run_until_death(worker, cells, on_cell)

    def _run_until_death(
        self, worker: Worker, cells: list[NotebookNode], on_cell: Callable[[], object]
    ) -> list[NotebookNode]:
        """Run cells in turn, and return those that are left when one of them ends the worker."""
        for index, cell in enumerate(cells):
            if cell.id.startswith(PICTURE) and self._would_be_stopped(cell):
                cell.outputs = [_stopped(NOT_DRAWN)]
                on_cell()
                continue
            try:
                if cell.id.startswith(CHECK):
                    worker.mark(cell.id.removeprefix(CHECK))
                if cell.id in self.sources:
                    reply = worker.cell(self.sources[cell.id], self._limit_of(cell))
                    outputs = [_notebook_output(output) for output in reply.outputs]
                    cell.outputs = self._room.fit(outputs)
                    self._note_skipped(cell, reply.skipped)
            except WorkerDied as died:
                self._refuse_blame(cell, died)
                cell.outputs = [_died(died)]
                self._flag_protocol(died, cell_names(self.notebook)[cell.id])
                self._fatal.add(cell.id)
                self._end_worker()
                return cells[index + 1 :]
            finally:
                on_cell()
        return []

    def _would_be_stopped(self, picture: NotebookNode) -> bool:
        """Whether a picture calls a task whose check was stopped: it would be stopped as well."""
        stopped = {name.removeprefix(CHECK) for name in self._fatal if name.startswith(CHECK)}
        return bool(stopped) and not stopped.isdisjoint(names_reached(picture, self.notebook))

    def _limit_of(self, cell: NotebookNode) -> float | None:
        """s for a cell; None for the usual limit."""
        if not self.hung or not is_given(cell):
            return None
        return None if self.hung.isdisjoint(names_reached(cell, self.notebook)) else HUNG

    def _misses_a_name(self) -> bool:
        """Whether one of the student's cells has missed a name that given code would have bound."""
        errors = [
            output.get("evalue", "")
            for cell in self.notebook.cells
            if cell.id in self.sources and not is_given(cell)
            for output in cell.get("outputs", [])
            if output.get("ename") == "NameError"
        ]
        missing = {match[1] for text in errors if (match := MISSING.match(text))}
        return not missing.isdisjoint(names_bound_by_given(self.notebook))

    def _run_more(self) -> bool:
        """Run all given code from now on, in a new worker. False if that was done already."""
        whole = self.sources | without_pictures(self.notebook)
        if whole == self.sources:
            return False
        self.sources = whole
        self.skipped.clear()
        self._end_worker()
        return True

    def _note_skipped(self, cell: NotebookNode, skipped: list[tuple[int, str, str]]) -> None:
        """Record which statements of a cell failed and were left out."""
        where = cell_names(self.notebook)[cell.id]
        for line, source, error in skipped[: MOST_SKIPPED - len(self.skipped)]:
            said = PLACE.sub("", writable(error))
            self.skipped.append(SKIPPED.format(line, where, writable(source), said))

    def _refuse_blame(self, cell: NotebookNode, died: WorkerDied) -> None:
        """Raises InfrastructureError for a cell that ran out of time without any student's code."""
        if died.reason in OUT_OF_TIME and is_given(cell) and not self._uses_own(cell):
            name = cell_names(self.notebook)[cell.id]
            raise InfrastructureError(SLOW_MACHINE.format(name, died))

    def _uses_own(self, cell: NotebookNode) -> bool:
        """Whether a cell could run the student's code: some of it has run before."""
        before = self.runnable()
        before = before[: next(at for at, one in enumerate(before) if one.id == cell.id)]
        return any(not is_given(one) for one in before)

    def runnable(self) -> list[NotebookNode]:
        """The cells of which something is run, and the checks, where names are marked."""
        return [
            cell
            for cell in self.notebook.cells
            if cell.id in self.sources or cell.id.startswith(CHECK)
        ]

    def _live_worker(self, replay_before: NotebookNode | None = None) -> Worker:
        """The worker, or a new one in which the cells have been replayed. Raises WorkerDied."""
        while self._worker is None:
            if self.resources["workers"] >= WORKERS:
                raise WorkerDied("crash", TOO_OFTEN.format(WORKERS))
            try:
                self._worker = Worker(self.level, self.limits, self.opener)
                self._worker.lower_priority(self.nice)
                self.resources["workers"] += 1
            except SandboxError as error:
                raise InfrastructureError(str(error)) from error
            self._install_rules(self._worker)
            self._replay(self._worker, replay_before)
        return self._worker

    def _install_rules(self, worker: Worker) -> None:
        """Install in a worker what the tasks may not call, before it meets the student's code."""
        if not self.rules:
            return
        rules = {
            task: {"names": list(rule.names), "ops": list(rule.ops)}
            for task, rule in self.rules.items()
        }
        if not worker.forbid(rules):
            raise InfrastructureError("the worker could not be told what the tasks may not call")

    def _replay(self, worker: Worker, until: NotebookNode | None) -> None:
        for cell in self._replayed(until):
            try:
                if cell.id.startswith(CHECK):
                    worker.mark(cell.id.removeprefix(CHECK))
                elif cell.id not in self._fatal:
                    worker.cell(self.sources[cell.id], silent=True)
                elif cell.id not in self._hopeless:
                    # What it defines was there before it was stopped.
                    worker.cell(definitions_in(cell.source), silent=True)
            except WorkerDied:  # it did not die here the first time, but it does now
                (self._hopeless if cell.id in self._fatal else self._fatal).add(cell.id)
                self._end_worker()
                return

    def _replayed(self, until: NotebookNode | None) -> list[NotebookNode]:
        """The cells that a new worker replays before the cell `until`, or before the hidden checks.

        Visible checks and pictures define nothing that other cells need; at a check, the names are
        marked. Before the hidden checks, only tasks will be called: of the released cells after the
        student's last one, only the checks are left.
        """
        cells = self.runnable()
        if until is not None:
            cells = cells[: next(at for at, cell in enumerate(cells) if cell.id == until.id)]
        else:
            own = [at for at, cell in enumerate(cells) if not is_given(cell)]
            last = own[-1] if own else -1
            later = [cell for cell in cells[last + 1 :] if cell.id.startswith(CHECK)]
            cells = cells[: last + 1] + later
        checks = [cell.id for cell in cells if cell.id.startswith(CHECK)]
        return [cell for cell in cells if cell.id in checks or not cell.id.startswith(ASIDE)]

    @contextmanager
    def at_the_end(self, tasks: Iterable[str]) -> Iterator[None]:
        """Within this, tasks are called as they are at the end of the notebook.

        Hangs and crashes of these tasks are counted from zero. Outside of this, a task is called as
        it was at its visible check, even if its names are changed later.
        """
        before = {task: self._strikes.pop(task, 0) for task in tasks}
        self._at_end = True
        try:
            yield
        finally:
            self._at_end = False
            self._strikes.update(before)

    def changed_later(self, tasks: Iterable[str]) -> list[str]:
        """The tasks that have changed since their visible checks, themselves or in what they use.

        Raises InfrastructureError.
        """
        found = []
        try:
            with _no_starving():
                for task in tasks:
                    if self.seconds < self.limits.submission and self._live_worker().differs(task):
                        found.append(task)
        except WorkerDied:
            self._end_worker()
        return found

    def answer(self, call: Call) -> Answer:
        """Call the student's function in the worker.

        If it takes too long, it gets a second try, unless it was busy all the time and had a core
        to itself: then it would take as long again.

        Raises Failure.
        """
        self._may_call(call.task)
        fresh = self._worker is None
        while True:
            try:
                return self._ask(call)
            except (Failure, InfrastructureError):
                raise
            except StarvedError as starved:
                raise InfrastructureError(STARVED.format(starved)) from None
            except WorkerDied as died:
                self._end_worker()
                self._flag_protocol(died, f"`{call.task}`")
                if died.reason == "processor" and not fresh:
                    fresh = True  # all calls together have used up the time: this is no hang
                    continue
                self._strikes[call.task] += STRIKES if died.undisturbed else 1
                if died.reason in OUT_OF_TIME and self._strikes[call.task] < STRIKES:
                    continue
                kind = "time" if died.reason in OUT_OF_TIME else died.reason
                raise Failure(kind, f"`{call.task}` {_told(died)}") from None
            except WireError as error:  # what the reference returns can always be sent
                unsent = f"what was returned can't be passed on ({error})"
                raise Failure("wrong type", unsent) from None
            except Exception as fault:  # a check would take it for a fault of the answer
                raise InfrastructureError(f"a call failed on our side: {fault}") from fault

    def _may_call(self, task: str) -> None:
        """Raises Failure for a task that is not to be called any more."""
        if task in self.forbidden:
            raise Failure("forbidden", self.forbidden[task])
        if self._strikes[task] >= STRIKES:
            often = f"`{task}` hung or crashed before, and was not called again"
            raise Failure("time", often)
        if self.seconds > self.limits.submission:
            raise Failure("time", f"the submission used up its {self.limits.submission:g} seconds")
        if self._worker is None and self.resources["workers"] >= WORKERS:
            raise Failure("crash", f"`{task}` {TOO_OFTEN.format(WORKERS)}")

    def _ask(self, call: Call) -> Answer:
        worker = self._live_worker()
        target = call.task if call.of is None else self._made_by(call.of, worker)
        reply = worker.call(
            target,
            call.args,
            call.kwargs,
            method=call.method,
            wrt=call.wrt,
            cotangent=call.cotangent,
            at_end=self._at_end,
        )
        # A name that given code would have bound, and that the student's code does not spell out.
        if reply.exception == "NameError" and self._run_more():
            return self._ask(call)
        if reply.status == "missing":
            raise Failure("not defined", f"there is no {called(call)} in the notebook")
        if reply.status == "error":
            raise self._raised(call.task, reply)
        if reply.changed:
            self._flag(f"`{call.task}` writes into the tensors that it is given.")
        if call.wrt is not None and reply.value is None:
            raise no_gradient()
        if isinstance(reply.value, Handle):
            self._handles[id(call)] = call, worker, reply.value
        return Answer(reply.value, reply.changed)

    def _made_by(self, call: Call, worker: Worker) -> Handle:
        """The object that an earlier call has returned.

        In a new worker, that call is first made again, with all later calls of the object.
        """
        if id(call) in self._handles:
            _, owner, handle = self._handles[id(call)]
            if owner is worker:
                return handle
        if not isinstance(self._ask(call).value, Handle):
            raise Failure("error", f"`{call.task}` gave something else when it was called again")
        for later in self.calls[:-1]:  # the last one is being answered
            if later.of is call and not isinstance(later.result, Failure):
                self._ask(later)
        return self._handles[id(call)][2]

    def _raised(self, task: str, reply: CallReply) -> Failure:
        """The failure of a call that raised: its type; its text or line may show hidden inputs."""
        if reply.not_implemented:
            return Failure("not solved", f"`{task}` is not written yet")
        if task in self.rules and reply.exception == "PermissionError":
            self.forbidden[task] = f"`{task}` makes a call that {NOT_ALLOWED}"
            return Failure("forbidden", self.forbidden[task])
        return Failure("error", f"`{task}` raised {reply.exception}")

    def _flag_protocol(self, died: WorkerDied, who: str) -> None:
        """Flag a broken protocol or a reply over the limits: neither happens by accident."""
        if died.reason in ("protocol", "output"):
            self._flag(f"{who[0].upper()}{who[1:]} {_told(died)}.")

    def _flag(self, sentence: str) -> None:
        if sentence not in self.flags:
            self.flags.append(sentence)

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            usage = self._worker.usage
            for name in RESOURCES:
                self.resources[name] += usage[name]
            self.resources["peak_bytes"] = max(self.resources["peak_bytes"], usage["peak_bytes"])
            self._worker = None


@contextmanager
def _no_starving() -> Iterator[None]:
    """Raises InfrastructureError if the machine leaves a worker no time."""
    try:
        yield
    except StarvedError as starved:
        raise InfrastructureError(STARVED.format(starved)) from None


def _told(died: WorkerDied) -> str:
    """How a hidden call has ended its worker.

    Numbers that a student's code can choose are removed: they could be hidden inputs.
    """
    return re.sub(r" \((?!SIG(?:SEGV|ABRT|BUS|FPE|ILL|KILL)\)).*\)", "", str(died))


def _died(died: WorkerDied) -> NotebookNode:
    """The output that the notebook shows for a cell that has ended the worker."""
    return _stopped(f"This cell {died}, and was stopped by the grader.")


def _stopped(text: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename="Stopped", evalue=text, traceback=[text])


def picture_metadata(png: bytes, alt: str) -> dict[str, Any]:
    """An output's metadata for a picture: its width on a page, and its alternative text."""
    # From the header. Of data that is no PNG it is an arbitrary number.
    width = int.from_bytes(png[16:20], "big")
    return {"image/png": {"width": min(width, PAGE_WIDTH), "alt": alt}}


def _notebook_output(output: dict[str, Any]) -> NotebookNode:
    """A worker's output in the notebook's form. It is text and pixels: no markup, no script."""
    for name, value in output.items():
        if isinstance(value, str):
            output = output | {name: writable(value)}
    if "data" in output:
        data = output["data"] = dict(output["data"])
        if "text/plain" in data:
            data["text/plain"] = writable(data["text/plain"])
        if png := data.get("image/png"):
            data["image/png"] = b64encode(png).decode()
            output["metadata"] = picture_metadata(png, "what this cell draws")
    if "traceback" in output:
        output["traceback"] = [output["traceback"]]
    return nbformat.v4.new_output(output.pop("output_type"), **output)
