"""The students' self-check and the judge agree on right answers of unusual form."""

import json

import pytest
from attack import TASKS
from awkward import AWKWARD

from course_utils.self_check import run

# An everyday run tries these; `-m slow` all of them.
EVERYDAY = ("several tries, the last of which counts", "the untouched stub")
CASES = [
    pytest.param(case, marks=[] if case.name in EVERYDAY else [pytest.mark.slow], id=case.name)
    for case in AWKWARD
]


@pytest.mark.parametrize("case", CASES)
def test_the_self_check_agrees(case, judging, released, tmp_path):
    path = tmp_path / "3_colorization.ipynb"
    path.write_text(json.dumps(case.submission(released)))
    verdict = judging(path, case.limits, case.rules).verdict
    checked = run(path, released=released)
    for task in TASKS:
        judged = verdict.task(task)
        assert checked.results[task].passed == (judged.earned == judged.points), (
            task,
            checked.results[task],
        )
