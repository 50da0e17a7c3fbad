"""Right answers to the tasks of the CNN classifier, written unlike the reference."""

import math
from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import logsumexp
from torch import nn

from autograder.alternatives import alternative


@alternative("linear")
def linear_by_einsum(x, weights, bias):
    return torch.einsum("bi,ij->bj", x, weights) + bias


@alternative("linear")
def linear_input_by_input(x, weights, bias):
    """The slow loop over the inputs."""
    y = bias.expand(len(x), -1)
    for i in range(x.shape[1]):
        y = y + x[:, i : i + 1] * weights[i]
    return y


@alternative("linear")
def linear_with_a_constant_input(x, weights, bias):
    """The bias is the weight of an input that is always 1."""
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    return torch.cat([x, ones], dim=1) @ torch.cat([weights, bias[None]])


@alternative("relu")
def relu_by_clamp(x):
    return x.clamp(min=0)


@alternative("relu")
def relu_by_maximum(x):
    return torch.maximum(x, torch.zeros_like(x))


@alternative("relu")
def relu_by_mask(x):
    return x * (x > 0)


@alternative("relu_backward")
def relu_backward_by_mask(gradient, x):
    return gradient * (x > 0).to(gradient.dtype)


@alternative("relu_backward")
def relu_backward_by_assignment(gradient, x):
    result = gradient.clone()
    result[x <= 0] = 0
    return result


@alternative("relu_backward")
def relu_backward_by_step(gradient, x):
    return gradient * torch.heaviside(x, torch.zeros((), dtype=x.dtype))


def _size(before, kernel, stride, padding=0):
    return (before + 2 * padding - kernel) // stride + 1


@alternative("conv2d")
def convolution_offset_by_offset(images, kernels, bias=None, stride=1, padding=0):
    """A loop over the kernel's places; all the positions at once."""
    padded = F.pad(images, [padding] * 4)
    rows = _size(images.shape[2], kernels.shape[2], stride, padding)
    columns = _size(images.shape[3], kernels.shape[3], stride, padding)
    total = torch.zeros(())
    for i in range(kernels.shape[2]):
        for j in range(kernels.shape[3]):
            part = padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            total = total + torch.einsum(
                "bchw,dc->bdhw", part[:, :, :rows, :columns], kernels[:, :, i, j]
            )
    return total if bias is None else total + bias.view(-1, 1, 1)


@alternative("conv2d")
def convolution_by_windows(images, kernels, bias=None, stride=1, padding=0):
    """Strided views of the windows, and one sum of products."""
    padded = torch.nn.ZeroPad2d(padding)(images)
    windows = padded.unfold(2, kernels.shape[2], stride).unfold(3, kernels.shape[3], stride)
    maps = torch.einsum("bcyxhw,dchw->bdyx", windows, kernels)
    return maps if bias is None else maps + bias[None, :, None, None]


