"""Every attack gets its verdict, nothing of it is left, and the next submission is graded right."""

import json
import os
import re
from collections.abc import Callable, Iterator

import pytest
from aftermath import traces
from attack import CLEAN, TASKS, Attack
from awkward import AWKWARD
from escapes import ESCAPES
from forbidden import BLOCKED, FORBIDDEN, SEEN
from running_wild import RUNNING_WILD
from tampering import TAMPERING

from autograder.feedback.wording import task_comment, task_html, task_text, verdict_note
from autograder.judge.judge import Judgement

THEMES = {
    "tampering": TAMPERING,
    "escape": ESCAPES,
    "wild": RUNNING_WILD,
    "awkward": AWKWARD,
    "forbidden": FORBIDDEN,
}


def earned(judgement: Judgement) -> tuple[float, ...]:
    return tuple(judgement.verdict.task(task).earned for task in TASKS)


def shown(judgement: Judgement) -> str:
    """All that a student gets to see."""
    verdict = judgement.verdict
    pages = [page(task) for task in verdict.tasks for page in (task_html, task_text, task_comment)]
    return "\n".join([*pages, verdict_note(verdict), json.dumps(judgement.notebook)])


def outputs(judgement: Judgement) -> str:
    return json.dumps([cell.get("outputs", []) for cell in judgement.notebook.cells])


CASES = [
    pytest.param(
        attack,
        id=f"{theme}: {attack.name}",
        marks=[pytest.mark.xfail(reason=attack.known, strict=True)] if attack.known else [],
    )
    for theme, attacks in THEMES.items()
    for attack in attacks
]


@pytest.fixture(scope="module")
def clean(judging, hand_in_as) -> Judgement:
    """What a clean submission gets before anything has happened."""
    return judging(hand_in_as("bob", CLEAN))


@pytest.fixture(scope="module")
def judge_the_next(request, clean, judging, hand_in_as) -> Iterator[Callable[[], None]]:
    """Judge a clean submission as the next of the class: after every tenth attack and the last.

    With `--beside`, after each.
    """
    at_most = 1 if request.config.getoption("--beside") else 10
    attacks = 0

    def judge_clean() -> None:
        after = judging(hand_in_as("bob", CLEAN))
        assert after.verdict.tasks == clean.verdict.tasks
        assert earned(after) == CLEAN.earns

    def judge_the_next() -> None:
        nonlocal attacks
        attacks += 1
        if attacks % at_most == 0:
            judge_clean()

    yield judge_the_next
    if attacks % at_most:
        running = os.environ["PYTEST_CURRENT_TEST"]  # the checks are a pytest run, and remove it
        judge_clean()
        os.environ["PYTEST_CURRENT_TEST"] = running


@pytest.mark.parametrize("attack", CASES)
def test_attack(attack, judge_the_next, judging, hand_in_as, course, stages):
    before = traces(course, stages)
    judgement = judging(hand_in_as("mallory", attack), attack.limits, attack.rules)
    assert_verdict(attack, judgement)
    assert traces(course, stages) == before
    judge_the_next()


@pytest.mark.parametrize("attack", [*SEEN, *BLOCKED], ids=str)
def test_without_the_rule_it_would_have_earned_its_points(attack, judging, hand_in_as):
    assert earned(judging(hand_in_as("mallory", attack))) == (3, 4)


def assert_verdict(attack: Attack, judgement: Judgement) -> None:
    verdict = judgement.verdict
    assert verdict.status == "graded", verdict.reason
    assert earned(judgement) == attack.earns, failures(judgement)
    kinds = {check.kind for check in verdict.task("l2_loss").checks if not check.passed}
    assert not attack.kinds or kinds <= attack.kinds, failures(judgement)
    assert sum(task.earned for task in verdict.tasks) == sum(attack.earns)
    json.dumps(judgement.notebook, ensure_ascii=False).encode()  # can be written to a file
    assert "ESCAPED" not in outputs(judgement), outputs(judgement)
    assert "<script" not in outputs(judgement)
    assert attack.shows in outputs(judgement)
    if attack.flagged is not None:
        assert bool(verdict.flags) == bool(attack.flagged), verdict.flags
        assert any(re.search(attack.flagged, flag) for flag in verdict.flags or [""]), verdict.flags


def failures(judgement: Judgement) -> list[tuple[str, str, str]]:
    return [
        (check.name, check.kind, check.message)
        for task in judgement.verdict.tasks
        if task.name in TASKS
        for check in task.checks
        if not check.passed
    ]
