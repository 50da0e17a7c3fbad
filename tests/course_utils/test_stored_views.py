"""The baselines from stored views: which two views are neighbours, and what is made of them."""

import pytest
import torch
from torch import Tensor

from course_utils.data.rendered_views import RenderedViews
from course_utils.data.stored_views import mean_of_neighbors, most_similar, nearest_view, neighbors

AZIMUTHS = (0, 100, 130, 350)
ELEVATIONS = (20, 30)


@pytest.fixture
def stored() -> RenderedViews:
    """Two pieces, every view of another grey, so that a picture tells which view it is."""
    views = torch.cartesian_prod(torch.arange(2), torch.tensor(ELEVATIONS), torch.tensor(AZIMUTHS))
    pixels = torch.zeros(len(views), 6, 6, 4, dtype=torch.uint8)
    pixels[:, 1:4, 2:5, :3] = torch.arange(10, 250, 15, dtype=torch.uint8)[:, None, None, None]
    pixels[:, 1:4, 2:5, 3] = 255
    model, elevation, azimuth = views.T
    everything = torch.arange(len(views))
    columns = (model, torch.zeros_like(model), azimuth.float(), elevation.float())
    return RenderedViews(pixels, *columns, ("a", "b"), ("chair",), everything)


def where(model: int, elevation: int, azimuth: int) -> int:
    """The position of a stored view."""
    return (model * len(ELEVATIONS) + ELEVATIONS.index(elevation)) * len(AZIMUTHS) + AZIMUTHS.index(
        azimuth
    )


def ask(*views: tuple[int, float, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Models, azimuths and elevations of (model, azimuth, elevation)."""
    model, azimuth, elevation = zip(*views, strict=True)
    return torch.tensor(model), torch.tensor(azimuth).float(), torch.tensor(elevation).float()


def test_neighbors_are_of_the_same_piece_and_elevation(stored):
    found = neighbors(stored, *ask((0, 110, 20), (1, 110, 20), (1, 110, 30)))
    assert found.below.tolist() == [where(m, e, 100) for m, e in ((0, 20), (1, 20), (1, 30))]
    assert found.above.tolist() == [where(m, e, 130) for m, e in ((0, 20), (1, 20), (1, 30))]
    assert found.from_below.tolist() == [10] * 3
    assert found.to_above.tolist() == [20] * 3


@pytest.mark.parametrize("azimuth", [355, -5, 715])
def test_the_short_way_round(stored, azimuth):
    found = neighbors(stored, *ask((0, azimuth, 20)))
    assert (found.below.item(), found.above.item()) == (where(0, 20, 350), where(0, 20, 0))
    assert (found.from_below.item(), found.to_above.item()) == (5, 5)


def test_the_nearest_view(stored):
    drawn = nearest_view(stored, *ask((0, 114, 20), (0, 116, 20), (1, 40, 30), (1, 359, 30)))
    expected = [where(0, 20, 100), where(0, 20, 130), where(1, 30, 0), where(1, 30, 0)]
    truth = stored.batch(torch.tensor(expected))
    assert torch.equal(drawn.image, truth.masked)
    assert torch.equal(drawn.mask, truth.mask)


def test_of_two_equally_near_the_one_below(stored):
    drawn = nearest_view(stored, *ask((0, 115, 20)))
    assert torch.equal(drawn.image, stored.batch(torch.tensor([where(0, 20, 100)])).masked)


def test_halfway_is_half_of_each(stored):
    drawn = mean_of_neighbors(stored, *ask((1, 115, 20)))
    below, above = (stored.batch(torch.tensor([where(1, 20, azimuth)])) for azimuth in (100, 130))
    assert torch.allclose(drawn.image, below.masked / 2 + above.masked / 2)
    assert torch.allclose(drawn.mask, below.mask)


def test_elsewhere_the_nearer_one_counts_for_more(stored):
    drawn = mean_of_neighbors(stored, *ask((1, 110, 20)))
    below, above = (stored.batch(torch.tensor([where(1, 20, azimuth)])) for azimuth in (100, 130))
    assert torch.allclose(drawn.image, 2 / 3 * below.masked + 1 / 3 * above.masked)


def test_what_is_stored_comes_back(stored):
    asked = stored.batch(torch.arange(len(stored)))
    for way in (nearest_view, mean_of_neighbors):
        drawn = way(stored, asked.model, asked.azimuth, asked.elevation)
        assert torch.equal(drawn.image, asked.masked), way.__name__
        assert torch.equal(drawn.mask, asked.mask), way.__name__


def test_only_the_selection_is_looked_at(stored):
    without = stored.select(stored.azimuth[stored.index] != 130)
    drawn = nearest_view(without, *ask((0, 129, 20)))
    assert torch.equal(drawn.image, stored.batch(torch.tensor([where(0, 20, 100)])).masked)


def test_what_is_not_there(stored):
    with pytest.raises(ValueError, match="model 0 is stored at 25 degrees"):
        neighbors(stored, *ask((1, 0, 20), (0, 0, 25)))
    with pytest.raises(ValueError, match="model 2"):
        mean_of_neighbors(stored, *ask((2, 0, 20)))


def test_the_most_similar_of_all(stored):
    pictures = stored.batch(torch.tensor([3, 12])).masked
    assert most_similar(stored, pictures).tolist() == [[3], [12]]
    darker = (pictures - 0.01 * (pictures > 0)).clamp(min=0)
    assert most_similar(stored, darker, 2).tolist() == [[3, 2], [12, 11]]
