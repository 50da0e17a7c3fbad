"""Right answers to the colorization tasks, written unlike the reference."""

import heapq
import math
import statistics
from collections import Counter, OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.path import Path
from scipy.ndimage import zoom
from scipy.spatial import ConvexHull, cKDTree
from scipy.special import logsumexp
from skimage.color import lab2rgb, rgb2lab
from torch import nn

from autograder.alternatives import alternative
from course_utils.color import srgb_gamut_ab

# sRGB's matrix as IEC 61966-2-1 prints it, with four digits.
PRINTED = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


@alternative("rgb_to_lab_planes")
def lab_by_scikit_image(rgb):
    lab = rgb2lab(rgb.detach().double().permute(0, 2, 3, 1).numpy())
    lab = torch.from_numpy(lab).permute(0, 3, 1, 2).to(rgb.dtype)
    return (lab[:, :1] - 50) / 100, lab[:, 1:] / 110


@alternative("rgb_to_lab_planes")
def lab_by_masks_and_rounded_constants(rgb):
    """Channel by channel, in double precision, with the constants of older books."""
    linear = rgb.double() / 12.92
    bright = rgb > 0.04045
    linear[bright] = ((rgb.double()[bright] + 0.055) / 1.055).pow(2.4)
    f = []
    for row, white in zip(PRINTED, [0.9505, 1.0, 1.089], strict=True):
        plane = sum(weight * linear[:, channel] for channel, weight in enumerate(row)) / white
        root = torch.exp(torch.log(plane.clamp(min=1e-12)) / 3)
        f.append(torch.where(plane > 0.008856, root, 7.787 * plane + 16 / 116))
    lightness = (116 * f[1] - 16 - 50) / 100
    ab = torch.stack([500 * (f[0] - f[1]), 200 * (f[1] - f[2])], dim=1) / 110
    return lightness.unsqueeze(1).to(rgb.dtype), ab.to(rgb.dtype)


@alternative("rgb_to_lab_planes")
def lab_by_matrix_product(rgb):
    """Pixels as rows; a list instead of a tuple, and lightness by the standard's own formula."""
    batch, _, height, width = rgb.shape
    pixels = rgb.movedim(1, -1).reshape(-1, 3)
    linear = torch.where(
        pixels <= 0.04045, pixels / 12.92, ((pixels.clamp(min=0.04) + 0.055) / 1.055).pow(2.4)
    )
    xyz = (
        linear
        @ torch.tensor(PRINTED, dtype=rgb.dtype).T
        / torch.tensor([0.9505, 1, 1.089], dtype=rgb.dtype)
    )
    epsilon, kappa = 216 / 24389, 24389 / 27
    f = torch.where(xyz > epsilon, xyz.clamp(min=epsilon).pow(1 / 3), (kappa * xyz + 16) / 116)
    lab = torch.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], dim=1
    )
    lab = lab.reshape(batch, height, width, 3).movedim(-1, 1)
    return [lab[:, :1] / 100 - 0.5, lab[:, 1:] / 110]


@alternative("lab_planes_to_rgb")
def rgb_by_scikit_image(lightness, ab):
    lab = torch.cat([lightness * 100 + 50, ab * 110], dim=1).detach().double()
    return (
        torch.from_numpy(lab2rgb(lab.permute(0, 2, 3, 1).numpy())).permute(0, 3, 1, 2).to(ab.dtype)
    )


