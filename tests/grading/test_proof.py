"""The grader's own proof: hidden checks pass what is right, fail what is wrong, and say which
mistake it was.

A topic joins by being listed in equivalent.py.
"""

import re
from collections.abc import Callable

import pytest
import torch
from equivalent import EQUIVALENT
from malformed_answers import ODD, OF_NETWORKS, odd_answer
from mutants import mutants_of, reference, survivors

from autograder.alternatives import alternatives_of
from autograder.checks import checks_module, checks_of
from autograder.judge.checking import run_checks as run_checks_module
from autograder.judge.checking.run_checks import run_checks
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.verdict import TaskVerdict
from autograder.misconceptions import misconceptions_of

TOPICS = list(EQUIVALENT)
TASKS = [
    (topic, task)
    for topic in TOPICS
    for task in dict.fromkeys(check.task for check in checks_of(topic))
]
ALTERNATIVES = [
    (topic, task, alternative)
    for topic in TOPICS
    for task, found in alternatives_of(topic).items()
    for alternative in found
]
MISCONCEPTIONS = [
    (topic, item)
    for topic in TOPICS
    for items in misconceptions_of(topic).values()
    for item in items
]

each_topic = pytest.mark.parametrize("topic", TOPICS)
each_task = pytest.mark.parametrize(("topic", "task"), TASKS)
each_alternative = pytest.mark.parametrize(
    ("topic", "task", "alternative"),
    ALTERNATIVES,
    ids=lambda value: getattr(value, "__name__", value),
)
each_misconception = pytest.mark.parametrize(
    ("topic", "item"), MISCONCEPTIONS, ids=lambda value: getattr(value, "function", pytest).__name__
)


def verdict_on(topic: str, task: str, answer: object) -> TaskVerdict:
    """The verdict on a task, answered by one function, with the reference for all others."""
    submission = LocalSubmission(vars(reference(topic)) | {task: answer})
    [verdict] = run_checks(topic, submission, tasks=[task])
    return verdict


def passes(check: object, topic: str, answer: object) -> bool:
    """Whether one check passes, without a verdict."""
    submission = LocalSubmission(vars(reference(topic)) | {check.task: answer})
    try:
        getattr(checks_module(topic), check.name)(submission)
    except Exception:
        return False
    return True


def failures(verdict: TaskVerdict) -> list[tuple[str, str, str]]:
    return [(check.name, check.kind, check.message) for check in verdict.checks if not check.passed]


# ------------------------------------------------------------------------------------ right answers


@each_topic
def test_the_reference_earns_everything(topic):
    for task in run_checks(topic, LocalSubmission(vars(reference(topic)))):
        assert failures(task) == []
        assert task.earned == task.points > 0


@each_alternative
def test_every_alternative_earns_everything(topic, task, alternative):
    assert failures(verdict_on(topic, task, alternative)) == []


@each_task
def test_another_order_of_operations_costs_nothing(topic, task):
    """Results that are off by a millionth, up and down; whole numbers are not."""

    def rounded_elsewhere(tensor):
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            return tensor
        signs = 1 - 2 * (tensor.detach().flatten().argsort().reshape(tensor.shape) % 2)
        return tensor * (1 + 1e-6 * signs).to(tensor.dtype)

    assert (
        failures(
            verdict_on(topic, task, odd_answer(getattr(reference(topic), task), rounded_elsewhere))
        )
        == []
    )


@each_topic
def test_every_task_has_two_alternatives_and_four_misconceptions(topic):
    tasks = [task for other, task in TASKS if other == topic]
    alternatives, misconceptions = alternatives_of(topic), misconceptions_of(topic)
    assert set(alternatives) == set(misconceptions) == set(tasks) == set(EQUIVALENT[topic])
    assert [task for task in tasks if len(alternatives[task]) < 2] == []
    assert [task for task in tasks if len(misconceptions[task]) < 4] == []


# ------------------------------------------------------------------------------------ wrong answers


@each_task
def test_the_stub_earns_nothing(topic, task):
    def stub(*args, **kwargs):
        raise NotImplementedError(task)

    verdict = verdict_on(topic, task, stub)
    assert verdict.earned == 0
    assert {check.kind for check in verdict.checks} == {"not solved"}
    assert verdict.misconception is None


@each_misconception
def test_every_misconception_loses_points_and_is_named(topic, item):
    verdict = verdict_on(topic, item.task, item.function)
    assert verdict.earned < verdict.points
    assert verdict.misconception == (item.name, item.hint)
    assert [message for *_, message in failures(verdict) if tells_too_much(message)] == []


def tells_too_much(message: str) -> bool:
    """Numbers, other than in a shape, a dtype, a task's name or a whole score: an input or a
    result.
    """
    harmless = r"`[\w.]+`|\([\d, ]*\)|(float|int|complex)\d+|-?\b\d+(%| dB)"
    return bool(re.search(r"\d", re.sub(harmless, "", message)))


@each_task
def test_every_check_fails_a_misconception(topic, task):
    wrong = [item.function for item in misconceptions_of(topic)[task]]
    checks = [check for check in checks_of(topic) if check.task == task]
    assert [
        check.name for check in checks if all(passes(check, topic, answer) for answer in wrong)
    ] == []


def odd_answers_to(topic: str, task: str, kinds: str) -> dict[str, Callable]:
    """The odd answers to a task, by kind; to a network, in an everyday run, some of them."""
    right = getattr(reference(topic), task)
    names = OF_NETWORKS if kinds == "some" and isinstance(right, type) else ODD
    return {name: odd_answer(right, ODD[name]) for name in names}


# For a function, all kinds are tried in either case.
NETWORKS = [
    (topic, task) for topic, task in TASKS if isinstance(getattr(reference(topic), task), type)
]
ODD_CASES = [pytest.param(*each, "some") for each in TASKS]
ODD_CASES += [pytest.param(*each, "all", marks=pytest.mark.slow) for each in NETWORKS]


@pytest.mark.parametrize(("topic", "task", "kinds"), ODD_CASES)
def test_odd_answers_earn_nothing_and_end_nothing(topic, task, kinds, monkeypatch):
    """None is mistaken for a misconception, or breaks the comparison with one; one will do."""
    first = {name: items[:1] for name, items in misconceptions_of(topic).items()}
    monkeypatch.setattr(run_checks_module, "misconceptions_of", lambda _: first)
    answers = odd_answers_to(topic, task, kinds)
    earned = {name: verdict_on(topic, task, answer).earned for name, answer in answers.items()}
    assert earned == dict.fromkeys(answers, 0)


# ------------------------------------------------------------------------------------------ mutants


ENOUGH = 12  # mutants of a task, for an everyday run


@each_task
@pytest.mark.parametrize(
    "most", [ENOUGH, pytest.param(None, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_every_mutant_dies_or_is_listed(topic, task, most):
    """Of a task with many, a dozen that are evenly spread; all of them under `-m slow`."""
    mutants = list(mutants_of(getattr(reference(topic), task)))
    listed = set(EQUIVALENT[topic][task])
    assert listed <= set(mutants)
    tried = mutants[:: -(-len(mutants) // most)] if most else mutants
    assert sorted(survivors(topic, task, tried)) == sorted(listed & set(tried))


@each_topic
def test_nineteen_of_twenty_mutants_die(topic):
    tasks = EQUIVALENT[topic]
    mutants = sum(len(mutants_of(getattr(reference(topic), task))) for task in tasks)
    assert sum(map(len, tasks.values())) <= 0.05 * mutants
