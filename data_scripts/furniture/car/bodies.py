"""The lower body of a car, from the sills to the bonnet: a surface given by formulas.

Lamps, door lines and stripes can so be laid on it exactly.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from data_scripts.furniture.render.solids import Solid, loft

Array = np.ndarray

STEP = 0.07  # metres from section to section: longer faces would be cut into many when they are lit
BEND = np.linspace(0.0, 1.0, 4)  # how finely rounded edges are cut


class Opening(NamedTuple):
    """A hole in the top of a tub: where people sit in an open car, or the bed of a pickup."""

    front: float  # y
    back: float  # y
    half_width: float
    floor: float  # z


@dataclass(frozen=True)
class Tub:
    """The lower body: an extruded silhouette whose sections are round at the shoulders."""

    length: float
    width: float
    sill: float  # z of its lower edge
    widest: float  # z at which it is widest
    crest: tuple[tuple[float, float], ...]  # y and z of the upper silhouette, from nose to tail
    ends: tuple[float, float]  # width of nose and tail, as shares of the largest
    rounds: tuple[float, float]  # lengths over which nose and tail are rounded, seen from above
    power: float  # of the section: 2 an ellipse, 6 nearly a box
    axles: tuple[float, float]  # y
    axle_height: float
    arch: float  # radius of the wheel arches; 0 for a tub between separate wings
    tunnel: float  # how deep the wheel arches reach into the tub
    opening: Opening | None = None

    @property
    def lip(self) -> float:
        """Length over which the silhouette is rounded at nose and tail."""
        return 0.3 * min(self.rounds)

    def half_width(self, y: ArrayLike) -> Array:
        """Half the largest width at a place along the car."""
        along = np.asarray(y, float) / (self.length / 2)
        share = np.where(along < 0, self.ends[0], self.ends[1])
        taper = 1 - (1 - share) * np.abs(along) ** 2.4
        length = np.where(along < 0, self.rounds[0], self.rounds[1])
        return self.width / 2 * taper * _fade(1 - self._from_end(y) / length, 2.3)

    def _from_end(self, y: ArrayLike) -> Array:
        return self.length / 2 - np.abs(y)

    @cached_property
    def _silhouette(self) -> tuple[Array, Array]:
        """A fine polyline of y and z: a spline is slow to ask again and again."""
        y = np.linspace(-0.5, 0.5, 400) * self.length
        return y, PchipInterpolator(*np.array(self.crest).T)(y)

    def top(self, y: ArrayLike) -> Array:
        """Height of the silhouette, whose lips at nose and tail are round."""
        line = np.interp(np.asarray(y, float), *self._silhouette)
        return self.widest + (line - self.widest) * _fade(1 - self._from_end(y) / self.lip, 2.2)

    def bottom(self, y: ArrayLike) -> Array:
        """Height of the lower edge, which rises towards both ends."""
        near = np.clip(1 - self._from_end(y) / 0.14, 0, 1)
        return self.sill + 0.3 * (self.widest - self.sill) * near**2

    def flank(self, y: ArrayLike, z: ArrayLike) -> Array:
        """Half the width at a place along the car and a height."""
        y, z = np.broadcast_arrays(np.asarray(y, float), np.asarray(z, float))
        up = np.clip((z - self.widest) / np.maximum(self.top(y) - self.widest, 1e-6), 0, 1)
        down = np.clip((self.widest - z) / (self.widest - self.sill), 0, 1)
        bulge = (1 - up ** (0.75 * self.power)) ** (1 / self.power)
        return self.half_width(y) * bulge * (1 - 0.08 * down**2)

    def deck(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Height of the top at a place: of the bonnet, say."""
        across = np.clip(np.abs(x) / self.half_width(y), 0, 1)
        share = (1 - across**self.power) ** (4 / 3 / self.power)
        return self.widest + (self.top(y) - self.widest) * share

    def around(self, distance: ArrayLike, z: ArrayLike, side: int) -> Array:
        """(…, 3) a point of the nose (side -1) or the tail (side 1).

        distance  metres to the right of the middle, measured along the skin, which bends around the
                  corners
        """
        distance, z = np.broadcast_arrays(np.asarray(distance, float), np.asarray(z, float))
        y, x = self.outline(z.ravel(), side)
        step = np.hypot(np.diff(x, prepend=0.0), np.diff(y, prepend=y[:, :1]))
        gone = np.cumsum(step, axis=1)
        far = np.abs(distance.ravel())
        at = [
            [np.interp(d, g, row) for row in (a, b)]
            for d, g, a, b in zip(far, gone, x, y, strict=True)
        ]
        across, along = np.array(at).T
        points = np.stack([across * np.sign(distance.ravel()), along, z.ravel()], -1)
        return points.reshape(*z.shape, 3)

    def outline(self, z: Array, side: int) -> tuple[Array, Array]:
        """(n, m) y and x of the right half of the end, seen from above, at each height."""
        y = side * (self.length / 2 - np.linspace(0, 0.2, 60))
        tip = np.interp(z, np.maximum.accumulate(self.top(y)), y)
        y = tip[:, None] - side * 0.24 * np.linspace(0, 1, 48) ** 2
        return np.insert(y, 0, tip, axis=1), np.insert(self.flank(y, z[:, None]), 0, 0, axis=1)

    def solid(self) -> Solid:
        """The skin, with real wheel arches and openings."""
        y = self._stations()
        return _mirrored_loft(self._below(y) + self._above(y))

    def skirt(self, height: float) -> Array:
        """(rows, columns, 3) the right flank from its lower edge to about this height."""
        y = self._stations()[::-1]
        seam = self.seam(y, height)
        rows = [
            *self._flank_rows(y, self._arched(y), seam),
            np.stack([self.flank(y, seam), y, seam], -1),
        ]
        grid = np.stack(rows)
        return np.concatenate([grid[:, :1] * (0, 1, 1), grid, grid[:, -1:] * (0, 1, 1)], axis=1)

    @property
    def levels(self) -> tuple[float, float, float]:
        """Heights between which the flank is flat: a plate that lies on it must bend there too."""
        return 0.6 * self.widest + 0.4 * self.sill, self.widest, self._over_arches

    def seam(self, y: ArrayLike, height: float) -> Array:
        """Height of a line along the flank: it passes over the arches and dips at both ends."""
        below_shoulder = self._shoulder(np.asarray(y, float)) - 0.004
        return np.minimum(max(height, self._over_arches), below_shoulder)

    @property
    def _over_arches(self) -> float:
        top = self.axle_height + self.arch + 0.006 if self.arch else 0.0
        return max(top, self.widest + 0.01)

    def _stations(self) -> Array:
        """Where sections are taken, from tail to nose: close together where the shape bends."""
        half = self.length / 2
        bend = 1 - np.array([0.0, 0.13, 0.3, 0.6, 1.0])
        ends = [
            side * (half - length * bend[::-1] ** 2)
            for side, length in zip((-1, 1), self.rounds, strict=True)
        ]
        round_arch = np.cos(np.linspace(0.02, np.pi - 0.02, 9)) if self.arch else np.zeros(0)
        arches = [axle + self.arch * np.append(round_arch, (-1.01, 1.01)) for axle in self.axles]
        holes = [np.array(self.opening[:2])[:, None] + (-0.001, 0.001)] if self.opening else []
        places = np.concatenate([some.ravel() for some in (*ends, *arches, *holes)])
        fixed = np.unique(np.round(places, 4))
        return _filled(fixed, STEP)[::-1]

    def _arched(self, y: Array) -> Array:
        """The lower edge as the wheel arches leave it."""
        edge = self.bottom(y) + 0.002
        for axle in self.axles:
            inside = np.clip(self.arch**2 - (y - axle) ** 2, 0, None)
            edge = np.where(inside > 0, np.maximum(edge, self.axle_height + np.sqrt(inside)), edge)
        return edge

    def _below(self, y: Array) -> list[Array]:
        """Rows of points from the middle of the floor, up arch and flank, to the shoulder."""
        inner = np.minimum(self.width / 2 - self.tunnel, 0.8 * self.half_width(y))
        rows = [np.stack([inner * share, y, self.bottom(y)], -1) for share in (0.2, 0.6, 1)]
        rows.append(np.stack([inner, y, self._arched(y)], -1))
        return rows + self._flank_rows(y, self._arched(y), self._shoulder(y))

    def _flank_rows(self, y: Array, edge: Array, upper: Array) -> list[Array]:
        """Level rows: they keep the flank in shape where its edge jumps from sill to arch."""
        rows = []
        for step, level in enumerate((0.0, *self.levels)):
            z = np.minimum(np.maximum(level, edge + 0.0004 * step), upper - 0.0004 * (5 - step))
            rows.append(np.stack([self.flank(y, z), y, z], -1))
        return rows

    def _shoulder(self, y: Array) -> Array:
        """Height from which the flank bends into the top."""
        top = self.top(y)
        over = np.minimum(self._over_arches + 0.004, 0.2 * self.widest + 0.8 * top)
        return np.maximum(0.5 * (self.widest + top), over)

    def _above(self, y: Array) -> list[Array]:
        """Rows of points from the shoulder to the middle of the top."""
        wide, rise = self.half_width(y), self.top(y) - self.widest
        first = np.arcsin(((self._shoulder(y) - self.widest) / rise) ** (0.375 * self.power))
        rim = self._rim(y, wide)
        last = np.arccos((rim / wide) ** (self.power / 2))
        rows = []
        for share in BEND:
            angle = first + (last - first) * share
            x = wide * np.cos(angle) ** (2 / self.power)
            rows.append(np.stack([x, y, self.deck(x, y)], -1))
        hole = self._in_opening(y)
        floor = self.opening.floor if self.opening else 0.0
        for closed, cut in ((0.62, 0.99), (0.21, 0.33)):
            x = rim * np.where(hole, cut, closed)
            rows.append(np.stack([x, y, np.where(hole, floor, self.deck(x, y))], -1))
        return rows

    def _in_opening(self, y: Array) -> Array:
        if not self.opening:
            return np.zeros(len(y), bool)
        return (y > self.opening.front) & (y < self.opening.back)

    def _rim(self, y: Array, wide: Array) -> Array:
        """x where the flat of the top begins, or the wall of an opening.

        Beside a wheel, the wall of an opening moves inwards.
        """
        if not self.opening:
            return 0.7 * wide
        rim = np.minimum(self.opening.half_width, 0.9 * wide)
        beside = self._arched(y) > self.opening.floor
        room = np.minimum(rim, self.width / 2 - self.tunnel - 0.006)
        return np.where(beside & self._in_opening(y), room, rim)


def _filled(places: Array, step: float) -> Array:
    """The places, and more between any two that are further apart than a step."""
    gaps = [
        np.linspace(a, b, int(np.ceil((b - a) / step)), endpoint=False)
        for a, b in zip(places, places[1:], strict=False)
    ]
    return np.append(np.concatenate(gaps), places[-1])


def _mirrored_loft(rows: list[Array]) -> Solid:
    """A loft over rows of points of the right half, given from the bottom to the top."""
    right = np.stack(rows, axis=1)  # (K, N, 3)
    return loft(np.concatenate([right, right[:, ::-1] * (-1, 1, 1)], axis=1))


def _fade(near: ArrayLike, power: float) -> Array:
    """From 1 where near <= 0 down to 0.3 where near = 1, like the edge of a rounded box."""
    return (1 - (np.clip(near, 0, 1) * 0.97) ** power) ** (1 / power)
