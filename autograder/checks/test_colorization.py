"""Hidden checks of assignment 3, colorization."""

import torch

from autograder.checks import check, expect


@check("l2_loss", points=1)
def test_l2_loss_is_half_the_squared_distance(submission):
    """A single pixel: half the squared distance between the two colours."""
    prediction, target = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 4.0]).view(1, 2, 1, 1)
    expect(submission.l2_loss(prediction, target), close_to=torch.tensor(12.5))
