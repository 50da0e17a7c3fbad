"""The packs of pictures of an assignment: its front matter names them, as in `data: [furniture]`.

They are rendered on this machine, once, into the data folder; students and workers get copies.
Those under `hidden_data` are for the hidden checks alone: they leave the judge only as single calls
of a task.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from autograder.assignments import COURSE, CourseError, pack_path
from autograder.authoring.master import Master, MasterError
from autograder.progress import Progress

_ready: dict[str, Path] = {}  # packs that this process has looked at


def packs_of(master: Master, report: Progress | None = None) -> list[Path]:
    """The files of an assignment's packs. Rendering the missing ones takes a minute or more.

    report  called for each rendered model
    Raises MasterError for a name that there is not, or for a pack that is also hidden; CourseError
    if they can't be rendered here.
    """
    if both := set(master.packs) & set(master.hidden_packs):
        names = ", ".join(sorted(both))
        raise MasterError(
            f"{master.assignment.master}:1: hidden, so it can't be given to students: {names}."
        )
    return _made(master, master.packs, report)


def hidden_packs_of(master: Master, report: Progress | None = None) -> list[Path]:
    """The files of the packs that hidden checks read by `pack_path`, made where they are missing.

    Raises as `packs_of`.
    """
    return _made(master, master.hidden_packs, report)


def _made(master: Master, names: list[str], report: Progress | None) -> list[Path]:
    try:
        for name in names:
            if name not in _ready:
                _ready[name] = _pack(name, report)
        return [_ready[name] for name in names]
    except ValueError as error:
        raise MasterError(f"{master.assignment.master}:1: {error}") from None


def _pack(name: str, report: Progress | None) -> Path:
    path = pack_path(name)
    if _is_known_to_be_fresh(path):
        return path
    try:
        from data_scripts.make_packs import make_pack  # trimesh is an extra
    except ImportError:
        if path.is_file():  # made on a machine that can render
            return path
        raise CourseError(
            f"The pack {name!r} has to be rendered: pip install '.[render]', "
            f"or put {path.name} into {path.parent}."
        ) from None
    on_model = _rendering(name, report) if report else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{name}.lock")):  # two builds at once: one renders
            made = make_pack(name, path.parent, on_model)
            _note_that_it_is_fresh(made)
            return made
    except OSError as error:
        raise CourseError(
            f"The pack {name!r} can't be written to {path.parent}: {error}."
        ) from None


def _is_known_to_be_fresh(pack: Path) -> bool:
    """Whether neither a pack nor the renderer has changed since they were found to agree.

    To ask the renderer itself takes seconds: it has to be imported.
    """
    with suppress(OSError):
        return _note_of(pack).read_text(encoding="utf-8") == _state_of(pack)
    return False


def _note_that_it_is_fresh(pack: Path) -> None:
    with suppress(OSError):  # a folder that can't be written to: the renderer is asked each time
        _note_of(pack).write_text(_state_of(pack), encoding="utf-8")


def _note_of(pack: Path) -> Path:
    return pack.with_name(f".{pack.stem}.fresh")


def _state_of(pack: Path) -> str:
    """A hash of the renderer's source, and what the file system says of a pack. Raises OSError."""
    digest = hashlib.sha256()
    folder = COURSE / "data_scripts"
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    there = pack.stat()
    digest.update(f"{there.st_size} {there.st_mtime_ns} {there.st_ino}".encode())
    return digest.hexdigest()


def _rendering(name: str, report: Progress) -> Callable[[int, int], None]:
    """A callback for `make_pack`, which counts models: it names the pack in its report."""

    def on_model(done: int, total: int) -> None:
        report(f"rendering {name}, once", done, total)

    return on_model
