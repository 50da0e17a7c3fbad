"""Hidden checks of assignment 2, the chair generator.

Oracles: torch's own convolutions, layers and losses and their autograd, closed forms, windows and
intervals that are counted, a slow bilinear fetch, rotations about the grey axis, cases worked by
hand.

Every size differs from every other, so that a wrong axis shows; no kernel is symmetric, which would
hide a missing flip. Checks of values take float32 and accept float32 or float64; the form (dtype,
int) has a check of its own (`..._form`), so that a slip there costs once.
"""

import cmath
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.assignments import pack_path
from autograder.checks import Failure, check, expect, expect_inputs_unchanged, forbid, library
from autograder.checks.expect import describe, expect_value
from autograder.checks.inputs import draw, strided
from course_utils.data.rendered_views import Views, load_views
from course_utils.training.generator_scores import mean_scores

forbid(
    "fractionally_strided_conv2d",
    ops=library.CONVOLUTION_OPERATORS,
    where_present=library.CONVOLUTIONS,
)

# Relative to the largest expected magnitude (at least 1); see TOLERANCE for the default.
EXACT = (
    2e-6  # float64, where a constant inside may be float32, or the result off by its last bit there
)

# ---------------------------------------------------------------------------- sizes, along one side


def expect_sizes(results: list[object], sizes: list[int], whole: bool = False) -> None:
    """Numbers of pixels, as ints, or as floats that are whole; with `whole` as ints alone."""
    for result, size in zip(results, sizes, strict=True):
        if type(result) not in (int, float) and not isinstance(result, (np.integer, np.floating)):
            raise Failure("wrong type", f"the result is {describe(result)}, not a number of pixels")
        if not result == size:
            raise Failure("wrong value", "the result is another number of pixels")
        if whole and not isinstance(result, (int, np.integer)):
            raise Failure("wrong type", f"the result is {describe(result)}, not an int")


def expect_value_errors(call: Callable, *several: tuple[int, ...]) -> None:
    """Make all calls of a task that must raise ValueError, then judge them."""
    results = [size_failure(call, arguments) for arguments in several]
    failures = [failure for failure in results if failure is not None]
    if len(failures) < len(results):
        raise Failure("wrong value", "no ValueError is raised where the docstring promises one")
    for failure in failures:
        if failure.kind != "error":
            raise failure
        if " raised ValueError" not in failure.message:
            raise Failure("error", f"{failure.message}, not ValueError")


def size_failure(call: Callable, arguments: tuple[int, ...]) -> Failure | None:
    """What a call of a task fails with, or None."""
    try:
        call(*arguments)
    except Failure as failure:
        return failure
    return None


@check("conv_output_size", points=1)
def test_size_of_convolution_by_hand(submission):
    """Two kernels in a short row, without and with stride and padding: cases worked by hand."""
    cases = {
        (6, 4): 3,
        (9, 2, 1): 8,
        (9, 3, 2): 4,
        (4, 3, 1, 1): 4,
        (8, 4, 2, 1): 4,
        (11, 5, 3, 2): 4,
    }
    results = [submission.conv_output_size(*arguments) for arguments in cases]
    expect_sizes(results, list(cases.values()))


@check("conv_output_size", points=0.5)
def test_size_of_convolution_that_leaves_a_rest(submission):
    """Strides after which pixels are left over that no kernel fits into."""
    cases = {
        (11, 4, 2): 4,
        (9, 4, 3): 2,
        (12, 3, 4): 3,
        (10, 2, 5): 2,
        (6, 3, 7, 1): 1,
        (13, 4, 5, 1): 3,
    }
    results = [submission.conv_output_size(*arguments) for arguments in cases]
    expect_sizes(results, list(cases.values()))


@check("conv_output_size", points=1)
def test_size_of_convolution_of_any_kind(submission):
    """Many sizes, kernels, strides and paddings: as many as there are windows."""
    cases = list(itertools.product((6, 17, 40), (1, 4, 5), (1, 2, 3), (0, 1, 3)))
    rows = [torch.zeros(n + 2 * padding).unfold(0, k, s) for n, k, s, padding in cases]
    results = [
        submission.conv_output_size(n, k, stride=s, padding=padding) for n, k, s, padding in cases
    ]
    expect_sizes(results, [len(windows) for windows in rows])


@check("conv_output_size", points=0.5)
def test_size_of_convolution_with_a_large_kernel(submission):
    """A kernel that just fits has one position, for a larger one there is a ValueError."""
    cases = {(7, 7, 1, 0): 1, (4, 8, 1, 2): 1, (3, 5, 4, 1): 1, (8, 7, 1, 0): 2}
    expect_sizes(
        [submission.conv_output_size(*arguments) for arguments in cases], list(cases.values())
    )
    expect_value_errors(submission.conv_output_size, (2, 9), (7, 8), (4, 9, 1, 2), (3, 6, 4, 1))


@check("conv_output_size", points=0.5)
def test_size_of_convolution_form(submission):
    """The result is an int, whether the stride leaves a rest or not."""
    cases = {(9, 5, 2): 3, (10, 3, 2): 4, (6, 2): 5}
    results = [submission.conv_output_size(*arguments) for arguments in cases]
    expect_sizes(results, list(cases.values()), whole=True)


@check("fractional_conv_output_size", points=1)
def test_fractional_size_by_hand(submission):
    """A few values and a kernel, with each of the arguments: cases worked by hand."""
    cases = {
        (1, 5): 5,
        (6, 3): 8,
        (3, 2, 4): 10,
        (5, 4, 2, 1): 10,
        (7, 5, 2, 2, 1): 14,
        (4, 5, 3, 1, 2): 14,
    }
    results = [submission.fractional_conv_output_size(*arguments) for arguments in cases]
    expect_sizes(results, list(cases.values()))


@check("fractional_conv_output_size", points=1)
def test_fractional_size_of_any_kind(submission):
    """Many sizes, kernels, strides and paddings: as torch's layer has it."""
    results, sizes = [], []
    for size, kernel, stride, padding in itertools.product((4, 9), (3, 4, 6), (1, 2, 3), (0, 1, 2)):
        for output_padding in range(stride):
            options = {"stride": stride, "padding": padding, "output_padding": output_padding}
            results.append(submission.fractional_conv_output_size(size, kernel, **options))
            data, weights = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
            row = F.conv_transpose1d(
                data, weights, stride=stride, padding=padding, output_padding=output_padding
            )
            sizes.append(row.shape[2])
    expect_sizes(results, sizes)


@check("fractional_conv_output_size", points=1)
def test_fractional_size_undoes_a_convolution(submission):
    """All the sizes that a convolution makes into one: output_padding chooses among them, in their
    order.
    """
    results, sizes = [], []
    for size, kernel, stride, padding in ((5, 3, 2, 0), (7, 4, 3, 1), (3, 6, 5, 2), (11, 2, 4, 0)):
        choices = [
            n for n in range(1, 100) if math.floor((n + 2 * padding - kernel) / stride) + 1 == size
        ]
        given = (size, kernel, stride, padding)
        results += [
            submission.fractional_conv_output_size(*given, at) for at in range(len(choices))
        ]
        sizes += choices
    expect_sizes(results, sizes)


@check("fractional_conv_output_size", points=0.5)
def test_fractional_size_and_its_range(submission):
    """An output_padding from 0 to the last below the stride is right, any other is a ValueError."""
    cases = {(4, 3, 1, 0, 0): 6, (6, 5, 2, 1, 0): 13, (6, 5, 2, 1, 1): 14, (3, 7, 4, 2, 3): 14}
    results = [submission.fractional_conv_output_size(*arguments) for arguments in cases]
    expect_sizes(results, list(cases.values()))
    beyond = [(4, 3, 1, 0, 1), (6, 5, 2, 1, 2), (3, 7, 4, 2, 4), (3, 7, 4, 2, 6), (6, 5, 2, 1, -1)]
    expect_value_errors(submission.fractional_conv_output_size, *beyond)


