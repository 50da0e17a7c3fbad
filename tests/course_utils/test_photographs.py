"""The photographs: bundled ones, their regions and crops, and a folder of one's own."""

import importlib.resources
import io
import re
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from skimage import data
from skimage.data import _fetchers
from torch import Tensor

import course_utils.data.photographs as module
from course_utils.data.own_photographs import folder_photographs, is_grey, read_photograph
from course_utils.data.photographs import (
    COLOR_PHOTOGRAPHS,
    CREDITS,
    GREY_PHOTOGRAPHS,
    PHOTOGRAPHS,
    credit,
    crops,
    photograph,
    region,
)

RED, GREEN, BLUE = (torch.eye(3)[i].reshape(3, 1, 1) for i in range(3))


# The bundled ones.


@pytest.mark.parametrize("name", COLOR_PHOTOGRAPHS)
def test_whole_photograph(name: str):
    rgb = photograph(name)
    assert rgb.shape[:2] == (1, 3)
    assert rgb.dtype == torch.float32
    assert 0 <= rgb.min() < 0.1
    assert 0.9 < rgb.max() <= 1
    assert not torch.allclose(rgb[:, 0], rgb[:, 2], atol=0.1), "a colour photograph"
    assert not is_grey(rgb)


@pytest.mark.parametrize("name", GREY_PHOTOGRAPHS)
def test_grey_photograph_has_three_equal_channels(name: str):
    rgb = photograph(name)
    assert rgb.shape == (1, 3, 512, 512)
    assert rgb.dtype == torch.float32
    assert torch.equal(rgb, rgb[:, :1].expand(-1, 3, -1, -1))
    assert 0.7 < rgb.max() <= 1
    assert photograph(name, 32).shape == (1, 3, 32, 32)


def test_square_is_centred():
    whole, square = photograph("coffee"), photograph("coffee", 400)  # 400 x 600: nothing to shrink
    assert square.shape == (1, 3, 400, 400)
    assert torch.allclose(square, whole[..., 100:500], atol=1e-6)


def test_the_four_of_the_assignment_make_a_batch():
    batch = torch.cat([photograph(name, 32) for name in PHOTOGRAPHS])
    assert batch.shape == (4, 3, 32, 32)
    assert COLOR_PHOTOGRAPHS[:4] == PHOTOGRAPHS == ("astronaut", "chelsea", "coffee", "rocket")


def test_shrinking_keeps_the_mean():
    whole = photograph("astronaut")
    assert torch.allclose(photograph("astronaut", 64).mean(), whole.mean(), atol=0.01)


@pytest.mark.parametrize("ask", [photograph, credit])
def test_unknown_name_is_told_the_known_ones(ask):
    with pytest.raises(
        ValueError, match="astronaut, chelsea, coffee, rocket, china, flower, camera"
    ):
        ask("lena")


@pytest.mark.parametrize("size", [0, -8])
def test_no_square_without_pixels(size: int):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        photograph("rocket", size)


