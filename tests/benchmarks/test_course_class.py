"""The benchmark's class: what is handed in, and that it is the same in each run."""

import json
import re
from collections import Counter

import nbformat
import pytest
from course_class import KINDS, class_of, hand_in, without_training, worked_on

from autograder.assignments import Assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook


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
