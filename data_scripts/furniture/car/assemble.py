"""Put a car together: bodies, ends, wheels, fittings and load.

Cars are models at a scale of 1:4, so that they share the furniture's light and patterns.
"""

import numpy as np

from data_scripts.furniture.car import extras, faces, fittings, seats, skins, vintage, wheels
from data_scripts.furniture.car.bodies import Opening, Tub
from data_scripts.furniture.car.cabins import Cabin
from data_scripts.furniture.car.styles import Body, CarStyle
from data_scripts.furniture.render.materials import Material, Part
from data_scripts.furniture.render.solids import Solid

BLACK, CHROME = faces.BLACK, faces.CHROME
WINGED = ("vintage", "bubble")  # bodies whose wings are separate

# Lengths of the side windows, front to back, for each number of doors on a side.
WINDOWS: dict[tuple[Body, int], tuple[float, ...]] = {
    ("saloon", 2): (0.52, 0.48),
    ("hatchback", 1): (0.6, 0.4),
    ("hatchback", 2): (0.44, 0.38, 0.18),
    ("estate", 2): (0.36, 0.32, 0.32),
    ("coupe", 1): (0.68, 0.32),
    ("convertible", 1): (0.62, 0.38),
    ("off-roader", 1): (0.42, 0.58),
    ("off-roader", 2): (0.37, 0.34, 0.29),
    ("van", 1): (0.3, 0.35, 0.35),
    ("camper", 1): (0.25, 0.25, 0.25, 0.25),
    ("city car", 1): (0.62, 0.38),
    ("vintage", 1): (0.56, 0.44),
    ("bubble", 1): (0.6, 0.4),
}
# Metres that the rearmost pillar is wide at the model.
REAR_PILLARS: dict[Body, float] = {
    "saloon": 0.07,
    "coupe": 0.13,
    "convertible": 0.09,
    "bubble": 0.09,
}
# Widths of nose and tail, as shares of the largest.
ENDS: dict[Body, tuple[float, float]] = {
    "vintage": (0.4, 0.85),
    "bubble": (0.5, 0.55),
    "van": (0.95, 0.97),
    "camper": (0.96, 0.97),
}
# Radii of the edges of roofs, metres.
EDGES: dict[Body, float] = {"vintage": 0.03, "bubble": 0.06, "van": 0.04, "camper": 0.055}


def build_car(style: CarStyle) -> list[Part]:
    """Put a car together."""
    tub = tub_of(style)
    cabin = cabin_of(style, tub)
    parts = fittings.shell(tub, style.paint, style.livery, style.second, _trim(style))
    parts += _winged_ends(style, tub) if style.body in WINGED else _ends(style, tub)
    parts += _wheels(style, tub) + _flanks(style, tub, cabin) + _livery(style, tub, cabin)
    parts += _open_cabin(style, tub, cabin) if style.open_top else _closed_cabin(style, tub, cabin)
    return _merged(parts)


def tub_of(style: CarStyle) -> Tub:
    """The lower body."""
    first = style.overhang - style.length / 2
    axles = (first, first + style.wheelbase)
    winged = style.body in WINGED
    return Tub(
        length=style.length,
        width=style.width * (0.8 if winged else 1),
        sill=style.clearance,
        widest=style.clearance + 0.42 * (style.belt - style.clearance),
        crest=_crest(style, first),
        ends=ENDS.get(style.body, (0.92, 0.94)),
        rounds=(style.rounding[0], 0.06) if style.body == "pickup" else style.rounding,
        power=max(style.squareness, 5.5) if style.body == "pickup" else style.squareness,
        axles=axles,
        axle_height=style.wheel,
        arch=0.0 if winged else 1.13 * style.wheel,
        tunnel=_tyre(style) + 0.02,
        opening=_opening(style, axles),
    )


def _tyre(style: CarStyle) -> float:
    """Width of a tyre."""
    return (0.5 if style.body == "vintage" else 0.62) * style.wheel


def _feet(style: CarStyle) -> tuple[float, float]:
    """y of the feet of windscreen and rear window."""
    return style.overhang + style.cowl - style.length / 2, style.length / 2 - style.deck


def _crest(style: CarStyle, axle: float) -> tuple[tuple[float, float], ...]:
    """The upper silhouette: over the bonnet, along the windows, over the boot."""
    front, back = _feet(style)
    half = style.length / 2
    bonnet = style.nose + 0.62 * (style.belt - style.nose)
    knots = [
        (-half, style.nose),
        (axle, bonnet),
        (front, style.belt),
        (0.5 * (front + back), 1.01 * style.belt),
    ]
    if front < axle + 0.03:
        del knots[1]
    if back < half - 0.06:
        knots.append((back, style.belt + 0.3 * (style.tail - style.belt)))
    return (*knots, (half, style.tail))


