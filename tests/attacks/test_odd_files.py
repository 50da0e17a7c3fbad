"""Whatever is handed in, the reason is said or the work is found; and the class goes on."""

import json
import re
import shutil
from time import process_time

import pytest
from aftermath import traces
from attack import RIGHT, TASKS, Attack
from odd_files import ODD_FILES

from autograder.judge.verdict import Verdict

SOLVED = Attack("solved", l2_loss=RIGHT)


@pytest.fixture
def folder(course):
    """The folder that a student hands in, empty."""
    folder = course / "submitted/mallory/3_colorization"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("odd", ODD_FILES, ids=str)
def test_odd_file(odd, folder, judging, released, course, stages):
    path = folder / "3_colorization.ipynb"
    odd.lay(path, SOLVED.submission(released))
    before, start = traces(course, stages), process_time()
    judgement = judging(path)
    assert process_time() - start < 20  # of the judge's: the worker has limits of its own
    verdict = judgement.verdict
    assert verdict.status == ("refused" if odd.earns is None else "graded"), verdict.reason
    assert tuple(verdict.task(task).earned for task in TASKS) == (odd.earns or (0, 0))
    assert odd.says in "\n".join([verdict.reason, *verdict.repairs])
    assert bool(verdict.flags) == bool(odd.flagged), verdict.flags
    assert any(re.search(odd.flagged, flag) for flag in verdict.flags or [""]), verdict.flags
    assert Verdict.from_json(verdict.to_json()) == verdict
    text = json.dumps(judgement.notebook)
    assert "ESCAPED" not in text
    assert "<script" not in text
    text.encode()
    assert traces(course, stages) == before
