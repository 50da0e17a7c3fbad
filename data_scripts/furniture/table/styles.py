"""The style of a table, and how it is drawn: first what the table is for, then what suits that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict, TypeVar

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
Word = TypeVar("Word", bound=str)


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
    shapes: dict[Shape, float]
    bases: dict[Base, float]


LONG: dict[Shape, float] = {"rectangle": 4, "rounded": 2, "superellipse": 1.5, "oval": 1.5}
RECIPES: dict[Kind, Recipe] = {
    "dining": Recipe(
        width=(1.25, 2.1),
        depth=(0.45, 0.62),
        height=(0.71, 0.76),
        girth=(0.045, 0.085),
        shapes={**LONG, "round": 3, "octagon": 1},
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
        width=(0.56, 0.76),
        depth=(0.75, 1.0),
        height=(0.36, 0.46),
        girth=(0.026, 0.04),
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
        width=(0.9, 1.35),
        depth=(0.45, 0.65),
        height=(0.32, 0.44),
        girth=(0.028, 0.055),
        shapes={**LONG, "round": 3, "octagon": 0.8},
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
        width=(1.15, 1.65),
        depth=(0.45, 0.55),
        height=(0.71, 0.76),
        girth=(0.035, 0.06),
        shapes={"rectangle": 5, "rounded": 2},
        bases={"legs": 7, "trestle": 1, "panels": 0.8, "frames": 0.9},
    ),
    "console": Recipe(
        width=(1.1, 1.55),
        depth=(0.26, 0.33),
        height=(0.72, 0.8),
        girth=(0.03, 0.05),
        shapes={"rectangle": 5, "rounded": 1, "oval": 0.7},
        bases={"legs": 5, "panels": 1, "frames": 1.5, "trestle": 0.7},
    ),
}
KINDS: dict[Kind, float] = {"dining": 3, "coffee": 2.2, "side": 1.6, "desk": 1.8, "console": 1.2}
EDGES: dict[Edge, float] = {"square": 3, "bevel": 2, "knife": 2, "round": 2, "tray": 1.2}
LEGS: dict[Leg, float] = {
    "square": 2,
    "tapered": 2,
    "splayed": 2,
    "round": 1.2,
    "turned": 2.2,
    "curved": 1.4,
    "hairpin": 1.3,
}
TURNINGS: dict[Turning, float] = {"baluster": 1, "rings": 1, "bobbins": 0.7}
FEET: dict[Foot, float] = {"disc": 1, "trumpet": 1.4, "three": 1.2, "four": 1.2, "star": 0.8}
ENDS: dict[End, float] = {"post": 1.3, "sawhorse": 1, "x": 1}
LOOPS: dict[Loop, float] = {"closed": 1, "open": 0.7, "trapezoid": 0.8}
CROSSES: dict[Cross, float] = {"bars": 1, "boards": 0.8, "tripod": 0.8}
STRETCHERS: dict[Stretcher, float] = {"none": 1.6, "box": 1, "h": 1.2, "x": 0.9}
DRAWERS: dict[Kind, dict[Drawers, float]] = {
    "desk": {"none": 1.2, "row": 1.5, "chest": 1.5, "two chests": 1},
    "console": {"none": 1, "row": 1},
    "side": {"none": 1.4, "row": 1},
    "coffee": {"none": 3, "row": 1},
    "dining": {"none": 1},
}
METAL_BASES = ("frames", "cage")
STONE = (Material("#e7e4de", 0.7), Material("#3b4440", 0.8), Material("#b9a995", 0.6))


class Words(NamedTuple):
    """What is drawn first: the words that a style is made of."""

    kind: Kind
    edge: Edge
    leg: Leg
    turning: Turning
    foot: Foot
    end: End
    loop: Loop
    cross: Cross
    stretcher: Stretcher
    shape: Shape
    base: Base


class Fittings(NamedTuple):
    """What is drawn next: what the base has room for."""

    drawers: Drawers
    shelf: bool
    stretcher: Stretcher
    surface: Surface


class Lengths(TypedDict):
    """The parts of a style that are measures."""

    width: float
    depth: float
    height: float
    girth: float
    thickness: float
    overhang: float
    splay: float
    apron: float


class Materials(TypedDict):
    """The parts of a style that are materials."""

    top: Material
    frame: Material
    fronts: Material
    handles: Material


def sample_table(rng: np.random.Generator) -> TableStyle:
    """Draw the style of a table."""
    words = _words(rng)
    fittings = _fittings(words, rng)
    return TableStyle(
        kind=words.kind,
        shape=words.shape,
        edge=words.edge,
        surface=fittings.surface,
        base=words.base,
        leg=words.leg,
        turning=words.turning,
        foot=words.foot,
        end=words.end,
        loop=words.loop,
        cross=words.cross,
        stretcher=fittings.stretcher,
        shelf=fittings.shelf,
        drawers=fittings.drawers,
        **_lengths(words, fittings, rng),
        **_materials(words, fittings, rng),
    )


def _pick(rng: np.random.Generator, odds: Mapping[Word, float]) -> Word:
    words, weights = list(odds), np.array(list(odds.values()))
    return words[rng.choice(len(words), p=weights / weights.sum())]


def _between(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(rng.uniform(*bounds))


def _words(rng: np.random.Generator) -> Words:
    kind = _pick(rng, KINDS)
    recipe = RECIPES[kind]
    # Changing the order of these lines would change all tables: each takes one random number.
    words = Words(
        kind=kind,
        edge=_pick(rng, EDGES),
        leg=_pick(rng, LEGS),
        turning=_pick(rng, TURNINGS),
        foot=_pick(rng, FEET),
        end=_pick(rng, ENDS),
        loop=_pick(rng, LOOPS),
        cross=_pick(rng, CROSSES),
        stretcher=_pick(rng, STRETCHERS),
        shape=_pick(rng, recipe.shapes),
        base=_pick(rng, recipe.bases),
    )
    return _matched(words)


def _matched(words: Words) -> Words:
    """The words, with those replaced that do not go together."""
    even = words.shape in ("round", "octagon")
    if words.base == "trestle" and even:
        words = words._replace(base="legs")
    if words.base == "panels" and words.shape not in ("rectangle", "rounded"):
        words = words._replace(base="cross")
    if words.base == "cage" and words.shape == "rectangle":
        words = words._replace(shape="round")
    if words.base == "panels" and words.edge == "knife":
        # The panels would end beside the narrow lower face.
        words = words._replace(edge="square")
    if words.kind in ("desk", "console") and words.edge == "tray":
        words = words._replace(edge="bevel")
    if words.kind == "console" and words.leg == "splayed":
        words = words._replace(leg="tapered")
    if words.cross == "tripod" and not even:
        words = words._replace(cross="bars")  # a long top would tip over
    return words


def _fittings(words: Words, rng: np.random.Generator) -> Fittings:
    """Drawers, shelf, stretchers and the make of the top, as far as the base has room for them."""
    straight = words.shape in ("rectangle", "rounded")
    legs = words.base == "legs"
    plain_legs = words.leg in ("square", "tapered", "round", "turned")
    drawers: Drawers = _drawers(words, rng) if straight and legs else "none"
    low = words.kind in ("side", "coffee", "console")
    shelf = low and legs and plain_legs and bool(rng.random() < 0.6)
    roomy = legs and plain_legs and not shelf and drawers in ("none", "row")
    return Fittings(
        drawers=drawers,
        shelf=shelf,
        stretcher=words.stretcher if roomy else "none",
        surface=_surface(words, rng),
    )


def _surface(words: Words, rng: np.random.Generator) -> Surface:
    if words.edge in ("tray", "knife"):
        return "plain"
    odds: dict[Surface, float] = {"plain": 6, "inlay": 1.5}
    if words.shape == "rectangle":
        odds["planks"] = 4
    return _pick(rng, odds)


def _drawers(words: Words, rng: np.random.Generator) -> Drawers:
    odds = DRAWERS[words.kind]
    if words.leg == "curved":
        odds = {name: odds[name] for name in odds if name in ("none", "row")}
    return _pick(rng, odds)


def _lengths(words: Words, fittings: Fittings, rng: np.random.Generator) -> Lengths:
    recipe = RECIPES[words.kind]
    width, share = _between(rng, recipe.width), _between(rng, recipe.depth)
    height, girth = _between(rng, recipe.height), _between(rng, recipe.girth)
    may_be_square = words.shape == "rectangle" and words.kind in ("dining", "coffee")
    if words.shape in ("round", "octagon"):
        width, share = min(width, 1.35) * 0.92, 1.0
    elif may_be_square and rng.random() < 0.15:
        width, share = recipe.width[0] * 0.85, 1.0
    apron = 0.0 if rng.random() < 0.3 else _between(rng, (0.14, 0.2)) * min(height, 0.55)
    tallest = (0.66 if words.kind == "side" else 0.8) * width
    return {
        "width": width,
        "depth": width * share,
        "height": min(height, tallest),
        "girth": girth,
        "thickness": _between(rng, (0.02, 0.03 if width < 0.8 else 0.05)),
        "overhang": _between(rng, (0.0, 0.08)) if rng.random() < 0.7 else 0.0,
        "splay": _between(rng, (0.08, 0.2)),
        "apron": 0.16 if fittings.drawers == "row" and height > 0.6 else apron,
    }


def _materials(words: Words, fittings: Fittings, rng: np.random.Generator) -> Materials:
    hairpins = words.base == "legs" and words.leg == "hairpin"
    metallic = words.base in METAL_BASES or hairpins
    carved = fittings.drawers != "none" or words.leg in ("turned", "curved")
    if metallic:
        odds = {"wood": 0.15, "metal": 1, "paint": 0.4}
    elif carved or words.base in ("trestle", "panels"):
        odds = {"wood": 1, "paint": 0.4}
    else:
        odds = {"wood": 1, "paint": 0.35, "metal": 0.25}
    made_of = {"wood": wood, "metal": metal, "paint": paint}
    frame_is = _pick(rng, odds)
    frame = made_of[frame_is](rng)
    top = _top(fittings, frame if frame_is == "wood" else None, frame, rng)
    as_frame = rng.random() < 0.35
    fronts = frame if as_frame else made_of[_pick(rng, {"wood": 1, "paint": 1})](rng)
    return {"top": top, "frame": frame, "fronts": fronts, "handles": metal(rng)}


def _top(
    fittings: Fittings, same: Material | None, frame: Material, rng: np.random.Generator
) -> Material:
    """The same wood as below, or else another wood, a coat of paint, stone or dark glass."""
    if fittings.surface == "planks":
        return same or wood(rng)
    roll = rng.random()
    if same and roll < 0.6:
        return same
    if not same and roll < 0.45:
        return wood(rng)
    others = [GLASS, frame, paint(rng), STONE[int(rng.integers(len(STONE)))], wood(rng)]
    return others[int(rng.integers(len(others)))]
