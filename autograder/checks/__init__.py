"""Hidden checks: pytest files, one a topic, and what they are written with. NOT SHIPPED.

A hidden check is a test function marked with its task and its points, that takes the fixture
`submission`. Its docstring is one sentence saying what is tested, and is shown to the student:

    @check("l2_loss", points=1)
    def test_pixels_are_averaged(submission):
        \"\"\"Two pictures of five by seven pixels: the loss is a mean over all the pixels.\"\"\"
        result = submission.l2_loss(prediction, target)
        expect(result, close_to=0.5 * ...)

A task that is to write out what a library has can forbid the library's, at the top of the file:

    forbid("conv2d", "torch.nn.functional.conv2d", "torch.nn.Conv2d", ops=["aten::convolution"])
"""

import importlib
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import FunctionType, ModuleType

import pytest
import torch

from autograder.checks.expect import Failure, expect, expect_inputs_unchanged

__all__ = ["Check", "Failure", "Forbidden", "check", "checks_module", "checks_of", "expect"]
__all__ += ["expect_inputs_unchanged", "forbid", "forbidden_of"]


def check(task: str, *, points: float, explained: bool = True) -> pytest.MarkDecorator:
    """Mark a test as a hidden check of `task`, worth `points`.

    explained  False: a failure is held against no misconception, as that of a badly trained network
    """
    return pytest.mark.check(task, points=points, explained=explained)


@dataclass(frozen=True)
class Check:
    """One hidden check, before it is run."""

    name: str
    task: str
    points: float
    says: str  # what is tested, in a sentence for the student
    explained: bool = True  # a failure is held against the misconceptions


def checks_module(topic: str) -> ModuleType:
    """The module of hidden checks of a topic."""
    return importlib.import_module(f"autograder.checks.test_{topic}")


def checks_of(topic: str) -> list[Check]:
    """Every hidden check of a topic, in the file's order.

    Raises ValueError for a test without task, points or docstring.
    """
    tests = [
        (name, test)
        for name, test in vars(checks_module(topic)).items()
        if name.startswith("test_") and inspect.isfunction(test)
    ]
    return [_describe(topic, name, test) for name, test in tests]


def _describe(topic: str, name: str, test: FunctionType) -> Check:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "check"]
    where = f"test_{topic}.py:{test.__code__.co_firstlineno}: {name}"
    if len(marks) != 1:
        raise ValueError(f"{where} needs one @check(task, points=...), it has {len(marks)}")
    if not test.__doc__:
        raise ValueError(
            f"{where} needs a docstring: the sentence that tells a student what is tested"
        )
    says = inspect.cleandoc(test.__doc__).split("\n\n")[0].replace("\n", " ")
    [task], options = marks[0].args, marks[0].kwargs
    return Check(name, task, options["points"], says, options["explained"])


@dataclass(frozen=True)
class Forbidden:
    """The calls that a task may not make: it asks its student to write them out.

    names  of Python functions, classes and methods, dotted as after `import torch`
    ops    torch's operators, as its profiler calls them
    """

    names: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()


_FORBIDDEN: dict[
    str, dict[str, Forbidden]
] = {}  # by the module of checks that says so, and by task


def forbid(
    task: str, *names: str, ops: Sequence[str] = (), where_present: Sequence[str] = ()
) -> None:
    """Forbid a task some calls. For the top of a topic's file of checks.

    names  found in a notebook's source, by whatever name it calls them: then the task earns nothing
    ops    out of reach during the task's calls, whatever leads there. One operator often has
           siblings (aten::convolution, aten::_convolution, aten::mkldnn_convolution,
           aten::thnn_conv2d): name them too
    where_present  such names of other libraries, or of some versions only: they may be missing
    Raises ValueError for a name or an operator that there is not.
    """
    for name in names:
        try:
            resolve_name(name)
        except (ImportError, AttributeError, ValueError):
            raise ValueError(f"forbid({task!r}): there is no {name!r}.") from None
    for op in ops:
        if not torch._C._jit_get_schemas_for_operator(op):
            raise ValueError(f"forbid({task!r}): torch has no operator {op!r}.")
    # Like a NamedTuple, it belongs to the module that it is written in.
    rules = _FORBIDDEN.setdefault(sys._getframe(1).f_globals["__name__"], {})
    before = rules.get(task, Forbidden())
    rules[task] = Forbidden(_once(before.names, names, where_present), _once(before.ops, ops))


def _once(*several: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in several for name in names))


def forbidden_of(topic: str) -> dict[str, Forbidden]:
    """What the tasks of a topic may not call, by task; nothing for most."""
    return _FORBIDDEN.get(checks_module(topic).__name__, {})