@check("fractional_conv_output_size", points=0.5)
def test_fractional_size_form(submission):
    """The result is an int."""
    cases = {(6, 4, 2): 14, (5, 3): 7, (3, 4, 3, 1, 1): 9}
    results = [submission.fractional_conv_output_size(*arguments) for arguments in cases]
    expect_sizes(results, list(cases.values()), whole=True)


# ----------------------------------------------------------------- fractionally-strided convolution


def nails_of(maps: Tensor, stride: int) -> Tensor:
    """By torch: every value paints a kernel of one pixel."""
    kernels = torch.ones(maps.shape[1], 1, 1, 1, dtype=maps.dtype)
    return F.conv_transpose2d(maps, kernels, stride=stride, groups=maps.shape[1])


def up_slopes(function: Callable, *inputs: Tensor, cotangent: Tensor) -> list[Tensor]:
    """The gradient of an oracle by each of its inputs."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    return list(torch.autograd.grad(function(*leaves), leaves, cotangent))


@check("insert_zeros", points=0.5)
def test_zeros_by_hand(submission):
    """Two rows of three values, with one zero between neighbours: worked by hand."""
    maps = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]]).view(1, 1, 2, 3)
    rows = [[1.0, 0.0, -2.0, 0.0, 3.0], [0.0] * 5, [4.0, 0.0, 5.0, 0.0, -6.0]]
    expect_value(submission.insert_zeros(maps, 2), torch.tensor(rows).view(1, 1, 3, 5))


@check("insert_zeros", points=1)
def test_zeros_in_a_batch(submission):
    """Several maps and channels, higher than wide and wider than high, with more and more zeros."""
    for seed, shape, stride in (
        (200, (2, 3, 4, 5), 3),
        (201, (3, 2, 7, 4), 2),
        (202, (5, 4, 2, 3), 4),
    ):
        maps = draw(seed, *shape, low=-9, high=9)
        expect_value(submission.insert_zeros(maps, stride), nails_of(maps, stride))


@check("insert_zeros", points=0.5)
def test_zeros_where_there_is_no_room(submission):
    """A stride of 1, maps of one row, of one column and of one pixel: no zeros around them."""
    for seed, shape, stride in (
        *((203, (2, 3, 4, 5), 1), (204, (3, 2, 1, 4), 3)),
        *((205, (2, 5, 3, 1), 4), (206, (4, 3, 1, 1), 2)),
    ):
        maps = draw(seed, *shape, low=1, high=9)
        expect_value(submission.insert_zeros(maps, stride), nails_of(maps, stride))


@check("insert_zeros", points=0.5)
def test_zeros_gradient(submission):
    """The gradient that arrives at a value goes back to it, and what arrives at a zero is lost."""
    maps, cotangent = draw(207, 2, 3, 4, 2), draw(208, 2, 3, 10, 4, low=-9, high=9)
    expect_value(submission.insert_zeros(maps, 3), nails_of(maps, 3))
    found = submission.gradient_of("insert_zeros", maps, 3, cotangent=cotangent)
    expect_value(found, cotangent[:, :, ::3, ::3], what="the gradient")


@check("insert_zeros", points=0.5)
def test_zeros_form(submission):
    """float32 and float64, non-contiguous maps: the dtype follows the maps, which are not
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        maps = strided(draw(209, 2, 3, 5, 4).to(dtype))
        expect(submission.insert_zeros(maps, 2), close_to=nails_of(maps, 2))
        expect_inputs_unchanged(submission)


@check("fractionally_strided_conv2d", points=1)
def test_up_convolution_by_hand(submission):
    """Four values and one kernel without any symmetry, whose paintings overlap in a row: worked by
    hand.
    """
    maps = torch.tensor([[1.0, -2.0], [3.0, 5.0]]).view(1, 1, 2, 2)
    kernel = torch.tensor([[1.0, 2.0], [0.0, -1.0], [4.0, 3.0]]).view(1, 1, 3, 2)
    rows = [[1.0, 2, -2, -4], [0, -1, 0, 2], [7, 9, -3, 4], [0, -3, 0, -5], [12, 9, 20, 15]]
    found = submission.fractionally_strided_conv2d(maps, kernel, stride=2)
    expect_value(found, torch.tensor(rows).view(1, 1, 5, 4))


@check("fractionally_strided_conv2d", points=1.5)
def test_up_convolution_of_a_batch(submission):
    """Several maps and channels, no stride: every input channel paints into every output
    channel.
    """
    maps, kernels = draw(210, 2, 5, 7, 6), draw(211, 5, 4, 3, 2)
    for scale in (1.0, 1e4):
        found = submission.fractionally_strided_conv2d(scale * maps, kernels)
        expect_value(found, F.conv_transpose2d(scale * maps, kernels))


@check("fractionally_strided_conv2d", points=1)
def test_up_convolution_with_a_stride(submission):
    """Kernels smaller and larger than the stride, higher than wide and wider than high, with a
    bias.
    """
    maps, bias = draw(212, 3, 2, 4, 5), draw(213, 6, low=-5, high=5)
    cases = [
        (maps, draw(214, 2, 6, *kernel), bias, stride)
        for *kernel, stride in ((2, 3, 2), (5, 4, 2), (3, 2, 3), (1, 2, 4), (4, 6, 4))
    ]
    results = [submission.fractionally_strided_conv2d(*arguments) for arguments in cases]
    for result, arguments in zip(results, cases, strict=True):
        expect_value(result, F.conv_transpose2d(*arguments))


@check("fractionally_strided_conv2d", points=1)
def test_up_convolution_with_padding(submission):
    """Pixels are cut off on all four sides, from one to four of them; with strides 1, 2 and 3."""
    maps = draw(215, 2, 4, 5, 3, low=0.5, high=2)
    cases = [
        (maps, draw(216, 4, 3, *kernel, low=-1, high=2), None, stride, padding)
        for *kernel, stride, padding in (
            (5, 4, 2, 1),
            (5, 5, 2, 2),
            (3, 4, 1, 2),
            (4, 7, 3, 3),
            (5, 6, 3, 4),
        )
    ]
    results = [submission.fractionally_strided_conv2d(*arguments) for arguments in cases]
    for result, arguments in zip(results, cases, strict=True):
        expect_value(result, F.conv_transpose2d(*arguments))


@check("fractionally_strided_conv2d", points=1)
def test_up_convolution_is_the_adjoint(submission):
    """With output_padding, in double precision: <conv(y), x> = <y, this(x)> for pictures y of every
    size.
    """
    maps = draw(217, 2, 3, 4, 5).double()
    cases = ((5, 4, 2, 2, 1), (3, 5, 3, 1, 2), (2, 4, 4, 0, 3), (4, 3, 3, 1, 1), (6, 5, 2, 3, 0))
    given = [(maps, draw(218, 3, 6, *case[:2]).double(), None, *case[2:]) for case in cases]
    results = [submission.fractionally_strided_conv2d(*arguments) for arguments in given]
    for result, arguments in zip(results, given, strict=True):
        expect_adjoint(result, *arguments)


