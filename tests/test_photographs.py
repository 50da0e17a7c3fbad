"""The photographs: shapes, ranges, and what is said of a wrong name."""

import pytest
import torch

from course_utils.photographs import PHOTOGRAPHS, photograph


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_whole_photograph(name: str):
    rgb = photograph(name)
    assert rgb.shape[:2] == (1, 3)
    assert rgb.dtype == torch.float32
    assert 0 <= rgb.min() < 0.1
    assert 0.9 < rgb.max() <= 1
    assert not torch.allclose(rgb[:, 0], rgb[:, 2], atol=0.1), "a colour photograph"


def test_square_is_centred():
    whole, square = photograph("coffee"), photograph("coffee", 400)  # 400 x 600: nothing to shrink
    assert square.shape == (1, 3, 400, 400)
    assert torch.allclose(square, whole[..., 100:500], atol=1e-6)


def test_squares_make_a_batch():
    batch = torch.cat([photograph(name, 32) for name in PHOTOGRAPHS])
    assert batch.shape == (len(PHOTOGRAPHS), 3, 32, 32)


def test_shrinking_keeps_the_mean():
    whole = photograph("astronaut")
    assert torch.allclose(photograph("astronaut", 64).mean(), whole.mean(), atol=0.01)


def test_unknown_name_is_told_the_known_ones():
    with pytest.raises(ValueError, match="astronaut, chelsea, coffee, rocket"):
        photograph("lena")


@pytest.mark.parametrize("size", [0, -8])
def test_no_square_without_pixels(size: int):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        photograph("rocket", size)
