"""Files that are no notebooks, notebooks that are out of shape, and what lies beside them."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.judge.intake.read_notebook import MAX_BYTES
from autograder.judge.intake.sibling_files import MAX_FILES

Lay = Callable[[Path, NotebookNode], None]


@dataclass(frozen=True)
class OddFile:
    """Something handed in.

    lay      writes it: the path of the notebook, and a notebook whose two tasks are right
    earns    points for `l2_loss` and for `rebalancing_weights`; None: it is refused
    says     what the reason or a repair must say
    flagged  what a flag must say; "" for no flag
    """

    name: str
    lay: Lay
    earns: tuple[float, float] | None = (3, 4)
    says: str = ""
    flagged: str = ""

    def __str__(self) -> str:
        return self.name


def write(path: Path, notebook: object) -> None:
    path.write_text(json.dumps(notebook))


def raw(content: bytes) -> Lay:
    """These bytes."""
    return lambda path, _: path.write_bytes(content)


def changed(change: Callable[[NotebookNode], object]) -> Lay:
    """The right notebook, changed."""

    def lay(path: Path, notebook: NotebookNode) -> None:
        write(path, change(notebook) or notebook)

    return lay


def beside(*names: str, text: str = "raise SystemExit('ESCAPED')") -> Lay:
    """The right notebook, and these files beside it."""

    def lay(path: Path, notebook: NotebookNode) -> None:
        write(path, notebook)
        for name in names:
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).write_text(text)

    return lay


def linked(target: str) -> Lay:
    return lambda path, _: path.symlink_to(target)


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def many_files(path: Path, notebook: NotebookNode) -> None:
    write(path, notebook)
    for number in range(MAX_FILES + 1):
        (path.parent / f"{number}.txt").touch()


def a_link_beside(path: Path, notebook: NotebookNode) -> None:
    write(path, notebook)
    (path.parent / "data").symlink_to("/etc")
    (path.parent / "checks.py").symlink_to(Path(__file__))


def sparse(path: Path, _: NotebookNode) -> None:
    path.touch()
    os.truncate(path, 2**40)


def four_million_cells(path: Path, _: NotebookNode) -> None:
    path.write_bytes(b'{"cells": [' + b"{}," * 3_999_999 + b"{}]}")


REFUSED = [
    OddFile("no file", lambda path, _: None, None, "is not a file"),
    OddFile("an empty file", raw(b""), None, "is empty"),
    OddFile("white space", raw(b" \n\t "), None, "is empty"),
    OddFile("a PDF", raw(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"), None, "not a notebook"),
    OddFile(
        "a web page",
        raw(b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
        None,
        "not a notebook",
    ),
    OddFile("a ZIP archive", raw(b"PK\x03\x04" + bytes(range(256)) * 4), None, "not a notebook"),
    OddFile(
        "a pickle",
        raw(b"\x80\x04\x95\x1a\x00\x00\x00cos\nsystem\n(S'echo'\ntR."),
        None,
        "not a notebook",
    ),
    OddFile(
        "text in another encoding",
        raw('{"cells": "größe"}'.encode("utf-16")),
        None,
        "not a notebook",
    ),
    OddFile(
        "a truncated notebook",
        raw(b'{"cells": [{"cell_type": "code", "source": "def'),
        None,
        "cut off",
    ),
    OddFile("a JSON list", raw(b"[]"), None, "no notebook"),
    OddFile("a JSON number", raw(b"1e999"), None, "no notebook"),
    OddFile(
        "a number of a million digits", raw(b'{"cells": ' + b"9" * 10**6 + b"}"), None, "safely"
    ),
    OddFile("a million brackets", raw(b"[" * 10**6), None, "not a notebook"),
    OddFile("no cells", raw(b'{"cells": [], "nbformat": 4}'), None, "has no cells"),
    OddFile(
        "cells that are none", raw(b'{"cells": {"0": 1}, "worksheets": 7}'), None, "has no cells"
    ),
    OddFile(
        "ten thousand cells",
        changed(lambda n: {"cells": [{"cell_type": "code"}] * 10**4}),
        None,
        "is the limit",
    ),
    OddFile("four million cells", four_million_cells, None, "4000000 cells, and 5000 is the limit"),
    OddFile("a file that is too long", raw(b" " * (MAX_BYTES + 1)), None, "is the limit"),
    OddFile("a terabyte of nothing", sparse, None, "is the limit"),
    OddFile("a link to a file of the system", linked("/etc/passwd"), None, "is not a file"),
    OddFile(
        "a link to somebody's answers",
        linked("../../alice/3_colorization/3_colorization.ipynb"),
        None,
        "not a file",
    ),
    OddFile("a link to itself", linked("3_colorization.ipynb"), None, "is not a file"),
    OddFile("a pipe", lambda path, _: os.mkfifo(path), None, "is not a file"),
    OddFile("a folder", lambda path, _: path.mkdir(), None, "is not a file"),
    OddFile("ten thousand files", many_files, None, "files beside the notebook"),
]

BESIDE = [
    OddFile("a torch.py", beside("torch.py"), flagged="`torch.py` beside"),
    OddFile("a conftest.py", beside("conftest.py", "pytest.ini"), flagged="`conftest.py` beside"),
    OddFile(
        "modules that a kernel imports",
        beside("ipykernel_launcher.py", "timeit.py"),
        flagged="`timeit.py` beside",
    ),
    OddFile(
        "a package of the name of one of ours",
        beside("autograder/__init__.py"),
        flagged="`autograder` beside",
    ),
    OddFile(
        "a sitecustomize.py",
        beside("sitecustomize.py", "usercustomize.py"),
        flagged="`sitecustomize.py`",
    ),
    OddFile(
        "a link to a folder of the system",
        a_link_beside,
        flagged="`data` beside the notebook is a link",
    ),
    OddFile(
        "the whole release",
        beside("course_utils/__init__.py", "README.md", "requirements.txt", "test/notes.txt"),
    ),
    OddFile("a helper of the student's own", beside("my_helpers.py", "draft.ipynb", text="{}")),
]


def without(role: str) -> Lay:
    """Every cell of one kind deleted."""
    return changed(
        lambda n: n.cells.__setitem__(
            slice(None), [c for c in n.cells if not c.id.startswith(role)]
        )
    )


def of_format(number: int) -> Lay:
    """In an older notebook format, which has its cells in worksheets and their code in `input`."""

    def lay(path: Path, notebook: NotebookNode) -> None:
        cells = [
            {"cell_type": "code", "input": one.source, "outputs": [], "language": "python"}
            for one in notebook.cells
        ]
        write(
            path,
            {
                "nbformat": number,
                "nbformat_minor": 0,
                "metadata": {},
                "worksheets": [{"cells": cells}],
            },
        )

    return lay


def split_task(notebook: NotebookNode) -> None:
    task = cell(notebook, "task-l2_loss")
    head, _, body = task.source.partition("\n")
    place = notebook.cells.index(task)
    rest = nbformat.from_dict(task)
    task.source = "def helper(prediction, target):\n" + body
    rest.source = f"{head}\n    return helper(prediction, target)"
    notebook.cells.insert(place + 1, rest)


def joined(under: str, *names: str) -> Lay:
    """Neighbouring cells joined, with the metadata of one of them."""

    def join(notebook: NotebookNode) -> None:
        cells = [cell(notebook, name) for name in names]
        whole = nbformat.from_dict(cell(notebook, under))
        whole.source = "\n\n".join(one.source for one in cells)
        notebook.cells[notebook.cells.index(cells[0])] = whole
        notebook.cells = [one for one in notebook.cells if one not in cells]

    return changed(join)


def typed_into(name: str) -> Lay:
    """An answer written into a cell that was given out, and the task's own cell left as it was."""

    def type_into(notebook: NotebookNode) -> None:
        task, given = cell(notebook, "task-l2_loss"), cell(notebook, name)
        given.source = f"{given.source}\n\n{task.source}"
        task.source = 'def l2_loss(prediction, target):\n    raise NotImplementedError("l2_loss")'

    return changed(type_into)


