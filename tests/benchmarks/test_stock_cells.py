"""What stock nbgrader is given in the benchmark: cells that are right about right and wrong
answers.
"""

import shutil
from collections.abc import Callable, Mapping

import pytest
import torch
from stock_cells import BEGIN, END, hidden_tests
from stock_submission import StockSubmission

from autograder.alternatives import alternatives_of
from autograder.assignments import Assignment, assignments
from autograder.checks import Failure, checks_of
from autograder.judge.checking.submission import REFERENCE_FILES, LocalSubmission
from autograder.misconceptions import misconceptions_of

NAMES = [assignment.name for assignment in assignments()]
# A task of each assignment, and what is special about its checks.
TASKS = {
    "data_driven_graphics": "kmeans",  # pairs
    "cnn_classifier": "max_pool2d",  # gradients
    "chair_generator": "conv_output_size",  # exceptions that are asked for
    "colorization": "rebalancing_weights",
}


@pytest.fixture
def beside(tmp_path, monkeypatch) -> None:
    """The folder of a notebook, with the networks that are handed in."""
    for file in REFERENCE_FILES.values():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)


def run(topic: str, task: str, names: Mapping[str, object]) -> dict[str, object]:
    """Run a task's grade cell where these names are; the names that there are then."""
    notebook = dict(names)
    exec(hidden_tests(topic, task), notebook)
    del notebook["__builtins__"]
    return notebook


def reference(topic: str) -> dict[str, object]:
    module = vars(Assignment(f"0_{topic}").reference())
    return {name: value for name, value in module.items() if not name.startswith("__")}


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_passes_every_cell_and_no_name_of_the_notebook_changes(name, beside):
    topic = Assignment(name).topic
    names = reference(topic)
    for task in dict.fromkeys(check.task for check in checks_of(topic)):
        assert run(topic, task, names) == names


@pytest.mark.parametrize(("topic", "task"), TASKS.items())
def test_every_misconception_fails_and_every_alternative_passes(topic, task):
    names = reference(topic)
    for wrong in misconceptions_of(topic)[task]:
        with pytest.raises(AssertionError, match="."):
            run(topic, task, names | {task: wrong.function})
    for right in alternatives_of(topic)[task]:
        run(topic, task, names | {task: right})


@pytest.mark.parametrize(("topic", "task"), TASKS.items())
def test_a_stub_fails(topic, task):
    def stub(*args: object) -> None:
        raise NotImplementedError

    with pytest.raises(AssertionError, match="not written"):
        run(topic, task, {task: stub})
    with pytest.raises(AssertionError, match="there is no"):
        run(topic, task, {})


def test_students_see_nothing_of_it():
    source = hidden_tests("colorization", "l2_loss")
    assert source.startswith(BEGIN)
    assert source.endswith(END)
    assert "autograder" not in source


# ------------------------------------------------------- its `submission` is like that of the judge


def writes(x: torch.Tensor) -> torch.Tensor:
    return x.mul_(2)


def reads(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def fails(x: torch.Tensor) -> torch.Tensor:
    raise ValueError("no")


def constant(x: torch.Tensor) -> torch.Tensor:
    return torch.ones(3)


Submission = StockSubmission | LocalSubmission
FUNCTIONS = {"writes": writes, "reads": reads, "fails": fails, "constant": constant}
FUNCTIONS["Network"] = torch.nn.Linear
both = pytest.mark.parametrize("make", [StockSubmission, LocalSubmission])


@both
@pytest.mark.parametrize(("task", "changed"), [("writes", True), ("reads", False)])
def test_it_notices_a_call_that_writes_into_its_argument(make, task, changed):
    submission, given = make(FUNCTIONS), torch.tensor([1.0, torch.nan])
    getattr(submission, task)(given)
    assert submission.calls[-1].changed == changed
    assert given[0] == 1


@both
def test_it_differentiates(make):
    submission, cotangent = make(FUNCTIONS), torch.tensor([1.0, -2.0, 0.5])
    found = submission.gradient_of("reads", torch.zeros(3), cotangent=cotangent)
    assert torch.equal(found, 2 * cotangent)


@both
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda submission: submission.fails(torch.zeros(3)), "error"),
        (lambda submission: submission.lost(torch.zeros(3)), "not defined"),
        (lambda submission: submission.gradient_of("constant", torch.zeros(3)), "no gradient"),
        (lambda submission: submission.Network(4, 2).load_state_dict({"bias": 1}), "error"),
    ],
)
def test_it_fails_as_the_judges_does(make: type[Submission], call: Callable, kind: str):
    with pytest.raises(Failure, match=".") as failure:
        call(make(FUNCTIONS))
    assert failure.value.kind == kind


@both
def test_it_calls_networks_that_stay(make, beside):
    submission = make(FUNCTIONS)
    network = submission.Network(4, 2)
    weights = {"weight": torch.arange(8.0).view(2, 4), "bias": torch.ones(2)}
    network.load_state_dict(weights)
    assert torch.equal(network(torch.ones(1, 4)), torch.tensor([[7.0, 23.0]]))
    slope = submission.gradient_of(network, torch.ones(1, 4), cotangent=torch.ones(1, 2))
    assert torch.equal(slope, weights["weight"].sum(0, keepdim=True))
    assert network.state_dict().keys() == weights.keys()
    assert submission.saved("colorizer.safetensors")