@alternative("lab_planes_to_rgb")
def rgb_by_solving(lightness, ab):
    """Pixels as columns of a linear system; every branch by a mask."""
    fy = (lightness[:, 0] + 0.66) / 1.16  # (100 l + 50 + 16) / 116
    f = torch.stack([fy + 0.22 * ab[:, 0], fy, fy - 0.55 * ab[:, 1]])  # (3, B, H, W)
    straight = (f <= 6 / 29).to(f)
    xyz = straight * 3 * (6 / 29) ** 2 * (f - 4 / 29) + (1 - straight) * f**3
    xyz = xyz * torch.tensor([0.9505, 1, 1.089]).to(f).view(3, 1, 1, 1)
    linear = torch.linalg.solve(torch.tensor(PRINTED).to(f), xyz.flatten(1)).reshape(f.shape)
    encoded = torch.empty_like(linear)
    dark = linear <= 0.0031308
    encoded[dark] = 12.92 * linear[dark]
    encoded[~dark] = 1.055 * linear[~dark] ** (1 / 2.4) - 0.055
    return torch.minimum(torch.maximum(encoded, torch.tensor(0.0)), torch.tensor(1.0)).movedim(0, 1)


@alternative("ab_bins")
def bins_by_half_planes(step=10):
    """A lattice point counts when it lies on the inner side of every edge."""
    gamut = srgb_gamut_ab(9).numpy()
    widened = np.concatenate([gamut + [i * step, j * step] for i in (-1, 1) for j in (-1, 1)])
    edges = ConvexHull(widened).equations
    ticks = range(-20 * step, 21 * step, step)
    points = [(a, b) for a in ticks for b in ticks]
    return torch.tensor(
        [p for p in points if (edges[:, :2] @ p + edges[:, 2] < 1e-9).all()], dtype=torch.float32
    )


@alternative("ab_bins")
def bins_by_path(step=10):
    """Matplotlib's point-in-polygon test, on the hull of a finer gamut; sorted at the end."""
    gamut = srgb_gamut_ab(25).numpy()
    hull = gamut[ConvexHull(gamut).vertices]  # the hull of a widened cloud is the widened hull
    widened = np.concatenate(
        [hull + np.array(corner) * step for corner in [(-1, -1), (-1, 1), (1, -1), (1, 1)]]
    )
    polygon = Path(widened[ConvexHull(widened).vertices])
    grid = step * np.mgrid[-20:21, -20:21].reshape(2, -1).T
    return torch.tensor(sorted(map(tuple, grid[polygon.contains_points(grid)])), dtype=torch.float)


@alternative("ab_bins")
def bins_by_support_function(step=10):
    """A convex set is the intersection of its half-planes, here in very many directions."""
    angles = torch.linspace(0, 2 * math.pi, 7201, dtype=torch.float64)[:-1]
    directions = torch.stack([angles.cos(), angles.sin()])
    reach = (srgb_gamut_ab(9) @ directions).amax(dim=0) + step * directions.abs().sum(dim=0)
    axis = torch.arange(-20, 21, dtype=torch.float64) * step
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1).flatten(0, 1)
    return grid[(grid @ directions <= reach + 1e-6).all(dim=1)].to(torch.float32)


@alternative("soft_encode")
def encode_by_tree(ab, bins, neighbors=10, sigma=5.0):
    """SciPy's k-d tree and log-sum-exp."""
    pixels = ab.detach().permute(0, 2, 3, 1).numpy().astype(np.float64)
    distances, nearest = cKDTree(bins.numpy()).query(pixels, k=neighbors)
    exponent = -(distances**2) / (2 * sigma**2)
    out = np.zeros((*pixels.shape[:3], len(bins)))
    np.put_along_axis(
        out, nearest, np.exp(exponent - logsumexp(exponent, axis=-1, keepdims=True)), axis=-1
    )
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(ab.dtype)


@alternative("soft_encode")
def encode_pixel_by_pixel(ab, bins, neighbors=10, sigma=5.0):
    """The slow loop."""
    places = bins.tolist()
    out = torch.zeros(ab.shape[0], len(bins), *ab.shape[2:], dtype=ab.dtype)
    for n in range(ab.shape[0]):
        for i in range(ab.shape[2]):
            for j in range(ab.shape[3]):
                a, b = ab[n, :, i, j].tolist()
                squared = [(a - x) ** 2 + (b - y) ** 2 for x, y in places]
                nearest = heapq.nsmallest(neighbors, range(len(places)), key=squared.__getitem__)
                least = squared[nearest[0]]
                weights = [math.exp((least - squared[q]) / (2 * sigma * sigma)) for q in nearest]
                out[n, nearest, i, j] = torch.tensor(weights, dtype=ab.dtype) / sum(weights)
    return out


