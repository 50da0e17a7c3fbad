"""Bases of chairs: legs, runners, tubes and castors; and the stretchers between legs."""

import numpy as np

from data_scripts.furniture.chair.seats import (
    ROUND,
    SQUARE,
    STEP,
    bar,
    bent,
    filled,
    front_corner,
    is_boxed,
    layered,
    outline,
    rear_corner,
    smooth,
    support,
    underside,
)
from data_scripts.furniture.chair.styles import ChairStyle, Legs
from data_scripts.furniture.render import solids
from data_scripts.furniture.render.materials import RUBBER, Material, Part
from data_scripts.furniture.render.solids import Points, Solid

Array = np.ndarray

# Share of the full thickness at some shares of the height.
SHAPES: dict[Legs, list[tuple[float, float]]] = {
    "straight": [(0, 1), (1, 1)],
    "tapered": [(0, 0.58), (0.85, 1), (1, 1)],
    "splayed": [(0, 0.62), (0.55, 1), (1, 0.8)],
    "sabre": [(0, 0.78), (1, 1)],
    "wire": [(0, 1), (1, 1)],
    "rocking": [(0, 0.75), (0.5, 1), (1, 0.85)],
    "turned": [
        (0, 0.5),
        (0.05, 0.72),
        (0.09, 0.72),
        (0.12, 0.5),
        (0.36, 1),
        (0.42, 0.95),
        (0.45, 0.6),
        (0.48, 1.12),
        (0.52, 1.12),
        (0.55, 0.6),
        (0.6, 0.72),
        (0.75, 1),
        (0.86, 0.8),
        (1, 0.8),
    ],
}
# How far out under the seat these legs begin, as a share of the way to its corner.
TOPS: dict[Legs, float] = {"splayed": 0.8}
SWEPT = ("sabre",)
# Legs whose rear pair continues upwards as the posts of the back.
WITH_POSTS: tuple[Legs, ...] = ("straight", "tapered", "turned", "sabre", "rocking")
ROCKER_RADIUS = 1.05  # metres


