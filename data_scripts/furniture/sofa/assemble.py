"""Put a sofa together: the body that its kind has, and throw pillows on it."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.solids import Solid, mirrored, moved, turned
from data_scripts.furniture.sofa.bodies import bent, scrolled, upholstered
from data_scripts.furniture.sofa.frames import tubular, wooden
from data_scripts.furniture.sofa.layout import arm_width
from data_scripts.furniture.sofa.styles import SofaStyle
from data_scripts.furniture.sofa.upholstery import throw_pillow

Array = np.ndarray

BODIES: dict[str, Callable[[SofaStyle], list[Part]]] = {
    "chesterfield": scrolled,
    "curved": bent,
    "midcentury": wooden,
    "slatted": wooden,
    "tubular": tubular,
}


def build_sofa(style: SofaStyle) -> list[Part]:
    """Put a sofa together."""
    body = BODIES.get(style.kind, upholstered)(style)
    parts = _grounded(body + _pillows(style, np.concatenate([p.solid.vertices for p in body])))
    return [Part(mirrored(p.solid), p.material) for p in parts] if style.side == "left" else parts


def _pillows(style: SofaStyle, body: Array) -> list[Part]:
    """Throw pillows in the corners, the third leaning on the first."""
    side = min(0.4, style.height - style.seat_height + 0.04)
    end = style.width / 2 - arm_width(style)
    right = end - style.depth if style.kind == "corner" else end
    turn = 12.0
    if style.kind == "curved":  # where the back is still high enough to lean on
        end, right, turn = 0.75 * end, 0.75 * end, 0.55 * style.bend
    places = [
        (0.62 * side - end, turn),
        (right - 0.62 * side, -turn),
        (1.2 * side - end, 0.5 * turn),
    ]
    pillow = throw_pillow(side)
    return [
        Part(_leant(pillow, style, body, x, angle, 0.1 * (k == 2)), style.pillow)
        for k, (x, angle) in enumerate(places[: style.pillows])
    ]


def _leant(
    pillow: Solid, style: SofaStyle, body: Array, x: float, angle: float, off: float
) -> Solid:
    """Lean a pillow on what is behind it: the foremost points of the back, low and high."""
    here = body[
        (np.abs(body[:, 0] - x) < 0.12) & (body[:, 1] > 0 if style.kind != "curved" else True)
    ]
    above = here[:, 2] - style.seat_height
    low = here[(above > 0.06) & (above < 0.2), 1].min()
    high = min(here[(above > 0.2) & (above < 0.36), 1], default=low)
    lean = np.degrees(np.arctan2(max(high - low, 0.0), 0.15)) + 8
    foot = (x, low - 0.055 - off, style.seat_height - 0.015)
    return moved(turned(turned(pillow, -lean, "x"), angle, "z"), foot)


def _grounded(parts: list[Part]) -> list[Part]:
    """Let the lowest part touch the floor: leaning feet may end a few millimetres off it."""
    lowest = np.min([p.solid.vertices[:, 2].min() for p in parts])
    return [Part(moved(p.solid, (0, 0, -lowest)), p.material) for p in parts]
