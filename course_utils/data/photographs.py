"""Genuine photographs, with nothing to download: those inside scikit-image and scikit-learn.

    photograph("chelsea")                       one of the bundled ones; credit("chelsea") says whom
                                                to thank
    crops("train"), crops("test")               many small squares, from regions that never meet
    crops("train", photographs=folder_photographs("my_pictures"))

Everywhere a photograph is (1, 3, H, W), sRGB, float32, in [0, 1].
Six photographs can show whether a program runs, not what a network has learnt of the world.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

Split = Literal["train", "test"]
# Names or tensors, or file names with tensors.
Photographs = Iterable[str | Tensor] | Mapping[str, Tensor]

# The bundled photographs. Left out: the stereo pair of a motorcycle and the faces of lfw_subset,
# which come without a licence; retina, tissue and deep field, whose colours are a lamp, a dye and a
# set of filters.

# The four of the colorization assignment.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
COLOR_PHOTOGRAPHS = (*PHOTOGRAPHS, "china", "flower")  # two of scikit-learn's
# Pictures to colour, whose true colours are unknown.
GREY_PHOTOGRAPHS = ("camera", "brick", "grass", "gravel")


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
    "coffee": Credit(
        "Rachel Michetti, by courtesy of Pikolo Espresso Bar", "CC0", _SCIKIT_IMAGE + "coffee"
    ),
    "rocket": Credit(
        "SpaceX", "public domain", "https://www.flickr.com/photos/spacexphotos/16511594820/"
    ),
    "china": Credit(
        "danielbuechele", _CC_BY, "https://www.flickr.com/photos/danielbuechele/6061409035/"
    ),
    # scikit-learn's README repeats the name of china's author here, but its two links are
    # vultilion's.
    "flower": Credit("vultilion", _CC_BY, "https://www.flickr.com/photos/vultilion/6056698931/"),
    "camera": Credit("Lav Varshney", "CC0", _SCIKIT_IMAGE + "camera"),
    "brick": Credit("CC0Textures", "CC0", "https://cc0textures.com/view.php?tex=Bricks25"),
    "grass": Credit(
        "linolafett", "CC0", "https://www.deviantart.com/linolafett/art/Grass-01-434853879"
    ),
    "gravel": Credit("CC0Textures", "CC0", "https://cc0textures.com/view.php?tex=Gravel04"),
}


def photograph(name: str, size: int | None = None) -> Tensor:
    """One bundled photograph, as a batch of one.

    name     one of COLOR_PHOTOGRAPHS, or of GREY_PHOTOGRAPHS: these have three equal channels
    size     side of the centred square to cut out and shrink to `size` pixels; None for the whole
             picture
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


@cache  # decoding takes longer than all that follows; nobody writes into the pixels
def _bundled(name: str) -> np.ndarray:
    if _known(name) in ("china", "flower"):
        # Imported here because it takes a second.
        from sklearn.datasets import load_sample_image

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

# Of one side of the picture; the rest is a gap between the two parts.
TRAIN_PERCENT, TEST_PERCENT = 64, 32
WIDEST = 2  # a crop is cut from a window of up to twice its size

# Chosen by eye, so that the test region shows what the rest shows too: fur, suit, wood, lattice,
# petals.
_TEST_SIDE = {
    "astronaut": "bottom",
    "chelsea": "left",
    "coffee": "bottom",
    "rocket": "left",
    "china": "left",
    "flower": "bottom",
}
_OTHERWISE = (
    "right"  # the world comes in layers: what lies side by side is more alike than top and bottom
)


def region(picture: str | Tensor, split: Split) -> Tensor:
    """The part of a photograph for one split; it neither contains nor touches the other part.

    picture  a bundled photograph's name, or (1, 3, H, W) or (3, H, W), floating-point sRGB in [0,
             1]
    split    "train": 64 % of the width, or of the height; "test": 32 % on the other side of a gap
             of 4 %
    returns  (1, 3, h, w)  float32, a view where it can be
    Raises ValueError if there is no such photograph or split, or if the picture has another shape
    or type.
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

    A window of `size` to 2 · `size` pixels is shrunk to `size`: the same range in both splits, as
    far as the test region has room. For training, one window in two is mirrored. The photographs
    take turns.

    split        "train" or "test"
    size         side of the squares, in pixels
    count        how many
    seed         the same seed gives the same windows on every machine
    photographs  names, or what `region` takes, or the answer of `folder_photographs`
    returns      (count, 3, size, size)  sRGB, float32, in [0, 1]
    Raises ValueError for what `region` refuses, or if a test region has no room for a window.
    Two pictures of the same scene are two pictures: the regions keep apart one picture, not one
    scene.
    """
    if size < 1 or count < 1:
        raise ValueError(
            f"There is no crop without a pixel, nor a batch without a crop: {size=}, {count=}."
        )
    generator = torch.Generator().manual_seed(seed)
    sources = [_source(label, picture, split, size) for label, picture in _labelled(photographs)]
    if not sources:
        raise ValueError("There is no photograph to crop.")
    turns = torch.randperm(len(sources), generator=generator).tolist()
    windows = []
    for number in range(count):
        rgb, largest = sources[turns[number % len(turns)]]
        windows.append(_window(rgb, largest, size, generator))
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
    for number, picture in enumerate(
        [photographs] if isinstance(photographs, str) else photographs, start=1
    ):
        yield picture if isinstance(picture, str) else f"picture {number}", picture


def _source(label: str, picture: str | Tensor, split: Split, size: int) -> tuple[Tensor, int]:
    """The region to crop, and the side of its largest window, which is the same for both splits."""
    rgb, test_side = _with_test_side(picture)
    room = min(_region(rgb, test_side, "test").shape[-2:])
    if room < size:
        raise ValueError(
            f"{label} is too small for crops of {size} pixels: "
            f"it has {rgb.shape[-1]} × {rgb.shape[-2]}, and "
            f"the {TEST_PERCENT} % for testing have room for {room}. "
            "Take smaller crops, or leave it out."
        )
    return _region(rgb, test_side, split), min(room, WIDEST * size)


def _window(rgb: Tensor, largest: int, size: int, generator: torch.Generator) -> Tensor:
    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    side = draw(size, largest)
    top, left = (draw(0, length - side) for length in rgb.shape[-2:])
    # Cut first, shrink then: so no pixel from outside the window takes part.
    return _shrunk(rgb[..., top : top + side, left : left + side], size)
