"""Hidden checks of assignment 3, colorization.

Oracles: scikit-image for colour, published numbers, torch's own losses, SciPy, closed forms worked by hand.

Every size differs from every other, so that a wrong axis shows. Checks of values take float32 and accept
float32 or float64; the dtype has a check of its own (`..._form`), so that a slip there costs once.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial import cKDTree
from scipy.special import softmax
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from autograder.checks import Failure, check, expect, expect_inputs_unchanged
from autograder.checks.expect import describe, expect_value
from autograder.checks.inputs import draw, strided

# Tolerances, relative to the largest expected magnitude (at least 1); see TOLERANCE for the default.
LAB = 3e-4  # 0.03 Lab units: the standard's constants are published with four to seven digits (0.02 units)
RGB = 4e-3  # the same in sRGB, where a channel is near black and others are not: one 8-bit level
DARK = 3e-4  # ... and where all channels are
DISTANCE = 3e-4  # |x|^2 - 2 x.y + |y|^2, as in torch.cdist, loses 1e-3 of a squared distance in float32

# The bins of Zhang et al. (pts_in_hull.npy): a, and the first and last b of its row.
PUBLISHED = [
    *[(-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100), (-40, -40, 100)],
    *[(-30, -50, 100), (-20, -50, 100), (-10, -60, 100), (0, -70, 100), (10, -80, 90), (20, -80, 90)],
    *[(30, -90, 90), (40, -100, 90), (50, -100, 80), (60, -110, 80), (70, -110, 80), (80, -110, 70)],
    *[(90, -110, 70), (100, -90, 0)],
]
# The same rule with steps of 9 and 40. They are the same whether the gamut is sampled with 5 colours along
# each axis or with 65: no lattice point lies within 0.05 ab units of the widened hull's boundary.
STEP_9 = [
    *[(-90, 54, 90), (-81, 27, 90), (-72, 9, 90), (-63, -9, 90), (-54, -18, 99), (-45, -27, 99)],
    *[(-36, -36, 99), (-27, -45, 99), (-18, -54, 99), (-9, -63, 99), (0, -72, 99), (9, -72, 90)],
    *[(18, -81, 90), (27, -90, 90), (36, -90, 90), (45, -99, 81), (54, -99, 81), (63, -108, 81)],
    *[(72, -108, 72), (81, -108, 72), (90, -108, 63), (99, -90, 0)],
]
STEP_40 = [
    *[(-120, 40, 120), (-80, -40, 120), (-40, -80, 120), (0, -120, 120), (40, -120, 120), (80, -120, 80)],
    (120, -120, 80),
]

# Lab of the cube's corners, as colour tables print it: red, green, blue, cyan, magenta, yellow.
CORNERS = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]]).float()
CORNERS_LAB = torch.tensor(
    [
        *[[53.241, 80.092, 67.203], [87.735, -86.183, 83.179], [32.297, 79.188, -107.860]],
        *[[91.113, -48.088, -14.131], [60.324, 98.234, -60.825], [97.139, -21.554, 94.478]],
    ]
)
# Colours that no screen can show, each for another reason; and dark ones that it can.
OUTSIDE_LAB = torch.tensor(
    [[60.0, 90.0, -70.0], [75.0, -90.0, 40.0], [97.0, 40.0, 30.0], [15.0, -30.0, -25.0], [45.0, 20.0, 70.0]]
)
DARK_LAB = torch.tensor([[1.0, 0.0, 0.0], [4.0, 2.0, -9.0], [6.0, -7.0, 4.0]])


def expect_finite_gradient(
    submission: object, task: str, *args: Tensor, cotangent: Tensor | list[Tensor]
) -> None:
    """No NaN in the gradient by the first argument. An answer that leaves torch (NumPy) has none: allowed."""
    try:
        slope = submission.gradient_of(task, *args, cotangent=cotangent)
    except Failure as failure:
        if failure.kind not in ("no gradient", "error"):
            raise
    else:
        expect(slope, shape=args[0].shape, what="the gradient")


# ---------------------------------------------------------------------------------------------------- Lab


def as_planes(lab: Tensor) -> tuple[Tensor, Tensor]:
    """L*a*b* (B, 3, H, W) at the network's scale."""
    return (lab[:, :1] - 50) / 100, lab[:, 1:] / 110


