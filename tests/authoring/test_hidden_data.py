"""Packs that hidden checks alone see: never in a release, part of the verdict's key, there in
time.
"""

import os

import pytest
from test_packs import master_with

from autograder.assignments import CourseError, assignments, pack_path
from autograder.authoring import packs as packs_module
from autograder.authoring.master import MasterError, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.packs import hidden_packs_of, packs_of
from autograder.authoring.release import student_files
from autograder.judge.checking import run_checks as run_checks_module
from autograder.judge.checking.run_checks import InfrastructureError, have_hidden_data, run_checks
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.exam import Exam
from autograder.judge.limits import Limits
from course_utils.reference import chair_generator


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Packs are small files; gives the folder they are in."""

    def make(name, report):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(name.encode())
        return path

    monkeypatch.setattr(packs_module, "_pack", make)
    monkeypatch.setattr(packs_module, "_ready", {})
    return tmp_path


def test_students_do_not_get_them(tmp_path, made):
    master = master_with(tmp_path, "[open]\n    hidden_data: [secret]")
    assert packs_of(master) == [made / "open.npz"]
    assert hidden_packs_of(master) == [made / "secret.npz"]
    files = student_files(master, student_notebook(master))
    assert [name for name in files if name.startswith("data/")] == ["data/open.npz"]
    assert not any(b"secret" in content for content in files.values())


def test_a_pack_can_not_be_both(tmp_path, made):
    with pytest.raises(
        MasterError, match=r"assignment\.md:1: hidden, so it can't be given to students: secret"
    ):
        packs_of(master_with(tmp_path, "[secret]\n    hidden_data: [secret]"))


@pytest.mark.parametrize("assignment", assignments(), ids=lambda assignment: assignment.topic)
def test_no_assignment_gives_away_a_hidden_pack(assignment):
    """Neither by its front matter nor by a word in what students read."""
    master = read_master(assignment)
    assert all(name.endswith("_hidden") for name in master.hidden_packs)
    assert not any(name.endswith("_hidden") for name in master.packs)
    shown = "".join(cell.source for cell in student_notebook(master).cells)
    assert not any(name in shown for name in master.hidden_packs)


def test_other_pictures_are_another_verdict(tmp_path, made):
    master = master_with(tmp_path, "[open]\n    hidden_data: [secret]")
    keys = []
    for content in (b"one", b"two"):
        (pack,) = hidden_packs_of(master)
        (made / "secret.npz").write_bytes(content)
        exam = Exam(master, student_notebook(master), "process", Limits(), {}, (), (pack,))
        keys.append(exam.key)
    assert keys[0] != keys[1]


def test_a_pack_that_can_not_be_made_is_no_students_fault(monkeypatch):
    def refuse(master, report=None):
        raise CourseError("The pack 'secret' has to be rendered.")

    monkeypatch.setattr(run_checks_module, "hidden_packs_of", refuse)
    with pytest.raises(InfrastructureError, match="has to be rendered"):
        have_hidden_data.__wrapped__("cnn_classifier")


def test_the_folder_of_the_packs_can_be_set(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert pack_path("some") == tmp_path / "some.npz"


def test_options_for_another_pytest_do_not_reach_the_checks(monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-rfE --no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    [task] = run_checks("chair_generator", LocalSubmission(vars(chair_generator)), ["composite"])
    assert task.earned == task.points
    assert os.environ["PYTEST_ADDOPTS"] == "-rfE --no-such-option"
