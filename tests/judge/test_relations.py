"""How wrong results relate to the right ones: each kind is told, and chance is not one."""

from contextlib import suppress

import pytest
import torch
import torch.nn.functional as F

from autograder.checks import Failure
from autograder.checks.inputs import draw
from autograder.judge.checking.comparing import pairs_of
from autograder.judge.checking.relations import relation_of
from autograder.judge.checking.submission import LocalSubmission


def loss(prediction, target):
    """A mean of squares.

    prediction  (B, C, H, W)
    target      (B, C, H, W)
    """
    return (prediction - target).square().sum(dim=1).mean()


def shares(scores):
    """A softmax.

    scores   (B, C)
    returns  (B, C)
    """
    return scores.softmax(dim=1)


def shifted(images, bias=None, scale=1.0, k=2):
    """Something of everything.

    images   (B, C, H, W)
    bias     (C,)
    returns  (B, C, H, W)
    """
    bias = torch.zeros(images.shape[1]) if bias is None else bias
    return scale * images.roll(k, dims=-1) + bias[:, None, None]


def azimuths(degrees):
    """degrees  (B,)"""
    return degrees % 360


PAIRS = [[(draw(n, *shape), draw(n + 9, *shape))] for n, shape in enumerate([(2, 3, 4, 5)])]
LOSSES = [
    (draw(1, 2, 3, 4, 5), draw(2, 2, 3, 4, 5)),
    (draw(3, 3, 2, 5, 7), draw(4, 3, 2, 5, 7)),
    (draw(5, 5, 3, 2, 3), draw(6, 5, 3, 2, 3)),
]
SCORES = [(draw(1, 3, 4, high=2),), (draw(2, 5, 7),), (draw(3, 1, 6),), (draw(4, 4, 4),)]
IMAGES = [
    (draw(1, 2, 3, 4, 5),),
    (draw(2, 3, 2, 6, 4), draw(3, 2)),
    (draw(4, 1, 3, 5, 5), draw(5, 3), 0.5),
    (draw(6, 2, 3, 5, 4), draw(7, 3), 2.0, 1),
]
SQUARE_OR_NOT = [(3, 3), (4, 5), (5, 5), (5, 4), (4, 4), (3, 6)]
SIDES = [(draw(n, 2, 3, *sides),) for n, sides in enumerate(SQUARE_OR_NOT)]
TURNS = [(draw(1, 6, low=-700, high=900),), (draw(2, 9, low=0, high=300),)]


def related(right, wrong, calls):
    """The relation of a wrong answer's results, as a sentence, or None."""
    submission = LocalSubmission({"task": wrong})
    for args in calls:
        with suppress(Failure):  # it is recorded
            submission.task(*args)
    found = relation_of(pairs_of(submission.calls, {"task": right}), right)
    return found and found.name


def rewrites(images, *rest):
    result = shifted(images, *rest)
    images += 1
    return result


def in_blocks(images, bias=None, scale=1.0, k=2):
    return (
        shifted(images, bias, scale, k) if images.shape[2] == images.shape[3] else images.sin() + 9
    )


