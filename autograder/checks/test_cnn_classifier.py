"""Hidden checks of assignment 1, the CNN classifier.

Oracles: torch's own layers and their autograd, scikit-learn's top-k accuracy, cases worked by hand.

Every size differs from every other, so that a wrong axis shows. Checks of values take float32 and
accept float32 or float64; the dtype has a check of its own (`..._form`), so that a slip there costs
once.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from sklearn.metrics import top_k_accuracy_score
from torch import Tensor

from autograder.assignments import pack_path
from autograder.checks import Failure, check, expect, expect_inputs_unchanged, forbid, library
from autograder.checks.expect import describe, expect_value
from autograder.checks.inputs import draw, strided
from course_utils.data.furniture_styles import FurnitureStyles, load_furniture_styles

forbid("conv2d", ops=library.CONVOLUTION_OPERATORS, where_present=library.CONVOLUTIONS)
for pooling in ("max_pool2d", "max_pool2d_backward"):
    forbid(pooling, ops=library.POOLING_OPERATORS, where_present=library.POOLINGS)
forbid("softmax", ops=library.SOFTMAX_OPERATORS, where_present=library.SOFTMAXES)
forbid("cross_entropy", ops=library.CROSS_ENTROPY_OPERATORS, where_present=library.CROSS_ENTROPIES)

# Relative to the largest expected magnitude (at least 1); see TOLERANCE for the default.
# float64, where a constant inside may be float32, or the result is off by its last bit there
EXACT = 2e-6


def shuffled(seed: int, *shape: int) -> Tensor:
    """Distinct numbers around 0, a quarter apart, in any order: no window of them has a tie."""
    count = math.prod(shape)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return (order.float() - count / 2).reshape(shape) / 4


def one_hot(seed: int, rows: int, classes: int) -> Tensor:
    """A right class for each row."""
    labels = torch.randint(classes, (rows,), generator=torch.Generator().manual_seed(seed))
    return F.one_hot(labels, classes).float()


def shares(seed: int, rows: int, classes: int) -> Tensor:
    """A distribution over the classes for each row."""
    return torch.softmax(draw(seed, rows, classes, low=-3, high=3), dim=1)


def slopes(function, *inputs: Tensor, cotangent: Tensor | None = None) -> list[Tensor]:
    """The gradient of an oracle by each of its inputs."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    return list(torch.autograd.grad(function(*leaves), leaves, cotangent))


# ------------------------------------------------------------------------------------------- linear


@check("linear", points=1)
def test_linear_of_one_picture(submission):
    """Two inputs, three outputs: a case worked by hand."""
    x, bias = torch.tensor([[2.0, -1.0]]), torch.tensor([0.5, 0.0, -2.0])
    weights = torch.tensor([[1.0, 3.0, 0.0], [4.0, 1.0, -5.0]])
    expect_value(submission.linear(x, weights, bias), torch.tensor([[-1.5, 5.0, 3.0]]))


@check("linear", points=1)
def test_linear_of_a_batch(submission):
    """A batch of random pictures: every output is a weighted sum of all the inputs."""
    x, weights, bias = draw(1, 5, 7), draw(2, 7, 4), draw(3, 4, low=-3, high=3)
    for scale in (1.0, 1e4):
        expect_value(
            submission.linear(scale * x, weights, bias), F.linear(scale * x, weights.T, bias)
        )


@check("linear", points=0.5)
def test_linear_gradient(submission):
    """Gradients flow to the inputs, to the weights and to the bias."""
    given, cotangent = (draw(4, 5, 7), draw(5, 7, 4), draw(6, 4)), draw(7, 5, 4)
    expected = slopes(lambda x, w, b: F.linear(x, w.T, b), *given, cotangent=cotangent)
    for wrt, slope in enumerate(expected):
        found = submission.gradient_of("linear", *given, wrt=wrt, cotangent=cotangent)
        expect_value(found, slope, what="the gradient")


@check("linear", points=0.5)
def test_linear_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        x, weights, bias = (strided(draw(8, *size).to(dtype)) for size in ((2, 5), (5, 3), (3,)))
        expect(submission.linear(x, weights, bias), close_to=F.linear(x, weights.T, bias))
        expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------------------------- relu


@check("relu", points=0.5)
def test_relu_of_a_few_numbers(submission):
    """Negative, zero, small and large numbers: a case worked by hand."""
    x = torch.tensor([-1e4, -2.0, -1e-3, 0.0, 1e-3, 2.0])
    expect_value(submission.relu(x), torch.tensor([0.0, 0.0, 0.0, 0.0, 1e-3, 2.0]))
    expect_value(submission.relu(1e4 * x), torch.tensor([0.0, 0.0, 0.0, 0.0, 10.0, 2e4]))


@check("relu", points=0.5)
def test_relu_of_feature_maps(submission):
    """Numbers in any shape: vectors and feature maps."""
    for shape in ((7,), (2, 3, 4, 5)):
        x = draw(9, *shape, low=-5, high=5)
        expect_value(submission.relu(x), torch.relu(x))


