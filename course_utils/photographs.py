"""Genuine photographs that come inside scikit-image: nothing to download."""

import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name: str, size: int | None = None) -> Tensor:
    """One colour photograph, as a batch of one.

    name     one of PHOTOGRAPHS
    size     side of the centred square to cut out and shrink to `size` pixels; None for the whole picture
    returns  (1, 3, H, W)  sRGB, float32, in [0, 1]
    Raises ValueError if there is no such photograph, or if `size` is not positive.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"There is no photograph {name!r}. There is: {', '.join(PHOTOGRAPHS)}.")
    rgb = torch.from_numpy(getattr(data, name)()).movedim(-1, 0)[None] / 255
    return rgb if size is None else _centred_square(rgb, size)


def _centred_square(rgb: Tensor, size: int) -> Tensor:
    if size < 1:
        raise ValueError(f"A square needs a side of at least 1 pixel, not {size}.")
    height, width = rgb.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[..., top : top + side, left : left + side]
    # Antialiased: plain sampling would turn whiskers and lattice towers into false patterns.
    return F.interpolate(square, size=(size, size), mode="bilinear", antialias=True).clamp(0, 1)
