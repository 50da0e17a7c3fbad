"""Archives of the real data sets: read their manifest, check an archive, unpack it."""

import hashlib
import shutil
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from rich.filesize import decimal

from data_scripts.resumable import DownloadError, Report

MANIFEST = Path(__file__).with_name("data_sets.toml")
BOMB = 2  # an archive may unpack to at most so many times the size in the manifest
CHUNK = 2**20


class BadArchiveError(DownloadError):
    """The archive is not what it should be, so it is not worth keeping."""


@dataclass(frozen=True)
class DataSet:
    """One entry of the manifest, whose head explains the fields; sizes in bytes."""

    name: str
    title: str
    url: str
    homepage: str
    kind: str
    checksums: tuple[str, ...]
    unpacked: int
    folder: str
    contents: Mapping[str, int]
    licence: str
    citation: str
    bytes: int | None = None
    about: int | None = None

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return PurePosixPath(self.url).name

    @property
    def size(self) -> int:
        """Bytes to download, at least approximately."""
        return self.bytes or self.about or 0


def read_manifest(path: Path = MANIFEST) -> dict[str, DataSet]:
    """The data sets, by name."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: DataSet(name=name, **entry) for name, entry in entries.items()}


def lacks(data_set: DataSet, folder: Path) -> str:
    """What `folder` lacks of the data set, in words; empty if it is whole."""
    for pattern, count in data_set.contents.items():
        found = sum(1 for _ in folder.glob(pattern))
        if found != count:
            return f"{found:,} instead of {count:,} {pattern}"
    return ""


def verify(archive: Path, data_set: DataSet, report: Report) -> str:
    """Check an archive against its size and every checksum in the manifest.

    returns  its SHA-256, in hexadecimal
    Raises BadArchiveError with what was expected and what was found.
    """
    size = archive.stat().st_size
    if data_set.bytes and size != data_set.bytes:
        raise BadArchiveError(f"{archive} has {size:,} bytes and should have {data_set.bytes:,}")
    expected = dict(checksum.split(":") for checksum in data_set.checksums)
    found = _digests(archive, {"sha256", *expected}, report)
    for name, checksum in expected.items():
        if found[name] != checksum:
            raise BadArchiveError(
                f"{archive} is corrupt: its {name} is {found[name]} and should be {checksum}"
            )
    return found["sha256"]


def _digests(path: Path, names: set[str], report: Report) -> dict[str, str]:
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    done, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            for each in hashes.values():
                each.update(chunk)
            done += len(chunk)
            report("checking", done, size)
    return {name: each.hexdigest() for name, each in hashes.items()}


def unpack(archive: Path, data_set: DataSet, to: Path, report: Report) -> None:
    """Unpack a set completely, or leave nothing behind.

    It is unpacked beside its folder, checked, and renamed into place.

    Raises BadArchiveError if the archive is broken, unsafe, too large or not this set.
    """
    # We hold the lock, so a folder of this name was left by a crash.
    beside = to / f".{data_set.folder}.unpacking"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        _extract(archive, data_set, beside, report)
        if problem := lacks(data_set, beside / data_set.folder):
            raise BadArchiveError(f"{archive} is not the set that this course uses ({problem})")
        (beside / data_set.folder).rename(to / data_set.folder)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BadArchiveError(
            f"{archive} is broken, or not a {data_set.kind} archive ({error})"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _extract(archive: Path, data_set: DataSet, into: Path, report: Report) -> None:
    size, unpacked = archive.stat().st_size, 0
    # An uncompressed tar cannot unpack to more than itself, whatever the manifest estimates.
    limit = max(BOMB * data_set.unpacked, size)
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode=MODES[data_set.kind]) as tar:
        for member in tar:
            _refuse_unsafe(member, archive)
            # The block counts too: a million empty files would also be a bomb.
            unpacked += member.size + tarfile.BLOCKSIZE
            if unpacked > limit:
                raise BadArchiveError(
                    f"{archive} unpacks to more than {decimal(limit)}, too much for this set"
                )
            tar.extract(member, into, filter="data")
            report("unpacking", file.tell(), size)


# How tarfile opens each kind of archive, as a stream.
MODES: dict[str, Literal["r|", "r|gz"]] = {"tar": "r|", "tar.gz": "r|gz"}


def _refuse_unsafe(member: tarfile.TarInfo, archive: Path) -> None:
    """Raise for a link, a device, or a path that leads out of the folder.

    This is stricter than tarfile's `data` filter, which has had holes where links are concerned: no
    set of ours contains any.
    """
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise BadArchiveError(
            f"{archive} is not safe to unpack: {member.name} is outside its folder"
        )
    if not (member.isfile() or member.isdir()):
        raise BadArchiveError(
            f"{archive} is not safe to unpack: {member.name} is a link or a device"
        )
