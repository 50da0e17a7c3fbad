"""Furniture seen from many sides, in memory: rendered furniture and the real rendered chairs.

views = load_views("rendered_furniture", size=64)
train, test = views.of_category("chair").split_by_view()
for batch in train.batches(64, torch.Generator().manual_seed(0)):
    batch.image, batch.mask, batch.model, batch.azimuth …
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.data.data_folder import data_folder
from course_utils.data.rendered_files import Album, read_album


class Views(NamedTuple):
    """A batch of views. Images are sRGB in [0, 1], float32; angles are in degrees."""

    image: Tensor  # (B, 3, S, S) over white
    mask: Tensor  # (B, 1, S, S) share of each pixel that the piece covers
    model: Tensor  # (B,) int64, which piece it is
    category: Tensor  # (B,) int64, what kind of piece it is
    azimuth: Tensor  # (B,) float32, 0 is the front
    elevation: Tensor  # (B,) float32, above the floor

    @property
    def masked(self) -> Tensor:
        """(B, 3, S, S) image times mask, over black: what a generator is to draw."""
        return (self.image - (1 - self.mask)).clamp(min=0)  # the image is over white already


@dataclass(frozen=True, eq=False)
class RenderedViews(Dataset):
    """Views in memory as bytes, ready to be drawn in batches.

    `views[i]` is a batch of one, `views.batch(index)` a batch. A DataLoader fetches whole batches,
    so its `collate_fn` has nothing left to do: give it `lambda batch: batch`.
    """

    pixels: Tensor  # (N, S, S, 4) uint8: sRGB, not multiplied by alpha, and alpha
    model: Tensor  # (N,) int64, into names
    category: Tensor  # (N,) int64, into categories
    azimuth: Tensor  # (N,) float32, degrees
    elevation: Tensor  # (N,) float32, degrees
    names: tuple[str, ...]  # of the models
    categories: tuple[str, ...]
    index: Tensor  # (n,) int64, into the first five: which of them belong to this selection

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> Views:
        if not -len(self) <= i < len(self):
            raise IndexError(f"There are {len(self)} views; {i} is none of them.")
        return self.batch(torch.tensor([i]))

    def __getitems__(self, many: list[int]) -> Views:
        return self.batch(torch.tensor(many))

    @property
    def size(self) -> int:
        """Pixels of a picture's side."""
        return self.pixels.shape[1]

    def batch(self, index: Tensor) -> Views:
        """Some of the views.

        index  (B,) int64 positions in this selection
        """
        at = self.index[index.to(self.index.device)]
        rgba = self.pixels[at].permute(0, 3, 1, 2) / 255
        color, mask = rgba[:, :3], rgba[:, 3:]
        image = torch.lerp(torch.ones_like(color), color, mask)
        return Views(
            image, mask, self.model[at], self.category[at], self.azimuth[at], self.elevation[at]
        )

    def batches(self, size: int, generator: torch.Generator | None = None) -> Iterator[Views]:
        """One epoch: all views once, `size` at a time, shuffled if there is a generator."""
        count = len(self)
        order = (
            torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
        )
        return (self.batch(some) for some in order.split(size))

    def to(self, device: torch.device | str) -> Self:
        """The same views, with all tensors on a device."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in columns.items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def select(self, keep: Tensor) -> Self:
        """The views where `keep` (n,) bool is True; models and categories keep their numbers."""
        return replace(self, index=self.index[keep])

    def of_category(self, *names: str) -> Self:
        """The views of some categories.

        Raises ValueError if there is no such category.
        """
        if unknown := set(names) - set(self.categories):
            there_is = ", ".join(self.categories)
            raise ValueError(
                f"There is no {', '.join(sorted(unknown))} here. There is: {there_is}."
            )
        wanted = torch.tensor([self.categories.index(name) for name in names])
        return self.select(torch.isin(self.category[self.index], wanted.to(self.index.device)))

    def renumbered(self) -> Self:
        """The same views, but models and categories counted from 0 among those that are here."""
        models, model = self.model[self.index].unique(return_inverse=True)
        kinds, category = self.category[self.index].unique(return_inverse=True)
        return replace(
            self,
            pixels=self.pixels[self.index],
            model=model,
            category=category,
            azimuth=self.azimuth[self.index],
            elevation=self.elevation[self.index],
            names=tuple(self.names[m] for m in models.tolist()),
            categories=tuple(self.categories[k] for k in kinds.tolist()),
            index=torch.arange(len(self), device=self.index.device),
        )

    def split_by_view(self, every: int = 4) -> tuple[Self, Self]:
        """Split into train and test views: every n-th azimuth is for testing, for all models."""
        azimuth = self.azimuth[self.index]
        test = torch.isin(azimuth, azimuth.unique()[every - 1 :: every])
        return self.select(~test), self.select(test)

    def split_by_model(self, test_share: float = 0.2, seed: int = 0) -> tuple[Self, Self]:
        """Train and test: of each category, some models are never seen in training.

        test_share  of each category's models, rounded, but at least one
        """
        generator = torch.Generator().manual_seed(seed)
        model, category = self.model[self.index], self.category[self.index]
        held_out = []
        for kind in category.unique():
            members = model[category == kind].unique()
            count = max(1, round(test_share * len(members)))
            held_out.append(members[torch.randperm(len(members), generator=generator)[:count]])
        test = torch.isin(model, torch.cat(held_out))
        return self.select(~test), self.select(test)

    def save(self, path: str | Path) -> Path:
        """Save this selection as a pack (.npz) for machines that cannot render; return its path."""
        return self.album().save(Path(path))

    def album(self) -> Album:
        """This selection as plain arrays."""
        columns = (self.pixels, self.model, self.category, self.azimuth, self.elevation)
        arrays = (column[self.index].cpu().numpy() for column in columns)
        pixels, model, category, azimuth, elevation = arrays
        return Album(pixels, model, category, azimuth, elevation, self.names, self.categories)


def load_views(name: str | Path, size: int = 64, models: int | None = None) -> RenderedViews:
    """Read the rendered furniture or the real rendered chairs.

    name     `rendered_furniture` or `rendered_chairs`, in the data folder; or a path to such a
             folder or pack
    size     pixels of a side; larger pictures are shrunk
    models   how many of the models, in order of their names; None for all
    A pack is read once for each size: all its views share the pixels, which are not to be written
    into.
    Raises FileNotFoundError if it is not there, ValueError if it can't be read or its pictures are
    too small.
    """
    place = _find(name)
    if place.suffix == ".npz":
        album = _pack_of_size(place, size, place.stat().st_mtime_ns)
    else:
        album = read_album(place, size, models)
    return _in_memory(album.first(models))


# Unpacking and shrinking take a second, and a cell that loads a pack is often run again. A
# grader's workers are forked from a process that has loaded it already.
@lru_cache(maxsize=4)
def _pack_of_size(pack: Path, size: int, _changed: int) -> Album:
    return Album.load(pack).shrunk(size)


def _find(name: str | Path) -> Path:
    """What is there under this name: a path, or a folder or pack of the data folder."""
    place = data_folder() / name
    found = [p for p in (Path(name), place, place.with_suffix(".npz")) if p.exists()]
    if not found:
        raise FileNotFoundError(
            f"There is no {name} in {data_folder()}. Your instructor has it as {place.name}.npz; "
            "where the course's repository is, "
            "python data_scripts/render_furniture.py makes the furniture "
            "and python data_scripts/download.py rendered_chairs fetches the real chairs."
        )
    return found[0]


def _in_memory(album: Album) -> RenderedViews:
    columns = (album.pixels, album.model, album.category, album.azimuth, album.elevation)
    tensors = (torch.from_numpy(np.ascontiguousarray(column)) for column in columns)
    pixels, model, category, azimuth, elevation = tensors
    return RenderedViews(
        pixels,
        model,
        category,
        azimuth,
        elevation,
        album.names,
        album.categories,
        index=torch.arange(len(album.model)),
    )
