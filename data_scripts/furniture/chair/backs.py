"""Backs and arms of chairs."""

import numpy as np
from numpy.typing import ArrayLike

from data_scripts.furniture.chair.legs import is_round, tube
from data_scripts.furniture.chair.seats import (
    BASE_HEIGHT,
    ROUND,
    SQUARE,
    bar,
    bent,
    filled,
    front_corner,
    is_boxed,
    layered,
    on_back,
    pillow,
    rear_corner,
    smooth,
    underside,
)
from data_scripts.furniture.chair.styles import ChairStyle
from data_scripts.furniture.render import solids
from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.render.solids import Solid

Array = np.ndarray

# Backs that hang between two posts.
FRAMED = ("slatted", "ladder", "cross", "splat", "panel", "sling", "padded")
# Section of an upholstered wall, outward and up: it gets wider towards its round top.
RIGHT = [(0.42, -0.5), (0.5, 0.3), (0.46, 0.44), (0.25, 0.5)]
WALL = [*RIGHT, *((-x, z) for x, z in reversed(RIGHT))]
ACROSS = np.linspace(-1, 1, 13)  # u of a rail's columns
# Powers of the superellipses that are the outlines of panels and pads.
CORNERS = {"square": 7, "rounded": 4, "round": 2.8}
POSTLESS_LEGS = ("swivel", "pedestal")  # a back over these is held by one bar behind it


# Pieces of the back's surface


def patch(
    style: ChairStyle,
    u: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    thickness: float,
    forward: float = 0,
) -> Solid:
    """A bent piece of the back.

    u          (C,) across
    low, high  v of its lower and upper edge, one for all or (C,)
    """
    u = np.asarray(u, float)
    low, high = np.broadcast_to(low, u.shape), np.broadcast_to(high, u.shape)
    rows = max(2, int(np.ceil((high - low).max() * style.back_height / 0.06)) + 1)
    share = np.linspace(0, 1, rows)[:, None]
    return solids.sheet(on_back(style, u, low + share * (high - low), forward), thickness)


def upholstered(
    style: ChairStyle,
    low: float,
    thickness: float,
    power: float,
    forward: float = 0.0,
    width: float = 2.05,
) -> Part:
    """A pillow that follows the back, up to its top.

    low        v of its lower edge
    thickness  metres
    power      of its outline, a superellipse
    forward    metres from the back's surface to the pillow's rear
    width      in u
    """
    high, (half, _) = 1.02, rear_corner(style)
    flat = pillow((width * half, (high - low) * style.back_height, thickness), power)
    x, y, depth = flat.vertices.T
    v = (high + low) / 2 + y / style.back_height
    return Part(Solid(on_back(style, x / half, v, depth + forward), flat.faces), style.cover)


def posts(style: ChairStyle) -> list[Array]:
    """(K, 3) points of the right and the left post, from the seat up; empty without posts."""
    if style.back == "low":
        ends = [_rail_line(style, share) for share in (0.39, -0.39)]
        return [np.array([0.35 * _seat_end(style, end) + 0.65 * end, end]) for end in ends]
    if style.back not in FRAMED or style.legs in POSTLESS_LEGS or is_boxed(style):
        return []
    return [on_back(style, side, np.array([0.12, 0.55, 1])) for side in (1, -1)]


def _seat_end(style: ChairStyle, end: Array) -> Array:
    """Where the post below a point of a low rail leaves the seat."""
    x, y = rear_corner(style)
    return np.array([np.sign(end[0]) * x, y, style.seat_height])


def back(style: ChairStyle, own_posts: list[Array]) -> list[Part]:
    """The back.

    own_posts  posts that do not belong to the legs
    """
    made = BACKS[style.back](style)
    return made + [Part(_post(style, path), style.frame) for path in own_posts]


def _nothing(style: ChairStyle) -> list[Part]:
    return []


def _post(style: ChairStyle, path: Array) -> Solid:
    """A post that stands in the seat."""
    line = smooth(np.concatenate([[_seat_end(style, path[0]) - (0, 0, 0.02)], path]))
    size = style.leg_thickness * np.linspace(0.85, 0.65, len(line))
    return bar(line, size, size, section=ROUND)


# Backs of wood


def _crest(style: ChairStyle, low: float = 0.88, high: float = 1.0, arch: float = 0.035) -> Part:
    """The rail on top, which is a little higher in the middle."""
    u = 1.02 * ACROSS
    rise = arch * (1 - u**2)
    return Part(patch(style, u, low + rise, high + rise, 0.024), style.frame)


