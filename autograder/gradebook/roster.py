"""The roster: a CSV file that says who takes the course, and nbgrader's gradebook, which is told of
it.

    id;first_name;last_name;email;section;lms_user_id;sis_user_id;sis_login_id;group;participant

Only `id` is needed: the name of the student's folder under submitted/. `name` may stand for both
names, for example `Ada Lovelace` or `Lovelace, Ada`. Other columns are ignored.
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

LONGEST = 128  # characters, of nbgrader's columns
IN_GRADEBOOK = ("first_name", "last_name", "email", "lms_user_id")
Row = tuple[int, dict[str, str]]  # the line it begins in, and its cells by column


@dataclass(frozen=True)
class Person:
    """A line of the roster. What it does not say is empty.

    id           the student's, as under submitted/
    lms_user_id  the user's number in Canvas or Moodle; Moodle's downloads do not have it
    group        the group that hands in together, or that Moodle writes in front of the name
    participant  Moodle's number of the participant in the assignment, or the id after Canvas's
                 `anon_`; for several assignments, all of them with spaces between
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
        """What the gradebook can keep of it, but for what is empty."""
        return {name: getattr(self, name) for name in IN_GRADEBOOK if getattr(self, name)}


COLUMNS = tuple(field.name for field in fields(Person))


def read_roster(path: Path) -> list[Person]:
    """The students in a CSV file: UTF-8, separated by commas, semicolons or tabs, with a header.

    Raises CourseError, naming the line, for a file that is anything else.
    """
    people: dict[str, tuple[int, Person]] = {}
    for line, cells in _rows(path, _text(path)):
        person = _person(path, line, cells)
        if person.id in people:
            first = people[person.id][0]
            raise CourseError(
                f"{path}: lines {first} and {line} have the same id {person.id!r}: delete one."
            )
        people[person.id] = line, person
    if not people:
        raise CourseError(f"{path} has a header, and no students below it.")
    return [person for _, person in people.values()]


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CourseError(
            f"{path} is not in UTF-8: save it as “CSV UTF-8” and try again."
        ) from None
    if not text.strip():
        raise CourseError(
            f"{path} is empty: it needs a header with a column id, and a line for each student."
        )
    return text


def _rows(path: Path, text: str) -> Iterator[Row]:
    """Each line below the header that is not blank."""
    lines = _lines(path, text)
    _, header = next(lines)
    columns = _columns(path, header)
    for number, cells in lines:
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            raise CourseError(
                f"{path}: line {number} has {len(cells)} cells, and the header {len(columns)}: "
                "is a separator in a cell without quotes?"
            )
        yield number, dict(zip(columns, cells, strict=False))


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not blank, split, with the number of the line that it begins in."""
    head = next(line for line in text.splitlines() if line.strip())
    # Strict, or a quote that is not closed would swallow the rest of the class.
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True
    )
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, [cell.strip() for cell in cells]
            number = reader.line_num + 1
    except csv.Error as error:
        raise CourseError(
            f"{path}: line {number} is no CSV ({error}): look at its quotes."
        ) from None


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = ["_".join(name.lower().split()) for name in header]
    if "id" not in columns:
        there = ", ".join(name for name in header if name)
        raise CourseError(
            f"{path} has no column id; it has: {there}. Rename the one with the students' ids."
        )
    if twice := [name for name, count in Counter(columns).items() if name and count > 1]:
        raise CourseError(f"{path} has the column {twice[0]} twice: delete one.")
    return columns


def _person(path: Path, line: int, cells: dict[str, str]) -> Person:
    known = _split_name(cells.get("name", "")) | {
        name: cells[name] for name in COLUMNS if cells.get(name)
    }
    if long := [name for name, value in known.items() if len(value) > LONGEST]:
        raise CourseError(
            f"{path}: line {line} has more than {LONGEST} characters in {long[0]}: shorten it."
        )
    if not (student := known.get("id", "")):
        raise CourseError(f"{path}: line {line} has no id: give one, or delete the line.")
    if student in (".", "..") or not student.isprintable() or set(student) & set("/\\"):
        raise CourseError(
            f"{path}: line {line} has the id {student!r}, which can't be a folder's name."
        )
    return Person(**known)


def _split_name(name: str) -> dict[str, str]:
    """First and last name of a whole one: `Lovelace, Ada`, or else the last word is the last
    name.
    """
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.rpartition(" ")
    return {"first_name": first.strip(), "last_name": last.strip()}


def enrol(course: Course, people: list[Person]) -> tuple[int, int]:
    """Put people into the gradebook, all or none; returns how many are new, and how many were
    there.

    What the roster leaves empty stays as it is, and nobody is taken away. Raises CourseError while
    the course is being graded.
    """
    with only_writer(course.folder), course.gradebook() as gradebook:
        there = {student.id for student in gradebook.students}
        for person in people:
            gradebook.db.merge(Student(id=person.id, **person.known()))
        gradebook.db.commit()
    known = sum(person.id in there for person in people)
    return len(people) - known, known
