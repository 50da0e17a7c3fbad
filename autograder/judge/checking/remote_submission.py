"""A submission in a sandbox: runs its cells in a worker, and answers a check's calls from there.

A hang or a crash costs the call that made it: a fresh worker replays the cells, and the next call
goes on.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.authoring.notebooks import content_id
from autograder.checks import Failure, Forbidden
from autograder.judge.checking.output_room import OutputRoom
from autograder.judge.checking.run_checks import InfrastructureError
from autograder.judge.checking.submission import Answer, Call, Submission, called, no_gradient
from autograder.judge.inside.codec import Opaque
from autograder.judge.inside.frames import WireError
from autograder.judge.intake.read_notebook import writable
from autograder.judge.limits import Limits
from autograder.judge.source.code_cells import ASIDE, cell_names, definitions_in
from autograder.judge.source.forbidden_calls import NOT_ALLOWED
from autograder.judge.workers.client import CallReply, Opener, SandboxError, Worker, WorkerDied
from autograder.judge.workers.own_time import StarvedError, load_of_machine

# A task that has hung or crashed this often is not called again: its other checks would do the
# same.
STRIKES = 2
OUT_OF_TIME = ("time", "processor")
CHECK = "check-"
# A fresh worker takes seconds that are not the student's: a notebook that ends each one must come
# to an end.
WORKERS = 24
# Of all its workers together, in s: their own time, by the clock, waiting for a core, of
# processors.
RESOURCES = ("seconds", "elapsed_seconds", "waited_seconds", "cpu_seconds")
TOO_OFTEN = "can't be called: the notebook has ended its process {} times"
STARVED = "The grading machine was too busy: {}."
SLOW_MACHINE = "The grading machine was too slow: {}, which is as it was given out, {}."
SKIPPED = "Line {} of {} fails in the grader and was skipped: `{}` ({})."
PLACE = re.compile(r" \((?:/|\w:)[^)]*\)")  # where Python lies on this machine
MOST_SKIPPED = 20  # are said
NOT_DRAWN = "This cell was not run: the task's check above was stopped by the grader."
PAGE_WIDTH = (
    840  # pixels: a picture drawn for a sharp screen is shrunk to the feedback page's column
)


class RemoteSubmission(Submission):
    """The stand-in whose functions live in a worker. A context manager: leaving it kills the
    worker.

    notebook  the grafted notebook; running it writes its cells' outputs
    opener    where the workers come from; by default they start cold
    rules     what each task may not call
    files     where each of the files is that are handed in with the notebook

    forbidden  by task, why it is not called (any more): it calls what it may not; a sentence for
               its student
    flags      what an instructor may want to look at, a sentence each
    skipped    what cells could not do here although the student's machine could, a sentence each
    """

    def __init__(
        self,
        notebook: NotebookNode,
        level: str,
        limits: Limits,
        opener: Opener | None = None,
        rules: Mapping[str, Forbidden] | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        super().__init__(files)
        self.rules, self.forbidden, self.flags = dict(rules or {}), dict[str, str](), list[str]()
        self.notebook, self.level, self.limits, self.opener = notebook, level, limits, opener
        self.skipped: list[str] = []
        self.resources: dict[str, float] = dict.fromkeys(RESOURCES, 0.0) | {
            "peak_bytes": 0,
            "workers": 0,
        }
        self._at_end = False
        self._room = OutputRoom(limits.output)
        self._worker: Worker | None = None
        self._fatal: set[str] = (
            set()
        )  # cells that end a worker: of them the definitions are replayed
        self._hopeless: set[str] = set()  # cells whose definitions end a worker, too
        self._strikes: Counter[str] = Counter()
        self._handles: dict[int, tuple[Call, Worker, Opaque]] = {}  # by the call that gave them

    def __enter__(self) -> "RemoteSubmission":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker, with all that it started."""
        self._end_worker()
        self.resources["machine_load"] = load_of_machine()

    @property
    def seconds(self) -> float:
        """The submission's own time so far, in s."""
        return self.resources["seconds"] + (self._worker.seconds if self._worker else 0.0)

    def run_cells(self, on_cell: Callable[[], object] = lambda: None) -> None:
        """Run the notebook from top to bottom and write its outputs, for as long as a submission
        may take.

        on_cell  called after each cell that was run
        Raises InfrastructureError.
        """
        cells = self.runnable()
        with suppress(WorkerDied), _no_starving():  # too often: the rest is not run
            while cells and self.seconds < self.limits.submission:
                worker = self._live_worker(replay_before=cells[0])
                cells = self._run_until_death(worker, cells, on_cell)

    def _run_until_death(
        self, worker: Worker, cells: list[NotebookNode], on_cell: Callable[[], object]
    ) -> list[NotebookNode]:
        """Run cells in turn, and return those that are left when one of them ends the worker."""
        for index, cell in enumerate(cells):
            if cell.id.replace("picture-", "check-") in self._fatal:
                cell.outputs = [
                    _stopped(NOT_DRAWN)
                ]  # it would take as long, and end the worker again
                on_cell()
                continue
            try:
                if cell.id.startswith(CHECK):
                    worker.mark(cell.id.removeprefix(CHECK))
                reply = worker.cell(cell.source)
                cell.outputs = self._room.fit(
                    [_notebook_output(output) for output in reply.outputs]
                )
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

    def _note_skipped(self, cell: NotebookNode, skipped: list[tuple[int, str, str]]) -> None:
        """Say what failed in a cell and was left out, with its line."""
        where = cell_names(self.notebook)[cell.id]
        for line, source, error in skipped[: MOST_SKIPPED - len(self.skipped)]:
            said = PLACE.sub("", writable(error))
            self.skipped.append(SKIPPED.format(line, where, writable(source), said))

    def _refuse_blame(self, cell: NotebookNode, died: WorkerDied) -> None:
        """Raises StarvedError for a cell that ran out of time and has nothing of the student's in
        it.
        """
        if (
            died.reason in ("time", "processor")
            and _as_given_out(cell)
            and not self._uses_own(cell)
        ):
            name = cell_names(self.notebook)[cell.id]
            raise InfrastructureError(SLOW_MACHINE.format(name, died))

    def _uses_own(self, cell: NotebookNode) -> bool:
        """Whether a cell could run the student's code: some of it has been run before."""
        before = self.runnable()
        before = before[: next(at for at, one in enumerate(before) if one.id == cell.id)]
        return any(not _as_given_out(one) for one in before)

    def runnable(self) -> list[NotebookNode]:
        """The cells that the judge runs: code, but no training, and none of the grader's own."""
        return [
            cell
            for cell in self.notebook.cells
            if cell.cell_type == "code"
            and cell.source.strip()
            and "training" not in cell.metadata.get("tags", [])
            and not cell.metadata.get("nbgrader", {}).get("grade")
        ]

    def _live_worker(self, replay_before: NotebookNode | None = None) -> Worker:
        """The worker, or a fresh one in which the cells have been replayed. Raises WorkerDied."""
        while self._worker is None:
            if self.resources["workers"] >= WORKERS:
                raise WorkerDied("crash", TOO_OFTEN.format(WORKERS))
            try:
                self._worker = Worker(self.level, self.limits, self.opener)
                self.resources["workers"] += 1
            except SandboxError as error:
                raise InfrastructureError(str(error)) from error
            self._install_rules(self._worker)
            self._replay(self._worker, replay_before)
        return self._worker

    def _install_rules(self, worker: Worker) -> None:
        """Tell a worker what the tasks may not call, before it meets the student's code."""
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
                    worker.cell(cell.source, silent=True)
                elif (
                    cell.id not in self._hopeless
                ):  # what it defines was there before it was stopped
                    worker.cell(definitions_in(cell.source), silent=True)
            except WorkerDied:  # it did not die here the first time; it does now
                (self._hopeless if cell.id in self._fatal else self._fatal).add(cell.id)
                self._end_worker()
                return

    def _replayed(self, until: NotebookNode | None) -> list[NotebookNode]:
        """The cells that a fresh worker goes through before the cell `until`, or before the hidden
        checks.

        Visible checks and pictures define nothing that anything else needs: at a check the names
        are marked. Nor do the cells that were given out after the last task, and are as they were,
        when it is only tasks that will be called.
        """
        cells = self.runnable()
        if until is not None:
            cells = cells[: next(at for at, cell in enumerate(cells) if cell.id == until.id)]
        else:
            own = [at for at, cell in enumerate(cells) if not _as_given_out(cell)]
            cells = cells[: own[-1] + 1] if own else []
        return [
            cell for cell in cells if not cell.id.startswith(ASIDE) or cell.id.startswith(CHECK)
        ]

    @contextmanager
    def at_the_end(self, tasks: Iterable[str]) -> Iterator[None]:
        """Within this, tasks are called as they are at the end of the notebook; each has its
        chances again.

        Outside, a task is called as it was at its visible check, whatever becomes of its names
        later.
        """
        before = {task: self._strikes.pop(task, 0) for task in tasks}
        self._at_end = True
        try:
            yield
        finally:
            self._at_end = False
            self._strikes.update(before)

    def changed_later(self, tasks: Iterable[str]) -> list[str]:
        """The tasks that mean something else at the end than at their visible checks, or use what
        does.

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
        """Call the student's function in the worker; once more if it took too long. Raises
        Failure.
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
                    fresh = True  # used up by all calls together: this one is no hang
                    continue
                self._strikes[call.task] += 1
                # Slow but right deserves a second try.
                if died.reason in OUT_OF_TIME and self._strikes[call.task] < STRIKES:
                    continue
                kind = "time" if died.reason in OUT_OF_TIME else died.reason
                raise Failure(kind, f"`{call.task}` {_told(died)}") from None
            except WireError as error:  # the checks can send what the reference gives them
                raise Failure(
                    "wrong type", f"what was returned can't be passed on ({error})"
                ) from None
            except Exception as fault:  # a check would take it for the answer's
                raise InfrastructureError(f"a call failed on our side: {fault}") from fault

    def _may_call(self, task: str) -> None:
        """Raises Failure for a task that has had its chances."""
        if task in self.forbidden:
            raise Failure("forbidden", self.forbidden[task])
        if self._strikes[task] >= STRIKES:
            raise Failure(
                "time", f"`{task}` hung or crashed {STRIKES} times and was not called again"
            )
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
        if reply.status == "missing":
            raise Failure("not defined", f"there is no {called(call)} in the notebook")
        if reply.status == "error":
            raise self._raised(call.task, reply)
        if reply.changed:
            self._flag(f"`{call.task}` writes into the tensors that it is given.")
        if call.wrt is not None and reply.value is None:
            raise no_gradient()
        if isinstance(reply.value, Opaque):
            self._handles[id(call)] = call, worker, reply.value
        return Answer(reply.value, reply.changed)

    def _made_by(self, call: Call, worker: Worker) -> Opaque:
        """What an earlier call has given: a fresh worker is first made to go through its life up to
        here.
        """
        if id(call) in self._handles:
            _, owner, handle = self._handles[id(call)]
            if owner is worker:
                return handle
        if not isinstance(self._ask(call).value, Opaque):
            raise Failure("error", f"`{call.task}` gave something else when it was called again")
        for later in self.calls[:-1]:  # the last is the one that is being answered
            if later.of is call and not isinstance(later.result, Failure):
                self._ask(later)
        return self._handles[id(call)][2]

    def _raised(self, task: str, reply: CallReply) -> Failure:
        """An exception in a hidden call: its type, never its text or its line, which may carry the
        inputs.
        """
        if reply.not_implemented:
            return Failure("not solved", f"`{task}` is not written yet")
        if task in self.rules and reply.exception == "PermissionError":
            self.forbidden[task] = f"`{task}` makes a call that {NOT_ALLOWED}"
            return Failure("forbidden", self.forbidden[task])
        return Failure("error", f"`{task}` raised {reply.exception}")

    def _flag_protocol(self, died: WorkerDied, who: str) -> None:
        """Nobody speaks to the grader, or past the worker's own limits, by accident."""
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


