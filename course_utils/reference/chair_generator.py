"""The chair generator (Dosovitskiy, Springenberg, Tatarchenko and Brox, PAMI 2017): the reference.

So far: the transformations of its training pictures.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.transformations import COLOR_AXES, FACTORS


def encode_transformation(parameters: Tensor) -> Tensor:
    """Transformation parameters as the network is fed them: the vector 0 means that nothing changes.

    parameters  (B, 8)  columns as in course_utils.transformations.PARAMETERS
    returns     (B, 8)  logarithms of what multiplies (zoom, saturation, brightness), the others as they are
    """
    factors = torch.tensor(FACTORS, device=parameters.device)
    return torch.where(factors, torch.where(factors, parameters, 1).log(), parameters)


def transform_image(image: Tensor, mask: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Zoom, then shift, then turn an image and its mask alike, and change the image's colours.

    Each pixel of the result is fetched from where it was before (an inverse warp). With coordinates around
    the centre: turn back by the rotation, subtract the shift, divide by the zoom; bilinear, 0 outside.

    image       (B, 3, H, W)  over black, in [0, 1]
    mask        (B, 1, H, W)  in [0, 1]
    parameters  (B, 8)        columns as in course_utils.transformations.PARAMETERS
    returns     the image, clipped to [0, 1], and the mask
    """
    both = _warped(torch.cat([image, mask], dim=1), parameters[:, :5])
    return _recolored(both[:, :3], parameters[:, 5:]).clamp(0, 1), both[:, 3:]


def _warped(planes: Tensor, geometry: Tensor) -> Tensor:
    height, width = planes.shape[-2:]
    shift_x, shift_y, rotation, zoom_x, zoom_y = geometry[:, :, None, None].unbind(1)
    y = torch.arange(height, device=planes.device) - (height - 1) / 2
    x = torch.arange(width, device=planes.device) - (width - 1) / 2
    y, x = torch.meshgrid(y, x, indexing="ij")
    cos, sin = rotation.cos(), rotation.sin()
    x, y = cos * x + sin * y, cos * y - sin * x
    x, y = (x - shift_x * width) / zoom_x, (y - shift_y * height) / zoom_y
    grid = torch.stack([2 * x / width, 2 * y / height], dim=-1)  # (B, H, W, 2)
    return F.grid_sample(planes, grid.to(planes), mode="bilinear", padding_mode="zeros", align_corners=False)


def _recolored(image: Tensor, colors: Tensor) -> Tensor:
    saturation, brightness, hue = colors.unbind(1)
    zero, one = torch.zeros_like(hue), torch.ones_like(hue)
    cos, sin = saturation * hue.cos(), saturation * hue.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(-1, 3, 3)
    axes = COLOR_AXES.to(image)
    matrix = brightness[:, None, None] * (axes.T @ turn @ axes)
    return torch.einsum("bij,bjhw->bihw", matrix, image)
