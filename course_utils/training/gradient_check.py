"""Is a gradient right? Compare it with differences of the loss itself."""

from collections.abc import Callable

import torch
from torch import Tensor


def numerical_gradient(loss: Callable[[Tensor], Tensor], x: Tensor, step: float = 1e-5) -> Tensor:
    """The gradient of a loss by central differences: (L(x + h) - L(x - h)) / 2h for each element.

    In double precision whatever x is: in float32 the difference would be lost in the rounding.

    loss     of a tensor of x's shape: a number ()
    x        (...)  where the gradient is taken; it is left as it is
    step     h
    returns  (...)  float64
    Raises ValueError if the loss is not a single number.
    """
    here = x.detach().double().clone().contiguous()
    slope = torch.empty_like(here)
    flat, out = here.view(-1), slope.view(-1)  # the same memory, in a row
    for index in range(len(flat)):
        middle = flat[index].item()
        sides = []
        for moved in (middle + step, middle - step):
            flat[index] = moved
            sides.append(_number(loss(here.clone())))
        flat[index] = middle
        out[index] = (sides[0] - sides[1]) / (2 * step)
    return slope


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The largest difference of two gradients, relative to their largest magnitude.

    In double precision 1e-7 and less is right, 1e-2 and more is wrong; between them, look for a
    kink.

    found, expected  (...)  of one shape
    Raises ValueError for shapes that differ: they would broadcast, and hide a mistake.
    """
    if found.shape != expected.shape:
        raise ValueError(
            f"The gradients have shapes {tuple(found.shape)} and {tuple(expected.shape)}."
        )
    found, expected = found.detach().double(), expected.detach().double()
    scale = max(found.abs().max().item(), expected.abs().max().item())
    return (found - expected).abs().max().item() / scale if scale else 0.0


def _number(loss: Tensor) -> float:
    if loss.numel() != 1:
        raise ValueError(f"A loss is a single number, and this has shape {tuple(loss.shape)}.")
    return loss.item()
