"""The style of a car, and how it is drawn: first body and period, then what suits them.

A car is a model at a quarter of the real size, so that it shares the furniture's light and
patterns.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from data_scripts.furniture.car.extras import Load
from data_scripts.furniture.car.faces import Bumper, Grille, Lamps, TailLamps
from data_scripts.furniture.car.fittings import Livery
from data_scripts.furniture.car.wheels import Rim
from data_scripts.furniture.render.materials import LEATHERS, PAINTS, Material, linear_rgb

Body = Literal[
    "saloon",
    "hatchback",
    "estate",
    "coupe",
    "convertible",
    "roadster",
    "off-roader",
    "van",
    "camper",
    "pickup",
    "city car",
    "vintage",
    "bubble",
]
Period = Literal["classic", "angular", "modern"]

Word = TypeVar("Word", bound=str)

SCALE = 0.25  # of the models


@dataclass(frozen=True)
class CarStyle:
    """What one car looks like; lengths in metres."""

    body: Body
    period: Period
    length: float
    width: float
    height: float
    wheelbase: float  # from axle to axle
    overhang: float  # from the nose to the front axle
    wheel: float  # radius
    clearance: float  # of the sills above the floor
    belt: float  # z of the bonnet's end and the windows' lower edge
    nose: float  # z of the bonnet's front edge
    tail: float  # z of the rear edge
    cowl: float  # from the front axle back to the foot of the windscreen
    screen: float  # from the foot of the windscreen back to the roof
    deck: float  # from the foot of the rear window back to the tail
    backlight: float  # from the roof back to the foot of the rear window
    cabin_width: float  # share of the body's
    tumblehome: float  # width of the roof, as a share of the cabin's at the belt
    squareness: float  # of sections: 3 round, 8 nearly a box
    rounding: tuple[float, float]  # of nose and tail, seen from above
    doors: int  # on each side
    open_top: bool
    lamps: Lamps
    tail_lamps: TailLamps
    grille: Grille
    bumper: Bumper
    rim: Rim
    chrome: bool  # plated window frames and mouldings rather than black ones
    livery: Livery
    load: Load
    paint: Material
    second: Material  # of two-colour paint, stripes and covers
    metal: Material  # of rims
    leather: Material  # of seats


class Silhouette(NamedTuple):
    """A body's usual measures at full size, metres; named as in CarStyle."""

    length: float
    width: float
    height: float
    wheelbase: float
    overhang: float
    wheel: float
    clearance: float
    belt: float
    nose: float
    tail: float
    cowl: float
    screen: float
    deck: float
    backlight: float


SILHOUETTES: dict[Body, Silhouette] = {
    "saloon": Silhouette(
        4.5, 1.76, 1.42, 2.66, 0.84, 0.32, 0.19, 0.93, 0.73, 0.91, 0.55, 0.72, 0.78, 0.62
    ),
    "hatchback": Silhouette(
        3.9, 1.70, 1.44, 2.48, 0.78, 0.31, 0.18, 0.93, 0.74, 0.92, 0.45, 0.75, 0.08, 0.42
    ),
    "estate": Silhouette(
        4.6, 1.76, 1.46, 2.68, 0.84, 0.32, 0.19, 0.93, 0.74, 0.93, 0.55, 0.70, 0.07, 0.26
    ),
    "coupe": Silhouette(
        4.4, 1.80, 1.28, 2.58, 0.86, 0.33, 0.16, 0.86, 0.64, 0.80, 0.72, 0.74, 0.30, 1.15
    ),
    "convertible": Silhouette(
        4.4, 1.76, 1.34, 2.62, 0.84, 0.32, 0.18, 0.88, 0.70, 0.86, 0.60, 0.62, 0.95, 0.40
    ),
    "roadster": Silhouette(
        3.9, 1.66, 1.18, 2.34, 0.80, 0.31, 0.16, 0.78, 0.62, 0.74, 0.85, 0.46, 0.85, 0.30
    ),
    "off-roader": Silhouette(
        4.4, 1.86, 1.78, 2.66, 0.82, 0.385, 0.27, 1.14, 1.00, 1.10, 0.50, 0.45, 0.06, 0.16
    ),
    "van": Silhouette(
        4.4, 1.80, 1.95, 2.50, 0.85, 0.33, 0.21, 1.08, 0.92, 1.08, -0.25, 0.48, 0.05, 0.12
    ),
    "camper": Silhouette(
        4.3, 1.76, 1.92, 2.40, 0.98, 0.32, 0.21, 1.08, 1.02, 1.06, -0.78, 0.26, 0.05, 0.12
    ),
    "pickup": Silhouette(
        5.0, 1.86, 1.74, 3.05, 0.86, 0.38, 0.27, 1.12, 0.98, 1.10, 0.52, 0.50, 1.75, 0.14
    ),
    "city car": Silhouette(
        3.1, 1.52, 1.44, 2.06, 0.55, 0.28, 0.16, 0.88, 0.70, 0.84, 0.28, 0.58, 0.07, 0.34
    ),
    "vintage": Silhouette(
        3.5, 1.66, 1.74, 2.70, 0.22, 0.38, 0.34, 1.12, 1.04, 0.98, 0.95, 0.10, 0.22, 0.16
    ),
    "bubble": Silhouette(
        3.8, 1.62, 1.50, 2.40, 0.60, 0.33, 0.26, 0.98, 0.62, 0.60, 0.42, 0.42, 0.62, 0.78
    ),
}


