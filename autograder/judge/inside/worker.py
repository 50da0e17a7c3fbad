"""The worker: the untrusted process that runs a submission's cells and answers calls.

    main() with the arguments FD CONFIG     FD is its end of a socket pair, CONFIG the limits as JSON

This package is staged for it, with a copy of `statements.py`, and nothing else of the course but
what students get. First it imports what notebooks import, then it confines itself, then it
says {"ready": true}; only after that does it meet a student's code. From there on it may be under
the student's control: the judge believes nothing that it says.

    {"op": "cell", "source", "silent"}  → {"status": "ok" | "error", "outputs": [...], "skipped":
                                        [...]}
    {"op": "forbid", "rules"}           → {"status": "ok"}  what each task may not call
    {"op": "mark", "task"}              → {"status": "ok"}  keep the names as they are now for this
                                        task
    {"op": "differs", "task"}           → {"status": "ok", "differs": ...}  do they mean something
                                        else now
    {"op": "call", "target": {"name"} | {"handle"}, "method", "args", "kwargs", "wrt", "cotangent",
    "at_end"}
                                        → {"status": "ok", "value", "changed_inputs"}
                                        | {"status": "missing"}
                                        | {"status": "error", "exception", "cell", "line", "not_implemented"}

What a call prints or says in an exception stays here: it may hold hidden inputs.
"""

import base64
import binascii
import contextlib
import ctypes
import dis
import importlib
import io
import json
import math
import os
import pkgutil
import random
import re
import resource
import signal
import socket
import struct
import sys
import time
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, SimpleNamespace, TracebackType
from typing import Any, Protocol, cast

import matplotlib.pyplot as plt
import numpy as np
import skimage.color  # noqa: F401  imported for the notebooks, so that its time and size are not theirs
import torch
import torchvision  # noqa: F401  likewise
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from . import blocker, mounts, wire

MAX_OUTPUTS = 1000  # of one cell
MAX_TRACEBACK = 20_000  # characters
SEED = 0
NUMPY_ERRORS = np.geterr()
# What a kernel knows, and IPython alone does not: about a person at the keyboard, so here they do
# nothing.
KERNEL_MAGICS = (
    "autosave",
    "clear",
    "connect_info",
    "edit",
    "less",
    "man",
    "more",
    "qtconsole",
    "subshell",
)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SIGKILL = 9
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 1, 22, 38, 2
CAPABILITY_VERSION = 0x20080522

Reply = tuple[dict[str, wire.Json], wire.Tensors]


# ------------------------------------------------------------------------------- what cells put out


class Recorder:
    """What a cell puts out, in order, in the notebook format's shape, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.muted = limit, True
        self.clear()

    def clear(self) -> None:
        """Forget everything, and have room again."""
        self.outputs: list[dict[str, Any]] = []
        self.left, self.cut = self.limit, False

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Outside of this nothing is recorded."""
        self.clear()
        self.muted = False
        try:
            yield
        finally:
            self.muted = True

    def stream(self, name: str, text: str) -> None:
        """Text written to stdout or stderr; joined to the last output if that was the same
        stream.
        """
        if self.muted or not (text := self._take(text)):
            return
        last = self.outputs[-1] if self.outputs else {}
        if last.get("name") == name:
            last["text"].append(text)
        else:
            self._add({"output_type": "stream", "name": name, "text": [text]})

    def data(self, kind: str, bundle: dict[str, Any]) -> None:
        """Something displayed: its plain text and its PNG; HTML and the like are not kept."""
        if self.muted:
            return
        kept: dict[str, str | bytes] = {}
        if (png := _png(bundle.get("image/png"))) and len(png) <= self.left:
            self.left -= len(png)
            kept["image/png"] = png
        if isinstance(text := bundle.get("text/plain"), str):
            kept["text/plain"] = self._take(text)
        if kept:
            self._add({"output_type": kind, "data": kept})

    def error(self, error_type: type, error: object, lines: list[str]) -> None:
        """An exception that ended the cell."""
        if self.muted:
            return
        text = ANSI.sub("", "\n".join(lines))[-MAX_TRACEBACK:]
        said = {
            "ename": error_type.__name__[:200],
            "evalue": _text_of(error)[:2000],
            "traceback": text,
        }
        self.outputs.append({"output_type": "error", **said})

    def taken(self) -> list[dict[str, Any]]:
        """The outputs, with each stream's text in one piece."""
        return [
            output | ({"text": "".join(output["text"])} if "text" in output else {})
            for output in self.outputs
        ]

    def has_error(self) -> bool:
        """Whether an exception was recorded."""
        return any(output["output_type"] == "error" for output in self.outputs)

    def _add(self, output: dict[str, Any]) -> None:
        if len(self.outputs) < MAX_OUTPUTS:
            self.outputs.append(output)

    def _take(self, text: str) -> str:
        """As much of a text as there is room for. Says once where it was cut."""
        kept, self.left = text[: self.left], max(self.left - len(text), 0)
        if len(kept) == len(text) or self.cut:
            return kept
        self.cut = True
        return f"{kept}\n[The output was cut here: {self.limit} bytes is the limit.]\n"