@alternative("soft_encode")
def encode_by_masked_softmax(ab, bins, neighbors=10, sigma=5.0):
    """All squared distances at once, expanded; far bins are masked with minus infinity."""
    x = ab.permute(0, 2, 3, 1).reshape(-1, 2)
    squared = (x**2).sum(1, keepdim=True) - 2 * x @ bins.T + (bins**2).sum(1)
    limit = squared.sort(dim=1).values[:, neighbors - 1 : neighbors]
    exponent = (-squared / (2 * sigma**2)).masked_fill(squared > limit, -math.inf)
    out = exponent.log_softmax(dim=1).exp().view(ab.shape[0], *ab.shape[2:], len(bins))
    return out.permute(0, 3, 1, 2).contiguous()


@alternative("annealed_mean")
def anneal_probabilities(logits, bins, temperature=0.38):
    """Eq. 5 as printed, from log-probabilities."""
    scaled = F.log_softmax(logits, dim=1) / temperature
    scaled = scaled - scaled.amax(dim=1, keepdim=True)
    powers = scaled.exp()
    shares = powers / powers.sum(dim=1, keepdim=True)
    return torch.stack(
        [(shares * bins[:, c].view(1, -1, 1, 1)).sum(dim=1) for c in range(2)], dim=1
    )


@alternative("annealed_mean")
def anneal_by_convolution(logits, bins, temperature=0.38):
    """A 1 x 1 convolution with the bin centres, as in the authors' network."""
    return F.conv2d(torch.softmax(logits.mul(1 / temperature), 1), bins.t()[:, :, None, None])


@alternative("annealed_mean")
def anneal_bin_by_bin(logits, bins, temperature=0.38):
    """The slow loop, in double precision."""
    scores = logits.double() / temperature
    total = torch.logsumexp(scores, dim=1)
    colour = torch.zeros(())
    for q, centre in enumerate(bins.double()):
        colour = colour + torch.exp(scores[:, q] - total)[:, None] * centre[None, :, None, None]
    return colour.to(logits.dtype)


@alternative("l2_loss")
def by_mean_squared_error(prediction, target):
    """The mean over two channels is half their sum."""
    return F.mse_loss(prediction, target)


@alternative("l2_loss")
def by_norm(prediction, target):
    return (torch.linalg.vector_norm(prediction - target, dim=1) ** 2 / 2).mean()


@alternative("l2_loss")
def picture_by_picture(prediction, target):
    total = sum(((p - t) * (p - t)).sum() for p, t in zip(prediction, target, strict=True))
    return total / (2 * prediction[:, 0].numel())


@alternative("multinomial_cross_entropy")
def by_torch_cross_entropy(logits, target, weights=None):
    loss = F.cross_entropy(logits, target, reduction="none")
    if weights is None:
        return loss.mean()
    return (loss * weights.gather(0, target.max(dim=1).indices.flatten()).view_as(loss)).mean()


@alternative("multinomial_cross_entropy")
def by_logsumexp(logits, target, weights=None):
    """Pixels as rows; the target sums to 1, so that the normaliser comes out of the sum."""
    z, t = logits.permute(0, 2, 3, 1).flatten(0, 2), target.permute(0, 2, 3, 1).flatten(0, 2)
    loss = torch.logsumexp(z, dim=1) - torch.einsum("nq,nq->n", t, z)
    v = torch.ones_like(loss) if weights is None else torch.index_select(weights, 0, t.argmax(1))
    return v @ loss / loss.numel()


