"""The page that maps the lecture to the notebooks: `python docs/lecture_map.py` writes docs/map.md.

Where a task belongs in the lecture is in lecture.toml; the rest is read from the masters and the
checks.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.assignments import COURSE, Assignment, CourseError
from autograder.authoring.master import Master, read_master
from autograder.checks import Check, checks_of

HERE = Path(__file__).parent
PAGE = HERE / "map.md"
INTRODUCTION = """\
# From the lecture to the notebooks

What of the lecture is practised where: the section of a notebook, the task in it, and what its hidden checks
test. By sections, in the lecture's order; slides have other numbers every year. For instructors: students see
the sentences of the hidden checks only with the feedback.

Made by `python docs/lecture_map.py` from `docs/lecture.toml`, the masters and the checks: not edited by hand.
"""


@dataclass(frozen=True)
class Practice:
    """A task or a written question, where it is in the notebooks.

    kind     task | written
    chapter  the heading of the first level that it stands under
    heading  its own heading, or for a written question the nearest above it
    minutes  as its author reckons; None for a written question
    checks   the hidden checks of a task
    """

    kind: str
    name: str
    assignment: str
    chapter: str
    heading: str
    points: float
    minutes: float | None
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Part:
    """A part of a section of the lecture, and what practises it."""

    title: str
    practised: tuple[Practice, ...]


@dataclass(frozen=True)
class Section:
    """A section of the lecture."""

    title: str
    parts: tuple[Part, ...]


def masters() -> list[Master]:
    """The course's own masters, in order, wherever somebody's copies of them may be."""
    paths = sorted((COURSE / "assignments").glob("*/assignment.md"))
    return [read_master(Assignment(path.parent.name)) for path in paths]


@cache
def practices() -> dict[str, Practice]:
    """Every task and every written question of the course, by `topic.name`, in the notebooks'
    order.
    """
    found = {}
    for master in masters():
        for practice in _practices_of(master):
            found[f"{master.assignment.topic}.{practice.name}"] = practice
    return found


def _practices_of(master: Master) -> Iterator[Practice]:
    checks = checks_of(master.assignment.topic)
    chapter = heading = ""
    for cell in master.cells:
        for level, title in (
            re.findall(r"^(##?) (.+)$", cell.source, re.MULTILINE) if cell.role == "text" else ()
        ):
            chapter, heading = (title, title) if level == "#" else (chapter, title)
        if cell.role in ("task", "written"):
            is_task = cell.role == "task"
            yield Practice(
                cell.role,
                cell.name,
                master.assignment.name,
                chapter,
                heading.removeprefix("Task: "),
                master.points[cell.name] if is_task else cell.attributes["points"],
                cell.attributes["minutes"] if is_task else None,
                tuple(check for check in checks if is_task and check.task == cell.name),
            )


def lecture(path: Path = HERE / "lecture.toml") -> list[Section]:
    """The lecture's sections, with what practises each.

    Raises CourseError for what is not there, for what is there twice, and for what has been
    forgotten.
    """
    known, placed = practices(), set()

    def place(name: str) -> Practice:
        if name not in known:
            raise CourseError(f"{path.name}: there is no task and no written question {name!r}.")
        if name in placed:
            raise CourseError(
                f"{path.name}: {name!r} is there twice: leave it where it belongs most."
            )
        placed.add(name)
        return known[name]

    sections = [
        Section(
            section["title"],
            tuple(
                Part(part["title"], tuple(map(place, part["practised"])))
                for part in section["part"]
            ),
        )
        for section in tomllib.loads(path.read_text(encoding="utf-8"))["section"]
    ]
    if forgotten := [name for name in known if name not in placed]:
        raise CourseError(
            f"{path.name}: {forgotten[0]!r} is in no part of the lecture: put it where it belongs."
        )
    return sections


def page(sections: list[Section]) -> str:
    """The whole page, as Markdown."""
    return "\n".join(
        [INTRODUCTION, *_overview(sections), *(line for one in sections for line in _section(one))]
    )


def _overview(sections: list[Section]) -> list[str]:
    rows = [
        "| the lecture | in the notebooks | tasks | written | points |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for section in sections:
        every = [practice for part in section.parts for practice in part.practised]
        tasks = [practice for practice in every if practice.kind == "task"]
        names = ", ".join(dict.fromkeys(f"`{practice.assignment}`" for practice in every))
        points = sum(practice.points for practice in every)
        rows.append(
            f"| {_plain(section.title)} | {names} | {len(tasks)} | {len(every) - len(tasks)} | {points:g} |"
        )
    return [*rows, ""]


def _section(section: Section) -> Iterator[str]:
    yield f"## {_plain(section.title)}\n"
    for part in section.parts:
        yield f"### {_plain(part.title)}\n"
        for practice in part.practised:
            yield from _practice(practice)


def _practice(practice: Practice) -> Iterator[str]:
    number = practice.assignment.split("_", 1)[0]
    where = " → ".join(dict.fromkeys((f"Assignment {number}", practice.chapter, practice.heading)))
    if practice.kind == "written":
        yield f"{_plain(where)}: a written question, `{practice.name}`, {practice.points:g} points.\n"
        return
    count = (
        f"{len(practice.checks)} hidden checks" if len(practice.checks) > 1 else "one hidden check"
    )
    effort = f"{practice.points:g} points, about {practice.minutes:g} minutes"
    yield f"{_plain(where)}: **`{practice.name}`**, {effort}.\n"
    yield f"<details><summary>{count}</summary>\n\n| points | what is tested |\n| ---: | --- |"
    yield from (f"| {check.points:g} | {_plain(check.says)} |" for check in practice.checks)
    yield "\n</details>\n"


def _plain(text: str) -> str:
    """A sentence in which Markdown finds no markup but code."""
    return re.sub(r"([|*<\[\]$])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(lecture()), encoding="utf-8")
