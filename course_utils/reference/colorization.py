"""Colorization as per-pixel classification: the functions of assignment 3.

Zhang, Isola and Efros, *Colorful Image Colorization*, ECCV 2016 (https://arxiv.org/abs/1603.08511).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from scipy.spatial import ConvexHull
from torch import Tensor, nn

from course_utils.color import AB_SCALE, D65_WHITE, L_CENTER, L_SCALE, SRGB_TO_XYZ, srgb_gamut_ab
from course_utils.color.nearest_bins import nearest_bins


def rgb_to_lab_planes(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Split pictures into lightness and colour, at the network's scale (CIE L*a*b*, D65).

    Both planes have rgb's dtype. A gradient, where one flows, is finite, also at black.

    rgb      (B, 3, H, W)  sRGB, in [0, 1]
    returns  L   (B, 1, H, W)  (L* - 50) / 100, in [-0.5, 0.5]
             ab  (B, 2, H, W)  (a*, b*) / 110, in about [-1, 1]
    """
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = torch.einsum("xc,bchw->bxhw", SRGB_TO_XYZ.to(rgb), linear) / D65_WHITE.to(rgb).view(
        3, 1, 1
    )
    # Clamped inside the branch: the cube root's slope at 0 is infinite, and 0 * inf would poison a
    # gradient.
    cube_root = xyz.clamp(min=(6 / 29) ** 3) ** (1 / 3)
    x, y, z = torch.where(xyz > (6 / 29) ** 3, cube_root, xyz * 841 / 108 + 4 / 29).split(1, dim=1)
    lightness = 116 * y - 16
    ab = torch.cat([500 * (x - y), 200 * (y - z)], dim=1)
    return (lightness - L_CENTER) / L_SCALE, ab / AB_SCALE


def lab_planes_to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """Put lightness and colour together again: the inverse of `rgb_to_lab_planes`.

    The result has the planes' dtype. A gradient, where one flows, is finite, also outside the
    gamut.

    lightness  (B, 1, H, W)  (L* - 50) / 100
    ab         (B, 2, H, W)  (a*, b*) / 110
    returns    (B, 3, H, W)  sRGB, clipped to [0, 1] where the colour is outside the gamut
    """
    a, b = (ab * AB_SCALE).split(1, dim=1)
    y = (lightness * L_SCALE + L_CENTER + 16) / 116
    f = torch.cat([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(f > 6 / 29, f**3, (f - 4 / 29) * 108 / 841) * D65_WHITE.to(f).view(3, 1, 1)
    linear = torch.einsum("cx,bxhw->bchw", SRGB_TO_XYZ.inverse().to(f), xyz)
    bright = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bright, linear * 12.92).clamp(0, 1)


def ab_bins(step: int = 10) -> Tensor:
    """The colour bins: lattice points of the ab plane inside the widened sRGB gamut (section 2.1).

    The gamut, a cloud of points, is widened by `step` in a and in b and closed to its convex hull.
    With step 10 these are the 313 bins of Zhang et al.

    step     distance of neighbouring bins, in ab units
    returns  (Q, 2)  float32, multiples of `step`, sorted by a and then by b
    """
    corners = step * torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]))
    widened = ConvexHull((srgb_gamut_ab()[:, None] + corners).flatten(0, 1))
    sides = torch.from_numpy(widened.equations)  # (S, 3): n_a a + n_b b + c <= 0 inside
    # Steps from the centre: the gamut is within 110, the widened one within 110 + step.
    reach = 110 // step + 1
    axis = step * torch.arange(-reach, reach + 1)
    lattice = torch.cartesian_prod(axis, axis).double()  # (A * A, 2)
    inside = (lattice @ sides[:, :2].T + sides[:, 2] <= 0).all(dim=1)
    return lattice[inside].float()