@alternative("multinomial_cross_entropy")
def bin_by_bin(logits, target, weights=None):
    """The slow loop over the bins, shifted by the largest score."""
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_total = shifted.exp().sum(dim=1).log()
    loss = sum(target[:, q] * (log_total - shifted[:, q]) for q in range(logits.size(1)))
    if weights is not None:
        largest = F.one_hot(target.argmax(1), logits.size(1)).to(logits.dtype)  # (B, H, W, Q)
        loss = loss * (largest @ weights)
    return loss.sum() / loss.numel()


@alternative("color_prior")
def prior_by_tree(ab, bins, sigma=5.0):
    """A k-d tree and a histogram in NumPy."""
    places = bins.numpy().astype(float)
    _, nearest = cKDTree(places).query(ab.permute(0, 2, 3, 1).reshape(-1, 2).numpy())
    share = np.histogram(nearest, bins=np.arange(len(places) + 1))[0] / nearest.size
    kernel = np.exp(-((places[:, None] - places[None]) ** 2).sum(-1) / (2 * sigma**2))
    return torch.from_numpy((kernel * (share / kernel.sum(axis=0))).sum(axis=1)).to(ab.dtype)


@alternative("color_prior")
def prior_pixel_by_pixel(ab, bins, sigma=5.0):
    """The slow loop: each pixel hands out its own share."""
    places = bins.tolist()
    pixels = [pixel for picture in ab for pixel in picture.flatten(1).T.tolist()]
    counts = Counter(
        min(range(len(places)), key=lambda q: math.dist(places[q], pixel)) for pixel in pixels
    )
    prior = torch.zeros(len(places), dtype=torch.float64)
    for giver, count in counts.items():
        weights = [
            math.exp(-(math.dist(places[giver], place) ** 2) / 2 / sigma**2) for place in places
        ]
        prior += count * torch.tensor(weights, dtype=torch.float64) / sum(weights)
    return (prior / len(pixels)).to(bins.dtype)


@alternative("color_prior")
def prior_by_one_hot(ab, bins, sigma=5.0):
    """One-hot pixels, averaged, times a row-stochastic matrix from the left."""
    squared = (ab.movedim(1, -1)[..., None, :] - bins).square().sum(dim=-1)  # (B, H, W, Q)
    share = F.one_hot(squared.argmin(dim=-1), len(bins)).to(ab.dtype).mean(dim=(0, 1, 2))
    among = (bins[:, None] - bins[None]).square().sum(dim=-1)
    return share @ F.softmax(among / (-2 * sigma * sigma), dim=1)


@alternative("rebalancing_weights")
def weights_bin_by_bin(prior, lam=0.5):
    """Plain Python."""
    share = prior.tolist()
    weights = [1 / ((1 - lam) * p + lam / len(share)) for p in share]
    expected = math.fsum(p * w for p, w in zip(share, weights, strict=True))
    return torch.tensor([w / expected for w in weights], dtype=prior.dtype)


@alternative("rebalancing_weights")
def weights_in_numpy(prior, lam=0.5):
    """Multiplied through by Q: the scale cancels."""
    p = prior.numpy()
    w = np.reciprocal(lam + (1 - lam) * p.size * p)
    return torch.from_numpy(w / np.dot(p, w)).to(prior.dtype)


@alternative("rebalancing_weights")
def weights_by_interpolation(prior, lam=0.5):
    mixture = torch.lerp(prior, torch.full_like(prior, 1 / prior.numel()), lam)
    return mixture.reciprocal() / prior.dot(mixture.reciprocal())


