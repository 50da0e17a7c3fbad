"""What a feedback page shows of a notebook's pictures: the student's own, or what one should see.

Pictures earn no points and take most of a notebook's time. So by default only those are drawn that
a student learns from: of the tasks that lost points, and the one that the report's gallery shows.
In place of every other picture the page shows the target that the assignment comes with. Where a
task lost points, it shows both.
"""

import io
from base64 import b64encode
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

from autograder.authoring.master import Master
from autograder.feedback.outputs import well_formed
from autograder.gradebook.store import Pictures
from autograder.judge.checking.remote_submission import picture_metadata
from autograder.judge.source.needed_cells import PICTURE
from autograder.judge.verdict import Verdict

OWN = "Your own picture."
TARGET = "What one should see."
SOLVED = f"{TARGET} `{{}}` has all its points, so your own picture was not drawn."
NOT_DRAWN = f"{TARGET} Your own picture was not drawn for this page."
LARGE = 100_000  # bytes: a picture of photographs, which is a tenth of it as a WebP
QUALITY = 90
NO_TARGET = "Your own picture was not drawn for this page."


def pictures_to_draw(master: Master, verdict: Verdict, pictures: Pictures) -> tuple[str, ...]:
    """The names of the pictures to draw for a verdict's feedback page."""
    if pictures == "all":
        return tuple(master.pictures)
    lost = {task.name for task in verdict.tasks if task.earned < task.points}
    return tuple(name for name in master.pictures if name in lost | {master.gallery_picture})


def picture_outputs(cell: NotebookNode, verdict: Verdict, targets: Path) -> list[NotebookNode]:
    """The outputs of a picture's cell on a page: each picture below a sentence that says whose.

    cell     of the executed notebook
    targets  the folder of the released pictures
    """
    name = cell.id.removeprefix(PICTURE)
    target = _target(targets / f"{name}.png")
    task = next((one for one in verdict.tasks if one.name == name), None)
    own = well_formed(cell.get("outputs", []))
    if cell.metadata.get("not_drawn"):
        solved = task is not None and task.earned == task.points
        sentence = SOLVED.format(name) if solved else NOT_DRAWN
        return [_display({"text/plain": sentence if target else NO_TARGET}), *target]
    if not any("image/png" in output.get("data", {}) for output in own):
        return own
    outputs = [_display({"text/plain": OWN}), *own]
    if task is None or task.earned == task.points or not target:
        return outputs
    return [*outputs, _display({"text/plain": TARGET}), *target]


def _target(path: Path) -> list[NotebookNode]:
    """The released picture as an output; none if it is missing."""
    try:
        mime, data, metadata = _target_data(path, path.stat().st_mtime_ns)
    except OSError:
        return []
    return [_display({mime: data}, {mime: dict(metadata)})]


@lru_cache(maxsize=128)  # a class's pages show the same ones
def _target_data(path: Path, _changed: int) -> tuple[str, str, dict]:
    """MIME type, base64 and metadata of a released picture. Raises OSError."""
    png = path.read_bytes()
    metadata = picture_metadata(png, "what one should see")["image/png"]
    if len(png) > LARGE:
        written = io.BytesIO()
        with Image.open(io.BytesIO(png)) as image:
            image.convert("RGB").save(written, "WEBP", quality=QUALITY, method=0)
        if written.tell() < len(png):
            return "image/webp", b64encode(written.getvalue()).decode(), metadata
    return "image/png", b64encode(png).decode(), metadata


def _display(data: dict[str, str], metadata: dict | None = None) -> NotebookNode:
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata or {})
