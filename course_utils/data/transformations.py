"""The transformations that a chair generator is given (Dosovitskiy et al., PAMI 2017, sect. 4.1).

Drawing their parameters is given. To apply them is a task of the assignment, and handed in as a
function.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.rendered_views import RenderedViews, Views

# The columns of a parameter tensor. Factors are 1 where nothing changes, the others 0.
PARAMETERS = (
    "shift_x",  # of the picture's side, to the right
    "shift_y",  # of the picture's side, down
    "rotation",  # radians in the picture plane, clockwise as the picture is seen
    "zoom_x",  # factor
    "zoom_y",  # factor
    "saturation",  # factor
    "brightness",  # factor
    "hue",  # radians around the grey axis
)
IDENTITY = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0)
FACTORS = (False, False, False, True, True, True, True, False)

# Half widths of the uniform distributions they are drawn from (factors: the logarithm), as the
# authors have.
SHIFT, ROTATION, ZOOM, SQUEEZE, SATURATION, BRIGHTNESS, HUE = 0.1, 0.2, 0.3, 0.1, 0.7, 0.7, 1.5

# The three axes of colour, rows: brightness, red against blue, green against both; nearly the
# principal axes of the colours of natural pictures (Ohta, Kanade and Sakai 1980). Hue turns the
# last two into each other.
COLOR_AXES = torch.tensor([[1.0, 1, 1], [1, 0, -1], [-1, 2, -1]], dtype=torch.float64)
COLOR_AXES /= COLOR_AXES.norm(dim=1, keepdim=True)

Transform = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def sample_parameters(count: int, generator: torch.Generator, spread: float = 1.0) -> Tensor:
    """Draw transformations with the authors' ranges.

    spread   0 is no transformation at all, 1 the full ranges; a curriculum goes from one to the
             other
    returns  (count, 8)  float32, columns as in PARAMETERS
    Raises ValueError if spread is negative.
    """
    if spread < 0:
        raise ValueError(f"spread can't be negative: {spread}")
    draws = 2 * torch.rand(count, 8, generator=generator) - 1
    widths = torch.tensor([SHIFT, SHIFT, ROTATION, ZOOM, SQUEEZE, SATURATION, BRIGHTNESS, HUE])
    shift_x, shift_y, rotation, zoom, squeeze, saturation, brightness, hue = (
        draws * widths * spread
    ).T
    zooms = (zoom + squeeze).exp(), (zoom - squeeze).exp()
    return torch.stack(
        [shift_x, shift_y, rotation, *zooms, saturation.exp(), brightness.exp(), hue], dim=1
    )


def curriculum(step: int, start: float = 0.1, pace: float = 1e-5) -> float:
    """How far the ranges are opened after some steps of training, from `start` to 1.

    c_n = c_0 + (1 - c_0) (2 / (1 + exp(-pace n)) - 1), as in the authors' code.
    """
    return start + (1 - start) * (2 / (1 + torch.exp(torch.tensor(-pace * step)).item()) - 1)


class TransformedViews(NamedTuple):
    """A batch of views after their transformations: the generator's input and its target."""

    image: Tensor  # (B, 3, S, S) over black, float32, in [0, 1]
    mask: Tensor  # (B, 1, S, S) in [0, 1]
    parameters: Tensor  # (B, 8) columns as in PARAMETERS
    views: Views  # before


@dataclass
class Transformed:
    """Rendered views with new random transformations in each epoch.

    transform  (image, mask, parameters) -> (image, mask): applied to the image over black
    seed       of the parameters: epochs differ, runs do not
    spread     see `sample_parameters`; may be changed while training
    """

    views: RenderedViews
    transform: Transform
    seed: int = 0
    spread: float = 1.0
    generator: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)

    def batches(self, size: int) -> Iterator[TransformedViews]:
        """One epoch: all views once, shuffled, `size` at a time."""
        return (self.apply(views) for views in self.views.batches(size, self.generator))

    def apply(self, views: Views) -> TransformedViews:
        """Transform one batch, image and mask together, with newly drawn parameters."""
        drawn = sample_parameters(len(views.image), self.generator, self.spread)
        parameters = drawn.to(views.image.device)
        image, mask = self.transform(views.masked, views.mask, parameters)
        return TransformedViews(image, mask, parameters, views)
