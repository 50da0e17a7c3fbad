"""Hidden checks of assignment 3, colorization.

Oracles: scikit-image for colour, published numbers, torch's own losses, SciPy, closed forms worked
by hand.

Every size differs from every other, so that a wrong axis shows. Checks of values take float32 and
accept float32 or float64; the dtype has a check of its own (`..._form`), so that a slip there costs
once.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial import cKDTree
from scipy.special import softmax
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from autograder.assignments import pack_path
from autograder.checks import Failure, check, expect, expect_inputs_unchanged
from autograder.checks.expect import describe, expect_value
from autograder.checks.inputs import draw, strided
from course_utils.color import bayes_bounds as floors
from course_utils.color.scores import expected_cross_entropy, plausible_share
from course_utils.color.world import WORLD, make_scenes
from course_utils.data.rendered_views import load_views

# Tolerances, relative to the largest expected magnitude (at least 1); see TOLERANCE for the
# default.
# 0.03 Lab units: the standard's constants are published with four to seven digits (0.02 units)
LAB = 3e-4
RGB = 4e-3  # the same in sRGB, where a channel is near black and others are not: one 8-bit level
DARK = 3e-4  # ... and where all channels are
DISTANCE = (
    3e-4  # |x|^2 - 2 x.y + |y|^2, as in torch.cdist, loses 1e-3 of a squared distance in float32
)

# The bins of Zhang et al. (pts_in_hull.npy): a, and the first and last b of its row.
PUBLISHED = [
    *[(-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100), (-40, -40, 100)],
    *[
        (-30, -50, 100),
        (-20, -50, 100),
        (-10, -60, 100),
        (0, -70, 100),
        (10, -80, 90),
        (20, -80, 90),
    ],
    *[
        (30, -90, 90),
        (40, -100, 90),
        (50, -100, 80),
        (60, -110, 80),
        (70, -110, 80),
        (80, -110, 70),
    ],
    *[(90, -110, 70), (100, -90, 0)],
]
# The same rule with steps of 9 and 40. They are the same whether the gamut is sampled with 5
# colours along each axis or with 65: no lattice point lies within 0.05 ab units of the widened
# hull's boundary.
STEP_9 = [
    *[(-90, 54, 90), (-81, 27, 90), (-72, 9, 90), (-63, -9, 90), (-54, -18, 99), (-45, -27, 99)],
    *[(-36, -36, 99), (-27, -45, 99), (-18, -54, 99), (-9, -63, 99), (0, -72, 99), (9, -72, 90)],
    *[(18, -81, 90), (27, -90, 90), (36, -90, 90), (45, -99, 81), (54, -99, 81), (63, -108, 81)],
    *[(72, -108, 72), (81, -108, 72), (90, -108, 63), (99, -90, 0)],
]
STEP_40 = [
    *[
        (-120, 40, 120),
        (-80, -40, 120),
        (-40, -80, 120),
        (0, -120, 120),
        (40, -120, 120),
        (80, -120, 80),
    ],
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
    [
        [60.0, 90.0, -70.0],
        [75.0, -90.0, 40.0],
        [97.0, 40.0, 30.0],
        [15.0, -30.0, -25.0],
        [45.0, 20.0, 70.0],
    ]
)
DARK_LAB = torch.tensor([[1.0, 0.0, 0.0], [4.0, 2.0, -9.0], [6.0, -7.0, 4.0]])


def expect_finite_gradient(
    submission, task: str, *args: Tensor, cotangent: Tensor | list[Tensor]
) -> None:
    """No NaN in the gradient by the first argument. NumPy answers have no gradient: allowed."""
    try:
        slope = submission.gradient_of(task, *args, cotangent=cotangent)
    except Failure as failure:
        if failure.kind not in ("no gradient", "error"):
            raise
    else:
        expect(slope, shape=args[0].shape, what="the gradient")


# ---------------------------------------------------------------------------------------------- Lab


def as_planes(lab: Tensor) -> tuple[Tensor, Tensor]:
    """L*a*b* (B, 3, H, W) at the network's scale."""
    return (lab[:, :1] - 50) / 100, lab[:, 1:] / 110


