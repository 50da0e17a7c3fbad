"""The worker, from the judge's end: cells, calls, and every way for a submission to run wild.

Starting a worker takes seconds, so tests in which nothing dies share one for each level. A test in
which a worker does die starts its own, and `alive` shows first that what died before left nothing
behind.
"""

import os
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from workers import DEFAULT, STARTS, needs_bubblewrap, start

from autograder.judge.inside import frames, vocabulary
from autograder.judge.limits import MB, Limits
from autograder.judge.workers import cgroup, client
from autograder.judge.workers.client import Handle, StarvedError, WorkerDied

NOTEBOOK = '''
import collections, random, sys
import numpy as np
import torch
from torch import nn

def double(x, by=2): return x * by
def unsolved(x):
    """A stub."""
    raise NotImplementedError("unsolved")
def unsupported(x): return torch.ones(3, dtype=torch.int64).softmax(0)
class Own(ValueError): pass
def raises(x): raise Own(f"the hidden input is {x}")
def raises_deep(x):
    return double(None, by=x)
def raises_keyboard(x): raise KeyboardInterrupt
def raises_exit(x): sys.exit(0)
def recurses(x): return recurses(x)
def none(x): pass
def as_numpy(x): return x.numpy() * 2
def in_place(x, y=None):
    if y is not None: y *= 2
    return x.add_(1)
def appends(values): values.append(1)
def fills_nan(x): return x.clone()
def strides(x): return x.stride()
def is_tensor(x): return type(x) is torch.Tensor
def gets_grad(x): return x.requires_grad
def squares(x, scale=1.0): return (x ** 2 * scale).sum()
def detached(x): return (x ** 2).sum().detach()
def unused(x, y): return y.sum()
def rolls(): return torch.rand(3), np.random.rand(3), random.random()
def set_order(): return list({"a", "b", "c", "d", "e"})
def chatty(x):
    import matplotlib.pyplot as plt
    print("the hidden input is", x); print(x, file=sys.stderr)
    plt.plot([1, 2]); plt.show(); display(x)
    return x
def everything(x): return {"list": [x, (1, None)], "float": float("nan"), "text": "t" * 10_000}
def set_of(x): return {1}
def generator(x): yield x
def expanded(x): return torch.zeros(1).expand(2 ** 40)
def huge(x): return torch.zeros(10 ** 11)
def greedy(x): return bytearray(10 ** 11)
class Hostile:
    def __eq__(self, other): return True
    def __bool__(self): return True
    def __reduce__(self): return (print, ("unpickled",))
    def __getattr__(self, name): raise KeyboardInterrupt
def hostile(x): return Hostile()
class Net(nn.Module):
    def __init__(self, n, bias=True):
        super().__init__()
        self.layer = nn.Linear(n, n, bias=bias)
    def forward(self, x): return self.layer(x)
    def unsolved(self): raise NotImplementedError
def apply(function, x): return function(x)
constant = 3
'''
LINES = NOTEBOOK.splitlines()


def line_of(text):
    """The line of the notebook's one cell that holds a text."""
    return next(number for number, line in enumerate(LINES, 1) if text in line)


@pytest.fixture(scope="module", params=STARTS)
def worker(request):
    """One worker for all tests in which nothing dies.

    No test may leave anything changed in it.
    """
    with start(request.param, Limits(cell=60, call=60, submission=600, cpu=300)) as worker:
        assert worker.cell(NOTEBOOK).ok
        yield worker


@pytest.fixture(params=STARTS)
def level(request):
    """Every way to start one."""
    return request.param


@contextmanager
def alive(level=DEFAULT, **limits):
    """A worker of its own, that works."""
    with start(level, Limits(**limits)) as worker:
        assert texts(worker.cell("1 + 1")) == ["2"]
        yield worker


def texts(reply):
    """The text of each output."""
    return [
        output.get("text") or output.get("evalue") or output["data"]["text/plain"]
        for output in reply.outputs
    ]


