"""The style of a sofa, and how it is drawn: first its family, then what suits that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict, TypeVar

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
Word = TypeVar("Word", bound=str)


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
    arms: dict[Arm, float]
    backs: dict[Back, float]
    feet: dict[Feet, float]
    height: tuple[float, float]
    arm_height: tuple[float, float]  # as a share of the height
    arm_width: tuple[float, float]
    foot_height: tuple[float, float] = (0.07, 0.17)
    seat_width: tuple[float, float] = (0.55, 0.68)
    leather: float = 0.25  # odds


MODERN_FEET: dict[Feet, float] = {"block": 1, "tapered": 1.5, "skids": 1, "plinth": 0.8}
RECIPES: dict[Kind, Recipe] = {
    "boxy": Recipe(
        odds=3.0,
        arms={"track": 3, "slanted": 1.3, "flared": 1.3, "none": 0.8},
        backs={"cushions": 3, "tight": 1.2},
        feet=MODERN_FEET,
        height=(0.74, 0.88),
        arm_height=(0.66, 0.8),
        arm_width=(0.1, 0.22),
    ),
    "classic": Recipe(
        odds=1.6,
        arms={"rolled": 1},
        backs={"cushions": 1.5, "tight": 1},
        feet={"turned": 1.5, "block": 1, "plinth": 0.5},
        height=(0.82, 0.94),
        arm_height=(0.68, 0.74),
        arm_width=(0.17, 0.22),
    ),
    "chesterfield": Recipe(
        odds=1.5,
        arms={"rolled": 1},
        backs={"tufted": 1},
        feet={"turned": 2, "block": 1},
        height=(0.7, 0.78),
        arm_height=(1.0, 1.0),
        arm_width=(0.17, 0.22),
        leather=0.65,
    ),
    "camel": Recipe(
        odds=1.1,
        arms={"rolled": 1},
        backs={"camel": 1},
        feet={"tapered": 1, "turned": 1, "block": 0.6},
        height=(0.86, 0.98),
        arm_height=(0.66, 0.72),
        arm_width=(0.15, 0.19),
        foot_height=(0.13, 0.2),
        leather=0.1,
    ),
    "curved": Recipe(
        odds=1.4,
        arms={"none": 1},
        backs={"shell": 1},
        feet={"plinth": 1, "tapered": 1.3, "block": 0.7},
        height=(0.7, 0.84),
        arm_height=(0.66, 1.0),
        arm_width=(0.15, 0.2),
        seat_width=(0.64, 0.76),
        leather=0.12,
    ),
    "chaise": Recipe(
        odds=1.1,
        arms={"track": 2, "slanted": 0.6, "flared": 0.6},
        backs={"cushions": 1},
        feet=MODERN_FEET,
        height=(0.76, 0.88),
        arm_height=(0.68, 0.78),
        arm_width=(0.12, 0.22),
    ),
    "corner": Recipe(
        odds=1.0,
        arms={"track": 2, "slanted": 0.6, "none": 0.6},
        backs={"cushions": 1},
        feet=MODERN_FEET,
        height=(0.74, 0.84),
        arm_height=(0.7, 0.8),
        arm_width=(0.12, 0.2),
        seat_width=(0.58, 0.66),
    ),
    "midcentury": Recipe(
        odds=1.9,
        arms={"wooden": 3, "none": 1},
        backs={"spindles": 1.3, "slats": 1},
        feet={"tapered": 1},
        height=(0.76, 0.86),
        arm_height=(0.68, 0.74),
        arm_width=(0.06, 0.09),
        foot_height=(0.2, 0.24),
        leather=0.2,
    ),
    "slatted": Recipe(
        odds=1.2,
        arms={"wooden": 1},
        backs={"slats": 1.3, "spindles": 1},
        feet={"block": 1},
        height=(0.78, 0.88),
        arm_height=(0.7, 0.78),
        arm_width=(0.08, 0.12),
        foot_height=(0.22, 0.27),
        leather=0.05,
    ),
    "tubular": Recipe(
        odds=1.1,
        arms={"tube": 1},
        backs={"cushions": 1},
        feet={"skids": 1},
        height=(0.68, 0.76),
        arm_height=(0.82, 0.94),
        arm_width=(0.13, 0.16),
        foot_height=(0.11, 0.15),
        leather=0.75,
    ),
}
SIDES: dict[Side, float] = {"left": 1, "right": 1}
WOODEN = ("midcentury", "slatted")


class Words(TypedDict):
    """The parts of a style that are words."""

    kind: Kind
    side: Side
    arm: Arm
    back: Back
    feet: Feet


class Lengths(TypedDict):
    """The parts of a style that are measures."""

    width: float
    depth: float
    height: float
    seat_height: float
    arm_height: float
    arm_width: float
    foot_height: float
    cushion: float
    back_thickness: float
    softness: float
    recline: float
    reach: float
    bend: float


class Materials(TypedDict):
    """The parts of a style that are materials."""

    cover: Material
    pillow: Material
    frame: Material


def sample_sofa(rng: np.random.Generator) -> SofaStyle:
    """Draw the style of a sofa."""
    kind = _pick(rng, {name: recipe.odds for name, recipe in RECIPES.items()})
    recipe = RECIPES[kind]
    words: Words = {
        "kind": kind,
        "side": _pick(rng, SIDES),
        "arm": _pick(rng, recipe.arms),
        "back": _pick(rng, recipe.backs),
        "feet": _pick(rng, recipe.feet),
    }
    two_or_three = 2 + int(rng.random() < 0.42)
    seats = {"curved": 3, "corner": 2}.get(kind, two_or_three)
    bench = kind == "camel" or (kind not in ("chaise", "corner") and bool(rng.random() < 0.15))
    pillows = int(rng.choice([0, 1, 2, 3], p=[0.4, 0.1, 0.35, 0.15]))
    return SofaStyle(
        **words,
        seats=seats,
        bench=bench,
        pillows=pillows,
        **_lengths(words, recipe, seats, rng),
        **_materials(words, recipe, rng),
    )


def _pick(rng: np.random.Generator, odds: Mapping[Word, float]) -> Word:
    words, weights = list(odds), np.array(list(odds.values()))
    return words[rng.choice(len(words), p=weights / weights.sum())]


def _between(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(rng.uniform(*bounds))


def _lengths(words: Words, recipe: Recipe, seats: int, rng: np.random.Generator) -> Lengths:
    height, arm_width = _between(rng, recipe.height), _between(rng, recipe.arm_width)
    foot_height = _between(rng, recipe.foot_height)
    seat_width, arm_share = _between(rng, recipe.seat_width), _between(rng, recipe.arm_height)
    thin = words["kind"] in WOODEN
    depth = _between(rng, (0.74, 0.8) if thin else (0.78, 0.92))
    if words["feet"] == "turned":
        foot_height = min(foot_height, 0.11)  # a taller bun would be an egg
    arms = 0.0 if words["arm"] == "none" else 2 * arm_width
    beside = depth - arms / 2 if words["kind"] == "corner" else 0.0
    return {
        "width": max(seats * seat_width + arms, 1.36) + beside,
        "depth": depth,
        "height": height,
        "seat_height": _between(rng, (0.39, 0.45)),
        "arm_height": arm_share * height,
        "arm_width": arm_width,
        "foot_height": foot_height,
        "cushion": _between(rng, (0.1, 0.13) if thin else (0.13, 0.19)),
        "back_thickness": _between(rng, (0.13, 0.19)),
        "softness": _between(rng, (0.02, 0.065)),
        "recline": _between(rng, (13, 19) if thin else (7, 13)),
        "reach": _between(rng, (0.55, 0.75)),
        "bend": _between(rng, (20, 38)),
    }


def _materials(words: Words, recipe: Recipe, rng: np.random.Generator) -> Materials:
    cover = leather(rng) if rng.random() < recipe.leather else fabric(rng)
    metallic = words["arm"] == "tube" or words["feet"] == "skids"
    return {"cover": cover, "pillow": fabric(rng), "frame": metal(rng) if metallic else wood(rng)}