def planes_of(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Lightness and colour by scikit-image, at the network's scale."""
    return as_planes(
        torch.from_numpy(rgb2lab(rgb.double().movedim(1, -1).numpy())).movedim(-1, 1).to(rgb)
    )


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
    """The pure colours, from red to yellow, have the lightness and colour that colour tables
    print.
    """
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
    """From black to white, greys have no colour; where a gradient flows, it is finite, also at
    black.
    """
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
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
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
    """Colours that no screen can show: too large and too small channels are clipped, each on its
    own.
    """
    lightness, ab = as_planes(picture(OUTSIDE_LAB))
    expect_value(submission.lab_planes_to_rgb(lightness, ab), rgb_of(OUTSIDE_LAB), RGB)


@check("lab_planes_to_rgb", points=0.5)
def test_rgb_gradient_in_the_dark(submission):
    """Black, dark and impossible colours: where a gradient flows back to the lightness, it is
    finite.
    """
    lab = torch.cat([torch.zeros(1, 3), DARK_LAB, OUTSIDE_LAB])
    planes, rgb = as_planes(picture(lab)), rgb_of(lab)
    result = expect(submission.lab_planes_to_rgb(*planes), shape=rgb.shape, dtype=rgb.dtype)
    expect_value(result.clamp(0, 1), rgb, RGB)  # clipping has a check of its own
    expect_finite_gradient(submission, "lab_planes_to_rgb", *planes, cotangent=torch.ones_like(rgb))


@check("lab_planes_to_rgb", points=0.5)
def test_rgb_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        rgb = draw(6, 4, 3, 2, 5, low=0.1).to(dtype)
        lightness, ab = planes_of(rgb)
        result = submission.lab_planes_to_rgb(strided(lightness), strided(ab))
        expect(result, close_to=rgb, tolerance=RGB)
        expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------------------------- bins


def lattice(rows: list[tuple[int, int, int]], step: int = 10) -> Tensor:
    """A table of rows, written out: (Q, 2), sorted by a and then by b."""
    return torch.tensor(
        [[a, b] for a, first, last in rows for b in range(first, last + 1, step)]
    ).float()


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
        raise Failure(
            "wrong value", f"there are too {'few' if len(bins) < len(expected) else 'many'} bins"
        )
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
        raise Failure(
            "wrong value", "the list of bins is not the published one, or in another order"
        )


@check("ab_bins", points=1.5)
def test_bins_of_another_step(submission):
    """Coarser and finer lattices: the step sets the lattice, and also how far the gamut is
    widened.
    """
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
    # Which bins there are has checks of its own; here, most have to be right.
    known = {*map(tuple, lattice(PUBLISHED).tolist())} & {*map(tuple, bins.tolist())}
    if len(known) <= max(len(bins), len(lattice(PUBLISHED))) / 2:
        raise Failure("wrong value", "most of the bins are not those of the default step")
    if not torch.equal(bins, 10 * (bins / 10).round()):
        raise Failure("wrong value", "a bin is no whole multiple of the step")


# -------------------------------------------------------------------------------------- soft encode


# Scattered, in no order, none at a round place.
SEVEN_BINS = torch.tensor(
    [
        [13.0, -41.0],
        [-7.0, 5.0],
        [62.0, 18.0],
        [-58.0, 33.0],
        [9.0, 27.0],
        [-21.0, -36.0],
        [35.0, -3.0],
    ]
)


def colours(seed: int, batch: int, height: int, width: int) -> Tensor:
    """Colours (B, 2, H, W), each 2.2 to 4.4 from a published bin, so that no two bins tie."""
    bins = lattice(PUBLISHED)
    index = torch.randint(
        len(bins), (batch, height, width), generator=torch.Generator().manual_seed(seed)
    )
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
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        ab, bins = strided(colours(3, 4, 3, 5).to(dtype)), strided(lattice(PUBLISHED).to(dtype))
        result = submission.soft_encode(ab, bins)
        expect(result, close_to=encoded(ab, bins).to(dtype), tolerance=DISTANCE)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------ annealed mean


def annealed(logits: Tensor, temperature: float) -> Tensor:
    """The sharpened distribution, in double precision."""
    return torch.from_numpy(softmax(logits.double().numpy() / temperature, axis=1))


def mean_colour(probabilities: Tensor, bins: Tensor) -> Tensor:
    """The expected colour (B, 2, H, W), bin by bin."""
    return sum(
        p[:, None] * c.view(1, 2, 1, 1) for p, c in zip(probabilities.unbind(1), bins, strict=True)
    )


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
        expect_value(
            submission.annealed_mean(logits, SEVEN_BINS, temperature=temperature), expected
        )


@check("annealed_mean", points=0.5)
def test_annealed_mean_at_the_papers_temperature(submission):
    """Without a temperature, the paper's is taken."""
    logits = draw(9, 2, 7, 3, 5, low=-2, high=2)
    expect_value(
        submission.annealed_mean(logits, SEVEN_BINS),
        mean_colour(annealed(logits, 0.38), SEVEN_BINS),
    )


@check("annealed_mean", points=0.5)
def test_annealed_mean_of_extreme_scores(submission):
    """Scores of ten thousand, both signs, a temperature near zero: the most likely bin, no
    overflow.
    """
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
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        logits, bins = draw(12, 2, 7, 3, 4).to(dtype), SEVEN_BINS.to(dtype)
        expected = mean_colour(annealed(logits, 0.38), bins).to(dtype)
        expect(submission.annealed_mean(strided(logits), strided(bins)), close_to=expected)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------- losses


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
    """Pictures of unequal sizes, small and large differences: the loss is a mean over all the
    pixels.
    """
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
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        prediction, target = (
            strided(draw(17, 2, 2, 3, 7).to(dtype)),
            strided(draw(18, 2, 2, 3, 7).to(dtype)),
        )
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
    expect_value(
        submission.multinomial_cross_entropy(logits, target), F.cross_entropy(logits, target)
    )


@check("multinomial_cross_entropy", points=1.5)
def test_cross_entropy_with_weights(submission):
    """Class-rebalancing weights: each pixel's loss counts by the weight of its target's largest
    bin.
    """
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
    """Scores of ten thousand, both signs, right and wrong: finite, and as large as the scores
    say.
    """
    logits = torch.tensor([1e4, 0.0, -1e4]).view(1, 3, 1, 1)
    for share, loss in (
        ([1.0, 0.0, 0.0], 0.0),
        ([0.0, 1.0, 0.0], 1e4),
        ([0.25, 0.25, 0.5], 12500.0),
    ):
        result = submission.multinomial_cross_entropy(logits, torch.tensor(share).view(1, 3, 1, 1))
        expect_value(result, torch.tensor(loss))


@check("multinomial_cross_entropy", points=1)
def test_cross_entropy_gradient(submission):
    """The gradient by the scores is right, also where the softmax saturates."""
    target = soft_target(25, 3, 7, 4, 5)
    for scale in (3.0, 3e3):
        logits = scale * draw(26, 3, 7, 4, 5)
        expect_value(
            submission.multinomial_cross_entropy(logits, target), F.cross_entropy(logits, target)
        )
        slope = submission.gradient_of("multinomial_cross_entropy", logits, target)
        expect_value(slope, (torch.softmax(logits, 1) - target) / 60, what="the gradient")


@check("multinomial_cross_entropy", points=0.5)
def test_cross_entropy_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        logits, target = draw(27, 4, 5, 2, 3).to(dtype), soft_target(28, 4, 5, 2, 3).to(dtype)
        loss = submission.multinomial_cross_entropy(strided(logits), strided(target))
        expect(loss, close_to=F.cross_entropy(logits, target))
        expect_inputs_unchanged(submission)


# -------------------------------------------------------------------------------------- rebalancing


def prior_of(ab: Tensor, bins: Tensor, sigma: float) -> Tensor:
    """Pixels counted by a k-d tree, shares smoothed bin by bin, in double precision."""
    places = bins.double().numpy()
    _, nearest = cKDTree(places).query(ab.double().movedim(1, -1).reshape(-1, 2).numpy())
    prior = np.zeros(len(places))
    for index in nearest:
        squared = ((places - places[index]) ** 2).sum(axis=1)
        prior += softmax(-squared / (2 * sigma**2)) / len(nearest)
    return torch.from_numpy(prior)


@check("color_prior", points=1)
def test_prior_counts_pixels(submission):
    """Bins too far apart to share anything: the prior is each bin's share of the pixels, none left
    out.
    """
    bins = torch.tensor([[-100.0, 0.0], [0.0, 100.0], [90.0, -20.0], [0.0, -100.0]])
    counts = [3, 0, 4, 1]
    ab = (
        bins[torch.repeat_interleave(torch.tensor(counts))]
        .T.reshape(2, 2, 4)
        .movedim(1, 0)[:, :, None]
    )
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
    """Random pictures over some of the bins: all the pixels of the batch, smoothed over the ab
    plane.
    """
    bins = lattice(PUBLISHED)[140:170]
    ab = (
        16 * (draw(30, 3, 2, 4, 5, low=-60, high=60) / 16).round() + 3.3
    )  # no pixel is half-way between bins
    expect_value(submission.color_prior(ab, bins, sigma=9.0), prior_of(ab, bins, 9.0), DISTANCE)


@check("color_prior", points=1)
def test_prior_loses_nothing_at_the_border(submission):
    """The 313 bins with every pixel at the gamut's border: smoothing leaves a sum of 1."""
    bins = lattice(PUBLISHED)
    ab = bins[[0, 0, 4, 5, 312, 312]].T.reshape(1, 2, 2, 3) + torch.tensor([1.2, -1.9]).view(
        1, 2, 1, 1
    )
    prior = submission.color_prior(ab, bins)
    expect_value(prior, prior_of(ab, bins, 5.0), DISTANCE)
    expect_value(prior.sum(), torch.tensor(1.0), what="the prior's sum")


@check("color_prior", points=0.5)
def test_prior_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
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
    expect_value(
        submission.rebalancing_weights(torch.tensor([0.9, 0.1])), torch.tensor([15 / 17, 35 / 17])
    )


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
    # Ones are an answer only of a function that rebalances when there is something to.
    weights = expect(submission.rebalancing_weights(uneven, 0.25), shape=(9,))
    if weights.std() < 0.1:
        raise Failure("wrong value", "an uneven prior is not rebalanced")
    expect_value(submission.rebalancing_weights(uneven, 1.0), torch.ones(9))
    expect_value(submission.rebalancing_weights(torch.full((8,), 1 / 8), 0.25), torch.ones(8))


@check("rebalancing_weights", points=0.5)
def test_weights_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        prior = strided(torch.softmax(draw(34, 6, low=-2, high=2), dim=0).to(dtype))
        expect(submission.rebalancing_weights(prior), close_to=rebalanced(prior, 0.5).to(dtype))
        expect_inputs_unchanged(submission)


# -------------------------------------------------------------------------------------- the network


LAYERS = 1e-4  # ten layers in float32, of up to a thousand summands each
RANGES = {
    "weight": (0.5, 2.0),
    "running_var": (0.5, 3.0),
    "running_mean": (-0.5, 0.5),
    "bias": (-0.3, 0.5),
}
NORM = ("running_mean", "running_var", "weight", "bias")  # in the order of F.batch_norm


def colorizer_shapes(
    outputs: int, blocks: Sequence[Sequence[int]], up: int
) -> dict[str, tuple[int, ...]]:
    """The shape of everything that a Colorizer keeps, by name."""
    before = 1
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (width, convolutions, *_) in enumerate(blocks):
        block = f"blocks.{number}"
        for index in range(0, 2 * convolutions, 2):
            shapes |= {
                f"{block}.{index}.weight": (width, before, 3, 3),
                f"{block}.{index}.bias": (width,),
            }
            before = width
        norm = f"{block}.{2 * convolutions}"
        shapes |= {f"{norm}.{part}": (width,) for part in RANGES} | {
            f"{norm}.num_batches_tracked": ()
        }
    shapes |= {"up.0.weight": (before, up, 4, 4), "up.0.bias": (up,)}
    shapes |= {"up.2.weight": (up, up, 3, 3), "up.2.bias": (up,)}
    return shapes | {"scores.weight": (outputs, up, 1, 1), "scores.bias": (outputs,)}


def colorizer_state(seed: int, *sizes) -> dict[str, Tensor]:
    """Weights for every layer that keep the scale of numbers through a ReLU, and statistics."""
    state = {}
    for number, (name, shape) in enumerate(colorizer_shapes(*sizes).items()):
        low, high = RANGES.get(name.rpartition(".")[2], (0, 0))
        if (
            len(shape) == 4
        ):  # of the up-convolution a quarter of a kernel meets a value, the rest meets zeros
            summands = 4 * shape[0] if name.startswith("up.0") else math.prod(shape[1:])
            low, high = -math.sqrt(6 / summands), math.sqrt(6 / summands)
        state[name] = draw(seed + number, *shape, low=low, high=high) if shape else torch.tensor(9)
    return state


def dilated(kernels: Tensor, dilation: int) -> Tensor:
    """Dilated kernels, written out: zeros between their values."""
    side = 2 * dilation + 1
    wide = torch.zeros(*kernels.shape[:2], side, side, dtype=kernels.dtype)
    wide[..., ::dilation, ::dilation] = kernels
    return wide


def scores_of(
    lightness: Tensor,
    state: dict[str, Tensor],
    blocks: Sequence[Sequence[int]],
    training: bool = False,
) -> Tensor:
    """A Colorizer's answer, by torch's functions. While training, statistics are updated.

    A stride is every so-many-th place of a convolution without one.
    """

    def convolved(maps: Tensor, name: str, dilation: int = 1) -> Tensor:
        kernels = dilated(state[f"{name}.weight"], dilation)
        return F.relu(F.conv2d(maps, kernels, state[f"{name}.bias"], padding="same"))

    maps = lightness
    for number, (_, convolutions, stride, dilation) in enumerate(blocks):
        for index in range(0, 2 * convolutions, 2):
            maps = convolved(maps, f"blocks.{number}.{index}", dilation)
        layer = f"blocks.{number}.{2 * convolutions}"
        mean, variance, weight, bias = (state[f"{layer}.{part}"] for part in NORM)
        sampled = maps[..., ::stride, ::stride]
        maps = F.batch_norm(sampled, mean, variance, weight, bias, training=training)
    painted = F.conv_transpose2d(maps, state["up.0.weight"], state["up.0.bias"], stride=2)
    maps = convolved(F.relu(painted[..., 1:-1, 1:-1]), "up.2")
    mixed = torch.einsum("oc,bchw->bohw", state["scores.weight"][..., 0, 0], maps)
    return mixed + state["scores.bias"].view(-1, 1, 1)


def colorizer_loaded(
    submission,
    state: dict[str, Tensor],
    *arguments: object,
    training: bool = False,
    **options: object,
):
    """A Colorizer with these weights in it, so that its random beginning does not matter."""
    network = submission.Colorizer(*arguments, **options)
    try:
        network.load_state_dict(state)
    except Failure as failure:
        if failure.kind == "error":
            raise colorizer_misfit(network, state) from None
        raise
    network.train(training)
    return network


def colorizer_misfit(network, state: dict[str, Tensor]) -> Failure:
    """The weights that do not fit, found by loading one at a time, also in an impossible shape.

    Weights of another shape are an error, those of a name that there is not are left out.
    """
    for name, weight in state.items():
        if not takes_weights(network, {name: weight}):
            return Failure("wrong shape", f"`{name}` has another shape than the docstring gives it")
        if takes_weights(network, {name: weight[None, None]}):
            return Failure("wrong type", f"there is no `{name}`, which the docstring's layers have")
    return Failure("wrong type", "there are more layers with weights than the docstring has")


def takes_weights(network, weights: dict[str, Tensor]) -> bool:
    """Whether these weights, and no others, can be put in."""
    try:
        network.load_state_dict(weights, strict=False)
    except Failure:
        return False
    return True


@check("Colorizer", points=1)
def test_colorizer_of_plain_blocks(submission):
    """Three blocks without dilation, weights put in by their names: a batch, as at test time."""
    sizes = 5, ((6, 2, 2, 1), (4, 1, 2, 1), (7, 2, 2, 1)), 3
    state, lightness = colorizer_state(100, *sizes), draw(101, 2, 1, 40, 48)
    network = colorizer_loaded(submission, state, *sizes)
    expect_value(network(lightness), scores_of(lightness, state, sizes[1]), LAYERS)


@check("Colorizer", points=1)
def test_colorizer_strides(submission):
    """Blocks of several convolutions, strides large and small: where in its block each stride
    is.
    """
    for blocks in (
        ((4, 3, 2, 1), (6, 2, 4, 1)),
        ((3, 2, 4, 1), (5, 3, 1, 1), (4, 2, 2, 1)),
        ((5, 2, 8, 1),),
    ):
        sizes = 6, [list(block) for block in blocks], 4
        state, lightness = colorizer_state(200, *sizes), draw(201, 3, 1, 24, 16)
        network = colorizer_loaded(submission, state, *sizes)
        expect_value(network(lightness), scores_of(lightness, state, blocks), LAYERS)


@check("Colorizer", points=1)
def test_colorizer_dilations(submission):
    """Dilated blocks, with and without a stride: every convolution of a block, up to the border."""
    for blocks in (
        ((4, 2, 2, 1), (6, 2, 2, 1), (5, 2, 2, 1), (3, 2, 1, 2)),
        ((5, 2, 4, 3), (4, 3, 2, 2)),
    ):
        state, lightness = colorizer_state(300, 7, blocks, 6), draw(301, 2, 1, 48, 64)
        network = colorizer_loaded(submission, state, 7, blocks, up=6)
        expect_value(network(lightness), scores_of(lightness, state, blocks), LAYERS)


@check("Colorizer", points=0.5)
def test_colorizer_of_its_default_sizes(submission):
    """The docstring's sizes: with nothing given, and to predict the two coordinates themselves."""
    blocks = ((16, 2, 2, 1), (48, 2, 2, 1), (96, 2, 2, 1), (96, 2, 1, 2))
    lightness = draw(401, 2, 1, 40, 48, low=-0.5, high=0.5)
    for outputs, given in ((313, ()), (2, (2,))):
        state = colorizer_state(400, outputs, blocks, 64)
        network = colorizer_loaded(submission, state, *given)
        expect_value(network(lightness), scores_of(lightness, state, blocks), LAYERS)


@check("Colorizer", points=0.5)
def test_colorizer_of_pictures_of_any_size(submission):
    """One network for small and large, wide and high pictures, one and several, faint and
    strong.
    """
    sizes = 4, ((5, 2, 2, 1), (3, 1, 2, 2), (6, 2, 2, 1)), 5
    state = colorizer_state(500, *sizes)
    network = colorizer_loaded(submission, state, *sizes)
    for size, most in (((1, 1, 40, 56), 0.5), ((3, 1, 32, 8), 100.0), ((2, 1, 8, 8), 0.01)):
        lightness = draw(501, *size, low=-most, high=most)
        expect_value(network(lightness), scores_of(lightness, state, sizes[1]), LAYERS)


@check("Colorizer", points=1)
def test_colorizer_while_training(submission):
    """While training, the batch's own statistics are used, and remembered for the time after it."""
    sizes = 5, ((4, 2, 2, 1), (6, 1, 2, 1), (3, 2, 2, 2)), 7
    state, lightness = colorizer_state(600, *sizes), draw(601, 4, 1, 40, 24)
    network = colorizer_loaded(submission, state, *sizes, training=True)
    remembered = {name: tensor.clone() for name, tensor in state.items()}
    for training in (True, True, False):
        network.train(training)
        expected = scores_of(lightness, remembered, sizes[1], training)
        expect_value(network(lightness), expected, LAYERS)


@check("Colorizer", points=0.5)
def test_colorizer_gradient(submission):
    """The gradient that arrives at the scores flows back through all the layers to the
    lightness.
    """
    sizes = 6, ((4, 2, 4, 1), (5, 2, 2, 2)), 3
    lightness, cotangent = draw(701, 2, 1, 40, 48), draw(702, 2, 6, 10, 12)
    state, leaf = colorizer_state(700, *sizes), lightness.clone().requires_grad_()
    expected = scores_of(leaf, state, sizes[1])
    network = colorizer_loaded(submission, state, *sizes)
    expect_value(network(lightness), expected, LAYERS)
    [slope] = torch.autograd.grad(expected, leaf, cotangent)
    found = submission.gradient_of(network, lightness, cotangent=cotangent)
    expect_value(found, slope, LAYERS, "the gradient")


@check("Colorizer", points=0.5)
def test_colorizer_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the weights, and no input is
    changed.
    """
    sizes = 3, ((4, 2, 2, 1), (6, 1, 4, 2)), 5
    state = colorizer_state(800, *sizes)
    network = colorizer_loaded(submission, state, *sizes)
    for dtype, tolerance in ((torch.float32, LAYERS), (torch.float64, None)):
        network.to(dtype)
        state = {name: tensor.to(dtype) for name, tensor in state.items()}
        lightness = strided(draw(801, 2, 1, 24, 40).to(dtype))
        expect(
            network(lightness), close_to=scores_of(lightness, state, sizes[1]), tolerance=tolerance
        )
        expect_inputs_unchanged(submission)


COLORIZER, STRIDES, DILATIONS = "colorizer.safetensors", (2, 2, 2, 1), (1, 1, 1, 2)
ABOVE, OWNED = 0.06, 0.75  # of the least cross-entropy; of the chairs' and tables' pixels


@cache
def hidden_rooms() -> tuple[Tensor, Tensor]:
    """Furniture rooms that nobody was given: lightness, and the object at every fourth pixel."""
    rooms = make_scenes(load_views(pack_path("furniture_hidden"), size=64), 96, seed=7)
    return rooms.lightness, rooms.kind[..., 2::4, 2::4]


def colorizer_sizes(state: dict[str, Tensor]) -> tuple | None:
    """The sizes that a Colorizer of these weights was made with; None if there is no such one."""
    blocks = []
    for number, (stride, dilation) in enumerate(zip(STRIDES, DILATIONS, strict=True)):
        kernels = [
            t for name, t in state.items() if name.startswith(f"blocks.{number}.") and t.dim() == 4
        ]
        blocks.append((len(kernels[0]) if kernels else 0, len(kernels), stride, dilation))
    outputs, up = (state.get(f"{name}.bias", torch.empty(0)).numel() for name in ("scores", "up.2"))
    return (outputs, blocks, up) if all([outputs, up, *(width for width, *_ in blocks)]) else None


def saved_colorizer(submission):
    """The student's own colorizer, as it was trained and saved, of whatever widths."""
    state = {name: tensor.float() for name, tensor in submission.saved(COLORIZER).items()}
    sizes = colorizer_sizes(state)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if sizes is None or shapes != colorizer_shapes(*sizes):
        which = f"four blocks, of strides {STRIDES} and dilations {DILATIONS}"
        raise Failure(
            "wrong type", f"`{COLORIZER}` does not hold the weights of a `Colorizer` of {which}"
        )
    if sizes[0] != len(lattice(PUBLISHED)):
        raise Failure(
            "wrong shape", f"`{COLORIZER}` was trained to score other bins than the published ones"
        )
    return colorizer_loaded(submission, state, *sizes)


def share_owned(logits: Tensor, kind: Tensor) -> float:
    """The share of chair and table pixels whose decoded colour is near one that they can have."""
    pieces = [index for index, palette in enumerate(WORLD) if palette.name in ("chair", "table")]
    near = plausible_share(mean_colour(annealed(logits, 0.38), lattice(PUBLISHED)), kind)
    pixels = floors.shares(kind)
    return ((near * pixels)[pieces].sum() / pixels[pieces].sum()).item()


@check("Colorizer", points=2, explained=False)
def test_colorizer_trained(submission):
    """Your network, as you trained and saved it, colours unseen rooms: 6 % above the floor, 75 %
    owned.
    """
    lightness, kind = hidden_rooms()
    network, size = saved_colorizer(submission), (len(lattice(PUBLISHED)), *kind.shape[1:])
    some = [  # as many at a time as one answer has room for
        expect(network(few), shape=(len(few), *size), dtype=torch.float32)
        for few in lightness.split(24)
    ]
    logits = torch.cat(some).detach().double()

    def code_of(ab: Tensor) -> Tensor:
        return encoded(ab, lattice(PUBLISHED))

    least = floors.cross_entropy_floor(floors.shares(kind), code_of)
    above = (expected_cross_entropy(logits, kind, code_of) / least).item() - 1
    share, said = share_owned(logits, kind), []
    if above > ABOVE:
        percent = f"{math.ceil(100 * above)}%" if above < 9 else "more than 900%"
        said += [
            f"its cross-entropy is {percent} above the least that there can be: {ABOVE:.0%} are "
            "allowed"
        ]
    if share < OWNED:
        pixels = f"{math.floor(100 * share)}% of the chairs' and tables' pixels"
        said += [f"{pixels} get a colour that they own: {OWNED:.0%} are wanted"]
    if said:
        raise Failure("wrong value", "; ".join(said))


# ----------------------------------------------------------------------------------------- colorize


def stretched(line: np.ndarray, size: int) -> np.ndarray:
    """Linear interpolation between cell centres, constant beyond the outermost."""
    return np.interp((np.arange(size) + 0.5) * len(line) / size - 0.5, np.arange(len(line)), line)


def painted(lightness: Tensor, ab: Tensor) -> Tensor:
    """The picture by scikit-image; ab colours are stretched along one axis, then the other."""
    grid = ab.numpy()
    for axis in (2, 3):
        grid = np.apply_along_axis(stretched, axis, grid, lightness.shape[axis])
    lab = torch.cat([lightness.double() * 100 + 50, torch.from_numpy(grid)], dim=1)
    return torch.from_numpy(np.moveaxis(lab2rgb(np.moveaxis(lab.numpy(), 1, -1)), -1, 1).copy())


MUTED_BINS = SEVEN_BINS / 3  # every mixture of these can be shown, at a lightness L* from 35 to 80


def medium(seed: int, *shape: int) -> Tensor:
    """Lightness in that range, at the network's scale."""
    return draw(seed, *shape, low=-0.15, high=0.3)


@check("colorize", points=1)
def test_painting_with_one_colour(submission):
    """One cell of scores for a whole picture, at two temperatures: the colour is worked by hand."""
    bins, lightness = torch.tensor([[24.0, -8.0], [-16.0, 12.0]]), medium(35, 1, 1, 3, 5)
    logits = torch.tensor([math.log(3.0), 0.0]).view(1, 2, 1, 1)
    for temperature, a, b in ((1.0, 14.0, -3.0), (0.5, 20.0, -6.0)):  # the shares are 3/4 and 9/10
        expected = painted(lightness, torch.tensor([a, b]).view(1, 2, 1, 1))
        expect_value(
            submission.colorize(lightness, logits, bins, temperature=temperature), expected, RGB
        )


@check("colorize", points=1.5)
def test_painting_stretches_the_colour(submission):
    """Coarse grids of scores, wide and high: the colour is stretched to the size of the picture."""
    # No side is a multiple of the grid's.
    for batch, grid, size in ((2, (3, 4), (10, 14)), (3, (5, 2), (13, 9))):
        lightness, logits = medium(36, batch, 1, *size), draw(37, batch, 7, *grid)
        expected = painted(lightness, mean_colour(annealed(logits, 0.38), MUTED_BINS))
        expect_value(submission.colorize(lightness, logits, MUTED_BINS), expected, RGB)


@check("colorize", points=1)
def test_painting_at_other_temperatures(submission):
    """Random scores, colder and hotter than the default."""
    lightness, logits = medium(38, 3, 1, 9, 11), draw(39, 3, 7, 4, 5, low=-3, high=3)
    for temperature in (0.15, 2.5):
        expected = painted(lightness, mean_colour(annealed(logits, temperature), MUTED_BINS))
        expect_value(submission.colorize(lightness, logits, MUTED_BINS, temperature), expected, RGB)


@check("colorize", points=1)
def test_painting_keeps_the_lightness(submission):
    """A picture full of fine detail: taken apart again, it has every pixel's own lightness."""
    lightness, logits = medium(40, 2, 1, 11, 8), draw(41, 2, 7, 4, 3, low=-2, high=2)
    result = submission.colorize(lightness, logits, MUTED_BINS, 0.6)
    expect_value(result, torch.full((2, 3, 11, 8), 0.5), 0.5)  # a picture, in [0, 1]
    kept, _ = planes_of(result.detach())
    expect_value(
        kept, lightness, 1e-3, "the lightness of the result"
    )  # 0.1 of 100: LAB, there and back


@check("colorize", points=0.5)
def test_painting_outside_the_gamut(submission):
    """Very vivid colours and scores of ten thousand: what no screen can show is clipped, at the
    very end.
    """
    bins = torch.tensor([[90.0, -70.0], [-90.0, 40.0], [60.0, 65.0]])
    lightness = draw(42, 2, 1, 7, 9, low=-0.1, high=0.45)
    logits = 1e4 * torch.eye(3)[torch.tensor([[[0, 1], [2, 0]], [[1, 1], [0, 2]]])].movedim(-1, 1)
    expected = painted(lightness, mean_colour(annealed(logits, 0.38), bins))
    expect_value(submission.colorize(lightness, logits, bins), expected, RGB)


@check("colorize", points=0.5)
def test_painting_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        lightness, logits = medium(43, 3, 1, 5, 8).to(dtype), draw(44, 3, 7, 2, 4).to(dtype)
        bins = MUTED_BINS.to(dtype)
        expected = painted(lightness, mean_colour(annealed(logits, 0.38), bins)).to(dtype)
        result = submission.colorize(strided(lightness), strided(logits), strided(bins))
        expect(result, close_to=expected, tolerance=RGB)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------- colorfulness

# A tenth of a unit, of 100. A spread by mean square minus squared mean is off by no more in
# float32, and a spread over one pixel less by ten times as much.
OPPONENT = 1e-3


def colorful(rgb: Tensor) -> Tensor:
    """Hasler and Suesstrunk's measure, picture by picture, in NumPy and double precision."""
    values = []
    for red, green, blue in 255 * rgb.double().numpy():
        rg, yb = red - green, 0.5 * (red + green) - blue
        values.append(math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean()))
    return torch.tensor(values, dtype=torch.float64)


