"""The fingerprint of an executed solution, which is run again only if that has changed."""

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


def fingerprint(notebook: NotebookNode, packs: Iterable[Path], packages: Iterable[str]) -> str:
    """A hash of everything that a solution's outputs depend on.

    notebook  the solution before it is run, with the master's text and the references' source
    packs     the pictures that it reads
    packages  the packages that it imports; their versions are hashed
    """
    digest = hashlib.sha256(json.dumps(notebook, sort_keys=True).encode())
    digest.update(surroundings(packs, packages).encode())
    return digest.hexdigest()


def surroundings(packs: Iterable[Path], packages: Iterable[str]) -> str:
    """A hash of everything that a solution's outputs depend on, except its own text."""
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


def load_cached(solution: Path, stamp: str) -> NotebookNode | None:
    """The executed solution on disk if its fingerprint is `stamp`, else None."""
    try:
        notebook = nbformat.read(solution, as_version=4)
    except (OSError, ValueError):  # missing or truncated
        return None
    return notebook if notebook.metadata.get("made_from") == stamp else None