@alternative("Colorizer")
class ColorizerOfNamedLayers(nn.Module):
    """Layers by number, the scores first; a block runs its convolutions in a loop over the
    weights.
    """

    def __init__(
        self,
        outputs=313,
        blocks=((16, 2, 2, 1), (48, 2, 2, 1), (96, 2, 2, 1), (96, 2, 1, 2)),
        up=64,
    ):
        super().__init__()
        self.scores = nn.Conv2d(up, outputs, kernel_size=(1, 1))
        self.up = nn.Sequential()
        deepest = blocks[-1][0]
        self.up.append(nn.ConvTranspose2d(deepest, up, kernel_size=4, stride=2, padding=1))
        self.up.append(nn.ReLU(inplace=True))
        self.up.append(nn.Conv2d(up, up, kernel_size=3, padding="same"))
        self.up.append(nn.ReLU(inplace=True))
        self.blocks = nn.Sequential()
        channels = 1
        for width, convolutions, stride, dilation in blocks:
            layers: OrderedDict[str, nn.Module] = OrderedDict()
            for number in range(convolutions):
                last = nn.Conv2d(channels, width, 3, padding="same", dilation=dilation)
                layers[str(2 * number)] = last
                layers[str(2 * number + 1)] = nn.ReLU()
                channels = width
            last.stride, last.padding = (stride, stride), (dilation, dilation)
            layers[str(2 * convolutions)] = nn.BatchNorm2d(width)
            self.blocks.append(nn.Sequential(layers))

    def forward(self, lightness):
        maps = lightness
        for block in self.blocks:
            maps = block(maps)
        return self.scores(self.up(maps))


class _SlowConvolution(nn.Conv2d):
    """Nine shifted pictures, each mixed by one entry of the kernel and sampled at the stride."""

    bias: torch.Tensor

    def forward(self, maps):
        dilation, stride = self.dilation[0], self.stride[0]
        height, width = maps.shape[2:]
        padded = F.pad(maps, (dilation,) * 4)
        total = self.bias[:, None, None]
        for i in range(3):
            for j in range(3):
                shifted = padded[..., i * dilation :, j * dilation :][
                    ..., :height:stride, :width:stride
                ]
                total = total + torch.einsum("oc,bchw->bohw", self.weight[..., i, j], shifted)
        return total


class _SlowNormalisation(nn.BatchNorm2d):
    """The formula, with what torch does to the running statistics."""

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor
    momentum: float

    def forward(self, maps):
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)
            unbiased = maps.detach().var((0, 2, 3))
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight / (variance + self.eps).sqrt()
        return scale.view(-1, 1, 1) * (maps - mean.view(-1, 1, 1)) + self.bias.view(-1, 1, 1)


class _Painter(nn.ConvTranspose2d):
    """Each value paints its kernel, one place of the kernel at a time; the rim is cut off."""

    bias: torch.Tensor

    def forward(self, maps, output_size=None):
        batch, _, height, width = maps.shape
        painted = maps.new_zeros(batch, self.out_channels, 2 * height + 2, 2 * width + 2)
        for i in range(4):
            for j in range(4):
                paint = torch.einsum("co,bchw->bohw", self.weight[..., i, j], maps)
                painted[..., i : i + 2 * height : 2, j : j + 2 * width : 2] += paint
        return painted[..., 1:-1, 1:-1] + self.bias[:, None, None]


@alternative("Colorizer")
class ColorizerByShiftedPictures(nn.Module):
    """Every layer written out; the scores are a product of matrices."""

    def __init__(
        self,
        outputs=313,
        blocks=((16, 2, 2, 1), (48, 2, 2, 1), (96, 2, 2, 1), (96, 2, 1, 2)),
        up=64,
    ):
        super().__init__()
        made, before = [], 1
        for width, convolutions, stride, dilation in blocks:
            strides = [1] * (convolutions - 1) + [stride]
            layers = []
            for step in strides:
                layers += [_SlowConvolution(before, width, 3, step, dilation, dilation), nn.ReLU()]
                before = width
            made.append(nn.Sequential(*layers, _SlowNormalisation(width)))
        self.blocks = nn.Sequential(*made)
        self.up = nn.Sequential(
            _Painter(before, up, 4, stride=2), nn.ReLU(), _SlowConvolution(up, up, 3), nn.ReLU()
        )
        self.scores = nn.Conv2d(up, outputs, 1)

    def forward(self, lightness):
        maps = self.up(self.blocks(lightness)).movedim(1, -1)  # (B, h, w, C)
        return (maps @ self.scores.weight.flatten(1).T + self.scores.bias).movedim(-1, 1)