def said(worker, source):
    """What a cell prints."""
    reply = worker.cell(source)
    assert reply.ok, reply.outputs
    return "".join(texts(reply)).strip()


# -------------------------------------------------------------------------------------------- cells


def test_outputs_come_in_order(worker):
    reply = worker.cell(
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\ndisplay(3)\n4"
    )
    assert reply.ok
    assert reply.outputs == [
        {"output_type": "stream", "name": "stdout", "text": "a\n"},
        {"output_type": "stream", "name": "stderr", "text": "b\n"},
        {"output_type": "stream", "name": "stdout", "text": "c\n"},
        {"output_type": "display_data", "data": {"text/plain": "3"}},
        {"output_type": "execute_result", "data": {"text/plain": "4"}},
    ]


@needs_bubblewrap
def test_a_worker_lets_others_go_first():
    with start("warm") as worker:
        worker.lower_priority(0)
        before = {os.getpriority(os.PRIO_PROCESS, one) for one in worker._box.family()}
        worker.lower_priority(7)
        after = {os.getpriority(os.PRIO_PROCESS, one) for one in worker._box.family()}
        assert before == {os.getpriority(os.PRIO_PROCESS, 0)}
        assert after == {7}
        reply = worker.cell("print(open('/proc/self/stat').read().split()[18])")
        assert reply.outputs[0]["text"].strip() == "7"


@pytest.mark.parametrize(
    "source",
    [
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "plt.figure()\nplt.plot([2, 1])",
    ]
    + ["%matplotlib inline\nplt.plot([1, 2]);"],
    ids=["shown", "left open", "magic"],
)
def test_figures_come_out_as_png(worker, source):
    worker.cell("import matplotlib.pyplot as plt", silent=True)
    reply = worker.cell(source)
    pngs = [
        output["data"]["image/png"]
        for output in reply.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pngs) == 1
    assert pngs[0].startswith(b"\x89PNG")
    assert worker.cell("1;").outputs == []


def test_html_is_not_kept(worker):
    reply = worker.cell("from IPython.display import HTML\nHTML('<script>alert(1)</script>')")
    assert [list(output["data"]) for output in reply.outputs] == [["text/plain"]]


def test_magics_and_shell_commands_work(worker):
    assert "Wall time" in said(worker, "%time sum(range(10))")
    assert said(worker, "!echo hello").strip() == "hello"
    assert said(worker, "%%capture out\nprint('kept')") == ""
    assert said(worker, "await __import__('asyncio').sleep(0, 'awaited')") == "'awaited'"


def test_an_error_is_an_output_and_the_next_cell_runs(worker):
    reply = worker.cell("print('before')\n1 / 0")
    assert not reply.ok
    stream, error = reply.outputs
    assert stream["text"] == "before\n"
    assert error["ename"] == "ZeroDivisionError"
    assert error["evalue"] == "division by zero"
    assert "----> 2 1 / 0" in error["traceback"]
    assert "\x1b" not in error["traceback"]
    assert said(worker, "1 + 1") == "2"


