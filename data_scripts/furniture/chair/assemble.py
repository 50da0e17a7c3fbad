"""Put a chair together from its seat, its legs, its back and its arms."""

from data_scripts.furniture.chair.backs import arms, back, posts
from data_scripts.furniture.chair.legs import WITH_POSTS, legs
from data_scripts.furniture.chair.seats import seat
from data_scripts.furniture.chair.styles import ChairStyle
from data_scripts.furniture.render.materials import Part

# Legs whose rear ends continue upwards as the posts of the back.
CARRIERS = (*WITH_POSTS, "cantilever", "sled", "crossed")


def build_chair(style: ChairStyle) -> list[Part]:
    """Put a chair together."""
    ends = posts(style)
    shared, own = (ends, []) if style.legs in CARRIERS else ([], ends)
    return [*seat(style), *legs(style, shared), *back(style, own), *arms(style)]
