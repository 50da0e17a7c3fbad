"""The downloader against a server of our own that breaks off, lies and sends bombs."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as torchvision_sets
from file_server import Server, packed, running
from rich.console import Console
from typer.testing import CliRunner

from course_utils.data.data_sets import FOLDERS
from data_scripts import download as command
from data_scripts.archives import MANIFEST, DataSet, read_manifest
from data_scripts.download import StoppedError, download
from data_scripts.resumable import DownloadError, Patience

ROOT = Path(__file__).parents[2]
ONCE = Patience(pauses=())
FILES = {
    "tiny/first.bin": np.random.default_rng(1).bytes(200_000),
    "tiny/deep/second.bin": np.random.default_rng(2).bytes(100_000),
}


def described(server: Server, **changes) -> DataSet:
    """The manifest's entry of what the server has."""
    entry = {
        "name": "tiny",
        "title": "A tiny set",
        "url": f"{server.address}/files/tiny.tar.gz",
        "homepage": "https://example.org/tiny",
        "kind": "tar.gz",
        "checksums": (
            f"md5:{hashlib.md5(server.body).hexdigest()}",
            f"sha256:{hashlib.sha256(server.body).hexdigest()}",
        ),
        "bytes": len(server.body),
        "unpacked": 300_000,
        "folder": "tiny",
        "contents": {"*.bin": 1, "deep/*.bin": 1},
        "licence": "none",
        "citation": "Nobody, Nothing, 2020",
    }
    return DataSet(**entry | changes)


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with running(Server(packed(FILES))) as server:
        yield server


@pytest.fixture
def tiny(server) -> DataSet:
    return described(server)


@pytest.fixture
def to(tmp_path) -> Path:
    return tmp_path / "data"


def quiet(*_):
    pass


def bring(data_set, to, report=quiet, patience=ONCE):
    return download(data_set, to, report, patience)


def fails(data_set, to, report=quiet, patience=ONCE) -> str:
    """What the user is told; whatever fails, nothing half unpacked is left."""
    with pytest.raises(DownloadError) as caught:
        bring(data_set, to, report, patience)
    left = {path.name for path in to.iterdir()} if to.is_dir() else set()
    assert not left & {"tiny", ".tiny.unpacking"}
    return str(caught.value)


def is_whole(to) -> bool:
    return all((to / name).read_bytes() == content for name, content in FILES.items())


def left(to) -> set[str]:
    return {path.name for path in to.iterdir()} - {".tiny.lock"}


def part(to) -> Path:
    return to / "tiny.tar.gz.part"


def broken_off(server, data_set, to, after=100_000) -> str:
    server.cut = after
    message = fails(data_set, to)
    server.cut = None
    return message


# A good download


def test_good_download_leaves_the_set_and_its_sum_and_nothing_else(server, tiny, to):
    arrived = bring(tiny, to)
    assert is_whole(to)
    assert left(to) == {"tiny", "tiny.tar.gz.sha256"}
    assert arrived.sha256 == hashlib.sha256(server.body).hexdigest()
    assert (to / "tiny.tar.gz.sha256").read_text() == f"{arrived.sha256}  tiny.tar.gz\n"


def test_second_run_fetches_nothing(server, tiny, to):
    bring(tiny, to)
    arrived = bring(tiny, to)
    assert (arrived.folder, arrived.archive) == (to / "tiny", None)
    assert len(server.requests) == 1


def test_set_that_is_here_needs_no_folder_to_write_in(tiny, to):
    bring(tiny, to)
    (to / ".tiny.lock").unlink(missing_ok=True)
    bring(tiny, to)
    assert not (to / ".tiny.lock").exists()


def test_set_that_another_run_brought_while_this_one_waited(server, tiny, to, monkeypatch):
    @contextlib.contextmanager
    def late(*_):
        for name, content in FILES.items():
            (to / name).parent.mkdir(parents=True)
            (to / name).write_bytes(content)
        yield

    monkeypatch.setattr(command, "_alone", late)
    assert bring(tiny, to).archive is None
    assert not server.requests


