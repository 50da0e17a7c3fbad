"""Write files of a course directory atomically: a reader never sees half a file.

This holds with several processes at once, and if one of them is killed while it writes.
"""

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
    """Turn an OSError, such as a full disk, into a CourseError that explains how to continue."""
    try:
        yield
    except OSError as error:
        raise CourseError(
            f"{folder} is not writable ({error.strerror or error}). Fix this, and run the same "
            "command again: it continues where it stopped."
        ) from error


def write_whole(path: Path, text: str, *, alone: bool = False, encoding: str = "utf-8") -> None:
    """Write a file atomically: write a hidden draft beside it, then rename the draft.

    alone  no other process writes this file, so the draft's name can be the same in every run,
           and replaces what a killed run has left behind
    """
    suffix = "" if alone else f".{os.getpid()}-{secrets.token_hex(4)}"
    draft = path.with_name(f".{path.name}{suffix}")
    try:
        draft.write_text(text, encoding=encoding)
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()  # it is still there if writing failed, e.g. on a full disk


def remove_stale_drafts(folder: Path) -> None:
    """Delete drafts older than an hour: the processes that wrote them were killed."""
    for draft in folder.glob(".*"):
        with suppress(OSError):
            if draft.stat().st_mtime < time.time() - HOUR:
                draft.unlink()


def copy_exchange_files(source: Path, to: Path) -> None:
    """Copy the files that nbgrader's exchange needs beside a notebook to release its feedback."""
    for name in ("timestamp.txt", "submission_secret.txt"):
        original, draft = source / name, to / f".{name}"
        if original.is_file() and not original.is_symlink():
            shutil.copyfile(original, draft)
            draft.replace(to / name)
