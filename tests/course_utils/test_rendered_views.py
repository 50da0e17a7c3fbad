"""One loader for rendered furniture and the real chairs; packs; splits; damaged files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from course_utils.data import rendered_files
from course_utils.data.data_folder import VARIABLE, data_folder
from course_utils.data.rendered_views import RenderedViews, load_views

AZIMUTHS = [360 * k // 31 for k in range(31)]


def furniture(folder: Path, names: list[str], size: int = 32) -> Path:
    """Write files as render_furniture.py does: RGBA, with a style, distinct by model and view."""
    for m, name in enumerate(names):
        renders = folder / name / "renders"
        renders.mkdir(parents=True)
        (folder / name / "style.json").write_text(json.dumps({"category": name.split("_")[0]}))
        for e, elevation in enumerate((20, 30)):
            for k, azimuth in enumerate(AZIMUTHS):
                rgba = np.full((size, size, 4), (255, 255, 255, 0), np.uint8)
                rgba[8:24, 2 + k % 8 : 18] = (40 * m + 10, 90, 200 - 40 * m, 255)
                number = 32 * e + k
                Image.fromarray(rgba).save(
                    renders / f"image_{number:03d}_p{elevation:03d}_t{azimuth:03d}_r096.png"
                )
    return folder


def real_chairs(folder: Path, names: list[str]) -> Path:
    """As the real set is: 600 x 600, RGB, the chair on white, nothing else in the folder."""
    for name in names:
        renders = folder / name / "renders"
        renders.mkdir(parents=True)
        for number, (elevation, azimuth) in enumerate(
            [(20, 0), (20, 11), (20, 23), (30, 0), (30, 11)]
        ):
            rgb = np.full((600, 600, 3), 255, np.uint8)
            # Above is 0..99: cut away; the first 40 kept rows are blue.
            rgb[100:140, :] = (0, 0, 250)
            rgb[300:400, 250:350] = (200, 30, 10)
            Image.fromarray(rgb).save(
                renders / f"image_{number:03d}_p{elevation:03d}_t{azimuth:03d}_r096.png"
            )
    return folder


@pytest.fixture
def views(tmp_path) -> RenderedViews:
    names = ["car_0000", "chair_0000", "chair_0001", "chair_0002"]
    return load_views(furniture(tmp_path / "rendered_furniture", names), size=32)


def test_one_batch(views):
    batch = views[63]  # the second model's second view
    assert batch.image.shape == (1, 3, 32, 32)
    assert batch.mask.shape == (1, 1, 32, 32)
    assert (batch.model.item(), views.names[1]) == (1, "chair_0000")
    assert views.categories[batch.category] == "chair"
    assert (batch.elevation.item(), batch.azimuth.item()) == (20.0, 11.0)
    inside, outside = batch.image[0, :, 12, 10], batch.image[0, :, 0, 0]
    assert torch.allclose(inside, torch.tensor([50, 90, 160]) / 255)
    assert outside.tolist() == [1, 1, 1]
    assert batch.mask.unique().tolist() == [0, 1]


def test_masked_is_over_black_and_gives_the_image_back(views):
    batch = views.batch(torch.arange(20))
    assert torch.equal(batch.masked[:, :, 0], torch.zeros(20, 3, 32))
    assert torch.allclose(batch.masked + 1 - batch.mask, batch.image, atol=1e-6)


def test_shrinking_is_exact_at_the_edge(tmp_path):
    """A new pixel three quarters covered by red: alpha 0.75, and red unmixed with transparency."""
    folder = furniture(tmp_path / "f", ["chair_0000"], 64)
    path = folder / "chair_0000" / "renders" / "image_000_p020_t000_r096.png"
    rgba = np.full((64, 64, 4), (255, 255, 255, 0), np.uint8)
    rgba[0, :2], rgba[1, 0] = (200, 0, 0, 255), (200, 0, 0, 255)
    Image.fromarray(rgba).save(path)
    batch = load_views(folder, 32)[0]
    assert batch.mask[0, 0, 0, 0].item() == pytest.approx(0.75, abs=0.003)
    over_white = 0.75 * torch.tensor([200 / 255, 0, 0]) + 0.25
    assert torch.allclose(batch.image[0, :, 0, 0], over_white, atol=0.005)


def test_real_layout_is_read_by_the_same_call(tmp_path):
    """Cropped to the middle 400 pixels, the mask made from white, all of it chairs."""
    folder = real_chairs(tmp_path / "rendered_chairs", ["1a2b3c", "9f8e7d"])
    views = load_views(folder, size=40)
    assert len(views) == 10
    assert views.categories == ("chair",)
    assert views.names == ("1a2b3c", "9f8e7d")
    batch = views.batch(torch.arange(10))
    assert batch.image.shape == (10, 3, 40, 40)
    assert batch.azimuth.tolist() == [0, 11, 23, 0, 11] * 2
    assert batch.elevation.tolist() == [20, 20, 20, 30, 30] * 2
    assert torch.allclose(batch.image[0, :, 0, 0], torch.tensor([0, 0, 250]) / 255, atol=0.005), (
        "rows 100 to 110"
    )
    assert batch.mask[0, 0, 25, 20] == 1, "the chair"
    assert batch.mask[0, 0, 10, 20] == 0, "the background"
    assert batch.mask[0].sum() == pytest.approx((40 * 400 + 100 * 100) / 100, rel=0.02)


def test_pictures_are_decoded_once(tmp_path, monkeypatch):
    folder = furniture(tmp_path / "f", ["chair_0000", "sofa_0000"])
    first = load_views(folder, 16)
    monkeypatch.setattr(
        rendered_files, "_rgba", lambda path: pytest.fail(f"{path} was decoded again")
    )
    assert torch.equal(load_views(folder, 16).pixels, first.pixels)


def test_changed_pictures_are_read_anew(tmp_path):
    folder = furniture(tmp_path / "f", ["chair_0000"])
    before = load_views(folder, 16)
    renders = folder / "chair_0000" / "renders"
    (renders / "image_000_p020_t000_r096.png").unlink()
    assert len(load_views(folder, 16)) == len(before) - 1


def test_a_damaged_cache_is_made_again(tmp_path):
    folder = furniture(tmp_path / "f", ["chair_0000"])
    before = load_views(folder, 16)
    kept = folder / "chair_0000" / "views_16.npz"
    kept.write_bytes(kept.read_bytes()[:100])
    assert torch.equal(load_views(folder, 16).pixels, before.pixels)
    assert len(kept.read_bytes()) > 100


def test_a_damaged_picture_is_named(tmp_path):
    folder = furniture(tmp_path / "f", ["chair_0000"])
    path = folder / "chair_0000" / "renders" / "image_005_p020_t058_r096.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="image_005_p020_t058_r096.png is damaged"):
        load_views(folder, 16)
    assert not list(folder.glob("*/views_*")), "nothing half-done is kept"


def test_unfinished_models_are_left_out(tmp_path):
    folder = furniture(tmp_path / "f", ["chair_0000", "chair_0001.part"])
    assert load_views(folder, 16).names == ("chair_0000",)


def test_pack_is_the_same_as_the_folder(views, tmp_path):
    again = load_views(views.save(tmp_path / "pack.npz"), size=32)
    assert again.names == views.names
    assert again.categories == views.categories
    for ours, theirs in zip(
        views.batch(torch.arange(9)), again.batch(torch.arange(9)), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert load_views(tmp_path / "pack.npz", size=16).pixels.shape == (248, 16, 16, 4)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"<html>404</html>"])
def test_damaged_pack(tmp_path, content: bytes):
    (tmp_path / "pack.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"pack.npz is damaged, or no pack"):
        load_views(tmp_path / "pack.npz")


def test_pack_with_a_pickle_is_refused(tmp_path):
    np.savez(tmp_path / "pack.npz", pixels=np.array([{"never": "unpickled"}], dtype=object))
    with pytest.raises(ValueError, match="damaged, or no pack"):
        load_views(tmp_path / "pack.npz")


def test_too_small(views, tmp_path):
    with pytest.raises(ValueError, match="32 pixels a side, so 64 can't be had"):
        load_views(tmp_path / "rendered_furniture", size=64)


def test_missing_data_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="render_furniture.py"):
        load_views("rendered_furniture")


def test_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(ValueError, match="MODEL/renders/image_001"):
        load_views(tmp_path)


def test_data_folder_is_searched_for_folder_and_pack(tmp_path, monkeypatch, views):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert len(load_views("rendered_furniture", 32)) == len(views)
    views.save(tmp_path / "packed.npz")
    assert len(load_views("packed", 32)) == len(views)


def test_data_folder_follows_the_variable_then_the_place(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert data_folder() == Path(rendered_files.__file__).parents[2] / "data"
    (tmp_path / "data").mkdir()
    assert data_folder() == tmp_path / "data"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    assert data_folder() == tmp_path / "elsewhere"


# --- selections
# ------------------------------------------------------------------------------------------


def everything(views: RenderedViews):
    return views.batch(torch.arange(len(views)))


def test_split_by_view_leaves_no_azimuth_in_both(views):
    train, test = views.split_by_view(every=4)
    assert len(train) + len(test) == len(views)
    seen, held_out = everything(train).azimuth.unique(), everything(test).azimuth.unique()
    assert len(held_out) == 7
    assert not torch.isin(seen, held_out).any()
    assert everything(test).model.unique().tolist() == [0, 1, 2, 3], "of every model"
    assert everything(test).elevation.unique().tolist() == [20, 30]


def test_split_by_model_leaves_no_model_in_both(views):
    train, test = views.of_category("chair").split_by_model(test_share=0.34, seed=3)
    seen, held_out = everything(train).model.unique(), everything(test).model.unique()
    assert len(seen) == 2
    assert len(held_out) == 1
    assert not torch.isin(seen, held_out).any()
    again = views.of_category("chair").split_by_model(test_share=0.34, seed=3)[1]
    assert torch.equal(everything(again).model, everything(test).model)
    others = {
        everything(views.split_by_model(0.34, seed)[1]).model.unique()[1].item()
        for seed in range(12)
    }
    assert others == {1, 2, 3}, "any of the chairs may be held out"


def test_of_category_and_renumbered(views):
    chairs = views.of_category("chair")
    assert everything(chairs).model.unique().tolist() == [1, 2, 3]
    counted = chairs.renumbered()
    assert everything(counted).model.unique().tolist() == [0, 1, 2]
    assert everything(counted).category.unique().tolist() == [0]
    assert counted.names == ("chair_0000", "chair_0001", "chair_0002")
    assert counted.categories == ("chair",)
    assert torch.equal(everything(counted).image, everything(chairs).image)
    with pytest.raises(ValueError, match="There is no lamp here. There is: car, chair"):
        views.of_category("lamp")


def test_epoch_has_every_view_once(views):
    shuffled = [
        batch.model * 1000 + batch.azimuth + batch.elevation / 100
        for batch in views.batches(50, _seed(1))
    ]
    assert [len(some) for some in shuffled] == [50] * 4 + [48]
    in_order = everything(views)
    expected = in_order.model * 1000 + in_order.azimuth + in_order.elevation / 100
    assert torch.equal(torch.cat(shuffled).sort().values, expected.sort().values)
    assert not torch.equal(torch.cat(shuffled), expected)
    again = [
        batch.model * 1000 + batch.azimuth + batch.elevation / 100
        for batch in views.batches(50, _seed(1))
    ]
    assert torch.equal(torch.cat(again), torch.cat(shuffled))


def _seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_dataloader_takes_whole_batches(views):
    loader = DataLoader(views, batch_size=30, collate_fn=lambda batch: batch)
    assert torch.equal(next(iter(loader)).image, views.batch(torch.arange(30)).image)


def test_index_out_of_range(views):
    with pytest.raises(IndexError, match="There are 248 views"):
        views[248]


def test_read_only_folder_is_read_all_the_same(tmp_path, monkeypatch):
    folder = furniture(tmp_path / "f", ["chair_0000"])

    def refuse(path, **arrays):
        raise PermissionError("read-only")

    monkeypatch.setattr(rendered_files, "_save", refuse)
    with pytest.warns(UserWarning, match="the next time will be as slow"):
        assert len(load_views(folder, 16)) == 62