@pytest.mark.parametrize(
    ("source", "ename"),
    [
        ("x =", "SyntaxError"),
        ("import sys\nsys.exit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("input('name? ')", "EOFError"),
        ("def f(): return f()\nf()", "RecursionError"),
        ("no_such_name", "NameError"),
        ("class E(Exception):\n    def __str__(self): raise KeyboardInterrupt\nraise E", "E"),
        ("b = bytearray(10 ** 11)", "MemoryError"),
    ],
)
def test_no_exception_ends_the_worker(worker, source, ename):
    reply = worker.cell(source)
    assert not reply.ok
    assert ename in [output.get("ename") for output in reply.outputs] or ename in texts(reply)[0]
    assert said(worker, "1 + 1") == "2"


def test_a_magic_that_nobody_knows_is_skipped_and_told(worker):
    reply = worker.cell("%no_such_magic\n1 + 1")
    assert reply.ok
    assert [(line, source) for line, source, _ in reply.skipped] == [(1, "%no_such_magic")]
    assert reply.outputs[-1]["data"]["text/plain"] == "2"


def test_exit_and_warnings_are_no_errors(worker):
    assert worker.cell("exit").ok
    reply = worker.cell("import warnings\nwarnings.warn('careful')\n'done'")
    assert reply.ok
    assert [output["output_type"] for output in reply.outputs] == ["stream", "execute_result"]


def test_replaced_streams_are_put_back(worker):
    worker.cell("import sys, io\nsys.stdout = sys.stderr = io.StringIO()\nprint('lost')")
    assert said(worker, "print('found')") == "found"


def test_a_silent_cell_says_nothing(worker):
    reply = worker.cell("print(1)\ndisplay(2)\n3", silent=True)
    assert reply.ok
    assert reply.outputs == []


def test_the_notebook_is_main_and_its_source_can_be_read(worker):
    assert said(worker, "print(__name__, double.__module__)") == "__main__ __main__"
    assert "def double" in said(worker, "import inspect\nprint(inspect.getsource(double))")


def test_the_working_directory_is_empty_and_writable(worker):
    source = (
        "import os\nprint(os.listdir('.'))\nopen('note.txt', 'w').write('x')\nos.remove('note.txt')"
    )
    assert said(worker, source).splitlines()[0] == "[]"


def test_the_environment_is_clean(worker):
    names = said(worker, "import os\nprint(' '.join(os.environ))").split()
    allowed = {
        *(
            "HOME",
            "USER",
            "LOGNAME",
            "LANG",
            "PATH",
            "PWD",
            "PYTHONPATH",
            "PYTHONHASHSEED",
            "PYTHONUSERBASE",
        ),
        "COURSE_DATA",
        *(
            "PYTHONDONTWRITEBYTECODE",
            "IPYTHONDIR",
            "MPLCONFIGDIR",
            "MPLBACKEND",
            "CUDA_VISIBLE_DEVICES",
        ),
        *("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("PIP_NO_INDEX", "PIP_RETRIES", "PIP_DISABLE_PIP_VERSION_CHECK"),
        *("UV_OFFLINE", "HF_HUB_OFFLINE", "GIT_TERMINAL_PROMPT"),
    }
    assert {name for name in names if not name.startswith(("TORCH", "KMP_"))} <= allowed


def test_what_students_get_can_be_imported_and_the_rest_can_not(worker):
    assert said(worker, "import course_utils.color\nprint(course_utils.color.AB_SCALE)") == "110.0"
    for source in (
        "from course_utils.reference.colorization import multinomial_cross_entropy",
        "import course_utils.reference",
    ):
        assert "No module named 'course_utils.reference'" in texts(worker.cell(source))[0]


def test_the_graders_own_modules_are_not_on_the_path(worker):
    source = (
        "import os, sys\nprint([p for p in sys.path if os.path.isdir(os.path.join(p, 'inside'))])"
    )
    assert said(worker, source) == "[]"
    assert said(worker, "print(sys.path[0] == '')") == "True"
    for name in ("worker", "codec", "blocker", "statements"):
        assert f"No module named '{name}'" in texts(worker.cell(f"import {name}"))[0]


# -------------------------------------------------------------------------- output that is too much


@pytest.mark.parametrize(
    "source", ["print('x' * 2 ** 30)", "for _ in range(2 ** 20):\n    print('x' * 99)"]
)
def test_much_output_is_cut_and_costs_nothing(worker, source):
    reply = worker.cell(source + "\n'the end'")
    assert reply.ok
    assert 8 * MB <= len(texts(reply)[0]) < 9 * MB
    assert "[The output was cut here" in texts(reply)[0][-200:]
    assert said(worker, "1 + 1") == "2"


def test_many_outputs_are_cut(worker):
    reply = worker.cell(
        "import sys\nfor n in range(10_000):\n    print('\\0' * 200)\n    print(1, file=sys.stderr)"
    )
    assert len(reply.outputs) == 1000


def test_too_large_a_figure_is_left_out(worker):
    reply = worker.cell(
        "import numpy as np, matplotlib.pyplot as plt\n"
        "plt.figure(figsize=(30, 30))\nplt.imshow(np.random.rand(3000, 3000));plt.show()"
    )
    assert reply.ok
    assert sum(len(output["data"].get("image/png", b"")) for output in reply.outputs) <= 8 * MB


# -------------------------------------------------------------------------------------------- calls


def test_a_call(worker):
    x = torch.randn(3, 4)
    reply = worker.call("double", [x], {"by": 3})
    assert reply.status == "ok"
    assert torch.equal(reply.value, x * 3)
    assert not reply.changed
    assert not reply.requires_grad


@pytest.mark.parametrize("name", ["no_such_task", "del"])
def test_a_task_that_is_not_there_is_missing(worker, name):
    assert worker.call(name, [1]).status == "missing"


def test_a_deleted_task_is_missing(worker):
    worker.cell("def gone(): pass\ndel gone")
    assert worker.call("gone").status == "missing"


def test_the_stub_is_told_from_what_torch_does_not_implement(worker):
    stub = worker.call("unsolved", [1])
    assert (stub.status, stub.exception, stub.not_implemented) == (
        "error",
        "NotImplementedError",
        True,
    )
    other = worker.call("unsupported", [1])
    assert (other.status, other.exception, other.not_implemented) == (
        "error",
        "NotImplementedError",
        False,
    )


def test_an_error_tells_its_type_and_line_and_nothing_else(worker):
    reply = worker.call("raises", [torch.tensor(41.5)])
    assert reply.status == "error"
    assert reply.exception == vocabulary.OWN_EXCEPTION
    assert (reply.cell, reply.line) == (0, line_of("the hidden input is {x}"))
    assert "41.5" not in repr(reply)
    deep = worker.call("raises_deep", [1])
    assert (deep.exception, deep.line) == ("TypeError", line_of("def double"))


@pytest.mark.parametrize(
    ("task", "exception"),
    [
        *(
            ("raises_keyboard", "KeyboardInterrupt"),
            ("raises_exit", "SystemExit"),
            ("constant", "TypeError"),
        ),
        *(("recurses", "RecursionError"), ("huge", "MemoryError"), ("greedy", "MemoryError")),
    ],
)
def test_no_exception_in_a_call_ends_the_worker(worker, task, exception):
    reply = worker.call(task, [1])
    assert (reply.status, reply.exception) == ("error", exception)
    assert worker.call("double", [2]).value == 4


def test_what_a_call_prints_and_draws_never_comes_back(worker):
    reply = worker.call("chatty", ["hidden"])
    assert reply.status == "ok"
    assert worker.cell("1;").outputs == []


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        *(("set_of", "a set"), ("generator", "a generator"), ("hostile", "an object")),
        ("expanded", vocabulary.TOO_LARGE),
    ],
)
def test_what_can_not_be_sent_is_opaque(worker, task, kind):
    value = worker.call(task, [1]).value
    assert type(value) is Handle
    assert value.kind == kind