class Stream(io.TextIOBase):
    """What stands in for sys.stdout and sys.stderr."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.recorder, self.name = recorder, name

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, text: str) -> int:
        """Record the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.recorder.stream(self.name, text)
        return len(text)


def _png(data: object) -> bytes | None:
    """The PNG that a display formatter gives: as bytes, or in base 64."""
    if isinstance(data, str):
        try:
            data = base64.b64decode(data)
        except (ValueError, binascii.Error):
            return None
    return (
        bytes(data) if isinstance(data, bytes) and data.startswith(b"\x89PNG\r\n\x1a\n") else None
    )


def _text_of(error: object) -> str:
    try:
        return str(error)
    except BaseException:  # a __str__ of the student's own
        return ""


# ------------------------------------------------------------------------------------------ IPython


class Hook(DisplayHook):
    """Records the value of a cell's last line."""

    def quiet(self) -> bool:
        """Whether the cell ends in a semicolon. IPython looks for that in its history; there is
        none.
        """
        return self.semicolon_at_end_of_expression(self.shell.compile.source)

    def write_output_prompt(self) -> None:
        """None: it is no terminal."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: object = None) -> None:
        """Record it."""
        self.shell.recorder.data("execute_result", format_dict)

    def log_output(self, format_dict: dict[str, Any]) -> None:
        """No history is kept."""

    def finish_displayhook(self) -> None:
        """No line is added to stdout."""
        self._is_active = False


class Publisher(DisplayPublisher):
    """Records what is displayed: `display(...)`, figures."""

    def publish(self, data: dict[str, Any], *_: object, update: bool = False, **__: object) -> None:
        """Record it, unless it replaces what has been displayed before."""
        if not update:
            self.shell.recorder.data("display_data", data)

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has put out so far."""
        self.shell.recorder.clear()


class Compiler(CachingCompiler):
    """Gives each cell a file name that tells which one it is, so that a line can be found by it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[
            str, tuple[int, int]
        ] = {}  # number and leading empty lines, which IPython drops
        self.current, self.source = -1, ""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The name of a cell's code."""
        name = f"<cell {self.current + 1}>"
        leading = raw_code[: len(raw_code) - len(raw_code.lstrip())]
        self.cells[name] = self.current, leading.count("\n")
        self.source = raw_code
        return name

    def format_code_name(self, name: str) -> tuple[str, str] | None:
        """How a traceback calls it."""
        return ("Cell", f"In[{self.cells[name][0] + 1}]") if name in self.cells else None

    def place(self, frame: TracebackType | None) -> tuple[int | None, int | None]:
        """The number of the cell and the line in it that a frame stands at."""
        if frame is None:
            return None, None
        cell, dropped = self.cells[_file_of(frame)]
        return cell, frame.tb_lineno + dropped


class Shell(InteractiveShell):
    """IPython without a terminal, a history or files of its own."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)
    recorder = AnyTrait()

    def _showtraceback(self, etype: type, evalue: object, stb: list[str]) -> None:
        self.recorder.error(etype, evalue, stb)

    def _tee(self, channel: str) -> contextlib.AbstractContextManager[None]:
        # IPython 9 keeps all that is printed in a history without bounds.
        return contextlib.nullcontext()

    def enable_gui(self, gui: str | None = None) -> None:
        """No event loop."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str, str]:
        """Draw into the outputs, whatever `%matplotlib` asks for: there is no window and no
        browser.
        """
        return super().enable_matplotlib("inline")

    def ask_exit(self) -> None:
        """`exit` in a notebook ends nothing."""


