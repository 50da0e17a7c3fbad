"""The reference of the fractionally-strided convolution against torch's own, and as an adjoint."""

from collections.abc import Iterator
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.reference.chair_generator import (
    conv_output_size,
    fractional_conv_output_size,
    fractionally_strided_conv2d,
    insert_zeros,
)
from course_utils.reference.cnn_classifier import conv2d

BATCH, CHANNELS, KERNELS, HEIGHT, WIDTH = 2, 3, 4, 5, 6
STRIDES = range(1, 5)

each_stride = pytest.mark.parametrize("stride", STRIDES)


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def options_of(stride: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Kernels of 1 to 6, square or not, with every valid padding and output padding."""
    kernels = [(k, k) for k in range(1, 7)] + [(k, 7 - k) for k in range(1, 7)]
    for (height, width), padding in product(kernels, range(7)):
        sizes = zip((HEIGHT, WIDTH), (height, width), strict=True)
        if min(fractional_conv_output_size(n, k, stride, padding) for n, k in sizes) > 0:
            for output_padding in range(stride):
                yield height, width, stride, padding, output_padding


@each_stride
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_it_is_the_librarys(stride, dtype, tolerance):
    maps, bias = (
        drawn(BATCH, CHANNELS, HEIGHT, WIDTH, dtype=dtype),
        drawn(KERNELS, seed=1, dtype=dtype),
    )
    for height, width, *options in options_of(stride):
        kernels = drawn(CHANNELS, KERNELS, height, width, seed=2, dtype=dtype)
        found = fractionally_strided_conv2d(maps, kernels, bias, *options)
        expected = F.conv_transpose2d(maps, kernels, bias, *options)
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@each_stride
def test_it_is_the_adjoint_of_the_convolution_of_assignment_1(stride):
    maps = drawn(BATCH, CHANNELS, HEIGHT, WIDTH)
    for height, width, _, padding, output_padding in options_of(stride):
        kernels = drawn(CHANNELS, KERNELS, height, width, seed=2)
        up = fractionally_strided_conv2d(maps, kernels, None, stride, padding, output_padding)
        y = drawn(*up.shape, seed=3)
        down = conv2d(y, kernels, None, stride, padding)
        assert ((down * maps).sum() - (y * up).sum()).abs() <= 1e-10 * down.norm() * maps.norm()


@each_stride
def test_it_is_a_convolution_of_a_bed_of_nails(stride):
    """With the kernels turned, and their channels swapped."""
    nails = insert_zeros(maps := drawn(BATCH, CHANNELS, HEIGHT, WIDTH), stride)
    for height, width, _, padding, output_padding in options_of(stride):
        kernels = drawn(CHANNELS, KERNELS, height, width, seed=2)
        left, top = width - 1 - padding, height - 1 - padding
        framed = F.pad(nails, (left, left + output_padding, top, top + output_padding))
        expected = conv2d(framed, kernels.flip(2, 3).transpose(0, 1))
        found = fractionally_strided_conv2d(maps, kernels, None, stride, padding, output_padding)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@each_stride
def test_output_padding_chooses_among_the_sizes_that_a_convolution_makes_into_one(stride):
    for size, kernel, padding in product(range(1, 8), range(1, 7), range(4)):
        for output_padding in range(stride):
            before = fractional_conv_output_size(size, kernel, stride, padding, output_padding)
            if before > 0:
                assert conv_output_size(before, kernel, stride, padding) == size


@pytest.mark.parametrize("options", [(1, 0, 0), (2, 1, 1), (3, 2, 2), (3, 0, 1)])
def test_gradients(options):
    given = [drawn(2, 3, 4, 2), drawn(3, 2, 5, 4, seed=1), drawn(2, seed=2)]
    leaves = [tensor.requires_grad_() for tensor in given]
    assert torch.autograd.gradcheck(lambda *x: fractionally_strided_conv2d(*x, *options), leaves)


@pytest.mark.parametrize("output_padding", [-1, 2, 3])
def test_an_output_padding_out_of_its_range_is_refused(output_padding):
    maps, kernels = drawn(1, 1, 3, 3), drawn(1, 1, 2, 2)
    with pytest.raises(ValueError, match="from 0 to 1"):
        fractionally_strided_conv2d(maps, kernels, None, 2, 0, output_padding)
