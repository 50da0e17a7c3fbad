"""Fittings on a car's skin between nose and tail: windows, doors, mirrors, second colour."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from data_scripts.furniture.car.bodies import Tub
from data_scripts.furniture.car.cabins import Cabin
from data_scripts.furniture.car.skins import both, lamp, line, pane, patch
from data_scripts.furniture.render.materials import GLASS, Material, Part
from data_scripts.furniture.render.solids import Solid, box

Livery = Literal["plain", "roof", "split", "stripes", "doors", "panels", "checks"]
Array = np.ndarray
Pair = tuple[float, float]

CUT = 0.011  # metres cut off a window's corners
FRAME = 0.006  # metres of a window's frame that show
SILL_SHARE = 0.13  # of the cabin's height below the windows


class Window(NamedTuple):
    """Where a window is on a cabin."""

    place: Callable[[Array, Array], Array]  # a point for a measure along it and a height
    reach: Pair  # where it begins and ends, in that measure
    unit: float  # metres of one unit of that measure
    columns: int
    outward: tuple[float, float, float]

    def glazed(self, cabin: Cabin, frame: Material | None) -> list[Part]:
        """Its pane and its frame."""
        wide, tall = 1 / self.unit, 1 / (cabin.height - cabin.belt)
        heights = (SILL_SHARE, cabin.eaves - 0.02)
        # Columns are closer together towards -1 and 1, where a cabin's outline bends.
        bent = (float(np.arcsin(self.reach[0])), float(np.arcsin(self.reach[1])))
        cut, parts = (CUT * wide, CUT * tall), []
        for margin, proud, material in ((0.0, 0.004, GLASS), (FRAME, 0.0025, frame)):
            u, v = pane(bent, heights, cut, self.columns, margin=(margin * wide, margin * tall))
            if material:
                parts.append(
                    Part(patch(self.place(np.sin(u), v), proud, self.outward, 0.014), material)
                )
        return parts


def windows(cabin: Cabin, spans: list[Pair], frame: Material | None) -> list[Part]:
    """Windscreen, rear window and the windows of both sides.

    spans  where each side window begins and ends, in the cabin's own measure f
    frame  of all windows, or None
    """
    half, reach = cabin.half_widths[0], (cabin.base[1] - cabin.base[0]) / 2
    screens = [
        Window(partial(cabin.screen, end=end), (-wide, wide), half, 7, (0, end, 0.5))
        for end, wide in ((-1, 0.81), (1, 0.76))
    ]
    sides = [Window(cabin.side, span, reach, 4, (1, 0, 0)) for span in spans]
    right = [part for window in sides for part in window.glazed(cabin, frame)]
    parts = [part for screen in screens for part in screen.glazed(cabin, frame)]
    return parts + [mirror for part in right for mirror in both(part.solid, part.material)]


def side_spans(
    cabin: Cabin, sides: tuple[float, ...], pillars: Pair, post: float = 0.016
) -> list[Pair]:
    """Where each side window begins and ends, in the cabin's own measure f.

    sides    lengths of the windows, front to back, as shares
    pillars  width of the foremost and the rearmost pillar, metres
    post     width of those between
    """
    scale = 2 / (cabin.base[1] - cabin.base[0])
    first, last = -1 + pillars[0] * scale, 1 - pillars[1] * scale
    cuts = first + (last - first) * np.cumsum((0, *sides)) / sum(sides)
    return [
        (float(a + post * scale / 2), float(b - post * scale / 2))
        for a, b in zip(cuts, cuts[1:], strict=False)
    ]


def door_lines(tub: Tub, places: list[float], top: float, paint: Material) -> list[Part]:
    """Dark upright lines on both flanks, from the sill to a height."""
    parts = []
    for y in places:
        z = np.linspace(tub.sill + 0.012, top, 5)
        path = np.stack([tub.flank(y, z) - 0.0005, np.full(5, y), z], -1)
        parts += both(line(path, 0.003), darker(paint))
    return parts


def bonnet_lines(tub: Tub, cowl: float, paint: Material) -> list[Part]:
    """The edges of the bonnet."""
    y = np.linspace(-tub.length / 2 + tub.lip, cowl, 6)
    x = 0.63 * tub.half_width(y)
    return both(line(np.stack([x, y, tub.deck(x, y) - 0.0005], -1), 0.0028), darker(paint))


def handles(tub: Tub, places: list[float], z: float, metal: Material) -> list[Part]:
    """A handle on each door."""
    size = (0.012, 0.032, 0.008)
    right = [box(size, (float(tub.flank(y, z)), y, z)) for y in places]
    return [part for handle in right for part in both(handle, metal)]


def mirrors(tub: Tub, y: float, z: float, material: Material) -> list[Part]:
    """Rear-view mirrors on short arms."""
    x = float(tub.flank(y, z - 0.02)) + 0.014
    shell = lamp((0, 0, 0), 0.022, 0.7, -1, 12)
    shell = Solid(shell.vertices * (1, 0.6, 0.7) + (x, y, z + 0.008), shell.faces)
    arm = line([(x - 0.035, y, z - 0.012), (x, y, z + 0.004)], 0.006)
    return both(shell, material) + both(arm, material)


def strip(
    tub: Tub, height: float, span: Pair, metal: Material, radius: float = 0.0045
) -> list[Part]:
    """A moulding along both flanks."""
    y = np.linspace(*span, 18)
    z = tub.seam(y, height)
    return both(line(np.stack([tub.flank(y, z), y, z], -1), radius), metal)


def darker(paint: Material) -> Material:
    """As gaps in a painted skin look."""
    channels = [int(paint.color[i : i + 2], 16) * 4 // 10 for i in (1, 3, 5)]
    return Material("#" + "".join(f"{c:02x}" for c in channels), 0.1)


def shell(
    tub: Tub, paint: Material, livery: Livery, second: Material, trim: Material
) -> list[Part]:
    """The tub, in one colour or two."""
    if livery != "split":
        return [Part(tub.solid(), paint)]
    height = tub.widest + 0.5 * (float(tub.top(0.0)) - tub.widest)
    skirt = patch(tub.skirt(height), 0.0012, (1, 0, 0))
    edge = strip(tub, height, (-0.47 * tub.length, 0.47 * tub.length), trim)
    return [Part(tub.solid(), paint), *both(skirt, second), *edge]


def side_panel(tub: Tub, span: Pair, heights: Pair, material: Material) -> list[Part]:
    """A plate on both flanks."""
    rows = [heights[0], *(z for z in tub.levels if heights[0] < z < heights[1]), heights[1]]
    y, z = np.meshgrid(np.linspace(*span, 8), rows)
    return both(patch(np.stack([tub.flank(y, z), y, z], -1), 0.0025, (1, 0, 0)), material)


def stripes(tub: Tub, cabin: Cabin | None, decks: list[Pair], color: Material) -> list[Part]:
    """Two stripes along bonnet, roof and boot.

    decks  first and last y of each stretch of the tub's top
    """
    lanes = (0.018, 0.058)
    parts = [p for span in decks for p in both(_lane(tub.deck, lanes, span), color)]
    if cabin:
        span = (cabin.roof[0] + 0.5 * cabin.edge, cabin.roof[1] - 0.5 * cabin.edge)
        parts += both(_lane(lambda x, y: cabin.ridge(y), lanes, span), color)
    return parts


def _lane(height: Callable[[Array, Array], Array], across: Pair, span: Pair) -> Solid:
    x, y = np.meshgrid(across, np.linspace(*span, 8))
    return patch(np.stack([x, y, height(x, y)], -1), 0.003, (0, 0, 1))