def test_progress_of_each_step_reaches_the_end(server, tiny, to):
    seen = {}
    bring(tiny, to, lambda what, done, total: seen.setdefault(what, []).append((done, total)))
    assert list(seen) == ["downloading", "checking", "unpacking"]
    for steps in seen.values():
        assert steps == sorted(steps)
        assert steps[-1] == (len(server.body), len(server.body))


def test_plain_tar_without_checksum_or_size(server, to):
    server.body = packed(FILES, "w")
    # The manifest's size is a guess, and wrong: a tar can't be a bomb.
    data_set = described(server, kind="tar", checksums=(), bytes=None, about=1000, unpacked=1000)
    assert bring(data_set, to).sha256 == hashlib.sha256(server.body).hexdigest()
    assert is_whole(to)


def test_redirects_are_followed(server, tiny, to):
    server.moved = {"/files/tiny.tar.gz": "/elsewhere"}
    bring(tiny, to)
    assert is_whole(to)


def test_archive_is_not_decoded_on_the_way(server, tiny, to):
    server.encoding = "gzip"
    bring(tiny, to)
    assert is_whole(to)
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_server_that_says_no_length(server, tiny, to):
    server.says_length = False
    bring(tiny, to)
    assert is_whole(to)


# Broken off, and resumed


def test_truncated_download_is_kept_and_only_the_rest_is_fetched(server, tiny, to):
    message = broken_off(server, tiny, to)
    assert "broke off: 100.0 kB of 300" in message
    assert str(part(to)) in message
    assert "run the same command again" in message
    assert part(to).read_bytes() == server.body[:100_000]

    bring(tiny, to)
    assert is_whole(to)
    assert "Range" not in server.requests[0]
    assert server.requests[1]["Range"] == "bytes=100000-"
    assert server.requests[1]["If-Range"] == '"one"'
    assert server.sent == [100_000, len(server.body) - 100_000]
    assert left(to) == {"tiny", "tiny.tar.gz.sha256"}


def test_truncation_without_a_length_is_seen_by_the_manifests_size(server, tiny, to):
    server.says_length = False
    assert "100.0 kB of 300" in broken_off(server, tiny, to)


def test_server_without_ranges_sends_all_again(server, tiny, to):
    broken_off(server, tiny, to)
    server.ranges = False
    bring(tiny, to)
    assert is_whole(to)
    assert server.sent[-1] == len(server.body)


def test_changed_file_is_not_spliced(server, to):
    broken_off(server, described(server), to)
    server.body = packed({name: content[::-1] for name, content in FILES.items()})
    server.etag = '"two"'
    bring(described(server), to)
    assert (to / "tiny/first.bin").read_bytes() == FILES["tiny/first.bin"][::-1]
    assert server.sent[-1] == len(server.body)


@pytest.mark.parametrize(
    ("etag", "modified", "if_range"),
    [
        ("", "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ('W/"weak"', "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ('W/"weak"', "", None),
        ("", "", None),
    ],
    ids=["date", "date and weak etag", "weak etag", "neither"],
)
def test_resumes_only_what_can_be_told_from_another_version(
    server, tiny, to, etag, modified, if_range
):
    server.etag, server.modified = etag, modified
    broken_off(server, tiny, to)
    bring(tiny, to)
    assert is_whole(to)
    assert server.requests[1].get("If-Range") == if_range
    assert ("Range" in server.requests[1]) == bool(if_range)


@pytest.mark.parametrize(
    "lie", ["bytes 99999-300404/300405", "bytes 100000-400000/400001", "nonsense"]
)
def test_wrong_piece_is_thrown_away(server, tiny, to, lie):
    broken_off(server, tiny, to)
    server.content_range = lie
    bring(tiny, to, patience=Patience(pauses=(0,)))
    assert is_whole(to)
    assert "Range" not in server.requests[2]


def test_part_longer_than_the_file_is_thrown_away(server, tiny, to):
    broken_off(server, tiny, to)
    part(to).write_bytes(bytes(len(server.body) + 1))
    bring(tiny, to, patience=Patience(pauses=(0,)))
    assert is_whole(to)


def test_part_of_another_address_is_not_gone_on_from(server, tiny, to):
    broken_off(server, tiny, to)
    bring(replace(tiny, url=f"{server.address}/mirror/tiny.tar.gz"), to)
    assert is_whole(to)
    assert "Range" not in server.requests[1]


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 3}', None])
def test_damaged_note_beside_the_part_means_from_the_start(server, tiny, to, note):
    broken_off(server, tiny, to)
    beside = part(to).with_name(part(to).name + ".json")
    beside.unlink() if note is None else beside.write_text(note)
    bring(tiny, to)
    assert is_whole(to)


