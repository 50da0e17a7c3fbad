"""The roster: awkward CSV files are read, broken ones refused with the line, and the gradebook is
told.
"""

import re
import shutil

import pytest
from judged_class import course_of
from sqlalchemy.exc import IntegrityError

from autograder.assignments import CourseError
from autograder.course_files.lock import only_writer
from autograder.gradebook.course import Course
from autograder.gradebook.roster import Person, enrol, read_roster

ADA = Person("ada", "Ada", "Lovelace", "ada@example.org", "A", "17", "s17", "ada.l")
HEADER = "id,first_name,last_name,email,section,lms_user_id,sis_user_id,sis_login_id\n"
LINE = "ada,Ada,Lovelace,ada@example.org,A,17,s17,ada.l\n"
GOOD = {
    "plain": (HEADER + LINE).encode(),
    "a BOM": (HEADER + LINE).encode("utf-8-sig"),
    "Excel's semicolons": (HEADER + LINE)
    .replace(",", ";")
    .replace("\n", "\r\n")
    .encode("utf-8-sig"),
    "tabs": (HEADER + LINE).replace(",", "\t").encode(),
    "a header in words": (HEADER.replace("_", " ").title() + LINE).encode(),
    "blanks and blank lines": f"\n{HEADER}\n , ,,\n{LINE.replace(',', ' , ')}\n\n".encode(),
    "no newline at the end": (HEADER + LINE).strip().encode(),
    "a column that nobody knows": f"shoe size,{HEADER}43,{LINE}".encode(),
    "empty cells too many": f"{HEADER}{LINE.strip()},,,\n".encode(),
}


@pytest.fixture
def roster(tmp_path):
    def roster(content: bytes | str):
        path = tmp_path / "roster.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return roster


@pytest.mark.parametrize("case", GOOD)
def test_files_as_programs_write_them_are_read(roster, case):
    assert read_roster(roster(GOOD[case])) == [ADA]


@pytest.mark.parametrize(
    ("cell", "first", "last"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ('"Lovelace, Ada"', "Ada", "Lovelace"),
        ("Plato", "", "Plato"),
        ('"Dwayne ""The Rock"" Johnson"', 'Dwayne "The Rock"', "Johnson"),
        ("José Ñandú 👩‍🎓", "José Ñandú", "👩‍🎓"),
        ('"King,\nMartin"', "Martin", "King"),
        ("a\u2028b", "", "a\u2028b"),
    ],
)
def test_names_of_every_kind(roster, cell, first, last):
    assert read_roster(roster(f"id,name\nx,{cell}\ny,Z\n"))[0] == Person("x", first, last)


BAD = {
    "no id": ("name,email\nAda,a@b.c\n", r"has no column id; it has: name, email\. Rename"),
    "one id twice": ("id,name\n\na,A\nb,B\na,C\n", r"lines 3 and 5 have the same id 'a'"),
    "… below a name of two lines": (
        'id,name\na,"A\nA"\nb,B\na,C\n',
        r"lines 2 and 5 have the same id 'a'",
    ),
    "a column twice": ("id,name,Name\na,A,B\n", r"has the column name twice"),
    "empty": ("", r"is empty\. It needs a header"),
    "blank": ("\n \n", r"is empty"),
    "a BOM and nothing": (b"\xef\xbb\xbf", r"is empty"),
    "no students": ("id,name\n", r"no students below it"),
    "Latin 1": ("id,name\na,José\n".encode("latin-1"), r"is not in UTF-8\. Save it"),
    "UTF-16": ("id,name\na,A\n".encode("utf-16"), r"is not in UTF-8"),
    "no id in a line": ("id,name\na,A\n,B\n", r"line 3 has no id"),
    "a comma too many": ("id,name\na,Lovelace, Ada\n", r"line 2 has 3 cells, but the header has 2"),
    "an open quote": ('id,name\na,A\nb,"B\nc,C\n', r"line 3 is not valid CSV .*quotes"),
    "a quote in a quote": ('id,name\na,"A "B" C"\n', r"line 2 is not valid CSV"),
    "a path": ("id\n../../etc\n", r"line 2 has the id '\.\./\.\./etc', which can't be a folder"),
    "a long name": (
        f"id,last_name\na,{'x' * 129}\n",
        r"line 2 has more than 128 characters in last_name",
    ),
    "a huge cell": (f"id,last_name\na,{'x' * 200_000}\n", r"line 2 is not valid CSV"),
}


@pytest.mark.parametrize("case", BAD)
def test_broken_files_are_one_sentence_with_the_line(roster, case):
    content, message = BAD[case]
    with pytest.raises(CourseError, match=message) as raised:
        read_roster(roster(content))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CourseError, match=re.escape(str(path)) + " can't be read"):
            read_roster(path)


@pytest.fixture(scope="module")
def empty(master, tmp_path_factory):
    return course_of(master, tmp_path_factory.mktemp("course"))


@pytest.fixture
def course(empty, tmp_path):
    return Course(shutil.copytree(empty.folder, tmp_path / "course"))


def known(course):
    with course.gradebook() as gradebook:
        return {
            one.id: (one.first_name, one.last_name, one.email, one.lms_user_id)
            for one in gradebook.students
        }


def test_the_gradebook_gets_new_students_and_what_has_changed_and_loses_nobody(course):
    assert enrol(course, [ADA, Person("bob", email="bob@example.org")]) == (2, 0)
    assert enrol(course, [Person("ada", first_name="Augusta"), Person("eve", "Eve")]) == (1, 1)
    assert known(course) == {
        "ada": ("Augusta", "Lovelace", "ada@example.org", "17"),
        "bob": (None, None, "bob@example.org", None),
        "eve": ("Eve", None, None, None),
    }


@pytest.mark.filterwarnings("ignore:Column 'student.id'")
def test_all_or_nobody(course):
    enrol(course, [ADA])
    with pytest.raises(IntegrityError):
        enrol(course, [Person("bob"), Person(None), Person("eve")])
    assert list(known(course)) == ["ada"]


def test_not_while_another_process_grades(course, monkeypatch):
    import autograder.gradebook.roster as module

    def held(folder):
        raise CourseError(f"{folder} is being graded by process 1. Wait for it, or stop it.")

    monkeypatch.setattr(module, "only_writer", held)
    with pytest.raises(CourseError, match="is being graded"):
        enrol(course, [ADA])
    assert known(course) == {}
    monkeypatch.setattr(module, "only_writer", only_writer)
    assert enrol(course, [ADA]) == (1, 0)


def test_from_the_shell(course, roster, capsys, monkeypatch):
    from autograder.cli import main

    monkeypatch.setattr(
        "sys.argv", ["autograder", "roster", str(course.folder), str(roster(GOOD["a BOM"]))]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "1 students added, 0 were there already" in capsys.readouterr().out
    assert list(known(course)) == ["ada"]
    roster("name\nAda\n")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "has no column id" in capsys.readouterr().err
