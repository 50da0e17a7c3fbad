"""What some cars carry: a roof rack and its load, a spare wheel, a rear wing, lamps on the roof."""

from typing import Literal

import numpy as np

from data_scripts.furniture.car.bodies import Tub
from data_scripts.furniture.car.cabins import Cabin
from data_scripts.furniture.car.faces import BLACK, CHROME
from data_scripts.furniture.car.skins import bar, both, patch
from data_scripts.furniture.car.wheels import wheel
from data_scripts.furniture.render.materials import LEATHERS, Material, Part
from data_scripts.furniture.render.solids import (
    Solid,
    beam,
    box,
    hull,
    moved,
    sheet,
    turned,
)

Load = Literal[
    "none",
    "rack",
    "cases",
    "board",
    "ladder",
    "taxi sign",
    "blue lamps",
    "rear wing",
    "spare wheel",
]
Array = np.ndarray


def cushion(
    size: tuple[float, float, float], at: tuple[float, float, float], cut: float = 0.012
) -> Solid:
    """A box whose edges are cut off, with few faces."""
    half = np.array(size) / 2
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    points = [corners * (half - cut * (1 - np.eye(3)[axis])) for axis in range(3)]
    return moved(hull(np.concatenate(points)), at)


def rack(cabin: Cabin, metal: Material) -> list[Part]:
    """Two rails along the roof, on feet, with bars across."""
    first, last = _roof_span(cabin)
    x = 0.72 * cabin.half_widths[1]
    y = np.linspace(first, last, 4)
    z = _rack_height(cabin)
    feet = [bar((x, a, z - 0.05), (x, a, z), 0.007) for a in y]
    across = [Part(bar((-x, a, z), (x, a, z), 0.007), metal) for a in y]
    rail = bar((x, first - 0.02, z), (x, last + 0.02, z), 0.008)
    return [*across, *(p for solid in (rail, *feet) for p in both(solid, metal))]


def _roof_span(cabin: Cabin) -> tuple[float, float]:
    length = cabin.roof[1] - cabin.roof[0]
    return cabin.roof[0] + 0.16 * length, cabin.roof[1] - 0.12 * length


def _rack_height(cabin: Cabin) -> float:
    return float(cabin.ridge(sum(cabin.roof) / 2)) + 0.016


def cases(cabin: Cabin) -> list[Part]:
    """Suitcases on a rack."""
    first, last = _roof_span(cabin)
    x, z, length = 0.62 * cabin.half_widths[1], _rack_height(cabin) + 0.004, last - first
    places = [(0.25, 0.42, 1.0, 0.05), (0.72, 0.44, 0.95, 0.04), (0.3, 0.3, 0.6, 0.09)]
    parts = []
    for (share, long, wide, tall), color in zip(places, LEATHERS[2:5], strict=True):
        size = (2 * x * wide, long * length, tall)
        at = (0, first + share * length, z + tall / 2)
        parts.append(Part(cushion(size, at, 0.008), Material(color, 0.3)))
        strap = (0.012, size[1] + 0.004, tall + 0.004)
        parts += both(box(strap, (0.25 * size[0], at[1], at[2])), Material("#3b2418", 0.2))
    return parts


def board(cabin: Cabin, color: Material) -> list[Part]:
    """A surfboard on a rack."""
    z, middle = _rack_height(cabin) + 0.006, sum(cabin.roof) / 2
    half = min(0.31, 0.75 * (cabin.roof[1] - cabin.roof[0]))
    share = np.linspace(-0.99, 0.99, 13)
    wide = 0.078 * (1 - np.abs(share) ** 2.4) ** 0.5
    parts = []
    for width, rise, depth, paint in (
        (1.0, 0.0, 0.012, Material("#efe6d0", 0.5)),
        (0.22, 0.002, 0.003, color),
    ):
        x = np.array([-1, -0.75, 0, 0.75, 1])[:, None] * wide * width
        crown = 0.008 - 0.9 * x**2 + 0.03 * share**2 + rise
        grid = np.stack([x, middle + half * share + 0 * x, z + crown], -1)
        parts.append(Part(patch(grid, 0.002, (0, 0, 1), depth), paint))
    return parts


def ladder(cabin: Cabin) -> list[Part]:
    """A wooden ladder on a rack."""
    z, middle = _rack_height(cabin) + 0.014, sum(cabin.roof) / 2
    reach = 0.5 * (cabin.roof[1] - cabin.roof[0]) + 0.02
    wood = Material("#c89b62", 0.2)
    rail = bar((0.055, middle - reach, z), (0.055, middle + reach, z), 0.01)
    rungs = np.linspace(middle - 0.85 * reach, middle + 0.85 * reach, 7)
    return both(rail, wood) + [Part(bar((-0.055, y, z), (0.055, y, z), 0.007), wood) for y in rungs]


def taxi_sign(cabin: Cabin) -> list[Part]:
    """A lit sign on the roof."""
    y = cabin.roof[0] + 0.3 * (cabin.roof[1] - cabin.roof[0])
    z = float(cabin.ridge(y))
    foot = box((0.13, 0.03, 0.02), (0, y, z + 0.004))
    return [
        Part(foot, BLACK),
        Part(cushion((0.12, 0.035, 0.034), (0, y, z + 0.029), 0.008), Material("#f2d34a", 0.4)),
    ]


def blue_lamps(cabin: Cabin) -> list[Part]:
    """A bar of blue lamps across the roof."""
    y = cabin.roof[0] + 0.35 * (cabin.roof[1] - cabin.roof[0])
    z, x = float(cabin.ridge(y)) + 0.02, 0.62 * cabin.half_widths[1]
    lamp = cushion((0.6 * x, 0.045, 0.034), (0.72 * x, y, z), 0.008)
    return [
        Part(box((2 * x, 0.03, 0.02), (0, y, z - 0.01)), CHROME),
        *both(lamp, Material("#1f55c4", 0.9)),
    ]


def rear_wing(tub: Tub, paint: Material) -> list[Part]:
    """A wing on two posts over the tail."""
    y = tub.length / 2 - 0.05
    top, half = float(tub.top(y)), float(tub.half_width(y))
    x, bow = np.meshgrid(np.linspace(-0.86, 0.86, 7) * half, (-0.022, 0.0, 0.022))
    blade = sheet(np.stack([x, y + bow, top + 0.03 + 0.3 * bow + 0.2 * x**2], -1), 0.009)
    post = beam((0.6 * half, y - 0.006, top - 0.03), (0.6 * half, y, top + 0.034), (0.009, 0.026))
    return [Part(blade, paint), *both(post, paint)]


def spare_wheel(tub: Tub, radius: float, rim: Material, high: float) -> list[Part]:
    """A spare wheel on the tail."""
    at = (0, tub.length / 2 + 0.012, high)
    parts = wheel(0.92 * radius, 0.05, "dish", rim)
    return [Part(moved(turned(p.solid, 90, "z"), at), p.material) for p in parts]
