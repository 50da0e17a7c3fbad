"""Find the one-fault change of the reference that gives a student's results.

Mutants are code of ours, so they run in this process. torch refuses odd arguments with an error;
other libraries may crash on them, and take the judge along. So a task that calls one of those has
no mutants here. Verdicts depend on no clock: how many mutants are tried is bounded by their number.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from types import CodeType, FunctionType, ModuleType

from autograder.judge.checking.comparing import Memory, Pair, answers_like, reply
from autograder.judge.checking.mutants import Mutant, faults_of, private_parts
from autograder.judge.checking.relations import is_evidence
from autograder.judge.checking.submission import LocalSubmission

OF_NETWORKS = 16  # mutants of a network that are tried

Built = tuple[Mutant, Callable]


def fault_of(task: str, pairs: Sequence[Pair], reference: Mapping[str, object]) -> Mutant | None:
    """The first mutant that gives the student's results in all calls, wrong and right, or None.

    pairs      the task's calls
    reference  the right functions, by name
    """
    wrong = [pair for pair in pairs if not pair.right]
    if not is_evidence(wrong):
        return None
    # The network of a call has to be made before it is called: their order stays as it is.
    networks = any(pair.call.of for pair in pairs)
    ordered = pairs if networks else sorted(pairs, key=lambda pair: pair.right)
    right: Callable = reference[task]  # type: ignore[assignment]
    for number, (mutant, function) in enumerate(candidates(right, networks)):
        submission = LocalSubmission({task: function})
        if all(_answers_so(pair, right, number, submission) for pair in ordered):
            return mutant
    return None


MEMORY = Memory()


def candidates(function: Callable, networks: bool) -> list[Built]:
    """The mutants that are tried, each with its function.

    networks  they make networks, and load weights into them: a few have to do
    """
    known = _built(function)
    return known[:: -(-len(known) // OF_NETWORKS)] if networks and known else known


def _answers_so(pair: Pair, right: Callable, number: int, submission: LocalSubmission) -> bool:
    make = partial(reply, submission, pair.call)
    return answers_like(MEMORY.reply(right, number, pair, make), pair.call)


@cache
def _built(function: Callable) -> list[Built]:
    """The mutants of a function, compiled; those that do not even compile are left out."""
    if not _is_safe(function):
        return []
    mutants = faults_of(function)
    return [(mutant, built) for mutant in mutants if (built := _build(mutant, function))]


def _build(mutant: Mutant, function: Callable) -> Callable | None:
    namespace = dict(vars(sys.modules[function.__module__]))
    try:
        exec(compile(mutant.source, "<mutant>", "exec"), namespace)
    except Exception:
        return None
    return namespace[function.__name__]


SAFE = ("torch", "math", "builtins", "collections", "typing", "course_utils")


def _is_safe(function: Callable) -> bool:
    """Whether a function, and what it calls of its module, uses no library but torch."""
    names = {
        name
        for part in [function, *private_parts(function)]
        for code in _codes(part)
        for name in code.co_names
    }
    used = [vars(sys.modules[function.__module__]).get(name) for name in names]
    homes = [
        one.__name__ if isinstance(one, ModuleType) else getattr(one, "__module__", None) or "torch"
        for one in used
        if one is not None
    ]
    return all(home.partition(".")[0] in SAFE for home in homes)


def _codes(part: Callable) -> list[CodeType]:
    functions = vars(part).values() if isinstance(part, type) else [part]
    return [one.__code__ for one in functions if isinstance(one, FunctionType)]