def test_one_run_tries_again_with_growing_pauses_and_goes_on(server, tiny, to, monkeypatch, caplog):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    server.cut = 50_000
    message = fails(tiny, to, patience=Patience(pauses=(1, 2, 4)))
    assert pauses == [1, 2, 4]
    assert "200.0 kB of 300" in message
    assert [request.get("Range") for request in server.requests] == [
        None, "bytes=50000-", "bytes=100000-", "bytes=150000-"
    ]  # fmt: skip
    assert "broke off; trying again in 2 s" in caplog.text


def test_attempts_that_bring_much_do_not_count_as_failures(server, tiny, to, monkeypatch):
    monkeypatch.setattr("time.sleep", quiet)
    server.cut = 50_000  # seven pieces, with one further attempt allowed
    bring(tiny, to, patience=Patience(pauses=(1,), enough=50_000))
    assert is_whole(to)
    assert len(server.requests) == 7


def test_silent_server(server, tiny, to):
    server.wait = threading.Event()
    message = fails(tiny, to, patience=Patience(pauses=(), timeout=(5, 0.05)))
    server.wait.set()
    assert re.search("(broke off|does not answer). By hand", message)  # before or after the headers


# Corrupt


def test_corrupt_download_is_removed(server, tiny, to):
    good = server.body
    server.body = good[:1000] + bytes([good[1000] ^ 1]) + good[1001:]
    message = fails(tiny, to)
    assert hashlib.md5(good).hexdigest() in message
    assert hashlib.md5(server.body).hexdigest() in message
    assert "nothing was kept" in message
    assert left(to) == set()


def test_every_checksum_counts(server, tiny, to):
    for bad in range(2):
        checksums = [name if k != bad else name[:-1] + "x" for k, name in enumerate(tiny.checksums)]
        assert "is corrupt" in fails(replace(tiny, checksums=tuple(checksums)), to)


def test_corrupt_beginning_that_was_resumed_is_found(server, tiny, to):
    broken_off(server, tiny, to)
    part(to).write_bytes(bytes(100_000))
    assert "is corrupt" in fails(tiny, to)
    bring(tiny, to)
    assert is_whole(to)


def test_other_file_on_the_server_is_refused_before_it_is_fetched(server, tiny, to):
    message = fails(replace(tiny, bytes=len(server.body) + 1), to)
    assert f"{len(server.body):,} bytes and not {len(server.body) + 1:,}" in message
    assert left(to) == set()


def test_what_is_no_archive_is_refused_even_without_a_checksum(server, to):
    server.body = b"Sorry, we have moved."
    message = fails(described(server, checksums=()), to)
    assert "is broken, or not a tar.gz archive" in message
    assert left(to) == set()


@pytest.mark.parametrize("cut", [1000, 150_000], ids=["in the first file", "in the second"])
@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_archive_that_ends_too_soon_without_a_checksum(server, to, kind, cut):
    whole = packed(FILES, "w:gz" if kind == "tar.gz" else "w")
    server.body = whole[: cut + (100_000 if cut > 1000 else 0)]
    assert "is broken" in fails(described(server, checksums=(), kind=kind), to)


def test_archive_of_another_set_is_refused(server, to):
    server.body = packed({"tiny/first.bin": b"1", "tiny/third.bin": b"3"})
    message = fails(described(server, checksums=()), to)
    assert "is not the set that this course uses (2 instead of 1 *.bin)" in message
    assert left(to) == set()


# Not to be had; by hand


