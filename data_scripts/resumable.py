"""Download one file over HTTP, continuing where an earlier attempt stopped.

We use requests: nbgrader and JupyterLab's server depend on it already, it is well maintained, and
it honours the proxies and certificates of the environment. pooch and torchvision download too, but
they restart an interrupted download of 2.6 GB at its first byte.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import requests
from rich.filesize import decimal
from urllib3.exceptions import HTTPError

# Called with the current step, the bytes done and the bytes in all, if known.
Report = Callable[[str, int, int | None], None]

CHUNK = 2**16
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses worth another attempt
log = logging.getLogger(__name__)


class DownloadError(Exception):
    """Something that the user can fix; the message says what happened and what to do."""


class UnreachableError(DownloadError):
    """The file cannot be downloaded from here; a browser or another network may succeed."""


class _PassingError(Exception):
    """A problem that another attempt may solve."""


@dataclass(frozen=True)
class Patience:
    """When to try again, and when to give up.

    pauses   seconds before each further attempt; as many attempts are made
    enough   bytes; an attempt that brings as many is not a failure, and the pauses start again:
             slow servers interrupt a file of 2.6 GB more often than three times
    timeout  seconds to wait for a connection, and for the next bytes
    """

    pauses: tuple[float, ...] = (1, 2, 4)
    enough: int = 2**20
    timeout: tuple[float, float] = (10, 60)


PATIENT = Patience()


@dataclass(frozen=True)
class _Kept:
    """What an earlier try left.

    url        its address
    validator  the server's name for this version of the file
    total      bytes of the whole file, if known
    have       bytes that are here
    """

    url: str
    validator: str = ""
    total: int | None = None
    have: int = 0


def sidecar(part: Path) -> Path:
    """The small file that records which download `part` is the beginning of."""
    return part.with_name(part.name + ".json")


def discard(part: Path) -> None:
    """Forget an unfinished download."""
    part.unlink(missing_ok=True)
    sidecar(part).unlink(missing_ok=True)


def is_whole(part: Path) -> bool:
    """Whether `part` is the whole file; False for any file that `fetch` did not download."""
    try:
        return json.loads(sidecar(part).read_text())["total"] == part.stat().st_size
    except (OSError, ValueError, TypeError, KeyError):
        return False


def fetch(
    url: str, part: Path, report: Report, size: int | None = None, patience: Patience = PATIENT
) -> None:
    """Download `url` into `part`, continuing what is there; a whole file is not requested again.

    size     its bytes, if known for certain
    Raises UnreachableError if the file cannot be downloaded, DownloadError if the download broke
    off (the next call continues it) or has another size, and OSError if `part` can't be written.
    """
    pauses = list(patience.pauses)
    while True:
        before = _kept(url, part).have
        try:
            return _attempt(url, part, report, size, patience.timeout)
        except _PassingError as trouble:
            if _kept(url, part).have >= before + patience.enough:
                pauses = list(patience.pauses)
            if not pauses:
                raise _given_up(str(trouble), _kept(url, part), part) from trouble
            log.warning("%s; trying again in %g s.", trouble, pauses[0])
            time.sleep(pauses.pop(0))


def _given_up(trouble: str, kept: _Kept, part: Path) -> DownloadError:
    if not kept.have:
        return UnreachableError(f"{trouble}.")
    total = decimal(kept.total) if kept.total else "the file"
    return DownloadError(
        f"{trouble}: {decimal(kept.have)} of {total} are kept in {part}; run the same command "
        f"again to continue."
    )


def _kept(url: str, part: Path) -> _Kept:
    """What to continue from; nothing if it belongs to another address or has no validator."""
    try:
        kept = _Kept(**json.loads(sidecar(part).read_text()) | {"have": part.stat().st_size})
    except (OSError, ValueError, TypeError):
        return _Kept(url)
    whole = kept.have == kept.total
    return kept if kept.url == url and (kept.validator or whole) else _Kept(url)


def _attempt(
    url: str, part: Path, report: Report, size: int | None, timeout: tuple[float, float]
) -> None:
    kept = _kept(url, part)
    if kept.have and kept.have == kept.total:
        return
    with _ask(kept, timeout) as response:
        _refuse(response, kept, part)
        # 200 is all of it: the first time, or the file changed, or the server does not know ranges.
        if response.status_code == 200:
            kept = _start_over(response, url, part, size)
        done = _write(response, part, kept, report)
    _note(part, replace(kept, total=done))


def _start_over(response: requests.Response, url: str, part: Path, size: int | None) -> _Kept:
    length = response.headers.get("Content-Length", "")
    kept = _Kept(url, _validator(response), int(length) if length.isdigit() else size)
    _refuse_other_size(kept, size)
    # First the bytes, then the note: old bytes must never be labelled as a new version.
    part.write_bytes(b"")
    _note(part, kept)
    return kept


def _ask(kept: _Kept, timeout: tuple[float, float]) -> requests.Response:
    # No gzip on the fly: checksums and byte ranges refer to the file as stored on the server.
    headers = {"Accept-Encoding": "identity", "User-Agent": "image-synthesis-course"}
    if kept.have:
        # If-Range: if the file has changed since, the server sends all of the new one.
        headers |= {"Range": f"bytes={kept.have}-", "If-Range": kept.validator}
    host = _host(kept.url)
    try:
        return requests.get(kept.url, headers=headers, stream=True, timeout=timeout)
    except requests.exceptions.SSLError as error:
        raise UnreachableError(
            f"{host} has no valid certificate ({_root(error)}): check this machine's clock, and "
            f"whether your network has a proxy."
        ) from error
    except requests.exceptions.Timeout as error:
        raise _PassingError(f"{host} does not answer") from error
    except requests.exceptions.ConnectionError as error:
        raise _PassingError(f"{host} cannot be reached ({_root(error)})") from error
    except requests.exceptions.RequestException as error:
        raise UnreachableError(f"{kept.url} cannot be fetched ({error}).") from error


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _root(error: BaseException) -> str:
    """The system's own error message, below those of three libraries."""
    while below := error.__cause__ or error.__context__:
        error = below
    return str(
        getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error
    ).lower()


