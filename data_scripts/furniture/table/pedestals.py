"""Table pedestals: a column and its foot."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.plates import bar, bent, refined, rod
from data_scripts.furniture.render.solids import Solid, lathe, moved, turned
from data_scripts.furniture.table.styles import TableStyle
from data_scripts.furniture.table.tops import SINK, underside


def pedestal(style: TableStyle) -> list[Solid]:
    """One column, or two below a long top."""
    long = style.width > 1.6 * style.depth
    xs = (-0.27 * style.width, 0.27 * style.width) if long else (0.0,)
    reach = min(0.36 * style.depth, 0.34) if long else min(0.34 * style.depth, 0.42)
    return [moved(part, (x, 0, 0)) for x in xs for part in FEET[style.foot](style, reach)]


def _disc_foot(style: TableStyle, reach: float) -> list[Solid]:
    h, r = underside(style) + SINK, 0.55 * style.girth
    flange = [(0.05, h - SINK - 0.02), (0.12, h - SINK - 0.006), (0.12, h - SINK + 0.002)]
    shape = [
        (reach, 0),
        (reach, 0.012),
        (0.9 * reach, 0.02),
        (r * 1.3, 0.032),
        (r, 0.06),
        (r, h - 0.06),
        *flange,
    ]
    return [lathe(refined(shape))]


def _trumpet_foot(style: TableStyle, reach: float) -> list[Solid]:
    """A stem that widens smoothly to foot and top."""
    h, r = underside(style) + SINK / 2, 0.45 * style.girth
    t = np.linspace(0, 1, 16)
    radius = r + (reach - r) * (1 - t) ** 5 + 0.35 * reach * t**9
    shape = np.column_stack([radius, 0.018 + (h - 0.018) * t**1.35])
    return [lathe(refined([(0.97 * reach, 0), (reach, 0.006), *shape]))]


def _spread_feet(count: int) -> Callable[[TableStyle, float], list[Solid]]:
    """A turned column on three or four curved feet."""

    def feet(style: TableStyle, reach: float) -> list[Solid]:
        low = 0.16 + 0.1 * style.height
        heights = np.array([1.0, 0.88, 0.55, 0.3, 0.12, 0.06])
        reaches = np.array([0.0, 0.25, 0.6, 0.85, 1.05, 1.2])
        radii = np.array([0.5, 0.5, 0.42, 0.36, 0.3, 0.34])
        path = np.column_stack([reaches * reach, 0 * reaches, heights * low])
        foot = bent(path, np.maximum(radii * style.girth, 0.013))
        all_feet = [turned(foot, 45 + k * 360 / count, "z") for k in range(count)]
        return [_column(style, low), *all_feet]

    return feet


def _column(style: TableStyle, low: float) -> Solid:
    """A turned column that hangs a little below the feet's joint, with a vase in its lower half."""
    h, r = underside(style) + SINK / 2, 0.62 * style.girth
    shape = [
        (0.5, low - 0.05),
        (0.9, low - 0.035),
        (1.15, low),
        (1.15, low + 0.01),
        (0.8, low + 0.03),
        (1.35, low + 0.2 * (h - low)),
        (1.2, low + 0.35 * (h - low)),
        (0.75, low + 0.55 * (h - low)),
        (0.7, low + 0.75 * (h - low)),
        (1.1, h - 0.06),
        (1.6, h - 0.03),
        (2.4, h - 0.02),
        (2.4, h),
    ]
    return lathe(refined(np.array(shape) * (r, 1)), sides=20)


def _star_foot(style: TableStyle, reach: float) -> list[Solid]:
    """A plain post on flat bars that cross, and the same below the top."""
    h, r, w = underside(style), 0.5 * style.girth, max(0.8 * style.girth, 0.03)
    solids = [rod((0, 0, 0.02), (0, 0, h + SINK / 2), r, sides=14)]
    for angle in (45, 135):
        lift = 0.002 * (angle > 90)
        for z, length, thick in ((0.017, 1.15 * reach, 0.03), (h - 0.012, 0.8 * reach, 0.024)):
            flat = bar((-length, 0, z + lift), (length, 0, z + lift), (thick, w))
            solids.append(turned(flat, angle, "z"))
    return solids


FEET = {
    "disc": _disc_foot,
    "trumpet": _trumpet_foot,
    "three": _spread_feet(3),
    "four": _spread_feet(4),
    "star": _star_foot,
}
