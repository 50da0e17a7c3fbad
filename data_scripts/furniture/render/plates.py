"""Plates and bars that are cut finely from the start: table tops, cushions, rails.

Light is known at corners only, so long faces get cut later on; a needle of a face would leave
thousands of pieces, where the even nets made here leave none.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import Delaunay

from data_scripts.furniture.render.solids import Points, Solid, loft, moved, tube, turned

Array = np.ndarray
Profile = list[tuple[float, float]]

STEP = 0.062  # metres between neighbouring vertices
RIM_STEP = 0.055  # the same along an edge, whose diagonals must not get too long
TAN_15 = 0.268


def refined(rows: ArrayLike, step: float = STEP) -> Array:
    """A row of points or rings, with more in between, so that neighbours are at most `step` apart.

    rows   (K, ..., D) the last axis holds coordinates
    """
    rows = np.asarray(rows, float)
    gaps = np.linalg.norm(np.diff(rows, axis=0), axis=-1).reshape(len(rows) - 1, -1).max(axis=1)
    parts = np.maximum(np.ceil(gaps / step).astype(int), 1)
    places = np.concatenate([[0.0], *(k + np.arange(1, n + 1) / n for k, n in enumerate(parts))])
    first = np.minimum(places.astype(int), len(rows) - 2)
    share = (places - first).reshape(-1, *[1] * (rows.ndim - 1))
    return rows[first] * (1 - share) + rows[first + 1] * share


def bar(
    start: ArrayLike, end: ArrayLike, width: ArrayLike, end_width: ArrayLike | None = None
) -> Solid:
    """A straight bar of rectangular section.

    start, end        (3,) centres of the two ends; level if the bar stands more than it lies, else
                      upright
    width, end_width  the sides of its section: x and y if it stands, the upright and the level one
                      if it lies
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    first, second = _across(end - start)
    square = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    axes = np.stack([first, second])
    ends = (start, width), (end, width if end_width is None else end_width)
    rings = [at + (square * np.asarray(sides, float)) @ axes for at, sides in ends]
    return loft(refined(rings, 0.045))


def _across(direction: Array) -> tuple[Array, Array]:
    """Two directions across a bar, so that (first, second, direction) is right-handed."""
    x, y, z = np.eye(3)
    if abs(direction[2]) >= np.hypot(*direction[:2]):
        return (x, y) if direction[2] > 0 else (-x, y)
    level = np.cross(direction, z)
    return z, level / np.linalg.norm(level)


def rod(
    start: ArrayLike, end: ArrayLike, radius: float, end_radius: float | None = None, sides: int = 8
) -> Solid:
    """A straight round bar, which may taper."""
    return bent([start, end], [radius, radius if end_radius is None else end_radius], sides)


def bent(path: Points, radius: ArrayLike, sides: int = 8) -> Solid:
    """A round bar along a path.

    path    (K, 3) points
    radius  one for all, or (K,)
    """
    path = np.asarray(path, float)
    rows = refined(np.column_stack([path, np.broadcast_to(np.asarray(radius, float), len(path))]))
    return tube(rows[:, :3], rows[:, 3], sides)


def plate(
    outline: ArrayLike, profile: Profile, at: ArrayLike = (0, 0, 0), crown: float = 0.0
) -> Solid:
    """A level plate of any convex outline about the origin, with any edge.

    outline  (N, 2) x and y, counter-clockwise from above
    profile  (inset, z) in metres, from the lower face's border around the edge to the upper face's
    crown    metres by which the upper face swells at its middle, as a cushion does
    """
    rim, inner, net = _net(np.asarray(outline, float))
    half = np.abs(rim).max(axis=0)
    edge = refined(profile, 0.042)
    rings = [np.column_stack([rim * (1 - inset / half), np.full(len(rim), z)]) for inset, z in edge]
    swell = crown * np.prod(1 - (inner / half) ** 2, axis=1)
    below, above = (
        np.column_stack([inner * (1 - inset / half), z + lift])
        for (inset, z), lift in ((edge[0], np.zeros(len(inner))), (edge[-1], swell))
    )
    side = loft(np.stack(rings)).faces[: -2 * len(rim)]
    lower, upper = _places(len(rings), len(rim), len(inner))
    floor, roof = _renumbered(net, len(rim), *lower), _renumbered(net, len(rim), *upper)
    vertices = np.concatenate([*rings, below, above])
    return moved(Solid(vertices, np.concatenate([side, floor[:, ::-1], roof])), at)


