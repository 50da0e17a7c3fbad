"""The feedback page: one HTML file that runs no scripts and needs no network.

This module makes the frame with the points; a separate process (`cell_process.py`) converts the
cells. A cell that can't be shown becomes plain text. If the frame itself fails, the whole page
becomes plain text. So every student gets a page, whatever the notebook contains.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, PackageLoader
from nbconvert.exporters import Exporter, HTMLExporter
from nbformat import NotebookNode
from nbgrader.api import Grade
from nbgrader.converters import GenerateFeedback
from nbgrader.utils import is_grade
from traitlets import default
from traitlets.config import Config

from autograder.course_files.files import copy_exchange_files, write_whole
from autograder.feedback.cell_html import CellHtml, plain_cell, request_for
from autograder.feedback.cell_process import cells_as_html
from autograder.feedback.safe_html import clean_ours, plain
from autograder.feedback.wording import NOTE, task_text, verdict_note
from autograder.gradebook.course import Course
from autograder.gradebook.entry import Entry
from autograder.gradebook.session import ClassGradebook, FetchGrades, Record
from autograder.judge.intake.read_notebook import writable
from autograder.judge.verdict import Verdict

STYLE = files("autograder.feedback") / "template" / "feedback.css"
TASK = re.compile(r"^## Task: (.+)$", re.MULTILINE)  # the heading that every task has
OWN = "own-"  # prefix of the id of a cell that the student has added
QUESTION = re.compile(r"\*\*(.+?)\.?\*\*")  # a written question starts with its name in bold


@dataclass(frozen=True)
class Row:
    """A row of the table at the top of the page.

    anchor  the id of the place on the page that the row links to
    score   None while it waits for a person to grade it
    """

    anchor: str
    title: str
    name: str
    score: float | None
    points: float

    @property
    def shade(self) -> str:
        """The CSS class that colours the row: full | part | none | waiting."""
        if self.score is None:
            return "waiting"
        if self.score >= self.points:
            return "full"
        return "part" if self.score else "none"


@dataclass(frozen=True)
class Summary:
    """The top of the page."""

    title: str
    rows: list[Row]

    @property
    def waiting(self) -> float:
        """The sum of points that a person has not graded yet."""
        return sum(row.points for row in self.rows if row.score is None)


def summarize(notebook: NotebookNode) -> Summary:
    """The table of a notebook that contains its grades."""
    rows: list[Row] = []
    heading = before = ""
    for cell in notebook.cells:
        if is_grade(cell):
            rows.append(_make_row(cell, heading, before))
        elif cell.cell_type == "markdown" and not cell.get("id", "").startswith(OWN):
            before = cell.source
            if headings := TASK.findall(before):
                heading = headings[-1]
    title = notebook.metadata.get("assignment", {}).get("title", "Feedback")
    return Summary(str(title), rows)


def _make_row(cell: NotebookNode, heading: str, before: str) -> Row:
    """The row of a grade cell.

    heading  the task's heading above the cell
    before   the Markdown cell above it
    """
    grade = cell.metadata.nbgrader
    anchor = grade["grade_id"]
    if cell.cell_type == "markdown":  # a written answer, below its question
        question = QUESTION.match(before)
        title = question[1] if question else anchor
        name = ""
    else:
        name = anchor.removeprefix("grade-")
        title = heading or name
    return Row(anchor, title.replace("`", ""), name, grade["score"], grade["points"])


class PageGrades(FetchGrades):
    """Copies scores and comments into the notebook, in the form that students see."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Copy them into the notebook, and the summary into `resources`."""
        nb, resources = super().preprocess(nb, resources)
        resources["summary"] = summarize(nb)
        resources["style"] = _read_style()
        return nb, resources

    def _get_comment(self, cell: NotebookNode, resources: dict) -> None:
        """For a task, only a person's comment: the page shows the judge's table anyway."""
        comment = self.comments[cell.metadata.nbgrader["grade_id"]]
        is_task = cell.cell_type == "code"
        cell.metadata.nbgrader["comment"] = comment.manual_comment if is_task else comment.comment

    def _get_score(self, cell: NotebookNode, resources: dict) -> None:
        super()._get_score(cell, resources)
        grade: Grade = self.grades[cell.metadata.nbgrader["grade_id"]]
        if grade.manual_score is None and grade.auto_score is None:  # not graded: not a zero
            cell.metadata.nbgrader["score"] = None
        cell.metadata.nbgrader["by_hand"] = grade.manual_score not in (None, grade.auto_score)


@lru_cache(maxsize=1)
def _read_style() -> str:
    return STYLE.read_text(encoding="utf-8")


class FeedbackPage(HTMLExporter):
    """nbconvert's HTML exporter with our template and our own conversion of cells."""

    @default("extra_loaders")
    def _extra_loaders_default(self) -> list[BaseLoader]:
        return [PackageLoader("autograder.feedback", "template")]

    @default("template_file")
    def _template_file_default(self) -> str:
        return "feedback.html.j2"

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict | None = None, **kw: Any
    ) -> tuple[Any, dict]:
        """Convert an autograded notebook. Raises the gradebook's errors, but none about a cell."""
        nb, resources = Exporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)
        summary: Summary = resources["summary"]
        try:
            html = self.template.render(resources=resources, summary=summary, cells=shown_cells(nb))
        except Exception as error:  # a bug, or a problem of this machine: fall back to plain text
            self.log.warning("The feedback page is plain text: %s", error)
            resources["failed"] = error
            html = render_plain_page(summary, resources, nb)
        return writable(html.lstrip()), resources


