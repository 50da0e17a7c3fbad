"""A verdict does not depend on how busy the machine is."""

import json

import pytest
from busy_machine import CLASS, LIMITS, busy
from workers import needs_bubblewrap

from autograder.catalogue import find_assignment
from autograder.judge.own_time import can_be_told

NAME = find_assignment("colorization").name
pytestmark = [
    needs_bubblewrap,
    pytest.mark.skipif(not can_be_told(), reason="this kernel does not say what waits for a core"),
]
RIGHT, MOST_WORKERS = 10, 2  # so many right answers are first in the class; none needs more than one more try


@pytest.fixture(scope="module")
def paths(released, tmp_path_factory):
    """Where the class is handed in, with the names of its submissions."""
    found = {}
    for one in CLASS:
        path = tmp_path_factory.mktemp("class") / f"{NAME}.ipynb"
        path.write_text(json.dumps(one.submission(released)))
        found[path] = one.name
    return found


@pytest.fixture(scope="module")
def pool(pool_with):
    """Started while the machine is idle."""
    return pool_with(LIMITS)


def outcomes(pool, paths):
    """Of each submission: its status, each check's fate with its reason, and how many workers it took."""
    found = {}
    for path, judgement in pool.judge(paths):
        verdict = judgement.verdict
        checks = [
            (check.name, check.passed, check.kind, check.message)
            for task in verdict.tasks
            for check in task.checks
        ]
        found[paths[path]] = (verdict.status, checks, verdict.resources["workers"])
    return found


@pytest.fixture(scope="module")
def idle(pool, paths):
    return outcomes(pool, paths)


@pytest.mark.parametrize("loops", [pytest.param(4, marks=pytest.mark.slow), 12])
def test_a_class_gets_the_same_verdicts_on_a_busy_machine(loops, pool, paths, idle):
    with busy(loops):
        loaded = outcomes(pool, paths)
    assert {name: one[:2] for name, one in loaded.items()} == {name: one[:2] for name, one in idle.items()}
    assert {status for status, *_ in loaded.values()} == {"graded"}
    assert all(loaded[one.name][2] <= MOST_WORKERS for one in CLASS[:RIGHT])