class Fashion(NamedTuple):
    """What cars of a period have in common."""

    squareness: tuple[float, float]
    rounding: tuple[float, float]
    lamps: tuple[Lamps, ...]
    tail_lamps: tuple[TailLamps, ...]
    grilles: tuple[Grille, ...]
    bumpers: tuple[Bumper, ...]
    rims: tuple[Rim, ...]


FASHIONS: dict[Period, Fashion] = {
    "classic": Fashion(
        (3.4, 4.6),
        (0.09, 0.14),
        ("round", "large round", "twin round"),
        ("columns", "round"),
        ("bars", "upright", "slot", "twin", "none"),
        ("blade",),
        ("disc", "whitewall", "wire", "eight spokes"),
    ),
    "angular": Fashion(
        (5.5, 7.5),
        (0.05, 0.08),
        ("block", "twin round", "block"),
        ("blocks", "bar", "columns"),
        ("bars", "mesh", "twin"),
        ("blade", "band"),
        ("eight spokes", "five spokes", "dish", "disc"),
    ),
    "modern": Fashion(
        (4.2, 5.6),
        (0.11, 0.17),
        ("slanted", "slim"),
        ("wrapped", "bar"),
        ("mesh", "twin", "none"),
        ("painted",),
        ("turbine", "paired spokes", "five spokes"),
    ),
}

# What a body can carry; the same word twice is drawn twice as often.
LOADS: dict[Body, tuple[Load, ...]] = {
    "hatchback": ("none", "none", "rack", "board"),
    "estate": ("none", "rack", "cases", "board"),
    "coupe": ("none", "rear wing"),
    "off-roader": ("none", "rack", "cases", "spare wheel", "spare wheel"),
    "van": ("none", "none", "rack", "ladder", "board", "cases"),
    "camper": ("none", "none", "rack", "board", "cases"),
    "city car": ("none", "none", "rack", "cases"),
    "bubble": ("none", "none", "board", "cases"),
    "vintage": ("none", "spare wheel", "spare wheel"),
}
DOORS: dict[Body, tuple[int, ...]] = {
    "saloon": (2,),
    "hatchback": (1, 2),
    "estate": (2,),
    "off-roader": (1, 2),
}
FASTENED: dict[Body, tuple[float, float]] = {
    "off-roader": (0.92, 0.88),
    "van": (0.95, 0.9),
    "camper": (0.95, 0.9),
    "vintage": (0.9, 0.94),
}
OPEN_LIVERIES: tuple[Livery, ...] = ("plain", "plain", "split", "stripes")
CLOSED_LIVERIES: tuple[Livery, ...] = ("plain", "plain", "roof", "roof", "split", "stripes")
PALE = ("#f0efe9", "#e9dfc4", "#d9d4c8", "#cfd8da")
DEEP = ("#25272b", "#3a2f2a", "#24406b", "#6b2337")
MORE_COATS = ("#d96b4f", "#4f7fb5", "#c7b6d6", "#8a1c1c", "#f2d8b0", "#2f4f3f", "#5b3a73")
COATS = [*PAINTS, "#a8c3b0", "#8f9bb3", "#d8c9a3", "#5a6e58", "#b9bec4", "#a33b20", *MORE_COATS]
CLOTHS = ("#2a2724", "#1f2a3c", "#4a2a24", "#b7a684")
PLATED = {"classic": 0.85, "angular": 0.4, "modern": 0.12}


