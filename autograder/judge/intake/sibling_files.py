"""The files beside a submitted notebook: none is used, and dangerous ones are reported.

A `torch.py` beside the notebook is imported instead of torch when the notebook is run there.
"""

import importlib.util
import os
from itertools import islice
from pathlib import Path

from autograder.authoring.release import VALIDATION
from autograder.judge.intake.read_notebook import RefusedError

MAX_FILES = 10_000
MOST = 5  # reported per kind
CODE = (".py", ".pyc", ".so", ".pyd")
OURS = ("course_utils",)  # came with the release, and may be handed in with it
UNCHANGED = {"nbgrader_config.py": VALIDATION.encode()}  # likewise, as long as it says the same
# Not modules imported by name, but files that Python or a tool reads at start-up.
READ_AT_START = (
    "conftest",
    "sitecustomize",
    "usercustomize",
    "ipykernel_launcher",
    "nbgrader_config",
)


def files_beside(notebook: Path) -> list[str]:
    """A sentence for the instructor on each file that could have been meant to be run.

    Raises RefusedError when there are too many files to be a submission.
    """
    try:
        with os.scandir(notebook.parent) as entries:
            found = sorted(islice(entries, MAX_FILES + 1), key=lambda entry: entry.name)
    except OSError:
        return []
    if len(found) > MAX_FILES:
        raise RefusedError(
            f"There are more than {MAX_FILES} files beside the notebook: hand it in by itself."
        )
    links = [entry.name for entry in found if entry.is_symlink() and entry.name != notebook.name]
    modules = [entry.name for entry in found if not entry.is_symlink() and _is_module(entry)]
    return [
        *_told(links, "beside the notebook is a link: it was not followed."),
        *_told(modules, "beside the notebook has the name of a module: it was not used."),
    ]


def _is_module(entry: os.DirEntry) -> bool:
    """Whether `import` would find it in the place of something that is installed."""
    name, dot, _ = entry.name.partition(".")
    if entry.is_dir():
        return (
            not dot
            and name not in OURS
            and (Path(entry.path) / "__init__.py").exists()
            and _exists(name, entry)
        )
    is_read = entry.name.endswith(CODE) and (name in READ_AT_START or _exists(name, entry))
    return is_read and not _is_as_released(entry)


def _is_as_released(entry: os.DirEntry) -> bool:
    """Whether a file equals one of the release: nbgrader's exchange submits those as well."""
    content = UNCHANGED.get(entry.name, b"")
    try:
        return (
            entry.stat().st_size == len(content) and Path(entry.path).read_bytes() == content != b""
        )
    except OSError:
        return False


def _exists(name: str, but: os.DirEntry) -> bool:
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin is None:
        return False
    # With the student's folder on the path, the module found may be this very file.
    return not Path(spec.origin).resolve().is_relative_to(Path(but.path).resolve())


def _told(names: list[str], predicate: str) -> list[str]:
    more = [f"There are {len(names) - MOST} more such files."] if len(names) > MOST else []
    return [f"`{_shown(name)}` {predicate}" for name in names[:MOST]] + more


def _shown(name: str) -> str:
    """A student-chosen file name, made short and printable for a sentence."""
    return "".join(letter if letter.isprintable() and letter != "`" else "?" for letter in name)[
        :60
    ]
