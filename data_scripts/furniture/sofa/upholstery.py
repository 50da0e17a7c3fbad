"""Upholstery: cushions, pillows, and padded walls along any line on the floor."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from data_scripts.furniture.render.plates import board, plate, rectangle, rounded_edge
from data_scripts.furniture.render.solids import Solid, loft, moved, turned

Array = np.ndarray

FINE = 0.049  # metres between neighbouring vertices of a wall, so that no diagonal gets too long
GAP = 0.012  # metres between cushions; their round edges make it look wider


def block(
    size: tuple[float, float, float], at: ArrayLike, radius: float, crown: float = 0.0
) -> Solid:
    """A padded box.

    size   width, depth and height
    at     the middle of its lower face
    crown  metres by which its upper face swells, if it is a flat one
    """
    width, depth, height = size
    soft = min(radius, 0.45 * min(size))
    if height <= min(width, depth):
        edge = rounded_edge(height, soft)
        if crown:  # a cushion, whose lower edges are hidden
            edge = [(0.5 * soft, 0.0), (0.0, 0.5 * soft), *edge[len(edge) // 2 :]]
        return plate(rectangle(width, depth, soft), edge, at, crown)
    long = max(width, depth)
    upright = board(
        rectangle(long, height, soft), min(width, depth), (0, 0, height / 2), radius=soft
    )
    return moved(upright if long == width else turned(upright, 90, "z"), at)


def back_cushion(
    width: float, height: float, thickness: float, recline: float, radius: float
) -> Solid:
    """A cushion that stands on the origin, in front of y = 0, leaning back by `recline` degrees."""
    upright = board(
        rectangle(width, height, min(radius, 0.3 * height)),
        thickness,
        (0, -thickness / 2, height / 2),
        radius=radius,
        crown=0.2 * thickness,
    )
    return turned(upright, -recline, "x")


def throw_pillow(side: float) -> Solid:
    """A square pillow, thin at its border, that stands on the origin."""
    thickness = 0.2 * side
    outline = rectangle(side, side, 0.12 * side)
    edge = [
        (0.2 * side, 0.0),
        (0.06 * side, 0.18 * thickness),
        (0.0, 0.5 * thickness),
        (0.06 * side, 0.82 * thickness),
    ]
    lying = plate(outline, [*edge, (0.2 * side, thickness)], crown=0.11 * side)
    return moved(turned(lying, 90, "x"), (0, 0, side / 2))


def bolster(start: ArrayLike, end: ArrayLike, radius: float) -> Solid:
    """A padded roll between two points on one level."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    return wall(
        [start[:2], end[:2]], 2 * radius, start[2] - radius, start[2] + radius, 0.97 * radius
    )


def wall(
    path: ArrayLike,
    thickness: float,
    low: float,
    high: ArrayLike,
    radius: float,
    dent: Callable[[Array, Array], Array] | None = None,
) -> Solid:
    """A padded wall along a line on the floor, round at all edges.

    path    (K, 2) its middle line
    high    height of its upper edge, one for all or (K,)
    radius  of its edges
    dent    metres by which its right side, looking along the path, is pressed in, at (K, N)
            distances along the path and (K, N) heights
    """
    place, along, top = _stations(path, thickness, high, radius)
    tangent = np.gradient(place, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    from_end = np.minimum(along, along[-1] - along)
    inset = radius - np.sqrt(radius**2 - np.maximum(radius - from_end, 0) ** 2)
    counts = [
        max(1, int(np.ceil(side / FINE)))
        for side in (thickness - 2 * radius, top.max() - low - 2 * radius)
    ]
    section = np.stack(
        [_section(thickness, low, t, radius, counts, i) for i, t in zip(inset, top, strict=True)]
    )
    if dent is not None:
        inner = (section[..., 0] < -0.3 * thickness) & (inset[:, None] < 0.3 * radius)
        section[..., 0] += inner * dent(along[:, None], section[..., 1])
    level = place[:, None] + section[..., :1] * normal[:, None]
    return loft(np.concatenate([level, section[..., 1:]], axis=-1))


def _stations(
    path: ArrayLike, thickness: float, high: ArrayLike, radius: float
) -> tuple[Array, Array, Array]:
    """(K, 2) places along a path, (K,) their distance along it, and (K,) the wall's height there.

    They are close together, and closer where the ends are rounded.
    """
    path = np.asarray(path, float)
    step = np.diff(path, axis=0)
    known = np.concatenate([[0.0], np.cumsum(np.linalg.norm(step, axis=1))])
    length, turning = known[-1], np.ptp(np.unwrap(np.arctan2(*step.T)))
    outer = length + turning * thickness / 2 - 2 * radius
    ends = radius * np.array([0.0, 0.1, 0.45])
    middle = np.linspace(radius, length - radius, max(2, round(outer / FINE) + 1))
    along = np.concatenate([ends, middle, length - ends[::-1]])
    heights = np.broadcast_to(np.asarray(high, float), len(path))
    x, y, top = (np.interp(along, known, column) for column in (*path.T, heights))
    return np.column_stack([x, y]), along, top


def _section(
    width: float, low: float, high: float, radius: float, counts: list[int], inset: float
) -> Array:
    """(N, 2) a rounded rectangle, across and up, counter-clockwise.

    counts  into how many pieces its level and its upright sides are cut
    inset   metres by which all of its sides are moved in
    """
    size = np.array([width, high - low])
    arcs = rectangle(width, high - low, radius).reshape(4, -1, 2)
    ring = []
    for k, arc in enumerate(arcs):
        share = np.linspace(0, 1, counts[k % 2] + 1)[1:-1, None]
        ring += [arc, arc[-1] + share * (arcs[(k + 1) % 4][0] - arc[-1])]
    return np.concatenate(ring) * (1 - 2 * inset / size) + (0, (low + high) / 2)
