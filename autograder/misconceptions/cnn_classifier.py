"""Misconceptions about the CNN classifier.

A hint says what is seen, what often causes it and where to look; it never gives the answer.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.misconceptions import misconception

SINGLE = "float64 goes in, float32 comes out: look for a conversion, or a constant, that fixes the dtype."
CUT = "The values are right, and no gradient flows back: look for `.detach()`, `.data`, NumPy or a new tensor."
OVERWRITTEN = (
    "The values are right, and the input is changed: look for a line that assigns into it."
)

# ------------------------------------------------------------------------------------------- linear


@misconception(
    "linear", hint="It fails, or has another shape: which of the weights' two sizes belongs to x?"
)
def weights_transposed(x, weights, bias):
    """As in torch.nn.Linear, outputs first."""
    return x @ weights.T + bias


@misconception(
    "linear", hint="Every output is off by the same number for all pictures: what is still missing?"
)
def bias_forgotten(x, weights, bias):
    """Only the matrix product."""
    return x @ weights


@misconception(
    "linear", hint="Everything is off by twice the bias: look at its sign in the formula."
)
def bias_subtracted(x, weights, bias):
    """A threshold instead of a bias."""
    return x @ weights - bias


@misconception(
    "linear",
    hint="Outputs are too small, the more inputs the smaller: the formula has a sum, no mean.",
)
def mean_over_the_inputs(x, weights, bias):
    """A mean in the place of the sum."""
    return x @ weights / x.shape[1] + bias


@misconception(
    "linear", hint="No output is ever negative: is the activation function part of this task?"
)
def rectified_at_once(x, weights, bias):
    """The ReLU is put into the layer."""
    return (x @ weights + bias).clamp(min=0)


@misconception("linear", hint=CUT)
def weights_cut_off(x, weights, bias):
    """A layer that can't be trained."""
    return x @ weights.detach() + bias.detach()


@misconception("linear", hint=SINGLE)
def linear_in_single_precision(x, weights, bias):
    """Everything is made float32."""
    return x.float() @ weights.float() + bias.float()


# --------------------------------------------------------------------------------------------- relu


@misconception("relu", hint="Negative numbers come out positive: what should become of them?")
def absolute_value(x):
    """Folded instead of cut off."""
    return x.abs()


@misconception(
    "relu", hint="Positive numbers are gone and negative ones are left: look at which side is kept."
)
def negative_part(x):
    """The minimum with 0."""
    return x.clamp(max=0)


@misconception(
    "relu", hint="Negative numbers become small, not zero: that is another activation function."
)
def leaky(x):
    """A hundredth of what is negative is let through."""
    return torch.where(x > 0, x, 0.01 * x)


@misconception("relu", hint="Large numbers are cut off: a ReLU has no upper end.")
def clipped_at_one(x):
    """Clipped to [0, 1]."""
    return x.clamp(0, 1)


@misconception("relu", hint="Small positive numbers are lost: look at the threshold.")
def threshold_of_one(x):
    """Only what is larger than 1 passes."""
    return torch.where(x > 1, x, 0)


@misconception("relu", hint=CUT)
def relu_cut_off(x):
    """A new tensor."""
    return torch.where(x > 0, x, 0).detach()


@misconception("relu", hint=OVERWRITTEN)
def relu_in_place(x):
    """The negative numbers of the input are overwritten."""
    x[x < 0] = 0
    return x


@misconception("relu", hint=SINGLE)
def relu_in_single_precision(x):
    """Everything is made float32."""
    return x.float().clamp(min=0)


@misconception(
    "relu_backward",
    hint="Where the input is exactly 0 a gradient passes: look at the comparison. Blank areas of a picture "
    "have many exact zeros.",
)
def passes_at_zero(gradient, x):
    """Greater or equal."""
    return gradient * (x >= 0)


@misconception(
    "relu_backward", hint="Only zeros and ones come out: what becomes of the gradient that arrives?"
)
def only_the_slope(gradient, x):
    """The ReLU's derivative, without the chain rule."""
    return (x > 0).to(gradient)


@misconception(
    "relu_backward",
    hint="It depends on the gradient's sign: which of the two inputs opens the gate?",
)
def masked_by_the_gradient(gradient, x):
    """The gradient is rectified."""
    return gradient.clamp(min=0)


@misconception(
    "relu_backward",
    hint="The layer's output comes out, not a gradient: look at what is multiplied.",
)
def forward_again(gradient, x):
    """The ReLU itself."""
    return x.clamp(min=0).to(gradient)


@misconception(
    "relu_backward", hint="Negative inputs pass the gradient with its sign changed: is that a ReLU?"
)
def slope_of_the_absolute_value(gradient, x):
    """The derivative of |x|."""
    return gradient * x.sign()


@misconception("relu_backward", hint="Tiny positive inputs count as zero: look at the threshold.")
def tiny_counts_as_zero(gradient, x):
    """Compared with a small number."""
    return torch.where(x > 1e-6, gradient, 0)


@misconception("relu_backward", hint=OVERWRITTEN)
def gradient_overwritten(gradient, x):
    """The gradient is masked in place."""
    gradient[x <= 0] = 0
    return gradient