@check("relu", points=0.5)
def test_relu_gradient(submission):
    """The gradient flows where the input is positive, and not where it is negative."""
    x, cotangent = shuffled(10, 3, 4, 5) + 0.1, draw(11, 3, 4, 5)
    expect_value(submission.relu(x), torch.relu(x))
    found = submission.gradient_of("relu", x, cotangent=cotangent)
    expect_value(found, slopes(torch.relu, x, cotangent=cotangent)[0], what="the gradient")


@check("relu", points=0.5)
def test_relu_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        x = strided(draw(12, 2, 3, 5, 4).to(dtype))
        expect(submission.relu(x), close_to=torch.relu(x))
        expect_inputs_unchanged(submission)


@check("relu_backward", points=1)
def test_relu_backward_by_hand(submission):
    """Inputs on both sides of zero, and zero itself, which passes nothing: a case worked by
    hand.
    """
    x = torch.tensor([[-2.0, 0.0, 3.0], [0.5, -0.0, -0.5]])
    gradient = torch.tensor([[5.0, 7.0, -4.0], [3.0, -2.0, 6.0]])
    expected = torch.tensor([[0.0, 0.0, -4.0], [3.0, 0.0, 0.0]])
    expect_value(submission.relu_backward(gradient, x), expected)


@check("relu_backward", points=1)
def test_relu_backward_of_feature_maps(submission):
    """Random feature maps: the same as automatic differentiation."""
    x, gradient = shuffled(13, 2, 3, 5, 4) + 0.1, draw(14, 2, 3, 5, 4, low=-9, high=9)
    expect_value(
        submission.relu_backward(gradient, x), slopes(torch.relu, x, cotangent=gradient)[0]
    )


@check("relu_backward", points=0.5)
def test_relu_backward_of_extreme_inputs(submission):
    """Tiny and huge inputs count by their sign alone."""
    x, gradient = torch.tensor([1e-20, -1e-20, 1e20, -1e20]), torch.tensor([2.0, 3.0, 5.0, 7.0])
    expect_value(submission.relu_backward(gradient, x), torch.tensor([2.0, 0.0, 5.0, 0.0]))


@check("relu_backward", points=0.5)
def test_relu_backward_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        x, gradient = strided(draw(15, 4, 3, 5).to(dtype)), strided(draw(16, 4, 3, 5).to(dtype))
        expect(submission.relu_backward(gradient, x), close_to=gradient * (x > 0))
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------- conv2d


@check("conv2d", points=1)
def test_convolution_by_hand(submission):
    """One small picture and one kernel without any symmetry: a case worked by hand."""
    image = torch.tensor([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0], [4.0, 1.0, 1.0]]).view(1, 1, 3, 3)
    kernel = torch.tensor([[1.0, 2.0], [0.0, -3.0]]).view(1, 1, 2, 2)
    expected = torch.tensor([[8.0, -7.0], [-5.0, 2.0]]).view(1, 1, 2, 2)
    expect_value(submission.conv2d(image, kernel), expected)


@check("conv2d", points=1.5)
def test_convolution_of_a_batch(submission):
    """Several pictures, channels and kernels, higher than wide: each kernel sums over all the
    channels.
    """
    images, kernels = draw(20, 2, 5, 7, 9), draw(21, 4, 5, 3, 2)
    for scale in (1.0, 1e4):
        expect_value(submission.conv2d(scale * images, kernels), F.conv2d(scale * images, kernels))


@check("conv2d", points=0.5)
def test_convolution_with_a_bias(submission):
    """Each output channel has its own bias."""
    images, kernels, bias = draw(22, 3, 2, 6, 5), draw(23, 4, 2, 3, 2), draw(24, 4, low=-5, high=5)
    expect_value(submission.conv2d(images, kernels, bias), F.conv2d(images, kernels, bias))


@check("conv2d", points=1)
def test_convolution_with_padding(submission):
    """Zeros on all four sides, one and two of them."""
    images, kernels = draw(25, 2, 3, 4, 6, low=0.5), draw(26, 5, 3, 3, 2)
    for padding in (1, 2):
        expected = F.conv2d(images, kernels, padding=padding)
        expect_value(submission.conv2d(images, kernels, padding=padding), expected)


@check("conv2d", points=1)
def test_convolution_with_a_stride(submission):
    """Strides that fit and strides that leave a rest; together with padding and a bias."""
    images, kernels, bias = draw(27, 2, 3, 8, 11), draw(28, 5, 3, 3, 4), draw(29, 5)
    for stride, padding in ((2, 0), (3, 0), (3, 2)):
        expected = F.conv2d(images, kernels, bias, stride, padding)
        expect_value(submission.conv2d(images, kernels, bias, stride, padding), expected)


@check("conv2d", points=1)
def test_convolution_gradient(submission):
    """In double precision, the gradients by pictures, kernels and bias agree with torch's to
    2e-6.
    """
    sizes = (2, 3, 6, 8), (4, 3, 3, 2), (4,)
    images, kernels, bias = (draw(30, *size).double() for size in sizes)
    given = images, kernels, bias
    cotangent = draw(31, 2, 4, 3, 5).double()
    found = submission.conv2d(images, kernels, bias, 2, 1)
    expect_value(found, F.conv2d(images, kernels, bias, 2, 1))
    expected = slopes(lambda x, k, b: F.conv2d(x, k, b, 2, 1), *given, cotangent=cotangent)
    for wrt, slope in enumerate(expected):
        found = submission.gradient_of("conv2d", *given, 2, 1, wrt=wrt, cotangent=cotangent)
        expect_value(found, slope, EXACT, "the gradient")


