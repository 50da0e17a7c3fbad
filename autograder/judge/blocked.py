"""Calls that a task may not make, blocked in the worker while that task is called.

    install({"conv2d": {"names": ["torch.nn.functional.conv2d"], "ops": ["aten::convolution"]}})
    with during("conv2d"): ...

torch's operators are blocked in its dispatcher, where all ways to them meet: torch.ops, torch._C, a function
that was kept under another name, another thread. Of what is written in Python, the code itself is replaced:
whoever kept a function calls the replacement. To catch the exception does not help.

It runs beside the student's own code, so whoever tries hard can undo it. What that takes is flagged on the
judge's side (policy.py), which is also where a call that is plain to see is found.
"""

import contextlib
from collections.abc import Iterator
from pkgutil import resolve_name
from types import FunctionType
from typing import Any

import torch

Rules = dict[str, dict[str, list[str]]]

TOLD = "this task asks you to write that yourself"

_rules: Rules = {}
_refused: list[object] = []  # during the call that is under way


def install(rules: Rules) -> None:
    """Set what each task may not call: dotted `names`, and `ops` of torch. Before any code of a student's."""
    _rules.update(rules)
    for rule in rules.values():
        for name in rule["names"]:
            resolve_name(name)  # imports what it takes, so that this is nobody's time later


@contextlib.contextmanager
def during(task: str) -> Iterator[None]:
    """Block what the task may not call: it raises PermissionError, and so does this in the end."""
    if task not in _rules:
        yield
        return
    _refused.clear()
    with contextlib.ExitStack() as undo:
        for name in _rules[task]["names"]:
            _block_name(name, undo)
        _block_ops(_rules[task]["ops"], undo)
        try:
            yield
        except PermissionError:
            raise
        except BaseException:  # TorchScript makes its own of what is raised in it
            if not _refused:
                raise
    if _refused:
        raise PermissionError(TOLD)


def _refuse(*_: object, **__: object) -> None:
    # Nothing but builtins: as the code of another function, it has that function's names.
    __import__("blocked").refuse()


def refuse() -> None:
    """Instead of a call that is blocked. Raises PermissionError."""
    _refused.append(True)
    raise PermissionError(TOLD)


def _block_ops(names: list[str], undo: contextlib.ExitStack) -> None:
    library = torch.library.Library("aten", "IMPL")
    undo.callback(library._destroy)  # which puts torch's own back
    for name in names:
        for schema in torch._C._jit_get_schemas_for_operator(name):
            overload = f".{schema.overload_name}" if schema.overload_name else ""
            library.impl(schema.name.removeprefix("aten::") + overload, _refuse, "CPU")


def _block_name(name: str, undo: contextlib.ExitStack) -> None:
    place, _, attribute = name.rpartition(".")
    owner, found = resolve_name(place), resolve_name(name)
    if isinstance(found, type):
        for method in ("__init__", "__call__"):
            _replace(found, method, undo)
    elif isinstance(found, FunctionType) and not found.__code__.co_freevars:
        undo.callback(setattr, found, "__code__", found.__code__)
        found.__code__ = _refuse.__code__
    else:
        _replace(owner, attribute, undo)


def _replace(owner: Any, attribute: str, undo: contextlib.ExitStack) -> None:  # noqa: ANN401
    """Replace an attribute of a module or a class; one that a class inherits becomes its own for a while."""
    if attribute in vars(owner):
        undo.callback(setattr, owner, attribute, vars(owner)[attribute])
    else:
        undo.callback(delattr, owner, attribute)
    setattr(owner, attribute, _refuse)