def expect_adjoint(
    result: object,
    maps: Tensor,
    kernels: Tensor,
    _: None,
    stride: int,
    padding: int,
    output_padding: int,
) -> None:
    """<y, result> = <conv(y), maps> for several random y, relative to the summed magnitudes."""
    sizes = zip(maps.shape[2:], kernels.shape[2:], strict=True)
    size = [stride * (n - 1) + k - 2 * padding + output_padding for n, k in sizes]
    double = isinstance(result, Tensor) and result.dtype == torch.float64
    dtype = torch.float64 if double else torch.float32
    result = expect(result, shape=(len(maps), kernels.shape[1], *size), dtype=dtype).double()
    for seed in range(219, 223):
        y = draw(seed, *result.shape).double()
        down = F.conv2d(y, kernels, stride=stride, padding=padding)
        scale = (
            F.conv2d(y.abs(), kernels.abs(), stride=stride, padding=padding) * maps.abs()
        ).sum()
        expect((y * result).sum() / scale, close_to=(down * maps).sum() / scale, tolerance=EXACT)


@check("fractionally_strided_conv2d", points=1)
def test_up_convolution_gradient(submission):
    """In double precision, the gradients by maps, kernels and bias agree with torch's to 2e-6."""
    maps, kernels = draw(223, 2, 3, 4, 5).double(), draw(223, 3, 4, 5, 2).double()
    given = maps, kernels, draw(223, 4).double()
    cotangent = draw(224, 2, 4, 10, 9).double()
    options = {"stride": 2, "padding": 1, "output_padding": 1}

    def up_convolution(maps: Tensor, kernels: Tensor, bias: Tensor) -> Tensor:
        return F.conv_transpose2d(maps, kernels, bias, stride=2, padding=1, output_padding=1)

    found = submission.fractionally_strided_conv2d(*given, **options)
    expect_value(found, up_convolution(*given))
    expected = up_slopes(up_convolution, *given, cotangent=cotangent)
    for wrt, slope in enumerate(expected):
        found = submission.gradient_of(
            "fractionally_strided_conv2d", *given, **options, wrt=wrt, cotangent=cotangent
        )
        expect_value(found, slope, EXACT, "the gradient")


@check("fractionally_strided_conv2d", points=0.5)
def test_up_convolution_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the maps, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        sizes = (2, 4, 3, 5), (4, 3, 2, 3), (3,)
        maps, kernels, bias = (strided(draw(225, *size).to(dtype)) for size in sizes)
        found = submission.fractionally_strided_conv2d(maps, kernels, bias, 3, 1, 2)
        expect(found, close_to=F.conv_transpose2d(maps, kernels, bias, 3, 1, 2))
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------ overlap


def expect_counts(result: object, counts: list[int]) -> None:
    """The right counts, as whole numbers of either size, or as floats of either precision."""
    accepted = (torch.int32, torch.int64, torch.float32, torch.float64)
    dtype = result.dtype if isinstance(result, Tensor) and result.dtype in accepted else torch.int64
    expect(result, close_to=torch.tensor(counts, dtype=dtype))


def paintings_at(pixel: int, size: int, kernel: int, stride: int) -> int:
    """How many of the intervals [start, start + kernel) a pixel lies in."""
    return sum(0 <= pixel - stride * place < kernel for place in range(size))


@check("overlap_count", points=1)
def test_overlap_by_hand(submission):
    """Kernels that overlap evenly and unevenly, at the ends and between them: worked by hand."""
    cases = {
        (4, 4, 2): [1, 1, 2, 2, 2, 2, 2, 2, 1, 1],
        (3, 5, 2): [1, 1, 2, 2, 3, 2, 2, 1, 1],
        (4, 3, 1): [1, 2, 3, 3, 2, 1],
        (2, 5, 3): [1, 1, 1, 2, 2, 1, 1, 1],
    }
    results = [submission.overlap_count(*arguments) for arguments in cases]
    for result, counts in zip(results, cases.values(), strict=True):
        expect_counts(result, counts)


@check("overlap_count", points=1)
def test_overlap_of_any_kind(submission):
    """Many sizes, kernels and strides: for each pixel, the intervals that it lies in."""
    cases = list(itertools.product((1, 5, 9), (2, 4, 7), (1, 2, 3)))
    results = [submission.overlap_count(*arguments) for arguments in cases]
    for result, (size, kernel, stride) in zip(results, cases, strict=True):
        pixels = range(stride * (size - 1) + kernel)
        expect_counts(result, [paintings_at(pixel, size, kernel, stride) for pixel in pixels])


@check("overlap_count", points=0.5)
def test_overlap_of_small_kernels(submission):
    """A kernel smaller than the stride leaves pixels that nothing is painted on."""
    cases = {
        (4, 1, 2): [1, 0, 1, 0, 1, 0, 1],
        (3, 2, 5): [1, 1, 0, 0, 0] * 2 + [1, 1],
        (5, 3, 3): [1] * 15,
    }
    for arguments, counts in cases.items():
        expect_counts(submission.overlap_count(*arguments), counts)


@check("overlap_count", points=0.5)
def test_overlap_form(submission):
    """One dimension, int64."""
    for size, kernel, stride in ((6, 3, 2), (2, 6, 4)):
        ones = F.conv_transpose1d(torch.ones(1, 1, size), torch.ones(1, 1, kernel), stride=stride)
        expect(submission.overlap_count(size, kernel, stride), close_to=ones.flatten().long())


# ------------------------------------------------------------------------------------ interpolation

# No azimuth that is expected is so near to 0 that it may round to 360.


def rotated_azimuths(start: float, end: float, shares: Tensor) -> Tensor:
    """Azimuths between two, by complex rotations: a quotient's angle is the short way."""
    first, last = (cmath.rect(1, math.radians(degrees)) for degrees in (start, end))
    way = cmath.phase(last / first)
    turned = [cmath.phase(first * cmath.rect(1, share * way)) for share in shares.tolist()]
    return torch.tensor(turned, dtype=torch.float64).rad2deg().remainder(360)


def azimuths_of(submission, shares: Tensor, ends: Iterable[tuple[float, float]]) -> list[object]:
    """The answers for several pairs of start and end; all, so that a mistake shows in full."""
    return [
        submission.interpolate_azimuth(torch.tensor(start), torch.tensor(end), shares)
        for start, end in ends
    ]


@check("interpolate_azimuth", points=1)
def test_azimuth_over_zero(submission):
    """From just below a full turn to just above it, and back, and within it: worked by hand."""
    shares = torch.tensor([0.0, 0.25, 0.75, 1.0])
    cases = {
        **{(350.0, 10.0): [350.0, 355.0, 5.0, 10.0], (10.0, 350.0): [10.0, 5.0, 355.0, 350.0]},
        **{(300.0, 80.0): [300.0, 335.0, 45.0, 80.0], (100.0, 320.0): [100.0, 65.0, 355.0, 320.0]},
        **{(40.0, 80.0): [40.0, 50.0, 70.0, 80.0], (80.0, 40.0): [80.0, 70.0, 50.0, 40.0]},
    }
    results = azimuths_of(submission, shares, cases)
    for result, azimuths in zip(results, cases.values(), strict=True):
        expect_value(result, torch.tensor(azimuths))


@check("interpolate_azimuth", points=0.5)
def test_azimuth_within_a_turn(submission):
    """Up and down between two azimuths that need not cross 0, in equal steps."""
    shares = torch.linspace(0, 1, 7)
    cases = [(20.0, 110.0), (200.0, 35.0), (90.0, 265.0), (311.0, 174.0), (77.0, 77.0)]
    results = azimuths_of(submission, shares, cases)
    for result, (start, end) in zip(results, cases, strict=True):
        expect_value(result, start + (end - start) * shares)