def dead_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_dead_host_is_named_with_the_manual_steps(tiny, to):
    host = dead_address()
    dead = replace(tiny, url=f"http://{host}/tiny.tar.gz")
    message = fails(dead, to)
    assert message.startswith(f"{host} cannot be reached (connection refused).")
    for step in (dead.url, dead.homepage, str(to / "tiny.tar.gz"), "run the same command again"):
        assert step in message


def test_unknown_host(tiny, to, monkeypatch):
    def nowhere(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    message = fails(replace(tiny, url="http://data.example.org/tiny.tar.gz"), to)
    assert message.startswith(
        "data.example.org cannot be reached (name or service not known). By hand"
    )


def test_host_that_dies_in_the_middle_costs_nothing(server, tiny, to, monkeypatch):
    broken_off(server, tiny, to)
    server.cut = 0
    assert "100.0 kB of 300" in fails(tiny, to)
    assert part(to).stat().st_size == 100_000


def test_archive_put_there_by_hand_is_checked_and_unpacked(server, tiny, to):
    to.mkdir()
    (to / "tiny.tar.gz").write_bytes(server.body)
    bring(replace(tiny, url=f"http://{dead_address()}/tiny.tar.gz"), to)
    assert is_whole(to)
    assert (to / "tiny.tar.gz").exists()
    assert not server.requests


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"half", r"has 4 bytes and should have 300,\d+"),
        (None, "is corrupt: its md5 is [0-9a-f]{32} and should"),
    ],
    ids=["incomplete", "other"],
)
def test_wrong_archive_put_there_by_hand_is_refused_and_left_alone(server, tiny, to, content, said):
    to.mkdir()
    by_hand = to / "tiny.tar.gz"
    by_hand.write_bytes(content or bytes(len(server.body)))
    message = fails(tiny, to)
    assert re.search(said, message)
    assert "replace it or delete it" in message
    assert by_hand.exists()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, r"has no such file any more \(HTTP 404\). By hand"),
        (410, r"has no such file any more \(HTTP 410\). By hand"),
        (403, r"refuses to send the file \(HTTP 403\). By hand"),
        (204, r"refuses to send the file \(HTTP 204\). By hand"),
        (500, r"has a problem \(HTTP 500\). By hand"),
        (503, r"has a problem \(HTTP 503\). By hand"),
        (429, r"has a problem \(HTTP 429\). By hand"),
    ],
)
def test_refusals_of_the_server(server, tiny, to, status, said):
    server.status = status
    assert re.search(said, fails(tiny, to, patience=Patience(pauses=(0, 0))))
    assert len(server.requests) == (3 if status in (500, 503, 429) else 1)
    assert left(to) == set()


def test_trouble_that_passes(server, tiny, to, monkeypatch):
    server.status = 503
    monkeypatch.setattr("time.sleep", lambda _: setattr(server, "status", 200))
    bring(tiny, to, patience=Patience(pauses=(1,)))
    assert is_whole(to)


def test_refusal_keeps_what_came_before(server, tiny, to):
    broken_off(server, tiny, to)
    server.status = 404
    fails(tiny, to)
    server.status = 200
    bring(tiny, to)
    assert server.requests[-1]["Range"] == "bytes=100000-"


def test_web_page_in_place_of_the_archive(server, tiny, to):
    server.body, server.kind = b"<html>Please log in.</html>", "text/html; charset=utf-8"
    assert (
        "sent a web page, perhaps this network's login page, instead of the file. By hand"
        in fails(tiny, to)
    )
    assert left(to) == set()


def test_redirects_in_a_circle(server, tiny, to):
    server.moved = {"/files/tiny.tar.gz": "/files/tiny.tar.gz"}
    assert "cannot be fetched (exceeded 30 redirects" in fails(tiny, to).lower()


# The disk


def test_full_disk_is_seen_before_anything_is_fetched(server, tiny, to, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 1000, 1000))
    message = fails(tiny, to)
    assert "has 1.0 kB free and about 600" in message
    assert "--to" in message
    assert not server.requests


def test_space_is_asked_for_the_rest_only(server, tiny, to, monkeypatch):
    broken_off(server, tiny, to, after=200_000)
    usage = namedtuple("usage", "total used free")
    free = len(server.body) - 200_000 + tiny.unpacked
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 0, free))
    bring(tiny, to)
    assert is_whole(to)


