"""Right work by strangers loses nothing, and the self-check says what the judge says."""

import json
import re
from dataclasses import replace

import pytest
from stranger_cases import CASES, Case, shortened, solved
from workers import needs_bubblewrap, zygote

from autograder.assignments import find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.judge.exam import exam_of
from autograder.judge.judge import Judgement, judge
from course_utils.self_check import run

ASSIGNMENT = find_assignment("data_driven_graphics")
# An everyday run checks the self-check on these; on all of them with `-m slow`.
EVERYDAY = ("google.colab", "joined with its check, under the check's name", "put right below")
pytestmark = needs_bubblewrap


@pytest.fixture(scope="module")
def given():
    """The shortened notebook as it is given out, and its master."""
    master = read_master(ASSIGNMENT)
    return master, shortened(student_notebook(master))


@pytest.fixture(scope="module")
def opener():
    exam = exam_of(ASSIGNMENT)
    return zygote(exam.preload, exam.packs).slots[0].open


@pytest.fixture
def handed_in(given, tmp_path):
    def handed_in(case: Case):
        master, released = given
        notebook = solved(released, solution_notebook(master))
        case.change(notebook)
        path = tmp_path / f"{ASSIGNMENT.name}.ipynb"
        path.write_text(json.dumps(notebook), encoding="utf-8", newline="")
        return path

    return handed_in


@pytest.fixture
def judged(given, opener, handed_in):
    master, released = given
    exam = replace(exam_of(ASSIGNMENT), master=master, released=released)
    return lambda case: judge(handed_in(case), exam, opener=opener)


def lost(judgement: Judgement) -> list[str]:
    tasks = judgement.verdict.tasks
    return [
        f"{task.name}: {check.message}"
        for task in tasks
        for check in task.checks
        if not check.passed
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_right_work_loses_nothing_and_is_not_flagged(case, judged):
    judgement = judged(case)
    verdict = judgement.verdict
    assert verdict.status == "graded", verdict.reason
    assert lost(judgement) == []
    assert verdict.flags == []
    if case.repairs:
        assert any(re.search(case.repairs, note) for note in verdict.repairs), verdict.repairs
    assert not any("locked cell was changed" in note for note in verdict.repairs) or case.repairs


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if case.name in EVERYDAY else [pytest.mark.slow])
        for case in CASES
    ],
    ids=str,
)
def test_the_self_check_says_what_the_judge_says(case, given, judged, handed_in):
    verdict = judged(case).verdict
    checked = run(handed_in(case), released=given[1])
    by_judge = {task.name: task.earned == task.points for task in verdict.tasks}
    assert {name: result.passed for name, result in checked.results.items()} == by_judge, (
        checked.notes
    )
