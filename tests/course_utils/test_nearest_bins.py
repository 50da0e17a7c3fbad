"""The fast search for the nearest bins finds what a look at all of them finds."""

import pytest
import torch
from torch import Tensor

from course_utils.color.nearest_bins import CELL, nearest_bins
from course_utils.reference.colorization import ab_bins

BINS = ab_bins()
LAYOUTS = {
    "the 313 bins": BINS,
    "every second": BINS[::2],
    "in another order": BINS[torch.randperm(313, generator=torch.Generator().manual_seed(0))],
    "finer than a cell": ab_bins(20) / 20,
    "few": torch.tensor([[13.0, -41.0], [-7.0, 5.0], [62.0, 18.0]]),
    "one": torch.tensor([[-30.0, 20.0]]),
    "on a line": torch.stack([torch.linspace(-70, 90, 23), torch.full((23,), -8.0)], dim=1),
    "in one place": torch.tensor([[5.0, 6.0]]).repeat(7, 1),
    "far away": BINS[:40] + torch.tensor([3000.0, -5000.0]),
    "negative": -BINS.abs() - 1.5,
    "in two heaps": torch.cat([BINS[:9] - 900, BINS[-5:] + 900]),
}

each_layout = pytest.mark.parametrize("bins", LAYOUTS.values(), ids=LAYOUTS)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def expect_nearest(ab: Tensor, bins: Tensor, count: int) -> None:
    """The squares are those of the bins, which differ from each other, and no others are nearer."""
    squares, indices = nearest_bins(ab, bins, count)
    batch, _, height, width = ab.shape
    assert squares.shape == indices.shape == (batch, count, height, width)
    assert (squares.dtype, indices.dtype) == (ab.dtype, torch.int64)
    assert count == 1 or (indices.sort(dim=1).values.diff(dim=1) > 0).all()
    # (B, H, W, Q)
    everywhere = (ab.double().movedim(1, -1)[..., None, :] - bins.double()).square().sum(dim=-1)
    found = everywhere.movedim(-1, 1).gather(1, indices)
    expected = everywhere.topk(count, largest=False).values.movedim(-1, 1)
    # Bins that are equally far but for the rounding of a sum of two squares may change places.
    close = {"rtol": 8 * torch.finfo(ab.dtype).eps, "atol": 1e-12}
    torch.testing.assert_close(squares.double(), found, **close)
    torch.testing.assert_close(found.sort(dim=1).values, expected, **close)


@each_layout
@each_dtype
@pytest.mark.parametrize("reach", [0.1, 5.0, 60.0, 1000.0, 1e6])
def test_it_finds_what_a_look_at_all_of_them_finds(bins, dtype, reach):
    ab = reach * drawn(3, 2, 20, 17, dtype=dtype)
    for count in sorted({1, min(2, len(bins)), min(10, len(bins)), len(bins)}):
        expect_nearest(ab, bins.to(dtype), count)


@each_layout
def test_right_at_the_bins(bins):
    places = bins.T[None, :, None]  # (1, 2, 1, Q)
    for count in {1, min(10, len(bins))}:
        expect_nearest(places, bins, count)
    assert torch.equal(nearest_bins(places, bins, 1)[0], torch.zeros(1, 1, 1, len(bins)))


def test_at_the_borders_and_corners_of_the_cells():
    """Colours as far as possible from their cell's centre, on either side of the rounding."""
    corner = CELL * torch.cartesian_prod(
        torch.arange(-9.0, 9.0), torch.arange(-9.0, 9.0)
    ).T.reshape(1, 2, 18, 18)
    for toward in (-torch.inf, torch.inf):
        ab = torch.nextafter(corner, torch.tensor(toward))
        for bins in (BINS, BINS[::23], 3 * drawn(50, 2)):
            expect_nearest(ab, bins, 10)
    expect_nearest(corner, BINS, 10)


@each_dtype
def test_many_bins_and_colours_at_random(dtype):
    generator = torch.Generator().manual_seed(1)
    for seed in range(300):
        spread, reach = 10 ** (5 * torch.rand(2, generator=generator) - 1)
        number = int(torch.randint(1, 60, (), generator=generator))
        count = int(torch.randint(1, number + 1, (), generator=generator))
        bins = (spread * drawn(number, 2, seed=seed)).to(dtype)
        expect_nearest((reach * drawn(1, 2, 9, 10, seed=seed + 1000)).to(dtype), bins, count)


def test_of_bins_that_tie_any_will_do_and_none_twice():
    """In the middle of four bins, and on the line between two."""
    ab = torch.tensor([[5.0, 5.0, 0.0], [5.0, 0.0, 0.0]]).view(1, 2, 1, 3)
    for count in range(1, 15):
        expect_nearest(ab, BINS, count)


def test_colours_and_bins_of_two_dtypes():
    ab = 40 * drawn(1, 2, 3, 4, dtype=torch.float64)
    squares, indices = nearest_bins(ab, BINS, 4)
    assert squares.dtype == torch.float64
    assert torch.equal(indices, nearest_bins(ab, BINS.double(), 4)[1])


def test_one_pixel():
    for ab in ([0.0, 0.0], [-3.9, 4.1], [250.0, -250.0]):
        expect_nearest(torch.tensor(ab).view(1, 2, 1, 1), BINS, 10)


def test_gaps_in_memory_and_inputs_left_as_they_are():
    ab, bins = 40 * drawn(5, 4, 3, 2).transpose(1, 3), torch.stack([BINS, BINS], dim=-1)[..., 0]
    before = ab.clone()
    assert not ab.is_contiguous()
    expect_nearest(ab, bins, 10)
    expect_nearest(ab[:1].expand(3, -1, -1, -1), bins, 3)
    assert torch.equal(ab, before)
    assert torch.equal(bins, BINS)


def test_a_large_batch():
    expect_nearest(30 * drawn(16, 2, 60, 62), BINS, 10)


def test_a_picture_alone_and_in_a_batch():
    ab = 50 * drawn(3, 2, 8, 9)
    together = nearest_bins(ab, BINS, 10)[0].sort(dim=1).values
    alone = torch.cat([nearest_bins(one, BINS, 10)[0].sort(dim=1).values for one in ab.split(1)])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("count", [-1, 0, 8])
def test_more_bins_than_there_are_are_refused(count):
    with pytest.raises(ValueError, match="There are 7 bins"):
        nearest_bins(drawn(1, 2, 3, 4), BINS[:7], count)