@alternative("conv2d")
def convolution_position_by_position(images, kernels, bias=None, stride=1, padding=0):
    """The slow loop."""
    count, channels, height, width = images.shape
    padded = images.new_zeros(count, channels, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = images
    h, w = kernels.shape[2:]
    rows = []
    for y in range(0, padded.shape[2] - h + 1, stride):
        row = []
        for x in range(0, padded.shape[3] - w + 1, stride):
            window = padded[:, :, y : y + h, x : x + w]
            row.append(torch.tensordot(window, kernels, dims=([1, 2, 3], [1, 2, 3])))
        rows.append(torch.stack(row, dim=-1))
    maps = torch.stack(rows, dim=-2)
    return maps if bias is None else maps + bias.reshape(1, -1, 1, 1)


@alternative("max_pool2d")
def pooling_offset_by_offset(images, size=2, stride=2):
    """The running maximum of shifted pictures."""
    rows, columns = (_size(n, size, stride) for n in images.shape[2:])
    best = None
    for i in range(size):
        for j in range(size):
            part = images[:, :, i::stride, j::stride][:, :, :rows, :columns]
            best = part if best is None else torch.maximum(best, part)
    return best


@alternative("max_pool2d")
def pooling_by_columns(images, size=2, stride=2):
    """im2col, one channel at a time."""
    rows, columns = (_size(n, size, stride) for n in images.shape[2:])
    windows = F.unfold(images.flatten(0, 1).unsqueeze(1), size, stride=stride)
    return windows.max(dim=1).values.view(*images.shape[:2], rows, columns)


@alternative("max_pool2d_backward")
def pooling_backward_by_loops(gradient, images, size=2, stride=2):
    """The slow loop: each window looks for its winner."""
    result = torch.zeros(images.shape, dtype=gradient.dtype)
    for n, c, i, j in np.ndindex(*gradient.shape):
        window = images[n, c, i * stride : i * stride + size, j * stride : j * stride + size]
        values = window.flatten().tolist()
        row, column = divmod(values.index(max(values)), size)
        result[n, c, i * stride + row, j * stride + column] += gradient[n, c, i, j]
    return result


@alternative("max_pool2d_backward")
def pooling_backward_by_fold(gradient, images, size=2, stride=2):
    """Columns are masked and folded back; fold adds where windows overlap."""
    count, channels, height, width = images.shape
    columns = F.unfold(
        images.reshape(-1, 1, height, width), size, stride=stride
    )  # (B * C, size^2, windows)
    first = F.one_hot(columns.argmax(dim=1), size * size).mT
    masked = first * gradient.reshape(count * channels, 1, -1)
    return F.fold(masked, (height, width), size, stride=stride).view(images.shape)


@alternative("softmax")
def softmax_by_logarithm(scores):
    return torch.exp(scores - torch.logsumexp(scores, dim=1, keepdim=True))


@alternative("softmax")
def softmax_by_differences(scores):
    """p_c = 1 / sum_k exp(s_k - s_c): infinity in the sum is a probability of 0."""
    shifted = scores - scores.max(dim=1, keepdim=True).values
    exponentials = shifted.exp()
    return torch.einsum("bc,b->bc", exponentials, exponentials.sum(dim=1).reciprocal())


@alternative("cross_entropy")
def loss_by_log_softmax(logits, target):
    return -torch.sum(target * F.log_softmax(logits, dim=-1)) / logits.shape[0]


@alternative("cross_entropy")
def loss_by_shifted_sum(logits, target):
    """The target sums to 1, so that the normaliser comes out of the sum."""
    largest = logits.amax(dim=1)
    normaliser = largest + (logits - largest[:, None]).exp().sum(dim=1).log()
    return (normaliser - torch.einsum("bc,bc->b", target, logits)).mean()


@alternative("cross_entropy_backward")
def loss_backward_by_numpy(logits, target):
    z = logits.detach().double().numpy()
    p = np.exp(z - logsumexp(z, axis=1, keepdims=True))
    return torch.from_numpy((p - target.double().numpy()) / z.shape[0]).to(logits.dtype)


@alternative("cross_entropy_backward")
def loss_backward_by_autograd(logits, target):
    leaf = logits.detach().clone().requires_grad_()
    F.cross_entropy(leaf, target).backward()
    return leaf.grad


@alternative("sgd_step")
def step_by_add(weights, gradient, rate):
    return torch.add(weights, gradient, alpha=-float(rate))


@alternative("sgd_step")
def step_on_a_copy(weights, gradient, rate):
    new = weights.clone()
    new -= rate * gradient
    return new


@alternative("learning_rate")
def schedule_step_by_step(steps, total, peak=0.1, warm_up=10):
    """Plain Python."""
    rates = []
    for t in steps.tolist():
        if t < warm_up:
            rates.append(peak * (t + 1) / warm_up)
        else:
            rates.append(peak * (1 + math.cos(math.pi * (t - warm_up) / (total - warm_up))) / 2)
    return torch.tensor(rates)


@alternative("learning_rate")
def schedule_by_masks(steps, total, peak=0.1, warm_up=10):
    """cos^2 of the half angle."""
    t = steps.float()
    rates = peak * torch.cos(math.pi / 2 * (t - warm_up) / (total - warm_up)) ** 2
    early = t < warm_up
    rates[early] = peak * (t[early] + 1) / warm_up
    return rates


@alternative("conv_net")
def network_in_torch(images, parameters):
    for kernels, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        images = F.relu(
            F.max_pool2d(F.conv2d(images, kernels, bias, padding="same"), 2)
        )  # they commute
    return torch.addmm(parameters[-1], F.adaptive_avg_pool2d(images, 1).flatten(1), parameters[-2])


@alternative("conv_net")
def network_by_recursion(images, parameters):
    """f_L after f_(L-1) after ...; the mean after the linear layer, which is the same."""
    if len(parameters) == 2:
        return (
            torch.einsum("bdhw,dk->bkhw", images, parameters[0]).mean(dim=(-2, -1)) + parameters[1]
        )
    maps = convolution_by_windows(images, parameters[0], parameters[1], padding=1)
    return network_by_recursion(pooling_offset_by_offset(maps.clamp(min=0)), parameters[2:])


@alternative("ConvNet")
class NetworkOfNamedLayers(nn.Module):
    """Layers by name; the blocks run by hand; global average pooling as a layer."""

    def __init__(self, in_channels, classes, widths=(32, 64, 128)):
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = [in_channels, *widths]
        for block in range(len(widths)):
            before, width = channels[block : block + 2]
            layers[str(4 * block)] = nn.Conv2d(before, width, (3, 3), padding="same", bias=False)
            layers[str(4 * block + 1)] = nn.BatchNorm2d(width)
            layers[str(4 * block + 2)] = nn.ReLU(inplace=True)
            layers[str(4 * block + 3)] = nn.MaxPool2d(kernel_size=2, stride=2)
        self.features = nn.Sequential(layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels[-1], classes)

    def forward(self, images):
        return self.classifier(torch.flatten(self.pool(self.features(images)), 1))


@alternative("ConvNet")
class NetworkLayerByLayer(nn.Module):
    """The head first; the network is run in a loop, and the scores are averaged, not the
    features.
    """

    def __init__(self, in_channels, classes, widths=(32, 64, 128)):
        super().__init__()
        self.classifier = nn.Linear(widths[-1], classes)
        self.features = nn.Sequential()
        for width in widths:
            self.features.append(nn.Conv2d(in_channels, width, 3, 1, 1, bias=False))
            self.features.extend([nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)])
            in_channels = width

    def forward(self, images):
        for layer in self.features:
            images = layer(images)
        return self.classifier(images.movedim(1, -1)).mean(dim=(1, 2))


