"""Figures about colour: a picture's planes, the ab plane and its bins, and painted toy balls.

Colours are in ab units unless a docstring says otherwise. Every figure function returns a new
Figure.
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase, SubplotSpec
from matplotlib.patheffects import withStroke
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from course_utils.color import srgb_gamut_ab

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType  # older versions of matplotlib do not have it

INK, MUTED, FAINT, ACCENT = "#22272e", "#7a838c", "#d9dde1", "#c2185b"
WIDTH = 9.4  # inches, one of which is 100 pixels of the page
STYLE: "dict[RcKeyType, Any]" = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.07,
    "font.size": 9.5,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
CENTRED: dict[str, Any] = {"ha": "center", "va": "center"}  # of a text, around its place
_styled = mpl.rc_context(STYLE)


# --- colours ------------------------------------------------------------------


def rough_bins(step: int = 10) -> Tensor:
    """A coarse grid of colours, for use until `ab_bins` is solved: every sRGB colour, rounded.

    returns  (Q, 2)  multiples of `step`
    """
    return step * torch.unique((srgb_gamut_ab(33) / step).round(), dim=0).float()


def own_colours(ab: Tensor) -> np.ndarray:
    """Convert each colour to sRGB, at the lightness that shows it best.

    ab       (N, 2)
    returns  (N, 3)  in [0, 1]; colours outside the sRGB gamut are clipped
    """
    lightness = np.arange(35.0, 93, 3)
    shown = [_shown(ab.double().numpy(), value) for value in lightness]
    lost = np.stack([error for _, error in shown]) + 0.06 * abs(lightness - 68)[:, None]
    best = lost.argmin(axis=0)
    return np.stack([rgb for rgb, _ in shown])[best, np.arange(len(ab))]


def _shown(ab: np.ndarray, lightness: float) -> tuple[np.ndarray, np.ndarray]:
    """The colours at one lightness, and how far clipping moves each, in ab units."""
    lab = np.concatenate([np.full((len(ab), 1), lightness), ab], axis=1)
    rgb = _to_rgb(lab)
    return rgb, np.linalg.norm(rgb2lab(rgb) - lab, axis=1)


def _to_rgb(lab: np.ndarray) -> np.ndarray:
    """Call skimage's lab2rgb without its warnings about clipped colours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lab2rgb(lab)


# --- toy balls ----------------------------------------------------------------


