"""A real course directory: the judge in nbgrader's place of Execute, from submissions to feedback
and CSV.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import judged_class
import nbformat
import pytest
from browser import chromium_page, jupyter_lab, needs_browser
from judged_class import course_of, grade_one, scores_of

from autograder.assignments import COURSE, CourseError, find_assignment
from autograder.gradebook.course import Course, check_free
from autograder.gradebook.grading import GradingProgress, grade_class
from autograder.judge.checking import remote_submission
from autograder.judge.checking.submission import REFERENCE_FILES
from autograder.judge.parallel import jobs

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name


@pytest.fixture(scope="module")
def course(master, tmp_path_factory) -> Course:
    return course_of(master, tmp_path_factory.mktemp("course"))


def submit(course: Course, student: str, content: object) -> Path:
    path = judged_class.submit(course, COLORIZATION, student, content)
    shutil.copy(REFERENCE_FILES["colorizer.safetensors"], path.parent)
    return path


@pytest.fixture(scope="module")
def graded(course, answers, notebook_with):
    """A class of awkward submissions, graded once; verdicts by student."""
    right = notebook_with(answers)
    submit(course, "right", right)
    submit(course, "stub", notebook_with({}))
    submit(course, "corrupt", b'{"cells": [')
    (course.folder / "submitted" / "absent" / NAME).mkdir(parents=True)

    noisy = {
        task: re.sub(
            r'^( +)"""\n',
            r'\1"""\n\1import sys; print("careful", file=sys.stderr)\n',
            source,
            flags=re.M,
        )
        for task, source in answers.items()
    }
    noisy_notebook = notebook_with(noisy)
    noisy_notebook.cells[
        1
    ].source += "\nimport sys, warnings; warnings.warn('loud'); print('x', file=sys.stderr)"
    submit(course, "noisy", noisy_notebook)

    unweighted = answers["multinomial_cross_entropy"].replace("if weights is not None", "if False")
    submit(course, "partial", notebook_with(answers | {"multinomial_cross_entropy": unweighted}))

    edited = notebook_with(answers)
    cells = {cell.id: position for position, cell in enumerate(edited.cells)}
    copy = nbformat.from_dict(edited.cells[cells["task-l2_loss"]])
    copy.source = next(cell.source for cell in notebook_with({}).cells if cell.id == "task-l2_loss")
    edited.cells.insert(cells["task-l2_loss"] + 1, copy)  # copied: the stub comes last
    deleted = next(cell for cell in edited.cells if cell.id == "task-ab_bins")
    edited.cells.remove(deleted)  # deleted, and written in a cell of one's own
    edited.cells.insert(4, nbformat.v4.new_code_cell(deleted.source))
    split = next(cell for cell in edited.cells if cell.id == "task-annealed_mean")
    rest = nbformat.from_dict(split)
    split.source = (
        "def decode(logits, bins, temperature):" + answers["annealed_mean"].split('"""')[2]
    )
    rest.source = (
        "def annealed_mean(logits, bins, temperature=0.38):\n"
        "    return decode(logits, bins, temperature)"
    )
    edited.cells.insert(edited.cells.index(split) + 1, rest)
    submit(course, "edited", edited)

    hostile = notebook_with(answers)
    script = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    hostile.cells.insert(1, nbformat.v4.new_markdown_cell(script))
    html = f"from IPython.display import HTML, display\ndisplay(HTML({script!r}))"
    hostile.cells.insert(2, nbformat.v4.new_code_cell(html))
    for cell in hostile.cells:
        if cell.id.startswith("written-"):
            cell.source = f"My answer, $a < b$ {script}"
    submit(course, "hostile", hostile)
    return grade_class(
        course, COLORIZATION, course.students(COLORIZATION), GradingProgress(), jobs=1
    )


def test_verdicts(graded):
    scores = {student: verdict.earned for student, verdict in graded.items()}
    assert scores == {
        "right": 76,
        "stub": 0,
        "corrupt": 0,
        "absent": 0,
        "noisy": 76,
        "partial": graded["partial"].earned,
        "edited": 76,
        "hostile": 76,
    }
    assert {
        student: verdict.status for student, verdict in graded.items() if verdict.status != "graded"
    } == {
        "corrupt": "refused",
        "absent": "not graded",
    }
    flagged = {student: verdict.flags for student, verdict in graded.items() if verdict.flags}
    assert list(flagged) == ["hostile"]
    assert "a script for the browser" in flagged["hostile"][0]