def planes_of(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Lightness and colour by scikit-image, at the network's scale."""
    return as_planes(torch.from_numpy(rgb2lab(rgb.double().movedim(1, -1).numpy())).movedim(-1, 1).to(rgb))


def rgb_of(lab: Tensor) -> Tensor:
    """A list of Lab colours as a picture in sRGB, by scikit-image."""
    return picture(torch.from_numpy(lab2rgb(lab.double().numpy())).float())


def picture(colours: Tensor) -> Tensor:
    """A list of colours (N, C) as a picture (1, C, 1, N)."""
    return colours.T[None, :, None]


def pair(result: object) -> tuple[object, object]:
    """Both planes. Raises Failure for anything but a pair."""
    if not isinstance(result, (tuple, list)):
        raise Failure("wrong type", f"the result is {describe(result)}, not the two planes")
    if len(result) != 2:
        raise Failure("wrong type", "the result is not a pair, the two planes")
    return result[0], result[1]


def expect_planes(result: object, planes: tuple[Tensor, Tensor]) -> None:
    """The right lightness and the right colour."""
    lightness, ab = pair(result)
    expect_value(lightness, planes[0], LAB, "L")
    expect_value(ab, planes[1], LAB, "ab")


@check("rgb_to_lab_planes", points=1)
def test_lab_of_the_corners_of_the_cube(submission):
    """The pure colours, from red to yellow, have the lightness and colour that colour tables print."""
    expect_planes(submission.rgb_to_lab_planes(picture(CORNERS)), as_planes(picture(CORNERS_LAB)))


@check("rgb_to_lab_planes", points=1.5)
def test_lab_of_random_pictures(submission):
    """Pictures of random colours: every pixel of every picture in the batch."""
    rgb = draw(1, 2, 3, 4, 5, low=0.1)
    expect_planes(submission.rgb_to_lab_planes(rgb), planes_of(rgb))


@check("rgb_to_lab_planes", points=1)
def test_lab_of_dark_colours(submission):
    """Dark colours, down to black: both curves of the conversion have a straight piece there."""
    rgb = draw(2, 2, 3, 6, 7, low=0) * torch.linspace(0, 0.15, 7)
    expect_planes(submission.rgb_to_lab_planes(rgb), planes_of(rgb))


@check("rgb_to_lab_planes", points=0.5)
def test_lab_of_greys(submission):
    """From black to white, greys have no colour; where a gradient flows, it is finite, also at black."""
    lightness = torch.linspace(0, 100, 9)
    y = torch.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness * 27 / 24389)
    grey = torch.where(y > 0.0031308, 1.055 * y ** (1 / 2.4) - 0.055, 12.92 * y)
    planes = ((lightness - 50) / 100).view(1, 1, 1, 9), torch.zeros(1, 2, 1, 9)
    rgb = grey.repeat(1, 3, 1, 1)
    expect_planes(submission.rgb_to_lab_planes(rgb), planes)
    expect_finite_gradient(
        submission, "rgb_to_lab_planes", rgb, cotangent=[torch.ones_like(p) for p in planes]
    )


@check("rgb_to_lab_planes", points=1)
def test_lab_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        rgb = strided(draw(3, 4, 3, 2, 5, low=0.1).to(dtype))
        planes = pair(submission.rgb_to_lab_planes(rgb))
        for plane, expected, what in zip(planes, planes_of(rgb), ("L", "ab"), strict=True):
            expect(plane, close_to=expected, tolerance=LAB, what=what)
        expect_inputs_unchanged(submission)


@check("lab_planes_to_rgb", points=1)
def test_rgb_of_the_corners_of_the_cube(submission):
    """The lightness and colour that colour tables print for the pure colours give those colours."""
    lightness, ab = as_planes(picture(CORNERS_LAB))
    expect_value(submission.lab_planes_to_rgb(lightness, ab), picture(CORNERS), RGB)


