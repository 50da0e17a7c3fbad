"""The report page: one file, without network, third-party scripts or student code."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from autograder.assignments import Assignment
from autograder.course_files.files import write_whole, writing
from autograder.gradebook.course import Course
from autograder.judge.verdict import TaskVerdict, Verdict
from autograder.progress import Progress
from autograder.report.gallery import pictures_of
from autograder.report.gather import Entry, gather
from autograder.report.numbers import is_written, misconceptions_shown, tasks_of, totals_of
from autograder.report.similarity import most_alike

SLOWEST = 8
STRANGEST = 40
LINES = 6  # that are shown of one submission
LONGEST = 300  # characters of a line that quotes a student
TEMPLATE = files("autograder.report") / "template"


@dataclass(frozen=True)
class Strange:
    """A submission that somebody should look at, and why, a line each."""

    entry: Entry
    lines: list[str]


def write_report(
    course: Course,
    assignment: Assignment,
    progress: Progress,
    *,
    picture: str | None = None,
    anonymous: bool = False,
) -> Path:
    """Write the report on one assignment, and return where it is.

    picture    the name of the picture to show of each student
    anonymous  without names, in a file of its own
    Raises CourseError when nobody has handed in anything, there is no such picture, or it can't be
    written.
    """
    exam = course.exam(assignment)
    picture = pictures_of(exam.master, picture)
    entries = gather(course, exam, picture, progress, anonymous=anonymous)
    html = page_of(assignment, exam.master.title, entries, picture, anonymous=anonymous)
    path = course.folder / "reports" / f"{assignment.name}{'-anonymous' if anonymous else ''}.html"
    with writing(path.parent):
        path.parent.mkdir(exist_ok=True)
        write_whole(path, html)
    return path


def page_of(
    assignment: Assignment,
    title: str,
    entries: Sequence[Entry],
    picture: str,
    *,
    anonymous: bool = False,
) -> str:
    """The page as HTML."""
    judged = [(entry, entry.verdict) for entry in entries if entry.verdict]
    graded = {entry.name: verdict for entry, verdict in judged if entry.standing == "graded"}
    verdicts = list(graded.values())
    standings = Counter(entry.standing for entry in entries)
    alike = most_alike([entry.code for entry in entries])
    script = (TEMPLATE / "report.js").read_text(encoding="utf-8")
    style = (TEMPLATE / "report.css").read_text(encoding="utf-8")
    template = _environment().get_template("report.html.j2")
    return template.render(
        assignment=assignment.name,
        title=title,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        script=Markup(script),  # ours, so safe
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=Markup(style),  # ours, so safe
        anonymous=anonymous,
        entries=sorted(entries, key=_alphabetical),
        count=standings,
        waiting=[entry for entry in entries if entry.verdict is None],
        totals=totals_of(verdicts),
        shown=misconceptions_shown(graded),
        tasks=tasks_of(verdicts),
        slowest=_slowest(judged),
        strange=_strange(judged, anonymous=anonymous),
        picture=picture,
        drawn=[entry for entry in entries if entry.picture],
        pairs=[(entries[pair.first], entries[pair.second], pair) for pair in alike],
        SLOWEST=SLOWEST,
        STRANGEST=STRANGEST,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("autograder.report", "template"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "code": code,
        "percent": percent,
        "megabytes": megabytes,
        "picture": as_data,
    }
    environment.globals |= {"shade": shade}
    return environment


def code(text: str) -> Markup:
    """A sentence of ours, in which `names` are set as code."""
    return Markup(re.sub("`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))  # escaped


def percent(share: float) -> str:
    """As on the page: 0 % and 100 % for none and all only."""
    if 0 < share < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def megabytes(size: float) -> str:
    """Bytes as megabytes."""
    return f"{size / 2**20:,.0f} MB"


def as_data(picture: bytes) -> str:
    """A thumbnail as the address of an image."""
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"


def shade(task: TaskVerdict) -> str:
    """How a task's cell is coloured in the table: full | part | none | unsolved."""
    if task.earned == task.points:
        return "full"
    return "part" if task.earned else "none" if is_written(task) else "unsolved"


def _alphabetical(entry: Entry) -> tuple:
    """So that Student 2 comes before Student 10."""
    parts = re.split(r"(\d{1,18})", entry.name.casefold())
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts)


def _slowest(judged: Sequence[tuple[Entry, Verdict]]) -> list[Entry]:
    ran = [(entry, verdict.resources) for entry, verdict in judged if verdict.resources]
    ran.sort(key=lambda one: -one[1].get("seconds", 0))
    return [entry for entry, _ in ran[:SLOWEST]]


def _strange(judged: Sequence[tuple[Entry, Verdict]], *, anonymous: bool) -> list[Strange]:
    """Submissions with a note: the not graded first, then the refused, then by number of flags."""
    order = {"not graded": 0, "refused": 1, "graded": 2}
    noted = [(entry, verdict, _notes(verdict, anonymous=anonymous)) for entry, verdict in judged]
    noted = [one for one in noted if one[2]]
    noted.sort(key=lambda one: (order[one[0].standing], -len(one[1].flags)))
    return [Strange(entry, notes) for entry, _, notes in noted]


def _notes(verdict: Verdict, *, anonymous: bool) -> list[str]:
    reason = [f"{verdict.status}: {verdict.reason}"] if verdict.status != "graded" else []
    if anonymous:  # a reason or a flag quotes paths and files, which may hold a name
        counts = {"flag": len(verdict.flags), "repair": len(verdict.repairs)}
        told = [f"{count} {what}{'s' * (count > 1)}" for what, count in counts.items() if count]
        return [verdict.status] * bool(reason) + told
    lines = [*reason, *(f"to look at: {flag}" for flag in verdict.flags)]
    lines += [f"repaired: {repair}" for repair in verdict.repairs]
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return [line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in lines[:LINES]] + more