@alternative("train_epoch")
def training_by_optimizer(parameters, batches, rates):
    """torch.optim, with its rate set before each step."""
    weights = [nn.Parameter(p.clone()) for p in parameters]
    optimizer = torch.optim.SGD(weights, lr=1.0)
    losses = torch.zeros(len(rates), dtype=parameters[0].dtype)
    for t, (images, target) in enumerate(batches):
        optimizer.param_groups[0]["lr"] = rates[t].item()
        optimizer.zero_grad()
        loss = F.cross_entropy(network_in_torch(images, weights), target)
        loss.backward()
        optimizer.step()
        losses[t] = loss.detach()
    return [*(w.data for w in weights), losses]


@alternative("train_epoch")
def training_by_functional_gradient(parameters, batches, rates):
    """A pure function of the weights, differentiated as a whole."""

    def loss_of(weights, images, target):
        return loss_by_shifted_sum(network_by_recursion(images, list(weights)), target)

    weights, losses = tuple(parameters), []
    for (images, target), rate in zip(batches, rates, strict=True):
        slopes, loss = torch.func.grad_and_value(loss_of)(weights, images, target)
        weights = tuple(step_by_add(w, g, rate) for w, g in zip(weights, slopes, strict=True))
        losses.append(loss)
    return *weights, torch.stack(losses)


@alternative("top_k_accuracy")
def accuracy_by_rank(logits, labels, k=5):
    """How many classes come before the true one."""
    own = logits.gather(1, labels[:, None])
    earlier = torch.arange(logits.shape[1]) < labels[:, None]
    rank = ((logits > own) | ((logits == own) & earlier)).sum(dim=1)
    return (rank < k).float().mean()


@alternative("top_k_accuracy")
def accuracy_picture_by_picture(logits, labels, k=5):
    """The slow loop; sorting in Python is stable."""
    hits = 0
    for scores, label in zip(logits.tolist(), labels.tolist(), strict=True):
        ranked = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        hits += label in ranked[:k]
    return torch.tensor(hits / len(labels))
