"""Whether a notebook's visible checks pass, as nbgrader's Validate button tells it."""

import subprocess
import sys
from contextlib import suppress

import nbformat
import numpy as np
import pytest
import torch
from nbgrader.validator import Validator

from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import student_files
from course_utils import visible_checks
from course_utils.visible_checks import (
    expect,
    expect_error,
    same_in_double,
    slope_of,
)


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


# ---------------------------------------------------------------------------------------- watching


def blend(image):
    return image / 2


def in_place(image):
    image /= 2
    return image.clone()


def part_of_a_list(images):
    images[0][0] = 9
    return torch.stack(images)


def halves(number):
    """Calls itself, and writes into what it has made itself."""
    if number.max() < 1:
        return number.mul_(0)
    return halves(number / 2)


WATCHED = {
    "no return": (lambda image: None, "blend: expected a result, got None: is there a `return`?"),
    "an array": (lambda image: image.numpy(), "blend: expected a result, got a NumPy array"),
    "an array in a pair": (lambda image: (image, image.numpy()), "got a NumPy array"),
    "in place": (in_place, "blend changed its input: expected what was given"),
}


def run_block(function, source, **names):
    """A check cell of the task `blend`, in a namespace like a notebook's."""
    names |= {"visible_checks": visible_checks, "expect": expect, "torch": torch}
    names |= {"blend": function}
    body = "\n".join(f"    {line}" for line in source.splitlines())
    exec(compile(f"with visible_checks.of('blend'):\n{body}", "cell", "exec"), names)
    return names


@pytest.mark.parametrize("slip", WATCHED)
def test_a_task_is_watched_within_its_block(slip):
    function, says = WATCHED[slip]
    with pytest.raises(AssertionError) as failed:
        run_block(function, "blend(torch.ones(2, 3))")
    assert says in str(failed.value)
    assert visible_checks.__file__ not in [str(entry.path) for entry in failed.traceback]


def test_a_change_inside_a_list_is_seen():
    with pytest.raises(AssertionError, match="changed its input"):
        run_block(part_of_a_list, "blend([torch.ones(2), torch.ones(2)])")


def test_a_function_that_calls_itself_is_watched_from_outside():
    names = run_block(halves, "blend(torch.ones(2) * 8)", halves=halves)
    assert names["blend"] is halves
    names = {"torch": torch}
    source = "def blend(x):\n    return x.mul_(0) if x.max() < 1 else blend(x / 2)"
    exec(source, names)
    run_block(names["blend"], "blend(torch.ones(2) * 8)")


def test_an_error_of_the_task_shows_the_students_line_and_none_of_ours():
    def wrong(image):
        return image @ image

    with pytest.raises(RuntimeError) as failed:
        run_block(wrong, "blend(torch.ones(2, 3))")
    assert [entry.name for entry in failed.traceback][-2:] == ["<module>", "wrong"]


def test_a_class_and_a_task_that_is_not_there_are_left_alone():
    class Network(torch.nn.Module):
        pass

    run_block(Network, "assert isinstance(blend(), blend)")
    with visible_checks.of("no_such_task"):
        pass


# ------------------------------------------------------------------------------------------ expect


UNLIKE = {
    "shape first": (
        torch.ones(3, 1).double(),
        [1.0, 2.0, 3.0],
        "expected shape (3,), got shape (3, 1)",
    ),
    "then the dtype": (torch.ones(2).double(), [1.0, 2.0], "torch.float32, got torch.float64"),
    "then numbers": (
        torch.tensor([1.0, 0.123456]),
        [1.0, 2.0],
        "expected [1, 2], got [1, 0.1235]",
    ),
    "nan": (torch.tensor([torch.nan]), [1.0], "expected [1], got [nan]"),
    "one number": (torch.tensor(2.5), 5.0, "expected 5, got 2.5"),
    "a large one": (
        torch.zeros(5, 10).index_put((torch.tensor(3), torch.tensor(4)), torch.tensor(7.0)),
        torch.zeros(5, 10),
        "expected 0 at [3, 4], got 7, the farthest off of 50 numbers",
    ),
    "None": (None, [1.0], "expected a tensor of shape (1,), got None: is there a `return`?"),
    "an array": (np.ones(1), [1.0], "got a NumPy array: `torch.from_numpy`"),
    "a number": (1.5, 1.5, "expected a tensor of shape (), got the float 1.5"),
    "a list": ([1.0], [1.0], "got list"),
    "whole numbers": (torch.tensor([1]), [1.0], "torch.float32, got torch.int64"),
    "another int": (4, 5, "expected 5, got 4"),
    "no int": (5.0, 5, "expected the int 5, got the float 5.0"),
}


@pytest.mark.parametrize("slip", UNLIKE)
def test_what_is_unlike_says_what_was_expected_and_what_came_out(slip):
    result, expected, says = UNLIKE[slip]
    with pytest.raises(AssertionError) as failed:
        expect(result, expected, "the sum")
    assert str(failed.value).startswith("the sum: expected ")
    assert says in str(failed.value)


def test_what_is_alike_passes():
    expect(torch.tensor([1.00005, -torch.inf]), [1.0, -torch.inf], "within 1e-4")
    expect(torch.tensor([1.1]), [1.0], "within what is given", 0.2)
    expect(torch.tensor([3]), torch.tensor([3]), "whole numbers")
    expect(np.int64(3), 3, "NumPy's whole numbers")


def test_an_error_that_is_promised():
    class OwnError(ValueError):
        pass

    def raises(error):
        raise error

    expect_error(ValueError, lambda: raises(OwnError()), "a subclass will do")
    with pytest.raises(AssertionError, match="too large: expected a ValueError, got a KeyError"):
        expect_error(ValueError, lambda: raises(KeyError()), "too large")
    with pytest.raises(AssertionError, match="expected a ValueError, got 3 and no error"):
        expect_error(ValueError, lambda: 3, "too large")


def test_the_same_in_double_precision():
    same_in_double(blend, torch.ones(2))
    same_in_double(lambda a, b=None: (a + b[0], 3), torch.ones(2), b=[torch.ones(2)])
    with pytest.raises(AssertionError, match=r"double precision: expected torch.float64, got"):
        same_in_double(lambda image: image.float() / 2, torch.ones(2))
    with pytest.raises(AssertionError, match="double precision: expected"):
        same_in_double(lambda image: image * image.element_size(), torch.ones(2))


def test_the_slope_of_a_task():
    weights = torch.tensor([1.0, 2.0])
    given = torch.tensor([3.0, 5.0])
    expect(slope_of(torch.mul, weights, given, wrt=1), weights, "by the second")
    expect(slope_of(lambda a: (a, 2 * a), given), [3.0, 3.0], "of both results")
    assert not given.requires_grad
    for cut in (lambda a: a.detach(), lambda a: torch.ones(2), lambda a: 3):
        with pytest.raises(AssertionError, match="argument 1: expected .* cut off"):
            slope_of(cut, given)
    with pytest.raises(AssertionError, match="does not depend"):
        slope_of(lambda a: weights.clone().requires_grad_() * 2, given)


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
