"""Configure nbgrader to use the judge, from its command line and from the formgrader alike.

nbgrader's Autograde works in two passes:

sanitizing  `SubmissionExporter` reads the submitted file without trusting it, and puts the answers
            into a clean copy of the released notebook
grading     `JudgeSubmission` replaces nbgrader's Execute, and `RecordVerdict` its SaveAutoGrades:
            scores come from the verdict, never from a cell's outputs
"""

import os
import sys
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
from autograder.gradebook.drawing import picture_outputs
from autograder.gradebook.entry import Entry
from autograder.gradebook.formgrader import FormgraderPage
from autograder.gradebook.page import FeedbackPage, PageGrades
from autograder.gradebook.session import (
    CheckCells,
    LatePenalties,
    RestoreCells,
    find_notebook,
    load_by_cell,
    open_gradebook,
)
from autograder.judge.exam import exam_of
from autograder.judge.intake.read_notebook import RefusedError, graft, read_submission
from autograder.judge.judge import Judgement
from autograder.judge.source.needed_cells import PICTURE
from autograder.judge.verdict import TaskVerdict, Verdict
from course_utils.plots.pictures import FOLDER


def configure(config: Any, level: str = "bubblewrap") -> None:
    """Make nbgrader use the judge. Called by a course directory's nbgrader_config.py.

    config  traitlets' Config, which creates missing sections when they are accessed
    level   the sandbox: bubblewrap, or process (no isolation; noted in every verdict)
    """
    # nbgrader finds alembic through PATH, which lacks it if Jupyter was started by its full path.
    binaries = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([binaries, os.environ.get("PATH", "")])
    config.JudgeSubmission.level = level
    config.Autograde.exporter_class = SubmissionExporter
    config.Autograde.sanitize_preprocessors = [RestoreCells, CheckCells]
    config.Autograde.autograde_preprocessors = [
        JudgeSubmission,
        RecordVerdict,
        LatePenalties,
        CheckCells,
    ]
    # The source notebook has stubs already, so nbgrader's ClearSolutions has nothing to do.
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
    # FeedbackPage is an HTMLExporter too, but students must not see the rubrics.
    config.FeedbackPage.preprocessors = []
    # Scripts in a student's Markdown or outputs run neither in the formgrader nor in feedback.
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {
        "clean_html": clean_output,
        "markdown2html": markdown2html,
        "ansi2html": ansi2html,
    }


class SubmissionExporter(NotebookExporter):
    """Reads submissions; an unreadable one becomes the released notebook without answers."""

    def from_filename(self, filename: str, resources: dict | None = None, **kw: Any) -> tuple:
        """Convert a file. In the sanitizing pass, no submitted file makes this fail."""
        autograde: Any = self.parent
        if not autograde._sanitizing or resources is None:
            return super().from_filename(filename, resources=resources, **kw)
        released = read_released(autograde.coursedir, resources["nbgrader"]["assignment"])
        notebook = graft_submission(Path(filename), released)
        return self.from_notebook_node(notebook, resources=resources, **kw)


def read_released(coursedir: CourseDirectory, assignment: str) -> NotebookNode:
    """The released notebook, with nbgrader's checksums."""
    path = released_folder(coursedir, assignment) / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


def released_folder(coursedir: CourseDirectory, assignment: str) -> Path:
    """The folder of the released assignment."""
    return Path(coursedir.format_path(coursedir.release_directory, ".", assignment))


def graft_submission(submission: Path, released: NotebookNode) -> NotebookNode:
    """A copy of the released notebook with the submission's answers; none if it is unreadable."""
    try:
        return read_submission(submission, released).notebook
    except RefusedError:  # the verdict gives the reason
        return graft([], released).notebook


class JudgeSubmission(NbGraderPreprocessor):
    """Replaces nbgrader's Execute: gives the notebook's cells the outputs of the judge."""

    level = Unicode(
        "bubblewrap", help="The sandbox that submissions run in: bubblewrap or process."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Judge the submission, insert the outputs, and put the verdict into `resources`."""
        # ClassRecorder brings a judgement. nbgrader's own commands have none: judge now.
        judgement = getattr(self.parent.parent, "judgement", None)
        if judgement is None:
            judgement = self._judge(resources["nbgrader"])
        resources["verdict"] = judgement.verdict
        outputs = self._outputs(judgement, resources["nbgrader"]["assignment"])
        tables = {f"grade-{task.name}": [_make_table(task)] for task in judgement.verdict.tasks}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = tables.get(cell.id) or well_formed(outputs.get(cell.id, []))
        if note := verdict_note(judgement.verdict):
            nb.cells.insert(0, _make_note(note))
        return nb, resources

    def _outputs(self, judgement: Judgement, assignment: str) -> dict[str, list[NotebookNode]]:
        """The outputs of each cell, those of pictures with the targets."""
        targets = released_folder(self.parent.parent.coursedir, assignment) / FOLDER
        return {
            cell.id: picture_outputs(cell, judgement.verdict, targets)
            if cell.id.startswith(PICTURE)
            else cell.get("outputs", [])
            for cell in judgement.notebook.cells
        }

    def _judge(self, names: dict[str, str]) -> Judgement:
        coursedir = self.parent.parent.coursedir
        exam = exam_of(find_assignment(names["assignment"]), self.level)
        entry = Entry(CourseFolder(Path(coursedir.root)), exam, names["student"])
        entry.stored.forget_recorded()
        return entry.judge()


class RecordVerdict(SaveAutoGrades):
    """Replaces nbgrader's SaveAutoGrades: scores come from the verdict, not from outputs."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Record every grade cell's score and every task's comment in one commit."""
        self.verdict: Verdict = resources["verdict"]
        self.tasks = {task.name: task for task in self.verdict.tasks}
        with open_gradebook(self, resources) as gradebook:
            notebook = find_notebook(gradebook, resources)
            self.grades = load_by_cell(gradebook, notebook, Grade)
            self.comments = load_by_cell(gradebook, notebook, Comment)
            Preprocessor.preprocess(self, nb, resources)
            gradebook.db.commit()
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: dict) -> None:
        name = cell.metadata.nbgrader["grade_id"]
        grade = self.grades[name]
        task = self.tasks.get(name.removeprefix("grade-"))
        grade.auto_score = self._compute_score(cell, task)
        grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None

    def _compute_score(self, cell: NotebookNode, task: TaskVerdict | None) -> float | None:
        if is_solution(cell):  # a written question: nbgrader's own rule
            return determine_grade(cell, self.log)[0]
        if task is None or self.verdict.status == "not graded":
            return None
        return task.earned

    def _add_comment(self, cell: NotebookNode, resources: dict) -> None:
        name = cell.metadata.nbgrader["grade_id"]
        task = self.tasks.get(name.removeprefix("task-"))
        comment: str | None = None
        if task:
            comment = self.verdict.reason or task_comment(task)
        elif cell.metadata.nbgrader.get("checksum") == compute_checksum(cell):
            comment = "No response."
        self.comments[name].auto_comment = comment


def _make_table(task: TaskVerdict) -> NotebookNode:
    data = {"text/html": task_html(task), "text/plain": task_text(task)}
    return nbformat.v4.new_output("display_data", data=data)


def _make_note(text: str) -> NotebookNode:
    """The grader's note at the top of the notebook, indented so that Markdown shows it verbatim."""
    body = "\n".join(f"    {line}" for line in text.splitlines())
    return nbformat.v4.new_markdown_cell(f"**A note from the grader**\n\n{body}", id=NOTE)