def test_forms_are_kept(worker):
    x = torch.ones(2)
    value = worker.call("everything", [x]).value
    assert torch.equal(value["list"][0], x)
    assert value["list"][1] == (1, None)
    assert value["float"] != value["float"]
    assert value["text"] == "t" * 10_000
    assert worker.call("none", [x]).value is None
    assert type(worker.call("as_numpy", [x]).value) is np.ndarray
    assert worker.call("strides", [torch.ones(2, 3).mT]).value == (1, 3)
    assert worker.call("is_tensor", [x]).value is True
    assert worker.call("is_tensor", [np.ones(2)]).value is False


@pytest.mark.parametrize(
    ("args", "kwargs", "changed"),
    [
        ([torch.zeros(3)], {}, [0]),
        ([torch.zeros(4, 3).mT], {"y": torch.ones(2)}, [0, "y"]),
        ([np.zeros(3)], {}, [0]),
    ],
    ids=["tensor", "strided and named", "numpy"],
)
def test_changed_inputs_are_named(worker, args, kwargs, changed):
    before = [
        argument.copy() if isinstance(argument, np.ndarray) else argument.clone()
        for argument in args
    ]
    task = "in_place" if isinstance(args[0], torch.Tensor) else "fill"
    worker.cell("def fill(x): x[:] = 7")
    reply = worker.call(task, args, kwargs)
    assert reply.status == "ok"
    assert reply.changed_inputs == changed
    assert all((argument == old).all() for argument, old in zip(args, before, strict=True))