@check("lab_planes_to_rgb", points=1)
def test_rgb_of_random_pictures(submission):
    """Pictures of random colours, taken apart, are put together again as they were."""
    rgb = draw(4, 2, 3, 4, 5, low=0.1)
    expect_value(submission.lab_planes_to_rgb(*planes_of(rgb)), rgb, RGB)


@check("lab_planes_to_rgb", points=0.5)
def test_rgb_of_dark_colours(submission):
    """Dark colours, down to black: both curves of the conversion have a straight piece there."""
    rgb = draw(5, 2, 3, 6, 7, low=0) * torch.linspace(0, 0.15, 7)
    expect_value(submission.lab_planes_to_rgb(*planes_of(rgb)), rgb, DARK)


@check("lab_planes_to_rgb", points=0.5)
def test_rgb_outside_the_gamut(submission):
    """Colours that no screen can show: too large and too small channels are clipped, each on its own."""
    lightness, ab = as_planes(picture(OUTSIDE_LAB))
    expect_value(submission.lab_planes_to_rgb(lightness, ab), rgb_of(OUTSIDE_LAB), RGB)


@check("lab_planes_to_rgb", points=0.5)
def test_rgb_gradient_in_the_dark(submission):
    """Black, dark and impossible colours: where a gradient flows back to the lightness, it is finite."""
    lab = torch.cat([torch.zeros(1, 3), DARK_LAB, OUTSIDE_LAB])
    planes, rgb = as_planes(picture(lab)), rgb_of(lab)
    result = expect(submission.lab_planes_to_rgb(*planes), shape=rgb.shape, dtype=rgb.dtype)
    expect_value(result.clamp(0, 1), rgb, RGB)  # clipping has a check of its own
    expect_finite_gradient(submission, "lab_planes_to_rgb", *planes, cotangent=torch.ones_like(rgb))


@check("lab_planes_to_rgb", points=0.5)
def test_rgb_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        rgb = draw(6, 4, 3, 2, 5, low=0.1).to(dtype)
        lightness, ab = planes_of(rgb)
        result = submission.lab_planes_to_rgb(strided(lightness), strided(ab))
        expect(result, close_to=rgb, tolerance=RGB)
        expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------------------------------- bins


def lattice(rows: list[tuple[int, int, int]], step: int = 10) -> Tensor:
    """A table of rows, written out: (Q, 2), sorted by a and then by b."""
    return torch.tensor([[a, b] for a, first, last in rows for b in range(first, last + 1, step)]).float()


def coordinates(result: object) -> Tensor:
    """The list of bins as float64, rounded; whole numbers will do. Raises Failure."""
    rows = len(result) if isinstance(result, Tensor) and result.dim() else 1
    bins = expect(result, shape=(rows, 2), what="the list of bins").detach()
    if bins.dtype not in (torch.float32, torch.float64, torch.int32, torch.int64):
        raise Failure("wrong dtype", "the bins' coordinates are not ordinary numbers")
    return bins.double().round(decimals=3)


def expect_bins(result: object, expected: Tensor) -> None:
    """The right bins, in any order."""
    bins = coordinates(result)
    if len(bins) != len(expected):
        raise Failure("wrong value", f"there are too {'few' if len(bins) < len(expected) else 'many'} bins")
    expect(torch.tensor(sorted(bins.tolist())), close_to=expected, what="the list of bins")


@check("ab_bins", points=2)
def test_bins_are_the_published_ones(submission):
    """With the default step, the bins are those of Zhang et al., in whatever order."""
    expect_bins(submission.ab_bins(), lattice(PUBLISHED))


@check("ab_bins", points=1)
def test_bins_are_sorted(submission):
    """The published bins, sorted by a and then by b."""
    bins = coordinates(submission.ab_bins(10))
    if bins.tolist() != lattice(PUBLISHED).tolist():
        raise Failure("wrong value", "the list of bins is not the published one, or in another order")


