"""A call gives the same answer here, as of the reference, and in a worker, as of a student."""

import math

import nbformat
import numpy as np
import pytest
import torch
from workers import DEFAULT, zygote

from autograder.checks import Failure
from autograder.judge.checking.remote_submission import RemoteSubmission
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.inside import calls, codec
from autograder.judge.limits import Limits

SOURCE = """
import torch
def leaves(x): return 1
def appends(values): values.append(1); return 1
def appends_to_named(x, values): values.append(1); return 1
def fills(x): x[:] = 7; return 1
def adds(x): return x.add_(1)
def resizes(x): x.resize_(1); return 1
def wants_gradients(x): x.requires_grad_(); return 1
def negates(values): values[0] = -values[0]; return 1
def squares(x, scale=1.0): return (x ** 2 * scale).sum()
def pair(x): return x * 2, x * 3
def detached(x): return (x ** 2).sum().detach()
def partly(x): return x * 2, x.detach()
def constant(x): return torch.ones(3, requires_grad=True).sum()
def nothing(x): return []
"""
X = torch.tensor([1.0, -2.0, 3.0])


def local():
    names = {"__name__": "answers"}
    exec(SOURCE, names)
    return LocalSubmission(names)


@pytest.fixture(scope="module")
def remote():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE, id="task-all")])
    opener = zygote().slots[0].open if DEFAULT == "warm" else None
    level = "bubblewrap" if DEFAULT == "warm" else "process"
    with RemoteSubmission(notebook, level, Limits(), opener) as found:
        found.run_cells()
        yield found


@pytest.fixture(params=["here", "in a worker"])
def submission(request):
    return local() if request.param == "here" else request.getfixturevalue("remote")


# ---------------------------------------------------------------------------- arguments that change


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "changed"),
    [
        ("leaves", [torch.tensor([math.nan])], {}, False),
        ("leaves", [np.array([math.nan, 1.0])], {}, False),
        ("leaves", [math.nan], {}, False),
        ("leaves", [[math.nan, {"a": -0.0}]], {}, False),
        ("leaves", [torch.zeros(4, 3).mT], {}, False),
        ("leaves", [torch.ones(2, requires_grad=True)], {}, False),
        ("appends", [[1, 2]], {}, True),
        ("appends_to_named", [1], {"values": [X]}, True),
        ("fills", [X], {}, True),
        ("fills", [np.zeros(3)], {}, True),
        ("fills", [torch.zeros(4, 3).mT], {}, True),
        ("fills", [torch.full((3,), 7.0)], {}, False),
        ("resizes", [X], {}, True),
        ("wants_gradients", [X], {}, True),
        ("negates", [[0.0]], {}, True),
    ],
)
def test_whether_an_argument_was_changed_is_told_in_the_same_way(
    submission, task, args, kwargs, changed
):
    assert getattr(submission, task)(*args, **kwargs) == 1
    assert submission.calls[-1].changed is changed


def test_what_a_check_gives_stays_as_it_is(submission):
    x, array, values = X.clone(), np.zeros(3), [X.clone()]
    submission.fills(x)
    submission.fills(array)
    submission.resizes(x)
    submission.wants_gradients(x)
    submission.appends(values)
    assert torch.equal(x, X)
    assert not x.requires_grad
    assert not array.any()
    assert len(values) == 1


def test_what_a_call_returns_is_not_undone_with_its_argument(submission):
    assert torch.equal(submission.adds(X), X + 1)
    assert submission.calls[-1].changed


def test_an_argument_that_can_not_be_sent_is_handed_on_here():
    given = object()
    submission = LocalSubmission({"same": lambda value: value is given})
    assert submission.same(given) is True
    assert not submission.calls[-1].changed


@pytest.mark.parametrize(
    ("before", "after", "equal"),
    [
        (math.nan, math.nan, True),
        (0.0, -0.0, False),
        (1, True, False),
        (1, 1.0, False),
        ((1, 2), [1, 2], False),
        (torch.tensor([math.nan]), torch.tensor([math.nan]), True),
        (torch.tensor([0.0]), torch.tensor([-0.0]), False),
        (torch.zeros(2, 3), torch.zeros(3, 2), False),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), False),
        (torch.zeros(2), np.zeros(2, np.float32), False),
    ],
)
def test_snapshots_are_compared_bit_by_bit(before, after, equal):
    keep = codec.Kept().keep
    assert calls.same(calls.snapshot(before, keep), calls.snapshot(after, keep)) is equal


# ---------------------------------------------------------------------------------------- gradients


def test_gradients_are_the_same(submission):
    assert torch.allclose(submission.gradient_of("squares", X), 2 * X)
    assert torch.allclose(submission.gradient_of("squares", X, scale=3.0), 6 * X)
    weights = [torch.ones(3), X]
    assert torch.allclose(submission.gradient_of("pair", X, cotangent=weights), 2 + 3 * X)
    assert not submission.calls[-1].changed


@pytest.mark.parametrize("task", ["detached", "partly", "constant", "nothing", "leaves"])
def test_where_no_gradient_flows_is_told_in_the_same_way(submission, task):
    with pytest.raises(Failure) as failure:
        submission.gradient_of(task, X, cotangent=None)
    assert failure.value.kind == "no gradient"
