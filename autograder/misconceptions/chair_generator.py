"""Misconceptions about the chair generator.

A hint says what is seen, what often causes it and where to look; it never gives the answer.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder.misconceptions import misconception
from course_utils.data.transformations import COLOR_AXES

SINGLE = "float64 goes in, float32 comes out: "
SINGLE += "look for a conversion, a constant or a new tensor that fixes the dtype."
CUT = "The values are right, and no gradient flows back: "
CUT += "look for `.detach()`, `.data`, `.item()`, NumPy or a new tensor."

# ---------------------------------------------------------------------------- sizes, along one side


def _positions(size, kernel, stride=1, padding=0):
    """The right number; without an error."""
    return (size + 2 * padding - kernel) // stride + 1


def _positions_or_error(size, kernel, stride=1, padding=0):
    """The right number."""
    if kernel > size + 2 * padding:
        raise ValueError
    return _positions(size, kernel, stride, padding)


@misconception(
    "conv_output_size",
    hint="An error is raised, and it is another one: compare it with the docstring.",
)
def kernel_that_does_not_fit_asserted(size, kernel, stride=1, padding=0):
    """AssertionError."""
    assert kernel <= size + 2 * padding
    return _positions(size, kernel, stride, padding)


@misconception(
    "conv_output_size",
    hint="A kernel that does not fit has 0 positions, or fewer: what does the docstring say of it?",
)
def kernel_that_does_not_fit(size, kernel, stride=1, padding=0):
    """No error."""
    return _positions(size, kernel, stride, padding)


@misconception(
    "conv_output_size",
    hint="A kernel that does not fit gives 0: what does the docstring say of it?",
)
def no_positions(size, kernel, stride=1, padding=0):
    """0 in the place of an error."""
    return max(_positions(size, kernel, stride, padding), 0)


@misconception(
    "conv_output_size",
    hint="A kernel that does not fit gives None: what does the docstring say of it?",
)
def none_for_a_kernel_that_does_not_fit(size, kernel, stride=1, padding=0):
    """None in the place of an error."""
    return None if kernel > size + 2 * padding else _positions(size, kernel, stride, padding)


@misconception(
    "conv_output_size",
    hint="A kernel as large as the padded input is refused: does it have a position?",
)
def just_fitting_kernel_refused(size, kernel, stride=1, padding=0):
    """Greater or equal."""
    if kernel >= size + 2 * padding:
        raise ValueError
    return _positions(size, kernel, stride, padding)


@misconception(
    "conv_output_size",
    hint="A kernel that fits only with the padding is refused: what is it compared with?",
)
def kernel_compared_without_padding(size, kernel, stride=1, padding=0):
    """Compared with the input alone."""
    if kernel > size:
        raise ValueError
    return _positions(size, kernel, stride, padding)


@misconception(
    "conv_output_size",
    hint="It is too small by one: count the positions of a kernel of 2 in a row of 3.",
)
def first_position_not_counted(size, kernel, stride=1, padding=0):
    """The + 1 is missing."""
    return _positions_or_error(size, kernel, stride, padding) - 1


@misconception(
    "conv_output_size",
    hint="Right for a stride of 1, too small for others: is the first position divided by the stride too?",
)
def one_added_before_the_division(size, kernel, stride=1, padding=0):
    """The + 1 stands inside."""
    if kernel > size + 2 * padding:
        raise ValueError
    return (size + 2 * padding - kernel + 1) // stride


@misconception("conv_output_size", hint="Too small with padding: at how many ends are there zeros?")
def padding_at_one_end(size, kernel, stride=1, padding=0):
    """Padding counts once."""
    if kernel > size + padding:
        raise ValueError
    return (size + padding - kernel) // stride + 1


@misconception("conv_output_size", hint="Padding changes nothing: an argument is never used.")
def padding_left_out(size, kernel, stride=1, padding=0):
    """As without padding."""
    return _positions_or_error(size, kernel, stride)


@misconception("conv_output_size", hint="Padding makes it smaller: look at its sign.")
def padding_makes_it_smaller(size, kernel, stride=1, padding=0):
    """Padding is subtracted, as it is for the way back."""
    return _positions_or_error(size, kernel, stride, -padding)


@misconception("conv_output_size", hint="The stride changes nothing: an argument is never used.")
def stride_left_out(size, kernel, stride=1, padding=0):
    """As with a stride of 1."""
    return _positions_or_error(size, kernel, 1, padding)


@misconception(
    "conv_output_size",
    hint="One too many where the stride leaves a rest: does a kernel fit into the pixels that are left?",
)
def positions_rounded_up(size, kernel, stride=1, padding=0):
    """The ceiling."""
    _positions_or_error(size, kernel, stride, padding)
    return math.ceil((size + 2 * padding - kernel) / stride) + 1


@misconception(
    "conv_output_size",
    hint="Where the stride leaves a rest it is sometimes one too many: which way has it to be rounded?",
)
def positions_rounded_to_the_nearest(size, kernel, stride=1, padding=0):
    """round() in the place of the floor."""
    _positions_or_error(size, kernel, stride, padding)
    return round((size + 2 * padding - kernel) / stride) + 1


@misconception(
    "conv_output_size",
    hint="There are fractions of pixels: what does the formula do with a division's rest?",
)
def fraction_of_a_position(size, kernel, stride=1, padding=0):
    """Divided and not rounded."""
    _positions_or_error(size, kernel, stride, padding)
    return (size + 2 * padding - kernel) / stride + 1


@misconception(
    "conv_output_size",
    hint="The number is right, and it is a float: which division of Python gives an int?",
)
def positions_as_a_float(size, kernel, stride=1, padding=0):
    """Rounded down, and still a float."""
    return float(_positions_or_error(size, kernel, stride, padding))


@misconception(
    "conv_output_size",
    hint="It is the padded size divided by the stride: what does the kernel take away from it?",
)
def as_if_padded_to_the_same_size(size, kernel, stride=1, padding=0):
    """The kernel is not subtracted."""
    if kernel > size + 2 * padding:
        raise ValueError
    return (size + 2 * padding) // stride


@misconception(
    "conv_output_size",
    hint="The result is larger than the input: that is the formula of the way back.",
)
def size_of_the_way_back(size, kernel, stride=1, padding=0):
    """What a fractionally-strided convolution gives."""
    if kernel > size + 2 * padding:
        raise ValueError
    return (size - 1) * stride - 2 * padding + kernel


def _up_size(size, kernel, stride=1, padding=0, output_padding=0):
    """The right number; without an error."""
    return (size - 1) * stride - 2 * padding + kernel + output_padding


def _up_size_or_error(size, kernel, stride=1, padding=0, output_padding=0):
    """The right number."""
    _output_padding_in_range(stride, output_padding)
    return _up_size(size, kernel, stride, padding, output_padding)


def _output_padding_in_range(stride, output_padding):
    if not 0 <= output_padding < stride:
        raise ValueError


@misconception(
    "fractional_conv_output_size",
    hint="An error is raised, and it is another one: compare with the docstring.",
)
def output_padding_asserted(size, kernel, stride=1, padding=0, output_padding=0):
    """AssertionError."""
    assert 0 <= output_padding < stride
    return _up_size(size, kernel, stride, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="Any output_padding is accepted: what does the docstring say of it?",
)
def any_output_padding(size, kernel, stride=1, padding=0, output_padding=0):
    """No error."""
    return _up_size(size, kernel, stride, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="An output_padding as large as the stride is accepted: which is the last number below it?",
)
def output_padding_up_to_the_stride(size, kernel, stride=1, padding=0, output_padding=0):
    """The range's end is taken for its last number."""
    if not 0 <= output_padding <= stride:
        raise ValueError
    return _up_size(size, kernel, stride, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="A negative output_padding is accepted: a range has two ends.",
)
def negative_output_padding(size, kernel, stride=1, padding=0, output_padding=0):
    """Only the upper end is looked at."""
    if output_padding >= stride:
        raise ValueError
    return _up_size(size, kernel, stride, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="An output_padding beyond its range is cut: what does the docstring say?",
)
def output_padding_clamped(size, kernel, stride=1, padding=0, output_padding=0):
    """Brought into its range in silence."""
    return _up_size(size, kernel, stride, padding, min(max(output_padding, 0), stride - 1))


@misconception(
    "fractional_conv_output_size",
    hint="The largest output_padding is refused: which one is the last below?",
)
def last_output_padding_refused(size, kernel, stride=1, padding=0, output_padding=0):
    """One fewer; with a stride of 1 none is left but 0."""
    if output_padding < 0 or (output_padding and output_padding >= stride - 1):
        raise ValueError
    return _up_size(size, kernel, stride, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="It is too large by the stride: how many steps are there between the first and the last value?",
)
def step_after_the_last_value(size, kernel, stride=1, padding=0, output_padding=0):
    """size in the place of size - 1."""
    return _up_size_or_error(size + 1, kernel, stride, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="It is the input's size times the stride: what does the kernel add?",
)
def size_times_stride(size, kernel, stride=1, padding=0, output_padding=0):
    """As if it always grew exactly by the stride."""
    _output_padding_in_range(stride, output_padding)
    return size * stride


@misconception(
    "fractional_conv_output_size",
    hint="Padding makes it larger: what is done with these pixels on the way up?",
)
def padding_added(size, kernel, stride=1, padding=0, output_padding=0):
    """As for a convolution."""
    return _up_size_or_error(size, kernel, stride, -padding, output_padding)


@misconception(
    "fractional_conv_output_size", hint="Too large with padding: at how many ends is it cut off?"
)
def padding_cut_once(size, kernel, stride=1, padding=0, output_padding=0):
    """Padding counts once."""
    return _up_size_or_error(size, kernel, stride, padding, output_padding) + padding


@misconception(
    "fractional_conv_output_size", hint="Padding changes nothing: an argument is never used."
)
def padding_of_the_output_size_left_out(size, kernel, stride=1, padding=0, output_padding=0):
    """As without padding."""
    return _up_size_or_error(size, kernel, stride, 0, output_padding)


@misconception(
    "fractional_conv_output_size", hint="output_padding changes nothing: an argument is never used."
)
def output_padding_left_out(size, kernel, stride=1, padding=0, output_padding=0):
    """As without it, once it has been compared."""
    _output_padding_in_range(stride, output_padding)
    return _up_size(size, kernel, stride, padding)


@misconception(
    "fractional_conv_output_size", hint="output_padding counts twice: at how many ends is it added?"
)
def output_padding_at_both_ends(size, kernel, stride=1, padding=0, output_padding=0):
    """As if it were padding."""
    return _up_size_or_error(size, kernel, stride, padding, output_padding) + output_padding