def _slatted(style: ChairStyle) -> list[Part]:
    """Upright slats between two rails."""
    rail = Part(patch(style, ACROSS, 0.17, 0.25, 0.022), style.frame)
    centers = (np.arange(style.back_members) + 0.5) / style.back_members * 2 - 1
    half = 0.29 / style.back_members + 0.02
    made = [patch(style, c * 0.94 + np.array([-half, 0, half]), 0.2, 0.92, 0.014) for c in centers]
    return [rail, _crest(style)] + [Part(solid, style.frame) for solid in made]


def _ladder(style: ChairStyle) -> list[Part]:
    """Rungs whose upper edges are arched."""
    u = ACROSS
    lows = np.linspace(0.2, 0.84, style.back_members)
    tall = 0.36 / (style.back_members + 0.6)
    arch = 0.32 * tall * (1 - u**2)
    return [
        Part(patch(style, u, low + 0.4 * arch, low + tall + arch, 0.018), style.frame)
        for low in lows
    ]


def _cross(style: ChairStyle) -> list[Part]:
    """Two crossing bars between two rails."""
    rail = Part(patch(style, ACROSS, 0.2, 0.29, 0.022), style.frame)
    u = np.linspace(-0.96, 0.96, 12)
    rising = on_back(style, u, 0.27 + (u + 1) / 2 * 0.64, 0.005)
    falling = rising[::-1] * (-1, 1, 1) + (0, 0.009, 0)
    bars = [bar(path, 0.02, 0.032, side=(0, 1, 0)) for path in (rising, falling)]
    return [rail, _crest(style)] + [Part(solid, style.frame) for solid in bars]


def _splat(style: ChairStyle) -> list[Part]:
    """One board in the middle, of a vase's outline."""
    v = np.linspace(0.02, 0.95, 16)
    heights = [0, 0.12, 0.3, 0.5, 0.72, 0.86, 1]
    half = np.interp(v, heights, [0.34, 0.2, 0.26, 0.4, 0.42, 0.24, 0.36])
    grid = on_back(style, np.linspace(-1, 1, 5) * half[:, None], v[:, None])
    rail = Part(patch(style, ACROSS, 0.0, 0.07, 0.026), style.frame)
    return [rail, _crest(style, 0.87, 0.98, 0.07), Part(solids.sheet(grid, 0.016), style.frame)]


def _panel(style: ChairStyle) -> list[Part]:
    """A bent board in front of the posts, or on a bar behind it."""
    return [upholstered(style, _gap(style), 0.022, CORNERS[style.outline], 0.004), *_spine(style)]


def _gap(style: ChairStyle) -> float:
    """Share of the back's height that stays free above the seat."""
    if style.seat == "cushion":
        return -0.07
    return {"padded": 0.16, "sling": 0.3, "panel": 0.34}[style.back]


def _hoop_height(u: ArrayLike) -> Array:
    return (1 - np.abs(u) ** 2.4) ** (1 / 2.4)


def _hoop_line(style: ChairStyle, size: float = 1.0) -> Array:
    """A bent bow that stands in the seat at both ends."""
    angle = np.linspace(0, np.pi, 33)
    u = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / 2.4)
    return on_back(style, size * u, size * np.sin(angle) ** (2 / 2.4) - 0.03)


def _hoop(style: ChairStyle) -> list[Part]:
    """A bow with spindles, or with a smaller bow inside."""
    if style.back_members:
        bow = solids.tube(_hoop_line(style), 0.013, 8)
        inside = _spindles(style)
    else:
        bow = solids.tube(_hoop_line(style), 0.015, 8)
        inside = [solids.tube(_hoop_line(style, 0.66), 0.012, 8)]
    return [Part(solid, style.frame) for solid in (bow, *inside)]


def _spindles(style: ChairStyle) -> list[Solid]:
    """Thin turned bars that fan out from the seat to the bow or the crest."""
    share = np.linspace(-1, 1, style.back_members + 2)[1:-1]
    tops = 0.97 * _hoop_height(share) - 0.03 if style.back == "hoop" else np.full_like(share, 0.94)
    return [_spindle(style, u, top) for u, top in zip(share, tops, strict=True)]