def split_check(notebook: NotebookNode) -> None:
    """The answer between the two halves of the check."""
    task, check = cell(notebook, "task-l2_loss"), cell(notebook, "check-l2_loss")
    lines = check.source.split("\n")
    first, rest = nbformat.from_dict(check), nbformat.from_dict(check)
    first.source, rest.source = "\n".join(lines[:2]), "\n".join(lines[2:])
    place = notebook.cells.index(task)
    notebook.cells[place : place + 2] = [first, nbformat.v4.new_code_cell(task.source), rest]


def windows(notebook: NotebookNode) -> None:
    for one in notebook.cells:
        one.source = one.source.replace("\n", "\r\n") + "\r\n"


def hostile_metadata(notebook: NotebookNode) -> None:
    for one in notebook.cells:
        one.metadata = {
            "tags": ["skip-execution", "raises-exception", "training", "<script>alert(1)</script>"]
        }
        one.metadata["nbgrader"] = {
            "grade_id": one.id,
            "points": 10**9,
            "grade": True,
            "schema_version": "x",
        }
    notebook.metadata = {
        "kernelspec": {"name": "../../bin/sh", "display_name": "<script>"},
        "x": [[[]]],
    }


def odd_types(notebook: NotebookNode) -> dict:
    cells = json.loads(json.dumps(notebook.cells))
    for one in cells:
        one["source"] = one["source"].splitlines(keepends=True)
        one |= {"outputs": None, "execution_count": "many", "metadata": None}
    cells[0]["source"] += [None, 7, {"a": 1}]
    cells += [None, 7, "x", [], {"cell_type": 3, "source": 3}, {"source": None, "id": ["a"]}]
    return {"cells": cells, "nbformat": "4", "metadata": []}


