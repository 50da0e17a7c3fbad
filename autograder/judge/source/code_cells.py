"""The code cells of a notebook as syntax trees, IPython's own syntax aside."""

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache

from nbformat import NotebookNode

# A syntax tree takes some 500 bytes for each character of its source, and this is the judge's
# memory.
MAX_CODE = 200_000  # characters of all cells together

# Cells as they were given out, of which nothing is asked: no answer uses what they define.
ASIDE = ("check-", "picture-", "grade-")
DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Cell magics whose cell is Python like any other.
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
# A module that a cell writes into its working folder, to import it below: the rest of the cell is
# Python.
WRITES_MODULE = re.compile(r"%%(?:writefile|file)\s+(?:-a\s+)?(?:\./)?[\w-]+\.py\s*$")
# `!ls`, `%time f()`, `?f`, and `files = !ls`: lines that are no Python, as IPython knows them.
MAGIC = re.compile(r"^(\s*)(?:[\w, ]+=\s*)?([!%?].*)$")


@dataclass(frozen=True)
class Code:
    """A code cell, parsed.

    name    how a sentence calls it: "code cell 3"
    own     whether the student wrote it, or changed it
    magics  line number and text of what is IPython's syntax, which the tree has not
    python  the source without IPython's syntax, from which the tree was parsed
    """

    name: str
    tree: ast.Module
    own: bool = True
    source: str = ""
    magics: list[tuple[int, str]] = field(default_factory=list)
    python: str = ""


def code_cells(notebook: NotebookNode, released: NotebookNode) -> tuple[list[Code], list[str]]:
    """The code cells that are run, parsed, and a sentence on each that is too long to be looked at.

    A cell that is no Python is left out: it does nothing but say so.
    """
    given = {cell.id: cell.source for cell in released.cells}
    found, unread, left = [], [], MAX_CODE
    names = cell_names(notebook)
    for cell in (cell for cell in notebook.cells if cell.id in names):
        name, own = names[cell.id], given.get(cell.id) != cell.source
        if own and len(cell.source) > left:
            unread.append(
                f"{name[0].upper()}{name[1:]} was not looked through: the code is very long."
            )
            continue
        left -= len(cell.source) if own else 0
        if not own and cell.id.startswith(ASIDE):
            continue
        if (code := parse(cell.source, name, own=own)) is not None:
            found.append(code)
        elif own and is_too_deep(cell.source):
            unread.append(
                f"{name[0].upper()}{name[1:]} was not looked through: the code is nested too "
                "deeply."
            )
    return found, unread


def cell_names(notebook: NotebookNode) -> dict[str, str]:
    """How a sentence calls each code cell, by its id."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {
        cell.id: f"the cell of `{cell.id[5:]}`"
        if cell.id.startswith("task-")
        else f"code cell {number}"
        for number, cell in enumerate(cells, 1)
    }


def parse(source: str, name: str = "the cell", *, own: bool = True) -> Code | None:
    """A cell's code. None for what is no Python, with IPython's syntax or without."""
    tree = tree_of(source) if own else _tree_of_given(source)
    if tree is not None:
        return Code(name, tree, own, source, python=source)
    lines, magics = source.split("\n"), []
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    for number, line in enumerate(lines):
        if number == first and WRITES_MODULE.match(line):
            lines[number] = ""
        elif magic := MAGIC.match(line):
            magics.append((number + 1, magic[2]))
            lines[number] = f"{magic[1]}{_python_in(magic[2])}"
            if magic[2].startswith("%%") and not magic[2].startswith(PYTHON_MAGICS):
                del lines[number:]  # the rest is another language
                break
    python = "\n".join(lines)
    tree = tree_of(python)
    return Code(name, tree, own, source, magics, python) if tree is not None else None


def definitions_in(source: str) -> str:
    """A cell's imports, functions, classes and constants, on their lines; empty if not Python."""
    code = parse(source)
    lines = source.split("\n") if code else []
    kept = [""] * len(lines)
    for node in code.tree.body if code else []:
        if isinstance(node, DEFINING) or (
            isinstance(node, ast.Assign) and _is_constant(node.value)
        ):
            first = min(
                [node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))]
            )
            kept[first - 1 : node.end_lineno] = lines[first - 1 : node.end_lineno]
    return "\n".join(kept).rstrip()


def _is_constant(value: ast.expr) -> bool:
    """Whether an expression calls nothing, so that it can't be what took too long."""
    return not any(
        isinstance(part, (ast.Call, ast.comprehension, ast.Await)) for part in ast.walk(value)
    )


def _python_in(magic: str) -> str:
    """The Python in a line magic: `%time f()` runs `f()`."""
    timed = re.match(r"%(?:time|timeit|prun)\s+(?!-)(.*)", magic)
    return timed[1] if timed and tree_of(timed[1]) else "pass"


@lru_cache(maxsize=256)
def _tree_of_given(source: str) -> ast.Module | None:
    """The same for every submission, and never changed."""
    return tree_of(source)


def is_too_deep(source: str) -> bool:
    """Whether a cell may be Python that is nested too deeply for Python's own parser."""
    without_magics = "\n".join(MAGIC.sub(r"\1pass", line) for line in source.split("\n"))
    for text in (source, without_magics):
        try:
            ast.parse(text)
        except (RecursionError, MemoryError):
            return True
        except (SyntaxError, ValueError):
            continue
    return False


def tree_of(source: str) -> ast.Module | None:
    """The syntax tree of a source, or None. What was written to break the parser only raises."""
    try:
        return ast.parse(source) if len(source) <= MAX_CODE else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
