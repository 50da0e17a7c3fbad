"""The grades as CSV: what the gradebook says, nothing more, and no zero for what is not known."""

import csv
import os
import re
import subprocess
import sys
from html import unescape

import pytest
from judged_class import course_of, hand_in, keep, record, submit

from autograder.assignments import CourseError
from autograder.authoring.notebooks import student_notebook
from autograder.exports.csv_exports import (
    FORMATS,
    GradesExport,
    _grade_and_feedback,
    _is_formula,
    _safe,
    export_course,
)
from autograder.gradebook.grades import Score
from autograder.gradebook.roster import enrol, read_roster

ROSTER = """\
id,name,email,section,lms_user_id,sis_user_id,sis_login_id
ada,"Lovelace, Ada 👩‍🎓",ada@example.org,"A, morning",17,s17,ada.l
ben,"=HYPERLINK(""http://x.example"",""Ben"") Evil",+ben@example.org,B,18,,
cid,"Dwayne ""The Rock"" Johnson",cid@example.org,B,19,s19,
away,Never Here,away@example.org,A,20,,
"""


@pytest.fixture(scope="module")
def verdicts():
    return {}


@pytest.fixture(scope="module")
def course(master, tmp_path_factory, verdicts):
    """ada, ben, cid and dot are graded; eve could not be; away has handed in nothing."""
    course = course_of(master, tmp_path_factory.mktemp("course"))
    (course.folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
    enrol(course, read_roster(course.folder / "roster.csv"))
    for seed, student in enumerate(("ada", "ben", "cid", "dot"), 1):
        verdicts[student] = hand_in(course, master, student, seed)
    notebook = student_notebook(master)
    submit(course, master.assignment, "eve", notebook)
    said = {"status": "not graded", "reason": "The sandbox did not start."}
    keep(course, master, "eve", lambda check: False, notebook, **said)
    assert record(course, master.assignment, ["ada", "ben", "cid", "dot", "eve"]) == {}
    with course.gradebook() as gradebook:
        name = master.assignment.name
        written = gradebook.find_submission_notebook(name, name, "ada")
        next(
            grade for grade in written.grades if grade.name.startswith("written-")
        ).manual_score = 2.5
        late = gradebook.find_submission_notebook(name, name, "cid")
        late.late_submission_penalty = 5.0
        gradebook.find_submission_notebook(name, name, "dot").late_submission_penalty = 1000.0
        comment = next(comment for comment in late.comments if comment.name.startswith("task-"))
        comment.manual_comment = "<b>a & b</b>\nsecond line"
        gradebook.db.commit()
    return course


def exported(course, format, **named):
    path = course.folder / f"{format}.csv"
    warnings = export_course(course, path, format, **named)
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file)), warnings


def by(rows, column):
    return {row[column]: row for row in rows}


def test_plain_csv_has_the_verdicts_points(course, master, verdicts):
    rows, warnings = exported(course, "csv")
    rows, name = by(rows, "student"), master.assignment.name
    assert list(rows) == ["ada", "away", "ben", "cid", "dot", "eve"]
    for student, verdict in verdicts.items():
        assert 0 < verdict.earned < verdict.points
        assert float(rows[student][f"{name} points"]) == verdict.earned
    assert rows["ada"][f"{name} written"] == "2.5"
    assert float(rows["ada"]["total"]) == verdicts["ada"].earned + 2.5
    assert rows["cid"][f"{name} late penalty"] == "5"
    assert float(rows["cid"][f"{name} total"]) == verdicts["cid"].earned - 5
    assert rows["dot"]["total"] == "0"
    assert any("submissions wait for a person" in warning for warning in warnings)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_not_known_is_an_empty_cell_and_told(course, master, format):
    rows, warnings = exported(course, format)
    name, key = (
        master.assignment.name,
        {"canvas": "SIS Login ID", "csv": "student"}.get(format, "Identifier"),
    )
    column = {"csv": f"{name} total"}.get(format, name)
    assert {who for who, row in by(rows, key).items() if row[column] == ""} == {"away", "eve"}
    assert [
        warning for warning in warnings if warning.startswith(f"eve: {name} could not be graded")
    ]


def test_canvas(course, master, verdicts):
    course.config.CanvasExport.assignment_ids = {master.assignment.name: 4711}
    try:
        rows, _ = exported(course, "canvas", roster=course.folder / "roster.csv")
    finally:
        del course.config.CanvasExport
    column = f"{master.assignment.name} (4711)"
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column]
    possible = rows.pop(0)
    assert possible["Student"].strip() == "Points Possible"
    with course.gradebook() as gradebook:
        assert (
            float(possible[column]) == gradebook.find_assignment(master.assignment.name).max_score
        )
    rows = by(rows, "SIS Login ID")
    ada = rows["ada.l"]
    assert list(ada.values())[:5] == ["Lovelace, Ada 👩‍🎓", "17", "s17", "ada.l", "A, morning"]
    assert float(ada[column]) == verdicts["ada"].earned + 2.5
    assert rows["cid"]["Student"] == 'Johnson, Dwayne "The Rock"'
    assert rows["eve"]["Student"] == "eve"


