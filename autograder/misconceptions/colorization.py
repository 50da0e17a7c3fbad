"""Misconceptions about colorization.

A hint says what is seen, what often causes it and where to look; it never gives the answer.
"""

from typing import Any

import torch
import torch.nn.functional as F
from scipy.spatial import ConvexHull
from torch import Tensor, nn

from autograder.misconceptions import misconception
from course_utils.color import D65_WHITE, SRGB_TO_XYZ, srgb_gamut_ab
from course_utils.color.nearest_bins import nearest_bins

# -------------------------------------------------------------------------------- rgb_to_lab_planes

# The conversion with its steps to choose from; each misconception changes one.


def _linear(rgb: Tensor) -> Tensor:
    return torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def _f(xyz: Tensor) -> Tensor:
    return torch.where(xyz > 0.008856, xyz.clamp(min=0.008856) ** (1 / 3), 7.787 * xyz + 16 / 116)


def _lab(rgb, linear=_linear, matrix=SRGB_TO_XYZ, white=D65_WHITE, f=_f):
    xyz = torch.einsum("xc,bchw->bxhw", matrix.to(rgb), linear(rgb)) / white.to(rgb).view(3, 1, 1)
    x, y, z = f(xyz).split(1, dim=1)
    return 116 * y - 16, torch.cat([500 * (x - y), 200 * (y - z)], dim=1)


def _scaled(lab: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return (lab[0] - 50) / 100, lab[1] / 110


@misconception(
    "rgb_to_lab_planes",
    hint="Mid-greys come out too light: sRGB values are not proportional to light. Look at the first step.",
)
def gamma_forgotten(rgb):
    """sRGB is taken for linear light."""
    return _scaled(_lab(rgb, linear=lambda rgb: rgb))


@misconception(
    "rgb_to_lab_planes",
    hint="Close, but not exact, and worst in the dark: sRGB is no plain power. Look up its two pieces.",
)
def gamma_as_a_plain_power(rgb):
    """Monitors' rule of thumb instead of the sRGB curve."""
    return _scaled(_lab(rgb, linear=lambda rgb: rgb**2.2))


@misconception(
    "rgb_to_lab_planes",
    hint="Bright colours are right, dark ones are not: the sRGB curve has a second piece. "
    "Look at its threshold.",
)
def gamma_without_its_straight_piece(rgb):
    """The power law is used down to black."""
    return _scaled(_lab(rgb, linear=lambda rgb: ((rgb + 0.055) / 1.055) ** 2.4))


@misconception(
    "rgb_to_lab_planes",
    hint="Bright colours are right, black is far too dark: a cube root is very steep near zero. "
    "Look at what the Lab formula does there.",
)
def cube_root_without_its_straight_piece(rgb):
    """The cube root is used down to black."""
    return _scaled(_lab(rgb, f=lambda xyz: xyz ** (1 / 3)))


@misconception(
    "rgb_to_lab_planes",
    hint="The planes are right, and the gradient at black is not a number: torch.where also differentiates "
    "the branch that it does not take. Look at the slope of a cube root at zero.",
)
def infinite_slope_at_black(rgb):
    """Infinity times zero is NaN."""
    return _scaled(
        _lab(rgb, f=lambda xyz: torch.where(xyz > 0.008856, xyz ** (1 / 3), 7.787 * xyz + 16 / 116))
    )


@misconception(
    "rgb_to_lab_planes",
    hint="Greys come out coloured: for a grey, the three numbers that go into the cube root are equal. "
    "Look at what X, Y and Z are divided by.",
)
def white_point_forgotten(rgb):
    """XYZ is not divided by the white point."""
    return _scaled(_lab(rgb, white=torch.ones(3)))


@misconception(
    "rgb_to_lab_planes",
    hint="Greys come out tinted: this is the white of another illuminant. "
    "Look at which one sRGB is defined with.",
)
def white_point_of_d50(rgb):
    """The white of printing, not of screens."""
    return _scaled(_lab(rgb, white=torch.tensor([0.96422, 1.0, 0.82521])))


@misconception(
    "rgb_to_lab_planes",
    hint="All colours are off, greys too: which index of the matrix belongs to the channels? "
    "Look at the order of the letters, or of the factors, in the matrix product.",
)
def matrix_transposed(rgb):
    """The rows and columns of the matrix are exchanged."""
    return _scaled(_lab(rgb, matrix=SRGB_TO_XYZ.T))


@misconception(
    "rgb_to_lab_planes",
    hint="Greys are right, and red and blue are exchanged: look at the order of the input's channels.",
)
def channels_in_bgr_order(rgb):
    """The order of OpenCV."""
    return _scaled(_lab(rgb.flip(1)))


@misconception(
    "rgb_to_lab_planes",
    hint="Every picture comes out almost black: in which range does the docstring say that the input is?",
)
def input_divided_by_255(rgb):
    """The input is taken for bytes."""
    return _scaled(_lab(rgb / 255))


@misconception(
    "rgb_to_lab_planes",
    hint="The lightness is never negative: where should a medium grey lie? "
    "Look at the docstring's formula for L.",
)
def lightness_not_centred(rgb):
    """L* is divided, and not shifted."""
    lightness, ab = _lab(rgb)
    return lightness / 100, ab / 110


@misconception(
    "rgb_to_lab_planes",
    hint="The lightness covers twice the range that is asked for: look at the docstring's formula for L.",
)
def lightness_from_minus_1_to_1(rgb):
    """L* fills the range of tanh."""
    lightness, ab = _lab(rgb)
    return lightness / 50 - 1, ab / 110


@misconception(
    "rgb_to_lab_planes",
    hint="The colour is far larger than the lightness: look at the scale the docstring asks for.",
)
def colour_left_in_ab_units(rgb):
    """a* and b* are not divided."""
    lightness, ab = _lab(rgb)
    return (lightness - 50) / 100, ab


@misconception(
    "rgb_to_lab_planes",
    hint="The planes are right, and the given picture is changed: look for a line that assigns into it.",
)
def picture_overwritten(rgb):
    """The linear values are written into the input."""
    dark = rgb <= 0.04045
    rgb[~dark] = ((rgb[~dark] + 0.055) / 1.055) ** 2.4
    rgb[dark] /= 12.92
    return _scaled(_lab(rgb, linear=lambda linear: linear))


@misconception(
    "rgb_to_lab_planes",
    hint="float64 goes in, float32 comes out: look for a conversion, or a constant, that fixes the dtype.",
)
def always_single_precision(rgb):
    """Everything is made float32."""
    return _scaled(_lab(rgb.float()))


# -------------------------------------------------------------------------------- lab_planes_to_rgb

XYZ_TO_SRGB = SRGB_TO_XYZ.inverse()


def _cubed(f: Tensor) -> Tensor:
    return torch.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787)


def _encoded(linear: Tensor) -> Tensor:
    bright = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bright, linear * 12.92)


def _rgb(lightness, ab, cubed=_cubed, encoded=_encoded, white=D65_WHITE, matrix=XYZ_TO_SRGB):
    """sRGB of L*, a* and b*, not clipped."""
    y = (lightness + 16) / 116
    f = torch.cat([y + ab[:, :1] / 500, y, y - ab[:, 1:] / 200], dim=1)
    xyz = cubed(f) * white.to(f).view(3, 1, 1)
    return encoded(torch.einsum("cx,bxhw->bchw", matrix.to(f), xyz))


@misconception(
    "lab_planes_to_rgb",
    hint="Some values lie below 0 or above 1: not every Lab colour can be shown. "
    "Look at the last line of the docstring.",
)
def not_clipped(lightness, ab):
    """Colours outside the gamut are returned as they are."""
    return _rgb(lightness * 100 + 50, ab * 110)


@misconception(
    "lab_planes_to_rgb",
    hint="Bright colours come out darker than they should, and their hue shifts: "
    "a picture is scaled where single values should be cut off.",
)
def scaled_by_its_maximum(lightness, ab):
    """The whole picture is scaled into the range."""
    rgb = _rgb(lightness * 100 + 50, ab * 110).clamp(min=0)
    return rgb / rgb.amax().clamp(min=1)


@misconception(
    "lab_planes_to_rgb",
    hint="Every picture comes out grey: look at the unit of ab, in the docstring and in your formula.",
)
def colour_left_in_network_units(lightness, ab):
    """ab is not multiplied back."""
    return _rgb(lightness * 100 + 50, ab).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="Pictures come out much too dark, half of them black: look at what L = 0 stands for.",
)
def lightness_not_shifted_back(lightness, ab):
    """L is multiplied, and not shifted."""
    return _rgb(lightness * 100, ab * 110).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="Everything but black and white is too dark: the result is linear light. "
    "Look at the last step before clipping.",
)
def gamma_not_applied(lightness, ab):
    """Linear light is returned."""
    return _rgb(lightness * 100 + 50, ab * 110, encoded=lambda linear: linear).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="Bright colours are right, and dark ones turn black: the sRGB curve has a second piece. "
    "Look at its threshold.",
)
def gamma_applied_without_its_straight_piece(lightness, ab):
    """The power law is used down to black."""
    return _rgb(
        lightness * 100 + 50,
        ab * 110,
        encoded=lambda linear: 1.055 * linear.clamp(min=0) ** (1 / 2.4) - 0.055,
    ).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="Bright colours are right, and black is not black: the cube was a straight line near zero. "
    "Look at both pieces of the forward conversion.",
)
def cube_without_its_straight_piece(lightness, ab):
    """The cube is used down to black."""
    return _rgb(lightness * 100 + 50, ab * 110, cubed=lambda f: f**3).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="White comes out tinted: the forward conversion divides by something that has to be multiplied "
    "back.",
)
def white_point_not_multiplied_back(lightness, ab):
    """XYZ is left relative to the white point."""
    return _rgb(lightness * 100 + 50, ab * 110, white=torch.ones(3)).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="Colours come out pale and wrong: the given matrix leads from RGB to XYZ. Which way is needed here?",
)
def matrix_not_inverted(lightness, ab):
    """The matrix of the forward conversion is used."""
    return _rgb(lightness * 100 + 50, ab * 110, matrix=SRGB_TO_XYZ).clamp(0, 1)


@misconception(
    "lab_planes_to_rgb",
    hint="The picture is right, and its gradient is not a number: "
    "torch.where also differentiates the branch that "
    "it does not take. Look at what each branch gives where the other is meant.",
)
def branch_not_taken_poisons_the_gradient(lightness, ab):
    """A negative number to a broken power is NaN, and NaN times zero is NaN."""
    return _rgb(
        lightness * 100 + 50,
        ab * 110,
        encoded=lambda linear: torch.where(
            linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92
        ),
    ).clamp(0, 1)


# ------------------------------------------------------------------------------------------ ab_bins


def _corners(step: float) -> Tensor:
    return step * torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]))


