"""What is in a folder or in a zip that a stranger has packed: listed, checked, and read as a stream.

Nothing is ever unpacked under a name that an archive gives, so none can climb out of its folder; what tries
to is refused all the same.
"""

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from autograder.judge.read import RefusedError

MB = 2**20
CHUNK = MB
MAX_FILES = 10_000  # of one student
MAX_BYTES = 512 * MB  # of one student, unpacked
MAX_RATIO = 200  # unpacked to packed; notebooks and pictures stay far below
HARMLESS = 25 * MB  # unpacked, whatever the ratio is
MAX_CLASS_FILES = 1_000_000  # in one zip of a whole class
DEEPEST = 2  # a zip in a zip is opened
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # LZMA would let its author choose our memory
IN_EVERY_DIRECTORY = b"PK\x01\x02"  # of a zip, once for each file
JUNK = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Entry:
    """One file, not yet read.

    path     its parts, below the student's folder or archive
    size     in bytes; an archive only says so
    packed   in bytes, the same as `size` where nothing is packed
    open     opens it, from the start
    zips     how many archives it is in
    trouble  why it must not be read, a sentence; empty when nothing speaks against it
    """

    path: tuple[str, ...]
    size: int
    packed: int
    open: Callable[[], BinaryIO]
    zips: int = 0
    trouble: str = ""

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path[-1]


def shown(name: str) -> str:
    """A name in a sentence: a stranger's choice, so neither long nor with anything unseen in it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80]


def is_junk(name: str) -> bool:
    """Whether a file or folder is one that a machine, not its owner, has put there."""
    return name.startswith(".") or name in JUNK


def file_entry(path: Path, inside: tuple[str, ...] | None = None) -> Entry:
    """A file on this machine. Raises RefusedError when it is gone."""
    link = f"`{shown(path.name)}` is a link, and links are not followed." if path.is_symlink() else ""
    try:
        size = path.lstat().st_size
    except OSError as error:
        raise RefusedError(f"`{shown(path.name)}` can't be read: {error.strerror}.") from None
    return Entry(inside or (path.name,), size, size, lambda: path.open("rb"), trouble=link)


def folder_entries(folder: Path) -> list[Entry]:
    """The files under a folder, in order; of too many, one more than is allowed. Raises RefusedError."""
    found = []
    try:
        for place, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = sorted(name for name in folders if not is_junk(name))
            for path in (Path(place) / name for name in sorted(names) if not is_junk(name)):
                found.append(file_entry(path, path.relative_to(folder).parts))
                if len(found) > MAX_FILES:
                    return found
    except OSError as error:
        raise RefusedError(f"`{shown(folder.name)}` can't be read: {error.strerror}.") from None
    return found


def _raise(error: OSError) -> None:
    raise error


def checked(entries: list[Entry]) -> list[Entry]:
    """The same entries. Raises RefusedError when they are not what a student would hand in."""
    if len(entries) > MAX_FILES:
        raise RefusedError(f"There are more than {MAX_FILES} files: hand in the notebook by itself.")
    packed = [entry for entry in entries if entry.zips]
    for entry in packed:
        if entry.trouble:
            raise RefusedError(entry.trouble)
    _refuse_bomb("The archive", sum(entry.size for entry in packed), sum(entry.packed for entry in packed))
    return entries


def _refuse_bomb(what: str, size: int, packed: int) -> None:
    if size > MAX_BYTES:
        raise RefusedError(
            f"{what} unpacks to more than {MAX_BYTES // MB} MB: hand in the notebook by itself."
        )
    if size > max(HARMLESS, MAX_RATIO * packed):
        raise RefusedError(
            f"{what} unpacks to more than {MAX_RATIO} times its size, as only a zip bomb does: "
            "hand in the notebook by itself."
        )


def opened(entry: Entry, spool: Path, stack: ExitStack, limit: int | None = None) -> list[Entry]:
    """The files in a zip, junk left out; open until `stack` is closed.

    spool  folder for a zip that is in a zip
    limit  on the files, where it is not one student's
    Raises RefusedError, and OSError when `spool` can't be written to.
    """
    if entry.zips >= DEEPEST:
        raise RefusedError(
            f"`{shown(entry.name)}` is a zip in a zip in a zip: hand in the notebook by itself."
        )
    if entry.trouble:
        raise RefusedError(entry.trouble)
    if entry.zips:
        copy = spool / f"{len(list(spool.iterdir()))}.zip"
        write(copy, chunks(entry))
        entry = replace(entry, open=lambda: copy.open("rb"))
    try:
        file = stack.enter_context(entry.open())
        _refuse_too_many(file, limit or MAX_FILES)
        archive = stack.enter_context(zipfile.ZipFile(file))
    except RefusedError:
        raise
    except Exception as error:  # zipfile raises anything, on bytes made for it
        raise _broken(entry, error) from None
    listed = [_zip_entry(archive, info, entry.zips + 1) for info in archive.infolist() if not info.is_dir()]
    return [one for one in listed if one.trouble or not any(map(is_junk, one.path))]


def _refuse_too_many(file: BinaryIO, limit: int) -> None:
    """Before zipfile takes them all into memory. Raises RefusedError."""
    count, end = 0, b""
    while chunk := file.read(CHUNK):
        count += (end + chunk).count(IN_EVERY_DIRECTORY)
        end = chunk[-3:]  # shorter than what is looked for, so nothing is counted twice
        if count > limit:
            raise RefusedError(
                f"There are more than {limit} files in the archive: hand in the notebook by itself."
            )
    file.seek(0)


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, zips: int) -> Entry:
    name = info.filename.replace("\\", "/")  # as old Windows tools write it
    path = tuple(part for part in name.split("/") if part not in ("", ".")) or ("?",)
    said = _trouble(info, name, path)
    return Entry(path, info.file_size, info.compress_size, lambda: archive.open(info), zips, said)


def _trouble(info: zipfile.ZipInfo, name: str, path: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if ".." in path or name.startswith("/") or re.match("[A-Za-z]:", name):
        return f"The archive is not safe: `{shown(name)}` lies outside of its folder."
    if kind not in (0, stat.S_IFREG):
        return f"The archive is not safe: `{shown(name)}` is a link or a device."
    if info.flag_bits & 1:
        return "The archive is encrypted: pack it without a password."
    if info.compress_type not in READABLE:
        return f"`{shown(name)}` is packed in a way that is not read here: make an ordinary zip."
    return ""


def chunks(entry: Entry) -> Iterator[bytes]:
    """A file's bytes, a megabyte at a time, and no more than are allowed. Raises RefusedError."""
    if entry.trouble:
        raise RefusedError(entry.trouble)
    read = 0
    try:
        with entry.open() as file:
            while chunk := file.read(CHUNK):
                read += len(chunk)
                _refuse_bomb(f"`{shown(entry.name)}`", read, entry.packed)
                yield chunk
    except RefusedError:
        raise
    except Exception as error:
        raise _broken(entry, error) from None


def _broken(entry: Entry, error: Exception) -> RefusedError:
    if isinstance(error, OSError) and error.strerror:
        return RefusedError(f"`{shown(entry.name)}` can't be read: {error.strerror}.")
    what = "is no zip, or a broken one" if entry.name.lower().endswith(".zip") else "is broken in the archive"
    return RefusedError(f"`{shown(entry.name)}` {what}: it has to be handed in again.")


def write(path: Path, content: Iterable[bytes]) -> None:
    """Write a new file. Raises OSError when it can't be written, with what was written of it removed."""
    try:
        with path.open("xb") as file:
            for chunk in content:
                file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
