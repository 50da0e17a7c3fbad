"""How good a drawing is beside the truth, and how sharp its mask is: one number for each picture.

Images are over black and in [0, 1], masks in [0, 1]; what lies outside is clipped first, as a
screen would.
"""

from typing import NamedTuple

import torch
from torch import Tensor

BEST_PSNR = (
    100.0  # decibels: more is a rounding error away from equality, and equality would be infinite
)


class Scores(NamedTuple):
    """Means over many pictures."""

    psnr: float  # decibels, see `psnr`
    iou: float  # see `mask_iou`


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture: -10 log10(mean squared error), for a peak of 1.

    The mean of these is what the course reports: each picture counts alike. The ratio of the pooled
    error is smaller, since the worst pictures decide it.

    image    (B, C, H, W)
    truth    (B, C, H, W)
    returns  (B,)  decibels, at most BEST_PSNR
    """
    error = (image.clamp(0, 1) - truth).square().mean(dim=(1, 2, 3))
    return -10 * error.clamp(min=10 ** (-BEST_PSNR / 10)).log10()


def mask_iou(mask: Tensor, truth: Tensor, threshold: float = 0.5) -> Tensor:
    """Intersection over union of each mask with the true one, after thresholding.

    mask     (B, 1, H, W)
    truth    (B, 1, H, W)
    returns  (B,)  in [0, 1]; 1 where both are empty
    """
    drawn, true = (each.flatten(1) > threshold for each in (mask, truth))
    shared, either = (drawn & true).sum(dim=1), (drawn | true).sum(dim=1)
    return torch.where(either > 0, shared / either.clamp(min=1), 1)


def mask_sharpness(mask: Tensor) -> Tensor:
    """The steepness of each mask's edges: the self-weighted mean step between neighbouring pixels.

    With d the differences to the right and to the lower neighbour: sum d^2 / sum |d|. A mask of
    zeros and ones has 1, whatever its shape. Where a shape fades into another one the steps are
    half as high: 1/2. Blurred edges have less, and so have thin parts in small pictures: compare
    with rendered masks of the same size.

    mask     (B, 1, H, W)
    returns  (B,)  in [0, 1]; 0 where there is no edge
    """
    values = mask.clamp(0, 1)
    steps = [values.diff(dim=side).flatten(1).abs() for side in (2, 3)]
    step = torch.cat(steps, dim=1)  # (B, (H - 1) W + H (W - 1))
    return step.square().sum(dim=1) / step.sum(dim=1).clamp(min=1e-12)


def mean_scores(image: Tensor, mask: Tensor, true_image: Tensor, true_mask: Tensor) -> Scores:
    """Drawings beside the truth, all of them in two numbers.

    image       (B, 3, H, W)
    mask        (B, 1, H, W)
    true_image  (B, 3, H, W)
    true_mask   (B, 1, H, W)
    """
    return Scores(psnr(image, true_image).mean().item(), mask_iou(mask, true_mask).mean().item())
