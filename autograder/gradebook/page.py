"""The feedback page: one file without scripts or network; made for a whole class at a time.

The frame with the points is made here, and each cell by `cell_process.py`. A cell that can't be
shown becomes plain text; if even the frame fails, the whole page does. Nothing that a student
writes costs a page.
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
TASK = re.compile(r"^## Task: (.+)$", re.MULTILINE)  # as the builder wants a task's heading
OWN = "own-"  # begins the id of a student's own cell
QUESTION = re.compile(r"\*\*(.+?)\.?\*\*")  # a written question starts with its name in bold


@dataclass(frozen=True)
class Row:
    """A line of the table at the top: what is graded, and where on the page.

    score  None as long as a person has to grade it
    """

    anchor: str
    title: str
    name: str
    score: float | None
    points: float

    @property
    def shade(self) -> str:
        """How the line is coloured: full | part | none | waiting."""
        if self.score is None:
            return "waiting"
        return "full" if self.score >= self.points else "part" if self.score else "none"


@dataclass(frozen=True)
class Summary:
    """The top of the page."""

    title: str
    rows: list[Row]

    @property
    def waiting(self) -> float:
        """The points of what a person has not graded yet."""
        return sum(row.points for row in self.rows if row.score is None)


def summary_of(notebook: NotebookNode) -> Summary:
    """What a notebook with its grades comes to."""
    rows, heading, before = [], "", ""
    for cell in notebook.cells:
        if is_grade(cell):
            rows.append(_row(cell, heading, before))
        elif cell.cell_type == "markdown" and not cell.get("id", "").startswith(OWN):
            before = cell.source
            heading = ([heading] + TASK.findall(before))[-1]
    title = notebook.metadata.get("assignment", {}).get("title", "Feedback")
    return Summary(str(title), rows)


def _row(cell: NotebookNode, heading: str, before: str) -> Row:
    told = cell.metadata.nbgrader
    if cell.cell_type == "markdown":  # a written answer, below its question
        found = QUESTION.match(before)
        title, name = found[1] if found else told["grade_id"], ""
    else:
        name = told["grade_id"].removeprefix("grade-")
        title = heading or name
    return Row(told["grade_id"], title.replace("`", ""), name, told["score"], told["points"])


class PageGrades(FetchGrades):
    """Puts scores and comments into the notebook, as its student should see them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Put them in, and the summary into `resources`."""
        nb, resources = super().preprocess(nb, resources)
        resources["summary"] = summary_of(nb)
        resources["style"] = _style()
        return nb, resources

    def _get_comment(self, cell: NotebookNode, resources: dict) -> None:
        """A person's comment; the judge's own is told, with more, below the task's code."""
        comment = self.comments[cell.metadata.nbgrader["grade_id"]]
        is_task = cell.cell_type == "code"
        cell.metadata.nbgrader["comment"] = comment.manual_comment if is_task else comment.comment

    def _get_score(self, cell: NotebookNode, resources: dict) -> None:
        super()._get_score(cell, resources)
        grade: Grade = self.grades[cell.metadata.nbgrader["grade_id"]]
        if grade.manual_score is None and grade.auto_score is None:  # unknown is not zero
            cell.metadata.nbgrader["score"] = None
        cell.metadata.nbgrader["by_hand"] = grade.manual_score not in (None, grade.auto_score)


@lru_cache(maxsize=1)
def _style() -> str:
    return STYLE.read_text(encoding="utf-8")


class FeedbackPage(HTMLExporter):
    """The page in our template, with cells made by a separate process."""

    @default("extra_loaders")
    def _extra_loaders_default(self) -> list[BaseLoader]:
        return [PackageLoader("autograder.feedback", "template")]

    @default("template_file")
    def _template_file_default(self) -> str:
        return "feedback.html.j2"

    def from_notebook_node(
        self,
        nb: NotebookNode,
        resources: dict | None = None,
        **kw: Any,  # noqa: ANN401
    ) -> tuple[Any, dict]:
        """Convert an autograded notebook. Raises what the gradebook raises; nothing for what is in
        a cell.
        """
        nb, resources = Exporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)
        summary: Summary = resources["summary"]
        try:
            html = self.template.render(resources=resources, summary=summary, cells=shown_cells(nb))
        except Exception as error:  # a bug of ours, or the machine's fault: the page still arrives
            self.log.warning("The feedback page is plain text: %s", error)
            resources["failed"] = error
            html = plain_page(summary, resources, nb)
        return writable(html.lstrip()), resources