def _lattice(step: int, reach: int = 120) -> Tensor:
    axis = step * torch.arange(-(reach // step), reach // step + 1)
    return torch.cartesian_prod(axis, axis).float()


def _hull_bins(step: int, widen: float, samples: int = 9, lattice: Tensor | None = None) -> Tensor:
    """The lattice points in the hull of a sampled gamut, widened."""
    cloud = (srgb_gamut_ab(samples)[:, None] + _corners(widen)).reshape(-1, 2)
    edges = torch.from_numpy(ConvexHull(cloud).equations)
    points = _lattice(step) if lattice is None else lattice
    return points[(points.double() @ edges[:, :2].T + edges[:, 2] <= 0).all(dim=1)]


@misconception(
    "ab_bins",
    hint="There are far too many bins, in a square: which of these colours can a screen show?",
)
def the_whole_square(step=10):
    """No gamut at all."""
    return _lattice(step, 110)


@misconception(
    "ab_bins",
    hint="There are too few bins: the gamut is taken as it is. Look at what the docstring does to it first.",
)
def gamut_not_widened(step=10):
    """Only the lattice points inside the gamut."""
    return _hull_bins(step, widen=0.001)


@misconception(
    "ab_bins",
    hint="There are too few bins: look at how far the docstring widens the gamut.",
)
def gamut_widened_by_half_a_step(step=10):
    """As if bins were cells, and the gamut had to touch a cell."""
    return _hull_bins(step, widen=step / 2)


@misconception(
    "ab_bins",
    hint="There are too few bins: these are the places that colours are rounded to. "
    "Bins near the gamut count too; look at how the docstring widens it.",
)
def colours_rounded_to_the_lattice(step=10):
    """A bin for every place that some colour is nearest to."""
    return (srgb_gamut_ab(17) / step).round().unique(dim=0).float() * step


@misconception(
    "ab_bins",
    hint="A few bins are missing along the border: the gamut is not a hexagon, its sides bulge. "
    "Look at how many colours the gamut is sampled with.",
)
def hull_of_the_pure_colours(step=10):
    """Only the corners of the RGB cube, widened."""
    return _hull_bins(step, widen=step, samples=2)


@misconception(
    "ab_bins",
    hint="The right bins in another order: look at what they are sorted by first.",
)
def sorted_by_b_first(step=10):
    """As a picture is scanned, row by row."""
    bins = _hull_bins(step, widen=step)
    return bins[bins[:, 0].argsort(stable=True)][
        bins[:, 1][bins[:, 0].argsort(stable=True)].argsort(stable=True)
    ]


@misconception(
    "ab_bins",
    hint="Right for the paper's step, and wrong for others: look for a ten that should be `step`.",
)
def step_fixed_at_ten(step=10):
    """The argument is ignored."""
    return _hull_bins(10, widen=10)


@misconception(
    "ab_bins",
    hint="Right for the paper's step, and wrong for others: does the gamut grow with the step?",
)
def always_widened_by_ten(step=10):
    """The lattice follows the step, the margin does not."""
    return _hull_bins(step, widen=10)


@misconception(
    "ab_bins",
    hint="The bins are off by half a step: are bins the lattice's points or the centres of its cells?",
)
def centres_of_cells(step=10):
    """A histogram's bins."""
    return _hull_bins(step, step, lattice=_lattice(step) + step / 2)


@misconception(
    "ab_bins",
    hint="The bins are tiny: look at the unit that the docstring asks for.",
)
def bins_in_network_units(step=10):
    """Divided by 110, like the network's output."""
    return _hull_bins(step, widen=step) / 110


@misconception(
    "ab_bins",
    hint="The right bins in the wrong dtype: look at the docstring.",
)
def bins_as_integers(step=10):
    """The lattice is made of integers, and stays so."""
    return _hull_bins(step, widen=step).long()


# -------------------------------------------------------------------------------------- soft_encode


def _gaussian(distances: Tensor, sigma: float) -> Tensor:
    # The smallest exponent is taken out, so that no other misconception underflows as well.
    squared = distances**2
    return torch.exp(-(squared - squared.amin(dim=-1, keepdim=True)) / (2 * sigma**2))


def _encode(ab, bins, neighbors, sigma, kernel=_gaussian, largest=False, normalise=True):
    distances = torch.cdist(ab.movedim(1, -1), bins, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.topk(neighbors, largest=largest)
    weights = kernel(nearest.values, sigma)
    weights = weights / weights.sum(dim=-1, keepdim=True) if normalise else weights
    return torch.zeros_like(distances).scatter(-1, nearest.indices, weights).movedim(-1, 1)


@misconception(
    "soft_encode",
    hint="Each pixel falls into a single bin: a soft encoding spreads it. "
    "Look at what becomes of the other neighbours.",
)
def one_hot(ab, bins, neighbors=10, sigma=5.0):
    """The nearest bin takes all."""
    return _encode(ab, bins, 1, sigma)


@misconception(
    "soft_encode",
    hint="Every bin gets a share, however small: how many of them may? Look at `neighbors`.",
)
def all_bins_share(ab, bins, neighbors=10, sigma=5.0):
    """The Gaussian over all the bins."""
    return _encode(ab, bins, len(bins), sigma)


@misconception(
    "soft_encode",
    hint="The weights have the right proportions, but their sum is not what the docstring says.",
)
def weights_not_normalised(ab, bins, neighbors=10, sigma=5.0):
    """The Gaussian as it is."""
    return _encode(
        ab, bins, neighbors, sigma, lambda d, s: torch.exp(-(d**2) / (2 * s**2)), normalise=False
    )


@misconception(
    "soft_encode",
    hint="The weights fall too slowly with distance: compare the exponent with the docstring's.",
)
def distance_not_squared(ab, bins, neighbors=10, sigma=5.0):
    """An exponential instead of a Gaussian."""
    return _encode(ab, bins, neighbors, sigma, lambda d, s: torch.softmax(-d / (2 * s**2), dim=-1))


@misconception(
    "soft_encode",
    hint="The weights fall too fast with distance: compare the exponent with the docstring's, factor by "
    "factor.",
)
def factor_two_missing_in_the_exponent(ab, bins, neighbors=10, sigma=5.0):
    """exp(-d^2 / sigma^2)."""
    return _encode(ab, bins, neighbors, sigma, lambda d, s: torch.softmax(-(d**2) / s**2, dim=-1))


@misconception(
    "soft_encode",
    hint="The Gaussian has the wrong width: compare the exponent with the docstring's, power by power.",
)
def sigma_not_squared(ab, bins, neighbors=10, sigma=5.0):
    """exp(-d^2 / (2 sigma))."""
    return _encode(
        ab, bins, neighbors, sigma, lambda d, s: torch.softmax(-(d**2) / (2 * s), dim=-1)
    )


@misconception(
    "soft_encode",
    hint="Near bins get less than far ones: is a distance used as a weight?",
)
def weight_is_the_distance(ab, bins, neighbors=10, sigma=5.0):
    """The farther, the heavier."""
    return _encode(ab, bins, neighbors, sigma, lambda d, _: d)


@misconception(
    "soft_encode",
    hint="Colours go to bins on the other side of the plane: which end of the sorted distances is taken?",
)
def farthest_bins(ab, bins, neighbors=10, sigma=5.0):
    """topk gives the largest unless told otherwise."""
    return _encode(ab, bins, neighbors, sigma, largest=True)


@misconception(
    "soft_encode",
    hint="The paper's text says five, its code does not: look at the docstring's default.",
)
def five_neighbours_as_in_the_papers_text(ab, bins, neighbors=5, sigma=5.0):
    """The paper's misprint."""
    return _encode(ab, bins, neighbors, sigma)


@misconception(
    "soft_encode",
    hint="Right with the defaults, and wrong with other arguments: "
    "look for a number that should be `neighbors`.",
)
def neighbours_fixed_at_ten(ab, bins, neighbors=10, sigma=5.0):
    """The argument is ignored."""
    return _encode(ab, bins, min(10, len(bins)), sigma)


@misconception(
    "soft_encode",
    hint="Right with the defaults, and wrong with other arguments: look for a number that should be `sigma`.",
)
def sigma_fixed_at_five(ab, bins, neighbors=10, sigma=5.0):
    """The argument is ignored."""
    return _encode(ab, bins, neighbors, 5.0)


@misconception(
    "soft_encode",
    hint="NaN where a colour is many sigmas from every bin: "
    "all its weights underflow to zero, and zero is divided "
    "by zero. Look for a way to normalise that only needs differences of exponents.",
)
def weights_underflow(ab, bins, neighbors=10, sigma=5.0):
    """Normalised after the exponential."""
    return _encode(ab, bins, neighbors, sigma, lambda d, s: torch.exp(-(d**2) / (2 * s**2)))


@misconception(
    "soft_encode",
    hint="Colours land in mirrored bins: which channel is a, and which column?",
)
def a_and_b_exchanged(ab, bins, neighbors=10, sigma=5.0):
    """b is compared with a."""
    return _encode(ab.flip(1), bins, neighbors, sigma)


# ------------------------------------------------------------------------------------ annealed_mean


def _mean(probabilities: Tensor, bins: Tensor) -> Tensor:
    return torch.einsum("bqhw,qc->bchw", probabilities, bins)


@misconception(
    "annealed_mean",
    hint="Colder gives greyer, hotter more vivid: it should be the other way round. Look at where T stands.",
)
def temperature_inverted(logits, bins, temperature=0.38):
    """The scores are multiplied by T."""
    return _mean(torch.softmax(logits * temperature, dim=1), bins)


@misconception(
    "annealed_mean",
    hint="The temperature makes no difference: dividing probabilities and normalising them again changes "
    "nothing. "
    "Look at what Eq. 5 divides.",
)
def temperature_without_effect(logits, bins, temperature=0.38):
    """The plain mean; also what dividing the probabilities by T and normalising gives."""
    return _mean(torch.softmax(logits, dim=1), bins)


@misconception(
    "annealed_mean",
    hint="The result is always exactly a bin: that is the mode. Look at what Eq. 5 does with the other bins.",
)
def mode_instead_of_mean(logits, bins, temperature=0.38):
    """The most likely bin."""
    return bins[logits.argmax(dim=1)].movedim(-1, 1)


@misconception(
    "annealed_mean",
    hint="Colours are far too grey: a softmax of a softmax is almost uniform. What do the logits stand for?",
)
def softmax_of_probabilities(logits, bins, temperature=0.38):
    """The temperature is applied to probabilities."""
    return _mean(torch.softmax(torch.softmax(logits, dim=1) / temperature, dim=1), bins)


@misconception(
    "annealed_mean",
    hint="The colours are too small: do the sharpened probabilities still sum to 1?",
)
def sharpened_and_not_normalised(logits, bins, temperature=0.38):
    """Probabilities to the power of 1/T."""
    return _mean(torch.softmax(logits, dim=1) ** (1 / temperature), bins)


@misconception(
    "annealed_mean",
    hint="NaN for large scores: the exponential overflows. "
    "Look for a way that only needs differences of scores.",
)
def exponential_overflows(logits, bins, temperature=0.38):
    """exp and sum, as the formula is printed."""
    powers = torch.exp(logits / temperature)
    return _mean(powers / powers.sum(dim=1, keepdim=True), bins)


@misconception(
    "annealed_mean",
    hint="Right only for the paper's temperature: look for a number that should be `temperature`.",
)
def temperature_fixed_at_the_papers(logits, bins, temperature=0.38):
    """The argument is ignored."""
    return _mean(torch.softmax(logits / 0.38, dim=1), bins)


@misconception(
    "annealed_mean",
    hint="The colour of a pixel depends on the batch's other pictures: look at the softmax's dimension.",
)
def softmax_over_the_batch(logits, bins, temperature=0.38):
    """The first dimension is taken for the bins."""
    return _mean(torch.softmax(logits / temperature, dim=0), bins)


@misconception(
    "annealed_mean",
    hint="Colours are mirrored in the ab plane: which column of the bins is a, and which channel of the "
    "result?",
)
def a_and_b_exchanged_in_the_mean(logits, bins, temperature=0.38):
    """The columns of the bins are read the other way round."""
    return _mean(torch.softmax(logits / temperature, dim=1), bins.flip(1))


@misconception(
    "annealed_mean",
    hint="The colours are right, but nothing flows back: look for detach, no_grad or a trip through NumPy.",
)
def gradient_cut_off(logits, bins, temperature=0.38):
    """The scores are detached."""
    return _mean(torch.softmax(logits.detach() / temperature, dim=1), bins)


@misconception(
    "annealed_mean",
    hint="The colours are right, and the scores that were given are changed: look for an operation in place.",
)
def scores_divided_in_place(logits, bins, temperature=0.38):
    """The temperature is written into the input."""
    logits /= temperature
    return _mean(torch.softmax(logits, dim=1), bins)


# ------------------------------------------------------------------------------------------ l2_loss


@misconception(
    "l2_loss", hint="The loss is twice what it should be: look at the factor in front of Eq. 1."
)
def half_missing(prediction, target):
    """The factor 1/2 is left out."""
    return (prediction - target).square().sum(dim=1).mean()


@misconception(
    "l2_loss",
    hint="The loss is half what it should be: the channels of a pixel are averaged too. "
    "What does a norm do with them?",
)
def mean_over_the_channels(prediction, target):
    """A mean over everything, and the factor 1/2."""
    return 0.5 * (prediction - target).square().mean()


@misconception(
    "l2_loss", hint="The loss grows with the difference, not with its square: compare with Eq. 1."
)
def sum_of_absolute_differences(prediction, target):
    """L1 instead of L2."""
    return 0.5 * (prediction - target).abs().sum(dim=1).mean()


@misconception("l2_loss", hint="A root too many: does Eq. 1 have the distance, or its square?")
def distance_instead_of_its_square(prediction, target):
    """The Euclidean norm, not squared."""
    return 0.5 * (prediction - target).square().sum(dim=1).sqrt().mean()


@misconception(
    "l2_loss",
    hint="The loss grows with the size of the pictures: look at how the pixels are combined.",
)
def sum_over_the_pixels(prediction, target):
    """Sums over everything."""
    return 0.5 * (prediction - target).square().sum()


@misconception(
    "l2_loss",
    hint="The loss grows with height and width: it is averaged over the pictures, and not over their pixels.",
)
def mean_over_the_pictures_only(prediction, target):
    """Sums over the pixels, averages over the batch."""
    return 0.5 * (prediction - target).square().sum(dim=(1, 2, 3)).mean()


@misconception(
    "l2_loss",
    hint="The result is a map, one number for each pixel: the docstring asks for one number.",
)
def one_loss_for_each_pixel(prediction, target):
    """The mean is left out."""
    return 0.5 * (prediction - target).square().sum(dim=1)


@misconception(
    "l2_loss",
    hint="The loss is right, but no gradient flows back from it: "
    "look for item, detach, or a trip through NumPy.",
)
def loss_cut_off(prediction, target):
    """The loss is detached."""
    return 0.5 * (prediction - target).detach().square().sum(dim=1).mean()


@misconception(
    "l2_loss",
    hint="The loss is right, and the prediction that was given is changed: look for an operation in place.",
)
def difference_written_into_the_prediction(prediction, target):
    """The input serves as scratch memory."""
    prediction -= target
    return 0.5 * prediction.square().sum(dim=1).mean()


# ------------------------------------------------------------------------ multinomial_cross_entropy


def _weighted(loss: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    """The loss (B, H, W) of each pixel, by its weight."""
    return loss if weights is None else weights[target.argmax(dim=1)] * loss


def _pixel_loss(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    return _weighted(-(target * F.log_softmax(logits, dim=1)).sum(dim=1), target, weights)


@misconception(
    "multinomial_cross_entropy",
    hint="The loss is too small, the more so the more bins there are: "
    "are the bins summed or averaged in Eq. 2?",
)
def mean_over_the_bins(logits, target, weights=None):
    """A mean over everything."""
    return _pixel_loss(logits, target, weights).mean() / logits.shape[1]


@misconception(
    "multinomial_cross_entropy",
    hint="The loss grows with the pictures' size: the authors' code sums the pixels, and the docstring "
    "does not.",
)
def mean_over_the_batch_only(logits, target, weights=None):
    """Sums over the pixels, averages over the batch, as the authors' code does."""
    return _pixel_loss(logits, target, weights).sum(dim=(1, 2)).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="The loss grows with the number of pixels and pictures: compare with the docstring's last line.",
)
def sum_over_pixels_and_pictures(logits, target, weights=None):
    """Sums over everything."""
    return _pixel_loss(logits, target, weights).sum()


@misconception("multinomial_cross_entropy", hint="The loss is negative: look at the sign of Eq. 2.")
def sign_forgotten(logits, target, weights=None):
    """The log-likelihood, which is to be maximised."""
    return -_pixel_loss(logits, target, weights).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="The scores hardly matter: they go through a softmax twice. What does torch's cross-entropy take?",
)
def softmax_twice(logits, target, weights=None):
    """Probabilities are given where scores are expected."""
    return _pixel_loss(torch.softmax(logits, dim=1), target, weights).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="Infinite or NaN for large scores: a probability underflows to zero before its logarithm is taken. "
    "Look for one function that does both.",
)
def logarithm_of_a_softmax(logits, target, weights=None):
    """Two steps that should be one."""
    return _weighted(
        -(target * torch.log(torch.softmax(logits, dim=1))).sum(dim=1), target, weights
    ).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="Large mistakes cost too little: the logarithm is kept from infinity by adding a small number. "
    "Look for one function that takes the logarithm and the softmax together.",
)
def small_number_inside_the_logarithm(logits, target, weights=None):
    """The usual patch of the misconception before."""
    return _weighted(
        -(target * torch.log(torch.softmax(logits, dim=1) + 1e-8)).sum(dim=1), target, weights
    ).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="Only each target's largest bin counts: the target is a distribution, and all of it enters Eq. 2.",
)
def target_taken_as_one_class(logits, target, weights=None):
    """The ordinary classification loss."""
    return _weighted(
        F.cross_entropy(logits, target.argmax(dim=1), reduction="none"), target, weights
    ).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="Pixels or pictures compete with each other: along which dimension do the probabilities sum to 1?",
)
def softmax_over_the_pictures(logits, target, weights=None):
    """The first dimension is taken for the bins."""
    return _weighted(-(target * F.log_softmax(logits, dim=0)).sum(dim=1), target, weights).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="The loss differs by something that no score changes: "
    "the entropy of the target belongs to another divergence.",
)
def kullback_leibler_divergence(logits, target, weights=None):
    """The entropy of the target is subtracted."""
    entropy = -torch.xlogy(target, target).sum(dim=1)
    return (_pixel_loss(logits, target, weights) - _weighted(entropy, target, weights)).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="The weights have no effect: is the third argument used?",
)
def weights_ignored(logits, target, weights=None):
    """No rebalancing."""
    return _pixel_loss(logits, target).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="The weights are looked up in the wrong place: a rare colour is rare whatever the network says. "
    "See Eq. 3.",
)
def weight_of_the_prediction(logits, target, weights=None):
    """The weight is that of the predicted bin."""
    loss = _pixel_loss(logits, target)
    return loss.mean() if weights is None else (weights[logits.argmax(dim=1)] * loss).mean()


