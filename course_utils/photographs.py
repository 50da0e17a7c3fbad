"""Genuine photographs, with nothing to download: those inside scikit-image and scikit-learn, and your own.

    photograph("chelsea")                       one of the bundled ones; credit("chelsea") says whom to thank
    folder_photographs("my_pictures")           every picture of a folder of yours
    crops("train"), crops("test")               many small squares, from regions that never meet
    crops("train", photographs=folder_photographs("my_pictures"))

Everywhere a photograph is (1, 3, H, W), sRGB, float32, in [0, 1].
Six photographs can show whether a program runs, not what a network has learnt of the world.
"""

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, ImageOps
from skimage import data
from torch import Tensor

Split = Literal["train", "test"]
Photographs = Iterable[str | Tensor] | Mapping[str, Tensor]  # names or tensors, or file names with tensors

# The bundled photographs. Left out: the stereo pair of a motorcycle and the faces of lfw_subset, which come
# without a licence; retina, tissue and deep field, whose colours are a lamp, a dye and a set of filters.

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")  # the four of the colorization assignment
COLOR_PHOTOGRAPHS = (*PHOTOGRAPHS, "china", "flower")  # two of scikit-learn's
GREY_PHOTOGRAPHS = ("camera", "brick", "grass", "gravel")  # to be coloured; nobody's colours are known


class Credit(NamedTuple):
    """Whom to thank for a photograph, and on what terms we may use it."""

    author: str
    license: str
    address: str


_CC_BY = "CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)"
_SCIKIT_IMAGE = "https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data."

CREDITS = {
    "astronaut": Credit("NASA", "public domain", "https://flic.kr/p/r9qvLn"),
    "chelsea": Credit("Stefan van der Walt", "CC0", _SCIKIT_IMAGE + "chelsea"),
    "coffee": Credit("Rachel Michetti, by courtesy of Pikolo Espresso Bar", "CC0", _SCIKIT_IMAGE + "coffee"),
    "rocket": Credit("SpaceX", "public domain", "https://www.flickr.com/photos/spacexphotos/16511594820/"),
    "china": Credit("danielbuechele", _CC_BY, "https://www.flickr.com/photos/danielbuechele/6061409035/"),
    # scikit-learn's README repeats the name of china's author here, but its two links are vultilion's.
    "flower": Credit("vultilion", _CC_BY, "https://www.flickr.com/photos/vultilion/6056698931/"),
    "camera": Credit("Lav Varshney", "CC0", _SCIKIT_IMAGE + "camera"),
    "brick": Credit("CC0Textures", "CC0", "https://cc0textures.com/view.php?tex=Bricks25"),
    "grass": Credit("linolafett", "CC0", "https://www.deviantart.com/linolafett/art/Grass-01-434853879"),
    "gravel": Credit("CC0Textures", "CC0", "https://cc0textures.com/view.php?tex=Gravel04"),
}


def photograph(name: str, size: int | None = None) -> Tensor:
    """One bundled photograph, as a batch of one.

    name     one of COLOR_PHOTOGRAPHS, or of GREY_PHOTOGRAPHS: these have three equal channels
    size     side of the centred square to cut out and shrink to `size` pixels; None for the whole picture
    returns  (1, 3, H, W)  sRGB, float32, in [0, 1]
    Raises ValueError if there is no such photograph, or if `size` is not positive.
    """
    pixels = torch.tensor(_bundled(name))  # (H, W, 3), or (H, W) of a grey one
    if pixels.ndim == 2:
        pixels = pixels[..., None].expand(-1, -1, 3)
    rgb = pixels.movedim(-1, 0)[None] / 255
    return rgb if size is None else _centred_square(rgb, size)


def credit(name: str) -> str:
    """The line to print below a bundled photograph: its name, author, licence and address.

    Raises ValueError if there is no such photograph.
    """
    return f"{name}: {', '.join(CREDITS[_known(name)])}"


