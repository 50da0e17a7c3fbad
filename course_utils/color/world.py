"""The colour world: furnished rooms for which the best possible colorizer is known exactly.

The kind of each object can be inferred from its lightness. Its colour is drawn at random with known
probabilities, independently of the lightness. So the best that a network can learn is to predict,
for each pixel, the colour distribution of its object; `bayes_bounds` has the resulting losses.

    scenes = make_scenes(load_views("rendered_furniture"), count=1500)
    scenes.lightness, scenes.ab, scenes.kind
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from skimage.color import rgb2lab
from torch import Tensor

from course_utils.color.constants import AB_SCALE, L_CENTER, L_SCALE
from course_utils.data.rendered_views import RenderedViews

Array = np.ndarray


@dataclass(frozen=True)
class Palette:
    """One kind of object: its range of lightness, and the probabilities of its colours."""

    name: str
    lightness: tuple[float, float]  # L* of its darkest and its lightest pixel
    # (a*, b*), in the sRGB gamut at every L* of that range.
    colors: tuple[tuple[float, float], ...]
    odds: tuple[float, ...]  # of each colour; they sum to 1

    @property
    def ab(self) -> Tensor:
        """(M, 2) float32, its colours in ab units."""
        return torch.tensor(self.colors, dtype=torch.float32)

    @property
    def probability(self) -> Tensor:
        """(M,) float32, their odds."""
        return torch.tensor(self.odds)


# Ranges of lightness overlap: only the shape distinguishes a chair from a sofa. Walls, floors and
# cars have a single colour.
WORLD = (
    Palette("wall", (90, 96), ((-2, -5),), (1.0,)),
    Palette("floor", (72, 86), ((4, 16),), (1.0,)),
    Palette("chair", (48, 64), ((54, 34), (-44, 38), (2, 52)), (0.7, 0.2, 0.1)),
    Palette("table", (34, 50), ((40, -44), (-28, 24)), (0.75, 0.25)),
    Palette("sofa", (42, 60), ((1, 4), (6, -46)), (0.8, 0.2)),
    Palette("car", (56, 74), ((8, 56),), (1.0,)),
)
WALL, FLOOR = 0, 1

PIECES = (2, 3)  # in a room, at least and at most
NEAR, FAR = 0.66, 0.44  # longer side of a piece, as a part of the scene's
SHADOW = 0.75  # how far a shadow darkens the floor towards its darkest


class Scenes(NamedTuple):
    """Rooms in black and white with one possible colouring, in planes at the network's scale."""

    lightness: Tensor  # (N, 1, S, S) float32, (L* - 50) / 100; independent of the colours
    ab: Tensor  # (N, 2, S, S) float32, (a*, b*) / 110
    kind: Tensor  # (N, S, S) int64, into WORLD: what each pixel belongs to
    piece: Tensor  # (N, S, S) uint8, which thing of its room: pixels of one piece have one colour

    def every(self, stride: int) -> Self:
        """Every `stride`-th pixel, from the middle of the first few: targets for a smaller output.

        Zhang et al. take the first of them, which a stretched output then shows a little aside.
        """
        planes = (plane[..., stride // 2 :: stride, stride // 2 :: stride] for plane in self)
        return type(self)(*(plane.contiguous() for plane in planes))

    def tossed(self, seed: int) -> Self:
        """The same rooms with newly drawn colours."""
        luck = np.random.default_rng([seed, 1]).random((len(self.piece), PIECES[1] + 2))
        ab = _colored(self.kind.numpy(), self.piece.numpy(), luck)
        return self._replace(ab=torch.from_numpy(ab))

    def split(self, first: int) -> tuple[Self, Self]:
        """The first scenes, and the others."""
        before = type(self)(*(plane[:first] for plane in self))
        after = type(self)(*(plane[first:] for plane in self))
        return before, after


class _Room(NamedTuple):
    """One scene in the making."""

    lightness: Array  # (S, S) L*
    kind: Array  # (S, S) into WORLD
    piece: Array  # (S, S) 0 wall, 1 floor, 2 … the pieces


class _Sprite(NamedTuple):
    """One piece, cut out."""

    kind: int  # into WORLD
    lightness: Array  # (h, w) L*
    covers: Array  # (h, w) bool


def make_scenes(
    views: RenderedViews, count: int, size: int = 64, seed: int = 0, toss_seed: int = 0
) -> Scenes:
    """Furnish rooms, and draw their colours at random.

    views      rendered chairs, tables, sofas and cars; `size` pixels or larger is best
    size       pixels of a scene's side
    seed       of the rooms
    toss_seed  of the colours alone: another one gives the same rooms other colours
    Raises ValueError if a category is missing from the views.
    """
    rng = np.random.default_rng([seed, size])
    pieces = rng.integers(PIECES[0], PIECES[1] + 1, count)
    sprites = iter(_sprites(views, int(pieces.sum()), size, rng))
    rooms = [_furnished([next(sprites) for _ in range(many)], size, rng) for many in pieces]
    lightness, kind, piece = (np.stack(planes) for planes in zip(*rooms, strict=True))
    return Scenes(
        torch.from_numpy(((lightness - L_CENTER) / L_SCALE).astype(np.float32)[:, None]),
        torch.zeros(len(kind), 2, size, size),
        torch.from_numpy(kind),
        torch.from_numpy(piece.astype(np.uint8)),
    ).tossed(toss_seed)


def _colored(kind: Array, piece: Array, luck: Array) -> Array:
    """(N, 2, S, S) float32, at the network's scale: each piece in one of the colours of its kind.

    luck  (N, pieces)  in [0, 1): of each piece of each scene
    """
    of_pixel = np.take_along_axis(luck, piece.reshape(len(piece), -1).astype(int), axis=1)
    ab = np.zeros((*kind.shape, 2), np.float32)
    for index, palette in enumerate(WORLD):
        here = kind == index
        upto = np.cumsum(palette.odds)[:-1]
        chosen = np.searchsorted(upto, of_pixel.reshape(kind.shape)[here], "right")
        ab[here] = np.array(palette.colors, np.float32)[chosen] / AB_SCALE
    return np.ascontiguousarray(np.moveaxis(ab, -1, 1))


def _sprites(
    views: RenderedViews, count: int, size: int, rng: np.random.Generator
) -> list[_Sprite]:
    """Pieces of furniture for the rooms, of each category about as many."""
    kinds = rng.integers(FLOOR + 1, len(WORLD), size=count)
    sides = np.round(rng.uniform(FAR, NEAR, size=count) * size).astype(int)
    chosen = np.empty(count, int)
    for kind in range(FLOOR + 1, len(WORLD)):
        of_kind = _of_category(views, WORLD[kind].name)
        here = kinds == kind
        chosen[here] = of_kind[rng.integers(len(of_kind), size=here.sum())]
    sprites = []
    for some in np.array_split(np.arange(count), -(-count // 256)):
        batch = views.batch(torch.from_numpy(chosen[some]))
        lightness = torch.from_numpy(rgb2lab(batch.image.numpy(), channel_axis=1)[:, :1])
        planes = torch.cat([lightness * batch.mask, batch.mask], dim=1).float()
        sprites += [
            _sprite(kinds[n], plane, sides[n]) for n, plane in zip(some, planes, strict=True)
        ]
    return sprites


def _of_category(views: RenderedViews, name: str) -> Array:
    """Positions of a category's views."""
    if name not in views.categories:
        there_is = ", ".join(views.categories)
        raise ValueError(f"The colour world needs a {name}, and these views have {there_is} only.")
    return (views.category[views.index] == views.categories.index(name)).nonzero()[:, 0].numpy()


def _sprite(kind: int, planes: Tensor, side: int) -> _Sprite:
    """Cut out a piece, shrink it and stretch its lightness to the range of its kind.

    planes  (2, S, S) lightness times mask, and mask
    side    pixels of the longer side
    """
    rows, columns = (planes[1].amax(dim) > 0.5 for dim in (1, 0))
    if not rows.any():  # a view with nothing in it
        return _Sprite(kind, np.zeros((1, 1)), np.zeros((1, 1), bool))
    top, bottom = rows.nonzero()[[0, -1], 0].tolist()
    left, right = columns.nonzero()[[0, -1], 0].tolist()
    cut = planes[:, top : bottom + 1, left : right + 1]
    scale = side / max(cut.shape[1:])
    height, width = (max(1, round(scale * length)) for length in cut.shape[1:])
    dimmed, mask = F.adaptive_avg_pool2d(cut, (height, width)).numpy()
    covers = mask >= 0.5  # a hard edge, so that each pixel has one owner
    low, high = WORLD[kind].lightness
    lightness = dimmed / np.maximum(mask, 1e-3)
    inside = lightness[covers] if covers.any() else np.zeros(1)
    centre, half = (low + high) / 2, (high - low) / 2
    stretched = centre + half * (lightness - inside.mean()) / (2 * inside.std() + 1e-3)
    return _Sprite(kind, stretched.clip(low, high), covers)


def _furnished(sprites: list[_Sprite], size: int, rng: np.random.Generator) -> _Room:
    """A room with the pieces in it, the farthest first."""
    horizon = int(rng.uniform(0.30, 0.48) * size)
    room = _empty(size, horizon, rng)
    slots = (np.arange(len(sprites)) + rng.uniform(0.3, 0.7, len(sprites))) / len(sprites)
    sprites = sorted(sprites, key=lambda sprite: max(sprite.covers.shape))
    for piece, (sprite, x) in enumerate(
        zip(sprites, rng.permutation(slots), strict=True), start=FLOOR + 1
    ):
        near = (max(sprite.covers.shape) / size - FAR) / (NEAR - FAR)
        foot = horizon + (0.3 + 0.6 * near) * (size - horizon) + rng.uniform(-0.06, 0.06) * size
        _put(room, sprite, piece, int(foot), int(x * size))
    return room


def _empty(size: int, horizon: int, rng: np.random.Generator) -> _Room:
    """Wall and floor: light comes from one side; the floor has boards."""
    y, x = np.mgrid[:size, :size] / size
    kind = np.where(np.arange(size)[:, None] < horizon, WALL, FLOOR) * np.ones((1, size), int)
    slope = 0.5 + rng.uniform(-0.8, 0.8) * (x - 0.5)
    depth = np.maximum(y - horizon / size + 0.25, 0.05)
    boards = ((x - 0.5) / depth * rng.uniform(2, 4) + rng.uniform()) % 1 < 0.12
    shade = np.where(kind == WALL, slope - 0.3 * (y - 0.2), 0.9 * slope + 0.35 - 0.3 * boards).clip(
        0, 1
    )
    low, high = (np.array([WORLD[k].lightness[end] for k in (WALL, FLOOR)])[kind] for end in (0, 1))
    return _Room(low + (high - low) * shade, kind, kind.copy())


def _put(room: _Room, sprite: _Sprite, piece: int, foot: int, x: int) -> None:
    """Draw a piece that stands on row `foot` around column `x`, and its shadow on the floor."""
    size, (height, width) = len(room.kind), sprite.covers.shape
    _cast_shadow(room, foot, x, width / 2)
    top, left = foot - height, x - width // 2
    into = (slice(max(top, 0), max(foot, 0)), slice(max(left, 0), max(left + width, 0)))
    part = (slice(max(-top, 0), size - top), slice(max(-left, 0), size - left))
    covers = sprite.covers[part]
    room.lightness[into][covers] = sprite.lightness[part][covers]
    room.kind[into][covers] = sprite.kind
    room.piece[into][covers] = piece


def _cast_shadow(room: _Room, foot: int, x: int, half_width: float) -> None:
    rows, columns = np.ogrid[: len(room.kind), : len(room.kind)]
    reach = ((columns - x) / (1.1 * half_width)) ** 2 + (
        (rows - foot + 0.25 * half_width) / (0.45 * half_width)
    ) ** 2
    depth = SHADOW * np.clip(1.3 - reach, 0, 1) * (room.kind == FLOOR)
    room.lightness[:] += depth * (WORLD[FLOOR].lightness[0] - room.lightness)
