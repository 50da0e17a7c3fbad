"""Figures about a classifier: its layers, its loss, its training and its predictions.

Pictures are sRGB in [0, 1] unless a docstring says otherwise. Every function returns a new Figure.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from torch import Tensor

from course_utils.plots.color_plots import ACCENT, CENTRED, FAINT, INK, MUTED, STYLE, WIDTH, cells

_styled = mpl.rc_context(STYLE)
SECOND, THIRD = "#1f77b4", "#e08a00"
RIGHT, WRONG = "#2e7d32", ACCENT


def _shown(axes: Axes, image: Tensor, title: str = "", **style: Any) -> Axes:
    """Show a picture (3, H, W) or a map (H, W) without ticks."""
    pixels = image.detach().float()
    if pixels.ndim == 3:
        pixels = pixels.movedim(0, -1).clamp(0, 1)
    axes.imshow(pixels, **style)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    return axes


def _map(axes: Axes, values: Tensor, title: str = "") -> Axes:
    """Show a map (H, W): negative values in blue, zero in white, positive values in red."""
    reach = max(values.detach().abs().max().item(), 1e-9)
    return _shown(
        axes, values, title, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest"
    )


@_styled
def picture_grid(images: Tensor, titles: Sequence[str], columns: int = 7) -> Figure:
    """Pictures in rows, each under its title.

    images  (N, 3, H, W)
    titles  N of them
    """
    rows = -(-len(images) // columns)
    figure = Figure((WIDTH, rows * (WIDTH / columns + 0.3)))
    grid = figure.add_gridspec(rows, columns)
    for place, image, title in zip(cells(grid), images, titles, strict=False):
        _shown(figure.add_subplot(place), image, title)
    return figure


@_styled
def templates(weights: Tensor, size: int, names: Sequence[str]) -> Figure:
    """The weights of a linear classifier: one picture for each class, grey for zero.

    weights  (3 * size * size, C)
    """
    pictures = weights.detach().T.reshape(-1, 3, size, size)
    reach = pictures.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-9)
    return picture_grid(0.5 + 0.5 * pictures / reach, names)


@_styled
def activation(x: Tensor, y: Tensor, slope: Tensor | None = None) -> Figure:
    """A function of one number and, where given, its slope.

    x, y, slope  (N,)
    """
    figure = Figure((WIDTH, 2.6))
    axes = figure.subplots(1, 2 if slope is not None else 1, squeeze=False)[0]
    axes[0].plot(x, y.detach(), color=ACCENT, lw=2)
    axes[0].set(title="what comes out", xlabel="what goes in")
    if slope is not None:
        axes[1].plot(x, slope.detach(), color=SECOND, lw=0, marker=".", ms=4)
        axes[1].set(
            title="the part of the gradient that passes", xlabel="what went in", ylim=(-0.1, 1.1)
        )
    for each in axes:
        each.axvline(0, color=FAINT, lw=0.8, zorder=0)
    return figure


@_styled
def feature_maps(image: Tensor, maps: dict[str, Tensor]) -> Figure:
    """A picture and its filtered versions: red for a positive response, blue for a negative one.

    image  (3, H, W)
    maps   (H', W'), by the kernel's name
    """
    figure = Figure((WIDTH, 0.3 + WIDTH / (len(maps) + 1)))
    grid = figure.add_gridspec(1, len(maps) + 1)
    _shown(figure.add_subplot(grid[0]), image, "the picture")
    for place, (name, values) in zip(cells(grid)[1:], maps.items(), strict=True):
        _map(figure.add_subplot(place), values, name)
    return figure


@_styled
def shrinking(maps: Sequence[Tensor]) -> Figure:
    """One map after each pooling layer, all drawn at the same size.

    maps  (H, W) each
    """
    figure = Figure((WIDTH, 0.3 + WIDTH / len(maps)))
    grid = figure.add_gridspec(1, len(maps))
    for place, values in zip(cells(grid), maps, strict=True):
        title = f"{values.shape[0]} × {values.shape[1]}"
        _shown(figure.add_subplot(place), values, title, cmap="magma", interpolation="nearest")
    return figure


@_styled
def pooled_back(values: Tensor, pooled: Tensor, gradient: Tensor, passed: Tensor) -> Figure:
    """Small maps of numbers: the input and output of a pooling layer, and their gradients.

    values, passed    (H, W)
    pooled, gradient  (H', W')
    """
    panels = {"y": values, "z, the maxima": pooled, "dL/dz": gradient, "dL/dy": passed}
    figure = Figure((WIDTH, 2.7))
    grid = figure.add_gridspec(1, 4)
    for place, (name, panel) in zip(cells(grid), panels.items(), strict=True):
        axes = _map(figure.add_subplot(place), panel, name)
        dark = 0.6 * panel.abs().max().item()
        for (row, column), number in np.ndenumerate(panel.detach().numpy()):
            ink = "white" if abs(number) > dark else INK
            axes.annotate(f"{number:g}", (column, row), fontsize=9, color=ink, **CENTRED)
    return figure


@_styled
def score_bars(scores: Tensor, panels: dict[str, Tensor], names: Sequence[str]) -> Figure:
    """Scores, and the probabilities computed from them, as bars.

    scores  (C,)
    panels  (C,) probabilities, by title
    """
    figure = Figure((WIDTH, 2.6))
    axes = figure.subplots(1, 1 + len(panels))
    axes[0].bar(names, scores, color=MUTED)
    axes[0].set(title="scores")
    axes[0].axhline(0, color=INK, lw=0.8)
    for each, (title, share) in zip(axes[1:], panels.items(), strict=True):
        each.bar(names, share.detach(), color=ACCENT)
        each.set(title=title, ylim=(0, 1))
    for each in axes:
        each.tick_params(axis="x", rotation=35)
    return figure


@_styled
def loss_curve(p: Tensor, loss: Tensor, marked: dict[str, tuple[float, float]]) -> Figure:
    """The loss by the probability of the right class.

    p, loss  (N,)
    marked   points (p, loss), by name
    """
    figure = Figure((WIDTH * 0.7, 2.9))
    axes = figure.subplots()
    axes.plot(p, loss.detach(), color=ACCENT, lw=2)
    for name, point in marked.items():
        axes.plot(*point, "o", color=INK)
        axes.annotate(name, point, (8, 5), textcoords="offset points")
    axes.set(xlabel="probability of the right class", ylabel="loss", ylim=(0, None), xlim=(0, 1.02))
    return figure


@_styled
def gradients_agree(analytic: Tensor, numerical: Tensor) -> Figure:
    """A scatter plot of two gradients: points on the diagonal agree.

    analytic, numerical  (...)  of the same shape
    """
    figure = Figure((4.6, 3.2))
    axes = figure.subplots()
    a, n = analytic.detach().flatten(), numerical.detach().flatten()
    reach = 1.1 * max(a.abs().max().item(), n.abs().max().item(), 1e-9)
    axes.plot([-reach, reach], [-reach, reach], color=FAINT, zorder=0)
    axes.plot(n, a, ".", color=ACCENT)
    axes.set(xlabel="by differences of the loss", ylabel="by your formula")
    return figure


@_styled
def descent(losses: Tensor, axis: Tensor, paths: dict[str, Tensor]) -> Figure:
    """Paths of gradient descent over the contours of a loss of two weights.

    losses  (G, G)  the loss at (axis[i], axis[j])
    axis    (G,)
    paths   (S, 2)  the weights before the first step, after it, ..., by name
    """
    figure = Figure((WIDTH, 3.4))
    axes = figure.subplots(1, len(paths), sharey=True)
    levels = np.geomspace(max(losses.min().item(), 0.02), losses.max().item(), 16)
    for each, (name, path) in zip(axes, paths.items(), strict=True):
        each.contour(axis, axis, losses.detach().T, levels=levels, colors="#c3c9cf", linewidths=0.8)
        walk = path.detach().numpy()
        each.plot(*walk.T, "-o", color=ACCENT, lw=1, ms=3)
        each.plot(*walk[0], "o", color=INK, ms=6)
        each.plot(0, 0, "+", color=INK, ms=10)
        each.set(title=name, xlabel="$w_1$", xlim=(axis[0], axis[-1]), ylim=(axis[0], axis[-1]))
    axes[0].set_ylabel("$w_2$")
    return figure


@_styled
def curves(
    lines: dict[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    level: float | None = None,
    first: int = 0,
) -> Figure:
    """Curves over first, first + 1, ..., by name; a dotted line at `level`."""
    figure = Figure((WIDTH * 0.75, 2.8))
    axes = figure.subplots()
    for colour, (name, line) in zip((ACCENT, SECOND, THIRD, MUTED), lines.items(), strict=False):
        values = torch.as_tensor(line).detach()
        axes.plot(range(first, first + len(values)), values, color=colour, lw=1.8, label=name)
    if level is not None:
        axes.axhline(level, color=MUTED, ls=":", lw=1)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(bottom=0)
    if len(lines) > 1:
        axes.legend()
    return figure


@_styled
def guesses(
    images: Tensor, shares: Tensor, labels: Tensor, names: Sequence[str], top: int = 5
) -> Figure:
    """Pictures with their most likely classes as bars: the right class green, others red.

    images  (N, 3, H, W), four to a row
    shares  (N, C)  probabilities
    labels  (N,)    the true classes
    """
    rows = -(-len(images) // 4)
    figure = Figure((WIDTH, 3.3 * rows))
    grid = figure.add_gridspec(rows, 4)
    for place, image, share, label in zip(cells(grid), images, shares, labels, strict=False):
        inner = place.subgridspec(2, 1, height_ratios=[1.5, 1], hspace=0.02)
        upper, lower = cells(inner)
        _shown(figure.add_subplot(upper), image, names[label])
        _bars(figure, lower, share, int(label), names, top)
    return figure


def _bars(
    figure: Figure, where: SubplotSpec, share: Tensor, label: int, names: Sequence[str], top: int
) -> None:
    axes = figure.add_subplot(where)
    best = share.detach().topk(min(top, len(share)))
    colours = [RIGHT if index == label else WRONG for index in best.indices.tolist()]
    axes.barh(range(len(best.values)), best.values, color=colours, alpha=0.55)
    for row, index in enumerate(best.indices.tolist()):
        axes.annotate(names[index], (0.02, row), va="center", fontsize=8)
    axes.set(xlim=(0, 1), xticks=[], yticks=[])
    axes.invert_yaxis()


@_styled
def confusion(labels: Tensor, found: Tensor, names: Sequence[str]) -> Figure:
    """The confusion matrix: for each true class, a row with the share of each predicted label.

    labels, found  (N,)
    """
    count = torch.zeros(len(names), len(names))
    count.index_put_((labels, found), torch.ones(len(labels)), accumulate=True)
    share = count / count.sum(dim=1, keepdim=True).clamp(min=1)
    figure = Figure((WIDTH * 0.72, WIDTH * 0.62))
    axes = figure.subplots()
    axes.imshow(share, cmap="magma_r", vmin=0, vmax=1)
    for (row, column), each in np.ndenumerate(share.numpy()):
        if each >= 0.05:
            ink = "white" if each > 0.5 else INK
            axes.annotate(f"{each:.0%}", (column, row), fontsize=7, color=ink, **CENTRED)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="the network's guess", ylabel="the truth")
    return figure


@_styled
def filters(kernels: Tensor) -> Figure:
    """The kernels of a first layer as small colour pictures, grey for zero.

    kernels  (D, 3, h, w)
    """
    reach = kernels.detach().abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-9)
    columns = 16
    rows = -(-len(kernels) // columns)
    figure = Figure((WIDTH, 0.1 + rows * WIDTH / columns))
    pictures = 0.5 + 0.5 * kernels.detach() / reach
    grid = figure.add_gridspec(rows, columns)
    for place, kernel in zip(cells(grid), pictures, strict=False):
        _shown(figure.add_subplot(place), kernel, interpolation="nearest")
    return figure


@_styled
def through_the_layers(
    image: Tensor, layers: dict[str, Tensor], share: Tensor, label: int, names: Sequence[str]
) -> Figure:
    """From a picture to a label: the strongest maps of each block, and the most likely classes.

    image   (3, H, W)
    layers  (D, h, w)  maps, by title
    share   (C,)       probabilities
    label   the true class
    """
    figure = Figure((WIDTH, 2.4))
    grid = figure.add_gridspec(1, len(layers) + 2, width_ratios=[1, *[1.25] * len(layers), 1.25])
    _shown(figure.add_subplot(grid[0]), image, "the picture")
    for place, (name, maps) in zip(cells(grid)[1:-1], layers.items(), strict=True):
        strongest = maps.detach().amax(dim=(1, 2)).topk(min(9, len(maps))).indices
        inner = place.subgridspec(3, 3, wspace=0.05, hspace=0.05)
        for index, (small, channel) in enumerate(zip(cells(inner), strongest, strict=False)):
            title = name if index == 0 else ""
            axes = figure.add_subplot(small)
            _shown(axes, maps[channel], title, cmap="magma", interpolation="nearest")
    _bars(figure, grid[-1], share, label, names, 5)
    figure.axes[-1].set_title("p(c | x)", fontsize=9)
    return figure


@_styled
def compare_bars(rows: dict[str, float], unit: str = "", chance: float | None = None) -> Figure:
    """One horizontal bar for each name, and a dotted line at chance level."""
    figure = Figure((WIDTH * 0.8, 0.7 + 0.42 * len(rows)))
    axes = figure.subplots()
    axes.barh(list(rows), list(rows.values()), color=[MUTED] * (len(rows) - 1) + [ACCENT])
    for row, value in enumerate(rows.values()):
        axes.annotate(f" {value:.3g}", (value, row), va="center", fontsize=9)
    if chance is not None:
        axes.axvline(chance, color=INK, ls=":", lw=1)
        axes.annotate("chance", (chance, -0.6), (4, 0), textcoords="offset points", fontsize=8)
    axes.set(xlabel=unit)
    axes.invert_yaxis()
    return figure


@_styled
def two_times(loop: float, vectorised: float, library: float) -> Figure:
    """Three running times, in seconds, on a logarithmic scale."""
    figure = Figure((WIDTH * 0.8, 1.9))
    axes = figure.subplots()
    times = {"seven loops": loop, "yours": vectorised, "torch's own": library}
    axes.barh(list(times), list(times.values()), color=[MUTED, ACCENT, SECOND])
    for row, value in enumerate(times.values()):
        axes.annotate(f" {1000 * value:.3g} ms", (value, row), va="center", fontsize=9)
    axes.set(xscale="log", xlabel="seconds, on a log scale", xlim=(None, 8 * loop))
    axes.invert_yaxis()
    return figure
