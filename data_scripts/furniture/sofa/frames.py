"""Sofas whose frame shows: of wood with loose cushions, or of steel tube around thick ones."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.plates import bar, rectangle, refined, rod
from data_scripts.furniture.render.solids import Solid, mirrored, moved, tube, turned
from data_scripts.furniture.sofa.layout import arm_width
from data_scripts.furniture.sofa.styles import SofaStyle
from data_scripts.furniture.sofa.upholstery import GAP, back_cushion, block

Array = np.ndarray

RAIL = 0.04  # metres, thickness of wooden bars


def wooden(style: SofaStyle) -> list[Part]:
    """A bench of wood with a leaning back, and thin cushions on it."""
    frame = [*_bench(style), *_back(style), *WOODEN_ARMS[style.arm, style.feet](style)]
    return [Part(s, style.frame) for s in frame] + [
        Part(s, style.cover) for s in _loose_cushions(style)
    ]


def _board_height(style: SofaStyle) -> float:
    return style.seat_height - style.cushion


def _bench(style: SofaStyle) -> list[Solid]:
    """A frame of rails that carries slats."""
    inner = style.width / 2 - max(arm_width(style), 0.05)
    x, y, z = (style.width / 2 + inner) / 2, style.depth / 2 - 0.03, _board_height(style) - 0.035
    high = 0.065
    along = [bar((-x, j * y, z), (x, j * y, z), (high, RAIL)) for j in (-1, 1)]
    across = [bar((i * x, -y, z), (i * x, y, z), (high * 0.9, RAIL)) for i in (-1, 1)]
    slats = [
        bar((-x, v, z + 0.018), (x, v, z + 0.018), (0.022, 0.06)) for v in (-0.5 * y, 0, 0.5 * y)
    ]
    seams = np.linspace(-inner, inner, style.seats + 1)  # below which the floor would show
    boards = [bar((u, -y, z + 0.017), (u, y, z + 0.017), (0.022, 0.08)) for u in seams]
    return [*along, *across, *slats, *boards]


def _lean(solid: Solid, style: SofaStyle) -> Solid:
    """Stand something made around the origin at the rear of the seat, leaning back."""
    leaning = turned(solid, -style.recline, "x")
    rise = style.height - _board_height(style)
    back = style.depth / 2 - 0.03 - rise * np.tan(np.radians(style.recline)) + 0.06
    return moved(leaning, (0, back, _board_height(style) - 0.02))


def _back(style: SofaStyle) -> list[Solid]:
    """Two posts, a rail on top, and between them spindles or slats."""
    x = style.width / 2 - arm_width(style) / 2 - 0.03
    high = (style.height - _board_height(style)) / np.cos(np.radians(style.recline))
    posts = [bar((i * x, 0, -0.03), (i * x, 0, high), RAIL) for i in (-1, 1)]
    top = bar((-x - 0.03, 0, high - 0.02), (x + 0.03, 0, high - 0.02), (0.06, RAIL * 0.8))
    return [_lean(s, style) for s in (*posts, top, *BACK_FILLINGS[style.back](x, high))]


def _spindles(x: float, high: float) -> list[Solid]:
    places = np.linspace(-x, x, round(2 * x / 0.11) + 1)[1:-1]
    low_rail = bar((-x, 0, 0.06), (x, 0, 0.06), (0.04, RAIL * 0.8))
    return [low_rail, *(rod((u, 0, 0.06), (u, 0, high - 0.03), 0.0105, sides=6) for u in places)]


def _slats(x: float, high: float) -> list[Solid]:
    return [bar((-x, 0, z), (x, 0, z), (0.065, 0.022)) for z in np.linspace(0.1, high - 0.14, 3)]


BACK_FILLINGS = {"spindles": _spindles, "slats": _slats}


def _legs(style: SofaStyle) -> list[Solid]:
    """Four slim cones that spread."""
    x, y, z = style.width / 2 - 0.16, style.depth / 2 - 0.1, _board_height(style) - 0.03
    spread = np.array([0.06, 0.05])
    corners = np.array([(i, j) for i in (-1, 1) for j in (-1, 1)])
    heads = [np.append((x, y) * corner, z) for corner in corners]
    feet = [np.append((x, y) * corner + spread * corner, 0.0) for corner in corners]
    return [rod(f, h, 0.014, 0.027, sides=10) for f, h in zip(feet, heads, strict=True)]


def _light_arms(style: SofaStyle) -> list[Solid]:
    """Slim posts that carry a board, a little higher in front."""
    x, y, rail = style.width / 2 - style.arm_width / 2, style.depth / 2, _board_height(style) - 0.04
    front, back = style.arm_height, style.arm_height - 0.04
    right = [
        rod((x, -y + 0.1, rail), (x, -y + 0.06, front - 0.01), 0.02, 0.017),
        rod((x, y - 0.16, rail), (x, y - 0.12, back - 0.005), 0.02, 0.017),
        bar((x, -y - 0.01, front), (x, y - 0.04, back), (0.03, style.arm_width)),
    ]
    return [*right, *(mirrored(s) for s in right), *_legs(style)]


def _square_arms(style: SofaStyle) -> list[Solid]:
    """Square posts from the floor, a broad board on them, and a rung or two below it."""
    x, y, high = style.width / 2 - style.arm_width / 2, style.depth / 2 - 0.035, style.arm_height
    posts = [bar((x, j * y, 0), (x, j * y, high - 0.01), 0.06) for j in (-1, 1)]
    board = bar((x, -y - 0.045, high), (x, y + 0.045, high), (0.032, style.arm_width))
    low, gap = _board_height(style), high - _board_height(style)
    rungs = [
        bar((x, -y, low + s * gap), (x, y, low + s * gap), (0.05, 0.024)) for s in (0.33, 0.66)
    ]
    right = [*posts, board, *rungs]
    return right + [mirrored(s) for s in right]


WOODEN_ARMS: dict[tuple[str, str], Callable[[SofaStyle], list[Solid]]] = {
    ("wooden", "tapered"): _light_arms,
    ("wooden", "block"): _square_arms,
    ("none", "tapered"): _legs,
}


def _loose_cushions(style: SofaStyle) -> list[Solid]:
    """Seat and back cushions, side by side."""
    inner = style.width / 2 - arm_width(style) - 0.01
    places = [(-inner + (i + 0.5) * 2 * inner / style.seats) for i in range(style.seats)]
    wide = 2 * inner / style.seats - GAP
    thick = 0.9 * style.cushion
    high = style.height - style.seat_height - 0.02
    front = -style.depth / 2 + 0.005
    back = back_cushion(wide, high, thick, 0, 0.035)
    backs = [
        _lean(moved(back, (x, -RAIL / 2 + 0.006, style.cushion - 0.01)), style) for x in places
    ]
    deep = backs[0].vertices[:, 1].min() + 0.6 * thick - front
    seat_places = [0.0] if style.bench else places
    seat_wide = 2 * inner - GAP if style.bench else wide
    seats = [
        block(
            (seat_wide, deep, style.cushion - 0.012),
            (x, front + deep / 2, _board_height(style) - 0.006),
            0.035,
            0.012,
        )
        for x in seat_places
    ]
    return seats + backs


def tubular(style: SofaStyle) -> list[Part]:
    """Thick cushions in a cage of steel tube."""
    x, y = style.width / 2 - 0.02, style.depth / 2 - 0.02
    loops = [_loop(style, i * x, y) for i in (-1, 1)]
    z = style.foot_height + 0.02
    rails = [
        rod((-x, v, h), (x, v, h), 0.017)
        for v, h in ((-y, z), (y, z), (y, style.arm_height - 0.02))
    ]
    frame = [Part(s, style.frame) for s in (*loops, *rails)]
    return frame + [Part(s, style.cover) for s in _thick_cushions(style)]


def _loop(style: SofaStyle, x: float, y: float, radius: float = 0.07) -> Solid:
    """A closed tube upright across the sofa, with round corners: its feet and its arm."""
    half = (style.arm_height - 0.034) / 2
    outline = rectangle(2 * y, 2 * half, radius)
    path = np.column_stack([np.full(len(outline), x), outline[:, 0], outline[:, 1] + half + 0.017])
    return tube(_around(path), 0.017, sides=8, closed=True)


def _around(path: Array) -> Array:
    """More points along a closed line."""
    return refined(np.concatenate([path, path[:1]]))[:-1]


def _thick_cushions(style: SofaStyle) -> list[Solid]:
    low, arm, back = style.foot_height + 0.03, style.arm_width, style.back_thickness
    inner = style.width / 2 - 0.04 - arm
    y = style.depth / 2 - 0.04
    soft = max(style.softness, 0.045)
    sides = [
        block((arm, 2 * y, style.arm_height - low - 0.015), (i * (inner + arm / 2), 0, low), soft)
        for i in (-1, 1)
    ]
    wide = 2 * inner / style.seats
    xs = [-inner + (i + 0.5) * wide for i in range(style.seats)]
    backs = [
        block((wide - GAP, back, style.height - low), (x, y - back / 2, low), soft) for x in xs
    ]
    depth = 2 * y - back
    high = style.seat_height - style.cushion - low
    base = block((2 * inner - 0.01, 0.14, high), (0, 0.07 - y, low), soft)
    seat = (wide - GAP, depth - 0.005, style.cushion)
    tops = [
        block(seat, (x, -back / 2, style.seat_height - style.cushion - 0.01), soft, crown=0.02)
        for x in xs
    ]
    return [*sides, *backs, base, *tops]