@alternative("colorize")
def paint_pixel_by_pixel(lightness, logits, bins, temperature=0.38):
    """The slow loop: each pixel mixes the four cells around it; scikit-image does the rest."""
    scores = logits.detach().double().numpy() / temperature
    shares = np.exp(scores - logsumexp(scores, axis=1, keepdims=True))
    cells = np.einsum("bqij,qc->bijc", shares, bins.double().numpy())
    batch, _, height, width = lightness.shape
    rows, columns = cells.shape[1:3]
    lab = np.empty((batch, height, width, 3))
    lab[..., 0] = 100 * lightness[:, 0].double().numpy() + 50
    for i in range(height):
        y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
        top, down = int(y), y - int(y)
        for j in range(width):
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            left, across = int(x), x - int(x)
            below, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            above = (1 - across) * cells[:, top, left] + across * cells[:, top, right]
            under = (1 - across) * cells[:, below, left] + across * cells[:, below, right]
            lab[:, i, j, 1:] = (1 - down) * above + down * under
    return torch.from_numpy(lab2rgb(lab)).movedim(-1, 1).to(lightness.dtype)


@alternative("colorize")
def paint_by_stretched_probabilities(lightness, logits, bins, temperature=0.38):
    """Stretching and averaging are both linear: the sharpened probabilities are stretched first."""
    shares = torch.softmax(logits / temperature, dim=1)
    shares = F.interpolate(shares, lightness.shape[2:], mode="bilinear", align_corners=False)
    ab = torch.tensordot(shares, bins, dims=([1], [0])).movedim(-1, 1)
    return rgb_by_solving(lightness, ab / 110)


@alternative("colorize")
def paint_by_zoom(lightness, logits, bins, temperature=0.38):
    """SciPy's spline of first order, on grids of cells, plane by plane."""
    ab = F.conv2d(torch.softmax(logits / temperature, dim=1), bins.T[:, :, None, None])
    factors = [
        large / small for large, small in zip(lightness.shape[2:], ab.shape[2:], strict=True)
    ]
    planes = [
        [zoom(plane, factors, order=1, mode="nearest", grid_mode=True) for plane in picture]
        for picture in ab.double().numpy()
    ]
    lab = np.concatenate([lightness.double().numpy() * 100 + 50, np.array(planes)], axis=1)
    return torch.from_numpy(np.moveaxis(lab2rgb(np.moveaxis(lab, 1, -1)), -1, 1)).to(
        lightness.dtype
    )


@alternative("colorfulness")
def colorfulness_in_plain_python(rgb):
    """Pixel by pixel, with Python's statistics."""
    values = []
    for picture in rgb:
        pixels = [[255 * value for value in pixel] for pixel in picture.flatten(1).T.tolist()]
        rg = [red - green for red, green, _ in pixels]
        yb = [(red + green) / 2 - blue for red, green, blue in pixels]
        spread = math.hypot(statistics.pstdev(rg), statistics.pstdev(yb))
        values.append(spread + 0.3 * math.hypot(statistics.fmean(rg), statistics.fmean(yb)))
    return torch.tensor(values, dtype=rgb.dtype)


@alternative("colorfulness")
def colorfulness_by_squares(rgb):
    """Mean square minus squared mean; the opponents' signs do not matter."""
    red, green, blue = rgb[:, 0] * 255, rgb[:, 1] * 255, rgb[:, 2] * 255
    gr, by = (green - red).flatten(1), (blue - 0.5 * red - 0.5 * green).flatten(1)
    mean = gr.mean(1) ** 2 + by.mean(1) ** 2
    variance = (gr**2 + by**2).mean(1) - mean
    return variance.clamp(min=0).sqrt() + 0.3 * mean.sqrt()