@check("ab_bins", points=1.5)
def test_bins_of_another_step(submission):
    """Coarser and finer lattices: the step sets the lattice, and also how far the gamut is widened."""
    expect_bins(submission.ab_bins(40), lattice(STEP_40, 40))
    expect_bins(submission.ab_bins(step=9), lattice(STEP_9, 9))


@check("ab_bins", points=0.5)
def test_bins_form(submission):
    """One row for each bin, in float32: its a and its b, whole multiples of the step."""
    result = submission.ab_bins()
    bins = coordinates(result)
    if len(bins.unique(dim=0)) < len(bins):
        raise Failure("wrong value", "some bins are in the list more than once")
    expect(result, shape=bins.shape, dtype=torch.float32, what="the list of bins")
    expect(result / 10, close_to=(result / 10).round(), what="the list of bins")


# -------------------------------------------------------------------------------------------- soft encode


# Scattered, in no order, none at a round place.
SEVEN_BINS = torch.tensor(
    [[13.0, -41.0], [-7.0, 5.0], [62.0, 18.0], [-58.0, 33.0], [9.0, 27.0], [-21.0, -36.0], [35.0, -3.0]]
)


def colours(seed: int, batch: int, height: int, width: int) -> Tensor:
    """Colours (B, 2, H, W), each 2.2 to 4.4 from one of the published bins, so that no two bins tie."""
    bins = lattice(PUBLISHED)
    index = torch.randint(len(bins), (batch, height, width), generator=torch.Generator().manual_seed(seed))
    nudge = torch.tensor([[2.1, 3.7], [-4.1, 1.3], [1.2, -1.9], [-1.7, -3.9], [3.3, 0.8]])
    return (bins[index] + nudge[index % len(nudge)]).movedim(-1, 1)


def encoded(ab: Tensor, bins: Tensor, neighbors: int = 10, sigma: float = 5.0) -> Tensor:
    """The soft encoding by a k-d tree, pixel by pixel, in double precision."""
    pixels = ab.double().movedim(1, -1).numpy()
    distances, nearest = cKDTree(bins.double().numpy()).query(pixels, k=neighbors)
    spread = np.zeros((*pixels.shape[:-1], len(bins)))
    np.put_along_axis(spread, nearest, softmax(-(distances**2) / (2 * sigma**2), axis=-1), axis=-1)
    return torch.from_numpy(spread).movedim(-1, 1)


@check("soft_encode", points=1)
def test_encoding_of_one_colour(submission):
    """One colour and a few bins, two of them near: a case worked by hand."""
    ab = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1)
    bins = torch.tensor([[2.0, 29.0], [5.0, 3.0], [32.0, -1.0], [2.0, -11.0]])  # at 30, 5, 30, 10
    near, far = math.exp(-25 / 50), math.exp(-100 / 50)
    expected = torch.tensor([0, near / (near + far), 0, far / (near + far)]).view(1, 4, 1, 1)
    expect_value(submission.soft_encode(ab, bins, neighbors=2), expected, DISTANCE)


@check("soft_encode", points=1.5)
def test_encoding_in_the_published_bins(submission):
    """Pictures encoded in the 313 bins, with the defaults for neighbours and sigma."""
    ab, bins = colours(1, 3, 4, 5), lattice(PUBLISHED)
    expect_value(submission.soft_encode(ab, bins), encoded(ab, bins), DISTANCE)


@check("soft_encode", points=1.5)
def test_encoding_with_other_neighbours_and_sigma(submission):
    """Other bins, another number of neighbours and another sigma, narrow and wide."""
    ab, bins = draw(7, 3, 2, 4, 5, low=-80, high=80), lattice(PUBLISHED)[::23]
    for neighbors, sigma in ((3, 30.0), (5, 12.0)):
        result = submission.soft_encode(ab, bins, neighbors=neighbors, sigma=sigma)
        expect_value(result, encoded(ab, bins, neighbors, sigma), DISTANCE)


