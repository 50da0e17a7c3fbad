"""The visible checks of a notebook: they define no names, and record which tasks pass.

    with visible_checks.of("vote"):        # a check cell
        expect(vote(...), [0.0, 3.0], "two votes beat one")
        same_in_double(vote, ...)

    visible_checks.required("vote")        # the grade cell below it

Within the block, the task is watched: a call that returns nothing or a NumPy array, that changes
its input, or that calls what the task should write out, fails in a sentence.
`visible_checks.passed("vote")` ended the check cells of older releases.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils import written_out

MOST = 40  # numbers of a result that a message shows; of a larger one it shows the worst place

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
        function = self._names.get(self.task)
        if callable(function) and not isinstance(function, type):
            self._names[self.task] = _watched(self.task, function)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in self._names.keys() - self._before.keys():
            del self._names[name]
        self._names.update(self._before)
        del self._names, self._before
        if kind is None:
            passed(self.task)
        _leave_out_this_file(traceback)


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


# ------------------------------------------------------------------------------------------- expect


def expect(result: object, expected: object, says: str, tolerance: float = 1e-4) -> None:
    """Compare a result with the expected one: type, shape, dtype, then every number.

    expected   a tensor; or a float or nested list of numbers, which stands for a float32 tensor; or
               an int, which stands for an int
    says       what should be true, in a few words
    tolerance  the largest difference that is allowed
    Raises AssertionError, which says what was expected and what came out.
    """
    if isinstance(expected, int):
        _expect_whole(result, expected, says)
        return
    if not isinstance(expected, Tensor):
        expected = torch.tensor(expected, dtype=torch.float32)
    if not isinstance(result, Tensor):
        raise _unlike(says, f"a tensor of shape {tuple(expected.shape)}", _kind_of(result))
    result, expected = result.detach(), expected.detach()
    if result.shape != expected.shape:
        raise _unlike(says, f"shape {tuple(expected.shape)}", f"shape {tuple(result.shape)}")
    if result.dtype != expected.dtype:
        raise _unlike(says, str(expected.dtype), str(result.dtype))
    off = (result.double() - expected.double()).abs()
    off = torch.where(result == expected, 0.0, off)  # infinities that agree
    if not (off <= tolerance).all():
        raise _unlike(says, *_numbers(result, expected, off))


def expect_error(kind: type[Exception], call: Callable[[], object], says: str) -> None:
    """Check that a call raises an exception of a kind: `lambda: conv_output_size(4, 5)`.

    Raises AssertionError if it raises another one, or none.
    """
    try:
        result = call()
    except kind:
        return
    except Exception as error:
        raise _unlike(says, f"a {kind.__name__}", f"a {type(error).__name__}") from None
    raise _unlike(says, f"a {kind.__name__}", f"{result!r} and no error")


def same_in_double(task: Callable, *args: object, **options: object) -> None:
    """Check that a task gives the same in float64 as in float32, and gives it in float64.

    args, options  of a call in float32; its floating tensors are converted for a second call
    Raises AssertionError.
    """
    says = f"{_name_of(task)} in double precision"
    single = task(*args, **options)
    double = task(*map(_doubled, args), **{name: _doubled(o) for name, o in options.items()})
    for rough, exact in zip(_tensors(single), _tensors(double), strict=True):
        if rough.is_floating_point():
            largest = rough.detach().abs().max().item()
            expect(exact, rough.double(), says, 1e-3 * max(largest, 1.0))


def slope_of(task: Callable, *args: object, wrt: int = 0, **options: object) -> Tensor:
    """The gradient of the sum of a task's result by one of its arguments, by autograd.

    wrt      number of the argument, from 0
    returns  (...)  as the argument
    Raises AssertionError if none flows.
    """
    given = list(args)
    leaf = given[wrt].detach().clone().requires_grad_()  # type: ignore[attr-defined]  # a tensor
    given[wrt] = leaf
    total = sum(each.sum() for each in _tensors(task(*given, **options)))
    says = f"{_name_of(task)}: a gradient flows back to argument {wrt + 1}"
    if not isinstance(total, Tensor) or not total.requires_grad:
        raise _unlike(says, "a result with a gradient", "one that was cut off from its inputs")
    [slope] = torch.autograd.grad(total, leaf, allow_unused=True)
    if slope is None:
        raise _unlike(says, "a gradient", "none: the result does not depend on this argument")
    return slope


def _expect_whole(result: object, expected: int, says: str) -> None:
    if not isinstance(result, (int, np.integer)):
        raise _unlike(says, f"the int {expected}", f"{_kind_of(result)}")
    if result != expected:
        raise _unlike(says, str(expected), str(result))


def _unlike(says: str, expected: str, got: str) -> AssertionError:
    return AssertionError(f"{says}: expected {expected}, got {got}")


def _numbers(result: Tensor, expected: Tensor, off: Tensor) -> tuple[str, str]:
    """Two tensors of one shape in words: all their numbers if they are few, else the worst."""
    if result.numel() <= MOST:
        return _written(expected), _written(result)
    worst = int(off.nan_to_num(nan=torch.inf).argmax())
    place = [int(index) for index in np.unravel_index(worst, tuple(off.shape))]
    numbers = _written(expected.flatten()[worst]), _written(result.flatten()[worst])
    return f"{numbers[0]} at {place}", f"{numbers[1]}, the farthest off of {off.numel()} numbers"


def _written(tensor: Tensor) -> str:
    """Numbers with four digits, and no more zeros than they need."""
    if tensor.dim() == 0:
        return f"{tensor.item():.4g}"
    return f"[{', '.join(_written(part) for part in tensor)}]"


def _kind_of(value: object) -> str:
    """What a result is, if it is no tensor."""
    if value is None:
        return "None: is there a `return`?"
    if isinstance(value, np.ndarray):
        return "a NumPy array: `torch.from_numpy` makes a tensor of it"
    return f"the {type(value).__name__} {value!r}" if np.isscalar(value) else type(value).__name__


def _name_of(task: Callable) -> str:
    return getattr(task, "__name__", type(task).__name__)


def _doubled(value: object) -> object:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.double()
    return [_doubled(each) for each in value] if isinstance(value, (list, tuple)) else value


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in a result or an argument, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


# -------------------------------------------------------------------------------------------- watch


def _watched(task: str, function: Callable) -> Callable:
    """The task's function, which fails if it returns nothing, an array, or changes its input."""
    inside = False  # a function that calls itself is watched from outside only

    @functools.wraps(function, assigned=("__doc__",), updated=())
    def watched(*args: Any, **options: Any) -> Any:
        nonlocal inside
        if inside:
            return function(*args, **options)
        given = [*_tensors([*args, *options.values()])]
        before = [tensor.detach().clone() for tensor in given]
        inside = True
        try:
            with written_out.refused(task):
                result = function(*args, **options)
        finally:
            inside = False
        _refuse_change(task, given, before)
        _refuse_kind(task, result)
        return result

    watched.__name__ = watched.__qualname__ = task
    return watched


def _refuse_change(task: str, given: list[Tensor], before: list[Tensor]) -> None:
    for tensor, copy in zip(given, before, strict=True):
        same = tensor.shape == copy.shape and torch.equal(
            tensor.detach().nan_to_num(), copy.nan_to_num()
        )
        if not same:
            with torch.no_grad():
                tensor.copy_(copy)  # later cells use it, too
            raise AssertionError(
                f"{task} changed its input: expected what was given to be left as it is. Look for "
                "an assignment to a part of it, `+=`, or a method whose name ends with `_`"
            )


def _refuse_kind(task: str, result: object) -> None:
    parts = result if isinstance(result, tuple) else (result,)
    for part in parts:
        if part is None or isinstance(part, np.ndarray):
            raise AssertionError(f"{task}: expected a result, got {_kind_of(part)}")


def _leave_out_this_file(traceback: TracebackType | None) -> None:
    """Take the frames of this file out of a traceback: a student is to see the check's line."""
    while traceback is not None:
        below = traceback.tb_next
        while below is not None and below.tb_frame.f_code.co_filename == __file__:
            below = below.tb_next
        traceback.tb_next = below
        traceback = below
