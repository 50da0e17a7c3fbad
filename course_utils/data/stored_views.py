"""Drawing a piece of furniture without a network: look up views of it that are stored.

What a generator must beat at views that it has never seen: the nearest stored view of the same
piece, and the mean of the two stored views next to the one that is asked for.

train, test = load_views("furniture").of_category("chair").renumbered().split_by_view()
asked = test.batch(torch.arange(len(test)))
nearest = nearest_view(train, asked.model, asked.azimuth, asked.elevation)
mean = mean_of_neighbors(train, asked.model, asked.azimuth, asked.elevation)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.rendered_views import RenderedViews, Views


class Drawing(NamedTuple):
    """Pictures and their masks, as a generator draws them."""

    image: Tensor  # (B, 3, S, S) over black
    mask: Tensor  # (B, 1, S, S)


class Neighbors(NamedTuple):
    """The two stored views around an azimuth, of the same piece and elevation.

    Where the very view is stored, it is on both sides, 0 degrees away.
    """

    below: Tensor  # (B,) int64 position among the stored views
    above: Tensor  # (B,) int64
    from_below: Tensor  # (B,) degrees from there to what is asked for, at least 0
    to_above: Tensor  # (B,) degrees from what is asked for to there, at least 0


def neighbors(
    stored: RenderedViews, model: Tensor, azimuth: Tensor, elevation: Tensor
) -> Neighbors:
    """The stored view on each side of the one that is asked for.

    stored     where to look
    model      (B,)  int64, which piece, as `stored` numbers them
    azimuth    (B,)  degrees, any number
    elevation  (B,)  degrees; one that is stored
    Raises ValueError if no view of a piece is stored at this elevation.
    """
    # Which stored views show the same piece at the same elevation: (B, N).
    same = (stored.model[stored.index] == model[:, None]) & (
        stored.elevation[stored.index] == elevation[:, None]
    )
    if missing := (~same.any(dim=1)).nonzero().flatten().tolist():
        piece, height = model[missing[0]].item(), elevation[missing[0]].item()
        raise ValueError(f"No view of model {piece} is stored at {height:g} degrees of elevation.")
    ahead = torch.where(same, (stored.azimuth[stored.index] - azimuth[:, None]) % 360, torch.inf)
    behind = torch.where(same, (azimuth[:, None] - stored.azimuth[stored.index]) % 360, torch.inf)
    (to_above, above), (from_below, below) = ahead.min(dim=1), behind.min(dim=1)
    return Neighbors(below, above, from_below, to_above)


def nearest_view(
    stored: RenderedViews, model: Tensor, azimuth: Tensor, elevation: Tensor
) -> Drawing:
    """The stored view of the same piece and elevation with the nearest azimuth; below if tied.

    Arguments and errors as in `neighbors`.
    """
    found = neighbors(stored, model, azimuth, elevation)
    views = stored.batch(torch.where(found.from_below <= found.to_above, found.below, found.above))
    return Drawing(views.masked, views.mask)


def mean_of_neighbors(
    stored: RenderedViews, model: Tensor, azimuth: Tensor, elevation: Tensor
) -> Drawing:
    """The mean of the two stored views around an azimuth, weighted by distance, pixel by pixel.

    Elsewhere the nearer one counts for more, in proportion; over many azimuths this is a
    cross-fade. Arguments and errors as in `neighbors`.
    """
    found = neighbors(stored, model, azimuth, elevation)
    gap = found.from_below + found.to_above
    # Of the one above; 0 where the very view is stored.
    share = found.from_below / gap.clamp(min=1e-6)
    below, above = stored.batch(found.below), stored.batch(found.above)
    return Drawing(
        _mixed(below.masked, above.masked, share),
        _mixed(below.mask, above.mask, share),
    )


def _mixed(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    weight = share.to(first)[:, None, None, None]
    return (1 - weight) * first + weight * second


def most_similar(stored: RenderedViews, image: Tensor, count: int = 1) -> Tensor:
    """The stored views most similar to some pictures, by squared differences over black.

    Of any piece and from any side: has a generator drawn something new, or only copied?

    image    (B, 3, S, S)  over black
    count    how many views for each picture
    returns  (B, count)  int64 positions among the stored views, the most similar first
    """
    parts = torch.arange(len(stored)).split(1024)  # the real chairs would not fit all at once
    asked = image.flatten(1)
    # Distances (B, N).
    found = torch.cat([torch.cdist(asked, _flat(stored.batch(part))) for part in parts], dim=1)
    return found.topk(count, largest=False).indices


def _flat(views: Views) -> Tensor:
    return views.masked.flatten(1)
