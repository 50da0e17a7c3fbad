"""Right answers to the tasks of the chair generator, written unlike the reference."""

import math
from collections import OrderedDict

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from torch import nn

from autograder.alternatives import alternative
from course_utils.data.transformations import COLOR_AXES, PARAMETERS


@alternative("conv_output_size")
def positions_counted(size, kernel, stride=1, padding=0):
    """Every place at which the kernel may begin."""
    starts = range(0, padding + size + padding - kernel + 1, stride)
    if not starts:
        raise ValueError("no room")
    return len(starts)


@alternative("conv_output_size")
def positions_step_by_step(size, kernel, stride=1, padding=0):
    """The kernel moves on for as long as its end is inside."""
    end, count = kernel, 0
    while end <= size + padding * 2:
        end, count = end + stride, count + 1
    if count == 0:
        raise ValueError("no room")
    return count


@alternative("conv_output_size")
def positions_by_floor(size, kernel, stride=1, padding=0):
    """The formula as it is written, in floats."""
    room = size + padding + padding - kernel
    if room < 0:
        raise ValueError(room)
    return int(np.floor(1 + room / stride))


@alternative("fractional_conv_output_size")
def size_by_the_bed_of_nails(size, kernel, stride=1, padding=0, output_padding=0):
    """Insert zeros, pad with kernel - 1 - padding, and convolve with stride 1."""
    if output_padding not in range(stride):
        raise ValueError("output_padding")
    nails = size + (size - 1) * (stride - 1)
    padded = nails + 2 * (kernel - 1 - padding) + output_padding
    return padded - kernel + 1


@alternative("fractional_conv_output_size")
def size_by_the_last_painting(size, kernel, stride=1, padding=0, output_padding=0):
    """Where the last painting ends, less what is cut off."""
    if output_padding < 0 or output_padding > stride - 1:
        raise ValueError("output_padding")
    end = 0
    for place in range(size):
        end = place * stride + kernel
    return end + output_padding - padding - padding


@alternative("fractional_conv_output_size")
def size_by_search(size, kernel, stride=1, padding=0, output_padding=0):
    """The smallest input of which the convolution makes this size, and then some."""
    if not (output_padding >= 0 and output_padding < stride):
        raise ValueError("output_padding")
    smallest = kernel - 2 * padding
    while math.floor((smallest + 2 * padding - kernel) / stride) + 1 < size:
        smallest += 1
    return smallest + output_padding


@alternative("insert_zeros")
def zeros_by_kronecker_product(maps, stride):
    """Every value times a square with a 1 in its corner, and what is too much cut off."""
    corner = torch.zeros(1, 1, stride, stride, dtype=maps.dtype)
    corner[0, 0, 0, 0] = 1
    return torch.kron(maps.contiguous(), corner)[:, :, : 1 - stride or None, : 1 - stride or None]


@alternative("insert_zeros")
def zeros_by_selection(maps, stride):
    """A matrix of zeros and ones for the rows, another for the columns."""
    down, across = (
        torch.eye((n - 1) * stride + 1, dtype=maps.dtype)[:, ::stride] for n in maps.shape[-2:]
    )
    return torch.einsum("yh,bchw,xw->bcyx", down, maps, across)


@alternative("insert_zeros")
def zeros_by_padding(maps, stride):
    """Every value is a picture of its own, padded at its end."""
    batch, channels, height, width = maps.shape
    apart = F.pad(maps[:, :, :, None, :, None], (0, stride - 1, 0, 0, 0, stride - 1))
    apart = apart.reshape(batch, channels, height * stride, width * stride)
    return apart[:, :, : height * stride - stride + 1, : width * stride - stride + 1]


def _cut_canvas(canvas, padding, bias):
    """What is left of a canvas: `padding` cut off on each side."""
    height, width = canvas.shape[-2:]
    canvas = canvas[..., padding : height - padding, padding : width - padding]
    return canvas if bias is None else canvas + bias.view(1, -1, 1, 1)


