"""Seats of chairs, and the lines, bars and plates that other parts of chairs use too."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline, make_interp_spline

from data_scripts.furniture.chair.styles import ChairStyle
from data_scripts.furniture.render import solids
from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.solids import Points, Solid

Array = np.ndarray

STEP = 0.055  # metres between the rings of a bar; longer faces would be cut into many for the light
POWER = {"square": 9.0, "rounded": 3.4, "round": 2.0}  # of the seat's outline, a superellipse
SPREAD = {"square": 0.93, "rounded": 0.82, "round": 0.72}  # corners, in half the seat's width
SQUARE = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
ROUND = solids.circle(0.5, 10)
BASE_HEIGHT = 0.15  # metres, of the upholstered box under a loose cushion


# Lines, bars and plates


def smooth(points: Points, step: float = STEP) -> Array:
    """(K, 3) points at most `step` apart, on a smooth curve through a few points.

    Through two points, the curve is a straight line.
    """
    points = np.asarray(points, float)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    curve = make_interp_spline(along, points, k=min(3, len(points) - 1))
    return curve(np.linspace(0, along[-1], max(2, int(np.ceil(along[-1] / step)) + 1)))


def bent(points: Points, radius: float) -> Array:
    """(K, 3) points on the line from point to point, as a bent tube runs: its corners are rounded.

    radius  metres from each corner at which its curve begins; at most half of the way to the next
            corner
    """
    points = np.asarray(points, float)
    runs, start = [], points[0]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        first, last = (_towards(corner, end, radius) for end in (before, after))
        share = np.linspace(0, 1, 6)[:, None]
        runs += [smooth([start, first])[:-1], _parabola(first, corner, last, share)[:-1]]
        start = last
    return np.concatenate([*runs, smooth([start, points[-1]])])


def _towards(start: Array, end: Array, distance: float) -> Array:
    length = np.linalg.norm(end - start)
    return start + (end - start) * min(distance / length, 0.48)


def _parabola(first: Array, corner: Array, last: Array, share: Array) -> Array:
    return (1 - share) ** 2 * first + 2 * share * (1 - share) * corner + share**2 * last


def bar(
    path: ArrayLike,
    width: ArrayLike,
    height: ArrayLike,
    side: ArrayLike = (1, 0, 0),
    section: Array = SQUARE,
) -> Solid:
    """A bar along a path, whose section keeps its bearing.

    path     (K, 3) points
    width    metres along `side`, one for all or (K,)
    height   metres across it, one for all or (K,)
    side     (3,) one direction for all, or (K, 3)
    section  (N, 2) its outline, one wide and one high, counter-clockwise
    """
    path, side = np.asarray(path, float), np.asarray(side, float)
    tangent = _unit(np.gradient(path, axis=0))
    across = _unit(side - np.sum(tangent * side, axis=-1, keepdims=True) * tangent)
    over = np.cross(tangent, across)
    sizes = np.column_stack([np.broadcast_to(size, len(path)) for size in (width, height)])
    scaled = section * sizes[:, None]  # (K, N, 2)
    return solids.loft(path[:, None] + scaled @ np.stack([across, over], axis=1))


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def layered(outline: Array, profile: ArrayLike) -> Solid:
    """A solid whose level sections are all of one outline.

    outline  (N, 2) x and y, counter-clockwise from above
    profile  (K, 2) share of the outline's size, and height in metres, from the bottom up
    """
    shape = np.asarray(profile, float)
    scale = np.array([np.abs(outline).max(), 1])
    # More rings than the shape needs: long faces would be cut into many more.
    middle = [(0.12, z) for z in shape[[0, -1], 1]]
    levels = filled(np.vstack([middle[:1], shape, middle[1:]]) * scale) / scale
    rings = [np.column_stack([outline * share, np.full(len(outline), z)]) for share, z in levels]
    return solids.loft(np.stack(rings))


def filled(points: ArrayLike, step: float = 0.065) -> Array:
    """(K, n) the points of a polyline, and more in between, at most `step` apart."""
    points = np.asarray(points, float)
    pairs = list(zip(points[:-1], points[1:], strict=True))
    counts = [max(1, int(np.ceil(np.linalg.norm(b - a) / step))) for a, b in pairs]
    runs = [np.linspace(a, b, n, endpoint=False) for (a, b), n in zip(pairs, counts, strict=True)]
    return np.concatenate([*runs, points[-1:]])


def pillow(size: tuple[float, float, float], power: float, swell: float = 0.12) -> Solid:
    """A level plate with a soft rim that swells towards its middle.

    It is a grid all over, so it can be bent.

    size   metres in x, y and z; it lies on z = 0
    power  of its outline, a superellipse around (0, 0)
    swell  by which the middle is thicker, as a share of the thickness
    """
    x, y = np.meshgrid(_ticks(size[0]), _ticks(size[1]))
    square = solids.sheet(np.stack([x, y, np.zeros_like(x)], axis=-1), 1.0)
    x, y, z = square.vertices.T
    out = np.maximum(np.abs(x), np.abs(y))  # 0 in the middle, 1 at the rim
    shrink = out / np.maximum(np.abs(x) ** power + np.abs(y) ** power, 1e-9) ** (1 / power)
    over = np.interp(
        out, [0, 0.5, 0.86, 0.94, 0.985, 1], [1 + swell, 1 + 0.8 * swell, 1, 0.93, 0.8, 0.58]
    )
    under = np.interp(out, [0.86, 0.94, 0.985, 1], [0, 0.02, 0.08, 0.25])
    placed = np.column_stack([x * shrink, y * shrink, np.where(z > 0, over, under)])
    return Solid(placed * (0.5, 0.5, 1) * size, square.faces)


def _ticks(length: float) -> Array:
    """(n,) grid lines from -1 to 1, closer together at the rim."""
    middle = np.linspace(-0.86, 0.86, int(np.ceil(0.86 * length / 0.065)) + 1)
    return np.concatenate([[-1, -0.985, -0.94], middle, [0.94, 0.985, 1]])


# Where things are


def outline(style: ChairStyle, sides: int = 36) -> Array:
    """(N, 2) outline of the seat: as wide as the style says at the front, narrower at the back."""
    even = solids.superellipse(style.seat_width, style.seat_depth, POWER[style.outline], sides)
    return tapered(style, even)


def tapered(style: ChairStyle, points: Array) -> Array:
    """(n, 2 or 3) points of a seat of even width, moved to where the seat narrows to the back."""
    share = 1 + (style.seat_taper - 1) * (points[:, 1] / style.seat_depth + 0.5)
    return np.column_stack([points[:, 0] * share, points[:, 1:]])


def rim(style: ChairStyle, u: ArrayLike) -> Array:
    """Depth y, slightly inside the seat's rear rim, where x is a share u of the rear corner's x."""
    power = POWER[style.outline]
    inside = 1 - (SPREAD[style.outline] * np.abs(u)) ** power
    return style.seat_depth / 2 * inside ** (1 / power) - 0.4 * style.leg_thickness


def rear_corner(style: ChairStyle) -> Array:
    """(2,) x and y where the right rear leg or post meets the seat."""
    x = SPREAD[style.outline] * style.seat_width / 2 * style.seat_taper
    return np.array([x, rim(style, 1)])


def front_corner(style: ChairStyle) -> Array:
    """(2,) x and y where the right front leg meets the seat."""
    return np.array([SPREAD[style.outline] * style.seat_width / 2, -rim(style, 1)])


def on_back(style: ChairStyle, u: ArrayLike, v: ArrayLike, forward: ArrayLike = 0.0) -> Array:
    """(..., 3) points of the back's middle surface, or in front of it.

    u        from -1 at the left to 1 at the right
    v        from 0 at the seat to 1 at the top
    forward  metres
    """
    u, v, forward = np.broadcast_arrays(np.asarray(u, float), v, forward)
    half, corner = rear_corner(style)
    lean = np.radians(style.back_recline)
    hollow = style.back_curve * (1 - u**2)
    # Low down it follows the seat's rim, where spindles stand.
    follow = np.clip(1 - v / 0.45, 0, 1) ** 2
    bow = hollow + follow * (rim(style, u.clip(-1, 1)) - corner - hollow)
    y = corner + bow + style.back_height * np.tan(lean) * np.sign(v) * np.abs(v) ** 1.2
    x = u * half * (1 + (style.back_flare - 1) * v)
    z = style.seat_height + v * style.back_height
    return np.stack([x, y - forward * np.cos(lean), z + forward * np.sin(lean)], axis=-1)


def underside(style: ChairStyle) -> float:
    """Height at which the legs end: under the seat, or under the box of a loose cushion."""
    return style.seat_height - style.seat_thickness - (BASE_HEIGHT if is_boxed(style) else 0)


def is_boxed(style: ChairStyle) -> bool:
    """Whether the seat is a loose cushion on an upholstered box, as it is between padded arms."""
    return style.seat == "cushion" and style.arms == "padded"


# Seats


def seat(style: ChairStyle) -> list[Part]:
    """The seat; of a moulded shell, its back, too."""
    return SEATS[style.seat](style)


def _board(style: ChairStyle) -> list[Part]:
    edge = 0.25 * style.seat_thickness
    profile = [(0.95, 0), (1, 1.4 * edge), (1, 3 * edge), (0.975, 4 * edge)]
    return [_at_seat(style, layered(outline(style), profile))]


def _at_seat(style: ChairStyle, solid: Solid) -> Part:
    lifted = solids.moved(solid, (0, 0, style.seat_height - style.seat_thickness))
    return Part(lifted, style.cover)


def _saddle(style: ChairStyle) -> list[Part]:
    """A thick board with a hollow for each thigh and a ridge between them."""
    thick = style.seat_thickness
    rims = [(0.88, 0), (1, 0.5 * thick), (1, 0.85 * thick), (0.97, thick)]
    upper_side = [(share, thick) for share in (0.88, 0.75, 0.6, 0.45, 0.3, 0.15)]
    solid = layered(outline(style), rims + upper_side)
    x, y, z = solid.vertices.T
    place = np.hypot(2 * x / style.seat_width, 2 * y / style.seat_depth)
    in_front = 1 + np.exp(14 * y / style.seat_depth)
    ridge = np.exp(-((x / (0.16 * style.seat_width)) ** 2)) / in_front
    hollow = 0.55 * thick * (1 - place**2).clip(0) * (1 - 0.85 * ridge)
    z = np.where(z > 0.99 * thick, z - hollow, z)
    return [_at_seat(style, Solid(np.column_stack([x, y, z]), solid.faces))]


def _pad(style: ChairStyle) -> list[Part]:
    return [_at_seat(style, _upholstery(style, style.seat_thickness))]


def _upholstery(style: ChairStyle, thickness: float, swell: float = 0.12) -> Solid:
    """A pillow of the seat's outline."""
    solid = pillow((style.seat_width, style.seat_depth, thickness), POWER[style.outline], swell)
    return Solid(tapered(style, solid.vertices), solid.faces)


