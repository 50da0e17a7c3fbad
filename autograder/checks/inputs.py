"""What the hidden checks give to a task: numbers that are the same on every machine."""

import torch
from torch import Tensor


def draw(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Uniform float32 numbers, the same on every machine."""
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def strided(tensor: Tensor) -> Tensor:
    """The same numbers with gaps between them in memory."""
    return torch.stack([tensor, tensor], dim=-1)[..., 0]
