"""Which submissions are ready to be graded: new or changed, and complete. The clock is a number."""

import json
import os
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from autograder.assignments import find_assignment
from autograder.course_files.folder import CourseFolder
from autograder.watch.arrivals import Arrivals, HandIn, Submitted, is_whole, snapshot_of

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
NOTEBOOK = json.dumps({"cells": [], "metadata": {"a": "bracket } in a string"}}).encode()
NETWORK = save({"weight": torch.ones(3, 4), "bias": torch.ones(4)})


@pytest.fixture
def submitted(tmp_path) -> Submitted:
    (tmp_path / "submitted").mkdir()
    return Submitted(CourseFolder(tmp_path), lambda: [COLORIZATION])


@pytest.fixture
def arrivals(submitted) -> Arrivals:
    return Arrivals(submitted, settle=1.0, patience=10.0)


def put(submitted: Submitted, student: str, content: bytes, name: str = f"{NAME}.ipynb") -> Path:
    path = submitted.home(HandIn(COLORIZATION, student)) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def students(hand_ins: list[HandIn]) -> list[str]:
    return [hand_in.student for hand_in in hand_ins]


def accept(arrivals: Arrivals, student: str) -> None:
    hand_in = HandIn(COLORIZATION, student)
    arrivals.accept(hand_in, arrivals.source.snapshot(hand_in))


def test_a_new_submission_is_ready_when_it_has_settled(arrivals, submitted):
    assert arrivals.look(0) == []
    put(submitted, "ada", NOTEBOOK)
    assert arrivals.look(100) == []
    assert arrivals.look(100.9) == []
    assert students(arrivals.look(101)) == ["ada"]
    assert students(arrivals.look(102)) == ["ada"]  # until somebody has graded it
    accept(arrivals, "ada")
    assert arrivals.look(200) == []


