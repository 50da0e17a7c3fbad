"""The packs of pictures of an assignment: in the archive, in every worker's data folder, and made
once.
"""

import sys
from functools import partial

import numpy as np
import pytest
from workers import BOXED

from autograder.assignments import CourseError, find_assignment
from autograder.authoring import packs as packs_module
from autograder.authoring.master import MasterError, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.packs import packs_of
from autograder.authoring.release import student_files
from autograder.judge.limits import Limits
from autograder.judge.workers.box import open_box
from autograder.judge.workers.client import Worker
from autograder.judge.workers.warm import Zygote
from course_utils.data.rendered_files import Album

COLORIZATION = find_assignment("colorization")


@pytest.fixture
def tiny(tmp_path):
    """A pack of two views of one chair."""
    pixels = np.full((2, 16, 16, 4), 200, dtype=np.uint8)
    zeros = np.zeros(2, dtype=np.int64)
    angles = np.array([0, 90], dtype=np.float32)
    return Album(pixels, zeros, zeros, angles, angles, ("one",), ("chair",)).save(
        tmp_path / "tiny.npz"
    )


def master_with(tmp_path, data: str):
    """The master of colorization, with packs named in its front matter."""
    text = COLORIZATION.master.read_text()
    path = tmp_path / "assignment.md"
    packs = "    data: [furniture]\n    hidden_data: [furniture_hidden]\n"
    assert packs in text
    path.write_text(text.replace(packs, f"    data: {data}\n", 1))
    return read_master(COLORIZATION, path)


def test_students_get_the_packs(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(packs_module, "_ready", {})
    monkeypatch.setattr(packs_module, "_pack", lambda name, report: tiny.with_name(f"{name}.npz"))
    master = master_with(tmp_path, "[tiny]")
    assert packs_of(master) == [tiny]
    assert student_files(master, student_notebook(master))["data/tiny.npz"] == tiny.read_bytes()


def test_a_pack_that_there_is_not_is_told_with_the_master(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(MasterError, match=r"assignment\.md:1: There is no pack nothing"):
        packs_of(master_with(tmp_path, "[nothing]"))


def test_without_the_renderer_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setitem(sys.modules, "data_scripts.make_packs", None)
    with pytest.raises(CourseError, match=r"pip install '\.\[render\]'"):
        packs_of(master_with(tmp_path, "[elsewhere]"))


def test_a_pack_is_made_again_when_it_or_the_renderer_has_changed(tmp_path, monkeypatch):
    """And only then is the renderer imported and asked, which takes seconds."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    asked, source = [], tmp_path / "data_scripts" / "furniture.py"
    source.parent.mkdir()
    source.write_text("LEGS = 4")
    monkeypatch.setattr(packs_module, "COURSE", tmp_path)

    def make_pack(name, to, progress):
        asked.append(name)
        path = to / f"{name}.npz"
        path.write_text(f"pack {len(asked)}")
        return path

    monkeypatch.setattr("data_scripts.make_packs.make_pack", make_pack)

    def times_asked() -> int:
        monkeypatch.setattr(packs_module, "_ready", {})  # as in a new process
        assert packs_of(master) == [tmp_path / "tiny.npz"]
        return len(asked)

    master = master_with(tmp_path, "[tiny]")
    assert [times_asked() for _ in range(3)] == [1, 1, 1]
    source.write_text("LEGS = 3")
    assert [times_asked() for _ in range(3)] == [2, 2, 2]
    (tmp_path / "tiny.npz").write_text("doctored")
    assert [times_asked() for _ in range(3)] == [3, 3, 3]
    (tmp_path / "tiny.npz").unlink()
    assert [times_asked() for _ in range(3)] == [4, 4, 4]


LOOK = """
from course_utils.data.rendered_views import load_views
views = load_views("tiny", size=16)
print(len(views), views.names, views.batch(views.index).image.mean().item() > 0.7)
"""


def said(worker: Worker) -> str:
    reply = worker.cell(LOOK)
    assert reply.ok, reply.outputs
    return reply.outputs[0]["text"].strip()


@pytest.mark.parametrize("how", [*BOXED, "process"])
def test_a_worker_finds_the_packs_in_its_data_folder(how, tiny):
    if how == "warm":
        with (
            Zygote(packs=[tiny]) as zygote,
            Worker("bubblewrap", Limits(), zygote.slots[0].open) as worker,
        ):
            assert said(worker) == "2 ('one',) True"
    else:
        with Worker(how, Limits(), partial(open_box, how, packs=[tiny])) as worker:
            assert said(worker) == "2 ('one',) True"
