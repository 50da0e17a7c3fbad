"""Hidden checks of the small assignment; torch itself is the oracle."""

import torch
import torch.nn.functional as F
import torchvision

from autograder.checks import check, expect


def draw(seed, *shape):
    """Normal numbers, the same on every machine."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def scaled(images):
    """Batch normalisation without what it learns."""
    return F.batch_norm(images, None, None, training=True)


@check("gray", points=1)
def test_gray_is_torchvisions(submission):
    """A picture of random colours."""
    images = draw(1, 2, 3, 4, 5)
    expected = torchvision.transforms.functional.rgb_to_grayscale(images)
    expect(submission.gray(images), close_to=expected, tolerance=1e-3)


@check("gray", points=1)
def test_gray_of_green(submission):
    """Pure green."""
    images = torch.zeros(1, 3, 2, 3)
    images[:, 1] = 1
    expect(submission.gray(images), close_to=torch.full((1, 1, 2, 3), 0.587))


@check("gray", points=1)
def test_gray_of_a_large_batch(submission):
    """A megabyte of pictures."""
    images = draw(2, 7, 3, 111, 112)
    expect(submission.gray(images), shape=(7, 1, 111, 112))


@check("gray", points=1)
def test_gray_of_doubles(submission):
    """Double precision."""
    images = draw(3, 1, 3, 2, 2).double()
    expect(submission.gray(images), shape=(1, 1, 2, 2), dtype=torch.float64)


@check("standardize", points=1)
def test_standardize_is_batch_norm(submission):
    """A batch of three pictures."""
    images = draw(4, 3, 2, 5, 7)
    expect(submission.standardize(images), close_to=scaled(images))


@check("standardize", points=1)
def test_standardize_far_from_zero(submission):
    """Pictures with a mean of 10."""
    images = draw(5, 2, 3, 4, 6) + 10
    expect(
        submission.standardize(images),
        close_to=scaled(images),
        tolerance=1e-4,
    )


@check("standardize", points=1)
def test_standardize_of_unequal_channels(submission):
    """Channels of different contrast."""
    images = draw(6, 2, 3, 4, 6) * torch.tensor([1.0, 5.0, 0.2]).view(1, 3, 1, 1)
    expect(
        submission.standardize(images),
        close_to=scaled(images),
        tolerance=1e-4,
    )


@check("standardize", points=1)
def test_standardize_of_a_large_batch(submission):
    """A megabyte of pictures."""
    images = draw(7, 5, 3, 130, 131)
    expect(
        submission.standardize(images),
        close_to=scaled(images),
        tolerance=1e-4,
    )


@check("softmax", points=1)
def test_softmax_is_torchs(submission):
    """Random scores."""
    logits = draw(8, 5, 7)
    expect(submission.softmax(logits), close_to=logits.softmax(dim=1))


@check("softmax", points=1)
def test_softmax_of_large_scores(submission):
    """Scores of about 1000."""
    logits = draw(9, 3, 4) + 1000
    expect(submission.softmax(logits), close_to=logits.softmax(dim=1))


@check("softmax", points=1)
def test_softmax_of_one_class(submission):
    """A single class is certain."""
    expect(submission.softmax(draw(10, 6, 1)), close_to=torch.ones(6, 1))


@check("softmax", points=1)
def test_softmax_of_many(submission):
    """A megabyte of scores."""
    logits = draw(11, 250, 1000)
    expect(submission.softmax(logits), close_to=logits.softmax(dim=1))


@check("enlarge", points=1)
def test_enlarge_twice(submission):
    """By two."""
    images = draw(12, 2, 3, 4, 5)
    expect(submission.enlarge(images, 2), close_to=F.interpolate(images, scale_factor=2.0))


@check("enlarge", points=1)
def test_enlarge_three_times(submission):
    """By three."""
    images = draw(13, 1, 2, 5, 3)
    expect(submission.enlarge(images, 3), close_to=F.interpolate(images, scale_factor=3.0))


@check("enlarge", points=1)
def test_enlarge_by_nothing(submission):
    """By one."""
    images = draw(14, 1, 2, 5, 3)
    expect(submission.enlarge(images, 1), close_to=images)


@check("enlarge", points=1)
def test_enlarge_to_a_megabyte(submission):
    """By eight."""
    images = draw(15, 1, 3, 37, 36)
    expect(submission.enlarge(images, 8), close_to=F.interpolate(images, scale_factor=8.0))


@check("total_variation", points=1)
def test_variation_of_a_ramp(submission):
    """A ramp along the rows."""
    images = torch.arange(6.0).expand(1, 1, 5, 6).contiguous()
    expect(submission.total_variation(images), close_to=torch.tensor(1.0))


@check("total_variation", points=1)
def test_variation_of_a_slope(submission):
    """A ramp down the columns, falling."""
    images = -2 * torch.arange(5.0).view(1, 1, 5, 1).expand(1, 1, 5, 6).contiguous()
    expect(submission.total_variation(images), close_to=torch.tensor(2.0))


@check("total_variation", points=1)
def test_variation_of_noise(submission):
    """Random pictures of an uneven shape."""
    images = draw(16, 2, 3, 5, 9)
    expected = images.diff(dim=2).abs().mean() + images.diff(dim=3).abs().mean()
    expect(submission.total_variation(images), close_to=expected)


@check("total_variation", points=1)
def test_variation_of_a_large_batch(submission):
    """A megabyte of pictures."""
    images = draw(17, 3, 3, 170, 171)
    expected = images.diff(dim=2).abs().mean() + images.diff(dim=3).abs().mean()
    expect(submission.total_variation(images), close_to=expected)