@misconception("relu_backward", hint=SINGLE)
def relu_backward_in_single_precision(gradient, x):
    """Everything is made float32."""
    return gradient.float() * (x > 0)


# ------------------------------------------------------------------------------------------- conv2d


@misconception(
    "conv2d",
    hint="Symmetric kernels work, others come out as if turned by 180 degrees: no flip.",
)
def true_convolution_flip(images, kernels, bias=None, stride=1, padding=0):
    """The mathematicians' convolution."""
    return F.conv2d(images, kernels.flip(2, 3), bias, stride, padding)


@misconception(
    "conv2d",
    hint="Rows and columns of the kernel are exchanged: look at the order of the two loops.",
)
def kernel_transposed(images, kernels, bias=None, stride=1, padding=0):
    """Height and width of the kernels are exchanged."""
    return F.conv2d(images, kernels.mT, bias, stride, padding)


@misconception(
    "conv2d",
    hint="One row and one column are missing: count how many positions a kernel has in a short row.",
)
def no_plus_one(images, kernels, bias=None, stride=1, padding=0):
    """The last position of each row and column is left out."""
    return F.conv2d(images, kernels, bias, stride, padding)[:, :, :-1, :-1]


@misconception(
    "conv2d",
    hint="Channels are lost: a kernel has a part for every input channel. What joins them?",
)
def only_the_first_channel(images, kernels, bias=None, stride=1, padding=0):
    """The other channels are left out."""
    return F.conv2d(images[:, :1], kernels[:, :1], bias, stride, padding)


@misconception(
    "conv2d", hint="Results are too small by the number of channels: a sum is needed, not a mean."
)
def channels_averaged(images, kernels, bias=None, stride=1, padding=0):
    """A mean over the input channels."""
    return F.conv2d(images, kernels / images.shape[1], bias, stride, padding)


@misconception(
    "conv2d", hint="Each channel is off by a constant: an argument of the function is never used."
)
def bias_of_the_maps_forgotten(images, kernels, bias=None, stride=1, padding=0):
    """Only the products."""
    return F.conv2d(images, kernels, None, stride, padding)


@misconception(
    "conv2d", hint="The bias counts several times: look at whether it is added inside a loop."
)
def bias_for_every_channel(images, kernels, bias=None, stride=1, padding=0):
    """Added once for each input channel."""
    return F.conv2d(
        images, kernels, None if bias is None else images.shape[1] * bias, stride, padding
    )


@misconception("conv2d", hint="The result is smaller than it should be: an argument is never used.")
def padding_ignored(images, kernels, bias=None, stride=1, padding=0):
    """No zeros around the picture."""
    return F.conv2d(images, kernels, bias, stride)


@misconception("conv2d", hint="Half of the padding is missing: how many sides does a picture have?")
def padding_on_two_sides(images, kernels, bias=None, stride=1, padding=0):
    """Zeros at the right and at the bottom only."""
    return F.conv2d(F.pad(images, (0, padding, 0, padding)), kernels, bias, stride)


@misconception(
    "conv2d", hint="The inside is right and the border is not: with which numbers does it pad?"
)
def border_repeated(images, kernels, bias=None, stride=1, padding=0):
    """The border's pixels are repeated instead of zeros."""
    return F.conv2d(F.pad(images, [padding] * 4, mode="replicate"), kernels, bias, stride)


@misconception("conv2d", hint="The result is larger than it should be: an argument is never used.")
def stride_ignored(images, kernels, bias=None, stride=1, padding=0):
    """Every position is taken."""
    return F.conv2d(images, kernels, bias, 1, padding)


@misconception(
    "conv2d", hint="Right across and not down, or the other way round: the stride goes both ways."
)
def stride_across_only(images, kernels, bias=None, stride=1, padding=0):
    """Every row is taken."""
    return F.conv2d(images, kernels, bias, (1, stride), padding)


@misconception("conv2d", hint=CUT)
def kernels_cut_off(images, kernels, bias=None, stride=1, padding=0):
    """Kernels that can't be learnt."""
    return F.conv2d(images, kernels.detach(), bias, stride, padding)


@misconception("conv2d", hint=SINGLE)
def convolution_in_single_precision(images, kernels, bias=None, stride=1, padding=0):
    """Everything is made float32."""
    bias = None if bias is None else bias.float()
    return F.conv2d(images.float(), kernels.float(), bias, stride, padding)


# ------------------------------------------------------------------------------------------ pooling


@misconception(
    "max_pool2d", hint="Results are too small, and smooth: what does a window keep of its values?"
)
def average_pooling(images, size=2, stride=2):
    """A mean instead of a maximum."""
    return F.avg_pool2d(images, size, stride)


@misconception("max_pool2d", hint="The smallest value of each window is kept, not the largest.")
def min_pooling(images, size=2, stride=2):
    """A minimum."""
    return -F.max_pool2d(-images, size, stride)


@misconception(
    "max_pool2d",
    hint="Where all values are negative the result is 0: with what does the maximum begin?",
)
def maximum_begins_at_zero(images, size=2, stride=2):
    """Zero takes part in every window."""
    return F.max_pool2d(images, size, stride).clamp(min=0)


