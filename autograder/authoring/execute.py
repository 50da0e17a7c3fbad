"""Run a notebook in a kernel, and take the pictures out of it."""

import asyncio
import base64
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

from autograder.assignments import COURSE, CourseError
from autograder.authoring.cell_names import name_of, place_in_words
from autograder.authoring.kernel_watch import LOOKS, PERIOD, Watch
from course_utils.training.checkpoints import FOLDER, PROGRESS

FOREVER = 10**9  # seconds: the watch ends what does not move, and no clock what does
# torch's threads wait for each other many times in each step. By default they do so by spinning;
# with six other programs on each core, a step then takes six times as long. The results are the
# same, bit for bit.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
AGAIN = "run the same command again"
RESUMES = "; a training goes on from its last checkpoint if no code up to it has changed"


def execute(
    notebook: NotebookNode,
    folder: Path,
    *,
    called: str = "notebook",
    allow_errors: bool = False,
    checkpoints: Path | None = None,
    on_cell: Callable[[], object] = lambda: None,
    now: Callable[[str], object] = lambda text: None,
    period: float = PERIOD,
    looks: int = LOOKS,
) -> NotebookNode:
    """Run every cell of a copy in `folder`, and return the copy with its outputs.

    What the folder holds is imported first: a release's own `course_utils`, if there is one. There
    is no time limit. A cell is ended only when its kernel has not moved for minutes; see
    `kernel_watch`.

    called       what the notebook is in a message
    checkpoints  where its trainings save theirs, and go on from; None if they are not to
    on_cell      called when a cell is done
    now          called with the running cell and its training epoch, in words
    period       seconds between two looks at the kernel, see `Watch`
    looks        so many of them in a row have to find it still
    Raises CourseError, naming the cell and the error, unless `allow_errors`; KeyboardInterrupt when
    it was stopped by Ctrl-C or SIGTERM.
    """
    copy = nbformat.from_dict(notebook)
    path = os.pathsep.join(filter(None, [str(folder), str(COURSE), os.environ.get("PYTHONPATH")]))
    given = {name: value for name, value in os.environ.items() if name != FOLDER}
    variables = PATIENT | given | {"PYTHONPATH": path}
    if checkpoints:
        variables[FOLDER] = str(checkpoints.resolve())
        _forget(checkpoints)
    run = _Run(copy, folder, called, checkpoints, on_cell, now, period=period, looks=looks)
    run.client.allow_errors = allow_errors
    with run.watch:
        try:
            run.client.execute(cwd=str(folder), env=variables)
        except (CellExecutionError, DeadKernelError, RuntimeError, NoSuchKernel) as error:
            raise run.reason(error) from None
        finally:
            run.kill()
    return copy


class _Client(NotebookClient):
    """An nbclient whose kernel is killed by Ctrl-C at any time, also while it starts."""

    def __init__(self, notebook: NotebookNode, stop: Callable[[], object], **options: Any) -> None:
        super().__init__(notebook, **options)
        self.stop = stop

    async def async_start_new_kernel(self, **options: object) -> None:
        """Start it, and take nbclient's place, which waits on after Ctrl-C."""
        await super().async_start_new_kernel(**options)
        with suppress(RuntimeError, ValueError):  # Windows, or not in the main thread
            for each in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(each, self.stop)


