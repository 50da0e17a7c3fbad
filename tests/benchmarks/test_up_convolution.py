"""The fractionally-strided convolution beside torch's own, in one run, one thread each."""

import pytest
import torch
import torch.nn.functional as F
from side_by_side import seconds

from course_utils.reference.chair_generator import fractionally_strided_conv2d

pytestmark = pytest.mark.benchmark


@pytest.mark.usefixtures("one_thread")
def test_within_four_times_torch(show):
    """The first up-convolution of a generator with the paper's channels: from 8 to 16 pixels."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(16, 256, 8, 8, generator=generator)
    kernels = torch.randn(256, 92, 5, 5, generator=generator)
    options = {"stride": 2, "padding": 2, "output_padding": 1}

    def ours() -> torch.Tensor:
        return fractionally_strided_conv2d(maps, kernels, **options)

    def theirs() -> torch.Tensor:
        return F.conv_transpose2d(maps, kernels, **options)

    # Sums of up to nine times 256 products of normal numbers: about 50, and 1e-7 of it at each
    # step.
    torch.testing.assert_close(ours(), theirs(), rtol=0, atol=1e-3)
    mine, library = seconds(ours, theirs, times=60)
    show(
        "fractionally_strided_conv2d forward, (16, 256, 8, 8) to 92 channels, 5x5, "
        "stride 2, one thread: "
        f"ours {1e3 * mine:.1f} ms, torch {1e3 * library:.1f} ms (x {mine / library:.2f})"
    )
    assert mine <= 4 * library
