"""Thin closed solids that lie on a car's skin, with few faces on their hidden side."""

import numpy as np
from numpy.typing import ArrayLike

from data_scripts.furniture.render.materials import Material, Part
from data_scripts.furniture.render.solids import Points, Solid, loft, mirrored, moved, tube

Array = np.ndarray
Pair = tuple[float, float]


def pane(
    u: Pair, v: Pair, cut: Pair, columns: int = 4, rows: int = 4, margin: Pair = (0, 0)
) -> tuple[Array, Array]:
    """(rows, columns) u and v of a rectangular patch.

    cut     width and height of what is cut off its corners
    margin  how far its border, and nothing else, is moved outwards: so a frame keeps close to its
            window
    """
    inset = np.zeros(rows)
    inset[[0, -1]] = cut[0]
    along = np.linspace(u[0] + inset, u[1] - inset, columns, axis=1)
    up = np.array([v[0], *np.linspace(v[0] + cut[1], v[1] - cut[1], rows - 2), v[1]])
    along[:, [0, -1]] += (-margin[0], margin[0])
    up[[0, -1]] += (-margin[1], margin[1])
    return along, np.repeat(up[:, None], columns, axis=1)


def patch(grid: ArrayLike, proud: float, outward: ArrayLike, depth: float = 0.008) -> Solid:
    """A plate whose face follows a grid of points on the skin.

    grid     (R, C, 3)
    proud    metres by which its face stands off the grid
    outward  (3,) roughly where its face looks to
    depth    metres by which its back lies under the grid: what the plate covers is well inside of
             it, and is not mistaken for a dark crevice
    """
    grid = np.asarray(grid, float)
    normal = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    if (normal @ np.asarray(outward, float)).mean() < 0:
        normal = -normal
    whole = np.stack([_whole(grid[-1], grid[-2]), _whole(grid[0], grid[1])])
    back = whole - depth * normal[[-1, 0]]
    return facing_out(loft(np.concatenate([grid + proud * normal, back]).swapaxes(0, 1)))


def _whole(border: Array, beside: Array) -> Array:
    """A border row as it would be if no corners were cut off."""
    step = border - beside
    step[[0, -1]] = step[[1, -2]]
    return beside + step


def lens(rim: ArrayLike, front: ArrayLike, back: ArrayLike) -> Solid:
    """Two shallow cones on one rim, (N, 3): a lamp's glass, a disc, a star."""
    rim = np.asarray(rim, float)
    here = np.arange(len(rim))
    beside, end = np.roll(here, -1), np.full(len(rim), len(rim))
    faces = np.concatenate(
        [np.stack([here, beside, end], -1), np.stack([beside, here, end + 1], -1)]
    )
    return facing_out(Solid(np.concatenate([rim, [front, back]]), faces))


def facing_out(solid: Solid) -> Solid:
    """The solid, turned inside out if it was."""
    a, b, c = solid.vertices[solid.faces].swapaxes(0, 1)
    inward = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() < 0
    return Solid(solid.vertices, solid.faces[:, ::-1]) if inward else solid


def lamp(at: ArrayLike, radius: float, bulge: float, side: int, sides: int = 14) -> Solid:
    """A round glass that looks along y; side -1 to the front, 1 to the back."""
    angles = np.arange(sides) * 2 * np.pi / sides
    rim = radius * np.stack([np.cos(angles), 0 * angles, np.sin(angles)], -1)
    return moved(lens(rim, (0, side * bulge * radius, 0), (0, -1.5 * side * radius, 0)), at)


def line(path: Points, radius: float) -> Solid:
    """A thin bar along a path: a gap between panels, a moulding."""
    return tube(path, radius, sides=3)


def bar(start: ArrayLike, end: ArrayLike, radius: float) -> Solid:
    """A thin straight bar, in lengths short enough not to be cut when it is lit."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    count = 2 + int(np.linalg.norm(end - start) / 0.065)
    return tube(np.linspace(start, end, count), radius, sides=4)


def both(solid: Solid, material: Material) -> list[Part]:
    """A solid and its mirror image."""
    return [Part(solid, material), Part(mirrored(solid), material)]


def cut(solid: Solid, longest: float = 0.0699) -> Solid:
    """The same solid, with faces cut until no side is longer than `longest`.

    No face gets a corner on a neighbour's side. Light and normals are known at corners only, so
    such a corner would show as a seam.
    """
    vertices, faces = solid
    while True:
        sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1)  # (F, 3, 2)
        low, high = sides.min(axis=-1), sides.max(axis=-1)
        edges, index = np.unique(low * len(vertices) + high, return_inverse=True)
        ends = vertices[np.stack([edges // len(vertices), edges % len(vertices)])]
        long = np.linalg.norm(ends[0] - ends[1], axis=1) > longest
        if not long.any():
            return Solid(vertices, faces)
        middle = np.where(long, len(vertices) + np.cumsum(long) - 1, -1)[index.reshape(faces.shape)]
        vertices = np.concatenate([vertices, ends.mean(axis=0)[long]])
        faces = _split(faces, middle)


def _split(faces: Array, middle: Array) -> Array:
    """Each face in as many as the middles of its sides ask for: (F, 3) their vertices, or -1."""
    count = (middle >= 0).sum(axis=1)
    # Turned so that an only cut side comes first, and an only whole side last.
    first = np.where(
        count == 1, middle.argmax(axis=1), np.where(count == 2, middle.argmin(axis=1) + 1, 0)
    )
    turn = (first[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(faces, turn, axis=1).T
    ab, bc, ca = np.take_along_axis(middle, turn, axis=1).T
    parts = {
        0: [(a, b, c)],
        1: [(a, ab, c), (ab, b, c)],
        2: [(ab, b, bc), (a, ab, bc), (a, bc, c)],
        3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
    }
    return np.concatenate(
        [np.stack(p, -1)[count == n] for n, every in parts.items() for p in every]
    )