class _Run:
    """A notebook that runs: the cell that it is at, and why it was ended, if it was."""

    def __init__(
        self,
        notebook: NotebookNode,
        folder: Path,
        called: str,
        checkpoints: Path | None,
        on_cell: Callable[[], object],
        now: Callable[[str], object],
        *,
        period: float,
        looks: int,
    ) -> None:
        self.notebook, self.called, self.checkpoints, self.now = notebook, called, checkpoints, now
        self.at: int | None = None  # the index of the cell that runs
        self.said = ""
        self.still = self.stopped = False
        self.watch = Watch(self.pid, self.ended_as_still, self.tell, period=period, looks=looks)
        self.client = _Client(
            notebook,
            self.stop,
            timeout=None,
            startup_timeout=FOREVER,
            iopub_timeout=FOREVER,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of TCP at every start
            resources={"metadata": {"path": str(folder)}},
            on_cell_execute=self.begin,
            on_cell_executed=lambda **about: on_cell(),
        )
        self.client.log.setLevel("CRITICAL")  # it logs what is raised, too

    def pid(self) -> int | None:
        """The kernel's process."""
        return getattr(getattr(self.client.km, "provisioner", None), "pid", None)

    def begin(self, cell: NotebookNode, cell_index: int) -> None:
        """The next cell runs."""
        self.at = cell_index
        self.watch.moved()
        if self.checkpoints:
            _forget(self.checkpoints)
        self.tell()

    def tell(self) -> None:
        """Say where it is, if that has changed."""
        if self.at is None:
            return
        text = ", ".join(filter(None, [name_of(self.notebook, self.at), _epochs(self.checkpoints)]))
        if text != self.said:
            self.said = text
            self.now(text)

    def ended_as_still(self) -> None:
        """The watch gives it up."""
        self.still = True
        self.kill()

    def stop(self) -> None:
        """Ctrl-C: nbclient sees the kernel's end, and ends."""
        self.stopped = True
        self.kill()

    def kill(self) -> None:
        """End the kernel, if it runs, and what it has started."""
        provisioner = getattr(self.client.km, "provisioner", None)
        process = getattr(provisioner, "process", None)
        if process is None or process.poll() is not None:
            return
        with suppress(OSError):
            leads_group = getattr(provisioner, "pgid", None) == process.pid
            if hasattr(os, "killpg") and leads_group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()

    def reason(self, error: Exception) -> BaseException:
        """What to raise: a sentence that says what to do, and no traceback of the kernel's."""
        if self.stopped:
            return KeyboardInterrupt()
        if self.at is None:
            return CourseError(
                f"The {self.called}'s kernel did not start: {_last_line(str(error))}. "
                "Check that `python -m ipykernel --version` works here and that there is memory "
                "left."
            )
        where, again = (
            name_of(self.notebook, self.at),
            f"{AGAIN}{RESUMES if self.checkpoints else ''}.",
        )
        if isinstance(error, CellExecutionError):
            place = place_in_words(self.notebook, self.at, error.traceback)
            says = f"{error.ename}: {_last_line(error.evalue)}".rstrip(".")
            return CourseError(
                f"The {self.called} fails in {where}{place}: {says}. Mend it and {again}"
            )
        if self.still:
            return CourseError(
                f"The {self.called} was ended in {where}: its kernel has done nothing for minutes. "
                "Does this "
                "cell wait for input, a lock, or a network that does not answer? Mend it and "
                f"{again}"
            )
        if isinstance(error, DeadKernelError):
            return CourseError(
                f"The {self.called}'s kernel was killed in {where}. It probably ran out of memory: "
                "close "
                f"other programs and {again}"
            )
        return CourseError(
            f"The {self.called} stops in {where}: {_last_line(str(error))}. To continue, {again}"
        )


def _last_line(text: str) -> str:
    return next(
        (line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message"
    )


def _forget(checkpoints: Path) -> None:
    """Nothing trains yet."""
    with suppress(OSError):
        (checkpoints / PROGRESS).unlink()


def _epochs(checkpoints: Path | None) -> str:
    """How far the training that runs is, or nothing."""
    if checkpoints is None:
        return ""
    try:
        told = json.loads((checkpoints / PROGRESS).read_text(encoding="utf-8"))
        text = f"epoch {told['epoch']} of {told['epochs']}, step {told['step']}"
        return text if told["from"] is None else f"{text} (resumed at step {told['from']})"
    except (OSError, ValueError, LookupError, TypeError):  # not there
        return ""


def harvest_pictures(notebook: NotebookNode) -> dict[str, bytes]:
    """The PNG of each task's picture cell in an executed solution notebook, by task.

    Raises CourseError for a picture cell that drew nothing.
    """
    cells = [cell for cell in notebook.cells if cell.id.startswith("picture-")]
    return {cell.id.removeprefix("picture-"): _bare_png(_png(cell)) for cell in cells}


def _png(cell: NotebookNode) -> bytes:
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            return base64.b64decode(output.data["image/png"])
    raise CourseError(f"The cell {cell.id} of the solution notebook draws no picture.")


def _bare_png(data: bytes) -> bytes:
    """The same pixels and nothing else: no text chunk leaves with a release."""
    image = Image.open(BytesIO(data))
    image.load()
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    out = BytesIO()
    bare.save(out, "PNG", optimize=True)
    return out.getvalue()