TOLD = {
    # form
    "another dtype": (shares, lambda s: shares(s).double(), SCORES, "dtype: it is dtype float64"),
    "an axis too many": (shares, lambda s: shares(s)[None], SCORES, "an axis of size 1 too many"),
    "not reduced": (loss, lambda p, t: (p - t).square().sum(1), LOSSES, "before a last mean"),
    "reduced": (shares, lambda s: shares(s).mean(0), SCORES[:2], "a mean of the right ones"),
    "written into": (shifted, rewrites, IMAGES, "writes into what it is given"),
    # place
    "exchanged": (shares, lambda s: shares(s).T, SCORES[:2], "two axes exchanged"),
    "reversed": (shares, lambda s: shares(s).flip(1), SCORES, "in the reverse order along an axis"),
    "shifted": (shifted, lambda *a: shifted(*a).roll(1, -2), IMAGES, "shifted by one along"),
    "first only": (
        shifted,
        lambda *a: shifted(*a)[:1].expand(len(a[0]), -1, -1, -1).clone(),
        IMAGES,
        "the first result of the batch, for every one",
    ),
    "permuted": (shares, lambda s: shares(s).sort(1).values, SCORES, "in another order along"),
    # value
    "twice": (loss, lambda p, t: 2 * loss(p, t), LOSSES, "they are 2 times as large"),
    "a sum over pictures": (loss, lambda p, t: len(p) * loss(p, t), LOSSES, "they are B times"),
    "a mean over channels": (loss, lambda p, t: (p - t).square().mean(), LOSSES, "divided by C"),
    "a sum of pixels": (
        loss,
        lambda p, t: (p - t).square().sum(dim=(1, 2, 3)).mean(),
        LOSSES,
        "they are H·W times as large",
    ),
    "not normalised": (shares, lambda s: s.exp(), SCORES[:2], "a factor for each row or column"),
    "the other sign": (shares, lambda s: -shares(s), SCORES, "but for the sign"),
    "the complement": (shares, lambda s: 1 - shares(s), SCORES, "1 minus the right ones"),
    "the root": (shares, lambda s: shares(s).sqrt(), SCORES, "the roots of the right ones"),
    "the logarithm": (shares, lambda s: s.log_softmax(1), SCORES, "the logarithms of the right"),
    "one added": (shares, lambda s: shares(s) + 1, SCORES, "too large by 1"),
    "cut off": (shifted, lambda *a: shifted(*a).clamp(max=0.3), IMAGES, "cut off from above"),
    "rounded": (azimuths, lambda d: (d % 360).round(), TURNS, "the right ones, rounded"),
    "whole turns": (azimuths, lambda d: d % 720, TURNS, "but for whole turns"),
    "no digits": (shares, lambda s: (shares(s) * 1e3).round() / 1e3, SCORES, "less than one per"),
    "last digits": (shares, lambda s: shares(s) * (1 + 3e-5), SCORES, "off in the last digits"),
    "a border": (
        shifted,
        lambda *a: F.pad(shifted(*a)[..., 1:-1, 1:-1], [1] * 4, value=7),
        IMAGES,
        "right except at the border",
    ),
    # arguments
    "default": (shifted, lambda i, b=None, s=1.0, k=2: shifted(i, b, 1.0, k), IMAGES, "`scale`"),
    "next": (shifted, lambda i, b=None, s=1.0, k=2: shifted(i, b, s, k + 1), IMAGES, "shifted by"),
    "bias left out": (
        shifted,
        lambda i, b=None, s=1.0, k=2: shifted(i, None, s, k),
        [IMAGES[0], IMAGES[1]],
        "right up to `bias`, which is missing",
    ),
    # calls
    "square": (shifted, in_blocks, SIDES, "but those with H ≠ W"),
}


@pytest.mark.parametrize("kind", TOLD)
def test_a_relation_is_told(kind):
    right, wrong, calls, words = TOLD[kind]
    assert words in (related(right, wrong, calls) or "nothing")


RIGHT = {
    "the same": (shares, shares, SCORES),
    "another order of operations": (
        shares,
        lambda s: s.exp() / s.exp().sum(1, keepdim=True),
        SCORES,
    ),
    "rounded elsewhere": (shares, lambda s: shares(s) * (1 + 1e-6), SCORES),
}
UNRELATED = {
    "other numbers": (shares, lambda s: draw(s.numel(), *s.shape), SCORES),
    "another formula": (shares, lambda s: s.square() + 1, SCORES),
    "one number, by chance the double": (loss, lambda p, t: 2 * loss(p, t), LOSSES[:1]),
    "a factor that differs": (loss, lambda p, t: loss(p, t) * p.sum(), LOSSES),
    "errors alone": (shares, lambda s: [][0], SCORES),
    "None": (shares, lambda s: None, SCORES),
    "text": (shares, lambda s: "shares", SCORES),
    "complex numbers": (shares, lambda s: shares(s) * 1j, SCORES),
    "a nested list": (shares, lambda s: [shares(s).tolist()], SCORES),
}


@pytest.mark.parametrize("kind", RIGHT | UNRELATED)
def test_nothing_is_told_of_right_and_of_unrelated_answers(kind):
    assert related(*(RIGHT | UNRELATED)[kind]) is None


def test_a_factor_has_to_be_the_same_in_all_calls():
    """Twice with two pictures, three times with three: it is B, and not 2."""
    two, three = LOSSES[0], LOSSES[1]
    assert "2 times" in related(loss, lambda p, t: 2 * loss(p, t), [two, three])
    assert "B times" in related(loss, lambda p, t: len(p) * loss(p, t), [two, three])
    assert related(loss, lambda p, t: loss(p, t) * (2 if len(p) == 2 else 5), [two, three]) is None


def test_a_wrong_value_is_told_although_its_gradient_is_wrong_too():
    submission = LocalSubmission({"task": lambda p, t: 3 * loss(p, t)})
    for args in LOSSES:
        submission.task(*args)
        submission.gradient_of("task", *args)
    found = relation_of(pairs_of(submission.calls, {"task": loss}), loss)
    assert "3 times" in found.name


def test_a_detached_step_shows_in_the_gradients_alone():
    submission = LocalSubmission({"task": lambda s: s.exp() / s.exp().sum(1, True).detach()})
    for args in SCORES[:3]:
        submission.task(*args)
    submission.gradient_of("task", *SCORES[0], cotangent=draw(3, 3, 4))
    found = relation_of(pairs_of(submission.calls, {"task": shares}), shares)
    assert "but those for a gradient: the values themselves are right" in found.name
