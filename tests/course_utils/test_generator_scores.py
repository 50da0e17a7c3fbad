"""The generator's scores, against numbers worked by hand."""

import math

import pytest
import torch

from course_utils.training.generator_scores import (
    BEST_PSNR,
    mask_iou,
    mask_sharpness,
    mean_scores,
    psnr,
)


def test_psnr_of_each_picture():
    truth = torch.zeros(3, 3, 4, 5)
    image = truth + torch.tensor([0.1, 0.01, 1.0])[:, None, None, None]
    assert psnr(image, truth).tolist() == pytest.approx([20, 40, 0], abs=1e-4)


def test_psnr_is_of_all_pixels_and_channels():
    truth = torch.zeros(1, 3, 2, 2)
    image = truth.clone()
    image[0, 1, 0, 0] = 0.6
    assert psnr(image, truth).item() == pytest.approx(-10 * math.log10(0.36 / 12), abs=1e-4)


def test_psnr_clips_what_is_drawn_and_stays_finite():
    truth = torch.ones(1, 3, 2, 2)
    assert psnr(truth * 7, truth).item() == pytest.approx(BEST_PSNR, abs=1e-4)
    assert psnr(-truth, 0 * truth).item() == pytest.approx(BEST_PSNR, abs=1e-4)


def test_iou_of_each_mask():
    truth = torch.zeros(3, 1, 4, 4)
    truth[:2, :, :2] = 1  # the upper half, 8 pixels
    mask = torch.zeros(3, 1, 4, 4)
    mask[0, :, 1:3] = 0.7  # two rows, of which one is shared: 4 of 12
    mask[1, :, :2] = 0.4  # not enough to count
    assert mask_iou(mask, truth).tolist() == pytest.approx([1 / 3, 0, 1])
    assert mask_iou(mask, truth, threshold=0.3)[1].item() == 1


def test_sharpness_of_a_shape_is_1_whatever_the_shape():
    mask = torch.zeros(2, 1, 6, 6)
    mask[0, :, 2] = 1
    mask[1, :, 1:5, 1:5] = 1
    assert mask_sharpness(mask).tolist() == [1, 1]
    assert mask_sharpness(5 * mask - 1).tolist() == [1, 1], "clipped first"


def test_sharpness_of_a_cross_fade():
    one, other = torch.zeros(1, 1, 4, 6), torch.zeros(1, 1, 4, 6)
    one[..., :2], other[..., 4:] = 1, 1
    assert mask_sharpness((one + other) / 2).item() == 0.5
    other[..., 1:3] = 1  # rows 1/2, 1, 1/2, 0, 1/2, 1/2: steps of 1/2 only
    assert mask_sharpness((one + other) / 2).item() == 0.5
    assert mask_sharpness(torch.ones(1, 1, 4, 4)).item() == 0


def test_sharpness_of_a_blurred_edge():
    row = torch.tensor([0.0, 0.25, 1.0, 1.0, 0.5])
    expected = (0.25**2 + 0.75**2 + 0.5**2) / 1.5
    assert mask_sharpness(row.expand(1, 1, 3, 5)).item() == pytest.approx(expected)
    assert mask_sharpness(row[:, None].expand(1, 1, 5, 3)).item() == pytest.approx(expected), (
        "downwards too"
    )


def test_mean_of_the_pictures():
    truth, mask = torch.zeros(2, 3, 4, 4), torch.ones(2, 1, 4, 4)
    image, drawn = truth.clone(), mask.clone()
    image[0] += 0.1
    image[1] += 0.01
    drawn[1, :, :2] = 0
    assert mean_scores(image, drawn, truth, mask) == pytest.approx((30, 0.75), abs=1e-4)