def test_space_for_unpacking_what_was_put_there_by_hand(server, tiny, to, monkeypatch):
    to.mkdir()
    (to / "tiny.tar.gz").write_bytes(server.body)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 0, tiny.unpacked - 1))
    assert "about 300.0 kB are needed" in fails(tiny, to)
    assert (to / "tiny.tar.gz").exists()


needs_dev_full = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="a disk that is full needs Linux"
)


@needs_dev_full
def test_disk_that_fills_while_downloading(server, tiny, to):
    to.mkdir()
    part(to).symlink_to("/dev/full")
    message = fails(tiny, to)
    assert re.search(r"is full: free about 600\.\d kB. Nothing was kept", message)
    part(to).unlink()
    bring(tiny, to)
    assert is_whole(to)


def test_disk_that_fills_later_keeps_what_came(server, tiny, to):
    def full(what, done, total):
        if done > 150_000:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    message = fails(tiny, to, full)
    assert re.search(
        r"is full: free about \d+\.\d kB. \d+\.\d kB are kept in .*\.part: run the same", message
    )
    bring(tiny, to)
    assert is_whole(to)
    assert sum(server.sent[1:]) < len(server.body)


@needs_dev_full
def test_disk_that_fills_while_unpacking(server, tiny, to, monkeypatch):
    def open_full(path, mode):
        return open("/dev/full" if str(path).endswith("second.bin") else path, mode)  # noqa: PTH123

    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "bltn_open", open_full)
        message = fails(tiny, to)
    assert "is full: free about 300.0 kB. The archive is kept in" in message
    assert "run the same command again to unpack it" in message
    assert left(to) == {"tiny.tar.gz.part", "tiny.tar.gz.part.json"}
    bring(tiny, to)
    assert is_whole(to)
    assert len(server.requests) == 1, "the archive was there already"


def test_folder_that_is_a_file(tiny, tmp_path):
    (tmp_path / "file").touch()
    for to in (tmp_path / "file", tmp_path / "file" / "below"):
        assert re.search(
            r"cannot be used \(.*\): choose a folder that you can write to, with --to",
            fails(tiny, to),
        )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_folder_that_nobody_may_write_in(tiny, to):
    to.mkdir(mode=0o500)
    assert "cannot be used (Permission denied)" in fails(tiny, to)


# Unsafe archives


def special(kind, target="") -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, str(target)
    return member


EVIL = {
    "climbs out": {"../evil": b"!"},
    "climbs out from below": {"tiny/deep/../../../evil": b"!"},
    "absolute": {"ABSOLUTE/evil": b"!"},
    "symbolic link out": {"tiny/way": special(tarfile.SYMTYPE, ".."), "tiny/way/evil": b"!"},
    "absolute symbolic link": {"tiny/way": special(tarfile.SYMTYPE, "/tmp")},
    "hard link out": {"tiny/way": special(tarfile.LNKTYPE, "../../secret")},
    "device": {"tiny/device": special(tarfile.CHRTYPE)},
    "pipe": {"tiny/pipe": special(tarfile.FIFOTYPE)},
}


