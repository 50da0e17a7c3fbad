"""The real data sets, once downloaded, as torchvision's data sets.

No notebook needs them by default.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.datasets import CIFAR10, STL10, Imagenette

from course_utils.data.data_folder import VARIABLE, data_folder

FOLDERS = {
    "cifar10": CIFAR10.base_folder,
    "stl10": STL10.base_folder,
    "imagenette": "imagenette2-160",  # the one with pictures of 160 pixels
    "rendered_chairs": "rendered_chairs",
}
Transform = Callable | None  # from PIL image to what training wants; None leaves the PIL image


def cifar10(train: bool = True, transform: Transform = None) -> CIFAR10:
    """CIFAR-10: RGB pictures of 32 x 32 pixels in 10 classes.

    train     the 50,000 for training, or else the 10,000 for testing
    returns   pairs of a picture and its class, 0 to 9
    Raises FileNotFoundError, with what to do, if the data set is not here or not whole.
    """
    with _whole("cifar10"):
        return CIFAR10(data_folder(), train=train, transform=transform)


def stl10(
    split: Literal["train", "test", "unlabeled", "train+unlabeled"] = "train",
    transform: Transform = None,
) -> STL10:
    """STL-10: RGB pictures of 96 x 96 pixels in 10 classes.

    split     5,000 `train`, 8,000 `test`, 100,000 `unlabeled` (2.8 GB of memory), or
              `train+unlabeled`
    returns   pairs of a picture and its class, 0 to 9, or -1 where there is none
    Raises ValueError for another split, and FileNotFoundError, with what to do, if the data set is
    not here or not whole.
    """
    with _whole("stl10"):
        return STL10(data_folder(), split=split, transform=transform)


def imagenette(split: Literal["train", "val"] = "train", transform: Transform = None) -> Imagenette:
    """Imagenette: RGB pictures, the shorter side 160 pixels, in 10 classes of ImageNet.

    split     9,469 `train` or 3,925 `val`
    returns   pairs of a picture and its class, 0 to 9
    Raises ValueError for another split, and FileNotFoundError, with what to do, if the data set is
    not here or not whole.
    """
    with _whole("imagenette"):
        return Imagenette(data_folder(), split=split, size="160px", transform=transform)


def rendered_chairs_folder() -> Path:
    """The folder of the rendered chairs of Aubry et al. 2014.

    Its files: `MODEL/renders/image_000_p020_t000_r096.png`.

    Raises FileNotFoundError, with what to do, if the data set is not here.
    """
    with _whole("rendered_chairs"):
        return data_folder() / FOLDERS["rendered_chairs"]


def some_pictures(
    data_set: Sequence[tuple[Any, int]], count: int, size: int, seed: int = 0
) -> Tensor:
    """Pictures of a data set chosen at random, none of them twice, as squares.

    data_set  whose items are pairs of a PIL image and a class, as those above give them
    count     how many; all of them if there are not as many
    size      pixels of a side: the centred square of each picture is shrunk, or enlarged
    returns   (count, 3, size, size)  sRGB, float32, in [0, 1]
    """
    order = torch.randperm(len(data_set), generator=torch.Generator().manual_seed(seed))[:count]
    squares = (_square(data_set[index][0], size) for index in order.tolist())
    return torch.stack(list(squares))


def _square(image: Image.Image, size: int) -> Tensor:
    fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(fitted)).movedim(-1, 0) / 255


def is_here(name: str) -> bool:
    """Has the data set been downloaded and unpacked?

    name  one of FOLDERS
    Raises ValueError if there is no such data set.
    """
    if name not in FOLDERS:
        raise ValueError(f"There is no data set {name!r}. There is: {', '.join(FOLDERS)}.")
    return (data_folder() / FOLDERS[name]).is_dir()


@contextmanager
def _whole(name: str) -> Iterator[None]:
    """Explain how to fetch a missing or damaged data set; torchvision has other advice."""
    command = f"`python data_scripts/download.py {name}` in the course's repository"
    if not is_here(name):
        raise FileNotFoundError(
            f"There is no {name} in {data_folder()}: {command} fetches it "
            f"(or set {VARIABLE} to a folder that has it), "
            "and the notebook's default data needs no download."
        )
    try:
        yield
    except (RuntimeError, FileNotFoundError) as error:
        folder = data_folder() / FOLDERS[name]
        raise FileNotFoundError(
            f"{folder} is damaged: delete it, and {command} fetches it again; "
            "the notebook's default data needs no download."
        ) from error
