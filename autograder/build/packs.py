"""The packs of pictures that an assignment ships: its front matter names them, as in `data: [furniture]`.

They are rendered on this machine, once, into the data folder; students and workers get copies.
"""

import os
from functools import cache
from pathlib import Path

from filelock import FileLock

from autograder.build.master import Master, MasterError
from autograder.catalogue import COURSE, CourseError
from course_utils.data_folder import VARIABLE


def packs_of(master: Master) -> list[Path]:
    """The files of an assignment's packs, made where they are missing, which takes a minute.

    Raises MasterError for a name that there is not, CourseError if they can't be rendered here.
    """
    try:
        return [_pack(name) for name in master.packs]
    except ValueError as error:
        raise MasterError(f"{master.assignment.master}:1: {error}") from None


@cache
def _pack(name: str) -> Path:
    folder = Path(os.environ.get(VARIABLE) or COURSE / "data").expanduser()
    try:
        from data_scripts.make_packs import make_pack  # trimesh is an extra
    except ImportError:
        if (made := folder / f"{name}.npz").is_file():  # on a machine that can render
            return made
        raise CourseError(
            f"The pack {name!r} has to be rendered: pip install '.[render]', or put {name}.npz into {folder}."
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{name}.lock"):  # two builds at once: one renders
            return make_pack(name, folder)
    except OSError as error:
        raise CourseError(f"The pack {name!r} can't be written to {folder}: {error}.") from None
