"""Bases of tables: legs and rails, pedestals, trestles, panels, frames, a cross, a cage, a drum."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data_scripts.furniture.render.plates import (
    bar,
    board,
    plate,
    rectangle,
    rod,
    rounded_edge,
    trapezoid,
)
from data_scripts.furniture.render.solids import Solid, circle, moved, superellipse, tube, turned
from data_scripts.furniture.table.legs import leg
from data_scripts.furniture.table.pedestals import pedestal
from data_scripts.furniture.table.styles import TableStyle
from data_scripts.furniture.table.tops import SINK, half_depth, outline, stand, underside

Array = np.ndarray


def base(style: TableStyle) -> list[Solid]:
    """Everything that carries the top; it is of the frame's material."""
    return BASES[style.base](style)


def _legs(style: TableStyle) -> list[Solid]:
    x, y = stand(style)
    head = underside(style) + min(SINK, style.thickness / 2)
    corners = [(i * x, j * y) for i in (-1, 1) for j in (-1, 1)]
    legs = [part for corner in corners for part in leg(style, *corner, head)]
    rails = [] if style.leg in ("hairpin",) else _apron(style, x, y)
    return legs + rails + STRETCHERS[style.stretcher](style, x, y)


def _apron(style: TableStyle, x: float, y: float) -> list[Solid]:
    """Rails from leg to leg; below a round top, one solid piece of its shape."""
    high = max(style.apron, 0.03 if style.leg == "splayed" else 0.0)
    if not high:
        return []
    z = underside(style) - high / 2 + 0.004
    if style.shape in ("round", "oval", "octagon", "superellipse"):
        shape = outline(style, 0.86)
        return [plate(shape, [(0, 0), (0, high + 0.004)], (0, 0, underside(style) - high))]
    thick = 0.024
    along = [bar((-x, j * y, z), (x, j * y, z), (high, thick)) for j in (-1, 1)]
    across = [bar((i * x, -y, z), (i * x, y, z), (high, thick)) for i in (-1, 1)]
    return along + across


def _no_stretcher(style: TableStyle, x: float, y: float) -> list[Solid]:
    return []


def _box_stretcher(style: TableStyle, x: float, y: float) -> list[Solid]:
    """All around, just above the floor."""
    z, w = 0.14 * style.height, _slim(style)
    along = [bar((-x, j * y, z), (x, j * y, z), w) for j in (-1, 1)]
    return along + [bar((i * x, -y, z + 0.002), (i * x, y, z + 0.002), w * 0.9) for i in (-1, 1)]


def _h_stretcher(style: TableStyle, x: float, y: float) -> list[Solid]:
    """At both ends, and one along the middle."""
    z, w = 0.22 * style.height, _slim(style)
    ends = [bar((i * x, -y, z), (i * x, y, z), w) for i in (-1, 1)]
    return [*ends, bar((-x, 0, z), (x, 0, z), w * 0.9)]


def _x_stretcher(style: TableStyle, x: float, y: float) -> list[Solid]:
    """From corner to corner."""
    z, w = 0.2 * style.height, _slim(style)
    return [bar((-x, -j * y, z + 0.001 * j), (x, j * y, z + 0.001 * j), w) for j in (-1, 1)]


def _slim(style: TableStyle) -> float:
    return max(0.55 * style.girth, 0.022)


STRETCHERS = {"none": _no_stretcher, "box": _box_stretcher, "h": _h_stretcher, "x": _x_stretcher}


def _trestle(style: TableStyle) -> list[Solid]:
    """Two stands below the ends, and a bar between them."""
    x = 0.5 * style.width - max(0.12, 0.16 * style.width)
    fitted = replace(style, depth=2 * half_depth(style, x + style.girth))
    stands = [moved(part, (i * x, 0, 0)) for i in (-1, 1) for part in ENDS[style.end](fitted)]
    z = {"post": 0.3, "sawhorse": 0.34, "x": 0.47}[style.end] * style.height
    past = 0.07 if style.end == "post" else 0.0
    return [*stands, bar((-x - past, 0, z), (x + past, 0, z), (1.3 * style.girth, 0.03))]


