"""Calls that a task may not make: blocked while it is called, and free again afterwards."""

import pytest
import torch
from workers import BOXED, start

from autograder.checks import forbidden_of

RULES = {
    "loss": {
        "names": [
            "torch.nn.functional.mse_loss",
            "torch.nn.MSELoss",
            "torch.Tensor.softmax",
            "numpy.dot",
        ],
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
        assert worker.forbid(rules)
        assert worker.cell(NOTEBOOK).ok
        yield worker


# For each forbidden task, the routes that the installed libraries have to its result, or to most of
# it.
LIBRARY = {
    "conv2d": {
        "torch's own": "F.conv2d(x, w)",
        "mkldnn tensors": "F.conv2d(x.to_mkldnn(), w).to_dense()",
        "mkldnn's operator": "torch.ops.mkldnn._convolution_pointwise("
        "x, w, None, [0, 0], [1, 1], [1, 1], 1, 'none', [], '')",
        "bfloat16": "F.conv2d(x.bfloat16(), w.bfloat16()).float()",
        "rows": "torch.conv_tbc("
        "x[0].permute(1, 2, 0).contiguous(), torch.ones(2, 1, 1), torch.zeros(1))",
        "one dimension": "F.conv1d(x[0, 0][:, None], torch.ones(1, 1, 2))",
        "transposed": "F.conv_transpose2d(x, w)",
        "the gradient by the weights": "torch.nn.grad.conv2d_weight("
        "x, (1, 1, 2, 2), torch.ones(1, 1, 4, 4))",
        "the gradient by the input": "torch.nn.grad.conv2d_input("
        "(1, 1, 5, 5), w, torch.ones(1, 1, 4, 4))",
        "deformed": "torchvision.ops.deform_conv2d(x, torch.zeros(1, 8, 4, 4), w)",
        "deformed, as a module": "torchvision.ops.DeformConv2d(1, 1, 2)("
        "x, torch.zeros(1, 8, 4, 4))",
        "scipy.signal": "signal.convolve2d(x[0, 0], w[0, 0], 'valid')",
        "scipy.signal, by Fourier": "signal.fftconvolve(x[0, 0], w[0, 0], 'valid')",
        "scipy.signal, any number of axes": "signal.correlate(x[0, 0], w[0, 0], 'valid')",
        "scipy.signal's inner part": "signal._sigtools._convolve2d(np.eye(3), np.eye(2), 0, 0, 0)",
        "scipy.ndimage": "ndimage.convolve(x[0, 0], w[0, 0])",
        "scipy.ndimage, correlated": "ndimage.correlate(x[0, 0], w[0, 0])",
        "NumPy": "np.convolve(x.flatten(), w.flatten())",
    },
    "max_pool2d": {
        "torch's own": "F.max_pool2d(x, 2)",
        "with indices": "F.max_pool2d(x, 2, return_indices=True)[0]",
        "adaptive": "F.adaptive_max_pool2d(x, 2)",
        "fractional": "F.fractional_max_pool2d(x, 2, output_size=2)",
        "one dimension": "F.max_pool1d(x[0], 2)",
        "three dimensions": "F.max_pool3d(x, (1, 2, 2))",
        "of regions": "torchvision.ops.roi_pool(x, torch.tensor([[0.0, 0, 0, 3, 3]]), 2)",
        "scipy.ndimage": "ndimage.maximum_filter(x[0, 0].numpy(), 2)[::2, ::2]",
        "scipy.ndimage, by ranks": "ndimage.rank_filter(x[0, 0].numpy(), -1, 2)",
        "scipy.ndimage, as morphology": "ndimage.grey_dilation(x[0, 0].numpy(), 2)",
        "skimage": "measure.block_reduce(x[0, 0].numpy(), 2, np.max)",
    },
    "softmax": {
        "torch's own": "torch.softmax(x, -1)",
        "a method": "x.softmax(-1)",
        "from its logarithm": "F.log_softmax(x, -1).exp()",
        "from its logarithm, a method": "x.log_softmax(-1).exp()",
        "torch.special": "torch.special.softmax(x, -1)",
        "softmin": "F.softmin(-x, -1)",
        "sparse": "torch.sparse.softmax(x[0, 0].to_sparse(), 1).to_dense()",
        "masked": "torch.masked.softmax(x, -1)",
        "attention": "F.scaled_dot_product_attention(x, *2 * [torch.eye(5)[None, None]], scale=1)",
        "a distribution": "torch.distributions.Categorical(logits=x).probs",
        "SciPy": "special.softmax(x.numpy(), -1)",
        "scikit-learn": "extmath.softmax(x[0, 0].numpy())",
    },
    "cross_entropy": {
        "torch's own": "F.cross_entropy(x[0, 0], torch.arange(5))",
        "nll_loss": "F.nll_loss(F.log_softmax(x[0, 0], -1), torch.arange(5))",
        "kl_div": "F.kl_div(F.log_softmax(x[0, 0], -1), torch.eye(5), reduction='batchmean')",
        "a module": "nn.NLLLoss()(F.log_softmax(x[0, 0], -1), torch.arange(5))",
    },
}
STEPS = {  # of the formulas, which are allowed
    "conv2d": "F.unfold(x, 2).sum() + x.unfold(2, 2, 1).sum() + torch.fft.fft2(x).abs() + x @ x",
    "max_pool2d": "x.unfold(2, 2, 2).amax(-1).sum() + F.unfold(x, 2).max() + x",
    "softmax": "(x - x.logsumexp(-1, keepdim=True)).exp() + torch.sigmoid(x)",
    "cross_entropy": "-(x * F.log_softmax(x, -1)).sum() + "
    "torch.logsumexp(x, -1) + torch.softmax(x, -1)",
}
ROUTES = [(task, way) for task, ways in LIBRARY.items() for way in ways]


@pytest.fixture(scope="module", params=BOXED[-1:])
def library(request):
    """A worker with the course's own rules, and a function for each of the routes."""
    rules = forbidden_of("cnn_classifier")
    sent = {
        task: {"names": list(rules[task].names), "ops": list(rules[task].ops)} for task in LIBRARY
    }
    with start(request.param) as worker:
        assert worker.forbid(sent)
        lines = [
            *(
                "import numpy as np, torch, torchvision",
                "from torch import nn",
                "import torch.nn.functional as F",
            ),
            *("from scipy import ndimage, signal, special", "from skimage import measure"),
            "from sklearn.utils import extmath",
        ]
        for task, ways in LIBRARY.items():
            lines += [f"{task.upper()} = {{"]
            lines += [f"    {way!r}: lambda x, w: {code}," for way, code in ways.items()]
            lines += [
                "}",
                f"def {task}(x, w, way): return torch.as_tensor({task.upper()}[way](x, w))",
            ]
            lines += [
                f"def free_{task}(x, w, way): return torch.as_tensor({task.upper()}[way](x, w))"
            ]
        for task, code in STEPS.items():
            lines += [f"{task.upper()}['steps'] = lambda x, w: {code}"]
        cell = worker.cell("\n".join(lines))
        assert cell.ok, cell
        yield worker


@pytest.mark.parametrize(("task", "way"), ROUTES)
def test_no_library_does_a_forbidden_task(library, task, way):
    x = torch.arange(25.0).sin().reshape(1, 1, 5, 5)
    given = [x, torch.ones(1, 1, 2, 2), way]
    assert library.call(f"free_{task}", given).status == "ok"
    assert library.call(task, given).exception == "PermissionError"
    assert library.call(f"free_{task}", given).status == "ok"


@pytest.mark.parametrize("task", STEPS)
def test_steps_of_the_formula_are_free(library, task):
    x = torch.arange(25.0).sin().reshape(1, 1, 5, 5)
    assert library.call(task, [x, torch.ones(1, 1, 2, 2), "steps"]).status == "ok"


UNDOING = """
import contextlib, logging, os, subprocess, sys, types
import multiprocessing
import torch
import torch.nn.functional as F

COPY = types.FunctionType(F.mse_loss.__code__, F.__dict__, "copy", F.mse_loss.__defaults__)
WAYS = {}

def way(function):
    WAYS[function.__name__] = function
    return function

def walk():
    frame = logging.currentframe()
    while frame is not None:
        yield frame
        frame = getattr(frame, "f_" + "back")

@way
def a_copy_of_the_code(x):
    return COPY(x, x)

@way
def clears_all_that_the_stack_shows(x):
    for frame in walk():
        module = frame.f_globals.get("blocker", object)
        for names in (frame.f_locals, frame.f_globals, vars(module)):
            for name, value in [*names.items()]:
                if isinstance(value, (dict, list, set)) and ("rule" in name or "refused" in name):
                    value.clear()
    with contextlib.suppress(PermissionError):
        F.mse_loss(x, x)
    return x.sum()

@way
def replaces_the_function_that_refuses(x):
    module = sys.modules["inside.blocker"]
    for name, value in [*vars(module).items()]:
        if name.startswith(("refuse", "_refuse")):
            setattr(module, name, lambda *_, **__: None)
    with contextlib.suppress(PermissionError):
        F.mse_loss(x, x)
    return x.sum()

@way
def puts_the_code_back(x):
    F.mse_loss.__code__ = COPY.__code__
    return x.sum()

@way
def puts_a_method_back(x):
    del torch.Tensor.softmax
    return x.softmax(0)

@way
def looks_for_the_block_with_gc(x):
    import gc
    for one in gc.get_objects():
        if isinstance(one, torch.library.Library):
            one._destroy()
    return F.mse_loss(x, x)

@way
def a_subprocess(x):
    with contextlib.suppress(PermissionError):
        subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True)
        return x.sum()
    raise PermissionError

@way
def the_shell(x):
    os.system("true")
    return x.sum()

@way
def a_process_that_is_spawned(x):
    multiprocessing.get_context("spawn").Process(target=print).start()
    return x.sum()

@way
def a_child_that_is_forked(x):
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    if not os.fork():
        try:
            theirs.send(float(F.mse_loss(x, x)))
        except PermissionError:
            theirs.send("refused")
        os._exit(0)
    if ours.recv() == "refused":
        raise PermissionError
    return x.sum()

class Data:
    def __init__(self, x): self.x = x
    def __len__(self): return 1
    def __getitem__(self, _): return F.mse_loss(self.x, self.x)

@way
def the_child_of_a_loader(x):
    return next(iter(torch.utils.data.DataLoader(Data(x), num_workers=1)))[0]

def loss(x, way): return WAYS[way](x)
def other(x, way): return WAYS[way](x)
"""
UNDONE = [line[4:].split("(")[0] for line in UNDOING.split("@way\n")[1:]]


@pytest.fixture(scope="module", params=BOXED[-1:])
def undoing(request):
    with start(request.param) as worker:
        assert worker.forbid(RULES)
        cell = worker.cell(UNDOING)
        assert cell.ok, cell
        yield worker


@pytest.mark.parametrize("way", UNDONE)
def test_to_undo_the_block_or_go_around_it_does_not_help(undoing, way):
    assert undoing.call("loss", [X, way]).exception == "PermissionError"
    assert undoing.call("other", [X, "a_copy_of_the_code"]).status == "ok"
    assert undoing.call("loss", [X, "a_copy_of_the_code"]).exception == "PermissionError"


SERVER = """
import os, torch, time
import torch.nn.functional as F
ask, asked = os.pipe()
answer, answered = os.pipe()
if not os.fork():
    if not os.fork():  # an orphan
        while os.read(ask, 1):
            os.write(answered, b"%d" % F.mse_loss(torch.ones(1), torch.zeros(1)))
    os._exit(0)
os.waitpid(-1, 0)

def wait(x):
    os.write(asked, b"?")
    end = time.process_time() + 0.3
    while time.process_time() < end:
        import select
        if select.select([answer], [], [], 0)[0]:
            return os.read(answer, 1)[0] - 48 + x.sum()
    return -x.sum()

def loss(x): return wait(x)
def other(x):
    os.write(asked, b"?")
    return os.read(answer, 1)[0] - 48 + x.sum()
"""


def test_a_process_from_before_waits_until_the_call_is_over():
    with start() as worker:
        assert worker.forbid(RULES)
        assert worker.cell(SERVER).ok
        assert worker.call("other", [X]).value == 5
        assert worker.call("loss", [X]).value == -4
        assert worker.call("other", [X]).value == 5


X = torch.eye(4)
WAYS = [
    "its name",
    "kept before",
    "a module kept before",
    "a new module",
    "the operator",
    "its overload",
]
WAYS += ["an inner name", "a convolution", "a method", "another library", "under no_grad"]
WAYS += ["under inference_mode", "under vmap"]


@pytest.mark.parametrize("way", WAYS)
def test_whatever_leads_there_is_blocked_and_then_free_again(worker, way):
    for _ in range(2):
        assert worker.call("loss", [X, way]).exception == "PermissionError"
        assert worker.call("other", [X, way]).status == "ok"


def test_a_name_that_there_is_not_blocks_nothing_and_hides_no_other():
    missing = {"names": ["torch.no_such_name", "no_such_library.x", *RULES["loss"]["names"]]}
    with start() as worker:
        assert worker.forbid(RULES | {"loss": RULES["loss"] | missing})


def test_rules_that_can_not_be_read_are_refused():
    with start() as worker:
        assert not worker.forbid({"loss": {"names": "torch.add", "ops": 3}})
        assert worker.forbid(RULES)


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