def test_unchanged_inputs_are_not_named(worker):
    assert not worker.call("fills_nan", [torch.tensor([float("nan")])]).changed
    assert worker.call("appends", [[1, 2]]).changed_inputs == [0]


def test_random_numbers_repeat(worker):
    first, second = worker.call("rolls").value, worker.call("rolls").value
    assert torch.equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[2] == second[2]


def test_many_threads_do_no_harm(worker):
    source = """
import os, torch
torch.set_num_threads(64)
a = torch.randn(1500, 1500)
for _ in range(3): b = (a @ a).exp().sum()
print(len(os.listdir('/proc/self/task')) if os.path.exists('/proc/self/task') else 1)
torch.set_num_threads(1)
"""
    assert int(said(worker, source)) < 8


# ------------------------------------------------------------------------------ classes and handles


def test_a_class_is_a_handle_that_can_be_called(worker):
    made = worker.call("Net", [3], {"bias": False})
    assert made.value == Handle(made.value.handle, "a network (torch.nn.Module)")
    x = torch.randn(5, 3)
    weight = worker.call(made.value, method="state_dict").value["layer.weight"]
    result = worker.call(made.value, [x])
    assert result.requires_grad
    assert torch.allclose(result.value, x @ weight.mT, atol=1e-6)
    gradient = worker.call(made.value, [x], wrt=0, cotangent=torch.ones(5, 3)).value
    assert torch.allclose(gradient, torch.ones(5, 3) @ weight, atol=1e-6)


def test_a_handle_is_an_argument_like_any_other(worker):
    net = worker.call("Net", [2]).value
    x = torch.randn(1, 2)
    assert torch.equal(worker.call("apply", [net, x]).value, worker.call(net, [x]).value)


def test_weights_can_be_put_in(worker):
    net = worker.call("Net", [2]).value
    state = {"layer.weight": torch.eye(2), "layer.bias": torch.zeros(2)}
    assert worker.call(net, [state], method="load_state_dict").status == "ok"
    x = torch.randn(3, 2)
    assert torch.equal(worker.call(net, [x]).value, x)


def test_the_same_object_has_the_same_handle(worker):
    net = worker.call("Net", [2]).value
    assert worker.call(net, method="eval").value == net


def test_methods_that_are_missing_or_stubs(worker):
    net = worker.call("Net", [2]).value
    assert worker.call(net, method="no_such_method").status == "missing"
    assert worker.call(net, method="unsolved").not_implemented


# ---------------------------------------------------------------------------------------- gradients


def test_a_gradient(worker):
    x = torch.randn(3, 4, dtype=torch.float64)
    assert torch.allclose(worker.call("squares", [x], wrt=0).value, 2 * x)
    assert torch.allclose(
        worker.call("squares", [x], {"scale": torch.tensor(3.0)}, wrt=0).value, 6 * x
    )