def _known(name: str) -> str:
    if name not in CREDITS:
        raise ValueError(f"There is no photograph {name!r}. There is: {', '.join(CREDITS)}.")
    return name


def _bundled(name: str) -> np.ndarray:
    if _known(name) in ("china", "flower"):
        from sklearn.datasets import load_sample_image  # a second to import, so only for those who need it

        return load_sample_image(f"{name}.jpg")
    return getattr(data, name)()


def _centred_square(rgb: Tensor, size: int) -> Tensor:
    if size < 1:
        raise ValueError(f"A square needs a side of at least 1 pixel, not {size}.")
    height, width = rgb.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return _shrunk(rgb[..., top : top + side, left : left + side], size)


def _shrunk(square: Tensor, size: int) -> Tensor:
    # Antialiased: plain sampling would turn whiskers and lattice towers into false patterns.
    return F.interpolate(square, size=(size, size), mode="bilinear", antialias=True).clamp(0, 1)


# Regions to train on and regions to test on.

TRAIN_PERCENT, TEST_PERCENT = 64, 32  # of one side of the picture; the rest is a gap that nobody sees
WIDEST = 2  # a crop is cut from a window of up to twice its size

# Chosen by eye, so that the test region shows what the rest shows too: fur, suit, wood, lattice, petals.
_TEST_SIDE = {
    "astronaut": "bottom",
    "chelsea": "left",
    "coffee": "bottom",
    "rocket": "left",
    "china": "left",
    "flower": "bottom",
}
_OTHERWISE = "right"  # the world comes in layers: what lies side by side is more alike than top and bottom


def region(picture: str | Tensor, split: Split) -> Tensor:
    """The part of a photograph that one split may see. No pixel of the other part is in it, or beside it.

    picture  a bundled photograph's name, or (1, 3, H, W) or (3, H, W), floating-point sRGB in [0, 1]
    split    "train": 64 % of the width, or of the height; "test": 32 % on the other side of a gap of 4 %
    returns  (1, 3, h, w)  float32, a view where it can be
    Raises ValueError if there is no such photograph or split, or if the picture has another shape or type.
    """
    return _region(*_with_test_side(picture), split)


def crops(
    split: Split = "train",
    size: int = 64,
    count: int = 256,
    seed: int = 0,
    photographs: Photographs = COLOR_PHOTOGRAPHS,
) -> Tensor:
    """Random squares, each from the region of its photograph that belongs to the split.

    A window of `size` to 2 · `size` pixels is shrunk to `size`: the same range in both splits, as far as the
    test region has room. For training, one window in two is mirrored. The photographs take turns.

    split        "train" or "test"
    size         side of the squares, in pixels
    count        how many
    seed         the same seed gives the same windows on every machine
    photographs  names, or what `region` takes, or the answer of `folder_photographs`
    returns      (count, 3, size, size)  sRGB, float32, in [0, 1]
    Raises ValueError for what `region` refuses, or if a test region has no room for a window.
    Two pictures of the same scene are two pictures: the regions keep apart one picture, not one scene.
    """
    if size < 1 or count < 1:
        raise ValueError(f"There is no crop without a pixel, nor a batch without a crop: {size=}, {count=}.")
    generator = torch.Generator().manual_seed(seed)
    sources = [_source(label, picture, split, size) for label, picture in _labelled(photographs)]
    if not sources:
        raise ValueError("There is no photograph to crop.")
    turns = torch.randperm(len(sources), generator=generator).tolist()
    windows = [_window(*sources[turns[i % len(turns)]], size, generator) for i in range(count)]
    mirrored = torch.randint(2, (count, 1, 1, 1), generator=generator) == 1
    rgb = torch.cat(windows)
    return torch.where(mirrored, rgb.flip(-1), rgb) if split == "train" else rgb