def _cushion(style: ChairStyle) -> list[Part]:
    """A loose cushion; with padded arms it lies on an upholstered box."""
    cushion = _at_seat(style, _upholstery(style, style.seat_thickness))
    if not is_boxed(style):
        return [cushion]
    box = solids.moved(_upholstery(style, BASE_HEIGHT + 0.01, 0), (0, 0, underside(style)))
    return [cushion, Part(box, style.cover)]


def _sling(style: ChairStyle) -> list[Part]:
    """Leather or canvas that sags between two bars."""
    u, v = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-0.5, 0.5, 9))
    width = style.seat_width * (1 + (style.seat_taper - 1) * (v + 0.5)) + 0.5 * style.leg_thickness
    z = style.seat_height - 0.028 * (1 - u**2) * (1 - 2.4 * v**2) - style.seat_thickness / 2
    grid = np.stack([u * width / 2, v * style.seat_depth, z], axis=-1)
    return [Part(solids.sheet(grid, style.seat_thickness), style.cover)]


def _shell(style: ChairStyle) -> list[Part]:
    """Seat and back from one mould; with moulded arms its sides rise high around the sitter."""
    power = {"square": 5, "rounded": 3.4, "round": 2.5}[style.outline]
    rim = solids.superellipse(2, 2, power, 44)
    shares = np.array([*np.linspace(0.12, 0.96, 8), 1])
    t, s = np.moveaxis(shares[:, None, None] * rim, -1, 0)  # (9, 44) each
    thick = style.seat_thickness / 2
    over, under = (_shell_point(style, t, s, off) for off in (thick, -thick))
    return [Part(solids.loft(np.concatenate([under, over[::-1]])), style.cover)]