@misconception(
    "multinomial_cross_entropy",
    hint="Each bin has a weight of its own in the sum: Eq. 3 gives one weight to the whole pixel. "
    "Where is it looked up?",
)
def weight_of_every_bin(logits, target, weights=None):
    """What `weight` does in torch's cross-entropy."""
    return F.cross_entropy(logits, target, weight=weights)


@misconception(
    "multinomial_cross_entropy",
    hint="Scaling all the weights changes nothing: the loss is divided by their sum. "
    "Divide by what the docstring says.",
)
def divided_by_the_weights(logits, target, weights=None):
    """A weighted mean."""
    loss = _pixel_loss(logits, target, weights)
    return loss.mean() if weights is None else loss.sum() / weights[target.argmax(dim=1)].sum()


# -------------------------------------------------------------------------------------- color_prior


def _share(ab: Tensor, bins: Tensor) -> Tensor:
    """Each bin's share of the pixels."""
    nearest = torch.cdist(ab.movedim(1, -1).flatten(0, 2), bins).argmin(dim=1)
    return torch.bincount(nearest, minlength=len(bins)).to(bins) / len(nearest)


def _kernel(bins: Tensor, sigma: float) -> Tensor:
    return torch.exp(-torch.cdist(bins, bins).square() / (2 * sigma**2))


@misconception(
    "color_prior",
    hint="Bins that never occur get exactly nothing: is the histogram smoothed?",
)
def histogram_not_smoothed(ab, bins, sigma=5.0):
    """The shares as they are."""
    return _share(ab, bins)


@misconception(
    "color_prior",
    hint="The sum is not 1, most at the border of the gamut: which sum of the Gaussian weights has to be 1, "
    "over the bins that receive or over the bins that give?",
)
def receiving_side_normalised(ab, bins, sigma=5.0):
    """Rows sum to 1 instead of columns: a moving average."""
    kernel = _kernel(bins, sigma)
    return (kernel / kernel.sum(dim=1, keepdim=True)) @ _share(ab, bins)


@misconception(
    "color_prior",
    hint="The sum is 1, but bins at the border have too little: they lost mass before all was scaled. "
    "Look at when the Gaussian weights are normalised.",
)
def normalised_only_at_the_end(ab, bins, sigma=5.0):
    """The mass that falls off the border is spread over everything."""
    prior = _kernel(bins, sigma) @ _share(ab, bins)
    return prior / prior.sum()


@misconception(
    "color_prior",
    hint="The sum is not 1: look at what the docstring says about the Gaussian weights.",
)
def never_normalised(ab, bins, sigma=5.0):
    """The Gaussian as it is."""
    return _kernel(bins, sigma) @ _share(ab, bins)


@misconception(
    "color_prior",
    hint="The sum is the number of pixels: a prior is a share.",
)
def counts_instead_of_shares(ab, bins, sigma=5.0):
    """Not divided by the number of pixels."""
    kernel = _kernel(bins, sigma)
    return (kernel / kernel.sum(dim=0)) @ (_share(ab, bins) * ab[:, 0].numel())


@misconception(
    "color_prior",
    hint="Bins share with those that happen to be listed next to them: distance is measured in the ab plane.",
)
def smoothed_along_the_list(ab, bins, sigma=5.0):
    """The distance of two bins is the difference of their numbers."""
    index = torch.arange(len(bins), dtype=bins.dtype)[:, None]
    kernel = _kernel(index, sigma)
    return (kernel / kernel.sum(dim=0)) @ _share(ab, bins)


@misconception(
    "color_prior",
    hint="The Gaussian is too narrow: compare the exponent with the docstring's, factor by factor.",
)
def factor_two_missing_in_the_smoothing(ab, bins, sigma=5.0):
    """exp(-d^2 / sigma^2)."""
    kernel = _kernel(bins, sigma / 2**0.5)
    return (kernel / kernel.sum(dim=0)) @ _share(ab, bins)


