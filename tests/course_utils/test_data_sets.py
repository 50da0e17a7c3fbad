"""The loaders of the real data sets, on tiny sets in the same formats, some downloaded."""

import hashlib
import io
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from file_server import Server, packed, running
from PIL import Image
from torchvision.datasets import CIFAR10, STL10, Imagenette

from course_utils.data.data_sets import (
    FOLDERS,
    cifar10,
    imagenette,
    is_here,
    rendered_chairs_folder,
    some_pictures,
    stl10,
)
from data_scripts.archives import read_manifest
from data_scripts.download import download
from data_scripts.resumable import Patience

RANDOM = np.random.default_rng(0)
LOADERS = {
    "cifar10": cifar10,
    "stl10": stl10,
    "imagenette": imagenette,
    "rendered_chairs": rendered_chairs_folder,
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The data folder, empty."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def pixels(*shape) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def expect(monkeypatch, owner, files):
    """Make torchvision's class expect the sums of our files in place of the real ones."""
    for name in ("train_list", "test_list"):
        listed = [[file, md5(files[file])] for file, _ in getattr(owner, name)]
        monkeypatch.setattr(owner, name, listed)


@pytest.fixture
def tiny_cifar10(monkeypatch):
    """Files by name: five batches of four pictures to train with, and one to test with."""
    names = [name for name, _ in CIFAR10.train_list + CIFAR10.test_list]
    batches = {
        name: {"data": pixels(4, 3072), "labels": [k, 1, 2, 9]} for k, name in enumerate(names)
    }
    files = {name: pickle.dumps(batch) for name, batch in batches.items()}
    files["batches.meta"] = pickle.dumps({"label_names": ["airplane", *"bcdefghi", "truck"]})
    expect(monkeypatch, CIFAR10, files)
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(files["batches.meta"])})
    return files, batches


@pytest.fixture
def tiny_stl10(monkeypatch):
    """Files by name: 3 pictures to train with, 2 to test with, 4 without labels."""
    pictures = {
        "train": pixels(3, 3, 96, 96),
        "test": pixels(2, 3, 96, 96),
        "unlabeled": pixels(4, 3, 96, 96),
    }
    files = {f"{split}_X.bin": picture.tobytes() for split, picture in pictures.items()}
    files |= {"train_y.bin": bytes([1, 10, 3]), "test_y.bin": bytes([2, 7])}
    files |= {"class_names.txt": b"airplane\nbird\n", "fold_indices.txt": b"0 1\n" * 10}
    expect(monkeypatch, STL10, files)
    return files, pictures


def tiny_imagenette():
    """Files by name: two pictures of each class to train with, and one to validate with."""
    files = {}
    for wnid in Imagenette._WNID_TO_CLASS:
        for split, count in (("train", 2), ("val", 1)):
            for k in range(count):
                files[f"{split}/{wnid}/{wnid}_{k}.JPEG"] = jpeg(200, 160)
    return files | {"noisy_imagenette.csv": b"path\n"}