@pytest.mark.parametrize("name", CREDITS)
def test_nothing_is_downloaded(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def refuse(file: str):
        raise AssertionError(f"{file} is not in the wheel")

    empty_cache = types.SimpleNamespace(abspath=tmp_path, fetch=refuse)
    monkeypatch.setattr(_fetchers, "_image_fetcher", empty_cache)
    assert photograph(name, 8).shape == (1, 3, 8, 8)


def test_every_photograph_has_a_credit():
    assert tuple(CREDITS) == (*COLOR_PHOTOGRAPHS, *GREY_PHOTOGRAPHS)
    assert credit("china") == (
        "china: danielbuechele, CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/), "
        "https://www.flickr.com/photos/danielbuechele/6061409035/"
    )


@pytest.mark.parametrize("name", [name for name in CREDITS if name not in ("china", "flower")])
def test_credit_is_what_scikit_image_says(name: str):
    said = getattr(data, name).__doc__
    author = CREDITS[name].author.split(",")[0]
    assert author in said
    assert CREDITS[name].license in said


@pytest.mark.parametrize("name", ["china", "flower"])
def test_credit_is_what_scikit_learn_links_to(name: str):
    said = importlib.resources.files("sklearn.datasets.images").joinpath("README.txt").read_text()
    said = said[said.index(f"{name}.jpg") :]
    account, address = re.findall(r"https://www.flickr.com/\S+", said)[:2]
    assert account.endswith(f"/{CREDITS[name].author}/")
    assert address.startswith(CREDITS[name].address)
    assert "https://creativecommons.org/licenses/by/2.0/" in said
    assert "https://creativecommons.org/licenses/by/2.0/" in credit(name)


# Regions and crops.


def painted(height: int, width: int) -> Tensor:
    """Red where one may train, blue where one may test, green between."""
    train, test = width * 64 // 100, width * 32 // 100
    between = width - train - test
    columns = torch.cat(
        [RED.expand(3, 1, train), GREEN.expand(3, 1, between), BLUE.expand(3, 1, test)], dim=-1
    )
    return columns.expand(3, height, width)[None].clone()


def ramp(height: int, width: int) -> Tensor:
    """Red tells the column and green the row: (column + ½) / 1000; blue is a fine chessboard."""
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([(column + 0.5) / 1000, (row + 0.5) / 1000, (row + column) % 2.0])[None]


def window_sides(batch: Tensor) -> Tensor:
    """The sides of the windows of `ramp` that became these crops, in pixels."""
    # Edges are smoothed one-sidedly.
    slope = (batch[:, 1, -2] - batch[:, 1, 1]).mean(-1) / (batch.shape[-1] - 3)
    return 1000 * slope * batch.shape[-1]


@pytest.mark.parametrize(("height", "width"), [(60, 100), (200, 75), (41, 333)])
@pytest.mark.parametrize("size", [1, 8, 23])
def test_no_crop_mixes_the_regions(height: int, width: int, size: int):
    picture = painted(height, width)
    for split, color in (("train", RED), ("test", BLUE)):
        batch = crops(split, size, count=300, photographs=[picture])
        assert torch.allclose(batch, color.expand_as(batch), atol=1e-5)


@pytest.mark.parametrize("name", COLOR_PHOTOGRAPHS + GREY_PHOTOGRAPHS)
def test_regions_of_a_bundled_photograph_never_meet(name: str, monkeypatch: pytest.MonkeyPatch):
    canvas = torch.zeros_like(photograph(name))
    monkeypatch.setattr(module, "photograph", lambda _: canvas)
    region(name, "train").add_(0.25)  # both are views of the canvas
    region(name, "test").add_(0.5)
    assert canvas.unique().tolist() == [0, 0.25, 0.5]
    assert 0.6 < (canvas == 0.25).float().mean() <= 0.64
    assert 0.3 < (canvas == 0.5).float().mean() <= 0.32
    near_train = torch.nn.functional.max_pool2d((canvas == 0.25).float(), 21, stride=1, padding=10)
    assert not near_train[canvas == 0.5].any(), "there are at least ten pixels between"
    for split, value in (("train", 0.25), ("test", 0.5)):
        batch = crops(split, 64, count=100, photographs=[name])
        assert torch.allclose(batch, torch.full_like(batch, value), atol=1e-6)


def test_there_is_always_a_gap():
    for width in range(1, 130):
        picture = ramp(2, width)
        train, test = region(picture, "train"), region(picture, "test")
        assert train.shape[-1] + test.shape[-1] < width
        assert torch.equal(train, picture[..., : train.shape[-1]])
        assert torch.equal(test, picture[..., width - test.shape[-1] :])


def test_test_regions_lie_where_the_table_says():
    portrait, cat = photograph("astronaut"), photograph("chelsea")
    assert torch.equal(region("astronaut", "test"), portrait[..., 512 - 163 :, :])
    assert torch.equal(region("astronaut", "train"), portrait[..., :327, :])
    assert torch.equal(region("chelsea", "test"), cat[..., :144])
    assert torch.equal(region("chelsea", "train"), cat[..., 451 - 288 :])


def test_same_seed_same_crops():
    state = torch.get_rng_state()
    first, again, other = (crops("train", 16, 12, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.1)
    assert torch.equal(torch.get_rng_state(), state), "the generator of everyone else is left alone"


def test_same_windows_on_every_machine():
    batch = crops("test", size=8, count=5, seed=3, photographs=[ramp(80, 100)])
    centers = batch[:, :2, 3:5, 3:5].mean((2, 3)) * 1000
    expected = [[84, 8], [79.5, 5.5], [88, 23], [75.5, 38.5], [79, 60]]
    assert torch.allclose(centers, torch.tensor(expected), atol=0.05)


def test_windows_are_as_wide_in_both_splits():
    for split in ("train", "test"):
        sides = window_sides(crops(split, 16, 300, photographs=[ramp(200, 300)]))
        assert 15.5 < sides.min() < 17
        assert 31 < sides.max() < 32.5


def test_windows_of_both_splits_fit_the_test_region():
    for split in ("train", "test"):
        # 20 columns are for testing.
        sides = window_sides(crops(split, 16, 300, photographs=[ramp(200, 63)]))
        assert 19 < sides.max() < 20.5


def test_windows_reach_every_edge_of_their_region():
    for split, low, high in (("train", 0, 192), ("test", 204, 300)):
        batch = 1000 * crops(split, 16, 2000, photographs=[ramp(60, 300)])
        assert low <= batch[:, 0].min() < low + 3
        assert high - 3 < batch[:, 0].max() <= high
        assert 0 <= batch[:, 1].min() < 3
        assert 57 < batch[:, 1].max() <= 60


def test_only_training_crops_are_mirrored():
    for split, low, high in (
        ("train", 0.35, 0.65),
        ("test", 0, 0),
    ):  # 1 in 10^8 that 400 coins leave .35 to .65
        batch = crops(split, 16, 400, photographs=[ramp(200, 300)])
        mirrored = (batch[:, 0, 0, 0] > batch[:, 0, 0, -1]).float().mean()
        assert low <= mirrored <= high


def test_crops_are_antialiased():
    batch = crops("train", 16, 200, photographs=[ramp(200, 300)])
    widest = batch[window_sides(batch) > 30, 2, 2:-2, 2:-2]
    assert len(widest) > 5
    assert widest.std() < 0.1, "plain sampling of a chessboard has a deviation of one half"


def test_photographs_take_turns():
    flags = [color.expand(3, 60, 100) for color in (RED, GREEN, BLUE)]
    batch = crops("train", 8, 8, photographs=flags)
    assert sorted(batch.mean((0, 2, 3)).mul(8).round().tolist()) == [2, 3, 3]


def test_all_bundled_photographs_have_room_for_128_pixels():
    assert crops("test", 128, len(COLOR_PHOTOGRAPHS)).shape == (6, 3, 128, 128)


def test_crops_of_names_tensors_and_folders_are_the_same():
    rgb = photograph("coffee")
    expected = crops("train", 16, 3, photographs=["coffee"])
    assert expected.dtype == torch.float32
    assert torch.equal(crops("train", 16, 3, photographs="coffee"), expected)
    on_the_right = crops("train", 16, 3, photographs=[rgb])
    for same in (rgb, [rgb[0]], {"mine.jpg": rgb}, iter([rgb.double()])):
        again = crops("train", 16, 3, photographs=same)
        assert torch.equal(again, on_the_right)


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(1, 3, 99, 99, dtype=torch.uint8),
        np.zeros((1, 3, 99, 99), dtype=np.float32),
        torch.zeros(2, 3, 99, 99),
        torch.zeros(1, 1, 99, 99),
        torch.zeros(99, 99, 3),
        torch.zeros(99, 99),
        Path("mine.jpg"),
    ],
)
def test_what_is_no_photograph_is_told_what_one_is(wrong):
    with pytest.raises(ValueError, match="A photograph is"):
        crops(photographs=[wrong])