def _opening(style: CarStyle, axles: tuple[float, float]) -> Opening | None:
    """The bed of a pickup, or where people sit in an open car."""
    front, back = _feet(style)
    floor = style.clearance + 0.04
    if style.body == "pickup":
        return Opening(back + 0.025, style.length / 2 - 0.045, 0.44 * style.width, floor)
    if not style.open_top:
        return None
    if style.body == "vintage":
        return Opening(front + 0.06, back - 0.05, 0.33 * style.width, floor)
    return Opening(front + 0.045, axles[1] - 1.13 * style.wheel - 0.008, 0.4 * style.width, floor)


def cabin_of(style: CarStyle, tub: Tub) -> Cabin:
    """The upper body; in an open car, only its windscreen is used."""
    base = _feet(style)
    half = style.cabin_width * tub.width / 2
    middle = sum(base) / 2
    tops = tub.top(np.array(base) + (0.02, -0.06))
    return Cabin(
        base=base,
        roof=(base[0] + style.screen, base[1] - style.backlight),
        half_widths=(half, style.tumblehome * half),
        belt=float(tub.deck(half, middle)) - 0.004,
        climb=float(0.5 * (tops[1] - tops[0]) / (base[1] - base[0])),
        height=style.height,
        sag=0.008,
        power=3.8 + 0.3 * style.squareness,
        narrowing=0.06,
        edge=EDGES.get(style.body, 0.042 - 0.003 * style.squareness),
    )


def _trim(style: CarStyle) -> Material:
    return CHROME if style.chrome else BLACK


def _ends(style: CarStyle, tub: Tub) -> list[Part]:
    """Nose and tail of a car without separate wings."""
    front = faces.nose(tub, style.lamps, style.grille, style.bumper, style.paint)
    return front + faces.tail(tub, style.tail_lamps, style.bumper, style.paint)


def _wings(style: CarStyle, tub: Tub) -> vintage.Wings:
    bubble = style.body == "bubble"
    return vintage.Wings(
        axles=tub.axles,
        height=style.wheel,
        radius=1.24 * style.wheel,
        inner=0.2 * style.width,
        outer=style.width / 2,
        board=style.clearance - 0.01,
        drop=0.045 if bubble else 0.028,
    )


def _winged_ends(style: CarStyle, tub: Tub) -> list[Part]:
    """Wings, running boards, lamps and bumper bars."""
    wings = _wings(style, tub)
    color = style.second if style.livery == "roof" else style.paint
    parts = wings.parts(color) + vintage.wing_tail_lamps(wings)
    parts += vintage.bars(tub, wings)
    if style.body == "bubble":
        return parts + vintage.wing_lamps(wings, 0.3 * style.wheel)
    lamps = vintage.stalk_lamps(tub, 0.031)
    return parts + lamps + vintage.radiator(tub)


def _wheels(style: CarStyle, tub: Tub) -> list[Part]:
    wide = _tyre(style)
    rim = style.paint if style.rim in ("disc", "whitewall") and not style.chrome else style.metal
    wheel = wheels.wheel(style.wheel, wide, style.rim, rim)
    parts = []
    for y in tub.axles:
        reach = 0.47 * style.width if style.body in WINGED else float(tub.half_width(y))
        parts += wheels.on_axle(wheel, reach - wide / 2 - 0.005, y, style.wheel)
    return parts


def _spans(style: CarStyle, cabin: Cabin) -> list[tuple[float, float]]:
    """Where the side windows are, in the cabin's measure."""
    shares = WINDOWS.get((style.body, style.doors), (1.0,))
    return fittings.side_spans(cabin, shares, (0.042, REAR_PILLARS.get(style.body, 0.05)))


def _doors(style: CarStyle, tub: Tub, cabin: Cabin) -> list[float]:
    """y of the upright lines between doors, from the front backwards."""
    middle, reach = sum(cabin.base) / 2, (cabin.base[1] - cabin.base[0]) / 2
    first = max(cabin.base[0] + 0.02, tub.axles[0] + 1.4 * style.wheel)
    last = tub.axles[1] - 1.15 * style.wheel
    cuts = [min(middle + reach * (span[1] + 0.01), last) for span in _spans(style, cabin)]
    return [first, *[cut for cut in sorted(set(cuts)) if cut > first + 0.08][: style.doors]]


