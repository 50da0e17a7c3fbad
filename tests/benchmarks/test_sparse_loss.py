"""A loss without zeros in its target beside the dense one; its encoding beside a ball tree. In one
run.
"""

import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from side_by_side import seconds
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from course_utils.color import AB_SCALE
from course_utils.data.photographs import photograph
from course_utils.reference.colorization import (
    ab_bins,
    multinomial_cross_entropy,
    rgb_to_lab_planes,
    soft_encode,
    sparse_cross_entropy,
    sparse_soft_encode,
)
from course_utils.training.blockwise_loss import blockwise_loss

pytestmark = [pytest.mark.benchmark, pytest.mark.usefixtures("one_thread")]

BATCH, SIDE = 8, 64
STATUS = Path("/proc/self/status")


def logits_and_colours(batch: int, side: int) -> tuple[Tensor, Tensor]:
    """Scores (B, 313, side, side), as a network's last layer gives them, and colours (B, 2, side,
    side).
    """
    generator = torch.Generator().manual_seed(0)
    ab = 150 * (torch.rand(batch, 2, side, side, generator=generator) - 0.5)
    logits = torch.randn(batch, 313, side, side, generator=generator).requires_grad_()
    return logits, ab


def dense(logits: Tensor, ab: Tensor, bins: Tensor) -> Tensor:
    return multinomial_cross_entropy(logits, soft_encode(ab, bins))


def lean(logits: Tensor, ab: Tensor, bins: Tensor) -> Tensor:
    return blockwise_loss(
        logits, lambda z, ab: sparse_cross_entropy(z, *sparse_soft_encode(ab, bins)), ab
    )


def there_and_back(
    loss: Callable, logits: Tensor, ab: Tensor, bins: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits."""
    value = loss(logits, ab, bins)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def peak(loss: Callable) -> int:
    """Bytes that a loss and its gradient need at most, beyond what there was before, logits
    included.

    Counted is what the kernel counts, resident memory. To be called in a fresh process: what
    another one has used and freed would serve again, and not count.
    """
    torch.set_num_threads(1)
    bins = ab_bins()
    there_and_back(loss, *logits_and_colours(1, 8), bins)  # what torch loads at the first use
    logits, ab = logits_and_colours(BATCH, SIDE)
    Path("/proc/self/clear_refs").write_text("5")  # the most is now what there is
    before = most_resident()
    there_and_back(loss, logits, ab, bins)
    return most_resident() - before


def most_resident() -> int:
    """Bytes that this process has had at most, since that was reset."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[1])


def in_a_fresh_process(function: Callable, *args: object) -> object:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


@pytest.mark.skipif(not STATUS.exists(), reason="the peak of resident memory is read from /proc")
def test_a_quarter_of_the_memory_and_half_of_the_time(show):
    (logits, ab), bins = logits_and_colours(BATCH, SIDE), ab_bins()
    expected = there_and_back(dense, logits, ab, bins)
    found = there_and_back(lean, logits.detach().clone().requires_grad_(), ab, bins)
    for ours, theirs in zip(found, expected, strict=True):
        # Scores less their normaliser, of about 8, are rounded by 5e-7 before the exponential.
        assert (ours - theirs).abs().max() <= 4e-6 * theirs.abs().max()
    needed, usual = (in_a_fresh_process(peak, loss) for loss in (lean, dense))
    # The lean one writes into its logits, which stay logits all the same: any numbers take as long.
    own = logits.detach().clone().requires_grad_()
    mine, others = seconds(
        lambda: there_and_back(lean, own, ab, bins),
        lambda: there_and_back(dense, logits, ab, bins),
        times=10,
    )
    show(
        f"cross-entropy of {tuple(logits.shape)} scores and its gradient, one thread: lean "
        f"{needed / 1e6:.0f} MB, {1e3 * mine:.0f} ms, dense {usual / 1e6:.0f} MB, "
        f"{1e3 * others:.0f} ms "
        f"(x {needed / usual:.2f} and x {mine / others:.2f})"
    )
    assert needed <= usual / 4
    assert mine <= others / 2


def ball_tree_encode(pixels: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As the authors' code does it, up to its dense array: indices and shares (N, 10)."""
    distances, indices = (
        NearestNeighbors(n_neighbors=10, algorithm="ball_tree").fit(bins).kneighbors(pixels)
    )
    weights = np.exp(-(distances**2) / (2 * 5**2))
    return indices, weights / weights.sum(axis=1, keepdims=True)


def with_zeros(indices: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """The dense array (N, Q) that the authors' code fills."""
    dense = np.zeros((len(indices), count))
    dense[np.arange(len(indices))[:, None], indices] = weights
    return dense


def test_faster_than_a_ball_tree_and_than_with_zeros(show):
    _, ab = rgb_to_lab_planes(photograph("chelsea", 256))
    ab, bins = ab * AB_SCALE, ab_bins()
    pixels, places = ab[0].flatten(1).T.numpy(), bins.numpy()
    encoded = [
        torch.zeros(len(pixels), len(bins)).scatter(1, indices, shares.float())
        for indices, shares in (
            (part[0].flatten(1).T for part in sparse_soft_encode(ab, bins)),
            (torch.from_numpy(part) for part in ball_tree_encode(pixels, places)),
        )
    ]
    torch.testing.assert_close(*encoded, rtol=0, atol=1e-5)
    mine, tree, theirs, zeros = seconds(
        lambda: sparse_soft_encode(ab, bins),
        lambda: ball_tree_encode(pixels, places),
        lambda: with_zeros(*ball_tree_encode(pixels, places), len(places)),
        lambda: soft_encode(ab, bins),
        times=20,
    )
    show(
        f"the ten nearest bins and their shares, 256 x 256 photograph, one thread: ours "
        f"{1e3 * mine:.1f} ms, "
        f"scikit-learn's ball tree {1e3 * tree:.0f} ms (x 1/{tree / mine:.1f}), as the "
        f"authors have it, with "
        f"the zeros, {1e3 * theirs:.0f} ms (x 1/{theirs / mine:.1f}), "
        f"`soft_encode` {1e3 * zeros:.0f} ms (x 1/{zeros / mine:.1f})"
    )
    assert tree >= 3 * mine
    assert zeros >= 10 * mine