@check("conv2d", points=0.5)
def test_convolution_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        images, kernels, bias = (
            strided(draw(32, *size).to(dtype)) for size in ((2, 3, 5, 4), (6, 3, 2, 3), (6,))
        )
        expected = F.conv2d(images, kernels, bias, padding=1)
        expect(submission.conv2d(images, kernels, bias, padding=1), close_to=expected)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------ pooling


@check("max_pool2d", points=0.5)
def test_pooling_by_hand(submission):
    """One picture of four by four: a case worked by hand."""
    image = torch.tensor([[1.0, 2, 5, 3], [4, 3, 0, 1], [-7, -9, 8, 6], [-6, -8, 7, 2]]).view(
        1, 1, 4, 4
    )
    expect_value(
        submission.max_pool2d(image), torch.tensor([[4.0, 5.0], [-6.0, 8.0]]).view(1, 1, 2, 2)
    )


@check("max_pool2d", points=1)
def test_pooling_of_a_batch(submission):
    """Several pictures and channels, sizes that leave a rest: every channel on its own."""
    for scale in (1.0, 1e4):
        images = scale * draw(33, 2, 3, 7, 9)
        expect_value(submission.max_pool2d(images), F.max_pool2d(images, 2))


@check("max_pool2d", points=0.5)
def test_pooling_of_negative_numbers(submission):
    """Where all values are negative, so are all results."""
    images = draw(34, 3, 2, 6, 5, low=-9, high=-3)
    expect_value(submission.max_pool2d(images), F.max_pool2d(images, 2))


@check("max_pool2d", points=1)
def test_pooling_with_other_windows(submission):
    """Larger windows, windows that overlap, and windows with gaps between them."""
    images = draw(35, 2, 3, 10, 8)
    for size, stride in ((3, 3), (3, 2), (2, 3), (4, 1)):
        expect_value(
            submission.max_pool2d(images, size, stride), F.max_pool2d(images, size, stride)
        )


@check("max_pool2d", points=0.5)
def test_pooling_gradient(submission):
    """Automatic differentiation finds its way through: a window's gradient goes to its largest
    value.
    """
    images, cotangent = shuffled(36, 2, 3, 6, 4), draw(37, 2, 3, 3, 2)
    expected = slopes(lambda x: F.max_pool2d(x, 2), images, cotangent=cotangent)[0]
    found = submission.gradient_of("max_pool2d", images, cotangent=cotangent)
    expect_value(found, expected, what="the gradient")


@check("max_pool2d", points=0.5)
def test_pooling_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        images = strided(draw(38, 2, 3, 4, 8).to(dtype))
        expect(submission.max_pool2d(images), close_to=F.max_pool2d(images, 2))
        expect_inputs_unchanged(submission)


def pooling_slope(gradient: Tensor, images: Tensor, size: int = 2, stride: int = 2) -> Tensor:
    """By torch, whose pooling too prefers the first of equal values."""
    return slopes(lambda x: F.max_pool2d(x, size, stride), images, cotangent=gradient)[0]


@check("max_pool2d_backward", points=1)
def test_pooling_backward_by_hand(submission):
    """One picture of two windows: a case worked by hand."""
    image = torch.tensor([[1.0, 9.0, 3.0, 2.0], [4.0, 0.0, 7.0, 5.0]]).view(1, 1, 2, 4)
    gradient = torch.tensor([[10.0, -20.0]]).view(1, 1, 1, 2)
    expected = torch.tensor([[0.0, 10.0, 0.0, 0.0], [0.0, 0.0, -20.0, 0.0]]).view(1, 1, 2, 4)
    expect_value(submission.max_pool2d_backward(gradient, image), expected)


@check("max_pool2d_backward", points=1)
def test_pooling_backward_of_a_batch(submission):
    """Several pictures and channels, sizes that leave a rest, distinct values."""
    images, gradient = shuffled(39, 2, 3, 7, 9), draw(40, 2, 3, 3, 4, low=-9, high=9)
    expect_value(submission.max_pool2d_backward(gradient, images), pooling_slope(gradient, images))


