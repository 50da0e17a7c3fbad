"""Compare a student's results with those of another function for the same calls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from autograder.checks import Failure
from autograder.checks.expect import plain
from autograder.judge.checking.submission import Answer, Call, LocalSubmission, RemoteObject
from autograder.judge.inside.codec import Handle

# The same wrong answer may be computed in another order of operations. Two different misconceptions
# are much further apart than this.
SAME = 1e-4

Reply = Answer | Failure


@dataclass
class Pair:
    """A call with the student's result, and what the reference gives for it."""

    call: Call
    expected: Reply

    @cached_property
    def right(self) -> bool:
        """Whether the student's result is the reference's."""
        return answers_like(self.expected, self.call)

    @cached_property
    def values_right(self) -> bool:
        """Whether it is, apart from writing into an argument."""
        return isinstance(self.expected, Answer) and same(self.expected.value, self.call.result)

    def parts(self) -> Iterator[tuple[object, object]]:
        """The student's and the right result; of several results, each with its own."""
        given = self.call.result
        expected = self.expected.value if isinstance(self.expected, Answer) else self.expected
        several = isinstance(given, (tuple, list)) and isinstance(expected, (tuple, list))
        if several and len(given) == len(expected):  # type: ignore[arg-type]
            yield from zip(given, expected, strict=True)  # type: ignore[call-overload]
        else:
            yield given, expected


def pairs_of(calls: Sequence[Call], functions: Mapping[str, object]) -> list[Pair]:
    """The calls, each with what these functions, such as the reference's, give for it."""
    submission = LocalSubmission(functions)
    return [Pair(call, reply(submission, call)) for call in calls]


def reply(submission: LocalSubmission, call: Call) -> Reply:
    """What a submission of this process gives for a call."""
    try:
        return submission.answer(call)
    except Failure as failure:
        return failure


def answers_like(found: Reply, call: Call) -> bool:
    """Whether a reply is the student's: the same answer, or the same kind of failure."""
    if isinstance(found, Failure):
        return isinstance(call.result, Failure) and found.kind == call.result.kind
    return found.changed == call.changed and same(found.value, call.result)


def same(a: object, b: object) -> bool:
    """Whether two results are the same answer.

    Types, shapes, dtypes and the places of NaN have to agree; values to 1e-4 of the largest.
    """
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = plain(a), plain(b)
        if a is None or b is None or (a.shape, a.dtype, a.device) != (b.shape, b.dtype, b.device):
            return False
        return close(a.detach(), b.detach())
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and len(a) == len(b):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (Handle, RemoteObject)) and isinstance(b, (Handle, RemoteObject)):
        return a.kind == b.kind
    return type(a) is type(b) and isinstance(a, (bool, int, float, str, type(None))) and a == b


def close(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one shape and dtype hold the same values, but for rounding."""
    if not a.dtype.is_floating_point:
        return torch.equal(a, b)
    finite = a.isfinite()
    scale = a[finite].abs().max().item() if finite.any() else 0.0
    return torch.allclose(a, b, rtol=0, atol=SAME * scale, equal_nan=True)
