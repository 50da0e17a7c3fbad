"""Figures of assignment 0: neighbours, votes, blends, codebooks and histograms.

Every figure function returns a new Figure.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.color import lab2rgb
from torch import Tensor

from course_utils.plots.color_plots import ACCENT, INK, MUTED, STYLE, WIDTH

RIGHT = "#2e7d32"
COLORS = ("#3066be", "#e07a1f", "#2e7d32", "#8e44ad")
_styled = mpl.rc_context(STYLE)


def _show(axes: Axes, image: Tensor, title: str = "", color: str = INK) -> None:
    """Show a picture (C, H, W) without ticks; a single channel is shown as ink on paper."""
    pixels = image.detach().float().clamp(0, 1).movedim(0, -1).numpy()
    if pixels.shape[-1] != 3:
        pixels = pixels[..., 0]
    axes.imshow(pixels, cmap="Greys", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, color=color, fontsize=8.5)
    axes.spines[:].set_visible(False)


@_styled
def distance_table(distances: Tensor, labels: Tensor) -> Figure:
    """The distances between all pairs of examples, as an image.

    distances  (N, N)
    labels     (N,)  sorted, the same number of each
    """
    figure = Figure((5.6, 4.6))
    axes = figure.add_subplot(title="squared distance of every digit to every other")
    image = axes.imshow(distances.detach().numpy(), cmap="magma")
    many = len(labels) // len(labels.unique())
    ticks = np.arange(len(labels.unique())) * many
    axes.set_xticks(ticks + many / 2 - 0.5, labels[ticks].tolist())
    axes.set_yticks(ticks + many / 2 - 0.5, labels[ticks].tolist())
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


@_styled
def neighbor_rows(queries: Tensor, neighbors: Tensor, squared: Tensor) -> Figure:
    """Each query with its nearest neighbours and their distances.

    queries    (N, C, H, W)
    neighbors  (N, k, C, H, W)
    squared    (N, k)
    """
    rows, k = squared.shape
    figure = Figure((WIDTH, 1.3 * rows))
    grid = figure.subplots(rows, k + 1, squeeze=False)
    for row, query, found, far in zip(grid, queries, neighbors, squared.tolist(), strict=True):
        _show(row[0], query, "query", ACCENT)
        for axes, image, value in zip(row[1:], found, far, strict=True):
            _show(axes, image, f"d² = {value:.1f}")
    return figure


@_styled
def label_transfer(
    queries: Tensor, elected: Tensor, truth: Tensor, curves: Mapping[str, Mapping[int, float]]
) -> Figure:
    """Queries with their predicted labels, and the accuracy as a function of k.

    queries         (24, 1, H, W)
    elected, truth  (24,)  predicted and true labels
    curves          name -> (k -> share of correct labels)
    """
    figure = Figure((WIDTH, 3.5))
    grid = figure.add_gridspec(1, 2, width_ratios=(1.25, 1))
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    panels = left.subplots(4, 6).flat
    labels = zip(elected.tolist(), truth.tolist(), strict=True)
    for axes, image, (ours, true) in zip(panels, queries, labels, strict=True):
        if ours == true:
            _show(axes, image, f"{ours}", RIGHT)
        else:
            _show(axes, image, f"{ours}, not {true}", ACCENT)
    axes = right.add_subplot(title="Does a vote help?")
    axes.set(xlabel="neighbours k", ylabel="right labels")
    for color, (name, curve) in zip(COLORS, curves.items(), strict=False):
        axes.plot(list(curve), list(curve.values()), "o-", color=color, label=name, ms=4)
    axes.set(ylim=(0, 1.02))
    axes.legend(loc="lower right")
    return figure


@_styled
def gallery(pictures: Mapping[str, Tensor], columns: int) -> Figure:
    """Pictures (C, H, W), each under its name."""
    rows = -(-len(pictures) // columns)
    figure = Figure((WIDTH, rows * (WIDTH / columns + 0.25)))
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid:
        axes.set_axis_off()
    for axes, (name, image) in zip(grid, pictures.items(), strict=False):
        _show(axes, image, name)
    return figure


@_styled
def colored_rooms(
    lightness: Tensor, truth: Tensor, tossed: Tensor, answers: Mapping[int, Tensor]
) -> Figure:
    """A room in true colours and in those of K neighbours; and how the chroma falls with K.

    lightness  (1, H, W)  (L* - 50) / 100
    truth      (2, H, W)  (a*, b*) / 110
    tossed     (H, W)     bool, where the colour is drawn at random: there the chroma is measured
    answers    K -> (2, H, W)
    """
    grey = {"the query": 0 * truth, "a truth": truth}
    planes = grey | {f"K = {k}": ab for k, ab in answers.items()}
    figure = Figure((WIDTH, 4.3))
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 0.95))
    top, bottom = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    for axes, (name, ab) in zip(top.subplots(1, len(planes)), planes.items(), strict=True):
        _show(axes, _rgb(lightness, ab), name)
    axes = bottom.add_subplot(xlabel="neighbours K", ylabel="chroma of the furniture")
    chroma = [110 * ab.norm(dim=0)[tossed].mean().item() for ab in answers.values()]
    axes.plot([str(k) for k in answers], chroma, "o-", color=ACCENT)
    vivid = 110 * truth.norm(dim=0)[tossed].mean().item()
    axes.axhline(vivid, color=MUTED, ls="--", lw=1, label="the truth")
    axes.set(ylim=(0, 1.15 * max(vivid, *chroma)))
    axes.legend(loc="lower right")
    return figure


def _rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    lab = torch.cat([lightness * 100 + 50, ab * 110]).movedim(0, -1).double().numpy()
    return torch.from_numpy(lab2rgb(lab)).movedim(-1, 0)


def _mosaic(patches: Tensor, columns: int) -> np.ndarray:
    """Tile patches (K, S, S), each with full contrast, with white lines between them."""
    low, high = patches.amin((1, 2), keepdim=True), patches.amax((1, 2), keepdim=True)
    stretched = (patches - low) / (high - low).clamp(min=1e-6)
    framed = torch.nn.functional.pad(stretched, (1, 1, 1, 1), value=1.0)
    side = framed.shape[-1]
    grid = framed[: len(framed) // columns * columns].reshape(-1, columns, side, side)
    return grid.permute(0, 2, 1, 3).reshape(-1, columns * side).numpy()


@_styled
def codebook(paths: Tensor, points: Tensor, assignment: Tensor, words: Tensor) -> Figure:
    """The paths of cluster centres among points, and a vocabulary of patches.

    paths       (T, K, 2)  the centres after each iteration
    points      (N, 2)
    assignment  (N,)
    words       (W, S, S)  patches, the most frequent first
    """
    figure = Figure((WIDTH, 4.0))
    left, right = figure.subplots(1, 2)
    for number in range(paths.shape[1]):
        color, mine = COLORS[number % len(COLORS)], points[assignment == number]
        left.scatter(mine[:, 0], mine[:, 1], s=8, color=color, alpha=0.4)
        left.plot(paths[:, number, 0], paths[:, number, 1], "o-", color=INK, ms=3, lw=1)
        a, b = paths[-1, number].tolist()
        left.plot(a, b, "X", color=color, ms=11, mec="white")
    left.set_title("centres walk to the middle of their points")
    left.set(aspect="equal", xticks=[], yticks=[])
    right.imshow(_mosaic(words.detach(), 8), cmap="gray", vmin=0, vmax=1)
    right.set(title="the vocabulary, most frequent word first", xticks=[], yticks=[])
    right.spines[:].set_visible(False)
    return figure


@_styled
def word_histograms(images: Tensor, histograms: Tensor, names: Sequence[str]) -> Figure:
    """Pictures beside their histograms of visual words.

    images      (N, C, H, W)
    histograms  (N, K)
    """
    figure = Figure((WIDTH, 1.35 * len(names)))
    grid = figure.subplots(len(names), 2, width_ratios=(1, 7), squeeze=False, sharex="col")
    for (left, right), image, shares, name in zip(grid, images, histograms, names, strict=True):
        _show(left, image, name)
        right.bar(range(len(shares)), shares.detach().tolist(), color=COLORS[0])
        right.set(ylabel="share", ylim=(0, 1.1 * histograms.max().item()))
    grid[-1, 1].set_xlabel("visual word")
    return figure


@_styled
def comparison(
    accuracy: Mapping[str, Sequence[float]], situations: Sequence[str], chance: float
) -> Figure:
    """Bars: the accuracy of each method in each situation."""
    figure = Figure((WIDTH, 3.4))
    axes = figure.add_subplot(title="Furniture never seen before")
    axes.set(ylabel="right labels", ylim=(0, 1))
    width = 0.8 / len(accuracy)
    for number, (name, shares) in enumerate(accuracy.items()):
        at = np.arange(len(situations)) + (number - (len(accuracy) - 1) / 2) * width
        bars = axes.bar(at, shares, 0.92 * width, color=COLORS[number], label=name)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares], fontsize=8.5, color=INK)
    axes.axhline(chance, color=MUTED, ls="--", lw=1, label="chance")
    axes.set_xticks(range(len(situations)), situations)
    axes.legend(loc="upper right", ncols=len(accuracy) + 1)
    return figure
