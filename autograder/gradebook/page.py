"""The feedback page: one file without scripts or network; made for a whole class at a time."""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, PackageLoader
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from nbgrader.api import Grade
from nbgrader.converters import GenerateFeedback
from nbgrader.utils import is_grade
from traitlets import default
from traitlets.config import Config

from autograder.gradebook.class_gradebook import ClassGradebook, FetchGrades, Record
from autograder.gradebook.store import carry_on, write_whole

if TYPE_CHECKING:
    from autograder.catalogue import Assignment
    from autograder.gradebook.course import Course

STYLE = files("autograder.gradebook") / "template" / "feedback.css"
TASK = re.compile(r"^## Task: (.+)$", re.MULTILINE)  # as the builder wants a task's heading
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
        elif cell.cell_type == "markdown":
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
    """nbconvert's page in our template; it is not parsed and written again, to add what ours has anyway."""

    @default("extra_loaders")
    def _extra_loaders_default(self) -> list[BaseLoader]:
        return [PackageLoader("autograder.gradebook", "template")]

    @default("template_file")
    def _template_file_default(self) -> str:
        return "feedback.html.j2"

    def from_notebook_node(
        self,
        nb: NotebookNode,
        resources: dict | None = None,
        **kw: Any,  # noqa: ANN401
    ) -> tuple[str, dict]:
        """Convert an autograded notebook; the judge lets no widgets into it."""
        self.register_filter("highlight_code", highlight_code)
        return TemplateExporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)


def highlight_code(source: str, **told: object) -> str:
    """Python in colour. Most cells are the same in every notebook of a class."""
    return _highlighted(source)


@lru_cache(maxsize=2048)
def _highlighted(source: str) -> str:
    return Highlight2HTML(pygments_lexer="ipython3")(source)


class ClassFeedback(GenerateFeedback):
    """nbgrader's GenerateFeedback for a class: one gradebook, one template, and no page twice."""

    def __init__(self, course: "Course", assignment: "Assignment", gradebook: ClassGradebook) -> None:
        super().__init__(coursedir=course.api.coursedir, parent=course.api)
        self.update_config(Config({"HTMLExporter": {"template_name": "feedback"}}))
        self.course, self.assignment, self.store = course, assignment, course.store
        self.gradebook = gradebook
        self.entries = gradebook.entries(assignment.name)
        self.exporter = self.exporter_class(parent=self, config=self.config, optimistic_validation=True)
        for step in self.preprocessors:
            self.exporter.register_preprocessor(step)

    def write_if_changed(self, student: str) -> bool:
        """Write a student's page, if what it says has changed. Raises what nbgrader raises."""
        name, entries = self.assignment.name, self.entries.get(student, "")
        mark = self.store.mark(name, student)
        notebook = self.course.autograded(self.assignment, student)
        page = self.course.feedback(self.assignment, student)
        if mark is None or not notebook.is_file() or (mark.page == entries and page.is_file()):
            return False
        source = f"{self._format_source(name, student)}/{name}.ipynb"
        resources = self.init_single_notebook_resources(source)
        html, _ = self.exporter.from_filename(source, resources=resources)
        self.gradebook.db.remove()
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, html, alone=True)
        carry_on(notebook.parent, page.parent)
        self.set_permissions(name, student)
        self.store.set_mark(name, student, mark.with_page(entries))
        return True