@misconception(
    "color_prior",
    hint="Right only for the default width: look for a number that should be `sigma`.",
)
def smoothing_fixed_at_five(ab, bins, sigma=5.0):
    """The argument is ignored."""
    kernel = _kernel(bins, 5.0)
    return (kernel / kernel.sum(dim=0)) @ _share(ab, bins)


@misconception(
    "color_prior",
    hint="Only the first picture counts: look at how the batch is flattened.",
)
def first_picture_only(ab, bins, sigma=5.0):
    """The other pictures are left out."""
    kernel = _kernel(bins, sigma)
    return (kernel / kernel.sum(dim=0)) @ _share(ab[:1], bins)


@misconception(
    "color_prior",
    hint="Pixels are mixed up: a and b of one pixel must stay together. "
    "Look at what is flattened, and in which order.",
)
def channels_mixed_up_by_reshape(ab, bins, sigma=5.0):
    """A reshape without moving the channels to the end."""
    kernel = _kernel(bins, sigma)
    return (kernel / kernel.sum(dim=0)) @ _share(
        ab.reshape(1, -1, 2).movedim(-1, 1)[..., None], bins
    )


# ------------------------------------------------------------------------------ rebalancing_weights


def _expected_one(prior: Tensor, weights: Tensor) -> Tensor:
    return weights / (prior * weights).sum()


@misconception(
    "rebalancing_weights",
    hint="Right for lambda = 1/2, and wrong otherwise: "
    "which of the two terms has lambda, and which 1 - lambda?",
)
def lambda_on_the_wrong_term(prior, lam=0.5):
    """The roles of the prior and the uniform distribution are exchanged."""
    return _expected_one(prior, 1 / (lam * prior + (1 - lam) / len(prior)))


@misconception(
    "rebalancing_weights",
    hint="The proportions are right, the scale is not: which average has to be 1?",
)
def not_scaled(prior, lam=0.5):
    """The reciprocals as they are."""
    return 1 / ((1 - lam) * prior + lam / len(prior))


@misconception(
    "rebalancing_weights",
    hint="The weights sum to 1, like probabilities: the docstring asks for another sum.",
)
def scaled_to_sum_to_1(prior, lam=0.5):
    """Normalised like a distribution."""
    weights = not_scaled(prior, lam)
    return weights / weights.sum()


@misconception(
    "rebalancing_weights",
    hint="The average over the bins is 1: the docstring's average is over the pixels, where frequent bins "
    "count more.",
)
def scaled_to_a_plain_mean_of_1(prior, lam=0.5):
    """Every bin counts the same in the mean."""
    weights = not_scaled(prior, lam)
    return weights / weights.mean()


@misconception(
    "rebalancing_weights",
    hint="Frequent colours count more than rare ones: it should be the other way round.",
)
def reciprocal_forgotten(prior, lam=0.5):
    """The mixture itself."""
    return _expected_one(prior, (1 - lam) * prior + lam / len(prior))


@misconception(
    "rebalancing_weights",
    hint="The weights are too even: the uniform distribution over Q bins gives each bin less than this.",
)
def uniform_share_not_divided(prior, lam=0.5):
    """lambda instead of lambda / Q."""
    return _expected_one(prior, 1 / ((1 - lam) * prior + lam))


@misconception(
    "rebalancing_weights",
    hint="Rare colours hardly count more: look for a root that Eq. 4 does not have.",
)
def root_of_the_reciprocal(prior, lam=0.5):
    """A milder rebalancing."""
    return _expected_one(prior, not_scaled(prior, lam).sqrt())


@misconception(
    "rebalancing_weights",
    hint="The uniform part is spread over the bins that occur; Eq. 4 spreads it over all Q.",
)
def uniform_over_occurring_bins(prior, lam=0.5):
    """What the authors' code does."""
    occurs = (prior > 0).to(prior)
    return _expected_one(prior, 1 / ((1 - lam) * prior + lam / occurs.sum()))


@misconception(
    "rebalancing_weights",
    hint="Right only for the default lambda: look for a half that should be `lam`.",
)
def lambda_fixed_at_a_half(prior, lam=0.5):
    """The argument is ignored."""
    return _expected_one(prior, not_scaled(prior, 0.5))


# ---------------------------------------------------------------------------------------- Colorizer

COLORIZER_BLOCKS = ((16, 2, 2, 1), (48, 2, 2, 1), (96, 2, 2, 1), (96, 2, 1, 2))


def _block(before, width, convolutions, stride, dilation):
    """One block, as it should be."""
    layers = []
    for number in range(1, convolutions + 1):
        step = stride if number == convolutions else 1
        layers += [
            nn.Conv2d(before, width, 3, step, padding=dilation, dilation=dilation),
            nn.ReLU(),
        ]
        before = width
    return [*layers, nn.BatchNorm2d(width)]


def _up_part(before, up):
    return [
        *(nn.ConvTranspose2d(before, up, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(up, up, 3, padding=1), nn.ReLU()),
    ]


class _Colorizer(nn.Module):
    """The network with its parts to choose from; each misconception changes one."""

    def __init__(
        self, outputs=313, blocks=COLORIZER_BLOCKS, up=64, *, layers=_block, up_layers=_up_part,
        start=None, end=None,
    ):  # fmt: skip
        super().__init__()
        widths = [1, *(width for width, *_ in blocks)]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(*layers(before, *block))
                for before, block in zip(widths, blocks, strict=False)
            )
        )
        self.up = nn.Sequential(*up_layers(widths[-1], up))
        self.scores = nn.Conv2d(up, outputs, 1)
        self.start, self.end = start or nn.Identity(), end or nn.Identity()

    def forward(self, lightness):
        """The scores, as they come out."""
        return self.end(self.scores(self.up(self.blocks(self.start(lightness)))))