def _flanks(style: CarStyle, tub: Tub, cabin: Cabin) -> list[Part]:
    """Door lines, handles, mirrors and mouldings."""
    doors = _doors(style, tub, cabin)
    high = float(tub.widest + 0.62 * (tub.top(0.0) - tub.widest))
    parts = fittings.door_lines(tub, doors, high + 0.01, style.paint)
    if cabin.base[0] + tub.length / 2 > 0.15:
        parts += fittings.bonnet_lines(tub, cabin.base[0], style.paint)
    parts += fittings.handles(tub, [y - 0.03 for y in doors[1:]], high, _trim(style))
    mirror = CHROME if style.chrome else style.paint
    parts += fittings.mirrors(tub, cabin.base[0] + 0.05, cabin.belt + 0.012, mirror)
    if style.body not in WINGED and style.livery in ("plain", "roof") and style.period != "modern":
        height, span = tub.axle_height + tub.arch + 0.008, (-0.46 * tub.length, 0.46 * tub.length)
        parts += fittings.strip(tub, height, span, _trim(style))
    return parts


def _livery(style: CarStyle, tub: Tub, cabin: Cabin) -> list[Part]:
    """Stripes, and panels on the flanks."""
    arch = max(tub.arch, 1.15 * style.wheel) + 0.012
    span = (tub.axles[0] + arch, tub.axles[1] - arch)
    top = float(tub.top(0.0))
    heights = {
        "doors": (tub.sill + 0.02, tub.widest + 0.72 * (top - tub.widest)),
        "panels": (tub.sill + 0.03, tub.widest + 0.6 * (top - tub.widest)),
        "checks": (tub.widest, tub.widest + 0.045),
    }
    if style.livery in heights:
        return fittings.side_panel(tub, span, heights[style.livery], style.second)
    return _stripes(style, tub, cabin) if style.livery == "stripes" else []


def _stripes(style: CarStyle, tub: Tub, cabin: Cabin) -> list[Part]:
    front, back = cabin.base
    decks = [(-tub.length / 2 + 1.1 * tub.lip, front + 0.015)]
    if style.deck > 0.06 and style.body != "pickup":
        first = back - 0.02 if not tub.opening else tub.opening.back + 0.03
        decks.append((first, tub.length / 2 - 1.1 * tub.lip))
    flat = not style.open_top and style.body != "bubble"
    return fittings.stripes(tub, cabin if flat else None, decks, style.second)


def _open_cabin(style: CarStyle, tub: Tub, cabin: Cabin) -> list[Part]:
    """Windscreen, seats and the folded top."""
    assert tub.opening
    high = float(tub.deck(tub.opening.half_width, tub.opening.front))
    rows = 1 if style.body == "roadster" else 2
    parts = seats.open_screen(cabin, 0.78, _trim(style))
    parts += seats.seats(tub.opening, high, style.leather, rows)
    if style.body != "roadster":
        parts += seats.folded_top(tub.opening, high, style.leather)
    return parts + _load(style, tub, cabin)


def _closed_cabin(style: CarStyle, tub: Tub, cabin: Cabin) -> list[Part]:
    """Roof, windows and load."""
    color = style.second if style.livery == "roof" else style.paint
    frame = CHROME if style.chrome else None
    parts = [Part(cabin.solid(), color), *fittings.windows(cabin, _spans(style, cabin), frame)]
    return parts + _load(style, tub, cabin)


def _load(style: CarStyle, tub: Tub, cabin: Cabin) -> list[Part]:
    """What the car carries."""
    metal = _trim(style)
    loads = {
        "none": lambda: [],
        "rack": lambda: extras.rack(cabin, metal),
        "cases": lambda: extras.rack(cabin, metal) + extras.cases(cabin),
        "board": lambda: extras.rack(cabin, metal) + extras.board(cabin, style.second),
        "ladder": lambda: extras.rack(cabin, metal) + extras.ladder(cabin),
        "taxi sign": lambda: extras.taxi_sign(cabin),
        "blue lamps": lambda: extras.blue_lamps(cabin),
        "rear wing": lambda: extras.rear_wing(tub, style.paint),
        "spare wheel": lambda: extras.spare_wheel(
            tub, style.wheel, style.second, 0.68 * style.belt
        ),
    }
    return loads[style.load]()


def _merged(parts: list[Part]) -> list[Part]:
    """One part for each material: a picture of few parts is drawn faster."""
    solids: dict[Material, list[Solid]] = {}
    for part in parts:
        solids.setdefault(part.material, []).append(part.solid)
    return [Part(_together(every), material) for material, every in solids.items()]


def _together(solids: list[Solid]) -> Solid:
    offsets = np.cumsum([0] + [len(s.vertices) for s in solids[:-1]])
    faces = [s.faces + offset for s, offset in zip(solids, offsets, strict=True)]
    return skins.cut(Solid(np.concatenate([s.vertices for s in solids]), np.concatenate(faces)))
