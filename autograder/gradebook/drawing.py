"""What a feedback page shows of a notebook's pictures: the student's own, or what one should see.

Pictures earn no points and take most of a notebook's time. So by default only those are drawn that
a student learns from: of the tasks that lost points, and the one that the report's gallery shows.
In place of every other picture the page shows the target that the assignment comes with, and says
so.
"""

from base64 import b64encode
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.authoring.master import Master
from autograder.gradebook.store import Pictures
from autograder.judge.checking.remote_submission import picture_metadata
from autograder.judge.source.needed_cells import PICTURE
from autograder.judge.verdict import Verdict

SOLVED = "What one should see. `{}` has all its points, so your own picture was not drawn."
NOT_DRAWN = "What one should see. Your own picture was not drawn for this page."
NO_TARGET = "Your own picture was not drawn for this page."


def pictures_to_draw(master: Master, verdict: Verdict, pictures: Pictures) -> tuple[str, ...]:
    """The names of the pictures to draw for a verdict's feedback page."""
    if pictures == "all":
        return tuple(master.pictures)
    lost = {task.name for task in verdict.tasks if task.earned < task.points}
    return tuple(name for name in master.pictures if name in lost | {master.gallery_picture})


def target_outputs(cell: NotebookNode, verdict: Verdict, targets: Path) -> list[NotebookNode]:
    """The outputs of a picture cell that was not drawn: a sentence, and the target.

    targets  the folder of the released pictures
    """
    name = cell.id.removeprefix(PICTURE)
    solved = any(task.name == name and task.earned == task.points for task in verdict.tasks)
    try:
        png = (targets / f"{name}.png").read_bytes()
    except OSError:
        return [_display({"text/plain": NO_TARGET})]
    sentence = SOLVED.format(name) if solved else NOT_DRAWN
    data = {"image/png": b64encode(png).decode()}
    picture = _display(data, picture_metadata(png, "what one should see"))
    return [_display({"text/plain": sentence}), picture]


def _display(data: dict[str, str], metadata: dict | None = None) -> NotebookNode:
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata or {})
