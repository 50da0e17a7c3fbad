"""Which notebook in a student's folder to grade, and what to say if there is none to choose.

The notebook named after the assignment is graded. If it is missing, the only notebook in the folder
is, whatever its name. With none, or several, the submission is not graded (never a zero), and a
sentence names the files.
"""

import os
from itertools import islice
from pathlib import Path

from autograder.course_files.names import is_junk, shown

MOST_FILES = 10_000
NAMED = 5  # files in a sentence


def notebook_in(folder: Path, assignment: str) -> Path:
    """The notebook to grade; where there is none to choose, the path that it should have."""
    named = folder / f"{assignment}.ipynb"
    if _is_there(named):
        return named
    found = _notebooks(folder)
    return found[0] if len(found) == 1 else named


def renamed(notebook: Path) -> str:
    """A sentence on a notebook that is not named after its assignment, the folder; or empty."""
    expected = f"{notebook.parent.name}.ipynb"
    if notebook.name == expected:
        return ""
    return f"`{shown(notebook.name)}` was graded: there is no {expected}, and no other notebook."


def why_none(notebook: Path) -> str:
    """Why the path from `notebook_in` holds no notebook, and what to do; empty if it holds one."""
    folder = notebook.parent
    if _is_there(notebook) or not _can_list(folder):  # the judge says why a folder can't be read
        return ""
    found = _notebooks(folder)
    if found:
        names = _listed([path.name for path in found])
        return f"There are {len(found)} notebooks: {names}. Rename the one to grade to {notebook.name}."
    others = _names(folder)
    there = (
        f"no notebook in the folder, only {_listed(others)}" if others else "nothing in the folder"
    )
    return f"There is {there}. Put the notebook there as {notebook.name}."


def _is_there(notebook: Path) -> bool:
    """Whether it is a file, or a link, which the judge refuses by itself."""
    return notebook.is_symlink() or notebook.is_file()


def _notebooks(folder: Path) -> list[Path]:
    paths = [folder / name for name in _names(folder) if name.lower().endswith(".ipynb")]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _names(folder: Path) -> list[str]:
    """What is in a folder, without what a machine has put there."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name for entry in islice(entries, MOST_FILES) if not is_junk(entry.name)
            )
    except OSError:
        return []


def _can_list(folder: Path) -> bool:
    return not folder.is_dir() or os.access(folder, os.R_OK | os.X_OK)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"`{shown(name)}`" for name in names[:NAMED]) + more