@misconception(
    "fractional_conv_output_size", hint="output_padding makes it smaller: look at its sign."
)
def output_padding_cut_off(size, kernel, stride=1, padding=0, output_padding=0):
    """Subtracted."""
    return _up_size_or_error(size, kernel, stride, padding, output_padding) - 2 * output_padding


@misconception(
    "fractional_conv_output_size",
    hint="It is too small by one: how many pixels does one value paint, with a kernel of 5?",
)
def kernel_minus_one(size, kernel, stride=1, padding=0, output_padding=0):
    """The library's formula, with its dilation, and without its + 1."""
    return _up_size_or_error(size, kernel, stride, padding, output_padding) - 1


@misconception(
    "fractional_conv_output_size",
    hint="The result is smaller than the input: that is the way down.",
)
def size_of_a_convolution(size, kernel, stride=1, padding=0, output_padding=0):
    """The convolution's own formula."""
    _output_padding_in_range(stride, output_padding)
    return (size + 2 * padding - kernel) // stride + 1 + output_padding


@misconception(
    "fractional_conv_output_size",
    hint="The stride changes nothing: an argument is only compared with.",
)
def stride_of_the_output_size_left_out(size, kernel, stride=1, padding=0, output_padding=0):
    """As with a stride of 1."""
    _output_padding_in_range(stride, output_padding)
    return _up_size(size, kernel, 1, padding, output_padding)


@misconception(
    "fractional_conv_output_size",
    hint="The number is right, and it is a float: which operation makes it one?",
)
def output_size_as_a_float(size, kernel, stride=1, padding=0, output_padding=0):
    """Divided by 1 / stride, the fraction of the name."""
    return round((size - 1) / (1 / stride)) * 1.0 + _up_size_or_error(
        1, kernel, stride, padding, output_padding
    )


# ----------------------------------------------------------------- fractionally-strided convolution


def _nails(maps, rows, columns):
    """The right bed, with a stride down and another across."""
    height, width = (maps.shape[2] - 1) * rows + 1, (maps.shape[3] - 1) * columns + 1
    nails = maps.new_zeros(*maps.shape[:2], height, width)
    nails[:, :, ::rows, ::columns] = maps
    return nails


@misconception(
    "insert_zeros",
    hint="There is one zero too many between neighbours: how far apart are they with a stride of 1?",
)
def stride_zeros_between(maps, stride):
    """stride zeros, not stride - 1."""
    return _nails(maps, stride + 1, stride + 1)


@misconception(
    "insert_zeros",
    hint="There are zeros after the last row and column: they belong between values only.",
)
def zeros_after_the_last(maps, stride):
    """Every value has a square of its own."""
    return F.pad(_nails(maps, stride, stride), (0, stride - 1, 0, stride - 1))


@misconception(
    "insert_zeros",
    hint="There are zeros before the first row and column: they belong between values only.",
)
def zeros_before_the_first(maps, stride):
    """Values at the ends of their squares."""
    return F.pad(_nails(maps, stride, stride), (stride - 1, 0, stride - 1, 0))


@misconception("insert_zeros", hint="There is a frame of zeros: is padding part of this task?")
def zeros_all_around(maps, stride):
    """Padded as for the convolution that follows."""
    return F.pad(_nails(maps, stride, stride), [stride - 1] * 4)


@misconception(
    "insert_zeros", hint="Values are repeated: what does a bed of nails have between them?"
)
def values_repeated(maps, stride):
    """Nearest neighbour."""
    repeated = maps.repeat_interleave(stride, dim=2).repeat_interleave(stride, dim=3)
    return repeated[:, :, : (maps.shape[2] - 1) * stride + 1, : (maps.shape[3] - 1) * stride + 1]


@misconception("insert_zeros", hint="It is smooth between the values: there should be zeros.")
def values_interpolated(maps, stride):
    """Bilinear."""
    size = [(n - 1) * stride + 1 for n in maps.shape[2:]]
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)


@misconception(
    "insert_zeros", hint="There are ones between the values: with what does the new tensor begin?"
)
def ones_between(maps, stride):
    """Filled with ones."""
    nails = _nails(maps, stride, stride)
    return torch.where(_nails(torch.ones_like(maps), stride, stride) > 0, nails, 1)


@misconception("insert_zeros", hint="Right across and not down: the stride goes both ways.")
def zeros_across_only(maps, stride):
    """Between columns only."""
    return _nails(maps, 1, stride)


@misconception("insert_zeros", hint="Right down and not across: the stride goes both ways.")
def zeros_down_only(maps, stride):
    """Between rows only."""
    return _nails(maps, stride, 1)


@misconception(
    "insert_zeros", hint="Channels are zero that should not be: only height and width grow."
)
def zeros_between_channels(maps, stride):
    """Three dimensions."""
    nails = maps.new_zeros(
        maps.shape[0], (maps.shape[1] - 1) * stride + 1, *_nails(maps, stride, stride).shape[2:]
    )
    nails[:, ::stride] = _nails(maps, stride, stride)
    return nails


@misconception(
    "insert_zeros", hint="Right for a stride of 2, and wrong for others: look for a 2 in your code."
)
def always_one_zero(maps, stride):
    """The argument is ignored."""
    return _nails(maps, 2, 2)


@misconception("insert_zeros", hint="The values have grown: they only move apart.")
def brightness_kept(maps, stride):
    """The mean stays what it was."""
    return stride**2 * _nails(maps, stride, stride)


@misconception("insert_zeros", hint=CUT)
def nails_cut_off(maps, stride):
    """A new tensor."""
    return _nails(maps, stride, stride).detach()


@misconception("insert_zeros", hint=SINGLE)
def nails_in_single_precision(maps, stride):
    """torch.zeros without a dtype."""
    return _nails(maps.float(), stride, stride)


