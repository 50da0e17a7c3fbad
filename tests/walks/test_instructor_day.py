"""An instructor's day: the formgrader in JupyterLab, from the Autograde button to the released
feedback.
"""

import json
import secrets

import nbformat
import pytest
from browser import Watch, chromium_page, jupyter_lab, needs_browser, open_from_menu
from judged_class import course_of, submit

from autograder.assignments import find_assignment
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.demo import as_answer
from autograder.gradebook.course import Course
from autograder.misconceptions import misconceptions_of
from autograder.report.page import write_report

pytestmark = [pytest.mark.browser, needs_browser]

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name
TASK, RIGHT, WRITTEN = (
    "pairwise_squared_distances",
    "nearest_neighbors",
    "written-stored_examples_go_grey",
)
COMMENT = "Nearly: a large $K$ takes the mean, and a mean is grey."
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def course(tmp_path) -> Course:
    """A course directory with its solution, an exchange, and one submission as nbgrader has
    collected it.
    """
    master = read_master(ASSIGNMENT)
    made = course_of(master, tmp_path)
    nbformat.write(solution_notebook(master), made.folder / "solution" / f"{NAME}.ipynb")
    (tmp_path / "exchange").mkdir()
    with (made.folder / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.Exchange.root = {str(tmp_path / 'exchange')!r}\n")
    submission = submit(made, ASSIGNMENT, "ada", _notebook(master))
    submission.with_name("timestamp.txt").write_text("2031-02-03 04:05:06 UTC")
    submission.with_name("submission_secret.txt").write_text(secrets.token_hex(64))
    return made


def _notebook(master: Master) -> nbformat.NotebookNode:
    """A known mistake in the first task, the second one right, and an answer to the question."""
    known = misconceptions_of(ASSIGNMENT.topic)[TASK]
    mistake = next(one for one in known if one.name == "city block distance")
    right = {cell.id: cell.source for cell in solution_notebook(master).cells}
    answers = {
        f"task-{TASK}": as_answer(mistake.function, TASK),
        f"task-{RIGHT}": right[f"task-{RIGHT}"],
        WRITTEN: "With $K = 25$ everything is grey, because $\\frac{1}{K} \\sum_k c_k$ is.",
    }
    notebook = student_notebook(master)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    return notebook


def test_an_instructor_grades_and_releases_feedback(course, tmp_path):
    with jupyter_lab(course.folder) as address, chromium_page() as page:
        watch = Watch(page)
        page.goto(address.format("lab"))
        open_from_menu(page, "Nbgrader", "Formgrader")
        form = page.frame_locator("#formgrader-iframe iframe")
        _autograde(page, form, course, tmp_path)
        _grade_by_hand(page, form, course, tmp_path)
        _release_feedback(page, form, course, tmp_path)
        assert watch.elsewhere == []
        _look_at_feedback(page, course, tmp_path)
        _look_at_report(page, course, tmp_path)
        assert watch.elsewhere == watch.errors == []


def _autograde(page, form, course, tmp_path):
    form.locator(f"a[href$='manage_submissions/{NAME}']").click()
    row = form.locator("#main-table tr")
    row.get_by_text("needs autograding").wait_for()
    page.screenshot(path=tmp_path / "instructor_1_submissions.png")
    row.locator(".autograde a").click()
    _well_done(form, timeout=120_000)
    row.get_by_text("needs manual grading").wait_for()
    verdict = json.loads((course.folder / "verdicts" / NAME / "ada" / "verdict.json").read_text())
    tasks = {task["name"]: task["checks"] for task in verdict["tasks"]}
    earned = sum(
        check["points"] for checks in tasks.values() for check in checks if check["passed"]
    )
    points = sum(check["points"] for checks in tasks.values() for check in checks)
    assert verdict["level"] == "bubblewrap"
    assert "city block distance" in {check["misconception"] for check in tasks[TASK]}
    assert earned > 0
    assert row.locator(".score").inner_text() == f"{earned:g} / {points + 3:g}"
    page.screenshot(path=tmp_path / "instructor_2_autograded.png")


def _grade_by_hand(page, form, course, tmp_path):
    form.get_by_role("link", name="Manual Grading").click()
    form.locator(f"a[href$='gradebook/{NAME}']").click()
    form.locator(f"a[href$='gradebook/{NAME}/{NAME}']").click()
    form.get_by_role("link", name="Submission #1").click()
    rubric = form.locator("details:has(summary:text-is('Rubric'))")
    rubric.get_by_text("One point for each part.").wait_for()
    score, comment = form.locator(f"#{WRITTEN}"), form.locator(f"#{WRITTEN}-comment")
    for loaded in (f"#{WRITTEN}_extra_credit[placeholder]", f"#{WRITTEN}-comment[placeholder]"):
        form.locator(loaded).wait_for()
    with page.expect_response("**/formgrader/api/grade/*"):  # saved when the field is left
        score.fill("1.5")
        score.blur()
    with page.expect_response("**/formgrader/api/comment/*"):
        comment.fill(COMMENT)
        comment.blur()
    score.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "instructor_3_by_hand.png")
    with course.gradebook() as gradebook:
        assert gradebook.find_grade(WRITTEN, NAME, NAME, "ada").manual_score == 1.5
        assert gradebook.find_comment(WRITTEN, NAME, NAME, "ada").manual_comment == COMMENT


def _release_feedback(page, form, course, tmp_path):
    form.get_by_role("link", name="Manual Grading").click()
    form.get_by_role("link", name="Manage Assignments").click()
    form.locator(f"a[href$='manage_submissions/{NAME}']").click()
    row = form.locator("#main-table tr")
    row.get_by_text("graded", exact=True).wait_for()
    row.locator(".generate-feedback a").click()
    _well_done(form)
    row.locator(".release-feedback a").click()
    _well_done(form)
    (released,) = (course.folder.parent / "exchange").rglob("feedback/*.html")
    assert released.read_text() == course.feedback(ASSIGNMENT, "ada").read_text()
    page.screenshot(path=tmp_path / "instructor_4_released.png")


def _look_at_feedback(page, course, tmp_path):
    page.goto(course.feedback(ASSIGNMENT, "ada").resolve().as_uri())
    assert page.locator(f"#{WRITTEN} .comment").get_by_text("a mean is grey").is_visible()
    assert page.locator(f"#grade-{TASK} .hint").get_by_text("city block distance").is_visible()
    assert page.locator("table.scores").get_by_text("1.5 / 3").is_visible()
    page.screenshot(path=tmp_path / "feedback_1.png")
    page.set_viewport_size(PHONE)
    assert _width(page) <= PHONE["width"]
    page.screenshot(path=tmp_path / "feedback_2_phone.png")
    page.get_by_role("link", name="squared distances", exact=True).click()
    page.screenshot(path=tmp_path / "feedback_3_phone.png")


def _look_at_report(page, course, tmp_path):
    report = write_report(course, ASSIGNMENT, lambda *_: None)
    page.goto(report.resolve().as_uri())
    assert page.get_by_text("city block distance").first.is_visible()
    assert _width(page) <= PHONE["width"]
    page.screenshot(path=tmp_path / "report_phone.png")


def _well_done(form, timeout=60_000):
    modal = form.locator("#success-modal")
    modal.wait_for(timeout=timeout)
    modal.locator(".modal-footer button").click()
    modal.wait_for(state="detached")


def _width(page):
    return page.evaluate("document.documentElement.scrollWidth")
