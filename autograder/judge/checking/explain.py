"""Diagnose a wrong answer: a known mistake, a relation to the right results, or a one-fault change.

1. Each misconception of the task is run on the inputs of a failed check. The first that gives the
   student's answers is named.
2. If none does, the student's results are compared with the reference's: see `relations`.
3. If no relation holds, mutants of the reference are run on the same inputs: see `one_fault`.

The last two look at all calls of the task, in all its checks. A wrong hint is worse than none, so
everything that has been seen of the answer has to agree.
"""

from collections.abc import Iterable, Mapping, Sequence

from autograder.checks import Failure
from autograder.judge.checking.comparing import answers_like, pairs_of, reply, same
from autograder.judge.checking.one_fault import fault_of
from autograder.judge.checking.relations import relation_of
from autograder.judge.checking.submission import Call, LocalSubmission
from autograder.judge.verdict import ONE_FAULT, RELATION, Diagnosis
from autograder.misconceptions import Misconception

__all__ = ["diagnose", "explain", "same"]

# Calls that end in one of these say nothing of the answer, or not enough.
UNTOLD = ("not solved", "not defined", "forbidden", "time", "memory", "crash")


def explain(calls: Sequence[Call], misconceptions: Iterable[Misconception]) -> Misconception | None:
    """The first misconception that gives the student's answer to every call of its task, or None.

    calls           the calls that a failed check made
    misconceptions  those of the check's task
    """
    for candidate in misconceptions:
        own = [call for call in calls if call.task == candidate.task]
        submission = LocalSubmission({candidate.task: candidate.function})
        if own and all(answers_like(reply(submission, call), call) for call in own):
            return candidate
    return None


def diagnose(task: str, calls: Sequence[Call], reference: Mapping[str, object]) -> Diagnosis | None:
    """The relation or the fault that explains all results of a task, or None.

    calls      those of all the task's checks
    reference  the right functions, by name
    """
    function = reference.get(task)
    own = [call for call in calls if call.task == task]
    if not callable(function) or any(map(_is_untold, own)):
        return None
    pairs = pairs_of(own, reference)
    if relation := relation_of(pairs, function):
        return Diagnosis(RELATION, relation.name, relation.hint)
    if fault := fault_of(task, pairs, reference):
        return Diagnosis(ONE_FAULT, fault.words, fault.hint)
    return None


def _is_untold(call: Call) -> bool:
    return isinstance(call.result, Failure) and call.result.kind in UNTOLD
