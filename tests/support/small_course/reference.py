"""The reference of the small assignment."""

import torch
from torch import Tensor


def gray(images: Tensor) -> Tensor:
    """The luminance of pictures.

    images   (B, 3, H, W)
    returns  (B, 1, H, W)  0.299 R + 0.587 G + 0.114 B
    """
    weights = torch.tensor([0.299, 0.587, 0.114]).to(images).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def standardize(images: Tensor) -> Tensor:
    """Each channel with mean 0 and variance 1 over the batch.

    images   (B, C, H, W)
    returns  (B, C, H, W)
    """
    variance, mean = torch.var_mean(images, dim=(0, 2, 3), keepdim=True, correction=0)
    return (images - mean) / (variance + 1e-5).sqrt()


def softmax(logits: Tensor) -> Tensor:
    """Probabilities from scores, of any size.

    logits   (B, K)
    returns  (B, K)  each row sums to 1
    """
    powers = (logits - logits.amax(dim=1, keepdim=True)).exp()
    return powers / powers.sum(dim=1, keepdim=True)


def enlarge(images: Tensor, factor: int) -> Tensor:
    """Every pixel as a square of factor x factor.

    images   (B, C, H, W)
    returns  (B, C, factor H, factor W)
    """
    return images.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)


def total_variation(images: Tensor) -> Tensor:
    """The mean absolute difference of neighbours, down plus along.

    images   (B, C, H, W)
    returns  ()
    """
    down = (images[:, :, 1:] - images[:, :, :-1]).abs().mean()
    along = (images[..., 1:] - images[..., :-1]).abs().mean()
    return down + along
