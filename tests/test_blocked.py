"""Calls that a task may not make: blocked in the worker while it is called, and as before afterwards."""

import pytest
import torch
from workers import BOXED, start

RULES = {
    "loss": {
        "names": ["torch.nn.functional.mse_loss", "torch.nn.MSELoss", "torch.Tensor.softmax", "numpy.dot"],
        "ops": ["aten::mse_loss", "aten::convolution"],
    }
}
NOTEBOOK = """
import threading
import numpy as np
import torch
import torch.nn.functional as F
kept = F.mse_loss, torch.nn.MSELoss(), torch.ops.aten.mse_loss, torch._C._nn.mse_loss, F.conv2d

WAYS = {
    "its name": lambda x: F.mse_loss(x, x),
    "kept before": lambda x: kept[0](x, x),
    "a module kept before": lambda x: kept[1](x, x),
    "a new module": lambda x: torch.nn.MSELoss()(x, x),
    "the operator": lambda x: kept[2](x, x),
    "its overload": lambda x: torch.ops.aten.mse_loss.default(x, x),
    "an inner name": lambda x: kept[3](x, x),
    "a convolution": lambda x: kept[4](x[None, None], x[None, None]),
    "a method": lambda x: x.softmax(0),
    "another library": lambda x: np.dot(x.numpy(), x.numpy()),
    "under no_grad": lambda x: torch.no_grad()(kept[0])(x, x),
    "under inference_mode": lambda x: torch.inference_mode()(kept[0])(x, x),
    "under vmap": lambda x: torch.vmap(lambda row: kept[3](row, row))(x),
}

def loss(x, way):
    return WAYS[way](x)

def other(x, way):
    return WAYS[way](x)

def allowed(x):
    return x.log_softmax(0).sum() + (x @ x).mean()

def catches(x, way):
    try:
        return WAYS[way](x)
    except BaseException:
        return x.sum()

def in_a_thread(x, way):
    found = []
    thread = threading.Thread(target=lambda: found.append(WAYS[way](x)))
    thread.start()
    thread.join()
    return found[0]

class Net:
    def __init__(self): pass
    def go(self, x): return F.mse_loss(x, x)
"""


@pytest.fixture(scope="module", params=BOXED)
def worker(request):
    with start(request.param) as worker:
        rules = RULES | dict.fromkeys(("allowed", "catches", "in_a_thread", "Net"), RULES["loss"])
        assert worker.cell(f"__import__('blocked').install({rules!r})", silent=True).ok
        assert worker.cell(NOTEBOOK).ok
        yield worker


X = torch.eye(4)
WAYS = ["its name", "kept before", "a module kept before", "a new module", "the operator", "its overload"]
WAYS += ["an inner name", "a convolution", "a method", "another library", "under no_grad"]
WAYS += ["under inference_mode", "under vmap"]


@pytest.mark.parametrize("way", WAYS)
def test_whatever_leads_there_is_blocked_and_then_free_again(worker, way):
    for _ in range(2):
        assert worker.call("loss", [X, way]).exception == "PermissionError"
        assert worker.call("other", [X, way]).status == "ok"


def test_what_is_not_named_is_not_blocked(worker):
    assert worker.call("allowed", [X]).status == "ok"
    assert worker.call("allowed", [X], wrt=0).status == "ok"


@pytest.mark.parametrize("task", ["catches", "in_a_thread"])
@pytest.mark.parametrize("way", ["its name", "an inner name"])
def test_neither_catching_it_nor_a_thread_helps(worker, task, way):
    assert worker.call(task, [X, way]).exception == "PermissionError"


def test_what_a_task_has_made_is_bound_by_its_rules(worker):
    made = worker.call("Net").value
    assert worker.call(made, [X], method="go").exception == "PermissionError"
    assert worker.call("other", [X, "its name"]).status == "ok"
