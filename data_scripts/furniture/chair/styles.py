"""The style of a chair or a stool, and how it is drawn: first a kind, then what suits it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from data_scripts.furniture.render.materials import Material, fabric, leather, metal, paint, wood

Rng = np.random.Generator
Word = TypeVar("Word", bound=str)
Outline = Literal["square", "rounded", "round"]
Seat = Literal["board", "saddle", "pad", "woven", "cushion", "sling", "shell"]
Legs = Literal[
    "straight",
    "tapered",
    "turned",
    "splayed",
    "sabre",
    "wire",
    "rocking",
    "cantilever",
    "sled",
    "crossed",
    "pedestal",
    "swivel",
]
Stretchers = Literal["none", "h", "box", "ladder", "cross", "ring", "footrest"]
Back = Literal[
    "none",
    "slatted",
    "ladder",
    "cross",
    "splat",
    "panel",
    "hoop",
    "comb",
    "low",
    "padded",
    "sling",
    "wing",
    "tub",
    "shell",
]
Arms = Literal["none", "straight", "curved", "horseshoe", "padded", "loop", "tee", "moulded"]


@dataclass(frozen=True)
class ChairStyle:
    """What one chair looks like; lengths in metres."""

    seat: Seat
    outline: Outline  # of the seat, from above
    seat_width: float  # at the front
    seat_depth: float
    seat_height: float  # of its upper side, without the swelling of a pad
    seat_thickness: float
    seat_taper: float  # width at the rear over width at the front
    legs: Legs
    leg_thickness: float  # where a leg is thickest; of a tube, its diameter
    leg_splay: float  # degrees, outward both ways
    stretchers: Stretchers
    back: Back
    back_height: float  # above the seat
    back_recline: float  # degrees
    back_curve: float  # metres by which the middle lies behind the sides
    back_flare: float  # width at the top over width at the seat
    back_members: int  # slats, rungs or spindles
    arms: Arms
    arm_height: float  # above the seat
    frame: Material  # of legs, posts, rails and arms
    cover: Material  # of the seat, and of a padded or moulded back


def sample_chair(rng: Rng) -> ChairStyle:
    """Draw the style of a chair; one in eight is a stool."""
    shares = np.array([share for _, share in KINDS])
    make, _ = KINDS[rng.choice(len(KINDS), p=shares / shares.sum())]
    return make(_side_chair(rng), rng)


def _one_of(rng: Rng, *options: Word) -> Word:
    """One of some words; a word given twice comes twice as often."""
    return options[rng.integers(len(options))]


def _between(rng: Rng, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _timber(rng: Rng) -> Material:
    return wood(rng) if rng.random() < 0.72 else paint(rng)


def _cloth(rng: Rng) -> Material:
    return fabric(rng) if rng.random() < 0.7 else leather(rng)


# A light and a dark colour of woven straw or cane.
RUSHES = [("#d3bb84", "#a98c55"), ("#c9a66b", "#9a7540"), ("#e0d3b4", "#b7a682")]


def _rush(rng: Rng) -> Material:
    """Woven straw or cane."""
    light, dark = RUSHES[rng.integers(len(RUSHES))]
    return Material(light, 0.0, "stripes", dark, _between(rng, 0.024, 0.036))


def _side_chair(rng: Rng) -> ChairStyle:
    """A plain wooden chair without arms: what the kinds below change as they need."""
    timber = _timber(rng)
    return ChairStyle(
        seat="board",
        outline="square",
        seat_width=_between(rng, 0.4, 0.48),
        seat_depth=_between(rng, 0.39, 0.45),
        seat_height=_between(rng, 0.43, 0.47),
        seat_thickness=0.028,
        seat_taper=_between(rng, 0.82, 1.0),
        legs="straight",
        leg_thickness=_between(rng, 0.032, 0.044),
        leg_splay=_between(rng, 0.5, 3),
        stretchers="none",
        back="panel",
        back_height=_between(rng, 0.38, 0.52),
        back_recline=_between(rng, 6, 13),
        back_curve=_between(rng, 0.015, 0.05),
        back_flare=_between(rng, 0.94, 1.08),
        back_members=0,
        arms="none",
        arm_height=_between(rng, 0.2, 0.24),
        frame=timber,
        cover=timber,
    )


def _upholster(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Give a wooden chair one of the seats that suit it."""
    kind: Seat = _one_of(rng, "board", "pad", "pad", "woven")
    board = style.cover if rng.random() < 0.6 else _timber(rng)
    cover = {"board": board, "pad": _cloth(rng), "woven": _rush(rng)}[kind]
    thick = {"board": 0.028, "pad": _between(rng, 0.045, 0.06), "woven": 0.038}[kind]
    return replace(style, seat=kind, cover=cover, seat_thickness=thick)


