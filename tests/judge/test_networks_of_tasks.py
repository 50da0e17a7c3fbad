"""Networks that tasks make, which can't be sent: a check uses them the same way in either place."""

import nbformat
import pytest
import torch
from torch import nn
from workers import DEFAULT, zygote

from autograder.checks import Failure
from autograder.judge.checking.explain import explain
from autograder.judge.checking.remote_submission import RemoteSubmission
from autograder.judge.checking.submission import LocalSubmission, RemoteObject
from autograder.judge.limits import Limits
from autograder.misconceptions import Misconception

SOURCE = """
import os, torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(3, width)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.layer(x).relu()

    def counted(self):
        return self.calls

    def dies(self):
        os._exit(1)
"""


def local() -> LocalSubmission:
    names = {"__name__": "answers"}
    exec(SOURCE, names)
    return LocalSubmission(names)


def remote() -> RemoteSubmission:
    cells = [nbformat.v4.new_code_cell(SOURCE, id="task-Net")]
    opener = zygote().slots[0].open if DEFAULT == "warm" else None
    level = "bubblewrap" if DEFAULT == "warm" else "process"
    return RemoteSubmission(nbformat.v4.new_notebook(cells=cells), level, Limits(), opener)


@pytest.fixture(params=["local", "remote"])
def submission(request):
    if request.param == "local":
        yield local()
        return
    with remote() as found:
        found.run_cells()
        yield found


def test_a_network_is_called_and_so_are_its_methods(submission):
    net = submission.Net(4)
    assert isinstance(net, RemoteObject)
    weights = {"layer.weight": torch.randn(4, 3), "layer.bias": torch.randn(4)}
    net.load_state_dict(weights)
    x = torch.randn(5, 3)
    expected = (x @ weights["layer.weight"].T + weights["layer.bias"]).relu()
    assert torch.allclose(net(x), expected)
    assert torch.allclose(net.eval()(x), expected)
    stored = net.state_dict()
    assert list(stored) == list(weights)
    assert torch.equal(stored["layer.bias"], weights["layer.bias"])
    assert net.counted() == 2


def test_it_is_differentiated(submission):
    net = submission.Net(4)
    weight, x = net.state_dict()["layer.weight"], torch.randn(5, 3)
    active = (net(x) > 0).float()
    slope = submission.gradient_of(net, x, cotangent=torch.ones(5, 4))
    assert torch.allclose(slope, active @ weight)


def test_two_are_two(submission):
    one, other = submission.Net(4), submission.Net(2)
    assert one(torch.ones(1, 3)).shape == (1, 4)
    assert other(torch.ones(1, 3)).shape == (1, 2)
    assert one.counted() == other.counted() == 1


def test_what_is_wrong_is_a_failure(submission):
    net = submission.Net(4)
    with pytest.raises(Failure, match="there is no `nothing` of what `Net` gives") as missing:
        net.nothing()
    assert missing.value.kind == "not defined"
    with pytest.raises(Failure) as shape:
        net(torch.ones(1, 7))
    assert shape.value.kind == "error"


def test_a_crash_costs_the_call_and_the_network_is_made_again():
    """In a fresh worker, with its weights and all that it has been through."""
    with remote() as submission:
        submission.run_cells()
        net = submission.Net(4)
        net.load_state_dict({"layer.weight": torch.full((4, 3), 2.0), "layer.bias": torch.zeros(4)})
        assert net(torch.ones(1, 3)).tolist() == [[6.0] * 4]
        with pytest.raises(Failure) as died:
            net.dies()
        assert died.value.kind == "crash"
        assert net(torch.ones(1, 3)).tolist() == [[6.0] * 4]
        assert net.counted() == 2
        assert submission.resources["workers"] == 2


def test_a_misconception_is_named_by_what_its_network_answers():
    right, wrong = local(), local()

    class NoRelu(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer = nn.Linear(3, width)

        def forward(self, x):
            return self.layer(x)

    wrong._functions["Net"] = NoRelu
    found = Misconception("Net", "no relu", "Is there a ReLU?", NoRelu)
    weights = {"layer.weight": -torch.ones(4, 3), "layer.bias": torch.zeros(4)}
    for submission, named in ((wrong, found), (right, None)):
        net = submission.Net(4)
        net.load_state_dict(weights)
        net(torch.ones(2, 3))
        assert explain(submission.calls, [found]) is named