@check("soft_encode", points=1)
def test_encoding_with_a_narrow_gaussian(submission):
    """A sigma much smaller than the distance to the nearest bin: each pixel still sums to 1."""
    ab, bins = colours(2, 3, 2, 4), lattice(PUBLISHED)
    expect_value(submission.soft_encode(ab, bins, 4, 0.15), encoded(ab, bins, 4, 0.15), DISTANCE)


@check("soft_encode", points=1)
def test_encoding_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        ab, bins = strided(colours(3, 4, 3, 5).to(dtype)), strided(lattice(PUBLISHED).to(dtype))
        result = submission.soft_encode(ab, bins)
        expect(result, close_to=encoded(ab, bins).to(dtype), tolerance=DISTANCE)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------ annealed mean


def annealed(logits: Tensor, temperature: float) -> Tensor:
    """The sharpened distribution, in double precision."""
    return torch.from_numpy(softmax(logits.double().numpy() / temperature, axis=1))


def mean_colour(probabilities: Tensor, bins: Tensor) -> Tensor:
    """The expected colour (B, 2, H, W), bin by bin."""
    return sum(p[:, None] * c.view(1, 2, 1, 1) for p, c in zip(probabilities.unbind(1), bins, strict=True))


@check("annealed_mean", points=1)
def test_annealed_mean_of_two_bins(submission):
    """Two bins, one three times as likely: a case worked by hand, at three temperatures."""
    bins = torch.tensor([[60.0, 20.0], [-40.0, 10.0]])
    logits = torch.tensor([math.log(3.0), 0.0]).view(1, 2, 1, 1)
    for temperature, share in ((1.0, 3 / 4), (0.5, 9 / 10), (0.25, 81 / 82)):
        expected = torch.tensor([100 * share - 40, 10 * share + 10]).view(1, 2, 1, 1)
        expect_value(submission.annealed_mean(logits, bins, temperature), expected)


@check("annealed_mean", points=1)
def test_annealed_mean_of_random_pictures(submission):
    """Random scores over scattered bins, colder and hotter than 1: every pixel on its own."""
    logits = draw(8, 3, 7, 4, 5, low=-4, high=4)
    for temperature in (0.6, 2.5):
        expected = mean_colour(annealed(logits, temperature), SEVEN_BINS)
        expect_value(submission.annealed_mean(logits, SEVEN_BINS, temperature=temperature), expected)


@check("annealed_mean", points=0.5)
def test_annealed_mean_at_the_papers_temperature(submission):
    """Without a temperature, the paper's is taken."""
    logits = draw(9, 2, 7, 3, 5, low=-2, high=2)
    expect_value(
        submission.annealed_mean(logits, SEVEN_BINS), mean_colour(annealed(logits, 0.38), SEVEN_BINS)
    )


@check("annealed_mean", points=0.5)
def test_annealed_mean_of_extreme_scores(submission):
    """Scores of ten thousand, both signs, a temperature near zero: the most likely bin, no overflow."""
    logits = 1e4 * torch.eye(7)[[4, 0, 6, 1, 2]].T.reshape(1, 7, 1, 5)
    mode = picture(SEVEN_BINS[[4, 0, 6, 1, 2]])
    for scores, temperature in ((logits, 0.38), (logits - 1e4, 0.38), (logits / 1e4, 1e-3)):
        expect_value(submission.annealed_mean(scores, SEVEN_BINS, temperature), mode)


@check("annealed_mean", points=0.5)
def test_annealed_mean_gradient(submission):
    """The gradient that arrives at the colour flows back to the scores, as the derivative says."""
    logits, cotangent = draw(10, 3, 7, 4, 5, low=-3, high=3), draw(11, 3, 2, 4, 5)
    share = annealed(logits, 0.7)
    mean = mean_colour(share, SEVEN_BINS)
    expect_value(submission.annealed_mean(logits, SEVEN_BINS, 0.7), mean)
    # d mean / d logit_q = share_q (bin_q - mean) / T
    along = [((c.view(1, 2, 1, 1) - mean) * cotangent).sum(1) for c in SEVEN_BINS]
    slope = submission.gradient_of("annealed_mean", logits, SEVEN_BINS, 0.7, cotangent=cotangent)
    expect_value(slope, share * torch.stack(along, 1) / 0.7, what="the gradient")


