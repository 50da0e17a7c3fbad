"""Right answers to the colorization tasks, written unlike the reference."""

from autograder.alternatives import alternative


@alternative("l2_loss")
def by_mean_square(prediction, target):
    return (prediction - target).pow(2).mean()
