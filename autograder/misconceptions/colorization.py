"""Misconceptions about colorization.

A hint says what is seen, what often causes it and where to look; it never gives the answer.
"""

import torch
import torch.nn.functional as F
from scipy.spatial import ConvexHull
from torch import Tensor

from autograder.misconceptions import misconception
from course_utils.color import D65_WHITE, SRGB_TO_XYZ, srgb_gamut_ab

# ------------------------------------------------------------------------------------- rgb_to_lab_planes
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


# ------------------------------------------------------------------------------------- lab_planes_to_rgb

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


# ---------------------------------------------------------------------------------------------- ab_bins


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


# ------------------------------------------------------------------------------------------- soft_encode


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
    return _encode(ab, bins, neighbors, sigma, lambda d, s: torch.exp(-(d**2) / (2 * s**2)), normalise=False)


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
    return _encode(ab, bins, neighbors, sigma, lambda d, s: torch.softmax(-(d**2) / (2 * s), dim=-1))


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


# ----------------------------------------------------------------------------------------- annealed_mean


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


# ----------------------------------------------------------------------------------------------- l2_loss


@misconception("l2_loss", hint="The loss is twice what it should be: look at the factor in front of Eq. 1.")
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


@misconception("l2_loss", hint="The loss grows with the difference, not with its square: compare with Eq. 1.")
def sum_of_absolute_differences(prediction, target):
    """L1 instead of L2."""
    return 0.5 * (prediction - target).abs().sum(dim=1).mean()


@misconception("l2_loss", hint="A root too many: does Eq. 1 have the distance, or its square?")
def distance_instead_of_its_square(prediction, target):
    """The Euclidean norm, not squared."""
    return 0.5 * (prediction - target).square().sum(dim=1).sqrt().mean()


@misconception(
    "l2_loss", hint="The loss grows with the size of the pictures: look at how the pixels are combined."
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
    "l2_loss", hint="The result is a map, one number for each pixel: the docstring asks for one number."
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


# ----------------------------------------------------------------------------- multinomial_cross_entropy


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
    return _weighted(-(target * torch.log(torch.softmax(logits, dim=1))).sum(dim=1), target, weights).mean()


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
    return _weighted(F.cross_entropy(logits, target.argmax(dim=1), reduction="none"), target, weights).mean()


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


# ------------------------------------------------------------------------------------------- color_prior


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
    return (kernel / kernel.sum(dim=0)) @ _share(ab.reshape(1, -1, 2).movedim(-1, 1)[..., None], bins)


# ----------------------------------------------------------------------------------- rebalancing_weights


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
