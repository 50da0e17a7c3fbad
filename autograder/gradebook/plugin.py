"""The judge behind nbgrader's own traits, so that its command line and the formgrader's button both
use it.

Autograde works in two passes. Sanitizing: `SubmissionExporter` reads the submitted file without
trusting it and grafts it on the released notebook. Grading: `JudgeSubmission` stands where Execute
was, and `RecordVerdict` where SaveAutoGrades was: scores come from the verdict, never from a cell's
outputs.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor, Preprocessor
from nbformat import NotebookNode
from nbgrader.api import Comment, Grade
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ComputeChecksums,
    LockCells,
    NbGraderPreprocessor,
    SaveAutoGrades,
    SaveCells,
)
from nbgrader.utils import compute_checksum, determine_grade, is_solution
from traitlets import Unicode

from autograder.assignments import find_assignment
from autograder.course_files.folder import CourseFolder
from autograder.feedback.outputs import well_formed
from autograder.feedback.safe_html import ansi2html, clean_output, markdown2html
from autograder.feedback.wording import NOTE, task_comment, task_html, task_text, verdict_note
from autograder.gradebook.entry import Entry
from autograder.gradebook.formgrader import FormgraderPage
from autograder.gradebook.page import FeedbackPage, PageGrades
from autograder.gradebook.session import (
    CheckCells,
    LatePenalties,
    RestoreCells,
    cells_of,
    gradebook_of,
    notebook_of,
)
from autograder.judge.exam import exam_of
from autograder.judge.intake.read_notebook import RefusedError, graft, read_submission
from autograder.judge.judge import Judgement
from autograder.judge.verdict import TaskVerdict, Verdict


def configure(config: Any, level: str = "bubblewrap") -> None:  # noqa: ANN401  traitlets' Config
    """Put the judge into an nbgrader configuration. For a course directory's nbgrader_config.py.

    level  the sandbox: bubblewrap, or process (no isolation; stamped on every verdict)
    """
    # nbgrader runs alembic from PATH, which a Jupyter started by its full path does not have.
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
    config.JudgeSubmission.level = level
    config.Autograde.exporter_class = SubmissionExporter
    config.Autograde.sanitize_preprocessors = [RestoreCells, CheckCells]
    config.Autograde.autograde_preprocessors = [
        JudgeSubmission,
        RecordVerdict,
        LatePenalties,
        CheckCells,
    ]
    # The source holds no solution, so there is none to clear; the stubs are ours.
    config.GenerateAssignment.preprocessors = [
        LockCells,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
        SaveCells,
        CheckCellMetadata,
    ]
    config.GenerateFeedback.exporter_class = FeedbackPage
    config.GenerateFeedback.preprocessors = [PageGrades, CSSHTMLHeaderPreprocessor]
    config.HTMLExporter.preprocessors = [FormgraderPage]
    config.FeedbackPage.preprocessors = []  # it is one of these, and no rubric is for students
    # A script in a student's Markdown or output runs neither in the formgrader nor in feedback.
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {
        "clean_html": clean_output,
        "markdown2html": markdown2html,
        "ansi2html": ansi2html,
    }


class SubmissionExporter(NotebookExporter):
    """Reads what students hand in; what can't be read becomes the released notebook, unanswered."""

    def from_filename(self, filename: str, resources: dict | None = None, **kw: Any) -> tuple:  # noqa: ANN401
        """Convert a file. In the sanitizing pass no file makes this fail."""
        autograde: Any = self.parent
        if not autograde._sanitizing or resources is None:
            return super().from_filename(filename, resources=resources, **kw)
        released = released_notebook(autograde.coursedir, resources["nbgrader"]["assignment"])
        return self.from_notebook_node(grafted(Path(filename), released), resources=resources, **kw)


def released_notebook(coursedir: CourseDirectory, assignment: str) -> NotebookNode:
    """The notebook as it was given out, with nbgrader's checksums."""
    folder = coursedir.format_path(coursedir.release_directory, ".", assignment)
    return nbformat.read(Path(folder) / f"{assignment}.ipynb", as_version=4)


def grafted(submission: Path, released: NotebookNode) -> NotebookNode:
    """A submission on the released notebook's skeleton; the released notebook, if it can't be
    read.
    """
    try:
        return read_submission(submission, released).notebook
    except RefusedError:  # the verdict will say why
        return graft([], released).notebook


class JudgeSubmission(NbGraderPreprocessor):
    """Stands where Execute was: the notebook's cells get the judge's outputs."""

    level = Unicode(
        "bubblewrap", help="The sandbox that submissions run in: bubblewrap or process."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Judge the submission and write the outputs; `resources` carries the verdict on."""
        # A class is judged before it is recorded; nbgrader's own commands come here first.
        judgement = getattr(self.parent.parent, "judgement", None) or self._judge(
            resources["nbgrader"]
        )
        resources["verdict"] = judgement.verdict
        ran = {cell.id: cell.get("outputs", []) for cell in judgement.notebook.cells}
        tables = {f"grade-{task.name}": [_table(task)] for task in judgement.verdict.tasks}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = tables.get(cell.id) or well_formed(ran.get(cell.id, []))
        if note := verdict_note(judgement.verdict):
            nb.cells.insert(0, _note(note))
        return nb, resources

    def _judge(self, names: dict[str, str]) -> Judgement:
        coursedir = self.parent.parent.coursedir
        exam = exam_of(find_assignment(names["assignment"]), self.level)
        entry = Entry(CourseFolder(Path(coursedir.root)), exam, names["student"])
        entry.stored.forget_recorded()
        return entry.judge()


class RecordVerdict(SaveAutoGrades):
    """Scores from the verdict, in process: no output of a cell can change them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Record every grade cell's score and every task's comment, all at once."""
        self.verdict: Verdict = resources["verdict"]
        self.tasks = {task.name: task for task in self.verdict.tasks}
        with gradebook_of(self, resources) as gradebook:
            found = partial(cells_of, gradebook, notebook_of(gradebook, resources))
            self.grades, self.comments = found(Grade), found(Comment)
            Preprocessor.preprocess(self, nb, resources)
            gradebook.db.commit()
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: dict) -> None:
        name = cell.metadata.nbgrader["grade_id"]
        grade = self.grades[name]
        grade.auto_score = self._score(cell, self.tasks.get(name.removeprefix("grade-")))
        grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None

    def _score(self, cell: NotebookNode, task: TaskVerdict | None) -> float | None:
        if is_solution(cell):  # a written question: nbgrader's own rule
            return determine_grade(cell, self.log)[0]
        return task.earned if task and self.verdict.status != "not graded" else None

    def _add_comment(self, cell: NotebookNode, resources: dict) -> None:
        name = cell.metadata.nbgrader["grade_id"]
        task = self.tasks.get(name.removeprefix("task-"))
        empty = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
        nothing = "No response." if empty else None
        self.comments[name].auto_comment = (
            self.verdict.reason or task_comment(task) if task else nothing
        )


def _table(task: TaskVerdict) -> NotebookNode:
    data = {"text/html": task_html(task), "text/plain": task_text(task)}
    return nbformat.v4.new_output("display_data", data=data)


def _note(text: str) -> NotebookNode:
    """A note of the grader's at the top of the notebook; indented, so that nothing in it is
    markup.
    """
    body = "\n".join(f"    {line}" for line in text.splitlines())
    return nbformat.v4.new_markdown_cell(f"**A note from the grader**\n\n{body}", id=NOTE)