def _dining(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Of wood, for the table."""
    style = replace(
        _upholster(style, rng),
        outline=_one_of(rng, "square", "square", "rounded"),
        legs=_one_of(rng, "straight", "tapered", "tapered", "sabre"),
        back=_one_of(rng, "slatted", "slatted", "cross", "splat", "panel", "padded", "ladder"),
        arms=_one_of(rng, "none", "none", "none", "straight"),
        stretchers=_one_of(rng, "none", "none", "h", "box"),
        back_members=int(rng.integers(3, 7)),
    )
    if style.back in ("panel", "padded") and style.seat == "woven":
        style = replace(style, back="ladder")
    if style.back not in ("slatted", "ladder"):
        style = replace(style, back_members=0)
    if style.back == "padded":
        style = replace(style, seat="pad", seat_thickness=0.055, cover=_cloth(rng))
    if style.legs == "sabre":
        return replace(style, leg_splay=_between(rng, 8, 12), stretchers="none")
    return style


def _ladder_back(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Turned, with a woven seat."""
    return replace(
        style,
        seat="woven",
        cover=_rush(rng),
        seat_thickness=0.038,
        legs="turned",
        back="ladder",
        back_members=int(rng.integers(3, 6)),
        back_height=_between(rng, 0.5, 0.62),
        seat_taper=_between(rng, 0.78, 0.88),
        arms=_one_of(rng, "none", "none", "straight"),
        stretchers=_one_of(rng, "ladder", "box"),
    )


def _windsor(style: ChairStyle, rng: Rng) -> ChairStyle:
    """All of wood: a saddle seat that legs and spindles stand in."""
    kind: Back = _one_of(rng, "hoop", "hoop", "comb")
    return replace(
        style,
        seat="saddle",
        outline=_one_of(rng, "rounded", "round"),
        seat_width=_between(rng, 0.44, 0.5),
        seat_thickness=0.045,
        legs=_one_of(rng, "splayed", "splayed", "rocking"),
        leg_splay=_between(rng, 9, 13),
        leg_thickness=_between(rng, 0.036, 0.042),
        stretchers=_one_of(rng, "h", "h", "box"),
        back=kind,
        back_members=int(rng.integers(5, 9)),
        back_height=_between(rng, 0.48, 0.6),
        back_recline=_between(rng, 11, 17),
        back_flare=_between(rng, 1.05, 1.25),
        arms=_one_of(rng, "none", "horseshoe")
        if kind == "hoop"
        else _one_of(rng, "none", "curved"),
        cover=style.frame if rng.random() < 0.7 else wood(rng),
    )


def _bentwood(style: ChairStyle, rng: Rng) -> ChairStyle:
    """A café's: round seat, bent back."""
    size = _between(rng, 0.4, 0.44)
    kind: Seat = _one_of(rng, "woven", "board")
    return replace(
        style,
        seat=kind,
        cover=_rush(rng) if kind == "woven" else style.frame,
        seat_thickness=0.032,
        outline="round",
        seat_width=size,
        seat_depth=size,
        seat_taper=1.0,
        legs="sabre",
        leg_thickness=_between(rng, 0.03, 0.034),
        leg_splay=_between(rng, 4, 7),
        stretchers="ring",
        back="hoop",
        back_members=int(rng.choice([0, 0, 3])),
        back_flare=_between(rng, 1.1, 1.3),
        arms=_one_of(rng, "none", "none", "curved"),
    )


def _low_back(style: ChairStyle, rng: Rng) -> ChairStyle:
    """With a low rail around the sitter."""
    height = _between(rng, 0.24, 0.3)
    return replace(
        _upholster(style, rng),
        outline=_one_of(rng, "rounded", "round", "rounded"),
        seat_width=_between(rng, 0.47, 0.53),
        seat_taper=_between(rng, 0.86, 0.95),
        legs=_one_of(rng, "tapered", "splayed"),
        leg_splay=_between(rng, 3, 7),
        stretchers=_one_of(rng, "none", "box", "h"),
        back="low",
        back_members=int(rng.choice([0, 1, 5, 7])),
        back_height=height,
        arm_height=height,
        arms=_one_of(rng, "none", "horseshoe", "horseshoe"),
    )


def _shell(style: ChairStyle, rng: Rng) -> ChairStyle:
    """One moulding on any kind of base."""
    base: Legs = _one_of(
        rng, "splayed", "wire", "pedestal", "sled", "swivel", "rocking", "tapered", "straight"
    )
    wooden = base in ("splayed", "rocking", "tapered")
    thick = {"splayed": 0.034, "tapered": 0.034, "rocking": 0.03, "pedestal": 0.06, "swivel": 0.05}
    cover = [paint, paint, wood, fabric, leather][rng.integers(5)](rng)
    return replace(
        style,
        seat="shell",
        outline=_one_of(rng, "round", "rounded", "square"),
        seat_width=_between(rng, 0.48, 0.58),
        seat_depth=_between(rng, 0.42, 0.47),
        seat_thickness=0.018 if cover.gloss > 0.3 else 0.026,
        seat_taper=_between(rng, 0.86, 1.0),
        legs=base,
        leg_thickness=thick.get(base, 0.021),
        leg_splay=_between(rng, 9, 14) if base != "sled" else _between(rng, 0, 5),
        back="shell",
        back_height=_between(rng, 0.34, 0.46),
        back_recline=_between(rng, 12, 20),
        back_curve=_between(rng, 0.03, 0.08),
        arms=_one_of(rng, "none", "none", "moulded"),
        frame=wood(rng) if wooden else _one_metal(rng, cover) if base == "pedestal" else metal(rng),
        cover=cover,
    )


def _one_metal(rng: Rng, cover: Material) -> Material:
    """A pedestal is of metal, or of one colour with its shell."""
    return metal(rng) if rng.random() < 0.5 or cover.gloss < 0.3 else cover


def _tubular(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Of bent steel tube."""
    kind: Seat = _one_of(rng, "sling", "pad", "pad", "woven", "board")
    thick = {"sling": 0.016, "pad": 0.045, "woven": 0.03, "board": 0.022}[kind]
    cover = {"sling": leather, "pad": _cloth, "woven": _rush, "board": _timber}[kind](rng)
    return replace(
        style,
        seat=kind,
        cover=cover,
        seat_thickness=thick,
        outline="square" if kind == "sling" else _one_of(rng, "square", "rounded"),
        seat_width=_between(rng, 0.45, 0.52),
        seat_taper=_between(rng, 0.9, 1.0),
        legs=_one_of(rng, "cantilever", "cantilever", "sled"),
        leg_thickness=_between(rng, 0.024, 0.03),
        leg_splay=_between(rng, 0, 3),
        back=_tubular_back(kind, rng),
        back_recline=_between(rng, 9, 16),
        arms=_one_of(rng, "none", "loop", "straight"),
        frame=metal(rng) if rng.random() < 0.75 else paint(rng),
    )


def _tubular_back(seat: Seat, rng: Rng) -> Back:
    """The back that suits a seat between steel tubes; it draws once, whatever the seat."""
    over_pad: Back = _one_of(rng, "padded", "panel")
    if seat == "sling":
        return "sling"
    return over_pad if seat == "pad" else "panel"


def _easy_chair(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Cushions in an open wooden frame."""
    return replace(
        style,
        seat="cushion",
        cover=_cloth(rng),
        seat_width=_between(rng, 0.54, 0.62),
        seat_depth=_between(rng, 0.52, 0.6),
        seat_height=_between(rng, 0.4, 0.43),
        seat_thickness=_between(rng, 0.1, 0.14),
        seat_taper=_between(rng, 0.92, 1.0),
        outline=_one_of(rng, "square", "rounded"),
        legs=_one_of(rng, "tapered", "straight", "rocking", "sabre"),
        leg_splay=_between(rng, 3, 7),
        back="padded",
        back_height=_between(rng, 0.42, 0.6),
        back_recline=_between(rng, 17, 24),
        arms="straight",
    )


def _crossed(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Cushions on crossed metal bars."""
    return replace(
        style,
        seat="cushion",
        cover=leather(rng) if rng.random() < 0.6 else fabric(rng),
        seat_width=_between(rng, 0.6, 0.7),
        seat_depth=_between(rng, 0.54, 0.6),
        seat_height=_between(rng, 0.41, 0.44),
        seat_thickness=_between(rng, 0.1, 0.12),
        seat_taper=1.0,
        legs="crossed",
        leg_thickness=_between(rng, 0.03, 0.036),
        back="padded",
        back_height=_between(rng, 0.4, 0.48),
        back_recline=_between(rng, 17, 24),
        back_flare=1.0,
        back_curve=0.0,
        frame=metal(rng),
    )


def _wing_chair(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Upholstered all over, with wings."""
    return replace(
        style,
        seat="cushion",
        cover=_cloth(rng),
        seat_width=_between(rng, 0.52, 0.6),
        seat_depth=_between(rng, 0.52, 0.58),
        seat_height=_between(rng, 0.45, 0.49),
        seat_thickness=_between(rng, 0.13, 0.16),
        seat_taper=_between(rng, 0.94, 1.0),
        legs=_one_of(rng, "tapered", "turned", "sabre"),
        leg_thickness=_between(rng, 0.048, 0.056),
        leg_splay=_between(rng, 3, 8),
        back="wing",
        back_height=_between(rng, 0.6, 0.72),
        back_recline=_between(rng, 9, 14),
        arms="padded",
        arm_height=_between(rng, 0.16, 0.2),
        frame=wood(rng),
    )


def _club_chair(style: ChairStyle, rng: Rng) -> ChairStyle:
    """Upholstered all over, and low."""
    kind: Back = _one_of(rng, "tub", "tub", "padded")
    return replace(
        _wing_chair(style, rng),
        outline="rounded" if kind == "tub" else "square",
        seat_width=_between(rng, 0.56, 0.62),
        seat_depth=_between(rng, 0.56, 0.6),
        seat_height=_between(rng, 0.42, 0.45),
        back=kind,
        back_height=_between(rng, 0.34, 0.44),
        legs=_one_of(rng, "tapered", "straight"),
    )


def _office_chair(style: ChairStyle, rng: Rng) -> ChairStyle:
    """On castors."""
    return replace(
        style,
        seat="pad",
        cover=_cloth(rng),
        outline="rounded",
        seat_width=_between(rng, 0.47, 0.52),
        seat_depth=_between(rng, 0.45, 0.49),
        seat_height=_between(rng, 0.46, 0.52),
        seat_thickness=_between(rng, 0.06, 0.08),
        legs="swivel",
        leg_thickness=0.05,
        back=_one_of(rng, "padded", "padded", "panel"),
        back_height=_between(rng, 0.42, 0.66),
        back_recline=_between(rng, 6, 12),
        arms=_one_of(rng, "none", "tee", "tee", "loop"),
        arm_height=_between(rng, 0.2, 0.23),
        frame=metal(rng),
    )


def _stool(style: ChairStyle, rng: Rng) -> ChairStyle:
    """A stool, high or low, hollow or padded.

    Its seat is smaller than its foot, so that it cannot be mistaken for a table.
    """
    high = bool(rng.random() < 0.65)
    make = _metal_stool if rng.random() < 0.42 else _wooden_stool
    style, size = make(style, rng, high), _between(rng, 0.31, 0.36)
    return replace(
        style,
        outline=_one_of(rng, "round", "round", "rounded"),
        seat_width=size,
        seat_depth=size,
        seat_height=_between(rng, 0.64, 0.78) if high else _between(rng, 0.43, 0.5),
        seat_taper=1.0,
        leg_splay=_between(rng, 6, 10),
        back=_one_of(
            rng, "none", "none", "none", "low", "padded" if style.seat == "pad" else "low"
        ),
        back_height=_between(rng, 0.2, 0.26),
        arm_height=_between(rng, 0.15, 0.2),
    )


def _wooden_stool(style: ChairStyle, rng: Rng, high: bool) -> ChairStyle:
    """On four legs; a low one has a pad more often."""
    kind: Seat = _one_of(rng, "saddle", "saddle" if high else "pad", "pad")
    return replace(
        style,
        seat=kind,
        cover=_cloth(rng) if kind == "pad" else style.frame,
        seat_thickness=0.065 if kind == "pad" else 0.045,
        legs=_one_of(rng, "splayed", "splayed", "turned", "straight"),
        stretchers=_one_of(rng, "ring", "footrest" if high else "h", "cross"),
    )


def _metal_stool(style: ChairStyle, rng: Rng, high: bool) -> ChairStyle:
    """On a column or on runners."""
    base: Legs = _one_of(rng, "pedestal", "swivel", "sled")
    rest: Stretchers = "footrest" if base == "sled" else "ring"
    return replace(
        style,
        seat="pad",
        cover=_cloth(rng),
        seat_thickness=0.065,
        legs=base,
        leg_thickness=0.028 if base == "sled" else 0.05,
        stretchers=rest if high else "none",
        frame=metal(rng),
    )


KINDS: list[tuple[Callable[[ChairStyle, Rng], ChairStyle], float]] = [
    (_dining, 0.17),
    (_ladder_back, 0.07),
    (_windsor, 0.1),
    (_bentwood, 0.06),
    (_low_back, 0.08),
    (_shell, 0.13),
    (_tubular, 0.09),
    (_easy_chair, 0.09),
    (_crossed, 0.03),
    (_wing_chair, 0.06),
    (_club_chair, 0.05),
    (_office_chair, 0.08),
    (_stool, 0.14),
]
