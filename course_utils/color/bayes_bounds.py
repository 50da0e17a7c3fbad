"""Bounds for the best possible colorizer of the colour world, in closed form.

Lightness reveals the kind of object that a pixel belongs to, and nothing else. So the best
prediction for a pixel depends only on its kind, and each bound is a mean over the kinds, weighted
by their share of the pixels. Chroma is the distance from grey in the ab plane. `encode` and
`decode` are your own `soft_encode` and `annealed_mean`, or any others.

    share = shares(scenes.kind)
    l2_floor(share), chroma_under_l2(WORLD[2])
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.color.world import WORLD, Palette

Encode = Callable[[Tensor], Tensor]  # (B, 2, H, W) ab units -> (B, Q, H, W), sums to 1 over Q
Decode = Callable[[Tensor], Tensor]  # (B, Q, H, W) logits -> (B, 2, H, W) ab units


def shares(kind: Tensor) -> Tensor:
    """The share of pixels of each kind: (len(WORLD),) float64; `kind` as in Scenes."""
    return torch.bincount(kind.flatten(), minlength=len(WORLD)).double() / kind.numel()


def mean_color(palette: Palette) -> Tensor:
    """(2,) ab units: what minimises the squared error, E[Y | x]."""
    return palette.probability @ palette.ab


def variance(palette: Palette) -> Tensor:
    """The least expected squared error of a pixel, in ab units^2: sum_m pi_m |c_m - mean|^2."""
    return palette.probability @ (palette.ab - mean_color(palette)).square().sum(dim=1)


def l2_floor(share: Tensor) -> Tensor:
    """() ab units squared: the least mean of |y - prediction|^2; half of it is Zhang's Eq. 1."""
    return share @ torch.stack([variance(palette) for palette in WORLD]).double()


def chroma(palette: Palette) -> Tensor:
    """() ab units: the true colours' mean distance from grey."""
    return palette.probability @ palette.ab.norm(dim=1)


def chroma_under_l2(palette: Palette) -> Tensor:
    """The share of the true chroma that the best L2 prediction keeps; 1 for a certain colour."""
    return mean_color(palette).norm() / chroma(palette)


def codes_of(palette: Palette, encode: Encode) -> Tensor:
    """(Q, M) the code of each of a palette's colours."""
    return encode(palette.ab.T[None, :, :, None])[0, :, :, 0]


def best_distribution(palette: Palette, encode: Encode, weights: Tensor | None = None) -> Tensor:
    """(Q,) what minimises the cross-entropy: the codes of the colours, mixed by their odds.

    weights  (Q,) of rebalancing: a colour's odds are then multiplied by the weight of its code's
             largest bin
    """
    codes = codes_of(palette, encode)
    rarity = 1 if weights is None else weights.to(codes)[codes.argmax(dim=0)]
    counts = palette.probability.to(codes) * rarity
    return codes @ (counts / counts.sum())


def entropy(distribution: Tensor) -> Tensor:
    """() nats."""
    return torch.special.entr(distribution.double()).sum()


def cross_entropy_floor(share: Tensor, encode: Encode, weights: Tensor | None = None) -> Tensor:
    """The least cross-entropy against soft codes: sum_k share_k H(sum_m pi_m code_m), in nats.

    weights  (Q,) of rebalancing: each kind's entropy then counts as often as its colours weigh on
             average
    """
    kinds = [
        _mean_weight(palette, encode, weights)
        * entropy(best_distribution(palette, encode, weights))
        for palette in WORLD
    ]
    return share @ torch.stack(kinds)


def _mean_weight(palette: Palette, encode: Encode, weights: Tensor | None) -> Tensor:
    """() sum_m pi_m w_m"""
    own = palette.probability
    if weights is None:
        return own.sum()
    return own @ weights.to(own)[codes_of(palette, encode).argmax(dim=0)]


def best_color(
    palette: Palette, encode: Encode, decode: Decode, weights: Tensor | None = None
) -> Tensor:
    """(2,) ab units: what `decode` makes of the best distribution."""
    return decode(best_distribution(palette, encode, weights).log().view(1, -1, 1, 1)).flatten()


def chroma_under_multinomial(
    palette: Palette, encode: Encode, decode: Decode, weights: Tensor | None = None
) -> Tensor:
    """() the share of the true chroma that the best multinomial prediction keeps, once decoded."""
    return best_color(palette, encode, decode, weights).norm() / chroma(palette)