@misconception(
    "max_pool2d", hint="A row or a column too many: look at windows that would leave the picture."
)
def windows_at_the_border(images, size=2, stride=2):
    """Windows that are not whole are kept."""
    return F.max_pool2d(images, size, stride, ceil_mode=True)


@misconception("max_pool2d", hint="The largest magnitude is kept: is -9 larger than 2?")
def largest_magnitude(images, size=2, stride=2):
    """Compared without sign."""
    windows = images.unfold(2, size, stride).unfold(3, size, stride).flatten(-2)
    return windows.gather(-1, windows.abs().argmax(-1, keepdim=True)).squeeze(-1)


@misconception(
    "max_pool2d", hint="Right by default, wrong otherwise: look for a 2 that should be an argument."
)
def always_two_by_two(images, size=2, stride=2):
    """The arguments are ignored."""
    return F.max_pool2d(images, 2)


@misconception(
    "max_pool2d", hint="Windows that overlap come out as if they did not: is the stride used?"
)
def stride_of_the_window(images, size=2, stride=2):
    """Windows next to each other."""
    return F.max_pool2d(images, size)


@misconception(
    "max_pool2d", hint="All channels come out the same: each channel is pooled on its own."
)
def maximum_over_the_channels(images, size=2, stride=2):
    """Channels are compared with each other."""
    pooled = F.max_pool2d(images, size, stride)
    return pooled.amax(dim=1, keepdim=True).expand_as(pooled).contiguous()


@misconception("max_pool2d", hint=CUT)
def pooling_cut_off(images, size=2, stride=2):
    """A new tensor."""
    return F.max_pool2d(images, size, stride).detach()


@misconception("max_pool2d", hint=SINGLE)
def pooling_in_single_precision(images, size=2, stride=2):
    """Everything is made float32."""
    return F.max_pool2d(images.float(), size, stride)


def _back(gradient, images, size, stride, choose):
    """What autograd makes of `choose(windows)`, which weighs the values of each window."""
    leaf = images.detach().clone().requires_grad_()
    windows = leaf.unfold(2, size, stride).unfold(3, size, stride).flatten(-2)
    weights = choose(windows.detach()).to(gradient)
    return torch.autograd.grad((windows * weights).sum(-1), leaf, gradient)[0]


@misconception(
    "max_pool2d_backward",
    hint="Equal values share a gradient: only one of them gets it. Which one does the docstring say?",
)
def ties_share(gradient, images, size=2, stride=2):
    """Split evenly among the largest."""

    def choose(windows):
        largest = windows == windows.amax(-1, keepdim=True)
        return largest / largest.sum(-1, keepdim=True)

    return _back(gradient, images, size, stride, choose)


@misconception(
    "max_pool2d_backward",
    hint="Each of several equal values gets the whole gradient: only one of them may get it.",
)
def all_ties_win(gradient, images, size=2, stride=2):
    """A mask of all the largest."""
    return _back(
        gradient, images, size, stride, lambda windows: windows == windows.amax(-1, keepdim=True)
    )


@misconception(
    "max_pool2d_backward",
    hint="Of equal values the wrong one gets the gradient: compare with > or with >=?",
)
def last_tie_wins(gradient, images, size=2, stride=2):
    """The last of the largest."""

    def choose(windows):
        last = windows.shape[-1] - 1 - windows.flip(-1).argmax(-1)
        return F.one_hot(last, windows.shape[-1])

    return _back(gradient, images, size, stride, choose)


@misconception(
    "max_pool2d_backward",
    hint="Of equal values the wrong one gets the gradient: windows are read row by row.",
)
def column_by_column(gradient, images, size=2, stride=2):
    """The first of the largest down the columns."""

    def choose(windows):
        columns = windows.unflatten(-1, (size, size)).mT.flatten(-2)
        first = F.one_hot(columns.argmax(-1), size * size)
        return first.unflatten(-1, (size, size)).mT.flatten(-2)

    return _back(gradient, images, size, stride, choose)


@misconception(
    "max_pool2d_backward",
    hint="The gradient is spread over the whole window: who has made the result?",
)
def spread_evenly(gradient, images, size=2, stride=2):
    """The gradient of average pooling."""
    return _back(gradient, images, size, stride, lambda windows: torch.ones_like(windows) / size**2)


@misconception(
    "max_pool2d_backward",
    hint="Every value of a window gets the whole gradient: remember which one was largest.",
)
def mask_without_position(gradient, images, size=2, stride=2):
    """The gradient is enlarged, and not masked."""
    return _back(gradient, images, size, stride, torch.ones_like)


@misconception(
    "max_pool2d_backward",
    hint="The places are right, the numbers are those of the picture: what is passed back?",
)
def value_instead_of_gradient(gradient, images, size=2, stride=2):
    """The largest values are put back."""
    return ties_go_to_the_first(
        F.max_pool2d(images, size, stride).to(gradient), images, size, stride
    )


def ties_go_to_the_first(gradient, images, size, stride):
    """What is right, to be spoilt by others."""
    return _back(gradient, images, size, stride, lambda w: F.one_hot(w.argmax(-1), w.shape[-1]))