def _with_test_side(picture: str | Tensor) -> tuple[Tensor, str]:
    if isinstance(picture, str):
        return photograph(picture), _TEST_SIDE.get(picture, _OTHERWISE)
    if not isinstance(picture, Tensor) or not picture.is_floating_point():
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise ValueError(f"A photograph is a name, or a tensor of floats in [0, 1], not {kind}.")
    if picture.shape[-3:-2] != (3,) or picture.shape[:-3] not in ((), (1,)):
        raise ValueError(f"A photograph is (1, 3, H, W) or (3, H, W), not {tuple(picture.shape)}.")
    return picture.reshape(1, *picture.shape[-3:]).float(), _OTHERWISE


def _region(rgb: Tensor, test_side: str, split: Split) -> Tensor:
    if split not in ("train", "test"):
        raise ValueError(f"A split is 'train' or 'test', not {split!r}.")
    axis = -1 if test_side in ("left", "right") else -2
    length, percent = rgb.shape[axis], TEST_PERCENT if split == "test" else TRAIN_PERCENT
    share = length * percent // 100  # rounded down, so that the gap is never nothing
    comes_first = (test_side in ("left", "top")) == (split == "test")
    return rgb.narrow(axis, 0 if comes_first else length - share, share)


def _labelled(photographs: Photographs) -> Iterator[tuple[str, str | Tensor]]:
    """Each photograph with what a message should call it."""
    if isinstance(photographs, Mapping):
        yield from photographs.items()
        return
    for number, picture in enumerate([photographs] if isinstance(photographs, str) else photographs, start=1):
        yield picture if isinstance(picture, str) else f"picture {number}", picture


def _source(label: str, picture: str | Tensor, split: Split, size: int) -> tuple[Tensor, int]:
    """The region to crop, and the side of its largest window, which is the same for both splits."""
    rgb, test_side = _with_test_side(picture)
    room = min(_region(rgb, test_side, "test").shape[-2:])
    if room < size:
        raise ValueError(
            f"{label} is too small for crops of {size} pixels: it has {rgb.shape[-1]} × {rgb.shape[-2]}, and "
            f"the {TEST_PERCENT} % for testing have room for {room}. Take smaller crops, or leave it out."
        )
    return _region(rgb, test_side, split), min(room, WIDEST * size)


def _window(rgb: Tensor, largest: int, size: int, generator: torch.Generator) -> Tensor:
    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    side = draw(size, largest)
    top, left = (draw(0, length - side) for length in rgb.shape[-2:])
    # Cut first, shrink then: so no pixel from outside the window takes part.
    return _shrunk(rgb[..., top : top + side, left : left + side], size)


# Your own pictures.

LONGEST_SIDE = 640  # pixels, like the bundled photographs
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # the only ones tried, whatever a file's name says
_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_TO_EXPORT = (".heic", ".heif", ".avif", ".dng")  # of telephones; not every Pillow reads them
_ADVICE = "Put some colour photographs of yours there, as JPEG, PNG or WebP (from an iPhone: export as JPEG)."
_AT_MOST = 12  # files that a warning names


def read_photograph(path: str | Path, longest_side: int | None = LONGEST_SIDE) -> Tensor:
    """One picture file, upright, in sRGB: its EXIF orientation and colour profile are applied.

    Transparent parts become white, a grey picture has three equal channels, an animation its first frame.

    path          a JPEG, PNG, WebP, BMP, GIF or TIFF file
    longest_side  pixels; a larger picture is shrunk, a smaller one is left as it is; None never shrinks
    returns       (1, 3, H, W)  sRGB, float32, in [0, 1]
    Raises FileNotFoundError if there is no such file; ValueError, in one sentence, if it can't be used.
    """
    if longest_side is not None and longest_side < 1:
        raise ValueError(f"the longest side of a picture has at least 1 pixel, not {longest_side}")
    path = Path(path).expanduser()
    if path.suffix.lower() in _TO_EXPORT:
        raise ValueError(f"{path.name} is a {path.suffix[1:].upper()} file: export it as JPEG first")
    try:
        return _read(path, longest_side)
    except FileNotFoundError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = Image.MAX_IMAGE_PIXELS // 10**6
        raise ValueError(f"{path.name} has more than {limit} million pixels: shrink it first") from None
    except Exception as error:  # Pillow answers damage with errors of a dozen kinds
        raise ValueError(f"{path.name} can't be read: it is damaged, or not a picture") from error


