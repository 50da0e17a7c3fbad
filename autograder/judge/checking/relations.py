"""How a wrong answer's results relate to the right ones, in words and without their values.

A relation is a sentence that is true of every wrong result of a task: "right up to a factor", "two
axes exchanged", "right for the first of a batch only". Each wrong result is compared with what the
reference gives for the same call, and names all relations that hold for it; what holds for all of
them is the answer's. A single number is no evidence: several calls have to agree, or many values
of one call.

If no relation holds between the numbers, the calls may show one: the answer to other arguments, or
right in every call but those with a stride.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from autograder.checks import Failure
from autograder.judge.checking.comparing import Pair, same
from autograder.judge.checking.related_calls import condition_of, other_arguments
from autograder.judge.checking.related_numbers import Relation, numbers, relations_between
from autograder.judge.checking.sizes import Signature

MANY = 4  # different values in one call that are as good as a second call
ENOUGH = 2  # calls, or one that counts twice
PRECISE = 3e-6  # results closer than this are right in single precision

CHANGES_INPUT = Relation(
    0,
    "right, but the call writes into what it is given",
    "Look for operations that end in an underscore, `+=` and assignments to parts of an argument: "
    "work on a copy.",
)
NEARLY = Relation(
    90,
    "nearly right: off in the last digits only",
    "Digits get lost on the way: by a constant with few digits, a small number that is added, "
    "rounding, a lower precision, or a difference of large numbers that are almost equal.",
)
SLIGHTLY = Relation(
    91,
    "close to the right ones: off by less than one per cent of the largest",
    "No step is missing, but one is not exact: a constant with few digits, a small number that is "
    "added, rounding, or a limit that cuts off a little.",
)


def relation_of(pairs: Sequence[Pair], function: Callable) -> Relation | None:
    """The relation that holds for every wrong result of a task, or None.

    pairs     all the calls of the task's checks, with the reference's results
    function  the reference, which names the arguments and the sizes
    """
    wrong = [pair for pair in pairs if not pair.right]
    if not wrong:
        return _nearly_right(pairs)
    if all(pair.values_right and pair.call.changed for pair in wrong):
        return CHANGES_INPUT
    signature = Signature(function)
    if relation := _between_results(wrong, signature):
        return relation
    if is_evidence([pair for pair in wrong if pair.call.wrt is None]) or is_evidence(wrong):
        if relation := other_arguments(pairs, function, signature):
            return relation
        if all(map(_is_slightly_off, wrong)):
            return SLIGHTLY
    return condition_of(pairs, signature)


def is_evidence(wrong: Sequence[Pair]) -> bool:
    """Whether wrong results are enough numbers for a statement about all of them."""
    return sum(map(weight, wrong)) >= ENOUGH


def _between_results(wrong: Sequence[Pair], signature: Signature) -> Relation | None:
    """The relation of all wrong results; or of all but errors, or of all but gradients.

    An error may be a consequence of the same fault, and so is the gradient of a wrong value.
    """
    values = [pair for pair in wrong if not isinstance(pair.call.result, Failure)]
    for several in (values, [pair for pair in values if pair.call.wrt is None]):
        if is_evidence(several) and (common := _common(several, signature)):
            return min(common)
    return None


def _common(wrong: Sequence[Pair], signature: Signature) -> set[Relation]:
    """The relations that hold for each wrong result."""
    found: set[Relation] | None = None
    for pair in wrong:
        sizes, arguments = signature.sizes(pair.call), signature.tensors(pair.call)
        for given, expected in pair.parts():
            if same(given, expected):
                continue
            here = relations_between(given, expected, sizes, arguments)
            found = here if found is None else found & here
            if not found:
                return set()
    return found or set()


def weight(pair: Pair) -> float:
    """What one wrong call is worth: 2 for many values, 1 for few, ½ for a whole number.

    An error is worth nothing, for it has a hundred causes.
    """
    if isinstance(pair.call.result, Failure):
        return 0
    return max((_weight_of(*part) for part in pair.parts()), default=0)


def _weight_of(given: object, expected: object) -> float:
    if same(given, expected):
        return 0
    found, right = numbers(given), numbers(expected)
    if found is None or right is None:
        return 0
    if len(found.flatten()[:1000].unique()) >= MANY:
        return 2
    return 1 if isinstance(expected, float) or _is_floating(expected) else 0.5


def _is_floating(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _nearly_right(pairs: Sequence[Pair]) -> Relation | None:
    """For a failed check of which all results look right at first sight."""
    errors = [error for pair in pairs if (error := _error(pair)) is not None]
    return NEARLY if any(error > PRECISE for error in errors) else None


def _is_slightly_off(pair: Pair) -> bool:
    error = _error(pair)
    return error is not None and error < 0.01


def _error(pair: Pair) -> float | None:
    """The largest error of a call, relative to the largest expected number."""
    worst = 0.0
    for given, expected in pair.parts():
        found, right = numbers(given), numbers(expected)
        if found is None or right is None or found.shape != right.shape:
            return None
        if torch.equal(found, right):
            continue
        if not (_is_floating(expected) and found.isfinite().all() and right.isfinite().all()):
            return None
        scale = right.abs().max().item()
        worst = max(worst, (found - right).abs().max().item() / scale if scale else torch.inf)
    return worst
