"""Nose and tail of a car: lamps, grille, bumpers and number plates, laid on the tub's skin."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from data_scripts.furniture.car.bodies import Tub
from data_scripts.furniture.car.skins import both, lamp, line, pane, patch
from data_scripts.furniture.render.materials import Material, Part
from data_scripts.furniture.render.solids import Solid, box, tube

Lamps = Literal["round", "large round", "twin round", "block", "slanted", "slim"]
Grille = Literal["bars", "upright", "slot", "twin", "mesh", "none"]
Bumper = Literal["blade", "band", "painted"]
TailLamps = Literal["columns", "blocks", "round", "bar", "wrapped"]
Array = np.ndarray
Pair = tuple[float, float]

LENS = Material("#f6f3e6", 0.9)
RED = Material("#b5121a", 0.8)
AMBER = Material("#e58a1c", 0.6)
BLACK = Material("#1c1e21", 0.3)
CHROME = Material("#c9ccd0", 0.9)
PLATE = Material("#eeece2", 0.1)


class End(NamedTuple):
    """Nose or tail of a tub.

    Places on it are measured across in half widths, and upwards from the widest line (0) to the lip
    (1).
    """

    tub: Tub
    side: int  # -1 nose, 1 tail

    @property
    def half(self) -> float:
        """Half the width of its face, metres."""
        return float(
            self.tub.half_width(self.side * (self.tub.length / 2 - self.tub.rounds[self.side > 0]))
        )

    def height(self, share: float) -> float:
        """Metres above the floor: -1 is the lower edge, 0 the widest line, 1 the lip."""
        lip = float(self.tub.top(self.side * (self.tub.length / 2 - self.tub.lip)))
        low = float(self.tub.bottom(self.tub.length / 2))
        levels = (low, self.tub.widest, lip)
        return float(np.interp(share, (-1, 0, 1), levels))

    def _before_arch(self, across: Pair) -> Pair:
        """The part of a stretch that does not reach into a wheel arch."""
        y, x = (row[0] for row in self.tub.outline(np.array([self.tub.widest]), self.side))
        edge = self.tub.axles[self.side > 0] + self.side * (self.tub.arch + 0.012)
        gone = np.cumsum(np.hypot(np.diff(x, prepend=0.0), np.diff(y, prepend=y[0])))
        limit = float(np.interp(np.abs(y[0] - edge), np.abs(y[0] - y), gone)) / self.half
        return max(across[0], -limit), min(across[1], limit)

    def point(self, across: float, up: float) -> Array:
        """(3,) a point of the skin."""
        return self.tub.around(across * self.half, self.height(up), self.side)

    def patch(
        self,
        across: Pair,
        up: Pair,
        proud: float,
        slant: float = 0.0,
        columns: int = 4,
        rows: int = 4,
    ) -> Solid:
        """A plate with cut corners, `proud` metres off the skin, `slant` higher on the outside."""
        across = self._before_arch(across)
        cut = min(0.3 * (up[1] - up[0]), 0.25 * (across[1] - across[0]))
        u, v = pane(across, up, (0.6 * cut, cut), columns)
        v = v + slant * (u - across[0]) / (across[1] - across[0])
        heights = np.interp(v, (-1, 0, 1), [self.height(share) for share in (-1, 0, 1)])
        return patch(self.tub.around(u * self.half, heights, self.side), proud, (0, self.side, 0))

    def line(
        self,
        across: Pair,
        up: float,
        radius: float,
        stretch: float = 1.0,
        count: int = 11,
        sides: int = 10,
    ) -> Solid:
        """A round bar along the skin; its section is `stretch` times as high as it is deep."""
        places = np.linspace(*self._before_arch(across), count) * self.half
        path = self.tub.around(places, self.height(up), self.side)
        bar = tube(path, radius, sides)
        middle = np.array([0, 0, path[0, 2]])
        return Solid((bar.vertices - middle) * (1, 1, stretch) + middle, bar.faces)

    def disc(
        self, across: float, up: float, radius: float, depth: float, bulge: float = 0.25
    ) -> Solid:
        """A round glass that looks straight ahead; its rim is `depth` metres before the skin."""
        return lamp(self.point(across, up) + (0, self.side * depth, 0), radius, bulge, self.side)


def nose(tub: Tub, lamps: Lamps, grille: Grille, bumper: Bumper, paint: Material) -> list[Part]:
    """All that is on the front of a car."""
    end = End(tub, -1)
    plate = Part(_plate(end, -0.55), PLATE)
    return [*LAMPS[lamps](end), *GRILLES[grille](end), *BUMPERS[bumper](end, paint), plate]


def tail(tub: Tub, lamps: TailLamps, bumper: Bumper, paint: Material) -> list[Part]:
    """All that is on the back of a car."""
    end = End(tub, 1)
    return [*TAIL_LAMPS[lamps](end), *BUMPERS[bumper](end, paint), Part(_plate(end, 0.3), PLATE)]


def _plate(end: End, up: float) -> Solid:
    return box((0.13, 0.012, 0.03), end.point(0, up) + (0, end.side * 0.006, 0))


def _rounds(end: End, places: list[float], radius: float) -> list[Part]:
    parts = []
    for across in places:
        parts += both(end.disc(across, 0.42, radius * 1.2, 0.005, 0.1), CHROME)
        parts += both(end.disc(across, 0.42, radius, 0.008, 0.2), LENS)
    return parts


def _round(end: End) -> list[Part]:
    return _rounds(end, [0.78], 0.022)


def _large_round(end: End) -> list[Part]:
    return _rounds(end, [0.78], 0.028)


def _twin_round(end: End) -> list[Part]:
    return _rounds(end, [0.58, 0.86], 0.0175)


def _block(end: End) -> list[Part]:
    frame = end.patch((0.56, 1.0), (0.1, 0.78), 0.003)
    lens = end.patch((0.59, 0.97), (0.16, 0.72), 0.005)
    amber = end.patch((1.01, 1.14), (0.14, 0.74), 0.004)
    return [*both(frame, CHROME), *both(lens, LENS), *both(amber, AMBER)]


def _slanted(end: End) -> list[Part]:
    ground = end.patch((0.58, 1.24), (0.16, 0.66), 0.003, slant=0.14)
    lens = end.patch((0.61, 1.2), (0.22, 0.6), 0.005, slant=0.14)
    return [*both(ground, BLACK), *both(lens, LENS)]


def _slim(end: End) -> list[Part]:
    return both(end.patch((0.5, 1.25), (0.34, 0.6), 0.004, slant=0.1), LENS)


LAMPS: dict[Lamps, Callable[[End], list[Part]]] = {
    "round": _round,
    "large round": _large_round,
    "twin round": _twin_round,
    "block": _block,
    "slanted": _slanted,
    "slim": _slim,
}


def _bars(end: End) -> list[Part]:
    bars = [
        Part(end.line((-0.46, 0.46), up, 0.0055, count=6, sides=4), CHROME)
        for up in (0.1, 0.4, 0.7)
    ]
    return [Part(end.patch((-0.48, 0.48), (0.0, 0.8), 0.0015, columns=6), BLACK), *bars]


def _upright(end: End) -> list[Part]:
    frame = end.patch((-0.22, 0.22), (-0.35, 0.95), 0.006)
    ground = end.patch((-0.19, 0.19), (-0.28, 0.86), 0.008)
    ahead = np.array((0, 0.008, 0))
    bars = [
        line([end.point(across, -0.26) - ahead, end.point(across, 0.8) - ahead], 0.004)
        for across in (-0.12, -0.04, 0.04, 0.12)
    ]
    return [Part(frame, CHROME), Part(ground, BLACK), *(Part(b, CHROME) for b in bars)]


def _slot(end: End) -> list[Part]:
    frame = end.patch((-0.4, 0.4), (-0.05, 0.5), 0.004, columns=7)
    ground = end.patch((-0.38, 0.38), (0.02, 0.43), 0.006, columns=7)
    return [Part(frame, CHROME), Part(ground, BLACK)]


def _twin(end: End) -> list[Part]:
    frame = end.patch((0.02, 0.26), (-0.05, 0.72), 0.005)
    ground = end.patch((0.045, 0.235), (0.02, 0.65), 0.007)
    return [*both(frame, CHROME), *both(ground, BLACK)]


def _mesh(end: End) -> list[Part]:
    low = end.patch((-0.6, 0.6), (-0.95, -0.45), 0.004, columns=7)
    return [Part(end.patch((-0.5, 0.5), (0.12, 0.5), 0.003, columns=7), BLACK), Part(low, BLACK)]


def _none(end: End) -> list[Part]:
    return []


GRILLES: dict[Grille, Callable[[End], list[Part]]] = {
    "bars": _bars,
    "upright": _upright,
    "slot": _slot,
    "twin": _twin,
    "mesh": _mesh,
    "none": _none,
}


def _blade(end: End, paint: Material) -> list[Part]:
    blade = end.line((-1.42, 1.42), -0.36, 0.011, 1.35)
    guard = end.disc(0.3, -0.36, 0.012, 0.018, 0.5)
    return [Part(blade, CHROME), *both(guard, CHROME)]


def _band(end: End, paint: Material) -> list[Part]:
    return [Part(end.patch((-1.45, 1.45), (-0.7, -0.2), 0.011, columns=15), BLACK)]


def _painted(end: End, paint: Material) -> list[Part]:
    inlet = end.patch((-0.7, 0.7), (-0.96, -0.68), 0.009, columns=9)
    return [
        Part(end.patch((-1.4, 1.4), (-0.75, -0.12), 0.007, columns=15), paint),
        Part(inlet, BLACK),
    ]


BUMPERS: dict[Bumper, Callable[[End, Material], list[Part]]] = {
    "blade": _blade,
    "band": _band,
    "painted": _painted,
}


def _columns(end: End) -> list[Part]:
    amber = end.patch((0.9, 1.12), (0.49, 0.72), 0.006)
    return [*both(end.patch((0.9, 1.12), (-0.1, 0.47), 0.006), RED), *both(amber, AMBER)]


def _blocks(end: End) -> list[Part]:
    lens = end.patch((0.62, 0.78), (0.12, 0.6), 0.007)
    return [*both(end.patch((0.6, 1.1), (0.08, 0.64), 0.005), RED), *both(lens, LENS)]


def _round_tail(end: End) -> list[Part]:
    parts = []
    for across in (0.66, 0.9):
        parts += both(end.disc(across, 0.4, 0.019, 0.002, 0.1), CHROME)
        parts += both(end.disc(across, 0.4, 0.0155, 0.005), RED)
    return parts


def _bar(end: End) -> list[Part]:
    return [Part(end.patch((-1.15, 1.15), (0.36, 0.58), 0.005, columns=13), RED)]


def _wrapped(end: End) -> list[Part]:
    return both(end.patch((0.7, 1.35), (0.2, 0.62), 0.005, slant=0.1), RED)


TAIL_LAMPS: dict[TailLamps, Callable[[End], list[Part]]] = {
    "columns": _columns,
    "blocks": _blocks,
    "round": _round_tail,
    "bar": _bar,
    "wrapped": _wrapped,
}
