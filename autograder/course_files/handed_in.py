"""Choose the notebook to grade in a student's folder, or explain why there is none.

The notebook named after the assignment is graded. If it is missing and the folder contains exactly
one notebook, that one is graded, whatever its name. Otherwise the submission is not graded (which
is never a zero), and a sentence lists the files.
"""

import os
from itertools import islice
from pathlib import Path

from autograder.course_files.names import is_junk, shown

MOST_FILES = 10_000  # that are read of one folder
NAMED = 5  # files that a sentence lists


def notebook_in(folder: Path, assignment: str) -> Path:
    """The notebook to grade; if there is none, the path where it is expected."""
    named = folder / f"{assignment}.ipynb"
    if _exists(named):
        return named
    found = _find_notebooks(folder)
    return found[0] if len(found) == 1 else named


def renamed(notebook: Path) -> str:
    """A note if the notebook is not named after its assignment; otherwise empty."""
    expected = f"{notebook.parent.name}.ipynb"
    if notebook.name == expected:
        return ""
    return f"`{shown(notebook.name)}` was graded: there is no {expected}, and no other notebook."


def why_none(notebook: Path) -> str:
    """Why there is no notebook at the path from `notebook_in`, and the fix; empty if there is."""
    folder = notebook.parent
    if _exists(notebook) or not _can_list(folder):  # the judge reports a folder it can't read
        return ""
    found = _find_notebooks(folder)
    if found:
        names = _join([path.name for path in found])
        there = f"There are {len(found)} notebooks: {names}."
        return f"{there} Rename the one to grade to {notebook.name}."
    others = _list_names(folder)
    if others:
        there = f"There is no notebook in the folder, only {_join(others)}."
    else:
        there = "There is nothing in the folder."
    return f"{there} Put the notebook there as {notebook.name}."


def _exists(notebook: Path) -> bool:
    """Whether it is a file, or a link: the judge itself refuses links."""
    return notebook.is_symlink() or notebook.is_file()


def _find_notebooks(folder: Path) -> list[Path]:
    paths = [folder / name for name in _list_names(folder) if name.lower().endswith(".ipynb")]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _list_names(folder: Path) -> list[str]:
    """The names in a folder, without files that operating systems and tools create."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_FILES)]
    except OSError:
        return []
    return sorted(name for name in names if not is_junk(name))


def _can_list(folder: Path) -> bool:
    return not folder.is_dir() or os.access(folder, os.R_OK | os.X_OK)


def _join(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"`{shown(name)}`" for name in names[:NAMED]) + more
