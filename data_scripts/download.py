"""Download the real data sets, check them and unpack them.

    python data_scripts/download.py --help

The notebooks' default data needs none of this. A download leaves in the data folder:

    FOLDER            the unpacked set, under the name that torchvision expects
    ARCHIVE.sha256    the SHA-256 of its archive; the archive itself is deleted
    ARCHIVE.part      an unfinished or still packed archive, with ARCHIVE.part.json: the next run
                      continues from there
    ARCHIVE           only if somebody put it there by hand; it is used and not changed

A set is unpacked beside its folder and renamed into place, so a folder that is there is whole.
"""

import errno
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from course_utils.data.data_folder import VARIABLE, data_folder
from data_scripts.archives import BadArchiveError, DataSet, lacks, read_manifest, unpack, verify
from data_scripts.resumable import (
    PATIENT,
    DownloadError,
    Patience,
    Report,
    UnreachableError,
    discard,
    fetch,
    is_whole,
)

COMMAND = "python data_scripts/download.py"
FULL = {errno.ENOSPC, errno.EDQUOT}
UNPUBLISHED = "none is published: compare it with somebody else's"
EXAMPLES = """
`python data_scripts/download.py` lists the data sets: what they are, how large, under which
licence, and which of them you have.

`python data_scripts/download.py cifar10 imagenette` downloads two of them. A set that you have is
not downloaded again. If a download stops, run the same command again to continue it.

No network here? Download the archive elsewhere with a browser, put it into the data folder and run
the command: it checks and unpacks the archive. The data folder is `--to`, or else the variable
`COURSE_DATA`, or else `data`.
"""


class StoppedError(DownloadError):
    """The user pressed Ctrl-C."""


@dataclass(frozen=True)
class Arrived:
    """A set that is ready: its folder and, if it was unpacked just now, its archive."""

    folder: Path
    archive: Path | None = None
    sha256: str = ""


def download(data_set: DataSet, to: Path, report: Report, patience: Patience = PATIENT) -> Arrived:
    """Download a data set into its folder below `to`, unless it is there.

    report   called with the current step, the bytes done and the bytes in all (None: unknown)
    Raises DownloadError with a message for the user, whatever goes wrong; StoppedError after
    Ctrl-C.
    """
    with _one_sentence(data_set, to):
        if _is_there(data_set, to):
            return Arrived(to / data_set.folder)
        to.mkdir(parents=True, exist_ok=True)
        with _alone(data_set, to):
            # Another run may have ended between the first look and the lock.
            if _is_there(data_set, to):
                return Arrived(to / data_set.folder)
            return _bring(data_set, to, report, patience)


def _is_there(data_set: DataSet, to: Path) -> bool:
    folder = to / data_set.folder
    if not folder.exists():
        return False
    if problem := lacks(data_set, folder):
        raise DownloadError(
            f"{folder} exists but is not whole ({problem}): delete it or move it away, and run the "
            f"same command again."
        )
    return True


@contextmanager
def _alone(data_set: DataSet, to: Path) -> Iterator[None]:
    """Hold the set's lock.

    The system frees the lock when its holder dies, so a crash never locks anybody out.
    """
    try:
        with FileLock(to / f".{data_set.name}.lock", timeout=0):
            yield
    except Timeout as error:
        raise DownloadError(
            f"Another run is downloading {data_set.name} into {to}: "
            f"wait until it is done, or stop it."
        ) from error


def _bring(data_set: DataSet, to: Path, report: Report, patience: Patience) -> Arrived:
    by_hand, part = to / data_set.archive, _part(data_set, to)
    archive = by_hand if by_hand.exists() else part
    if archive == part:
        _require_space(to, data_set.size - _bytes(part) + data_set.unpacked)
        fetch(data_set.url, part, report, data_set.bytes, patience)
    try:
        sha256 = verify(archive, data_set, report)
        _require_space(to, data_set.unpacked)
        unpack(archive, data_set, to, report)
    except BadArchiveError as error:
        raise DownloadError(f"{error}; {_dispose(archive, part)}") from error
    discard(part)
    (to / f"{data_set.archive}.sha256").write_text(f"{sha256}  {data_set.archive}\n")
    return Arrived(to / data_set.folder, archive, sha256)


def _part(data_set: DataSet, to: Path) -> Path:
    return to / f"{data_set.archive}.part"


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _dispose(archive: Path, part: Path) -> str:
    if archive != part:
        return "it was not changed: replace it or delete it, and run the same command again."
    discard(part)
    return (
        "it was deleted and nothing was kept: run the same command again. If that fails too, tell "
        "the course's authors."
    )


def _require_space(to: Path, needed: int) -> None:
    free = shutil.disk_usage(to).free
    if needed > free:
        raise DownloadError(
            f"The disk of {to} has {decimal(free)} free and about {decimal(needed)} are needed: "
            f"free {decimal(needed - free)} and run the same command again, or choose another "
            f"folder with --to."
        )


