"""The files of the rendered furniture and the real rendered chairs.

The chairs are those of Aubry et al. 2014, "Seeing 3D chairs".

    rendered_chairs/MODEL/renders/image_001_p020_t011_r096.png   one view: elevation 20, azimuth 11
                                                                 degrees
    rendered_chairs/MODEL/style.json                             of rendered furniture only:
                                                                 category, style
    rendered_chairs/MODEL/views_64.npz                           the same pictures, decoded and
                                                                 shrunk once

A pack is the same as one `.npz` file for many models.
"""

import json
import os
import re
import warnings
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

Array = np.ndarray

CROP = 400  # pixels: published loaders cut so much out of the middle of the real chairs' 600
WHITE = 250  # of 255: where there is no alpha, a pixel this light in all its channels is background
FILE_NAME = re.compile(r"image_\d+_p(\d+)_t(\d+)_r\d+\.png")


class Album(NamedTuple):
    """Views of several models, as plain arrays; N views in all."""

    pixels: Array  # (N, S, S, 4) uint8: sRGB, not multiplied by alpha, and alpha
    model: Array  # (N,) int64, into names
    category: Array  # (N,) int64, into categories
    azimuth: Array  # (N,) float32, degrees
    elevation: Array  # (N,) float32, degrees
    names: tuple[str, ...]
    categories: tuple[str, ...]

    def save(self, path: Path) -> Path:
        """Write it as one pack (.npz); returns its path."""
        path = path.with_suffix(".npz")
        _save(path, **self._asdict())
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a pack.

        Raises ValueError if the file is damaged or is not a pack.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                columns = [stored[field] for field in cls._fields]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} is damaged, or no pack of views: get it once more. ({error})"
            ) from error
        pixels, model, category, azimuth, elevation, names, kinds = columns
        names, kinds = tuple(names.tolist()), tuple(kinds.tolist())
        return cls(pixels, model, category, azimuth, elevation, names, kinds)

    def first(self, models: int | None) -> Self:
        """The first models, in order of their names; None keeps all."""
        if models is None or models >= len(self.names):
            return self
        keep = self.model < models
        return self._replace(
            pixels=self.pixels[keep],
            model=self.model[keep],
            category=self.category[keep],
            azimuth=self.azimuth[keep],
            elevation=self.elevation[keep],
            names=self.names[:models],
        )

    def shrunk(self, size: int) -> Self:
        """The same views, `size` pixels wide.

        Raises ValueError if they are smaller than that.
        """
        if self.pixels.shape[1] == size:
            return self
        smaller = [
            _shrunk(some, size) for some in np.array_split(self.pixels, -(-len(self.pixels) // 256))
        ]
        return self._replace(pixels=np.concatenate(smaller))


def read_album(folder: Path, size: int, models: int | None = None) -> Album:
    """Read a folder of models; what is decoded is kept beside the pictures for the next time.

    size    pixels of a side to shrink to, once larger pictures are cropped as published loaders do
    models  how many, in order of their names; None for all
    Raises ValueError if there is no model in the folder, a picture is damaged, or the pictures are
    too small.
    """
    folders = sorted(place.parent for place in folder.glob("*/renders") if not place.parent.suffix)[
        :models
    ]
    if not folders:
        raise ValueError(
            f"{folder} has no models: MODEL/renders/image_001_p020_t011_r096.png and so on."
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reading = pool.map(lambda place: _read_model(place, size), folders)
        what = f"Reading {folder.name}"
        each = list(
            tqdm(reading, total=len(folders), desc=what, unit="model", delay=2, leave=False)
        )
    kinds = [_category(place) for place in folders]
    return _joined(each, [place.name for place in folders], kinds)


def _joined(each: Sequence[dict[str, Array]], names: list[str], kinds: list[str]) -> Album:
    counts = [len(views["azimuth"]) for views in each]
    categories = tuple(dict.fromkeys(kinds))
    return Album(
        pixels=np.concatenate([views["pixels"] for views in each]),
        model=np.repeat(np.arange(len(each)), counts),
        category=np.repeat([categories.index(kind) for kind in kinds], counts),
        azimuth=np.concatenate([views["azimuth"] for views in each]),
        elevation=np.concatenate([views["elevation"] for views in each]),
        names=tuple(names),
        categories=categories,
    )


def _category(model: Path) -> str:
    """The real set has nothing but chairs, and says nothing of it."""
    style = model / "style.json"
    return json.loads(style.read_text())["category"] if style.exists() else "chair"


def _read_model(model: Path, size: int) -> dict[str, Array]:
    """The views of one model: from what was kept, or from its pictures, which are then kept."""
    renders, kept = model / "renders", model / f"views_{size}.npz"
    version = np.array([renders.stat().st_mtime_ns, CROP, WHITE])
    try:
        with np.load(kept, allow_pickle=False) as stored:
            views = dict(stored)
        if np.array_equal(views.pop("version"), version):
            return views
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # not there, or cut short: the pictures themselves are
    views = _decoded(renders, size)
    try:
        _save(kept, **views, version=version)
    except OSError as error:
        warnings.warn(
            f"{kept} can't be written: the next time will be as slow. ({error})", stacklevel=2
        )
    return views


def _decoded(renders: Path, size: int) -> dict[str, Array]:
    found = [
        (path, match)
        for path in sorted(renders.iterdir())
        if (match := FILE_NAME.fullmatch(path.name))
    ]
    if not found:
        raise ValueError(f"{renders} has no pictures named as image_001_p020_t011_r096.png.")
    angles = np.array(
        [[float(angle) for angle in match.groups()] for _, match in found], np.float32
    )
    pixels = np.stack([_shrunk(_cropped(_rgba(path))[None], size)[0] for path, _ in found])
    return {"pixels": pixels, "elevation": angles[:, 0], "azimuth": angles[:, 1]}


def _rgba(path: Path) -> Array:
    """(H, W, 4) uint8. Where a picture has no alpha, whatever is not white is the piece."""
    try:
        with Image.open(path) as picture:
            rgba = np.array(picture.convert("RGBA"))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise ValueError(
            f"{path} is damaged: render or fetch this model once more. ({error})"
        ) from error
    if rgba[..., 3].min() == 255:
        rgba[..., 3] = 255 * (rgba[..., :3].min(axis=-1) < WHITE)
    return rgba


def _cropped(rgba: Array) -> Array:
    """The middle CROP pixels; smaller pictures, as rendered furniture has, are whole already."""
    top, left = (max(0, side - CROP) // 2 for side in rgba.shape[:2])
    return rgba[top : top + CROP, left : left + CROP]


def _shrunk(rgba: Array, size: int) -> Array:
    """Shrink (N, S, S, 4) uint8 to (N, size, size, 4): means of colour, weighted by coverage."""
    if min(rgba.shape[1:3]) < size:
        raise ValueError(
            f"The pictures have {rgba.shape[1]} pixels a side, so {size} can't be had. "
            f"Render them larger: python data_scripts/render_furniture.py --size {size}."
        )
    if rgba.shape[1] == size:
        return rgba
    straight = torch.from_numpy(rgba).permute(0, 3, 1, 2) / 255
    color, alpha = straight[:, :3], straight[:, 3:]
    small = F.adaptive_avg_pool2d(torch.cat([color * alpha, alpha], dim=1), size)
    return _bytes(torch.where(small[:, 3:] > 0, small[:, :3] / small[:, 3:], 1.0), small[:, 3:])


def _bytes(color: Tensor, alpha: Tensor) -> Array:
    straight = torch.cat([color, alpha], dim=1).mul(255).round().clamp(0, 255)
    return straight.permute(0, 2, 3, 1).to(torch.uint8).numpy()


def _save(path: Path, **arrays: Any) -> None:
    """Write the arrays atomically: a file that exists is complete."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    try:
        np.savez_compressed(unfinished, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