def sample_car(rng: np.random.Generator) -> CarStyle:
    """Draw the style of a car."""
    body: Body = _one_of(tuple(SILHOUETTES), rng)
    period: Period = (
        "classic" if body in ("vintage", "bubble", "camper") else _one_of(tuple(FASHIONS), rng)
    )
    measures = {k: v * SCALE * _near(0.04, rng) for k, v in SILHOUETTES[body]._asdict().items()}
    open_top = body in ("convertible", "roadster", "vintage") and bool(rng.random() < 0.7)
    cabin = FASTENED.get(body, (0.87, 0.8))
    return CarStyle(
        body=body,
        period=period,
        **measures,
        cabin_width=min(0.96, cabin[0] * _near(0.015, rng)),
        tumblehome=cabin[1] * _near(0.03, rng),
        doors=int(rng.choice(DOORS.get(body, (1,)))),
        open_top=open_top,
        **_fashion(body, period, rng),
        **_finish(body, open_top, rng),
        metal=Material(_one_of(("#c9ccd0", "#b9bcc0", "#d9dadb", "#9da1a6", "#c9b27c"), rng), 0.9),
        leather=Material(_one_of(tuple(LEATHERS), rng), 0.3),
    )


def _one_of(options: tuple[Word, ...], rng: np.random.Generator) -> Word:
    return options[rng.integers(len(options))]


def _near(share: float, rng: np.random.Generator) -> float:
    """A factor that differs from 1 by at most this share."""
    return float(rng.uniform(1 - share, 1 + share))


def _grille(body: Body, fashion: Fashion, rng: np.random.Generator) -> Grille:
    """High noses without a grille look blank, but for one with its engine behind."""
    if body == "camper":
        return "none"
    high = body in ("off-roader", "van", "pickup")
    return _one_of(tuple(g for g in fashion.grilles if not (high and g in ("none", "twin"))), rng)


def _fashion(body: Body, period: Period, rng: np.random.Generator) -> dict[str, Any]:
    """Corners, lamps and wheels."""
    fashion = FASHIONS[period]
    return {
        "squareness": float(rng.uniform(*fashion.squareness)),
        "rounding": (float(rng.uniform(*fashion.rounding)), float(rng.uniform(*fashion.rounding))),
        "lamps": _one_of(fashion.lamps, rng),
        "tail_lamps": _one_of(fashion.tail_lamps, rng),
        "grille": _grille(body, fashion, rng),
        "bumper": _one_of(fashion.bumpers, rng),
        "rim": _one_of(fashion.rims, rng),
        "chrome": bool(rng.random() < PLATED[period]),
    }


def _finish(body: Body, open_top: bool, rng: np.random.Generator) -> dict[str, Any]:
    """Paint and load: of a taxi, a patrol car, or like most."""
    role = rng.choice(["taxi", "patrol", "own"], p=[0.09, 0.09, 0.82])
    if body in ("saloon", "hatchback", "estate", "off-roader") and role != "own":
        return _taxi(rng) if role == "taxi" else _patrol(rng)
    paint = Material(_one_of(tuple(COATS), rng), float(rng.uniform(0.5, 0.95)))
    livery = _livery(body, open_top, rng)
    second = _second(livery, paint, body in ("convertible", "roadster"), rng)
    load = "none" if open_top and body != "vintage" else _one_of(LOADS.get(body, ("none",)), rng)
    return {"paint": paint, "livery": livery, "second": second, "load": load}


def _taxi(rng: np.random.Generator) -> dict[str, Any]:
    paint = Material(_one_of(("#e8b71a", "#25272b", "#e9dfc4"), rng), 0.7)
    checks = Material("#f0efe9", 0.4, "checks", "#1b1c1e", 0.03)
    return {"paint": paint, "livery": "checks", "second": checks, "load": "taxi sign"}


def _patrol(rng: np.random.Generator) -> dict[str, Any]:
    first, second = _one_of(("#f0efe9 #24406b", "#25272b #f0efe9", "#f0efe9 #2b7a4b"), rng).split()
    return {
        "paint": Material(first, 0.7),
        "livery": "doors",
        "second": Material(second, 0.7),
        "load": "blue lamps",
    }


def _livery(body: Body, open_top: bool, rng: np.random.Generator) -> Livery:
    if body in ("estate", "van", "camper") and rng.random() < 0.25:
        return "panels"
    if body in ("convertible", "roadster") and not open_top:
        return "roof"
    return _one_of(OPEN_LIVERIES if open_top else CLOSED_LIVERIES, rng)


def _second(livery: Livery, paint: Material, cloth: bool, rng: np.random.Generator) -> Material:
    """The second colour: wood for panels, cloth for soft tops, otherwise a contrasting paint."""
    if livery == "panels":
        return Material(_one_of(("#a8713c", "#8d5a3b", "#b5651d"), rng), 0.4, "grain", period=0.03)
    if cloth and livery != "split":
        return Material(_one_of(CLOTHS, rng), 0.0)
    dark = linear_rgb(paint.color).mean() < 0.3
    return Material(_one_of(PALE if dark else DEEP, rng), 0.6)
