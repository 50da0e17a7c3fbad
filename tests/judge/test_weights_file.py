"""What is handed in beside the notebook: read without trust; part of the verdict's key."""

import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from autograder.assignments import find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import student_files
from autograder.checks import Failure
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.exam import exam_of
from autograder.judge.intake.weights_file import LARGEST, saved_tensors

COLORIZATION = find_assignment("colorization")
NAME = "colorizer.safetensors"


def link(path):
    path.with_name("elsewhere").write_bytes(b"secret")
    path.symlink_to(path.with_name("elsewhere"))


def large(path):
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)


BAD = {
    "missing": (
        lambda path: None,
        "not handed in",
        r"no `colorizer\.safetensors` beside the notebook: run",
    ),
    "a link": (link, "not handed in", "beside the notebook"),
    "a folder": (lambda path: path.mkdir(), "not handed in", "beside the notebook"),
    "empty": (lambda path: path.touch(), "wrong type", "damaged"),
    "text": (lambda path: path.write_text("weights"), "wrong type", "damaged"),
    "a pickle": (
        lambda path: path.write_bytes(pickle.dumps({"weight": 1})),
        "wrong type",
        "damaged",
    ),
    "a header that lies": (lambda path: path.write_bytes(b"\xff" * 64), "wrong type", "damaged"),
    "too large": (large, "wrong type", "larger than 64 MB"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_such_file_is_told_to_its_student(tmp_path, case):
    make, kind, message = BAD[case]
    make(tmp_path / NAME)
    with pytest.raises(Failure, match=message) as failure:
        saved_tensors(tmp_path / NAME)
    assert failure.value.kind == kind


def test_a_check_gets_the_tensors(tmp_path):
    save_file({"weight": torch.eye(3)}, tmp_path / NAME)
    found = LocalSubmission({}, {NAME: tmp_path / NAME}).saved(NAME)
    assert torch.equal(found["weight"], torch.eye(3))


@pytest.fixture
def master():
    """The master of colorization: its students hand in their network."""
    return read_master(COLORIZATION)


def test_students_are_told_to_hand_it_in(master):
    readme = student_files(master, student_notebook(master))["README.md"].decode()
    assert f"`{NAME}`, which a cell saves" in readme


def test_another_file_is_another_submission(master, tmp_path):
    released = student_notebook(master)
    exam = replace(exam_of(COLORIZATION, "process"), master=master, released=released)
    notebook = tmp_path / "student" / "3_colorization.ipynb"
    notebook.parent.mkdir()
    notebook.write_text("{}")
    assert exam.handed_in_with(notebook) == {NAME: notebook.with_name(NAME)}
    keys = [exam.key_of(notebook)]
    for number in range(2):
        save_file({"weight": torch.full((2,), float(number))}, notebook.with_name(NAME))
        keys += [exam.key_of(notebook)]
    notebook.with_name("notes.txt").write_text("nobody's business")
    assert len(set(keys)) == 3
    assert exam.key_of(notebook) == keys[-1]
