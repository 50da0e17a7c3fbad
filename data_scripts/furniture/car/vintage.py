"""Parts of cars before 1950: separate wings, running boards, radiator, lamps on stalks."""

from typing import NamedTuple

import numpy as np

from data_scripts.furniture.car.bodies import Tub
from data_scripts.furniture.car.faces import BLACK, CHROME, LENS, PLATE, RED
from data_scripts.furniture.car.skins import bar, both, lamp, line, patch
from data_scripts.furniture.render.materials import Material, Part
from data_scripts.furniture.render.solids import (
    Solid,
    box,
    lathe,
    moved,
    rod,
    slab,
    superellipse,
    tube,
    turned,
)

Array = np.ndarray


class Wings(NamedTuple):
    """Where the four wings of a car are."""

    axles: tuple[float, float]  # y
    height: float  # z of the axles
    radius: float  # of the wings
    inner: float  # x where they meet the body
    outer: float  # x of their outer edge
    board: float  # z of the running boards
    drop: float  # metres by which their outer edge bends down

    def path(self, side: int) -> Array:
        """(K, 2) y and z of a wing, from its free end to the running board.

        side  -1 front, 1 back
        """
        angles = np.radians(np.linspace(-4, 122, 9))
        arc = np.stack([np.cos(angles), np.sin(angles)], -1)
        end = np.array([-1.75, (self.board - self.height) / self.radius])
        along = np.linspace(0, 1, 5)[1:, None]
        leave = np.array([-0.9, -0.85])
        bend = arc[-1] + 0.55 * leave
        to_bend = (1 - along) ** 2 * arc[-1] + 2 * along * (1 - along) * bend
        sweep = to_bend + along**2 * end
        curve = np.concatenate([arc, sweep]) * self.radius
        return curve * (side, 1) + (self.axles[side > 0], self.height)

    def solid(self, side: int) -> Solid:
        """The right wing of an axle: a plate along its path that bends down at the outer edge."""
        path = self.path(side)
        along = np.gradient(path, axis=0)
        inward = np.stack([-along[:, 1], along[:, 0]], -1) * side
        inward /= np.linalg.norm(inward, axis=1, keepdims=True)
        shares, drops = np.array([0.0, 0.5, 0.8, 0.95, 1.0]), np.array([0.0, 0.04, 0.22, 0.6, 1.0])
        # Flat where it meets the running board.
        fade = np.append(np.ones(len(path) - 5), np.linspace(1, 0, 5))
        bent = path[:, None] + inward[:, None] * (fade[:, None] * drops * self.drop)[..., None]
        x = np.broadcast_to(self.inner + shares * (self.outer - self.inner), bent.shape[:2])
        grid = np.concatenate([x[..., None], bent], -1).swapaxes(0, 1)
        return patch(grid, 0.005, (0.2, 0, 1), depth=0.012)

    def parts(self, paint: Material) -> list[Part]:
        """Wings and running boards."""
        first, last = (self.path(side)[-1, 0] for side in (-1, 1))
        y, x = np.meshgrid(np.linspace(first - 0.01, last + 0.01, 6), (self.inner, self.outer))
        plank = patch(np.stack([x, y, 0 * x + self.board], -1), 0.005, (0, 0, 1), depth=0.012)
        middle, half = (self.inner + self.outer) / 2, 0.4 * (self.outer - self.inner)
        y, x = np.meshgrid(
            np.linspace(first + 0.01, last - 0.01, 6), (middle - half, middle + half)
        )
        mat = patch(np.stack([x, y, 0 * x + self.board + 0.005], -1), 0.003, (0, 0, 1))
        wings = [p for side in (-1, 1) for p in both(self.solid(side), paint)]
        return [*wings, *both(plank, paint), *both(mat, BLACK)]


