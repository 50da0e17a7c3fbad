"""The wheels of cars: a tyre, and in it one of several rims."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from data_scripts.furniture.car.skins import lens
from data_scripts.furniture.render.materials import RUBBER, Material, Part
from data_scripts.furniture.render.solids import Solid, lathe, mirrored, moved, turned

Rim = Literal[
    "disc", "whitewall", "five spokes", "paired spokes", "eight spokes", "turbine", "wire", "dish"
]

SHADE = Material("#232529", 0.3)  # what is seen between spokes
WHITE = Material("#e9e6dc", 0.2)
CHROME = Material("#c9ccd0", 0.9)


def wheel(radius: float, width: float, kind: Rim, rim: Material) -> list[Part]:
    """A wheel around the origin, its outer face towards +x."""
    tyre = lathe([(0.5, -0.5), (1, -0.5), (1, 0.28), (0.94, 0.48), (0.5, 0.48)], sides=20)
    parts = [Part(tyre, RUBBER), *RIMS[kind](rim)]
    return [Part(_placed(p.solid, radius, width), p.material) for p in parts]


def on_axle(parts: list[Part], x: float, y: float, z: float) -> list[Part]:
    """The wheel on both ends of an axle, `x` from the middle of the car."""
    right = [Part(moved(p.solid, (x, y, z)), p.material) for p in parts]
    return right + [Part(mirrored(p.solid), p.material) for p in right]


def _placed(solid: Solid, radius: float, width: float) -> Solid:
    """A solid in metres with its axle along x.

    It is given in units of the wheel's radius and width, with its axle upright.
    """
    return turned(Solid(solid.vertices * (radius, radius, width), solid.faces), 90, "y")


def _disc(radius: float, edge: float, middle: float, sides: int = 18) -> Solid:
    """A shallow cone that faces outwards.

    radius        in wheel radii
    edge, middle  how far outwards its rim and its middle are, in wheel widths
    """
    angles = np.arange(sides) * 2 * np.pi / sides
    rim = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(sides, edge)], -1)
    return lens(rim, (0, 0, middle), (0, 0, edge - 0.08))


def _spoked(rim: Material, spokes: Solid) -> list[Part]:
    """Spokes before a dark ground, in a round edge."""
    return [
        Part(_disc(0.68, 0.51, 0.52), rim),
        Part(_disc(0.57, 0.525, 0.53), SHADE),
        Part(spokes, rim),
    ]


def _star(
    angles: list[float], inner: float, outer: float, hub: float = 0.16, lean: float = 0.0
) -> Solid:
    """Spokes in one piece, highest at the hub.

    angles        degrees, of the spokes
    inner, outer  half the width of a spoke at the hub and at the edge, in wheel radii
    lean          degrees by which each spoke's outer end is ahead of its inner one
    """
    spoke = (hub, -inner, 0), (0.62, -outer, lean), (0.62, outer, lean), (hub, inner, 0)
    rim = []
    for angle in angles:
        for radius, across, ahead in spoke:
            c, s = np.cos(np.radians(angle + ahead)), np.sin(np.radians(angle + ahead))
            rim.append((radius * c - across * s, radius * s + across * c))
    height = 0.64 - 0.15 * np.hypot(*np.array(rim).T)  # all on one cone
    return lens(np.column_stack([rim, height]), (0, 0, 0.64), (0, 0, 0.5))


def _even(count: int) -> list[float]:
    return [360 * i / count for i in range(count)]


def _steel(rim: Material) -> list[Part]:
    groove = Part(_disc(0.45, 0.53, 0.535), SHADE)
    return [Part(_disc(0.68, 0.51, 0.54), rim), groove, Part(_disc(0.4, 0.53, 0.63, 14), CHROME)]


def _whitewall(rim: Material) -> list[Part]:
    return [Part(_disc(0.88, 0.49, 0.505), WHITE), *_steel(rim)]


def _five_spokes(rim: Material) -> list[Part]:
    return _spoked(rim, _star(_even(5), 0.11, 0.07))


def _paired_spokes(rim: Material) -> list[Part]:
    angles = [angle + side for angle in _even(5) for side in (-12, 12)]
    return _spoked(rim, _star(angles, 0.03, 0.04))


def _eight_spokes(rim: Material) -> list[Part]:
    return _spoked(rim, _star(_even(8), 0.055, 0.075))


def _turbine(rim: Material) -> list[Part]:
    return _spoked(rim, _star(_even(7), 0.055, 0.055, lean=20))


def _wire(rim: Material) -> list[Part]:
    return [*_spoked(rim, _star(_even(12), 0.022, 0.022)), Part(_disc(0.15, 0.64, 0.7, 10), CHROME)]


def _dish(rim: Material) -> list[Part]:
    """A smooth cover over all of the wheel."""
    return [Part(_disc(0.68, 0.51, 0.6), rim), Part(_disc(0.1, 0.6, 0.64, 10), SHADE)]


RIMS: dict[Rim, Callable[[Material], list[Part]]] = {
    "disc": _steel,
    "whitewall": _whitewall,
    "five spokes": _five_spokes,
    "paired spokes": _paired_spokes,
    "eight spokes": _eight_spokes,
    "turbine": _turbine,
    "wire": _wire,
    "dish": _dish,
}
