"""What an executed solution was made from, so that minutes are not spent twice on what has not
changed.
"""

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.assignments import COURSE

CODE = {".py", ".safetensors"}


def made_from(notebook: NotebookNode, packs: Iterable[Path], packages: Iterable[str]) -> str:
    """A hash of all that a solution's outputs depend on.

    notebook  the solution before it is run: it has the master's text and the references' source
    packs     the pictures that it reads
    packages  what it imports; their versions count
    """
    digest = hashlib.sha256(json.dumps(notebook, sort_keys=True).encode())
    digest.update(surroundings(packs, packages).encode())
    return digest.hexdigest()


def surroundings(packs: Iterable[Path], packages: Iterable[str]) -> str:
    """A hash of all that a solution's outputs depend on besides its own text."""
    versions = [
        platform.python_version(),
        *(f"{name} {metadata.version(name)}" for name in packages),
    ]
    digest = hashlib.sha256("\n".join(versions).encode())
    code = sorted(
        path for kind in ("*.py", "*.safetensors") for path in (COURSE / "course_utils").rglob(kind)
    )
    for path in [*code, *packs]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def kept(solution: Path, stamp: str) -> NotebookNode | None:
    """The executed solution that is there already, if it was made from the same; or None."""
    try:
        notebook = nbformat.read(solution, as_version=4)
    except (OSError, ValueError):  # not there, or cut short
        return None
    return notebook if notebook.metadata.get("made_from") == stamp else None
