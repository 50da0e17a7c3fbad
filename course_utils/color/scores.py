"""How good a colorizer is in the colour world, where it is known what each pixel belongs to.

Beside these stands what the best possible one reaches: `color_floors`. Colours are in ab units.

    expected_cross_entropy(logits, scenes.kind[..., 2::4, 2::4], encode)
    plausible_share(ab, kind), chroma_ratio(ab, kind)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.color.bayes_bounds import Encode, best_distribution, chroma
from course_utils.color.world import WORLD, Palette


def expected_cross_entropy(logits: Tensor, kind: Tensor, encode: Encode) -> Tensor:
    """The cross-entropy of the logits, averaged over every toss of the colours that there could be.

    No luck of one toss is in it, so that it is never below `color_floors.cross_entropy_floor`.

    logits   (B, Q, h, w)  unnormalised scores
    kind     (B, h, w)     into WORLD
    returns  ()            float64, nats per pixel
    """
    best = [best_distribution(palette, encode).double() for palette in WORLD]
    found = _of_each_kind(F.log_softmax(logits, dim=1), kind)
    losses = [
        -(each.sum(dim=0, dtype=torch.float64) @ p) for each, p in zip(found, best, strict=True)
    ]
    return torch.stack(losses).sum() / kind.numel()


def plausible_share(ab: Tensor, kind: Tensor, within: float = 15.0) -> Tensor:
    """The share of each kind's pixels whose colour is near one of the kind's possible colours.

    The mean of two possible colours is usually near neither of them.

    ab       (B, 2, h, w)   in ab units
    kind     (B, h, w)      into WORLD
    within   ab units
    returns  (len(WORLD),)  nan where a kind does not occur
    """
    found = zip(_of_each_kind(ab, kind), WORLD, strict=True)
    return torch.stack(
        [(_distance(each, palette) <= within).to(ab).mean() for each, palette in found]
    )


def chroma_ratio(ab: Tensor, kind: Tensor) -> Tensor:
    """Each kind's mean distance from grey, as a part of its true one: below 1 colours are too pale.

    ab       (B, 2, h, w)   in ab units
    kind     (B, h, w)      into WORLD
    returns  (len(WORLD),)  nan where a kind does not occur
    """
    found = zip(_of_each_kind(ab, kind), WORLD, strict=True)
    return torch.stack(
        [each.norm(dim=1).mean() / chroma(palette).to(ab) for each, palette in found]
    )


def _of_each_kind(planes: Tensor, kind: Tensor) -> list[Tensor]:
    """(N_k, C) the pixels of planes (B, C, h, w) that belong to each kind."""
    last = planes.movedim(1, -1)
    return [last[kind == index] for index in range(len(WORLD))]


def _distance(ab: Tensor, palette: Palette) -> Tensor:
    """(N,) from each of the colours (N, 2) to the nearest one of the palette."""
    return (ab[:, None] - palette.ab.to(ab)).norm(dim=2).amin(dim=1)


owned = plausible_share  # its old name, in notebooks of version 0.1
