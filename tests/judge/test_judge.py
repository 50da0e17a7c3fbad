"""A submission in the sandbox, from the file to the verdict. Awkward ones lose what they must and
no more.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from time import process_time

import nbformat
import pytest
from nondeterministic_cells import TIMED

from autograder.assignments import CourseError, find_assignment
from autograder.checks import Forbidden
from autograder.feedback.wording import task_html, task_text, verdict_note
from autograder.judge.draw import draw, given_outputs
from autograder.judge.exam import exam_of
from autograder.judge.judge import check_the_checks, judge, open_submission
from autograder.judge.source.needed_cells import cells_apart
from autograder.judge.verdict import Verdict
from autograder.judge.workers.bubblewrap import BUBBLEWRAP
from autograder.judge.workers.own_time import OwnClock

COLORIZATION = find_assignment("colorization")
POINTS = 76


@pytest.fixture
def graded(hand_in, notebook_with, answers, warm):
    """Judge the reference with some tasks replaced."""

    def graded(replaced: dict[str, str], *, before: str = "", level: str = BUBBLEWRAP):
        notebook = notebook_with(answers | replaced)
        # The set-up, the imports and the tasks: what runs them visibly is slow, and not what is
        # tested here.
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        notebook.cells = [*code[:2], *(cell for cell in code if cell.id.startswith("task-"))]
        if before:
            notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
        return judge(
            hand_in(notebook),
            exam_of(COLORIZATION, level),
            opener=warm if level == BUBBLEWRAP else None,
        )

    return graded


def lost(verdict: Verdict) -> dict[str, set[str]]:
    """The tasks that lost points, and the kinds of failure."""
    return {
        task.name: {check.kind for check in task.checks if not check.passed}
        for task in verdict.tasks
        if task.earned < task.points
    }


def define(task: str, body: str) -> str:
    return f"def {task}(*args, **kwargs):\n    {body}"


def test_one_bad_task_costs_its_own_points_only(graded, impatient):
    """Hang, crash, exit and exception in four tasks at once: the others are graded in full."""
    bad = {
        "l2_loss": define("l2_loss", "while True: pass"),
        "ab_bins": define("ab_bins", "import os; os._exit(0)"),
        "colorfulness": define("colorfulness", "import ctypes; ctypes.string_at(0)"),
        "color_prior": define("color_prior", "raise SystemExit(0)"),
    }
    verdict = graded(bad).verdict
    assert verdict.status == "graded"
    assert lost(verdict) == {
        "l2_loss": {"time"},
        "ab_bins": {"crash", "time"},
        "colorfulness": {"crash", "time"},
        "color_prior": {"error"},
    }
    assert all(verdict.task(name).earned == 0 for name in bad)


def test_slow_but_right_gets_a_second_try(graded, answers, tmp_path, impatient):
    """The first call hangs, as on a busy machine; the second, in a fresh worker, answers."""
    mark = tmp_path / "called"  # level process: the worker can leave a mark
    once = (
        f"    import pathlib, time\n    mark = pathlib.Path({str(mark)!r})\n"
        "    if not mark.exists():\n        mark.touch()\n        time.sleep(60)\n"
    )
    slow = answers["l2_loss"].replace('    """\n    return', f'    """\n{once}    return')
    assert once in slow
    verdict = graded({"l2_loss": slow}, level="process").verdict
    assert lost(verdict) == {}
    assert verdict.resources["workers"] == 2


def test_cells_that_fail_or_hang_do_not_stop_the_next(graded, impatient):
    judgement = graded({}, before="print('hello'); 1 / 0")
    assert judgement.verdict.earned == POINTS
    outputs = judgement.notebook.cells[0].outputs
    assert outputs[0].text == "hello\n"
    assert outputs[1].ename == "ZeroDivisionError"
    hanging = graded({}, before="import time\nwhile True: time.sleep(1)")
    assert hanging.verdict.earned == POINTS
    assert "ran longer than 4 seconds" in hanging.notebook.cells[0].outputs[0].evalue


def test_the_picture_of_a_task_whose_check_hung_is_not_drawn(
    hand_in, notebook_with, answers, warm, impatient
):
    """It would hang as long again."""
    replaced = answers | {"l2_loss": define("l2_loss", "while True: pass")}
    path = hand_in(notebook_with(replaced))
    drawing = draw(path, exam_of(COLORIZATION), ["l2_loss"], opener=warm)
    assert drawing.problem == ""
    stopped = {
        cell.id: cell.outputs[0].evalue for cell in drawing.notebook.cells if _is_stopped(cell)
    }
    assert "ran longer than 4 seconds" in stopped["check-l2_loss"]
    assert "was not run" in stopped.get("picture-l2_loss", ""), drawing.notebook.cells


def test_a_hang_in_the_last_task_is_met_twice_and_no_more(graded, impatient):
    """A new worker marks the names at the checks behind the student's last cell, too: without
    them, the task would seem to have changed, and be tried at the end as well.
    """
    last = exam_of(COLORIZATION).master.tasks[-1]
    verdict = graded({last: define(last, "import time\n    time.sleep(1000)")}).verdict
    assert lost(verdict) == {last: {"time"}}
    assert verdict.resources["workers"] == 3  # the first, and one after each hang


@pytest.mark.parametrize(("undisturbed", "workers"), [(True, 2), (False, 3)])
def test_a_hang_that_was_not_disturbed_is_not_tried_again(
    graded, impatient, monkeypatch, undisturbed, workers
):
    """It would hang as long again. Whether the machine has disturbed it is made up here."""
    monkeypatch.setattr(OwnClock, "was_undisturbed", lambda clock: undisturbed)
    last = exam_of(COLORIZATION).master.tasks[-1]
    verdict = graded({last: define(last, "while True: pass")}).verdict
    assert lost(verdict) == {last: {"time"}}
    assert verdict.resources["workers"] == workers


def test_a_task_that_has_hung_before_is_soon_stopped_on_the_page(
    hand_in, notebook_with, answers, warm
):
    replaced = answers | {"l2_loss": define("l2_loss", "while True: pass")}
    exam = exam_of(COLORIZATION)
    drawing = draw(hand_in(notebook_with(replaced)), exam, ["l2_loss"], ["l2_loss"], opener=warm)
    cells = {cell.id: cell for cell in drawing.notebook.cells}
    assert "ran longer than 1 second," in cells["check-l2_loss"].outputs[0].evalue
    assert "was not run" in cells["picture-l2_loss"].outputs[0].evalue
    assert not any(_is_stopped(cell) for name, cell in cells.items() if "l2_loss" not in name)


def test_given_cells_show_the_same_whether_drawn_once_for_all_or_each_time(
    hand_in, notebook_with, answers, warm
):
    exam = exam_of(COLORIZATION)
    path = hand_in(notebook_with(answers))
    once, each = draw(path, exam, [], opener=warm), draw(path, exam, [])
    assert once.problem == each.problem == ""
    assert set(given_outputs(exam, warm)) & cells_apart(once.notebook)
    for left, right in zip(once.notebook.cells, each.notebook.cells, strict=True):
        assert left.get("outputs") == right.get("outputs"), left.id


def test_nothing_of_a_student_is_on_the_pages_of_others(hand_in, notebook_with, answers, warm):
    """What is drawn once for all is drawn without any student's code."""
    exam = exam_of(COLORIZATION)
    notebook = notebook_with(answers)
    loud = "import builtins\nbuiltins.print = lambda *a, **k: 1 / 0\nplots = show = None"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(loud))
    draw(hand_in(notebook), exam, [], opener=warm)
    after = draw(hand_in(notebook_with(answers)), exam, [], opener=warm)
    errors = [one for cell in after.notebook.cells for one in cell.get("outputs", [])]
    assert not any(one.output_type == "error" for one in errors)