def test_partial_credit_survives_to_the_csv(course, graded):
    task = graded["partial"].task("multinomial_cross_entropy")
    assert (task.earned, task.points) == (4.5, 6)
    assert scores_of(course, COLORIZATION, "partial")["multinomial_cross_entropy"] == 4.5
    out = course.folder / "grades.csv"
    command = [sys.executable, "-m", "nbgrader", "export", "--to", str(out)]
    subprocess.run(command, cwd=course.folder, check=True, capture_output=True)
    rows = {row["student_id"]: row for row in csv.DictReader(out.open())}
    for student, verdict in graded.items():
        assert float(rows[student]["raw_score"]) == verdict.earned
    assert float(rows["partial"]["raw_score"]) == 74.5


def test_gradebook_has_the_verdicts_scores(course, graded):
    for student, verdict in graded.items():
        known = verdict.status != "not graded"
        scores = {task.name: task.earned if known else None for task in verdict.tasks}
        assert scores_of(course, COLORIZATION, student) == scores


def test_feedback_shows_the_table_and_runs_no_script(course, graded):
    page = course.feedback(COLORIZATION, "partial").read_text()
    assert "multinomial_cross_entropy: 4.5 of 6 points" in page
    assert "<th>Check</th>" in page
    page = course.feedback(COLORIZATION, "hostile").read_text()
    assert "window.hacked = 1&lt;/script&gt;" in page
    assert "<script>window.hacked" not in page
    assert re.search(r"<img[^>]*onerror", page) is None
    page = course.feedback(COLORIZATION, "corrupt").read_text()
    assert "could not be read" in page
    assert page.count("A note from the grader") == 1


def test_the_pictures_of_what_lost_points_are_drawn_and_no_others(course, graded):
    notebook = course.entry(course.exam(COLORIZATION), "partial").stored.notebook()
    pictures = {cell.id: cell for cell in notebook.cells if cell.id.startswith("picture-")}
    drawn = {name for name, cell in pictures.items() if not cell.metadata.get("not_drawn")}
    assert drawn == {"picture-multinomial_cross_entropy", "picture-colorization_auc"}
    assert all(any("image/png" in one.data for one in pictures[name].outputs) for name in drawn)
    page = course.feedback(COLORIZATION, "partial").read_text()
    assert page.count("Your own picture.") == len(drawn)
    assert page.count("was not drawn") == len(pictures) - len(drawn)
    checks = [cell for cell in notebook.cells if cell.id.startswith("check-")]
    assert all(cell.outputs for cell in checks)  # every visible check is run for the page


def test_all_pictures_are_drawn_when_asked_and_nothing_is_judged_for_it(
    course, graded, monkeypatch
):
    monkeypatch.setattr(jobs, "judge", None)  # a verdict would fail
    before = scores_of(course, COLORIZATION, "right")
    grade_class(course, COLORIZATION, ["right"], GradingProgress(), jobs=1, pictures="all")
    notebook = course.entry(course.exam(COLORIZATION), "right").stored.notebook()
    pictures = [cell for cell in notebook.cells if cell.id.startswith("picture-")]
    assert pictures
    assert all(any("image/png" in one.data for one in cell.outputs) for cell in pictures)
    assert "was not drawn" not in course.feedback(COLORIZATION, "right").read_text()
    assert scores_of(course, COLORIZATION, "right") == before


def test_written_answers_wait_for_a_person(course, graded):
    with course.gradebook() as gradebook:
        for student, waiting in (("hostile", True), ("right", False), ("corrupt", False)):
            submission = gradebook.find_submission_notebook(NAME, NAME, student)
            written = [grade for grade in submission.grades if grade.name.startswith("written-")]
            assert [grade.needs_manual_grade for grade in written] == [waiting] * 2
            assert waiting or [grade.auto_score for grade in written] == [0] * 2


def test_nothing_is_judged_twice_unless_asked(course, graded, monkeypatch):
    import autograder.gradebook.entry as module

    judge, calls = module.judge, []
    monkeypatch.setattr(
        module, "judge", lambda path, *args, **kw: calls.append(path) or judge(path, *args, **kw)
    )
    assert grade_one(course, COLORIZATION, "stub").earned == 0
    assert calls == []
    assert grade_one(course, COLORIZATION, "stub", again=True).earned == 0
    assert len(calls) == 1


def test_a_regrade_replaces_the_score(course, graded, answers, notebook_with):
    submit(course, "changing", notebook_with({"l2_loss": answers["l2_loss"]}))
    assert grade_one(course, COLORIZATION, "changing").earned == 3
    assert scores_of(course, COLORIZATION, "changing")["l2_loss"] == 3
    submit(course, "changing", b"oops")
    assert grade_one(course, COLORIZATION, "changing").status == "refused"
    assert scores_of(course, COLORIZATION, "changing")["l2_loss"] == 0


