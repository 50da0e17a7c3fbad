"""What a notebook uses here that is missing in grading: nearby files, other folders, packages.

Nothing but the notebook, and the networks that an assignment asks for, is handed in.
"""

import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from course_utils.notebook.saved_notebook import GIVEN, SavedNotebook
from course_utils.setup_check import HOME

MODULE = re.compile(r"No module named '(\w+)")
FILE = re.compile(r"No such file or directory: '([^']+)'")


def note_on(saved: SavedNotebook, error: str) -> str | None:
    """A sentence about the nearby file that an exception asks for; None if there is none.

    error    its text
    returns  nothing to say ("") for a network that is handed in: the grader does not show it to
             cells either
    """
    home = saved.path.parent
    if module := MODULE.search(error):
        found = [home / f"{module[1]}.py", home / module[1]]
    elif (file := FILE.search(error)) and not Path(file[1]).is_absolute():
        found = [home / file[1]]
    else:
        return None
    there = [path.name for path in found if path.exists()]
    if not there:
        return None
    if there[0] in saved.files:
        return ""
    beside = f"{there[0]} is beside the notebook and is not handed in:"
    if module:
        return f"{beside} move its code into a cell (or a %%writefile cell)."
    return f"{beside} what reads it will fail in grading."


def imported(saved: SavedNotebook) -> dict[str, str]:
    """The student's own modules that cells import, with the first such cell of each."""
    found: dict[str, str] = {}
    for cell in saved.code:
        if cell.name.startswith(GIVEN):
            continue
        for name in re.findall(r"^[ \t]*(?:import|from)[ \t]+(\w+)", cell.source, re.MULTILINE):
            found.setdefault(name, cell.called)
    return found


def not_required(names: Iterable[str]) -> dict[str, str]:
    """The modules from packages outside requirements.txt, with these packages."""
    wanted = {
        name for name in names if name not in sys.stdlib_module_names and name != "course_utils"
    }
    try:
        lines = (HOME / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    asked = [match[0] for line in lines if (match := re.match(r"[\w.-]+", line.strip()))]
    if not wanted or not asked:
        return {}
    here = metadata.packages_distributions()
    brought = _with_what_they_need(asked)
    return {
        name: here[name][0]
        for name in sorted(wanted)
        if name in here and not brought & {_normal(package) for package in here[name]}
    }


def _with_what_they_need(packages: list[str]) -> set[str]:
    """Packages with all that is installed for them."""
    found: set[str] = set()
    todo = [_normal(name) for name in packages]
    while todo:
        if (name := todo.pop()) in found:
            continue
        found.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        plain = [line for line in needed if "extra ==" not in line]
        todo += [_normal(match[0]) for line in plain if (match := re.match(r"[\w.-]+", line))]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
