"""The gradebook in PostgreSQL: the same as in SQLite, and a server that goes away is a sentence."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from judged_class import COMMENTS, GRADES, course_of, hand_in, record
from postgresql import Server, needs_postgresql, postgresql
from sqlalchemy import create_engine, text

from autograder.assignments import CourseError, find_assignment
from autograder.exports.csv_exports import FORMATS, export_course
from autograder.gradebook.course import CONFIG, Course
from autograder.gradebook.roster import Person, enrol
from autograder.progress import quiet
from autograder.report.page import write_report

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
STUDENTS = ["ann", "Zoë 🦊", 'O\'Neil "Quote"']


@pytest.fixture(scope="module")
def judged(master, tmp_path_factory) -> Course:
    """A class that is judged, and not recorded."""
    course = course_of(master, tmp_path_factory.mktemp("judged"))
    for seed, student in enumerate(STUDENTS):
        hand_in(course, master, student, seed)
    return course


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


def copy_of(course: Course, folder: Path, url: str = "") -> Course:
    """A copy, with its gradebook at this address."""
    copy = shutil.copytree(course.folder, folder / "course")
    if url:
        (copy / "gradebook.db").unlink()
        with (copy / CONFIG).open("a") as file:
            file.write(f"c.CourseDirectory.db_url = {url!r}\n")
    return Course(copy)


def all_of(course: Course, folder: Path) -> dict[str, object]:
    """What the gradebook says: its own rows, nbgrader's interface, every export, the feedback
    pages.
    """
    engine = create_engine(course.api.coursedir.db_url)
    with engine.connect() as connection:
        rows = [
            tuple(row) for query in (GRADES, COMMENTS) for row in connection.execute(text(query))
        ]
    engine.dispose()
    found: dict[str, object] = {
        "rows": sorted(
            [tuple(int(x) if isinstance(x, bool) else x for x in row) for row in rows], key=repr
        ),
        "formgrader": [
            {key: value for key, value in one.items() if key != "id"}
            for one in course.api.get_submissions(NAME)
        ],
        "pages": {
            student: course.feedback(COLORIZATION, student).read_text() for student in STUDENTS
        },
    }
    for format in FORMATS:
        export_course(course, folder / format, format)
        found[format] = (folder / format).read_text()
    return found


def graded(course: Course) -> Course:
    """Recorded; then a person grades, and there is a roster; then recorded again."""
    assert record(course, COLORIZATION, STUDENTS) == {}
    assert enrol(course, [Person("ann", "Ann", "O'Hara"), Person("away", "Ævar")]) == (1, 1)
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, STUDENTS[1])
        written = min(
            (g for g in notebook.grades if g.name.startswith("written-")), key=lambda g: g.name
        )
        written.manual_score, written.extra_credit, written.needs_manual_grade = 1 / 3, 0.1, False
        notebook.late_submission_penalty = 0.7
        min(notebook.comments, key=lambda comment: comment.name).manual_comment = "Good 🦊"
        gradebook.db.commit()
    assert record(course, COLORIZATION, STUDENTS) == {}
    return course


@needs_postgresql
def test_it_holds_what_sqlite_does(judged, server, tmp_path):
    course = copy_of(judged, tmp_path, server.url("course"))
    with pytest.raises(
        CourseError, match=f"does not contain {NAME}. Run `nbgrader generate_assignment"
    ):
        record(course, COLORIZATION, STUDENTS)
    assert course.api.generate_assignment(NAME, force=True)["success"]
    (tmp_path / "sqlite").mkdir()
    expected = all_of(graded(copy_of(judged, tmp_path / "sqlite")), tmp_path)
    found = all_of(graded(course), tmp_path)
    assert expected["rows"] != []
    for what in expected:
        assert found[what] == expected[what], what
    assert write_report(course, COLORIZATION, quiet).is_file()


@needs_postgresql
def test_a_restart_while_a_class_is_recorded_costs_nothing(judged, server, tmp_path):
    course = copy_of(judged, tmp_path, server.url("restarted"))
    assert course.api.generate_assignment(NAME, force=True)["success"]

    def students() -> Iterator[str]:
        yield STUDENTS[0]
        server.control("restart", "-m", "immediate")
        yield from STUDENTS[1:]

    assert record(course, COLORIZATION, students()) == {}


BAD = {
    "postgresql+psycopg://course:hunter2@/x?host=/nowhere": "No such file",
    "postgresql+nonsense://course:hunter2@/x": "nonsense",
    "nonsense": "Could not parse",
}


@pytest.mark.parametrize("url", BAD)
def test_a_gradebook_that_cannot_be_had_is_a_sentence_without_its_password(judged, tmp_path, url):
    course = copy_of(judged, tmp_path, url)
    for use in (lambda: record(course, COLORIZATION, STUDENTS), course.gradebook):
        with pytest.raises(CourseError, match=r"can't be used \(.*db_url") as raised:
            use()
        assert "hunter2" not in str(raised.value)
        assert "\n" not in str(raised.value)
        assert BAD[url] in str(raised.value)
