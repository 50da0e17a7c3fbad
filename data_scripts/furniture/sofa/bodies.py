"""Sofas that are padded all over: straight, camel-backed, tufted, or bent to an arc."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data_scripts.furniture.render.materials import RUBBER, Part
from data_scripts.furniture.render.solids import Solid, moved, turned
from data_scripts.furniture.sofa.arms import arms
from data_scripts.furniture.sofa.feet import feet, foot
from data_scripts.furniture.sofa.layout import BackPlace, Layout, Place, layout
from data_scripts.furniture.sofa.styles import SofaStyle
from data_scripts.furniture.sofa.upholstery import GAP, back_cushion, block, wall

Array = np.ndarray


def upholstered(style: SofaStyle) -> list[Part]:
    """A deck between arms and a padded back, with cushions on it."""
    plan = layout(style)
    solids = [
        *rails(style, plan),
        *BACKS[style.back](style, plan),
        *arms(style, plan.arms),
        *seats(style, plan),
    ]
    return [Part(s, style.cover) for s in solids] + feet(style, plan.grounds)


def deck_top(style: SofaStyle) -> float:
    """Height of the deck on which the seat cushions lie."""
    return style.seat_height - style.cushion + 0.01


def rails(style: SofaStyle, plan: Layout) -> list[Solid]:
    """The boards below the seats."""
    low, high = style.foot_height, deck_top(style)
    return [block((p.width, p.depth, high - low), (p.x, p.y, low), 0.005) for p in plan.rails]


def seats(style: SofaStyle, plan: Layout) -> list[Solid]:
    """The seat cushions."""
    z, high = deck_top(style) - 0.008, style.cushion - 0.012
    return [
        block((p.width - GAP, p.depth, high), (p.x, p.y, z), max(style.softness, 0.04), crown=0.022)
        for p in plan.seats
    ]


def _cushioned(style: SofaStyle, plan: Layout) -> list[Solid]:
    """A low padded wall, and cushions that lean on it and look over it."""
    low, high = style.foot_height, style.height - 0.05
    soft = min(style.softness, 0.05)
    walls = [block((p.width, p.depth, high - low), (p.x, p.y, low), soft) for p in plan.walls]
    return walls + [_leaning(style, place) for place in plan.backs]


def _leaning(style: SofaStyle, place: BackPlace) -> Solid:
    height, thick = style.height - style.seat_height + 0.04, 0.85 * style.back_thickness
    soft = max(style.softness, 0.035)
    cushion = back_cushion(place.width - GAP, height, thick, style.recline, soft)
    # Its foot stands forward by as much as its head leans back.
    foot = (0, -height * np.sin(np.radians(style.recline)) + 0.03, style.seat_height - 0.03)
    return moved(turned(moved(cushion, foot), place.facing, "z"), (place.x, place.y, 0))


def _tight(style: SofaStyle, plan: Layout) -> list[Solid]:
    """One padded back without cushions, that leans a little."""
    place, low = plan.walls[0], style.foot_height
    size = (place.width, style.back_thickness + 0.04, style.height - low)
    upright = block(size, (0, place.y - 0.02, low), 1.3 * style.softness)
    return [turned(upright, -0.6 * style.recline, "x", around=(0, place.y, style.seat_height))]


def _camel(style: SofaStyle, plan: Layout) -> list[Solid]:
    """A back whose upper edge swings down from a hump to the arms."""
    place, thick = plan.walls[0], 0.8 * style.back_thickness
    x = np.linspace(-0.5, 0.5, 41) * place.width
    share = np.clip((np.abs(x) / x[-1] - 0.08) / 0.8, 0, 1)
    high = style.height - 0.8 * (style.height - style.arm_height) * (
        0.5 - 0.5 * np.cos(np.pi * share)
    )
    upright = wall(np.column_stack([x, 0 * x]), thick, style.foot_height, high, 0.42 * thick)
    return [moved(turned(upright, -8, "x", around=(0, 0, style.seat_height)), (0, place.y, 0))]


BACKS = {"cushions": _cushioned, "tight": _tight, "camel": _camel}


def scrolled(style: SofaStyle) -> list[Part]:
    """Arms and back in one, as high as each other, tufted inside, and rolled over at the top."""
    plan = layout(replace(style, back_thickness=style.arm_width))
    radius, thick = 0.56 * style.arm_width, 0.62 * style.arm_width
    inset = style.arm_width - thick / 2 + 0.012
    line = _horseshoe(style.width / 2 - inset, style.depth / 2 - inset, -style.depth / 2)
    high = style.height - radius
    inside = wall(line, thick, style.foot_height, high, 0.02, dent=_tufts(style.seat_height, high))
    roll = wall(_horseshoe_out(line, 0.03), 2 * radius, high - radius, high + radius, 0.97 * radius)
    solids = [inside, roll, *rails(style, plan), *seats(style, plan)]
    rim = 0.38 * style.arm_width + 0.015  # by which the roll overhangs
    ground = Place(0, -rim / 2, style.width - 2 * rim, style.depth - rim)
    return [Part(s, style.cover) for s in solids] + feet(style, [ground])


def _horseshoe(x: float, y: float, front: float, radius: float = 0.13) -> Array:
    """(K, 2) a line from the front of the left arm, around the back, to that of the right arm."""
    turn = np.radians(np.linspace(0, 90, 6))
    arc = radius * np.column_stack([np.sin(turn), np.cos(turn)])
    right = arc + (x - radius, y - radius)
    left = right[::-1] * (-1, 1)
    return np.concatenate([[(-x, front)], left, right, [(x, front)]])


def _horseshoe_out(line: Array, by: float) -> Array:
    """The same line, a little farther out, and beginning a little farther forward."""
    ends = np.zeros_like(line)
    ends[[0, -1], 1] = -by
    return line * (1 + by / np.abs(line[:, 0]).max(), 1) + ends


def _tufts(low: float, high: float, pitch: float = 0.105) -> Callable[[Array, Array], Array]:
    """Padding that swells between rows of buttons above the seat; alternate rows are offset."""

    def dent(along: Array, height: Array) -> Array:
        wave = np.cos(np.pi * along / pitch) * np.cos(np.pi * (height - low) / (0.8 * pitch))
        tufted = (height > low - 0.05) & (height < high)
        return np.where(tufted, 0.035 * np.maximum(wave, 0) ** 1.5, 0.0)

    return dent


def bent(style: SofaStyle) -> list[Part]:
    """A back that follows an arc and sinks towards its ends, with seats along it."""
    radius = style.width / 2 / np.sin(np.radians(style.bend))
    deep = style.depth - style.back_thickness
    inner, y = radius - style.back_thickness / 2 - deep / 2 + 0.02, 0.4 * style.depth - radius
    end, low, top = style.bend, style.foot_height, deck_top(style)
    deck = wall(_arc(inner, 1 - end, end - 1), deep - 0.03, low, top + 0.03, 0.03)
    solids = [_bent_back(style, radius), deck, *_bent_seats(style, inner, deep)]
    return [Part(moved(s, (0, y, 0)), style.cover) for s in solids] + _bent_feet(style, inner, y)


def _bent_back(style: SofaStyle, radius: float) -> Solid:
    line = _arc(radius, -style.bend, style.bend)
    high = style.height - (style.height - style.arm_height) * np.linspace(-1, 1, len(line)) ** 2
    return wall(line, style.back_thickness, style.foot_height, high, 0.45 * style.back_thickness)


def _bent_seats(style: SofaStyle, radius: float, deep: float) -> list[Solid]:
    ends = np.linspace(-style.bend, style.bend, 2 if style.bench else style.seats + 1)
    gap = np.degrees(GAP / 2 / radius)
    lines = [_arc(radius, a + gap, b - gap) for a, b in zip(ends, ends[1:], strict=False)]
    return [
        wall(line, deep, deck_top(style), style.seat_height, 0.45 * style.cushion) for line in lines
    ]


def _arc(radius: float, first: float, last: float) -> Array:
    """(49, 2) from the left to the right, bulging to the back."""
    angle = np.radians(np.linspace(first, last, 49))
    return radius * np.column_stack([np.sin(angle), np.cos(angle)])


def _bent_feet(style: SofaStyle, radius: float, y: float) -> list[Part]:
    """Feet below the ends and the middle of an arc, or a plinth all along it."""
    depth = style.depth - style.back_thickness
    if style.feet == "plinth":
        line = _arc(radius, 3 - style.bend, style.bend - 3)
        plinth = wall(line, depth - 0.14, 0, style.foot_height + 0.02, 0.01)
        return [Part(moved(plinth, (0, y, 0)), RUBBER)]
    angles = np.radians([-0.8, 0.0, 0.8]) * style.bend
    away = np.column_stack([np.sin(angles), np.cos(angles)])
    places = [(v, side) for v in away for side in (-1, 1)]
    made = [
        foot(style, tuple(v * (radius + side * (depth / 2 - 0.09))), tuple(side * v))
        for v, side in places
    ]
    return [Part(moved(s, (0, y, 0)), style.frame) for s in made]
