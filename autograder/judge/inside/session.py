"""A submission's notebook: runs its cells, and calls what they define.

Each operation of the protocol takes a request and returns a reply:

    {"op": "cell", "source", "silent"}  → {"status": "ok" | "error", "outputs": [...],
                                           "skipped": [[line, statement, error], ...]}
    {"op": "forbid", "rules"}           → {"status": "ok"}  what each task may not call
    {"op": "mark", "task"}              → {"status": "ok"}  keep the names as they are now, for
                                          calls of this task
    {"op": "differs", "task"}           → {"status": "ok", "differs": ...}  whether the task has
                                          changed since it was marked
    {"op": "call", "target": {"name"} | {"handle"}, "method", "args", "kwargs", "wrt", "cotangent",
     "at_end"}                          → {"status": "ok", "value", "changed_inputs"}
                                        | {"status": "missing"}
                                        | {"status": "error", "exception", "cell", "line",
                                           "not_implemented"}

What a call prints, or says in an exception, stays here: it may hold hidden inputs.
"""

import contextlib
import dis
import importlib
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import matplotlib.pyplot as plt
import torch

from . import blocker, calls, codec
from .defaults import restore_defaults
from .frames import Json, Tensors
from .names import is_stub, names_used, restore
from .outputs import Recorder, Stream, text_of
from .shell import make_shell, skipping
from .vocabulary import TOO_LARGE, exception_name

Request = dict[str, Json]
Reply = tuple[dict[str, Json], Tensors]


