"""Misconceptions and alternatives as a student would have written them: `as_answer`."""

import ast

import pytest

from autograder.alternatives import alternatives_of
from autograder.assignments import assignments
from autograder.demo import as_answer
from autograder.misconceptions import misconceptions_of

TOPICS = [assignment.topic for assignment in assignments()]


@pytest.mark.parametrize("topic", TOPICS)
def test_each_is_a_cell_that_defines_its_task_and_names_nothing_of_ours(topic):
    several = alternatives_of(topic).items()
    answers = [(task, one) for task, right in several for one in right]
    for task, wrong in misconceptions_of(topic).items():
        answers += [(task, one.function) for one in wrong]
    for task, function in answers:
        source = as_answer(function, task)
        names = {node.name for node in ast.parse(source).body if hasattr(node, "name")}
        assert task in names, function.__name__
        ours = ("@misconception", "@alternative", "autograder")
        assert not [word for word in ours if word in source], function.__name__


def notebook_with(function: object, task: str) -> dict:
    names: dict = {}
    exec(as_answer(function, task), names)
    return names


def test_one_that_calls_itself_calls_itself_by_its_new_name():
    (recursive,) = (
        one
        for one in alternatives_of("cnn_classifier")["conv_net"]
        if one.__name__ == "network_by_recursion"
    )
    source = as_answer(recursive, "conv_net")
    assert "network_by_recursion" not in source
    assert source.count("conv_net(") > 1


def test_one_that_uses_another_works():
    import torch

    wrong = misconceptions_of("data_driven_graphics")["pairwise_squared_distances"]
    (clamped,) = (one for one in wrong if one.name == "clamped without centring")
    names = notebook_with(clamped.function, "pairwise_squared_distances")
    found = names["pairwise_squared_distances"](torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    assert found.item() == 25


def test_a_class_gets_the_tasks_name():
    for network in alternatives_of("cnn_classifier")["ConvNet"]:
        assert notebook_with(network, "ConvNet")["ConvNet"](3, 10).state_dict()