def radiator(tub: Tub) -> list[Part]:
    """A plated radiator at the nose, with upright bars and a cap."""
    y, half = -tub.length / 2, _radiator_half(tub)
    low, high = tub.sill + 0.01, float(tub.top(-tub.length / 2 + tub.lip)) + 0.012
    middle = (low + high) / 2
    frame = _upright(2 * half, high - low, 0.05, (0, y + 0.03, middle))
    tall, center = high - low - 0.28 * half, (0, y + 0.026, middle - 0.02 * half)
    ground = _upright(1.72 * half, tall, 0.05, center)
    bars = [
        line([(x, y - 0.025, low + 0.03), (x, y - 0.025, high - 0.035)], 0.0045)
        for x in np.linspace(-0.6, 0.6, 5) * half
    ]
    cap = lathe([(0.012, -0.004), (0.012, 0.008), (0.004, 0.02)], (0, y + 0.005, high), sides=8)
    plated = [Part(solid, CHROME) for solid in (cap, *bars)]
    return [Part(frame, CHROME), Part(ground, BLACK), *plated]


def _radiator_half(tub: Tub) -> float:
    """Half its width: it hides the end of the bonnet."""
    return 1.06 * float(tub.half_width(-tub.length / 2 + 0.05))


def _upright(width: float, height: float, depth: float, at: tuple[float, float, float]) -> Solid:
    """A plate that stands, its face towards -y."""
    return moved(turned(slab(superellipse(width, height, 5, 20), depth), 90, "x"), at)


def stalk_lamps(tub: Tub, radius: float) -> list[Part]:
    """Round lamps beside the radiator, on a bar."""
    nose = -tub.length / 2
    x, y, z = _radiator_half(tub) + 1.3 * radius, nose - 0.02, 0.8 * float(tub.top(0.9 * nose))
    low = (x, y + 0.5 * radius, z - radius)
    cross = Part(bar(np.array(low) * (-1, 1, 1), low, 0.007), CHROME)
    post = rod((x, y + 0.5 * radius, z - 2.2 * radius), (x, y + 0.5 * radius, z), 0.007, sides=6)
    return [cross, *both(post, CHROME), *_lamps((x, y, z), radius)]


def _lamps(at: tuple[float, float, float], radius: float) -> list[Part]:
    """A pair of round lamps in plated bowls."""
    glass = lamp(np.array(at) - (0, 0.003, 0), radius, 0.25, -1)
    return both(lamp(at, 1.2 * radius, 0.05, -1), CHROME) + both(glass, LENS)


def wing_lamps(wings: Wings, radius: float) -> list[Part]:
    """Round lamps in the front wings."""
    x = 0.45 * wings.inner + 0.55 * wings.outer
    y = wings.axles[0] - 0.86 * wings.radius
    return _lamps((x, y, wings.height + 0.6 * wings.radius), radius)


def wing_tail_lamps(wings: Wings) -> list[Part]:
    """Small red lamps on the rear wings."""
    x = 0.5 * (wings.inner + wings.outer)
    at = (x, wings.axles[1] + 0.92 * wings.radius, wings.height + 0.45 * wings.radius)
    return both(lamp(at, 0.016, 0.5, 1, 10), RED)


def bars(tub: Tub, wings: Wings) -> list[Part]:
    """Bumper bars at both ends, with brackets and number plates."""
    parts = []
    for side in (-1, 1):
        beside = wings.axles[side > 0] + side * (wings.radius + 0.014)
        y = side * max(side * beside, tub.length / 2 - 0.004) + side * 0.012
        x = np.linspace(-0.94, 0.94, 9) * wings.outer
        z = wings.height + 0.05 * wings.radius
        path = np.stack([x, y + (beside - y) * (x / x[-1]) ** 2, np.full(9, z)], -1)
        across = 0.4 * wings.outer
        bracket = rod((across, y, z), (across, y - side * 0.07, z + 0.005), 0.007, sides=6)
        parts += [Part(tube(path, 0.0105, 8), CHROME), *both(bracket, CHROME)]
        parts.append(Part(box((0.12, 0.01, 0.03), (0, y + side * 0.01, z + 0.012)), PLATE))
    return parts