def board(
    outline: ArrayLike,
    thickness: float,
    at: ArrayLike = (0, 0, 0),
    radius: float = 0.002,
    crown: float = 0.0,
) -> Solid:
    """An upright plate that faces the front.

    outline  (N, 2) x and z about the origin, counter-clockwise seen from the front
    at       its middle
    radius   of its edges
    crown    metres by which the front swells at its middle
    """
    lying = plate(outline, rounded_edge(thickness, radius), (0, 0, -thickness / 2), crown)
    return moved(turned(lying, 90, "x"), at)


def _places(rings: int, sides: int, inner: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the border and the inner vertices of the lower and the upper face begin."""
    return (0, rings * sides), ((rings - 1) * sides, rings * sides + inner)


def _renumbered(net: Array, border: int, first: int, first_inner: int) -> Array:
    return np.where(net < border, net + first, net - border + first_inner)


def _net(outline: Array) -> tuple[Array, Array, Array]:
    """An even net over an outline.

    returns  (N, 2) border and (M, 2) inner vertices, and (F, 3) triangles
    """
    rim = refined(np.concatenate([outline, outline[:1]]), RIM_STEP)[:-1]
    half = np.abs(rim).max(axis=0)
    inner = _inside(_hexagonal(half), outline)
    # Straight sides are bent outwards a little; otherwise rounding errors would drop vertices.
    points = np.concatenate([rim, inner])
    from_middle = np.sum((points / half) ** 2, axis=1, keepdims=True)
    net = Delaunay(points * (1.05 - 0.05 * from_middle / 2)).simplices
    a, b, c = points[net].swapaxes(0, 1)
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return rim, inner, np.where(turn[:, None] > 0, net, net[:, ::-1])


def _hexagonal(half: Array) -> Array:
    """(n, 2) points of a hexagonal grid that covers a rectangle of the given half sides."""
    columns, rows = np.ceil(half / STEP).astype(int) + 1
    x, y = np.meshgrid(np.arange(-columns, columns + 1.0), np.arange(-rows, rows + 1.0))
    return STEP * 1.05 * np.stack([x + 0.5 * (y % 2), y * np.sqrt(0.75)], axis=-1).reshape(-1, 2)


def _inside(points: Array, outline: Array) -> Array:
    """Those of the points that lie inside a convex outline, half a step from it at least."""
    along = np.roll(outline, -1, axis=0) - outline
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    offset = points[:, None] - outline
    distance = along[:, 0] * offset[..., 1] - along[:, 1] * offset[..., 0]
    return points[(distance > STEP / 2).all(axis=1)]


def rectangle(width: float, depth: float, radius: float = 0.0) -> Array:
    """(N, 2) outline of a rectangle, its corners rounded if a radius is given."""
    corners = [
        (np.array([width, depth]) / 2 - radius) * sign
        + _quarter(radius) @ np.array([(c, s), (-s, c)])
        for sign, (c, s) in (
            ((1, 1), (1, 0)),
            ((-1, 1), (0, 1)),
            ((-1, -1), (-1, 0)),
            ((1, -1), (0, -1)),
        )
    ]
    return np.concatenate(corners)


def _quarter(radius: float) -> Array:
    """(n, 2) a quarter of a circle around the origin, from the right to the top.

    A small one has two sides only, at 30 and 60 degrees: as few as still look round.
    """
    if radius < 0.006:
        return np.array([(radius, 0.0), (0.0, radius)]) if radius else np.zeros((1, 2))
    if radius < 0.08:
        return radius * np.array([(1.0, TAN_15), (1 - TAN_15, 1 - TAN_15), (TAN_15, 1.0)])
    angles = np.radians(np.linspace(0, 90, 6))
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def trapezoid(lower: float, upper: float, height: float) -> Array:
    """(4, 2) outline of a trapezoid about the origin, by its lower and its upper side."""
    a, b, h = lower / 2, upper / 2, height / 2
    return np.array([(b, h), (-b, h), (-a, -h), (a, -h)])


def rounded_edge(thickness: float, radius: float) -> Profile:
    """The profile of a plate whose edges are rounded.

    radius  at most half the thickness is used
    """
    radius = min(radius, thickness / 2)
    upper = [(radius - out, thickness - radius + up) for out, up in _quarter(radius)]
    return [(inset, thickness - z) for inset, z in reversed(upper)] + upper
