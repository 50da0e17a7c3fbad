"""Garbage earns nothing: constants, noise and a task's own input are no answers, whatever their
form.
"""

import pytest
from garbage import GARBAGE, OF_NETWORKS, garbage_answer
from mutants import reference
from test_proof import TASKS, passes

from autograder.checks import checks_of

# Checks that a kind of garbage passes for a good reason, by task: check, and the garbage.
EARNED: dict[str, set[tuple[str, str]]] = {}


@pytest.mark.parametrize(("topic", "task"), TASKS)
def test_garbage_earns_nothing(topic, task):
    right = getattr(reference(topic), task)
    checks = [check for check in checks_of(topic) if check.task == task]
    kinds = OF_NETWORKS if isinstance(right, type) else GARBAGE
    answers = {name: garbage_answer(right, GARBAGE[name]) for name in kinds}
    earned = {
        (check.name, name)
        for name, answer in answers.items()
        for check in checks
        if passes(check, topic, answer)
    }
    assert earned == EARNED.get(task, set())
