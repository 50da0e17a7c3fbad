"""How much of what cells put out is kept: so many bytes of a cell, and so many of a whole notebook.

The worker has a limit of its own, but is the student's to change. What counts here is the size in
the file: a character can take six bytes there (`\\u0000`), and a picture takes four for three.
"""

import json

from nbformat import NotebookNode

CUT = "\n[The output was cut here: a {} may put out {:g} MB.]\n"
GONE = "[More output was left out: a {} may put out {:g} MB.]\n"
MB = 2**20
CELLS = 3  # a notebook may put out as much as so many cells


class OutputRoom:
    """The room of one notebook.

    limit  bytes that one cell may put out
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.left = limit, CELLS * limit

    def fit(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        """A cell's outputs, as far as there is room. They are changed."""
        whose, room = ("cell", self.limit) if self.limit <= self.left else ("notebook", self.left)
        megabytes = (self.limit if whose == "cell" else CELLS * self.limit) / MB
        kept = []
        for output in outputs:
            size = _size(output)
            if size > room:
                cut, gone = (text.format(whose, megabytes) for text in (CUT, GONE))
                kept.append(_shortened(output, room, cut, gone))
                self.left -= room
                return kept
            room -= size
            self.left -= size
            kept.append(output)
        return kept


def _size(output: NotebookNode) -> int:
    """Bytes in the notebook's file."""
    return len(json.dumps(output))


def _shortened(output: NotebookNode, room: int, cut: str, gone: str) -> NotebookNode:
    """The beginning of a printed text, or a line in the place of anything else."""
    text = output.get("text", "")
    if not isinstance(text, str) or not text:
        return NotebookNode(output_type="stream", name="stderr", text=gone)
    return NotebookNode(output | {"text": _beginning(text, room) + cut})


def _beginning(text: str, room: int) -> str:
    """As much of a text as takes no more than `room` bytes in a file of JSON."""
    end = len(text)
    while end and len(json.dumps(text[:end])) > room:
        end = min(end // 2, room)
    return text[:end]