class _Function(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def _strided_blocks(which):
    """Blocks in which some of the convolutions have the stride, by number and how many there
    are.
    """

    def layers(before, width, convolutions, stride, dilation):
        made = _block(before, width, convolutions, stride, dilation)
        for number in range(1, convolutions + 1):
            made[2 * number - 2].stride = (stride if which(number, convolutions) else 1,) * 2
        return made

    return layers


def _changed_blocks(change):
    """Blocks that are right up to a change of their list of layers, or of the layers in it."""

    def layers(before, width, convolutions, stride, dilation):
        made = _block(before, width, convolutions, stride, dilation)
        return change(made) or made

    return layers


@misconception(
    "Colorizer",
    hint="Weights and sizes fit and the scores are off wherever a stride is: which convolution has it?",
)
def stride_of_the_first_convolution(*sizes, **options):
    """Shrunk at once, as in many other networks."""
    return _Colorizer(*sizes, layers=_strided_blocks(lambda number, _: number == 1), **options)


@misconception(
    "Colorizer",
    hint="The maps are too small, the more so the longer a block: how often does a block shrink?",
)
def stride_of_every_convolution(*sizes, **options):
    """Each convolution of a block shrinks."""
    return _Colorizer(*sizes, layers=_strided_blocks(lambda *_: True), **options)


@misconception(
    "Colorizer", hint="The answer is larger than the picture: what makes the maps smaller?"
)
def no_strides_at_all(*sizes, **options):
    """The blocks keep the size."""
    return _Colorizer(*sizes, layers=_strided_blocks(lambda *_: False), **options)


@misconception(
    "Colorizer",
    hint="Strides of two are right and others are not: where does the stride come from?",
)
def strides_of_two_only(*sizes, **options):
    """Whether there is a stride is read, and not how large it is."""

    def layers(before, width, convolutions, stride, dilation):
        return _block(before, width, convolutions, 2 if stride > 1 else 1, dilation)

    return _Colorizer(*sizes, layers=layers, **options)


@misconception(
    "Colorizer",
    hint="The sizes fit and each value is off: do the blocks have a layer that has no weights?",
)
def pooling_in_place_of_strides(*sizes, **options):
    """The largest value of each window, behind the block."""

    def layers(before, width, convolutions, stride, dilation):
        return [*_block(before, width, convolutions, 1, dilation), nn.MaxPool2d(stride)]

    return _Colorizer(*sizes, layers=layers, **options)


@misconception(
    "Colorizer",
    hint="Blocks without dilation are right and others are not: where does the dilation go?",
)
def dilation_forgotten(*sizes, **options):
    """Ordinary convolutions throughout."""

    def layers(before, width, convolutions, stride, dilation):
        return _block(before, width, convolutions, stride, 1)

    return _Colorizer(*sizes, layers=layers, **options)


def _padded_blocks(padding):
    """Convolutions with another padding, by their dilation."""

    def change(made):
        for layer in made[:-1:2]:
            layer.padding = (padding(layer.dilation[0]),) * 2

    return _changed_blocks(change)


@misconception(
    "Colorizer",
    hint="Dilated blocks lose their border, the others do not: how far does a dilated kernel reach?",
)
def padding_without_the_dilation(*sizes, **options):
    """One row, whatever the dilation."""
    return _Colorizer(*sizes, layers=_padded_blocks(lambda dilation: 1), **options)


@misconception(
    "Colorizer", hint="The maps lose their border in every convolution: look at the padding."
)
def blocks_without_padding(*sizes, **options):
    """Only whole windows."""
    return _Colorizer(*sizes, layers=_padded_blocks(lambda dilation: 0), **options)


@misconception(
    "Colorizer",
    hint="Dilated blocks give maps that are too large: is the padding right for what the kernel is?",
)
def padded_and_not_dilated(*sizes, **options):
    """The padding knows of the dilation, the kernel does not."""

    def change(made):
        for layer in made[:-1:2]:
            layer.dilation = (1, 1)

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


@misconception(
    "Colorizer",
    hint="Dilated blocks of several convolutions are off: to which of them does the dilation belong?",
)
def dilation_of_the_last_convolution(*sizes, **options):
    """Treated like the stride."""

    def change(made):
        for layer in made[:-3:2]:
            layer.dilation = layer.padding = (1, 1)

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


@misconception(
    "Colorizer",
    hint="A block's last layers have other names: what comes first, the ReLU or the normalisation?",
)
def normalised_before_the_last_relu(*sizes, **options):
    """As it has become usual since."""
    return _Colorizer(
        *sizes, layers=_changed_blocks(lambda made: [*made[:-2], made[-1], made[-2]]), **options
    )


@misconception(
    "Colorizer",
    hint="The layers from a block's second on have other names: how many normalisations has a block?",
)
def normalised_after_each_convolution(*sizes, **options):
    """Convolution, normalisation, ReLU, as often as there are convolutions."""

    def change(made):
        width = made[0].out_channels
        return [
            layer
            for convolution in made[:-1:2]
            for layer in (convolution, nn.BatchNorm2d(width), nn.ReLU())
        ]

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


@misconception(
    "Colorizer", hint="The first layer has another shape: of how many planes is the lightness made?"
)
def lightness_as_three_channels(outputs=313, blocks=COLORIZER_BLOCKS, up=64):
    """Grey pictures in colour, as pretrained networks want them."""
    network = _Colorizer(
        outputs, blocks, up, start=_Function(lambda lightness: lightness.repeat(1, 3, 1, 1))
    )
    first: Any = network.blocks[0]
    first[0] = nn.Conv2d(3, blocks[0][0], 3, padding=1)
    return network


@misconception(
    "Colorizer",
    hint="The convolutions have no bias, and the docstring's have one: what comes right behind them?",
)
def convolutions_without_bias(*sizes, **options):
    """Left out as before a normalisation."""

    def change(made):
        for layer in made[:-1:2]:
            layer.bias = None

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


@misconception(
    "Colorizer", hint="The weights fit and the scores are off: what is between two convolutions?"
)
def linear_blocks(*sizes, **options):
    """No activation in the blocks; their places in the list are kept."""

    def change(made):
        return [nn.Identity() if isinstance(layer, nn.ReLU) else layer for layer in made]

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


@misconception(
    "Colorizer",
    hint="The weights fit, negative numbers are let through a little: which activation is asked for?",
)
def leaky_blocks(*sizes, **options):
    """A hundredth of what is negative passes."""

    def change(made):
        return [nn.LeakyReLU(0.01) if isinstance(layer, nn.ReLU) else layer for layer in made]

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


@misconception(
    "Colorizer",
    hint="There are no running statistics: what does a normalisation need when there is no batch?",
)
def statistics_not_tracked(*sizes, **options):
    """The batch's own at all times."""

    def change(made):
        return [*made[:-1], nn.BatchNorm2d(made[-1].num_features, track_running_stats=False)]

    return _Colorizer(*sizes, layers=_changed_blocks(change), **options)


class _AlwaysEvaluating(_Colorizer):
    """A network that `train()` does not switch."""

    def train(self, mode=True):
        """Evaluation mode, whatever is asked for."""
        return super().train(False)


@misconception(
    "Colorizer",
    hint="Right at test time, wrong while training: the normalisation is never switched.",
)
def colorizer_that_never_trains(*sizes, **options):
    """The running statistics are used at all times."""
    return _AlwaysEvaluating(*sizes, **options).eval()


@misconception(
    "Colorizer",
    hint="The first layer behind the blocks has no weights: does resizing a map learn anything?",
)
def resized_by_the_nearest(*sizes, **options):
    """Each value four times, and a convolution behind it."""

    def up_layers(before, up):
        return [
            nn.Upsample(scale_factor=2),
            nn.Conv2d(before, up, 3, padding=1),
            nn.ReLU(),
            *_up_part(up, up)[2:],
        ]

    return _Colorizer(*sizes, up_layers=up_layers, **options)


@misconception(
    "Colorizer",
    hint="The up-convolution has another shape: which kernel and which stride does the docstring say?",
)
def up_convolution_with_a_kernel_of_two(*sizes, **options):
    """As in a U-Net."""

    def up_layers(before, up):
        return [nn.ConvTranspose2d(before, up, 2, stride=2), *_up_part(before, up)[1:]]

    return _Colorizer(*sizes, up_layers=up_layers, **options)


def _changed_up(place, change):
    """The layers behind the blocks, of which one is changed or replaced."""

    def up_layers(before, up):
        made = _up_part(before, up)
        made[place] = change(made[place])
        return made

    return up_layers


def _without_padding(layer):
    layer.padding = (0, 0)
    return layer


@misconception(
    "Colorizer",
    hint="The answer has two rows and columns too many: what does the up-convolution cut off?",
)
def nothing_cut_off_the_up_convolution(*sizes, **options):
    """All that it paints."""
    return _Colorizer(*sizes, up_layers=_changed_up(0, _without_padding), **options)


@misconception(
    "Colorizer",
    hint="The answer lacks its outermost rows and columns: is every convolution padded?",
)
def last_convolution_not_padded(*sizes, **options):
    """Only whole windows behind the up-convolution."""
    return _Colorizer(*sizes, up_layers=_changed_up(2, _without_padding), **options)


@misconception(
    "Colorizer", hint="The weights fit and the scores are off: what follows the up-convolution?"
)
def no_relu_after_the_up_convolution(*sizes, **options):
    """Two linear layers, one behind the other."""
    return _Colorizer(*sizes, up_layers=_changed_up(1, lambda _: nn.Identity()), **options)


@misconception(
    "Colorizer", hint="The weights fit and the scores are off: what is right before the scores?"
)
def no_relu_before_the_scores(*sizes, **options):
    """The list ends with its convolution."""
    return _Colorizer(*sizes, up_layers=_changed_up(3, lambda _: nn.Identity()), **options)


@misconception("Colorizer", hint="No score is negative: is there something behind the last layer?")
def relu_after_the_scores(*sizes, **options):
    """ReLU follows every layer, the last one too."""
    return _Colorizer(*sizes, end=nn.ReLU(), **options)


@misconception(
    "Colorizer",
    hint="Probabilities come out where scores are asked for: the loss has its own softmax.",
)
def scores_made_probabilities(*sizes, **options):
    """A softmax over the outputs."""
    return _Colorizer(*sizes, end=nn.Softmax(dim=1), **options)


@misconception(
    "Colorizer",
    hint="No answer is positive: the loss, and the decoding, take a logarithm or softmax themselves.",
)
def scores_made_log_probabilities(*sizes, **options):
    """A logarithm of a softmax over the outputs."""
    return _Colorizer(*sizes, end=nn.LogSoftmax(dim=1), **options)


@misconception(
    "Colorizer",
    hint="The answer never leaves the range from -1 to 1: is it colours that are asked for?",
)
def scores_squeezed(*sizes, **options):
    """tanh, as where a and b themselves are predicted."""
    return _Colorizer(*sizes, end=nn.Tanh(), **options)


@misconception(
    "Colorizer", hint="The answer is as large as the picture: at which scale does the network end?"
)
def scores_at_the_pictures_size(*sizes, **options):
    """Stretched to every pixel."""
    stretched = _Function(lambda scores: F.interpolate(scores, scale_factor=4, mode="bilinear"))
    return _Colorizer(*sizes, end=stretched, **options)


@misconception(
    "Colorizer",
    hint="Only the last layer does not fit, and only sometimes: is the number of outputs used?",
)
def always_as_many_outputs_as_bins(outputs=313, *sizes, **options):
    """313, whatever is asked for."""
    return _Colorizer(313, *sizes, **options)


@misconception(
    "Colorizer", hint="Batches are right and a single picture is not: what happens to sizes of one?"
)
def single_picture_squeezed(*sizes, **options):
    """A batch of one loses its first dimension."""
    return _Colorizer(*sizes, end=_Function(lambda scores: scores.squeeze(0)), **options)


@misconception(
    "Colorizer",
    hint="The values are right, and no gradient flows back: look for what cuts the lightness off.",
)
def lightness_cut_off(*sizes, **options):
    """Cut before the first layer."""
    return _Colorizer(*sizes, start=_Function(lambda lightness: lightness.detach()), **options)


@misconception(
    "Colorizer",
    hint="float64 goes in, float32 comes out: look for a conversion in the forward pass.",
)
def scores_in_single_precision(*sizes, **options):
    """Results are made float32."""
    return _Colorizer(*sizes, end=_Function(lambda scores: scores.float()), **options)


# ----------------------------------------------------------------------------------------- colorize


def _stretch(plane: Tensor, size: tuple[int, ...], mode: str = "bilinear") -> Tensor:
    return F.interpolate(plane, size=size[-2:], mode=mode)


def _decode(logits, bins, temperature):
    return _mean(torch.softmax(logits / temperature, dim=1), bins)


def _paint(lightness: Tensor, ab: Tensor) -> Tensor:
    """The picture of a lightness at the network's scale and of colours in ab units, of one size."""
    return _rgb(lightness * 100 + 50, ab).clamp(0, 1)


@misconception(
    "colorize",
    hint="The picture is blurred: colours may be coarse, the lightness may not. "
    "Look at what is stretched to the picture's size, and at what was made small for it.",
)
def picture_painted_small_and_stretched(lightness, logits, bins, temperature=0.38):
    """RGB is stretched instead of ab."""
    small = _paint(_stretch(lightness, logits.shape), _decode(logits, bins, temperature))
    return _stretch(small, lightness.shape)


@misconception(
    "colorize",
    hint="Colours are smooth and the picture is blurred: which of its pixels does the lightness come from?",
)
def lightness_taken_from_the_grid(lightness, logits, bins, temperature=0.38):
    """The lightness is made as coarse as the scores, and stretched like the colour."""
    coarse = _stretch(_stretch(lightness, logits.shape), lightness.shape)
    return _paint(coarse, _stretch(_decode(logits, bins, temperature), lightness.shape))


@misconception(
    "colorize",
    hint="Every picture comes out equally light everywhere: what became of the lightness that was given?",
)
def lightness_replaced_by_a_medium_one(lightness, logits, bins, temperature=0.38):
    """Only the colour is shown."""
    ab = _stretch(_decode(logits, bins, temperature), lightness.shape)
    return _paint(torch.zeros_like(lightness), ab)


@misconception(
    "colorize",
    hint="Colours come in blocks: look at which way of stretching the docstring asks for, "
    "and at what the function you call does by default.",
)
def blocks_of_colour(lightness, logits, bins, temperature=0.38):
    """The nearest cell's colour."""
    return _paint(
        lightness, _stretch(_decode(logits, bins, temperature), lightness.shape, "nearest")
    )


@misconception(
    "colorize",
    hint="Colours are a little displaced, most of all near the border: "
    "look at where the grid's outermost cells have their centres.",
)
def corners_aligned(lightness, logits, bins, temperature=0.38):
    """The centres of the outermost cells are put on those of the outermost pixels."""
    ab = _decode(logits, bins, temperature)
    stretched = F.interpolate(ab, size=lightness.shape[-2:], mode="bilinear", align_corners=True)
    return _paint(lightness, stretched)


@misconception(
    "colorize",
    hint="Close, and beyond the colours that the grid has: is the stretching linear between two cells?",
)
def stretched_bicubically(lightness, logits, bins, temperature=0.38):
    """Cubic curves, which overshoot."""
    return _paint(
        lightness, _stretch(_decode(logits, bins, temperature), lightness.shape, "bicubic")
    )


@misconception(
    "colorize",
    hint="Right in the middle of the grid's cells, and wrong in between: "
    "what is stretched, and what is decoded? Look at the order of the two steps.",
)
def scores_stretched_before_decoding(lightness, logits, bins, temperature=0.38):
    """The logits are stretched, and decoded pixel by pixel."""
    return _paint(lightness, _decode(_stretch(logits, lightness.shape), bins, temperature))


@misconception(
    "colorize",
    hint="Colours stand in the wrong places, as if mirrored along the diagonal: which axis is the height?",
)
def rows_and_columns_exchanged(lightness, logits, bins, temperature=0.38):
    """The grid's rows are taken for columns."""
    return _paint(lightness, _stretch(_decode(logits, bins, temperature).mT, lightness.shape))


@misconception(
    "colorize",
    hint="Colours are mirrored in the ab plane: which column of the bins is a, and which channel of the "
    "colour?",
)
def painted_with_a_and_b_exchanged(lightness, logits, bins, temperature=0.38):
    """The columns of the bins are read the other way round."""
    return _paint(lightness, _stretch(_decode(logits, bins.flip(1), temperature), lightness.shape))


@misconception(
    "colorize",
    hint="Colours are far too vivid, and those that were vivid before are wrong: "
    "look at the unit of the bins, and at the one in which the planes are put together.",
)
def painted_in_the_wrong_unit(lightness, logits, bins, temperature=0.38):
    """ab is not divided by 110."""
    return _paint(lightness, 110 * _stretch(_decode(logits, bins, temperature), lightness.shape))


@misconception(
    "colorize",
    hint="Colours are too grey at every temperature but 1: look at where the temperature is handed on.",
)
def plain_mean_painted(lightness, logits, bins, temperature=0.38):
    """The temperature is ignored, and the mean taken."""
    return _paint(lightness, _stretch(_decode(logits, bins, 1.0), lightness.shape))


@misconception(
    "colorize",
    hint="Right with the default, and wrong at other temperatures: look at where the temperature is handed "
    "on.",
)
def temperature_not_handed_on(lightness, logits, bins, temperature=0.38):
    """The annealed mean's own default is taken."""
    return _paint(lightness, _stretch(_decode(logits, bins, 0.38), lightness.shape))


@misconception(
    "colorize",
    hint="Every cell has exactly a bin's colour: that is the mode. What does the docstring ask for?",
)
def mode_painted(lightness, logits, bins, temperature=0.38):
    """The most likely bin."""
    return _paint(lightness, _stretch(bins[logits.argmax(dim=1)].movedim(-1, 1), lightness.shape))


@misconception(
    "colorize",
    hint="Colours are far too grey: the annealed mean has a softmax of its own. What is it given?",
)
def probabilities_decoded(lightness, logits, bins, temperature=0.38):
    """A softmax of a softmax."""
    ab = _decode(torch.softmax(logits, dim=1), bins, temperature)
    return _paint(lightness, _stretch(ab, lightness.shape))


@misconception(
    "colorize",
    hint="float64 goes in, float32 comes out: look for a conversion, or a tensor of your own, that fixes the "
    "dtype.",
)
def painted_in_single_precision(lightness, logits, bins, temperature=0.38):
    """Everything is made float32."""
    ab = _stretch(_decode(logits.float(), bins.float(), temperature), lightness.shape)
    return _paint(lightness.float(), ab)


@misconception(
    "colorize",
    hint="The picture is right, and the lightness that was given is changed: look for an operation in place.",
)
def lightness_changed_in_place(lightness, logits, bins, temperature=0.38):
    """The lightness is scaled where it stands."""
    ab = _stretch(_decode(logits, bins, temperature), lightness.shape)
    lightness *= 100
    lightness += 50
    return _rgb(lightness, ab).clamp(0, 1)


# ------------------------------------------------------------------------------------- colorfulness


def _opponents(rgb: Tensor) -> tuple[Tensor, Tensor]:
    red, green, blue = 255 * rgb.movedim(1, 0)
    return red - green, (red + green) / 2 - blue


def _spread(opponent: Tensor) -> Tensor:
    return opponent.std(dim=(1, 2), correction=0)


def _colorful(rg, yb, spread=_spread, weight=0.3):
    mean = torch.hypot(rg.mean(dim=(1, 2)), yb.mean(dim=(1, 2)))
    return torch.hypot(spread(rg), spread(yb)) + weight * mean


@misconception(
    "colorfulness",
    hint="Every picture is called almost grey: on which scale should the opponents be?",
)
def picture_not_scaled_to_255(rgb):
    """The opponents of values in [0, 1]."""
    return _colorful(*_opponents(rgb / 255))


@misconception(
    "colorfulness",
    hint="Close, and the fewer the pixels, the farther off: the pixels are all there are, and not a sample. "
    "Look at what std does by default.",
)
def deviation_of_a_sample(rgb):
    """Divided by n - 1."""
    return _colorful(*_opponents(rgb), spread=lambda opponent: opponent.std(dim=(1, 2)))


@misconception(
    "colorfulness",
    hint="Far too large, and more so for vivid pictures: look for a root between the two measures of spread.",
)
def variance_instead_of_deviation(rgb):
    """The standard deviations are left squared."""
    return _colorful(*_opponents(rgb), spread=lambda opponent: _spread(opponent) ** 2)


@misconception(
    "colorfulness",
    hint="Far too large everywhere: the squares are summed. Look at what stands around the sums.",
)
def roots_of_the_sums_forgotten(rgb):
    """Squared lengths instead of lengths."""
    rg, yb = _opponents(rgb)
    squared_mean = rg.mean(dim=(1, 2)) ** 2 + yb.mean(dim=(1, 2)) ** 2
    return _spread(rg) ** 2 + _spread(yb) ** 2 + 0.3 * squared_mean


@misconception(
    "colorfulness",
    hint="Too large where both opponents vary: how do two deviations at right angles become one?",
)
def deviations_added(rgb):
    """A sum instead of the root of the sum of squares, for the spread."""
    rg, yb = _opponents(rgb)
    return _spread(rg) + _spread(yb) + 0.3 * torch.hypot(rg.mean(dim=(1, 2)), yb.mean(dim=(1, 2)))


@misconception(
    "colorfulness",
    hint="Too large for tints as well as for contrasts: how do two lengths at right angles become one?",
)
def sums_instead_of_lengths(rgb):
    """Sums of magnitudes, for the spread and for the mean."""
    rg, yb = _opponents(rgb)
    return _spread(rg) + _spread(yb) + 0.3 * (rg.mean(dim=(1, 2)).abs() + yb.mean(dim=(1, 2)).abs())


@misconception(
    "colorfulness",
    hint="Tinted pictures are called too colourful: look at how much the mean counts.",
)
def mean_counts_in_full(rgb):
    """0.3 is left out."""
    return _colorful(*_opponents(rgb), weight=1.0)


@misconception(
    "colorfulness",
    hint="A picture in one colour is called grey: which part of the formula does not ask for a spread?",
)
def only_the_spread(rgb):
    """The mean is left out."""
    return _colorful(*_opponents(rgb), weight=0.0)


@misconception(
    "colorfulness",
    hint="A tint counts for more than contrasts: which of the two terms has the factor?",
)
def factor_on_the_spread(rgb):
    """0.3 is put before the other term."""
    return _colorful(*_opponents(rgb), weight=1 / 0.3) * 0.3


@misconception(
    "colorfulness",
    hint="Opposite colours do not cancel in the mean: are magnitudes taken before it, or after?",
)
def mean_of_the_magnitudes(rgb):
    """The mean opponents lose their signs too early."""
    rg, yb = _opponents(rgb)
    mean = torch.hypot(rg.abs().mean(dim=(1, 2)), yb.abs().mean(dim=(1, 2)))
    return torch.hypot(_spread(rg), _spread(yb)) + 0.3 * mean


@misconception(
    "colorfulness",
    hint="Greys are called colourful: what should yb be for them? Look at the parentheses.",
)
def only_green_halved(rgb):
    """R + G / 2 - B."""
    red, green, blue = 255 * rgb.movedim(1, 0)
    return _colorful(red - green, red + green / 2 - blue)


@misconception(
    "colorfulness",
    hint="Greys are called colourful: what should yb be for them? Look at how much yellow weighs.",
)
def yellow_not_halved(rgb):
    """R + G - B."""
    red, green, blue = 255 * rgb.movedim(1, 0)
    return _colorful(red - green, red + green - blue)


@misconception(
    "colorfulness",
    hint="Red and blue have changed places: look at the order of the input's channels.",
)
def blue_taken_for_red(rgb):
    """The order of OpenCV, for which this measure is often programmed."""
    return _colorful(*_opponents(rgb.flip(1)))


@misconception(
    "colorfulness",
    hint="There is one number for all the pictures: over which dimensions do the pixels of one lie?",
)
def one_number_for_the_batch(rgb):
    """Deviations and means over everything."""
    rg, yb = _opponents(rgb)
    return torch.hypot(rg.std(correction=0), yb.std(correction=0)) + 0.3 * torch.hypot(
        rg.mean(), yb.mean()
    )


@misconception(
    "colorfulness",
    hint="There is one number, the pictures' average: the docstring asks for one number for each.",
)
def averaged_over_the_batch(rgb):
    """The mean of what was asked for."""
    return _colorful(*_opponents(rgb)).mean()


@misconception(
    "colorfulness",
    hint="float64 goes in, float32 comes out: look for a conversion, or a constant, that fixes the dtype.",
)
def colourfulness_in_single_precision(rgb):
    """Everything is made float32."""
    return _colorful(*_opponents(rgb.float()))


@misconception(
    "colorfulness",
    hint="The numbers are right, and the given picture is changed: look for an operation in place.",
)
def picture_scaled_in_place(rgb):
    """The picture is brought to the scale where it stands."""
    rgb *= 255
    return _colorful(*_opponents(rgb / 255))


# --------------------------------------------------------------------------------- colorization_auc


def _distance(prediction: Tensor, target: Tensor) -> Tensor:
    return torch.hypot(*(prediction - target).unbind(dim=1))


def _near(distance: Tensor, last: float = 150) -> Tensor:
    """The area that each pixel has under the curve, in the end divided by the last threshold."""
    return 1 - distance.clamp(max=last) / last


def _prior_at(ab: Tensor, bins: Tensor, prior: Tensor) -> Tensor:
    squared = (ab.movedim(1, -1).unsqueeze(-2) - bins).square().sum(dim=-1)  # (B, H, W, Q)
    return prior[squared.argmin(dim=-1)]


def _weighted_mean(near: Tensor, weights: Tensor) -> Tensor:
    return (weights * near).sum() / weights.sum()


def _auc(near, target, bins, prior):
    if prior is None:
        return near.mean()
    return _weighted_mean(near, 1 / _prior_at(target, bins, prior))


@misconception(
    "colorization_auc",
    hint="The perfect prediction should have an area of 1: look at how wide the curve is.",
)
def area_not_divided(prediction, target, bins=None, prior=None):
    """An area in ab units."""
    return 150 * _auc(_near(_distance(prediction, target)), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="Every prediction is called almost perfect: "
    "look at the unit of the distances, and at that of the thresholds.",
)
def distances_at_the_networks_scale(prediction, target, bins=None, prior=None):
    """Divided by 110 before they are compared."""
    return _auc(_near(_distance(prediction, target) / 110), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="Everything but small differences is called wrong: the thresholds are distances. "
    "Look for a root that is missing.",
)
def squared_distances_compared(prediction, target, bins=None, prior=None):
    """The root is left out."""
    return _auc(_near(_distance(prediction, target) ** 2), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="Predictions are called too good: look at where the docstring's thresholds end.",
)
def thresholds_up_to_255(prediction, target, bins=None, prior=None):
    """The range of bytes."""
    return _auc(_near(_distance(prediction, target), 255), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="The worse the prediction, the larger the result: is it right pixels that count, or wrong ones?",
)
def area_above_the_curve(prediction, target, bins=None, prior=None):
    """The wrong pixels are counted."""
    return _auc(1 - _near(_distance(prediction, target)), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="A few pixels that are very far off spoil everything: "
    "from the last threshold on, does it matter how far?",
)
def distances_not_limited(prediction, target, bins=None, prior=None):
    """The mean distance, of the pixels beyond the last threshold too."""
    return _auc(1 - _distance(prediction, target) / 150, target, bins, prior)


@misconception(
    "colorization_auc",
    hint="Diagonal differences count for too much: how far apart are two points of a plane?",
)
def city_block_distance(prediction, target, bins=None, prior=None):
    """The sum of the magnitudes."""
    return _auc(_near((prediction - target).abs().sum(dim=1)), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="Predictions are called too good: a pixel is right or wrong as a whole. "
    "Look at what is compared with the threshold.",
)
def channels_counted_separately(prediction, target, bins=None, prior=None):
    """a and b each have a curve, and their areas are averaged."""
    return _auc(_near((prediction - target).abs()).mean(dim=1), target, bins, prior)


@misconception(
    "colorization_auc",
    hint="Right without a prior, and wrong with one: where does it come in?",
)
def prior_without_effect(prediction, target, bins=None, prior=None):
    """Never rebalanced."""
    return _near(_distance(prediction, target)).mean()


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, frequent colours count more than rare ones. Which should it be?",
)
def weighted_by_the_prior(prediction, target, bins=None, prior=None):
    """Not by its reciprocal."""
    near = _near(_distance(prediction, target))
    return near.mean() if prior is None else _weighted_mean(near, _prior_at(target, bins, prior))


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, a pixel's weight follows from a guess. "
    "Whose colour says how rare it is?",
)
def weighted_by_the_predicted_colour(prediction, target, bins=None, prior=None):
    """The bin nearest to the prediction is looked up."""
    return _auc(_near(_distance(prediction, target)), prediction, bins, prior)


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, rare colours count for too little. "
    "Compare with the weights of the loss: are these the same?",
)
def weighted_as_in_the_loss(prediction, target, bins=None, prior=None):
    """The prior is mixed with the uniform distribution first, as for training."""
    mixed = None if prior is None else (prior + 1 / len(prior)) / 2
    return _auc(_near(_distance(prediction, target)), target, bins, mixed)


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, even the perfect prediction does not have an area of 1. "
    "By what is a weighted mean divided?",
)
def weights_not_normalised_in_the_area(prediction, target, bins=None, prior=None):
    """Divided by the number of pixels."""
    near = _near(_distance(prediction, target))
    return near.mean() if prior is None else (near / _prior_at(target, bins, prior)).mean()


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, rare colours are called wrong too soon: "
    "do the weights belong to the distances, or to the pixels that are counted?",
)
def weights_multiply_the_distance(prediction, target, bins=None, prior=None):
    """Weights of mean 1 make distances longer and shorter."""
    distance = _distance(prediction, target)
    if prior is not None:
        weights = 1 / _prior_at(target, bins, prior)
        distance = distance * weights / weights.mean()
    return _near(distance).mean()


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, it depends on which pixels lie in which picture. "
    "Over what are the weights summed?",
)
def rebalanced_picture_by_picture(prediction, target, bins=None, prior=None):
    """A weighted mean for each picture, and then their mean."""
    near = _near(_distance(prediction, target))
    weights = torch.ones_like(near) if prior is None else 1 / _prior_at(target, bins, prior)
    return ((weights * near).sum(dim=(1, 2)) / weights.sum(dim=(1, 2))).mean()


