"""Feet of sofas."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.materials import RUBBER, Part
from data_scripts.furniture.render.plates import bar, refined, rod
from data_scripts.furniture.render.solids import Solid, lathe, moved
from data_scripts.furniture.sofa.layout import Place
from data_scripts.furniture.sofa.styles import SofaStyle

Point = tuple[float, float]

# Radius and height of a bun.
BUN = np.array(
    [
        (0.55, 0),
        (0.8, 0.06),
        (1.0, 0.3),
        (1.0, 0.5),
        (0.7, 0.75),
        (0.6, 0.8),
        (0.8, 0.9),
        (0.8, 1.15),
    ]
)


def feet(style: SofaStyle, places: list[Place]) -> list[Part]:
    """Feet below each of some rectangles."""
    if style.feet == "plinth":
        return [Part(s, RUBBER) for place in places for s in _plinth(style, place)]
    make = _skids if style.feet == "skids" else _corner_feet
    return [Part(s, style.frame) for place in places for s in make(style, place)]


def foot(style: SofaStyle, at: Point, outwards: Point) -> Solid:
    """One foot, where `outwards` points away from the sofa's middle."""
    return FEET[style.feet](style, at, outwards)


def _corner_feet(style: SofaStyle, place: Place) -> list[Solid]:
    inset = 0.07 if style.feet == "block" else 0.09
    inner = place._replace(width=place.width - 2 * inset, depth=place.depth - 2 * inset)
    away = [(float(np.sign(x - place.x)), float(np.sign(y - place.y))) for x, y in inner.corners]
    return [foot(style, at, outwards) for at, outwards in zip(inner.corners, away, strict=True)]


def _block(style: SofaStyle, at: Point, outwards: Point) -> Solid:
    return bar((*at, 0), (*at, style.foot_height + 0.02), 0.055, 0.065)


def _tapered(style: SofaStyle, at: Point, outwards: Point) -> Solid:
    """A slim cone that spreads."""
    lean = 0.25 * style.foot_height * np.array([*outwards, 0])
    head = np.array([*at, style.foot_height + 0.02])
    return rod(head * (1, 1, 0) + lean, head, 0.014, 0.028)


def _turned(style: SofaStyle, at: Point, outwards: Point) -> Solid:
    """A bun."""
    return lathe(refined(BUN * (0.045, style.foot_height)), (*at, 0), sides=14)


FEET: dict[str, Callable[[SofaStyle, Point, Point], Solid]] = {
    "block": _block,
    "tapered": _tapered,
    "turned": _turned,
}


def _skids(style: SofaStyle, place: Place) -> list[Solid]:
    """Flat metal runners on the floor, on short posts."""
    x, y, h = place.width / 2 - 0.12, place.depth / 2 - 0.06, style.foot_height + 0.015
    runners = [
        bar((u, place.y - y, 0.012), (u, place.y + y, 0.012), (0.024, 0.045))
        for u in (place.x - x, place.x + x)
    ]
    heads = place._replace(width=2 * x, depth=2 * y - 0.03).corners
    return runners + [bar((*at, 0.01), (*at, h), (0.043, 0.026)) for at in heads]


def _plinth(style: SofaStyle, place: Place) -> list[Solid]:
    """Dark boards set back from the edge."""
    x, y, h = place.width / 2 - 0.06, place.depth / 2 - 0.06, style.foot_height + 0.02
    along = [bar((-x, v, h / 2), (x, v, h / 2), (h, 0.03)) for v in (-y, y)]
    across = [bar((u, -y, h / 2), (u, y, h / 2), (h - 0.004, 0.03)) for u in (-x, x)]
    return [moved(s, (place.x, place.y, 0)) for s in along + across]