@pytest.mark.parametrize("case", EVIL)
def test_unsafe_archive_is_refused_and_the_member_named(server, to, tmp_path, case):
    (tmp_path / "secret").write_text("mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    evil = {name.replace("ABSOLUTE", str(outside)): member for name, member in EVIL[case].items()}
    server.body = packed({"tiny/first.bin": b"1", **evil, "tiny/deep/second.bin": b"2"})
    message = fails(described(server), to)
    assert "is not safe to unpack: " + next(iter(evil)) in message
    assert left(to) == set()
    assert not [path for path in tmp_path.rglob("*") if path.name == "evil"]
    assert not list(outside.iterdir())


def test_bomb_of_zeros(server, to):
    server.body = packed(FILES | {"tiny/zeros": bytes(10**6)})
    assert "unpacks to more than 600.0 kB" in fails(described(server), to)
    assert left(to) == set()


def test_bomb_of_empty_files(server, to):
    server.body = packed(FILES | {f"tiny/{k}": b"" for k in range(1000)})
    assert "unpacks to more than 600.0 kB" in fails(described(server), to)


def test_bound_is_not_too_narrow(server, to):
    server.body = packed(FILES | {"tiny/zeros": bytes(250_000)})
    bring(described(server), to)
    assert is_whole(to)


# Stopped, killed, twice at once


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            "downloading",
            r"Stopped. \d+.\d kB are kept in .*: run the same command again to continue",
        ),
        (
            "checking",
            "Stopped. The archive is kept in .*: run the same command again to unpack it",
        ),
        (
            "unpacking",
            "Stopped. The archive is kept in .*: run the same command again to unpack it",
        ),
    ],
)
def test_ctrl_c_says_what_is_kept_and_the_next_run_goes_on(server, tiny, to, when, said):
    def press(what, done, total):
        if what == when:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(StoppedError, match=said):
        bring(tiny, to, press)
    assert left(to) == {"tiny.tar.gz.part", "tiny.tar.gz.part.json"}
    bring(tiny, to)
    assert is_whole(to)
    again = server.requests[1:]
    assert [bool(request.get("Range")) for request in again] == (
        [True] if when == "downloading" else []
    )


def test_whole_archive_of_unknown_size_is_not_fetched_twice(server, to):
    def press(what, done, total):
        if what == "unpacking":
            raise KeyboardInterrupt

    server.says_length = False
    data_set = described(server, bytes=None, about=1000)
    assert "The archive is kept" in fails(data_set, to, press)
    bring(data_set, to)
    assert is_whole(to)
    assert len(server.requests) == 1


def test_what_a_killed_run_half_unpacked_is_not_trusted(server, tiny, to):
    half = to / ".tiny.unpacking" / "tiny"
    half.mkdir(parents=True)
    (half / "first.bin").write_bytes(b"half")
    (half / "left over").touch()
    bring(tiny, to)
    assert is_whole(to)
    assert left(to) == {"tiny", "tiny.tar.gz.sha256"}
    assert not (to / "tiny" / "left over").exists()


def test_folder_that_is_not_whole_is_neither_trusted_nor_deleted(server, tiny, to):
    (to / "tiny").mkdir(parents=True)
    (to / "tiny" / "first.bin").write_bytes(b"mine")
    with pytest.raises(
        DownloadError, match=r"not whole \(0 instead of 1 deep/\*.bin\): delete it or move it away"
    ):
        bring(tiny, to)
    assert (to / "tiny" / "first.bin").read_bytes() == b"mine"
    assert not server.requests


def test_two_runs_at_once(server, tiny, to):
    server.wait = threading.Event()
    first = threading.Thread(target=bring, args=(tiny, to))
    first.start()
    assert server.asked.wait(30)
    message = fails(tiny, to)
    server.wait.set()
    first.join()
    assert (
        message == f"Another run is downloading tiny into {to}: wait until it is done, or stop it."
    )
    assert is_whole(to)
    assert len(server.requests) == 1


def test_lock_left_by_a_crash_locks_nobody_out(tiny, to):
    to.mkdir()
    (to / ".tiny.lock").write_text("4242")
    bring(tiny, to)
    assert is_whole(to)


# The command


@pytest.fixture
def invoke(monkeypatch, server, to):
    """Run the command in this process, with a manifest of `tiny`, and of `gone` on a dead host."""
    tiny = described(server)
    gone = replace(tiny, name="gone", folder="gone", url=f"http://{dead_address()}/gone.tar.gz")
    monkeypatch.setattr(command, "read_manifest", lambda: {"gone": gone, "tiny": tiny})
    monkeypatch.setattr(command, "out", Console(width=120))
    monkeypatch.setattr("time.sleep", quiet)

    def invoke(*names):
        result = CliRunner().invoke(command.app, [*names, "--to", str(to)])
        assert not isinstance(result.exception, Exception)  # SystemExit is none
        return result

    return invoke


