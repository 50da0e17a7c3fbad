"""The style of a sofa, and how it is drawn: first its family, then what suits that."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from data_scripts.furniture.render.materials import Material, fabric, leather, metal, wood

Kind = Literal[
    "boxy",
    "classic",
    "chesterfield",
    "camel",
    "curved",
    "chaise",
    "corner",
    "midcentury",
    "slatted",
    "tubular",
]
Side = Literal["left", "right"]
Arm = Literal["track", "rolled", "slanted", "flared", "wooden", "tube", "none"]
Back = Literal["cushions", "tight", "tufted", "camel", "shell", "spindles", "slats"]
Feet = Literal["block", "tapered", "turned", "skids", "plinth"]


@dataclass(frozen=True)
class SofaStyle:
    """What one sofa looks like; lengths in metres."""

    kind: Kind
    side: Side  # seen from the front, where a chaise or a corner is
    arm: Arm
    back: Back
    feet: Feet
    seats: int
    bench: bool  # one long seat cushion instead of one for each seat
    width: float
    depth: float  # without what a chaise or a corner adds
    height: float
    seat_height: float
    arm_height: float
    arm_width: float
    foot_height: float
    cushion: float  # thickness of the seat cushions
    back_thickness: float
    softness: float  # radius of edges
    recline: float  # degrees
    reach: float  # by which a chaise or a corner comes forward
    bend: float  # degrees from the middle to the end of a curved sofa
    pillows: int
    cover: Material
    pillow: Material
    frame: Material  # of feet and of all wood and metal


class Recipe(NamedTuple):
    """What suits one kind of sofa; the numbers of a word are its odds."""

    odds: float
    arms: dict[str, float]
    backs: dict[str, float]
    feet: dict[str, float]
    height: tuple[float, float]
    arm_height: tuple[float, float]  # as a share of the height
    arm_width: tuple[float, float]
    foot_height: tuple[float, float] = (0.07, 0.17)
    seat_width: tuple[float, float] = (0.55, 0.68)
    leather: float = 0.25  # odds


MODERN_FEET = {"block": 1, "tapered": 1.5, "skids": 1, "plinth": 0.8}
RECIPES = {
    "boxy": Recipe(
        *(
            3.0,
            {"track": 3, "slanted": 1.3, "flared": 1.3, "none": 0.8},
            {"cushions": 3, "tight": 1.2},
        ),
        *(MODERN_FEET, (0.74, 0.88), (0.66, 0.8), (0.1, 0.22)),
    ),
    "classic": Recipe(
        *(1.6, {"rolled": 1}, {"cushions": 1.5, "tight": 1}),
        *({"turned": 1.5, "block": 1, "plinth": 0.5}, (0.82, 0.94), (0.68, 0.74), (0.17, 0.22)),
    ),
    "chesterfield": Recipe(
        *(1.5, {"rolled": 1}, {"tufted": 1}, {"turned": 2, "block": 1}),
        *((0.7, 0.78), (1.0, 1.0), (0.17, 0.22)),
        leather=0.65,
    ),
    "camel": Recipe(
        *(1.1, {"rolled": 1}, {"camel": 1}, {"tapered": 1, "turned": 1, "block": 0.6}),
        *((0.86, 0.98), (0.66, 0.72), (0.15, 0.19), (0.13, 0.2)),
        leather=0.1,
    ),
    "curved": Recipe(
        *(1.4, {"none": 1}, {"shell": 1}, {"plinth": 1, "tapered": 1.3, "block": 0.7}),
        *((0.7, 0.84), (0.66, 1.0), (0.15, 0.2)),
        seat_width=(0.64, 0.76),
        leather=0.12,
    ),
    "chaise": Recipe(
        *(1.1, {"track": 2, "slanted": 0.6, "flared": 0.6}, {"cushions": 1}),
        *(MODERN_FEET, (0.76, 0.88), (0.68, 0.78), (0.12, 0.22)),
    ),
    "corner": Recipe(
        *(1.0, {"track": 2, "slanted": 0.6, "none": 0.6}, {"cushions": 1}),
        *(MODERN_FEET, (0.74, 0.84), (0.7, 0.8), (0.12, 0.2)),
        seat_width=(0.58, 0.66),
    ),
    "midcentury": Recipe(
        *(1.9, {"wooden": 3, "none": 1}, {"spindles": 1.3, "slats": 1}, {"tapered": 1}),
        *((0.76, 0.86), (0.68, 0.74), (0.06, 0.09), (0.2, 0.24)),
        leather=0.2,
    ),
    "slatted": Recipe(
        *(1.2, {"wooden": 1}, {"slats": 1.3, "spindles": 1}, {"block": 1}),
        *((0.78, 0.88), (0.7, 0.78), (0.08, 0.12), (0.22, 0.27)),
        leather=0.05,
    ),
    "tubular": Recipe(
        *(1.1, {"tube": 1}, {"cushions": 1}, {"skids": 1}),
        *((0.68, 0.76), (0.82, 0.94), (0.13, 0.16), (0.11, 0.15)),
        leather=0.75,
    ),
}
WOODEN = ("midcentury", "slatted")


def sample_sofa(rng: np.random.Generator) -> SofaStyle:
    """Draw the style of a sofa."""
    kind = _pick(rng, {name: recipe.odds for name, recipe in RECIPES.items()})
    recipe = RECIPES[kind]
    words = {
        "kind": kind,
        "side": _pick(rng, {"left": 1, "right": 1}),
        "arm": _pick(rng, recipe.arms),
        "back": _pick(rng, recipe.backs),
        "feet": _pick(rng, recipe.feet),
    }
    seats = {"curved": 3, "corner": 2}.get(kind, 2 + int(rng.random() < 0.42))
    bench = bool(kind == "camel" or (kind not in ("chaise", "corner") and rng.random() < 0.15))
    pillows = int(rng.choice([0, 1, 2, 3], p=[0.4, 0.1, 0.35, 0.15]))
    lengths = _lengths(words, recipe, seats, rng)
    return SofaStyle(
        **words,
        seats=seats,
        bench=bench,
        pillows=pillows,
        **lengths,
        **_materials(words, recipe, rng),
    )


def _pick(rng: np.random.Generator, odds: dict[str, float]) -> str:
    weights = np.array(list(odds.values()))
    return str(rng.choice(list(odds), p=weights / weights.sum()))


def _lengths(
    words: dict[str, str], recipe: Recipe, seats: int, rng: np.random.Generator
) -> dict[str, float]:
    draw = {
        name: float(rng.uniform(*getattr(recipe, name)))
        for name in ("height", "arm_width", "foot_height")
    }
    seat_width, arm_share = (
        float(rng.uniform(*bounds)) for bounds in (recipe.seat_width, recipe.arm_height)
    )
    thin = words["kind"] in WOODEN
    depth = float(rng.uniform(0.74, 0.8) if thin else rng.uniform(0.78, 0.92))
    if words["feet"] == "turned":
        draw["foot_height"] = min(draw["foot_height"], 0.11)  # a taller bun would be an egg
    arms = 0.0 if words["arm"] == "none" else 2 * draw["arm_width"]
    beside = depth - arms / 2 if words["kind"] == "corner" else 0.0
    return draw | {
        "width": max(seats * seat_width + arms, 1.36) + beside,
        "depth": depth,
        "seat_height": float(rng.uniform(0.39, 0.45)),
        "arm_height": arm_share * draw["height"],
        "cushion": float(rng.uniform(0.1, 0.13) if thin else rng.uniform(0.13, 0.19)),
        "back_thickness": float(rng.uniform(0.13, 0.19)),
        "softness": float(rng.uniform(0.02, 0.065)),
        "recline": float(rng.uniform(13, 19) if thin else rng.uniform(7, 13)),
        "reach": float(rng.uniform(0.55, 0.75)),
        "bend": float(rng.uniform(20, 38)),
    }


def _materials(
    words: dict[str, str], recipe: Recipe, rng: np.random.Generator
) -> dict[str, Material]:
    cover = leather(rng) if rng.random() < recipe.leather else fabric(rng)
    metallic = words["arm"] == "tube" or words["feet"] == "skids"
    return {"cover": cover, "pillow": fabric(rng), "frame": metal(rng) if metallic else wood(rng)}