def make_shell(recorder: Recorder) -> Shell:
    """The shell that a submission's cells run in, with figures drawn into the outputs."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.cache_size = 0
    shell = Shell.instance(config=config, recorder=recorder)
    shell.display_formatter.active_types = ["text/plain", "image/png"]
    shell.enable_matplotlib("inline")
    for name in KERNEL_MAGICS:
        shell.register_magic_function(lambda line: None, "line", name)
    skipping().install(shell)
    return shell


class Skipping(Protocol):
    """What `statements.py` of course_utils/notebook offers; a copy is staged in this package."""

    def install(self, shell: Shell) -> None:
        """Have a shell leave out statements that may fail."""

    def taken(self, shell: Shell) -> list[tuple[int, str, str]]:
        """What it has left out since the last call: line, statement and error."""


@cache
def skipping() -> Skipping:
    """That module. By its name, as it is here only where this package has been staged."""
    return cast(Skipping, importlib.import_module(".statements", __package__))


# ------------------------------------------------------------------------------------- cells, calls


class Notebook:
    """A submission's namespace: runs cells in it, and calls what they have defined."""

    def __init__(self, output_limit: int) -> None:
        self.recorder = Recorder(output_limit)
        self.shell = make_shell(self.recorder)
        self.streams = Stream(self.recorder, "stdout"), Stream(self.recorder, "stderr")
        self.kept: dict[int, object] = {}  # by handle
        self.handles: dict[int, int] = {}  # by id
        self.task = ""  # that is called
        self.makers: dict[int, str] = {}  # the task that gave an object, by handle
        self.marks: dict[
            str, dict[str, object]
        ] = {}  # the names as they were at a task's visible check

    def answer(self, request: dict[str, wire.Json], tensors: wire.Tensors) -> Reply:
        """Do what a request asks. Lets nothing out, neither SystemExit nor KeyboardInterrupt."""
        sys.stdout, sys.stderr = self.streams  # again each time: a cell may have replaced them
        try:
            if request["op"] == "cell":
                return self.run(request, tensors)
            with torch.inference_mode(False):  # which a cell may have left on
                return self.operations[request["op"]](self, request, tensors)
        except BaseException as error:
            return self.failure(error) | {"outputs": [], "skipped": []}, {}

    def run(self, request: dict[str, wire.Json], _: wire.Tensors) -> Reply:
        """Run a cell."""
        silent = bool(request.get("silent"))
        self.shell.compile.current += 1
        with self.recorder.recording():
            self.recorder.muted = silent
            ok = self._run_cell(request["source"], silent)
        tensors: wire.Tensors = {}
        outputs = wire.encode(self.recorder.taken(), tensors, self.keep)
        skipped = [list(one) for one in skipping().taken(self.shell)]
        return {"status": "ok" if ok else "error", "outputs": outputs, "skipped": skipped}, tensors

    def _run_cell(self, source: str, silent: bool) -> bool:
        importlib.invalidate_caches()  # a cell may have written a module
        try:
            result = self.shell.run_cell(source, store_history=False, silent=silent)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:
            error = escaped
        if error and not self.recorder.has_error():  # IPython only warns of SystemExit
            self.recorder.error(type(error), error, [f"{type(error).__name__}: {_text_of(error)}"])
        return not error

    def call(self, request: dict[str, wire.Json], tensors: wire.Tensors) -> Reply:
        """Call a task, or something that an earlier call gave back: as it was at the task's visible
        check.

        What was not written yet there is called as it is at the end of the notebook.
        """
        target = request["target"]
        self.task = target["name"] if "name" in target else self.makers.get(target["handle"], "")
        if request["at_end"] or not self.is_written(self.task):
            return self.call_now(request, tensors)
        with self.as_marked(self.task):
            return self.call_now(request, tensors)

    def is_written(self, task: str) -> bool:
        """Whether a task was there at its visible check, and not the stub."""
        then = self.marks.get(task, {}).get(task)
        return then is not None and not _is_stub(then)

    @contextlib.contextmanager
    def as_marked(self, task: str) -> Iterator[None]:
        """Within this, names mean what they meant at a task's visible check."""
        names, now = self.shell.user_ns, dict(self.shell.user_ns)
        _restore(names, self.marks[task])
        try:
            yield
        finally:
            self.marks[task] = dict(names)  # a task may count its calls in a global name
            _restore(names, now)

    def forbid(self, request: dict[str, wire.Json], _: wire.Tensors) -> Reply:
        """Install the rules on what each task may not call, before any student's code."""
        blocker.install(request["rules"])
        return {"status": "ok"}, {}

    def mark(self, request: dict[str, wire.Json], _: wire.Tensors) -> Reply:
        """Keep what the names mean now: a task's visible check comes next."""
        self.marks[request["task"]] = dict(self.shell.user_ns)
        return {"status": "ok"}, {}

    def differs(self, request: dict[str, wire.Json], _: wire.Tensors) -> Reply:
        """Whether a task, or a name that it uses, means something else now than at its visible
        check.
        """
        task = request["task"]
        then, now = self.marks.get(task, {}), self.shell.user_ns
        used = names_used(then.get(task), {task}, then)
        changed = any(then.get(name) is not now.get(name) for name in used)
        return {"status": "ok", "differs": changed}, {}

    def call_now(self, request: dict[str, wire.Json], tensors: wire.Tensors) -> Reply:
        """Call a task, or something that an earlier call gave back, by what the names mean now."""
        args, cotangent = wire.decode(
            [request["args"], request["cotangent"]], tensors, self.resolve
        )
        kwargs = {
            name: wire.decode(value, tensors, self.resolve)
            for name, value in request["kwargs"].items()
        }
        inputs = dict(enumerate(args)) | kwargs
        try:
            function = self.target(request)
        except (KeyError, AttributeError):
            return {"status": "missing"}, {}
        before = {label: self.snapshot(value) for label, value in inputs.items()}
        reset()
        with self.shell.builtin_trap, self.figures_discarded():
            # A notebook may have switched gradients off for its own purposes.
            with torch.enable_grad(), blocker.during(self.task):
                value = (
                    function(*args, **kwargs)
                    if request["wrt"] is None
                    else gradients(function, args, kwargs, request["wrt"], cotangent)
                )
            body: wire.Tensors = {}
            form = wire.encode(value, body, self.keep)
        changed = [
            label
            for label, value in inputs.items()
            if not same(before[label], self.snapshot(value))
        ]
        return {"status": "ok", "value": form, "changed_inputs": changed}, body

    operations = {"forbid": forbid, "call": call, "mark": mark, "differs": differs}

    def target(self, request: dict[str, wire.Json]) -> Any:  # noqa: ANN401
        """What is to be called. Raises KeyError or AttributeError if the notebook does not define
        it.
        """
        target = request["target"]
        found = (
            self.shell.user_ns[target["name"]]
            if "name" in target
            else self.resolve(target["handle"], "")
        )
        return getattr(found, request["method"]) if request["method"] else found

    def keep(self, value: object) -> int:
        """Keep an object that can't be sent, and return its handle: the same one for the same
        object.
        """
        handle = self.handles.setdefault(id(value), len(self.handles))
        self.kept[handle] = value
        self.makers.setdefault(handle, self.task)
        return handle

    def resolve(self, handle: int, kind: str) -> object:
        """The object of a handle."""
        return self.kept[handle]

    def without_value(self, reply: dict[str, wire.Json]) -> dict[str, wire.Json]:
        """A reply whose value or outputs turned out to be too large."""
        if "outputs" in reply:
            return reply | {"outputs": []}
        return reply | {"value": {"handle": self.keep(None), "kind": wire.TOO_LARGE}}

    def snapshot(self, value: object) -> tuple[wire.Json, wire.Tensors]:
        """A copy of what a value says, to tell whether it was changed."""
        tensors: wire.Tensors = {}
        return wire.encode(value, tensors, self.keep), tensors

    @contextlib.contextmanager
    def figures_discarded(self) -> Iterator[None]:
        """Figures that a call draws are not shown by the next cell."""
        try:
            yield
        finally:
            if plt.get_fignums():
                plt.close("all")

    def failure(self, error: BaseException) -> dict[str, wire.Json]:
        """What may be told of an exception: its type and its place, never its text."""
        frame = self.innermost(error.__traceback__)
        cell, line = self.shell.compile.place(frame)
        return {
            "status": "error",
            "exception": wire.exception_name(error),
            "cell": cell,
            "line": line,
            "not_implemented": isinstance(error, NotImplementedError) and _raises(frame),
        }

    def innermost(self, frame: TracebackType | None) -> TracebackType | None:
        """The innermost frame of a traceback that is in one of the cells."""
        found = None
        while frame is not None:
            if _file_of(frame) in self.shell.compile.cells:
                found = frame
            frame = frame.tb_next
        return found


