"""The blockwise loss equals the dense one in value and gradient; misuse is refused."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.reference.colorization import (
    Colorizer,
    ab_bins,
    multinomial_cross_entropy,
    soft_encode,
    sparse_cross_entropy,
    sparse_soft_encode,
)
from course_utils.training.blockwise_loss import blockwise_loss

BATCH, HEIGHT, WIDTH = 3, 16, 24  # of the lightness; the scores are a quarter as high and wide


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """A loss and its gradient with torch's own means; the labels (1, H, W) are classes."""
    scores = logits.detach().requires_grad_()
    loss = F.cross_entropy(scores, labels)
    return loss, torch.autograd.grad(loss, scores)[0]


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(2 * 3 * 4).view(2, 3, 4) % 5


@pytest.fixture
def net() -> nn.Conv2d:
    """Scores (2, 5, 3, 4) of (2, 6, 3, 4): a 1 x 1 convolution, which does not need its output."""
    torch.manual_seed(0)
    return nn.Conv2d(6, 5, 1).double()


# ------------------------------------------------------------------------------ what it is equal to


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 4e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("overwrite", "at_once"), [(False, 1), (True, 1), (True, 2), (False, 9)])
def test_it_is_the_dense_loss_through_a_network(dtype, tolerance, weighted, overwrite, at_once):
    torch.manual_seed(0)
    bins = ab_bins().to(dtype)
    colorizer = Colorizer(
        len(bins), ((4, 1, 2, 1), (5, 1, 2, 1), (6, 1, 2, 1), (7, 1, 1, 2)), up=9
    ).to(dtype)
    lightness = drawn(BATCH, 1, HEIGHT, WIDTH, dtype=dtype)
    ab = 40 * drawn(BATCH, 2, HEIGHT // 4, WIDTH // 4, seed=1, dtype=dtype)
    weights = drawn(len(bins), seed=2, dtype=dtype).exp() if weighted else None

    def lean(logits: Tensor) -> Tensor:
        return blockwise_loss(
            logits,
            lambda z, ab: sparse_cross_entropy(z, *sparse_soft_encode(ab, bins), weights),
            ab,
            overwrite=overwrite,
            at_once=at_once,
        )

    def dense(logits: Tensor) -> Tensor:
        return multinomial_cross_entropy(logits, soft_encode(ab, bins), weights)

    found, expected = (gradients(colorizer, loss, lightness) for loss in (lean, dense))
    # The same sums in another order, through eight layers, on any machine's kernels: relative to
    # the largest of each tensor, a few of the last place.
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == dtype
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


def gradients(network: nn.Module, loss: object, images: Tensor) -> list[Tensor]:
    """The loss, and its gradients by the network's parameters."""
    value = loss(network(images))
    return [value.detach(), *torch.autograd.grad(value, list(network.parameters()))]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_comes_after_the_loss_scales_its_gradient(net, labels, overwrite):
    images = drawn(2, 6, 3, 4)
    found = gradients(
        net, lambda z: 3 * blockwise_loss(z, cross_entropy, labels, overwrite=overwrite) + 1, images
    )
    expected = gradients(net, lambda z: 3 * F.cross_entropy(z, labels) + 1, images)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


def test_the_function_sees_one_picture_and_its_targets(net):
    seen = []

    def squares(
        logits: Tensor, target: Tensor, factor: Tensor, *, power: int
    ) -> tuple[Tensor, Tensor]:
        seen.append((logits.clone(), target, factor))
        return factor[0] * (logits - target).pow(power).mean(), torch.zeros_like(logits)

    logits, target, factor = (
        net(drawn(2, 6, 3, 4)),
        drawn(2, 5, 3, 4),
        torch.tensor([1.0, 3.0]).double(),
    )
    expected, before = (
        (factor[:, None, None, None] * (logits - target) ** 2).mean(),
        logits.detach().clone(),
    )
    loss = blockwise_loss(logits, partial(squares, power=2), target, factor)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-14)
    for number, parts in enumerate(seen):
        for part, whole in zip(parts, (before, target, factor), strict=True):
            assert torch.equal(part, whole[number : number + 1])


@pytest.mark.parametrize("make", ["leaf", "transposed", "one picture"])
def test_any_logits_will_do(labels, make):
    logits = drawn(2, 5, 3, 4)
    if make == "transposed":
        logits = drawn(2, 4, 3, 5).transpose(1, 3)
    if make == "one picture":
        logits, labels = logits[:1], labels[:1]
    expected = F.cross_entropy(theirs := logits.clone().requires_grad_(), labels)
    expected.backward()
    loss = blockwise_loss(ours := logits.clone().requires_grad_(), cross_entropy, labels)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-14)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-14)


