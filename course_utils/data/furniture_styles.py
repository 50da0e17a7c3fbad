"""Small pictures of furniture and cars in fourteen styles: the classifier's data.

data = load_furniture_styles()
data.train_images[0], data.classes[data.train_labels[0]]

No model is in both parts: the test pictures show chairs, sofas and cars that training has never
seen, from any side, in any colour, before any wall. data_scripts/make_packs.py draws them.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.data_folder import data_folder

PACK = "furniture_styles.npz"
SHIFT = 3  # pixels, at most, by which `augmented` moves


@dataclass(frozen=True, eq=False)
class FurnitureStyles:
    """Images are sRGB in [0, 1]; C classes, N training and M test pictures of S x S pixels.

    Pictures lie class by class, so shuffle them before they are cut into batches.
    """

    train_images: Tensor  # (N, 3, S, S) float32
    train_labels: Tensor  # (N,) int64, into classes
    train_models: (
        Tensor  # (N,) int64: pictures of one class with the same number show the same model
    )
    test_images: Tensor  # (M, 3, S, S) float32
    test_labels: Tensor  # (M,) int64, into classes
    test_models: Tensor  # (M,) int64
    classes: tuple[str, ...]  # C names


def load_furniture_styles(path: str | Path | None = None) -> FurnitureStyles:
    """Read the pack.

    path  of the pack; by default `furniture_styles.npz` in the data folder
    Raises FileNotFoundError if it is not there, ValueError if it is damaged or something else.
    """
    place = Path(path) if path is not None else data_folder() / PACK
    if not place.exists():
        raise FileNotFoundError(
            f"There is no {place}. Your instructor has it as {PACK}; "
            "where the course's repository is, "
            "python data_scripts/make_packs.py furniture_styles makes it."
        )
    try:
        with np.load(place, allow_pickle=False) as stored:
            parts = [_part(stored, name) for name in ("train", "test")]
            return FurnitureStyles(*parts[0], *parts[1], classes=tuple(stored["classes"].tolist()))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{place} is damaged, or no pack of styles: get it once more. ({error})"
        ) from error


def _part(stored: np.lib.npyio.NpzFile, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Images (N, 3, S, S) float32, labels (N,), models (N,) int64; stored as (N, S, S, 3) bytes."""
    pixels = torch.from_numpy(stored[f"{name}_images"]).permute(0, 3, 1, 2)
    images = pixels.contiguous().to(torch.float32).div_(255)
    return (
        images,
        torch.from_numpy(stored[f"{name}_labels"]),
        torch.from_numpy(stored[f"{name}_models"]),
    )


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Augment a batch without changing its classes: mirror, shift, and change colour and lightness.

    Each picture is mirrored or not and has its own brightness; all are moved by the same few pixels
    and have their colour channels in the same new order, as classes depend on none of these.

    images     (B, 3, S, S) in [0, 1]
    generator  of the random numbers, on the CPU
    returns    (B, 3, S, S) in [0, 1], new
    """
    size = images.shape[-1]
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    brightness = 0.7 + 0.6 * torch.rand(len(images), 1, 1, 1, generator=generator)
    down, across = torch.randint(2 * SHIFT + 1, (2,), generator=generator).tolist()
    images = torch.where(mirrored.to(images.device), images.flip(-1), images)
    images = images[:, torch.randperm(3, generator=generator).to(images.device)]
    wide = F.pad(images, [SHIFT] * 4, mode="replicate")
    moved = wide[..., down : down + size, across : across + size]
    return (moved * brightness.to(images)).clamp(max=1)
