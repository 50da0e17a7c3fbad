"""Assertions of hidden checks: type, shape, dtype and finiteness first, then the value."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

# Relative to the largest expected magnitude, so that one tolerance serves ab units and
# probabilities. float32 has 24 bits (6e-8); a few hundred roundings in another order stay well
# below 1e-5. float64 has 53 (1e-16), but an answer is as right where a constant or a step inside is
# float32 (1e-6).
TOLERANCE = {torch.float32: 1e-5, torch.float64: 2e-6}
VALUE = TOLERANCE[torch.float32]


class Failure(AssertionError):  # noqa: N818  a verdict on an answer, not an error
    """A check's failure, in words that a student may read: no inputs, no expected values.

    kind     wrong value | wrong type | wrong shape | wrong dtype | not finite | changed its input |
             no gradient | not solved | not defined | error | time | memory | crash
    message  one sentence
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Recorder(Protocol):
    """What is asked of `submission` here: it remembers its calls."""

    calls: list


def expect(
    result: object,
    *,
    close_to: Tensor | float | None = None,
    shape: Sequence[int] | None = None,
    dtype: torch.dtype | None = None,
    tolerance: float | None = None,
    what: str = "the result",
) -> Tensor:
    """Check a result and return it as a tensor.

    close_to   expected value; also gives the shape and dtype that are not given
    tolerance  relative to the largest expected magnitude (at least 1); by default by dtype
    Raises Failure, with the first of: wrong type, wrong shape, wrong dtype, not finite, wrong
    value.
    """
    expected = None if close_to is None else torch.as_tensor(close_to)
    if shape is None and expected is not None:
        shape = expected.shape
    if dtype is None and isinstance(close_to, Tensor):
        dtype = close_to.dtype
    tensor = _expect_form(result, shape, dtype, what)
    if expected is not None:
        _expect_value(tensor, expected, tolerance, what)
    return tensor


def _expect_form(
    result: object, shape: Sequence[int] | None, dtype: torch.dtype | None, what: str
) -> Tensor:
    if not isinstance(result, Tensor):
        raise Failure("wrong type", f"{what} is {describe(result)}, not a tensor")
    result = plain(result)
    if result is None:
        raise Failure("wrong type", f"{what} is a sparse tensor, or one without values")
    if shape is not None and tuple(result.shape) != tuple(shape):
        raise Failure("wrong shape", f"{what} has {_shape(result, shape)}, not {tuple(shape)}")
    if dtype is not None and result.dtype != dtype:
        raise Failure("wrong dtype", f"{what} is {_short(result.dtype)}, not {_short(dtype)}")
    if not torch.isfinite(result).all():
        raise Failure("not finite", f"{what} has infinities or NaN in it")
    return result


def _expect_value(result: Tensor, expected: Tensor, tolerance: float | None, what: str) -> None:
    tolerance = TOLERANCE.get(result.dtype, 0.0) if tolerance is None else tolerance
    difference = (result.detach().double() - expected.detach().double()).abs().max().item()
    allowed = tolerance * max(1.0, expected.double().abs().max().item())
    if not difference <= allowed:
        raise Failure("wrong value", f"{what} has the right shape and dtype, and wrong values")


def expect_value(
    result: object, expected: Tensor, tolerance: float | None = VALUE, what: str = "the result"
) -> None:
    """The right numbers, in single or double precision."""
    double = isinstance(result, Tensor) and result.dtype == torch.float64
    expected = expected.double() if double else expected.float()
    expect(result, close_to=expected, tolerance=tolerance, what=what)


def expect_inputs_unchanged(submission: "Recorder") -> None:
    """Check that the last call left its arguments as they were. Raises Failure."""
    if submission.calls[-1].changed:
        raise Failure("changed its input", "the call writes into a tensor that it was given")


def plain(tensor: Tensor) -> Tensor | None:
    """The tensor without its subclass, whose methods may lie; None if sparse or on `meta`."""
    with torch._C.DisableTorchFunctionSubclass():
        ordinary = tensor.layout == torch.strided and tensor.device.type != "meta"
        return tensor.as_subclass(Tensor) if ordinary else None


def describe(value: object) -> str:
    """A value's type in words, for a student: `None`, `a list`, `an ndarray`.

    A type of the student's own stays unnamed: its name could carry what a hidden call was given.
    """
    if value is None:
        return "None (is there a `return`?)"
    if hasattr(value, "kind"):
        return value.kind  # what stayed in the sandbox says of itself what it is
    name = type(value).__name__
    if type(value).__module__ not in ("builtins", "numpy"):
        return "an object"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _shape(result: Tensor, wanted: Sequence[int]) -> str:
    """A result's shape, if it is made of the wanted sizes: any other could be a message."""
    known = len(result.shape) <= len(wanted) + 1 and set(result.shape) <= {1, *wanted}
    return f"shape {tuple(result.shape)}" if known else "another shape"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