def soft_encode(ab: Tensor, bins: Tensor, neighbors: int = 10, sigma: float = 5.0) -> Tensor:
    """Spread each colour over its nearest bins, with Gaussian weights: the target Z (section 2.1).

    Ten neighbours, as in the authors' code; the paper's 5 is a misprint. Where bins tie for the
    last place, any of them may have it. The result has ab's dtype.

    ab         (B, 2, H, W)  colours, in ab units
    bins       (Q, 2)        bin centres, in ab units
    neighbors  bins that share a pixel's weight
    sigma      width of the Gaussian exp(-d^2 / (2 sigma^2)), in ab units
    returns    (B, Q, H, W)  each pixel sums to 1 over Q
    """
    distances = torch.cdist(ab.movedim(1, -1), bins, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.topk(neighbors, largest=False)  # (B, H, W, neighbors)
    weights = torch.softmax(-nearest.values.square() / (2 * sigma**2), dim=-1)
    return torch.zeros_like(distances).scatter(-1, nearest.indices, weights).movedim(-1, 1)


def annealed_mean(logits: Tensor, bins: Tensor, temperature: float = 0.38) -> Tensor:
    """Decode a distribution to a colour between its mode (T -> 0) and its mean (T = 1) (Eq. 5).

    Differentiable by the logits, whose dtype the result has.

    logits       (B, Q, H, W)  unnormalised scores
    bins         (Q, 2)        bin centres, in ab units
    temperature  T > 0; the paper uses 0.38
    returns      (B, 2, H, W)  colours, in ab units
    """
    probabilities = torch.softmax(logits / temperature, dim=1)
    return torch.einsum("bqhw,qc->bchw", probabilities, bins)


def l2_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Half the squared distance between two colours (Eq. 1), averaged over the pixels.

    Differentiable by the prediction, whose dtype the result has.

    prediction  (B, 2, H, W)  predicted ab
    target      (B, 2, H, W)  true ab, at the same scale
    returns     ()            mean over the B*H*W pixels
    """
    return 0.5 * (prediction - target).square().sum(dim=1).mean()


def multinomial_cross_entropy(
    logits: Tensor, target: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Per-pixel cross-entropy over Q colour bins (Eq. 2), averaged over the pixels.

    Differentiable by the logits, whose dtype the result has.

    logits   (B, Q, H, W)  unnormalised scores
    target   (B, Q, H, W)  soft-encoded colours, each pixel sums to 1 over Q
    weights  (Q,)          weight v of a pixel, looked up at its target's largest bin (Eq. 3), or
             None
    returns  ()            mean over the B*H*W pixels
    """
    loss = -(target * F.log_softmax(logits, dim=1)).sum(dim=1)  # (B, H, W)
    if weights is not None:
        loss = weights[target.argmax(dim=1)] * loss
    return loss.mean()


def color_prior(ab: Tensor, bins: Tensor, sigma: float = 5.0) -> Tensor:
    """How often each bin's colour occurs, smoothed over the ab plane: p~ of section 2.2.

    Each pixel counts for its nearest bin. Then each bin's share is spread over all the bins q with
    weights proportional to exp(-d^2 / (2 sigma^2)) that sum to 1 over q, so that no mass is lost.
    The result has ab's dtype.

    ab       (B, 2, H, W)  colours, in ab units
    bins     (Q, 2)        bin centres, in ab units
    sigma    width of the Gaussian, in ab units
    returns  (Q,)          sums to 1
    """
    nearest = torch.cdist(ab.movedim(1, -1).flatten(0, 2), bins).argmin(dim=1)
    share = torch.bincount(nearest, minlength=len(bins)).to(bins) / len(nearest)
    # Columns sum to 1.
    spread = torch.softmax(-torch.cdist(bins, bins).square() / (2 * sigma**2), dim=0)
    return spread @ share


def rebalancing_weights(prior: Tensor, lam: float = 0.5) -> Tensor:
    """The weight of each bin: w proportional to 1 / ((1 - lambda) p~ + lambda / Q) (Eq. 4).

    prior    (Q,)  p~, sums to 1
    lam      lambda in (0, 1], the share of the uniform distribution; the paper uses 1/2
    returns  (Q,)  in the prior's dtype, scaled so that the expected weight, sum of p~ w, is 1
    """
    weights = 1 / ((1 - lam) * prior + lam / len(prior))
    return weights / (prior * weights).sum()


def sparse_soft_encode(
    ab: Tensor, bins: Tensor, neighbors: int = 10, sigma: float = 5.0
) -> tuple[Tensor, Tensor]:
    """The target of `soft_encode` without its zeros: which bins share a pixel, and their shares.

    Which of its bins comes first is up to you, as long as both results agree.

    ab         (B, 2, H, W)  colours, in ab units
    bins       (Q, 2)        bin centres, in ab units
    neighbors  K, bins that share a pixel's weight
    sigma      width of the Gaussian exp(-d^2 / (2 sigma^2)), in ab units
    returns    indices (B, K, H, W)  int64, into the bins
               shares  (B, K, H, W)  in ab's dtype, each pixel sums to 1 over K
    """
    squares, indices = nearest_bins(ab, bins, neighbors)
    return indices, torch.softmax(-squares / (2 * sigma**2), dim=1)


def sparse_cross_entropy(
    logits: Tensor, indices: Tensor, shares: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`multinomial_cross_entropy` and its gradient, from a target without zeros.

    log sum_q exp z_q - sum_k Z_k z_k for a pixel; its gradient is softmax(z) - Z (weighted, and
    divided by the number of pixels). No tensor as large as the logits is needed besides the
    gradient itself.

    logits   (B, Q, H, W)  unnormalised scores
    indices  (B, K, H, W)  int64, the bins that share a pixel
    shares   (B, K, H, W)  their shares, each pixel sums to 1 over K
    weights  (Q,)          weight v of a pixel, looked up at its bin with the largest share, or None
    returns  loss     ()            mean over the B*H*W pixels
             gradient (B, Q, H, W)  of the loss, by the logits
    """
    normaliser = logits.logsumexp(dim=1, keepdim=True)  # (B, 1, H, W)
    loss = normaliser - (shares * logits.gather(1, indices)).sum(dim=1, keepdim=True)
    scale = torch.full_like(loss, 1 / loss.numel())
    if weights is not None:
        scale = scale * weights[indices.gather(1, shares.argmax(dim=1, keepdim=True))]
    gradient = (logits - normaliser).exp_().mul_(scale)
    return (scale * loss).sum(), gradient.scatter_add_(1, indices, -scale * shares)


class Colorizer(nn.Module):
    """A fully convolutional network: from lightness to scores of all bins, at 1/4 resolution.

    Blocks of convolutions, some of them with a stride and some dilated, without pooling; then one
    up-convolution, and scores at every position (Zhang et al. 2016, section 2 and figure 2). With
    two outputs it predicts a and b themselves.

    blocks  nn.Sequential  an nn.Sequential for each block: its convolutions (3 x 3, padded so that
            only
                           the stride shrinks), each with nn.ReLU behind it, and last an
                           nn.BatchNorm2d
    up      nn.Sequential  nn.ConvTranspose2d (4 x 4) that doubles the side, nn.ReLU, nn.Conv2d (3 x
            3,
                           padded), nn.ReLU; all of them to `up` channels
    scores  nn.Conv2d      1 x 1, to the outputs
    """

    def __init__(
        self,
        outputs: int = 313,
        blocks: Sequence[Sequence[int]] = (
            (16, 2, 2, 1),
            (48, 2, 2, 1),
            (96, 2, 2, 1),
            (96, 2, 1, 2),
        ),
        up: int = 64,
    ) -> None:
        """A colorizer; the product of the blocks' strides is 8.

        outputs  Q, how many bins there are; or 2
        blocks   of each: its channels, how many convolutions, the stride of the last of them, the
                 dilation of all of them
        up       channels after the blocks
        """
        super().__init__()
        widths = [1, *(channels for channels, *_ in blocks)]
        self.blocks = nn.Sequential(
            *(_block(before, *block) for before, block in zip(widths, blocks, strict=False))
        )
        self.up = nn.Sequential(
            nn.ConvTranspose2d(widths[-1], up, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(up, up, 3, padding=1),
            nn.ReLU(),
        )
        self.scores = nn.Conv2d(up, outputs, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """Score the colours of every fourth pixel.

        lightness  (B, 1, H, W)  (L* - 50) / 100; H and W are multiples of 8
        returns    (B, outputs, H / 4, W / 4)
        """
        return self.scores(self.up(self.blocks(lightness)))


def _block(
    before: int, channels: int, convolutions: int, stride: int, dilation: int
) -> nn.Sequential:
    layers = []
    for number in range(1, convolutions + 1):
        step = stride if number == convolutions else 1
        layers += [
            nn.Conv2d(before, channels, 3, step, padding=dilation, dilation=dilation),
            nn.ReLU(),
        ]
        before = channels
    return nn.Sequential(*layers, nn.BatchNorm2d(channels))


def colorize(lightness: Tensor, logits: Tensor, bins: Tensor, temperature: float = 0.38) -> Tensor:
    """Colour a black-and-white picture with a network: the annealed mean over its lightness.

    The colour is stretched to the picture's size, bilinearly (as `F.interpolate` does by default,
    corners not aligned); the lightness is kept as it is. The result has the lightness's dtype.

    lightness    (B, 1, H, W)  (L* - 50) / 100
    logits       (B, Q, h, w)  scores of the bins, on a coarser grid
    bins         (Q, 2)        bin centres, in ab units
    temperature  of the annealed mean
    returns      (B, 3, H, W)  sRGB, in [0, 1]
    """
    ab = annealed_mean(logits, bins, temperature) / AB_SCALE
    return lab_planes_to_rgb(
        lightness, F.interpolate(ab, size=lightness.shape[-2:], mode="bilinear")
    )


def colorfulness(rgb: Tensor) -> Tensor:
    """How colourful each picture looks to people (Hasler and Suesstrunk 2003, section 6).

    With the opponents rg = R - G and yb = (R + G) / 2 - B, on a scale from 0 to 255, and their
    standard deviations and means over the pixels: sqrt(s_rg^2 + s_yb^2) + 0.3 sqrt(m_rg^2 +
    m_yb^2). 0 is grey, 33 moderately, 59 quite and 109 extremely colourful. The result has rgb's
    dtype.

    rgb      (B, 3, H, W)  sRGB, in [0, 1]
    returns  (B,)
    """
    red, green, blue = (255 * rgb).flatten(2).unbind(1)  # (B, H * W) each
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=1)  # (B, 2, H * W)
    spread, mean = opponents.std(dim=2, correction=0), opponents.mean(dim=2)
    return spread.norm(dim=1) + 0.3 * mean.norm(dim=1)


def colorization_auc(
    prediction: Tensor, target: Tensor, bins: Tensor | None = None, prior: Tensor | None = None
) -> Tensor:
    """Area under the curve of pixels within t of the truth, for t from 0 to 150 (section 3.1).

    The area is divided by 150, so that 1 is perfect. Steps of one ab unit are fine enough; exactly
    it is 1 - E[min(d, 150)] / 150, with d the distance of a pixel's two colours.
    With bins and a prior it is rebalanced: each pixel counts 1 / prior of the bin nearest to its
    true colour. The result has the prediction's dtype.

    prediction  (B, 2, H, W)  in ab units
    target      (B, 2, H, W)  the true colours, in ab units
    bins        (Q, 2)        bin centres, in ab units; or None
    prior       (Q,)          how often each bin's colour occurs; or None
    returns     ()            from 0 to 1
    """
    near = 1 - (prediction - target).norm(dim=1).clamp(max=150) / 150  # (B, H, W)
    if prior is None:
        return near.mean()
    weights = 1 / prior[nearest_bins(target, bins, 1)[1][:, 0]]  # type: ignore[arg-type]  # with a prior there are bins
    return (weights * near).sum() / weights.sum()