def _restore(names: dict[str, object], then: dict[str, object]) -> None:
    """Make names mean what they meant then; never empty, as a thread may be looking."""
    for name in names.keys() - then.keys():
        del names[name]
    names.update(then)


def names_used(value: object, found: set[str], names: dict[str, object]) -> set[str]:
    """The names that a function or class, and what it uses, look up in the notebook; `found`
    grows.
    """
    for code in _codes_of(value):
        for name in {*code.co_names} - found:
            if name in names:
                found.add(name)
                names_used(names[name], found, names)
    return found


def _codes_of(value: object) -> Iterator[CodeType]:
    """The code of a function, of the methods of a class, and of what is defined inside of them."""
    todo = [value, *(vars(value).values() if isinstance(value, type) else ())]
    while todo:
        one = todo.pop()
        one = getattr(one, "__wrapped__", one) if not isinstance(one, (type, CodeType)) else one
        code = one.__code__ if isinstance(one, FunctionType) else one
        if isinstance(code, CodeType):
            yield code
            todo += code.co_consts


def _is_stub(value: object) -> bool:
    """Whether a task, or a method of it, does nothing but say that it is not written yet."""
    return any({"NotImplementedError"} == {*code.co_names} for code in _codes_of(value))


def _file_of(frame: TracebackType) -> str:
    return frame.tb_frame.f_code.co_filename


