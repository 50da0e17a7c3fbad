"""Visible checks catch the classic mistakes, and accept what is right however it is written."""

import pytest
from visible import Notebook

from autograder.alternatives import alternatives_of
from autograder.misconceptions import misconceptions_of

ENOUGH = 0.75  # of a topic's misconceptions
TOPICS = ["data_driven_graphics", "cnn_classifier"]


@pytest.fixture(scope="module", params=TOPICS)
def notebook(request):
    return Notebook(request.param)


def test_three_in_four_misconceptions_fail(notebook):
    items = [item for each in misconceptions_of(notebook.topic).values() for item in each]
    passed = [f"{i.task}: {i.name}" for i in items if not notebook.says_of(i.task, i.function)]
    assert len(passed) <= (1 - ENOUGH) * len(items), passed


def test_every_alternative_passes(notebook):
    says = {
        f"{task}: {one.__name__}": notebook.says_of(task, one)
        for task, several in alternatives_of(notebook.topic).items()
        for one in several
    }
    assert {name: said for name, said in says.items() if said} == {}