@dataclass(frozen=True)
class ShownCell:
    """A cell of the page.

    part  selects its frame: verdict | task | written | note | text
    role  nbgrader's metadata of it
    """

    part: str
    role: dict[str, Any]
    html: CellHtml


def shown_cells(notebook: NotebookNode) -> list[ShownCell]:
    """The cells of an autograded notebook with its grades, as the page shows them."""
    cells = [(_classify(cell), cell) for cell in notebook.cells]
    to_convert = [cell for part, cell in cells if part != "verdict"]
    converted = iter(cells_as_html.page(to_convert))
    shown = []
    for part, cell in cells:
        role = dict(cell.metadata.get("nbgrader", {}))
        html = _clean_tables(cell) if part == "verdict" else next(converted)
        shown.append(ShownCell(part, role, html))
    return shown


def _classify(cell: NotebookNode) -> str:
    role = cell.metadata.get("nbgrader", {})
    if cell.cell_type == "code" and role.get("grade") and not role.get("solution"):
        return "verdict"
    if cell.cell_type == "code" and role.get("solution"):
        return "task"
    if role.get("grade"):
        return "written"
    return "note" if cell.get("id") == NOTE else "text"


def _clean_tables(cell: NotebookNode) -> CellHtml:
    """The judge's tables of a task's checks. They contain no student's text except quotations."""
    data = [output.get("data", {}) for output in cell.outputs]
    tables = [clean_ours(one["text/html"]) for one in data if "text/html" in one]
    return CellHtml("".join(f'<div class="output">{table}</div>' for table in tables))


PlainRow = tuple[str, float | None, float]  # title, score, points


def render_plain_page(summary: Summary, resources: dict, notebook: NotebookNode) -> str:
    """A page that can't fail: without the template, and with the notebook as plain text."""
    rows: list[PlainRow] = [(row.title, row.score, row.points) for row in summary.rows]
    paragraphs = [plain_cell(request_for(cell), "").body for cell in notebook.cells]
    return _render_plain(resources.get("nbgrader", {}).get("student", ""), rows, paragraphs)


def render_verdict_page(verdict: Verdict, student: str) -> str:
    """A page made from the verdict alone, for when notebook or gradebook can't be read."""
    is_graded = verdict.status != "not graded"
    rows: list[PlainRow] = []
    for task in verdict.tasks:
        rows.append((task.name, task.earned if is_graded else None, task.points))
    texts = [verdict_note(verdict), *map(task_text, verdict.tasks)]
    return _render_plain(student, rows, [plain(text) for text in texts if text])


def _render_plain(student: str, rows: Sequence[PlainRow], paragraphs: Sequence[str]) -> str:
    points = ""
    for title, score, of in rows:
        earned = "–" if score is None else f"{score:g}"
        points += f"<tr><td>{escape(title)}</td><td>{earned} / {of:g}</td></tr>"
    return writable(
        f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Your feedback</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{_read_style()}</style></head>
<body><header id="top"><h1>Your feedback</h1><p class="quiet">{escape(student)}</p>
<p class="warn">Something in this notebook can't be shown as usual, so this page is plain text.</p>
<table class="scores"><tr><th>Task</th><th class="n">Points</th></tr>{points}</table></header>
<main>{"".join(paragraphs)}</main></body></html>
"""
    )


class ClassFeedback(GenerateFeedback):
    """nbgrader's GenerateFeedback for a whole class, with one gradebook and one exporter."""

    def __init__(self, course: Course, assignment: str, gradebook: ClassGradebook) -> None:
        super().__init__(coursedir=course.api.coursedir, parent=course.api)
        self.update_config(Config({"HTMLExporter": {"template_name": "feedback"}}))
        self.assignment, self.gradebook = assignment, gradebook
        self.fingerprints = gradebook.grade_fingerprints(assignment)
        self.exporter = self.exporter_class(
            parent=self, config=self.config, optimistic_validation=True
        )
        for step in self.preprocessors:
            self.exporter.register_preprocessor(step)

    def write_if_changed(self, entry: Entry) -> bool:
        """Write a student's page if its content has changed. Raises whatever nbgrader raises."""
        name, student, page = self.assignment, entry.student, entry.feedback
        fingerprint = self.fingerprints.get(student, "")
        recorded = entry.stored.recorded()
        if recorded is None or not entry.autograded.is_file():
            return False
        if recorded.page == fingerprint and page.is_file():
            return False
        source = f"{self._format_source(name, student)}/{name}.ipynb"
        resources = self.init_single_notebook_resources(source)
        try:
            html, resources = self.exporter.from_filename(source, resources=resources)
            failed = resources.get("failed")
        except Exception as error:  # for example, the notebook was edited by hand
            assert entry.verdict is not None, "it has been recorded"
            failed, html = error, render_verdict_page(entry.verdict, student)
        self.gradebook.db.remove()
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, html, alone=True)
        if failed:  # nothing is saved, so the next run tries again
            raise failed
        copy_exchange_files(entry.autograded.parent, page.parent)
        self.set_permissions(name, student)
        entry.stored.write_recorded(recorded.with_page(fingerprint))
        return True