def _raises(frame: TracebackType | None) -> bool:
    """Whether a frame ended in a `raise` of its own: PyTorch raises NotImplementedError, too."""
    return (
        frame is not None
        and frame.tb_frame.f_code.co_code[frame.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    )


def gradients(
    function: Any,  # noqa: ANN401
    args: list[object],
    kwargs: dict[str, object],
    wrt: list[int | str],
    cotangent: Tensor | None,
) -> list[Tensor | None]:
    """The vector-Jacobian product: the gradient of <cotangent, function(*args, **kwargs)> by some
    arguments.

    wrt        positions or names of the arguments
    cotangent  in the shape of the result, a list for a tuple; None for a scalar result
    returns    a gradient each, or None where none flows
    """
    inputs = {**dict(enumerate(args)), **kwargs}
    leaves = {label: inputs[label].detach().requires_grad_() for label in wrt}
    args = [leaves.get(label, value) for label, value in enumerate(args)]
    result = function(
        *args, **(kwargs | {label: leaf for label, leaf in leaves.items() if label in kwargs})
    )
    parts = result if isinstance(result, (tuple, list)) else [result]
    if not parts or not all(isinstance(part, Tensor) and part.requires_grad for part in parts):
        return [None] * len(leaves)
    return list(torch.autograd.grad(parts, list(leaves.values()), cotangent, allow_unused=True))


def same(before: tuple[wire.Json, wire.Tensors], after: tuple[wire.Json, wire.Tensors]) -> bool:
    """Whether two snapshots say the same, to the bit: a NaN equals itself here."""
    (form, tensors), (new_form, new_tensors) = before, after
    return form == new_form and all(
        _bits(tensors[ref]) == _bits(new_tensors[ref]) for ref in tensors
    )


def _bits(tensor: Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    return tensor.dtype, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def reset() -> None:
    """Put back what a cell may have left set for good, so that a call begins as in a fresh
    notebook.
    """
    torch.set_default_device(None)
    for length, pop in (
        (torch._C._len_torch_function_stack, torch._C._pop_torch_function_stack),
        (torch._C._len_torch_dispatch_stack, torch._C._pop_torch_dispatch_stack),
    ):
        while length():
            pop()
    torch.set_default_dtype(torch.float32)
    torch.set_autocast_enabled("cpu", False)
    torch.use_deterministic_algorithms(False)
    torch.autograd.set_detect_anomaly(False)
    torch.set_flush_denormal(False)
    np.seterr(**NUMPY_ERRORS)
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.settrace(None)
    sys.setprofile(None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.resetwarnings()
    seed()


def seed() -> None:
    """Start all random numbers afresh, so that a verdict repeats."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch.default_generator.manual_seed(SEED)


# ------------------------------------------------------------------------------------------ confine


def confine(config: SimpleNamespace) -> None:
    """Give up what a submission must not have. For good: afterwards nothing can be had back.

    config  the limits, and: uid, who to become, or None; processes, or None for no limit;
            filter, the system calls that are denied, in base 64
    """
    if config.uid is not None:
        # bubblewrap run by root has left us just what this needs. RLIMIT_NPROC does not bind root.
        os.setgroups([])
        os.setgid(config.uid)
        os.setuid(config.uid)
    for name, value in resource_limits(config).items():
        _set_limit(name, value)
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, SIGKILL)
        _drop_capabilities()
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        if config.filter:
            _deny_system_calls(base64.b64decode(config.filter))


def _drop_capabilities() -> None:
    """All of them; a change of user takes root's, but not those that a user namespace gives."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("<Ii", CAPABILITY_VERSION, 0)
    if libc.capset(header, bytes(24)):  # effective, permitted and inheritable, twice 32 bits
        raise OSError(ctypes.get_errno(), "capset")


def _deny_system_calls(program: bytes) -> None:
    """Have the kernel filter all calls of this process and those that it starts."""
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions of 8 bytes, and where they are
    whole = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole)


def _prctl(option: int, *words: int | bytes) -> None:
    given = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in words]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *given, *[ctypes.c_ulong(0)] * (4 - len(given))):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def resource_limits(config: SimpleNamespace) -> dict[str, int]:
    """The limits of each process, by their name in `resource`; those of time and size beyond what
    is used.
    """
    size = _status_bytes()
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": math.ceil(time.process_time() + config.cpu),
        "RLIMIT_AS": size.get("VmSize", 0) + config.memory,
        "RLIMIT_DATA": size.get("VmData", 0) + config.memory,
        "RLIMIT_FSIZE": config.file_size,
        "RLIMIT_NOFILE": config.files,
        **({"RLIMIT_NPROC": config.processes} if config.processes is not None else {}),
    }


