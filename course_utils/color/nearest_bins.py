"""The bins nearest to each colour: the same result as `topk` over all the bins, but faster.

squares, indices = nearest_bins(ab, bins, 10)

The plane is divided into small cells. For each cell that contains a colour, we list the bins that
can be among the nearest of any point in it: about twenty of 313. Each pixel then chooses among the
bins of its cell.
"""

import math

import torch
from torch import Tensor

CELL = 4.0  # ab units; smaller ones have fewer bins each, but there are more of them


def nearest_bins(ab: Tensor, bins: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Find the nearest bins of each pixel, the nearest first; of bins that tie, any.

    ab       (B, 2, H, W)  finite, in ab units
    bins     (Q, 2)        in ab units
    count    K, how many to find
    returns  squares (B, K, H, W)  squared distances, in ab's dtype
             indices (B, K, H, W)  int64, into the bins
    Raises ValueError if there are fewer bins than that.
    """
    if not 1 <= count <= len(bins):
        raise ValueError(f"There are {len(bins)} bins; the nearest {count} of them can't be found.")
    batch, _, height, width = ab.shape
    a, b = ab.movedim(1, 0).reshape(2, -1)  # (N,) each
    cell, centres = _cells(a, b)
    candidates = _candidates(centres, bins.to(ab), count)  # (C, M)
    of_a, of_b = bins.to(ab)[candidates].unbind(dim=2)  # (C, M) each
    squares = (of_a[cell] - a[:, None]).square_() + (of_b[cell] - b[:, None]).square_()  # (N, M)
    nearest = squares.topk(count, largest=False)
    indices = candidates[cell].gather(1, nearest.indices)
    shape = (batch, height, width, count)
    return nearest.values.view(shape).movedim(-1, 1), indices.view(shape).movedim(-1, 1)


def _cells(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The cell (N,) of each colour, and the cells' centres (C, 2)."""
    rows, columns = (a / CELL).floor(), (b / CELL).floor()
    both = rows.long() * 2**32 + columns.long()  # one number for each cell: one sort, not two
    keys, cell = torch.unique(both, return_inverse=True)
    centres = a.new_empty(len(keys), 2)
    centres[cell] = (torch.stack([rows, columns], dim=1) + 0.5) * CELL
    return cell, centres


def _candidates(centres: Tensor, bins: Tensor, count: int) -> Tensor:
    """The bins that may be among the nearest of a point of each cell, and some others to fill up.

    centres  (C, 2)        of the cells
    returns  (C, M) int64  into the bins
    """
    distances = torch.cdist(centres, bins, compute_mode="donot_use_mm_for_euclid_dist")
    diagonal = math.sqrt(2) * CELL * 1.001  # twice the distance from the centre to a corner
    reach = distances.kthvalue(count, dim=1).values + diagonal
    most = int((distances <= reach[:, None]).sum(dim=1).max())
    return distances.topk(most, largest=False, sorted=False).indices