@alternative("colorfulness")
def colorfulness_by_covariance(rgb):
    """The opponents are a linear map of the colours: the spread is the root of a trace."""
    to_opponents = np.array([[1, -1, 0], [0.5, 0.5, -1]])
    values = []
    for picture in 255 * rgb.double().flatten(2).numpy():
        covariance = to_opponents @ np.cov(picture, bias=True) @ to_opponents.T
        mean = to_opponents @ picture.mean(axis=1)
        values.append(np.sqrt(np.trace(covariance)) + 0.3 * np.linalg.norm(mean))
    return torch.tensor(values, dtype=rgb.dtype)


@alternative("colorization_auc")
def auc_by_trapezoids(prediction, target, bins=None, prior=None):
    """151 thresholds, one after the other; every pixel looks for its bin among all of them."""
    distance = (prediction - target).pow(2).sum(dim=1).sqrt()
    weights = torch.ones_like(distance)
    if prior is not None:
        squared = (target.movedim(1, -1)[..., None, :] - bins).square().sum(dim=-1)  # (B, H, W, Q)
        weights = prior[squared.argmin(dim=-1)].reciprocal()
    weights = weights / weights.sum()
    right = [weights[distance <= threshold].sum() for threshold in range(151)]
    return torch.trapezoid(torch.stack(right)) / 150


@alternative("colorization_auc")
def auc_by_mean_of_the_curve(prediction, target, bins=None, prior=None):
    """All 151 thresholds at once, and the mean height of the curve."""
    distance = torch.cdist(
        prediction.movedim(1, -1).flatten(0, 2).unsqueeze(1),
        target.movedim(1, -1).flatten(0, 2).unsqueeze(1),
    ).flatten()
    right = (distance[:, None] <= torch.arange(151)).to(prediction.dtype)  # (B * H * W, 151)
    if prior is None:
        return right.mean()
    pixels = target.movedim(1, -1).flatten(0, 2)
    weights = 1 / prior[torch.cdist(pixels, bins).argmin(dim=1)]
    return (weights @ right / weights.sum()).mean()


@alternative("colorization_auc")
def auc_by_histogram(prediction, target, bins=None, prior=None):
    """Cumulated in NumPy, without the last step; a k-d tree finds the bins."""
    distance = np.linalg.norm((prediction - target).detach().numpy(), axis=1)
    weights = None
    if prior is not None:
        _, nearest = cKDTree(bins.numpy()).query(target.movedim(1, -1).numpy())
        weights = 1 / prior.numpy()[nearest]
    counts, _ = np.histogram(distance, bins=np.append(np.arange(151), np.inf), weights=weights)
    curve = np.cumsum(counts) / counts.sum()
    return torch.tensor(curve[:150].sum() / 150, dtype=prediction.dtype)


@alternative("colorization_auc")
def auc_in_closed_form(prediction, target, bins=None, prior=None):
    """A weighted average in double precision: each pixel is right from its distance on."""
    distance = np.hypot(*(prediction - target).double().movedim(1, 0).numpy())
    weights = None
    if prior is not None:
        places = target.double().movedim(1, -1).numpy()
        weights = 1 / prior.double().numpy()[cKDTree(bins.double().numpy()).query(places)[1]]
    area = np.average(np.maximum(150 - distance, 0), weights=weights) / 150
    return torch.as_tensor(area, dtype=prediction.dtype)


@alternative("sparse_soft_encode")
def sparse_encode_by_tree(ab, bins, neighbors=10, sigma=5.0):
    """SciPy's k-d tree, nearest first; a list instead of a tuple."""
    pixels = ab.detach().permute(0, 2, 3, 1).numpy().astype(np.float64)
    distances, nearest = cKDTree(bins.numpy()).query(pixels, k=[*range(1, neighbors + 1)])
    exponent = -(distances**2) / (2 * sigma**2)
    shares = np.exp(exponent - logsumexp(exponent, axis=-1, keepdims=True))
    return [
        torch.from_numpy(nearest.astype(np.int64)).permute(0, 3, 1, 2),
        torch.from_numpy(shares).permute(0, 3, 1, 2).to(ab.dtype),
    ]


