"""Odd folders under submitted/: a renamed notebook, none, several, odd names, and odd time
stamps.
"""

import os
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from types import SimpleNamespace

import pytest
from judged_class import course_of, entry_of, hand_in, keep, record, rows_of, scores_of, submit
from rich.console import Console

from autograder.assignments import CourseError, find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.course_files.handed_in import notebook_in, renamed, why_none
from autograder.course_files.timestamps import handed_in_at, parsed, written_in
from autograder.exports.csv_exports import export_course
from autograder.gradebook import grading
from autograder.gradebook.grading import GradingProgress, grade_class
from autograder.judge.draw import Drawing
from autograder.tables import class_table

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name


@pytest.fixture(scope="module")
def course(warm_up, tmp_path_factory):
    return course_of(warm_up, tmp_path_factory.mktemp("course"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / NAME).mkdir()
    return tmp_path / NAME


@pytest.fixture
def graded(course, warm_up, monkeypatch):
    """Grades with a pool that gives every check its points, and lists what it was asked to
    judge.
    """
    asked = []

    class Generous:
        why_cold = ""

        def run(self, jobs, later):
            for job in jobs:
                student = job.path.parent.parent.name
                asked.append(job.path.name)
                keep(course, warm_up, student, lambda check: True, student_notebook(warm_up))
                yield job, entry_of(course, ASSIGNMENT, student).judgement()
            while later:
                job = later.popleft()
                yield job, Drawing(student_notebook(warm_up))

    @contextmanager
    def pool(*args):
        yield Generous()

    monkeypatch.setattr(grading, "Pool", pool)
    monkeypatch.setattr(grading, "check_the_checks", lambda assignment: None)
    return SimpleNamespace(
        asked=asked,
        run=lambda *students: grade_class(course, ASSIGNMENT, list(students), GradingProgress()),
    )


# ----------------------------------------------------------------------------------- which notebook


def test_the_only_notebook_is_taken_and_reported(course, warm_up, graded):
    path = submit(course, ASSIGNMENT, "ada", student_notebook(warm_up))
    path.rename(path.with_name("my work (final).ipynb"))
    verdict = graded.run("ada")["ada"]
    assert (verdict.status, verdict.earned) == ("graded", verdict.points)
    assert graded.asked == ["my work (final).ipynb"]
    assert scores_of(course, ASSIGNMENT, "ada") == {
        task.name: task.points for task in verdict.tasks
    }
    said = f"`my work (final).ipynb` was graded: there is no {NAME}.ipynb, and no other notebook."
    assert (verdict.repairs[0], verdict.flags[0]) == (said, said)
    assert said in course.feedback(ASSIGNMENT, "ada").read_text()
    assert course.autograded(ASSIGNMENT, "ada").is_file()
    assert graded.run("ada")["ada"].status == "graded"
    assert len(graded.asked) == 1  # nothing has changed


FOLDERS = {
    "two": (["a.ipynb", "b.ipynb"], ["2 notebooks", "`a.ipynb`, `b.ipynb`", f"to {NAME}.ipynb"]),
    "none": (["report.pdf", "work.ipynb.txt"], ["no notebook", "`report.pdf`, `work.ipynb.txt`"]),
    "empty": ([], ["nothing in the folder", f"as {NAME}.ipynb"]),
}


@pytest.mark.parametrize("student", FOLDERS)
def test_none_or_several_are_not_graded_and_no_zero(course, warm_up, graded, student):
    names, says = FOLDERS[student]
    home = course.submission(ASSIGNMENT, student).parent
    home.mkdir(parents=True)
    for name in names:
        (home / name).write_text("{}")
    verdict = graded.run(student)[student]
    assert (verdict.status, graded.asked) == ("not graded", [])
    assert all(part in verdict.reason for part in says)
    assert set(scores_of(course, ASSIGNMENT, student).values()) == {None}
    warnings = export_course(course, course.folder / "grades.csv", "csv")
    assert any(warning.startswith(f"{student}: {NAME} could not be graded") for warning in warnings)
    hand_in(course, warm_up, student, 1)  # it is put right
    assert graded.run(student)[student].status == "graded"
    assert None not in scores_of(course, ASSIGNMENT, student).values()


def test_the_named_notebook_is_taken_whatever_is_beside_it(folder):
    for name in ("other.ipynb", f"{NAME}.ipynb"):
        (folder / name).write_text("{}")
    assert notebook_in(folder, NAME) == folder / f"{NAME}.ipynb"
    assert why_none(notebook_in(folder, NAME)) == renamed(notebook_in(folder, NAME)) == ""


def test_links_pipes_folders_and_hidden_files_are_no_notebooks(folder):
    (folder / "a.ipynb").symlink_to("/etc/hosts")
    (folder / "b.ipynb").mkdir()
    os.mkfifo(folder / "c.ipynb")
    (folder / ".d.ipynb").write_text("{}")
    (folder / ".ipynb_checkpoints").mkdir()
    assert notebook_in(folder, NAME) == folder / f"{NAME}.ipynb"
    assert "only `a.ipynb`, `b.ipynb`, `c.ipynb`" in why_none(notebook_in(folder, NAME))
    (folder / "E.IPYNB").write_text("{}")
    assert notebook_in(folder, NAME) == folder / "E.IPYNB"


def test_a_folder_in_the_notebooks_place_is_named(folder):
    (folder / f"{NAME}.ipynb").mkdir()
    assert f"only `{NAME}.ipynb`" in why_none(notebook_in(folder, NAME))


def test_a_folder_that_is_not_named_in_utf8_is_graded_escaped_and_reported(course, warm_up, graded):
    student = os.fsdecode(b"caf\xe9")
    hand_in(course, warm_up, student, 1)
    hand_in(course, warm_up, "zoë", 1)
    verdicts = graded.run(student, "zoë")
    assert list(verdicts) == ["caf\\udce9", "zoë"]
    assert verdicts["caf\\udce9"].flags == [
        "Not recorded in the gradebook: the name of the student's folder is not UTF-8. "
        "Rename the folder."
    ]
    printed = StringIO()
    class_table(ASSIGNMENT, verdicts, Console(file=printed, width=120))
    printed.getvalue().encode()
    assert verdicts["zoë"].flags == []


# -------------------------------------------------------------------------------------- time stamps


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-05-01 23:59:00 UTC", "2026-05-01 23:59"),
        ("2026-05-01 23:59:00.250000 UTC", "2026-05-01 23:59:00.250"),
        ("2027-03-02T08:15+01:00", "2027-03-02 07:15"),
        ("2027-03-02T08:15:00Z", "2027-03-02 08:15"),
        ("2027-03-02 08:15:00 America/New_York", "2027-03-02 13:15"),
        ("2027-03-02 08:15:00 -0500", "2027-03-02 13:15"),
        ("2027-03-02 08:15", "2027-03-02 08:15"),
        ("2027-03-02", "2027-03-02"),
        ("20270302T081500Z", "2027-03-02 08:15"),
    ],
)
def test_times_as_in_iso_8601(text, utc):
    assert parsed(text, "") == datetime.fromisoformat(utc)


