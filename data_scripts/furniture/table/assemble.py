"""Put a table together: its top, its base, its shelf and its drawers."""

from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.solids import moved
from data_scripts.furniture.table.bases import base, lower_shelf
from data_scripts.furniture.table.drawers import drawers
from data_scripts.furniture.table.styles import TableStyle
from data_scripts.furniture.table.tops import top


def build_table(style: TableStyle) -> list[Part]:
    """Put a table together."""
    below = [Part(s, style.frame) for s in base(style)]
    shelf = [
        Part(s, style.top if style.surface == "planks" else style.frame) for s in lower_shelf(style)
    ]
    return _grounded([*top(style), *below, *shelf, *drawers(style)])


def _grounded(parts: list[Part]) -> list[Part]:
    """Let the lowest part touch the floor: bent feet may end a few millimetres off it."""
    lowest = min(p.solid.vertices[:, 2].min() for p in parts)
    return [Part(moved(p.solid, (0, 0, -lowest)), p.material) for p in parts]
