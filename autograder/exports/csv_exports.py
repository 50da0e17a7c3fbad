"""The grades as CSV: plain, for Canvas, and for Moodle. Each is one of nbgrader's export plugins.

    autograder export course --to grades.csv --format canvas --roster roster.csv
    nbgrader export --exporter=autograder.exports.csv_exports.CanvasExport --to grades.csv

A cell is empty, and no zero, where nothing was handed in or nothing could be graded.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from html import escape
from io import StringIO
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Dict, Unicode

from autograder.assignments import CourseError
from autograder.course_files.files import write_whole
from autograder.gradebook.course import Course
from autograder.gradebook.grades import Grades, Score, points_possible, read_grades
from autograder.gradebook.roster import read_roster

FORMULA = "=+-@\u2212"  # what a spreadsheet would run begins with one of these,
UNSEEN = "CZM"  # perhaps after blanks, controls and marks, by Unicode's categories,
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # and letters that look like blanks.
SEPARATOR = re.compile(
    r"([;\t|])"
)  # what some spreadsheets, by their language, begin a new cell at
Cell = str | float | None


class GradesExport(ExportPlugin):
    """Plain CSV: a line for each student, four columns for each assignment, and the total."""

    encoding = (
        "utf-8-sig"  # without the mark at its start, Excel garbles every name that is not ASCII
    )
    roster = Unicode("", help="CSV file with what the gradebook does not know of students.").tag(
        config=True
    )
    warnings: Sequence[str] = ()

    def export(self, gradebook: Gradebook) -> None:
        """Write the file, whole. Raises CourseError for a roster or a file that can't be used."""
        possible = points_possible(gradebook, self.assignment)
        roster = read_roster(Path(self.roster)) if self.roster else []
        grades = read_grades(gradebook, list(possible), roster)
        chosen = [
            one for one in grades if not self.student or one.person.id in map(str, self.student)
        ]
        self.warnings = _warnings(chosen)
        for warning in self.warnings:
            self.log.warning(warning)
        _write(Path(self.to or "grades.csv"), self.lines(possible, chosen), self.encoding)

    def lines(self, possible: dict[str, float], grades: Sequence[Grades]) -> Iterator[list[Cell]]:
        """The header, and then the lines of the file.

        possible  points of each assignment, by name
        """
        parts = ("points", "written", "late penalty", "total")
        columns = [f"{name} {part}" for name in possible for part in parts]
        yield ["student", "last_name", "first_name", "email", *columns, "total"]
        for one in grades:
            who = one.person
            cells = [cell for name in possible for cell in _parts(one.scores.get(name))]
            yield [who.id, who.last_name, who.first_name, who.email, *cells, one.total]


class CanvasExport(GradesExport):
    """What Canvas' gradebook imports."""

    encoding = "utf-8"
    assignment_ids = Dict(
        help="Canvas' number of each assignment, by name; without it, Canvas goes by the name."
    ).tag(config=True)

    def lines(self, possible: dict[str, float], grades: Sequence[Grades]) -> Iterator[list[Cell]]:
        """The header, the points possible, and then the students."""
        yield [
            "Student",
            "ID",
            "SIS User ID",
            "SIS Login ID",
            "Section",
            *map(self._column, possible),
        ]
        # Canvas knows the line by these words; it writes them with the spaces.
        yield ["    Points Possible", "", "", "", "", *possible.values()]
        for one in grades:
            who = one.person
            name = ", ".join(filter(None, (who.last_name, who.first_name))) or who.id
            login = who.sis_login_id or who.id
            yield [
                name,
                who.lms_user_id,
                who.sis_user_id,
                login,
                who.section,
                *_totals(one, possible),
            ]

    def _column(self, assignment: str) -> str:
        number = self.assignment_ids.get(assignment)
        return f"{assignment} ({number})" if number else assignment


