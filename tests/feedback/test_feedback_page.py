"""The feedback page as its student reads it, and the formgrader's page as its instructor does."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from judged_class import course_of, entry_of, hand_in, keep, record
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader.handlers import template_path

from autograder.assignments import find_assignment
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.gradebook.formgrader import rubrics_of
from autograder.gradebook.store import StoredVerdict
from autograder.judge.judge import Judgement

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name
HINT = "Is `dim` <right>?"


@pytest.fixture(scope="module")
def course(warm_up, tmp_path_factory):
    course = course_of(warm_up, tmp_path_factory.mktemp("course"))
    nbformat.write(solution_notebook(warm_up), course.folder / "solution" / f"{NAME}.ipynb")
    hand_in(course, warm_up, "ann", 1)
    verdict = keep(
        course, warm_up, "ann", lambda check: check.task != "blend", student_notebook(warm_up)
    )
    first = verdict.tasks[0].checks[0]
    first.passed, first.kind, first.message = (
        False,
        "wrong value",
        "the result has `wrong` <values>",
    )
    first.misconception, first.hint = "city block distance", HINT
    StoredVerdict(course.verdict(ASSIGNMENT, "ann")).write(
        Judgement(verdict, student_notebook(warm_up))
    )
    hand_in(course, warm_up, "bob", 1)
    keep(
        course, warm_up, "bob", lambda check: False, student_notebook(warm_up), status="not graded"
    )
    assert record(course, ASSIGNMENT, ["ann", "bob"]) == {}
    return course


def page_of(course, student: str) -> BeautifulSoup:
    return BeautifulSoup(course.feedback(ASSIGNMENT, student).read_text(), "html.parser")


def scores_on(page: BeautifulSoup) -> dict[str, str]:
    """The table at the top: what stands beside each task."""
    rows = page.select("table.scores tr")[1:]
    return {row.select("a")[0].text: row.select("td")[1].text for row in rows}


def test_the_points_of_each_task_are_at_the_top_with_a_way_to_it(course, warm_up):
    page, verdict = (
        page_of(course, "ann"),
        entry_of(course, ASSIGNMENT, "ann").verdict,
    )
    shown = scores_on(page)
    assert len(shown) == len(warm_up.tasks) + 1
    assert (
        shown["squared distances"] == f"{verdict.tasks[0].earned:g} / {verdict.tasks[0].points:g}"
    )
    assert shown["Write: which K?"] == "– / 3"
    assert page.select(".total")[0].text == f"{verdict.earned:g} of {verdict.points + 3:g} points"
    for link in page.select("a[href^='#']"):
        assert len(page.select(link["href"])) == 1
    shades = {row["class"][0] for row in page.select("table.scores tr[class]")}
    assert shades == {"full", "part", "none", "waiting"}


def test_a_failed_check_says_what_was_tested_and_what_it_looks_like(course):
    said = page_of(course, "ann").select("#grade-pairwise_squared_distances")[0]
    assert said.select(".failed strong")[0].text == "wrong value: the result has wrong <values>"
    assert (
        said.select(".hint")[0].text
        == f"This is what “city block distance” gives. {HINT.replace('`', '')}"
    )
    assert [code.text for code in said.select(".hint code")] == ["dim"]
    assert len(said.select(".failed")) == 1
    assert said.select(".passed")


def test_unknown_is_not_zero(course, warm_up):
    points = {
        title: shown.split(" / ")[0] for title, shown in scores_on(page_of(course, "bob")).items()
    }
    assert set(points.values()) == {"–"}


def test_a_page_is_one_file_without_a_script(course):
    text = course.feedback(ASSIGNMENT, "ann").read_text()
    page = BeautifulSoup(text, "html.parser")
    assert page.select("script, link, iframe, object, form") == []
    assert all(tag["src"].startswith("data:") for tag in page.select("[src]"))
    assert "default-src 'none'" in page.select("meta[http-equiv]")[0]["content"]
    assert "width=device-width" in page.select("meta[name=viewport]")[0]["content"]
    assert len(page.select("math")) > 20
    assert re.search(r"url\(|@import", text) is None
    assert len(text) < 150_000


def test_what_a_person_says_is_on_the_page(course):
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("written-stored_examples_go_grey", NAME, NAME, "ann")
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        comment = gradebook.find_comment("written-stored_examples_go_grey", NAME, NAME, "ann")
        comment.manual_comment = "Nearly: look at $\\frac{1}{K}$ <b onclick=alert(1)>again</b>."
        gradebook.find_grade("grade-nearest_neighbors", NAME, NAME, "ann").manual_score = 0.25
        gradebook.find_comment(
            "task-nearest_neighbors", NAME, NAME, "ann"
        ).manual_comment = "Too long a loop."
        gradebook.db.commit()
    assert record(course, ASSIGNMENT, ["ann"]) == {}
    page = page_of(course, "ann")
    assert scores_on(page)["Write: which K?"] == "2.5 / 3"
    written = page.select("#written-stored_examples_go_grey .comment")[0]
    assert "Nearly: look at" in written.text
    assert written.select("mfrac")
    assert written.select("[onclick]") == []
    assert (
        page.select("#task-nearest_neighbors .comment")[0].text.strip().endswith("Too long a loop.")
    )
    assert "set by a person: 0.25 /" in page.select("#grade-nearest_neighbors .bar")[0].text
    assert (
        page.select("#task-pairwise_squared_distances .comment") == []
    )  # the checks say it, below


def test_the_instructor_has_the_rubric_beside_the_answer_and_nobody_else_has_it(course, warm_up):
    config = course.config.copy()
    config.HTMLExporter.template_name, config.HTMLExporter.extra_template_basedirs = (
        "formgrade",
        [template_path],
    )
    notebook = course.autograded(ASSIGNMENT, "ann")
    html, _ = HTMLExporter(config=config).from_filename(
        str(notebook), {"base_url": "", "index": 0, "total": 1}
    )
    page = BeautifulSoup(html, "html.parser")
    rubric = page.find("summary", string="Rubric").parent
    assert "open" in rubric.attrs
    assert "One point for each part." in rubric.text
    assert rubric.select("math")
    assert rubric.find_previous("textarea")["id"] == "written-stored_examples_go_grey-comment"
    assert [tag["src"] for tag in page.select("script[src]") if "//" in tag["src"]] == []
    for path in (notebook, course.feedback(ASSIGNMENT, "ann")):
        assert "One point for each part" not in path.read_text()


def test_every_written_answer_has_its_rubric(course, tmp_path):
    assert list(rubrics_of(course.folder / "solution" / f"{NAME}.ipynb")) == [
        "written-stored_examples_go_grey"
    ]
    assert rubrics_of(tmp_path / "none.ipynb") == {}