def test_a_picture_that_uses_a_stopped_task_through_a_helper_is_not_drawn(
    hand_in, notebook_with, answers, warm, impatient
):
    hangs = "def helper():\n    while True: pass\n\n\n" + define("l2_loss", "return helper()")
    notebook = notebook_with(answers | {"l2_loss": hangs})
    master = exam_of(COLORIZATION).master
    drawing = draw(hand_in(notebook), exam_of(COLORIZATION), master.pictures, opener=warm)
    released = {cell.id: cell.source for cell in exam_of(COLORIZATION).released.cells}
    for cell in drawing.notebook.cells:
        if cell.id.startswith("picture-"):
            uses = "l2_loss(" in released[cell.id]
            assert _is_stopped(cell) == uses, cell.id


def _is_stopped(cell) -> bool:
    outputs = cell.get("outputs", [])
    return bool(outputs) and outputs[0].get("ename") == "Stopped"


CANARY = "CANARY-4711"


def test_feedback_has_nothing_of_a_hidden_call(graded, tmp_path):
    """A task that shouts its inputs in every way it has: nothing of it reaches a verdict or a
    page.
    """
    shout = (
        "import sys\n"
        "    class Shout_CANARY_4711(Exception): pass\n"
        f"    print('{CANARY}', args); print('{CANARY}', file=sys.stderr)\n"
        f"    raise Shout_CANARY_4711('{CANARY}' + str(args))"
    )
    value = f"return type('{CANARY}', (), {{'__repr__': lambda self: '{CANARY}'}})()"
    judgement = graded(
        {"l2_loss": define("l2_loss", shout), "color_prior": define("color_prior", value)}
    )
    handed_in = tmp_path / f"{COLORIZATION.name}.ipynb"
    text = judgement.verdict.to_json()
    pages = [task_html(task) + task_text(task) for task in judgement.verdict.tasks]
    # What the notebook shows is what its visible cells did; hidden calls have added nothing.
    with open_submission(handed_in, exam_of(COLORIZATION)) as submission:
        submission.run_cells()
        for judged, alone in zip(judgement.notebook.cells, submission.notebook.cells, strict=True):
            assert judged == alone or judged.id in TIMED
    for shown in [text, *pages]:
        assert CANARY not in shown
        assert "CANARY_4711" not in shown
        assert "Traceback" not in shown
    assert "of the student's own" in text


