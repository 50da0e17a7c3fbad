"""The floor plan of an upholstered sofa: where its pieces are, seen from above."""

from typing import NamedTuple

from data_scripts.furniture.sofa.styles import SofaStyle


class Place(NamedTuple):
    """A rectangle on the floor, by its middle and its sides; metres."""

    x: float
    y: float
    width: float
    depth: float

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Its four corners."""
        half = (self.width / 2, self.depth / 2)
        return [(self.x + i * half[0], self.y + j * half[1]) for i in (-1, 1) for j in (-1, 1)]


class BackPlace(NamedTuple):
    """Where a back cushion stands."""

    x: float
    y: float
    width: float
    facing: float  # degrees it is turned about z; at 0 it faces the front


class Layout(NamedTuple):
    """A sofa from above, its chaise or corner on the right."""

    grounds: list[Place]  # each stands on feet
    rails: list[Place]  # boards that close the space below the seats
    seats: list[Place]
    backs: list[BackPlace]
    walls: list[Place]  # padded backs
    arms: tuple[int, ...]  # -1 left, 1 right


def layout(style: SofaStyle) -> Layout:
    """The layout of an upholstered sofa."""
    return {"chaise": _chaise, "corner": _corner}.get(style.kind, _straight)(style)


def arm_width(style: SofaStyle) -> float:
    """Width that one arm takes."""
    return 0.0 if style.arm == "none" else style.arm_width


def _spread(style: SofaStyle, left: float, right: float, count: int) -> list[Place]:
    """Seats side by side."""
    front, back = -style.depth / 2, style.depth / 2 - style.back_thickness
    wide = (right - left) / count
    return [
        Place(left + (i + 0.5) * wide, (front + back) / 2, wide, back - front) for i in range(count)
    ]


def _rails(place: Place, sides: str) -> list[Place]:
    """Boards along some sides of a rectangle: "f"ront, "l"eft, "r"ight."""
    x, y, width, depth = place
    thick = 0.09  # so wide that the floor does not show between cushions
    boards = {
        "f": Place(x, y - (depth - thick) / 2, width, thick),
        "l": Place(x - (width - thick) / 2, y, thick, depth),
        "r": Place(x + (width - thick) / 2, y, thick, depth),
    }
    return [boards[side] for side in sides]


def _footing(style: SofaStyle) -> float:
    """Width of the body at its lower end, where some arms are farther in than above."""
    if style.arm == "flared":
        return style.width - (0.1 + 0.2 * style.arm_width)
    if style.arm == "rolled":
        return style.width - 0.35 * style.arm_width
    return style.width


def _straight(style: SofaStyle) -> Layout:
    half, arm, wall_y = style.width / 2, arm_width(style), (style.depth - style.back_thickness) / 2
    inner = half - arm
    seats = _spread(style, -inner, inner, 1 if style.bench else style.seats)
    backs = _spread(style, -inner, inner, style.seats)
    tuck = 0.03 if arm else 0.0  # the back reaches a little into the arms
    return Layout(
        grounds=[Place(0, 0, _footing(style), style.depth)],
        rails=_rails(Place(0, 0, 2 * (inner + tuck), style.depth - 0.03), "f" if arm else "flr"),
        seats=seats,
        backs=[BackPlace(s.x, wall_y - style.back_thickness / 2, s.width, 0) for s in backs],
        walls=[Place(0, wall_y, 2 * (inner + tuck), style.back_thickness)],
        arms=(-1, 1) if arm else (),
    )


def _chaise(style: SofaStyle) -> Layout:
    """The right seat extends to the front."""
    plain = _straight(style)
    last = plain.seats[-1]
    long = Place(last.x, last.y - style.reach / 2, last.width, last.depth + style.reach)
    ground = Place(last.x, -(style.depth + style.reach) / 2, last.width, style.reach)
    rails = _rails(ground._replace(y=ground.y + 0.03, depth=style.reach + 0.03), "flr")
    return plain._replace(
        grounds=[*plain.grounds, ground],
        rails=[*plain.rails, *rails],
        seats=[*plain.seats[:-1], long],
    )


def _corner(style: SofaStyle) -> Layout:
    """A second row of seats comes forward on the right, with its own back."""
    half, depth = style.width / 2, style.depth
    thick, arm = style.back_thickness, arm_width(style)
    seat_depth, right, tuck = depth - thick, half - thick, 0.03 if arm else 0.0
    main = _spread(style, arm - half, half - depth, style.seats)
    square = Place(right - seat_depth / 2, -thick / 2, seat_depth, seat_depth)
    more = Place(square.x, square.y - (seat_depth + style.reach) / 2, seat_depth, style.reach)
    inner_y, wall_y = depth / 2 - thick, (depth - thick) / 2
    ground = Place(half - depth / 2, -(depth + style.reach) / 2, depth, style.reach)
    below = Place(-depth / 2 + arm / 2, 0, style.width - depth - arm + 0.06, depth - 0.03)
    ahead = ground._replace(y=ground.y + 0.03, depth=style.reach + 0.06)
    return Layout(
        grounds=[Place(0, 0, style.width, depth), ground],
        rails=_rails(below, "f" if arm else "fl") + _rails(ahead, "fl"),
        seats=[*main, square, more],
        backs=[
            *(BackPlace(s.x, inner_y, s.width, 0) for s in main),
            BackPlace(square.x - 0.08, inner_y, seat_depth - 0.16, 0),
            BackPlace(right, square.y - 0.08, seat_depth - 0.16, -90),
            BackPlace(right, more.y, style.reach, -90),
        ],
        walls=[
            Place(arm / 2 - tuck / 2, wall_y, style.width - arm + tuck, thick),
            Place(half - thick / 2, -style.reach / 2, thick - 0.004, depth + style.reach - 0.006),
        ],
        arms=(-1,) if arm else (),
    )
