"""Handwritten digits, with nothing to download: the 1797 of scikit-learn, as tensors."""

from typing import NamedTuple

import torch
from torch import Tensor


class Digits(NamedTuple):
    """Some digits and what they are."""

    image: Tensor  # (N, 1, 8, 8) float32, in [0, 1]: ink is 1
    label: Tensor  # (N,) int64, 0 to 9


def load_digits(test: int = 297) -> tuple[Digits, Digits]:
    """The digits to store, and `test` others to ask about: the last ones.

    Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998), of the UCI repository.
    """
    from sklearn import datasets  # a second to import, so only for those who need it

    bunch = datasets.load_digits()
    image = torch.from_numpy(bunch.images).float()[:, None] / 16
    label = torch.from_numpy(bunch.target).long()
    cut = len(label) - test
    return Digits(image[:cut], label[:cut]), Digits(image[cut:], label[cut:])
