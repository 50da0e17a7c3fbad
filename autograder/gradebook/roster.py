"""The roster: a CSV file of the students who take the course, copied into nbgrader's gradebook.

    id;first_name;last_name;email;section;lms_user_id;sis_user_id;sis_login_id;group;participant

Only `id` is required: the name of the student's folder under submitted/. A column `name`, as in
`Ada Lovelace` or `Lovelace, Ada`, may replace `first_name` and `last_name`. Others are ignored.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path

from nbgrader.api import Student

from autograder.assignments import CourseError
from autograder.course_files.lock import only_writer
from autograder.gradebook.course import Course

LONGEST = 128  # characters that a column of nbgrader's database holds
IN_GRADEBOOK = ("first_name", "last_name", "email", "lms_user_id")
Row = tuple[int, dict[str, str]]  # the number of its first line, and its cells by column


@dataclass(frozen=True)
class Person:
    """A student in the roster. Missing fields are empty.

    id           name of the student's folder under submitted/
    lms_user_id  the user's number in Canvas or Moodle; Moodle's downloads do not contain it
    group        the group that hands in together, or that Moodle writes in front of the name
    participant  Moodle's participant number for the assignment, or the id after Canvas's `anon_`;
                 with several assignments, all of them, separated by spaces
    """

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    section: str = ""
    lms_user_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    group: str = ""
    participant: str = ""

    def known(self) -> dict[str, str]:
        """The non-empty fields that the gradebook can store."""
        return {name: getattr(self, name) for name in IN_GRADEBOOK if getattr(self, name)}


COLUMNS = tuple(field.name for field in fields(Person))


def read_roster(path: Path) -> list[Person]:
    """Read a CSV file: UTF-8, separated by commas, semicolons or tabs, with a header.

    Raises CourseError, with the line number, for any other file.
    """
    people: dict[str, tuple[int, Person]] = {}
    for line, cells in _read_rows(path, _read_text(path)):
        person = _make_person(path, line, cells)
        if person.id in people:
            first = people[person.id][0]
            raise CourseError(
                f"{path}: lines {first} and {line} have the same id {person.id!r}. Delete one."
            )
        people[person.id] = line, person
    if not people:
        raise CourseError(f"{path} has a header, but no students below it.")
    return [person for _, person in people.values()]


def _read_text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CourseError(
            f"{path} is not in UTF-8. Save it as “CSV UTF-8”, and try again."
        ) from None
    if not text.strip():
        raise CourseError(
            f"{path} is empty. It needs a header with a column id, and a line for each student."
        )
    return text


def _read_rows(path: Path, text: str) -> Iterator[Row]:
    """Each row below the header that is not blank."""
    lines = _split_lines(path, text)
    _, header = next(lines)
    columns = _read_header(path, header)
    for number, cells in lines:
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            raise CourseError(
                f"{path}: line {number} has {len(cells)} cells, but the header has {len(columns)}. "
                "Does a cell without quotes contain a separator?"
            )
        yield number, dict(zip(columns, cells, strict=False))


def _split_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of every row that is not blank, with the number of the row's first line."""
    head = next(line for line in text.splitlines() if line.strip())
    separator = max(",;\t", key=head.count)
    # Strict: otherwise an unclosed quote would silently swallow the students below it.
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, [cell.strip() for cell in cells]
            number = reader.line_num + 1
    except csv.Error as error:
        raise CourseError(
            f"{path}: line {number} is not valid CSV ({error}). Check its quotes."
        ) from None


def _read_header(path: Path, header: list[str]) -> list[str]:
    columns = ["_".join(name.lower().split()) for name in header]
    if "id" not in columns:
        found = ", ".join(name for name in header if name)
        raise CourseError(
            f"{path} has no column id; it has: {found}. Rename the column of the students' ids."
        )
    if twice := [name for name, count in Counter(columns).items() if name and count > 1]:
        raise CourseError(f"{path} has the column {twice[0]} twice. Delete one.")
    return columns


def _make_person(path: Path, line: int, cells: dict[str, str]) -> Person:
    known = _split_name(cells.get("name", ""))
    known |= {name: cells[name] for name in COLUMNS if cells.get(name)}
    if long := [name for name, value in known.items() if len(value) > LONGEST]:
        raise CourseError(
            f"{path}: line {line} has more than {LONGEST} characters in {long[0]}. Shorten it."
        )
    if not (student := known.get("id", "")):
        raise CourseError(f"{path}: line {line} has no id. Add one, or delete the line.")
    has_slash = "/" in student or "\\" in student
    if student in (".", "..") or has_slash or not student.isprintable():
        raise CourseError(
            f"{path}: line {line} has the id {student!r}, which can't be a folder's name."
        )
    return Person(**known)


def _split_name(name: str) -> dict[str, str]:
    """Split `Lovelace, Ada` at the comma, or `Ada Lovelace` before the last word."""
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.rpartition(" ")
    return {"first_name": first.strip(), "last_name": last.strip()}


def enrol(course: Course, people: list[Person]) -> tuple[int, int]:
    """Add people to the gradebook, all or none; returns how many are new, and how many are not.

    A field that is empty in the roster keeps its value in the gradebook, and no student is removed.
    Raises CourseError while the course is being graded.
    """
    with only_writer(course.folder), course.gradebook() as gradebook:
        before = {student.id for student in gradebook.students}
        for person in people:
            gradebook.db.merge(Student(id=person.id, **person.known()))
        gradebook.db.commit()
    known = sum(person.id in before for person in people)
    return len(people) - known, known
