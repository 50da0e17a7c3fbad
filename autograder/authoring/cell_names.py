"""What a notebook's cells and lines are called in a message."""

import re

from nbformat import NotebookNode

from course_utils.self_check.fresh_kernel import place_of

NAMED = ("task-", "check-", "picture-", "grade-", "setup")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name_of(notebook: NotebookNode, index: int) -> str:
    """`picture-top_k_accuracy`, or: the training cell under “The whole way” (In [45]).

    index  of a code cell, among all cells
    """
    cell = notebook.cells[index]
    if cell.get("id", "").startswith(NAMED):
        return f"the cell {cell.id}"
    kind = "training cell" if "training" in cell.metadata.get("tags", []) else "cell"
    number = sum(_runs(each) for each in notebook.cells[: index + 1])
    heading = _heading_above(notebook, index)
    return (
        f"the {kind} under “{heading}” (In [{number}])" if heading else f"the {kind} In [{number}]"
    )


def place_in_words(notebook: NotebookNode, index: int, traceback: str) -> str:
    """Where an exception was raised: “, line 3 (`x = 1 / 0`)”; empty if unknown.

    It may be in an earlier cell than the one that failed.
    """
    place = place_of(traceback)
    cells = [at for at, cell in enumerate(notebook.cells) if _runs(cell)]
    if place is None or not 0 < place[0] <= len(cells):
        return ""
    at, line = cells[place[0] - 1], place[1]
    lines = notebook.cells[at].source.splitlines()
    text = f" (`{lines[line - 1].strip()}`)" if 0 < line <= len(lines) else ""
    return (
        f", line {line}{text}"
        if at == index
        else f", from line {line} of {name_of(notebook, at)}{text}"
    )


def _runs(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _heading_above(notebook: NotebookNode, index: int) -> str:
    texts = (cell.source for cell in notebook.cells[:index] if cell.cell_type == "markdown")
    headings = HEADING.findall(CODE_BLOCK.sub("", "\n\n".join(texts)))
    return headings[-1] if headings else ""
