"""Garbage that a task may return instead of its result: constants, noise, its input, one row of
something.

Shapes and dtypes are mostly right, so what rejects it must be the value.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Change = Callable[[Any, tuple], object]  # of the right result, and of the arguments


def constant(number: float) -> Change:
    """The same number everywhere, with a gradient of zero."""

    def change(result: object, _: tuple) -> object:
        if not isinstance(result, Tensor):
            return type(result)(number) if isinstance(result, (int, float)) else number
        if not result.is_floating_point():
            return torch.full_like(result, int(min(number, 10**9)))
        return result * 0 + number

    return change


def first_row(number: float) -> Change:
    """One row of the same number."""
    return lambda result, _: constant(number)(result[:1] if _has_rows(result) else result, ())


def no_rows(result: object, _: tuple) -> object:
    """The right shape but for the first dimension, which is empty."""
    return result[:0] if _has_rows(result) else torch.zeros(0)


def noise(result: object, _: tuple) -> object:
    """Random numbers between 0 and 1."""
    if not isinstance(result, Tensor):
        return constant(0.37)(result, ())
    drawn = torch.rand(result.shape, generator=torch.Generator().manual_seed(1))
    return result * 0 + drawn if result.is_floating_point() else (drawn * 2).to(result.dtype)


def uniform(result: object, _: tuple) -> object:
    """A distribution over the last dimension that prefers nothing."""
    size = result.shape[-1] if _has_rows(result) else 2
    return constant(1 / size)(result, ())


def argument(number: int) -> Change:
    """One of the arguments, as it is."""

    def change(result: object, arguments: tuple) -> object:
        tensors = [one for one in arguments if isinstance(one, Tensor)] or list(arguments)
        return tensors[number] if tensors else 0

    return change


def argument_in_shape(number: int) -> Change:
    """The numbers of one of the arguments, repeated or cut to the right shape."""

    def change(result: object, arguments: tuple) -> object:
        given = argument(number)(result, arguments)
        if not isinstance(given, Tensor) or not isinstance(result, Tensor) or not given.numel():
            return given
        times = -(-max(result.numel(), 1) // given.numel())
        return (
            given.flatten().repeat(times)[: result.numel()].reshape(result.shape).to(result.dtype)
        )

    return change


def mean(result: object, _: tuple) -> object:
    """The mean of the right result everywhere."""
    if not isinstance(result, Tensor) or not result.is_floating_point() or result.numel() < 2:
        return constant(0)(result, ())
    return result * 0 + result.mean().detach()


def value_error(_: object, __: tuple) -> object:
    """No result at all."""
    raise ValueError


GARBAGE: dict[str, Change] = {
    "zeros": constant(0),
    "ones": constant(1),
    "halves": constant(0.5),
    "minus ones": constant(-1),
    "huge numbers": constant(1e30),
    "tiny numbers": constant(1e-30),
    "one row of zeros": first_row(0),
    "one row of ones": first_row(1),
    "one row of huge numbers": first_row(1e30),
    "no rows": no_rows,
    "noise": noise,
    "a uniform distribution": uniform,
    "its first argument": argument(0),
    "its last argument": argument(-1),
    "its first argument, reshaped": argument_in_shape(0),
    "its last argument, reshaped": argument_in_shape(-1),
    "the mean": mean,
    "a ValueError": value_error,
}
OF_NETWORKS = (
    "ones",
    "huge numbers",
    "noise",
    "its first argument, reshaped",
)  # these take seconds


def _has_rows(result: object) -> bool:
    return isinstance(result, Tensor) and result.ndim > 0


def garbage_answer(reference: Callable, change: Change) -> Callable:
    """The reference, with all that it returns replaced; of a network, the results of its forward
    pass.
    """
    if isinstance(reference, type):
        forward = garbage_answer(reference.forward, change)
        return type(
            reference.__name__,
            (reference,),
            {"forward": lambda self, *a, **k: forward(self, *a, **k)},
        )

    def answer(*args: object, **kwargs: object) -> object:
        result = reference(*args, **kwargs)
        arguments = (*args, *kwargs.values())
        if isinstance(result, tuple):
            return tuple(change(part, arguments) for part in result)
        return change(result, arguments)

    return answer