def jpeg(width, height) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def tiny_chairs():
    """Files by name: three models of 62 views, as in the real set."""
    azimuths = [(p, 360 * k // 31) for p in (20, 30) for k in range(31)]
    views = [f"image_{n:03}_p{p:03}_t{t:03}_r096.png" for n, (p, t) in enumerate(azimuths)]
    files = {f"{model * 32}/renders/{view}": b"png" for model in "abc" for view in views}
    return files | {"all_chair_names.mat": b"matlab"}


def lay(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def downloaded(name, files, here, contents=None):
    """Fetch these files like the real set: with its manifest entry, but from our server."""
    real = read_manifest()[name]
    body = packed(
        {f"{real.folder}/{file}": data for file, data in files.items()},
        "w" if real.kind == "tar" else "w:gz",
    )
    with running(Server(body)) as server:
        ours = replace(
            real,
            url=f"{server.address}/{real.archive}",
            bytes=len(body) if real.bytes else None,
            checksums=tuple(
                f"{k}:{hashlib.new(k, body).hexdigest()}"
                for k in ("md5", "sha256")
                if real.checksums
            ),
            contents=contents or real.contents,
        )
        download(ours, here, lambda *_: None, Patience(pauses=()))


def test_cifar10_from_download_to_pictures(here, tiny_cifar10):
    files, batches = tiny_cifar10
    downloaded("cifar10", files, here)
    train, test = cifar10(train=True), cifar10(train=False)
    assert isinstance(train, CIFAR10)
    assert (len(train), len(test)) == (20, 4)
    picture, label = train[4]  # the first of the second batch
    assert np.array_equal(
        np.asarray(picture),
        batches["data_batch_2"]["data"][0].reshape(3, 32, 32).transpose(1, 2, 0),
    )
    assert (label, train.classes[9]) == (1, "truck")


def test_stl10_from_download_to_pictures(here, tiny_stl10):
    files, pictures = tiny_stl10
    downloaded("stl10", files, here)
    sizes = {"train": 3, "test": 2, "unlabeled": 4, "train+unlabeled": 7}
    assert {split: len(stl10(split)) for split in sizes} == sizes
    picture, label = stl10("test")[1]
    # Stored column by column.
    assert np.array_equal(np.asarray(picture), pictures["test"][1].transpose(2, 1, 0))
    assert label == 6


def test_imagenette_from_download_to_pictures(here):
    counts = {"train/*": 10, "train/*/*.JPEG": 20, "val/*": 10, "val/*/*.JPEG": 10}
    assert counts.keys() == read_manifest()["imagenette"].contents.keys()
    downloaded("imagenette", tiny_imagenette(), here, counts)
    assert (len(imagenette("train")), len(imagenette("val"))) == (20, 10)
    picture, label = imagenette("val")[9]
    assert (picture.size, label) == ((200, 160), 9)


def test_rendered_chairs_from_download_to_folder(here):
    counts = {"*/renders": 3, "*/renders/*.png": 3 * 62}
    assert counts.keys() == read_manifest()["rendered_chairs"].contents.keys()
    downloaded("rendered_chairs", tiny_chairs(), here, counts)
    assert (
        rendered_chairs_folder() / ("a" * 32) / "renders" / "image_031_p030_t000_r096.png"
    ).exists()
    assert len((here / "rendered_chairs.tar.sha256").read_text().split()[0]) == 64


def test_transform_is_passed_on(here, tiny_cifar10, tiny_stl10):
    lay(here / FOLDERS["cifar10"], tiny_cifar10[0])
    lay(here / FOLDERS["stl10"], tiny_stl10[0])
    lay(here / FOLDERS["imagenette"], tiny_imagenette())
    for load in (cifar10, stl10, imagenette):
        assert load(transform=lambda picture: picture.size[0])[0][0] in (32, 96, 200)


@pytest.mark.parametrize("name", LOADERS)
def test_missing_set_says_what_fetches_it_and_that_none_is_needed(here, name):
    assert not is_here(name)
    with pytest.raises(FileNotFoundError) as caught:
        LOADERS[name]()
    message = str(caught.value)
    assert message.startswith(
        f"There is no {name} in {here}: `python data_scripts/download.py {name}`"
    )
    assert "default data needs no download" in message
    (here / FOLDERS[name]).mkdir()
    assert is_here(name)


@pytest.mark.parametrize("name", ["cifar10", "stl10", "imagenette"])
def test_damaged_set_does_not_advise_torchvisions_download(here, name):
    (here / FOLDERS[name] / "train").mkdir(parents=True)
    with pytest.raises(
        FileNotFoundError,
        match=f"{re.escape(FOLDERS[name])} is damaged: delete it, and `python data",
    ):
        LOADERS[name]()


@pytest.mark.parametrize("load", [stl10, imagenette])
def test_unknown_split(here, load):
    (here / FOLDERS[load.__name__]).mkdir()
    with pytest.raises(ValueError, match="split"):
        load("validation")


def test_unknown_set_is_told_the_known_ones():
    with pytest.raises(
        ValueError,
        match="no data set 'mnist'. There is: cifar10, stl10, imagenette, rendered_chairs",
    ):
        is_here("mnist")


def test_folder_of_imagenette_is_torchvisions(here):
    lay(here / FOLDERS["imagenette"], tiny_imagenette())
    assert imagenette()._size_root == here / FOLDERS["imagenette"]


def plain(count: int, size=(6, 4)) -> list:
    """Pictures of one colour each, told apart by their red, and a class for each."""
    return [(Image.new("RGB", size, (10 * k, 50, 200)), k % 3) for k in range(count)]


def reds(pictures) -> list[int]:
    return (255 * pictures[:, 0].mean(dim=(1, 2)) / 10).round().int().tolist()


def test_some_pictures_are_squares_between_0_and_1():
    pictures = some_pictures(plain(9), count=5, size=8)
    assert pictures.shape == (5, 3, 8, 8)
    assert pictures.dtype == torch.float32
    assert torch.equal(255 * pictures[:, 1:].amax(dim=(0, 2, 3)), torch.tensor([50.0, 200]))
    noise = [(Image.fromarray(pixels(40, 60, 3)), 0)]
    sharp = some_pictures(noise, 1, 100)  # enlarging overshoots what is light and what is dark
    assert (sharp.min(), sharp.max()) == (0, 1)


def test_no_picture_is_chosen_twice():
    chosen = reds(some_pictures(plain(20), count=12, size=4))
    assert len(set(chosen)) == 12


def test_of_a_small_set_all_are_chosen():
    pictures = some_pictures(plain(6), count=100, size=4)
    assert len(pictures) == 6
    assert sorted(reds(pictures)) == [0, 1, 2, 3, 4, 5]


def test_the_same_seed_chooses_the_same_pictures():
    some = plain(20)
    torch.manual_seed(1)
    first = some_pictures(some, 7, 4, seed=3)
    torch.manual_seed(2)
    assert torch.equal(some_pictures(some, 7, 4, seed=3), first)
    assert reds(some_pictures(some, 4, 4, seed=3)) == reds(first)[:4], "fewer are the first of them"
    assert reds(some_pictures(some, 7, 4, seed=4)) != reds(first)
    assert reds(first) != sorted(reds(first))


@pytest.mark.parametrize("wide", [True, False], ids=["landscape", "portrait"])
def test_the_square_is_the_middle_and_nothing_is_stretched(wide):
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, 20:40] = (255, 128, 0)  # the middle third
    picture[:10, 20:40, 2] = 255  # which is blue above
    rgb = picture if wide else picture.transpose(1, 0, 2)
    square = some_pictures([(Image.fromarray(rgb), 0)], 1, 20)[0]
    square = square if wide else square.mT
    assert square[0].min() == 1, "nothing of what is beside the middle"
    assert square[1].unique().tolist() == pytest.approx([128 / 255])
    assert (square[2, :10].min(), square[2, 10:].max()) == (1, 0)


def test_grey_pictures_and_those_with_a_palette_become_rgb():
    grey = Image.new("L", (9, 5), 128)
    index = np.zeros((8, 8), np.uint8)
    index[:, 4:] = 1
    palette = Image.fromarray(index, "L").convert("P")
    palette.putpalette([255, 0, 0, 0, 0, 255] + [0] * 3 * 254)
    covered = Image.new("RGBA", (5, 5), (0, 255, 0, 255))
    by_name = {
        name: some_pictures([(image, 0)], 1, 8)[0]
        for name, image in (("grey", grey), ("palette", palette), ("covered", covered))
    }
    assert by_name["grey"].unique().tolist() == pytest.approx([128 / 255])
    assert by_name["palette"][:, 3, [0, 7]].T.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert by_name["covered"].amax(dim=(1, 2)).tolist() == [0, 1, 0]
    mixed = [(grey, 0), (palette, 1), (covered, 2)]
    assert some_pictures(mixed, 3, 8).shape == (3, 3, 8, 8)


def test_pictures_are_chosen_from_a_loaded_set(here, tiny_cifar10):
    files, batches = tiny_cifar10
    lay(here / FOLDERS["cifar10"], files)
    pictures = some_pictures(cifar10(train=False), 4, 32)
    stored = torch.from_numpy(batches["test_batch"]["data"]).view(4, 3, 32, 32) / 255
    assert sorted(pictures.mean(dim=(1, 2, 3)).tolist()) == pytest.approx(
        sorted(stored.mean(dim=(1, 2, 3)).tolist())
    )
    assert any(torch.equal(pictures[0], each) for each in stored), (
        "of its own size it stays as it is"
    )
