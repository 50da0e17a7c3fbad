"""The benchmark's class: what is handed in, and that it is the same in each run."""

import json
import re
from collections import Counter

import nbformat
import pytest
import safetensors.torch
import torch
from course_class import (
    GENERATOR,
    KINDS,
    class_of,
    hand_in,
    networks_of,
    without_training,
    worked_on,
)

from autograder.assignments import Assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.judge.checking.submission import REFERENCE_FILES
from course_utils.reference.chair_generator import ChairGenerator


@pytest.fixture(scope="module")
def classifier():
    """An assignment with a training and a file that is handed in."""
    return read_master(Assignment("1_cnn_classifier"))


@pytest.fixture(scope="module")
def students(classifier):
    return class_of(classifier, 24)


@pytest.fixture(scope="module")
def right(classifier) -> dict[str, str]:
    cells = solution_notebook(classifier).cells
    return {c.id.removeprefix("task-"): c.source for c in cells if c.id.startswith("task-")}


def test_it_is_the_same_for_the_same_seed(classifier, students):
    assert class_of(classifier, 12) == students[:12]
    assert class_of(classifier, 12, seed=1) != students[:12]


def test_each_dozen_has_all_kinds_and_nobody_is_there_twice(students):
    assert Counter(student.kind for student in students) == Counter(2 * KINDS)
    assert len({student.name for student in students}) == 24
    drawn = [one.answers for one in students if one.kind in ("misconceptions", "alternatives")]
    assert all(one != other for n, one in enumerate(drawn) for other in drawn[:n])


def test_answers_are_of_their_kind(classifier, students, right):
    tasks = classifier.tasks
    for student in students:
        answers = student.answers
        same = [task for task in tasks if answers.get(task) == right[task]]
        if student.kind == "reference":
            assert same == tasks
        elif student.kind == "half-done":
            assert same == list(answers) == tasks[: len(answers)]
            assert 4 <= len(answers) <= 11
        elif student.kind == "misconceptions":
            assert 1 <= len(tasks) - len(same) <= len(tasks) // 4
        elif student.kind == "endless-loop":
            assert same == tasks[:-1]
            assert "while True" in answers[tasks[-1]]
        else:
            assert len(same) < len(tasks) / 2
        assert all(re.search(rf"(def|class) {task}\b", source) for task, source in answers.items())


def test_a_notebook_is_the_released_one_with_the_answers_and_without_the_training(
    classifier, students, tmp_path
):
    released, name = student_notebook(classifier), classifier.assignment.name
    before = json.dumps(released)
    hand_in(students[:3], released, classifier, tmp_path)
    assert json.dumps(released) == before
    for student in students[:3]:
        folder = tmp_path / "submitted" / student.name / name
        assert {path.name for path in folder.iterdir()} == {f"{name}.ipynb", *classifier.files}
        notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        assert "training" not in {tag for c in notebook.cells for tag in c.metadata.get("tags", [])}
        sources = {cell.id: cell.source for cell in notebook.cells}
        given = {cell.id: cell.source for cell in without_training(released).cells}
        assert sources.keys() == given.keys()
        changed = {cell for cell in sources if sources[cell] != given[cell]}
        assert changed == {f"task-{task}" for task in student.answers}
        assert sources[f"task-{classifier.tasks[0]}"].endswith(f"# The work of {student.name}.")
        assert worked_on(without_training(released), student).cells == notebook.cells


def test_there_is_a_training_to_leave_out(classifier):
    notebook = student_notebook(classifier)
    assert len(without_training(notebook).cells) == len(notebook.cells) - 2


def test_the_chair_generator_fits_the_notebook_and_draws_as_the_references_does():
    generator = read_master(Assignment("2_chair_generator"))
    narrow = ChairGenerator(24, features=160, channels=(64, 32, 16)).eval()
    narrow.load_state_dict(safetensors.torch.load_file(REFERENCE_FILES[GENERATOR]))
    wide = ChairGenerator(24).eval()
    wide.load_state_dict(safetensors.torch.load(networks_of(generator)[GENERATOR]))
    given = torch.eye(24)[:5], torch.linspace(-1, 1, 20).view(5, 4), torch.zeros(5, 8)
    with torch.no_grad():
        for one, other in zip(narrow(*given), wide(*given), strict=True):
            assert torch.allclose(one, other, atol=1e-4)


def test_the_other_networks_are_the_references(classifier):
    (content,) = networks_of(classifier).values()
    assert content == REFERENCE_FILES["convnet.safetensors"].read_bytes()
