"""A call of a task: differentiated where asked, and checked for writing into its arguments.

The worker calls a student's tasks in this way. So does the judge its own functions (the reference,
misconceptions), so that their answers can be compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from . import codec
from .frames import Json, Tensors

Label = int | str  # an argument's position, or its name
Cotangent = Tensor | Sequence[Tensor] | None
Snapshot = tuple[Json, Tensors]


class Arguments:
    """The arguments of one call, and what their values were before it.

    keep  keeps an object that can't be sent; one such is unchanged for as long as it is the same
    """

    def __init__(
        self, args: Sequence[object], kwargs: Mapping[str, object], keep: codec.Keep
    ) -> None:
        self.args, self.kwargs = list(args), dict(kwargs)
        self._keep = keep
        self._before = self._snapshots()

    def by_label(self) -> dict[Label, Any]:
        """Each argument by its position or its name."""
        positional: dict[Label, Any] = dict(enumerate(self.args))
        return positional | self.kwargs

    def changed(self) -> list[Label]:
        """The arguments that now hold something else than before the call."""
        after = self._snapshots()
        return [label for label, before in self._before.items() if not same(before, after[label])]

    def _snapshots(self) -> dict[Label, Snapshot]:
        return {label: snapshot(value, self._keep) for label, value in self.by_label().items()}


def copied(value: object, kept: codec.Kept) -> Any:
    """A copy of an argument, as a worker would receive it. What can't be sent is not copied."""
    form, tensors = snapshot(value, kept.keep)
    return codec.decode(form, tensors, kept.resolve)


def snapshot(value: object, keep: codec.Keep) -> Snapshot:
    """A copy of what a value holds."""
    tensors: Tensors = {}
    return codec.encode(value, tensors, keep), tensors


def same(before: Snapshot, after: Snapshot) -> bool:
    """Whether two snapshots are equal, bit by bit: a NaN equals itself here."""
    (form, tensors), (new_form, new_tensors) = before, after
    # As text, for NaN is not equal to itself, and 0.0 is equal to -0.0, to 0 and to False.
    if repr(form) != repr(new_form):
        return False
    return all(_bits(tensors[ref]) == _bits(new_tensors[ref]) for ref in tensors)


def evaluate(
    function: Any,
    arguments: Arguments,
    wrt: Sequence[Label] | None = None,
    cotangent: Cotangent = None,
) -> Any:
    """What a function returns; with `wrt`, its gradients by these arguments instead."""
    if wrt is None:
        return function(*arguments.args, **arguments.kwargs)
    return gradients(function, arguments, wrt, cotangent)


def gradients(
    function: Any,
    arguments: Arguments,
    wrt: Sequence[Label],
    cotangent: Cotangent,
) -> list[Tensor | None]:
    """The vector-Jacobian product: the gradients of <cotangent, function(arguments)>.

    wrt        the arguments to differentiate by
    cotangent  in the shape of the result, a list for a tuple; None for a scalar result
    returns    a gradient for each of `wrt`, or None where none flows
    """
    inputs = arguments.by_label()
    leaves: dict[Label, Tensor] = {label: inputs[label].detach().requires_grad_() for label in wrt}
    args = [leaves.get(label, value) for label, value in enumerate(arguments.args)]
    kwargs = {name: leaves.get(name, value) for name, value in arguments.kwargs.items()}
    result = function(*args, **kwargs)
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    if not parts or not all(isinstance(part, Tensor) and part.requires_grad for part in parts):
        return [None] * len(leaves)
    return list(torch.autograd.grad(parts, list(leaves.values()), cotangent, allow_unused=True))


def _bits(tensor: Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    return tensor.dtype, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