def _spindle(style: ChairStyle, u: float, top: float) -> Solid:
    v = np.linspace(-0.03, top, 9)
    swell = np.interp(v, [0, 0.25, 1], [0.008, 0.0115, 0.0085])
    return solids.tube(on_back(style, u * (0.8 + 0.2 * v / top), v), swell, 6)


def _comb(style: ChairStyle) -> list[Part]:
    """Spindles under a crest, between two thicker ones."""
    outer = [_spindle(style, side, 0.94) for side in (-1.0, 1.0)]
    crest = _crest(style, 0.87, 0.99, 0.05)
    return [crest] + [Part(solid, style.frame) for solid in (*outer, *_spindles(style))]


# Upholstered and slung backs


def _padded(style: ChairStyle) -> list[Part]:
    """A pad between the posts, or a cushion; between padded arms, a thick backrest."""
    if is_boxed(style):
        return [_backrest(style)]
    thick = 0.11 if style.seat == "cushion" else 0.05
    return [upholstered(style, _gap(style), thick, CORNERS[style.outline], -0.02), *_spine(style)]


def _backrest(style: ChairStyle) -> Part:
    """The thick back of an upholstered armchair, from its base up."""
    low = -(style.seat_thickness + 0.6 * BASE_HEIGHT) / style.back_height
    return upholstered(style, low, 0.16, 6, forward=-0.1, width=1.96)


def _sling(style: ChairStyle) -> list[Part]:
    u = 1.06 * ACROSS
    return [Part(patch(style, u, _gap(style), 0.98, 0.014, 0.006), style.cover)]


def _spine(style: ChairStyle) -> list[Part]:
    """The bar that holds a back over a column."""
    if style.legs not in POSTLESS_LEGS:
        return []
    z = underside(style) - 0.012
    y = style.seat_depth / 2 + 0.045
    top = on_back(style, 0, 0.62, -0.02)
    path = bent([(0, 0, z), (0, y, z), top], 0.09)
    return [Part(bar(path, 0.06, 0.024), style.frame)]


def _wing(style: ChairStyle) -> list[Part]:
    """A tall upholstered back with a wing at either side."""
    wing = _wing_side(style)
    return [_backrest(style), Part(wing, style.cover), Part(solids.mirrored(wing), style.cover)]


def _wing_side(style: ChairStyle) -> Solid:
    """The right wing: a soft plate that sweeps from the arm up to the back's top."""
    share = np.linspace(0, 1, 15)
    low = style.arm_height / style.back_height - 0.12
    v = low + (1.03 - low) * share
    reach = np.interp(share, [0, 0.35, 0.75, 0.88, 0.96, 1], [0.26, 0.2, 0.17, 0.14, 0.08, 0.0])
    edges = np.concatenate([on_back(style, 1.0, v, -0.08), on_back(style, 1.0, v, reach)[::-1]])
    middle = edges.mean(axis=0)
    profile = [(0.9, 0), (1, 0.02), (1, 0.05), (0.94, 0.068), (0.86, 0.075)]
    flat = layered((edges - middle)[:, 1:], profile)
    y, z, depth = flat.vertices.T
    upright = np.column_stack([depth - 0.01, y, z])
    return Solid(upright + (rear_corner(style)[0], *middle[1:]), flat.faces)


def _tub(style: ChairStyle) -> list[Part]:
    """A thick upholstered wall around the seat, which slopes down to the arms."""
    # Closer together at the ends, which are round.
    share = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 45))
    path = _rail_line(style, share)
    top = style.seat_height + style.arm_height + _rise(style, path)
    foot = style.seat_height - style.seat_thickness - BASE_HEIGHT + 0.012
    end = np.sqrt(1 - ((np.abs(share) - 0.88).clip(0) / 0.13) ** 2)
    path[:, 2] = foot + (top - foot) * (0.85 + 0.15 * end) / 2
    section = filled([*WALL, WALL[0]], 0.15)[:-1]
    wall = _around(path, 0.1 * end, 2 * (path[:, 2] - foot), section)
    return [Part(wall, style.cover)]


def _rise(style: ChairStyle, path: Array) -> Array:
    share = ((path[:, 1] + 0.3 * style.seat_depth) / (0.75 * style.seat_depth)).clip(0, 1)
    return (style.back_height - style.arm_height) * share**2 * (3 - 2 * share)


# Rails around the sitter


