"""List, check and stream the files of an untrusted folder or zip.

Files are never unpacked under a name from the archive, so no name can lead out of the folder.
An archive that tries is refused all the same.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from autograder.course_files.names import is_junk, shown
from autograder.judge.intake.read_notebook import RefusedError

MB = 2**20
CHUNK = MB
MAX_FILES = 10_000  # of one student
MAX_BYTES = 512 * MB  # of one student, unpacked
MAX_RATIO = 200  # unpacked to packed; notebooks and pictures stay far below
HARMLESS = 25 * MB  # unpacked, at any ratio
MAX_CLASS_FILES = 1_000_000  # in one zip of a whole class
DEEPEST = 2  # a zip in a zip is opened
DEEPEST_FOLDER = 50  # below the student's own; thousands are a trap for a program that walks them
MAX_FOLDERS = 10_000  # of one student
UNICODE_PATH = 0x7075  # the extra field of a zip that says a name in UTF-8
UTF8_FLAG = 0x800
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # LZMA would let its author choose our memory
IN_EVERY_DIRECTORY = b"PK\x01\x02"  # of a zip, once for each file


@dataclass(frozen=True)
class Entry:
    """One file, not yet read.

    path     its parts, below the student's folder or archive
    size     in bytes; an archive only says so
    packed   in bytes, the same as `size` where nothing is packed
    open     opens it, from the start
    zips     how many archives it is in
    was      its name, where `path` has another one
    trouble  why it must not be read, a sentence; empty when nothing speaks against it
    """

    path: tuple[str, ...]
    size: int
    packed: int
    open: Callable[[], IO[bytes]]
    zips: int = 0
    trouble: str = ""
    was: str = ""

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path[-1]


def file_entry(path: Path, inside: tuple[str, ...] | None = None) -> Entry:
    """A file on this machine. Raises RefusedError when it is gone."""
    try:
        there = path.lstat()
    except OSError as error:
        raise RefusedError(f"`{shown(path.name)}` can't be read: {error.strerror}.") from None
    trouble = ""
    if stat.S_ISLNK(there.st_mode):
        trouble = f"`{shown(path.name)}` is a link, and links are not followed."
    elif not stat.S_ISREG(there.st_mode):  # to open a pipe would be to wait for its other end
        trouble = f"`{shown(path.name)}` is not a file."
    size = there.st_size
    return Entry(inside or (path.name,), size, size, lambda: path.open("rb"), trouble=trouble)


def folder_entries(folder: Path) -> list[Entry]:
    """The files under a folder, in order. Raises RefusedError.

    Stops one file after the limit, so that the caller sees that there are too many.
    """
    found: list[Entry] = []
    waiting: list[tuple[str, ...]] = [()]
    seen = 0
    try:
        while waiting and len(found) <= MAX_FILES:
            below = waiting.pop()
            files, folders = _listed(folder.joinpath(*below))
            found += [file_entry(folder.joinpath(*below, name), (*below, name)) for name in files]
            waiting += [(*below, name) for name in reversed(folders)]
            seen += len(folders)
            if folders and (len(below) >= DEEPEST_FOLDER or seen > MAX_FOLDERS):
                raise RefusedError(_too_nested(folder.name))
    except OSError as error:
        raise RefusedError(f"`{shown(folder.name)}` can't be read: {error.strerror}.") from None
    return found[: MAX_FILES + 1]


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """The names of files and of folders in a folder, junk left out. Raises OSError."""
    with os.scandir(folder) as listing:
        there = sorted((one for one in listing if not is_junk(one.name)), key=lambda one: one.name)
    kinds = [(one.name, one.is_dir(follow_symlinks=False)) for one in there]
    files = [name for name, is_dir in kinds if not is_dir]
    folders = [name for name, is_dir in kinds if is_dir]
    return files, folders


def _too_nested(name: str) -> str:
    return (
        f"`{shown(name)}` has folders in folders, more than {DEEPEST_FOLDER} deep or {MAX_FOLDERS} "
        "in all: "
        "hand in the notebook by itself."
    )


def checked(entries: list[Entry]) -> list[Entry]:
    """Returns the entries. Raises RefusedError if no student would hand in such files."""
    if len(entries) > MAX_FILES:
        raise RefusedError(
            f"There are more than {MAX_FILES} files: hand in the notebook by itself."
        )
    packed = [entry for entry in entries if entry.zips]
    for entry in packed:
        if entry.trouble:
            raise RefusedError(entry.trouble)
    size = sum(entry.size for entry in packed)
    _refuse_bomb("The archive", size, sum(entry.packed for entry in packed))
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
    listed = [
        _zip_entry(archive, info, entry.zips + 1)
        for info in archive.infolist()
        if not info.is_dir()
    ]
    return [one for one in listed if one.trouble or not any(map(is_junk, one.path))]


def _refuse_too_many(file: IO[bytes], limit: int) -> None:
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
    name = _name_in_zip(info).replace("\\", "/")  # as old Windows tools write it
    path = tuple(part for part in name.split("/") if part not in ("", ".")) or ("?",)
    said = _trouble(info, name, path)
    return Entry(path, info.file_size, info.compress_size, lambda: archive.open(info), zips, said)


def _name_in_zip(info: zipfile.ZipInfo) -> str:
    """A file's name.

    Without the UTF-8 flag, the standard says code page 437, but most tools write UTF-8.
    """
    if info.flag_bits & UTF8_FLAG:
        return info.filename
    raw = info.orig_filename.encode("cp437").split(b"\0")[0]
    with suppress(UnicodeDecodeError, struct.error):
        return (_unicode_path(info.extra, raw) or raw).decode()
    return info.filename


def _unicode_path(extra: bytes, raw: bytes) -> bytes:
    """The name in Info-ZIP's extra field if it belongs to `raw`, else b"". Raises struct.error."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + size]
        if kind == UNICODE_PATH:
            version, crc = struct.unpack_from("<BI", field)
            return field[5:] if version == 1 and crc == zlib.crc32(raw) else b""
        at += 4 + size
    return b""


def _trouble(info: zipfile.ZipInfo, name: str, path: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if ".." in path or name.startswith("/") or re.match("[A-Za-z]:", name):
        return f"The archive is not safe: `{shown(name)}` lies outside of its folder."
    if kind not in (0, stat.S_IFREG):
        return f"The archive is not safe: `{shown(name)}` is a link or a device."
    if len(path) > DEEPEST_FOLDER and not any(map(is_junk, path)):
        return _too_nested(path[0])
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
    what = "is broken in the archive"
    if entry.name.lower().endswith(".zip"):
        what = "is no zip, or a broken one"
    return RefusedError(f"`{shown(entry.name)}` {what}: it has to be handed in again.")


def write(path: Path, content: Iterable[bytes]) -> None:
    """Write a new file. Raises OSError, and then leaves no partial file."""
    try:
        with path.open("xb") as file:
            for chunk in content:
                file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
