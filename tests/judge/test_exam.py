"""What a class is graded by: put together once, and compared between machines."""

import re
from types import SimpleNamespace

import pytest

from autograder.assignments import find_assignment
from autograder.authoring.master import MasterError
from autograder.checks import Forbidden
from autograder.judge import exam as exam_module
from autograder.judge.exam import CODE, exam_of, limits_of, mismatch

COLORIZATION = find_assignment("colorization")


@pytest.fixture
def exam():
    return exam_of(COLORIZATION)


def test_it_is_put_together_once(exam):
    assert exam_of(COLORIZATION) is exam
    assert exam_of(COLORIZATION, "process") is not exam


def test_it_has_what_a_verdict_depends_on(exam):
    assert exam.topic == "colorization"
    assert {cell.id for cell in exam.released.cells} >= {
        f"task-{name}" for name in exam.master.tasks
    }
    assert all(pack.is_file() for pack in [*exam.packs, *exam.hidden_packs])
    assert "torch.nn" in exam.preload


def test_it_has_the_rules_of_its_topic(monkeypatch):
    rules = {"l2_loss": Forbidden(("torch.nn.functional.mse_loss",))}
    monkeypatch.setattr(exam_module, "forbidden_of", {COLORIZATION.topic: rules}.get)
    exam_module._exam_at.cache_clear()
    assert exam_of(COLORIZATION).rules == rules
    exam_module._exam_at.cache_clear()


def test_another_level_is_another_key(exam):
    assert exam.key != exam_of(COLORIZATION, "process").key


def test_what_is_handed_in_changes_the_key_and_nothing_else_does(exam, tmp_path):
    path = tmp_path / "s" / f"{COLORIZATION.name}.ipynb"
    path.parent.mkdir()
    keys = [exam.key_of(path)]
    for content in (b"1", b"2"):
        path.write_bytes(content)
        keys.append(exam.key_of(path))
    assert len(set(keys)) == 3
    (tmp_path / "other.txt").write_text("elsewhere")
    assert exam.key_of(path) == keys[-1]


def test_a_machine_with_the_same_has_no_mismatch(exam):
    here = exam.environment()
    assert mismatch(here, here) == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("torch", "has torch 1.0, but this machine has .*"),
        (CODE, "has another version of the course's code than this machine"),
        ("data/furniture.npz", "has another data/furniture.npz than this machine"),
    ],
)
def test_what_differs_is_named_with_the_remedy(exam, name, says):
    here = exam.environment()
    said = mismatch(here | {name: "1.0"}, here)
    assert re.match(says, said)
    assert said.endswith("and restart it.")


def test_a_limit_that_there_is_not_is_told_with_its_place():
    with pytest.raises(MasterError, match=r"assignment\.md:1: .*patience"):
        limits_of(SimpleNamespace(limits={"patience": 1}, assignment=COLORIZATION))
