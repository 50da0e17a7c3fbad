"""A student's evening in JupyterLab: fetch, write, check, Validate, submit; and the feedback,
later.
"""

from pathlib import Path

import pytest
from browser import Watch, chromium_page, jupyter_lab, needs_browser, open_from_menu
from judged_class import course_of, grade_one, scores_of
from nbgrader.utils import get_username

from autograder.assignments import find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.release import VALIDATION
from autograder.gradebook.course import Course

pytestmark = [pytest.mark.browser, needs_browser]

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name
TASK = "pairwise_squared_distances"
ANSWER = "return (a[:, None] - b).square().sum(dim=-1)"


@pytest.fixture
def course(tmp_path) -> Course:
    """A course directory with an exchange, through which the assignment has been released."""
    made = course_of(read_master(ASSIGNMENT), tmp_path)
    (tmp_path / "exchange").mkdir()
    with (made.folder / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.Exchange.root = {str(tmp_path / 'exchange')!r}\n")
    course = Course(made.folder)  # with the configuration as it is now
    assert course.api.release_assignment(NAME)["success"]
    return course


@pytest.fixture
def home(course, tmp_path) -> Path:
    """A student's folder, on a server whose administrator has named the course and the exchange."""
    home = tmp_path / "home"
    home.mkdir()
    known = (
        f"c.CourseDirectory.course_id = 'course'\n"
        f"c.Exchange.root = {str(tmp_path / 'exchange')!r}\n"
    )
    (home / "nbgrader_config.py").write_text(VALIDATION + known)
    return home


def test_a_student_solves_a_task_and_gets_its_points(course, home, tmp_path):
    with jupyter_lab(home) as address, chromium_page() as page:
        watch = Watch(page)
        page.goto(address.format("lab"))
        open_from_menu(page, "Nbgrader", "Assignment List")
        page.locator("#released_assignments_list").get_by_text("Fetch", exact=True).click()
        page.locator("#fetched_assignments_list").get_by_text("Submit", exact=True).wait_for()
        page.screenshot(path=tmp_path / "student_1_fetched.png")
        page.goto(address.format(f"lab/tree/{NAME}/{NAME}.ipynb"))
        _solve(page)
        page.screenshot(path=tmp_path / "student_2_solved.png")
        _validate(page)
        page.screenshot(path=tmp_path / "student_3_validated.png")
        _submit(page)
        page.screenshot(path=tmp_path / "student_4_submitted.png")
        _grade(course)
        _read_feedback(page)
        page.screenshot(path=tmp_path / "student_5_feedback.png")
        assert watch.elsewhere == []


def _solve(page):
    """Run what is above, write the answer into the task's cell, run it and its visible check."""
    task = page.locator(".jp-CodeCell", has_text=f"def {TASK}(").locator(".cm-content")
    task.click()
    open_from_menu(page, "Run", "Run All Above Selected Cell")
    task.click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Shift+Home")
    page.keyboard.insert_text(ANSWER)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.get_by_text(f"{TASK}: the visible checks pass.").wait_for(timeout=60_000)
    page.keyboard.press("Control+s")


def _validate(page):
    """Press nbgrader's button: it runs the notebook and names what is not solved."""
    page.get_by_role("button", name="Validate").click()
    result = page.locator(".jp-Dialog", has_text="Validation Results")
    result.wait_for(timeout=120_000)
    said = result.inner_text()
    unsolved = [
        task
        for task in read_master(ASSIGNMENT).tasks
        if f"the visible checks of {task} do not" in said
    ]
    assert unsolved == list(read_master(ASSIGNMENT).tasks)[1:]


def _submit(page):
    page.locator(".jp-Dialog").get_by_role("button", name="OK").click()
    open_from_menu(page, "Nbgrader", "Assignment List")
    page.locator("#fetched_assignments_list").get_by_text("Submit", exact=True).click()
    page.locator("#submitted_assignments_list").get_by_text(NAME).first.wait_for()


def _grade(course):
    """The instructor's part: collect, judge, record, release the feedback."""
    student = get_username()
    assert course.api.collect(NAME)["success"]
    verdict = grade_one(course, ASSIGNMENT, student)
    assert {task.name for task in verdict.tasks if task.earned} == {TASK}
    assert verdict.task(TASK).earned == verdict.task(TASK).points
    assert scores_of(course, ASSIGNMENT, student)[TASK] == verdict.task(TASK).points
    assert course.api.release_feedback(NAME, student)["success"]


def _read_feedback(page):
    page.locator("#refresh_assignments_list").click()
    page.locator("#submitted_assignments_list").get_by_text("Fetch Feedback", exact=True).click()
    page.get_by_text("view feedback").first.click()
    page.locator(".jp-DirListing-item", has_text=f"{NAME}.html").dblclick()
    feedback = page.frame_locator(".jp-HTMLViewer iframe")
    feedback.get_by_role("heading", name="Your feedback").wait_for()
    assert feedback.get_by_role("link", name="squared distances", exact=True).is_visible()