@misconception(
    "colorization_auc",
    hint="Right without a prior; with one, it changes nothing what the prior says. "
    "Which pixels say how often a colour occurs?",
)
def rebalanced_by_these_pictures(prediction, target, bins=None, prior=None):
    """The mean over the colours that occur here of each one's own area."""
    near = _near(_distance(prediction, target))
    if prior is None:
        return near.mean()
    bin_of = _prior_at(target, bins, torch.arange(len(bins)))
    return torch.stack([near[bin_of == q].mean() for q in bin_of.unique()]).mean()


@misconception(
    "colorization_auc",
    hint="float64 goes in, float32 comes out: look at what becomes of the counted pixels.",
)
def area_in_single_precision(prediction, target, bins=None, prior=None):
    """A count is made float32."""
    return _auc(_near(_distance(prediction, target)).float(), target, bins, prior).float()


@misconception(
    "colorization_auc",
    hint="The area is right, and the prediction that was given is changed: look for an operation in place.",
)
def difference_taken_in_place(prediction, target, bins=None, prior=None):
    """The target is subtracted where the prediction stands."""
    prediction -= target
    return _auc(_near(torch.hypot(*prediction.unbind(dim=1))), target, bins, prior)


# ------------------------------------------------------------------------------- sparse_soft_encode