@misconception(
    "max_pool2d_backward",
    hint="Where windows overlap gradients are lost: a value may be the largest of several.",
)
def later_window_overwrites(gradient, images, size=2, stride=2):
    """Assigned instead of added."""
    result = torch.zeros_like(images, dtype=gradient.dtype)
    for i in range(gradient.shape[2]):
        for j in range(gradient.shape[3]):
            window = images[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            first = F.one_hot(window.flatten(2).argmax(-1), size * size).view(window.shape).bool()
            part = result[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            part[first] = gradient[:, :, i, j].flatten()
    return result


@misconception(
    "max_pool2d_backward",
    hint="The shape is that of whole windows: the picture may have a row or column more.",
)
def rest_cut_off(gradient, images, size=2, stride=2):
    """The result ends where the windows end."""
    rows, columns = ((n - 1) * stride + size for n in gradient.shape[2:])
    return ties_go_to_the_first(gradient, images, size, stride)[:, :, :rows, :columns]


@misconception("max_pool2d_backward", hint=SINGLE)
def pooling_backward_in_single_precision(gradient, images, size=2, stride=2):
    """Everything is made float32."""
    return ties_go_to_the_first(gradient.float(), images.float(), size, stride)


# ----------------------------------------------------------------------------- softmax and the loss


@misconception("softmax", hint="Columns sum to 1, not rows: which dimension holds the classes?")
def softmax_over_the_batch(scores):
    """The other axis."""
    return torch.softmax(scores, dim=0)


@misconception(
    "softmax", hint="The whole batch sums to 1: every picture has its own probabilities."
)
def softmax_over_everything(scores):
    """No axis at all."""
    return torch.softmax(scores.flatten(), dim=0).view_as(scores)


@misconception(
    "softmax",
    hint="Large scores give nan: exp of a thousand is no float. What may be subtracted from all scores?",
)
def softmax_overflows(scores):
    """The formula as printed."""
    powers = torch.exp(scores)
    return powers / powers.sum(dim=1, keepdim=True)


@misconception(
    "softmax",
    hint="One picture with large scores spoils the others: each picture has a largest score of its own.",
)
def largest_score_of_the_batch(scores):
    """One maximum for all."""
    powers = torch.exp(scores - scores.max())
    return powers / powers.sum(dim=1, keepdim=True)


@misconception(
    "softmax",
    hint="Right for small scores, too even for large ones: the scores are cut off somewhere.",
)
def scores_clipped(scores):
    """Clipped, so that nothing overflows."""
    return torch.softmax(scores.clamp(-50, 50), dim=1)


@misconception(
    "softmax",
    hint="Each class has its probability, and they do not sum to 1: that is another function.",
)
def sigmoid_of_each(scores):
    """Every class on its own."""
    return torch.sigmoid(scores)


@misconception("softmax", hint="All numbers are negative: those are logarithms of probabilities.")
def logarithm_of_softmax(scores):
    """One step too far."""
    return torch.log_softmax(scores, dim=1)


@misconception("softmax", hint="The largest is always 1: the formula divides by a sum.")
def divided_by_the_largest(scores):
    """The likeliest class gets 1."""
    return torch.exp(scores - scores.amax(dim=1, keepdim=True))


@misconception("softmax", hint=CUT)
def softmax_cut_off(scores):
    """A new tensor."""
    return torch.softmax(scores, dim=1).detach()


@misconception("softmax", hint=SINGLE)
def softmax_in_single_precision(scores):
    """Everything is made float32."""
    return torch.softmax(scores.float(), dim=1)


@misconception("cross_entropy", hint="The loss is negative: look at the formula's sign.")
def sign_forgotten(logits, target):
    """The mean of log p."""
    return -F.cross_entropy(logits, target)


@misconception(
    "cross_entropy",
    hint="A larger batch has a larger loss: is it a sum or a mean over the pictures?",
)
def sum_over_the_batch(logits, target):
    """Not divided by B."""
    return F.cross_entropy(logits, target, reduction="sum")


@misconception(
    "cross_entropy",
    hint="The loss is C times too small: classes are summed, only pictures are averaged.",
)
def mean_over_the_classes(logits, target):
    """A mean over the whole matrix."""
    return -(target * torch.log_softmax(logits, dim=1)).mean()


@misconception(
    "cross_entropy", hint="A know-nothing model has log2 C: which logarithm does the lecture use?"
)
def logarithm_to_base_two(logits, target):
    """Bits instead of nats."""
    return F.cross_entropy(logits, target) / math.log(2)


@misconception(
    "cross_entropy",
    hint="The loss hardly moves: it takes logits, and the softmax is applied twice.",
)
def softmax_twice(logits, target):
    """Probabilities are taken for logits."""
    return F.cross_entropy(torch.softmax(logits, dim=1), target)


@misconception("cross_entropy", hint="Large scores give nan or inf: never leave the logarithm.")
def softmax_then_logarithm(logits, target):
    """In two steps: log 0 is minus infinity."""
    return -(target * torch.log(torch.softmax(logits, dim=1))).sum(dim=1).mean()


@misconception(
    "cross_entropy",
    hint="The loss of a confident mistake is cut off near 18: a small number was added to help.",
)
def small_number_added(logits, target):
    """log(p + 1e-8)."""
    return -(target * torch.log(torch.softmax(logits, dim=1) + 1e-8)).sum(dim=1).mean()


@misconception(
    "cross_entropy",
    hint="Every class is a question of its own here: that is the binary loss, one term more.",
)
def one_minus(logits, target):
    """The binary cross-entropy of each class."""
    p = torch.softmax(logits, dim=1).clamp(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).sum(dim=1).mean()


@misconception(
    "cross_entropy", hint="Classes and pictures are confused: over which dimension is the softmax?"
)
def loss_over_the_batch(logits, target):
    """The softmax is taken down the columns."""
    return -(target * torch.log_softmax(logits, dim=0)).sum(dim=1).mean()


@misconception(
    "cross_entropy", hint="Right for one right class, wrong for shares: the target is made one-hot."
)
def only_the_largest_class(logits, target):
    """The target's largest class is taken for the right one."""
    return F.cross_entropy(logits, target.argmax(dim=1))


@misconception("cross_entropy", hint=CUT)
def loss_cut_off(logits, target):
    """A number that nothing can learn from."""
    return F.cross_entropy(logits, target).detach()


@misconception("cross_entropy", hint=SINGLE)
def loss_in_single_precision(logits, target):
    """Everything is made float32."""
    return F.cross_entropy(logits.float(), target.float())


@misconception(
    "cross_entropy_backward",
    hint="Too large by the size of the batch: the loss is a mean over the pictures.",
)
def batch_size_forgotten(logits, target):
    """The gradient of the sum."""
    return torch.softmax(logits, dim=1) - target


@misconception(
    "cross_entropy_backward",
    hint="Too small by the number of classes: by what does the loss divide?",
)
def divided_by_all_numbers(logits, target):
    """Divided by B times C."""
    return (torch.softmax(logits, dim=1) - target) / logits.numel()


@misconception(
    "cross_entropy_backward",
    hint="Descent with it makes the loss grow: look at the order of p and z.",
)
def sign_reversed(logits, target):
    """z - p."""
    return (target - torch.softmax(logits, dim=1)) / len(logits)


@misconception(
    "cross_entropy_backward", hint="The right classes are not pushed up: the target plays no part."
)
def target_forgotten(logits, target):
    """Only the probabilities."""
    return torch.softmax(logits, dim=1) / len(logits)


@misconception(
    "cross_entropy_backward", hint="Wrong classes have no gradient: the softmax moves them all."
)
def only_the_right_class(logits, target):
    """Masked by the target."""
    return target * (torch.softmax(logits, dim=1) - target) / len(logits)


@misconception(
    "cross_entropy_backward",
    hint="That is the gradient by the probabilities, not yet by the logits.",
)
def gradient_by_the_probabilities(logits, target):
    """The chain rule stops at the softmax."""
    return -target / torch.softmax(logits, dim=1) / len(logits)


@misconception(
    "cross_entropy_backward", hint="Rows do not sum to 0: over which dimension is the softmax?"
)
def backward_over_the_batch(logits, target):
    """The softmax is taken down the columns."""
    return (torch.softmax(logits, dim=0) - target) / len(logits)


@misconception(
    "cross_entropy_backward", hint="Large scores give nan: is it the softmax that is safe for them?"
)
def backward_overflows(logits, target):
    """The softmax as printed."""
    powers = torch.exp(logits)
    return (powers / powers.sum(dim=1, keepdim=True) - target) / len(logits)


@misconception("cross_entropy_backward", hint=SINGLE)
def backward_in_single_precision(logits, target):
    """Everything is made float32."""
    return (torch.softmax(logits.float(), dim=1) - target.float()) / len(logits)


# --------------------------------------------------------------------------------- gradient descent


@misconception(
    "sgd_step", hint="The loss grows with every step: which way does the gradient point?"
)
def ascent(weights, gradient, rate):
    """Up the hill."""
    return weights + rate * gradient


@misconception("sgd_step", hint="Only the change comes out: what is it to be subtracted from?")
def only_the_change(weights, gradient, rate):
    """The step itself."""
    return -rate * gradient


@misconception(
    "sgd_step", hint="The step has the same size for every rate: an argument is never used."
)
def rate_ignored(weights, gradient, rate):
    """A rate of 1."""
    return weights - gradient


@misconception(
    "sgd_step",
    hint="The step has the same length on a steep and on a gentle slope: no norm is asked for.",
)
def gradient_normalised(weights, gradient, rate):
    """Only the gradient's direction counts."""
    return weights - rate * gradient / gradient.norm()


@misconception(
    "sgd_step", hint="All weights move by the same amount: only the gradient's sign is used."
)
def only_the_sign(weights, gradient, rate):
    """Every weight moves by the rate."""
    return weights - rate * gradient.sign()


@misconception(
    "sgd_step",
    hint="Weights shrink where the gradient is 0: the step moves the weights, not scales them.",
)
def weights_shrink_too(weights, gradient, rate):
    """The rate multiplies both."""
    return (1 - rate) * weights - rate * gradient


@misconception(
    "sgd_step", hint="The new weights are right, and the old ones are changed: see `-=` and `sub_`."
)
def step_in_place(weights, gradient, rate):
    """The given weights are overwritten."""
    weights -= rate * gradient
    return weights


@misconception("sgd_step", hint=SINGLE)
def step_in_single_precision(weights, gradient, rate):
    """Everything is made float32."""
    return weights.float() - rate * gradient.float()


def _fall(steps: Tensor, total: float, peak: float, warm_up: int) -> Tensor:
    return peak / 2 * (1 + torch.cos(math.pi * (steps - warm_up) / (total - warm_up)))


def _schedule(steps, total, peak, warm_up, rise=None, fall=_fall):
    rising = peak * (steps + 1) / max(warm_up, 1) if rise is None else rise
    return torch.where(steps < warm_up, rising, fall(steps, total, peak, warm_up))


@misconception(
    "learning_rate", hint="The first step has a rate of 0 and is wasted: steps are counted from 0."
)
def warm_up_one_step_late(steps, total, peak=0.1, warm_up=10):
    """t / warm_up."""
    return _schedule(steps, total, peak, warm_up, peak * steps / max(warm_up, 1))


@misconception(
    "learning_rate", hint="The first steps are as large as the others: where is the warm-up?"
)
def no_warm_up(steps, total, peak=0.1, warm_up=10):
    """The cosine's beginning is flat."""
    return _schedule(steps, total, peak, warm_up, torch.full(steps.shape, float(peak)))


@misconception(
    "learning_rate", hint="The rate jumps when the warm-up ends: from where does the cosine count?"
)
def cosine_from_the_start(steps, total, peak=0.1, warm_up=10):
    """The cosine is not shifted."""
    return _schedule(
        steps, total, peak, warm_up, fall=lambda t, total, peak, _: _fall(t, total, peak, 0)
    )


@misconception("learning_rate", hint="The rate falls in a straight line: look at the formula.")
def linear_decay(steps, total, peak=0.1, warm_up=10):
    """No cosine."""
    return _schedule(
        steps, total, peak, warm_up, fall=lambda t, total, peak, w: peak * (total - t) / (total - w)
    )


@misconception(
    "learning_rate", hint="The rate becomes negative: a cosine goes down to -1. What lifts it?"
)
def cosine_below_zero(steps, total, peak=0.1, warm_up=10):
    """Not lifted and halved."""
    return _schedule(
        steps,
        total,
        peak,
        warm_up,
        fall=lambda t, total, peak, w: peak * torch.cos(math.pi * (t - w) / (total - w)),
    )


@misconception(
    "learning_rate",
    hint="The rate stays at its largest value: something is still to come after it.",
)
def never_comes_down(steps, total, peak=0.1, warm_up=10):
    """Only a warm-up."""
    return _schedule(
        steps, total, peak, warm_up, fall=lambda t, total, peak, w: torch.full(t.shape, peak)
    )


@misconception("learning_rate", hint="The rate jumps up and down: torch.cos takes radians.")
def cosine_of_degrees(steps, total, peak=0.1, warm_up=10):
    """Degrees are taken for radians."""
    return _schedule(
        steps,
        total,
        peak,
        warm_up,
        fall=lambda t, total, peak, w: peak / 2 * (1 + torch.cos(180 * (t - w) / (total - w))),
    )


@misconception(
    "learning_rate",
    hint="Right after the largest rate, too low in the end: does it end a step early?",
)
def ends_one_step_early(steps, total, peak=0.1, warm_up=10):
    """The last step has a rate of 0."""
    return _schedule(steps, total - 1, peak, warm_up)


@misconception(
    "learning_rate",
    hint="float32 is asked for: look for a conversion, or a constant, that fixes the dtype.",
)
def schedule_in_double_precision(steps, total, peak=0.1, warm_up=10):
    """Everything is made float64."""
    return _schedule(steps.double(), total, peak, warm_up)


# ------------------------------------------------------------------------ the network, its training


def _net(images, parameters, padding=1, act=F.relu, pool=F.max_pool2d, gather=None, head=None):
    for kernels, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        images = pool(act(F.conv2d(images, kernels, bias, padding=padding)), 2)
    features = images.mean(dim=(2, 3)) if gather is None else gather(images)
    logits = features @ parameters[-2] + parameters[-1]
    return logits if head is None else head(logits)


@misconception(
    "conv_net",
    hint="Without it, all layers together are but one convolution: what is between them?",
)
def relu_forgotten(images, parameters):
    """No activation function."""
    return _net(images, parameters, act=lambda maps: maps)


@misconception("conv_net", hint="The maps do not get smaller: look at the end of a block.")
def pooling_forgotten(images, parameters):
    """Feature maps keep their size."""
    return _net(images, parameters, pool=lambda maps, _: maps)


@misconception(
    "conv_net", hint="The maps lose their border in every block: look at the convolution's padding."
)
def padding_forgotten(images, parameters):
    """Maps shrink by two in each block."""
    return _net(images, parameters, padding=0)


@misconception(
    "conv_net",
    hint="The scores are too large: features are averaged over the positions, not summed.",
)
def sum_over_the_positions(images, parameters):
    """A sum instead of a mean."""
    return _net(images, parameters, gather=lambda maps: maps.sum(dim=(2, 3)))


@misconception(
    "conv_net",
    hint="The scores are too large: what becomes of a feature's values at all the positions?",
)
def largest_over_the_positions(images, parameters):
    """Global max-pooling."""
    return _net(images, parameters, gather=lambda maps: maps.amax(dim=(2, 3)))


@misconception("conv_net", hint="No score is negative: nothing comes after the linear layer.")
def scores_rectified(images, parameters):
    """A ReLU on the logits."""
    return _net(images, parameters, head=F.relu)


@misconception(
    "conv_net",
    hint="Probabilities come out where logits are asked for: the loss has its own softmax.",
)
def softmax_at_the_end(images, parameters):
    """Scores are made probabilities."""
    return _net(images, parameters, head=lambda logits: torch.softmax(logits, dim=1))


@misconception("conv_net", hint=CUT)
def network_cut_off(images, parameters):
    """A gradient ends in the middle."""
    return _net(images.detach(), parameters)


@misconception("conv_net", hint=SINGLE)
def network_in_single_precision(images, parameters):
    """Everything is made float32."""
    return _net(images.float(), [p.float() for p in parameters])


class _Net(nn.Module):
    """The network with its parts to choose from; each misconception changes one."""

    def __init__(
        self, in_channels, classes, widths, padding=1, act=nn.ReLU, pool=nn.MaxPool2d, bias=False
    ):
        super().__init__()
        layers: list[nn.Module] = []
        self.gather = lambda maps: maps.mean(dim=(2, 3))
        self.head = lambda logits: logits
        for before, width in zip([in_channels, *widths], widths, strict=False):
            layers += [nn.Conv2d(before, width, 3, padding=padding, bias=bias)]
            layers += [nn.BatchNorm2d(width), act(), pool(2)]
        self.features, self.classifier = nn.Sequential(*layers), nn.Linear(widths[-1], classes)

    def forward(self, images):
        """The logits."""
        return self.head(self.classifier(self.gather(self.features(images))))


WIDTHS = (32, 64, 128)


@misconception(
    "ConvNet", hint="The maps lose their border in every block: look at the convolution's padding."
)
def network_without_padding(in_channels, classes, widths=WIDTHS):
    """Maps shrink by two in each block."""
    return _Net(in_channels, classes, widths, padding=0)


@misconception(
    "ConvNet", hint="The blocks are linear: what is between a normalisation and the pooling?"
)
def network_without_relu(in_channels, classes, widths=WIDTHS):
    """No activation function."""
    return _Net(in_channels, classes, widths, act=nn.Identity)


@misconception(
    "ConvNet", hint="The scores are off, the features smooth: what does a pooling window keep?"
)
def network_with_average_pooling(in_channels, classes, widths=WIDTHS):
    """A mean in every window."""
    return _Net(in_channels, classes, widths, pool=nn.AvgPool2d)


@misconception(
    "ConvNet", hint="The weights do not fit: look at the docstring for which layers have a bias."
)
def bias_before_the_normalisation(in_channels, classes, widths=WIDTHS):
    """A bias that the normalisation takes away again."""
    return _Net(in_channels, classes, widths, bias=True)


@misconception(
    "ConvNet", hint="The scores are too large: features are averaged over the positions."
)
def network_with_global_max_pooling(in_channels, classes, widths=WIDTHS):
    """The largest value over the positions."""
    network = _Net(in_channels, classes, widths)
    network.gather = lambda maps: maps.amax(dim=(2, 3))
    return network


@misconception(
    "ConvNet",
    hint="Probabilities come out where logits are asked for: the loss has its own softmax.",
)
def network_that_ends_in_a_softmax(in_channels, classes, widths=WIDTHS):
    """Scores are made probabilities."""
    network = _Net(in_channels, classes, widths)
    network.head = lambda logits: torch.softmax(logits, dim=1)
    return network


class _AlwaysEvaluating(_Net):
    """A network that `train()` does not switch."""

    def train(self, mode=True):
        """Evaluation mode, whatever is asked for."""
        return super().train(False)


@misconception(
    "ConvNet", hint="Right at test time, wrong while training: the normalisation is never switched."
)
def network_that_never_trains(in_channels, classes, widths=WIDTHS):
    """The running statistics are used at all times."""
    return _AlwaysEvaluating(in_channels, classes, widths).eval()


# What torch's own optimizer does, with the training's steps to choose from.


def _loss(weights, images, target):
    return F.cross_entropy(_net(images, weights), target)


def _slopes(weights, images, target):
    leaves = [w.detach().clone().requires_grad_() for w in weights]
    loss = _loss(leaves, images, target)
    return loss.detach(), torch.autograd.grad(loss, leaves)


def _epoch(parameters, batches, rates, sign=1.0, keep=0.0, after=False, only_last=False):
    weights, losses, gathered = list(parameters), [], [torch.zeros_like(p) for p in parameters]
    for (images, target), rate in zip(batches, rates.tolist(), strict=True):
        loss, slopes = _slopes(weights, images, target)
        gathered = [keep * old + new for old, new in zip(gathered, slopes, strict=True)]
        moving = [not only_last or index >= len(weights) - 2 for index in range(len(weights))]
        weights = [
            w - sign * rate * g * m for w, g, m in zip(weights, gathered, moving, strict=True)
        ]
        losses.append(_loss(weights, images, target) if after else loss)
    return *weights, torch.stack(losses)


@misconception("train_epoch", hint="The losses grow: which way does the gradient point?")
def training_goes_uphill(parameters, batches, rates):
    """The gradient is added."""
    return _epoch(parameters, batches, rates, sign=-1)


@misconception(
    "train_epoch",
    hint="The first step is right and the next ones are too long: does a gradient add to the last one?",
)
def gradients_pile_up(parameters, batches, rates):
    """Gradients are never set to zero."""
    return _epoch(parameters, batches, rates, keep=1)


@misconception(
    "train_epoch",
    hint="The parameters are right, and the losses are too good: when is a loss noted?",
)
def loss_after_the_step(parameters, batches, rates):
    """The loss is measured again after the step."""
    return _epoch(parameters, batches, rates, after=True)


@misconception(
    "train_epoch", hint="Most parameters never move: are there gradients for all of them?"
)
def only_the_last_layer(parameters, batches, rates):
    """The convolutions stay as they are."""
    return _epoch(parameters, batches, rates, only_last=True)


@misconception(
    "train_epoch",
    hint="The first step is right and later ones are not: which rate does each step have?",
)
def first_rate_for_all(parameters, batches, rates):
    """One learning rate."""
    return _epoch(parameters, batches, rates[:1].expand_as(rates))


@misconception(
    "train_epoch",
    hint="The first step is right and later ones are not: where does each step start?",
)
def every_step_from_the_start(parameters, batches, rates):
    """All gradients are taken at the first weights."""
    weights, losses = list(parameters), []
    for (images, target), rate in zip(batches, rates.tolist(), strict=True):
        loss, slopes = _slopes(parameters, images, target)
        weights = [w - rate * slope for w, slope in zip(weights, slopes, strict=True)]
        losses.append(loss)
    return *weights, torch.stack(losses)


@misconception(
    "train_epoch",
    hint="The first parameter is right and the others are slightly off: at which w are gradients taken?",
)
def one_parameter_after_another(parameters, batches, rates):
    """Each gradient is taken after the parameters before it have moved."""
    weights, losses = list(parameters), []
    for (images, target), rate in zip(batches, rates.tolist(), strict=True):
        losses.append(_slopes(weights, images, target)[0])
        for index in range(len(weights)):
            weights[index] = weights[index] - rate * _slopes(weights, images, target)[1][index]
    return *weights, torch.stack(losses)


@misconception("train_epoch", hint="The right numbers in another order: look at what comes last.")
def losses_come_first(parameters, batches, rates):
    """The losses before the parameters."""
    *weights, losses = _epoch(parameters, batches, rates)
    return losses, *weights


@misconception(
    "train_epoch",
    hint="float64 goes in, float32 comes out: look for a conversion of the parameters.",
)
def training_in_single_precision(parameters, batches, rates):
    """Everything is made float32."""
    small = [(images.float(), target.float()) for images, target in batches]
    return _epoch([p.float() for p in parameters], small, rates)


# --------------------------------------------------------------------------------------- the result


def _hits(logits, labels, k):
    guesses = logits.argsort(dim=1, descending=True, stable=True)[:, :k]
    return (guesses == labels[:, None]).any(dim=1).float()


@misconception(
    "top_k_accuracy",
    hint="A good network is worse than chance: which end of the sorted scores is taken?",
)
def smallest_scores(logits, labels, k=5):
    """Sorted the other way."""
    return _hits(-logits, labels, k).mean()


@misconception(
    "top_k_accuracy", hint="The number of guesses changes nothing: an argument is never used."
)
def only_the_best_guess(logits, labels, k=5):
    """Top-1."""
    return _hits(logits, labels, 1).mean()


@misconception("top_k_accuracy", hint="It is too good by one guess: count the guesses.")
def one_guess_more(logits, labels, k=5):
    """k + 1 guesses."""
    return _hits(logits, labels, k + 1).mean()


@misconception("top_k_accuracy", hint="It is larger than 1: a share is asked for.")
def per_cent(logits, labels, k=5):
    """Times a hundred."""
    return 100 * _hits(logits, labels, k).mean()


@misconception("top_k_accuracy", hint="It is larger than 1: a share is asked for, not a count.")
def count_of_pictures(logits, labels, k=5):
    """The number of pictures."""
    return _hits(logits, labels, k).sum()


@misconception(
    "top_k_accuracy",
    hint="A network that gives all classes the same score is always right: how are ties broken?",
)
def every_tie_is_right(logits, labels, k=5):
    """Only strictly larger scores count against it."""
    larger = logits > logits.gather(1, labels[:, None])
    return (larger.sum(dim=1) < k).float().mean()


@misconception(
    "top_k_accuracy",
    hint="It fails where there are fewer classes than guesses: what does topk demand?",
)
def more_guesses_than_classes(logits, labels, k=5):
    """topk raises."""
    if k > logits.shape[1]:
        raise RuntimeError
    return _hits(logits, labels, k).mean()


@misconception("top_k_accuracy", hint="Every label is off by one: classes are counted from 0.")
def labels_from_one(logits, labels, k=5):
    """The first class is taken for number 1."""
    return _hits(logits, labels - 1, k).mean()


@misconception("top_k_accuracy", hint="The share is not float32: look for what fixes its dtype.")
def accuracy_in_the_scores_precision(logits, labels, k=5):
    """The dtype follows the scores."""
    return _hits(logits, labels, k).to(logits.dtype).mean()
