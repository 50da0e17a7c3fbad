"""A convolutional classifier from its formulas up: the functions of assignment 1.

Jun-Yan Zhu, *Convolutional Network for Image Synthesis*, CMU 16-726. Where a formula has another
source, its docstring says so.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def linear(x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """A fully connected layer: y_j = sum_i w_ij x_i + b_j, for every picture of the batch.

    The weights lie as in the formula, inputs first (torch.nn.Linear has them the other way round).
    Differentiable by all three; the result has x's dtype.

    x        (B, I)
    weights  (I, J)
    bias     (J,)
    returns  (B, J)
    """
    return x @ weights + bias


def relu(x: Tensor) -> Tensor:
    """The rectified linear unit: max(x, 0), element by element (Nair and Hinton 2010).

    Differentiable; the result has x's shape and dtype.

    x        (...)
    returns  (...)
    """
    return torch.where(x > 0, x, 0)


def relu_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient with respect to a ReLU's input, given that of its output; 0 where x is 0.

    gradient  (...)  dL/dy
    x         (...)  what went into the ReLU
    returns   (...)  dL/dx, in the gradient's dtype
    """
    return torch.where(x > 0, gradient, 0)


def conv2d(
    images: Tensor, kernels: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """A convolutional layer: each kernel slides over each picture (cross-correlation, no flip).

    Where the kernel would leave the padded picture it is not applied, so that
    H' = floor((H + 2 padding - h) / stride) + 1, and W' likewise.
    Differentiable by images, kernels and bias; the result has the images' dtype.

    images   (B, C, H, W)
    kernels  (D, C, h, w)  one for each of the D output channels
    bias     (D,)          added to each output channel, or None
    stride   steps between neighbouring positions, down and across
    padding  zeros added on each of the four sides
    returns  (B, D, H', W')
    """
    height, width = kernels.shape[2:]
    padded = F.pad(images, [padding] * 4)
    windows = padded.unfold(2, height, stride).unfold(3, width, stride)  # (B, C, H', W', h, w)
    columns = windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)  # (B, C * h * w, H' * W')
    maps = (kernels.flatten(1) @ columns).unflatten(2, windows.shape[2:4])  # (B, D, H', W')
    return maps if bias is None else maps + bias[:, None, None]


def max_pool2d(images: Tensor, size: int = 2, stride: int = 2) -> Tensor:
    """The largest value in each window: z_k = max of y_j for j in N(k), channel by channel.

    A window that would leave the picture is dropped: H' = floor((H - size) / stride) + 1. Windows
    overlap where stride < size. Differentiable; the result has the images' dtype.

    images   (B, C, H, W)
    size     height and width of a window
    stride   steps between neighbouring windows, down and across
    returns  (B, C, H', W')
    """
    return images.unfold(2, size, stride).unfold(3, size, stride).amax(dim=(-2, -1))


def max_pool2d_backward(gradient: Tensor, images: Tensor, size: int = 2, stride: int = 2) -> Tensor:
    """The gradient by the input of `max_pool2d`, given the gradient by its output.

    Each window passes its gradient on to its largest value; among equal ones to the first, row by
    row from the upper left. Where windows overlap, a value may get several gradients: they are
    added.

    gradient  (B, C, H', W')  dL/dz
    images    (B, C, H, W)    what went into the pooling
    size      height and width of a window
    stride    steps between neighbouring windows
    returns   (B, C, H, W)    dL/dy
    """
    # (B, C, H', W', size^2)
    windows = images.unfold(2, size, stride).unfold(3, size, stride).flatten(-2)
    winner = windows.argmax(dim=-1)  # the first, where there are several
    row = stride * torch.arange(winner.shape[2])[:, None] + winner // size
    column = stride * torch.arange(winner.shape[3]) + winner % size
    place = row * images.shape[3] + column  # in a picture that is laid out as one row
    flat = torch.zeros_like(images).flatten(2)
    return flat.scatter_add(-1, place.flatten(2), gradient.flatten(2)).view(images.shape)


def softmax(scores: Tensor) -> Tensor:
    """Scores as probabilities: p_c = exp(s_c) / sum_k exp(s_k), for every picture of the batch.

    Finite for scores of any size. Differentiable; the result has the scores' dtype.

    scores   (B, C)
    returns  (B, C)  not negative, each row sums to 1
    """
    powers = torch.exp(scores - scores.amax(dim=1, keepdim=True))
    return powers / powers.sum(dim=1, keepdim=True)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """The loss of a classifier: H(z^, z) = -sum_c z_c log z^_c with z^ = softmax(logits), averaged.

    Finite for logits of any size. Differentiable by the logits, whose dtype the result has.

    logits   (B, C)  unnormalised scores
    target   (B, C)  z: 1 for the right class and 0 for the others, or any distribution; rows sum to
             1
    returns  ()      mean over the B pictures
    """
    log_probabilities = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    return -(target * log_probabilities).sum(dim=1).mean()


