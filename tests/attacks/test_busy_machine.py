"""A verdict does not depend on how busy the machine is."""

import json

import pytest
from attack import two_tasks
from busy_machine import CLASS, LIMITS, busy
from workers import needs_bubblewrap

from autograder.build.notebooks import student_notebook
from autograder.catalogue import find_assignment
from autograder.judge import judge as judge_module
from autograder.judge.limits import Limits
from autograder.judge.own_time import can_be_told
from autograder.judge.pool import Pool

COLORIZATION = find_assignment("colorization")
pytestmark = [
    needs_bubblewrap,
    pytest.mark.skipif(not can_be_told(), reason="this kernel does not say what waits for a core"),
]
RIGHT, MOST_WORKERS = 10, 2  # so many right answers are first in the class; none needs more than one more try


@pytest.fixture(scope="module")
def submissions(master, tmp_path_factory):
    released = two_tasks(student_notebook(master))
    paths = {}
    for one in CLASS:
        path = tmp_path_factory.mktemp("class") / f"{COLORIZATION.name}.ipynb"
        path.write_text(json.dumps(one.submission(released)))
        paths[path] = one.name
    return released, paths


@pytest.fixture(scope="module")
def pool(master, submissions):
    """Started while the machine is idle; its slots are forked from here, with what is patched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "_released", lambda _: (master, submissions[0]))
        patch.setattr(judge_module, "limits_of", lambda _: Limits.from_mapping(LIMITS))
        with Pool(COLORIZATION) as pool:
            assert pool.zygote, pool.why_cold
            yield pool


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
def idle(pool, submissions):
    return outcomes(pool, submissions[1])


@pytest.mark.parametrize("loops", [pytest.param(4, marks=pytest.mark.slow), 12])
def test_a_class_gets_the_same_verdicts_on_a_busy_machine(loops, pool, submissions, idle):
    with busy(loops):
        loaded = outcomes(pool, submissions[1])
    assert {name: one[:2] for name, one in loaded.items()} == {name: one[:2] for name, one in idle.items()}
    assert {status for status, *_ in loaded.values()} == {"graded"}
    assert all(loaded[one.name][2] <= MOST_WORKERS for one in CLASS[:RIGHT])
