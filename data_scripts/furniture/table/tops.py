"""Table tops: their outlines, edges and surfaces, and the plates of the same outline below them."""

import numpy as np

from data_scripts.furniture.render import solids
from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.plates import Profile, bar, plate, rectangle, rounded_edge
from data_scripts.furniture.table.styles import TableStyle

Array = np.ndarray

RIM = 0.025  # metres by which the rim of a tray stands up
KNIFE = 1.6  # how far the lower face of a knife's edge lies in, in thicknesses of the top
SINK = 0.012  # metres by which a base reaches into the top, so that no gap shows
GAP = 0.009  # metres between planks


def outline(style: TableStyle, scale: float = 1.0) -> Array:
    """(N, 2) border of the top, seen from above."""
    width, depth = style.width * scale, style.depth * scale
    outlines = {
        "rectangle": lambda: rectangle(width, depth, 0.004),
        "rounded": lambda: rectangle(width, depth, 0.22 * depth),
        "round": lambda: solids.circle(width / 2, 40),
        "oval": lambda: solids.superellipse(width, depth, 2, 44),
        "superellipse": lambda: solids.superellipse(width, depth, 3.2, 48),
        "octagon": lambda: solids.circle(width / 2 / np.cos(np.pi / 8), 8) @ _turn(22.5),
    }
    return outlines[style.shape]()


def _turn(angle: float) -> Array:
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([(c, s), (-s, c)])


def profile(style: TableStyle) -> Profile:
    """The edge of the top, from below to above."""
    t = style.thickness
    b = min(0.4 * t, 0.014)
    rim = max(t, 0.02) + RIM
    profiles = {
        "square": [(0.002, 0.0), (0.0, 0.002), (0.0, t - 0.002), (0.002, t)],
        "bevel": [(b / 2, 0.0), (0.0, b / 2), (0.0, t - b), (b, t)],
        "knife": [(KNIFE * t, 0.0), (0.0, t - 0.008), (0.0, t - 0.002), (0.002, t)],
        "round": rounded_edge(t, t / 2),
        "tray": [(0.004, 0.0), (0.0, 0.004), (0.0, rim), (0.012, rim), (0.016, t)],
    }
    return profiles[style.edge]


def top(style: TableStyle) -> list[Part]:
    """The whole table top."""
    return SURFACES[style.surface](style)


def underside(style: TableStyle) -> float:
    """Height of the lower face of the top; a tray's rim counts as part of the height."""
    return style.height - style.thickness


def _plain(style: TableStyle) -> list[Part]:
    return [Part(plate(outline(style), profile(style), (0, 0, underside(style))), style.top)]


def _inlay(style: TableStyle) -> list[Part]:
    """A plate of another material, let into the top, so that a border remains around it."""
    border = min(0.11 * style.depth, 0.09)
    share = 1 - 2 * border / style.depth
    let_in = plate(
        outline(style, share), [(0, 0), (0, 0.006), (0.002, 0.008)], (0, 0, style.height - 0.005)
    )
    return [*_plain(style), Part(let_in, style.fronts)]


def _planks(style: TableStyle) -> list[Part]:
    """Boards side by side, and the battens that hold them."""
    count = max(3, round(style.depth / 0.13))
    pitch = (style.depth + GAP) / count
    board = plate(rectangle(style.width, pitch - GAP), [(0, 0), (0, style.thickness)])
    ys = (np.arange(count) - (count - 1) / 2) * pitch
    boards = [Part(solids.moved(board, (0, y, underside(style))), style.top) for y in ys]
    x, y, z = 0.36 * style.width, 0.46 * style.depth, underside(style) - 0.008
    battens = [bar((side * x, -y, z), (side * x, y, z), (0.03, 0.06)) for side in (-1, 1)]
    return boards + [Part(b, style.frame) for b in battens]


SURFACES = {"plain": _plain, "planks": _planks, "inlay": _inlay}


def stand(style: TableStyle) -> tuple[float, float]:
    """How far from the middle, in x and y, legs stand just below the top."""
    share = {"rectangle": 1.0, "rounded": 0.82, "superellipse": 0.7}.get(style.shape, 0.62)
    # The lower face of a knife's edge lies far in.
    overhang = (
        max(style.overhang, KNIFE * style.thickness) if style.edge == "knife" else style.overhang
    )
    inset = overhang + style.girth * (0.9 if style.leg == "curved" else 0.5) + 0.006
    half = np.array([style.width, style.depth]) / 2
    x, y = np.minimum(share * half, half - inset)
    return float(x), float(y)


def half_depth(style: TableStyle, x: float) -> float:
    """How far from the middle, in y, the top reaches at some x."""
    border = outline(style)
    rear = border[border[:, 1] >= 0]
    rear = rear[np.argsort(rear[:, 0])]
    return float(np.interp(x, *rear.T))
