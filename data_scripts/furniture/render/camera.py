"""RGBA pictures of a lit piece; alpha is the share of each pixel that the piece covers.

One ray for each sample, traced by embree. The light is on the surface already:
only highlights depend on the view.
"""

from typing import NamedTuple

import numpy as np

from data_scripts.furniture.render.light import SUN, Surface
from data_scripts.furniture.render.materials import albedo
from data_scripts.furniture.render.views import VIEWS, View

Array = np.ndarray

DISTANCE = 3.4  # of the eye, in units of the piece's half height or width: as from across a room
MARGIN = 0.06  # of the picture's side, left free all around
SHARPNESS = 40.0  # of highlights
SKY_SHINE = 0.22  # share of the sky that glossy surfaces mirror at grazing angles


class Framing(NamedTuple):
    """A pinhole camera that turns about a piece, and always has all of it in the picture."""

    center: Array  # (3,) metres, what it looks at
    distance: float  # metres
    half_width: float  # of the picture, at unit distance


def framing(vertices: Array, views: tuple[View, ...] = VIEWS) -> Framing:
    """The camera that shows a piece as large as all of the views allow.

    vertices  (V, 3) metres
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    center = (low + high) / 2
    from_center = vertices - center
    half_width = np.hypot(*from_center[:, :2].T).max()
    half_height = np.abs(from_center[:, 2]).max()
    distance = DISTANCE * max(half_width, half_height)
    seen = [np.abs(_projected(from_center, view, distance)).max() for view in views]
    return Framing(center, distance, max(seen) / (1 - 2 * MARGIN))


def _projected(from_center: Array, view: View, distance: float) -> Array:
    """(V, 2) right and up, on the picture plane at unit distance."""
    right, up, depth = (from_center @ view.axes.T).T
    return np.stack([right, up], axis=-1) / (distance - depth)[:, None]


def photograph(surface: Surface, camera: Framing, view: View, size: int, samples: int = 2) -> Array:
    """One picture of a lit piece.

    size     pixels of a side
    samples  along each side of a pixel
    returns  (size, size, 4) uint8: sRGB, not multiplied by alpha, and alpha; white where alpha is 0
    """
    rows, columns = _window(surface, camera, view, size * samples, samples)
    directions = _rays(camera, view, size * samples, rows, columns)
    eye = (camera.center + camera.distance * view.axes[2]).astype(np.float32)
    origins = np.ascontiguousarray(np.broadcast_to(eye, directions.shape))
    hit = surface.scene.run(origins, directions, query="INTERSECT", output=1)
    seen = np.flatnonzero(hit["primID"] >= 0)
    face, u, v, far = (hit[key][seen] for key in ("primID", "u", "v", "tfar"))
    covered = np.zeros((len(directions), 4), np.float32)
    shares = np.stack([1 - u - v, u, v], axis=1)
    covered[seen, :3] = _shade(surface, face, shares, eye, far, directions[seen])
    covered[seen, 3] = 1
    return _developed(covered, rows, columns, size, samples)


def _window(
    surface: Surface, camera: Framing, view: View, side: int, samples: int
) -> tuple[range, range]:
    """Rows and columns of samples where the piece can be, in whole pixels."""
    plane = _projected(surface.vertices - camera.center, view, camera.distance)
    place = (plane / camera.half_width * (1, -1) + 1) * side / 2
    first = np.floor(place.min(axis=0) / samples).astype(int).clip(0) * samples
    last = (np.ceil(place.max(axis=0) / samples).astype(int) * samples).clip(max=side)
    return range(first[1], last[1]), range(first[0], last[0])


def _rays(camera: Framing, view: View, side: int, rows: range, columns: range) -> Array:
    """(rows x columns, 3) directions from the eye through each sample; their length is not 1."""
    right, up, back = view.axes.astype(np.float32)
    x = ((2 * (np.array(columns) + 0.5) / side - 1) * camera.half_width).astype(np.float32)
    y = ((1 - 2 * (np.array(rows) + 0.5) / side) * camera.half_width).astype(np.float32)
    return (y[:, None, None] * up + (x[None, :, None] * right - back)).reshape(-1, 3)


def _shade(
    surface: Surface, face: Array, share: Array, eye: Array, far: Array, directions: Array
) -> Array:
    """(n, 3) sRGB in [0, 1] of each hit.

    face   (n,) that was hit, where its corners have the `share` (n, 3)
    far    (n,) along directions (n, 3)
    """
    light = np.einsum("nk,nkc->nc", share, surface.light[face])
    part = surface.part[face]
    color = light * albedo(surface.materials, part, eye + far[:, None] * directions)
    gloss = np.array([material.gloss for material in surface.materials], np.float32)[part]
    shiny = np.flatnonzero(gloss)
    normal = np.einsum("nk,nkc->nc", share[shiny], surface.normal[face[shiny]])
    highlights = _shine(_unit(normal), _unit(directions[shiny]), light[shiny])
    color[shiny] += gloss[shiny, None] * highlights
    return _encoded(color)


def _shine(normal: Array, directions: Array, light: Array) -> Array:
    """(n, 3) highlight of the sun (Blinn 1977) and of the sky at grazing angles (Schlick 1994)."""
    half = _unit(SUN.astype(np.float32) - directions)
    sun = np.einsum("ij,ij->i", normal, half).clip(0) ** SHARPNESS
    grazing = (1 + np.einsum("ij,ij->i", normal, directions)).clip(0, 1) ** 5
    return light * (0.45 * sun + SKY_SHINE * grazing)[:, None]


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None], 1e-6)


def _encoded(linear: Array) -> Array:
    """sRGB of linear light, with a shoulder so that white fabric keeps its folds."""
    toned = linear / (1 + np.maximum(linear - 0.6, 0) * 0.55)
    toned = toned.clip(0, 1)
    return np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)


def _developed(covered: Array, rows: range, columns: range, size: int, samples: int) -> Array:
    """Average the samples of each pixel, and divide by alpha, so that alpha is straight."""
    height, width = len(rows) // samples, len(columns) // samples
    fine = covered.reshape(height, samples, width, samples * 4)
    down = fine.sum(axis=1)  # along whole rows first: many times as fast as both at once
    sums = sum(down[..., 4 * i : 4 * i + 4] for i in range(samples))
    alpha = sums[..., 3:]
    picture = np.full((size, size, 4), (255, 255, 255, 0), np.uint8)
    block = np.where(alpha > 0, sums[..., :3] / np.maximum(alpha, 1), 1.0)
    pixels = np.concatenate([block, alpha / samples**2], axis=-1)
    top, left = rows.start // samples, columns.start // samples
    picture[top : top + height, left : left + width] = np.round(pixels * 255)
    return picture