def cross_entropy_backward(logits: Tensor, target: Tensor) -> Tensor:
    """The gradient of `cross_entropy` by its logits: (p - z) / B with p = softmax(logits).

    logits   (B, C)  unnormalised scores
    target   (B, C)  rows sum to 1
    returns  (B, C)  in the logits' dtype; each row sums to 0
    """
    return (softmax(logits) - target) / len(logits)


def sgd_step(weights: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """One step of gradient descent: w^(t+1) = w^t - eta_t dL/dw.

    Returns new weights and leaves the given ones as they are.

    weights   (...)  w^t
    gradient  (...)  dL/dw, at w^t
    rate      eta_t, the learning rate
    returns   (...)  w^(t+1), in the weights' dtype
    """
    return weights - rate * gradient


def learning_rate(steps: Tensor, total: int, peak: float = 0.1, warm_up: int = 10) -> Tensor:
    """The learning rate eta_t at each step t: up in a straight line, then down along half a cosine.

        eta_t = peak (t + 1) / warm_up                                          for t < warm_up
        eta_t = peak / 2 (1 + cos(pi (t - warm_up) / (total - warm_up)))        from there on

    Loshchilov and Hutter 2017 (https://arxiv.org/abs/1608.03983), after the warm-up of Goyal et
    al. 2017.

    steps    (S,)  whole numbers t, 0 <= t <= total, in any order
    total    T, the step at which the rate has come down to 0
    peak     the largest rate
    warm_up  steps of the straight line, less than total; 0 for none
    returns  (S,)  float32
    """
    rising = peak * (steps + 1) / warm_up  # infinite without a warm-up, and then not taken
    falling = peak / 2 * (1 + torch.cos(math.pi * (steps - warm_up) / (total - warm_up)))
    return torch.where(steps < warm_up, rising, falling)


def conv_net(images: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """A convolutional network, layer after layer: f_L(... f_2(f_1(x))).

    Each block is a convolution (padding 1), a ReLU and max-pooling (2 by 2). After the last block
    every feature is averaged over the positions that are left, and a linear layer makes scores of
    the averages. Differentiable by the images and by every parameter; the result has the images'
    dtype.

    images      (B, C, H, W)
    parameters  kernels (D, C, 3, 3) and bias (D,) of the first block, of the second block, ...
                and then the weights (D_last, classes) and the bias (classes,) of the linear layer
    returns     (B, classes)  logits
    """
    *blocks, weights, bias = parameters
    for kernels, shift in zip(blocks[::2], blocks[1::2], strict=True):
        images = max_pool2d(relu(conv2d(images, kernels, shift, padding=1)))
    return linear(images.mean(dim=(2, 3)), weights, bias)


class ConvNet(nn.Module):
    """A deeper network of torch's own layers, for pictures of any size from 2^blocks on.

    For each width a block: convolution (3 by 3, padding 1, no bias), batch normalisation (Ioffe and
    Szegedy 2015), ReLU, max-pooling (2 by 2). Then the mean over the positions that are left, and a
    linear layer.

    features    nn.Sequential of all the blocks' layers, four for each block, one after the other
    classifier  nn.Linear
    """

    def __init__(
        self, in_channels: int, classes: int, widths: Sequence[int] = (32, 64, 128)
    ) -> None:
        """A network for pictures of `in_channels`, with a block for each of the `widths`."""
        super().__init__()
        layers, before = [], in_channels
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """The logits (B, classes) of images (B, C, H, W)."""
        return self.classifier(self.features(images).mean(dim=(2, 3)))


def train_epoch(
    parameters: Sequence[Tensor], batches: Sequence[tuple[Tensor, Tensor]], rates: Tensor
) -> tuple[Tensor, ...]:
    """Train `conv_net` by stochastic gradient descent: one step for each batch.

    For batch t, the loss is the cross-entropy of the network's logits; the gradients of *all*
    parameters are taken at the same w^t, and only then each parameter takes its step, with the rate
    eta_t.

    parameters  w^0, as `conv_net` takes them
    batches     pairs of images (B, C, H, W) and target (B, classes), of which rows sum to 1
    rates       (T,)  eta_t, one for each batch
    returns     w^T, in the same order as the parameters; and last the losses (T,), each before its
                step
    """
    weights, losses = list(parameters), []
    for (images, target), rate in zip(batches, rates, strict=True):
        weights = [w.detach().requires_grad_() for w in weights]
        loss = cross_entropy(conv_net(images, weights), target)
        gradients = torch.autograd.grad(loss, weights)
        weights = [sgd_step(w, slope, rate) for w, slope in zip(weights, gradients, strict=True)]
        losses.append(loss)
    return *(w.detach() for w in weights), torch.stack(losses).detach()


def top_k_accuracy(logits: Tensor, labels: Tensor, k: int = 5) -> Tensor:
    """The share of pictures whose true class is among the k with the largest scores.

    Of equal scores, the class that comes first counts as the larger. With k or fewer classes all
    are right.

    logits   (B, C)
    labels   (B,)  the true classes, 0 to C - 1
    k        how many guesses each picture has
    returns  ()    float32, in [0, 1]
    """
    guesses = logits.argsort(descending=True, stable=True)[:, :k]
    return (guesses == labels[:, None]).any(dim=1).float().mean()