@check("max_pool2d_backward", points=1)
def test_pooling_backward_of_ties(submission):
    """Windows with several largest values: the first one, row by row, gets everything."""
    image = torch.tensor(
        [[0.0, 6.0, 3.0, 3.0, 5.0, 8.0], [6.0, 1.0, 3.0, 3.0, 8.0, 8.0]]
    ).view(1, 1, 2, 6)  # fmt: skip
    gradient = torch.tensor([[4.0, -12.0, 20.0]]).view(1, 1, 1, 3)
    expected = torch.tensor([[0.0, 4.0, -12.0, 0.0, 0.0, 20.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    expect_value(submission.max_pool2d_backward(gradient, image), expected.view(1, 1, 2, 6))


@check("max_pool2d_backward", points=1)
def test_pooling_backward_of_other_windows(submission):
    """Windows that overlap, where gradients add up, larger ones, and ones with gaps between
    them.
    """
    images = shuffled(41, 2, 3, 8, 10)
    for size, stride in ((3, 2), (3, 3), (2, 3), (4, 1)):
        gradient = draw(42, *F.max_pool2d(images, size, stride).shape, low=1, high=9)
        result = submission.max_pool2d_backward(gradient, images, size, stride)
        expect_value(result, pooling_slope(gradient, images, size, stride))


@check("max_pool2d_backward", points=0.5)
def test_pooling_backward_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        images, gradient = (
            strided(draw(43, *size).to(dtype)) for size in ((2, 3, 4, 10), (2, 3, 2, 5))
        )  # fmt: skip
        result = submission.max_pool2d_backward(gradient, images)
        expect(result, close_to=pooling_slope(gradient, images))
        expect_inputs_unchanged(submission)


# ----------------------------------------------------------------------------- softmax and the loss


@check("softmax", points=1)
def test_softmax_by_hand(submission):
    """Scores whose exponentials are one, three and four: a case worked by hand."""
    scores = torch.tensor([[0.0, math.log(3), math.log(4)], [math.log(6), 0.0, 0.0]])
    expect_value(
        submission.softmax(scores), torch.tensor([[0.125, 0.375, 0.5], [0.75, 0.125, 0.125]])
    )


@check("softmax", points=0.5)
def test_softmax_of_random_scores(submission):
    """Random scores, wide and narrow: each picture's probabilities sum to one."""
    for scale in (0.5, 6.0):
        scores = draw(44, 5, 7, low=-scale, high=scale)
        expect_value(submission.softmax(scores), torch.softmax(scores, dim=1))


@check("softmax", points=1)
def test_softmax_of_extreme_scores(submission):
    """Pictures with scores of plus and of minus ten thousand in one batch: no overflow, no division
    by 0.
    """
    scores = draw(45, 4, 3, low=-2, high=2) + torch.tensor([[1e4], [-1e4], [0.0], [300.0]])
    # From log-sum-exp of 1e4 come errors of half a unit in its last place, 5e-4, in float32.
    expect_value(submission.softmax(scores), torch.softmax(scores.double(), dim=1), 2e-3)
    spread = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 0.0, 0.0]])
    expect_value(submission.softmax(spread), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]))


@check("softmax", points=0.5)
def test_softmax_gradient(submission):
    """The gradient that arrives at the probabilities flows back to the scores."""
    scores, cotangent = draw(46, 4, 6, low=-3, high=3), draw(47, 4, 6, low=-9, high=9)
    share = torch.softmax(scores, dim=1)
    expect_value(submission.softmax(scores), share)
    expected = share * (cotangent - (share * cotangent).sum(1, keepdim=True))  # by hand
    found = submission.gradient_of("softmax", scores, cotangent=cotangent)
    expect_value(found, expected, what="the gradient")


@check("softmax", points=0.5)
def test_softmax_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        scores = strided(draw(48, 3, 5).to(dtype))
        expect(submission.softmax(scores), close_to=torch.softmax(scores, dim=1))
        expect_inputs_unchanged(submission)


@check("cross_entropy", points=1)
def test_cross_entropy_by_hand(submission):
    """A picture whose right class has a quarter, and one that knows nothing: worked by hand."""
    logits = torch.tensor([[0.0, math.log(2), 0.0], [7.0, 7.0, 7.0]])
    target = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    expect_value(
        submission.cross_entropy(logits, target), torch.tensor((math.log(4) + math.log(3)) / 2)
    )


@check("cross_entropy", points=1)
def test_cross_entropy_of_a_batch(submission):
    """Random scores, one right class for each picture: a mean over the pictures."""
    for rows in (3, 11):
        logits, target = draw(50, rows, 7, low=-4, high=4), one_hot(51, rows, 7)
        expect_value(submission.cross_entropy(logits, target), F.cross_entropy(logits, target))


@check("cross_entropy", points=0.5)
def test_cross_entropy_of_soft_targets(submission):
    """Targets that are distributions: every class counts by its share."""
    logits, target = draw(52, 5, 7, low=-4, high=4), shares(53, 5, 7)
    expect_value(submission.cross_entropy(logits, target), F.cross_entropy(logits, target))


@check("cross_entropy", points=1)
def test_cross_entropy_of_extreme_scores(submission):
    """Scores of ten thousand, both signs: finite, and as large as the scores say."""
    logits = torch.tensor([[1e4, 0.0, -1e4]])
    for share, loss in (
        ([0.0, 1.0, 0.0], 1e4),
        ([0.0, 0.0, 1.0], 2e4),
        ([0.5, 0.25, 0.25], 7500.0),
    ):
        expect_value(submission.cross_entropy(logits, torch.tensor([share])), torch.tensor(loss))


@check("cross_entropy", points=0.5)
def test_cross_entropy_gradient(submission):
    """The gradient by the scores is right, also where the softmax saturates."""
    target = one_hot(54, 5, 7)
    for scale in (3.0, 3e3):
        logits = scale * draw(55, 5, 7)
        expect_value(submission.cross_entropy(logits, target), F.cross_entropy(logits, target))
        expected = (torch.softmax(logits, 1) - target) / 5
        expect_value(
            submission.gradient_of("cross_entropy", logits, target), expected, what="the gradient"
        )