@dataclass(frozen=True)
class ShownCell:
    """A cell of the page.

    part  what frames it: verdict | task | written | note | text
    role  what nbgrader knows of it
    """

    part: str
    role: dict[str, Any]
    html: CellHtml


def shown_cells(notebook: NotebookNode) -> list[ShownCell]:
    """The cells of an autograded notebook with its grades, as the page shows them."""
    parts = [_part(cell) for cell in notebook.cells]
    made = iter(
        cells_as_html.page(
            [cell for cell, part in zip(notebook.cells, parts, strict=True) if part != "verdict"]
        )
    )
    return [
        ShownCell(
            part,
            dict(cell.metadata.get("nbgrader", {})),
            _table(cell) if part == "verdict" else next(made),
        )
        for cell, part in zip(notebook.cells, parts, strict=True)
    ]


def _part(cell: NotebookNode) -> str:
    role = cell.metadata.get("nbgrader", {})
    if cell.cell_type == "code" and role.get("grade") and not role.get("solution"):
        return "verdict"
    if cell.cell_type == "code" and role.get("solution"):
        return "task"
    if role.get("grade"):
        return "written"
    return "note" if cell.get("id") == NOTE else "text"


def _table(cell: NotebookNode) -> CellHtml:
    """The judge's own table of a task's checks; nothing in it is a student's, but for quoted
    words.
    """
    tables = [
        output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})
    ]
    return CellHtml("".join(f'<div class="output">{clean_ours(table)}</div>' for table in tables))


def plain_page(summary: Summary, resources: dict, notebook: NotebookNode) -> str:
    """A page without a template: the points of each task, and the notebook as text. It can't
    fail.
    """
    rows = [(row.title, row.score, row.points) for row in summary.rows]
    said = [plain_cell(request_for(cell), "").body for cell in notebook.cells]
    return _bare_page(resources.get("nbgrader", {}).get("student", ""), rows, said)


def verdict_page(verdict: Verdict, student: str) -> str:
    """A page of what the judge has found alone: for when the notebook or the gradebook can't be
    read.
    """
    graded = verdict.status != "not graded"
    rows = [(task.name, task.earned if graded else None, task.points) for task in verdict.tasks]
    said = [plain(text) for text in (verdict_note(verdict), *map(task_text, verdict.tasks)) if text]
    return _bare_page(student, rows, said)


def _bare_page(
    student: str, rows: list[tuple[str, float | None, float]], said: Sequence[str]
) -> str:
    points = "".join(
        f"<tr><td>{escape(title)}</td><td>{'–' if score is None else f'{score:g}'} / {of:g}</td></tr>"
        for title, score, of in rows
    )
    return writable(
        f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Your feedback</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{_style()}</style></head>
<body><header id="top"><h1>Your feedback</h1><p class="quiet">{escape(student)}</p>
<p class="warn">Something in this notebook can't be shown as usual, so this page is plain text.</p>
<table class="scores"><tr><th>Task</th><th class="n">Points</th></tr>{points}</table></header>
<main>{"".join(said)}</main></body></html>
"""
    )


class ClassFeedback(GenerateFeedback):
    """nbgrader's GenerateFeedback for a class: one gradebook, one template, and no page twice."""

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
        """Write a student's page, if what it says has changed. Raises what nbgrader raises."""
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
        except Exception as error:  # a notebook or a gradebook that was changed by others
            assert entry.verdict is not None, "it has been recorded"
            failed, html = error, verdict_page(entry.verdict, student)
        self.gradebook.db.remove()
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, html, alone=True)
        if failed:  # the next run tries again
            raise failed
        copy_exchange_files(entry.autograded.parent, page.parent)
        self.set_permissions(name, student)
        entry.stored.write_recorded(recorded.with_page(fingerprint))
        return True
