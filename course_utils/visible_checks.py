"""The visible checks of a notebook: they define no names, and record which tasks pass.

    with visible_checks.of("vote"):        # a check cell
        visible_checks.expect(vote(labels), [0, 3], "two votes beat one")

    visible_checks.required("vote")        # the grade cell below it

Inside the block, calls of the task are watched: one that changes its input, that returns nothing or
that calls what the task should write out fails with a sentence. `expect` compares type, shape,
dtype and numbers, in this order, and says *expected …, got …*. `gradient` says so if none flows.

`visible_checks.passed("vote")` ended the check cells of older releases.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils import written_out

SHOWN = 24  # numbers at most; of a larger result, only the first that is wrong
_passed: set[str] = set()  # since the kernel was started


class VisibleChecks:
    """The block around a task's visible checks.

    After it every global name is what it was before: a check's `squared` must not replace a
    student's helper of that name. Only names are put back; what was changed in place stays changed.
    """

    def __init__(self, task: str) -> None:
        self.task = task

    # Not a generator with @contextmanager, whose frames would appear in a student's traceback.
    def __enter__(self) -> None:
        _passed.discard(self.task)
        self._names: dict[str, Any] = sys._getframe(1).f_globals
        self._before = dict(self._names)
        if inspect.isfunction(written := self._names.get(self.task)):
            self._names[self.task] = _watched(self.task, written)

    def __exit__(
        self, kind: type[BaseException] | None, _: object, traceback: TracebackType | None
    ) -> None:
        for name in self._names.keys() - self._before.keys():
            del self._names[name]
        self._names.update(self._before)
        del self._names, self._before
        _hide_this_file(traceback)
        if kind is None:
            passed(self.task)


def of(task: str) -> VisibleChecks:
    """The block for a task's visible checks: once they have passed, it says so and remembers it."""
    return VisibleChecks(task)


def passed(task: str) -> None:
    """Say that a task's visible checks pass, and remember it."""
    _passed.add(task)
    print(f"{task}: the visible checks pass.")


def required(task: str) -> None:
    """Do nothing if a task's visible checks have passed.

    Raises AssertionError if they have not, or were not run.
    """
    if task not in _passed:
        says = f"the visible checks of {task} do not pass: run their cell, and read what it says"
        open_task = AssertionError(says)
        # IPython then shows the sentence without a traceback.
        open_task._render_traceback_ = lambda: [says]  # type: ignore[attr-defined]  # IPython's
        raise open_task


# -------------------------------------------------------------------------------- what a check says


def expect(
    result: object,
    expected: object,
    says: str,
    *,
    tolerance: float = 1e-4,
    dtype: torch.dtype | None = None,
) -> None:
    """Compare a result with what it should be: a number, nested lists of numbers or a tensor.

    says       what should be true, in a few words; the failure begins with them
    tolerance  relative to the largest expected number, at least 1
    dtype      of the result; None for any
    Raises AssertionError, which says what was expected and what came out.
    """
    wanted = torch.as_tensor(expected).detach().double()
    found = expect_shape(result, tuple(wanted.shape), says)
    if dtype not in (None, found.dtype):
        raise AssertionError(f"{says}: expected {_short(dtype)}, got {_short(found.dtype)}")
    found = found.detach().double()
    allowed = tolerance * max(1.0, wanted.abs().max().item() if wanted.numel() else 0.0)
    right = torch.isclose(found, wanted, rtol=0, atol=allowed)
    if not right.all():
        raise AssertionError(f"{says}: {_difference(found, wanted, right)}")


def expect_shape(result: object, shape: tuple[int, ...], says: str) -> Tensor:
    """Compare a result's shape alone, and return it. Raises AssertionError."""
    if not isinstance(result, Tensor):
        raise AssertionError(f"{says}: expected a tensor, got {_kind(result)}")
    if tuple(result.shape) != shape:
        raise AssertionError(f"{says}: expected shape {shape}, got shape {tuple(result.shape)}")
    return result


def gradient(result: Tensor, by: Tensor) -> Tensor:
    """The gradient of the sum of a result by an input that requires one.

    Raises AssertionError if none flows.
    """
    slope = None
    if isinstance(result, Tensor) and result.requires_grad:
        (slope,) = torch.autograd.grad(
            result.sum(), by, retain_graph=True, allow_unused=True, materialize_grads=False
        )
    if slope is None:
        raise AssertionError(
            "expected a gradient, got none: it does not flow from the result back to the input. "
            "Something on the way is detached, or leaves torch"
        )
    return slope


def _kind(value: object) -> str:
    if value is None:
        return "None: is there a `return`?"
    if isinstance(value, np.ndarray):
        return "a NumPy array: torch.from_numpy makes it a tensor"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _short(dtype: torch.dtype | None) -> str:
    return str(dtype).removeprefix("torch.")


def _difference(found: Tensor, wanted: Tensor, right: Tensor) -> str:
    if wanted.numel() <= SHOWN:
        return f"expected {_numbers(wanted.tolist())}, got {_numbers(found.tolist())}"
    first = tuple((~right).nonzero()[0].tolist())
    there = f"expected {wanted[first]:.6g}, got {found[first]:.6g}"
    return f"{(~right).sum()} of {right.numel()} numbers are wrong. The first, at {first}: {there}"


def _numbers(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_numbers, value))}]"
    return f"{value:.6g}"


# -------------------------------------------------------------------------------- what is watched


def _watched(task: str, function: Callable) -> Callable:
    """A task whose calls fail with a sentence where a student would look for long."""
    inside = False

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal inside
        if inside:  # a task that calls itself may do with its own tensors what it likes
            return function(*args, **kwargs)
        given = _given(function, args, kwargs)
        before = {name: _copied(value) for name, value in given.items()}
        inside = True
        try:
            with written_out.refused(task):
                result = function(*args, **kwargs)
        finally:
            inside = False
        for name, value in given.items():
            if not _same(before[name], value):
                raise AssertionError(
                    f"`{task}` changed its input `{name}`: +=, x[...] = or a method whose name "
                    "ends in an underscore writes into the tensor that it was given"
                )
        if result is None or isinstance(result, np.ndarray):
            raise AssertionError(f"expected a result of `{task}`, got {_kind(result)}")
        return result

    return call


def _given(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Mapping[str, object]:
    """The arguments of a call by their names; numbered if they do not fit."""
    try:
        return inspect.signature(function).bind(*args, **kwargs).arguments
    except TypeError:
        return {str(place): value for place, value in enumerate([*args, *kwargs.values()], 1)}


def _copied(value: object) -> object:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return [_copied(part) for part in value]
    return value


def _same(before: object, after: object) -> bool:
    if isinstance(before, Tensor):
        after = after.detach() if isinstance(after, Tensor) else torch.empty(0)
        return before.shape == after.shape and torch.equal(before.nan_to_num(), after.nan_to_num())
    if isinstance(before, list):
        after = list(after) if isinstance(after, (list, tuple)) else []
        return len(before) == len(after) and all(map(_same, before, after))
    return True


def _hide_this_file(traceback: TracebackType | None) -> None:
    """Take the frames of this file out of a traceback: a student's own line is what counts."""
    while traceback:
        while traceback.tb_next and traceback.tb_next.tb_frame.f_code.co_filename == __file__:
            traceback.tb_next = traceback.tb_next.tb_next
        traceback = traceback.tb_next