RESHAPED = [
    OddFile("format 3", of_format(3)),
    OddFile("format 2", of_format(2)),
    OddFile(
        "a format that there is not", changed(lambda n: n.update(nbformat=99, nbformat_minor=-1))
    ),
    OddFile("null outputs, and other odd types", changed(odd_types)),
    OddFile("hostile metadata", changed(hostile_metadata)),
    OddFile(
        "the same id for all cells",
        changed(lambda n: [c.update(id="task-l2_loss") for c in n.cells] and None),
    ),
    OddFile(
        "ids that are paths",
        changed(lambda n: [c.update(id=f"../../{c.id}") for c in n.cells] and None),
    ),
    OddFile("no ids", changed(lambda n: [c.pop("id") for c in n.cells] and None)),
    OddFile("no grade cells", without("grade-")),
    OddFile("no visible checks", without("check-")),
    OddFile(
        "one task's cell deleted",
        without("task-l2_loss"),
        (0, 4),
        "task-l2_loss: the cell is missing",
    ),
    OddFile("both tasks' cells deleted", without("task-"), (0, 0), "is missing"),
    OddFile(
        "every cell twice",
        changed(lambda n: n.cells.extend(nbformat.from_dict(n.cells))),
        says="is there 2 times",
    ),
    OddFile("a task in two cells", changed(split_task)),
    OddFile(
        "a task joined with its check",
        joined("check-l2_loss", "task-l2_loss", "check-l2_loss"),
        says="check-l2_loss: a locked cell was changed, and is put back; what you added is kept",
    ),
    OddFile(
        "a task joined with its check and its grade cell",
        joined("grade-l2_loss", "task-l2_loss", "check-l2_loss", "grade-l2_loss"),
    ),
    OddFile(
        "two tasks and all between them in one cell",
        joined(
            "check-l2_loss",
            "task-l2_loss",
            "check-l2_loss",
            "grade-l2_loss",
            "task-rebalancing_weights",
        ),
    ),
    OddFile(
        "an answer in the check's cell", typed_into("check-l2_loss"), says="what you added is kept"
    ),
    OddFile(
        "an answer in the grade cell", typed_into("grade-l2_loss"), says="what you added is kept"
    ),
    OddFile("an answer among the imports", typed_into("code-imports")),
    OddFile("an answer in another task's cell", typed_into("task-rebalancing_weights")),
    OddFile("an answer between two halves of its check", changed(split_check)),
    OddFile("lines that end as on Windows", changed(windows)),
    OddFile(
        "imports that were deleted",
        changed(
            lambda n: cell(n, "code-imports").update(
                source="import torch\nfrom torch import Tensor"
            )
        ),
        says="imports that were given out are missing, and are put back: `import math`",
    ),
    OddFile("everything in another order", changed(lambda n: n.cells.reverse())),
    OddFile(
        "answers as Markdown",
        changed(lambda n: [c.update(cell_type="markdown") for c in n.cells] and None),
        says="type was changed",
    ),
    OddFile(
        "locked cells rewritten",
        changed(
            lambda n: (
                [c.update(source="pass") for c in n.cells if c.id.startswith("check-")] and None
            )
        ),
        says="is put back",
    ),
    OddFile(
        "a grade cell with a score in it",
        changed(lambda n: cell(n, "grade-l2_loss").update(source="3.0")),
        says="is put back",
    ),
    OddFile(
        "one renamed function",
        changed(
            lambda n: cell(n, "task-l2_loss").update(
                source="def L2_loss(a, b): return ((a - b) ** 2).mean()"
            )
        ),
        (0, 4),
    ),
    OddFile(
        "halves of characters and zero bytes",
        changed(lambda n: n.cells.insert(0, nbformat.v4.new_code_cell("'\ud800 \x00'"))),
    ),
    OddFile(
        "a script as an attachment",
        changed(
            lambda n: n.cells[0].update(
                attachments={"<script>": {"text/html": "<script>alert(1)</script>"}}
            )
        ),
    ),
    OddFile(
        "a cell of two megabytes",
        changed(lambda n: n.cells.append(nbformat.v4.new_code_cell("x = [" + "1," * 10**6 + "]"))),
        flagged="was not looked through",
    ),
    OddFile(
        "a cell that is slow to parse",
        changed(
            lambda n: n.cells.append(
                nbformat.v4.new_code_cell("%time 1\n" * 3000 + "x = " + "a" + ".b" * 5000)
            )
        ),
        flagged="not looked through",
    ),
]

ODD_FILES = [*REFUSED, *BESIDE, *RESHAPED]