def _sparse(ab, bins, neighbors, sigma, exponent=lambda squares, sigma: -squares / (2 * sigma**2)):
    squares, indices = nearest_bins(ab, bins, neighbors)
    return indices, torch.softmax(exponent(squares, sigma), dim=1)


@misconception(
    "sparse_soft_encode",
    hint="The bins are right and the shares are right, but they don't belong together: "
    "is one of the two sorted on its own?",
)
def shares_sorted_without_their_indices(ab, bins, neighbors=10, sigma=5.0):
    """The largest share first, whichever bin is first."""
    indices, shares = _sparse(ab, bins, neighbors, sigma)
    return indices.sort(dim=1).values, shares.sort(dim=1, descending=True).values


@misconception(
    "sparse_soft_encode",
    hint="The shares have the right proportions, but their sum is not what the docstring says.",
)
def shares_not_normalised(ab, bins, neighbors=10, sigma=5.0):
    """The Gaussian as it is."""
    squares, indices = nearest_bins(ab, bins, neighbors)
    return indices, torch.exp(-squares / (2 * sigma**2))


@misconception(
    "sparse_soft_encode",
    hint="The shares sum to a little less than 1: bins that are left out took part in the sum. "
    "Which come first, the choice of the bins or the normalising?",
)
def shares_of_all_the_bins(ab, bins, neighbors=10, sigma=5.0):
    """Normalised over all the bins, then cut off."""
    squares, indices = nearest_bins(ab, bins, len(bins))
    shares, place = torch.softmax(-squares / (2 * sigma**2), dim=1).topk(neighbors, dim=1)
    return indices.gather(1, place), shares


@misconception(
    "sparse_soft_encode",
    hint="NaN where a colour is many sigmas from every bin: its Gaussian weights underflow, and zero is "
    "divided by zero. Look for a way to normalise that only needs differences of exponents.",
)
def shares_underflow(ab, bins, neighbors=10, sigma=5.0):
    """Normalised after the exponential."""
    indices, weights = shares_not_normalised(ab, bins, neighbors, sigma)
    return indices, weights / weights.sum(dim=1, keepdim=True)


@misconception(
    "sparse_soft_encode",
    hint="The shares fall too slowly with distance: which of the two is it that `nearest_bins` gives, and "
    "which of them is in the exponent?",
)
def root_of_the_squares(ab, bins, neighbors=10, sigma=5.0):
    """An exponential instead of a Gaussian."""
    return _sparse(ab, bins, neighbors, sigma, lambda squares, s: -squares.sqrt() / (2 * s**2))


@misconception(
    "sparse_soft_encode",
    hint="The shares fall far too fast with distance: are these distances, or squares already?",
)
def squares_squared_again(ab, bins, neighbors=10, sigma=5.0):
    """The squared distances are taken for distances."""
    return _sparse(ab, bins, neighbors, sigma, lambda squares, s: -squares.square() / (2 * s**2))


@misconception(
    "sparse_soft_encode",
    hint="The shares fall too fast with distance: compare the exponent with the docstring's, factor by "
    "factor.",
)
def exponent_without_its_factor_two(ab, bins, neighbors=10, sigma=5.0):
    """exp(-d^2 / sigma^2)."""
    return _sparse(ab, bins, neighbors, sigma, lambda squares, s: -squares / s**2)


@misconception(
    "sparse_soft_encode",
    hint="The Gaussian has the wrong width: compare the exponent with the docstring's, power by power.",
)
def exponent_without_sigmas_square(ab, bins, neighbors=10, sigma=5.0):
    """exp(-d^2 / (2 sigma))."""
    return _sparse(ab, bins, neighbors, sigma, lambda squares, s: -squares / (2 * s))


@misconception(
    "sparse_soft_encode",
    hint="Far bins get more than near ones: look at the sign of the exponent.",
)
def far_bins_share_more(ab, bins, neighbors=10, sigma=5.0):
    """The minus is left out."""
    return _sparse(ab, bins, neighbors, sigma, lambda squares, s: squares / (2 * s**2))


@misconception(
    "sparse_soft_encode",
    hint="The neighbours are in the last dimension: where does the docstring have K?",
)
def neighbours_in_the_last_dimension(ab, bins, neighbors=10, sigma=5.0):
    """As topk and a softmax over the last dimension leave them."""
    indices, shares = _sparse(ab, bins, neighbors, sigma)
    return indices.movedim(1, -1), shares.movedim(1, -1)


@misconception(
    "sparse_soft_encode",
    hint="The shapes are right, and numbers of different pixels are mixed: look for a reshape or a view "
    "where a dimension has to be moved.",
)
def neighbours_reshaped_into_their_place(ab, bins, neighbors=10, sigma=5.0):
    """The last dimension is not moved to the front: the numbers are read in another order."""
    parts = neighbours_in_the_last_dimension(ab, bins, neighbors, sigma)
    return tuple(part.reshape(len(ab), neighbors, *ab.shape[2:]) for part in parts)


@misconception(
    "sparse_soft_encode",
    hint="Neighbouring pixels share with each other: along which dimension do the shares sum to 1?",
)
def softmax_along_a_row(ab, bins, neighbors=10, sigma=5.0):
    """A softmax over the last dimension, when the neighbours are in another."""
    squares, indices = nearest_bins(ab, bins, neighbors)
    return indices, torch.softmax(-squares / (2 * sigma**2), dim=-1)


@misconception(
    "sparse_soft_encode",
    hint="The shares come first: in which order does the docstring return the two?",
)
def shares_before_indices(ab, bins, neighbors=10, sigma=5.0):
    """In the order in which `nearest_bins` returns them."""
    return _sparse(ab, bins, neighbors, sigma)[::-1]


@misconception(
    "sparse_soft_encode",
    hint="Right with the defaults, and wrong with other arguments: look for a number that should be "
    "`neighbors`.",
)
def always_ten_indices(ab, bins, neighbors=10, sigma=5.0):
    """The argument is ignored."""
    return _sparse(ab, bins, min(10, len(bins)), sigma)


@misconception(
    "sparse_soft_encode",
    hint="Right with the default width, and wrong with others: look for a number that should be `sigma`.",
)
def always_five_wide(ab, bins, neighbors=10, sigma=5.0):
    """The argument is ignored."""
    return _sparse(ab, bins, neighbors, 5.0)


@misconception(
    "sparse_soft_encode",
    hint="The target is the dense one: which bins share a pixel, and how much, is asked for without zeros.",
)
def zeros_kept(ab, bins, neighbors=10, sigma=5.0):
    """All the bins, most of them with nothing."""
    nearest, shares = _sparse(ab, bins, neighbors, sigma)
    indices = torch.arange(len(bins)).view(1, -1, 1, 1).expand(len(ab), -1, *ab.shape[2:]).clone()
    return indices, torch.zeros(indices.shape, dtype=shares.dtype).scatter(1, nearest, shares)


