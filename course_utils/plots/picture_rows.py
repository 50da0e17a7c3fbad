"""Rows of pictures, each row with its name: how methods are compared by eye."""

from collections.abc import Sequence

import matplotlib as mpl
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.plots.color_plots import STYLE, WIDTH

GAP = 0.03  # white around a picture, as a part of its side


@mpl.rc_context(STYLE)
def picture_rows(
    rows: dict[str, Tensor], titles: Sequence[str] = (), largest: float = 1.1
) -> Figure:
    """Rows of pictures, each row with its name at the left.

    rows     (N, 3, H, W) each, by name, sRGB in [0, 1]; rows may differ in length
    titles   above the columns
    largest  inches of a picture's side at most
    """
    label = 0.15 + 0.07 * max(len(name.strip()) for name in rows)  # inches for the names
    columns = max(len(row) for row in rows.values())
    side = min(largest, (WIDTH - label) / columns)
    pixels = round(200 * side)
    figure = Figure(
        (label + columns * side, (0.3 if titles else 0.05) + len(rows) * side), layout="none"
    )
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-label / side, columns), ylim=(len(rows), -0.3 / side if titles else -0.05))
    axes.set_axis_off()
    for place, (name, row) in enumerate(rows.items()):
        sheet = (
            _framed(_enlarged(row, pixels)).permute(2, 0, 3, 1).flatten(1, 2)
        )  # (pixels, N * pixels, 3)
        axes.imshow(sheet, extent=(0, len(row), place + 1 - GAP, place + GAP), aspect="auto")
        axes.annotate(name, (-0.08, place + 0.5), ha="right", va="center", fontsize=9)
    for place, title in enumerate(titles):
        axes.annotate(title, (place + 0.5, -0.06), ha="center", va="bottom", fontsize=9)
    return figure


def _enlarged(images: Tensor, side: int) -> Tensor:
    """(N, 3, side, side): smooth, as a screen would show a small picture."""
    large = F.interpolate(
        images.detach().float(), size=(side, side), mode="bicubic", antialias=True
    )
    return large.clamp(0, 1)


def _framed(images: Tensor) -> Tensor:
    """With white at the left and the right of each, so that no two of a row run together."""
    edge = round(GAP * images.shape[-1])
    images[..., :edge] = images[..., -edge:] = 1
    return images
