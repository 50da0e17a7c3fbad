"""A submission in a sandbox: runs its cells in a worker, and answers a check's calls from there.

A hang or a crash costs the call that made it: a fresh worker replays the cells, and the next call goes on.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.checks import Failure
from autograder.judge.limits import Limits
from autograder.judge.run_checks import InfrastructureError
from autograder.judge.submission import Answer, Call, Submission, no_gradient
from autograder.judge.worker_client import CallReply, SandboxError, Worker, WorkerDied

# A task that has hung or crashed this often is not called again: its other checks would do the same.
STRIKES = 2
PAGE_WIDTH = 840  # pixels: a picture drawn for a sharp screen is shrunk to the feedback page's column


class RemoteSubmission(Submission):
    """The stand-in whose functions live in a worker. A context manager: leaving it kills the worker.

    notebook  the grafted notebook; running it writes its cells' outputs
    """

    def __init__(self, notebook: NotebookNode, level: str, limits: Limits) -> None:
        super().__init__()
        self.notebook, self.level, self.limits = notebook, level, limits
        self.resources = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_bytes": 0, "workers": 0}
        self._worker: Worker | None = None
        self._fatal: set[str] = set()  # cells that end a worker are not replayed
        self._strikes: Counter[str] = Counter()

    def __enter__(self) -> "RemoteSubmission":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker, with all that it started."""
        self._end_worker()

    def run_cells(self, on_cell: Callable[[], object] = lambda: None) -> None:
        """Run the notebook from top to bottom and write its outputs, for as long as a submission may take.

        on_cell  called after each cell that was run
        Raises InfrastructureError.
        """
        cells = self.runnable()
        while cells and self.resources["seconds"] < self.limits.submission:
            worker = self._live_worker(replay_before=cells[0])
            cells = self._run_until_death(worker, cells, on_cell)

    def _run_until_death(
        self, worker: Worker, cells: list[NotebookNode], on_cell: Callable[[], object]
    ) -> list[NotebookNode]:
        """Run cells in turn, and return those that are left when one of them ends the worker."""
        for index, cell in enumerate(cells):
            try:
                reply = self._timed(lambda cell=cell: worker.cell(cell.source))
                cell.outputs = [_notebook_output(output) for output in reply.outputs]
            except WorkerDied as died:
                cell.outputs = [_died(died)]
                self._fatal.add(cell.id)
                self._end_worker()
                return cells[index + 1 :]
            finally:
                on_cell()
        return []

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
        """The worker, or a fresh one in which the cells have been replayed."""
        while self._worker is None:
            try:
                self._worker = Worker(self.level, self.limits)
                self.resources["workers"] += 1
            except SandboxError as error:
                raise InfrastructureError(str(error)) from error
            self._replay(replay_before)
        return self._worker

    def _replay(self, until: NotebookNode | None) -> None:
        for cell in self.runnable():
            if until is not None and cell.id == until.id:
                return
            # Visible checks and pictures define nothing that a hidden check needs.
            if cell.id in self._fatal or cell.id.startswith(("check-", "picture-")):
                continue
            try:
                self._timed(lambda cell=cell: self._worker.cell(cell.source, silent=True))
            except WorkerDied:  # it did not die here the first time; it does now
                self._fatal.add(cell.id)
                self._end_worker()
                return

    def answer(self, call: Call) -> Answer:
        """Call the student's function in the worker; once more if it took too long. Raises Failure."""
        if self._strikes[call.task] >= STRIKES:
            raise Failure("time", f"`{call.task}` hung or crashed {STRIKES} times and was not called again")
        if self.resources["seconds"] > self.limits.submission:
            raise Failure("time", f"the submission used up its {self.limits.submission:g} seconds")
        while True:
            try:
                return self._ask(call)
            except (Failure, InfrastructureError):
                raise
            except WorkerDied as died:
                self._end_worker()
                self._strikes[call.task] += 1
                # Slow but right deserves a second try on a machine that may have been busy.
                if died.reason == "time" and self._strikes[call.task] < STRIKES:
                    continue
                raise Failure(died.reason, f"`{call.task}` {died}") from None
            except Exception as fault:  # a check would take it for the answer's
                raise InfrastructureError(f"a call failed on our side: {fault}") from fault

    def _ask(self, call: Call) -> Answer:
        worker = self._live_worker()
        reply = self._timed(
            lambda: worker.call(call.task, call.args, call.kwargs, wrt=call.wrt, cotangent=call.cotangent)
        )
        if reply.status == "missing":
            raise Failure("not defined", f"there is no `{call.task}` in the notebook")
        if reply.status == "error":
            raise _raised(call.task, reply)
        if call.wrt is not None and reply.value is None:
            raise no_gradient()
        return Answer(reply.value, reply.changed)

    def _timed(self, action: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Do it on the submission's clock: a worker's start-up is not the student's time."""
        start = monotonic()
        try:
            return action()
        finally:
            self.resources["seconds"] += monotonic() - start

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            usage = self._worker.usage
            self.resources["cpu_seconds"] += usage["cpu_seconds"]
            self.resources["peak_bytes"] = max(self.resources["peak_bytes"], usage["peak_bytes"])
            self._worker = None


def _raised(task: str, reply: CallReply) -> Failure:
    """An exception in a hidden call: its type and line, never its text, which may carry the inputs."""
    if reply.not_implemented:
        return Failure("not solved", f"`{task}` is not written yet")
    where = f" (line {reply.line} of the cell it happened in)" if reply.line else ""
    return Failure("error", f"`{task}` raised {reply.exception}{where}")


def _died(died: WorkerDied) -> NotebookNode:
    """What the notebook shows in the place of a cell's outputs when the cell has ended the worker."""
    text = f"This cell {died}, and was stopped by the grader."
    return nbformat.v4.new_output("error", ename="Stopped", evalue=text, traceback=[text])


def _width(png: bytes) -> int:
    """A PNG's width in pixels, from its header; whatever is there instead in a file that is none."""
    return int.from_bytes(png[16:20], "big")


def _notebook_output(output: dict[str, Any]) -> NotebookNode:
    """A worker's output in the notebook's form. It is text and pixels: no markup, no script."""
    output = dict(output)
    if "data" in output:
        data = output["data"] = dict(output["data"])
        if png := data.get("image/png"):
            data["image/png"] = b64encode(png).decode()
            output["metadata"] = {
                "image/png": {"width": min(_width(png), PAGE_WIDTH), "alt": "what this cell draws"}
            }
    if "traceback" in output:
        output["traceback"] = [output["traceback"]]
    return nbformat.v4.new_output(output.pop("output_type"), **output)