def folder_photographs(
    path: str | Path, longest_side: int | None = LONGEST_SIDE, keep_grey: bool = False
) -> dict[str, Tensor]:
    """The pictures of a folder (not of the folders in it), in natural order: 2.jpg before 10.jpg.

    What can't be used is skipped, with one warning that says what and why.

    path          the folder
    longest_side  pixels; larger pictures are shrunk. At 640 a picture takes 4 MB of memory
    keep_grey     also keep the pictures without colour: to colour them, not to learn from them
    returns       file name -> (1, 3, H, W)  sRGB, float32, in [0, 1]
    Raises FileNotFoundError if there is no such folder, or no picture in it that can be used.
    """
    folder = Path(path).expanduser().absolute()
    pictures, skipped = {}, []
    for file in _picture_files(folder):
        try:
            pictures[file.name] = _usable(file, longest_side, keep_grey)
        except ValueError as error:
            skipped.append(str(error))
    message = _skipped(skipped, folder)
    if not pictures:
        raise FileNotFoundError(f"There is no picture to use in {folder}. {_ADVICE} {message}".rstrip())
    if skipped:
        warnings.warn(message, stacklevel=2)
    return pictures


def is_grey(rgb: Tensor) -> bool:
    """Whether a picture is without colour, but for the specks that JPEG leaves. A sepia print has colour.

    rgb  (..., 3, H, W)  in [0, 1]
    """
    spread = rgb.amax(-3) - rgb.amin(-3)  # (..., H, W)
    return bool((spread > 8 / 255).float().mean() < 0.01)


def _picture_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}. Make it. {_ADVICE}")
    # A Mac puts a hidden file "._name.jpg", which is no picture, beside every picture on a memory stick.
    files = (file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return sorted((file for file in files if file.suffix.lower() in _SUFFIXES + _TO_EXPORT), key=_natural)


def _natural(file: Path) -> tuple[list[str | int], str]:
    """A key that compares digits as numbers; words and numbers alternate, so like meets like."""
    parts = re.split(r"(\d+)", file.name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], file.name


def _usable(file: Path, longest_side: int | None, keep_grey: bool) -> Tensor:
    rgb = read_photograph(file, longest_side)
    if is_grey(rgb) and not keep_grey:
        raise ValueError(f"{file.name} is grey: no colour to learn from (keep_grey=True keeps it)")
    return rgb


def _skipped(reasons: list[str], folder: Path) -> str:
    if not reasons:
        return ""
    more = f"; and {len(reasons) - _AT_MOST} more" if len(reasons) > _AT_MOST else ""
    return f"Skipped in {folder.name}: {'; '.join(reasons[:_AT_MOST])}{more}."


def _read(path: Path, longest_side: int | None) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_FORMATS) as image:
            srgb = _upright_srgb(image, longest_side)
    return torch.from_numpy(np.array(srgb)).movedim(-1, 0)[None] / 255


def _upright_srgb(image: Image.Image, longest_side: int | None) -> Image.Image:
    bound = (longest_side, longest_side)
    if longest_side is not None:
        image.draft("RGB", bound)  # a JPEG need not be decoded much larger than that
    srgb = _in_srgb(_opaque(ImageOps.exif_transpose(image)), image.info.get("icc_profile"))
    if longest_side is not None:
        srgb.thumbnail(bound, Image.Resampling.LANCZOS)
    return srgb


def _opaque(image: Image.Image) -> Image.Image:
    """The same in 8 bits a channel, over white: mode L, RGB or CMYK."""
    if image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return image if image.mode in ("L", "CMYK") else image.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Telephones save in Display P3, whose numbers look pale when taken for sRGB."""
    if profile is not None:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):  # a damaged profile, or one for another kind of picture
            pass
    return image.convert("RGB")