def _as_given_out(cell: NotebookNode) -> bool:
    """Whether a cell is neither a task's nor the student's own, nor has been changed."""
    return cell.id.startswith(ASIDE) or cell.id == content_id(cell)


def _told(died: WorkerDied) -> str:
    """How a hidden call has ended its worker, without numbers of its own choice: they could be its
    inputs.
    """
    return re.sub(r" \((?!SIG(?:SEGV|ABRT|BUS|FPE|ILL|KILL)\)).*\)", "", str(died))


def _died(died: WorkerDied) -> NotebookNode:
    """What the notebook shows in the place of a cell's outputs when the cell has ended the
    worker.
    """
    return _stopped(f"This cell {died}, and was stopped by the grader.")


def _stopped(text: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename="Stopped", evalue=text, traceback=[text])


def _width(png: bytes) -> int:
    """A PNG's width in pixels, from its header; whatever is there instead in a file that is
    none.
    """
    return int.from_bytes(png[16:20], "big")


def _notebook_output(output: dict[str, Any]) -> NotebookNode:
    """A worker's output in the notebook's form. It is text and pixels: no markup, no script."""
    output = {
        name: writable(value) if isinstance(value, str) else value for name, value in output.items()
    }
    if "data" in output:
        data = output["data"] = dict(output["data"])
        if "text/plain" in data:
            data["text/plain"] = writable(data["text/plain"])
        if png := data.get("image/png"):
            data["image/png"] = b64encode(png).decode()
            output["metadata"] = {
                "image/png": {"width": min(_width(png), PAGE_WIDTH), "alt": "what this cell draws"}
            }
    if "traceback" in output:
        output["traceback"] = [output["traceback"]]
    return nbformat.v4.new_output(output.pop("output_type"), **output)
