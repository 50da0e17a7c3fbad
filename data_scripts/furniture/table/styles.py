"""The style of a table, and how it is drawn: first what the table is for, then what suits that."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from data_scripts.furniture.render.materials import GLASS, Material, metal, paint, wood

Kind = Literal["dining", "side", "coffee", "desk", "console"]
Shape = Literal["rectangle", "rounded", "round", "oval", "superellipse", "octagon"]
Edge = Literal["square", "bevel", "knife", "round", "tray"]
Surface = Literal["plain", "planks", "inlay"]
Base = Literal["legs", "pedestal", "trestle", "panels", "frames", "cross", "cage", "drum"]
Leg = Literal["square", "tapered", "splayed", "round", "turned", "curved", "hairpin"]
Turning = Literal["baluster", "rings", "bobbins"]
Foot = Literal["disc", "trumpet", "three", "four", "star"]
End = Literal["post", "sawhorse", "x"]
Loop = Literal["closed", "open", "trapezoid"]
Cross = Literal["bars", "boards", "tripod"]
Stretcher = Literal["none", "box", "h", "x"]
Drawers = Literal["none", "row", "chest", "two chests"]


@dataclass(frozen=True)
class TableStyle:
    """What one table looks like; lengths in metres."""

    kind: Kind
    shape: Shape
    width: float
    depth: float
    height: float
    thickness: float  # of the top
    overhang: float  # of the top over what carries it
    edge: Edge
    surface: Surface
    base: Base
    girth: float  # of a leg or a post
    leg: Leg  # of base "legs"
    turning: Turning  # of leg "turned"
    splay: float  # share of the height by which legs spread
    foot: Foot  # of base "pedestal"
    end: End  # of base "trestle"
    loop: Loop  # of base "frames"
    cross: Cross  # of base "cross"
    apron: float  # height of the rails below the top, or 0
    stretcher: Stretcher
    shelf: bool
    drawers: Drawers
    top: Material
    frame: Material
    fronts: Material  # of drawers, and the inlay of the top
    handles: Material


class Recipe(NamedTuple):
    """What suits one kind of table; the numbers of a word are its odds."""

    width: tuple[float, float]
    depth: tuple[float, float]  # as a share of the width
    height: tuple[float, float]
    girth: tuple[float, float]
    shapes: dict[str, float]
    bases: dict[str, float]


LONG = {"rectangle": 4, "rounded": 2, "superellipse": 1.5, "oval": 1.5}
RECIPES = {
    "dining": Recipe(
        *((1.25, 2.1), (0.45, 0.62), (0.71, 0.76), (0.045, 0.085)),
        shapes=LONG | {"round": 3, "octagon": 1},
        bases={
            "legs": 5,
            "pedestal": 3,
            "trestle": 2,
            "panels": 0.7,
            "frames": 1.2,
            "cross": 1.2,
            "cage": 0.8,
        },
    ),
    "side": Recipe(
        *((0.56, 0.76), (0.75, 1.0), (0.36, 0.46), (0.026, 0.04)),
        shapes={"rectangle": 3, "rounded": 1.5, "round": 4, "octagon": 1.5, "superellipse": 1},
        bases={
            "legs": 5,
            "pedestal": 3,
            "frames": 1.2,
            "cross": 1.2,
            "cage": 1.2,
            "drum": 1,
            "panels": 0.5,
        },
    ),
    "coffee": Recipe(
        *((0.9, 1.35), (0.45, 0.65), (0.32, 0.44), (0.028, 0.055)),
        shapes=LONG | {"round": 3, "octagon": 0.8},
        bases={
            "legs": 4,
            "pedestal": 0.8,
            "panels": 1.3,
            "frames": 2,
            "cross": 1.3,
            "cage": 1,
            "drum": 0.9,
        },
    ),
    "desk": Recipe(
        *((1.15, 1.65), (0.45, 0.55), (0.71, 0.76), (0.035, 0.06)),
        shapes={"rectangle": 5, "rounded": 2},
        bases={"legs": 7, "trestle": 1, "panels": 0.8, "frames": 0.9},
    ),
    "console": Recipe(
        *((1.1, 1.55), (0.26, 0.33), (0.72, 0.8), (0.03, 0.05)),
        shapes={"rectangle": 5, "rounded": 1, "oval": 0.7},
        bases={"legs": 5, "panels": 1, "frames": 1.5, "trestle": 0.7},
    ),
}
ODDS: dict[str, dict[str, float]] = {
    "kind": {"dining": 3, "coffee": 2.2, "side": 1.6, "desk": 1.8, "console": 1.2},
    "edge": {"square": 3, "bevel": 2, "knife": 2, "round": 2, "tray": 1.2},
    "leg": {
        "square": 2,
        "tapered": 2,
        "splayed": 2,
        "round": 1.2,
        "turned": 2.2,
        "curved": 1.4,
        "hairpin": 1.3,
    },
    "turning": {"baluster": 1, "rings": 1, "bobbins": 0.7},
    "foot": {"disc": 1, "trumpet": 1.4, "three": 1.2, "four": 1.2, "star": 0.8},
    "end": {"post": 1.3, "sawhorse": 1, "x": 1},
    "loop": {"closed": 1, "open": 0.7, "trapezoid": 0.8},
    "cross": {"bars": 1, "boards": 0.8, "tripod": 0.8},
    "stretcher": {"none": 1.6, "box": 1, "h": 1.2, "x": 0.9},
}
METAL_BASES = ("frames", "cage")
STONE = (Material("#e7e4de", 0.7), Material("#3b4440", 0.8), Material("#b9a995", 0.6))


def sample_table(rng: np.random.Generator) -> TableStyle:
    """Draw the style of a table."""
    words = {name: _pick(rng, odds) for name, odds in ODDS.items()}
    recipe = RECIPES[words["kind"]]
    words |= {"shape": _pick(rng, recipe.shapes), "base": _pick(rng, recipe.bases)}
    words = _fitted(words)
    words |= _fittings(words, rng)
    return TableStyle(**words, **_lengths(words, recipe, rng), **_materials(words, rng))


def _pick(rng: np.random.Generator, odds: dict[str, float]) -> str:
    weights = np.array(list(odds.values()))
    return str(rng.choice(list(odds), p=weights / weights.sum()))


def _fitted(words: dict[str, str]) -> dict[str, str]:
    """The words, where some had to give way because they do not go together."""
    kind, shape, base, leg, edge = (
        words[name] for name in ("kind", "shape", "base", "leg", "edge")
    )
    even = shape in ("round", "octagon")
    if base == "trestle" and even:
        base = "legs"
    if base == "panels" and shape not in ("rectangle", "rounded"):
        base = "cross"
    if base == "cage" and shape == "rectangle":
        shape = "round"
    if base == "panels" and edge == "knife":
        edge = "square"  # the panels would end beside the narrow lower face
    if kind in ("desk", "console") and edge == "tray":
        edge = "bevel"
    if kind == "console" and leg == "splayed":
        leg = "tapered"
    cross = (
        words["cross"] if even or words["cross"] != "tripod" else "bars"
    )  # a long top would tip over
    return words | {"shape": shape, "base": base, "leg": leg, "edge": edge, "cross": cross}


def _fittings(words: dict[str, str], rng: np.random.Generator) -> dict[str, str | bool]:
    """Drawers, shelf, stretchers and the make of the top, as far as the base has room for them."""
    straight = words["shape"] in ("rectangle", "rounded")
    legs = words["base"] == "legs"
    plain_legs = words["leg"] in ("square", "tapered", "round", "turned")
    drawers = _drawers(words, rng) if straight and legs else "none"
    low = words["kind"] in ("side", "coffee", "console")
    shelf = bool(low and legs and plain_legs and rng.random() < 0.6)
    roomy = legs and plain_legs and not shelf and drawers in ("none", "row")
    surfaces = {"plain": 6, "inlay": 1.5} | ({"planks": 4} if words["shape"] == "rectangle" else {})
    surface = "plain" if words["edge"] in ("tray", "knife") else _pick(rng, surfaces)
    return {
        "drawers": drawers,
        "shelf": shelf,
        "stretcher": words["stretcher"] if roomy else "none",
        "surface": surface,
    }


def _drawers(words: dict[str, str], rng: np.random.Generator) -> str:
    odds = {
        "desk": {"none": 1.2, "row": 1.5}
        | ({} if words["leg"] == "curved" else {"chest": 1.5, "two chests": 1}),
        "console": {"none": 1, "row": 1},
        "side": {"none": 1.4, "row": 1},
        "coffee": {"none": 3, "row": 1},
        "dining": {"none": 1},
    }
    return _pick(rng, odds[words["kind"]])


def _lengths(words: dict[str, str], recipe: Recipe, rng: np.random.Generator) -> dict[str, float]:
    width, share, height, girth = (float(rng.uniform(*bounds)) for bounds in recipe[:4])
    if words["shape"] in ("round", "octagon"):
        width, share = min(width, 1.35) * 0.92, 1.0
    elif (
        words["shape"] == "rectangle"
        and words["kind"] in ("dining", "coffee")
        and rng.random() < 0.15
    ):
        width, share = recipe.width[0] * 0.85, 1.0  # a square one
    apron = 0.0 if rng.random() < 0.3 else float(rng.uniform(0.14, 0.2) * min(height, 0.55))
    return {
        "width": width,
        "depth": width * share,
        "height": min(height, (0.66 if words["kind"] == "side" else 0.8) * width),
        "girth": girth,
        "thickness": float(rng.uniform(0.02, 0.03 if width < 0.8 else 0.05)),
        "overhang": float(rng.uniform(0.0, 0.08) if rng.random() < 0.7 else 0.0),
        "splay": float(rng.uniform(0.08, 0.2)),
        "apron": 0.16 if words["drawers"] == "row" and height > 0.6 else apron,
    }


def _materials(words: dict[str, str], rng: np.random.Generator) -> dict[str, Material]:
    metallic = words["base"] in METAL_BASES or (words["base"], words["leg"]) == ("legs", "hairpin")
    carved = words["drawers"] != "none" or words["leg"] in ("turned", "curved")
    odds = (
        {"wood": 0.15, "metal": 1, "paint": 0.4}
        if metallic
        else {"wood": 1, "paint": 0.35, "metal": 0.25}
    )
    if carved or words["base"] in ("trestle", "panels"):
        odds = {"wood": 1, "paint": 0.4} if not metallic else odds
    made_of = {"wood": wood, "metal": metal, "paint": paint}
    frame_is = _pick(rng, odds)
    frame = made_of[frame_is](rng)
    return {
        "frame": frame,
        "top": _top(words, frame if frame_is == "wood" else None, frame, rng),
        "fronts": frame
        if rng.random() < 0.35
        else made_of[_pick(rng, {"wood": 1, "paint": 1})](rng),
        "handles": metal(rng),
    }


def _top(
    words: dict[str, str], same: Material | None, frame: Material, rng: np.random.Generator
) -> Material:
    """The same wood as below, or else another wood, a coat of paint, stone or dark glass."""
    if words["surface"] == "planks":
        return same or wood(rng)
    roll = rng.random()
    if same and roll < 0.6:
        return same
    if not same and roll < 0.45:
        return wood(rng)
    others = [GLASS, frame, paint(rng), STONE[int(rng.integers(len(STONE)))], wood(rng)]
    return others[int(rng.integers(len(others)))]
