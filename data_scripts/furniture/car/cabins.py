"""The upper body of a car, with its roof: a surface given by formulas.

Windows can be laid on it exactly.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from data_scripts.furniture.render.solids import Solid, loft

Array = np.ndarray


class Cabin(NamedTuple):
    """The upper body: level rounded rectangles that shrink and shift from belt to roof."""

    base: tuple[float, float]  # y of windscreen and rear window at the belt
    roof: tuple[float, float]  # y of the same at the roof
    half_widths: tuple[float, float]  # at the belt and at the roof
    belt: float  # z in the middle
    climb: float  # by how much the belt rises for each metre backwards
    height: float  # z of the roof
    sag: float  # metres by which the ends of the roof are lower than its middle
    power: float  # of the outline from above: how square it is, if it is as long as it is wide
    narrowing: float  # share by which the tail is narrower
    edge: float  # radius of the roof's edge

    def at(self, f: ArrayLike, s: ArrayLike, t: ArrayLike) -> Array:
        """(…, 3) a point of the surface.

        f  from -1 at the windscreen to 1 at the tail
        s  from -1 at the left to 1 at the right
        t  from 0 at the belt to 1 at the roof
        """
        f, s, t = np.broadcast_arrays(*(np.asarray(v, float) for v in (f, s, t)))
        inset = self._inset(t)
        above = np.clip(t, 0, 1)  # below the belt the walls go straight down
        ends = [low + (high - low) * above for low, high in zip(self.base, self.roof, strict=True)]
        middle, reach = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2 - inset
        half = self.half_widths[0] + (self.half_widths[1] - self.half_widths[0]) * above - inset
        y = middle + reach * f
        return np.stack(
            [half * s * (1 - self.narrowing * np.clip(f, 0, 1) ** 2), y, self._level(y, t)], -1
        )

    def _inset(self, t: Array) -> Array:
        """The roof's edge is a quarter of a circle."""
        over = np.clip(1 - (1 - t) * (self.height - self.belt) / self.edge, 0, 1)
        return self.edge * (1 - np.sqrt(1 - over**2))

    def _level(self, y: Array, t: Array) -> Array:
        belt = self.belt + self.climb * (y - sum(self.base) / 2)
        from_middle = np.clip((y - sum(self.roof) / 2) / (self.roof[1] - self.roof[0]) * 2, -1, 1)
        return belt + t * (self.height - self.sag * from_middle**2 - belt)

    @property
    def eaves(self) -> float:
        """The t at which the walls begin to bend into the roof."""
        return 1 - self.edge / (self.height - self.belt)

    @property
    def crown(self) -> float:
        """Metres by which the roof is higher than its edge."""
        return 0.04 * self.half_widths[1]

    def ridge(self, y: ArrayLike) -> Array:
        """Height of the roof along its middle line."""
        y = np.asarray(y, float)
        share = (y - sum(self.roof) / 2) / (self.roof[1] - self.roof[0]) * 2
        return self._level(y, np.ones_like(y)) + self.crown * (1 - share**2)

    def side(self, f: ArrayLike, t: ArrayLike) -> Array:
        """(…, 3) a point of the right side."""
        return self.at(f, self._across(f), t)

    def screen(self, s: ArrayLike, t: ArrayLike, end: int) -> Array:
        """(…, 3) a point of the windscreen (end -1) or the rear window (end 1)."""
        return self.at(end * self._along(s), s, t)

    @property
    def _long_power(self) -> float:
        """A long cabin's corners are no longer than a short one's."""
        return self.power * max(1.0, (self.base[1] - self.base[0]) / 0.6)

    def _across(self, f: ArrayLike) -> Array:
        """The s of the outline's right half at an f."""
        return (1 - np.abs(f) ** self._long_power) ** (1 / self.power)

    def _along(self, s: ArrayLike) -> Array:
        """The f of the outline's rear half at an s."""
        return (1 - np.abs(s) ** self.power) ** (1 / self._long_power)

    def solid(self) -> Solid:
        """Pillars, roof and the dark room behind the windows, in one piece."""
        f, s = self._outline()
        bend = self.eaves + (1 - self.eaves) * np.sin(np.linspace(0, np.pi / 2, 4))
        walls = np.array([-0.2, 0.06, 0.45, *bend])
        rings = [self.at(f, s, t) for t in walls]
        middle = sum(self.roof) / 2
        for share in (0.75, 0.35):
            inner = rings[len(walls) - 1] * (share, 1, 1)
            inner[:, 1] = middle + share * (inner[:, 1] - middle)
            inner[:, 2] = self._level(inner[:, 1], np.ones(len(f))) + self.crown * (1 - share**2)
            rings.append(inner)
        return loft(np.stack(rings))

    def _outline(self) -> tuple[Array, Array]:
        """f and s of points all around, closer together at the corners.

        They run counter-clockwise as seen from above.
        """
        first = np.array([0, 0.3, 0.58, 0.8])
        corner = 0.5 ** (1 / self.power)
        f = np.array([*first, self._along(corner), *self._along(first)[::-1]])
        s = np.array([*self._across(first), corner, *first[::-1]])
        # From the right over the tail to the left, and back over the front.
        f, s = np.concatenate([f, f[-2::-1]]), np.concatenate([s, -s[-2::-1]])
        return np.concatenate([f, -f[-2:0:-1]]), np.concatenate([s, s[-2:0:-1]])
