"""Run a notebook in a kernel, and take the pictures out of it."""

import base64
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

from autograder.catalogue import COURSE, CourseError


def execute(
    notebook: NotebookNode,
    folder: Path,
    *,
    allow_errors: bool = False,
    timeout: float = 600,
    on_cell: Callable[[], object] = lambda: None,
) -> NotebookNode:
    """Run every cell of a copy in `folder`, and return the copy with its outputs.

    What the folder holds is imported first: a release's own `course_utils`, if there is one.

    timeout  seconds for one cell
    on_cell  called when a cell is done
    Raises CourseError, naming the cell and the error, unless `allow_errors`.
    """
    copy = nbformat.from_dict(notebook)
    client = NotebookClient(
        copy,
        timeout=timeout,
        allow_errors=allow_errors,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of TCP at every start
        resources={"metadata": {"path": str(folder)}},
        on_cell_complete=lambda cell, cell_index: on_cell(),
    )
    path = os.pathsep.join(filter(None, [str(folder), str(COURSE), os.environ.get("PYTHONPATH")]))
    try:
        client.execute(cwd=str(folder), env=os.environ | {"PYTHONPATH": path})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise CourseError(f"The notebook does not run: {str(error).strip()}") from None
    return copy


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