@check("colorfulness", points=1)
def test_colorfulness_of_greys_and_of_one_colour(submission):
    """Greys have no colour at all, and a single colour has a mean and no spread: worked by hand."""
    # rg and yb are 4 and -3 times 25.5, and -3 and -4 times 45.9: 0.3 * 127.5 and 0.3 * 229.5.
    colour = torch.tensor([[0.6, 0.2, 0.7], [0.0, 0.54, 0.99]])
    grey = draw(45, 1, 1, 4, 5, low=0).repeat(1, 3, 1, 1)
    rgb = torch.cat([colour[:, :, None, None].repeat(1, 1, 4, 5), grey])
    # Where there is no spread, a difference of squares leaves the root of a rounding error.
    expect_value(submission.colorfulness(rgb), torch.tensor([38.25, 68.85, 0.0]), 2 * OPPONENT)


@check("colorfulness", points=1)
def test_colorfulness_of_two_colours(submission):
    """A few pixels of two colours that cancel: a spread and no mean, worked by hand."""
    # rg and yb are +-4 and -+3 times 25.5: the spread is 127.5; at half the contrast it is half
    # that.
    colour = torch.tensor([[0.6, 0.2, 0.7], [0.2, 0.6, 0.1]])
    rgb = colour[[0, 1, 1, 1, 0, 0]].T.reshape(1, 3, 2, 3)
    both = torch.cat([rgb, rgb / 2 + 0.1])
    expect_value(submission.colorfulness(both), torch.tensor([127.5, 63.75]), OPPONENT)


