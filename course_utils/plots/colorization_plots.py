"""Figures about a colorizer: its data, its training, its predictions and their bounds.

Pictures are sRGB in [0, 1] and colours are in ab units unless a docstring says otherwise. Every
figure function returns a new Figure.
"""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from skimage.color import rgb2lab
from torch import Tensor

from course_utils.plots.classifier_plots import SECOND, THIRD
from course_utils.plots.color_plots import (
    ACCENT,
    CENTRED,
    FAINT,
    INK,
    MUTED,
    STYLE,
    WIDTH,
    ab_axes,
    cells,
    dots,
    free_figure,
    hwc,
    own_colours,
    painted_balls,
    picture_axes,
)

Box = tuple[tuple[float, float], float, float]  # corner, width, height

_styled = mpl.rc_context(STYLE)
# The same in every figure: of L2, multinomial and rebalanced, or of the kinds of objects.
COLORS = (SECOND, ACCENT, THIRD, MUTED, "#2e7d32", "#6a4c93")
LEAST_PART = 0.02  # of the chroma: smaller values are drawn here, as the axis is logarithmic
_DASHES = ("-", (0, (4, 2)), (0, (1.2, 1.8)), (0, (3, 4)))  # for lines that nearly coincide
_FLOOR: dict[str, Any] = {"lw": 1.1, "ls": (0, (5, 3))}
_HALO = [withStroke(linewidth=2.5, foreground="white")]


# --- training -----------------------------------------------------------------