@misconception(
    "sparse_soft_encode",
    hint="The numbers are right, and the indices have the wrong dtype: look at the docstring.",
)
def indices_in_32_bits(ab, bins, neighbors=10, sigma=5.0):
    """To save memory; torch's gather and scatter refuse them."""
    indices, shares = _sparse(ab, bins, neighbors, sigma)
    return indices.int(), shares


@misconception(
    "sparse_soft_encode",
    hint="float64 goes in, float32 comes out: look for a conversion that fixes the dtype.",
)
def shares_in_single_precision(ab, bins, neighbors=10, sigma=5.0):
    """Everything is made float32."""
    return _sparse(ab.float(), bins.float(), neighbors, sigma)


# ----------------------------------------------------------------------------- sparse_cross_entropy

# The function with its parts to choose from; each misconception changes one.


def _largest(logits: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
    """The bin (B, 1, H, W) with the largest share."""
    return indices.gather(1, shares.argmax(dim=1, keepdim=True))


def _subtract(gradient: Tensor, indices: Tensor, parts: Tensor) -> Tensor:
    return gradient.scatter_add(1, indices, -parts)


def _normaliser(logits: Tensor) -> Tensor:
    return logits.logsumexp(dim=1, keepdim=True)


def _sparse_loss(
    logits,
    indices,
    shares,
    weights,
    where=_largest,
    subtract=_subtract,
    normaliser=_normaliser,
    pixels=None,
):
    """The loss and its gradient.

    where       the bin whose weight a pixel has
    subtract    takes the target from the probabilities
    normaliser  log sum exp of a pixel's scores
    pixels      what the sum over the pixels is divided by; by default their number
    """
    log_total = normaliser(logits)
    loss = log_total - (shares * logits.gather(1, indices)).sum(dim=1, keepdim=True)  # (B, 1, H, W)
    scale = torch.ones_like(loss) / (pixels or loss.numel())
    if weights is not None:
        scale = scale * weights[where(logits, indices, shares)]
    return (scale * loss).sum(), subtract(
        (logits - log_total).exp() * scale, indices, scale * shares
    )


@misconception(
    "sparse_cross_entropy",
    hint="The loss is right, and the gradient is too large, the more so the larger the pictures: "
    "what becomes of a mean when it is differentiated?",
)
def gradient_not_divided_by_the_pixels(logits, indices, shares, weights=None):
    """The gradient of the sum."""
    loss, gradient = _sparse_loss(logits, indices, shares, weights)
    return loss, gradient * (len(logits) * logits[0, 0].numel())


@misconception(
    "sparse_cross_entropy",
    hint="The loss is right, and the gradient grows with height and width: it is divided by the pictures, "
    "and not by their pixels.",
)
def gradient_divided_by_the_pictures(logits, indices, shares, weights=None):
    """Divided by B only."""
    loss, gradient = _sparse_loss(logits, indices, shares, weights)
    return loss, gradient * logits[0, 0].numel()


@misconception(
    "sparse_cross_entropy",
    hint="Loss and gradient grow with the number of pixels: compare with the docstring's lines on what is "
    "returned.",
)
def sums_of_the_pixels(logits, indices, shares, weights=None):
    """Nothing is divided."""
    return _sparse_loss(logits, indices, shares, weights, pixels=1)


@misconception(
    "sparse_cross_entropy",
    hint="Loss and gradient are too small, the more so the more bins there are: a mean over everything "
    "counts the bins as pixels.",
)
def bins_counted_as_pixels(logits, indices, shares, weights=None):
    """Divided by the number of scores."""
    return _sparse_loss(logits, indices, shares, weights, pixels=logits.numel())


@misconception(
    "sparse_cross_entropy",
    hint="Loss and gradient mix the pictures: along which dimension do the probabilities sum to 1?",
)
def pictures_compete(logits, indices, shares, weights=None):
    """The first dimension is taken for the bins."""
    log_shares = F.log_softmax(logits, dim=0)
    pixels = len(logits) * logits[0, 0].numel()
    scale = torch.ones_like(shares[:, :1]) / pixels
    if weights is not None:
        scale = scale * weights[_largest(logits, indices, shares)]
    loss = -(scale * shares * log_shares.gather(1, indices)).sum()
    return loss, _subtract(log_shares.exp() * scale, indices, scale * shares)


@misconception(
    "sparse_cross_entropy",
    hint="Only a pixel's own bins compete with each other: over which scores does the softmax sum?",
)
def only_the_targets_bins_compete(logits, indices, shares, weights=None):
    """The normaliser is that of the K scores that were looked up."""
    own = logits.gather(1, indices).logsumexp(dim=1, keepdim=True)
    return _sparse_loss(logits, indices, shares, weights, normaliser=lambda _: own)


@misconception(
    "sparse_cross_entropy",
    hint="Infinite or NaN for large scores: their exponential overflows before its logarithm is taken. "
    "Look for one function that does both.",
)
def normaliser_overflows(logits, indices, shares, weights=None):
    """Two steps that should be one."""
    return _sparse_loss(
        logits,
        indices,
        shares,
        weights,
        normaliser=lambda z: z.exp().sum(dim=1, keepdim=True).log(),
    )


@misconception(
    "sparse_cross_entropy",
    hint="The loss is right, and the gradient is never negative: it is only its first term. "
    "Look at what the docstring takes from it.",
)
def target_not_subtracted(logits, indices, shares, weights=None):
    """The softmax alone."""
    return _sparse_loss(logits, indices, shares, weights, subtract=lambda gradient, *_: gradient)


@misconception(
    "sparse_cross_entropy",
    hint="The loss is right, and the gradient points uphill where it should point downhill: "
    "look at the order of its difference.",
)
def gradient_with_the_other_sign(logits, indices, shares, weights=None):
    """The target less the softmax."""
    loss, gradient = _sparse_loss(logits, indices, shares, weights)
    return loss, -gradient


@misconception(
    "sparse_cross_entropy",
    hint="The loss is right, and the gradient is wrong at the target's own bins only: "
    "are the shares written over what is there?",
)
def target_written_over_the_softmax(logits, indices, shares, weights=None):
    """Assigned instead of added."""

    def assign(gradient: Tensor, indices: Tensor, parts: Tensor) -> Tensor:
        return gradient.scatter(1, indices, -parts)

    return _sparse_loss(logits, indices, shares, weights, subtract=assign)


@misconception(
    "sparse_cross_entropy",
    hint="The loss is right, and the gradient is that by the probabilities, not by the scores: "
    "the softmax has to be differentiated too.",
)
def gradient_by_the_probabilities(logits, indices, shares, weights=None):
    """-Z / p: the chain rule ends a step early."""
    loss, _ = _sparse_loss(logits, indices, shares, weights)
    scale = torch.ones_like(shares[:, :1]) / (len(logits) * logits[0, 0].numel())
    if weights is not None:
        scale = scale * weights[_largest(logits, indices, shares)]
    slope = -scale * shares / torch.softmax(logits, dim=1).gather(1, indices)
    return loss, torch.zeros_like(logits).scatter(1, indices, slope)


@misconception(
    "sparse_cross_entropy",
    hint="Loss and gradient know of one bin for each pixel: all of a target's shares enter.",
)
def only_the_largest_share(logits, indices, shares, weights=None):
    """The ordinary classification loss."""
    return _sparse_loss(
        logits, _largest(logits, indices, shares), torch.ones_like(shares[:, :1]), weights
    )


@misconception(
    "sparse_cross_entropy",
    hint="The loss weighs the target's scores too little: are a pixel's shares summed or averaged?",
)
def shares_averaged(logits, indices, shares, weights=None):
    """A mean over K, in the loss."""
    few = shares / shares.shape[1]
    loss, _ = _sparse_loss(logits, indices, few, weights)
    return loss, _sparse_loss(logits, indices, shares, weights)[1]


@misconception(
    "sparse_cross_entropy",
    hint="The weights have no effect: is the fourth argument used?",
)
def rebalancing_left_out(logits, indices, shares, weights=None):
    """No rebalancing."""
    return _sparse_loss(logits, indices, shares, None)


@misconception(
    "sparse_cross_entropy",
    hint="The loss is weighted, and its gradient is not: a factor of a pixel's loss is one of its gradient.",
)
def weights_only_in_the_loss(logits, indices, shares, weights=None):
    """The gradient of the loss without weights."""
    return (
        _sparse_loss(logits, indices, shares, weights)[0],
        _sparse_loss(logits, indices, shares, None)[1],
    )


@misconception(
    "sparse_cross_entropy",
    hint="The weights are those of wrong bins: is the first of a pixel's bins always the nearest?",
)
def weight_of_the_first_index(logits, indices, shares, weights=None):
    """As if the bins were sorted."""
    return _sparse_loss(
        logits, indices, shares, weights, where=lambda z, indices, _: indices[:, :1]
    )


@misconception(
    "sparse_cross_entropy",
    hint="The weights are those of wrong bins: which share decides?",
)
def weight_of_the_smallest_share(logits, indices, shares, weights=None):
    """The farthest of a pixel's bins, as if shares were distances."""
    return _sparse_loss(
        logits,
        indices,
        shares,
        weights,
        where=lambda z, indices, shares: indices.gather(1, shares.argmin(dim=1, keepdim=True)),
    )


@misconception(
    "sparse_cross_entropy",
    hint="Only the first few weights are ever used: a place among a pixel's K bins is not yet a bin.",
)
def weight_by_place(logits, indices, shares, weights=None):
    """The argmax over the shares is used as a bin's index."""
    return _sparse_loss(
        logits,
        indices,
        shares,
        weights,
        where=lambda z, _, shares: shares.argmax(dim=1, keepdim=True),
    )


@misconception(
    "sparse_cross_entropy",
    hint="The weights depend on the scores: a rare colour is rare whatever the network says.",
)
def weight_of_the_likeliest_bin(logits, indices, shares, weights=None):
    """The weight is that of the predicted bin."""
    return _sparse_loss(
        logits, indices, shares, weights, where=lambda z, *_: z.argmax(dim=1, keepdim=True)
    )


@misconception(
    "sparse_cross_entropy",
    hint="Scaling all the weights changes nothing: loss and gradient are divided by their sum. "
    "Divide by what the docstring says.",
)
def weights_divided_away(logits, indices, shares, weights=None):
    """A weighted mean."""
    total = None if weights is None else weights[_largest(logits, indices, shares)].sum().item()
    return _sparse_loss(logits, indices, shares, weights, pixels=total)


@misconception(
    "sparse_cross_entropy",
    hint="Both results are right, and the scores that were given are changed: look for an operation in "
    "place.",
)
def gradient_written_into_the_scores(logits, indices, shares, weights=None):
    """The input serves as memory for the gradient."""
    loss, gradient = _sparse_loss(logits, indices, shares, weights)
    return loss, logits.copy_(gradient)


@misconception(
    "sparse_cross_entropy",
    hint="The gradient comes first: in which order does the docstring return the two?",
)
def gradient_before_loss(logits, indices, shares, weights=None):
    """The two are exchanged."""
    return _sparse_loss(logits, indices, shares, weights)[::-1]


@misconception(
    "sparse_cross_entropy",
    hint="float64 goes in, float32 comes out: look for a conversion, or a constant, that fixes the dtype.",
)
def loss_in_single_precision(logits, indices, shares, weights=None):
    """Everything is made float32."""
    weights = None if weights is None else weights.float()
    return _sparse_loss(logits.float(), indices, shares.float(), weights)