@check("annealed_mean", points=0.5)
def test_annealed_mean_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        logits, bins = draw(12, 2, 7, 3, 4).to(dtype), SEVEN_BINS.to(dtype)
        expected = mean_colour(annealed(logits, 0.38), bins).to(dtype)
        expect(submission.annealed_mean(strided(logits), strided(bins)), close_to=expected)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------------- losses


@check("l2_loss", points=1)
def test_l2_loss_of_one_pixel(submission):
    """A single pixel: half the squared distance between the two colours."""
    # Not the visible check's numbers: to know those is not to compute.
    prediction, target = (
        torch.tensor([5.0, 0.0]).view(1, 2, 1, 1),
        torch.tensor([0.0, -12.0]).view(1, 2, 1, 1),
    )
    expect_value(submission.l2_loss(prediction, target), torch.tensor(84.5))


@check("l2_loss", points=1)
def test_l2_loss_is_a_mean_over_the_pixels(submission):
    """Pictures of unequal sizes, small and large differences: the loss is a mean over all the pixels."""
    for scale in (1.0, 1e4):
        prediction, target = scale * draw(13, 3, 2, 4, 5), scale * draw(14, 3, 2, 4, 5)
        # A mean over two channels is half their sum.
        expect_value(submission.l2_loss(prediction, target), F.mse_loss(prediction, target))


@check("l2_loss", points=0.5)
def test_l2_loss_gradient(submission):
    """The gradient by the prediction is right, for every pixel."""
    prediction, target = 50 * draw(15, 3, 2, 4, 5), 50 * draw(16, 3, 2, 4, 5)
    expect_value(submission.l2_loss(prediction, target), F.mse_loss(prediction, target))
    slope = submission.gradient_of("l2_loss", prediction, target)
    expect_value(slope, (prediction - target) / 60, what="the gradient")


@check("l2_loss", points=0.5)
def test_l2_loss_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        prediction, target = strided(draw(17, 2, 2, 3, 7).to(dtype)), strided(draw(18, 2, 2, 3, 7).to(dtype))
        expect(submission.l2_loss(prediction, target), close_to=F.mse_loss(prediction, target))
        expect_inputs_unchanged(submission)


def soft_target(seed: int, *shape: int) -> Tensor:
    """A distribution over dimension 1, peaked differently at every pixel, without ties."""
    return torch.softmax(draw(seed, *shape, low=-3, high=3), dim=1)


def pixels(planes: Tensor) -> Tensor:
    """A batch of pictures (B, Q, H, W) as a list of pixels (B*H*W, Q)."""
    return planes.movedim(1, -1).flatten(0, 2)


@check("multinomial_cross_entropy", points=1)
def test_cross_entropy_knowing_nothing(submission):
    """Equal scores for all bins: the loss of a model that knows nothing."""
    target = soft_target(19, 2, 11, 3, 4)
    for score in (0.0, -3.0):
        loss = submission.multinomial_cross_entropy(torch.full((2, 11, 3, 4), score), target)
        expect_value(loss, torch.tensor(math.log(11)))


@check("multinomial_cross_entropy", points=1)
def test_cross_entropy_of_random_pictures(submission):
    """Random scores against soft targets: a sum over the bins, a mean over all the pixels."""
    logits, target = draw(20, 3, 7, 4, 5, low=-4, high=4), soft_target(21, 3, 7, 4, 5)
    expect_value(submission.multinomial_cross_entropy(logits, target), F.cross_entropy(logits, target))


@check("multinomial_cross_entropy", points=1.5)
def test_cross_entropy_with_weights(submission):
    """Class-rebalancing weights: each pixel's loss counts by the weight of its target's largest bin."""
    logits, target = draw(22, 3, 7, 4, 5, low=-4, high=4), soft_target(23, 3, 7, 4, 5)
    weights = draw(24, 7, low=0.2, high=5)
    losses = [
        weights[shares.argmax()] * F.cross_entropy(scores, shares)  # one pixel at a time
        for scores, shares in zip(pixels(logits), pixels(target), strict=True)
    ]
    loss = torch.stack(losses).mean()
    expect_value(submission.multinomial_cross_entropy(logits, target, weights), loss)
    expect_inputs_unchanged(submission)


