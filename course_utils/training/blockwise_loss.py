"""A loss and its gradient computed in blocks of a few pictures, to save memory.

    def loss_and_gradient(logits, ab):
        return sparse_cross_entropy(logits, *sparse_soft_encode(ab, bins), weights)

    loss = blockwise_loss(net(x), loss_and_gradient, ab)

Autograd would keep every intermediate result for the backward pass, each as large as the scores: Q
numbers for every pixel. If the gradient is computed with the loss, one such tensor is enough, and
it can replace the scores in memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LossAndGradient = Callable[..., tuple[Tensor, Tensor]]


def blockwise_loss(
    logits: Tensor,
    loss_and_gradient: LossAndGradient,
    *targets: Tensor,
    overwrite: bool = True,
    at_once: int = 1,
) -> Tensor:
    """The mean over the pictures of a loss that comes with its gradient.

    Differentiable with respect to the logits.

    With overwrite, the gradient replaces the logits, the largest tensor of all, as in Liger-Kernel.
    The values of the logits are then lost: they must not be used afterwards, and the operation that
    computed them must not need its output for its backward pass. A convolution does not need it; a
    ReLU or a softmax does, and autograd raises "modified by an inplace operation". A second
    backward pass is not possible. Without gradients (under no_grad, or if the logits need none)
    nothing is overwritten.

    logits             (B, Q, H, W)  scores of the pictures
    loss_and_gradient  of the logits (1, Q, H, W) and the targets of one picture: the loss (), and
                       its gradient (1, Q, H, W) by these logits; a lambda binds what else it needs,
                       as weights. Of several pictures, their mean
    targets            (B, ...) each  what a picture's loss needs besides its logits
    overwrite          whether the gradient takes the place of the logits, or gets its own memory
    at_once            pictures in each call: where they are small, several take less time
    returns            ()  the mean of the B losses
    Raises ValueError if there are not as many targets as logits, or if loss_and_gradient gives
    other shapes.
    """
    if not len(logits) or any(len(target) != len(logits) for target in targets):
        raise ValueError(
            f"There are logits of {len(logits)} pictures, and targets of {[*map(len, targets)]}."
        )
    if torch.is_grad_enabled() and logits.requires_grad:
        return _BlockwiseLoss.apply(logits, loss_and_gradient, targets, overwrite, at_once)
    losses = [
        loss * len(slope) for loss, slope in _in_parts(logits, loss_and_gradient, targets, at_once)
    ]
    return torch.stack(losses).sum() / len(logits)


class _BlockwiseLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        function: LossAndGradient,
        targets: tuple[Tensor, ...],
        overwrite: bool,
        at_once: int,
    ) -> Tensor:
        gradient = logits if overwrite else torch.empty_like(logits)
        parts = _in_parts(logits, function, targets, at_once)
        losses = []
        for place, (loss, slope) in zip(gradient.split(at_once), parts, strict=True):
            torch.mul(slope, len(slope) / len(logits), out=place)
            losses.append(loss * len(slope))
        ctx.save_for_backward(gradient)
        ctx.overwrite = overwrite
        return torch.stack(losses).sum() / len(logits)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        # In place, torch itself refuses a second time, when the numbers are no longer the gradient.
        scaled = gradient.detach().mul_(incoming) if ctx.overwrite else gradient * incoming
        return scaled, None, None, None, None


def _in_parts(
    logits: Tensor, function: LossAndGradient, targets: tuple[Tensor, ...], at_once: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Loss () and gradient (N, Q, H, W) of each block. Raises ValueError for other shapes."""
    parts = (each.detach().split(at_once) for each in (logits, *targets))
    for some, *their_own in zip(*parts, strict=True):
        with torch.enable_grad():  # the function may use autograd itself
            loss, gradient = _pair(function(some, *their_own))
        if loss.shape != () or gradient.shape != some.shape:
            shapes = (
                f"{tuple(loss.shape)} and {tuple(gradient.shape)}, not () and {tuple(some.shape)}"
            )
            raise ValueError(
                f"loss_and_gradient has to return the loss and its gradient; it gave {shapes}."
            )
        yield loss.detach(), gradient.detach()


def _pair(result: object) -> tuple[Tensor, Tensor]:
    match result:
        case [Tensor() as loss, Tensor() as gradient]:
            return loss, gradient
    raise ValueError(
        "loss_and_gradient has to return a pair of tensors, the loss and its gradient."
    )


lean_loss = blockwise_loss  # its old name, in notebooks of version 0.1
