"""A failed task's diagnosis: a known mistake first, then a relation, then a one-fault change."""

import ast
import inspect
import json
import textwrap

import pytest
import torch

from autograder.assignments import assignments
from autograder.checks import checks_module, checks_of
from autograder.judge.checking import run_checks as run_checks_module
from autograder.judge.checking.comparing import pairs_of, reply
from autograder.judge.checking.explain import diagnose
from autograder.judge.checking.mutants import faults_of
from autograder.judge.checking.one_fault import candidates, fault_of
from autograder.judge.checking.run_checks import run_checks
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.verdict import CheckVerdict, Diagnosis, TaskVerdict, Verdict
from course_utils.reference import colorization

TOPIC = "colorization"
TASKS = [
    (assignment, task)
    for assignment in assignments()
    for task in dict.fromkeys(check.task for check in checks_of(assignment.topic))
]


def judged(task: str, answer: object, topic: str = TOPIC) -> TaskVerdict:
    reference = vars(next(one for one in assignments() if one.topic == topic).reference())
    [verdict] = run_checks(topic, LocalSubmission(reference | {task: answer}), [task])
    return verdict


@pytest.fixture
def unforeseen(monkeypatch):
    """As if nobody had written a misconception."""
    monkeypatch.setattr(run_checks_module, "misconceptions_of", lambda _: {})


def twice(prediction, target):
    return (prediction - target).square().sum(dim=1).mean()


def test_a_known_mistake_comes_first():
    assert judged("l2_loss", twice).diagnosis.kind == "known mistake"


@pytest.mark.usefixtures("unforeseen")
def test_a_relation_comes_next():
    found = judged("l2_loss", twice).diagnosis
    assert found.kind == "relation"
    assert found.says == "Your results are right up to a factor: they are 2 times as large."
    assert judged("l2_loss", twice).misconception is None


def wide(ab, bins, neighbors=10, sigma=5.0):
    distances = torch.cdist(ab.movedim(1, -1), bins, compute_mode="donot_use_mm_for_euclid_dist")
    near, places = distances.topk(neighbors, largest=False)
    shares = torch.softmax(-near.square() / (2 * sigma), dim=-1)
    return torch.zeros_like(distances).scatter(-1, places, shares).movedim(-1, 1)


@pytest.mark.usefixtures("unforeseen")
def test_a_one_fault_change_comes_last():
    found = judged("soft_encode", wide).diagnosis
    assert (found.kind, found.name) == ("one-fault change", "a power is missing")
    assert found.says == "One change to a right answer gives your results: a power is missing."


@pytest.mark.usefixtures("unforeseen")
@pytest.mark.parametrize(
    "answer",
    [
        lambda prediction, target: (prediction - target).abs().sum().exp(),
        lambda prediction, target: torch.tensor(0.25),
        lambda prediction, target: None,
        lambda prediction, target: prediction[999],
    ],
)
def test_an_unrelated_answer_gets_none(answer):
    verdict = judged("l2_loss", answer)
    assert verdict.earned < verdict.points
    assert verdict.diagnosis is None


@pytest.mark.usefixtures("unforeseen")
def test_a_fault_in_the_diagnosis_costs_no_grade(monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(run_checks_module, "diagnose", broken)
    verdict = judged("l2_loss", twice)
    assert 0 <= verdict.earned < verdict.points
    assert verdict.diagnosis is None


def test_what_hangs_is_not_run_again():
    submission = LocalSubmission({})
    submission._functions = {"l2_loss": lambda prediction, target: prediction}
    submission.l2_loss(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
    submission.calls[0].result = run_checks_module.Failure("time", "it took too long")
    assert diagnose("l2_loss", submission.calls, vars(colorization)) is None


# ------------------------------------------------------------------------------------------ mutants


def answered(task: str, answer: object, *calls: tuple):
    submission = LocalSubmission({task: answer})
    for args in calls:
        getattr(submission, task)(*args)
    return pairs_of(submission.calls, vars(colorization))


PRIORS = [(torch.tensor([0.1, 0.2, 0.3, 0.4]),), (torch.tensor([0.7, 0.1, 0.2]), 0.2)]


def test_a_mutant_has_to_agree_in_right_calls_too():
    def fault(prior, lam=0.5):
        weights = 1 / ((1 - lam) * prior + lam * len(prior))
        return weights / (prior * weights).sum()

    pairs = answered("rebalancing_weights", fault, *PRIORS)
    assert fault_of("rebalancing_weights", pairs, vars(colorization)).words == "`·` in place of `/`"

    def sometimes(prior, lam=0.5):
        return fault(prior) if len(prior) == 4 else colorization.rebalancing_weights(prior, lam)

    pairs = answered("rebalancing_weights", sometimes, *PRIORS)
    assert fault_of("rebalancing_weights", pairs, vars(colorization)) is None


def test_one_number_is_no_evidence():
    def fault(prediction, target):
        return 0.5 / (prediction - target).square().sum(dim=1).mean()

    one = torch.arange(24.0).view(1, 2, 3, 4), torch.zeros(1, 2, 3, 4)
    assert fault_of("l2_loss", answered("l2_loss", fault, one), vars(colorization)) is None
    two = one[0].sin(), one[1]
    found = fault_of("l2_loss", answered("l2_loss", fault, one, two), vars(colorization))
    assert found.words == "`/` in place of `·`"


@pytest.mark.parametrize(
    ("assignment", "task"), TASKS, ids=lambda value: getattr(value, "name", value)
)
def test_words_quote_no_line_of_the_reference(assignment, task):
    function = getattr(assignment.reference(), task)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    lines = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.stmt)}
    faults = faults_of(function)
    assert not [fault for fault in faults if any(line in fault.words for line in lines)]
    assert all(fault.words and fault.hint for fault in faults)


class Recording(LocalSubmission):
    """Keeps the calls of all checks."""

    def __init__(self, functions):
        super().__init__(functions)
        self.every = []

    def _record(self, call):
        self.every.append(call)
        return super()._record(call)


@pytest.mark.parametrize(
    ("assignment", "task"), TASKS, ids=lambda value: getattr(value, "name", value)
)
def test_mutants_end_with_an_answer_or_an_error(assignment, task):
    """They run in the judge's process: none may crash or hang there."""
    reference = vars(assignment.reference())
    submission = Recording(reference)
    for check in checks_of(assignment.topic):
        if check.task == task and check.explained:
            getattr(checks_module(assignment.topic), check.name)(submission)
    networks = any(call.of is not None for call in submission.every)
    for _, function in candidates(reference[task], networks):
        mutant = LocalSubmission({task: function})
        for call in submission.every:
            reply(mutant, call)


# ----------------------------------------------------------------------------------------- verdicts


def test_a_verdict_keeps_the_kind_and_an_old_one_has_the_only_one_there_was():
    check = CheckVerdict("test_a", "It says.", 1, False, "wrong value", "", "too large", "Look.")
    check.diagnosis = "relation"
    verdict = Verdict("3_colorization", "graded", "bubblewrap", [TaskVerdict("a", [check])])
    again = Verdict.from_json(verdict.to_json())
    assert again == verdict
    assert again.tasks[0].diagnosis == Diagnosis("relation", "too large", "Look.")
    old = json.loads(verdict.to_json())
    del old["tasks"][0]["checks"][0]["diagnosis"]
    assert Verdict.from_json(json.dumps(old)).tasks[0].misconception == ("too large", "Look.")
