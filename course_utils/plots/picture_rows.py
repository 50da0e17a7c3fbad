"""Rows of pictures, one named row for each method, to compare methods by eye."""

from collections.abc import Sequence

import matplotlib as mpl
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.plots.color_plots import STYLE, WIDTH, free_figure

GAP = 0.03  # white margin around a picture, as a fraction of its side


@mpl.rc_context(STYLE)
def picture_rows(
    rows: dict[str, Tensor], titles: Sequence[str] = (), largest: float = 1.1
) -> Figure:
    """Rows of pictures, each with its name on the left.

    rows     (N, 3, H, W) each, by name, sRGB in [0, 1]; rows may differ in length
    titles   above the columns
    largest  the largest allowed side of a picture, in inches
    """
    label = 0.15 + 0.07 * max(len(name.strip()) for name in rows)  # inches for the names
    columns = max(len(row) for row in rows.values())
    side = min(largest, (WIDTH - label) / columns)
    pixels = round(200 * side)
    above = 0.3 if titles else 0.05
    figure = free_figure(label + columns * side, above + len(rows) * side)
    axes = figure.add_axes((0, 0, 1, 1))
    top = -0.3 / side if titles else -0.05
    axes.set(xlim=(-label / side, columns), ylim=(len(rows), top))
    axes.set_axis_off()
    for place, (name, row) in enumerate(rows.items()):
        framed = _framed(_enlarged(row, pixels))
        sheet = framed.permute(2, 0, 3, 1).flatten(1, 2)  # (pixels, N * pixels, 3)
        axes.imshow(sheet, extent=(0, len(row), place + 1 - GAP, place + GAP), aspect="auto")
        axes.annotate(name, (-0.08, place + 0.5), ha="right", va="center", fontsize=9)
    for place, title in enumerate(titles):
        axes.annotate(title, (place + 0.5, -0.06), ha="center", va="bottom", fontsize=9)
    return figure


def _enlarged(images: Tensor, side: int) -> Tensor:
    """Resize pictures smoothly to (N, 3, side, side)."""
    small, size = images.detach().float(), (side, side)
    return F.interpolate(small, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def _framed(images: Tensor) -> Tensor:
    """Whiten the left and right edges, so that neighbouring pictures stay apart."""
    edge = round(GAP * images.shape[-1])
    images[..., :edge] = images[..., -edge:] = 1
    return images