def _shell_point(style: ChairStyle, t: Array, s: Array, above: float = 0.0) -> Array:
    """(..., 3) points of the shell's middle surface, or above it.

    t, s   across and along, each from -1 to 1
    above  metres
    """
    step = 1e-3
    across = _on_shell(style, t + step, s) - _on_shell(style, t - step, s)
    along = _on_shell(style, t, s + step) - _on_shell(style, t, s - step)
    return _on_shell(style, t, s) + above * _unit(np.cross(across, along))


def _on_shell(style: ChairStyle, t: Array, s: Array) -> Array:
    line = _shell_line(style)
    (y, z), (dy, dz) = np.moveaxis(line(s), -1, 0), np.moveaxis(_unit(line.derivative()(s)), -1, 0)
    back = 1 / (1 + np.exp(-9 * (s - 0.1)))  # 0 on the seat, 1 on the back
    waist = 1 - 0.09 * np.exp(-(((s - 0.1) / 0.3) ** 2)) * (style.arms == "none")
    half = style.seat_width / 2 * waist * (1 + back * (style.seat_taper * style.back_flare - 1))
    arm_height = style.arm_height if style.arms == "moulded" else 0
    arms = 0.8 * arm_height * np.exp(-(((s + 0.02) / 0.5) ** 2))
    lift = style.back_curve * (0.6 + 0.4 * back) * np.abs(t) ** 2.4
    # The arms rise straight up: across the middle line, they would collide where it bends.
    return np.stack([half * t, y - lift * dz, z + lift * dy + arms * np.abs(t) ** 3], axis=-1)


