"""Find the misconception behind a wrong answer: run each on the same inputs, and compare."""

import torch
from torch import Tensor

from autograder.checks import Failure
from autograder.checks.expect import plain
from autograder.judge.checking.submission import Call, LocalSubmission, RemoteObject
from autograder.judge.inside.codec import Handle
from autograder.misconceptions import Misconception

# The same wrong answer may be computed in another order of operations. Two different misconceptions
# are much further apart than this.
SAME = 1e-4


def explain(calls: list[Call], misconceptions: list[Misconception]) -> Misconception | None:
    """The first misconception that gives the student's answer to every call of its task, or None.

    calls           the calls that a failed check made
    misconceptions  those of the check's task
    """
    for candidate in misconceptions:
        own = [call for call in calls if call.task == candidate.task]
        submission = LocalSubmission({candidate.task: candidate.function})
        if own and all(_answers_like(submission, call) for call in own):
            return candidate
    return None


def _answers_like(submission: LocalSubmission, call: Call) -> bool:
    try:
        answer = submission.answer(call)
    except Failure as failure:
        return isinstance(call.result, Failure) and failure.kind == call.result.kind
    return answer.changed == call.changed and same(answer.value, call.result)


def same(a: object, b: object) -> bool:
    """Whether two results are the same answer.

    Types, shapes, dtypes and the places of NaN have to agree; values to 1e-4 of the largest.
    """
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = plain(a), plain(b)
        if a is None or b is None or (a.shape, a.dtype, a.device) != (b.shape, b.dtype, b.device):
            return False
        return _close(a.detach(), b.detach())
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and len(a) == len(b):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (Handle, RemoteObject)) and isinstance(b, (Handle, RemoteObject)):
        return a.kind == b.kind
    return type(a) is type(b) and isinstance(a, (bool, int, float, str, type(None))) and a == b


def _close(a: Tensor, b: Tensor) -> bool:
    if not a.dtype.is_floating_point:
        return torch.equal(a, b)
    finite = a.isfinite()
    scale = a[finite].abs().max().item() if finite.any() else 0.0
    return torch.allclose(a, b, rtol=0, atol=SAME * scale, equal_nan=True)