def test_a_vector_jacobian_product(worker):
    x, y, cotangent = torch.randn(3, 2), torch.randn(3, 2), torch.randn(3, 2)
    reply = worker.call("double", [x], {"by": y}, wrt=[0, "by"], cotangent=cotangent)
    assert torch.allclose(reply.value[0], cotangent * y)
    assert torch.allclose(reply.value[1], cotangent * x)


def test_no_gradient_is_none(worker):
    x = torch.randn(3)
    assert worker.call("detached", [x], wrt=0).value is None
    assert worker.call("as_numpy", [x], wrt=0).status == "error"
    unused, used = worker.call("unused", [x, x], wrt=[0, 1]).value
    assert unused is None
    assert torch.equal(used, torch.ones(3))


def test_whether_a_result_requires_a_gradient_is_told(worker):
    leaf = torch.ones(2, requires_grad=True)
    assert worker.call("gets_grad", [leaf]).value is True
    assert worker.call("double", [leaf]).requires_grad
    assert not worker.call("double", [leaf.detach()]).requires_grad


# ------------------------------------------------------------------------------------- running wild


def dies(worker, source, reason, match, **given):
    """A cell that ends its worker, for this reason, and for good."""
    family = worker._box.family()
    with pytest.raises(WorkerDied, match=match) as first:
        worker.cell(source, **given)
    assert first.value.reason == reason
    with pytest.raises(WorkerDied) as second:
        worker.call("double", [1])
    assert second.value is first.value
    assert not set(family) & set(worker._box.family())


def test_an_endless_cell_is_out_of_time(level):
    deaf = "import signal\nfor s in (2, 15, 24): signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
    with alive(level) as worker:
        dies(worker, deaf, "time", "longer than 1 second", timeout=1)


def test_a_first_call_imports_nothing_that_takes_time():
    """It would count as the student's. torch's compiler is a thousand modules."""
    with start() as worker:
        worker.cell("import sys\nfrom torch import Tensor\nBEFORE = {*sys.modules}")
        worker.cell("def mean(x: Tensor) -> Tensor:\n    return x.square().mean()")
        worker.call("mean", [torch.ones(3)])
        worker.call("mean", [torch.ones(3)], wrt=0)
        [said] = worker.cell("print(len({*sys.modules} - BEFORE) < 20)").outputs
    assert said["text"] == "True\n"


def test_an_endless_call_is_out_of_time():
    with alive(call=1) as worker:
        worker.cell("def endless():\n    while True: pass")
        with pytest.raises(WorkerDied, match="longer than 1 second"):
            worker.call("endless")


def test_processor_time_is_bounded():
    with alive(cpu=1, cell=60) as worker:
        deaf = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
        dies(worker, deaf, "processor", "processor time")


def test_all_of_a_submission_is_bounded():
    with alive(submission=2) as worker:
        worker.cell("import time\ntime.sleep(1)")
        dies(worker, "time.sleep(60)", "time", "used up the 2 seconds", timeout=50)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("import os\nos._exit(0)", "exit code 0"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    ],
    ids=["exit", "segfault"],
)  # fmt: skip
def test_a_crash_is_a_crash(source, match):
    with alive() as worker:
        dies(worker, source, "crash", match)


def test_a_crash_without_a_box_is_a_crash():
    with alive("process") as worker:
        dies(worker, "import ctypes\nctypes.string_at(0)", "crash", "SIGSEGV")


# Finds the worker's own connection, as a student could who has read this repository.
CONNECTION = """
import gc, os, socket, struct
sockets = [thing for thing in gc.get_objects() if type(thing) is socket.socket]
connection = next(thing for thing in sockets if thing.type == socket.SOCK_STREAM)
"""