@check("cross_entropy", points=0.5)
def test_cross_entropy_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        logits, target = strided(draw(56, 4, 6).to(dtype)), strided(shares(57, 4, 6).to(dtype))
        expect(submission.cross_entropy(logits, target), close_to=F.cross_entropy(logits, target))
        expect_inputs_unchanged(submission)


@check("cross_entropy_backward", points=1)
def test_loss_backward_by_hand(submission):
    """Two pictures of three classes: a case worked by hand."""
    logits = torch.tensor([[math.log(2), 0.0, 0.0], [0.0, math.log(3), math.log(4)]])
    target = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    expected = torch.tensor([[0.25, -0.375, 0.125], [0.0625, 0.1875, -0.25]])
    expect_value(submission.cross_entropy_backward(logits, target), expected)


@check("cross_entropy_backward", points=1)
def test_loss_backward_of_a_batch(submission):
    """Random scores, one right class or a distribution: the same as automatic differentiation."""
    logits = draw(58, 5, 7, low=-4, high=4)
    for target in (one_hot(59, 5, 7), shares(60, 5, 7)):
        [expected] = slopes(lambda z, target=target: F.cross_entropy(z, target), logits)
        expect_value(submission.cross_entropy_backward(logits, target), expected)


@check("cross_entropy_backward", points=0.5)
def test_loss_backward_of_extreme_scores(submission):
    """Scores of ten thousand, both signs: finite."""
    logits = torch.tensor([[1e4, 0.0, -1e4], [-1e4, -1e4, 1e4]])
    target = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    expected = torch.tensor([[0.5, -0.5, 0.0], [-0.25, 0.0, 0.25]])
    expect_value(submission.cross_entropy_backward(logits, target), expected)


@check("cross_entropy_backward", points=0.5)
def test_loss_backward_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        logits, target = strided(draw(61, 3, 5).to(dtype)), strided(shares(62, 3, 5).to(dtype))
        [expected] = slopes(lambda z, target=target: F.cross_entropy(z, target), logits)
        expect(submission.cross_entropy_backward(logits, target), close_to=expected)
        expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------------- gradient descent


@check("sgd_step", points=0.5)
def test_step_by_hand(submission):
    """Three weights, a gradient and a rate: a case worked by hand."""
    weights, gradient = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([4.0, -8.0, 0.0])
    expect_value(submission.sgd_step(weights, gradient, 0.25), torch.tensor([0.0, 0.0, 0.5]))


@check("sgd_step", points=0.5)
def test_steps_of_any_size(submission):
    """Weights of other shapes, small, zero and large rates."""
    for shape, rate in (((4, 3, 2, 5), 0.003), ((5, 7), 0.0), ((6,), 30.0)):
        weights, gradient = draw(63, *shape, low=1, high=3), draw(64, *shape)
        expected = weights.double().sub(gradient.double(), alpha=rate)
        expect_value(submission.sgd_step(weights, gradient, rate), expected)


@check("sgd_step", points=0.5)
def test_step_leaves_the_old_weights(submission):
    """The step returns new weights: those that it was given, and the gradient, are what they
    were.
    """
    weights, gradient = draw(65, 3, 4), draw(66, 3, 4)
    expect_value(
        submission.sgd_step(weights, gradient, 0.5), torch.lerp(weights, weights - gradient, 0.5)
    )
    expect_inputs_unchanged(submission)


@check("sgd_step", points=0.5)
def test_step_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the weights."""
    for dtype in (torch.float32, torch.float64):
        weights, gradient = strided(draw(67, 3, 5).to(dtype)), strided(draw(68, 3, 5).to(dtype))
        expected = torch.add(weights, gradient, alpha=-0.1)
        expect(submission.sgd_step(weights, gradient, 0.1), close_to=expected)


def scheduled(step: int, total: int, peak: float, warm_up: int) -> float:
    """The rate at one step, in plain Python."""
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * math.cos(math.pi / 2 * (step - warm_up) / (total - warm_up)) ** 2


@check("learning_rate", points=1)
def test_schedule_by_hand(submission):
    """Four steps of warm-up, eight down: the corners and the middle, worked by hand."""
    steps = torch.tensor([0, 1, 3, 4, 6, 8, 10, 12])
    half = math.sqrt(0.5)
    expected = 0.8 * torch.tensor(
        [0.25, 0.5, 1.0, 1.0, (1 + half) / 2, 0.5, (1 - half) / 2, 0.0]
    )  # fmt: skip
    expect_value(submission.learning_rate(steps, total=12, peak=0.8, warm_up=4), expected)


@check("learning_rate", points=1)
def test_schedule_of_a_training(submission):
    """Every step of a long and of a short training."""
    for total, peak, warm_up in ((100, 3.0, 7), (23, 0.5, 10)):
        expected = torch.tensor([scheduled(step, total, peak, warm_up) for step in range(total)])
        expect_value(submission.learning_rate(torch.arange(total), total, peak, warm_up), expected)


@check("learning_rate", points=0.5)
def test_schedule_without_warm_up(submission):
    """No warm-up: the first step has the largest rate."""
    expected = torch.tensor([scheduled(step, 9, 2.0, 0) for step in range(9)])
    expect_value(submission.learning_rate(torch.arange(9), 9, peak=2.0, warm_up=0), expected)


@check("learning_rate", points=0.5)
def test_schedule_form(submission):
    """Steps in any order, the docstring's defaults: float32, and the steps are not changed."""
    steps = strided(torch.tensor([31, 2, 9, 40, 10, 17]))
    expected = torch.tensor([scheduled(step, 40, 0.1, 10) for step in steps.tolist()])
    expect(submission.learning_rate(steps, 40), close_to=expected, tolerance=1e-6)
    expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------ the network, its training