class MoodleExport(GradesExport):
    """What Moodle's gradebook imports: a grade and its feedback for each assignment."""

    encoding = "utf-8"

    def lines(self, possible: dict[str, float], grades: Sequence[Grades]) -> Iterator[list[Cell]]:
        """The header, then the students. Feedback is escaped, as Moodle shows it as HTML."""
        columns = [column for name in possible for column in (name, f"{name} (feedback)")]
        yield ["Identifier", "ID number", "First name", "Last name", "Email address", *columns]
        for one in grades:
            who = one.person
            cells = [
                cell for name in possible for cell in _grade_and_feedback(one.scores.get(name))
            ]
            number = who.sis_user_id or who.lms_user_id
            yield [who.id, number, who.first_name, who.last_name, who.email, *cells]


FORMATS = {"csv": GradesExport, "canvas": CanvasExport, "moodle": MoodleExport}


def export_course(
    course: Course, to: Path, format: str, roster: Path | None = None
) -> Sequence[str]:
    """Write the grades of a course directory; returns warnings for the instructor.

    format  csv | canvas | moodle
    roster  CSV file with what the gradebook does not know, as sections
    Raises CourseError for a roster or a file that can't be used; then nothing is written.
    """
    plugin = FORMATS[format](config=course.config)
    plugin.to = str(to)
    if roster:
        plugin.roster = str(roster)
    with course.gradebook() as gradebook:
        plugin.export(gradebook)
    return plugin.warnings


def _warnings(grades: Sequence[Grades]) -> list[str]:
    """What a table of numbers does not show."""
    lines = [
        f"{one.person.id}: {name} could not be graded, and its cell is empty. Grade it again."
        for one in grades
        for name in one.not_graded
    ]
    waiting = sum(score.waiting for one in grades for score in one.scores.values())
    if waiting:
        lines.append(
            f"{waiting} submissions wait for a person to grade them, and count as far as they are."
        )
    return lines


def _parts(score: Score | None) -> list[Cell]:
    return [score.points, score.written, score.penalty, score.total] if score else [None] * 4


def _totals(grades: Grades, possible: dict[str, float]) -> list[Cell]:
    return [grades.scores[name].total if name in grades.scores else None for name in possible]


def _grade_and_feedback(score: Score | None) -> list[Cell]:
    if score is None:
        return [None, None]
    late = [f"Late: {score.penalty:g} points off."] if score.penalty else []
    said = "\n".join([*late, *score.comments])
    return [score.total, _defused("<br>".join(escape(said).splitlines()), _as_entity)]


def _write(path: Path, lines: Iterator[list[Cell]], encoding: str) -> None:
    """Write a CSV file that is there whole or not at all. Raises CourseError."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [_safe(cell) for cell in line] for line in lines
    )
    try:
        write_whole(path, text.getvalue(), encoding=encoding)
    except OSError as error:
        raise CourseError(
            f"{path} can't be written ({error.strerror}): name another file with --to."
        ) from None


def _safe(cell: Cell) -> str:
    """A cell's text: short exact numbers, one line, and nothing that a spreadsheet runs."""
    if not isinstance(cell, str):
        return "" if cell is None else format(cell, ".10g")
    return _defused(" ".join(cell.splitlines()), _after_quote)


def _defused(line: str, defuse: Callable[[str], str]) -> str:
    """A line in which nothing that a spreadsheet could take for a cell begins like a formula."""
    return "".join(defuse(part) if _is_formula(part) else part for part in SEPARATOR.split(line))


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet could run it: also full-width signs, after what can't be seen."""
    seen = (
        sign for sign in text if unicodedata.category(sign)[0] not in UNSEEN and sign not in FILLERS
    )
    return unicodedata.normalize("NFKC", next(seen, " "))[0] in FORMULA


def _after_quote(text: str) -> str:
    return f"'{text}"


def _as_entity(text: str) -> str:
    """The same in HTML, where the sign itself can be written so that no spreadsheet knows it."""
    at = next(at for at in range(len(text)) if _is_formula(text[at]))
    return f"{text[:at]}&#{ord(text[at])};{text[at + 1 :]}"