def test_moodle_has_grades_and_comments(course, master, verdicts):
    rows, _ = exported(course, "moodle", roster=course.folder / "roster.csv")
    rows, name = by(rows, "Identifier"), master.assignment.name
    assert rows["ada"]["Email address"] == "ada@example.org"
    assert (rows["ada"]["ID number"], rows["ben"]["ID number"]) == ("s17", "18")
    assert float(rows["cid"][name]) == verdicts["cid"].earned - 5
    feedback = rows["cid"][f"{name} (feedback)"]
    assert feedback.startswith("Late: 5 points off.<br>")
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;<br>second line" in feedback
    failed = next(task for task in verdicts["ada"].tasks if task.earned < task.points)
    said = rf"{failed.name}\b[^<.]*: {failed.earned:g}/{failed.points:g}\. "
    assert re.search(said, rows["ada"][f"{name} (feedback)"])


@pytest.mark.parametrize("format", FORMATS)
def test_no_cell_is_a_formula(course, format):
    path = course.folder / "formula.csv"
    export_course(course, path, format, roster=course.folder / "roster.csv")
    with path.open(newline="", encoding="utf-8-sig") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "@", "-"))]
    assert any("'=HYPERLINK" in cell for cell in cells)


@pytest.mark.parametrize(
    "cell",
    [
        *("=1+1", "+1", "-1", "@A1", "  =1", "\t=1", "\n=1", "\r\n@x", "\u00a0=1"),
        *("＝1+1", "＋1", "－1", "＠A1", "﹦1", "−1", "⁼1"),
        *(
            "\ufeff=1",
            "\u200b=1",
            "\u200e\u2060=1",
            "\u00ad=1",
            "\x00=1",
            "\x1b=1",
            "\u3164=1",
            "\u0301=1",
        ),
    ],
)
def test_formulas_are_defused(cell):
    defused = _safe(cell)
    assert "'" in defused
    assert not _is_formula(defused)
    assert defused.replace("'", "").strip() == " ".join(cell.splitlines()).strip()


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_no_formula_begins_where_another_language_begins_a_cell(sign):
    assert _safe(f"x{sign}=1+1{sign} +2{sign}y-1") == f"x{sign}'=1+1{sign}' +2{sign}y-1"
    assert _safe(f"a{sign}b - c = d") == f"a{sign}b - c = d"


def test_html_for_moodle_reads_as_it_was_written():
    score = Score(1.0, 0.0, 0.0, False, ("f: a <= 1; -2 & ＝3",))
    _, said = _grade_and_feedback(score)
    assert unescape(said) == "f: a <= 1; -2 & ＝3"
    assert [part for part in re.split("[;\t|]", said) if _is_formula(part)] == []


def test_excel_reads_the_names(course):
    """It takes a CSV file for one in UTF-8 if that mark is at its start; an LMS gets none."""
    for format in FORMATS:
        path = course.folder / "mark.csv"
        export_course(course, path, format)
        assert path.read_bytes().startswith(b"\xef\xbb\xbf") == (format == "csv")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (2.5, "2.5"),
        (1 / 3, "0.3333333333"),
        (-1.0, "-1"),
        ("a\r\nb", "a b"),
    ],
)
def test_cells(cell, text):
    assert _safe(cell) == text


def test_nothing_is_half_written(course, tmp_path, monkeypatch):
    path = tmp_path / "grades.csv"
    path.write_text("what was there")
    (tmp_path / "bad.csv").write_text("name\nAda\n")
    with pytest.raises(CourseError, match="has no column id"):
        export_course(course, path, "canvas", tmp_path / "bad.csv")

    def lines(self, possible, grades):
        yield ["student"]
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(GradesExport, "lines", lines)
        with pytest.raises(RuntimeError):
            export_course(course, path, "csv")
    assert path.read_text() == "what was there"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.csv", "grades.csv"]


@pytest.mark.parametrize("name", ["no/such/folder.csv", "."])
def test_a_file_that_cannot_be_written(course, tmp_path, name):
    with pytest.raises(CourseError, match=r"can't be written .*--to"):
        export_course(course, tmp_path / name, "csv")


def test_nbgraders_own_command_takes_the_exporters(course):
    plugin = "--exporter=autograder.exports.csv_exports.CanvasExport"
    command = [sys.executable, "-m", "nbgrader", "export", plugin, "--to", "theirs.csv"]
    ran = subprocess.run(command, cwd=course.folder, capture_output=True, text=True, env=os.environ)
    assert ran.returncode == 0, ran.stderr
    export_course(course, course.folder / "ours.csv", "canvas")
    assert (course.folder / "theirs.csv").read_bytes() == (course.folder / "ours.csv").read_bytes()


def test_from_the_shell(course, capsys, monkeypatch):
    from autograder.cli import main

    to = course.folder / "shell.csv"
    words = ["autograder", "export", str(course.folder), "--to", str(to), "--format", "moodle"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 0
    assert "could not be graded" in said.err
    export_course(course, course.folder / "moodle.csv", "moodle")
    assert to.read_bytes() == (course.folder / "moodle.csv").read_bytes()