NOT_ISO = [
    *(
        "02.03.2027 08:15",
        "3/2/2027",
        "03-02-2027",
        "2 March 2027",
        "soon",
        "1740903300",
        "27-03-02",
    ),
    *(
        "2027-03-02 8:15",
        "2027-13-02 08:15",
        "2027-02-30",
        "2027-03-02 25:00",
        "2027-03-02 08:15 PM",
    ),
    *(
        "2027-03-02 08:15 XYZT",
        "2027-03-02 08:15 Europe",
        "2027-03-02 08:15 ../../etc",
        "2027-03-02x08:15",
    ),
    *(
        "2027-03-02 08:15\n2027-03-05 08:15",
        "0001-01-01 00:00 +05:00",
        "２０２７-０３-０２",
        "2027-03-02 " * 50,
    ),
]


@pytest.mark.parametrize("text", NOT_ISO)
def test_anything_else_is_a_sentence(folder, text):
    (folder / "timestamp.txt").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=r"timestamp\.txt .*2027-03-02 08:15:00 UTC.*or delete"):
        handed_in_at(folder)


def test_a_mark_at_the_start_is_nothing(folder):
    (folder / "timestamp.txt").write_bytes("2027-03-02 08:15\r\n".encode("utf-8-sig"))
    assert handed_in_at(folder) == datetime(2027, 3, 2, 8, 15)
    (folder / "timestamp.txt").write_text("\n")
    assert handed_in_at(folder) is None
    (folder / "timestamp.txt").write_bytes("2027-03-02 08:15".encode("utf-16"))
    with pytest.raises(CourseError, match="not in UTF-8"):
        handed_in_at(folder)


@pytest.mark.parametrize("make", ["pipe", "link", "folder", "dangling"])
def test_only_a_plain_file_is_read(folder, make):
    path = folder / "timestamp.txt"
    assert written_in(folder) == ""
    if make == "pipe":
        os.mkfifo(path)
    elif make == "folder":
        path.mkdir()
    else:
        path.symlink_to("/etc/hostname" if make == "link" else "nowhere")
    with pytest.raises(CourseError, match=r"timestamp\.txt can't be read"):
        written_in(folder)


def test_a_time_that_cannot_be_read_costs_only_that_record(course, warm_up):
    for student in ("pipe", "german", "fine"):
        hand_in(course, warm_up, student, 1)
    stamp = {
        one: course.submission(ASSIGNMENT, one).with_name("timestamp.txt")
        for one in ("pipe", "german")
    }
    os.mkfifo(stamp["pipe"])
    stamp["german"].write_text("02.03.2027 08:15")
    problems = record(course, ASSIGNMENT, ["pipe", "german", "fine"])
    assert list(problems) == ["pipe", "german"]
    assert "`02.03.2027 08:15`" in problems["german"][0]
    assert rows_of(course, "german") == rows_of(course, "pipe") == []
    stamp["german"].write_text("2027-03-02 08:15:00 UTC")
    assert record(course, ASSIGNMENT, ["german"]) == {}
    with course.gradebook() as gradebook:
        assert gradebook.find_submission(NAME, "german").timestamp == datetime(2027, 3, 2, 8, 15)