def legs(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Everything under the seat.

    posts  the right and the left post of the back, (K, 3) points from the seat up, if legs continue
           as posts
    """
    return LEGS[style.legs](style, posts)


# Four legs


def leg_lines(style: ChairStyle) -> Array:
    """(4, 2, 3) foot and top of the legs: front right, rear right, rear left, front left."""
    corners = front_corner(style), rear_corner(style)
    lines = np.array([_leg_line(style, corner) for corner in corners])
    return np.concatenate([lines, lines[::-1] * (-1, 1, 1)])


def _leg_line(style: ChairStyle, corner: Array) -> list[Array]:
    head = corner * (0.6 if style.seat == "shell" else TOPS.get(style.legs, 1))
    top = support(style, head[0], head[1])
    foot = head + np.sign(corner) * top * np.tan(np.radians(style.leg_splay))
    floor = _rocker_height(foot[1]) if style.legs == "rocking" else 0.0
    return [np.append(foot, floor), np.append(head, top)]


def _four(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Four legs; the rear ones may continue above the seat."""
    front_right, rear_right, rear_left, front_left = leg_lines(style)
    made = [_leg(style, line) for line in (front_right, front_left)]
    rear = zip((rear_right, rear_left), posts or [np.zeros((0, 3))] * 2, strict=True)
    made += [_leg(style, np.concatenate([line, post])) for line, post in rear]
    return [Part(solid, style.frame) for solid in made] + _apron(style) + stretchers(style)


def _leg(style: ChairStyle, line: Array) -> Solid:
    """One leg, from its foot to its top; as a post above the seat, it gets thinner."""
    # Two more points keep the leg straight below a post: stretchers expect a straight leg.
    line = np.concatenate([line[:1], [point(line, 0.35), point(line, 0.7)], line[1:]])
    path = smooth(line, 0.02 if style.legs == "turned" else STEP)
    if style.legs in SWEPT:
        path = path + _sweep(line, _share(line, path))
    path = _level_ended(path)
    share = _share(line, path)
    shape = np.array([*SHAPES[style.legs], (1.2, 0.85), (2.2, 0.62)])
    size = style.leg_thickness * np.interp(share, shape[:, 0], shape[:, 1])
    return bar(path, size, size, section=ROUND if is_round(style) else SQUARE)


def is_round(style: ChairStyle) -> bool:
    """Whether legs, posts and stretchers are turned; otherwise they are square."""
    return style.legs in ("splayed", "turned", "wire") or style.outline != "square"


def _share(line: Array, path: Array) -> Array:
    """(K,) height of a path's points over a leg's foot, as a share of the leg's height."""
    return (path[:, 2] - line[0, 2]) / (line[3, 2] - line[0, 2])


def _sweep(line: Array, share: Array) -> Array:
    """(K, 3) offset of a sabre leg from a straight one: upright at the seat, flat at the foot."""
    bow = share.clip(0, 1) * (1 - share.clip(0, 1))
    return -0.8 * bow[:, None] * (line[0] - line[3]) * (1, 1, 0)


def _level_ended(path: Array) -> Array:
    """The path with a first step straight up, so that the bar stands flat on the floor."""
    return np.concatenate([path[:1], path[:1] + (0, 0, 0.014), path[1:]])


def _apron(style: ChairStyle) -> list[Part]:
    """The frame under a seat that lies on its four legs."""
    if style.legs in ("splayed", "wire") or style.seat in ("saddle", "shell") or is_boxed(style):
        return []
    share = 1 - 0.9 * style.leg_thickness / style.seat_width
    top = underside(style)
    profile = [(share, top - 0.045), (share, top + 0.006)]
    return [Part(layered(outline(style), profile), style.frame)]


def _wire(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Thin rods with crossing braces between them."""
    lines = leg_lines(style)
    rods = [_leg(style, line) for line in lines]
    for line, other in _neighbors(lines, both=True):
        rods.append(tube([point(line, 0.16), point(other, 0.9)], style.leg_thickness))
    return [Part(rod, style.frame) for rod in rods]


def point(line: Array, share: float) -> Array:
    """(3,) the point at a share of the way from a leg's foot to its top."""
    return line[0] + share * (line[1] - line[0])


def tube(path: Points, thickness: float) -> Solid:
    """A round rod through a few points, by its diameter."""
    return solids.tube(smooth(path), thickness / 2, sides=8)


def _rocker_height(y: float | Array) -> Array:
    """Height of the middle of a rocker: it rolls on a large circle."""
    return ROCKER_RADIUS - np.sqrt(ROCKER_RADIUS**2 - (np.asarray(y) - 0.03) ** 2) + 0.02


def _rocking(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Four legs on two runners."""
    front, rear = leg_lines(style)[:2, 0]
    y = np.linspace(front[1] - 0.14, rear[1] + 0.22, 18)
    x = front[0] + (y - front[1]) / (rear[1] - front[1]) * (rear[0] - front[0])
    path = np.column_stack([x, y, _rocker_height(y)])
    ends = np.interp(y, [y[0], y[0] + 0.08, y[-1] - 0.12, y[-1]], [0.6, 1, 1, 0.5])
    runner = bar(path, 0.03 * ends, 0.04)
    runners = [Part(solid, style.frame) for solid in (runner, solids.mirrored(runner))]
    return _four(style, posts) + runners


# Stretchers


def stretchers(style: ChairStyle) -> list[Part]:
    """The bars that join the legs below the seat."""
    lines = leg_lines(style)
    made = STRETCHERS[style.stretchers](style, lines)
    return [Part(solid, style.frame) for solid in made]


def _neighbors(lines: Array, both: bool = False) -> list[tuple[Array, Array]]:
    """Each leg and the next, counted around; and the other way, too."""
    pairs = [(lines[i], lines[(i + 1) % 4]) for i in range(4)]
    return pairs + [(b, a) for a, b in pairs] if both else pairs


def _stretcher(style: ChairStyle, start: Array, end: Array) -> Solid:
    """One bar: turned between round legs, with a swelling in the middle, otherwise square."""
    path, side = smooth([start, end]), _level_across(start, end)
    if is_round(style):
        share = np.linspace(-1, 1, len(path))
        size = style.leg_thickness * (0.82 - 0.28 * share**2)
        return bar(path, size, size, side=side, section=ROUND)
    return bar(path, 0.55 * style.leg_thickness, 0.8 * style.leg_thickness, side=side)


def _level_across(start: Array, end: Array) -> Array:
    x, y, _ = end - start
    return np.array([-y, x, 0.0])


def _h_shape(style: ChairStyle, lines: Array) -> list[Solid]:
    """One at each side and one between those."""
    front_right, rear_right, rear_left, front_left = (point(line, 0.42) for line in lines)
    middle = 0.5 * (front_right + rear_right), 0.5 * (front_left + rear_left)
    ends = [(front_right, rear_right), middle, (front_left, rear_left)]
    return [_stretcher(style, *pair) for pair in ends]


def _all_around(style: ChairStyle, lines: Array) -> list[Solid]:
    """Two at either side and in front, as ladder-backs have them, and one behind."""
    heights = [(0.32, 0.6), (0.5,), (0.32, 0.6), (0.4, 0.68)]
    pairs = zip(_neighbors(lines), heights, strict=True)
    return [_stretcher(style, point(a, s), point(b, s)) for (a, b), shares in pairs for s in shares]


def _low_frame(style: ChairStyle, lines: Array) -> list[Solid]:
    """One at each side, higher at the sides than in front and behind."""
    pairs = zip(_neighbors(lines), (0.36, 0.3, 0.36, 0.3), strict=True)
    return [_stretcher(style, point(a, s), point(b, s)) for (a, b), s in pairs]


def _crossing(style: ChairStyle, lines: Array) -> list[Solid]:
    """From corner to corner, one a little higher than the other."""
    return [
        _stretcher(style, point(lines[i], share), point(lines[i + 2], share))
        for i, share in ((0, 0.36), (1, 0.4))
    ]


def _ring(style: ChairStyle, lines: Array) -> list[Solid]:
    """A hoop inside the legs."""
    around = np.array([point(line, 0.42) for line in lines])
    radius = np.hypot(*around[:, :2].T).min()
    at = np.column_stack([solids.circle(radius, 32), np.full(32, around[0, 2])])
    return [solids.tube(at, 0.36 * style.leg_thickness, 8, closed=True)]


def _footrest(style: ChairStyle, lines: Array) -> list[Solid]:
    """A bar for the feet in front, the others higher."""
    pairs = zip(_neighbors(lines), (0.5, 0.56, 0.5, 0.36), strict=True)
    return [_stretcher(style, point(a, s), point(b, s)) for (a, b), s in pairs]


def _no_stretchers(style: ChairStyle, lines: Array) -> list[Solid]:
    return []


STRETCHERS = {
    "none": _no_stretchers,
    "h": _h_shape,
    "box": _low_frame,
    "ladder": _all_around,
    "cross": _crossing,
    "ring": _ring,
    "footrest": _footrest,
}


# Tubes and bars


def _cantilever(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """One bent tube: down in front of the seat, back along the floor, and the same mirrored.

    Its ends carry the back.
    """
    r, high = style.leg_thickness / 2, _tube_height(style)
    x, y = style.seat_width / 2, style.seat_depth / 2
    rear = style.seat_taper * x
    corners = [(rear, y + 0.01, high), (x, -y - 0.01, high), (x, -y + 0.03, r), (x, y + 0.06, r)]
    side = np.array([*posts[0][::-1], *corners] if posts else corners)
    line = bent(np.concatenate([side, side[::-1] * (-1, 1, 1)]), 0.085)
    front = np.array((x, -y, high - 0.1) if style.seat == "sling" else (x, -y + 0.04, high))
    across = tube([front, front * (-1, 1, 1)], 1.6 * r)
    return [Part(solids.tube(line, r, 8), style.frame), Part(across, style.frame)]


def _tube_height(style: ChairStyle, x: float = 0, y: float = 0) -> float:
    """Height of the tubes that a seat lies on, or, if it is slung between them, of those in it."""
    if style.seat == "shell":
        return support(style, x, y) - 0.5 * style.seat_thickness - 0.4 * style.leg_thickness
    if style.seat == "sling":
        return style.seat_height - 0.5 * style.seat_thickness
    return style.seat_height - style.seat_thickness - 0.4 * style.leg_thickness


def _sled(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Two bent tubes, each with a runner on the floor, and bars between them."""
    r, inset = style.leg_thickness / 2, 0.75 if style.seat == "shell" else 0.96
    (fx, fy), (rx, ry) = inset * front_corner(style), min(1, inset + 0.04) * rear_corner(style)
    front, rear = (np.array([x, y, _tube_height(style, x, y)]) for x, y in ((fx, fy), (rx, ry)))
    out = front[2] * np.tan(np.radians(style.leg_splay))
    floor = [(rx + out, ry + 0.5 * out + 0.05, r), (fx + out, fy - 0.3 * out - 0.02, r)]
    path = [*(posts[0][::-1] if posts else []), rear, *floor, front]
    side = solids.tube(bent(path, 0.07), r, 8)
    bars = _sled_bars(style, front, rear, np.array(floor[1]))
    across = [tube([at, at * (-1, 1, 1)], 1.6 * r) for at in bars]
    return [Part(solid, style.frame) for solid in (side, solids.mirrored(side), *across)]


def _sled_bars(style: ChairStyle, front: Array, rear: Array, foot: Array) -> list[Array]:
    """Right ends of the bars between two runners.

    Two are under the seat's sagging middle; a third may be there for the feet.
    """
    drop = 0.08 if style.seat == "sling" else 0
    under = [np.array([x, y, _tube_height(style, 0, y) - drop]) for x, y, _ in (front, rear)]
    return under + [0.6 * foot + 0.4 * front] * (style.stretchers == "footrest")


def _crossed(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Two flat bars that cross at each side: from back to front, and from seat to rear."""
    y, high = style.seat_depth / 2, _tube_height(style)
    x, (_, back_y, back_z) = 0.9 * style.seat_width / 2, posts[0][-1]
    to_back = [
        (x, -y - 0.02, 0.01),
        (x, -0.25 * y, 0.42 * high),
        (x, 0.95 * y, high - 0.01),
        (x, back_y, back_z),
    ]
    to_front = [
        (x, y + 0.12, 0.01),
        (x, 0.35 * y, 0.4 * high),
        (x, -0.35 * y, 0.86 * high),
        (x, -y, high),
    ]
    first, second = smooth(to_back), smooth(to_front)
    wide, thick = 1.1 * style.leg_thickness, 0.62 * style.leg_thickness
    bars = [bar(_level_ended(path), wide, thick) for path in (first, second)]
    ends = [second[-3], first[len(first) // 2 - 1], first[-2]]
    across = [tube([at, at * (-1, 1, 1)], 0.024) for at in ends]
    return [Part(s, style.frame) for s in (*bars, *map(solids.mirrored, bars), *across)]


# One column


def _pedestal(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """A trumpet on a wide foot; a high one has a ring for the feet."""
    top, r = support(style, 0, 0) - 0.006, style.leg_thickness / 2
    foot = 0.42 * style.seat_width + 0.04
    base = [
        (foot, 0),
        (foot + 0.002, 0.008),
        (foot - 0.03, 0.018),
        (0.5 * foot, 0.036),
        (0.065, 0.07),
    ]
    stem = [(r + 0.008, 0.16), (r, 0.3 * top + 0.08)]
    head = [(r, 0.72 * top), (r + 0.02, top - 0.06), (0.1, top - 0.012), (0.11, top)]
    column = Part(solids.lathe(filled([*base, *stem, *head]), sides=30), style.frame)
    return [column, *_foot_ring(style, top)]


def _foot_ring(style: ChairStyle, top: float) -> list[Part]:
    """A ring for the feet on a high chair, with a spoke to either side."""
    if style.stretchers != "ring":
        return []
    at = np.column_stack([solids.circle(0.17, 32) - (0, 0.03), np.full(32, 0.42 * top)])
    spoke = [(-0.17, -0.03, 0.42 * top), (0.17, -0.03, 0.42 * top)]
    ring = solids.tube(at, 0.011, 8, closed=True)
    return [Part(ring, style.frame), Part(tube(spoke, 0.02), style.frame)]


def _swivel(style: ChairStyle, posts: list[Array]) -> list[Part]:
    """Five arms on castors, and a column."""
    top = support(style, 0, 0) - 0.006
    radii = (0.045, 0.045, 0.03, 0.03, 0.019, 0.019)
    heights = (0.075, 0.13, 0.135, 0.6 * top, 0.61 * top, top - 0.03)
    plate = [(0.06, top - 0.035), (0.12, top - 0.012), (0.12, top)]
    column = solids.lathe(filled([*zip(radii, heights, strict=True), *plate]), sides=16)
    reach, turns = 0.53 * style.seat_width + 0.035, np.radians(np.arange(5) * 72 - 74)
    arms = [_castor_arm(np.array([np.cos(a), np.sin(a), 0]), reach, style.frame) for a in turns]
    return [Part(column, style.frame), *sum(arms, []), *_foot_ring(style, top)]


def _castor_arm(out: Array, reach: float, frame: Material) -> list[Part]:
    """One arm of a five-star foot, and the castor at its end."""
    middle = 0.5 * reach * out + (0, 0, 0.095)
    path = smooth([0.02 * out + (0, 0, 0.105), middle, reach * out + (0, 0, 0.07)])
    across = np.array([-out[1], out[0], 0])
    width, height = np.linspace(0.05, 0.03, len(path)), np.linspace(0.045, 0.026, len(path))
    arm = bar(path, width, height, side=across)
    wheel = [reach * out + (0, 0, 0.03) + offset * across for offset in (-0.02, 0.02)]
    return [Part(arm, frame), Part(solids.tube(wheel, 0.03, 12), RUBBER)]


LEGS = {
    **dict.fromkeys(("straight", "tapered", "turned", "splayed", "sabre"), _four),
    "wire": _wire,
    "rocking": _rocking,
    "cantilever": _cantilever,
    "sled": _sled,
    "crossed": _crossed,
    "pedestal": _pedestal,
    "swivel": _swivel,
}
