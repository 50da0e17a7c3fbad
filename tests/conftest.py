"""What several test files share: the assignment, its notebooks, and submissions made from them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import shortened_masters  # noqa: F401  first: it says where the masters are
from workers import lend_zygotes, zygote

from autograder.assignments import Assignment, find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.judge import exam
from autograder.judge.checking.submission import REFERENCE_FILES
from autograder.judge.limits import Limits

COLORIZATION = find_assignment("colorization")


# The tests that take twenty seconds or more. Not those whose module has a fixture that takes as
# long: the rest of the module may run in another process, which would make it once more.
LONGEST = (
    "test_a_class_gets_the_same_verdicts",
    "test_twice_is_the_same",
    "test_warm_verdicts_are_the_cold_ones",
    "test_a_student_solves_a_task",
    "test_an_instructor_grades",
    "test_the_whole_release",
    "test_hidden_checks_of_a_notebook_from_the_shell",
    "test_notebook_runs_in_jupyterlab",
    "test_the_weaker_level_is_named",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--beside",
        action="store_true",
        help="attacks: check every task, and judge a clean submission beside each and after each",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first: at the end, one process would work while the others wait."""
    items.sort(key=lambda item: not item.name.startswith(LONGEST))


@pytest.fixture(scope="session")
def master():
    return read_master(COLORIZATION)


@pytest.fixture(scope="session")
def whole_master():
    """With the networks in the rooms and the photographs, too."""
    return read_master(Assignment(COLORIZATION.name))


@pytest.fixture(scope="session")
def warm_up():
    """The master of the first assignment: the quickest to make a course directory of."""
    return read_master(find_assignment("data_driven_graphics"))


@pytest.fixture(scope="session")
def answers(master) -> dict[str, str]:
    """The reference's source of every task, by task."""
    cells = solution_notebook(master).cells
    return {c.id.removeprefix("task-"): c.source for c in cells if c.id.startswith("task-")}


@pytest.fixture(scope="session")
def notebook_with(master) -> Callable:
    """A student notebook with these answers in it: the tasks' cells and nothing that is slow to
    run.
    """

    def notebook_with(answers: dict[str, str]) -> nbformat.NotebookNode:
        notebook = student_notebook(master)
        for cell in notebook.cells:
            cell.source = answers.get(cell.id.removeprefix("task-"), cell.source)
        return notebook

    return notebook_with


@pytest.fixture(scope="session")
def warm():
    """An `opener` for `judge`: workers that are forked, as in a class, and need no start of their
    own.
    """
    graded = exam.exam_of(COLORIZATION)
    return zygote(graded.preload, graded.packs).slots[0].open


@pytest.fixture
def lent_zygote(monkeypatch) -> None:
    """Pools share the zygote of the tests."""
    lend_zygotes(monkeypatch)


@pytest.fixture
def impatient(monkeypatch):
    """A judge that waits less long for what hangs; what is right is long ready."""
    limits = replace(Limits(), cell=4.0, call=2.0)
    monkeypatch.setattr(exam, "limits_of", lambda master: limits)
    exam._exam_at.cache_clear()
    yield
    exam._exam_at.cache_clear()


@pytest.fixture
def hand_in(tmp_path) -> Callable[[object], Path]:
    """Write a notebook, or anything, as a submitted file; beside it lies a trained network."""

    def hand_in(content: object) -> Path:
        path = tmp_path / f"{COLORIZATION.name}.ipynb"
        shutil.copy(REFERENCE_FILES["colorizer.safetensors"], tmp_path)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return hand_in
