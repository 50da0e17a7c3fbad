"""The arms of a sofa. Each is the right one, around x = 0; the left one is its mirror image."""

from collections.abc import Callable

import numpy as np

from data_scripts.furniture.render.plates import board
from data_scripts.furniture.render.solids import Solid, mirrored, moved, turned
from data_scripts.furniture.sofa.styles import SofaStyle
from data_scripts.furniture.sofa.upholstery import block, bolster


def arms(style: SofaStyle, sides: tuple[int, ...]) -> list[Solid]:
    """The upholstered arms on the given sides: -1 left, 1 right."""
    right = [
        moved(part, ((style.width - style.arm_width) / 2, 0, 0)) for part in ARMS[style.arm](style)
    ]
    return [part if side > 0 else mirrored(part) for side in sides for part in right]


def _none(style: SofaStyle) -> list[Solid]:
    return []


def _track(style: SofaStyle) -> list[Solid]:
    """A padded box."""
    size = (style.arm_width, style.depth, style.arm_height - style.foot_height)
    return [block(size, (0, 0, style.foot_height), style.softness)]


def _rolled(style: SofaStyle) -> list[Solid]:
    """A padded panel that ends in a roll."""
    radius = 0.58 * style.arm_width
    high, y = style.arm_height - radius, style.depth / 2
    size = (0.68 * style.arm_width, style.depth - 0.03, high - style.foot_height)
    panel = block(size, (-0.18 * style.arm_width, 0, style.foot_height), 0.02)
    x = 0.04 * style.arm_width
    return [panel, bolster((x, -y - 0.012, high), (x, y - 0.01, high), radius)]


def _slanted(style: SofaStyle) -> list[Solid]:
    """A board that falls towards the front."""
    y, h = style.depth / 2, (style.arm_height - style.foot_height) / 2
    side = np.array([(y, h), (-y, 0.45 * h), (-y, -h), (y, -h)])
    upright = board(side, style.arm_width, radius=min(style.softness, 0.045))
    return [moved(turned(upright, 90, "z"), (0, 0, style.foot_height + h))]


def _flared(style: SofaStyle) -> list[Solid]:
    """A padded box that leans out from where it meets the seat."""
    slim = 0.75 * style.arm_width
    size = (slim, style.depth, style.arm_height - style.foot_height)
    upright = block(size, (-0.14 * style.arm_width, 0, style.foot_height), 0.45 * slim)
    return [turned(upright, 11, "y", around=(-style.arm_width / 2, 0, style.seat_height - 0.05))]


ARMS: dict[str, Callable[[SofaStyle], list[Solid]]] = {
    "none": _none,
    "track": _track,
    "rolled": _rolled,
    "slanted": _slanted,
    "flared": _flared,
}