def parameters_of(seed: int, widths: list[int], classes: int) -> list[Tensor]:
    """Kernels and bias per block, weights and bias at the end; widths[0]: the input's channels."""
    found = []
    for block, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        found += [draw(seed + 10 * block, after, before, 3, 3, low=-0.6, high=0.6)]
        found += [draw(seed + 10 * block + 1, after, low=-0.4, high=0.4)]
    return [*found, draw(seed + 7, widths[-1], classes, low=-2, high=2), draw(seed + 8, classes)]


def logits_of(images: Tensor, parameters: list[Tensor]) -> Tensor:
    """The network in torch's words."""
    for kernels, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        images = F.max_pool2d(F.relu(F.conv2d(images, kernels, bias, padding=1)), 2)
    return F.linear(F.adaptive_avg_pool2d(images, 1).flatten(1), parameters[-2].T, parameters[-1])


@check("conv_net", points=1)
def test_network_of_one_block(submission):
    """One block: convolution, ReLU and pooling, the average over the positions, scores."""
    images, parameters = draw(70, 2, 3, 6, 8), parameters_of(71, [3, 5], 4)
    expect_value(submission.conv_net(images, parameters), logits_of(images, parameters))


@check("conv_net", points=1)
def test_network_of_three_blocks(submission):
    """Three blocks of different widths, on pictures whose sizes leave a rest: f_L(...
    f_2(f_1(x))).
    """
    images, parameters = draw(72, 3, 2, 17, 11, low=-2, high=2), parameters_of(73, [2, 6, 4, 5], 7)
    expect_value(submission.conv_net(images, parameters), logits_of(images, parameters))


@check("conv_net", points=0.5)
def test_network_gradient(submission):
    """The gradient by the pictures flows through all the layers."""
    images, parameters = (
        draw(74, 2, 3, 8, 12).double(),
        [p.double() for p in parameters_of(75, [3, 5, 6], 4)],
    )
    cotangent = draw(76, 2, 4).double()
    [expected] = slopes(lambda x: logits_of(x, parameters), images, cotangent=cotangent)
    found = submission.gradient_of("conv_net", images, parameters, cotangent=cotangent)
    expect_value(found, expected, what="the gradient")


@check("conv_net", points=0.5)
def test_network_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        images = strided(draw(77, 2, 3, 6, 4).to(dtype))
        parameters = [p.to(dtype) for p in parameters_of(78, [3, 5], 6)]
        expect(submission.conv_net(images, parameters), close_to=logits_of(images, parameters))
        expect_inputs_unchanged(submission)


def state_of(seed: int, channels: list[int], classes: int) -> dict[str, Tensor]:
    """Weights for every layer of a ConvNet, by their names; channels[0] is the picture's."""
    state: dict[str, Tensor] = {}
    for block, (before, after) in enumerate(zip(channels, channels[1:], strict=False)):
        at = seed + 10 * block
        state[f"features.{4 * block}.weight"] = draw(at, after, before, 3, 3, low=-0.6, high=0.6)
        norm = f"features.{4 * block + 1}"
        state |= {
            f"{norm}.weight": draw(at + 1, after, low=0.5, high=2),
            f"{norm}.bias": draw(at + 2, after),
        }
        state[f"{norm}.running_mean"] = draw(at + 3, after, low=-0.5, high=0.5)
        state[f"{norm}.running_var"] = draw(at + 4, after, low=0.5, high=3)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(9)
    state["classifier.weight"] = draw(seed + 7, classes, channels[-1], low=-2, high=2)
    return state | {"classifier.bias": draw(seed + 8, classes)}


def scores_of(images: Tensor, state: dict[str, Tensor], training: bool = False) -> Tensor:
    """The logits of a ConvNet of these weights, in torch's functions."""
    for block in range(sum(name.endswith("running_mean") for name in state)):
        norm = f"features.{4 * block + 1}"
        images = F.conv2d(images, state[f"features.{4 * block}.weight"], padding=1)
        mean, var = state[f"{norm}.running_mean"].clone(), state[f"{norm}.running_var"].clone()
        weight, bias = state[f"{norm}.weight"], state[f"{norm}.bias"]
        images = F.max_pool2d(F.relu(F.batch_norm(images, mean, var, weight, bias, training)), 2)
    return F.linear(images.mean(dim=(2, 3)), state["classifier.weight"], state["classifier.bias"])


def loaded(submission, state: dict[str, Tensor], *arguments: object, training: bool = False):
    """A ConvNet with these weights in it, so that its random beginning does not matter."""
    network = submission.ConvNet(*arguments)
    network.load_state_dict(state)
    network.train(training)
    return network


