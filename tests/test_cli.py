"""The `autograder` command as a user types it: bad input is one sentence, and never a traceback."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

NAME = "3_colorization"


def autograder(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "autograder.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


BAD = {
    "unknown assignment": (["build", "nonsense"], r"no assignment 'nonsense'. There is: 3_colorization"),
    "missing course directory": (["grade", "nowhere"], r"not a course directory.*autograder init nowhere"),
    "missing notebook": (["judge", "nowhere.ipynb"], r"There is no file nowhere\.ipynb"),
    "nameless notebook": (["judge", "homework.ipynb"], r"does not tell which assignment.*--assignment"),
    "course directory is a file": (["init", "homework.ipynb"], r"is a file"),
    "folder that is no demo": (["demo", "--to", "mine"], r"is not empty and no earlier demo"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_with_a_remedy(tmp_path, case):
    (tmp_path / "homework.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "1"}]}')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    arguments, message = BAD[case]
    ran = autograder(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert re.search(message, " ".join(ran.stderr.split()))
    assert "Traceback" not in ran.stderr + ran.stdout
    assert (tmp_path / "mine" / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not json", "is not JSON"),
        (b"", "is empty"),
        (b" " * (200 * 2**20), "200 MB, and 25 MB is the limit"),
        (b'{"nbformat": 1}', "has no cells"),
    ],
    ids=["not JSON", "empty", "200 MB", "no cells"],
)
def test_unreadable_notebooks_get_a_verdict_with_the_reason(tmp_path, content, reason):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_bytes(content)
    ran = autograder("judge", path, "--json", cwd=tmp_path)
    verdict = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert verdict["status"] == "refused"
    assert reason in verdict["reason"]
    assert (verdict["earned"], verdict["points"]) == (0, 42)


def test_wrong_nbformat_is_repaired_and_graded(tmp_path, answers):
    cells = [{"cell_type": "code", "input": "import torch\nfrom torch import Tensor", "outputs": None}]
    cells.append({"cell_type": "code", "input": answers["l2_loss"], "language": "python"})
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))
    ran = autograder("judge", path, "--json", cwd=tmp_path)
    verdict = json.loads(ran.stdout)
    assert verdict["status"] == "graded"
    assert verdict["earned"] == 3


def test_hidden_checks_of_a_notebook_from_the_shell(tmp_path, notebook_with, answers):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(json.dumps(notebook_with({"l2_loss": answers["l2_loss"]})))
    checks = Path(__file__).parent.parent / "autograder" / "checks"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", checks, "--submission", path]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert re.search(r"3 of 3 +l2_loss", ran.stdout)
    assert re.search(r"3 of 42 +total", ran.stdout)
    assert "4 passed" in ran.stdout


def test_help_teaches():
    for command in ([], ["judge"], ["grade"], ["release"], ["init"], ["demo"], ["doctor"], ["build"]):
        ran = autograder(*command, "--help", cwd=Path.cwd())
        assert ran.returncode == 0
        assert len(ran.stdout.split()) > 30