@alternative("fractionally_strided_conv2d")
def painting_value_by_value(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """The slow loop, as the docstring says it."""
    (batch, _, height, width), (_, channels, h, w) = maps.shape, kernels.shape
    rows, columns = (height - 1) * stride + h, (width - 1) * stride + w
    canvas = maps.new_zeros(batch, channels, rows + output_padding, columns + output_padding)
    for y in range(height):
        for x in range(width):
            top, left = y * stride, x * stride
            painting = torch.tensordot(maps[:, :, y, x], kernels, dims=1)  # (B, D, h, w)
            canvas[:, :, top : top + h, left : left + w] += painting
    return _cut_canvas(canvas, padding, bias)


@alternative("fractionally_strided_conv2d")
def painting_offset_by_offset(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """A loop over the kernel's places; all the values at once."""
    down, across = maps.shape[2], maps.shape[3]
    canvas = torch.zeros(
        len(maps),
        kernels.shape[1],
        (down - 1) * stride + kernels.shape[2] + output_padding,
        (across - 1) * stride + kernels.shape[3] + output_padding,
        dtype=maps.dtype,
    )
    for i in range(kernels.shape[2]):
        for j in range(kernels.shape[3]):
            part = torch.einsum("bcyx,cd->bdyx", maps, kernels[:, :, i, j])
            canvas[:, :, i::stride, j::stride][:, :, :down, :across] += part
    return _cut_canvas(canvas, padding, bias)


@alternative("fractionally_strided_conv2d")
def nails_and_turned_kernels(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """Insert zeros, pad, and convolve; a negative padding cuts off."""
    nails = zeros_by_padding(maps, stride)
    top, left = (k - 1 - padding for k in kernels.shape[2:])
    padded = F.pad(nails, (left, left + output_padding, top, top + output_padding))
    h, w = kernels.shape[2:]
    windows = padded.unfold(2, h, 1).unfold(3, w, 1)
    turned = torch.rot90(kernels, 2, (2, 3))
    result = torch.einsum("bcyxhw,cdhw->bdyx", windows, turned)
    return result if bias is None else result + bias[None, :, None, None]


@alternative("fractionally_strided_conv2d")
def adjoint_by_differentiation(maps, kernels, bias=None, stride=1, padding=0, output_padding=0):
    """A convolution is linear: what carries gradients back through it is its adjoint."""
    h, w = kernels.shape[2:]
    height, width = (
        (n - 1) * stride - 2 * padding + k + output_padding
        for n, k in zip(maps.shape[-2:], (h, w), strict=True)
    )

    def convolution(y):
        windows = F.pad(y, [padding] * 4).unfold(2, h, stride).unfold(3, w, stride)
        return torch.einsum("bdyxhw,cdhw->bcyx", windows, kernels)

    start = maps.new_zeros(len(maps), kernels.shape[1], height, width)
    back = torch.func.vjp(convolution, start)[1]
    (result,) = back(maps)
    return result if bias is None else result + bias.unflatten(0, (-1, 1, 1))


@alternative("overlap_count")
def overlap_of_every_pair(size, kernel, stride):
    """All the pixels that all the paintings have, counted."""
    pixels = torch.arange(size)[:, None] * stride + torch.arange(kernel)
    return torch.bincount(pixels.flatten(), minlength=(size - 1) * stride + kernel)


@alternative("overlap_count")
def overlap_by_running_sum(size, kernel, stride):
    """One more where a painting begins, one fewer where it ends."""
    change = torch.zeros((size - 1) * stride + kernel + 1, dtype=torch.long)
    change[0 : size * stride : stride] += 1
    change[kernel::stride] -= 1
    return change.cumsum(0)[:-1]


@alternative("overlap_count")
def overlap_in_closed_form(size, kernel, stride):
    """From the first to the last painting that reaches a pixel."""
    pixel = torch.arange((size - 1) * stride + kernel)
    last = (pixel // stride).clamp(max=size - 1)
    first = -((kernel - 1 - pixel) // stride)
    return (last - first.clamp(min=0) + 1).clamp(min=0)


@alternative("interpolate_azimuth")
def azimuth_by_atan2(start, end, shares):
    """The angle between two directions, by its sine and its cosine."""
    between = (end - start).deg2rad()
    way = torch.atan2(between.sin(), between.cos()).rad2deg()
    return torch.remainder(torch.lerp(start, start + way, shares), 360)


@alternative("interpolate_azimuth")
def azimuth_turn_by_turn(start, end, shares):
    """The end is moved by whole turns until it is near."""
    first, last = start.item(), end.item()
    while last - first > 180:
        last -= 360
    while last - first < -180:
        last += 360
    return torch.stack([((1 - share) * first + share * last) % 360 for share in shares])


@alternative("interpolate_azimuth")
def azimuth_by_ieee_remainder(start, end, shares):
    """Plain Python: its remainder is the nearest to 0."""
    way = math.remainder(float(end) - float(start), 360)
    azimuths = [
        math.fmod(math.fmod(float(start) + share * way, 360) + 360, 360)
        for share in shares.tolist()
    ]
    return torch.tensor(azimuths, dtype=shares.dtype)


@alternative("interpolate_chairs")
def chairs_by_addition(first, second, shares, chairs):
    rows = torch.zeros(len(shares), chairs, dtype=shares.dtype)
    rows[:, first] += 1 - shares
    rows[:, second] += shares
    return rows


@alternative("interpolate_chairs")
def chairs_by_outer_product(first, second, shares, chairs):
    numbers = torch.arange(chairs)
    start, end = ((numbers == chair).to(shares.dtype) for chair in (first, second))
    return torch.outer(1 - shares, start) + torch.outer(shares, end)


@alternative("interpolate_chairs")
def chairs_by_matrix_product(first, second, shares, chairs):
    """Weights of the two, times their rows of the unit matrix."""
    weights = torch.stack([1 - shares, shares], dim=1)
    return weights @ torch.eye(chairs, dtype=shares.dtype)[[first, second]]


@alternative("encode_view")
def view_column_by_column(azimuth, elevation):
    around, up = azimuth * math.pi / 180, elevation * math.pi / 180
    return torch.stack((torch.sin(up), torch.cos(up), torch.sin(around), torch.cos(around)), dim=-1)


@alternative("encode_view")
def view_by_complex_numbers(azimuth, elevation):
    """Points on two unit circles; real and imaginary part are the cosine and the sine."""
    circle = torch.polar(torch.ones_like(azimuth), azimuth.deg2rad())
    ramp = torch.polar(torch.ones_like(elevation), elevation.deg2rad())
    return torch.stack([ramp.imag, ramp.real, circle.imag, circle.real]).T


@alternative("encode_view")
def view_in_numpy(azimuth, elevation):
    """Angles reduced to one turn first."""
    a, e = (np.deg2rad(np.remainder(angle.numpy(), 360)) for angle in (azimuth, elevation))
    return torch.from_numpy(np.column_stack([np.sin(e), np.cos(e), np.sin(a), np.cos(a)]))


@alternative("encode_transformation")
def transformation_by_slices(parameters):
    return torch.cat([parameters[:, :3], parameters[:, 3:7].log(), parameters[:, 7:]], dim=1)


@alternative("encode_transformation")
def transformation_by_assignment(parameters):
    code = parameters.clone()
    for name in ("zoom_x", "zoom_y", "saturation", "brightness"):
        column = PARAMETERS.index(name)
        code[:, column] = torch.log(code[:, column])
    return code


@alternative("encode_transformation")
def transformation_number_by_number(parameters):
    """Plain Python; the columns that multiply are those that are 1 where nothing changes."""
    rows = [
        [math.log(value) if name.split("_")[0] in ("zoom", "saturation", "brightness") else value
         for name, value in zip(PARAMETERS, row, strict=True)]
        for row in parameters.tolist()
    ]  # fmt: skip
    return torch.tensor(rows, dtype=parameters.dtype)


def _inverse(row, height, width):
    """From a pixel of the result to where it was: homogeneous, in pixels around the centre."""
    shift_x, shift_y, rotation, zoom_x, zoom_y = row[:5]
    zoom = np.diag([zoom_x, zoom_y, 1.0])
    shift = np.array([[1, 0, shift_x * width], [0, 1, shift_y * height], [0, 0, 1]])
    turn = np.eye(3)
    turn[:2, :2] = [
        [math.cos(rotation), -math.sin(rotation)],
        [math.sin(rotation), math.cos(rotation)],
    ]
    return np.linalg.inv(turn @ shift @ zoom)


def _color_matrix(row):
    """The change in the coordinates of the colour axes, and back."""
    saturation, brightness, hue = row[5:]
    axes = COLOR_AXES.numpy()
    turn = np.diag([1.0, saturation * math.cos(hue), saturation * math.cos(hue)])
    turn[2, 1], turn[1, 2] = saturation * math.sin(hue), -saturation * math.sin(hue)
    return brightness * np.linalg.inv(axes) @ turn @ axes


@alternative("transform_image")
def transform_by_affine_grid(image, mask, parameters):
    """Matrices of all three steps, inverted; torch makes the grid. The colours, clipped, come
    first.
    """
    batch, _, height, width = image.shape
    recolor = torch.tensor(np.array([_color_matrix(row) for row in parameters.tolist()])).to(image)
    image = (recolor @ image.flatten(2)).view(image.shape).clip(0, 1)
    scale = np.diag([width / 2, height / 2, 1.0])  # from [-1, 1] to pixels
    back = [
        np.linalg.inv(scale) @ _inverse(row, height, width) @ scale for row in parameters.tolist()
    ]
    theta = torch.tensor(np.array(back)[:, :2]).to(image)
    grid = F.affine_grid(theta, [batch, 1, height, width], align_corners=False)
    return tuple(F.grid_sample(planes, grid, align_corners=False) for planes in (image, mask))


@alternative("transform_image")
def transform_by_scipy(image, mask, parameters):
    """One plane after another; a border of zeros, because SciPy has no half-way into the
    outside.
    """
    height, width = image.shape[2:]
    rows, border = parameters.tolist(), ((1, 1), (1, 1))
    middle = np.array([(height - 1) / 2, (width - 1) / 2])

    def warp(plane, row):
        matrix = _inverse(row, height, width)
        linear, offset = matrix[1::-1, 1::-1], matrix[1::-1, 2]  # down before across
        start = middle + 1 + offset - linear @ (middle + 1)
        padded = np.pad(plane.double().numpy(), border)
        return scipy.ndimage.affine_transform(padded, linear, start, order=1)[1:-1, 1:-1]

    planes = torch.cat([image, mask], dim=1)
    pairs = zip(planes, rows, strict=True)
    warped = np.array([[warp(plane, row) for plane in four] for four, row in pairs])
    colored = [
        np.tensordot(_color_matrix(row), one[:3], 1) for one, row in zip(warped, rows, strict=True)
    ]
    result = torch.tensor(np.clip(np.array(colored), 0, 1)), torch.tensor(warped[:, 3:])
    return tuple(part.to(image.dtype) for part in result)


@alternative("transform_image")
def transform_by_four_neighbors(image, mask, parameters):
    """Bilinear by hand: four neighbours with their weights, read from a picture with a border of
    zeros.
    """
    batch, _, height, width = image.shape
    dx, dy, angle, zoom_x, zoom_y, saturation, brightness, hue = parameters.T[:, :, None, None]
    rows = torch.arange(height).to(image)[:, None] - (height - 1) / 2
    columns = torch.arange(width).to(image) - (width - 1) / 2
    x = ((columns * angle.cos() + rows * angle.sin()) - width * dx) / zoom_x + (width - 1) / 2
    y = ((rows * angle.cos() - columns * angle.sin()) - height * dy) / zoom_y + (height - 1) / 2
    x, y = x.clamp(-1, width), y.clamp(-1, height)
    padded = F.pad(torch.cat([image, mask], dim=1), (1, 2, 1, 2))
    left, top = x.floor().long(), y.floor().long()
    warped = torch.zeros(())
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - (x - left - right).abs()) * (1 - (y - top - down).abs())
            which = torch.arange(batch)[:, None, None]
            there = padded[which, :, top + down + 1, left + right + 1]  # (B, H, W, 4)
            warped = warped + weight[..., None] * there
    warped = warped.permute(0, 3, 1, 2)
    red, green, blue = warped[:, :3].unbind(1)
    grey, warm, leafy = (red + green + blue) / 3, (red - blue) / 2, (2 * green - red - blue) / 6
    # The two axes of colour have lengths sqrt 2 and sqrt 6: their ratio is sqrt 3.
    cos, sin = saturation * hue.cos(), saturation * hue.sin()
    warm, leafy = cos * warm - sin * leafy * math.sqrt(3), sin * warm / math.sqrt(3) + cos * leafy
    colors = torch.stack([grey + warm - leafy, grey + 2 * leafy, grey - warm - leafy], dim=1)
    return (brightness[:, None] * colors).clamp(min=0).clamp(max=1), warped[:, 3:]


@alternative("ChairGenerator")
class GeneratorOfNamedLayers(nn.Module):
    """Layers by name, the decoders first; the halves of the mask's stream by list."""

    image: nn.Module
    mask: nn.Module
    shared: nn.Module
    identity: nn.Module
    view: nn.Module
    transformation: nn.Module

    def __init__(self, chairs, size=32, features=256, channels=(128, 64, 32), kernel=4):
        super().__init__()
        for name, halves, last in (("mask", 2, 1), ("image", 1, 3)):
            widths = [width // halves for width in channels]
            side = size >> len(widths)
            layers = OrderedDict(
                [("0", nn.Linear(2 * features, widths[0] * side * side)), ("1", nn.ReLU())]
            )
            layers["2"] = nn.Unflatten(-1, torch.Size([widths[0], side, side]))
            for step, (width, following) in enumerate(
                zip(widths, [*widths[1:], last], strict=True)
            ):
                if step:
                    layers[str(2 * step + 2)] = nn.ReLU(inplace=True)
                cut, rest = divmod(kernel - 1, 2)
                layers[str(2 * step + 3)] = nn.ConvTranspose2d(
                    width, following, kernel, stride=2, padding=cut, output_padding=1 - rest
                )
            setattr(self, name, nn.Sequential(layers))
        for name, given in (
            ("shared", 3 * features),
            ("identity", chairs),
            ("view", 4),
            ("transformation", 8),
        ):
            wide = 2 * features if name == "shared" else features
            self.add_module(
                name,
                nn.Sequential(nn.Linear(given, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU()),
            )

    def forward(self, identity, view, transformation):
        ends = self.identity(identity), self.view(view), self.transformation(transformation)
        joined = self.shared(torch.hstack(ends))
        return self.image(joined), self.mask(joined)


class _Painting(nn.ConvTranspose2d):
    """An up-convolution by zeros between the values and an ordinary convolution."""

    def forward(self, maps, output_size=None):
        side, kernel = maps.shape[-1], self.kernel_size[0]
        nails = torch.zeros(*maps.shape[:2], 2 * side, 2 * side, dtype=maps.dtype)
        nails[..., ::2, ::2] = maps
        before = kernel - 1 - (kernel - 1) // 2
        nails = F.pad(nails, (before, kernel - 1 - before) * 2)
        return F.conv2d(nails, self.weight.flip(2, 3).transpose(0, 1), self.bias)


@alternative("ChairGenerator")
class GeneratorByOrdinaryConvolutions(nn.Module):
    """The first shared layer takes each stream for itself and adds; decoders run layer by layer."""

    def __init__(self, chairs, size=32, features=256, channels=(128, 64, 32), kernel=4):
        super().__init__()
        self.features, channels = features, list(channels)
        self.identity, self.view, self.transformation = (
            self.two_layers(inputs, features) for inputs in (chairs, 4, 8)
        )
        self.shared = self.two_layers(3 * features, 2 * features)
        side = size
        for _ in channels:
            side //= 2
        self.image = self.decoder(channels + [3], side, kernel)
        self.mask = self.decoder([width // 2 for width in channels] + [1], side, kernel)

    @staticmethod
    def two_layers(inputs, width):
        layers = nn.Sequential(nn.Linear(inputs, width), nn.ReLU())
        return layers.extend([nn.Linear(width, width), nn.ReLU()])

    def decoder(self, widths, side, kernel):
        layers = nn.Sequential(nn.Linear(2 * self.features, widths[0] * side**2), nn.ReLU())
        layers.append(nn.Unflatten(1, (widths[0], side, side)))
        for index in range(len(widths) - 1):
            layers.append(_Painting(widths[index], widths[index + 1], kernel))
            if index + 2 < len(widths):
                layers.append(nn.ReLU())
        return layers

    def forward(self, identity, view, transformation):
        streams = (
            (self.identity, identity),
            (self.view, view),
            (self.transformation, transformation),
        )
        parts = self.shared[0].weight.split(self.features, dim=1)
        joined = self.shared[0].bias
        for (stream, given), part in zip(streams, parts, strict=True):
            joined = joined + stream(given) @ part.T
        joined = torch.relu(self.shared[2](torch.relu(joined)))
        drawn = []
        for decoder in (self.image, self.mask):
            maps = joined
            for layer in decoder:
                maps = layer(maps)
            drawn.append(maps)
        return tuple(drawn)


@alternative("generator_loss")
def loss_by_mse_of_sums(image, mask, target_image, target_mask, weight=0.1):
    pictures = F.mse_loss(image, target_image, reduction="sum")
    masks = F.mse_loss(mask, target_mask, reduction="sum")
    return (pictures + weight * masks) / image.shape[0]


@alternative("generator_loss")
def loss_by_norms(image, mask, target_image, target_mask, weight=0.1):
    distances = (image - target_image).flatten(1), (mask - target_mask).flatten(1)
    of_image, of_mask = (torch.einsum("bn,bn->b", d, d) for d in distances)
    return of_image.mean() + weight * of_mask.mean()


@alternative("generator_loss")
def loss_of_four_channels(image, mask, target_image, target_mask, weight=0.1):
    """Image and mask in one tensor, with a weight for each channel."""
    errors = (torch.cat([image, mask], dim=1) - torch.cat([target_image, target_mask], dim=1)) ** 2
    weights = torch.tensor([1, 1, 1, weight], dtype=image.dtype)
    return (errors.sum(dim=(2, 3)) @ weights).sum() / len(image)


@alternative("composite")
def composite_by_minimum(image, mask):
    white = torch.minimum(torch.maximum(1 - mask, torch.zeros_like(mask)), torch.ones_like(mask))
    return torch.clip(image + white, 0.0, 1.0)


@alternative("composite")
def composite_from_white_down(image, mask):
    """White, less what is covered, and the drawing on it."""
    canvas = torch.ones_like(image)
    canvas -= torch.clamp(mask, min=0, max=1)
    canvas += image
    return canvas.clamp_(0, 1)


@alternative("composite")
def composite_in_numpy(image, mask):
    drawn = [u + (1 - np.clip(m, 0, 1)) for u, m in zip(image.numpy(), mask.numpy(), strict=True)]
    return torch.from_numpy(np.stack(drawn).clip(0, 1))