def _rail_line(style: ChairStyle, share: ArrayLike) -> Array:
    """(..., 3) points of a level horseshoe around the seat.

    share  from -1 at the end of the left arm, over 0 behind the sitter, to 1 at the end of the
           right arm
    """
    share = np.asarray(share, float)
    behind = float(on_back(style, 0, min(1.0, style.arm_height / style.back_height))[1]) + 0.012
    wide, deep = style.seat_width / 2 + 0.025, 0.62 * style.seat_depth
    round_part, ahead = 0.68, 0.34 * style.seat_depth
    angle = (np.abs(share) / round_part).clip(max=1) * np.pi / 2
    straight = (np.abs(share) - round_part).clip(min=0) / (1 - round_part) * ahead
    y = behind - deep + deep * np.cos(angle) - straight
    z = np.full_like(y, style.seat_height + style.arm_height)
    return np.stack([np.sign(share) * wide * np.sin(angle), y, z], axis=-1)


def _low(style: ChairStyle) -> list[Part]:
    """A low curved rail, which may go on as arms; below it nothing, a splat or spindles."""
    share = np.linspace(-1, 1, 31) * (1.0 if style.arms == "horseshoe" else 0.5)
    path = _rail_line(style, share)
    middle = np.cos(np.pi / 2 * share) ** 2
    rail = _around(path, 0.034, 0.03 + 0.055 * middle)
    return [Part(solid, style.frame) for solid in (rail, *_under_rail(style))]