def test_command_brings_a_set_and_then_says_that_it_is_here(invoke, server, to):
    first = invoke("tiny")
    assert first.exit_code == 0
    assert f"tiny is ready: {to / 'tiny'}" in first.output
    assert f"{hashlib.sha256(server.body).hexdigest()} (as published)" in first.output
    assert "Please cite: Nobody" in first.output
    second = invoke("tiny")
    assert (second.exit_code, second.output) == (0, f"tiny is already here: {to / 'tiny'}\n")


def test_one_set_that_fails_stops_no_other(invoke, to):
    ran = invoke("all")
    assert ran.exit_code == 1
    assert re.search(r"gone: 127.0.0.1:\d+ cannot be reached", ran.output)
    assert "Traceback" not in ran.output
    assert is_whole(to)


def test_ctrl_c_stops_the_other_sets_too(invoke, monkeypatch, to):
    def stop(data_set, *_):
        asked.append(data_set.name)
        raise StoppedError("Stopped.")

    asked = []
    monkeypatch.setattr(command, "download", stop)
    ran = invoke("all")
    assert (ran.exit_code, ran.output, asked) == (1, "gone: Stopped.\n", ["gone"])


def test_list_says_what_is_here(invoke, server, to):
    assert re.search(r"tiny .* no\s*\n", invoke().output)
    to.mkdir()
    part(to).write_bytes(bytes(1000))
    assert re.search(r"tiny .* 1.0 kB of it", invoke().output)
    invoke("tiny")
    assert re.search(r"tiny .* yes\s*\n", invoke().output)
    assert re.search(r"gone .* no\s*\n", invoke().output)
    (to / "tiny" / "first.bin").unlink()
    assert re.search(r"tiny .* not whole", invoke().output)


def script(*arguments, cwd) -> subprocess.CompletedProcess:
    run = [sys.executable, str(ROOT / "data_scripts" / "download.py"), *map(str, arguments)]
    return subprocess.run(run, cwd=cwd, capture_output=True, text=True, check=False)


def test_script_from_any_folder_lists_the_real_sets(tmp_path):
    ran = script("--to", tmp_path, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    for name in read_manifest():
        assert re.search(rf"{name} .* no\s*\n", ran.stdout)


def test_unknown_name_is_told_the_nearest_before_anything_is_fetched(tmp_path):
    ran = script("stl10", "CIFAR", "--to", tmp_path, cwd=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith(
        "There is no data set 'CIFAR'. Did you mean cifar10? There are: cifar10, stl10"
    )
    assert not list(tmp_path.iterdir())


def test_help_teaches(tmp_path):
    ran = script("--help", cwd=tmp_path)
    assert ran.returncode == 0
    for word in ("cifar10", "COURSE_DATA", "licence", "--to", "same command again"):
        assert word in " ".join(ran.stdout.split())


# The manifest


def test_manifest_agrees_with_torchvision_and_the_loaders():
    sets = read_manifest()
    assert {name: data_set.folder for name, data_set in sets.items()} == FOLDERS
    assert sets["cifar10"].url == torchvision_sets.CIFAR10.url
    assert sets["stl10"].archive == torchvision_sets.STL10.filename
    url, md5 = torchvision_sets.Imagenette._ARCHIVES["160px"]
    assert (sets["imagenette"].url, sets["imagenette"].checksums[0]) == (url, f"md5:{md5}")
    for name, md5 in (
        ("cifar10", torchvision_sets.CIFAR10.tgz_md5),
        ("stl10", torchvision_sets.STL10.tgz_md5),
    ):
        assert f"md5:{md5}" in sets[name].checksums


def test_manifest_is_well_formed():
    lengths = {"md5": 32, "sha256": 64}
    for data_set in read_manifest(MANIFEST).values():
        assert (data_set.bytes is None) != (data_set.about is None)
        assert data_set.kind in ("tar", "tar.gz")
        assert data_set.url.startswith("https://")
        assert data_set.contents
        for checksum in data_set.checksums:
            name, digits = checksum.split(":")
            assert re.fullmatch(rf"[0-9a-f]{{{lengths[name]}}}", digits)


def test_rendered_chairs_are_trusted_by_their_structure_only():
    chairs = read_manifest()["rendered_chairs"]
    assert not chairs.checksums
    assert chairs.contents == {"*/renders": 1393, "*/renders/*.png": 1393 * 62}
