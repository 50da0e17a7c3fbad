"""What furniture is made of: wood, fabric, leather, metal, paint, rubber and glass."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data_scripts.furniture.render.solids import Solid

Pattern = Literal["plain", "grain", "stripes", "checks"]
Array = np.ndarray

WOODS = [
    "#c89b62",
    "#a8713c",
    "#7a4a26",
    "#54321d",
    "#dcbf8f",
    "#b5651d",
    "#8d5a3b",
    "#3d2a20",
    "#e6d2ac",
]
FABRICS = [
    "#8c2f39",
    "#c8553d",
    "#e0a030",
    "#6a8d4f",
    "#2f6f6b",
    "#2e5e8c",
    "#46527a",
    "#7d5a8c",
    "#b08d79",
    "#d8cbb3",
    "#8f9499",
    "#4a4e54",
    "#a3b8c8",
    "#d78f8f",
    "#5d7f3a",
    "#274060",
]
WEAVES: tuple[Pattern, ...] = ("plain", "stripes", "checks")
LEATHERS = ["#5a3220", "#2b2522", "#7c4a2a", "#a06a42", "#e4ddd0", "#6e1f1f"]
METALS = ["#b9bcc0", "#8d9196", "#3a3d41", "#c9b27c"]
PAINTS = [
    "#c22f2a",
    "#1f5fa8",
    "#e8b71a",
    "#2b7a4b",
    "#f0efe9",
    "#25272b",
    "#e2702a",
    "#6fb0c9",
    "#7b8288",
    "#6b2337",
    "#9bb84a",
    "#24406b",
    "#d9a9a0",
    "#3d8b88",
]


@dataclass(frozen=True)
class Material:
    """How a surface reflects light."""

    color: str  # sRGB, "#rrggbb"
    gloss: float = 0.0  # 0 matt … 1 varnish or car paint
    pattern: Pattern = "plain"
    second: str = "#000000"  # sRGB of the stripes or checks
    period: float = 0.1  # metres from one stripe to the next


@dataclass(frozen=True)
class Part:
    """One solid of one material."""

    solid: Solid
    material: Material


def wood(rng: np.random.Generator) -> Material:
    """Varnished or oiled wood with its grain."""
    return Material(_one_of(WOODS, rng), float(rng.uniform(0.1, 0.4)), "grain", period=0.05)


def fabric(rng: np.random.Generator) -> Material:
    """Cloth: plain, or one time in three striped or checked."""
    pattern = WEAVES[rng.choice(len(WEAVES), p=[0.68, 0.2, 0.12])]
    color, second = rng.choice(FABRICS, 2, replace=False)
    return Material(str(color), 0.0, pattern, str(second), float(rng.uniform(0.07, 0.14)))


def leather(rng: np.random.Generator) -> Material:
    """Leather, with a soft sheen."""
    return Material(_one_of(LEATHERS, rng), 0.3)


def metal(rng: np.random.Generator) -> Material:
    """Brushed or lacquered metal."""
    return Material(_one_of(METALS, rng), 0.9)


def paint(rng: np.random.Generator) -> Material:
    """A coat of paint."""
    return Material(_one_of(PAINTS, rng), float(rng.uniform(0.3, 0.9)))


GLASS = Material("#1b242c", 1.0)
RUBBER = Material("#17181a", 0.15)

GRAIN_CONTRAST = 0.8  # of a dark ring to the wood between


def _one_of(colors: list[str], rng: np.random.Generator) -> str:
    return str(rng.choice(colors))


def linear_rgb(color: str) -> Array:
    """(3,) linear light in [0, 1] of an sRGB "#rrggbb" (IEC 61966-2-1)."""
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def albedo(materials: list[Material], which: Array, points: Array) -> Array:
    """Share of the light that surfaces reflect, in linear RGB.

    which    (n,) the material of each point
    points   (n, 3) metres, in the piece's own coordinates
    returns  (n, 3) float32 in [0, 1]
    """
    first = np.array([linear_rgb(material.color) for material in materials], np.float32)
    second = np.array([linear_rgb(material.second) for material in materials], np.float32)
    grain = np.array([material.pattern == "grain" for material in materials])
    second[grain] = first[grain] * GRAIN_CONTRAST
    periods = np.array([material.period for material in materials], np.float32)
    color = first[which]
    for pattern, amount_of in PATTERNS.items():
        patterned = np.array([material.pattern == pattern for material in materials])
        here = np.flatnonzero(patterned[which])
        if len(here):
            period = periods[which[here], None]
            amount = amount_of(points[here] / period)[:, None]
            color[here] += amount * (second[which[here]] - color[here])
    return color


def _grain(points: Array) -> Array:
    """Growth rings around a far, leaning axis, so that every face of a piece shows some."""
    x, y, z = points.T
    rings = np.hypot(0.35 * x + 0.21 * z + 70, y - 0.17 * z + 30 + 0.3 * np.sin(0.4 * z))
    waves = 0.25 * np.sin(0.3 * x + 0.7 * y)
    return 0.5 + 0.5 * np.sin(2 * np.pi * (rings + waves))


def _stripes(points: Array) -> Array:
    return (points[:, 0] % 1 < 0.35).astype(np.float32)


def _checks(points: Array) -> Array:
    """Half-tone where one band lies, full where two cross, as woven checks have it."""
    bands = (points % 1 < 0.4).astype(np.float32)
    return 0.5 * bands[:, 0] + 0.5 * np.maximum(bands[:, 1], bands[:, 2])


PATTERNS = {"grain": _grain, "stripes": _stripes, "checks": _checks}
