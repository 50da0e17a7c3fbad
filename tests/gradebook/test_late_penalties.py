"""A late penalty is the instructor's own: in the gradebook, on the page and in every export."""

import csv
import re
import shutil
from pathlib import Path

import pytest
from judged_class import course_of, hand_in, record

from autograder.assignments import CourseError, find_assignment
from autograder.cli import main
from autograder.gradebook.course import CONFIG, Course

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
# As nbgrader's documentation has it: a module beside the configuration, and its name.
PLUGIN = """
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float

class PointsADay(LateSubmissionPlugin):
    points = Float(2.0).tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        if student_id == "excused":
            return None
        return self.points * -(-total_seconds_late // 86400)
"""
IN_A_MODULE = "c.AssignLatePenalties.plugin_class = 'penalties_of_the_course.PointsADay'\n"
STUDENTS = ("late", "in_time", "excused", "unknown")


@pytest.fixture(scope="module")
def judged(master, tmp_path_factory) -> Course:
    """Four who are judged: two days late, in time, late with an excuse, and who knows."""
    course = course_of(master, tmp_path_factory.mktemp("judged"))
    for seed, student in enumerate(STUDENTS, 1):
        hand_in(course, master, student, seed)
        stamp = course.submission(COLORIZATION, student).with_name("timestamp.txt")
        if student != "unknown":
            stamp.write_text(f"2031-05-0{3 if student != 'in_time' else 1} 11:00:00 UTC")
    return course


@pytest.fixture
def course(judged, tmp_path) -> Course:
    copy = Path(shutil.copytree(judged.folder, tmp_path / "course"))
    (copy / "penalties_of_the_course.py").write_text(PLUGIN)
    configure(copy, IN_A_MODULE)
    due(Course(copy), "2031-05-01 12:00:00 UTC")
    return Course(copy)


def configure(folder: Path, line: str) -> Course:
    with (folder / CONFIG).open("a") as file:
        file.write(line)
    return Course(folder)


def due(course: Course, when: str) -> None:
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate=when)


@pytest.fixture
def autograder(monkeypatch):
    """The command, as it is typed, from another folder."""

    def autograder(*words: object) -> None:
        monkeypatch.setattr("sys.argv", ["autograder", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0

    # The checks are proved elsewhere, which takes seconds.
    monkeypatch.setattr("autograder.gradebook.grading.check_the_checks", lambda assignment: None)
    return autograder


def penalties(course: Course) -> dict[str, float | None]:
    with course.gradebook() as gradebook:
        found = {one: gradebook.find_submission_notebook(NAME, NAME, one) for one in STUDENTS}
        return {student: notebook.late_submission_penalty for student, notebook in found.items()}


def exported(course: Course, format: str, key: str) -> dict[str, dict[str, str]]:
    with (course.folder / f"{format}.csv").open(newline="", encoding="utf-8-sig") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def test_it_is_in_the_gradebook_on_the_page_and_in_every_export(course, autograder):
    autograder("grade", course.folder)
    assert penalties(course) == {"late": 4, "in_time": None, "excused": None, "unknown": None}
    with course.gradebook() as gradebook:
        score = gradebook.find_submission(NAME, "late").score
    assert score > 4
    page = " ".join(
        re.sub("<[^>]*>", " ", course.feedback(COLORIZATION, "late").read_text()).split()
    )
    assert f" {score - 4:g} of 84 points Handed in late: 4 points are taken off." in page
    assert "Handed in late" not in course.feedback(COLORIZATION, "in_time").read_text()
    for format in ("csv", "canvas", "moodle"):
        autograder(
            "export", course.folder, "--to", course.folder / f"{format}.csv", "--format", format
        )
    plain = exported(course, "csv", "student")["late"]
    assert (plain[f"{NAME} late penalty"], float(plain["total"])) == ("4", score - 4)
    assert float(exported(course, "canvas", "SIS Login ID")["late"][NAME]) == score - 4
    for_moodle = exported(course, "moodle", "Identifier")["late"]
    assert float(for_moodle[NAME]) == score - 4
    assert for_moodle[f"{NAME} (feedback)"].startswith("Late: 4 points off.<br>")


def test_a_changed_due_date_extension_or_plugin_changes_it_and_nothing_else(course, autograder):
    autograder("grade", course.folder)
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, "late")
        written = next(grade for grade in notebook.grades if grade.name.startswith("written-"))
        written.manual_score, written.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    page = course.feedback(COLORIZATION, "late")

    def graded() -> float | None:
        autograder("grade", course.folder)
        with course.gradebook() as gradebook:
            notebook = gradebook.find_submission_notebook(NAME, NAME, "late")
            assert not any(
                g.needs_manual_grade for g in notebook.grades if g.manual_score is not None
            )
            assert [g.manual_score for g in notebook.grades if g.manual_score is not None] == [1.5]
            return notebook.late_submission_penalty

    assert graded() == 4
    first = page.read_text()
    due(course, "2031-05-02 12:00:00 UTC")
    assert graded() == 2
    assert page.read_text() != first
    with course.gradebook() as gradebook:
        gradebook.grant_extension(NAME, "late", days=5)
    assert graded() is None
    with course.gradebook() as gradebook:
        gradebook.grant_extension(NAME, "late")
    assert graded() == 2
    configure(course.folder, "c.PointsADay.points = 0.75\n")
    assert graded() == 0.75
    configure(
        course.folder, "del c.AssignLatePenalties\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    )
    with Course(course.folder).gradebook() as gradebook:
        score = gradebook.find_submission(NAME, "late").score
    assert graded() == score > 1.5


def test_a_class_in_the_configuration_itself_will_do(course, autograder):
    configure(course.folder, f"{PLUGIN}\nc.AssignLatePenalties.plugin_class = PointsADay\n")
    autograder("grade", course.folder)
    assert penalties(course)["late"] == 4


@pytest.mark.parametrize(
    "name", ["no_such_module.Plugin", "penalties_of_the_course.NoPlugin", "pathlib.Path"]
)
def test_a_plugin_that_there_is_not_is_a_sentence(course, name):
    configure(course.folder, f"c.AssignLatePenalties.plugin_class = {name!r}\n")
    with pytest.raises(
        CourseError, match=r"nbgrader_config\.py has a setting that can't be used: "
    ):
        record(Course(course.folder), COLORIZATION, STUDENTS)


def test_a_plugin_that_fails_costs_nobody_a_score(course, autograder, capsys):
    autograder("grade", course.folder)
    plugin = PLUGIN.replace(
        "return self.points", "raise ValueError('no such student')\n        return self.points"
    )
    configure(course.folder, f"{plugin}\nc.AssignLatePenalties.plugin_class = PointsADay\n")
    autograder("grade", course.folder)
    assert "No late penalty: no such student" in " ".join(capsys.readouterr().out.split())
    assert penalties(course)["late"] == 4