# ------------------------------------------------------------------------------ what is overwritten


def test_the_gradient_takes_the_place_of_the_logits(net, labels):
    logits = net(drawn(2, 6, 3, 4))
    (gradient,) = torch.autograd.grad(blockwise_loss(logits, cross_entropy, labels), logits)
    assert gradient.data_ptr() == logits.data_ptr()


def test_without_overwriting_the_logits_stay(net, labels):
    logits = net(drawn(2, 6, 3, 4))
    before = logits.detach().clone()
    loss = blockwise_loss(logits, cross_entropy, labels, overwrite=False)
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(logits, before)


@pytest.mark.parametrize("when", ["no_grad", "no gradient wanted", "inference"])
def test_in_evaluation_nothing_is_overwritten(net, labels, when):
    logits = net(drawn(2, 6, 3, 4))
    logits = logits.detach() if when == "no gradient wanted" else logits
    before, expected = logits.detach().clone(), F.cross_entropy(logits, labels).item()
    with {"no_grad": torch.no_grad(), "inference": torch.inference_mode()}.get(
        when, torch.enable_grad()
    ):
        loss = blockwise_loss(logits, lambda z, labels: (F.cross_entropy(z, labels), z * 0), labels)
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(expected, abs=1e-14)
    assert torch.equal(logits, before)


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "needs_its_output", [torch.relu, torch.sigmoid, torch.exp, partial(F.softmax, dim=1)]
)
def test_an_operation_that_needs_its_output_is_an_error_and_no_wrong_gradient(
    net, labels, needs_its_output
):
    images = drawn(2, 6, 3, 4)
    loss = blockwise_loss(needs_its_output(net(images)), cross_entropy, labels)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    found, expected = (
        gradients(net, lambda z, loss=loss: loss(needs_its_output(z)), images)
        for loss in (
            lambda z: blockwise_loss(z, cross_entropy, labels, overwrite=False),
            lambda z: F.cross_entropy(z, labels),
        )
    )
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


def test_another_loss_of_the_same_logits_is_an_error_if_it_was_first(net, labels):
    logits = net(drawn(2, 6, 3, 4))
    loss = logits.square().mean() + blockwise_loss(logits, cross_entropy, labels)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_second_backward_pass_is_an_error(net, labels):
    loss = blockwise_loss(net(drawn(2, 6, 3, 4)), cross_entropy, labels)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_logits_that_share_their_memory_are_an_error(labels):
    """One picture's scores, used for two: there is no place for two gradients."""
    logits = drawn(1, 5, 3, 4).requires_grad_().expand(2, -1, -1, -1)
    with pytest.raises(RuntimeError, match="single memory location"):
        blockwise_loss(logits, cross_entropy, labels).backward()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_gradient_of_the_gradient_is_refused(labels, overwrite):
    logits = drawn(2, 5, 3, 4).requires_grad_()
    loss = blockwise_loss(logits * 2, cross_entropy, labels, overwrite=overwrite) ** 2
    (gradient,) = torch.autograd.grad(loss, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda z, _: (z.sum(dim=(1, 2, 3)), z),
        lambda z, _: (z.sum(), z[0]),
        lambda z, _: (z.sum(), z[:, :1]),
        lambda z, _: (z, z.sum()),
        lambda z, _: z.sum(),
        lambda z, _: (z.sum(), z, z),
        lambda z, _: (z.sum().item(), z),
        lambda z, _: None,
    ],
)
@pytest.mark.parametrize("evaluation", [False, True])
def test_a_function_that_gives_something_else_is_refused(labels, wrong, evaluation):
    logits = drawn(2, 5, 3, 4).requires_grad_(not evaluation)
    before = logits.detach().clone()
    with pytest.raises(ValueError, match="loss_and_gradient has to return"):
        blockwise_loss(logits, wrong, labels)
    assert torch.equal(logits, before)


def test_other_numbers_of_pictures_are_refused(labels):
    for logits, targets in (
        (drawn(3, 5, 3, 4), [labels]),
        (drawn(2, 5, 3, 4), [labels, labels[:1]]),
    ):
        with pytest.raises(ValueError, match="logits of"):
            blockwise_loss(logits, cross_entropy, *targets)
    with pytest.raises(ValueError, match="logits of 0"):
        blockwise_loss(drawn(0, 5, 3, 4), cross_entropy, labels[:0])