def test_no_line_of_the_code_is_told_as_a_call_can_choose_it(graded):
    """One line for each value that an input may have: the line would say which."""
    lines = "\n".join(
        f"    if args[0].flatten()[0] < {n / 10}: raise ValueError" for n in range(-20, 20)
    )
    judgement = graded({"l2_loss": define("l2_loss", f"pass\n{lines}\n    raise ValueError")})
    messages = [
        check.message for check in judgement.verdict.task("l2_loss").checks if not check.passed
    ]
    assert set(messages) == {"`l2_loss` raised ValueError"}


def test_odd_results_earn_nothing_and_are_named(graded):
    odd = {
        "l2_loss": define("l2_loss", "return None"),
        "ab_bins": define("ab_bins", "import numpy; return numpy.zeros((313, 2))"),
        "colorfulness": define("colorfulness", "return args[0].sum((1, 2, 3)) * float('nan')"),
        "soft_encode": define("soft_encode", "return args[0].to('meta')"),
        "multinomial_cross_entropy": define(
            "multinomial_cross_entropy", "return args[0].mean().item()"
        ),
        "rebalancing_weights": define("rebalancing_weights", "args[0].zero_(); return args[0]"),
        "color_prior": define(
            "color_prior",
            "import torch\n"
            "    class Yes(torch.Tensor):\n"
            "        @classmethod\n"
            "        def __torch_function__(cls, f, t, a=(), k=None): return True\n"
            "    return torch.zeros(313).as_subclass(Yes)",
        ),
    }
    verdict = graded(odd).verdict
    assert {name: verdict.task(name).earned for name in odd} == dict.fromkeys(odd, 0)
    assert verdict.earned == sum(task.points for task in verdict.tasks if task.name not in odd)
    assert "None" in verdict.task("l2_loss").checks[0].message
    assert "ndarray" in verdict.task("ab_bins").checks[0].message


def test_patched_torch_and_stolen_glances_gain_nothing(graded):
    """Everything a submission could patch is patched, and it looks for the grader: nothing is
    there.
    """
    patch = """
import sys, torch, builtins
torch.allclose = torch.equal = lambda *a, **k: True
torch.testing.assert_close = lambda *a, **k: None
torch.isfinite = lambda x: torch.ones(1, dtype=torch.bool)
OURS = ("autograder", "pytest", "course_utils.reference")
FOUND = [name for name in sys.modules if name.startswith(OURS)]
try:
    import course_utils.reference
    FOUND.append("reference")
except ImportError:
    pass
try:
    import autograder
    FOUND.append("autograder")
except ImportError:
    pass
print(FOUND)
"""
    judgement = graded({"l2_loss": define("l2_loss", "return args[0].sum() * 0")}, before=patch)
    assert judgement.notebook.cells[0].outputs[0].text == "[]\n"
    assert judgement.verdict.task("l2_loss").earned == 0
    assert judgement.verdict.earned == POINTS - 3


def test_both_levels_agree_and_the_weaker_is_stamped(graded):
    judgements = [graded({}, level=level) for level in ("bubblewrap", "process")]
    first = [
        cell for judgement in judgements for cell in judgement.notebook.cells if cell.id == "setup"
    ]
    assert [cell.outputs for cell in first] == [
        [],
        [],
    ]  # what looks at the student's machine is silent here
    strong, weak = (judgement.verdict for judgement in judgements)
    assert strong.earned == weak.earned == POINTS
    assert (strong.level, weak.level) == ("bubblewrap", "process")
    assert json.loads(weak.to_json())["level"] == "process"