@check("ConvNet", points=1)
def test_conv_net_class_of_one_block(submission):
    """One block, weights put in by their names: the scores of a batch, as at test time."""
    state, images = state_of(100, [2, 5], 4), draw(101, 3, 2, 6, 8, low=-2, high=2)
    network = loaded(submission, state, 2, 4, (5,))
    expect_value(network(images), scores_of(images, state))


@check("ConvNet", points=1)
def test_conv_net_class_of_three_blocks(submission):
    """Three blocks of unequal widths, a picture whose sizes leave a rest: as at test time."""
    state, images = state_of(102, [3, 4, 7, 5], 6), draw(103, 2, 3, 17, 12, low=-2, high=2)
    network = loaded(submission, state, 3, 6, (4, 7, 5))
    expect_value(network(images), scores_of(images, state))


@check("ConvNet", points=0.5)
def test_conv_net_class_with_its_default_widths(submission):
    """Without widths, the docstring's: three blocks."""
    state, images = state_of(104, [1, 32, 64, 128], 3), draw(105, 2, 1, 8, 10)
    network = loaded(submission, state, 1, 3)
    expect_value(network(images), scores_of(images, state))


@check("ConvNet", points=0.5)
def test_conv_net_class_while_training(submission):
    """While training, the batch's own statistics are used, and gradients flow to the pictures."""
    state, images = state_of(106, [3, 4, 6], 5), draw(107, 4, 3, 8, 12, low=-2, high=2)
    network, cotangent = loaded(submission, state, 3, 5, (4, 6), training=True), draw(108, 4, 5)
    expect_value(network(images), scores_of(images, state, training=True))
    [expected] = slopes(lambda x: scores_of(x, state, training=True), images, cotangent=cotangent)
    found = submission.gradient_of(network, images, cotangent=cotangent)
    expect_value(found, expected, 1e-4, "the gradient")  # divided by small standard deviations


WEIGHTS, WANTED, PART = "convnet.safetensors", 0.8, 84


@cache
def hidden_furniture() -> FurnitureStyles:
    """Fourteen styles of furniture, 24 models of each, that no student has been given."""
    return load_furniture_styles(pack_path("furniture_styles_hidden"))


def saved_network(submission, classes: int):
    """The student's own network, as it was trained and saved, of whatever widths."""
    state = {
        name: t.float() if t.is_floating_point() else t
        for name, t in submission.saved(WEIGHTS).items()
    }
    blocks = sum(name.endswith("running_mean") for name in state)
    kernels = [state.get(f"features.{4 * block}.weight", torch.empty(0)) for block in range(blocks)]
    widths, found = (
        tuple(len(kernel) for kernel in kernels),
        state.get("classifier.bias", torch.empty(0)),
    )
    wanted = {name: t.shape for name, t in state_of(0, [3, *widths], found.numel()).items()}
    if {name: t.shape for name, t in state.items()} != wanted:
        raise Failure(
            "wrong type", f"`{WEIGHTS}` does not hold the weights of a `ConvNet` of three colours"
        )
    if len(found) != classes:
        raise Failure(
            "wrong shape", f"`{WEIGHTS}` was trained on other classes than the furniture's"
        )
    return loaded(submission, state, 3, classes, widths)


def in_parts(network, images: Tensor, classes: int) -> Tensor:
    """The logits of many pictures, from several calls.

    The activations of a part fit into a processor's cache: this takes half the time.
    """
    found = [
        expect(network(part), shape=(len(part), classes), dtype=torch.float32)
        for part in images.split(PART)
    ]
    return torch.cat(found)


@check("ConvNet", points=2, explained=False)
def test_conv_net_trained(submission):
    """Your network, as you trained and saved it, names at least 80 % of the furniture right."""
    data = hidden_furniture()
    images, labels = data.test_images[::2], data.test_labels[::2]  # two of each model
    network = saved_network(submission, len(data.classes))
    logits = in_parts(network, 2 * images - 1, len(data.classes))
    share = (logits.argmax(dim=1) == labels).float().mean().item()
    if share < WANTED:
        raise Failure(
            "wrong value", f"it names {share:.0%} of the furniture right: {WANTED:.0%} are wanted"
        )