@pytest.mark.parametrize(
    ("source", "reason", "match"),
    [
        (
            "connection.send(struct.pack('>IQ', 2, 2**60) + b'{}')",
            "output",
            "sent more than it may",
        ),
        (
            "connection.send(struct.pack('>IQ', 12, 0) + b'{\"id\": \"ab\"}')",
            "protocol",
            "not asked",
        ),
        ("connection.close()\nimport time\ntime.sleep(60)", "protocol", "closed its connection"),
    ],
    ids=["2^60", "forged id", "closed"],
)
def test_speaking_out_of_turn_ends_the_worker(source, reason, match):
    with alive() as worker:
        dies(worker, CONNECTION + source, reason, match)


def test_speaking_after_the_answer_ends_the_worker():
    with alive() as worker:
        late = "import threading\nthreading.Timer(0.5, lambda: connection.send(b'late')).start()"
        assert worker.cell(CONNECTION + late).ok
        worker._watch.halt.wait(1.5)
        with pytest.raises(WorkerDied, match="without being asked") as died:
            worker.cell("1")
        assert died.value.reason == "protocol"


def test_a_patched_serialiser_is_a_broken_protocol():
    forge = """
kind = next(kind for kind in object.__subclasses__() if kind.__name__ == 'Notebook')
kind.answer = lambda self, request, tensors: ({'status': 'ok', 'changed_inputs': ['<b>']}, {})
"""
    with alive() as worker:
        worker.cell(forge)
        with pytest.raises(WorkerDied, match="an argument that there is not") as died:
            worker.call("double", [7])
        assert died.value.reason == "protocol"


ERROR = {
    "status": "error",
    "exception": "ValueError",
    "cell": 0,
    "line": 1,
    "not_implemented": False,
}


@pytest.mark.parametrize(
    "reply",
    [
        {"status": "ok", "value": 1, "changed_inputs": [1]},
        {"status": "ok", "value": 1, "changed_inputs": "0"},
        {"status": "ok", "value": {"handle": 1, "kind": "the input is 7"}, "changed_inputs": []},
        ERROR | {"exception": "the input is 7"},
        ERROR | {"line": 10**9},
        ERROR | {"line": "7"},
        ERROR | {"not_implemented": "7"},
        {"status": "great"},
        {},
    ],
    ids=repr,
)
def test_an_answer_has_no_room_for_text(reply):
    with pytest.raises((frames.WireError, KeyError)):
        client._call_reply(reply, {}, [0])


@pytest.mark.parametrize(
    "output",
    [
        "text",
        {"output_type": "widget"},
        {"output_type": "stream", "name": "stdout"},
        {"output_type": "stream", "name": "<b>", "text": ""},
        {"output_type": "stream", "name": "stdout", "text": 7},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": []},
        {"output_type": "display_data", "data": {"image/png": "text"}},
        {"output_type": "display_data", "data": []},
    ],
    ids=repr,
)
def test_an_output_has_the_form_it_should_have(output):
    with pytest.raises((frames.WireError, KeyError)):
        client._output(output)


def test_an_output_keeps_only_what_is_known():
    data = {"text/plain": "a", "text/html": "<script>"}
    output = {"output_type": "display_data", "data": data, "metadata": {"x": 1}}
    assert client._output(output) == {"output_type": "display_data", "data": {"text/plain": "a"}}


def test_a_process_left_behind_is_killed(level):
    daemon = "import os, time\nif os.fork() == 0:\n    time.sleep(1000)\nos.getpid()"
    with alive(level) as worker:
        before = set(worker._box.family())
        assert worker.cell(daemon).ok
        assert len(set(worker._box.family()) - before) == 1
    assert not worker._box.family()


@needs_bubblewrap
def test_a_daemon_that_outlives_its_worker_is_killed_and_does_not_hide_its_death():
    daemon = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    os.fork() or time.sleep(99)\nos._exit(3)"
    )
    with alive() as worker:
        dies(worker, daemon, "crash", "exit code 3")


