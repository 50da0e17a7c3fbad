"""The classifier's pictures: how a pack is read, and how a batch is varied."""

import numpy as np
import pytest
import torch

from course_utils.data.data_folder import VARIABLE
from course_utils.data.furniture_styles import augmented, load_furniture_styles

SIZE = 5


def columns() -> dict[str, np.ndarray]:
    """Six train pictures of three classes and two test pictures, as make_packs.py stores them."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)
    pixels[0, 1, 2] = (255, 51, 0)
    return {
        "classes": np.array(["stool", "desk", "van"]),
        "train_images": pixels[:6],
        "train_labels": np.array([0, 0, 1, 1, 2, 2]),
        "train_models": np.array([4, 4, 7, 7, 1, 1]),
        "test_images": pixels[6:],
        "test_labels": np.array([0, 2]),
        "test_models": np.array([5, 3]),
    }


@pytest.fixture
def pack(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    np.savez_compressed(tmp_path / "furniture_styles.npz", **columns())
    return tmp_path / "furniture_styles.npz"


def test_types_and_shapes(pack):
    data = load_furniture_styles()
    assert data.train_images.shape == (6, 3, SIZE, SIZE)
    assert data.test_images.shape == (2, 3, SIZE, SIZE)
    assert data.train_images.dtype == data.test_images.dtype == torch.float32
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.test_labels.tolist() == [0, 2]
    assert data.train_models.tolist() == [4, 4, 7, 7, 1, 1]
    assert data.test_models.tolist() == [5, 3]
    assert data.classes == ("stool", "desk", "van")


def test_bytes_become_shares_and_channels_come_first(pack):
    data = load_furniture_styles()
    assert data.train_images[0, :, 1, 2].tolist() == pytest.approx([1.0, 0.2, 0.0])
    assert 0 <= data.test_images.min() <= data.test_images.max() <= 1


def test_a_path_may_be_given(pack, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    assert len(load_furniture_styles(pack).classes) == 3


def test_without_the_pack_the_error_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"make_packs\.py furniture_styles"):
        load_furniture_styles()


def test_a_truncated_pack_is_an_error(pack):
    pack.write_bytes(pack.read_bytes()[:300])
    with pytest.raises(ValueError, match="damaged"):
        load_furniture_styles()


def test_another_pack_is_an_error(pack):
    np.savez(pack, pixels=np.zeros(3))
    with pytest.raises(ValueError, match="no pack of styles"):
        load_furniture_styles()


# --- variation


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_varied_pictures_keep_shape_and_range_and_leave_the_given_ones_alone():
    images = torch.rand(9, 3, 11, 11, generator=generator(0))
    before = images.clone()
    for seed in range(20):
        varied = augmented(images, generator(seed))
        assert varied.shape == images.shape
        assert varied.dtype == torch.float32
        assert varied.min() >= 0
        assert varied.max() <= 1
    assert torch.equal(images, before)


def test_the_generator_decides():
    images = torch.rand(4, 3, 11, 11, generator=generator(0))
    assert torch.equal(augmented(images, generator(5)), augmented(images, generator(5)))
    assert not torch.equal(augmented(images, generator(5)), augmented(images, generator(6)))


def test_some_are_mirrored_and_some_are_not():
    ramp = torch.linspace(0.2, 0.6, 32).expand(40, 3, 32, 32)  # lighter to the right
    rising = [picture[0, 0, 20] > picture[0, 0, 10] for picture in augmented(ramp, generator(1))]
    assert 10 < sum(rising) < 30


def test_brightness_is_each_pictures_own_and_one_for_all_its_pixels():
    varied = augmented(torch.full((50, 3, 8, 8), 0.5), generator(2))
    factors = varied[:, 0, 0, 0] / 0.5
    assert torch.equal(varied, varied[:, :1, :1, :1].expand_as(varied))
    assert factors.min() >= 0.7
    assert factors.max() <= 1.3
    assert factors.std() > 0.1


def test_channels_change_places_but_are_not_mixed():
    images = torch.tensor([0.1, 0.2, 0.4]).view(1, 3, 1, 1).expand(5, 3, 8, 8)
    orders = set()
    for seed in range(30):
        colors = augmented(images, generator(seed))[:, :, 0, 0]
        order = tuple(colors[0].argsort().tolist())
        orders.add(order)
        ratio = colors.sort(dim=1).values / colors.sum(dim=1, keepdim=True)
        torch.testing.assert_close(ratio, torch.tensor([1.0, 2, 4]).expand(5, 3) / 7)
    assert len(orders) == 6


def test_a_point_moves_by_three_pixels_at_most():
    point = torch.zeros(1, 3, 15, 15)
    point[..., 7, 7] = 0.5
    rows, columns = set(), set()
    for seed in range(80):
        _, _, row, column = augmented(point, generator(seed)).nonzero()[0].tolist()
        rows.add(row)
        columns.add(column)
    assert rows == columns == set(range(4, 11))