@lru_cache
def _ball(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Lightness and coverage of a ball lit from the upper left, each (size, size)."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = axis[None] / 0.92, axis[:, None] / 0.92
    depth = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    light = np.clip((-0.45 * x - 0.55 * y + 0.7 * depth) / 1.0, 0, 1)
    lightness = 38 + 30 * light + 22 * light**24
    coverage = np.clip((1 - np.hypot(x, y)) * size * 0.46 + 0.5, 0, 1)
    return lightness, coverage


def painted_balls(ab: Tensor, size: int = 96) -> np.ndarray:
    """A ball of each colour, all with the same lightness, on white.

    ab       (N, 2)
    returns  (N, size, size, 3)  sRGB
    """
    lightness, coverage = _ball(size)
    lab = np.empty((len(ab), size, size, 3))
    lab[..., 0], lab[..., 1:] = lightness, ab.detach().double().numpy()[:, None, None]
    return _to_rgb(lab) * coverage[..., None] + 1 - coverage[..., None]


# The balls of the still life: left edge, top edge and diameter, as fractions of the picture's
# height, and whether the ball is striped.
STILL_LIFE = (
    (0.10, 0.22, 0.36, False),
    (0.98, 0.16, 0.40, False),
    (0.56, 0.30, 0.34, True),
    (1.28, 0.50, 0.30, True),
    (0.28, 0.56, 0.32, True),
    (0.80, 0.58, 0.34, False),
)


@lru_cache
def still_life(height: int = 300) -> tuple[Tensor, Tensor]:
    """Plain and striped balls on a table, in black and white.

    height   of the picture; the width is 1.7 times the height
    returns  lightness (H, W)  L*, 0 to 100
             masks (7, H, W)   coverage of each pixel by the table, the first ball, the second
                               ball ...; they sum to 1
    """
    width = int(1.7 * height)
    down = np.linspace(0, 1, height)[:, None]
    lightness = np.broadcast_to(82 - 20 * down, (height, width)).copy()
    masks = np.zeros((1 + len(STILL_LIFE), height, width))
    masks[0] = 1
    for number, (left, top, size, striped) in enumerate(STILL_LIFE, start=1):
        side, x, y = (int(part * height) for part in (size, left, top))
        _cast_shadow(lightness, x + 0.58 * side, y + 0.93 * side, side)
        box = np.s_[y : y + side, x : x + side]
        ball, cover = _ball(side)
        ball = _striped(ball) if striped else ball
        lightness[box] = cover * ball + (1 - cover) * lightness[box]
        masks[:, *box] *= 1 - cover
        masks[number, *box] = cover
    return torch.from_numpy(lightness), torch.from_numpy(masks)


def _cast_shadow(lightness: np.ndarray, x: float, y: float, side: int) -> None:
    rows, columns = np.indices(lightness.shape)
    far = ((columns - x) / (0.55 * side)) ** 2 + ((rows - y) / (0.13 * side)) ** 2
    lightness *= 1 - 0.42 * np.exp(-far)


def _striped(ball: np.ndarray) -> np.ndarray:
    """Lighter bands across a ball."""
    axis = np.linspace(-1, 1, len(ball))
    bands = np.sin(9 * (axis[:, None] + 0.35 * axis[None]))
    return ball + 9 * np.tanh(4 * bands)


def painted_still_life(ab: Tensor) -> Tensor:
    """The still life, with one colour for each object.

    ab       (7, 2)  colours of the table, the first ball, the second ball ...
    returns  (3, H, W)  sRGB
    """
    lightness, masks = still_life()
    planes = torch.einsum("tc,thw->chw", ab.detach().double(), masks)
    lab = torch.cat([lightness[None], planes]).movedim(0, -1).numpy()
    return torch.from_numpy(_to_rgb(lab)).movedim(-1, 0)


def _tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Join pictures (N, S, S, 3) into one, with `columns` pictures in a row."""
    rows = len(images) // columns
    _n, height, width, _ = images.shape
    grid = images[: rows * columns].reshape(rows, columns, height, width, 3)
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)


# --- axes ---------------------------------------------------------------------


def cells(grid: GridSpecBase) -> list[SubplotSpec]:
    """The cells of a grid, row by row."""
    return [grid[number] for number in range(grid.nrows * grid.ncols)]


def free_figure(width: float, height: float) -> Figure:
    """A figure whose axes are placed by hand, so without a layout engine; sizes in inches."""
    figure = Figure((width, height))
    figure.set_layout_engine("none")
    return figure


def ab_axes(figure: Figure, where: SubplotSpec, title: str, reach: float = 118) -> Axes:
    """Axes of the ab plane: a* to the right, b* upwards, both on the same scale."""
    axes = figure.add_subplot(where, aspect="equal", title=title)
    axes.set(xticks=range(-100, 101, 50), yticks=range(-100, 101, 50))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.axhline(0, color=FAINT, lw=0.8, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.8, zorder=0)
    axes.set_xlabel("green  ←  a*  →  red")
    axes.set_ylabel("blue  ←  b*  →  yellow")
    return axes


def picture_axes(figure: Figure, where: SubplotSpec, rgb: np.ndarray, title: str = "") -> Axes:
    """Axes that show a picture (H, W, 3) and nothing else."""
    axes = figure.add_subplot(where, title=title)
    axes.imshow(np.clip(rgb, 0, 1), interpolation="antialiased")
    axes.set_axis_off()
    return axes


def _squares(axes: Axes, centres: Tensor, side: float | np.ndarray, **style: Any) -> None:
    """A square at each centre, `side` ab units wide."""
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    sides = np.broadcast_to(side, len(centres))
    squares = centres.numpy()[:, None] + sides[:, None, None] * corner  # (N, 4, 2)
    axes.add_collection(PolyCollection(list(squares), **style))


def dots(axes: Axes, centres: Tensor, share: np.ndarray, widest: float, **style: Any) -> None:
    """Draw a disc at each centre, with an area proportional to its share.

    widest  the diameter for a share of 1, in ab units
    """
    diameter = widest * np.sqrt(np.clip(share, 0, None))
    style = {"edgecolor": "white", "linewidth": 0.4} | style
    circles = EllipseCollection(
        diameter, diameter, np.zeros(len(centres)), units="xy", offsets=centres.numpy(), **style
    )
    circles.set_offset_transform(axes.transData)
    axes.add_collection(circles)


def hwc(image: Tensor) -> np.ndarray:
    """Rearrange a picture (3, H, W) or (1, 3, H, W) to (H, W, 3), as a numpy array."""
    return image.detach().reshape(-1, *image.shape[-2:]).movedim(0, -1).cpu().double().numpy()


# --- the figures --------------------------------------------------------------


@_styled
def gallery(panels: dict[str, Tensor], columns: int = 4) -> Figure:
    """Pictures in rows, each under its name.

    panels  (3, H, W) or (1, 3, H, W), sRGB, by name
    """
    rows = -(-len(panels) // columns)
    height, width = next(iter(panels.values())).shape[-2:]
    figure = Figure((WIDTH, rows * (WIDTH / columns * height / width + 0.3)))
    grid = figure.add_gridspec(rows, columns)
    for place, (name, image) in zip(cells(grid), panels.items(), strict=False):
        picture_axes(figure, place, hwc(image), name)
    return figure


@_styled
def same_lightness(photograph: Tensor, turns: Sequence[float]) -> Figure:
    """A portrait without colour, and with its most vivid colours rotated in the ab plane.

    photograph  (1, 3, H, W)
    turns       degrees
    """
    lab = rgb2lab(hwc(photograph))
    chroma, hue = np.hypot(lab[..., 1], lab[..., 2]), np.arctan2(lab[..., 2], lab[..., 1])
    vivid = np.clip((chroma - 32) / 16, 0, 1) * (hue > 0.44) * (hue < 1.4)
    figure = Figure((WIDTH, 0.3 + WIDTH / (len(turns) + 1) * lab.shape[0] / lab.shape[1]))
    grid = figure.add_gridspec(1, len(turns) + 1, wspace=0.02)
    picture_axes(figure, grid[0], _to_rgb(lab * [1, 0, 0]), "lightness")
    for place, turn, letter in zip(cells(grid)[1:], turns, "ABCDEFGH", strict=False):
        strength = 0.7 if turn else 1  # paler, so that every colour is in gamut
        turned = strength * (lab[..., 1] + 1j * lab[..., 2]) * np.exp(1j * np.radians(turn))
        ab = np.stack([turned.real, turned.imag], axis=-1)
        mixed = vivid[..., None] * ab + (1 - vivid[..., None]) * lab[..., 1:]
        picture_axes(figure, place, _to_rgb(np.concatenate([lab[..., :1], mixed], axis=-1)), letter)
    return figure


@_styled
def lab_planes(rgb: Tensor, lightness: Tensor, ab: Tensor) -> Figure:
    """Photographs and their three planes; a and b are shown in their own hues.

    Planes are at the network's scale:
    rgb (B, 3, H, W), lightness (B, 1, H, W), ab (B, 2, H, W)
    """
    lab = torch.cat([lightness * 100 + 50, ab * 110], dim=1)
    planes = lab.detach().movedim(1, -1).double().numpy()  # (B, H, W, 3)
    keep = {"L: lightness": [1, 0, 0], "a: green to red": [0, 1, 0], "b: blue to yellow": [0, 0, 1]}
    figure = Figure((WIDTH, 0.35 + len(rgb) * WIDTH / 4 * rgb.shape[-2] / rgb.shape[-1]))
    grid = figure.add_gridspec(len(rgb), 4, hspace=0, wspace=0.02)
    for row, plane in enumerate(planes):
        picture_axes(figure, grid[row, 0], hwc(rgb[row]), "" if row else "photograph")
        for column, (name, mask) in enumerate(keep.items(), start=1):
            flat = plane * mask + (0 if column == 1 else np.array([68, 0, 0]))
            picture_axes(figure, grid[row, column], _to_rgb(flat), "" if row else name)
    return figure


BALLS_REACH = 82  # of an ab plane that shows the toy balls
AB_AXIS = torch.linspace(-BALLS_REACH, BALLS_REACH, 61)


def ab_grid() -> Tensor:
    """A coarse grid over the part of the ab plane where the balls are: colours (3721, 2)."""
    return torch.cartesian_prod(AB_AXIS, AB_AXIS)


@_styled
def l2_walk(population: Tensor, path: Tensor, landscape: Tensor) -> Figure:
    """Gradient descent on one colour, drawn over the landscape of its loss.

    population  (N, 2)  colours of the training set
    path        (S, 2)  the prediction before the first step, after it, ...
    landscape   (G,)    the loss of each colour of `ab_grid()`
    """
    figure = Figure((WIDTH, 4.6))
    grid = figure.add_gridspec(1, 3, width_ratios=[2.5, 5, 1.35])
    crowd = painted_balls(population[:60], 72)
    picture_axes(figure, grid[0], _tile(crowd, 6), "the training set: 60 balls")
    axes = ab_axes(figure, grid[1], "the loss of every answer, and where yours walks", BALLS_REACH)
    bowl = landscape.detach().reshape(len(AB_AXIS), -1).T.numpy()
    axes.contour(AB_AXIS, AB_AXIS, bowl, levels=12, colors="#c3c9cf", linewidths=0.8, zorder=1)
    _modes(axes, population)
    a, b = path.T.numpy()
    axes.plot(a, b, color=INK, lw=1, zorder=3)
    axes.scatter(a, b, c=own_colours(path), s=26, edgecolor=INK, lw=0.6, zorder=4)
    steps = [0, len(path) // 8, len(path) - 1]
    names = [f"after {step} steps" if step else "at first" for step in steps]
    _ball_column(figure, grid[2], path[steps], names)
    return figure


def _modes(axes: Axes, population: Tensor) -> None:
    """Draw each colour that occurs as a disc, with its share as a number."""
    modes, counts = population.unique(dim=0, return_counts=True)
    share = counts.numpy() / len(population)
    dots(axes, modes, share, 36, facecolor=own_colours(modes), zorder=2)
    _name_dots(axes, modes, share, 36)


def _name_dots(axes: Axes, centres: Tensor, share: np.ndarray, widest: float, **style: Any) -> None:
    """Write the share of each disc beside it, on the side away from the plane's centre."""
    style = {"path_effects": [withStroke(linewidth=2.5, foreground="white")]} | style
    for (a, b), each in zip(centres.tolist(), share, strict=True):
        side, va = (1, "bottom") if b > 0 else (-1, "top")
        away = (widest / 2 * each**0.5 + 3) * side
        axes.annotate(f"{each:.0%}", (a, b + away), ha="center", va=va, **style)


def _ball_column(figure: Figure, where: SubplotSpec, ab: Tensor, names: Sequence[str]) -> None:
    inner = where.subgridspec(len(names), 1)
    for place, ball, name in zip(cells(inner), painted_balls(ab, 160), names, strict=True):
        picture_axes(figure, place, ball).set_title(name, loc="center", pad=2)


@_styled
def bins_and_histogram(bins: Tensor, photographs_ab: Tensor) -> Figure:
    """The bins in their own colours, and a histogram of photographs' pixels over them.

    bins            (Q, 2)
    photographs_ab  (B, 2, H, W)
    """
    figure = Figure((WIDTH, 4.5))
    grid = figure.add_gridspec(1, 2)
    axes = ab_axes(figure, grid[0], f"{len(bins)} bins, each in its own colour")
    _squares(axes, bins, 9.2, facecolor=own_colours(bins))
    axes = ab_axes(figure, grid[1], "pixels of four photographs, on a log scale")
    _squares(axes, bins, 10, facecolor="none", edgecolor=FAINT, linewidth=0.6)
    a, b = photographs_ab.movedim(1, 0).flatten(1).numpy()
    edges = np.arange(-119, 120, 2)
    counts, _, _ = np.histogram2d(a, b, bins=[edges, edges])
    log_counts = np.ma.log10(np.ma.masked_equal(counts.T, 0))
    axes.pcolormesh(edges, edges, log_counts, cmap="magma_r", vmin=-0.5, zorder=2)
    return figure


@_styled
def soft_codes(bins: Tensor, codes: dict[str, tuple[Tensor, Tensor]]) -> Figure:
    """The soft codes of a few colours: the share of each nearby bin, in per cent.

    bins   (Q, 2)
    codes  a colour (2,) and its shares (Q,), by name
    """
    figure = Figure((WIDTH, 3.45))
    grid = figure.add_gridspec(1, len(codes))
    for place, (name, (colour, share)) in zip(cells(grid), codes.items(), strict=True):
        a, b = colour.tolist()
        axes = figure.add_subplot(place, aspect="equal", title=name, xlabel="a*")
        axes.set(xlim=(a - 27, a + 27), ylim=(b - 27, b + 27), xticks=_tens(a), yticks=_tens(b))
        _squares(axes, bins, 9.4, facecolor="#f1f2f4")
        _shares(axes, bins[share > 0], share.detach()[share > 0].numpy())
        axes.plot(a, b, "+", color=INK, ms=14, mew=1.8, zorder=4)
    figure.axes[0].set_ylabel("b*")
    return figure


def _shares(axes: Axes, bins: Tensor, share: np.ndarray) -> None:
    """Draw bins in their own colours, fainter for smaller shares, with the share as a number."""
    strength = np.sqrt(share / share.max())[:, None]
    colours = own_colours(bins) * strength + 0.945 * (1 - strength)
    _squares(axes, bins, 9.4, facecolor=colours, zorder=2)
    for (a, b), each, colour in zip(bins.tolist(), share, colours, strict=True):
        ink = INK if colour @ [0.3, 0.59, 0.11] > 0.45 else "white"
        axes.annotate(_percent(each), (a, b - 3), fontsize=7.5, color=ink, zorder=5, **CENTRED)


def _tens(middle: float) -> list[int]:
    nearest = 10 * round(middle / 10)
    return [nearest - 20, nearest, nearest + 20]


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


@_styled
def finding_modes(
    bins: Tensor, snapshots: dict[int, Tensor], losses: Sequence[float], floor: float
) -> Figure:
    """A distribution over the bins during training, and its loss.

    bins       (Q, 2)
    snapshots  (Q,)  probabilities, by step
    losses     nats, before the first step, after it, ...
    floor      the lower bound of the loss
    """
    figure = Figure((WIDTH, 2.7))
    grid = figure.add_gridspec(1, len(snapshots) + 1)
    for place, (step, share) in zip(cells(grid), snapshots.items(), strict=False):
        axes = ab_axes(figure, place, f"after {step} steps" if step else "before the first step")
        axes.set(xticks=[], yticks=[], xlabel="a*", ylabel="b*")
        dots(axes, bins, share.detach().numpy(), 80, facecolor=own_colours(bins), linewidth=0)
        seen = share.detach() > 0.04
        _name_dots(axes, bins[seen], share.detach()[seen].numpy(), 80, fontsize=8.5)
    levels = {"log Q: knows nothing": float(np.log(len(bins))), "the floor": floor}
    _loss_curve(figure, grid[-1], losses, levels)
    return figure


def _loss_curve(
    figure: Figure, where: SubplotSpec, losses: Sequence[float], levels: dict[str, float]
) -> None:
    axes = figure.add_subplot(where, title="your loss, in nats", box_aspect=1, xlabel="step")
    for name, level in levels.items():
        axes.axhline(level, color=MUTED, lw=0.9, ls=(0, (4, 3)))
        end = (len(losses), level)
        axes.annotate(name, end, (0, 3), textcoords="offset points", ha="right", color=MUTED)
    axes.plot(losses, color=ACCENT, lw=2)
    axes.set(ylim=(0, max(levels.values()) + 0.9), xlim=(0, len(losses)))


@_styled
def temperatures(
    bins: Tensor, share: Tensor, by_temperature: dict[float, Tensor], marked: float
) -> Figure:
    """The path of the decoded colour as the temperature rises.

    bins            (Q, 2)
    share           (Q,)  the distribution, at temperature 1
    by_temperature  (2,)  the decoded colour, from the lowest temperature up
    marked          the temperature to highlight
    """
    path = torch.stack(list(by_temperature.values())).detach()
    figure = Figure((WIDTH, 4.3))
    grid = figure.add_gridspec(1, 2, width_ratios=[1.2, 1])
    axes = ab_axes(figure, grid[0], "the distribution, and the colours read from it", BALLS_REACH)
    relative = share.numpy() / share.max().item()
    dots(axes, bins, relative, 10.5, facecolor=own_colours(bins), linewidth=0)
    a, b = path.T.numpy()
    axes.plot(a, b, color=INK, lw=1.2, zorder=3)
    axes.scatter(a, b, c=own_colours(path), s=34, edgecolor=INK, lw=0.8, zorder=4)
    ends = (("T → 0: the mode", 0, -52), ("T = 1: the mean", -1, -9))
    for name, end, shift in ends:
        where, offset = (a[end], b[end]), (shift, -3)
        axes.annotate(name, where, offset, textcoords="offset points", ha="right")
    inner = cells(grid[1].subgridspec(3, 3))
    balls = painted_balls(path, 160)
    for place, temperature, ball in zip(inner, by_temperature, balls, strict=True):
        weight = "bold" if temperature == marked else "normal"
        title = f"T = {temperature:g}"
        picture_axes(figure, place, ball).set_title(title, loc="center", pad=2, fontweight=weight)
    return figure


@_styled
def priors(bins: Tensor, by_name: dict[str, Tensor]) -> Figure:
    """How often each bin occurs, on a log scale; bins that never occur stay empty.

    bins     (Q, 2)
    by_name  (Q,)  each sums to 1
    """
    figure = Figure((WIDTH, 4.3))
    grid = figure.add_gridspec(1, len(by_name))
    for place, (name, prior) in zip(cells(grid), by_name.items(), strict=True):
        axes = ab_axes(figure, place, name)
        log = prior.detach().clamp(min=1e-12).log10().numpy()
        _squares(axes, bins, 9.4, facecolor="white", edgecolor=FAINT, linewidth=0.6)
        seen = log > -7
        _squares(axes, bins[seen], 9.4, array=log[seen], cmap="magma_r", clim=(-7, 0), zorder=2)
    bar = figure.colorbar(axes.collections[-1], ax=figure.axes, shrink=0.8, aspect=28, pad=0.01)
    bar.set_label("share of the pixels")
    bar.set_ticks(range(-6, 1, 2), labels=[f"$10^{{{power}}}$" for power in range(-6, 1, 2)])
    bar.outline.set_visible(False)
    return figure


@_styled
def rebalancing(
    bins: Tensor, prior: Tensor, weights: Tensor, by_lambda: dict[float, Tensor]
) -> Figure:
    """The weight of each bin in the ab plane, and how it depends on lambda.

    bins       (Q, 2)
    prior      (Q,)  how often each bin occurs
    weights    (Q,)  the weights to show in the ab plane
    by_lambda  (Q,)  weights, by lambda
    """
    figure = Figure((WIDTH, 4.3))
    grid = figure.add_gridspec(1, 2, width_ratios=[1.2, 1])
    axes = ab_axes(figure, grid[0], "the weight of each bin, at λ = ½")
    _squares(axes, bins, 9.4, array=weights.detach().log2().numpy(), cmap="magma_r", clim=(-3, 4))
    bar = figure.colorbar(axes.collections[-1], ax=axes, shrink=0.8, aspect=28, pad=0.01)
    bar.set_ticks(range(-3, 5), labels=["1/8", "1/4", "1/2", "1", "2", "4", "8", "16"])
    bar.outline.set_visible(False)
    axes = figure.add_subplot(grid[1], title="how λ bends them", xscale="log", yscale="log")
    order = prior.argsort()
    shades = np.linspace(0.9, 0.3, len(by_lambda))
    for shade, (lam, weight) in zip(shades, by_lambda.items(), strict=True):
        colour = mpl.colormaps["magma_r"](shade)
        axes.plot(prior[order], weight.detach()[order], color=colour, lw=2)
        axes.annotate(f"λ = {lam:g}", (1.5e-6, weight.max().item() * 1.12), color=colour)
    axes.set(xlabel="share of the pixels, p̃", ylabel="weight, w", xlim=(1e-6, 0.3))
    return figure
