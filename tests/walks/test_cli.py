"""The `autograder` command as a user types it: bad input is one sentence, and never a traceback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from command_line import autograder
from judged_class import course_of, submit
from workers import needs_bubblewrap

from autograder.assignments import find_assignment
from autograder.authoring.notebooks import student_notebook

NAME = "3_colorization"


BAD = {
    "unknown assignment": (
        ["build", "nonsense"],
        r"no assignment 'nonsense'. There is: .*3_colorization",
    ),
    "missing course directory": (
        ["grade", "nowhere"],
        r"not a course directory.*autograder init nowhere",
    ),
    "missing notebook": (["judge", "nowhere.ipynb"], r"There is no file nowhere\.ipynb"),
    "nameless notebook": (
        ["judge", "homework.ipynb"],
        r"does not tell which assignment.*--assignment",
    ),
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
    assert (verdict["earned"], verdict["points"]) == (0, 76)


def test_wrong_nbformat_is_repaired_and_graded(tmp_path, answers):
    cells = [
        {"cell_type": "code", "input": "import torch\nfrom torch import Tensor", "outputs": None}
    ]
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
    checks = Path(__file__).parents[2] / "autograder" / "checks"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=no",  # to find the lines of eighty failures takes pytest ten seconds
        checks,
        "--submission",
        path,
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert re.search(r"3 of 3 +l2_loss", ran.stdout)
    assert re.search(r"3 of 76 +total", ran.stdout)
    assert "4 passed" in ran.stdout


def test_help_teaches():
    commands = (
        "judge",
        "grade",
        "release",
        "init",
        "demo",
        "doctor",
        "build",
        "collect",
        "report",
        "gradescope",
        "roster",
        "export",
        "watch",
    )
    for command in ([], *([name] for name in commands)):
        ran = autograder(*command, "--help", cwd=Path.cwd())
        assert ran.returncode == 0
        assert len(ran.stdout.split()) > 30


# A user whose namespaces are all taken: bubblewrap is there, and can't do its work.
USER = ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
CONFINED = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", *USER]
NO_SANDBOX = {
    "no bubblewrap": ([], {"PATH": str(Path(sys.executable).parent)}, r"apt install bubblewrap"),
    "no namespaces": (CONFINED, {}, r"namespace.*(sysctl|seccomp=unconfined|AppArmor)"),
}


@pytest.fixture
def course(warm_up, tmp_path):
    """One student has handed in what was given out."""
    course = course_of(warm_up, tmp_path)
    submit(course, warm_up.assignment, "ann", student_notebook(warm_up))
    return course


@needs_bubblewrap
@pytest.mark.parametrize("case", NO_SANDBOX)
@pytest.mark.parametrize("command", ["doctor", "grade"])
def test_without_the_sandbox_nothing_is_graded_and_the_remedy_is_told(
    course, warm_up, command, case
):
    before, env, remedy = NO_SANDBOX[case]
    words = [command] if command == "doctor" else [command, str(course.folder)]
    ran = subprocess.run(
        [*before, sys.executable, "-m", "autograder.cli", *words],
        env=os.environ | env,
        cwd=course.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((ran.stdout + ran.stderr).replace("\n", " ").split())
    assert ran.returncode in (1, 2), said
    assert re.search(remedy, said), said
    assert "Traceback" not in said
    assert not list(course.folder.glob("verdicts/*/ann/verdict.json"))
    assert not course.autograded(warm_up.assignment, "ann").exists()


def test_the_weaker_level_is_named_by_whoever_wants_it_and_stamped_on_all(master, tmp_path):
    course = course_of(master, tmp_path)
    config = course.folder / "nbgrader_config.py"
    config.write_text(config.read_text().replace("'bubblewrap'", "'process'"))
    notebook = student_notebook(master)
    notebook.cells = [cell for cell in notebook.cells if not cell.id.startswith("picture-")]
    submit(course, find_assignment(NAME), "ann", nbformat.from_dict(notebook))
    ran = autograder("grade", course.folder, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    verdict = json.loads(next(course.folder.glob("verdicts/*/ann/verdict.json")).read_text())
    assert verdict["level"] == "process"
    page = course.feedback(find_assignment(NAME), "ann").read_text()
    assert "Graded without a sandbox" in page


@pytest.mark.parametrize(
    ("earlier", "current"),
    [
        (("grade", "--regrade"), "--force"),
        (("build", "--again"), "--force"),
        (("judge", "--level", "process"), "--sandbox"),
    ],
)
def test_earlier_names_of_options_still_work_and_are_not_shown(tmp_path, earlier, current):
    ran = autograder(*earlier, "nowhere", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("autograder: ")
    shown = autograder(earlier[0], "--help", cwd=tmp_path).stdout
    assert current in shown
    assert earlier[1] not in shown