@_styled
def losses(
    histories: dict[str, tuple[Sequence[float], Sequence[float]]],
    floors: dict[str, float],
    across: str = "step",
) -> Figure:
    """Training curves, each with the lower bound of its loss.

    Each curve has its own panel, because the losses have different units. A panel leaves out the
    first steep steps.

    histories  by name: steps (or seconds), and the loss at each
    floors     by name: the smallest possible loss, in closed form; a name may be missing
    across     label of the horizontal axis
    """
    figure = Figure((WIDTH, 2.9))
    panels = figure.subplots(1, len(histories), squeeze=False)[0]
    coloured = zip(panels, cycle(COLORS), histories.items(), strict=False)
    for axes, colour, (name, (steps, values)) in coloured:
        smooth = _smoothed(values, 1 + len(values) // 20)
        axes.plot(steps, values, color=colour, lw=0.6, alpha=0.25)
        axes.plot(steps, smooth, color=colour, lw=2)
        lowest = min([*smooth, floors.get(name, np.inf)])
        early = smooth[len(smooth) // 20]
        span = max(early - lowest, 1e-3 * abs(lowest), 1e-9)
        axes.set(title=name, xlabel=across)
        axes.set_ylim(lowest - 0.18 * span, lowest + 1.05 * span)
        axes.set_xlim(steps[0], steps[-1])
        if name in floors:
            _floor(axes, floors[name])
    panels[0].set_ylabel("loss")
    return figure


def _floor(axes: Axes, level: float) -> None:
    """Draw a dashed line, labelled below its right end."""
    axes.axhline(level, color=INK, **_FLOOR)
    text = axes.annotate(
        "the least possible",
        (0.99, level),
        (0, -4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
    )
    text.set(ha="right", va="top", path_effects=_HALO)


def _smoothed(values: Sequence[float], span: int) -> np.ndarray:
    """The moving average over `span` values, over fewer at the ends."""
    window = np.ones(span)
    sums = np.convolve(values, window, "same")
    counts = np.convolve(np.ones(len(values)), window, "same")
    return sums / counts


@_styled
def window_needed(
    sizes: Sequence[int],
    cross_entropy: dict[str, Sequence[float]],
    floors: dict[str, float] | float,
) -> Figure:
    """The cross-entropy of a pixel, by the size of the window that the network sees.

    sizes          sides of the window, in pixels
    cross_entropy  in nats, one for each size, by the kind of object that the pixel belongs to
    floors         the lower bound of each kind, or one number for all
    """
    figure = Figure((WIDTH * 0.8, 3.4))
    axes = figure.subplots()
    ends = []
    for colour, (name, values) in zip(cycle(COLORS), cross_entropy.items(), strict=False):
        axes.plot(sizes, values, "-o", color=colour, lw=2, ms=5)
        ends.append((values[-1], name, colour))
        if isinstance(floors, dict) and name in floors:
            axes.axhline(floors[name], color=colour, alpha=0.8, **_FLOOR)
    if not isinstance(floors, dict):
        axes.axhline(floors, color=INK, **_FLOOR)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="side of the window that is seen, in pixels", ylabel="cross-entropy, in nats")
    dashed = Line2D([], [], color=MUTED, **_FLOOR)
    axes.legend([dashed], ["the least possible"], loc="upper right")
    _names_at_the_end(axes, ends)
    return figure


def _names_at_the_end(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each line's name at its right end; names that would overlap are moved apart.

    ends  (height, name, colour) of each line
    """
    low, high = axes.get_ylim()
    apart, place = (high - low) / 15, -np.inf
    for height, name, colour in sorted(ends):
        place = max(height, place + apart)
        text = axes.annotate(name, (1.01, place), xycoords=("axes fraction", "data"))
        text.set(color=colour, va="center", fontsize=10)


# --- pictures -----------------------------------------------------------------


@_styled
def patch_by_patch(
    picture: Tensor, loop_map: Tensor, at_once_map: Tensor, seconds: tuple[float, float]
) -> Figure:
    """A picture, and a map of it computed patch by patch and all at once.

    picture      (3, H, W), or (H, W) in black and white
    loop_map     (h, w)
    at_once_map  (h, w)
    seconds      running time of each of the two
    """
    picture = picture.detach().expand(3, *picture.shape[-2:])
    both = torch.stack([loop_map, at_once_map]).detach()
    low, high = both.min().item(), both.max().item()
    ratio = picture.shape[-2] / picture.shape[-1]
    figure = Figure((WIDTH, 0.4 + WIDTH / 3 * ratio))
    grid = figure.add_gridspec(1, 3, wspace=0.02)
    picture_axes(figure, grid[0], hwc(picture), "the picture")
    speed = _times(seconds[0] / max(seconds[1], 1e-9))
    titles = ("patch by patch", f"at once: {speed}")
    for place, values, title in zip((1, 2), (loop_map, at_once_map), titles, strict=True):
        axes = figure.add_subplot(grid[place], title=title)
        shown = values.detach().cpu()
        axes.imshow(shown, cmap="magma", vmin=low, vmax=high, interpolation="nearest")
        axes.set_axis_off()
    return figure


def _times(ratio: float) -> str:
    """How much faster, in words."""
    if ratio < 1:
        return f"{1 / ratio:.1f} times slower"
    return f"{ratio:.0f} times faster" if ratio >= 10 else f"{ratio:.1f} times faster"


@_styled
def one_pixel(
    scene: Tensor,
    positions: Sequence[tuple[int, int]],
    bins: Tensor,
    distributions: Tensor,
    answers: Tensor,
    names: Sequence[str] = (),
) -> Figure:
    """Predictions at a few pixels: the probability of each bin, and the decoded colour.

    scene          (3, H, W)  in black and white
    positions      (y, x) of each of P pixels, in the scene
    bins           (Q, 2)
    distributions  (P, Q)     probabilities
    answers        (P, 2)     the annealed means
    names          the kind of object that each pixel belongs to
    """
    figure = Figure((WIDTH, 1.0 + WIDTH / (len(positions) + 1.1)))
    grid = figure.add_gridspec(1, len(positions) + 1, width_ratios=[1.1] + [1] * len(positions))
    axes = picture_axes(figure, grid[0], hwc(scene), "black and white")
    shares = (
        distributions / distributions.max()
    ).detach()  # the most likely bin of all is the widest
    reach = max(62, bins[(shares > 0.1).any(dim=0)].abs().max().item() + 14)
    for number, (y, x) in enumerate(positions):
        letter = "ABCDEFGH"[number]
        _marked(axes, x, y, letter)
        name = f"{letter}, {names[number]}" if names else letter
        plane = _small_plane(figure, grid[number + 1], name, reach)
        dots(plane, bins, shares[number].numpy(), 15, facecolor=own_colours(bins), zorder=2)
        _answer(plane, answers[number].detach())
    ring = _key("D", ms=8, mfc="white", mec=INK, mew=1.4)
    disc = _key("o", ms=9, mfc=MUTED, mec="none")
    names_of = ["a bin: the larger, the likelier", "the colour that is read from them"]
    figure.legend([disc, ring], names_of, loc="outside lower right", ncols=2)
    return figure


def _marked(axes: Axes, x: int, y: int, letter: str) -> None:
    """Draw a ring around a pixel, with its letter."""
    axes.plot(x, y, "o", ms=11, mfc="none", mec="white", mew=3.4)
    axes.plot(x, y, "o", ms=11, mfc="none", mec=ACCENT, mew=1.8)
    text = axes.annotate(letter, (x, y), (9, 4), textcoords="offset points")
    text.set(color=ACCENT, fontweight="bold", path_effects=_HALO)


def _key(marker: str, **style: Any) -> Line2D:
    """A marker for a legend."""
    return Line2D([], [], marker=marker, linestyle="", **style)


def _answer(axes: Axes, colour: Tensor) -> None:
    """Draw a decoded colour as a diamond."""
    face = own_colours(colour[None])[0]
    a, b = colour.tolist()
    axes.plot(a, b, "D", ms=9, mfc=face, mec="white", mew=3.2, zorder=4)
    axes.plot(a, b, "D", ms=9, mfc=face, mec=INK, mew=1.4, zorder=5)


# --- colours and scores -------------------------------------------------------


@_styled
def ab_histograms(by_name: dict[str, Tensor], cell: int = 4) -> Figure:
    """Histograms of colours in the ab plane, all on the same log scale.

    The thin line is the outline of the sRGB gamut.

    by_name  (N, 2)
    cell     side of a histogram cell, in ab units
    """
    figure = Figure((WIDTH, 0.6 + WIDTH / (len(by_name) + 0.35)))
    grid = figure.add_gridspec(1, len(by_name))
    farthest = max(ab.detach().abs().max().item() for ab in by_name.values())
    reach = min(max(farthest, 50) + 12, 118)
    aside = int(reach // cell)  # cells on each side of the middle one
    edges = cell * (np.arange(-aside, aside + 2) - 0.5)
    for place, (name, ab) in enumerate(by_name.items()):
        axes = _small_plane(figure, grid[place], name, edges[-1])
        outline = _gamut_outline()
        axes.plot(outline[:, 0], outline[:, 1], color=MUTED, lw=0.7, alpha=0.6, zorder=1)
        a, b = ab.detach().cpu().double().numpy().T
        counts, _, _ = np.histogram2d(a, b, bins=[edges, edges])
        logs = np.ma.log10(np.ma.masked_equal(counts.T / len(ab), 0))
        drawn = axes.pcolormesh(edges, edges, logs, cmap="magma_r", vmin=-4.5, vmax=0, zorder=2)
    bar = figure.colorbar(drawn, ax=figure.axes, shrink=0.8, aspect=24, pad=0.01)
    bar.set_ticks(range(-4, 1), labels=["0.01 %", "0.1 %", "1 %", "10 %", "all"])
    bar.outline.set_visible(False)
    return figure


def _small_plane(figure: Figure, where: SubplotSpec, title: str, reach: float) -> Axes:
    """Axes of the ab plane for a row of planes: only the first has numbers on its left."""
    first = not any(axes.get_ylabel() for axes in figure.axes)  # pictures have no label
    axes = ab_axes(figure, where, title, reach)
    axes.set(xticks=[-50, 0, 50], yticks=[-50, 0, 50] if first else [])
    axes.yaxis.label.set_visible(first)
    return axes


def _gamut_outline(steps: int = 20) -> np.ndarray:
    """The most saturated colours of sRGB, from red through green and blue: (6 * steps + 1, 2)."""
    corners = np.array(
        [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]]
    )
    along = np.linspace(0, 6, 6 * steps + 1)
    rgb = np.stack([np.interp(along, range(7), channel) for channel in corners.T], axis=1)
    return rgb2lab(rgb)[:, 1:]


@_styled
def measured_beside_possible(
    rows: dict[str, tuple[Tensor, Tensor]], kinds: Sequence[str]
) -> Figure:
    """The measured chroma of each kind of object under each loss, beside the best possible.

    The axis is logarithmic: half the true chroma is as far from the truth as twice the chroma.

    rows   by loss: the measured chroma and that of the closed form, (K,) each, as fractions of
           the true chroma
    kinds  K names
    """
    group = len(rows) + 0.6  # from one kind to the next; a bar is 1
    figure = Figure((WIDTH, 0.75 + 0.29 * group * len(kinds)))
    axes = figure.subplots()
    for number, (colour, (name, pair)) in enumerate(zip(cycle(COLORS), rows.items(), strict=False)):
        _pairs_of_bars(axes, group * np.arange(len(kinds)) + number, name, pair, colour)
    _around_one(axes, torch.cat([torch.cat(pair) for pair in rows.values()]).detach())
    middles = group * np.arange(len(kinds)) + (len(rows) - 1) / 2
    for edge in middles[1:] - group / 2:
        axes.axhline(edge, color=FAINT, lw=0.8)
    axes.set_yticks(middles, kinds, fontsize=11, color=INK)
    axes.set_ylim(middles[-1] + group / 2, -0.8)
    axes.set_title("greyer than the truth  ←", loc="left", color=MUTED)
    axes.set_title("→  more colourful than the truth", loc="right", color=MUTED)
    axes.set_xlabel("chroma, as a part of the truth's")
    keys = [Patch(color=MUTED), Patch(fc="none", ec=INK, lw=1.1)]
    below: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (1.01, -0.1)}
    below["borderaxespad"] = 0
    axes.legend(keys, ["measured", "possible: the closed form"], ncols=2, **below)
    return figure


def _pairs_of_bars(
    axes: Axes, places: np.ndarray, name: str, pair: tuple[Tensor, Tensor], colour: str
) -> None:
    """Draw a bar from 1 to each measured value, and an outline to the best possible one."""
    measured, possible = (each.detach().clamp(min=LEAST_PART).double().numpy() for each in pair)
    axes.barh(places, measured - 1, 0.56, left=1, color=colour, zorder=1)
    axes.barh(places, possible - 1, 0.82, left=1, fc="none", ec=INK, lw=1.1, zorder=2)
    for y, value, end, other in zip(places, pair[0].tolist(), measured, possible, strict=True):
        side = 1 if value > 1 else -1
        ends = {-1: min(end, other, 1), 1: max(end, other, 1)}
        _beside(axes, (ends[side], y), side, f"{value:.2f}", color=colour, fontweight="bold")
        _beside(axes, (ends[-side], y), -side, name, color=MUTED)


def _around_one(axes: Axes, parts: Tensor) -> None:
    """Set up a logarithmic axis for ratios, with a line at 1 and room for numbers at the ends."""
    low = min(parts.min().clamp(min=LEAST_PART).item(), 0.5)
    high = max(parts.max().item(), 2)
    powers = np.arange(np.floor(np.log2(low)), np.ceil(np.log2(high)) + 1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(2**powers, [_fraction(power) for power in powers])
    axes.set_xlim(low / 1.35, high * 1.35)
    axes.axvline(1, color=INK, lw=1.2, zorder=3)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _beside(axes: Axes, place: tuple[float, float], side: int, text: str, **style: Any) -> None:
    """Write a text to the right of a place; to its left where side is -1."""
    written = axes.annotate(text, place, (5 * side, 0), textcoords="offset points")
    written.set(ha="left" if side > 0 else "right", va="center", **style)


def _fraction(power: float) -> str:
    return f"{2**power:g}" if power >= 0 else f"1/{2**-power:g}"


@_styled
def right_within(curves: dict[str, Tensor], areas: dict[str, tuple[float, float]]) -> Figure:
    """The share of correct pixels, as a function of the tolerance.

    The axis gives more room to small tolerances, so the visible area is not the area under a curve.

    curves  (151,)  share of the pixels within t = 0, 1, ... 150 ab units of their true colours, by
            name
    areas   area under each curve and under its rebalanced curve, by name; a name may be missing
    """
    figure = Figure((WIDTH * 0.8, 3.9))
    axes = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLORS[number % len(COLORS)]
        dash = number % len(_DASHES)  # where curves meet, the gaps of one show those below
        label = name
        if name in areas:
            plain, rebalanced = areas[name]
            label = f"{name}: AuC {plain:.3f}, rebalanced {rebalanced:.3f}"
        percent = 100 * curve.detach().cpu().double().numpy()
        (line,) = axes.plot(percent, color=colour, lw=2.2, label=label)
        line.set(linestyle=_DASHES[dash], zorder=2 + 0.1 * dash)
    axes.set_xscale("function", functions=(lambda t: np.sqrt(np.maximum(t, 0)), np.square))
    axes.set_xticks([0, 2, 5, 10, 20, 30, 50, 75, 100, 150])
    axes.set(xlim=(0, 150), ylim=(0, 102), yticks=range(0, 101, 20))
    axes.yaxis.set_major_formatter("{x:.0f} %")
    axes.grid(color=FAINT, lw=0.6)
    axes.set(xlabel="tolerance, in ab units", ylabel="pixels that are right within it")
    white = {"frameon": True, "framealpha": 1, "edgecolor": "none"}
    axes.legend(loc="lower right", labelcolor="linecolor", handlelength=3.6, fontsize=10, **white)
    return figure


@_styled
def scores_table(
    rows: dict[str, Sequence[float | str]], columns: Sequence[str], note: str = ""
) -> Figure:
    """Scores as a printed table.

    rows     by name: a number or a text for each column. An empty row is a heading for those below
             it. Spaces around a name are not shown, so two rows can have the same visible name.
    columns  names of the columns
    note     below the table
    """
    lines = textwrap.wrap(note, 125)
    height = 0.27  # inches of a row
    tall = (len(rows) + 1.6) * height + 0.2 * len(lines) + 0.12
    figure = free_figure(WIDTH, tall)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(tall, 0))
    axes.set_axis_off()
    left = 0.45 + 0.085 * max(len(name.strip()) for name in rows)  # inches for the names
    rights = left + (np.arange(len(columns)) + 1) * min(1.45, (WIDTH - left - 0.2) / len(columns))
    ends = (0.05, rights[-1] + 0.1)
    for right, column in zip(rights, columns, strict=True):
        axes.annotate(column, (right, height), ha="right", va="center", color=MUTED)
    filled = [row for row in rows.values() if row]
    decimals = [_decimals(row[place] for row in filled) for place in range(len(columns))]
    for place, (name, row) in enumerate(rows.items()):
        y = (place + 2.25) * height
        named = axes.annotate(name.strip(), (0.3 if row else 0.12, y), va="center", color=INK)
        if not row:
            named.set(style="italic", color=MUTED)
        if not row and place:
            axes.plot(ends, [y - height / 2] * 2, color=FAINT, lw=0.8)
        for right, value, digits in zip(rights, row, decimals, strict=False):
            text = value if isinstance(value, str) else f"{value:.{digits}f}"
            axes.annotate(text, (right, y), ha="right", va="center")
    bottom = (len(rows) + 1.85) * height
    for y, thick in ((0.4 * height, 1.4), (1.65 * height, 0.8), (bottom, 1.4)):
        axes.plot(ends, [y, y], color=INK, lw=thick)
    for place, line in enumerate(lines):
        where = (0.12, bottom + 0.17 + 0.2 * place)
        axes.annotate(line, where, va="center", fontsize=8.5, color=MUTED)
    return figure


def _decimals(values: Iterable[float | str]) -> int:
    """How many decimals to show in a column: three if all its numbers are below 2, else one."""
    numbers = [abs(value) for value in values if not isinstance(value, str)]
    return 3 if max(numbers, default=0) < 2 else 1


# --- before the training ------------------------------------------------------


@_styled
def predicted_answers(
    kinds: Sequence[str],
    colors: Sequence[Tensor],
    odds: Sequence[Tensor],
    answers: dict[str, Tensor],
) -> Figure:
    """The possible colours of each kind of object, and the prediction of each loss, as balls.

    kinds    K names
    colors   (M, 2) of each kind
    odds     (M,) of each kind; they sum to 1
    answers  (K, 2)  one colour for each kind, by loss
    """
    first = max(len(each) for each in colors) + 0.45  # where the answers start; a ball is 1 wide
    width, step = first + 1.15 * len(answers), 1.16  # names of losses need more room than odds
    unit = min(1.15, (WIDTH - 0.9) / width)  # inches
    names = [textwrap.fill(name, int(14 * unit)) for name in answers]
    above = 0.12 + 0.16 * max(name.count("\n") + 1 for name in ["", *names])  # inches for them
    figure = free_figure(0.9 + unit * width, above + step * unit * len(kinds))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.9 / unit, width), ylim=(step * len(kinds), -above / unit))
    axes.set_axis_off()
    for row, (kind, ab, share) in enumerate(zip(kinds, colors, odds, strict=True)):
        axes.annotate(kind, (-0.78 / unit, step * row + 0.5), va="center", fontsize=11)
        _balls_in_a_row(axes, ab, np.arange(len(ab)), step * row)
        for place, each in enumerate(share.tolist()):
            below = (place + 0.5, step * row + 1.05)
            axes.annotate(f"{each:.0%}", below, color=MUTED, **CENTRED)
        answered = torch.stack([each[row].detach() for each in answers.values()])
        _balls_in_a_row(axes, answered, first + 0.08 + 1.15 * np.arange(len(answers)), step * row)
    axes.plot([first - 0.22] * 2, [0, step * len(kinds) - 0.1], color=FAINT, lw=1)
    axes.annotate("may be", (0.5, -0.04 / unit), ha="center", va="bottom")
    for place, name in enumerate(names):
        axes.annotate(name, (first + 0.58 + 1.15 * place, -0.04 / unit), ha="center", va="bottom")
    return figure


def _balls_in_a_row(axes: Axes, ab: Tensor, lefts: np.ndarray, top: float) -> None:
    for ball, left in zip(painted_balls(ab, 160), lefts, strict=True):
        box = (left, left + 1, top + 1, top)
        axes.imshow(ball, extent=box, aspect="auto", interpolation="antialiased")


@_styled
def dense_and_sparse(dense: Tensor, indices: Tensor, shares: Tensor, bins: Tensor) -> Figure:
    """The soft codes of some pixels, with and without their zeros, in the colours of the bins.

    dense    (Q, N)
    indices  (K, N)  the bins that share a pixel
    shares   (K, N)  their shares
    bins     (Q, 2)
    """
    (q, n), k = dense.shape, len(shares)
    colours = own_colours(bins)
    # Sorted, because any order of the shares is correct.
    shares, order = shares.detach().sort(dim=0, descending=True, stable=True)
    figure = Figure((WIDTH, 4.6))
    left, right = cells(figure.add_gridspec(1, 2, wspace=0.06))
    axes = _code_axes(figure, left, colours[:, None], dense, f"{q} × {n} = {q * n:,} numbers")
    axes.set_ylabel(f"all {q} bins; white is zero")
    above, below = cells(right.subgridspec(2, 1))
    title = f"{k} × {n} shares, and as many indices"
    axes = _code_axes(figure, above, colours[indices.gather(0, order)], shares, title)
    axes.set_ylabel(f"{k} bins of each")
    axes.hlines(np.arange(1, k) - 0.5, -0.5, n - 0.5, color="white", lw=1)
    axes = figure.add_subplot(below)
    axes.set_axis_off()
    first = "Enlarged. The colour of a cell tells which bin it is,"
    second = "and its strength how large the share."
    axes.annotate(f"{first}\n{second}", (0, 0.95), va="top", color=MUTED)
    return figure


def _code_axes(
    figure: Figure, where: SubplotSpec, colours: np.ndarray, shares: Tensor, title: str
) -> Axes:
    """Draw a matrix of shares; each cell has its own colour, fainter for smaller shares."""
    strength = (shares / shares.max()).detach().clamp(min=0).sqrt().double().numpy()[..., None]
    axes = figure.add_subplot(where, title=title, xlabel=f"{shares.shape[1]} pixels in a row")
    axes.imshow(colours * strength + 1 - strength, aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    return axes


@_styled
def pushes(bins: Tensor, gradients: dict[str, Tensor], colors: dict[str, Tensor]) -> Figure:
    """How gradient descent changes the score of each bin, at a few pixels.

    Areas are proportional to the magnitude of the gradient, on the same scale for all pixels.

    bins       (Q, 2)
    gradients  (Q,)  of the loss with respect to the logits, by pixel
    colors     (2,)  the true colour, by pixel
    """
    sizes = torch.stack([gradient.detach().abs() for gradient in gradients.values()])
    largest = sizes.max().clamp(min=1e-30).item()
    large = bins[(sizes > 0.003 * largest).any(dim=0)]
    seen = torch.cat([large, torch.stack(list(colors.values()))])
    reach = max(62, seen.abs().max().item() + 10)
    side = min((WIDTH - 0.65) / len(gradients), 4)
    figure = Figure((WIDTH, 1.05 + side), layout="compressed")
    grid = figure.add_gridspec(1, len(gradients))
    for place, (name, gradient) in zip(cells(grid), gradients.items(), strict=True):
        axes = _small_plane(figure, place, name, reach)
        # The largest first, so that no disc hides a smaller one.
        order = gradient.detach().abs().argsort(descending=True)
        push = -(gradient.detach()[order] / largest).cpu().double().numpy()
        lowered = {"facecolor": "none", "edgecolor": MUTED, "linewidth": 0.9}
        raised = {"facecolor": own_colours(bins[order]), "edgecolor": INK, "linewidth": 0.7}
        dots(axes, bins[order], -push, 0.2 * reach, zorder=2, **lowered)
        dots(axes, bins[order], push, 0.2 * reach, zorder=3, **raised)
        a, b = colors[name].tolist()
        axes.plot(a, b, "+", color=INK, ms=13, mew=1.8, zorder=4, path_effects=_HALO)
    keys = [
        _key("o", ms=9, mew=0.9, mfc=THIRD, mec=INK),
        _key("o", ms=9, mew=0.9, mfc="none", mec=MUTED),
        _key("+", ms=11, mew=1.8, color=INK),
    ]
    names = ["raised: the larger, the more", "lowered", "the true colour"]
    figure.legend(keys, names, loc="outside lower right", ncols=3)
    return figure


@_styled
def receptive_fields(picture: Tensor, fields: dict[str, Tensor], at: tuple[int, int]) -> Figure:
    """The pixels that each network's prediction at one position depends on, and how much.

    picture  (3, H, W)  in black and white
    fields   (H, W)     the gradient of the prediction with respect to the lightness, by network
    at       (y, x) of the position, in the picture
    """
    ratio = picture.shape[-2] / picture.shape[-1]
    wide = (WIDTH - 1) / (len(fields) + 1)  # inches of a picture
    figure = Figure((WIDTH, 0.6 + wide * ratio), layout="compressed")
    grid = figure.add_gridspec(1, len(fields) + 1, wspace=0.02)
    picture_axes(figure, grid[0], hwc(picture), "one place is asked")
    for place, (name, field) in enumerate(fields.items(), start=1):
        strength = field.detach().abs().cpu().double().numpy()
        words, box = _box_around(strength > 0)
        title = f"{name}: {words}"
        title = title if len(title) < 13 * wide else f"{name}:\n{words}"
        axes = picture_axes(figure, grid[place], 0.4 * hwc(picture), title)
        seen = np.ma.masked_equal(strength / max(strength.max(), 1e-30), 0)
        drawn = axes.imshow(seen, cmap="inferno", norm=LogNorm(1e-3, 1), alpha=0.85)
        if box:
            axes.add_patch(Rectangle(*box, fc="none", ec="white", lw=1.2))
    for axes in figure.axes:
        _marked(axes, at[1], at[0], "")
    bar = figure.colorbar(drawn, ax=figure.axes, shrink=0.85, aspect=24, pad=0.01)
    bar.set_ticks([1e-3, 1e-2, 0.1, 1], labels=["1/1000 or less", "1/100", "1/10", "the largest"])
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    return figure


def _box_around(depends: np.ndarray) -> tuple[str, Box | None]:
    """The bounding box of the pixels that matter: its size in words; its corner, width and height.

    A box that reaches the picture's edge may be only a part of the receptive field.
    """
    rows, columns = (np.flatnonzero(depends.any(axis)) for axis in (1, 0))
    if not len(rows):
        return "no pixel", None
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    inside = depends[1:-1, 1:-1].sum() == depends.sum()
    words = f"{width} × {height} pixels" + ("" if inside else " or more")
    corner = (float(columns[0]) - 0.5, float(rows[0]) - 0.5)
    return words, (corner, float(width), float(height))


@_styled
def memory_and_time(rows: dict[str, tuple[float, float]]) -> Figure:
    """The memory and time of several ways to compute the same result.

    rows  megabytes and milliseconds, by name
    """
    figure = Figure((WIDTH * 0.85, 0.55 + 0.36 * len(rows)))
    panels = figure.subplots(1, 2, sharey=True)
    units = (("memory, in megabytes", "MB"), ("time, in milliseconds", "ms"))
    measured = zip(*rows.values(), strict=True)
    colours = [COLORS[number % len(COLORS)] for number in range(len(rows))]
    for axes, values, (title, unit) in zip(panels, measured, units, strict=True):
        axes.barh(list(rows), values, 0.62, color=colours)
        for row, value in enumerate(values):
            _beside(axes, (value, row), 1, f"{_three_digits(value)} {unit}")
        axes.set(title=title, xlim=(0, 1.3 * max(*values, 1e-9)), xticks=[])
        axes.tick_params(axis="y", length=0, labelsize=10, labelcolor=INK)
        axes.spines["bottom"].set_visible(False)
    panels[0].invert_yaxis()
    return figure


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
