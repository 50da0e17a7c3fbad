"""Whether a notebook's visible checks pass, as nbgrader's Validate button tells it."""

import subprocess
import sys
from contextlib import suppress

import nbformat
import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from nbgrader.validator import Validator

from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import student_files
from autograder.checks import forbidden_of
from course_utils import visible_checks, written_out
from course_utils.visible_checks import expect, expect_shape, gradient


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


def checked(task, answer, check):
    """What a block says of an answer to a task: the failure's sentence, or None."""
    names = {task: answer, "visible_checks": visible_checks, "torch": torch}
    try:
        exec(f"with visible_checks.of('{task}'):\n    {check}", names)
    except AssertionError as error:
        return str(error)
    finally:
        assert names[task] is answer
    return None


def relu(x):
    return x.clamp(min=0)


RELU = "visible_checks.expect(relu(torch.tensor([-1.0, 2.0])), [0, 2], 'half')"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (relu, None),
        (lambda x: x, "half: expected [0, 2], got [-1, 2]"),
        (lambda x: x / 0, "half: expected [0, 2], got [-inf, inf]"),
        (lambda x: relu(x)[None], "half: expected shape (2,), got shape (1, 2)"),
        (lambda x: None, "expected a result of `relu`, got None: is there a `return`?"),
        (
            lambda x: relu(x).numpy(),
            "expected a result of `relu`, got a NumPy array: torch.from_numpy makes it a tensor",
        ),
        (lambda x: [0, 2], "half: expected a tensor, got a list"),
        (lambda x: (x, x), "half: expected a tensor, got a tuple"),
    ],
)
def test_a_failure_says_what_was_expected_and_what_came_out(answer, says):
    assert checked("relu", answer, RELU) == says


def test_numbers_are_compared_relative_to_the_largest():
    expect(torch.tensor([1e6, 3.0]), [1e6 + 50, 0], "close enough")
    with pytest.raises(AssertionError, match=r"expected \[1, 0\], got \[1, 0.001\]"):
        expect(torch.tensor([1.0, 1e-3]), [1, 0], "a thousandth")


def test_of_a_large_result_the_first_wrong_number_is_shown():
    wrong = torch.zeros(4, 5, 6)
    wrong[1, 2, 3:5] = 7
    with pytest.raises(AssertionError) as failed:
        expect(wrong, torch.zeros(4, 5, 6), "all black")
    assert str(failed.value) == (
        "all black: 2 of 120 numbers are wrong. The first, at (1, 2, 3): expected 0, got 7"
    )


def test_a_dtype_is_compared_where_it_is_asked_for():
    expect(torch.zeros(2), [0, 0], "any dtype")
    with pytest.raises(AssertionError, match="double: expected float64, got float32"):
        expect(torch.zeros(2), [0, 0], "double", dtype=torch.float64)


def test_a_shape_is_compared_without_numbers():
    expect_shape(torch.ones(2, 3), (2, 3), "two rows")
    with pytest.raises(
        AssertionError, match=r"two rows: expected shape \(2, 3\), got shape \(3, 2\)"
    ):
        expect_shape(torch.ones(3, 2), (2, 3), "two rows")


def test_a_gradient_flows_or_there_is_a_sentence():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    assert gradient(relu(x), x).tolist() == [0, 1]
    for cut in (relu(x.detach()), relu(x).detach(), torch.ones(2, requires_grad=True)):
        with pytest.raises(AssertionError, match="expected a gradient, got none"):
            gradient(cut, x)


def in_place(x):
    x[x < 0] = 0
    return x


def pops(parameters, steps=3):
    return parameters.pop()


def test_a_task_that_changes_its_input_is_told_which():
    assert "`relu` changed its input `x`" in checked("relu", in_place, RELU)
    popped = checked("pops", pops, "pops([torch.ones(1), torch.ones(2)], steps=2)")
    assert "`pops` changed its input `parameters`" in popped


def test_not_a_number_is_no_change():
    assert checked("relu", relu, "relu(torch.tensor([torch.nan, torch.inf]))") is None


def test_a_task_that_calls_itself_may_change_what_it_has_made(monkeypatch):
    names = {"visible_checks": visible_checks, "torch": torch}
    exec(
        "def halve(x, times):\n"
        "    if not times:\n        x *= 0.5\n        return x\n"
        "    return halve(x + 0, times - 1)\n"
        "with visible_checks.of('halve'):\n"
        "    visible_checks.expect(halve(torch.ones(1), 2), [0.5], 'half')",
        names,
    )


def from_a_layer(x):
    return torch.nn.Softmax(dim=1)(x)


def method(x):
    return x.softmax(dim=1)


def under_another_name(x, softmax=F.softmax):
    return softmax(x, dim=1)


def plain(x):
    return (x - torch.logsumexp(x, dim=1, keepdim=True)).exp()


@pytest.mark.parametrize("answer", [from_a_layer, method, under_another_name])
def test_what_a_task_should_write_out_is_refused_in_the_graders_words(answer):
    says = checked("softmax", answer, "softmax(torch.zeros(1, 2))")
    assert "which this task asks you to write yourself" in says
    assert answer(torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]


def test_its_steps_are_allowed_and_so_is_everything_in_another_task():
    assert checked("softmax", plain, "softmax(torch.zeros(1, 2))") is None
    assert checked("conv_net", method, "conv_net(torch.zeros(1, 2))") is None


@pytest.mark.parametrize("loss", [F.cross_entropy, torch.nn.CrossEntropyLoss()])
def test_a_loss_is_refused(loss):
    answer = lambda logits, target: loss(logits, target)  # noqa: E731
    says = checked("cross_entropy", answer, "cross_entropy(torch.zeros(1, 2), torch.ones(1, 2))")
    assert "`cross_entropy` calls `torch.nn.functional.cross_entropy`, which" in says


def test_what_is_not_torchs_is_refused_and_put_back():
    before = scipy.signal.convolve2d

    def conv2d(x):
        return torch.from_numpy(scipy.signal.convolve2d(x.numpy(), np.ones((2, 2))))

    says = checked("conv2d", conv2d, "conv2d(torch.zeros(3, 3))")
    assert "`conv2d` calls `scipy.signal.convolve2d`, which this task asks" in says
    assert scipy.signal.convolve2d is before


@pytest.mark.parametrize("topic", ["cnn_classifier", "chair_generator"])
def test_the_grader_forbids_the_same(topic):
    for task, rule in forbidden_of(topic).items():
        assert set(rule.names) <= set(written_out.FORBIDDEN[task])


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