def test_every_change_starts_the_wait_again(arrivals, submitted):
    for now in range(20):
        put(submitted, "ada", NOTEBOOK[: len(NOTEBOOK) * now // 19])
        assert arrivals.look(now / 2) == []
    assert students(arrivals.look(11)) == ["ada"]


def test_half_a_file_waits_for_the_rest(arrivals, submitted):
    put(submitted, "ada", NOTEBOOK[:-5])
    put(submitted, "bob", NOTEBOOK)
    arrivals.look(0)
    assert arrivals.is_settling
    assert students(arrivals.look(9)) == ["bob"]
    assert arrivals.is_incomplete
    assert not arrivals.is_settling
    put(submitted, "ada", NOTEBOOK)
    arrivals.look(9)
    assert students(arrivals.look(10)) == ["bob", "ada"]


def test_a_file_that_stays_broken_is_graded_as_it_is(arrivals, submitted):
    put(submitted, "ada", b"not a notebook")
    submitted.home(HandIn(COLORIZATION, "bob")).mkdir(parents=True)  # an empty folder
    arrivals.look(0)
    assert arrivals.look(9.9) == []
    assert students(arrivals.look(10)) == ["ada", "bob"]


def test_a_change_while_it_is_graded_is_noticed(arrivals, submitted):
    path = put(submitted, "ada", NOTEBOOK)
    arrivals.look(0)
    hand_in = HandIn(COLORIZATION, "ada")
    before = submitted.snapshot(hand_in)
    path.write_bytes(NOTEBOOK + b" ")
    arrivals.accept(hand_in, before)
    assert arrivals.look(50) == []
    assert arrivals.look(51) == [hand_in]


@pytest.mark.parametrize("change", ["content", "same size and times", "another file", "removed"])
def test_what_counts_as_a_change(arrivals, submitted, change):
    path = put(submitted, "ada", NOTEBOOK)
    arrivals.look(0)
    accept(arrivals, "ada")
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    if change == "content":
        path.write_bytes(NOTEBOOK + b"\n")
    elif change == "same size and times":  # as `cp -p` leaves them
        draft = path.with_name("draft")
        draft.write_bytes(NOTEBOOK.replace(b"string", b"strong"))
        os.utime(draft, ns=times)
        draft.rename(path)
    elif change == "another file":
        path.with_name("colorizer.safetensors").write_bytes(NETWORK)
    else:
        path.unlink()
        path.with_name("other.ipynb").write_bytes(NOTEBOOK)
    arrivals.look(10)
    assert students(arrivals.look(11)) == ["ada"]


def test_files_that_no_verdict_depends_on_are_no_change(arrivals, submitted):
    path = put(submitted, "ada", NOTEBOOK)
    (path.parent / "course_utils").mkdir()
    arrivals.look(0)
    accept(arrivals, "ada")
    (path.parent / "course_utils" / "x.py").write_text("1")
    path.read_bytes()
    arrivals.look(10)
    assert arrivals.look(30) == []


def test_new_arrivals_come_before_those_that_were_there_at_the_start(arrivals, submitted):
    for student in ("ada", "bob"):
        put(submitted, student, NOTEBOOK)
    arrivals.look(0)
    for now, student in ((1, "zoe"), (2, "yan")):
        put(submitted, student, NOTEBOOK)
        arrivals.look(now)
    assert students(arrivals.look(5)) == ["zoe", "yan", "ada", "bob"]


def test_a_folder_that_goes_and_comes_back_is_new(arrivals, submitted):
    path = put(submitted, "ada", NOTEBOOK)
    arrivals.look(0)
    accept(arrivals, "ada")
    path.unlink()
    path.parent.rmdir()
    assert arrivals.look(5) == []
    put(submitted, "ada", NOTEBOOK)
    arrivals.look(6)
    assert students(arrivals.look(7)) == ["ada"]


@pytest.mark.parametrize("whole", [NOTEBOOK, b"\xef\xbb\xbf" + NOTEBOOK])
def test_no_part_of_a_notebook_looks_whole(tmp_path, whole):
    path = tmp_path / f"{NAME}.ipynb"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert not is_whole(tmp_path, NAME)
    path.write_bytes(whole)
    assert is_whole(tmp_path, NAME)


def test_no_part_of_a_network_looks_whole(tmp_path):
    (tmp_path / f"{NAME}.ipynb").write_bytes(NOTEBOOK)
    path = tmp_path / "colorizer.safetensors"
    for length in range(len(NETWORK)):
        path.write_bytes(NETWORK[:length])
        assert not is_whole(tmp_path, NAME), length
    path.write_bytes(NETWORK)
    assert is_whole(tmp_path, NAME)


ODD = {
    "nested": b"[" * 100_000,
    "number": b"1" * 100_000,
    "bytes": bytes(range(256)),
    "lone quote": b'"',
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", [f"{NAME}.ipynb", "colorizer.safetensors"])
def test_odd_content_is_looked_at_without_harm(tmp_path, kind, name):
    (tmp_path / f"{NAME}.ipynb").write_bytes(NOTEBOOK)
    (tmp_path / name).write_bytes(ODD[kind])
    is_whole(tmp_path, NAME)
    draw = random.Random(0)
    for _ in range(50):
        size = draw.randrange(40).to_bytes(8, "little")
        (tmp_path / name).write_bytes(size + draw.randbytes(40))
        is_whole(tmp_path, NAME)


def test_the_judge_gets_what_is_no_ordinary_file(tmp_path):
    """A link, a folder, a pipe: it refuses them, so there is no rest to wait for."""
    path = tmp_path / f"{NAME}.ipynb"
    path.symlink_to("/dev/zero")
    assert is_whole(tmp_path, NAME)
    path.unlink()
    path.mkdir()
    os.mkfifo(tmp_path / "colorizer.safetensors")
    assert is_whole(tmp_path, NAME)
    path.rmdir()
    assert not is_whole(tmp_path, NAME)  # there is no notebook yet


def test_links_are_not_followed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "all").symlink_to("/")
    (tmp_path / "gone").symlink_to("nowhere")
    names = [Path(path).name for path, *_ in snapshot_of(tmp_path, deep=True)]
    assert sorted(names) == ["all", "deep", "gone"]
    assert snapshot_of(tmp_path / "nowhere", deep=True) == ()