def test_memory_beyond_the_limit_is_an_error_of_that_cell(worker):
    for source in ("x = bytearray(4 * 2**30)", "x = torch.zeros(2**30)", "x = np.zeros(2**30)"):
        reply = worker.cell(source)
        assert not reply.ok
        assert worker.call("double", [1]).value == 2


@needs_bubblewrap
def test_memory_of_all_processes_together_is_bounded():
    bomb = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        hoard = bytearray(300 * 2**20)
        time.sleep(60)
time.sleep(60)
"""
    with alive(tree=1000 * MB) as worker:
        dies(worker, bomb, "memory", "of memory")


@needs_bubblewrap
@pytest.mark.parametrize("grouped", [True, False], ids=["in a group", "without one"])
def test_shared_memory_of_all_processes_together_is_bounded(grouped, monkeypatch):
    if not grouped:
        monkeypatch.setattr(cgroup, "parents", lambda: iter(()))
    bomb = """
import mmap, os, time
for _ in range(4):
    if os.fork() == 0:
        hoard = mmap.mmap(-1, 300 * 2**20)
        hoard.write(b"x" * len(hoard))
        time.sleep(60)
time.sleep(60)
"""
    with alive(tree=900 * MB) as worker:
        dies(worker, bomb, "memory", "of memory")


@needs_bubblewrap
def test_what_waits_in_sockets_counts_without_a_control_group(monkeypatch):
    monkeypatch.setattr(cgroup, "parents", lambda: iter(()))
    bomb = """
import os, socket, time
for _ in range(30):
    if os.fork() == 0:
        kept = []
        try:
            while True: kept.append(socket.socketpair())
        except OSError: time.sleep(60)
time.sleep(60)
"""
    with alive(tree=800 * MB) as worker:
        dies(worker, bomb, "memory", "of memory")


def test_a_name_that_looks_like_a_size_hides_nothing(level):
    rename = "import ctypes\nctypes.CDLL(None).prctl(15, {!r}, 0, 0, 0)"
    with alive(level) as worker:
        for name in (b"a kB", b"\xff\xfe", b"VmHWM: 9 kB", b") R 1 1 1 1"):
            assert worker.cell(rename.format(name)).ok
            worker._watch.look()
            worker._watch.meter.look()
            assert worker._box.usage().memory > 50 * MB
            assert worker._box.usage().peak > 50 * MB
        assert worker._watch.fault == ""


def test_what_can_not_be_watched_is_ended_and_nobodys_fault(monkeypatch):
    def broken():
        raise ValueError("no such field")

    with alive() as worker:
        monkeypatch.setattr(worker._box, "usage", broken)
        with pytest.raises(StarvedError, match="could not be watched .*no such field"):
            worker.cell("import time\ntime.sleep(60)")
        assert not worker._box.family()


@needs_bubblewrap
def test_a_fork_bomb_stops_at_the_limit():
    bomb = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0: time.sleep(1000)
        made += 1
except OSError as error: print(made, error.errno)
"""
    with alive(processes=20, cell=60) as worker:
        assert said(worker, bomb) == "19 11"  # EAGAIN


def test_usage_is_known_afterwards():
    with alive() as worker:
        worker.cell("x = bytearray(200 * 2**20)\nfor _ in range(10**7): pass")
    assert 0 < worker.usage["seconds"] < 60
    assert worker.usage["cpu_seconds"] > 0
    assert worker.usage["peak_bytes"] > 200 * MB


def test_what_the_judge_can_not_send_is_its_own_mistake_and_kills_nothing(worker):
    with pytest.raises(frames.WireError):
        worker.call("double", [object()])
    with pytest.raises(frames.WireError):
        worker.call("double", [torch.zeros(2**25)])
    assert worker.call("double", [2]).value == 4


def test_a_worker_that_was_killed_says_so():
    with alive("process") as worker:
        worker.kill()
        with pytest.raises(WorkerDied, match="ended by the grader"):
            worker.cell("1")