def test_too_small_photograph_is_named():
    small = ramp(200, 100)  # 32 columns are for testing
    assert crops("train", 32, 2, photographs={"small.jpg": small}).shape == (2, 3, 32, 32)
    for split in ("train", "test"):
        with pytest.raises(
            ValueError, match=r"small.jpg is too small .* 33 .* 100 × 200, .* room for 32"
        ):
            crops(
                split, 33, 2, photographs={"chelsea.jpg": photograph("chelsea"), "small.jpg": small}
            )
    with pytest.raises(ValueError, match="picture 2 is too small"):
        crops("train", 33, 2, photographs=["chelsea", small])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"size": 0}, "size=0"),
        ({"count": 0}, "count=0"),
        ({"split": "val"}, "'train' or 'test', not 'val'"),
        ({"photographs": []}, "no photograph to crop"),
        ({"photographs": ["lena"]}, "no photograph 'lena'"),
    ],
)
def test_impossible_crops(wrong: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        crops(**wrong)


# One's own pictures.


@pytest.fixture(autouse=True)
def _no_stray_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pixels(height: int = 40, width: int = 60) -> np.ndarray:
    """Any colour picture."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain(color: tuple[int, ...] | int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (30, 20), color)


def same_color(rgb: Tensor, expected: tuple[int, int, int], tolerance: float = 0.6) -> bool:
    expected = torch.tensor(expected).reshape(1, 3, 1, 1)
    return torch.allclose(255 * rgb, expected.float().expand_as(rgb), atol=tolerance)


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.bmp", "a.tif", "a.tiff"])
def test_file_comes_back_as_it_is(name: str, tmp_path: Path):
    Image.fromarray(pixels()).save(tmp_path / name)
    for rgb in (read_photograph(str(tmp_path / name)), folder_photographs(str(tmp_path))[name]):
        assert rgb.shape == (1, 3, 40, 60)
        assert rgb.dtype == torch.float32
        assert torch.equal((255 * rgb[0]).round().byte().movedim(0, -1), torch.from_numpy(pixels()))


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.jfif", "a.webp", "a.gif"])
def test_lossy_file_comes_back_nearly(name: str, tmp_path: Path):
    kind = {".jfif": "JPEG"}.get(Path(name).suffix)
    plain((200, 120, 40)).save(tmp_path / name, format=kind)
    assert same_color(folder_photographs(tmp_path)[name], (200, 120, 40), tolerance=4)


def grey_16() -> Image.Image:
    return Image.fromarray(np.full((20, 30), 0x8080, dtype=np.uint16))


def palette_with_hole() -> Image.Image:
    image = plain(1, "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (plain((255, 0, 0, 128), "RGBA"), "half.png", (255, 127, 127)),
        (plain((10, 20, 30, 0), "RGBA"), "clear.png", (255, 255, 255)),
        (plain((10, 20, 30, 0), "RGBA"), "clear.webp", (255, 255, 255)),
        (plain((0, 128), "LA"), "half_grey.png", (127, 127, 127)),
        (plain(77, "L"), "grey.png", (77, 77, 77)),
        (plain(77, "L"), "grey.jpg", (77, 77, 77)),
        (plain(1, "1"), "bit.png", (255, 255, 255)),
        (grey_16(), "deep.png", (128, 128, 128)),
        (grey_16(), "deep.tif", (128, 128, 128)),
        (plain((0, 255, 255, 0), "CMYK"), "print.tif", (255, 0, 0)),
        (plain((0, 255, 255, 0), "CMYK"), "print.jpg", (254, 0, 0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_mode_becomes_rgb(image: Image.Image, name: str, expected: tuple, tmp_path: Path):
    image.save(
        tmp_path / name, **({"lossless": True, "exact": True} if name.endswith("webp") else {})
    )
    assert same_color(read_photograph(tmp_path / name), expected, tolerance=1.1)


@pytest.mark.parametrize("name", ["hole.png", "hole.gif"])
def test_transparent_colour_of_a_palette_is_white(name: str, tmp_path: Path):
    palette_with_hole().save(tmp_path / name, transparency=1)
    rgb = read_photograph(tmp_path / name)
    assert rgb[0, :, 0, 0].tolist() == [1, 0, 0]
    assert same_color(rgb[..., 1:, :], (255, 255, 255))


def test_16_bit_steps_survive(tmp_path: Path):
    Image.fromarray(np.array([[0, 257, 0x7FFF, 0xFF00, 0xFFFF]], dtype=np.uint16)).save(
        tmp_path / "deep.png"
    )
    assert (255 * read_photograph(tmp_path / "deep.png")[0, 0, 0]).round().tolist() == [
        0,
        1,
        127,
        254,
        255,
    ]


def test_animation_gives_its_first_frame(tmp_path: Path):
    plain((255, 0, 0)).save(tmp_path / "a.gif", save_all=True, append_images=[plain((0, 0, 255))])
    assert same_color(read_photograph(tmp_path / "a.gif"), (255, 0, 0))


@pytest.mark.parametrize("longest_side", [640, 100])
@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))]
)
def test_picture_stands_upright(
    orientation: int, corner: tuple[int, int], longest_side: int, tmp_path: Path
):
    image = Image.new("RGB", (240, 160), "blue")
    image.paste("red", (0, 0, 80, 80))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    rgb = read_photograph(tmp_path / "a.jpg", longest_side)[0]
    assert (rgb.shape[-1] > rgb.shape[-2]) == (orientation in (1, 3))
    corners = {(y, x): rgb[:, y, x] for y in (0, -1) for x in (0, -1)}
    red = [where for where, color in corners.items() if color[0] > 0.5]
    assert red == [corner]


def test_odd_metadata_are_nobodys_business(tmp_path: Path):
    truncated = b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x0f\0\x02\0\0\0\xff\0\0\0\x10"
    plain((200, 120, 40)).save(tmp_path / "a.jpg", exif=truncated)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rgb = read_photograph(tmp_path / "a.jpg")
    assert same_color(rgb, (200, 120, 40), tolerance=4)
    assert not caught


def swapped_profile() -> bytes:
    """A colour profile in which the first number of a pixel is its blue, and the last its red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_profile_is_applied(mode: str, tmp_path: Path):
    plain((255, 0, 0), "RGB").convert(mode).save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert same_color(read_photograph(tmp_path / "a.png"), (0, 0, 255), tolerance=2)


@pytest.mark.parametrize("profile", [b"no profile", swapped_profile()[:200]])
def test_useless_colour_profile_is_ignored(profile: bytes, tmp_path: Path):
    plain((255, 0, 0)).save(tmp_path / "a.png", icc_profile=profile)
    assert same_color(read_photograph(tmp_path / "a.png"), (255, 0, 0))


def test_profile_of_another_kind_is_ignored(tmp_path: Path):
    plain(77, "L").save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert same_color(read_photograph(tmp_path / "a.png"), (77, 77, 77))


@pytest.mark.parametrize(
    ("longest_side", "expected"),
    [(300, (150, 300)), (1000, (600, 1200)), (2000, (600, 1200)), (None, (600, 1200))],
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_only_larger_pictures_shrink(
    name: str, longest_side: int | None, expected: tuple, tmp_path: Path
):
    expected = (500, 1000) if longest_side == 1000 else expected
    Image.fromarray(pixels(600, 1200)).save(tmp_path / name)
    assert read_photograph(tmp_path / name, longest_side).shape == (1, 3, *expected)
    assert folder_photographs(tmp_path, longest_side)[name].shape == (1, 3, *expected)


def test_default_size_is_that_of_the_bundled_ones(tmp_path: Path):
    Image.fromarray(pixels(900, 1280)).save(tmp_path / "a.png")
    assert read_photograph(tmp_path / "a.png").shape == (1, 3, 450, 640)


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_shrinking_a_file_is_antialiased(mode: str, tmp_path: Path):
    board = np.indices((256, 256)).sum(0) % 2 * 255
    image = Image.fromarray(np.stack([board] * 3, axis=-1).astype(np.uint8))
    image.convert(mode).save(tmp_path / "a.png")
    shrunk = read_photograph(tmp_path / "a.png", 100)
    assert shrunk[..., 2:-2, 2:-2].std() < 0.1
    assert abs(shrunk.mean() - 0.5) < 0.01


def test_natural_order(tmp_path: Path):
    names = [
        "1.png",
        "2.png",
        "10.png",
        "a2b10.png",
        "A2b9.png",
        "a10b1.png",
        "IMG_9.jpg",
        "img_10.jpg",
        "²1.png",
    ]
    for name in names:
        Image.fromarray(pixels()).save(tmp_path / name)
    expected = [
        "1.png",
        "2.png",
        "10.png",
        "A2b9.png",
        "a2b10.png",
        "a10b1.png",
        "IMG_9.jpg",
        "img_10.jpg",
        "²1.png",
    ]
    assert list(folder_photographs(tmp_path)) == expected


def test_only_pictures_are_read(tmp_path: Path):
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    for name in ("._a.png", ".hidden.jpg", "notes.txt", "Thumbs.db"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    assert list(folder_photographs(tmp_path)) == ["a.png"]


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(200, 200)).save(buffer, format="JPEG")
    return buffer.getvalue()


def png_bytes() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(200, 200)).save(buffer, format="PNG")
    return buffer.getvalue()


def png_with_broken_middle() -> bytes:
    return png_bytes()[:5000] + bytes(200) + png_bytes()[5200:]


def png_with_broken_chunk() -> bytes:
    """For which Pillow raises SyntaxError, of all things."""
    first, last = png_bytes().rsplit(b"IDAT", 1)
    return first + b"\xf2\xcf]\x00" + last


DAMAGED = {
    "empty": b"",
    "text": b"not a picture",
    "truncated": jpeg_bytes()[:2000],
    "header": jpeg_bytes()[:30],
    "middle": png_with_broken_middle(),
    "chunk": png_with_broken_chunk(),
    "another format": b"P6 1 1 255 abc",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_file(content: bytes, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match="^a.jpg can't be read: it is damaged, or not a picture$"):
        read_photograph(tmp_path / "a.jpg")


# Pillow warns beyond its limit, and refuses beyond twice that.
@pytest.mark.parametrize("side", [40, 60])
def test_huge_picture(side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    Image.fromarray(pixels(side, side)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="^a.png has more than 0 million pixels: shrink it first$"):
        read_photograph(tmp_path / "a.png")


def test_telephone_formats_are_to_be_exported(tmp_path: Path):
    (tmp_path / "IMG_1.HEIC").write_bytes(b"whatever")
    with pytest.raises(ValueError, match="^IMG_1.HEIC is a HEIC file: export it as JPEG first$"):
        read_photograph(tmp_path / "IMG_1.HEIC")


def test_missing_file(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=re.escape("none.jpg")):
        read_photograph(tmp_path / "none.jpg")


def test_no_picture_without_pixels(tmp_path: Path):
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        read_photograph(tmp_path / "a.png", 0)


def test_one_warning_names_all_that_is_skipped(tmp_path: Path):
    Image.fromarray(pixels()).save(tmp_path / "good.png")
    plain(77, "L").save(tmp_path / "grey.png")
    for name in ("broken.jpg", "IMG_1.heic"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="^Skipped in ") as caught:
        assert list(folder_photographs(tmp_path)) == ["good.png"]
    assert len(caught) == 1
    assert caught[0].filename == __file__, "it points at the caller's line"
    message = str(caught[0].message)
    assert message.startswith(f"Skipped in {tmp_path.name}: broken.jpg can't be read")
    assert "IMG_1.heic is a HEIC file: export it as JPEG first" in message
    assert "grey.png is grey" in message
    assert "good.png" not in message


def test_long_list_of_skipped_is_cut(tmp_path: Path):
    Image.fromarray(pixels()).save(tmp_path / "good.png")
    for number in range(1, 31):
        (tmp_path / f"{number}.heic").write_bytes(b"")
    with pytest.warns(UserWarning, match="; 12.heic .*; and 18 more.$") as caught:
        folder_photographs(tmp_path)
    assert "13.heic" not in str(caught[0].message)


def test_grey_pictures_are_kept_when_asked(tmp_path: Path):
    plain(77, "L").save(tmp_path / "grey.png")
    assert same_color(folder_photographs(tmp_path, keep_grey=True)["grey.png"], (77, 77, 77))


@pytest.mark.parametrize("folder", ["missing", "file.jpg"])
def test_missing_folder(folder: str, tmp_path: Path):
    (tmp_path / "file.jpg").write_bytes(b"")
    with pytest.raises(
        FileNotFoundError, match=f"no folder .*{folder}. Make it.*JPEG, PNG or WebP"
    ):
        folder_photographs(tmp_path / folder)


def test_empty_folder(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no picture to use in .*JPEG, PNG or WebP.*\)\.$"):
        folder_photographs(tmp_path)


def test_folder_of_an_iphone(tmp_path: Path):
    (tmp_path / "IMG_1.HEIC").write_bytes(b"")
    with pytest.raises(
        FileNotFoundError, match="no picture to use .*IMG_1.HEIC is a HEIC file: export it as JPEG"
    ):
        folder_photographs(tmp_path)


def test_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "mine").mkdir()
    Image.fromarray(pixels()).save(tmp_path / "mine" / "a.png")
    assert list(folder_photographs("~/mine")) == ["a.png"]
    assert read_photograph("~/mine/a.png").shape == (1, 3, 40, 60)


def test_crops_of_a_folder_keep_the_regions_apart(tmp_path: Path):
    for name, (height, width) in {"a": (60, 100), "b": (90, 75)}.items():
        rgb = (255 * painted(height, width)[0]).byte().movedim(0, -1).numpy()
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
    mine = folder_photographs(tmp_path)
    for split, color in (("train", RED), ("test", BLUE)):
        batch = crops(split, 16, 40, photographs=mine)
        assert torch.allclose(batch, color.expand_as(batch), atol=1e-5)


def test_grey_but_for_specks():
    noise = torch.rand(1, 3, 100, 100, generator=torch.Generator().manual_seed(0)) * 4 / 255
    grey = torch.linspace(0, 0.9, 100).expand(1, 3, 100, 100) + noise
    assert is_grey(grey)
    assert is_grey(grey[0])
    grey[..., 0, :50] = RED[None, ..., 0].clone()  # 50 pixels of 10,000
    assert is_grey(grey)
    grey[..., :2, :] = RED[None]
    assert not is_grey(grey)


def test_sepia_and_dull_pictures_have_colour():
    sepia = torch.linspace(0, 0.9, 50) * torch.tensor([1.0, 0.9, 0.7]).reshape(1, 3, 1, 1)
    assert not is_grey(sepia.expand(1, 3, 40, 50))
    assert not is_grey(torch.tensor([0.5, 0.5, 0.55]).reshape(1, 3, 1, 1).expand(1, 3, 40, 50))
