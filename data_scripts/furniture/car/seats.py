"""The inside of open cars: seats, dashboard, steering wheel, windscreen and the folded top."""

import numpy as np

from data_scripts.furniture.car.bodies import Opening
from data_scripts.furniture.car.cabins import Cabin
from data_scripts.furniture.car.faces import BLACK
from data_scripts.furniture.car.skins import both, patch
from data_scripts.furniture.render.materials import GLASS, Material, Part
from data_scripts.furniture.render.solids import Solid, moved, rod, slab, superellipse, tube, turned

Array = np.ndarray

LEDGE = ((-0.01, -0.012), (0.03, -0.008), (0.045, -0.02), (0.045, -0.06))  # y and z of a dashboard


def seats(opening: Opening, high: float, leather: Material, rows: int) -> list[Part]:
    """Lined walls, seats, dashboard and steering wheel.

    high  z of the car's upper edge
    """
    pitch = min(0.24, 0.62 * (opening.back - opening.front) / rows)
    parts = _lining(opening, high, leather)
    for row in range(rows):
        parts += _pair(opening, opening.back - 0.02 - pitch * (rows - 1 - row), high, leather)
    return parts + _dashboard(opening, high) + _steering_wheel(opening, high)


def _lining(opening: Opening, high: float, leather: Material) -> list[Part]:
    """A dark floor, and leather on the walls."""
    ends = (opening.front + 0.003, opening.back - 0.003)
    x, y = np.meshgrid(np.linspace(-0.95, 0.95, 5) * opening.half_width, np.linspace(*ends, 8))
    floor = patch(np.stack([x, y, 0 * x + opening.floor], -1).swapaxes(0, 1), 0.003, (0, 0, 1))
    y, z = np.meshgrid(np.linspace(*ends, 8), (opening.floor + 0.01, high - 0.02))
    wall = patch(np.stack([0 * y + opening.half_width * 0.985, y, z], -1), 0.003, (-1, 0, 0))
    return [Part(floor, BLACK), *both(wall, leather)]


def _pair(opening: Opening, back: float, high: float, leather: Material) -> list[Part]:
    """Two seats whose backs end at a y."""
    wide, x, floor = 0.86 * opening.half_width, 0.47 * opening.half_width, opening.floor
    squab = slab(superellipse(wide, 0.125, 4, 14), 0.055, (x, back - 0.09, floor + 0.015))
    tall = high - floor + 0.03
    # Leaning back by 8 degrees.
    rest = turned(slab(superellipse(wide, tall, 4, 14), 0.045), 82, "x")
    rest = moved(rest, (x, back - 0.02, floor + 0.5 * tall + 0.01))
    return both(squab, leather) + both(rest, leather)


def _dashboard(opening: Opening, high: float) -> list[Part]:
    x = np.linspace(-1, 1, 6) * opening.half_width
    ledge = [np.stack([x, 0 * x + opening.front + y, 0 * x + high + z], -1) for y, z in LEDGE]
    return [Part(patch(np.stack(ledge), 0.002, (0, 0.7, 0.7)), BLACK)]


def _steering_wheel(opening: Opening, high: float) -> list[Part]:
    angles = np.arange(12) * 2 * np.pi / 12
    ring = 0.04 * np.stack([np.cos(angles), 0 * angles, np.sin(angles)], -1)
    at = np.array([-0.47 * opening.half_width, opening.front + 0.085, high])
    turn = moved(turned(tube(ring, 0.006, 4, closed=True), 28, "x"), at)
    return [Part(turn, BLACK), Part(rod(at, at + (0, -0.06, -0.028), 0.007, sides=5), BLACK)]


def open_screen(cabin: Cabin, top: float, metal: Material) -> list[Part]:
    """A windscreen in its frame; `top` is a share of the cabin's height."""
    s = np.linspace(-0.88, 0.88, 7)
    grid = cabin.screen(*np.meshgrid(s, (-0.1, top / 2, top)), -1)
    edge = np.concatenate([grid[:, 0], grid[-1, 1:-1], grid[::-1, -1]])
    return [Part(_thin(grid), GLASS), Part(tube(edge, 0.0065, 5), metal)]


def _thin(grid: Array) -> Solid:
    return patch(grid, 0.003, (0, -1, 0.5), depth=0.003)


def folded_top(opening: Opening, high: float, cloth: Material) -> list[Part]:
    """The cloth top, folded behind the seats."""
    x = np.linspace(-1, 1, 7) * (opening.half_width + 0.012)
    y, z = opening.back + 0.012 - 0.6 * x**2, high + 0.006 - 0.1 * np.abs(x) ** 1.5
    path = np.stack([x, y, z], -1)
    return [Part(tube(path, 0.026, 8), cloth)]
