"""Limits the size of outputs: of each cell, and of the whole notebook.

The worker has a limit, too, but a student's code can change that one. This limit counts bytes in
the notebook's file: a character can take six of them (`\\u0000`), and three bytes of a picture take
four.
"""

import json

from nbformat import NotebookNode

CUT = "\n[The output was cut here: a {} may put out {:g} MB.]\n"
GONE = "[More output was left out: a {} may put out {:g} MB.]\n"
MB = 2**20
CELLS = 3  # the limit of a notebook, in limits of a cell


class OutputRoom:
    """The room of one notebook.

    limit  bytes that one cell may put out
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.left = limit, CELLS * limit

    def fit(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        """As many of a cell's outputs as there is room for. The last one may be shortened."""
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
    """The beginning of a printed text; for anything else, a line in its place."""
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