@check("multinomial_cross_entropy", points=1)
def test_cross_entropy_of_extreme_scores(submission):
    """Scores of ten thousand, both signs, right and wrong: finite, and as large as the scores say."""
    logits = torch.tensor([1e4, 0.0, -1e4]).view(1, 3, 1, 1)
    for share, loss in (([1.0, 0.0, 0.0], 0.0), ([0.0, 1.0, 0.0], 1e4), ([0.25, 0.25, 0.5], 12500.0)):
        result = submission.multinomial_cross_entropy(logits, torch.tensor(share).view(1, 3, 1, 1))
        expect_value(result, torch.tensor(loss))


@check("multinomial_cross_entropy", points=1)
def test_cross_entropy_gradient(submission):
    """The gradient by the scores is right, also where the softmax saturates."""
    target = soft_target(25, 3, 7, 4, 5)
    for scale in (3.0, 3e3):
        logits = scale * draw(26, 3, 7, 4, 5)
        expect_value(submission.multinomial_cross_entropy(logits, target), F.cross_entropy(logits, target))
        slope = submission.gradient_of("multinomial_cross_entropy", logits, target)
        expect_value(slope, (torch.softmax(logits, 1) - target) / 60, what="the gradient")


@check("multinomial_cross_entropy", points=0.5)
def test_cross_entropy_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        logits, target = draw(27, 4, 5, 2, 3).to(dtype), soft_target(28, 4, 5, 2, 3).to(dtype)
        loss = submission.multinomial_cross_entropy(strided(logits), strided(target))
        expect(loss, close_to=F.cross_entropy(logits, target))
        expect_inputs_unchanged(submission)


# -------------------------------------------------------------------------------------------- rebalancing


def prior_of(ab: Tensor, bins: Tensor, sigma: float) -> Tensor:
    """Pixels counted by a k-d tree, then each bin's share handed out bin by bin, in double precision."""
    places = bins.double().numpy()
    _, nearest = cKDTree(places).query(ab.double().movedim(1, -1).reshape(-1, 2).numpy())
    prior = np.zeros(len(places))
    for index in nearest:
        squared = ((places - places[index]) ** 2).sum(axis=1)
        prior += softmax(-squared / (2 * sigma**2)) / len(nearest)
    return torch.from_numpy(prior)


@check("color_prior", points=1)
def test_prior_counts_pixels(submission):
    """Bins too far apart to share anything: the prior is each bin's share of the pixels, none left out."""
    bins = torch.tensor([[-100.0, 0.0], [0.0, 100.0], [90.0, -20.0], [0.0, -100.0]])
    counts = [3, 0, 4, 1]
    ab = bins[torch.repeat_interleave(torch.tensor(counts))].T.reshape(2, 2, 4).movedim(1, 0)[:, :, None]
    ab = ab + draw(29, 2, 2, 1, 4, low=-30, high=30)
    expect_value(submission.color_prior(ab, bins), torch.tensor([3 / 8, 0, 1 / 2, 1 / 8]))


@check("color_prior", points=1)
def test_prior_of_neighbouring_bins(submission):
    """A few bins in a line, one of them with all the pixels: how it shares, worked by hand."""
    bins = torch.tensor([[10.0, 0.0], [0.0, 0.0], [-20.0, 0.0]])
    ab = torch.tensor([[1.0, -2.0, 3.0], [2.0, -1.0, 0.0]]).view(1, 2, 1, 3)
    for sigma in (5.0, 12.0):
        share = torch.tensor([math.exp(-100 / (2 * sigma**2)), 1, math.exp(-400 / (2 * sigma**2))])
        expect_value(submission.color_prior(ab, bins, sigma), share / share.sum(), DISTANCE)