def test_our_own_fault_is_never_a_zero(course, graded, answers, notebook_with, monkeypatch):
    from autograder.judge.workers.client import SandboxError

    def broken(*args: object) -> None:
        raise SandboxError("The sandbox did not start.")

    monkeypatch.setattr(remote_submission, "Worker", broken)
    submit(course, "unlucky", notebook_with(answers))
    assert grade_one(course, COLORIZATION, "unlucky").status == "not graded"
    assert set(scores_of(course, COLORIZATION, "unlucky").values()) == {None}
    monkeypatch.undo()
    assert grade_one(course, COLORIZATION, "unlucky").earned == 76


def test_errors_of_the_instructor_are_sentences(course, tmp_path):
    with pytest.raises(CourseError, match="is a course directory already"):
        check_free(course.folder)
    with pytest.raises(CourseError, match="not a course directory.*autograder init"):
        Course(tmp_path)
    (tmp_path / "nbgrader_config.py").write_text("1 / 0")
    with pytest.raises(CourseError, match="does not run: division by zero"):
        _ = Course(tmp_path).config


def test_nbgraders_own_commands_use_the_judge(course, graded, answers, notebook_with):
    """`nbgrader autograde`, as an instructor used to nbgrader would run it."""
    submit(course, "terminal", notebook_with({"l2_loss": answers["l2_loss"]}))
    for command in ("autograde", "generate_feedback"):
        ran = subprocess.run(
            [sys.executable, "-m", "nbgrader", command, NAME, "--student=terminal"],
            cwd=course.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    assert scores_of(course, COLORIZATION, "terminal")["l2_loss"] == 3
    assert course.feedback(COLORIZATION, "terminal").exists()


def test_without_the_judge_nothing_is_run_at_all(course, graded, tmp_path):
    """nbgrader goes on when its configuration fails to load; ours then ends it."""
    submit(course, "unsafe", b"{}")
    (tmp_path / "autograder.py").write_text("raise RuntimeError('broken installation')")
    ran = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", NAME, "--student=unsafe"],
        cwd=course.folder,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "the autograder can't be imported (broken installation)" in ran.stderr
    assert not (course.folder / "autograded" / "unsafe").exists()
    shutil.rmtree(course.folder / "submitted" / "unsafe")


def test_no_path_of_this_machine_is_in_what_is_written(course, graded):
    config = (course.folder / "nbgrader_config.py").read_text()
    assert str(COURSE) not in config
    assert str(Path.home()) not in config


@pytest.mark.browser
@needs_browser
def test_formgrader_and_feedback_in_a_browser(course, graded):
    """The formgrader lists the verdicts' scores, and no script of a student's runs on any page."""
    with jupyter_lab(course.folder) as address, chromium_page() as page:
        page.goto(address.format("formgrader"))  # the address with the token signs in
        page.goto(address.format(f"formgrader/gradebook/{NAME}/{NAME}"))
        page.locator("text=Submission #1").first.wait_for(timeout=60_000)
        rows = [row.split("\t") for row in page.locator("table").inner_text().splitlines()[1:]]
        shown = sorted(row[3].strip() for row in rows if len(row) > 3)
        page.goto(address.format(f"formgrader/manage_submissions/{NAME}"))
        page.locator("text=hostile").first.wait_for(timeout=60_000)
        listed = {
            cells[1].strip(): cells[4].strip()
            for row in page.locator("table tbody tr").all()
            if len(cells := row.inner_text().split("\t")) > 4
        }
        page.goto(address.format(f"formgrader/submissions/{_submission_id(course, 'hostile')}/"))
        page.locator("text=Colorization").first.wait_for(timeout=60_000)
        assert page.evaluate("window.hacked") is None
        page.goto(course.feedback(COLORIZATION, "hostile").resolve().as_uri())
        assert page.evaluate("window.hacked") is None
    for verdict in graded.values():
        assert f"{verdict.earned:g} / 76" in shown
    assert {student: listed[student] for student in graded if student != "absent"} == {
        student: f"{verdict.earned:g} / 84"
        for student, verdict in graded.items()
        if student != "absent"
    }


def _submission_id(course: Course, student: str) -> str:
    with course.gradebook() as gradebook:
        return gradebook.find_submission_notebook(NAME, NAME, student).id
