"""Calls that a task may not make, blocked in the worker while that task is called.

    install({"conv2d": {"names": ["torch.nn.functional.conv2d"], "ops": ["aten::convolution"]}})
    with during("conv2d"): ...

Operators of torch are blocked in its dispatcher. All ways to them lead through it: torch.ops,
torch._C, a function that was kept under another name, another thread. Functions written in Python
get other code, so one that was kept under another name is blocked, too. Catching the exception does
not help. A process that is forked during the call inherits the block, other ways to start one are
refused, and processes started before are stopped until the call ends.

This runs in the process of the student's code, so a determined student can undo it. Its state is in
closures: no attribute of a module and no local variable of a frame holds it. The rules can't be
changed in place, and a block that was taken away is noticed when the call ends. The ways that
remain are flagged in the judge (flag_rules.py). Calls that can be seen in the source are found
there, too (forbidden_calls.py).
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from pkgutil import resolve_name
from types import CodeType, FunctionType, MappingProxyType
from typing import Any

import torch

Rules = dict[str, dict[str, list[str]]]
Held = list[Callable[[], bool]]  # whether each block is still in its place
Named = tuple[Any, str, Any]  # a module or class, the name of something in it, and what that is
Resolved = tuple[tuple[Named, ...], tuple[str, ...]]  # a task's rule: names and ops

TOLD = "this task asks you to write that yourself"
# Where an operator may have a kernel for tensors in the CPU's memory.
KEYS = ("CPU", "MkldnnCPU", "QuantizedCPU", "SparseCPU", "SparseCsrCPU")
STARTS = frozenset(
    (
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "pty.spawn",
        "os.forkpty",
    )
)
LOOKS = frozenset(("gc.get_objects", "gc.get_referrers", "gc.get_referents"))
SPAWNS = "_posixsubprocess.fork_exec"  # how multiprocessing starts another Python
PR_SET_CHILD_SUBREAPER = 36
HOLE = "the function that refuses"


def _refused(*_: object, **__: object) -> None:
    # A constant that `_calling` replaces by the function.
    refuse: Any = "the function that refuses"
    refuse()


def _blocker() -> tuple[  # noqa: C901  its state is in one closure
    Callable[[Rules], None], Callable[[str], contextlib.AbstractContextManager[None]]
]:
    rules: MappingProxyType[str, Resolved] = MappingProxyType({})
    refusals = count()  # goes up and never down
    on = False

    def refuse(*_: object, **__: object) -> None:
        next(refusals)
        raise PermissionError(TOLD)

    code = _calling(refuse)

    def hook(event: str, _: tuple) -> None:
        if on and (event in STARTS or event in LOOKS):
            raise PermissionError(TOLD)

    def install(new: Rules) -> None:
        """Set what each task may not call: dotted `names`, and `ops` of torch.

        It has to be done before any student's code runs: a name is resolved to what it stands for
        now, and its import takes none of the student's time.
        """
        nonlocal rules
        if new and not rules:
            sys.addaudithook(hook)  # which nothing can remove
            # Orphans then become children of this process, where they are found.
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        fixed = {task: _resolved(rule) for task, rule in new.items()}
        rules = MappingProxyType({**rules, **fixed})

    @contextlib.contextmanager
    def during(task: str) -> Iterator[None]:
        """Block what a task may not call.

        A blocked call raises PermissionError. This raises it again at the end, in case it was
        caught.
        """
        nonlocal on
        if task not in rules:
            yield
            return
        names, ops = rules[task]
        before, held = next(refusals), Held()
        with contextlib.ExitStack() as undo:
            for name in names:
                _block_name(name, refuse, code, undo, held)
            _block_ops(ops, refuse, undo, held)
            _stop_children(undo)
            on = True
            try:
                yield
            except PermissionError:
                raise
            except BaseException:  # TorchScript turns any exception into one of its own
                if next(refusals) == before + 1:
                    raise
                before -= 1
            finally:
                on = False
            intact = [still() for still in held]
        if next(refusals) != before + 1 or not all(intact):
            raise PermissionError(TOLD)

    return install, during


def _calling(refuse: Callable) -> CodeType:
    """Code that can replace that of any function: it needs no names around it."""
    own = _refused.__code__
    constants = [refuse if constant == HOLE else constant for constant in own.co_consts]
    return own.replace(co_consts=tuple(constants))


def _block_ops(
    names: tuple[str, ...], refuse: Callable, undo: contextlib.ExitStack, held: Held
) -> None:
    libraries: dict[str, torch.library.Library] = {}
    for name in names:
        space, _, operator = name.partition("::")
        if space not in libraries:
            library = libraries[space] = torch.library.Library(space, "IMPL")
            undo.callback(library._destroy)  # which puts torch's own back
            held.append(partial(_is_alive, library))
        for schema in torch._C._jit_get_schemas_for_operator(name):
            overload = f".{schema.overload_name}" if schema.overload_name else ""
            for key in KEYS:
                libraries[space].impl(operator + overload, refuse, key)


def _is_alive(library: torch.library.Library) -> bool:
    return library.m is not None


def _resolved(rule: dict[str, list[str]]) -> Resolved:
    names = [_named(name) for name in [*rule["names"], SPAWNS]]
    return tuple(name for name in names if name), tuple(rule["ops"])


def _named(name: str) -> Named | None:
    """None if the installed versions have no such name: there is nothing to block."""
    place, _, attribute = name.rpartition(".")
    try:
        return resolve_name(place), attribute, resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return None


def _block_name(
    name: Named, refuse: Callable, code: CodeType, undo: contextlib.ExitStack, held: Held
) -> None:
    owner, attribute, found = name
    if isinstance(found, type):
        for method in ("__init__", "__call__"):
            _replace(found, method, refuse, undo, held)
    elif isinstance(found, FunctionType) and not found.__code__.co_freevars:
        undo.callback(setattr, found, "__code__", found.__code__)
        found.__code__ = code
        held.append(lambda: found.__code__ is code)
    else:
        _replace(owner, attribute, refuse, undo, held)


def _replace(
    owner: Any,
    attribute: str,
    refuse: Callable,
    undo: contextlib.ExitStack,
    held: Held,
) -> None:
    """Replace an attribute of a module or a class.

    An attribute that a class inherits becomes its own until it is removed again.
    """
    if attribute in vars(owner):
        undo.callback(setattr, owner, attribute, vars(owner)[attribute])
    else:
        undo.callback(_remove, owner, attribute)
    setattr(owner, attribute, refuse)
    held.append(lambda: vars(owner).get(attribute) is refuse)


def _remove(owner: Any, attribute: str) -> None:
    with contextlib.suppress(AttributeError):  # the task may have removed it
        delattr(owner, attribute)


def _stop_children(undo: contextlib.ExitStack) -> None:
    """Stop the processes that the notebook has started: they could make the call, unblocked."""
    for pid in _descendants():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGSTOP)
            undo.callback(_go_on, pid)


def _go_on(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGCONT)


def _descendants() -> list[int]:
    """The processes that this one has started, and those that they have started."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    parents = {int(folder.name): _parent(folder) for folder in Path("/proc").glob("[0-9]*")}
    found = [os.getpid()]
    for one in found:
        found += [pid for pid, parent in parents.items() if parent == one]
    return found[1:]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


install, during = _blocker()