def _post_end(style: TableStyle) -> list[Solid]:
    """A board on a foot, with a bearer on top."""
    h, y, g = underside(style), 0.42 * style.depth, max(style.girth, 0.045)
    shape = trapezoid(0.38 * style.depth, 0.24 * style.depth, h - 0.03)
    post = turned(board(shape, 0.8 * g, (0, 0, h / 2 + 0.01)), 90, "z")
    foot = bar((0, -y, g / 2), (0, y, g / 2), (g, g * 1.1))
    z = h - g / 2 + 0.003
    return [post, foot, bar((0, -0.9 * y, z), (0, 0.9 * y, z), (g, g * 1.1))]


def _sawhorse_end(style: TableStyle) -> list[Solid]:
    """Two legs that lean together, joined by two rungs."""
    h, y, g = underside(style), 0.44 * style.depth, max(0.8 * style.girth, 0.03)
    legs = [bar((0, j * y, 0), (0, j * 0.6 * y, h - 0.01), g) for j in (-1, 1)]
    bearer = bar((0, -0.85 * y, h - 0.03), (0, 0.85 * y, h - 0.03), (0.066, 1.15 * g))
    rung = bar((0, -0.86 * y, 0.34 * h), (0, 0.86 * y, 0.34 * h), (g, 0.8 * g))
    return [*legs, bearer, rung]


def _x_end(style: TableStyle) -> list[Solid]:
    """Two legs that cross."""
    h, y, g = underside(style), 0.42 * style.depth, max(style.girth, 0.035)
    legs = [
        bar(
            (0.004 * j, -j * y, 0.3 * g), (0.004 * j, j * 0.85 * y, h - 0.5 * g), (0.9 * g, 1.2 * g)
        )
        for j in (-1, 1)
    ]
    return [*legs, bar((0, -0.95 * y, h - 0.02), (0, 0.95 * y, h - 0.02), (0.046, 1.1 * g))]


ENDS = {"post": _post_end, "sawhorse": _sawhorse_end, "x": _x_end}


def _panels(style: TableStyle) -> list[Solid]:
    """Two boards on end, and a bar or a back board between them."""
    thick = max(style.thickness, 0.028)
    inset = 0.004 if style.overhang < 0.02 else 0.05 + 2 * style.overhang
    x, h = style.width / 2 - inset - thick / 2, underside(style) + 0.006
    y = half_depth(style, x + thick / 2) - 0.006
    end = turned(board(rectangle(2 * y, h), thick, (0, 0, h / 2)), 90, "z")
    ends = [moved(end, (i * x, 0, 0)) for i in (-1, 1)]
    high = 0.26 * style.height
    z = h - high / 2 - 0.002
    return [*ends, bar((-x, 0.5 * y, z), (x, 0.5 * y, z), (high, 0.024))]


def _frames(style: TableStyle) -> list[Solid]:
    """Two loops of bar across the table."""
    x, y = stand(style)
    top, w = underside(style), max(0.75 * style.girth, 0.026)
    foot_y, head_y = {"closed": (y, y), "open": (y, y), "trapezoid": (0.62 * y, y)}[style.loop]
    x = min(x, 0.5 * style.width - 0.05)
    bars = [bar((0, j * foot_y, 0.002), (0, j * head_y, top), (w, w)) for j in (-1, 1)]
    half, z = head_y + w / 2, top - w / 2 + 0.004
    bars.append(bar((0, -half, z), (0, half, z), (w, w * 1.02)))
    if style.loop != "open":
        bars.append(bar((0, -foot_y - w / 2, w / 2), (0, foot_y + w / 2, w / 2), (w, w * 1.02)))
    loops = [moved(b, (i * x, 0, 0)) for i in (-1, 1) for b in bars]
    z = top - w / 2
    rails = [bar((-x, y, z), (x, y, z), 0.85 * w) for y in (-0.6 * head_y, 0.6 * head_y)]
    return [*loops, *rails]


def _cross(style: TableStyle) -> list[Solid]:
    """Bars or boards that cross in the middle."""
    return CROSSES[style.cross](style, *stand(style), underside(style))


def _crossed_bars(style: TableStyle, x: float, y: float, h: float) -> list[Solid]:
    g = max(0.9 * style.girth, 0.03)
    # The end faces of a bar that is more level than upright are upright.
    sink = 0.006 if h > 1.9 * np.hypot(x, y) else 0.006 - g / 2
    feet = [(i * 0.95 * x, j * 0.95 * y, 0.006 - sink) for i in (-1, 1) for j in (-1, 1)]
    bars = [
        bar(f, (-0.9 * f[0], -0.9 * f[1], h + sink), g * (1 + 0.03 * k)) for k, f in enumerate(feet)
    ]
    rail = min(0.85 * x, 0.85 * y)
    return [*bars, plate(circle(0.5 * rail), [(0, 0), (0, 0.02)], (0, 0, h - 0.016))]