@check("color_prior", points=1.5)
def test_prior_of_random_pictures(submission):
    """Random pictures over some of the bins: all the pixels of the batch, smoothed over the ab plane."""
    bins = lattice(PUBLISHED)[140:170]
    ab = 16 * (draw(30, 3, 2, 4, 5, low=-60, high=60) / 16).round() + 3.3  # no pixel is half-way between bins
    expect_value(submission.color_prior(ab, bins, sigma=9.0), prior_of(ab, bins, 9.0), DISTANCE)


@check("color_prior", points=1)
def test_prior_loses_nothing_at_the_border(submission):
    """The 313 bins with every pixel at the gamut's border: smoothing leaves a sum of 1."""
    bins = lattice(PUBLISHED)
    ab = bins[[0, 0, 4, 5, 312, 312]].T.reshape(1, 2, 2, 3) + torch.tensor([1.2, -1.9]).view(1, 2, 1, 1)
    prior = submission.color_prior(ab, bins)
    expect_value(prior, prior_of(ab, bins, 5.0), DISTANCE)
    expect_value(prior.sum(), torch.tensor(1.0), what="the prior's sum")


@check("color_prior", points=0.5)
def test_prior_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        ab, bins = colours(4, 3, 2, 5).to(dtype), SEVEN_BINS.to(dtype)
        result = submission.color_prior(strided(ab), strided(bins))
        expect(result, close_to=prior_of(ab, bins, 5.0).to(dtype), tolerance=DISTANCE)
        expect_inputs_unchanged(submission)


def rebalanced(prior: Tensor, lam: float) -> Tensor:
    """Eq. 4, bin by bin, in double precision."""
    shares = prior.double().tolist()
    weights = [1 / ((1 - lam) * share + lam / len(shares)) for share in shares]
    expected = sum(share * weight for share, weight in zip(shares, weights, strict=True))
    return torch.tensor([weight / expected for weight in weights], dtype=torch.float64)


@check("rebalancing_weights", points=1)
def test_weights_of_two_bins(submission):
    """Two bins, one nine times as frequent, and the paper's lambda: a case worked by hand."""
    # The mixtures are 0.7 and 0.3, and 0.9 / 0.7 + 0.1 / 0.3 = 34 / 21.
    expect_value(submission.rebalancing_weights(torch.tensor([0.9, 0.1])), torch.tensor([15 / 17, 35 / 17]))


@check("rebalancing_weights", points=1.5)
def test_weights_with_another_lambda(submission):
    """Other values of lambda, small and large, on uneven priors."""
    for seed, bins, lam in ((31, 7, 0.2), (32, 11, 0.9)):
        prior = torch.softmax(draw(seed, bins, low=-2, high=2), dim=0)
        expect_value(submission.rebalancing_weights(prior, lam), rebalanced(prior, lam))


@check("rebalancing_weights", points=0.5)
def test_weights_of_empty_bins(submission):
    """Bins that never occur, as half a hundred of the 313 do not: they too have a weight."""
    prior = torch.tensor([0.0, 0.6, 0.0, 0.3, 0.1])
    expect_value(submission.rebalancing_weights(prior, lam=0.3), rebalanced(prior, 0.3))


@check("rebalancing_weights", points=0.5)
def test_weights_without_rebalancing(submission):
    """Where there is nothing to rebalance, by lambda or by the prior, every weight is the same."""
    uneven = torch.softmax(draw(33, 9, low=-2, high=2), dim=0)
    expect_value(submission.rebalancing_weights(uneven, 1.0), torch.ones(9))
    expect_value(submission.rebalancing_weights(torch.full((8,), 1 / 8), 0.25), torch.ones(8))


@check("rebalancing_weights", points=0.5)
def test_weights_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is changed."""
    for dtype in (torch.float32, torch.float64):
        prior = strided(torch.softmax(draw(34, 6, low=-2, high=2), dim=0).to(dtype))
        expect(submission.rebalancing_weights(prior), close_to=rebalanced(prior, 0.5).to(dtype))
        expect_inputs_unchanged(submission)