@contextmanager
def _one_sentence(data_set: DataSet, to: Path) -> Iterator[None]:
    """Turn any failure into a DownloadError that says what is kept and what to do next."""
    try:
        yield
    except UnreachableError as error:
        raise DownloadError(
            f"{error} By hand: open {data_set.url} in a browser (the set's page is "
            f"{data_set.homepage}), save the file as {to / data_set.archive}, and run the same "
            f"command again: it checks and unpacks the file."
        ) from error
    except KeyboardInterrupt as error:
        raise StoppedError(f"Stopped. {_what_is_kept(data_set, to)}") from error
    except OSError as error:
        if error.errno in FULL:
            raise DownloadError(
                f"The disk of {to} is full: free about {decimal(_still_needed(data_set, to))}. "
                f"{_what_is_kept(data_set, to)}"
            ) from error
        raise DownloadError(
            f"{error.filename or to} cannot be used ({error.strerror or error}): choose a folder "
            f"that you can write to, with --to or with the variable {VARIABLE}."
        ) from error


def _still_needed(data_set: DataSet, to: Path) -> int:
    if (to / data_set.archive).exists():
        return data_set.unpacked
    to_download = max(0, data_set.size - _bytes(_part(data_set, to)))
    return to_download + data_set.unpacked


def _what_is_kept(data_set: DataSet, to: Path) -> str:
    by_hand, part = to / data_set.archive, _part(data_set, to)
    archive = by_hand if by_hand.exists() else part
    if not (kept := _bytes(archive)):
        return "Nothing was kept; run the same command to start again."
    if archive == by_hand or is_whole(part):
        return f"The archive is kept in {archive}: run the same command again to unpack it."
    return f"{decimal(kept)} are kept in {archive}: run the same command again to continue."


app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
# A pipe has no width; 80 columns, rich's guess, are too few for the list.
out = Console(width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True)


@app.command(epilog=EXAMPLES)
def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Data sets to download, or `all`. Default: list them."),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Another data folder than the course's.")] = None,
) -> None:
    """Download, check and unpack the real data sets. The notebooks' default data needs none."""
    manifest, to = read_manifest(), (to or data_folder()).absolute()
    if not names:
        return out.print(_table(manifest, to))
    try:
        chosen = [_find(name, manifest) for name in (manifest if "all" in names else names)]
    except DownloadError as error:
        _complain(error)
        raise typer.Exit(1) from error
    # All of them are tried, even if one fails.
    succeeded = [_bring_and_report(data_set, to) for data_set in chosen]
    if not all(succeeded):
        raise typer.Exit(1)
    return None


def _find(name: str, manifest: dict[str, DataSet]) -> DataSet:
    if name in manifest:
        return manifest[name]
    near = get_close_matches(name.lower(), manifest, n=1, cutoff=0.4)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise DownloadError(
        f"There is no data set {name!r}.{meant} There are: {', '.join(manifest)}; and all."
    )


def _bring_and_report(data_set: DataSet, to: Path) -> bool:
    try:
        with _progress(data_set.name) as report:
            arrived = download(data_set, to, report)
    except DownloadError as error:
        _complain(f"{data_set.name}: {error}")
        if isinstance(error, StoppedError):
            raise typer.Exit(1) from error
        return False
    _report_arrival(data_set, arrived)
    return True


def _complain(sentence: object) -> None:
    err.print(sentence, style="bold red", markup=False, highlight=False, soft_wrap=True)


def _report_arrival(data_set: DataSet, arrived: Arrived) -> None:
    lines = [
        f"{data_set.name} is {'ready' if arrived.archive else 'already here'}: {arrived.folder}"
    ]
    if arrived.archive:
        compared = "as published" if data_set.checksums else UNPUBLISHED
        lines.append(f"  SHA-256 of {data_set.archive}: {arrived.sha256} ({compared})")
        lines.append(f"  Licence: {data_set.licence}. Please cite: {data_set.citation}.")
    if arrived.archive and arrived.archive.exists():
        lines.append(f"  {arrived.archive} is no longer needed: delete it if you like.")
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _progress(name: str) -> Iterator[Report]:
    """One bar with its speed for each step: downloading, checking, unpacking."""
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bars: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in bars:
                # Start at `done`, as bytes of an earlier run do not count for this run's speed.
                bars[what] = progress.add_task(f"{name}: {what}", completed=done, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield report


def _table(manifest: dict[str, DataSet], to: Path) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"Data folder: {to}",
        caption=f"To download one: {COMMAND} NAME",
    )
    table.add_column("Name")
    table.add_column("What")
    table.add_column("Download", justify="right")
    table.add_column("On disk", justify="right")
    table.add_column("Licence")
    table.add_column("Here?")
    for data_set in manifest.values():
        about = "" if data_set.bytes else "~"
        sizes = f"{about}{decimal(data_set.size)}", f"~{decimal(data_set.unpacked)}"
        table.add_row(data_set.name, data_set.title, *sizes, data_set.licence, _state(data_set, to))
    return table


def _state(data_set: DataSet, to: Path) -> str:
    folder = to / data_set.folder
    if folder.exists():
        return "not whole" if lacks(data_set, folder) else "yes"
    if (to / data_set.archive).exists():
        return "to unpack"
    begun = _bytes(_part(data_set, to))
    return f"{decimal(begun)} of it" if begun else "no"


if __name__ == "__main__":
    app()