def _shell_line(style: ChairStyle) -> BSpline:
    """The shell's middle line, y and z, from the seat's front (-1) to the back's top (1)."""
    depth, height, rise = style.seat_depth, style.seat_height, style.back_height
    lean = np.tan(np.radians(style.back_recline))
    ahead = [
        (-0.53 * depth, height - 0.04),
        (-0.42 * depth, height - 0.008),
        (0.1 * depth, height - 0.03),
    ]
    bend = [(0.4 * depth, height), (0.5 * depth + 0.28 * rise * lean, height + 0.28 * rise)]
    top = (0.5 * depth + rise * lean, height + rise)
    return make_interp_spline([-1, -0.85, -0.25, 0.06, 0.38, 1], [*ahead, *bend, top], k=3)


def support(style: ChairStyle, x: float, y: float) -> float:
    """Height at which a leg ends inside the seat, or inside the shell, which is not level."""
    if style.seat != "shell":
        return underside(style) + 0.012
    s = np.linspace(-0.95, 0.1, 64)
    points = _on_shell(style, np.full(64, 2 * x / style.seat_width), s)
    return float(np.interp(y, *points[:, 1:].T))


SEATS = {
    "board": _board,
    "saddle": _saddle,
    "pad": _pad,
    "woven": _pad,
    "cushion": _cushion,
    "sling": _sling,
    "shell": _shell,
}