@check("colorfulness", points=1.5)
def test_colorfulness_of_random_pictures(submission):
    """Dull, tinted and vivid pictures in one batch: each has a number of its own."""
    tint = torch.tensor([[0.9, 0.2, 0.1], [0.5, 0.6, 0.4], [0.1, 0.3, 0.9], [0.3, 0.8, 0.2]])
    contrast = torch.tensor([0.1, 0.2, 0.6, 1.0])
    rgb = torch.lerp(tint.view(4, 3, 1, 1), draw(46, 4, 3, 5, 7, low=0), contrast.view(4, 1, 1, 1))
    expect_value(submission.colorfulness(rgb), colorful(rgb), OPPONENT)
    one = rgb[2:3].mT
    expect_value(submission.colorfulness(one), colorful(one), OPPONENT)


@check("colorfulness", points=0.5)
def test_colorfulness_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        rgb = draw(47, 2, 3, 5, 4, low=0).to(dtype)
        expect(
            submission.colorfulness(strided(rgb)),
            close_to=colorful(rgb).to(dtype),
            tolerance=OPPONENT,
        )
        expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------------- colorization_auc

# Thresholds one ab unit apart can be summed in many ways: 150 or 151 of them, as steps or as
# trapezoids, with < or <=. None is wrong. At a whole distance the area is so off by up to a step of
# 150, and half-way between two thresholds, as in the mean over many pixels, by up to half a step
# (0.0033). No check is tighter.
STEP, HALF_STEP = 7e-3, 5e-3


