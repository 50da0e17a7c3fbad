"""The chair generator: the functions of assignment 2.

A. Dosovitskiy, J. T. Springenberg, M. Tatarchenko and T. Brox, *Learning to Generate Chairs, Tables
and Cars with Convolutional Networks*, IEEE TPAMI 39(4), 2017 (https://arxiv.org/abs/1411.5928),
and the authors' code.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data.transformations import COLOR_AXES, FACTORS


def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """The number of positions along one side: floor((size + 2 padding - kernel) / stride) + 1.

    size     pixels of the input's side
    kernel   pixels of the kernel's side
    stride   steps between neighbouring positions
    padding  zeros added at each of the two ends
    returns  pixels of the output's side
    Raises ValueError if the kernel is larger than the padded input.
    """
    if kernel > size + 2 * padding:
        raise ValueError(f"A kernel of {kernel} does not fit into {size} + 2 * {padding} pixels.")
    return (size + 2 * padding - kernel) // stride + 1


def fractional_conv_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    """The side of what a fractionally-strided convolution gives.

        (size - 1) stride - 2 padding + kernel + output_padding

    A convolution rounds down, so that several sizes of its input give one size of its output: this
    is the smallest of them with output_padding 0, and output_padding chooses among the others.

    size            pixels of the input's side
    kernel          pixels of the kernel's side
    stride          by which the convolution would shrink, and this one grows
    padding         pixels cut off at each of the two ends
    output_padding  pixels added at the far end only, 0 <= output_padding < stride
    returns         pixels of the output's side
    Raises ValueError for an output_padding that is out of its range.
    """
    if not 0 <= output_padding < stride:
        raise ValueError(f"output_padding must be from 0 to {stride - 1}, it is {output_padding}.")
    return (size - 1) * stride - 2 * padding + kernel + output_padding


def insert_zeros(maps: Tensor, stride: int) -> Tensor:
    """A bed of nails: stride - 1 zeros between neighbouring values in both directions, none around.

    Differentiable; the result has the maps' dtype.

    maps     (B, C, H, W)
    stride   1 leaves the maps as they are
    returns  (B, C, (H - 1) stride + 1, (W - 1) stride + 1)
    """
    batch, channels, height, width = maps.shape
    nails = maps.new_zeros(batch, channels, (height - 1) * stride + 1, (width - 1) * stride + 1)
    nails[..., ::stride, ::stride] = maps
    return nails


def fractionally_strided_conv2d(
    maps: Tensor,
    kernels: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
) -> Tensor:
    """A fractionally-strided ("transposed") convolution: each value paints a kernel; these add up.

    The same by another way: insert stride - 1 zeros between the values, pad with kernel - 1 -
    padding zeros, and convolve with the kernels turned by half a turn and with their channels
    swapped. It is the adjoint of the convolution of the same kernels, stride and padding: <conv(y),
    x> = <y, this(x)>. Differentiable by maps, kernels and bias; the result has the maps' dtype.

    maps            (B, C, H, W)
    kernels         (C, D, h, w)  for each input channel one for each of the D output channels
    bias            (D,)          added to each output channel, or None
    stride          by which neighbouring paintings are shifted, down and across
    padding         pixels cut off on each of the four sides
    output_padding  rows added at the bottom and columns added at the right, less than stride: what
                    kernels paint there counts, it is not cut off
    returns         (B, D, H', W')  H' = (H - 1) stride - 2 padding + h + output_padding, and W'
                    likewise
    """
    height, width = (
        fractional_conv_output_size(size, kernel, stride, padding, output_padding)
        for size, kernel in zip(maps.shape[2:], kernels.shape[2:], strict=True)
    )
    # (B, D * h * w, H * W): what each value paints
    painted = kernels.flatten(1).T @ maps.flatten(2)
    result = F.fold(painted, (height, width), kernels.shape[2:], padding=padding, stride=stride)
    return result if bias is None else result + bias[:, None, None]


def overlap_count(size: int, kernel: int, stride: int) -> Tensor:
    """How many kernels of a fractionally-strided convolution paint each pixel, along one side.

    Away from the ends all counts are equal only if the stride divides the kernel; otherwise they
    repeat with the stride, and the picture gets a checkerboard (Odena, Dumoulin and Olah, Distill
    2016).

    size     pixels of the input's side
    kernel   pixels of the kernel's side
    stride   by which neighbouring paintings are shifted
    returns  ((size - 1) stride + kernel,) int64
    """
    counts = torch.zeros(fractional_conv_output_size(size, kernel, stride), dtype=torch.int64)
    for start in range(0, size * stride, stride):
        counts[start : start + kernel] += 1
    return counts


def encode_view(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Encode a viewpoint as sines and cosines, so that 359 and 1 degrees are neighbours.

    azimuth    (B,)  degrees around the chair, any number
    elevation  (B,)  degrees above the floor
    returns    (B, 4)  sin and cos of the elevation, sin and cos of the azimuth
    """
    angles = torch.deg2rad(torch.stack([elevation, azimuth], dim=1))  # (B, 2)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def encode_transformation(parameters: Tensor) -> Tensor:
    """Encode transformation parameters for the network: the zero vector is the identity.

    parameters  (B, 8)  columns as in course_utils.data.transformations.PARAMETERS
    returns     (B, 8)  logarithms of what multiplies (zoom, saturation, brightness), the others as
                they are
    """
    factors = torch.tensor(FACTORS, device=parameters.device)
    return torch.where(factors, torch.where(factors, parameters, 1).log(), parameters)


