"""Misconceptions about colorization."""

from autograder.misconceptions import misconception


@misconception("l2_loss", hint="The loss is twice what it should be: look at the factor in front of Eq. 1.")
def half_missing(prediction, target):
    """The factor 1/2 is left out."""
    return (prediction - target).square().sum(dim=1).mean()