def _set_limit(name: str, value: int) -> None:
    # SIGXCPU comes at the soft limit and says why; SIGKILL, at the hard one, can't be ignored.
    hard = value + 1 if name == "RLIMIT_CPU" else value
    try:
        _, ceiling = resource.getrlimit(getattr(resource, name))
        if ceiling != resource.RLIM_INFINITY:  # what the machine allows may be less
            value, hard = min(value, ceiling), min(hard, ceiling)
        resource.setrlimit(getattr(resource, name), (value, hard))
    except (AttributeError, ValueError, OSError):
        if sys.platform == "linux":
            raise  # elsewhere not every limit exists


def _status_bytes() -> dict[str, int]:
    """The sizes that the kernel gives for this process, in bytes. Empty where there is no /proc."""
    status = Path("/proc/self/status")
    text = status.read_text(errors="replace") if status.exists() else ""
    return {
        name: int(size) * 1024
        for name, size in re.findall(r"(?m)^(Vm(?:Size|Data)):\s+(\d+) kB$", text)
    }


# -------------------------------------------------------------------------------------------- serve


def serve(connection: socket.socket, notebook: Notebook, bounds: wire.Bounds) -> None:
    """Answer requests until the judge closes its end."""
    home = os.getpid()
    while True:
        try:
            with torch.inference_mode(False):  # what is made in it can't be differentiated later
                request, tensors = wire.receive(connection, limits=bounds)
        except wire.Closed:
            return
        reply, body = notebook.answer(request, tensors)
        if (
            os.getpid() != home
        ):  # forked by a cell, and come here: the judge waits for one answer, not two
            os._exit(0)
        try:
            wire.send(connection, reply | {"id": request["id"]}, body, limits=bounds)
        except wire.TooLargeError:
            wire.send(
                connection, notebook.without_value(reply) | {"id": request["id"]}, {}, limits=bounds
            )


def work(connection: socket.socket, config: SimpleNamespace, notebook: Notebook) -> None:
    """Confine this process, say that it is ready, serve, and end it."""
    confine(config)
    seed()
    wire.send(connection, {"ready": True}, {})
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    serve(connection, notebook, config)
    os._exit(0)  # at once: what the student's code has registered to run at the end does not


def prepare(config: SimpleNamespace) -> Notebook:
    """All that can be done before a student's code is known."""
    torch.set_num_threads(1)
    notebook = Notebook(
        config.output
    )  # first: a module may look for the shell that it is imported in
    for name in config.preload:
        with contextlib.suppress(
            ImportError, AttributeError
        ):  # then the cell that imports it says so
            pkgutil.resolve_name(name)
    # The working folder, as in a kernel: `%%writefile mine.py`, then `import mine`. It takes the
    # place of the folder with this package.
    sys.path[0] = ""
    return notebook


def main() -> None:
    """Start up, say so, serve."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)  # a program that a cell starts does not get it
    config = SimpleNamespace(**json.loads(sys.argv[2]))
    del sys.argv[1:]
    if config.mounts:
        mounts.take_own(config)
    work(connection, config, prepare(config))
