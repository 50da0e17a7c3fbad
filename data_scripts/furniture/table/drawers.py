"""Drawers below a table top: a row of them, or a chest on one side or on both."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.plates import bar, plate, rectangle, rod
from data_scripts.furniture.render.solids import Solid, lathe, moved, turned
from data_scripts.furniture.table.styles import TableStyle
from data_scripts.furniture.table.tops import stand, underside

KNOB = [(0.006, 0), (0.008, 0.01), (0.016, 0.016), (0.018, 0.022), (0.012, 0.03)]
GAP = 0.012  # metres between fronts, just wide enough to be visible


def drawers(style: TableStyle) -> list[Part]:
    """Boxes with their fronts and handles."""
    return DRAWERS[style.drawers](style)


def _none(style: TableStyle) -> list[Part]:
    return []


def _row(style: TableStyle) -> list[Part]:
    """Side by side below the top, one for each half metre."""
    x, _ = stand(style)
    half = x - 0.4 * style.girth
    columns = max(1, round(2 * half / 0.45))
    return _chest(style, -half, half, style.apron or 0.12, columns=columns, rows=1)


def _one_chest(style: TableStyle) -> list[Part]:
    """On the right, three drawers deep."""
    x, _ = stand(style)
    outer, high = x - 0.4 * style.girth, 0.72 * underside(style)
    return _chest(style, outer - 0.3 * style.width, outer, high, columns=1, rows=3)


def _two_chests(style: TableStyle) -> list[Part]:
    x, _ = stand(style)
    outer, high = x - 0.4 * style.girth, 0.6 * underside(style)
    right = _chest(style, outer - 0.26 * style.width, outer, high, columns=1, rows=3)
    left = _chest(style, -outer, -outer + 0.26 * style.width, high, columns=1, rows=3)
    return right + left


DRAWERS: dict[str, Callable[[TableStyle], list[Part]]] = {
    "none": _none,
    "row": _row,
    "chest": _one_chest,
    "two chests": _two_chests,
}


def _chest(
    style: TableStyle, left: float, right: float, high: float, columns: int, rows: int
) -> list[Part]:
    """A box below the top, from left to right, whose front is divided into drawers."""
    _, y = stand(style)
    top, front = underside(style) + 0.004, -y - 0.2 * style.girth
    back = y + 0.2 * style.girth
    middle = ((left + right) / 2, (front + back) / 2 + 0.008)
    body = plate(
        rectangle(right - left, back - front - 0.016), [(0, 0), (0, high)], (*middle, top - high)
    )
    wide, tall = (right - left) / columns, (high - 0.01) / rows
    places = [
        (left + wide * (i + 0.5), top - 0.01 - tall * (j + 0.5))
        for i in range(columns)
        for j in range(rows)
    ]
    fronts = [_front(x, z, front, wide - GAP, tall - GAP) for x, z in places]
    handles = [_handle(style, x, z, front - 0.01, wide) for x, z in places]
    return [
        Part(body, style.frame),
        *(Part(f, style.fronts) for f in fronts),
        *(Part(h, style.handles) for h in handles),
    ]


def _front(x: float, z: float, y: float, wide: float, tall: float) -> Solid:
    return bar((x - wide / 2, y, z), (x + wide / 2, y, z), (tall, 0.022))


def _handle(style: TableStyle, x: float, z: float, y: float, wide: float) -> Solid:
    """A knob on turned or tapered legs, a bar on the others."""
    if style.leg in ("turned", "tapered"):
        return moved(turned(lathe(np.array(KNOB) * 1.1, sides=10), 90, "x"), (x, y, z))
    half = min(0.25 * wide, 0.09)
    return rod((x - half, y - 0.014, z), (x + half, y - 0.014, z), 0.011, sides=6)