def _around(path: Array, thickness: ArrayLike, height: ArrayLike, section: Array = ROUND) -> Solid:
    """A rail or a wall along a horseshoe from left to right.

    Its section stays upright where the path slopes.

    thickness, height  metres, one for all or (K,)
    """
    along = np.gradient(path[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    sizes = np.column_stack([np.broadcast_to(size, len(path)) for size in (thickness, height)])
    scaled = section * sizes[:, None]  # (K, N, 2)
    outward = np.column_stack([-along[:, 1], along[:, 0]])
    level = path[:, None, :2] + scaled[..., :1] * outward[:, None]
    return solids.loft(np.concatenate([level, path[:, None, 2:] + scaled[..., 1:]], axis=-1))


def _under_rail(style: ChairStyle) -> list[Solid]:
    """What is between a low rail and the seat."""
    if style.back_members == 1:
        return [_wishbone(style)]
    share = np.linspace(-0.4, 0.4, style.back_members)
    return [_rail_spindle(style, s) for s in share]


def _wishbone(style: ChairStyle) -> Solid:
    v = np.linspace(-0.03, style.arm_height / style.back_height, 9)
    half = np.interp(v / v[-1], [0, 0.4, 1], [0.1, 0.14, 0.38])
    return solids.sheet(on_back(style, np.linspace(-1, 1, 5) * half[:, None], v[:, None]), 0.016)


def _rail_spindle(style: ChairStyle, share: float) -> Solid:
    top = _rail_line(style, share)
    u = top[0] / (style.seat_width / 2 + 0.025)
    return tube([on_back(style, u, -0.04), top], 0.02)


# Arms


def arms(style: ChairStyle) -> list[Part]:
    """Both arms, or none."""
    made = ARMS[style.arms](style)
    return made + [Part(solids.mirrored(part.solid), part.material) for part in made]


def _arm_ends(style: ChairStyle) -> tuple[Array, Array]:
    """The arm's rear end at the post, and its front end over the front leg."""
    rear = on_back(style, 1.0, style.arm_height / style.back_height)
    x, y = front_corner(style)
    return rear, np.array([max(x, rear[0]) + 0.012, y + 0.02, style.seat_height + style.arm_height])


def _straight_arm(style: ChairStyle) -> list[Part]:
    """A flat bar from the post to a support over the front leg."""
    rear, front = _arm_ends(style)
    middle = 0.5 * (rear + front) + (0.012, 0, 0.006)
    path = smooth([rear + (0, 0.01, -0.01), middle, front - (0, 0.04, 0)])
    arm = bar(path, np.linspace(0.034, 0.058, len(path)), 0.026)
    x, y = front_corner(style)
    post = smooth([(x, y, underside(style)), front])
    size = 0.85 * style.leg_thickness
    support = bar(post, size, size, section=ROUND if is_round(style) else SQUARE)
    return [Part(arm, style.frame), Part(support, style.frame)]


def _curved_arm(style: ChairStyle) -> list[Part]:
    """A bent bar that sweeps down to the side of the seat."""
    rear, front = _arm_ends(style)
    x, low = style.seat_width / 2 - 0.012, style.seat_height - style.seat_thickness
    middle, bend = 0.5 * (rear + front) + (0.02, 0, 0.012), front + (0.02, 0.05, -0.035)
    fall = (x + 0.02, front[1] + 0.085, style.seat_height + 0.4 * style.arm_height)
    path = smooth([rear, middle, bend, fall, (x, -0.12 * style.seat_depth, low)])
    return [Part(solids.tube(path, 0.0145, 8), style.frame)]


def _horseshoe_arm(style: ChairStyle) -> list[Part]:
    """The right half of a rail all around, on a post in front; a low back has the rail already."""
    front = _rail_line(style, 0.93)
    x = min(front_corner(style)[0], style.seat_width / 2 - 0.02)
    foot = (x, front[1] + 0.02, underside(style) + 0.01)
    made = [tube([foot, front], 0.75 * style.leg_thickness)]
    if style.back != "low":
        made += [_around(_rail_line(style, np.linspace(-0.02, 1, 17)), 0.036, 0.024)]
        made += [_arm_spindle(style, _rail_line(style, share)) for share in (0.72, 0.5)]
    return [Part(solid, style.frame) for solid in made]


def _arm_spindle(style: ChairStyle, top: Array) -> Solid:
    """A thin bar from the rim of the seat to a point of the horseshoe."""
    return tube([top * (0.86, 0.86, 0) + (0, 0, style.seat_height - 0.02), top], 0.02)


def _padded_arm(style: ChairStyle) -> list[Part]:
    """A closed upholstered side."""
    if style.back == "tub":
        return []
    low = underside(style) + 0.012
    high = style.seat_height + style.arm_height
    depth = style.seat_depth + 0.05
    flat = pillow((depth, high - low, 0.1), 9, 0.05)
    middle = np.array((style.seat_width / 2 - 0.015, 0.02, (high + low) / 2))
    side = Solid(flat.vertices[:, [2, 0, 1]] + middle, flat.faces)
    top = middle + (0.058, 0, (high - low) / 2 - 0.045)
    made = [side]
    if style.back == "wing":
        axis = smooth([top - (0, depth / 2 + 0.006, 0), top + (0, depth / 2, 0)])
        made.append(solids.tube(axis, 0.062, 14))
    return [Part(solid, style.cover) for solid in made]


def _loop_arm(style: ChairStyle) -> list[Part]:
    """A closed bow at the side, from the seat up and back again."""
    x, y = style.seat_width / 2 + 0.03, 0.31 * style.seat_depth
    low, top = style.seat_height - 0.6 * style.seat_thickness, style.seat_height + style.arm_height
    rise = np.array([(x - 0.04, -y + 0.05, low), (x, -y, low + 0.03), (x, -y, top)])
    path = bent(np.concatenate([rise, rise[::-1] * (1, -1, 1)]), 0.07)
    return [Part(solids.tube(path, 0.0135, 8), style.frame)]


def _tee_arm(style: ChairStyle) -> list[Part]:
    """A pad on one upright."""
    x, top = style.seat_width / 2 + 0.03, style.seat_height + style.arm_height
    low = underside(style) + 0.01
    path = bent([(0.5 * x, 0.02, low), (x, 0.02, low), (x, 0.03, top)], 0.06)
    pad = solids.rounded_box((0.075, 0.25, 0.032), (x, -0.01, top), 0.014)
    return [Part(bar(path, 0.045, 0.022, side=(0, 1, 0)), style.frame), Part(pad, style.cover)]


BACKS = {
    "none": _nothing,
    "slatted": _slatted,
    "ladder": _ladder,
    "panel": _panel,
    "cross": _cross,
    "splat": _splat,
    "hoop": _hoop,
    "comb": _comb,
    "low": _low,
    "padded": _padded,
    "sling": _sling,
    "wing": _wing,
    "tub": _tub,
    "shell": _nothing,  # it is one piece with its seat
}
ARMS = {
    "none": _nothing,
    "moulded": _nothing,  # they are part of the shell
    "straight": _straight_arm,
    "curved": _curved_arm,
    "horseshoe": _horseshoe_arm,
    "padded": _padded_arm,
    "loop": _loop_arm,
    "tee": _tee_arm,
}
