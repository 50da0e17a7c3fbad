"""Find the one-fault change of the reference that gives a student's results.

Mutants are code of ours, so they run in this process. Those that could run long are not made:
nothing in the head of a loop is changed. Their number is bounded, and so verdicts depend on no
clock.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from autograder.checks import Failure
from autograder.judge.checking.comparing import Pair, answers_like, reply
from autograder.judge.checking.mutants import Mutant, faults_of
from autograder.judge.checking.relations import ENOUGH, weight
from autograder.judge.checking.submission import LocalSubmission

Built = tuple[Mutant, Callable]


def fault_of(task: str, pairs: Sequence[Pair], reference: Mapping[str, object]) -> Mutant | None:
    """The first mutant that gives the student's results in all calls, wrong and right, or None.

    pairs      the task's calls
    reference  the right functions, by name
    """
    wrong = [pair for pair in pairs if not pair.right]
    if sum(map(weight, wrong)) < ENOUGH:
        return None
    # The network of a call has to be made before it is called: their order stays as it is.
    networks = any(pair.call.of for pair in pairs)
    ordered = pairs if networks else sorted(pairs, key=lambda pair: pair.right)
    for mutant, function in _built(reference[task]):  # type: ignore[arg-type]
        submission = LocalSubmission({task: function})
        if all(answers_like(reply(submission, pair.call), pair.call) for pair in ordered):
            return mutant
    return None


@cache
def _built(function: Callable) -> list[Built]:
    """The mutants of a function, compiled; those that do not even compile are left out."""
    return [(mutant, built) for mutant in faults_of(function) if (built := _build(mutant, function))]


def _build(mutant: Mutant, function: Callable) -> Callable | None:
    import sys

    namespace = dict(vars(sys.modules[function.__module__]))
    try:
        exec(compile(mutant.source, "<mutant>", "exec"), namespace)
    except Exception:
        return None
    return namespace[function.__name__]
