"""Closed solids from a few numbers: what pieces of furniture are put together from.

The faces of all solids are counter-clockwise seen from outside, which tells the light what is
inside.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull

Array = np.ndarray
Points = Array | Sequence[ArrayLike]  # (K, D), an array or a row of points


class Solid(NamedTuple):
    """A closed triangle mesh."""

    vertices: Array  # (V, 3) float64, metres
    faces: Array  # (F, 3) int, counter-clockwise seen from outside


def box(size: ArrayLike, at: ArrayLike) -> Solid:
    """A box of the given (x, y, z) size around the centre `at`."""
    x, y, z = np.asarray(size, float) / 2
    ring = np.array([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)])
    return moved(loft(np.stack([ring - (0, 0, z), ring + (0, 0, z)])), at)


def rounded_box(size: ArrayLike, at: ArrayLike, radius: float) -> Solid:
    """A box with round edges and corners, as a cushion has: the hull of eight small spheres.

    radius  of the edges; at most half the shortest side is used
    """
    half = np.asarray(size, float) / 2
    radius = min(radius, 0.999 * half.min())
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = signs * (half - radius)
    return moved(hull((corners[:, None] + radius * _octants(signs)).reshape(-1, 3)), at)


def _octants(signs: Array) -> Array:
    """(8, n, 3) points of the unit sphere: of each corner's sphere, the eighth that shows."""
    angles = np.linspace(0, np.pi / 2, 4)
    around, up = (grid.ravel() for grid in np.meshgrid(angles, angles))
    eighth = np.stack(
        [np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)], axis=-1
    )
    return signs[:, None] * eighth


def hull(points: ArrayLike) -> Solid:
    """The convex hull of (n, 3) points."""
    points = np.asarray(points, float)
    made = ConvexHull(points)
    used, faces = np.unique(made.simplices, return_inverse=True)
    vertices, faces = points[used], faces.reshape(-1, 3)
    a, b, c = vertices[faces].swapaxes(0, 1)
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), made.equations[:, :3]) < 0
    faces[inward] = faces[inward, ::-1]
    return Solid(vertices, faces)


def loft(rings: ArrayLike, closed: bool = False) -> Solid:
    """Skin over a row of rings, with flat ends.

    rings   (K, N, 3) each ring counter-clockwise seen from the end of the row, and star-shaped
    closed  join the last ring to the first, as in a hoop, instead of closing the ends
    """
    rings = np.asarray(rings, float)
    count, sides = rings.shape[:2]
    steps = np.arange(count if closed else count - 1)[:, None]
    here = steps * sides + np.arange(sides)
    beside = steps * sides + np.roll(np.arange(sides), -1)
    above, above_beside = ((index + sides) % (count * sides) for index in (here, beside))
    halves = (here, beside, above_beside), (here, above_beside, above)
    faces = [np.stack(half, -1).reshape(-1, 3) for half in halves]
    vertices = rings.reshape(-1, 3)
    if not closed:
        first, last = here[0], above[-1]
        end = len(vertices)
        vertices = np.concatenate([vertices, rings[[0, -1]].mean(axis=1)])
        faces += [np.stack([np.roll(first, -1), first, np.full(sides, end)], -1)]
        faces += [np.stack([last, np.roll(last, -1), np.full(sides, end + 1)], -1)]
    return Solid(vertices, np.concatenate(faces))


def beam(
    start: ArrayLike, end: ArrayLike, width: ArrayLike, end_width: ArrayLike | None = None
) -> Solid:
    """A straight square bar whose ends are level where it is upright: a leg, a rail.

    start, end       (3,) centres of the two ends
    width, end_width the side, or (x, y) sides, of the section at each end; for a bar that is more
                     level than upright, the two sides across it
    """
    first = np.broadcast_to(np.asarray(width, float), 2)
    last = first if end_width is None else np.broadcast_to(np.asarray(end_width, float), 2)
    start, end = np.asarray(start, float), np.asarray(end, float)
    across, over = _sides_of(end - start)
    square = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    rings = [
        at + (square * w) @ np.stack([across, over]) for at, w in ((start, first), (end, last))
    ]
    return loft(np.stack(rings))


def _sides_of(direction: Array) -> tuple[Array, Array]:
    """Two directions across a bar, so that (across, over, direction) is right-handed."""
    axis = np.argmax(np.abs(direction))
    across, over = np.roll(np.eye(3), -axis, axis=0)[1:]
    return (across, over) if direction[axis] > 0 else (over, across)


def rod(
    start: ArrayLike,
    end: ArrayLike,
    radius: float,
    end_radius: float | None = None,
    sides: int = 10,
) -> Solid:
    """A straight round bar, which may taper."""
    return tube([start, end], [radius, radius if end_radius is None else end_radius], sides)