def transform_image(image: Tensor, mask: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Zoom, then shift, then turn an image and its mask alike, and change the image's colours.

    Each pixel of the result is fetched from where it was before (an inverse warp). With coordinates
    around the centre: turn back by the rotation, subtract the shift, divide by the zoom; bilinear,
    0 outside.

    image       (B, 3, H, W)  over black, in [0, 1]
    mask        (B, 1, H, W)  in [0, 1]
    parameters  (B, 8)        columns as in course_utils.data.transformations.PARAMETERS
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
    return F.grid_sample(
        planes, grid.to(planes), mode="bilinear", padding_mode="zeros", align_corners=False
    )


def _recolored(image: Tensor, colors: Tensor) -> Tensor:
    saturation, brightness, hue = colors.unbind(1)
    zero, one = torch.zeros_like(hue), torch.ones_like(hue)
    cos, sin = saturation * hue.cos(), saturation * hue.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(-1, 3, 3)
    axes = COLOR_AXES.to(image)
    matrix = brightness[:, None, None] * (axes.T @ turn @ axes)
    return torch.einsum("bij,bjhw->bihw", matrix, image)


class ChairGenerator(nn.Module):
    """A network that draws a chair and its mask from an identity, a viewpoint and a transformation.

    Each of the three inputs goes through a stream of its own, the streams' ends are joined and go
    through `shared`, and from there two streams of up-convolutions draw the picture and the mask.
    ReLU follows every layer but the two last, which are linear.

    identity        nn.Sequential  chairs -> features -> features
    view            nn.Sequential  4 -> features -> features
    transformation  nn.Sequential  8 -> features -> features
    shared          nn.Sequential  3 features -> 2 features -> 2 features
    image           nn.Sequential  nn.Linear to channels[0] maps of `start` x `start` pixels,
                    nn.ReLU, nn.Unflatten, then for each of the channels an nn.ConvTranspose2d that
                    doubles the side, with nn.ReLU between them: to channels[1], channels[2], ...,
                    and last to 3
    mask            nn.Sequential  the same with half as many channels, and last to 1
    """

    def __init__(
        self,
        chairs: int,
        size: int = 32,
        features: int = 256,
        channels: Sequence[int] = (128, 64, 32),
        kernel: int = 4,
    ) -> None:
        """A generator of `chairs` chairs; start = size / 2^(number of channels).

        size      pixels of a picture's side
        features  of each stream; 512 in the paper
        channels  of the maps, from the coarsest on, each even; (256, 92, 92, 92) in the paper, at
                  128 pixels
        kernel    side of the up-convolutions' kernels, at least 2; 5 in the paper, which the stride
                  2 does not divide
        """
        super().__init__()
        self.identity = _fully_connected(chairs, features, features)
        self.view = _fully_connected(4, features, features)
        self.transformation = _fully_connected(8, features, features)
        self.shared = _fully_connected(3 * features, 2 * features, 2 * features)
        start = size // 2 ** len(channels)
        self.image = _up_convolutions(2 * features, start, [*channels, 3], kernel)
        self.mask = _up_convolutions(
            2 * features, start, [*(width // 2 for width in channels), 1], kernel
        )

    def forward(
        self, identity: Tensor, view: Tensor, transformation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draw chairs.

        identity        (B, chairs)  1 for the chair, 0 for the others; or shares of several
        view            (B, 4)       from `encode_view`
        transformation  (B, 8)       from `encode_transformation`
        returns         image (B, 3, size, size), over black, and mask (B, 1, size, size); not
                        clipped
        """
        streams = [self.identity(identity), self.view(view), self.transformation(transformation)]
        shared = self.shared(torch.cat(streams, dim=1))
        return self.image(shared), self.mask(shared)


def _fully_connected(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs), nn.ReLU()
    )


def _up_convolutions(
    inputs: int, start: int, channels: Sequence[int], kernel: int
) -> nn.Sequential:
    layers = [
        nn.Linear(inputs, channels[0] * start**2),
        nn.ReLU(),
        nn.Unflatten(1, (channels[0], start, start)),
    ]
    for before, after in zip(channels, channels[1:], strict=False):
        # Doubles the side exactly: (H - 1) 2 - 2 padding + kernel + output_padding = 2 H.
        layers += [
            nn.ConvTranspose2d(before, after, kernel, 2, (kernel - 1) // 2, kernel % 2),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers[:-1])


def generator_loss(
    image: Tensor, mask: Tensor, target_image: Tensor, target_mask: Tensor, weight: float = 0.1
) -> Tensor:
    """The error of a drawing: ||u - T(x s)||^2 + weight ||m - T(s)||^2, averaged over the batch.

    Squares are summed over channels and pixels. Differentiable by image and mask.
    Dosovitskiy et al., equation (1) and section 3.2; 0.1 is the weight in the authors' code.

    image         u      (B, 3, H, W)
    mask          m      (B, 1, H, W)
    target_image  T(x s) (B, 3, H, W)  picture times mask, over black
    target_mask   T(s)   (B, 1, H, W)
    weight        of the mask
    returns       ()  in the image's dtype
    """
    of_image = (image - target_image).square().sum(dim=(1, 2, 3))
    of_mask = (mask - target_mask).square().sum(dim=(1, 2, 3))
    return (of_image + weight * of_mask).mean()


def composite(image: Tensor, mask: Tensor) -> Tensor:
    """A drawing over white: u + (1 - m), with the mask clipped to [0, 1] before, and the sum after.

    The image is over black: it has been multiplied by its mask already.

    image    (B, 3, H, W)
    mask     (B, 1, H, W)
    returns  (B, 3, H, W)  in [0, 1]
    """
    return (image + 1 - mask.clamp(0, 1)).clamp(0, 1)


def interpolate_azimuth(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Azimuths between two, the short way round: from 350 to 10 degrees over 0, and not over 180.

    start + share ((end - start + 180) mod 360 - 180), mod 360. Half a turn may go either way.

    start    ()  degrees
    end      ()  degrees
    shares   (S,)  0 at the start, 1 at the end
    returns  (S,)  degrees, 0 <= azimuth < 360
    """
    way = (end - start + 180) % 360 - 180
    return (start + shares * way) % 360


def interpolate_chairs(first: int, second: int, shares: Tensor, chairs: int) -> Tensor:
    """Identity codes between two chairs: (1 - share) e_first + share e_second.

    first    number of the chair at share 0
    second   number of the chair at share 1; may be the same
    shares   (S,)  any numbers
    chairs   how many there are
    returns  (S, chairs)  rows sum to 1
    """
    ends = F.one_hot(torch.tensor([first, second]), chairs).to(shares)  # (2, chairs)
    return torch.lerp(ends[0], ends[1], shares[:, None])
