"""Colour constants, and the sRGB gamut seen in the ab plane.

CIE L*a*b* under the D65 white point, from sRGB (IEC 61966-2-1), as in scikit-image.
"""

import numpy as np
import torch
from skimage.color import rgb2lab
from torch import Tensor

# The network's scale: (L* - 50) / 100 lies in [-0.5, 0.5] and (a*, b*) / 110 in about [-1, 1].
L_CENTER, L_SCALE, AB_SCALE = 50.0, 100.0, 110.0

# XYZ = SRGB_TO_XYZ @ linear RGB
SRGB_TO_XYZ = torch.tensor(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ],
    dtype=torch.float64,
)

# X, Y and Z of the D65 white point, 2 degree observer
D65_WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)


def srgb_gamut_ab(samples: int = 17) -> Tensor:
    """The (a*, b*) of a regular grid of sRGB colours: the gamut, as a cloud in the ab plane.

    samples  grid points along each of R, G and B
    returns  (samples**3, 2)  float64, in ab units
    """
    axis = np.linspace(0, 1, samples)
    rgb = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return torch.from_numpy(rgb2lab(rgb)[:, 0, 1:].copy())
