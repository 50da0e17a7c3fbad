"""Compare a student's results with those of another function for the same calls."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from autograder.checks import Failure
from autograder.checks.expect import plain
from autograder.judge.checking.submission import Answer, Call, LocalSubmission, RemoteObject
from autograder.judge.inside import codec
from autograder.judge.inside.codec import Handle
from autograder.judge.inside.frames import WireError

# The same wrong answer may be computed in another order of operations. Two different misconceptions
# are much further apart than this.
SAME = 1e-4

ROOM, OVERHEAD = 64 << 20, 500  # bytes of a memory, and of one reply without its tensors

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

    @cached_property
    def digest(self) -> bytes | None:
        """The same for calls that are alike, bit by bit; None for one of a network."""
        if self.call.of is not None:
            return None
        call, tensors = self.call, dict[str, Tensor]()
        try:
            form = codec.encode([call.args, call.kwargs, call.wrt, call.cotangent], tensors)
        except WireError:
            return None
        found = hashlib.blake2b(repr((call.task, form)).encode(), digest_size=16)
        for name, tensor in tensors.items():
            found.update(repr((name, tensor.dtype, tensor.shape)).encode())
            found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        return found.digest()

    def parts(self) -> Iterator[tuple[object, object]]:
        """The student's and the right result; of several results, each with its own."""
        given = self.call.result
        expected = self.expected.value if isinstance(self.expected, Answer) else self.expected
        several = isinstance(given, (tuple, list)) and isinstance(expected, (tuple, list))
        if several and len(given) == len(expected):  # type: ignore[arg-type]
            yield from zip(given, expected, strict=True)  # type: ignore[call-overload]
        else:
            yield given, expected


class Memory:
    """The replies of functions of ours to calls that were made before.

    The hidden inputs are the same for all students, so most calls of a class are.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room, self._used = room, 0
        self._replies: dict[tuple, Reply] = {}

    def reply(self, function: object, which: int, pair: Pair, make: Callable[[], Reply]) -> Reply:
        """The reply of a variant of a function to a call; made unless it is known.

        which  the variant's number
        """
        if pair.digest is None:
            return make()
        key = function, which, pair.digest
        if key not in self._replies:
            made = make()
            if isinstance(made, Answer) and isinstance(made.value, Handle):
                return made  # the object that was made is needed as well
            size = OVERHEAD + (_bytes_of(made.value) if isinstance(made, Answer) else 0)
            if self._used + size > self._room:
                self._replies.clear()
                self._used = 0
            self._replies[key], self._used = made, self._used + size
        return self._replies[key]


def _bytes_of(value: object) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    return sum(map(_bytes_of, value)) if isinstance(value, (tuple, list)) else 0


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
