"""Odd things that a task may return instead of its result: none of them may pass a check, or end
the run.
"""

from collections.abc import Callable

import torch
from torch import Tensor


class Agreeable(Tensor):
    """A tensor that answers True to whatever is asked of it."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True


def agreeable(result: Tensor) -> Tensor:
    """Wrong values that claim to be right."""
    return (result + 1).detach().as_subclass(Agreeable)


ODD: dict[str, Callable[[Tensor], object]] = {
    "None": lambda _: None,
    "a list": lambda result: result.tolist(),
    "a NumPy array": lambda result: result.detach().numpy(),
    "a dimension too many": lambda result: result.unsqueeze(0),
    "a pair": lambda result: (result, result, result),
    "one number that broadcasts": lambda result: result.flatten()[:1],
    "a dictionary": lambda result: {"result": result},
    "NaN": lambda result: result * torch.nan,
    "infinity": lambda result: result.abs() + torch.inf,
    "complex numbers": lambda result: result.to(torch.complex64),
    "a meta tensor": lambda result: result.to("meta"),
    "a sparse tensor": lambda result: result.detach().to_sparse(),
    "half precision": lambda result: result.half(),
    "whole numbers": lambda result: (result * 1000).long(),
    "a tensor that says True": agreeable,
    "zeros": torch.zeros_like,
    "no elements": lambda result: result.flatten()[:0],
    "True": lambda _: True,
    "text": str,
}
# Those that `make test` tries on a network: its checks train it, which takes a second for each.
OF_NETWORKS = ("None", "a pair", "NaN", "a meta tensor", "a tensor that says True", "zeros")


def odd_answer(reference: Callable, change: Callable[[Tensor], object]) -> Callable:
    """The reference, with every tensor that it returns changed; of a network, those of its forward
    pass.
    """
    if isinstance(reference, type):
        return type(
            reference.__name__, (reference,), {"forward": odd_answer(reference.forward, change)}
        )

    def answer(*args: object, **kwargs: object) -> object:
        result = reference(*args, **kwargs)
        return tuple(map(change, result)) if isinstance(result, tuple) else change(result)

    return answer
