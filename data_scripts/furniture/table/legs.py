"""Single table legs: functions of where a leg is, what it carries and how far it leans out."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.plates import bar, bent, refined, rod
from data_scripts.furniture.render.solids import Solid, lathe
from data_scripts.furniture.table.styles import TableStyle

Array = np.ndarray

# Radius and height, as shares of half the leg's girth and of its height, from the floor up.
TURNINGS: dict[str, list[tuple[float, float]]] = {
    "baluster": [
        (0.45, 0),
        (0.62, 0.015),
        (0.62, 0.05),
        (0.4, 0.08),
        (0.5, 0.2),
        (0.85, 0.42),
        (1.0, 0.54),
        (0.8, 0.63),
        (0.5, 0.68),
        (0.78, 0.7),
        (0.78, 0.73),
        (0.5, 0.75),
        (0.95, 0.79),
        (0.95, 0.81),
    ],
    "rings": [
        (0.7, 0),
        (0.8, 0.02),
        (0.55, 0.09),
        (0.85, 0.13),
        (0.85, 0.15),
        (0.6, 0.17),
        (0.7, 0.55),
        (0.6, 0.58),
        (0.95, 0.61),
        (0.6, 0.64),
        (0.95, 0.67),
        (0.6, 0.7),
        (0.95, 0.73),
        (0.6, 0.76),
        (0.9, 0.81),
    ],
    "bobbins": [
        (0.62 + 0.38 * bulge, (k + share) * 0.135)
        for k in range(6)
        for share, bulge in ((0.0, -0.3), (0.22, 0.75), (0.5, 1.0), (0.78, 0.75))
    ],
}


def leg(style: TableStyle, x: float, y: float, height: float) -> list[Solid]:
    """One leg whose upper end is at x, y and the given height."""
    return LEGS[style.leg](style, np.array([x, y, height]), _outwards(style, x, y))


def _outwards(style: TableStyle, x: float, y: float) -> Array:
    """(3,) direction to the nearest corner; only as far sideways as the depth allows."""
    return np.array([np.sign(x) * min(1.0, abs(x) / max(abs(y), 1e-6)), np.sign(y), 0])


def _square(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    return [bar(head * (1, 1, 0), head, style.girth)]


def _tapered(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    """Square, and cut back on the inner sides only, as joiners do."""
    thin = max(0.45 * style.girth, 0.022)
    foot = head * (1, 1, 0) + outwards * (style.girth - thin) / 2
    knee = head - (0, 0, 0.2 * head[2])
    return [bar(foot, knee, thin, style.girth), bar(knee - (0, 0, 0.002), head, style.girth)]


def _splayed(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    foot = head * (1, 1, 0) + outwards * style.splay * head[2] * 0.7
    return [rod(foot, head, max(0.3 * style.girth, 0.012), 0.55 * style.girth, sides=10)]


def _round(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    return [rod(head * (1, 1, 0), head, 0.5 * style.girth, sides=12)]


def _turned(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    """Turned below, square where the rails come in."""
    shape = np.array(TURNINGS[style.turning]) * (style.girth / 2, head[2])
    turned = lathe(refined(shape), head * (1, 1, 0), sides=12)
    return [turned, bar(head * (1, 1, 0.8), head, style.girth)]


def _curved(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    """An S: a knee that swells out, a slim ankle, a foot that turns out."""
    heights = np.array([0.0, 0.02, 0.06, 0.14, 0.28, 0.45, 0.62, 0.76, 0.88, 0.993])
    swings = np.array([0.75, 0.6, 0.25, 0.0, 0.05, 0.35, 0.75, 0.95, 0.8, 0.5]) - 0.5
    shares = np.array([0.42, 0.5, 0.44, 0.36, 0.38, 0.46, 0.58, 0.7, 0.76, 0.76])
    radii = shares * max(style.girth, 0.04)
    swing = 0.035 * head[2] + 0.5 * style.girth
    straight = head * (1, 1, 0) + heights[:, None] * (0, 0, head[2])
    path = straight + swings[:, None] * swing * outwards
    return [bent(path, np.maximum(radii, 0.011), sides=10)]


def _hairpin(style: TableStyle, head: Array, outwards: Array) -> list[Solid]:
    """A rod bent at the floor: two thin uprights that meet."""
    spread = 0.16 * min(head[2], 0.6)
    foot = head * (1, 1, 0) + outwards * 0.03 + (0, 0, 0.011)
    heads = (head - outwards * (spread, 0, 0), head - outwards * (0, spread, 0))
    return [rod(foot, h, 0.011, sides=6) for h in heads]


LEGS: dict[str, Callable[[TableStyle, Array, Array], list[Solid]]] = {
    "square": _square,
    "tapered": _tapered,
    "splayed": _splayed,
    "round": _round,
    "turned": _turned,
    "curved": _curved,
    "hairpin": _hairpin,
}
