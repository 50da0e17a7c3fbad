"""Locks that allow one writer, and one watcher, per course directory.

The system frees a lock when its process ends.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from autograder.assignments import CourseError
from autograder.course_files.files import writing

_held: set[Path] = set()  # locks of this process; the kernel would grant it the same lock again


class BusyError(CourseError):
    """Another process holds the lock."""


def only_writer(folder: Path) -> AbstractContextManager[None]:
    """Hold the lock for writing to a course directory; nothing to do if this process holds it.

    Raises BusyError if another process holds it (with the name of that process), and CourseError if
    the file system is full or does not support locks.
    """
    busy = "{folder} is being graded by {holder}. Wait for it, or stop it."
    return _only_one(folder.resolve() / "grading.lock", busy)


def only_watcher(folder: Path) -> AbstractContextManager[None]:
    """Hold the lock for watching a course directory. Raises the same errors as `only_writer`."""
    busy = "{folder} is already being watched by {holder}. One is enough."
    return _only_one(folder.resolve() / "watching.lock", busy)


@contextmanager
def _only_one(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock on a file.

    busy  the sentence if another process holds it, with places for {folder} and {holder}
    """
    if path in _held:
        yield
        return
    with _open(path) as file:  # never deleted: another process may be about to lock it
        _lock(file, path, busy)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def _open(path: Path) -> TextIO:
    with writing(path.parent):
        return path.open("a+", encoding="utf-8")


def _lock(file: TextIO, path: Path, busy: str) -> None:
    import fcntl  # Windows has none; there nothing is judged, but this module must be importable

    try:
        # A POSIX lock, as SQLite uses: children do not inherit it, and it works over NFS.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        holder = path.read_text(encoding="utf-8") or "another process"
        raise BusyError(busy.format(folder=path.parent, holder=holder)) from None
    except OSError as error:
        raise CourseError(
            f"{path.parent} is on a file system without locks ({error.strerror}), which the "
            "gradebook needs as well. Move the course directory to a local disk."
        ) from None
    # Write through this file object: opening and closing the file again would release the lock.
    holder = f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%d %B, %H:%M}"
    with suppress(OSError):  # naming the holder is best-effort, e.g. on a full disk
        os.truncate(file.fileno(), 0)
        os.write(file.fileno(), holder.encode())
