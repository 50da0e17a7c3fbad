"""The vectorised convolution beside torch's own and beside a plain loop, in one run, one thread
each.
"""

import pytest
import torch
import torch.nn.functional as F
from side_by_side import seconds

from course_utils.reference.cnn_classifier import conv2d

pytestmark = pytest.mark.benchmark


def loop_conv2d(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Padding 1, stride 1: seven loops in plain Python, as the formula says."""
    padded, weights = F.pad(images, [1] * 4).tolist(), kernels.tolist()
    height, width = images.shape[2:]
    return torch.tensor(
        [
            [
                [
                    [
                        sum(
                            weight * channel[y + i][x + j]
                            for channel, plane in zip(image, kernel, strict=True)
                            for i, row in enumerate(plane)
                            for j, weight in enumerate(row)
                        )
                        for x in range(width)
                    ]
                    for y in range(height)
                ]
                for kernel in weights
            ]
            for image in padded
        ]
    )


@pytest.mark.usefixtures("one_thread")
def test_within_four_times_torch_and_a_hundred_times_the_loop(show):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(32, 16, 32, 32, generator=generator)
    kernels = torch.randn(32, 16, 3, 3, generator=generator)

    def ours() -> torch.Tensor:
        return conv2d(images, kernels, padding=1)

    expected = F.conv2d(images, kernels, padding=1)
    torch.testing.assert_close(ours(), expected, rtol=0, atol=1e-4)
    # One picture is enough for the loop, which takes as long for each of them.
    torch.testing.assert_close(loop_conv2d(images[:1], kernels), expected[:1], rtol=0, atol=1e-4)
    mine, library = seconds(ours, lambda: F.conv2d(images, kernels, padding=1), times=60)
    loop = 32 * seconds(lambda: loop_conv2d(images[:1], kernels), times=1)[0]
    show(
        f"conv2d forward, (32, 16, 32, 32) to 32 channels, 3x3, one thread: ours "
        f"{1e3 * mine:.1f} ms, "
        f"torch {1e3 * library:.1f} ms (x {mine / library:.2f}), loop {loop:.0f} s (x "
        f"1/{loop / mine:.0f})"
    )
    assert mine <= 4 * library
    assert loop >= 100 * mine