@misconception(
    "fractionally_strided_conv2d",
    hint="Symmetric kernels work, others come out turned by 180 degrees: what does a single 1 paint, "
    "and what paints its top left corner?",
)
def up_kernel_not_flipped(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """The zeros are inserted, and the kernels not turned."""
    return F.conv_transpose2d(maps, kernels.flip(2, 3), bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Kernels are mirrored top to bottom: half a turn mirrors both ways.",
)
def flipped_in_the_rows_only(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Half of the turn is missing."""
    return F.conv_transpose2d(maps, kernels.flip(2), bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Kernels are mirrored left to right: half a turn mirrors both ways.",
)
def flipped_in_the_columns_only(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """The other half of the turn is missing."""
    return F.conv_transpose2d(maps, kernels.flip(3), bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Height and width of the kernels are exchanged: look at the order of the loops, or of a reshape.",
)
def up_kernel_transposed(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Rows and columns of the kernels are exchanged."""
    return F.conv_transpose2d(maps, kernels.mT, bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="It fails, or channels are mixed up: which of the kernels' first two sizes belongs to the input?",
)
def channels_reshaped(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """A reshape where the channels should change places."""
    swapped = kernels.reshape(kernels.shape[1], kernels.shape[0], *kernels.shape[2:])
    return F.conv_transpose2d(maps, swapped.transpose(0, 1), bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Channels are lost: every input channel paints into every output channel.",
)
def only_the_first_channel_paints(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """The other channels are left out."""
    return F.conv_transpose2d(maps[:, :1], kernels[:1], bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Results are too small by the number of input channels: a sum is needed, not a mean.",
)
def input_channels_averaged(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """A mean over the input channels."""
    return F.conv_transpose2d(maps / maps.shape[1], kernels, bias, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Each channel is off by a constant: an argument is never used.",
)
def up_bias_forgotten(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Only what kernels paint."""
    return F.conv_transpose2d(maps, kernels, None, stride, padding, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="The bias counts more often where paintings overlap: is it part of a painting?",
)
def bias_in_every_painting(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Added before the paintings are added up."""
    options = stride, padding, output_padding
    result = F.conv_transpose2d(maps, kernels, None, *options)
    if bias is None:
        return result
    ones = bias[None, :, None, None].expand(1, -1, *kernels.shape[2:])
    return result + F.conv_transpose2d(torch.ones_like(maps[:, :1]), ones, None, *options)


@misconception(
    "fractionally_strided_conv2d",
    hint="Where paintings overlap only the last is left: look for an assignment that should be an addition.",
)
def later_paintings_cover_earlier_ones(
    maps, kernels, bias=None, stride=1, padding=0, output_padding=0
):
    """Overwritten in the place of added."""
    (height, width), (h, w) = maps.shape[2:], kernels.shape[2:]
    full = [(n - 1) * stride + k + output_padding for n, k in ((height, h), (width, w))]
    canvas = maps.new_zeros(maps.shape[0], kernels.shape[1], *full)
    painted = torch.einsum("bcyx,cdij->bdyxij", maps, kernels)
    for y in range(height):
        for x in range(width):
            canvas[:, :, y * stride : y * stride + h, x * stride : x * stride + w] = painted[
                :, :, y, x
            ]
    canvas = canvas[:, :, padding : full[0] - padding, padding : full[1] - padding]
    return canvas if bias is None else canvas + bias[:, None, None]


@misconception(
    "fractionally_strided_conv2d",
    hint="Results are too small where paintings overlap: they are added, and not averaged.",
)
def overlap_averaged(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Divided by the number of paintings."""
    options = stride, padding, output_padding
    counts = F.conv_transpose2d(
        torch.ones_like(maps[:1, :1]), torch.ones_like(kernels[:1, :1]), None, *options
    )
    result = F.conv_transpose2d(maps, kernels, None, *options) / counts.clamp(min=1)
    return result if bias is None else result + bias[:, None, None]


@misconception(
    "fractionally_strided_conv2d",
    hint="The size is right, and it is too bright: what is there between the values, before the convolution?",
)
def nearest_in_the_place_of_nails(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Values are repeated, not surrounded by zeros."""
    repeated = maps.repeat_interleave(stride, dim=2).repeat_interleave(stride, dim=3)
    repeated = repeated[
        :, :, : (maps.shape[2] - 1) * stride + 1, : (maps.shape[3] - 1) * stride + 1
    ]
    result = F.conv_transpose2d(
        F.pad(repeated, (0, output_padding, 0, output_padding)), kernels, bias, 1
    )
    height, width = result.shape[2:]
    return result[:, :, padding : height - padding, padding : width - padding]


@misconception(
    "fractionally_strided_conv2d",
    hint="Too large for every stride above 1: how many zeros lie between neighbouring values?",
)
def one_zero_too_many(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """stride zeros, not stride - 1."""
    return F.conv_transpose2d(maps, kernels, bias, stride + 1, padding, output_padding)


def _over_nails(maps, kernels, bias, stride, frame, output_padding):
    """Insert zeros, put `frame` zeros around them, above and beside, and convolve with the turned
    kernels.
    """
    nails = _nails(maps, stride, stride)
    top, left = frame
    padded = F.pad(nails, (left, left + output_padding, top, top + output_padding))
    return F.conv2d(padded, kernels.flip(2, 3).transpose(0, 1), bias)


@misconception(
    "fractionally_strided_conv2d",
    hint="The size is right for some kernels only: how many zeros does a bed of nails need around it, so "
    "that every place of the kernel meets its first value?",
)
def padding_put_around_the_nails(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """As many zeros as the convolution on the way down has."""
    return _over_nails(maps, kernels, bias, stride, (padding, padding), output_padding)


@misconception(
    "fractionally_strided_conv2d", hint="The stride changes nothing: an argument is never used."
)
def up_stride_ignored(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Neighbouring paintings are shifted by one."""
    result = F.conv_transpose2d(maps, kernels, bias, 1, padding)
    return F.pad(result, (0, output_padding, 0, output_padding))


@misconception(
    "fractionally_strided_conv2d", hint="Right across and not down: the stride goes both ways."
)
def up_stride_across_only(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Rows stay together."""
    return F.conv_transpose2d(maps, kernels, bias, (1, stride), padding, (0, output_padding))


@misconception(
    "fractionally_strided_conv2d",
    hint="The result is larger than it should be: an argument is never used.",
)
def up_padding_ignored(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Nothing is cut off."""
    return F.conv_transpose2d(maps, kernels, bias, stride, 0, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="There is a row or a column too many at each end: count the zeros around the bed of nails.",
)
def a_frame_of_one_zero_too_many(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """kernel - padding zeros, not kernel - 1 - padding."""
    frame = [k - padding for k in kernels.shape[2:]]
    return _over_nails(maps, kernels, bias, stride, frame, output_padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="Padding makes the result larger: on the way up it does the opposite of what it does down.",
)
def up_padding_added(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Zeros around the result."""
    return F.pad(F.conv_transpose2d(maps, kernels, bias, stride, 0, output_padding), [padding] * 4)


@misconception(
    "fractionally_strided_conv2d",
    hint="Padding is cut off at the far ends only, and the picture is shifted: it has four sides.",
)
def cut_at_the_far_ends(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Twice the padding, at the bottom and at the right."""
    full = F.conv_transpose2d(maps, kernels, bias, stride, 0, output_padding)
    return full[:, :, : full.shape[2] - 2 * padding, : full.shape[3] - 2 * padding]


@misconception(
    "fractionally_strided_conv2d",
    hint="The picture is shifted to the top left, and its end is missing: what is cut off at the far ends?",
)
def cut_at_the_near_ends(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Twice the padding, at the top and at the left."""
    full = F.conv_transpose2d(maps, kernels, bias, stride, 0, output_padding)
    return full[:, :, 2 * padding :, 2 * padding :]


@misconception(
    "fractionally_strided_conv2d",
    hint="A row and a column are missing, or several: an argument is never used.",
)
def up_output_padding_forgotten(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """As without output_padding."""
    return F.conv_transpose2d(maps, kernels, bias, stride, padding)


@misconception(
    "fractionally_strided_conv2d",
    hint="The last rows and columns are empty: what kernels have painted there was cut off before.",
)
def zeros_for_the_output_padding(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Cut off, and then padded with zeros."""
    result = F.conv_transpose2d(maps, kernels, bias, stride, padding)
    return F.pad(result, (0, output_padding, 0, output_padding))


@misconception(
    "fractionally_strided_conv2d",
    hint="With output_padding the picture is shifted: at which end are its rows and columns added?",
)
def output_padding_at_the_near_end(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Rows at the top and columns at the left."""
    full = F.pad(
        F.conv_transpose2d(maps, kernels, None, stride), (output_padding, 0, output_padding, 0)
    )
    height, width = full.shape[2:]
    full = full[:, :, padding : height - padding, padding : width - padding]
    return full if bias is None else full + bias[:, None, None]


@misconception(
    "fractionally_strided_conv2d",
    hint="With output_padding there are too many rows and columns: at which ends are they added?",
)
def output_padding_on_four_sides(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """As if it were padding."""
    full = F.conv_transpose2d(maps, kernels, bias, stride, padding, output_padding)
    return F.pad(full, (output_padding, 0, output_padding, 0))


@misconception("fractionally_strided_conv2d", hint=CUT)
def up_kernels_cut_off(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Kernels that can't be learnt."""
    return F.conv_transpose2d(maps, kernels.detach(), bias, stride, padding, output_padding)


@misconception("fractionally_strided_conv2d", hint=CUT)
def up_convolution_cut_off(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Nothing can be learnt."""
    return F.conv_transpose2d(maps, kernels, bias, stride, padding, output_padding).detach()


@misconception("fractionally_strided_conv2d", hint=SINGLE)
def up_convolution_in_single_precision(
    maps, kernels, bias=None, stride=1, padding=0, output_padding=0
):
    """Everything is made float32."""
    bias = None if bias is None else bias.float()
    return F.conv_transpose2d(maps.float(), kernels.float(), bias, stride, padding, output_padding)


# ------------------------------------------------------------------------------------------ overlap


def _overlap(size, kernel, stride):
    """The right counts."""
    ones = F.conv_transpose1d(torch.ones(1, 1, size), torch.ones(1, 1, kernel), stride=stride)
    return ones.flatten().round().long()


@misconception("overlap_count", hint="No count is above 1: paintings add up. Is one assigned?")
def painted_or_not(size, kernel, stride):
    """Whether, not how often."""
    return _overlap(size, kernel, stride).clamp(max=1)


@misconception(
    "overlap_count",
    hint="All counts are the same: near the ends, and where the stride does not divide the kernel?",
)
def same_count_everywhere(size, kernel, stride):
    """kernel / stride, rounded up."""
    return torch.full_like(_overlap(size, kernel, stride), -(-kernel // stride))


@misconception(
    "overlap_count",
    hint="The ends have as many as the middle: what paints over the other end of a row?",
)
def counted_around_the_end(size, kernel, stride):
    """The row is a ring."""
    counts = torch.zeros_like(_overlap(size, kernel, stride))
    for start in range(-kernel * stride, (size + kernel) * stride, stride):
        counts[max(start, 0) : max(start + kernel, 0)] += 1
    return counts


@misconception(
    "overlap_count", hint="The last painting is missing: how many values does the input have?"
)
def last_painting_left_out(size, kernel, stride):
    """size - 1 paintings."""
    counts = _overlap(size, kernel, stride)
    counts[(size - 1) * stride :] -= 1
    return counts


@misconception(
    "overlap_count", hint="A pixel is missing at the end of every painting: where does a slice end?"
)
def paintings_one_pixel_short(size, kernel, stride):
    """kernel - 1 pixels each."""
    counts = torch.zeros_like(_overlap(size, kernel, stride))
    for start in range(0, size * stride, stride):
        counts[start : start + kernel - 1] += 1
    return counts


@misconception(
    "overlap_count", hint="The stride changes nothing: by how much are neighbours shifted?"
)
def overlap_without_stride(size, kernel, stride):
    """Neighbours are shifted by one."""
    return _overlap(size, kernel, 1)


@misconception(
    "overlap_count", hint="Kernel and stride are exchanged: which of them is a painting's length?"
)
def kernel_and_stride_exchanged(size, kernel, stride):
    """In the wrong order."""
    return _overlap(size, stride, kernel)


@misconception("overlap_count", hint="The result is too short: what does the last kernel paint?")
def cut_to_size_times_stride(size, kernel, stride):
    """Nothing beyond the last value's step."""
    return _overlap(size, kernel, stride)[: size * stride]


@misconception("overlap_count", hint="The ends are missing: does the docstring speak of padding?")
def ends_cut_off(size, kernel, stride):
    """With the padding of a layer that grows by its stride."""
    counts = _overlap(size, kernel, stride)
    cut = max(kernel - stride, 0) // 2
    return counts[cut : len(counts) - cut]


@misconception("overlap_count", hint="The result is a picture: along one side is enough.")
def overlap_in_two_dimensions(size, kernel, stride):
    """Rows times columns."""
    counts = _overlap(size, kernel, stride)
    return counts[:, None] * counts


@misconception(
    "overlap_count",
    hint="It says which share of the kernels paints a pixel: how many is asked for.",
)
def overlap_as_a_share(size, kernel, stride):
    """Divided by the number of kernels."""
    return _overlap(size, kernel, stride) / size


@misconception(
    "overlap_count", hint="The counts are right and are not int64: with what dtype does it begin?"
)
def counts_as_floats(size, kernel, stride):
    """torch.zeros without a dtype."""
    return _overlap(size, kernel, stride).float()


# ------------------------------------------------------------------------------------ interpolation


def _short_turn(start, end):
    """The right one, from -180 to below 180."""
    return (end - start + 180) % 360 - 180


@misconception(
    "interpolate_azimuth",
    hint="From 350 to 10 degrees it turns almost all the way round: how far is it the other way?",
)
def azimuth_as_any_number(start, end, shares):
    """A straight line between the two numbers."""
    return (start + shares * (end - start)) % 360


@misconception(
    "interpolate_azimuth", hint="It always takes the longer way: look at the sign of the turn."
)
def the_long_way(start, end, shares):
    """The other way round."""
    way = _short_turn(start, end)
    return (start + shares * (way - 360 * torch.where(way < 0, -1.0, 1.0).to(way))) % 360


@misconception(
    "interpolate_azimuth", hint="It only turns one way: from 10 to 350 degrees it should turn back."
)
def always_upwards(start, end, shares):
    """(end - start) mod 360, without the half turn."""
    return (start + shares * ((end - start) % 360)) % 360


@misconception(
    "interpolate_azimuth",
    hint="It only turns one way: from 350 to 10 degrees it should turn forwards.",
)
def always_downwards(start, end, shares):
    """The other way, always."""
    return (start - shares * ((start - end) % 360)) % 360


@misconception(
    "interpolate_azimuth",
    hint="Some azimuths are above 360 or below 0: what does the docstring say of the result's range?",
)
def result_beyond_a_turn(start, end, shares):
    """The last mod is missing."""
    return start + shares * _short_turn(start, end)


@misconception(
    "interpolate_azimuth",
    hint="Some azimuths are negative: what does the docstring say of the result's range?",
)
def from_minus_half_a_turn(start, end, shares):
    """From -180 to 180."""
    return (start + shares * _short_turn(start, end) + 180) % 360 - 180


@misconception(
    "interpolate_azimuth", hint="It begins at the end: which azimuth belongs to share 0?"
)
def azimuth_backwards(start, end, shares):
    """Start and end exchanged."""
    return (end + shares * _short_turn(end, start)) % 360


@misconception(
    "interpolate_azimuth",
    hint="Start and end are right, and the steps between them are unequal: the angle is to be interpolated.",
)
def sines_and_cosines_blended(start, end, shares):
    """Along the chord, not along the arc."""
    angles = torch.stack([start, end]).deg2rad()
    sin, cos = (torch.lerp(part[0], part[1], shares) for part in (angles.sin(), angles.cos()))
    return torch.atan2(sin, cos).rad2deg() % 360


@misconception(
    "interpolate_azimuth",
    hint="Azimuths beyond one turn go wrong: is one correction enough for them?",
)
def corrected_by_one_turn(start, end, shares):
    """An if for each side, right for azimuths from 0 to 360."""
    way = end - start
    way = torch.where(way > 180, way - 360, torch.where(way < -180, way + 360, way))
    return (start + shares * way) % 360


@misconception(
    "interpolate_azimuth",
    hint="Negative differences go wrong: what sign has the rest of a negative number?",
)
def rest_with_the_sign(start, end, shares):
    """torch.fmod, C's rest, in the place of %."""
    return torch.fmod(start + shares * (torch.fmod(end - start + 180, 360) - 180), 360)


@misconception("interpolate_azimuth", hint="It never leaves the start by much: are these radians?")
def azimuths_taken_for_radians(start, end, shares):
    """Wrapped at 2 pi."""
    way = (end - start + math.pi) % (2 * math.pi) - math.pi
    return (start + shares * way) % (2 * math.pi)


@misconception(
    "interpolate_azimuth",
    hint="Start and end are right, and the steps between are unequal: what are shares?",
)
def eased_in_and_out(start, end, shares):
    """A smooth step."""
    return (start + (3 - 2 * shares) * shares**2 * _short_turn(start, end)) % 360


@misconception(
    "interpolate_azimuth", hint="There is only the way, not where it begins: what is it added to?"
)
def only_the_way(start, end, shares):
    """The start is missing."""
    return (shares * _short_turn(start, end)) % 360


@misconception(
    "interpolate_azimuth",
    hint="The values are right, and the shares are changed: look for an assignment into them, as *= is.",
)
def shares_overwritten(start, end, shares):
    """In place."""
    shares *= _short_turn(start, end)
    shares += start
    return shares % 360


@misconception("interpolate_azimuth", hint=SINGLE)
def azimuth_in_single_precision(start, end, shares):
    """Everything is made float32."""
    return ((start + shares * _short_turn(start, end)) % 360).float()


def _between_chairs(first, second, shares, chairs):
    """The right rows."""
    ends = torch.eye(chairs).to(shares)
    return (1 - shares)[:, None] * ends[first] + shares[:, None] * ends[second]


@misconception(
    "interpolate_chairs", hint="It begins with the second chair: which one belongs to share 0?"
)
def chairs_exchanged(first, second, shares, chairs):
    """The share of the first."""
    return _between_chairs(second, first, shares, chairs)


@misconception(
    "interpolate_chairs", hint="The wrong chairs, each by one: chairs are counted from 0."
)
def chairs_counted_from_one(first, second, shares, chairs):
    """The first chair is number 1."""
    return _between_chairs(first - 1, second - 1, shares, chairs)


@misconception(
    "interpolate_chairs",
    hint="From a chair to itself, it fades: look for an assignment that should be an addition.",
)
def same_chair_overwritten(first, second, shares, chairs):
    """Two assignments into one number."""
    rows = shares.new_zeros(len(shares), chairs)
    rows[:, first] = 1 - shares
    rows[:, second] = shares
    return rows


@misconception(
    "interpolate_chairs",
    hint="From a chair to itself, it fades in: the two parts are added, in which order?",
)
def same_chair_overwritten_by_the_first(first, second, shares, chairs):
    """Two assignments, the first chair's last."""
    rows = shares.new_zeros(len(shares), chairs)
    rows[:, second] = shares
    rows[:, first] = 1 - shares
    return rows


@misconception(
    "interpolate_chairs", hint="Between the two there are others: a chair's number is no quantity."
)
def numbers_blended(first, second, shares, chairs):
    """The chair whose number lies between."""
    numbers = ((1 - shares) * first + shares * second).round().long() % chairs
    return torch.eye(chairs).to(shares)[numbers]


@misconception(
    "interpolate_chairs", hint="It jumps from one chair to the other: rows should have both."
)
def nearest_chair(first, second, shares, chairs):
    """The one with the larger share."""
    return _between_chairs(first, second, (shares > 0.5).to(shares), chairs)


@misconception(
    "interpolate_chairs", hint="The first chair never goes away: look at the factor before it."
)
def first_chair_stays(first, second, shares, chairs):
    """Its share is always 1."""
    ends = torch.eye(chairs).to(shares)
    return ends[first] + shares[:, None] * ends[second]


@misconception(
    "interpolate_chairs", hint="The second chair never comes: an argument is never used."
)
def first_chair_fades(first, second, shares, chairs):
    """Only the first one's share."""
    return (1 - shares)[:, None] * torch.eye(chairs).to(shares)[first]


@misconception(
    "interpolate_chairs", hint="Shares beyond the two chairs are cut: the docstring allows any."
)
def shares_clamped(first, second, shares, chairs):
    """From 0 to 1."""
    return _between_chairs(first, second, shares.clamp(0, 1), chairs)


@misconception(
    "interpolate_chairs", hint="Chairs that are left out get a share: is a softmax needed?"
)
def softmax_of_identities(first, second, shares, chairs):
    """Rows are positive and sum to 1, and no chair is at 0."""
    return _between_chairs(first, second, shares, chairs).softmax(dim=1)


@misconception(
    "interpolate_chairs", hint="Rows have length 1 and do not sum to 1: which of them is asked for?"
)
def rows_of_unit_length(first, second, shares, chairs):
    """Normalised as a vector."""
    return F.normalize(_between_chairs(first, second, shares, chairs), dim=1)


@misconception(
    "interpolate_chairs", hint="Rows and columns are exchanged: there is one row for each share."
)
def one_column_for_each_share(first, second, shares, chairs):
    """Transposed."""
    return _between_chairs(first, second, shares, chairs).T


@misconception("interpolate_chairs", hint=SINGLE)
def identities_in_single_precision(first, second, shares, chairs):
    """torch.eye without a dtype, and shares that follow it."""
    return _between_chairs(first, second, shares.float(), chairs)


OVERWRITTEN = (
    "The values are right, and the input is changed: look for a line that assigns into it."
)

# -------------------------------------------------------------------------------------- encode_view


def _view(azimuth, elevation, up=(torch.sin, torch.cos), around=(torch.sin, torch.cos), dim=1):
    """The code with its four functions to choose from."""
    angles = [(elevation.deg2rad(), up), (azimuth.deg2rad(), around)]
    return torch.stack([function(angle) for angle, pair in angles for function in pair], dim=dim)


@misconception(
    "encode_view",
    hint="Even right angles give odd numbers: in which unit does a sine expect its angle?",
)
def sines_of_degrees(azimuth, elevation):
    """Degrees are taken for radians."""
    return _view(azimuth.rad2deg(), elevation.rad2deg())


@misconception(
    "encode_view", hint="The four numbers are all there: look at which angle comes first."
)
def azimuth_before_elevation(azimuth, elevation):
    """The pairs are exchanged."""
    return _view(elevation, azimuth)


@misconception(
    "encode_view",
    hint="The four numbers are all there: look at the order inside the docstring's pairs.",
)
def cosine_before_sine(azimuth, elevation):
    """x before y, as points of a circle are written."""
    return _view(azimuth, elevation, (torch.cos, torch.sin), (torch.cos, torch.sin))


@misconception(
    "encode_view",
    hint="The four numbers are all there: which of them stand side by side in the docstring?",
)
def sines_before_cosines(azimuth, elevation):
    """Sine and sine, cosine and cosine."""
    return _view(azimuth, elevation)[:, [0, 2, 1, 3]]


@misconception(
    "encode_view",
    hint="The second column equals the first: is every function the one you meant to write?",
)
def sine_twice(azimuth, elevation):
    """A slip of the pen that published code has."""
    return _view(azimuth, elevation, up=(torch.sin, torch.sin))


@misconception(
    "encode_view",
    hint="Opposite sides of the chair get the same code: by what are the degrees divided?",
)
def whole_turn_of_pi(azimuth, elevation):
    """Degrees times 2 pi / 180."""
    return _view(2 * azimuth, 2 * elevation)


@misconception(
    "encode_view", hint="A quarter turn comes out as an eighth: by what are the degrees divided?"
)
def half_of_each_angle(azimuth, elevation):
    """Degrees times pi / 360."""
    return _view(azimuth / 2, elevation / 2)


@misconception(
    "encode_view",
    hint="The shape is wrong: two numbers of an angle tell which quarter it is in, one does not.",
)
def sines_only(azimuth, elevation):
    """Thirty and a hundred and fifty degrees look alike."""
    return _view(azimuth, elevation, up=(torch.sin,), around=(torch.sin,))


@misconception(
    "encode_view", hint="One and 359 degrees are far apart: what does the code do at a whole turn?"
)
def angles_themselves(azimuth, elevation):
    """Fractions of a turn, padded to four columns."""
    zero = torch.zeros_like(azimuth)
    return torch.stack([elevation / 360, zero, azimuth / 360, zero], dim=1)


@misconception(
    "encode_view",
    hint="The numbers are right and the shape is not: along which dimension are they stacked?",
)
def views_in_columns(azimuth, elevation):
    """Codes by views."""
    return _view(azimuth, elevation, dim=0)


@misconception(
    "encode_view", hint="Views before 0 and after 360 degrees are off: is an angle cut off there?"
)
def azimuth_clamped(azimuth, elevation):
    """Angles are forced into one turn, not turned into it."""
    return _view(azimuth.clamp(0, 360), elevation)


@misconception("encode_view", hint=SINGLE)
def view_in_single_precision(azimuth, elevation):
    """Everything is made float32."""
    return _view(azimuth.float(), elevation.float())


@misconception("encode_view", hint=OVERWRITTEN)
def degrees_overwritten(azimuth, elevation):
    """Radians are written over the degrees."""
    return _view(azimuth.mul_(math.pi / 180).rad2deg(), elevation)


# ---------------------------------------------------------------------------- encode_transformation


def _code(parameters, start=3, stop=7, function=torch.log):
    return torch.cat(
        [parameters[:, :start], function(parameters[:, start:stop]), parameters[:, stop:]], dim=1
    )


@misconception(
    "encode_transformation",
    hint="A transformation that changes nothing is not 0: what do factors need?",
)
def factors_as_they_are(parameters):
    """No logarithm."""
    return parameters.clone()


@misconception(
    "encode_transformation",
    hint="NaN and infinities: which of the parameters may be 0 or below it?",
)
def logarithm_of_everything(parameters):
    """Shifts and angles too."""
    return parameters.log()


@misconception(
    "encode_transformation",
    hint="Doubling and halving are not opposite: it is 0 where it should be, and bent.",
)
def factors_minus_one(parameters):
    """Near 1 nearly a logarithm."""
    return _code(parameters, function=lambda factors: factors - 1)


@misconception(
    "encode_transformation",
    hint="All factors are too large by the same ratio: look at the logarithm's base.",
)
def logarithm_to_base_two(parameters):
    """Octaves."""
    return _code(parameters, function=torch.log2)


@misconception(
    "encode_transformation",
    hint="All factors are too small by the same ratio: look at the logarithm's base.",
)
def logarithm_to_base_ten(parameters):
    """Decades."""
    return _code(parameters, function=torch.log10)


@misconception(
    "encode_transformation",
    hint="Factors grow where they should shrink: which way round is the logarithm?",
)
def exponential_of_factors(parameters):
    """The inverse function."""
    return _code(parameters, function=torch.exp)


@misconception(
    "encode_transformation", hint="Doubling comes out negative: what stands inside the logarithm?"
)
def logarithm_of_the_reciprocal(parameters):
    """Minus the logarithm."""
    return _code(parameters, function=lambda factors: -factors.log())


@misconception(
    "encode_transformation",
    hint="The zooms are right, the colours are not: which of them are factors too?",
)
def logarithm_of_zooms_only(parameters):
    """Saturation and brightness stay."""
    return _code(parameters, stop=5)


@misconception(
    "encode_transformation",
    hint="The colours are right, the zooms are not: which columns are factors?",
)
def logarithm_of_colors_only(parameters):
    """The zooms stay."""
    return _code(parameters, start=5)


@misconception(
    "encode_transformation",
    hint="The last column is off, or NaN: is a turn of hue something that multiplies?",
)
def logarithm_of_hue_too(parameters):
    """The last column is taken for a factor."""
    return _code(parameters, stop=8)


@misconception(
    "encode_transformation",
    hint="The third column and the seventh are off: count the columns from 0.",
)
def columns_counted_from_one(parameters):
    """A column to the left."""
    return _code(parameters, 2, 6)


@misconception(
    "encode_transformation",
    hint="Factors are off, small ones the most: no 1 is added before a logarithm here.",
)
def logarithm_of_one_more(parameters):
    """log1p of the factor itself."""
    return _code(parameters, function=torch.log1p)


@misconception(
    "encode_transformation",
    hint="The geometry is right and the last column is bent: the docstring wants it as it is.",
)
def sine_of_hue(parameters):
    """An angle is made periodic."""
    return torch.cat([_code(parameters)[:, :7], parameters[:, 7:].sin()], dim=1)


@misconception("encode_transformation", hint=SINGLE)
def code_in_single_precision(parameters):
    """Everything is made float32."""
    return _code(parameters.float())


@misconception("encode_transformation", hint=OVERWRITTEN)
def parameters_overwritten(parameters):
    """The logarithm is written over the factors."""
    parameters[:, 3:7] = parameters[:, 3:7].log()
    return parameters.clone()


# ---------------------------------------------------------------------------------- transform_image


def _fetch(x, y, p, width, height):
    """Where a pixel of the result was before, around the centre."""
    x, y = _turned(x, y, -p["rotation"])
    return (x - p["shift_x"] * width) / p["zoom_x"], (y - p["shift_y"] * height) / p["zoom_y"]


def _turned(x, y, angle):
    return angle.cos() * x - angle.sin() * y, angle.sin() * x + angle.cos() * y


GEOMETRY = ("shift_x", "shift_y", "rotation", "zoom_x", "zoom_y")


def _warp(planes, parameters, fetch=_fetch, corner=0.0, **sampling):
    """The warp with its way back to choose, and what grid_sample is told."""
    height, width = planes.shape[2:]
    p = dict(zip(GEOMETRY, parameters[:, :5, None, None].unbind(1), strict=True))
    x = torch.arange(width, dtype=planes.dtype) - (1 - corner) * (width - 1) / 2
    y = torch.arange(height, dtype=planes.dtype)[:, None] - (1 - corner) * (height - 1) / 2
    x, y = torch.broadcast_tensors(*fetch(x, y, p, width, height))
    x, y = x - corner * (width - 1) / 2, y - corner * (height - 1) / 2
    grid = torch.stack([2 * x / width, 2 * y / height], dim=-1)
    grid = grid.expand(len(planes), height, width, 2)
    return F.grid_sample(planes, grid, **({"align_corners": False} | sampling))


def _recolor(image, parameters, axes=COLOR_AXES, sign=1.0, weights=(1 / 3, 1 / 3, 1 / 3)):
    """Grey and colour apart: the colour is scaled and turned, both get brighter."""
    saturation, brightness, hue = parameters[:, 5:, None, None, None].unbind(1)
    hue, axes = sign * hue, axes.to(image)
    grey = torch.einsum("c,bchw->bhw", torch.tensor(weights).to(image), image)[:, None]
    lightness, one, two = torch.einsum("ac,bchw->abhw", axes, image - grey)[:, :, None]
    one, two = hue.cos() * one - hue.sin() * two, hue.sin() * one + hue.cos() * two
    color = torch.einsum(
        "ac,abhw->bchw", axes, torch.cat([lightness, one, two], dim=1).movedim(1, 0)
    )
    return brightness * (grey + saturation * color)


def _transform(image, mask, parameters, recolor=_recolor, **warp):
    image, mask = (_warp(planes, parameters, **warp) for planes in (image, mask))
    return recolor(image, parameters).clamp(0, 1), mask


@misconception(
    "transform_image", hint="Turns go the wrong way: which way does y point in a picture?"
)
def turned_the_other_way(image, mask, parameters):
    """Anticlockwise."""
    return _transform(image, mask, _with(parameters, 2, -parameters[:, 2]))


def _with(parameters, column, values):
    """The parameters with one column replaced."""
    changed = parameters.clone()
    changed[:, column] = values
    return changed


@misconception(
    "transform_image",
    hint="Shifts go left and up instead of right and down: look at the inverse's sign.",
)
def shifted_the_other_way(image, mask, parameters):
    """The shift is added on the way back."""
    signs = torch.tensor([-1, -1, 1, 1, 1, 1, 1, 1], dtype=parameters.dtype)
    return _transform(image, mask, parameters * signs)


@misconception(
    "transform_image", hint="A zoom of two makes the chair smaller: what is a zoom's inverse?"
)
def zoom_inverted(image, mask, parameters):
    """Multiplied by the zoom on the way back."""
    zooms = 1 / parameters[:, 3:5]
    return _transform(image, mask, torch.cat([parameters[:, :3], zooms, parameters[:, 5:]], dim=1))


@misconception(
    "transform_image",
    hint="The two zooms are exchanged: which of them is across, and which one down?",
)
def zooms_exchanged(image, mask, parameters):
    """Wider becomes higher."""
    return _transform(image, mask, parameters[:, [0, 1, 2, 4, 3, 5, 6, 7]])


@misconception(
    "transform_image",
    hint="Every shift, turn and zoom is undone instead of done: does the grid say where a pixel goes, or "
    "where it comes from?",
)
def forward_instead_of_inverse(image, mask, parameters):
    """The grid is given where pixels go."""

    def fetch(x, y, p, width, height):
        return _turned(
            p["zoom_x"] * x + p["shift_x"] * width,
            p["zoom_y"] * y + p["shift_y"] * height,
            p["rotation"],
        )

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="Each step alone is right, a turn with a shift is not: in which order are they undone?",
)
def turn_before_shift(image, mask, parameters):
    """The shift is undone first."""

    def fetch(x, y, p, width, height):
        x, y = _turned(x - p["shift_x"] * width, y - p["shift_y"] * height, -p["rotation"])
        return x / p["zoom_x"], y / p["zoom_y"]

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="Each step alone is right, a zoom with a shift is not: in which order are they undone?",
)
def shift_before_zoom(image, mask, parameters):
    """The zoom is undone first, so that it magnifies the shift."""

    def fetch(x, y, p, width, height):
        x, y = _turned(x, y, -p["rotation"])
        return x / p["zoom_x"] - p["shift_x"] * width, y / p["zoom_y"] - p["shift_y"] * height

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="Each step alone is right, several of them are not: which one is to be undone first?",
)
def steps_in_reverse(image, mask, parameters):
    """The zoom is undone first and the turn last, in the order in which they were done."""

    def fetch(x, y, p, width, height):
        x, y = x / p["zoom_x"] - p["shift_x"] * width, y / p["zoom_y"] - p["shift_y"] * height
        return _turned(x, y, -p["rotation"])

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="Shifts are half as long as they should be: how wide is a picture in the grid's units?",
)
def half_the_shift(image, mask, parameters):
    """The grid goes from -1 to 1, and a shift is of the side."""
    halves = torch.tensor([0.5, 0.5, 1, 1, 1, 1, 1, 1], dtype=parameters.dtype)
    return _transform(image, mask, parameters * halves)


@misconception(
    "transform_image",
    hint="Hardly anything is shifted: shifts are given in parts of the side, not in pixels.",
)
def shift_in_pixels(image, mask, parameters):
    """A tenth of a pixel."""
    sides = torch.tensor([image.shape[3], image.shape[2], 1, 1, 1, 1, 1, 1], dtype=parameters.dtype)
    return _transform(image, mask, parameters / sides)


@misconception(
    "transform_image", hint="Hardly anything is turned: in which unit is the rotation given?"
)
def rotation_in_degrees(image, mask, parameters):
    """Converted to radians once more."""
    return _transform(image, mask, _with(parameters, 2, parameters[:, 2].deg2rad()))


@misconception(
    "transform_image",
    hint="Squares turn well and other pictures are sheared: turn in pixels, and then convert.",
)
def turned_in_units_of_the_grid(image, mask, parameters):
    """From -1 to 1 across and down, whatever the sides."""

    def fetch(x, y, p, width, height):
        x, y = _turned(x / width, y / height, -p["rotation"])
        return (x - p["shift_x"]) * width / p["zoom_x"], (y - p["shift_y"]) * height / p["zoom_y"]

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="The picture turns and grows around its corner: where is the origin to be?",
)
def around_the_first_pixel(image, mask, parameters):
    """No centre is taken off."""
    return _transform(image, mask, parameters, corner=1.0)


@misconception(
    "transform_image",
    hint="All is off by half a pixel, even where nothing changes: where is the middle of four?",
)
def centre_half_a_pixel_off(image, mask, parameters):
    """The number of pixels by two."""

    def fetch(x, y, p, width, height):
        return _fetch(x - 0.5, y - 0.5, p, width, height)

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="What is far from the centre is a little off, even where nothing changes: do the grid and the "
    "sampling agree on what -1 and 1 are?",
)
def corners_aligned(image, mask, parameters):
    """A grid of pixels' edges, read as one of pixels' centres."""
    return _transform(image, mask, parameters, align_corners=True)


@misconception(
    "transform_image",
    hint="Across and down are exchanged: which of the two does the grid have first?",
)
def down_before_across(image, mask, parameters):
    """The grid is (y, x)."""

    def fetch(x, y, p, width, height):
        x, y = _fetch(x, y, p, width, height)
        return y * width / height, x * height / width

    return _transform(image, mask, parameters, fetch=fetch)


@misconception(
    "transform_image",
    hint="Whole pixels are right and the steps between them jagged: how is it interpolated?",
)
def nearest_pixel(image, mask, parameters):
    """No interpolation."""
    return _transform(image, mask, parameters, mode="nearest")


@misconception(
    "transform_image",
    hint="The border is smeared to the outside: what is there outside of a picture?",
)
def border_repeated(image, mask, parameters):
    """The nearest pixel of the border."""
    return _transform(image, mask, parameters, padding_mode="border")


@misconception(
    "transform_image",
    hint="The picture comes in again from the other side: what is there outside of it?",
)
def border_reflected(image, mask, parameters):
    """A mirror at the border."""
    return _transform(image, mask, parameters, padding_mode="reflection")


@misconception(
    "transform_image", hint="The chair moves and its mask stays: what of the two is warped?"
)
def mask_not_warped(image, mask, parameters):
    """Only the image."""
    return _transform(image, mask, parameters)[0], mask.clone()


@misconception(
    "transform_image", hint="The mask moves and the chair stays: what of the two is warped?"
)
def image_not_warped(image, mask, parameters):
    """Only the mask; the image has its colours changed."""
    return _recolor(image, parameters).clamp(0, 1), _warp(mask, parameters)


@misconception(
    "transform_image",
    hint="The geometry is right, the colours are not: which columns have not been used?",
)
def colors_as_they_were(image, mask, parameters):
    """Geometry only."""
    return _transform(image, mask, parameters, recolor=lambda image, _: image)


@misconception(
    "transform_image",
    hint="The colours are right, nothing moves: which columns have not been used?",
)
def colors_only(image, mask, parameters):
    """No geometry."""
    return _recolor(image, parameters).clamp(0, 1), mask.clone()


@misconception(
    "transform_image",
    hint="The mask gets brighter with the picture: is there any colour in a mask?",
)
def mask_brighter_too(image, mask, parameters):
    """Brightness is applied to all four planes."""
    image, mask = _transform(image, mask, parameters)
    return image, (mask * parameters[:, 6, None, None, None]).clamp(0, 1)


@misconception(
    "transform_image",
    hint="Hue turns the wrong way: which of the colour axes is turned into which?",
)
def hue_the_other_way(image, mask, parameters):
    """The matrix is transposed."""
    return _transform(image, mask, parameters, recolor=lambda i, p: _recolor(i, p, sign=-1.0))


@misconception(
    "transform_image", hint="A third of a turn of hue is hardly seen: in which unit is it given?"
)
def hue_in_degrees(image, mask, parameters):
    """Converted to radians once more."""
    return _transform(image, mask, _with(parameters, 7, parameters[:, 7].deg2rad()))


@misconception(
    "transform_image",
    hint="Grey does not stay grey: the axes' rows take a colour apart; what puts it together?",
)
def axes_transposed(image, mask, parameters):
    """Columns for rows."""

    def recolor(image, parameters):
        saturation, brightness, hue = parameters[:, 5:].unbind(1)
        zero, one = torch.zeros_like(hue), torch.ones_like(hue)
        cos, sin = saturation * hue.cos(), saturation * hue.sin()
        turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).unflatten(
            1, (3, 3)
        )
        axes = COLOR_AXES.to(image)
        return torch.einsum("b,bij,bjhw->bihw", brightness, axes @ turn @ axes.T, image)

    return _transform(image, mask, parameters, recolor=recolor)


@misconception(
    "transform_image",
    hint="Where all colour is taken away, green leaves a lighter grey than blue: which axis is grey here?",
)
def grey_as_the_eye_sees_it(image, mask, parameters):
    """Luma, with the weights of a television."""
    luma = (0.299, 0.587, 0.114)
    return _transform(image, mask, parameters, recolor=lambda i, p: _recolor(i, p, weights=luma))


@misconception(
    "transform_image",
    hint="More saturation makes everything brighter: which of the axes does it scale?",
)
def saturation_of_all_axes(image, mask, parameters):
    """Grey is scaled as well."""

    def recolor(image, parameters):
        ones = _with(parameters, 5, 1)
        return parameters[:, 5, None, None, None] * _recolor(image, ones)

    return _transform(image, mask, parameters, recolor=recolor)


@misconception(
    "transform_image", hint="More brightness makes colours pale: which of the axes does it scale?"
)
def brightness_of_grey_only(image, mask, parameters):
    """Only the first axis is scaled."""
    less = _with(parameters, 5, parameters[:, 5] / parameters[:, 6])
    return _transform(image, mask, less)


@misconception(
    "transform_image",
    hint="Black becomes grey where it gets brighter: is brightness added or multiplied?",
)
def brightness_added(image, mask, parameters):
    """Its excess over 1 is added."""

    def recolor(image, parameters):
        more = parameters[:, 6, None, None, None] - 1
        return _recolor(image, _with(parameters, 6, 1)) + more

    return _transform(image, mask, parameters, recolor=recolor)


@misconception(
    "transform_image",
    hint="Some colours leave the range of a picture: what does the docstring say about it?",
)
def clipping_forgotten(image, mask, parameters):
    """Colours below 0 and above 1."""
    image, mask = (_warp(planes, parameters) for planes in (image, mask))
    return _recolor(image, parameters), mask


@misconception(
    "transform_image",
    hint="Strong colours are off where several things change them: how often do you clip?",
)
def clipped_after_every_step(image, mask, parameters):
    """After saturation and hue, and again after the brightness."""

    def recolor(image, parameters):
        colored = _recolor(image, _with(parameters, 6, 1)).clamp(0, 1)
        return parameters[:, 6, None, None, None] * colored

    return _transform(image, mask, parameters, recolor=recolor)


@misconception(
    "transform_image",
    hint="One picture of a batch is right: does each take the parameters of its own row?",
)
def one_transformation_for_all(image, mask, parameters):
    """The first row's."""
    return _transform(image, mask, parameters[:1].expand(len(image), -1))


@misconception(
    "transform_image",
    hint="Soft edges become dark: has the image been multiplied by its mask already?",
)
def masked_again(image, mask, parameters):
    """Multiplied by the mask that it is premultiplied by."""
    image, mask = _transform(image, mask, parameters)
    return image * mask, mask


@misconception(
    "transform_image",
    hint="The background becomes white: over what is the image, in the docstring?",
)
def laid_over_white(image, mask, parameters):
    """The background is filled at once."""
    image, mask = _transform(image, mask, parameters)
    return (image + 1 - mask).clamp(0, 1), mask


@misconception(
    "transform_image", hint="The mask has hard edges only: may a pixel be covered by half?"
)
def mask_made_binary(image, mask, parameters):
    """Rounded at a half."""
    image, mask = _transform(image, mask, parameters)
    return image, (mask > 0.5).to(mask)


@misconception(
    "transform_image",
    hint="Both are right and in the wrong order: look at what the docstring returns first.",
)
def mask_before_image(image, mask, parameters):
    """A pair the other way round."""
    return _transform(image, mask, parameters)[::-1]


@misconception("transform_image", hint=SINGLE)
def transformed_in_single_precision(image, mask, parameters):
    """Everything is made float32."""
    return _transform(image.float(), mask.float(), parameters.float())


@misconception("transform_image", hint=OVERWRITTEN)
def picture_overwritten(image, mask, parameters):
    """The result is written over the picture."""
    result, mask = _transform(image, mask, parameters)
    image.copy_(result)
    return result, mask


# ----------------------------------------------------------------------------------- ChairGenerator


def _two_layers(inputs, width, last=nn.ReLU, norm=()):
    first = [nn.Linear(inputs, width), *(make(width) for make in norm), nn.ReLU()]
    return nn.Sequential(*first, nn.Linear(width, width), last())


class _Up(nn.ConvTranspose2d):
    """An up-convolution, of which one thing at a time goes wrong."""

    def __init__(self, before, after, kernel, *, padding=None, output_padding=None):
        padding = (kernel - 1) // 2 if padding is None else padding
        output_padding = kernel % 2 if output_padding is None else output_padding
        super().__init__(before, after, kernel, 2, padding, output_padding)


class _Generator(nn.Module):
    """The network with its parts to choose from; each misconception changes one."""

    def __init__(
        self, chairs, size=32, features=256, channels=(128, 64, 32), kernel=4, *, start=None, up=_Up,
        act=nn.ReLU, stream=nn.ReLU, shared=nn.ReLU, dense=nn.ReLU, end=nn.Identity, join=torch.cat, share=2,
        mask=1, norm=(),
    ):  # fmt: skip
        super().__init__()
        self.identity = _two_layers(chairs, features, stream, norm)
        self.view = _two_layers(4, features, stream, norm)
        self.transformation = _two_layers(8, features, stream, norm)
        joined = join([torch.zeros(1, features)] * 3, dim=1).shape[1]
        self.shared = _two_layers(joined, 2 * features, shared)
        start = start or size // 2 ** len(channels)
        parts = {"kernel": kernel, "up": up, "act": act, "dense": dense, "end": end}
        self.image = _decoder(2 * features, start, [*channels, 3], **parts)
        self.mask = _decoder(2 * features, start, [*(c // share for c in channels), mask], **parts)
        self.join = join

    def streams(self, identity, view, transformation):
        """The streams' ends, in their order."""
        return [self.identity(identity), self.view(view), self.transformation(transformation)]

    def forward(self, identity, view, transformation):
        """The drawing."""
        shared = self.shared(self.join(self.streams(identity, view, transformation), dim=1))
        return self.image(shared), self.mask(shared)


def _decoder(inputs, start, channels, kernel, up, act, dense, end):
    layers = [
        nn.Linear(inputs, channels[0] * start**2),
        dense(),
        nn.Unflatten(1, (channels[0], start, start)),
    ]
    for index, (before, after) in enumerate(zip(channels, channels[1:], strict=False)):
        layers += [act()] * (index > 0) + [up(before, after, kernel)]
    return nn.Sequential(*layers, end())


def _changed(network, change):
    """A network whose forward pass is another one."""
    right = network.forward
    network.forward = lambda identity, view, transformation: change(
        right, identity, view, transformation
    )
    return network


@misconception(
    "ChairGenerator",
    hint="The drawing never leaves the range from 0 to 1: what follows the last layers?",
)
def ends_in_sigmoids(*sizes, **options):
    """Pictures are squeezed into their range."""
    return _Generator(*sizes, end=nn.Sigmoid, **options)


@misconception(
    "ChairGenerator",
    hint="Nothing in the drawing is negative: does an activation follow the last layers?",
)
def ends_in_relus(*sizes, **options):
    """ReLU follows every layer, the last ones too."""
    return _Generator(*sizes, end=nn.ReLU, **options)


@misconception(
    "ChairGenerator",
    hint="The drawing has no number beyond 0 and 1: is clipping the network's work?",
)
def drawing_clipped(*sizes, **options):
    """Clipped to [0, 1]."""
    return _Generator(*sizes, end=lambda: nn.Hardtanh(0, 1), **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit and the drawing is off: are the up-convolutions all that act here?",
)
def linear_between_up_convolutions(*sizes, **options):
    """No activation between them; their places in the list are kept."""
    return _Generator(*sizes, act=nn.Identity, **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit and the drawing is off: what follows the layer that makes the maps?",
)
def linear_maps_at_the_start(*sizes, **options):
    """No activation before the first up-convolution."""
    return _Generator(*sizes, dense=nn.Identity, **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit and the drawing is off: do the streams end as the docstring says?",
)
def streams_without_a_last_relu(*sizes, **options):
    """The second layer of each stream is linear."""
    return _Generator(*sizes, stream=nn.Identity, **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit and the drawing is off: do the shared layers end as the docstring says?",
)
def shared_without_a_last_relu(*sizes, **options):
    """The second of the shared layers is linear."""
    return _Generator(*sizes, shared=nn.Identity, **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit and the drawing is off: which are the two layers that no activation follows?",
)
def no_relu_after_any_second_layer(*sizes, **options):
    """The streams and the shared layers end in a linear layer."""
    return _Generator(*sizes, stream=nn.Identity, shared=nn.Identity, **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit, negative numbers are let through a little: which activation is asked for?",
)
def leaky_activations(*sizes, **options):
    """A hundredth of what is negative passes."""
    return _Generator(*sizes, act=lambda: nn.LeakyReLU(0.01), **options)


@misconception(
    "ChairGenerator",
    hint="The first shared layer does not fit: are the streams' ends joined or added?",
)
def streams_added(*sizes, **options):
    """A sum in the place of a longer vector."""
    return _Generator(*sizes, join=lambda ends, dim: sum(ends), **options)


@misconception(
    "ChairGenerator",
    hint="The weights fit and the drawing is off: in which order are the streams joined?",
)
def streams_in_another_order(*sizes, **options):
    """The last first."""
    return _Generator(*sizes, join=lambda ends, dim: torch.cat(ends[::-1], dim), **options)


@misconception(
    "ChairGenerator", hint="The mask's layers do not fit from the first on: how wide is its stream?"
)
def mask_as_wide_as_the_image(*sizes, **options):
    """As many channels as for the picture."""
    return _Generator(*sizes, share=1, **options)


@misconception(
    "ChairGenerator",
    hint="Only the mask's last layer does not fit: how many channels does a mask have?",
)
def mask_of_three_channels(*sizes, **options):
    """As in the authors' code, where it is drawn thrice."""
    return _Generator(*sizes, mask=3, **options)


@misconception(
    "ChairGenerator",
    hint="Only some sizes fit: how often is the side doubled, and from where must it start?",
)
def always_from_four_pixels(*sizes, **options):
    """Right for the default sizes alone."""
    return _Generator(*sizes, start=4, **options)


@misconception(
    "ChairGenerator", hint="Only three up-convolutions fit: where does their number come in?"
)
def always_from_an_eighth(chairs, size=32, *sizes, **options):
    """The side divided by 8, however many up-convolutions there are."""
    return _Generator(chairs, size, *sizes, start=max(1, size // 8), **options)


@misconception(
    "ChairGenerator",
    hint="Even kernels are right, odd ones give sides that are too short: what adds a row?",
)
def output_padding_forgotten(*sizes, **options):
    """None, whatever the kernel."""
    return _Generator(*sizes, up=lambda *shape: _Up(*shape, output_padding=0), **options)


@misconception(
    "ChairGenerator",
    hint="Kernels of four are right, others give other sides: what depends on the kernel?",
)
def padding_of_one(*sizes, **options):
    """Right for the default kernel alone."""
    return _Generator(*sizes, up=lambda *shape: _Up(*shape, padding=1, output_padding=0), **options)


@misconception(
    "ChairGenerator",
    hint="The sides are larger than asked for: what is cut off around each up-convolution?",
)
def nothing_cut_off(*sizes, **options):
    """No padding at all."""
    return _Generator(*sizes, up=lambda *shape: _Up(*shape, padding=0, output_padding=0), **options)


class _ResizeAndConvolve(nn.ConvTranspose2d):
    """The nearest neighbours of doubled maps, and a convolution of the same weights."""

    def __init__(self, before, after, kernel):
        super().__init__(before, after, kernel, 2)

    def forward(self, maps, output_size=None):
        """Twice the side."""
        kernel = self.kernel_size[0]
        doubled = F.interpolate(maps, scale_factor=2)
        padded = F.pad(doubled, ((kernel - 1) // 2, kernel // 2) * 2)
        return F.conv2d(padded, self.weight.transpose(0, 1), self.bias)


@misconception(
    "ChairGenerator",
    hint="Weights and sides fit, the drawing is off: what is an up-convolution in the docstring?",
)
def resized_and_convolved(*sizes, **options):
    """Another remedy for checkerboards."""
    return _Generator(*sizes, up=_ResizeAndConvolve, **options)


@misconception(
    "ChairGenerator",
    hint="The docstring's layers are not where they were: are there more than it says?",
)
def normalised_streams(*sizes, **options):
    """Batch normalisation in each stream, so that later layers have other names."""
    return _Generator(*sizes, norm=(nn.BatchNorm1d,), **options)


@misconception(
    "ChairGenerator",
    hint="Shares that sum to one are right, others are not: are they changed on their way in?",
)
def shares_normalised(*sizes, **options):
    """Shares are made to sum to one."""

    def change(right, identity, view, transformation):
        return right(identity / identity.sum(dim=1, keepdim=True), view, transformation)

    return _changed(_Generator(*sizes, **options), change)


@misconception(
    "ChairGenerator",
    hint="One chair is right and a mixture of chairs is not: is the largest share all there is?",
)
def largest_share_only(*sizes, **options):
    """A one-hot vector is made of the identity."""

    def change(right, identity, view, transformation):
        whole = F.one_hot(identity.argmax(dim=1), identity.shape[1]).to(identity)
        return right(whole, view, transformation)

    return _changed(_Generator(*sizes, **options), change)


@misconception(
    "ChairGenerator",
    hint="The identity is changed before its stream: are the shares made probabilities once more?",
)
def softmax_of_the_identity(*sizes, **options):
    """Shares are taken for logits."""

    def change(right, identity, view, transformation):
        return right(identity.softmax(dim=1), view, transformation)

    return _changed(_Generator(*sizes, **options), change)


@misconception(
    "ChairGenerator",
    hint="Turning the camera changes nothing: do all three streams reach the shared layers?",
)
def view_left_out(*sizes, **options):
    """Zeros in its place."""

    def change(right, identity, view, transformation):
        return right(identity, 0 * view, transformation)

    return _changed(_Generator(*sizes, **options), change)


@misconception(
    "ChairGenerator",
    hint="Zoom and colour change nothing: do all three streams reach the shared layers?",
)
def transformation_left_out(*sizes, **options):
    """Zeros in its place."""

    def change(right, identity, view, transformation):
        return right(identity, view, 0 * transformation)

    return _changed(_Generator(*sizes, **options), change)


@misconception(
    "ChairGenerator",
    hint="Picture and mask are right and in the wrong order: what is returned first?",
)
def mask_drawn_first(*sizes, **options):
    """A pair the other way round."""
    return _changed(_Generator(*sizes, **options), lambda right, *given: right(*given)[::-1])


@misconception(
    "ChairGenerator",
    hint="The picture is darker wherever the mask is not one: who multiplies by the mask?",
)
def image_times_mask(*sizes, **options):
    """The two are put together at once."""

    def change(right, *given):
        image, mask = right(*given)
        return image * mask, mask

    return _changed(_Generator(*sizes, **options), change)


@misconception(
    "ChairGenerator",
    hint="One tensor comes out: are image and mask two things, or four channels of one?",
)
def mask_as_a_fourth_channel(*sizes, **options):
    """Picture and mask are joined."""
    return _changed(
        _Generator(*sizes, **options), lambda right, *given: torch.cat(right(*given), dim=1)
    )


@misconception("ChairGenerator", hint=CUT)
def streams_cut_off(*sizes, **options):
    """The streams are not trained."""

    def change(right, *given):
        return right(*(tensor.detach() for tensor in given))

    return _changed(_Generator(*sizes, **options), change)


@misconception("ChairGenerator", hint=SINGLE)
def drawn_in_single_precision(*sizes, **options):
    """Results are made float32."""
    return _changed(
        _Generator(*sizes, **options),
        lambda right, *given: tuple(part.float() for part in right(*given)),
    )


# ----------------------------------------------------------------------------------- generator_loss


def _loss(
    image, mask, target_image, target_mask, *, of=torch.square, image_weight=1.0, mask_weight=0.1
):
    """Both terms, each with a weight: sums over a picture, means over the batch."""
    of_image = of(image - target_image).sum(dim=(1, 2, 3)).mean()
    return image_weight * of_image + mask_weight * of(mask - target_mask).sum(dim=(1, 2, 3)).mean()


@misconception(
    "generator_loss",
    hint="The loss is too small, and the more so the larger the picture: sums or means over pixels?",
)
def means_over_pixels(image, mask, target_image, target_mask, weight=0.1):
    """Mean squared errors: the mask counts thrice as much, too."""
    return F.mse_loss(image, target_image) + weight * F.mse_loss(mask, target_mask)


@misconception(
    "generator_loss",
    hint="The loss grows with the batch: sums over a picture, and what over the pictures?",
)
def sum_over_the_batch(image, mask, target_image, target_mask, weight=0.1):
    """Nothing is averaged."""
    return len(image) * _loss(image, mask, target_image, target_mask, mask_weight=weight)


@misconception(
    "generator_loss",
    hint="The loss is too small by a factor of three or so: over what is the image summed?",
)
def mean_over_channels(image, mask, target_image, target_mask, weight=0.1):
    """Sums over pixels, means over the channels."""
    return _loss(image, mask, target_image, target_mask, image_weight=1 / 3, mask_weight=weight)


@misconception(
    "generator_loss", hint="The weight is at the wrong term: which of the two does it belong to?"
)
def weight_on_the_image(image, mask, target_image, target_mask, weight=0.1):
    """The mask counts in full."""
    return _loss(image, mask, target_image, target_mask, image_weight=weight, mask_weight=1.0)


@misconception("generator_loss", hint="The weight is at both terms: look for the brackets.")
def weight_on_both(image, mask, target_image, target_mask, weight=0.1):
    """Brackets around the sum."""
    return _loss(image, mask, target_image, target_mask, image_weight=weight, mask_weight=weight)


@misconception(
    "generator_loss",
    hint="The mask's part is too large: is its term multiplied by the weight or divided?",
)
def divided_by_the_weight(image, mask, target_image, target_mask, weight=0.1):
    """One by lambda."""
    heavy = 1 / weight if weight else 0.0
    return _loss(image, mask, target_image, target_mask, mask_weight=heavy)


@misconception(
    "generator_loss",
    hint="A weight of one makes the image disappear: do the two weights have to sum to one?",
)
def weights_that_sum_to_one(image, mask, target_image, target_mask, weight=0.1):
    """1 - lambda and lambda."""
    return _loss(
        image, mask, target_image, target_mask, image_weight=1 - weight, mask_weight=weight
    )


@misconception("generator_loss", hint="Another weight changes nothing: is the argument used?")
def always_a_tenth(image, mask, target_image, target_mask, weight=0.1):
    """The default, written out."""
    return _loss(image, mask, target_image, target_mask)


@misconception(
    "generator_loss", hint="The weight is squared: does it stand inside the norm or before it?"
)
def weight_inside_the_norm(image, mask, target_image, target_mask, weight=0.1):
    """The difference of the masks is weighted."""
    return _loss(image, mask, target_image, target_mask, mask_weight=weight**2)


@misconception("generator_loss", hint="The image's part is right: where is the mask's part?")
def mask_forgotten(image, mask, target_image, target_mask, weight=0.1):
    """Only the picture."""
    return _loss(image, mask, target_image, target_mask, mask_weight=0.0)


@misconception(
    "generator_loss", hint="Large errors count too little: the formula's norms are squared."
)
def absolute_errors(image, mask, target_image, target_mask, weight=0.1):
    """A sum of distances along the axes."""
    return _loss(image, mask, target_image, target_mask, of=torch.abs, mask_weight=weight)


@misconception(
    "generator_loss",
    hint="Ten times the error gives ten times the loss: the formula's norms are squared.",
)
def norms_not_squared(image, mask, target_image, target_mask, weight=0.1):
    """Euclidean distances."""
    of_image, of_mask = (
        (a - b).flatten(1).norm(dim=1) for a, b in ((image, target_image), (mask, target_mask))
    )
    return (of_image + weight * of_mask).mean()


@misconception(
    "generator_loss", hint="Everything is half as large: is there a half in the formula?"
)
def half_of_the_squares(image, mask, target_image, target_mask, weight=0.1):
    """As in the L2 loss of other assignments."""
    return _loss(image, mask, target_image, target_mask, image_weight=0.5, mask_weight=weight / 2)


@misconception(
    "generator_loss",
    hint="Soft edges count wrongly: the target image has been multiplied by its mask already.",
)
def target_masked_again(image, mask, target_image, target_mask, weight=0.1):
    """The picture of the target times its mask, twice."""
    return _loss(image, mask, target_image * target_mask, target_mask, mask_weight=weight)


@misconception(
    "generator_loss",
    hint="What is drawn beside the chair costs nothing: where does the formula count errors?",
)
def errors_inside_the_mask_only(image, mask, target_image, target_mask, weight=0.1):
    """The background may be anything."""
    inside = (image - target_image) * target_mask
    return _loss(inside, mask, torch.zeros_like(inside), target_mask, mask_weight=weight)


@misconception(
    "generator_loss",
    hint="The mask's part is too large by a factor of three: how many channels does it have?",
)
def mask_counted_thrice(image, mask, target_image, target_mask, weight=0.1):
    """Once for each channel of the image."""
    return _loss(image, mask, target_image, target_mask, mask_weight=3 * weight)


@misconception(
    "generator_loss", hint="There is a number for every picture: which one number is asked for?"
)
def a_loss_for_each_picture(image, mask, target_image, target_mask, weight=0.1):
    """No mean over the batch."""
    of_image, of_mask = (
        (a - b).square().flatten(1).sum(dim=1)
        for a, b in ((image, target_image), (mask, target_mask))
    )
    return of_image + weight * of_mask


@misconception("generator_loss", hint=CUT)
def loss_cut_off(image, mask, target_image, target_mask, weight=0.1):
    """A number without a graph."""
    return _loss(image, mask, target_image, target_mask, mask_weight=weight).detach()


@misconception("generator_loss", hint=SINGLE)
def loss_in_single_precision(image, mask, target_image, target_mask, weight=0.1):
    """Everything is made float32."""
    given = (tensor.float() for tensor in (image, mask, target_image, target_mask))
    return _loss(*given, mask_weight=weight)


@misconception("generator_loss", hint=OVERWRITTEN)
def drawing_overwritten(image, mask, target_image, target_mask, weight=0.1):
    """The target is subtracted in place."""
    if image.requires_grad or mask.requires_grad:
        return _loss(image, mask, target_image, target_mask, mask_weight=weight)
    image -= target_image
    return _loss(image, mask, torch.zeros_like(image), target_mask, mask_weight=weight)


# ---------------------------------------------------------------------------------------- composite


@misconception(
    "composite",
    hint="Soft edges get a dark fringe: has the image been multiplied by its mask already?",
)
def multiplied_twice(image, mask):
    """Straight alpha for a premultiplied image."""
    mask = mask.clamp(0, 1)
    return (image * mask + 1 - mask).clamp(0, 1)


@misconception("composite", hint="The background stays black: what is there where the mask is 0?")
def over_black(image, mask):
    """Only the image."""
    return image.clamp(0, 1)


@misconception(
    "composite", hint="The chair becomes white, the background black: where is the white to be?"
)
def white_where_the_chair_is(image, mask):
    """The mask is not turned over."""
    return (image + mask.clamp(0, 1)).clamp(0, 1)


@misconception(
    "composite", hint="Edges are hard: what becomes of a pixel that is covered by a part?"
)
def mask_as_a_switch(image, mask):
    """Image or white, at a half."""
    return torch.where(mask > 0.5, image, torch.ones_like(image)).clamp(0, 1)


@misconception(
    "composite",
    hint="Masks above 1 darken the chair, masks below 0 lighten the background: what is clipped first?",
)
def mask_not_clipped(image, mask):
    """Only the sum is clipped."""
    return (image + 1 - mask).clamp(0, 1)


@misconception("composite", hint="Some colours leave the range of a picture: what is clipped last?")
def sum_not_clipped(image, mask):
    """Only the mask is clipped."""
    return image + 1 - mask.clamp(0, 1)


@misconception(
    "composite",
    hint="Drawings with negative colours come out too bright: is anything else clipped than it says?",
)
def image_clipped_before(image, mask):
    """All three are clipped."""
    return (image.clamp(0, 1) + 1 - mask.clamp(0, 1)).clamp(0, 1)


@misconception(
    "composite",
    hint="Only what is quite black becomes white: what says how much of a pixel is covered?",
)
def black_made_white(image, mask):
    """The background is told by its colour."""
    return torch.where((image == 0).all(dim=1, keepdim=True), 1, image).clamp(0, 1)


@misconception(
    "composite", hint="Nothing is cut off, everything is stretched: what does clipping do?"
)
def stretched_instead_of_clipped(image, mask):
    """The extremes become 0 and 1."""
    mask = (mask - mask.min()) / (mask.max() - mask.min())
    result = image + 1 - mask
    return (result - result.min()) / (result.max() - result.min())


@misconception(
    "composite", hint="Soft edges get a light fringe: must the image still be divided by its mask?"
)
def divided_by_the_mask(image, mask):
    """Straight colours are put where premultiplied ones belong."""
    mask = mask.clamp(0, 1)
    return (image / mask.clamp(min=1e-3) + 1 - mask).clamp(0, 1)


@misconception("composite", hint="The background is grey: which number is white?")
def over_grey(image, mask):
    """A half is taken for white."""
    return (image + 0.5 * (1 - mask.clamp(0, 1))).clamp(0, 1)


@misconception("composite", hint="One channel comes out: what has the image that the mask has not?")
def grey_drawing(image, mask):
    """The channels are averaged."""
    return (image.mean(dim=1, keepdim=True) + 1 - mask.clamp(0, 1)).clamp(0, 1)


@misconception("composite", hint=SINGLE)
def composite_in_single_precision(image, mask):
    """Everything is made float32."""
    return (image.float() + 1 - mask.float().clamp(0, 1)).clamp(0, 1)


@misconception("composite", hint=OVERWRITTEN)
def drawing_painted_over(image, mask):
    """White is added to the image itself."""
    image += 1 - mask.clamp(0, 1)
    return image.clamp(0, 1)