class Notebook:
    """A submission's namespace, and the operations on it."""

    def __init__(self, output_limit: int) -> None:
        self.recorder = Recorder(output_limit)
        self.shell = make_shell(self.recorder)
        self.streams = Stream(self.recorder, "stdout"), Stream(self.recorder, "stderr")
        self.kept = codec.Kept()
        self.makers: dict[int, str] = {}  # by handle, the task that returned the object
        self.task = ""  # the one that is being called
        self.marks: dict[str, dict[str, object]] = {}  # by task, the names at its visible check

    def answer(self, request: Request, tensors: Tensors) -> Reply:
        """Do what a request asks. Lets nothing out, not even SystemExit or KeyboardInterrupt."""
        sys.stdout, sys.stderr = self.streams  # again each time: a cell may have replaced them
        try:
            if request["op"] == "cell":
                return self.run(request, tensors)
            with torch.inference_mode(False):  # a cell may have left it on
                return self.operations[request["op"]](self, request, tensors)
        except BaseException as error:
            return self.failure(error) | {"outputs": [], "skipped": []}, {}

    # ---------------------------------------------------------------------------------------- cells

    def run(self, request: Request, _: Tensors) -> Reply:
        """Run a cell."""
        silent = bool(request.get("silent"))
        self.shell.compiler.current += 1
        with self.recorder.recording():
            self.recorder.muted = silent
            ok = self._run_cell(request["source"], silent)
        tensors: Tensors = {}
        outputs = codec.encode(self.recorder.taken(), tensors, self.keep)
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
            self.recorder.error(type(error), error, [f"{type(error).__name__}: {text_of(error)}"])
        return not error

    # ---------------------------------------------------------------------------------------- tasks

    def forbid(self, request: Request, _: Tensors) -> Reply:
        """Install the rules on what each task may not call, before any student's code."""
        blocker.install(request["rules"])
        return {"status": "ok"}, {}

    def mark(self, request: Request, _: Tensors) -> Reply:
        """Keep what the names stand for now: a task's visible check comes next."""
        self.marks[request["task"]] = dict(self.shell.user_ns)
        return {"status": "ok"}, {}

    def differs(self, request: Request, _: Tensors) -> Reply:
        """Whether a task, or a name that it uses, has changed since its visible check."""
        task = request["task"]
        then, now = self.marks.get(task, {}), self.shell.user_ns
        used = names_used(then.get(task), {task}, then)
        changed = any(then.get(name) is not now.get(name) for name in used)
        return {"status": "ok", "differs": changed}, {}

    def call(self, request: Request, tensors: Tensors) -> Reply:
        """Call a task as it was at its visible check, or something that an earlier call returned.

        A task that was not written yet at its check is called as it is at the end of the notebook.
        """
        target = request["target"]
        self.task = target["name"] if "name" in target else self.makers.get(target["handle"], "")
        if request["at_end"] or not self._is_written(self.task):
            return self._call_now(request, tensors)
        with self._as_marked(self.task):
            return self._call_now(request, tensors)

    def _is_written(self, task: str) -> bool:
        """Whether a task was there at its visible check, and not the stub."""
        then = self.marks.get(task, {}).get(task)
        return then is not None and not is_stub(then)

    @contextlib.contextmanager
    def _as_marked(self, task: str) -> Iterator[None]:
        """Within this, names stand for what they stood for at a task's visible check."""
        names, now = self.shell.user_ns, dict(self.shell.user_ns)
        restore(names, self.marks[task])
        try:
            yield
        finally:
            self.marks[task] = dict(names)  # a task may count its calls in a global name
            restore(names, now)

    def _call_now(self, request: Request, tensors: Tensors) -> Reply:
        """Call with what the names stand for now."""
        received = [request["args"], request["cotangent"]]
        args, cotangent = codec.decode(received, tensors, self.kept.resolve)
        kwargs = {
            name: codec.decode(value, tensors, self.kept.resolve)
            for name, value in request["kwargs"].items()
        }
        try:
            function = self._target(request)
        except (KeyError, AttributeError):
            return {"status": "missing"}, {}
        arguments = calls.Arguments(args, kwargs, self.keep)
        restore_defaults()
        body: Tensors = {}
        with self.shell.builtin_trap, _figures_discarded():
            # A notebook may have switched gradients off for its own purposes.
            with torch.enable_grad(), blocker.during(self.task):
                value = calls.evaluate(function, arguments, request["wrt"], cotangent)
            form = codec.encode(value, body, self.keep)
        return {"status": "ok", "value": form, "changed_inputs": arguments.changed()}, body

    operations = {
        "forbid": forbid,
        "mark": mark,
        "differs": differs,
        "call": call,
    }

    def _target(self, request: Request) -> Any:
        """What is to be called. Raises KeyError or AttributeError if there is no such thing."""
        target = request["target"]
        if "name" in target:
            found = self.shell.user_ns[target["name"]]
        else:
            found = self.kept.resolve(target["handle"])
        return getattr(found, request["method"]) if request["method"] else found

    def keep(self, value: object) -> int:
        """Keep an object that can't be sent, and return its handle."""
        handle = self.kept.keep(value)
        self.makers.setdefault(handle, self.task)
        return handle

    def without_value(self, reply: dict[str, Json]) -> dict[str, Json]:
        """A reply whose value or outputs turned out to be too large."""
        if "outputs" in reply:
            return reply | {"outputs": []}
        return reply | {"value": {"handle": self.keep(None), "kind": TOO_LARGE}}

    def failure(self, error: BaseException) -> dict[str, Json]:
        """What may be told of an exception: its type and its place, never its text."""
        frame = self.shell.compiler.innermost(error.__traceback__)
        cell, line = self.shell.compiler.place(frame)
        return {
            "status": "error",
            "exception": exception_name(error),
            "cell": cell,
            "line": line,
            "not_implemented": isinstance(error, NotImplementedError) and _raises(frame),
        }


def _raises(frame: TracebackType | None) -> bool:
    """Whether a frame ended in a `raise` of its own: PyTorch raises NotImplementedError, too."""
    if frame is None:
        return False
    return frame.tb_frame.f_code.co_code[frame.tb_lasti] == dis.opmap["RAISE_VARARGS"]


@contextlib.contextmanager
def _figures_discarded() -> Iterator[None]:
    """Discard the figures that a call draws: the next cell does not show them."""
    try:
        yield
    finally:
        if plt.get_fignums():
            plt.close("all")
