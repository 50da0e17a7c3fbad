"""A verdict does not depend on how busy the machine is."""

import json

import pytest
from attack import TASKS
from busy_machine import CLASS, FULL, LIMITS, busy
from workers import needs_bubblewrap

from autograder.assignments import find_assignment
from autograder.judge import judge as judge_module
from autograder.judge.checking.run_checks import run_checks
from autograder.judge.workers.own_time import can_be_told

NAME = find_assignment("colorization").name
pytestmark = [
    needs_bubblewrap,
    pytest.mark.skipif(not can_be_told(), reason="this kernel does not say what waits for a core"),
]
MOST_WORKERS = 2  # of a right answer: one more try


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
    """A pool that was started while the machine was idle.

    Only the two tasks are checked, as each call has to wait for a core.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            judge_module,
            "run_checks",
            lambda *given: run_checks(*given[:2], [*given[2:], TASKS][0]),
        )
        yield pool_with(LIMITS)


def outcomes(pool, paths):
    """For each submission: its status, the outcome of each check, and its number of workers."""
    found = {}
    for path, judgement in pool.judge(paths):
        verdict = judgement.verdict
        checks = [
            (check.name, check.earned, check.kind, check.message)
            for task in verdict.tasks
            for check in task.checks
        ]
        found[paths[path]] = (verdict.status, checks, verdict.resources["workers"])
    return found


def earned(checks):
    return sum(points for _, points, *_ in checks)


# Of the twenty, those that an everyday run judges: each in one of the ways to take time.
FEW = ("hangs", "forks", "plain", "slow", "prints", "raises")
ALL = tuple(one.name for one in CLASS)
# With all of them it takes a minute or two, and everything else on the machine with it.
SETTINGS = [
    pytest.param(FEW, 2, id="few-2"),
    pytest.param(ALL, 4, id="all-4", marks=pytest.mark.slow),
    pytest.param(ALL, 12, id="all-12", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("names", "loops"), SETTINGS)
def test_a_class_gets_the_same_verdicts_on_a_busy_machine(names, loops, pool, paths):
    some = {path: name for path, name in paths.items() if name in names}
    assert sorted(some.values()) == sorted(names)
    idle = outcomes(pool, some)
    with busy(loops):
        loaded = outcomes(pool, some)
    assert {name: one[:2] for name, one in loaded.items()} == {
        name: one[:2] for name, one in idle.items()
    }
    assert {status for status, *_ in loaded.values()} == {"graded"}
    right = [one.name for one in CLASS if one.earns == FULL and one.name in names]
    assert {idle[name][2] for name in right} == {1}
    assert all(loaded[name][2] <= MOST_WORKERS for name in right)
    assert all(earned(loaded[name][1]) == sum(FULL) for name in right)
