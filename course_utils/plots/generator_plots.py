"""Figures about a chair generator: up-convolutions, inputs, layers, training and chairs.

Pictures are sRGB in [0, 1] over white unless a docstring says otherwise. Every figure function
returns a new Figure.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from course_utils.plots.classifier_plots import SECOND, THIRD
from course_utils.plots.color_plots import (
    ACCENT,
    CENTRED,
    FAINT,
    INK,
    MUTED,
    STYLE,
    WIDTH,
    free_figure,
)
from course_utils.plots.picture_rows import picture_rows

_styled = mpl.rc_context(STYLE)
COLORS = (ACCENT, SECOND, THIRD, MUTED)
LIGHTS = ("#f2b8b5", "#bfe3c0", "#bcd4f0")  # red, green and blue, pale
PALE = "#f6d5e2"  # a pale accent: a window, or what a kernel paints


# --- pictures in rows ---------------------------------------------------------


def picture_grid(images: Tensor, columns: int = 12) -> Figure:
    """Pictures without titles, row by row.

    images  (N, 3, H, W)
    """
    rows = images.split(columns)
    return picture_rows({" " * place: row for place, row in enumerate(rows)}, largest=0.78)


# --- sizes --------------------------------------------------------------------


@_styled
def output_sizes(inputs: Sequence[int], lines: dict[str, Sequence[int]]) -> Figure:
    """Output size against input size, with one staircase for each stride."""
    figure = Figure((WIDTH * 0.7, 3.1))
    axes = figure.subplots()
    for colour, (name, sizes) in zip(COLORS, lines.items(), strict=False):
        axes.step(inputs, sizes, where="post", color=colour, lw=1.2, alpha=0.6)
        axes.plot(inputs, sizes, "o", color=colour, ms=5, label=name)
    axes.set(xlabel="pixels that go in", ylabel="pixels that come out", ylim=(0, None))
    axes.legend(loc="upper left")
    return figure


@_styled
def sizes_and_back(shrunk: dict[int, int], grown: dict[int, Sequence[int]]) -> Figure:
    """The output sizes of a convolution, and those of a fractionally-strided one going back.

    shrunk  the convolution's output size, by its input size
    grown   the output sizes with output_padding 0, 1, ..., by input size
    """
    figure = Figure((WIDTH, 2.4))
    axes = figure.subplots(1, 2)
    _arrows(axes[0], list(shrunk.items()), MUTED)
    axes[0].set_title("a convolution: two sizes become one")
    pairs = [(small, sizes[extra]) for small, sizes in grown.items() for extra in range(len(sizes))]
    _arrows(axes[1], [pair[::-1] for pair in pairs], ACCENT, back=True)
    axes[1].set_title("a fractionally-strided one, output_padding 0 and 1")
    return figure


def _arrows(
    axes: Axes, pairs: Sequence[tuple[int, int]], colour: str, *, back: bool = False
) -> None:
    """Draw arrows between the large size of each pair, above, and the small one, below."""
    for large, small in pairs:
        ends = ((2 * small + 1.5, 0), (large, 1))
        tail, head = ends if back else ends[::-1]
        arrow = FancyArrowPatch(
            tail, head, arrowstyle="-|>", mutation_scale=11, color=colour, lw=1.4
        )
        arrow.shrinkA = arrow.shrinkB = 9
        axes.add_patch(arrow)
        for place, size in zip(ends, (small, large), strict=True):
            axes.annotate(str(size), place, fontsize=10, **CENTRED)
    sides = [large for large, _ in pairs]
    axes.set(xlim=(min(sides) - 0.6, max(sides) + 0.6), ylim=(-0.15, 1.15))
    axes.set_axis_off()


# --- fractionally-strided convolution -----------------------------------------


@_styled
def nails(stages: dict[str, Tensor]) -> Figure:
    """Maps with inserted zeros, all at the same scale, so that larger maps look larger.

    stages  (H, W) each, by name
    """
    gap, sides = 3, [stage.shape[1] for stage in stages.values()]
    total = sum(sides) + gap * (len(sides) - 1)
    height = max(stage.shape[0] for stage in stages.values())
    figure = free_figure(WIDTH, (height + 4) * WIDTH / total)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left = 0
    for name, stage in stages.items():
        image = axes.imshow(stage.detach(), cmap="magma", vmin=0, vmax=1, interpolation="nearest")
        image.set_extent((left, left + stage.shape[1], stage.shape[0], 0))
        axes.annotate(f"{name}: {stage.shape[0]} × {stage.shape[1]}", (left, -0.8), fontsize=9)
        left += stage.shape[1] + gap
    axes.set(xlim=(0, total), ylim=(height, -4))
    return figure


def _numbers(axes: Axes, values: Tensor, lit: Tensor | None = None, name: str = "") -> None:
    """Draw a map (H, W) as numbers in boxes, shaded where `lit` (H, W) is set; NaN stays empty."""
    axes.clear()
    height, width = values.shape
    axes.set(xlim=(-0.03, width + 0.03), ylim=(height + 0.03, -0.03), aspect="equal", anchor="C")
    axes.set_axis_off()
    axes.set_title(name, fontsize=9)
    for row, column in np.ndindex(height, width):
        on = lit is not None and bool(lit[row, column])
        axes.add_patch(Rectangle((column, row), 1, 1, fc=PALE if on else "white", ec=MUTED, lw=0.7))
        if (value := values[row, column].item()) == value:
            middle = (column + 0.5, row + 0.52)
            axes.annotate(f"{value:g}", middle, fontsize=8, color=_ink(value, on), **CENTRED)


def _ink(value: float, on: bool) -> str:
    """The colour of a number; a zero is pale."""
    if value:
        return INK
    return MUTED if on else FAINT


def _window(shape: Sequence[int], row: int, column: int, kernel: int, stride: int) -> Tensor:
    lit = torch.zeros(*shape, dtype=torch.bool)
    top, left = row * stride, column * stride
    lit[top : top + kernel, left : left + kernel] = True
    return lit


@_styled
def paintings(maps: Tensor, kernel: Tensor, steps: dict[int, Tensor], stride: int) -> Figure:
    """A fractionally-strided convolution step by step: its result after some of the values.

    maps    (H, W)    the input
    kernel  (h, w)
    steps   (H', W')  the result of the first n values alone, by n
    """
    figure = Figure((WIDTH, 2.5))
    axes = figure.subplots(1, 2 + len(steps), width_ratios=[0.55, 0.55] + [1] * len(steps))
    _numbers(axes[0], maps, name="what goes in")
    _numbers(axes[1], kernel, name="the kernel")
    for each, (count, result) in zip(axes[2:], steps.items(), strict=True):
        row, column = divmod(count - 1, maps.shape[1])
        lit = _window(result.shape, row, column, len(kernel), stride)
        name = "after the first value" if count == 1 else f"after {count} values"
        _numbers(each, result.detach(), lit, name)
    return figure


def two_ways(
    down: Tensor, up: Tensor, steps: Sequence[Tensor], kernel: Tensor, stride: int
) -> Tensor:
    """An animation: a convolution gathers windows; beside it, each value paints a window.

    down     (H', W')  the convolution's input; its output has (H, W) values
    up       (H, W)    the input of the fractionally-strided convolution
    steps    (H', W')  its result after the first value, the first two, ...: H * W of them
    kernel   (h, h)    of both
    returns  frames (T, 3, height, width)
    """
    frames, gathered = [], torch.full(up.shape, torch.nan)
    for step, result in enumerate(steps):
        row, column = divmod(step, up.shape[1])
        lit = _window(down.shape, row, column, len(kernel), stride)
        dot = _window(up.shape, row, column, 1, 1)
        gathered[row, column] = (down[lit].view_as(kernel) * kernel).sum()
        sheet = Image.new("RGB", (720, 500), "white")
        _drawn_grid(sheet, (20, 40), down, lit, "Convolution: a window goes in ...")
        _drawn_grid(sheet, (60, 372), gathered, dot, "... and one value comes out.")
        _drawn_grid(sheet, (380, 40), result.detach(), lit, "... and a painted window comes out.")
        _drawn_grid(sheet, (420, 372), up, dot, "Fractionally-strided: a value goes in ...")
        frames.append(torch.from_numpy(np.array(sheet)))
    return torch.stack(frames).movedim(-1, 1) / 255


def _drawn_grid(
    sheet: Image.Image, corner: tuple[int, int], values: Tensor, lit: Tensor, name: str
) -> None:
    """Draw like `_numbers`, but in pixels: one figure for each frame would be too slow."""
    pen, cell = ImageDraw.Draw(sheet), 40
    font = ImageFont.truetype(findfont("DejaVu Sans"), 14)
    pen.text((corner[0], corner[1] - 24), name, fill=INK, font=font)
    for row, column in np.ndindex(*values.shape):
        x, y = corner[0] + cell * column, corner[1] + cell * row
        on, value = bool(lit[row, column]), values[row, column].item()
        pen.rectangle((x, y, x + cell, y + cell), fill=PALE if on else "white", outline=MUTED)
        if value == value:  # NaN is an empty box
            middle, ink = (x + cell / 2, y + cell / 2), _ink(value, on)
            pen.text(middle, f"{value:g}", fill=ink, font=font, anchor="mm")


@_styled
def matrices(conv: Tensor, back: Tensor, products: tuple[float, float]) -> Figure:
    """Two linear maps as matrices, with one column for each input, and two inner products.

    conv      (M, N)  of a convolution
    back      (N, M)  of a fractionally-strided one
    products  <conv y, x> and <y, back x>
    """
    figure = Figure((WIDTH, 4.1))
    reach = max(conv.abs().max().item(), back.detach().abs().max().item(), 1e-9)
    names = (
        f"the convolution's matrix, {tuple(conv.shape)}.  ⟨conv(y), x⟩ = {products[0]:.6f}",
        f"yours, {tuple(back.shape)}, turned on its side.  ⟨y, yours(x)⟩ = {products[1]:.6f}",
    )
    panels = figure.subplots(2, 1)
    for each, matrix, name in zip(panels, (conv, back.detach().T), names, strict=True):
        each.imshow(matrix, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
        each.set_title(name)
        each.set(xticks=[], yticks=[])
    return figure


@_styled
def overlaps(counts: dict[str, Tensor]) -> Figure:
    """How many kernels paint each pixel: along one side, and in two dimensions.

    counts  (S,) along one side, by title
    """
    figure = Figure((WIDTH, 3.5))
    axes = figure.subplots(2, len(counts), height_ratios=[1, 2.4], squeeze=False)
    for (upper, lower), (title, count) in zip(axes.T, counts.items(), strict=True):
        count = count.detach()
        upper.bar(range(len(count)), count, width=0.8, color=ACCENT, alpha=0.6)
        upper.set(title=title, xticks=[], yticks=[0, 1, 2, 3])
        upper.set(xlim=(-0.6, len(count) - 0.4), ylim=(0, 3.4))
        both = count[:, None] * count  # a square kernel covers rows as it covers columns
        most = max(9, int(both.max()))
        lower.imshow(both, cmap="magma", vmin=0, vmax=most, interpolation="nearest")
        for (row, column), number in np.ndenumerate(both.numpy()):
            ink = "white" if number < 5 else INK
            lower.annotate(str(number), (column, row), fontsize=6.5, color=ink, **CENTRED)
        lower.set_axis_off()
    return figure


@_styled
def textures(maps: dict[str, Tensor]) -> Figure:
    """Grey maps side by side: 0 is black, and the largest value of each map is white.

    maps  (H, W) each, by title
    """
    figure = Figure((WIDTH, 0.45 + WIDTH / len(maps)))
    for each, (title, values) in zip(figure.subplots(1, len(maps)), maps.items(), strict=True):
        values = values.detach() / values.detach().max().clamp(min=1e-9)
        each.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        each.set_title(f"{title}: from {values.min():.2f} to 1", fontsize=9)
        each.set(xticks=[], yticks=[])
        # The frame stays: without it, a map that is white everywhere could not be seen.
        each.spines[["top", "right"]].set_visible(True)
    return figure


# --- what goes in -------------------------------------------------------------


@_styled
def view_codes(azimuth: Tensor, codes: Tensor, elevation: Tensor, heights: Tensor) -> Figure:
    """Codes of viewpoints: azimuths as a circle, their distances from the front, elevations.

    azimuth    (N,)    degrees; the first is the front
    codes      (N, 4)  of these azimuths at one elevation
    elevation  (M,)    degrees
    heights    (M, 4)  codes of these elevations at azimuth 0
    """
    figure = Figure((WIDTH, 3.0))
    axes = figure.subplots(1, 3, width_ratios=[1, 1.5, 1.2])
    codes, heights = codes.detach(), heights.detach()
    axes[0].scatter(codes[:, 3], codes[:, 2], c=azimuth, cmap="twilight", s=22)
    axes[0].set(title="the azimuth's two numbers", xlabel="fourth", ylabel="third", aspect="equal")
    axes[0].set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    away = (codes - codes[0]).norm(dim=1)
    line, name = 2 * azimuth / 360, "one number, azimuth / 180"
    axes[1].plot(azimuth, line, color=MUTED, lw=1.4, ls="--", label=name)
    axes[1].plot(azimuth, away, color=ACCENT, lw=2, label="yours")
    axes[1].set(title="how far from the front's code?", xlabel="azimuth, degrees")
    axes[1].set_xticks(range(0, 361, 90))
    axes[1].legend(loc="lower center")
    for column, name, colour in ((0, "first", THIRD), (1, "second", SECOND)):
        axes[2].plot(elevation, heights[:, column], color=colour, lw=2, label=name)
    axes[2].set(title="the elevation's two numbers", xlabel="elevation, degrees", ylim=(-1.1, 1.1))
    axes[2].legend()
    return figure


@_styled
def parameter_codes(
    names: Sequence[str], values: Tensor, codes: Tensor, unchanged: Sequence[float]
) -> Figure:
    """The network's input as a function of each parameter; a ring marks the identity.

    values     (8, N)  of each parameter
    codes      (8, N)  the network's inputs for these values
    unchanged  the 8 values that leave a picture unchanged
    """
    figure = Figure((WIDTH, 3.6))
    panels = figure.subplots(2, 4).flat
    rows = zip(names, values, codes.detach(), unchanged, strict=True)
    for each, (name, value, code, still) in zip(panels, rows, strict=True):
        each.axhline(0, color=FAINT, lw=0.8)
        each.axvline(still, color=FAINT, lw=0.8)
        each.plot(value, code, color=ACCENT, lw=2)
        each.plot(still, 0, "o", mfc="white", mec=INK, ms=6)
        each.set_title(name.replace("_", " "), fontsize=9)
    return figure


# --- the network --------------------------------------------------------------


@_styled
def network_diagram(model: nn.Module) -> Figure:
    """A diagram of a generator, drawn from its layers: bars are vectors, stacks are maps.

    model  has the streams identity, view, transformation, shared, image and mask, each an
           nn.Sequential
    """
    figure = free_figure(WIDTH, 4.9)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0.2, 21.1), ylim=(-5.9, 5.7))
    axes.set_axis_off()
    for y, name in ((3.8, "identity"), (0, "view"), (-3.8, "transformation")):
        axes.annotate(name, (2.2, y + 1.35), ha="center", fontsize=9.5)
        _vectors(axes, _stream(model, name), 0.7, y, first=True)
        _arrow(axes, (4.0, y), (5.1, 0.35 * y))
    axes.annotate("shared", (6.5, 1.55), ha="center", fontsize=9.5)
    _vectors(axes, _stream(model, "shared"), 5.6, 0)
    for y, name in ((2.6, "image"), (-2.4, "mask")):
        _arrow(axes, (7.6, 0.2 * y), (8.6, 0.8 * y))
        _maps(axes, _stream(model, name), 9.2, y, name)
    return figure


def _stream(model: nn.Module, name: str) -> nn.Sequential:
    return getattr(model, name)


def _arrow(axes: Axes, tail: tuple[float, float], head: tuple[float, float]) -> None:
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10}
    axes.add_patch(FancyArrowPatch(tail, head, color=MUTED, lw=1.2, **style))


def _vectors(axes: Axes, stream: nn.Sequential, x: float, y: float, *, first: bool = False) -> None:
    linear = [layer for layer in stream if isinstance(layer, nn.Linear)]
    sizes = [linear[0].in_features] * first + [layer.out_features for layer in linear]
    for place, size in enumerate(sizes):
        height = 0.26 * np.log2(1 + size)
        left, bottom = x + 1.3 * place, y - height / 2
        colour = FAINT if first and place == 0 else "#c9d6e2"
        axes.add_patch(Rectangle((left, bottom), 0.42, height, fc=colour, ec=MUTED, lw=0.8))
        axes.annotate(str(size), (left + 0.21, bottom - 0.42), ha="center", fontsize=8)


def _maps(axes: Axes, stream: nn.Sequential, x: float, y: float, name: str) -> None:
    shapes = _map_shapes(stream)
    for place, (channels, side, _) in enumerate(shapes):
        size, last = 0.36 * side**0.5, place == len(shapes) - 1
        for depth in reversed(range(min(4, channels))):
            corner = (x + 0.14 * depth, y - size / 2 + 0.14 * depth)
            rgb_or_mask = LIGHTS[depth] if channels == 3 else "white"
            colour = rgb_or_mask if last else PALE
            axes.add_patch(Rectangle(corner, size, size, fc=colour, ec=ACCENT, lw=0.8))
        title = f"{name}, {side} × {side}" if last else f"{channels} of {side} × {side}"
        axes.annotate(title, (x + size / 2 + 0.15, y - size / 2 - 0.42), ha="center", fontsize=8)
        if place:
            axes.annotate("up", (x - 0.62, y + 0.22), ha="center", fontsize=8, color=MUTED)
            _arrow(axes, (x - 1.0, y), (x - 0.2, y))
        x += size + 2.0


def _map_shapes(stream: nn.Sequential) -> list[tuple[int, ...]]:
    """The shape (C, H, W) after each layer that changes it, found by running the layers."""
    first = stream[0]
    if not isinstance(first, nn.Linear):
        raise TypeError(f"a stream of maps starts with a linear layer, not {type(first).__name__}")
    values, shapes = torch.zeros(1, first.in_features), []
    with torch.no_grad():
        for layer in stream:
            values = layer(values)
            if isinstance(layer, (nn.Unflatten, nn.ConvTranspose2d)):
                shapes.append(tuple(values.shape[1:]))
    return shapes


# --- training, scores ---------------------------------------------------------


@_styled
def learning_curve(
    losses: Sequence[float], scores: dict[int, float], levels: dict[str, float]
) -> Figure:
    """The loss of each step, on a log scale, and the PSNR compared with stored examples.

    scores  dB, by the number of epochs
    levels  dB of the stored examples, by name
    """
    figure = Figure((WIDTH, 2.9))
    left, right = figure.subplots(1, 2)
    left.plot(losses, color=ACCENT, lw=1.2)
    left.set(title="loss, mean of 20 steps", xlabel="step", yscale="log")
    right.plot(list(scores), list(scores.values()), "-o", color=ACCENT, lw=2, ms=4)
    for colour, (name, level) in zip((SECOND, MUTED), levels.items(), strict=False):
        right.axhline(level, color=colour, lw=1.2, ls="--")
        text = right.annotate(
            name,
            (0.99, level),
            (0, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
        )
        text.set(color=colour, ha="right", fontsize=8.5)
    right.set(title="PSNR at views never seen, dB", xlabel="epoch")
    return figure


@_styled
def score_bars(scores: dict[str, dict[str, float]]) -> Figure:
    """One panel for each measure, with one bar for each method; the last method is yours.

    scores  by measure, then by method
    """
    figure = Figure((WIDTH, 0.75 + 0.4 * max(len(rows) for rows in scores.values())))
    axes = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for each, (measure, rows) in zip(axes, scores.items(), strict=True):
        each.barh(list(rows), list(rows.values()), color=[MUTED] * (len(rows) - 1) + [ACCENT])
        for place, value in enumerate(rows.values()):
            each.annotate(f" {value:.3g}", (value, place), va="center", fontsize=9)
        each.set_title(measure)
        each.margins(x=0.14)
    axes[0].invert_yaxis()
    return figure


# --- between chairs -----------------------------------------------------------


@_styled
def azimuth_paths(paths: dict[str, Tensor]) -> Figure:
    """Paths around the chair, seen from above; the radius only keeps the steps apart.

    paths  (S,) degrees, by title
    """
    figure = Figure((WIDTH, 3.0))
    axes = figure.subplots(1, len(paths), subplot_kw={"projection": "polar"}, squeeze=False)[0]
    for each, (title, path) in zip(axes, paths.items(), strict=True):
        angles = torch.deg2rad(path.detach())
        radius = torch.linspace(0.75, 1, len(angles))
        each.plot(angles, radius, "o", color=ACCENT, ms=5)
        each.plot(angles[:1], radius[:1], "o", color=INK, ms=8)
        each.set(ylim=(0, 1.1), yticks=[])
        each.set_theta_zero_location("S")  # the front faces the viewer
        quarters = torch.arange(0, 2 * torch.pi, torch.pi / 2).tolist()
        each.set_xticks(quarters, ["front", "90°", "180°", "270°"])
        each.set_title(title, fontsize=9, loc="center")
        each.grid(color=FAINT, lw=0.6)
    return figure


@_styled
def identity_shares(shares: Tensor, ends: tuple[int, int]) -> Figure:
    """Identity codes: one column for each step, one row for each chair.

    shares  (S, chairs)
    ends    the two chairs that are mixed
    """
    figure = Figure((WIDTH * 0.75, 3.1))
    axes = figure.subplots()
    shown = axes.imshow(shares.detach().T, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axes.set_yticks(ends, [f"chair {end}" for end in ends])
    axes.set(xlabel="step", title="share of each chair")
    figure.colorbar(shown, ax=axes)
    return figure


@_styled
def along_the_way(
    measures: dict[str, dict[str, Sequence[float]]], shares: Sequence[float]
) -> Figure:
    """Measures at each step of several paths from one chair to another.

    measures  by measure, then by path: one value for each share
    shares    of the second chair
    """
    figure = Figure((WIDTH, 2.7))
    panels = figure.subplots(1, len(measures))
    for axes, (measure, ways) in zip(panels, measures.items(), strict=True):
        for colour, (name, values) in zip(COLORS, ways.items(), strict=False):
            axes.plot(shares, values, "-o", color=colour, lw=1.8, ms=4, label=name)
        axes.set(xlabel="share of the second chair", title=measure)
        axes.legend()
    return figure