@check("interpolate_azimuth", points=1)
def test_azimuth_of_any_number(submission):
    """Start and end below 0 and above 360 degrees: the same directions, the same way."""
    shares = torch.tensor([0.9, 0.1, 0.45, 0.3, 0.7])
    cases = [
        (-100.0, 50.0),
        (725.0, -30.0),
        (-700.0, 400.0),
        (1000.0, 1075.0),
        (15.0, 1060.0),
        (-65.0, -310.0),
    ]
    results = azimuths_of(submission, shares, cases)
    for result, (start, end) in zip(results, cases, strict=True):
        expect_value(result, rotated_azimuths(start, end, shares))


@check("interpolate_azimuth", points=0.5)
def test_azimuth_form(submission):
    """float32 and float64, non-contiguous shares: the dtype follows the inputs, which are not
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        start, end = (strided(torch.tensor(degrees, dtype=dtype)) for degrees in (333.0, 41.0))
        shares = strided(draw(226, 9, low=0, high=1).to(dtype))
        expected = rotated_azimuths(333.0, 41.0, shares).to(dtype)
        expect(submission.interpolate_azimuth(start, end, shares), close_to=expected)
        expect_inputs_unchanged(submission)


def blended_identities(first: int, second: int, shares: Tensor, chairs: int) -> Tensor:
    """Row by row, number by number."""
    rows = [
        [(1 - share) * (chair == first) + share * (chair == second) for chair in range(chairs)]
        for share in shares.double().tolist()
    ]
    return torch.tensor(rows, dtype=torch.float64)


@check("interpolate_chairs", points=1)
def test_chairs_by_hand(submission):
    """Five chairs, from the second to the last and back: worked by hand."""
    shares = torch.tensor([0.0, 0.125, 1.0])
    there = torch.tensor(
        [[0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.875, 0.0, 0.0, 0.125], [0.0, 0.0, 0.0, 0.0, 1.0]]
    )
    back = torch.tensor(
        [[0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.125, 0.0, 0.0, 0.875], [0.0, 1.0, 0.0, 0.0, 0.0]]
    )
    expect_value(submission.interpolate_chairs(1, 4, shares, 5), there)
    expect_value(submission.interpolate_chairs(4, 1, shares, 5), back)


@check("interpolate_chairs", points=0.5)
def test_chairs_of_any_share(submission):
    """Shares below 0 and above 1 too, which lead beyond the two chairs, in any order."""
    shares = torch.tensor([1.75, 0.3, -0.5, 0.9, 0.55, 0.0, -2.0])
    for first, second, chairs in ((0, 3, 4), (10, 2, 11)):
        found = submission.interpolate_chairs(first, second, shares, chairs)
        expect_value(found, blended_identities(first, second, shares, chairs))


@check("interpolate_chairs", points=0.5)
def test_chairs_that_are_the_same(submission):
    """From a chair to itself: it stays what it is."""
    shares, expected = torch.tensor([0.0, 0.4, 0.8, 1.0, 1.5]), torch.zeros(5, 3)
    expected[:, 2] = 1
    expect_value(submission.interpolate_chairs(2, 2, shares, 3), expected)


@check("interpolate_chairs", points=0.5)
def test_chairs_form(submission):
    """float32 and float64, non-contiguous shares: the dtype follows the shares, which are not
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        shares = strided(draw(227, 6, low=0, high=1).to(dtype))
        expected = blended_identities(3, 0, shares, 8).to(dtype)
        expect(submission.interpolate_chairs(3, 0, shares, 8), close_to=expected)
        expect_inputs_unchanged(submission)


# Relative to the largest expected magnitude (at least 1); see TOLERANCE for the default.
WARPED = 1e-4  # float32: a coordinate of a few pixels is rounded in each of its four steps
NETWORK = 1e-4  # ten layers in float32, of up to a thousand summands each

NO_CHANGE = {"shift_x": 0.0, "shift_y": 0.0, "rotation": 0.0, "zoom_x": 1.0, "zoom_y": 1.0}
NO_CHANGE |= {"saturation": 1.0, "brightness": 1.0, "hue": 0.0}
DRAWING = "the image and the mask"


def parameters_with(**changed: float) -> list[float]:
    """One row of parameters: only what is named changes anything."""
    return [changed.get(name, value) for name, value in NO_CHANGE.items()]


def expect_pair(
    result: object, *shapes: tuple[int, ...], dtype: torch.dtype | None = None
) -> Sequence[object]:
    """An image and its mask, in this order, of these shapes."""
    if not isinstance(result, (tuple, list)):
        raise Failure("wrong type", f"the result is {describe(result)}, not {DRAWING}")
    if len(result) != 2:
        raise Failure("wrong type", f"the result is not a pair, {DRAWING}")
    for found, shape, what in zip(result, shapes, ("the image", "the mask"), strict=False):
        expect(found, shape=shape, dtype=dtype, what=what)
    return result


def expect_drawing(
    result: object,
    image: Tensor,
    mask: Tensor,
    tolerance: float | None,
    exact_dtype: bool = False,
) -> None:
    """An image and its mask, in this order."""
    pair = expect_pair(result, image.shape, mask.shape)
    for found, right, what in zip(pair, (image, mask), ("the image", "the mask"), strict=True):
        if exact_dtype:
            expect(found, close_to=right, tolerance=tolerance, what=what)
        else:
            expect_value(found, right, tolerance, what)


# ----------------------------------------------------------------------------- the network's inputs