def _validator(response: requests.Response) -> str:
    etag = response.headers.get("ETag", "")
    # A weak ETag promises the same meaning, not the same bytes, so parts must not be joined on it.
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _refuse(response: requests.Response, kept: _Kept, part: Path) -> None:
    """Raise for any response that is not the file, or not the requested piece of it."""
    host, status = _host(response.url), response.status_code
    if status in PASSING:
        raise _PassingError(f"{host} has a problem (HTTP {status})")
    if status == 416 or (status == 206 and not _continues(response, kept)):
        discard(part)
        raise _PassingError(f"{host} cannot continue from where the download stopped")
    if status in (404, 410):
        raise UnreachableError(f"{host} has no such file any more (HTTP {status}).")
    if status not in (200, 206):
        raise UnreachableError(f"{host} refuses to send the file (HTTP {status}).")
    if response.headers.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
        raise UnreachableError(
            f"{host} sent a web page, perhaps this network's login page, instead of the file."
        )


def _continues(response: requests.Response, kept: _Kept) -> bool:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if not found:
        return False
    start, total = int(found[1]), int(found[2])
    return (start, total) == (kept.have, kept.total)


def _refuse_other_size(kept: _Kept, size: int | None) -> None:
    if size and kept.total != size:
        raise DownloadError(
            f"{_host(kept.url)} has another file now, of {kept.total:,} bytes and not {size:,}: "
            f"nothing was downloaded; tell the course's authors."
        )


def _note(part: Path, kept: _Kept) -> None:
    sidecar(part).write_text(json.dumps(asdict(kept)))


def _write(response: requests.Response, part: Path, kept: _Kept, report: Report) -> int:
    """Append what the server sends; returns the size of `part` afterwards."""
    done, host = kept.have, _host(kept.url)
    try:
        with part.open("ab") as file:
            # Some servers label a .tar.gz "Content-Encoding: gzip"; requests would unpack it.
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                file.write(chunk)
                done += len(chunk)
                report("downloading", done, kept.total)
    except HTTPError as error:
        raise _PassingError(f"{host} broke off") from error
    if kept.total and done < kept.total:
        raise _PassingError(f"{host} broke off")
    return done