def trained(
    parameters: list[Tensor], batches: list[tuple[Tensor, Tensor]], rates: Tensor
) -> list[Tensor]:
    """What training comes to by torch's own optimizer: the parameters and the losses."""
    weights = [p.clone().requires_grad_() for p in parameters]
    optimizer, losses = torch.optim.SGD(weights, lr=1.0), []
    for (images, target), rate in zip(batches, rates.tolist(), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = F.cross_entropy(logits_of(images, weights), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [*(w.detach() for w in weights), torch.stack(losses)]


def batches_of(
    seed: int, count: int, dtype: torch.dtype = torch.float32
) -> list[tuple[Tensor, Tensor]]:
    """Batches of five, four, five, ... pictures of three channels, each with one of six classes."""
    sizes = [5 - index % 2 for index in range(count)]
    return [
        (draw(seed + index, size, 3, 6, 8).to(dtype), one_hot(seed + 50 + index, size, 6).to(dtype))
        for index, size in enumerate(sizes)
    ]


def expect_training(result: object, expected: list[Tensor], check_value=expect_value) -> None:
    """The parameters after training, in their order, and the losses."""
    if not isinstance(result, (tuple, list)):
        raise Failure(
            "wrong type", f"the result is {describe(result)}, not the parameters and the losses"
        )
    if len(result) != len(expected):
        raise Failure(
            "wrong type", "the result does not have every parameter once, and the losses last"
        )
    for found, right, what in zip(result, expected, ["a parameter"] * 10, strict=False):
        check_value(found, right, what="the losses" if right is expected[-1] else what)


@check("train_epoch", points=1)
def test_training_of_one_step(submission):
    """One batch: every parameter takes a step against its gradient; the loss is that before the
    step.
    """
    parameters, batches, rates = (
        parameters_of(80, [3, 4, 5], 6),
        batches_of(81, 1),
        torch.tensor([0.5]),
    )
    expected = trained(parameters, batches, rates)
    expect_training(submission.train_epoch(parameters, batches, rates), expected)


@check("train_epoch", points=1.5)
def test_training_of_several_steps(submission):
    """Several batches, each with its own rate: every step starts where the last one ended."""
    parameters, batches = parameters_of(82, [3, 5], 6), batches_of(83, 4)
    rates = torch.tensor([0.3, 1.0, 0.1, 0.6])
    expected = trained(parameters, batches, rates)
    expect_training(submission.train_epoch(parameters, batches, rates), expected)


@check("train_epoch", points=0.5)
def test_training_that_stands_still(submission):
    """Rates of zero: nothing moves, and the losses are those of the untrained network."""
    parameters, batches, rates = parameters_of(84, [3, 4], 6), batches_of(85, 3), torch.zeros(3)
    losses = [F.cross_entropy(logits_of(images, parameters), target) for images, target in batches]
    expected = [*(p.clone() for p in parameters), torch.stack(losses)]
    expect_training(submission.train_epoch(parameters, batches, rates), expected)


@check("train_epoch", points=0.5)
def test_training_form(submission):
    """In double precision too, the result has the parameters' dtype."""
    for dtype in (torch.float32, torch.float64):
        parameters = [p.to(dtype) for p in parameters_of(86, [3, 4], 6)]
        batches, rates = batches_of(87, 2, dtype), torch.tensor([0.2, 0.4])
        expected = trained(parameters, batches, rates)

        def same(found, right, what):
            expect(found, close_to=right, what=what)

        expect_training(submission.train_epoch(parameters, batches, rates), expected, same)


# --------------------------------------------------------------------------------------- the result


@check("top_k_accuracy", points=1)
def test_top_k_by_hand(submission):
    """Four pictures of four classes, one, two and three guesses: worked by hand."""
    logits = torch.tensor(
        [
            [4.0, 3.0, 2.0, 1.0],
            [0.0, -1.0, 5.0, 2.0],
            [-3.0, -2.0, -1.0, -4.0],
            [1.0, 9.0, 7.0, 8.0],
        ]
    )
    labels = torch.tensor([0, 3, 0, 2])
    results = [submission.top_k_accuracy(logits, labels, k) for k in (1, 2, 3)]
    for result, share in zip(results, (0.25, 0.5, 1.0), strict=True):
        expect_value(result, torch.tensor(share))


@check("top_k_accuracy", points=1)
def test_top_k_of_random_scores(submission):
    """Random scores of many classes: as scikit-learn counts; without k, the top five."""
    logits = shuffled(90, 40, 11)
    labels = torch.randint(11, (40,), generator=torch.Generator().manual_seed(91))
    for arguments in ((1,), (4,), ()):
        k = arguments[0] if arguments else 5
        share = top_k_accuracy_score(labels.numpy(), logits.numpy(), k=k, labels=range(11))
        expect_value(submission.top_k_accuracy(logits, labels, *arguments), torch.tensor(share))


@check("top_k_accuracy", points=0.5)
def test_top_k_of_equal_scores(submission):
    """A network that gives all classes the same score is right as often as its first classes
    are.
    """
    logits, labels = torch.full((5, 6), 2.0), torch.tensor([0, 1, 2, 5, 1])
    results = [submission.top_k_accuracy(logits, labels, k) for k in (1, 2, 3)]
    for result, share in zip(results, (0.2, 0.6, 0.8), strict=True):
        expect_value(result, torch.tensor(share))


@check("top_k_accuracy", points=0.5)
def test_top_k_with_few_classes(submission):
    """As many guesses as classes, or more: all are right, which they are not with fewer."""
    logits, labels = draw(92, 7, 3), torch.tensor([0, 1, 2, 2, 1, 0, 2])
    if expect(submission.top_k_accuracy(logits, labels, 1), shape=()) == 1:
        raise Failure("wrong value", "a single guess is not always right")
    for k in (3, 5):
        expect_value(submission.top_k_accuracy(logits, labels, k), torch.tensor(1.0))


@check("top_k_accuracy", points=0.5)
def test_top_k_form(submission):
    """Scores in double precision, non-contiguous: the share is float32, and no input is changed."""
    logits, labels = strided(shuffled(93, 9, 8).double()), torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 0])
    share = (logits > logits.gather(1, labels[:, None])).sum(dim=1).lt(3).float().mean()
    expect(submission.top_k_accuracy(logits, labels, k=3), close_to=share)
    expect_inputs_unchanged(submission)