def _crossed_boards(style: TableStyle, x: float, y: float, h: float) -> list[Solid]:
    """Two upright boards along the diagonals, waisted like an X."""
    half = np.hypot(x, y) * 0.92
    slope = np.degrees(np.arctan2(y, x))
    thick = max(0.7 * style.girth, 0.026)
    lower = trapezoid(2 * half, 0.8 * half, 0.5 * h)
    upper = trapezoid(0.8 * half, 1.9 * half, 0.5 * h + 0.008)
    boards = [
        board(lower, thick, (0, 0, 0.25 * h)),
        board(upper, 0.97 * thick, (0, 0, 0.75 * h + 0.002)),
    ]
    return [turned(part, angle, "z") for angle in (slope, -slope) for part in boards]


def _tripod(style: TableStyle, x: float, y: float, h: float) -> list[Solid]:
    """Three rods that cross at a waist, like a camp table's."""
    reach, r = min(x, y) * 0.98, max(0.42 * style.girth, 0.014)
    angles = np.radians([90, 210, 330])
    feet = reach * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1)
    heads = feet @ np.diag([-0.85, -0.85, 1]) + (0, 0, h - 0.6 * r)
    side = r * 0.8 * np.stack([-np.sin(angles), np.cos(angles), 0 * angles], axis=-1)
    rods = [rod(f + s, t + s, r, sides=10) for f, t, s in zip(feet, heads, side, strict=True)]
    path = np.column_stack([circle(0.35 * reach, 20), np.zeros(20)])
    ring = tube(path, 0.012, 6, closed=True)
    return [*rods, moved(ring, (0, 0, h - 0.01))]


CROSSES = {"bars": _crossed_bars, "boards": _crossed_boards, "tripod": _tripod}


def _cage(style: TableStyle) -> list[Solid]:
    """Thin rods that twist from a ring on the floor to a wider one below the top, with a waist."""
    h, count = underside(style), 22
    foot, head, twist = 0.29, 0.36, np.radians(75)
    angles = np.arange(count) * 2 * np.pi / count
    oval = np.array([style.width, style.depth, 0])
    low, high = 0.012, h - 0.008
    rods = []
    for angle in angles:
        start = _round_point(angle, foot * oval, low)
        end = _round_point(angle + twist, head * oval, high)
        rods.append(rod(start, end, 0.01, sides=5))
    around = np.linspace(0, 2 * np.pi, 40)[:-1]
    hoops = [
        tube([_round_point(a, share * oval, z) for a in around], 0.012, 6, closed=True)
        for share, z in ((foot, low), (head, high))
    ]
    return [*rods, *hoops]


def _round_point(angle: float, half: Array, z: float) -> Array:
    return half * (np.cos(angle), np.sin(angle), 0) + (0, 0, z)


def _drum(style: TableStyle) -> list[Solid]:
    """A closed round body of upright staves, set back at the floor."""
    h, count = underside(style), 24
    ring = superellipse(0.8 * style.width, 0.8 * style.depth, 2, count)
    staves = [bar((x, y, 0.03), (x, y, h + 0.004), 0.032) for x, y in ring]
    turns = np.degrees(np.arctan2(ring[:, 1], ring[:, 0]))
    outward = [
        turned(stave, turn, "z", around=(x, y, 0))
        for stave, turn, (x, y) in zip(staves, turns, ring, strict=True)
    ]
    plinth = plate(0.94 * ring, [(0, 0), (0, h - 0.02)])
    return [*outward, plinth]


def lower_shelf(style: TableStyle) -> list[Solid]:
    """A board between the legs, a hand above the floor, if the table has one."""
    if not style.shelf:
        return []
    x, y = stand(style)
    shape = rectangle(2 * x + 0.2 * style.girth, 2 * y + 0.2 * style.girth, 0.004)
    return [plate(shape, rounded_edge(0.022, 0.003), (0, 0, 0.22 * style.height))]


BASES: dict[str, Callable[[TableStyle], list[Solid]]] = {
    "legs": _legs,
    "pedestal": pedestal,
    "trestle": _trestle,
    "panels": _panels,
    "frames": _frames,
    "cross": _cross,
    "cage": _cage,
    "drum": _drum,
}