def view_code(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """The code of a view, in plain Python."""
    turns = [
        [math.radians(degrees) for degrees in angles.tolist()] for angles in (elevation, azimuth)
    ]
    rows = zip(*turns, strict=True)
    return torch.tensor([[math.sin(e), math.cos(e), math.sin(a), math.cos(a)] for e, a in rows])


@check("encode_view", points=1)
def test_view_by_hand(submission):
    """Angles whose sines and cosines everybody knows: worked by hand."""
    azimuth, elevation = torch.tensor([90.0, 180.0, 300.0]), torch.tensor([30.0, 0.0, -45.0])
    root2, root3 = math.sqrt(0.5), math.sqrt(0.75)
    expected = torch.tensor([[0.5, root3, 1, 0], [0, 1, 0, -1], [-root2, root2, -root3, 0.5]])
    expect_value(submission.encode_view(azimuth, elevation), expected)


@check("encode_view", points=1)
def test_views_all_around(submission):
    """Many views, all around the chair, from below and from above."""
    azimuth, elevation = draw(1, 31, low=0, high=360), draw(2, 31, low=-80, high=80)
    expect_value(submission.encode_view(azimuth, elevation), view_code(azimuth, elevation))


@check("encode_view", points=0.5)
def test_view_after_whole_turns(submission):
    """Azimuths below 0 and beyond 360 degrees: a whole turn changes nothing."""
    azimuth, elevation = draw(3, 7, low=0, high=360), draw(4, 7, low=10, high=40)
    for turns in (-2, -1, 1, 2):
        found = submission.encode_view(azimuth + 360 * turns, elevation)
        expect_value(found, view_code(azimuth, elevation))


@check("encode_view", points=0.5)
def test_view_form(submission):
    """float32 and float64, non-contiguous angles: the dtype follows them, and they are not
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        azimuth = strided(draw(5, 6, low=-50, high=400).to(dtype))
        elevation = strided(draw(6, 6, low=-30, high=60).to(dtype))
        expected = view_code(azimuth, elevation).to(dtype)
        expect(submission.encode_view(azimuth, elevation), close_to=expected)
        expect_inputs_unchanged(submission)


def some_transformations(seed: int, count: int) -> Tensor:
    """Parameters from wide ranges, factors on both sides of 1."""
    signed, factors = draw(seed, 4, count), draw(seed + 1, 4, count, low=-1.5, high=1.5).exp()
    return torch.stack([*signed[:3], *factors, 3 * signed[3]], dim=1)


def transformation_code(parameters: Tensor) -> Tensor:
    """The code of a transformation, in plain Python."""
    rows = [
        [*row[:3], *(math.log(factor) for factor in row[3:7]), row[7]]
        for row in parameters.double().tolist()
    ]
    return torch.tensor(rows, dtype=torch.float64)


@check("encode_transformation", points=1)
def test_transformation_code_by_hand(submission):
    """No change; then doubles, halves and quarters, shifts and turns to the left: worked by
    hand.
    """
    doubled = parameters_with(shift_x=-0.5, zoom_x=2, zoom_y=0.5, saturation=4, brightness=0.25)
    turned = parameters_with(shift_y=0.25, rotation=-1.5, hue=-3.0, zoom_x=math.e)
    ln2 = math.log(2)
    expected = [
        [0.0] * 8,
        [-0.5, 0, 0, ln2, -ln2, 2 * ln2, -2 * ln2, 0],
        [0, 0.25, -1.5, 1, 0, 0, 0, -3],
    ]
    found = submission.encode_transformation(torch.tensor([parameters_with(), doubled, turned]))
    expect_value(found, torch.tensor(expected))


@check("encode_transformation", points=1)
def test_transformation_codes_of_a_batch(submission):
    """Many transformations, each with its own numbers in all eight columns."""
    parameters = some_transformations(7, 13)
    expect_value(submission.encode_transformation(parameters), transformation_code(parameters))


@check("encode_transformation", points=0.5)
def test_transformation_code_of_reciprocals(submission):
    """A factor and its reciprocal have opposite codes, however large: they undo each other."""
    parameters = some_transformations(9, 5)
    parameters[:, 3:7] **= 3
    undone = torch.cat([-parameters[:, :3], 1 / parameters[:, 3:7], -parameters[:, 7:]], dim=1)
    expected = transformation_code(parameters)
    expect_value(submission.encode_transformation(parameters), expected)
    expect_value(submission.encode_transformation(undone), -expected)


@check("encode_transformation", points=0.5)
def test_transformation_code_form(submission):
    """float32 and float64, non-contiguous parameters: the dtype follows them, and they are not
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        parameters = strided(some_transformations(11, 3).to(dtype))
        found = submission.encode_transformation(parameters)
        expect(found, close_to=transformation_code(parameters).to(dtype))
        expect_inputs_unchanged(submission)


# ---------------------------------------------------------------------- what the network is to draw


def fetched(planes: Tensor, parameters: Sequence[float]) -> Tensor:
    """One picture's planes (C, H, W) where they were before, every pixel weighed by its distance.

    Points are complex numbers, so that a turn is a multiplication.
    """
    height, width = planes.shape[1:]
    shift_x, shift_y, rotation, zoom_x, zoom_y = parameters[:5]
    middle = complex((width - 1) / 2, (height - 1) / 2)
    result = torch.zeros(planes.shape, dtype=torch.float64)
    rows, columns = torch.arange(height), torch.arange(width)
    for row in range(height):
        for column in range(width):
            turned_back = (complex(column, row) - middle) * complex(
                math.cos(rotation), -math.sin(rotation)
            )
            x = (turned_back.real - shift_x * width) / zoom_x + middle.real
            y = (turned_back.imag - shift_y * height) / zoom_y + middle.imag
            down, across = (
                (1 - (rows - y).abs()).clamp(min=0),
                (1 - (columns - x).abs()).clamp(min=0),
            )
            result[:, row, column] = (planes.double() * torch.outer(down, across)).sum(dim=(1, 2))
    return result


def recoloured(image: Tensor, parameters: Sequence[float]) -> Tensor:
    """One picture (3, H, W) after Rodrigues' rotation about the grey axis, not yet clipped."""
    saturation, brightness, hue = parameters[5:]
    grey = image.double().mean(dim=0, keepdim=True)
    colour = image.double() - grey
    across = (colour.roll(1, 0) - colour.roll(-1, 0)) / math.sqrt(3)  # (1, 1, 1) / sqrt 3 x colour
    return brightness * (grey + saturation * (math.cos(hue) * colour + math.sin(hue) * across))


def transformed(image: Tensor, mask: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
    """A batch of pictures and masks, each by its own parameters."""
    rows = parameters.tolist()
    images = [
        recoloured(fetched(one, row), row).clamp(0, 1) for one, row in zip(image, rows, strict=True)
    ]
    return torch.stack(images), torch.stack(
        [fetched(one, row) for one, row in zip(mask, rows, strict=True)]
    )


def some_picture(
    seed: int, *size: int, low: float = 0.05, high: float = 0.95
) -> tuple[Tensor, Tensor]:
    """A picture over black, (B, 3, H, W), and its mask, with soft edges everywhere."""
    batch, height, width = size
    mask = draw(seed, batch, 1, height, width, low=0.3, high=1)
    return draw(seed + 1, batch, 3, height, width, low=low, high=high) * mask, mask


@check("transform_image", points=1)
def test_shift_by_whole_pixels(submission):
    """Pictures wider than high, shifted by whole pixels, each by others: black comes in from
    outside.
    """
    image, mask = some_picture(20, 2, 8, 10)
    parameters = torch.tensor(
        [parameters_with(shift_x=0.2, shift_y=-0.25), parameters_with(shift_x=-0.1, shift_y=0.375)]
    )
    both = torch.cat([image, mask], dim=1)
    expected = torch.zeros_like(both)
    expected[0, :, :-2, 2:] = both[0, :, 2:, :-2]
    expected[1, :, 3:, :-1] = both[1, :, :-3, 1:]
    found = submission.transform_image(image, mask, parameters)
    expect_drawing(found, expected[:, :3], expected[:, 3:], WARPED)


@check("transform_image", points=1)
def test_zoom_by_hand(submission):
    """Twice as wide and half as high, and the other way round: four pixels a side, worked by
    hand.
    """
    line = torch.tensor([0.8, 0.4, 0.0, 0.6])
    larger = torch.tensor([0.5, 0.3, 0.1, 0.15])  # a quarter and three quarters of two neighbours
    smaller = torch.tensor([0.0, 0.6, 0.3, 0.0])  # halfway between two neighbours, and outside
    mask = torch.stack([torch.outer(line, line), torch.outer(line, line)])[:, None]
    image = mask * torch.tensor([1.0, 0.5, 0.25])[:, None, None]
    parameters = torch.tensor(
        [parameters_with(zoom_x=2, zoom_y=0.5), parameters_with(zoom_x=0.5, zoom_y=2)]
    )  # fmt: skip
    expected = torch.stack([torch.outer(smaller, larger), torch.outer(larger, smaller)])[:, None]
    colours = expected * torch.tensor([1.0, 0.5, 0.25])[:, None, None]
    expect_drawing(submission.transform_image(image, mask, parameters), colours, expected, WARPED)


@check("transform_image", points=1)
def test_turns_by_right_angles(submission):
    """Quarter turns of a square, clockwise and back; half a turn of a picture that is higher than
    wide.
    """
    image, mask = some_picture(22, 2, 7, 7)
    quarter = torch.tensor(
        [parameters_with(rotation=angle) for angle in (math.pi / 2, -math.pi / 2)]
    )
    pictures, masks = (
        torch.stack([p[0].rot90(-1, (1, 2)), p[1].rot90(1, (1, 2))]) for p in (image, mask)
    )
    expect_drawing(submission.transform_image(image, mask, quarter), pictures, masks, WARPED)
    image, mask = some_picture(24, 1, 9, 6)
    half = torch.tensor([parameters_with(rotation=math.pi)])
    expected = image.flip(2, 3), mask.flip(2, 3)
    expect_drawing(submission.transform_image(image, mask, half), *expected, WARPED)


@check("transform_image", points=1)
def test_zoom_then_shift_then_turn(submission):
    """All geometry at once, different for each picture, wider than high: in the docstring's
    order.
    """
    image, mask = some_picture(26, 3, 7, 11)
    rows = [(0.2, -0.1, 0.7, 1.6, 0.8), (-0.15, 0.25, -2.0, 0.6, 1.3), (0.1, 0.3, 1.1, 0.9, 0.5)]
    parameters = torch.tensor([[*row, 1, 1, 0] for row in rows])
    expected = transformed(image, mask, parameters)
    expect_drawing(submission.transform_image(image, mask, parameters), *expected, WARPED)


@check("transform_image", points=1)
def test_colors_by_hand(submission):
    """Grey, twice as bright, and a third of a turn of hue: red becomes green, the mask stays as it
    is.
    """
    image, mask = some_picture(28, 3, 4, 5, high=0.45)
    rows = {"saturation": 0.0}, {"brightness": 2.0}, {"hue": 2 * math.pi / 3}
    expected = torch.stack(
        [image[0].mean(dim=0).expand(3, 4, 5), 2 * image[1], image[2].roll(1, 0)]
    )
    parameters = torch.tensor([parameters_with(**row) for row in rows])
    expect_drawing(submission.transform_image(image, mask, parameters), expected, mask, WARPED)


@check("transform_image", points=0.5)
def test_colors_are_clipped(submission):
    """Much brighter, much more colourful: the image is clipped to [0, 1], at the end and at both
    sides.
    """
    image, mask = some_picture(30, 4, 5, 4)
    rows = [(3.0, 1.0, 0.0), (1.0, 2.5, 0.4), (2.0, 1.8, -1.2), (3.0, 0.4, 1.0)]
    parameters = torch.tensor([[0, 0, 0, 1, 1, *row] for row in rows])
    expected = transformed(image, mask, parameters)
    expect_drawing(submission.transform_image(image, mask, parameters), *expected, WARPED)


@check("transform_image", points=1)
def test_everything_transformed_at_once(submission):
    """All eight parameters at once, different for each picture of a batch."""
    image, mask = some_picture(32, 3, 9, 6, low=0.35, high=0.6)
    rows = [(0.1, -0.2, 0.4, 1.3, 0.8, 0.7, 1.2, 1.0), (-0.2, 0.1, -0.6, 0.8, 1.2, 1.2, 0.7, -1.4)]
    parameters = torch.tensor([*rows, (0.05, 0.15, 0.2, 1.5, 1.1, 0.9, 1.1, 2.0)])
    expected = transformed(image, mask, parameters)
    expect_drawing(submission.transform_image(image, mask, parameters), *expected, WARPED)


@check("transform_image", points=0.5)
def test_transform_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the image, and no input is
    changed.
    """
    for dtype, tolerance in ((torch.float32, WARPED), (torch.float64, EXACT)):
        image, mask = (
            strided(plane.to(dtype)) for plane in some_picture(34, 2, 5, 6, low=0.2, high=0.5)
        )
        rows = [
            (0.1, -0.2, 0.3, 1.2, 0.9, 1.3, 1.4, 0.5),
            (0.2, 0.1, -0.4, 0.7, 1.1, 0.6, 0.8, -0.7),
        ]
        parameters = strided(torch.tensor(rows, dtype=dtype))
        pictures, masks = (plane.to(dtype) for plane in transformed(image, mask, parameters))
        found = submission.transform_image(image, mask, parameters)
        expect_drawing(found, pictures, masks, tolerance, exact_dtype=True)
        expect_inputs_unchanged(submission)


# -------------------------------------------------------------------------------------- the network


def generator_layers(
    chairs: int, size: int, features: int, channels: Sequence[int], kernel: int
) -> dict[str, tuple[int, ...]]:
    """The shape of every layer's weights in a ChairGenerator, by the layer's name."""
    inputs, wide = {"identity": chairs, "view": 4, "transformation": 8}, 2 * features
    shapes: dict[str, tuple[int, ...]] = {}
    shapes |= {f"{stream}.0": (features, many) for stream, many in inputs.items()}
    shapes |= {f"{stream}.2": (features, features) for stream in inputs}
    shapes |= {"shared.0": (wide, 3 * features), "shared.2": (wide, wide)}
    pixels = (size // 2 ** len(channels)) ** 2
    for stream, widths in {
        "image": [*channels, 3],
        "mask": [*(c // 2 for c in channels), 1],
    }.items():
        shapes[f"{stream}.0"] = widths[0] * pixels, wide
        for index, pair in enumerate(zip(widths, widths[1:], strict=False)):
            shapes[f"{stream}.{2 * index + 3}"] = (*pair, kernel, kernel)
    return shapes


def generator_shapes(*sizes) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter of a ChairGenerator, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in generator_layers(*sizes).items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": (shape[1 if len(shape) == 4 else 0],)}
    return shapes


def generator_state(seed: int, *sizes) -> dict[str, Tensor]:
    """Weights for every layer, that keep numbers at about their size through a ReLU; and biases."""
    state = {}
    for number, (name, shape) in enumerate(generator_layers(*sizes).items()):
        upward = len(shape) == 4  # a quarter of a kernel meets a value, the rest meets zeros
        reach = math.sqrt(6 / (shape[0] * shape[2] ** 2 / 4 if upward else shape[1]))
        state[f"{name}.weight"] = draw(seed + 2 * number, *shape, low=-reach, high=reach)
        outputs = shape[1] if upward else shape[0]
        state[f"{name}.bias"] = draw(seed + 2 * number + 1, outputs, low=-0.3, high=0.5)
    return state


def up_convolved(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All that the kernels paint, and of it the window that is twice as large as the maps."""
    painted, start = F.conv_transpose2d(maps, weight, bias, stride=2), (weight.shape[2] - 1) // 2
    return painted[..., start : start + 2 * maps.shape[2], start : start + 2 * maps.shape[3]]


def drawing_of(
    state: dict[str, Tensor], identity: Tensor, view: Tensor, transformation: Tensor
) -> tuple[Tensor, Tensor]:
    """What a ChairGenerator of these weights draws, in torch's functions."""

    def dense(x: Tensor, stream: str) -> Tensor:
        for index in (0, 2):
            x = F.relu(
                F.linear(x, state[f"{stream}.{index}.weight"], state[f"{stream}.{index}.bias"])
            )
        return x

    def decoded(x: Tensor, stream: str) -> Tensor:
        maps = F.linear(x, state[f"{stream}.0.weight"], state[f"{stream}.0.bias"])
        layers = sum(name.startswith(stream) for name in state) // 2 - 1
        maps = maps.view(len(x), len(state[f"{stream}.3.weight"]), -1)
        maps = maps.unflatten(2, (math.isqrt(maps.shape[2]),) * 2)
        for index in range(3, 2 * layers + 3, 2):
            maps = F.relu(maps)
            maps = up_convolved(
                maps, state[f"{stream}.{index}.weight"], state[f"{stream}.{index}.bias"]
            )
        return maps

    inputs = {"identity": identity, "view": view, "transformation": transformation}
    joined = dense(torch.cat([dense(x, stream) for stream, x in inputs.items()], dim=1), "shared")
    return decoded(joined, "image"), decoded(joined, "mask")


def generator_loaded(submission, state: dict[str, Tensor], *arguments: object, **options: object):
    """A ChairGenerator with these weights in it, so that its random beginning does not matter."""
    network = submission.ChairGenerator(*arguments, **options)
    try:
        network.load_state_dict(state)
    except Failure as failure:
        if failure.kind == "error":
            raise misfit(network, state) from None
        raise
    return network


def misfit(network, state: dict[str, Tensor]) -> Failure:
    """Which layer does not take its weights: they are put in one layer after another."""
    for name in generator_layer_names(state):
        weights = {key: weight for key, weight in state.items() if key.startswith(f"{name}.")}
        try:
            network.load_state_dict(weights, strict=False)
        except Failure:
            stream = name.partition(".")[0]
            return Failure(
                "wrong shape", f"a layer of `{stream}` has not the size that the docstring gives"
            )
    return Failure(
        "wrong type", "the layers have not the names that the docstring's order gives them"
    )


def generator_layer_names(state: dict[str, Tensor]) -> list[str]:
    """`identity.0`, `identity.2`, ..."""
    return [key.removesuffix(".weight") for key in state if key.endswith(".weight")]


def chairs_of(seed: int, batch: int, chairs: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a generator is fed: one chair each, codes of views, codes of transformations."""
    identity = F.one_hot(torch.arange(batch) * 2 % chairs, chairs).float()
    return identity, draw(seed, batch, 4), draw(seed + 1, batch, 8, low=-0.7, high=0.7)


@check("ChairGenerator", points=1)
def test_generator_of_small_pictures(submission):
    """Two up-convolutions, weights put in by their names: picture and mask of a batch of chairs."""
    given, sizes = chairs_of(100, 3, 5), (5, 16, 7, (6, 4), 4)
    state = generator_state(101, *sizes)
    expect_drawing(
        generator_loaded(submission, state, *sizes)(*given), *drawing_of(state, *given), NETWORK
    )


@check("ChairGenerator", points=1)
def test_generator_of_other_sizes(submission):
    """One, three and four up-convolutions, small and large pictures, widths that go up and down."""
    for sizes in ((3, 16, 5, (4,), 4), (6, 16, 4, (8, 2, 6), 2), (2, 64, 6, (4, 10, 6, 2), 4)):
        given, state = chairs_of(200, 2, sizes[0]), generator_state(201, *sizes)
        network = generator_loaded(submission, state, *sizes)
        expect_drawing(network(*given), *drawing_of(state, *given), NETWORK)


@check("ChairGenerator", points=1)
def test_generator_with_other_kernels(submission):
    """Kernels that the stride divides and others: each up-convolution doubles the side exactly."""
    for kernel in (3, 5, 6, 4):
        given, sizes = chairs_of(300, 2, 4), (4, 16, 5, (6, 4), kernel)
        state = generator_state(301 + kernel, *sizes)
        network = generator_loaded(submission, state, *sizes[:-1], kernel=kernel)
        expect_drawing(network(*given), *drawing_of(state, *given), NETWORK)


@check("ChairGenerator", points=1)
def test_generator_of_mixed_chairs(submission):
    """Shares of several chairs, also negative ones: the identity is used as it is given."""
    sizes = (6, 16, 5, (4, 8), 4)
    state, (_, view, change) = generator_state(401, *sizes), chairs_of(400, 4, 6)
    shares = draw(402, 4, 6, low=-0.3, high=0.8)
    expected = drawing_of(state, shares, view, change)
    expect_drawing(
        generator_loaded(submission, state, *sizes)(shares, view, change), *expected, NETWORK
    )


@check("ChairGenerator", points=0.5)
def test_generator_of_its_default_sizes(submission):
    """With nothing but the number of chairs, the docstring's sizes."""
    given, state = chairs_of(500, 2, 3), generator_state(501, 3, 32, 256, (128, 64, 32), 4)
    expect_drawing(
        generator_loaded(submission, state, 3)(*given), *drawing_of(state, *given), NETWORK
    )


@check("ChairGenerator", points=1)
def test_generator_gradient(submission):
    """Gradients flow from the picture and from the mask back through all three streams."""
    sizes = (4, 16, 6, (8, 4), 4)
    state, given = generator_state(601, *sizes), chairs_of(600, 3, 4)
    network = generator_loaded(submission, state, *sizes)
    cotangents = list(draw(602, 3, 4, 16, 16).split(3, dim=1))
    leaves = [tensor.clone().requires_grad_() for tensor in given]
    slopes = torch.autograd.grad(drawing_of(state, *leaves), leaves, cotangents)
    for wrt, of in ((1, "view"), (2, "transformation"), (0, "identity")):
        found = submission.gradient_of(network, *given, wrt=wrt, cotangent=cotangents)
        expect_value(found, slopes[wrt], NETWORK, f"the gradient by the {of}")


@check("ChairGenerator", points=0.5)
def test_generator_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the weights, and no input is
    changed.
    """
    sizes = (5, 8, 4, (4, 6), 5)
    state = generator_state(701, *sizes)
    network = generator_loaded(submission, state, *sizes)
    for dtype, tolerance in ((torch.float32, NETWORK), (torch.float64, None)):
        network.to(dtype)
        state = {name: weight.to(dtype) for name, weight in state.items()}
        given = [strided(tensor.to(dtype)) for tensor in chairs_of(700, 3, 5)]
        expect_drawing(network(*given), *drawing_of(state, *given), tolerance, exact_dtype=True)
        expect_inputs_unchanged(submission)


GENERATOR, SHARP, COVERED = "chair_generator.safetensors", 25, 0.72  # the file; decibels; IoU


@cache
def hidden_chairs(size: int) -> Views:
    """The course's chairs from an elevation, and azimuths, that nobody trains with."""
    views = load_views(pack_path("furniture_hidden"), size=size).of_category("chair").renumbered()
    return views.batch(torch.arange(len(views)))


def generator_sizes(state: dict[str, Tensor]) -> tuple | None:
    """The sizes that a ChairGenerator of these weights was made with; None if there are none."""
    doublings = sum(
        name.startswith("image.") and weight.dim() == 4 for name, weight in state.items()
    )
    names = [f"image.{2 * index + 3}.weight" for index in range(doublings)]
    kernels = [state[name] for name in names if name in state]
    first, entry = state.get("identity.0.weight"), state.get("image.0.weight")
    if first is None or entry is None or not names or len(kernels) < len(names):
        return None
    if not all(each.numel() for each in (*kernels, first, entry)):
        return None
    if first.dim() != 2 or any(kernel.dim() != 4 for kernel in kernels):
        return None
    channels = tuple(len(kernel) for kernel in kernels)
    size = math.isqrt(len(entry) // channels[0]) * 2**doublings
    return first.shape[1], size, len(first), channels, kernels[0].shape[2]


def saved_generator(submission, chairs: int):
    """The student's own generator, as it was trained and saved; and the side of its pictures."""
    state = {name: tensor.float() for name, tensor in submission.saved(GENERATOR).items()}
    sizes = generator_sizes(state)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    other = f"`{GENERATOR}` does not hold a `ChairGenerator` of (16, 32, 64) pixels"
    if sizes is None or shapes != generator_shapes(*sizes):
        raise Failure("wrong type", other)
    if sizes[1] not in (16, 32, 64):
        raise Failure("wrong type", other)
    if sizes[0] != chairs:
        raise Failure("wrong shape", f"`{GENERATOR}` was trained on other chairs than the course's")
    return generator_loaded(submission, state, *sizes), sizes[1]


@check("ChairGenerator", points=2, explained=False)
def test_generator_trained(submission):
    """Your generator, as you trained and saved it, draws views that nobody has seen: 25 dB, mask
    IoU 72 %.
    """
    seen = hidden_chairs(32)
    chairs = int(seen.model.max()) + 1
    network, size = saved_generator(submission, chairs)
    truth = hidden_chairs(size)
    identity = F.one_hot(truth.model, chairs).float()
    result = network(
        identity, view_code(truth.azimuth, truth.elevation), torch.zeros(len(identity), 8)
    )
    shapes = [(len(identity), maps, size, size) for maps in (3, 1)]
    expect_pair(result, *shapes, dtype=torch.float32)
    image, mask = result
    scores = mean_scores(image, mask, truth.masked, truth.mask)
    if scores.psnr < SHARP or scores.iou < COVERED:
        reached = f"{math.floor(scores.psnr)} dB and a mask IoU of {math.floor(100 * scores.iou)}%"
        raise Failure(
            "wrong value", f"it reaches {reached}: {SHARP} dB and {COVERED:.0%} are wanted"
        )


# ---------------------------------------------------------------------------- the loss, the picture


def some_drawings(seed: int, *size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A drawing that may leave [0, 1] and a target that does not: images and masks."""
    batch, height, width = size
    image, mask = (draw(seed + c, batch, c, height, width, low=-0.5, high=1.5) for c in (3, 1))
    target, target_mask = some_picture(seed + 5, *size)
    return image, mask, target, target_mask


def squared_errors(
    image: Tensor, mask: Tensor, target: Tensor, target_mask: Tensor, *, weight: float = 0.1
) -> Tensor:
    """The loss by torch's own, picture by picture."""
    pictures = zip(image, mask, target, target_mask, strict=True)
    losses = [
        F.mse_loss(u, x, reduction="sum") + weight * F.mse_loss(m, s, reduction="sum")
        for u, m, x, s in pictures
    ]
    return torch.stack(losses).mean()


@check("generator_loss", points=1)
def test_generator_loss_by_hand(submission):
    """One picture of two pixels: worked by hand."""
    image, target = (
        torch.zeros(1, 3, 1, 2),
        torch.tensor([[1.0, -2], [3, 0], [0, 0.5]]).view(1, 3, 1, 2),
    )
    mask, target_mask = (
        torch.tensor([4.0, 1]).view(1, 1, 1, 2),
        torch.tensor([1.0, 3]).view(1, 1, 1, 2),
    )
    found = submission.generator_loss(image, mask, target, target_mask)
    expect_value(found, torch.tensor(14.25 + 0.1 * 13))


@check("generator_loss", points=1)
def test_generator_loss_of_a_batch(submission):
    """Several pictures, errors small and large: sums over channels and pixels, a mean over the
    batch.
    """
    for scale in (1.0, 100.0):
        given = [scale * tensor for tensor in some_drawings(800, 5, 4, 7)]
        expect_value(submission.generator_loss(*given), squared_errors(*given))


@check("generator_loss", points=1)
def test_generator_loss_with_other_weights(submission):
    """The mask counts not at all, as much as the image, and more."""
    given = some_drawings(810, 2, 6, 4)
    for weight in (0.0, 1.0, 3.5):
        found = submission.generator_loss(*given, weight=weight)
        expect_value(found, squared_errors(*given, weight=weight))


@check("generator_loss", points=1)
def test_generator_loss_gradient(submission):
    """The gradients by the image and by the mask: in closed form, twice the difference, by the
    batch.
    """
    image, mask, target, target_mask = given = some_drawings(820, 3, 5, 4)
    expect_value(submission.generator_loss(*given, 0.7), squared_errors(*given, weight=0.7))
    expected = 2 * (image - target) / 3, 2 * 0.7 * (mask - target_mask) / 3
    for wrt, (slope, of) in enumerate(zip(expected, ("image", "mask"), strict=True)):
        found = submission.gradient_of("generator_loss", *given, 0.7, wrt=wrt)
        expect_value(found, slope, what=f"the gradient by the {of}")


@check("generator_loss", points=0.5)
def test_generator_loss_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the image, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        given = [strided(tensor.to(dtype)) for tensor in some_drawings(830, 2, 3, 5)]
        expect(submission.generator_loss(*given), close_to=squared_errors(*given))
        expect_inputs_unchanged(submission)


@check("composite", points=1)
def test_composite_by_hand(submission):
    """A pixel of the chair, one beside it, and one on its edge: worked by hand."""
    mask = torch.tensor([1.0, 0.0, 0.5]).view(1, 1, 1, 3)
    image = torch.tensor([[0.8, 0, 0.4], [0.2, 0, 0.1], [0.6, 0, 0.0]]).view(1, 3, 1, 3)
    expected = torch.tensor([[0.8, 1, 0.9], [0.2, 1, 0.6], [0.6, 1, 0.5]]).view(1, 3, 1, 3)
    expect_value(submission.composite(image, mask), expected)


def some_chair(seed: int, *size: int) -> tuple[Tensor, Tensor]:
    """Colours, not yet multiplied by the mask, and a mask with outside, inside and edges."""
    batch, height, width = size
    mask = draw(seed, batch, 1, height, width, low=-0.4, high=1.4).clamp(0, 1)
    return draw(seed + 1, batch, 3, height, width, low=0, high=1), mask


@check("composite", points=1)
def test_composite_mixes_with_white(submission):
    """Colours times masks with soft edges: each pixel is as far from white as its mask says."""
    colour, mask = some_chair(900, 2, 5, 7)
    expected = torch.lerp(torch.ones_like(colour), colour, mask.expand_as(colour))
    expect_value(submission.composite(colour * mask, mask), expected)


@check("composite", points=1)
def test_composite_of_masks_out_of_range(submission):
    """Masks below 0 and above 1 count as 0 and as 1, also where the sum would be in range."""
    mask = torch.tensor([1.4, -0.3, 1.05, -2.0, 0.5])
    image = torch.tensor(
        [[0.7, -0.4, 0.2, -0.1, 0.3], [0.9, -0.6, 0.5, -0.7, 0], [0.4, -0.9, 0.1, -0.2, 0.5]]
    )
    expected = torch.tensor(
        [[0.7, 0.6, 0.2, 0.9, 0.8], [0.9, 0.4, 0.5, 0.3, 0.5], [0.4, 0.1, 0.1, 0.8, 1]]
    )
    found = submission.composite(image.view(1, 3, 1, 5), mask.view(1, 1, 1, 5))
    expect_value(found, expected.view(1, 3, 1, 5))


@check("composite", points=0.5)
def test_composite_is_clipped(submission):
    """Drawings of an untrained network: the sum is clipped to [0, 1], and nothing before it but the
    mask.
    """
    image, mask, *_ = some_drawings(910, 3, 6, 4)
    white = torch.where(mask < 0, 1.0, torch.where(mask > 1, 0.0, 1 - mask))
    summed = 2 * image + white
    expected = torch.where(summed < 0, 0.0, torch.where(summed > 1, 1.0, summed))
    expect_value(submission.composite(2 * image, mask), expected)


@check("composite", points=0.5)
def test_composite_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the image, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        colour, mask = (strided(plane.to(dtype)) for plane in some_chair(920, 2, 4, 3))
        found = submission.composite(strided(colour * mask), mask)
        expect(found, close_to=torch.lerp(torch.ones_like(colour), colour, mask.expand_as(colour)))
        expect_inputs_unchanged(submission)
