"""One writer for a course directory: a lock that is gone with its process, however that ends."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from autograder.assignments import CourseError
from autograder.course_files.files import writing

_held: set[Path] = set()  # by this process, whom the kernel would grant the same lock again


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a course directory's lock; within a process that holds it already, do nothing.

    Raises CourseError, naming the process that has it, and where the file system is full or has no
    locks.
    """
    path = folder.resolve() / "grading.lock"
    if path in _held:
        yield
        return
    with _opened(path) as file:  # never deleted: another may be about to lock it
        _lock(file, path)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def _opened(path: Path) -> TextIO:
    with writing(path.parent):
        return path.open("a+", encoding="utf-8")


def _lock(file: TextIO, path: Path) -> None:
    import fcntl  # not on Windows, where nothing can be judged, and nbgrader still be configured

    try:
        # Of POSIX, as SQLite's own: not handed on to children, and good over NFS.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        holder = path.read_text(encoding="utf-8") or "another process"
        raise CourseError(
            f"{path.parent} is being graded by {holder}: wait for it, or end it."
        ) from None
    except OSError as error:
        raise CourseError(
            f"{path.parent} is on a file system without locks ({error.strerror}), and the gradebook needs "
            "them too: move the course directory to a local disk."
        ) from None
    # Into the same file: closing another one of it would let go of the lock.
    holder = f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%d %B, %H:%M}"
    with suppress(OSError):  # a full disk: the name is a courtesy
        os.truncate(file.fileno(), 0)
        os.write(file.fileno(), holder.encode())