def area(prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """The area under the curve by counting: a threshold every 0.05 ab units, in float64."""
    offset = (prediction.double() - target.double()).numpy()
    distances = np.hypot(offset[:, 0], offset[:, 1]).ravel()
    counts = np.ones(len(distances)) if weights is None else weights.double().numpy().ravel()
    order = np.argsort(distances)
    sums = np.concatenate([[0.0], np.cumsum(counts[order])])
    within = sums[np.searchsorted(distances[order], np.arange(0.025, 150, 0.05), side="right")]
    return torch.tensor(np.mean(within) / sums[-1])


def rarity(target: Tensor, bins: Tensor, prior: Tensor) -> Tensor:
    """1 / prior of each pixel's own bin, by a k-d tree."""
    _, nearest = cKDTree(bins.double().numpy()).query(target.double().movedim(1, -1).numpy())
    return 1 / prior.double()[torch.from_numpy(nearest)]


def guesses(seed: int, target: Tensor) -> Tensor:
    """Predictions at all distances from 0 to 190, in every direction, not equally often."""
    distance, angle = draw(seed, 2, *target[:, 0].shape, low=0)
    offset = torch.stack([torch.cos(7 * angle), torch.sin(7 * angle)], dim=1)
    return target + 190 * (distance**1.3)[:, None] * offset


@check("colorization_auc", points=0.5)
def test_auc_of_one_distance(submission):
    """Every pixel equally far from the truth: the area worked by hand, for two distances."""
    target = 30 * draw(48, 2, 2, 3, 5)
    for offset, expected in (((-21.3, 28.4), 1 - 35.5 / 150), ((85.2, 63.9), 1 - 106.5 / 150)):
        prediction = target + torch.tensor(offset).view(1, 2, 1, 1)
        expect_value(
            submission.colorization_auc(prediction, target), torch.tensor(expected), HALF_STEP
        )


@check("colorization_auc", points=0.5)
def test_auc_perfect_and_hopeless(submission):
    """The true colours, and predictions that no threshold lets pass, far off and farther: both
    ends.
    """
    target = 50 * draw(49, 3, 2, 4, 5)
    expect_value(submission.colorization_auc(target.clone(), target), torch.tensor(1.0), STEP)
    for a, b in ((-110.0, 120.0), (1e4, -2e4)):
        prediction = target + torch.tensor([a, b]).view(1, 2, 1, 1)
        # Here every way of summing gives nothing at all.
        expect_value(submission.colorization_auc(prediction, target), torch.tensor(0.0))


@check("colorization_auc", points=1)
def test_auc_of_random_pictures(submission):
    """Pictures with pixels at all distances, some beyond the last threshold: all of them count the
    same.
    """
    # So many pixels that counting with trapezoids agrees to 1e-4, which explaining a wrong answer
    # asks for.
    target = colours(5, 3, 41, 70)
    prediction = guesses(50, target)
    expect_value(
        submission.colorization_auc(prediction, target), area(prediction, target), HALF_STEP
    )


@check("colorization_auc", points=0.5)
def test_auc_with_bins_and_no_prior(submission):
    """Where bins are given and no prior is, nothing is rebalanced."""
    target = colours(6, 2, 31, 40)
    prediction = guesses(51, target)
    result = submission.colorization_auc(prediction, target, bins=lattice(PUBLISHED))
    expect_value(result, area(prediction, target), HALF_STEP)


@check("colorization_auc", points=1)
def test_auc_rebalanced_by_hand(submission):
    """Frequent and rare colours, and one that never occurs: what each pixel counts is worked by
    hand.
    """
    bins = torch.tensor([[70.0, 10.0], [0.0, 0.0], [-60.0, -50.0], [10.0, 90.0]])
    target = torch.tensor([[2.0, -5.0, -57.0, 4.0], [-3.0, 4.0, -55.0, 86.0]]).view(1, 2, 1, 4)
    offset = torch.tensor([[18.3, 0.0, -81.3, 18.3], [-24.4, 30.5, 108.4, 24.4]]).view(1, 2, 1, 4)
    prior = torch.tensor([0.0, 0.6, 0.1, 0.3])
    # Of pixels 30.5 off, two count 1 / 0.6 each and one 1 / 0.3, and the one 135.5 off counts 1 /
    # 0.1.
    expected = (20 / 3 * (1 - 30.5 / 150) + 10 * (1 - 135.5 / 150)) / (20 / 3 + 10)
    result = submission.colorization_auc(target + offset, target, bins, prior)
    expect_value(result, torch.tensor(expected), HALF_STEP)


@check("colorization_auc", points=1.5)
def test_auc_rebalanced_on_random_pictures(submission):
    """The 313 bins and an uneven prior, in pictures that are unlike each other: rare colours count
    more.
    """
    bins, prior = lattice(PUBLISHED), torch.softmax(draw(52, 313, low=-2, high=2), dim=0)
    target = colours(7, 3, 41, 70)
    target[0] = colours(8, 1, 1, 1)[0]  # a picture of one colour
    # The rarer, the farther off; and the first picture is the best.
    rare = rarity(target, bins, prior)[:, None].float()
    prediction = torch.lerp(target, guesses(53, target), rare / (rare + rare.median()))
    prediction[0] = torch.lerp(target[0], prediction[0], 0.5)
    result = submission.colorization_auc(prediction, target, bins, prior)
    expect_value(result, area(prediction, target, rarity(target, bins, prior)), HALF_STEP)


@check("colorization_auc", points=0.5)
def test_auc_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    prior = torch.softmax(draw(54, 7, low=-2, high=2), dim=0)
    for dtype in (torch.float32, torch.float64):
        target = colours(9, 4, 13, 30)
        prediction, weights = guesses(55, target), rarity(target, SEVEN_BINS, prior)
        given = [strided(tensor.to(dtype)) for tensor in (prediction, target, SEVEN_BINS, prior)]
        for most, expected in (
            (2, area(prediction, target)),
            (4, area(prediction, target, weights)),
        ):
            result = submission.colorization_auc(*given[:most])
            expect(result, close_to=expected.to(dtype), tolerance=HALF_STEP)
            expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------- a target without zeros


def expect_parts(
    result: object, batch: int, neighbors: int, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """The indices and the shares of a target without zeros, by their form. Raises Failure."""
    if not isinstance(result, (tuple, list)):
        raise Failure(
            "wrong type", f"the result is {describe(result)}, not the indices and the shares"
        )
    if len(result) != 2:
        raise Failure("wrong type", "the result is not a pair, the indices and the shares")
    shape = batch, neighbors, height, width
    indices = expect(result[0], shape=shape, what="the first result, the indices,").detach()
    shares = expect(result[1], shape=shape, what="the second result, the shares,").detach()
    if indices.dtype not in (torch.int32, torch.int64):
        raise Failure("wrong dtype", "the first result, the indices, is not made of whole numbers")
    if shares.dtype not in (torch.float32, torch.float64):
        raise Failure("wrong dtype", "the second result, the shares, is not made of fractions")
    return indices.long(), shares


def expect_sparse(
    result: object, expected: Tensor, neighbors: int, tolerance: float = DISTANCE
) -> None:
    """Together the indices and the shares are this dense target (B, Q, H, W), in whatever order."""
    batch, bins, *size = expected.shape
    indices, shares = expect_parts(result, batch, neighbors, *size)
    if not ((indices >= 0) & (indices < bins)).all():
        raise Failure("wrong value", "some of the indices are not those of a bin")
    if (indices.sort(dim=1).values.diff(dim=1) == 0).any():
        raise Failure("wrong value", "a pixel has the same bin more than once")
    found = torch.zeros(expected.shape, dtype=shares.dtype).scatter(1, indices, shares)
    expect_value(
        found, expected, tolerance, "the target that the indices and the shares make together"
    )


@check("sparse_soft_encode", points=1)
def test_sparse_encoding_of_one_colour(submission):
    """One colour and a few bins: the nearest of them and their shares, worked by hand."""
    ab = torch.tensor([-3.0, 4.0]).view(1, 2, 1, 1)
    bins = torch.tensor([[17.0, 19.0], [-3.0, 10.0], [40.0, 4.0], [1.0, 1.0]])  # at 25, 6, 43, 5
    first, second = math.exp(-25 / 50), math.exp(-36 / 50)
    both = torch.tensor([0, second, 0, first]).view(1, 4, 1, 1) / (first + second)
    expect_sparse(submission.sparse_soft_encode(ab, bins, neighbors=2), both, 2)
    one = torch.tensor([0.0, 0.0, 0.0, 1.0]).view(1, 4, 1, 1)
    expect_sparse(submission.sparse_soft_encode(ab, bins, neighbors=1), one, 1)


@check("sparse_soft_encode", points=1.5)
def test_sparse_encoding_in_the_published_bins(submission):
    """Pictures in the 313 bins, with the defaults: as many bins a pixel as asked for, and the right
    ones.
    """
    ab, bins = colours(40, 3, 4, 5), lattice(PUBLISHED)
    expect_sparse(submission.sparse_soft_encode(ab, bins), encoded(ab, bins), 10)


@check("sparse_soft_encode", points=1)
def test_sparse_encoding_with_other_neighbours_and_sigma(submission):
    """Other bins, other numbers of neighbours and other widths, colours near and far away."""
    bins = lattice(PUBLISHED)[::23]
    for neighbors, sigma, reach in ((3, 30.0, 80.0), (6, 12.0, 80.0), (4, 40.0, 400.0)):
        ab = draw(41, 3, 2, 4, 5, low=-reach, high=reach)
        result = submission.sparse_soft_encode(ab, bins, neighbors=neighbors, sigma=sigma)
        # The farthest: |x|^2 - 2 x.y + |y|^2 is off by 0.2 where it is 6e5, and 2 sigma^2 is 3200.
        expect_sparse(result, encoded(ab, bins, neighbors, sigma), neighbors)


@check("sparse_soft_encode", points=0.5)
def test_sparse_encoding_with_a_narrow_gaussian(submission):
    """A sigma much smaller than the distance to the nearest bin: the shares still sum to 1."""
    ab, bins = colours(42, 3, 2, 4), lattice(PUBLISHED)
    expect_sparse(submission.sparse_soft_encode(ab, bins, 5, 0.15), encoded(ab, bins, 5, 0.15), 5)


@check("sparse_soft_encode", points=1)
def test_sparse_encoding_form(submission):
    """float32 and float64, non-contiguous inputs: int64 indices, shares in the input's dtype, no
    changes.
    """
    bins = lattice(PUBLISHED)
    for dtype in (torch.float32, torch.float64):
        ab = colours(43, 4, 3, 5).to(dtype)
        result = submission.sparse_soft_encode(strided(ab), strided(bins.to(dtype)), 7)
        expect_sparse(result, encoded(ab, bins, 7), 7)
        expect(result[0], dtype=torch.int64, what="the first result, the indices,")
        expect(result[1], dtype=dtype, what="the second result, the shares,")
        expect_inputs_unchanged(submission)


def sparse_target(
    seed: int, bins: int, batch: int, neighbors: int, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Distinct bins per pixel, with shares that sum to 1: unordered, without ties."""
    shape = batch, bins, height, width
    indices = draw(seed, *shape).argsort(dim=1)[:, :neighbors]
    return indices, soft_target(seed + 1000, batch, neighbors, height, width)


def dense_target(indices: Tensor, shares: Tensor, bins: int) -> Tensor:
    """The same target with its zeros, (B, Q, H, W), in double precision."""
    batch, _, *size = indices.shape
    return torch.zeros(batch, bins, *size, dtype=torch.float64).scatter(1, indices, shares.double())


def dense_cross_entropy(
    logits: Tensor, indices: Tensor, shares: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """torch's cross-entropy of the dense target, and autograd's gradient, in float64."""
    scores = logits.detach().double().clone().requires_grad_()
    target = dense_target(indices, shares, logits.shape[1])
    losses = F.cross_entropy(scores, target, reduction="none")  # (B, H, W)
    if weights is not None:
        losses = weights.double()[target.argmax(dim=1)] * losses
    loss = losses.mean()
    return loss.detach(), torch.autograd.grad(loss, scores)[0]


def loss_and_gradient(result: object) -> tuple[object, object]:
    """Both results. Raises Failure for anything but a pair."""
    if not isinstance(result, (tuple, list)):
        raise Failure(
            "wrong type", f"the result is {describe(result)}, not the loss and the gradient"
        )
    if len(result) != 2:
        raise Failure("wrong type", "the result is not a pair, the loss and the gradient")
    return result[0], result[1]


def expect_gradient(found: object, expected: Tensor) -> None:
    """The right gradient, of each pixel: of the mean it would be small beside any tolerance."""
    shape = tuple(expected.shape)
    gradient = expect(found, shape=shape, what="the gradient")
    if gradient.dtype not in (torch.float32, torch.float64):
        raise Failure("wrong dtype", "the gradient is in neither single nor double precision")
    pixels = shape[0] * shape[2] * shape[3]
    expect_value(gradient * pixels, expected * pixels, what="the gradient")


@check("sparse_cross_entropy", points=0.5)
def test_sparse_loss_knowing_nothing(submission):
    """Equal scores for all bins: the loss of a model that knows nothing."""
    indices, shares = sparse_target(44, 11, 2, 3, 4, 5)
    for score in (0.0, -3.0):
        result = submission.sparse_cross_entropy(torch.full((2, 11, 4, 5), score), indices, shares)
        expect_value(loss_and_gradient(result)[0], torch.tensor(math.log(11)), what="the loss")


@check("sparse_cross_entropy", points=1)
def test_sparse_loss_of_random_pictures(submission):
    """Random scores against sparse targets: the loss, a mean over all the pixels."""
    logits, target = draw(45, 3, 7, 4, 5, low=-4, high=4), sparse_target(46, 7, 3, 2, 4, 5)
    loss, _ = loss_and_gradient(submission.sparse_cross_entropy(logits, *target))
    expect_value(loss, dense_cross_entropy(logits, *target)[0], what="the loss")


@check("sparse_cross_entropy", points=1.5)
def test_sparse_gradient_of_random_pictures(submission):
    """Random scores against sparse targets: the gradient by every score, of a target's bins and of
    others.
    """
    logits, target = draw(47, 3, 7, 4, 5, low=-4, high=4), sparse_target(48, 7, 3, 2, 4, 5)
    _, gradient = loss_and_gradient(submission.sparse_cross_entropy(logits, *target))
    expect_gradient(gradient, dense_cross_entropy(logits, *target)[1])


@check("sparse_cross_entropy", points=1.5)
def test_sparse_loss_with_weights(submission):
    """Class-rebalancing weights: each pixel, in both results, counts by that of its largest
    share.
    """
    logits, target = draw(49, 3, 9, 4, 5, low=-4, high=4), sparse_target(50, 9, 3, 6, 4, 5)
    weights = draw(51, 9, low=0.2, high=5)
    expected = dense_cross_entropy(logits, *target, weights)
    loss, gradient = loss_and_gradient(submission.sparse_cross_entropy(logits, *target, weights))
    expect_value(loss, expected[0], what="the loss")
    expect_gradient(gradient, expected[1])
    expect_inputs_unchanged(submission)


@check("sparse_cross_entropy", points=1)
def test_sparse_loss_of_extreme_scores(submission):
    """Scores of hundreds and of ten thousand, both signs, right and wrong: finite, and as the
    scores say.
    """
    indices = torch.tensor([[2, 0, 1], [0, 1, 2]]).view(1, 2, 1, 3)
    shares = torch.tensor([[0.75, 0.875, 1.0], [0.25, 0.125, 0.0]]).view(1, 2, 1, 3)
    # Softmax is 1 at the first bin, so that a pixel loses the first score less its target's mean
    # score.
    for score in (200.0, 1e4):
        logits = torch.tensor([score, 0.0, -score]).view(1, 3, 1, 1).repeat(1, 1, 1, 3)
        result = submission.sparse_cross_entropy(logits, indices, shares)
        loss, gradient = loss_and_gradient(result)
        expect_value(loss, torch.tensor((1.5 + 0.125 + 1) * score / 3), what="the loss")
        slope = torch.tensor([[0.75, 0.125, 1.0], [0.0, -0.125, -1.0], [-0.75, 0.0, 0.0]]) / 3
        expect_gradient(gradient, slope.view(1, 3, 1, 3))


@check("sparse_cross_entropy", points=0.5)
def test_sparse_loss_form(submission):
    """float32 and float64, non-contiguous inputs: both results have the scores' dtype, no input
    changed.
    """
    indices, shares = sparse_target(52, 5, 4, 3, 2, 6)
    for dtype in (torch.float32, torch.float64):
        logits = draw(53, 4, 5, 2, 6).to(dtype)
        expected = dense_cross_entropy(logits, indices, shares)
        given = strided(logits), strided(indices), strided(shares.to(dtype))
        loss, gradient = loss_and_gradient(submission.sparse_cross_entropy(*given))
        expect(loss, close_to=expected[0].to(dtype), what="the loss")
        expect(gradient, close_to=expected[1].to(dtype), what="the gradient")
        expect_inputs_unchanged(submission)
