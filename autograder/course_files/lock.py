"""A lock that allows one writer per course directory; the system frees it when a process ends."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from autograder.assignments import CourseError
from autograder.course_files.files import writing

_held: set[Path] = set()  # locks of this process; the kernel would grant it the same lock again


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a course directory's lock; do nothing if this process already holds it.

    Raises CourseError if another process holds it (with the name of that process), and if the file
    system is full or does not support locks.
    """
    path = folder.resolve() / "grading.lock"
    if path in _held:
        yield
        return
    with _open(path) as file:  # never deleted: another process may be about to lock it
        _lock(file, path)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def _open(path: Path) -> TextIO:
    with writing(path.parent):
        return path.open("a+", encoding="utf-8")


def _lock(file: TextIO, path: Path) -> None:
    import fcntl  # Windows has none; there nothing is judged, but this module must be importable

    try:
        # A POSIX lock, as SQLite uses: children do not inherit it, and it works over NFS.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        holder = path.read_text(encoding="utf-8") or "another process"
        raise CourseError(
            f"{path.parent} is being graded by {holder}. Wait for it, or stop it."
        ) from None
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
