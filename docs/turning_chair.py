"""`python docs/turning_chair.py` writes docs/turning_chair.webp, the moving picture of the README.

Upper row: rendered furniture, as the assignments ship it. Lower row: the trained reference network
of assignment 2 draws chairs that turn while each becomes another chair. Needs the pack `furniture`.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from course_utils.data.rendered_views import RenderedViews, load_views
from course_utils.data.transformations import IDENTITY
from course_utils.reference import chair_generator
from course_utils.reference.chair_generator import (
    ChairGenerator,
    composite,
    encode_transformation,
    encode_view,
    interpolate_chairs,
)
from course_utils.training.weights import load_weights

PICTURE = Path(__file__).with_suffix(".webp")
WEIGHTS = Path(chair_generator.__file__).with_suffix(".safetensors")
NETWORK = {"features": 160, "channels": (64, 32, 16)}  # of the weights in the repository
SIDE = 128  # pixels of one piece in the film
SECONDS = 0.09  # for each frame
ELEVATION = 20.0  # degrees
RENDERED = [8, 30, 18, 55, 80, 90]  # models of the pack: chairs, a table, a sofa and cars
MORPHS = [(1, 3), (10, 13), (14, 23), (6, 18), (8, 16), (0, 11)]  # from one chair to another


def main() -> None:
    """Draw the film and write it."""
    views = load_views("furniture")
    azimuths = views.azimuth.unique()
    twice = torch.cat([azimuths, azimuths])  # one turn for each chair of a morph
    upper = rendered_turning(views, RENDERED, azimuths).repeat(2, 1, 1, 1, 1)
    chairs = load_views("furniture", 32).of_category("chair").renumbered()
    lower = generated_turning(len(chairs.names), MORPHS, twice)
    write_film(torch.cat([side_by_side(upper), side_by_side(lower)], dim=2))


def rendered_turning(views: RenderedViews, models: Sequence[int], azimuths: Tensor) -> Tensor:
    """Rendered pieces over white, seen from each azimuth: (T, N, 3, S, S)."""
    every_view = views.batch(torch.arange(len(views)))
    low = every_view.elevation == ELEVATION
    pieces = []
    for model in models:
        seen = (low & (every_view.model == model)).nonzero()[:, 0]
        in_order = seen[every_view.azimuth[seen].argsort()]
        pieces.append(every_view.image[in_order])
    return torch.stack(pieces, dim=1)


def generated_turning(chairs: int, morphs: Sequence[tuple[int, int]], azimuths: Tensor) -> Tensor:
    """Chairs that the network draws, over white: (T, N, 3, S, S)."""
    network = load_weights(ChairGenerator(chairs, **NETWORK), WEIGHTS).eval()
    view = encode_view(azimuths, torch.full_like(azimuths, ELEVATION))
    still = encode_transformation(torch.tensor(IDENTITY).expand(len(azimuths), 8))
    shares = there_and_back(len(azimuths))
    pieces = []
    for first, second in morphs:
        identity = interpolate_chairs(first, second, shares, chairs)
        with torch.no_grad():
            image, mask = network(identity, view, still)
        pieces.append(composite(image, mask))
    return torch.stack(pieces, dim=1)


def there_and_back(frames: int) -> Tensor:
    """Shares (T,) that rest at 0, go to 1, rest there, and go back, smoothly."""
    wave = -torch.cos(torch.arange(frames) * 2 * math.pi / frames)
    return ((1.6 * wave).clamp(-1, 1) * math.pi / 2).sin() / 2 + 0.5


def side_by_side(pieces: Tensor) -> Tensor:
    """(T, N, 3, S, S) as one row of pictures, enlarged: (T, 3, SIDE, N SIDE)."""
    frames, count = pieces.shape[:2]
    large = F.interpolate(pieces.flatten(0, 1), size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)
    return large.view(frames, count, 3, SIDE, SIDE).permute(0, 2, 3, 1, 4).flatten(3)


def write_film(frames: Tensor) -> None:
    """Write frames (T, 3, H, W) as an endless WebP."""
    pixels = (frames * 255).round().byte().movedim(1, -1).numpy()
    first, *others = [Image.fromarray(frame) for frame in pixels]
    first.save(
        PICTURE,
        save_all=True,
        append_images=others,
        duration=round(1000 * SECONDS),
        loop=0,
        quality=80,
        method=4,
    )


if __name__ == "__main__":
    main()
