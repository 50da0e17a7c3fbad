"""Whether a notebook's visible checks pass, as nbgrader's Validate button tells it."""

import subprocess
import sys
from contextlib import suppress

import nbformat
import pytest
from nbgrader.validator import Validator

from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import student_files
from course_utils import visible_checks


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(visible_checks, "_passed", set())


def test_what_has_passed_is_remembered(capsys):
    visible_checks.passed("vote")
    assert capsys.readouterr().out == "vote: the visible checks pass.\n"
    visible_checks.required("vote")
    with pytest.raises(AssertionError, match="the visible checks of blend do not pass"):
        visible_checks.required("blend")


def test_a_block_that_passes_says_so_and_is_remembered(capsys):
    with visible_checks.of("vote"):
        assert capsys.readouterr().out == ""
    assert capsys.readouterr().out == "vote: the visible checks pass.\n"
    visible_checks.required("vote")


def test_a_block_that_fails_raises_its_own_error_and_no_longer_counts_as_passed(capsys):
    visible_checks.passed("vote")
    with (
        pytest.raises(AssertionError, match="two votes beat one") as failed,
        visible_checks.of("vote"),
    ):
        raise AssertionError("two votes beat one")
    assert [str(entry.path) for entry in failed.traceback] == [__file__]
    with pytest.raises(AssertionError, match="the visible checks of vote do not pass"):
        visible_checks.required("vote")
    assert capsys.readouterr().out.count("pass") == 1


@pytest.mark.parametrize("ending", ["pass", "1 / 0", "raise KeyboardInterrupt"])
def test_after_a_block_every_name_is_what_it_was(ending):
    block = [
        "with visible_checks.of('vote'):",
        "    squared = 4",
        "    del gone",
        "    import os as new",
        "    ",
    ]
    names = {
        "squared": abs,
        "gone": 1,
        "visible_checks": visible_checks,
        "__builtins__": __builtins__,
    }
    before = dict(names)
    with suppress(ZeroDivisionError, KeyboardInterrupt):
        exec("\n".join(block) + ending, names)
    assert names == before


def test_the_validate_button_counts_the_tasks_that_are_not_solved(
    tmp_path, notebook_with, answers, master
):
    """Two tasks are solved, one is wrong, the others are stubs: all but the two are reported."""
    *right, wrong = master.tasks[:3]
    given = {task: answers[task] for task in right}
    notebook = notebook_with(given | {wrong: f"def {wrong}(*args, **kwargs):\n    return None"})
    for cell in notebook.cells:
        if cell.id.startswith("picture-"):
            cell.source = ""
    path = tmp_path / f"{master.assignment.name}.ipynb"
    for name, content in student_files(master, notebook).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    nbformat.write(notebook, path)
    failed = Validator().validate(str(path))["failed"]
    assert len(failed) == len(master.tasks) - len(right)
    said = " ".join(cell["error"] for cell in failed)
    assert all(
        f"the visible checks of {task} do not pass" in said
        for task in set(master.tasks) - set(right)
    )
    assert "Traceback" not in said


def test_training_has_time_under_the_button(tmp_path, master):
    """The archive's nbgrader_config.py is one that nbgrader reads."""
    content = student_files(master, student_notebook(master))["nbgrader_config.py"]
    (tmp_path / "nbgrader_config.py").write_bytes(content)
    show = (
        "from nbgrader.apps import NbGrader; app = NbGrader(); app.config_file_paths.append('.');"
    )
    show += "app.load_config_file(); print(app.config.Execute.timeout)"
    said = subprocess.run(
        [sys.executable, "-c", show], cwd=tmp_path, capture_output=True, text=True
    )
    assert said.stdout.strip() == "900", said.stderr