@alternative("sparse_soft_encode")
def sparse_encode_pixel_by_pixel(ab, bins, neighbors=10, sigma=5.0):
    """The slow loop; bins in the order of their indices."""
    places = bins.tolist()
    indices = torch.empty(ab.shape[0], neighbors, *ab.shape[2:], dtype=torch.int64)
    shares = torch.empty(indices.shape, dtype=ab.dtype)
    for n in range(ab.shape[0]):
        for i in range(ab.shape[2]):
            for j in range(ab.shape[3]):
                a, b = ab[n, :, i, j].tolist()
                squared = [(a - x) ** 2 + (b - y) ** 2 for x, y in places]
                nearest = sorted(
                    heapq.nsmallest(neighbors, range(len(places)), key=squared.__getitem__)
                )
                least = min(squared)
                weights = [math.exp((least - squared[q]) / (2 * sigma * sigma)) for q in nearest]
                indices[n, :, i, j] = torch.tensor(nearest)
                shares[n, :, i, j] = torch.tensor(weights, dtype=ab.dtype) / sum(weights)
    return indices, shares


@alternative("sparse_soft_encode")
def sparse_encode_by_sorting(ab, bins, neighbors=10, sigma=5.0):
    """All squared distances, expanded and sorted; the exponential after the least is taken out."""
    x = ab.movedim(1, -1)  # (B, H, W, 2)
    squared = x.square().sum(-1, keepdim=True) - 2 * x @ bins.T + bins.square().sum(1)
    ordered, order = squared.sort(dim=-1)
    weights = torch.exp((ordered[..., :1] - ordered[..., :neighbors]) / (2 * sigma**2))
    shares = weights / weights.sum(dim=-1, keepdim=True)
    return order[..., :neighbors].permute(0, 3, 1, 2), shares.permute(0, 3, 1, 2)


@alternative("sparse_cross_entropy")
def dense_inside(logits, indices, shares, weights=None):
    """The target with its zeros, and the softmax less it."""
    target = torch.zeros_like(logits).scatter_(1, indices, shares)
    log_probabilities = F.log_softmax(logits, dim=1)
    v = (
        torch.ones_like(target[:, 0]) if weights is None else weights[target.argmax(dim=1)]
    )  # (B, H, W)
    loss = -(v * (target * log_probabilities).sum(dim=1)).mean()
    return loss, v[:, None] * (log_probabilities.exp() - target) / v.numel()


@alternative("sparse_cross_entropy")
def autograd_inside(logits, indices, shares, weights=None):
    """torch's own cross-entropy, differentiated; the loss still has its graph."""
    with torch.enable_grad():
        scores = logits.detach().clone().requires_grad_()
        target = torch.zeros_like(logits).scatter(1, indices, shares)
        losses = F.cross_entropy(scores, target, reduction="none")
        if weights is not None:
            losses = losses * weights[target.argmax(dim=1)]
        loss = losses.mean()
        return loss, torch.autograd.grad(loss, scores, retain_graph=True)[0]


@alternative("sparse_cross_entropy")
def share_by_share(logits, indices, shares, weights=None):
    """Plain Python over the pixels, in double precision; NumPy's log-sum-exp."""
    gradient = np.zeros(logits.shape)
    z, where, part = (each.detach().numpy() for each in (logits, indices, shares))
    pixels, loss = logits[:, 0].numel(), 0.0
    for n, i, j in np.ndindex(logits[:, 0].shape):
        scores = z[n, :, i, j].astype(np.float64)
        total = np.logaddexp.reduce(scores)
        largest = where[n, part[n, :, i, j].argmax(), i, j]
        v = 1.0 if weights is None else weights[largest].item()
        gradient[n, :, i, j] = v * np.exp(scores - total) / pixels
        for q, share in zip(where[n, :, i, j], part[n, :, i, j], strict=True):
            loss += v * share * (total - scores[q]) / pixels
            gradient[n, q, i, j] -= v * share / pixels
    return torch.tensor(loss, dtype=logits.dtype), torch.from_numpy(gradient).to(logits.dtype)