def tube(path: Points, radius: ArrayLike, sides: int = 10, closed: bool = False) -> Solid:
    """A round bar along a path.

    path    (K, 3) points
    radius  one for all, or (K,)
    closed  the path's end joins its start
    """
    path = np.asarray(path, float)
    radii = np.broadcast_to(np.asarray(radius, float), len(path))
    around = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    tangents = around if closed else np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    angles = np.arange(sides) * 2 * np.pi / sides
    rings, across = [], np.roll(tangents[0], 1)
    for at, tangent, r in zip(path, tangents, radii, strict=True):
        # Carried along the path, so that the bar does not twist.
        across = across - tangent * (across @ tangent)
        if np.linalg.norm(across) < 1e-6:
            across = np.cross(tangent, np.eye(3)[np.argmin(np.abs(tangent))])
        across /= np.linalg.norm(across)
        over = np.cross(tangent, across)
        rings.append(at + r * (np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * over))
    return loft(np.stack(rings), closed)


def lathe(profile: ArrayLike, at: ArrayLike = (0, 0, 0), sides: int = 28) -> Solid:
    """A turned solid around the z axis.

    profile  (K, 2) radius and height, from the bottom up
    """
    radius, height = np.asarray(profile, float).T
    angles = np.arange(sides) * 2 * np.pi / sides
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(sides)], axis=-1)
    return moved(loft(radius[:, None, None] * circle + height[:, None, None] * (0, 0, 1)), at)


def slab(
    outline: ArrayLike, thickness: float, at: ArrayLike = (0, 0, 0), bevel: float = 0.0
) -> Solid:
    """A level plate of any star-shaped outline: a table top, a seat.

    outline    (N, 2) x and y, counter-clockwise from above
    thickness  the plate goes from z = 0 to this height above `at`
    bevel      metres by which the upper and lower edges are cut back
    """
    outline = np.asarray(outline, float)
    inner = outline * (1 - bevel / np.abs(outline).max())
    levels = [(inner, 0), (outline, bevel), (outline, thickness - bevel), (inner, thickness)]
    levels = levels if bevel else levels[1:3]
    return moved(loft(np.stack([np.column_stack([o, np.full(len(o), z)]) for o, z in levels])), at)


def sheet(points: ArrayLike, thickness: float) -> Solid:
    """A bent plate: a curved back, a moulded seat.

    points     (R, C, 3) a grid on its middle surface
    thickness  metres, half on either side
    """
    points = np.asarray(points, float)
    along, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normal = np.cross(along, across)
    normal *= thickness / 2 / np.linalg.norm(normal, axis=-1, keepdims=True)
    front, back = points + normal, points - normal
    # One ring for each row: along its front, and home along its back.
    rings = np.concatenate([back, front[:, ::-1]], axis=1)
    return _strip(rings, points.shape[1])


def _strip(rings: Array, columns: int) -> Solid:
    """A loft of flat rings whose ends are closed as ladders, as a fan would leave a bent ring."""
    skin = loft(rings)
    count, sides = rings.shape[:2]
    faces = skin.faces[: -2 * sides]
    left = np.arange(columns - 1)
    right = sides - 1 - left
    ladder = np.concatenate(
        [np.stack([left, right, left + 1], -1), np.stack([left + 1, right, right - 1], -1)], axis=0
    )
    last = (count - 1) * sides + ladder[:, ::-1]
    return Solid(skin.vertices[:-2], np.concatenate([faces, ladder, last]))


def circle(radius: float, sides: int = 32) -> Array:
    """(N, 2) outline of a circle."""
    return superellipse(2 * radius, 2 * radius, 2, sides)


def superellipse(width: float, depth: float, power: float, sides: int = 40) -> Array:
    """(N, 2) outline, counter-clockwise: an ellipse (power 2), almost a rectangle (large power)."""
    angles = np.arange(sides) * 2 * np.pi / sides
    c, s = np.cos(angles), np.sin(angles)
    x, y = (np.sign(v) * np.abs(v) ** (2 / power) for v in (c, s))
    return np.stack([x * width / 2, y * depth / 2], axis=-1)


def moved(solid: Solid, by: ArrayLike) -> Solid:
    """The solid, `by` (3,) metres further."""
    return Solid(solid.vertices + np.asarray(by, float), solid.faces)


def turned(solid: Solid, angle: float, axis: str, around: ArrayLike = (0, 0, 0)) -> Solid:
    """The solid, turned right-handed by `angle` degrees around an axis through a point.

    axis  "x", "y" or "z"
    """
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix = np.eye(3)
    matrix[[j, j, k, k], [j, k, j, k]] = c, -s, s, c
    centre = np.asarray(around, float)
    return Solid((solid.vertices - centre) @ matrix.T + centre, solid.faces)


def mirrored(solid: Solid) -> Solid:
    """The solid, left and right exchanged."""
    return Solid(solid.vertices * (-1, 1, 1), solid.faces[:, ::-1])
