"""Files of a course directory: each is there whole or not at all, whoever reads and writes, killed or not."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autograder.assignments import CourseError

HOUR = 3600


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises CourseError when what is done here fails for want of room, or of permission."""
    try:
        yield
    except OSError as error:
        raise CourseError(
            f"{folder} can't be written to ({error.strerror or error}): mend that and give the same command "
            "again; what was done before is whole, and is not done again."
        ) from error


def write_whole(path: Path, text: str, *, alone: bool = False, encoding: str = "utf-8") -> None:
    """Write a file that is there whole or not at all, whoever else reads and writes it, killed or
    not.

    alone  nobody else writes it: then what a killed run has left behind is written over
    """
    own = "" if alone else f".{os.getpid()}-{secrets.token_hex(4)}"
    draft = path.with_name(f".{path.name}{own}")
    try:
        draft.write_text(text, encoding=encoding)
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()  # when the disk is full


def remove_stale_drafts(folder: Path) -> None:
    """Delete the drafts that processes killed long ago have left."""
    for draft in folder.glob(".*"):
        with suppress(OSError):
            if draft.stat().st_mtime < time.time() - HOUR:
                draft.unlink()


def copy_exchange_files(source: Path, to: Path) -> None:
    """Copy what nbgrader's exchange wants to find beside a notebook again, when feedback is
    released.
    """
    for name in ("timestamp.txt", "submission_secret.txt"):
        if (source / name).is_file() and not (source / name).is_symlink():
            shutil.copyfile(source / name, to / f".{name}")
            (to / f".{name}").replace(to / name)
