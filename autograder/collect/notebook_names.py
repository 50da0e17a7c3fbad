"""Names of notebooks as browsers and LMSs change them, and the names that they had.

x.ipynb.txt, x.ipynb.json    a browser that saves by content        x.ipynb
x.ipynb (1), x.ipynb-1.txt   a second download, or hand-in          x (1).ipynb, x-1.ipynb
3_colorization.json          an extension exchanged                 3_colorization.ipynb
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from autograder.assignments import assignments
from autograder.collect.archives import Entry

# notebook-2.ipynb is Canvas's name of what was handed in again, notebook (2).ipynb a browser's
NUMBERED = re.compile(r"(.+?)(?:-(\d+)| ?\((\d+)\))?(\.[^.]+)", re.DOTALL)
RENAMED = re.compile(
    r"(?P<stem>.+?)\.ipynb(?P<ends>(?:\.(?:txt|json|ipynb|download)|[ _-]?\(\d+\)|[ _-]\d+)+)",
    re.DOTALL | re.IGNORECASE,
)
IN_ENDS = re.compile(r"[ _-]?\((\d+)\)|[ _-](\d+)")
EXCHANGED = (".json", ".txt")


def numbered(name: str) -> tuple[str, int]:
    """A file's name without the number that says how often it was handed in, and that number."""
    found = NUMBERED.fullmatch(name)
    return (found[1] + found[4], int((found[2] or found[3] or "0")[:9])) if found else (name, 0)


def notebook_name(name: str) -> str:
    """A notebook's name before a browser or an LMS changed it; empty for other files."""
    if name.lower().endswith(".ipynb") and not RENAMED.fullmatch(name):
        return name
    if renamed := RENAMED.fullmatch(name):
        numbers = [one or other for one, other in IN_ENDS.findall(renamed["ends"])]
        return renamed["stem"] + (f" ({numbers[-1]})" if numbers else "") + ".ipynb"
    stem, kind = Path(name).stem, Path(name).suffix.lower()
    return (
        f"{stem}.ipynb" if kind in EXCHANGED and numbered(f"{stem}.x")[0][:-2] in _known() else ""
    )


@cache
def _known() -> set[str]:
    return {text for one in assignments() for text in (one.name, one.topic)}


def is_notebook(name: str) -> bool:
    """Whether a file is a notebook, by its name."""
    return bool(notebook_name(name))


def as_notebooks(entries: list[Entry]) -> list[Entry]:
    """The entries, with the renamed notebooks under the names that they had; `was` keeps the other.

    A renamed one beside one that has the right name is left as it is: there it is a copy.
    """
    rightly = {entry.path for entry in entries}
    named = []
    for entry in entries:
        name = notebook_name(entry.name)
        path = (*entry.path[:-1], name)
        if name and path != entry.path and path not in rightly:
            named.append(replace(entry, path=path, was=entry.name))
        else:
            named.append(entry)
    return named