def test_a_verdict_is_json_and_back(graded, hand_in):
    refused = judge(hand_in(b"no"), exam_of(COLORIZATION)).verdict
    assert refused.status == "refused"
    assert (refused.earned, refused.points) == (0, POINTS)
    assert Verdict.from_json(refused.to_json()) == refused


def test_the_key_changes_with_what_a_verdict_depends_on(hand_in):
    one = exam_of(COLORIZATION, "bubblewrap").key_of(hand_in(b"1"))
    assert one == exam_of(COLORIZATION, "bubblewrap").key_of(hand_in(b"1"))
    assert one != exam_of(COLORIZATION, "bubblewrap").key_of(hand_in(b"2"))
    assert one != exam_of(COLORIZATION, "process").key_of(hand_in(b"1"))
    path = hand_in(b"1")
    (path.parent / "torch.py").touch()  # which is flagged
    assert one != exam_of(COLORIZATION, "bubblewrap").key_of(path)


def test_a_key_takes_no_time_whatever_is_handed_in(tmp_path):
    huge, link = tmp_path / "huge.ipynb", tmp_path / "link.ipynb"
    huge.touch()
    os.truncate(huge, 2**40)
    link.symlink_to("/dev/zero")
    start = process_time()
    for path in (huge, link, tmp_path):
        exam_of(COLORIZATION, "bubblewrap").key_of(path)
    assert process_time() - start < 10


def test_what_the_source_shows_is_in_the_verdict(graded):
    """Flags cost nothing, and are for the instructor: nothing of them is in what a student
    reads.
    """
    verdict = graded({}, before="import gc\ngc.collect()").verdict
    assert verdict.flags == ["Code cell 1 looks around in the interpreter: `gc` (line 2)."]
    assert verdict.earned == POINTS
    pages = [
        verdict_note(verdict),
        *(page(task) for task in verdict.tasks for page in (task_html, task_text)),
    ]
    assert not any("looks around" in page for page in pages)


def test_a_notebook_that_ends_every_worker_comes_to_an_end(graded, monkeypatch):
    monkeypatch.setattr("autograder.judge.checking.remote_submission.WORKERS", 2)
    verdict = graded({"l2_loss": define("l2_loss", "import os; os._exit(0)")}).verdict
    assert verdict.resources["workers"] == 2
    assert "has ended its process 2 times" in verdict.tasks[-1].checks[-1].message


def test_a_bug_of_ours_is_not_graded_and_never_a_zero(graded, monkeypatch):
    from autograder.judge.checking import remote_submission

    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(remote_submission.Worker, "call", broken)
    verdict = graded({}).verdict
    assert verdict.status == "not graded"
    assert "disk full" in verdict.reason


def test_a_file_that_may_not_be_read_here_is_not_graded(hand_in, notebook_with, monkeypatch):
    path, read, open_ = hand_in(notebook_with({})), Path.read_bytes, Path.open

    def guarded(real):
        def guarded(self, *args, **kwargs):
            if self == path:
                raise PermissionError(13, "Permission denied")
            return real(self, *args, **kwargs)

        return guarded

    # The tests may run as root, whom nothing is denied.
    monkeypatch.setattr(Path, "read_bytes", guarded(read))
    monkeypatch.setattr(Path, "open", guarded(open_))
    verdict = judge(path, exam_of(COLORIZATION)).verdict
    assert (verdict.status, verdict.earned) == ("not graded", 0)
    assert verdict.reason == f"{path.name} can't be read: Permission denied."


def test_what_a_check_can_not_pass_on_is_the_answers_fault(graded, monkeypatch):
    """As when a check gives the result of one task to another, and it is more than a message may
    hold.
    """
    from autograder.judge.checking import remote_submission

    def too_large(*args: object, **kwargs: object) -> None:
        raise remote_submission.WireError("a message of 10 bytes too many")

    monkeypatch.setattr(remote_submission.Worker, "call", too_large)
    verdict = graded({}).verdict
    assert verdict.status == "graded"
    assert {kind for kinds in lost(verdict).values() for kind in kinds} == {"wrong type"}


def test_checks_that_are_wrong_themselves_stop_the_grading(monkeypatch):
    check_the_checks(exam_of(COLORIZATION))
    strict = replace(exam_of(COLORIZATION), rules={"annealed_mean": Forbidden(("torch.softmax",))})
    broken = "does what it forbids: `annealed_mean` calls `torch.softmax`"
    with pytest.raises(CourseError, match=broken):
        check_the_checks(strict)
    monkeypatch.setattr(
        COLORIZATION.reference(), "l2_loss", lambda prediction, target: prediction.sum()
    )
    with pytest.raises(CourseError, match="fails on the reference of 3_colorization"):
        check_the_checks(exam_of(COLORIZATION))
