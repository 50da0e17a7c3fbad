"""The judge behind nbgrader's own traits, so that its command line and the formgrader's button both use it.

Autograde works in two passes. Sanitizing: `SubmissionExporter` reads the submitted file without trusting it
and grafts it on the released notebook. Grading: `JudgeSubmission` stands where Execute was, and
`RecordVerdict` where SaveAutoGrades was: scores come from the verdict, never from a cell's outputs.
"""

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    ComputeChecksums,
    LockCells,
    NbGraderPreprocessor,
    OverwriteCells,
    SaveAutoGrades,
    SaveCells,
)
from traitlets import Unicode

from autograder.catalogue import find_assignment
from autograder.gradebook.feedback import task_comment, task_html, task_text, verdict_note
from autograder.gradebook.safe_html import clean_html, markdown2html
from autograder.gradebook.store import VerdictStore
from autograder.judge.read import RefusedError, graft, read_submission
from autograder.judge.verdict import Verdict


def configure(config: Any, level: str = "bubblewrap") -> None:  # noqa: ANN401  traitlets' Config
    """Put the judge into an nbgrader configuration. For a course directory's nbgrader_config.py.

    level  the sandbox: bubblewrap, or process (no isolation; stamped on every verdict)
    """
    # nbgrader runs alembic from PATH, which a Jupyter started by its full path does not have.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    config.JudgeSubmission.level = level
    config.Autograde.exporter_class = SubmissionExporter
    config.Autograde.sanitize_preprocessors = [OverwriteCells, CheckCellMetadata]
    config.Autograde.autograde_preprocessors = [
        JudgeSubmission,
        RecordVerdict,
        AssignLatePenalties,
        CheckCellMetadata,
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
    # A script in a student's Markdown or output runs neither in the formgrader nor in feedback.
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {"clean_html": clean_html, "markdown2html": markdown2html}


class SubmissionExporter(NotebookExporter):
    """Reads what students hand in; what can't be read becomes the released notebook, unanswered."""

    def from_filename(self, filename: str, resources: dict | None = None, **kw: Any) -> tuple:  # noqa: ANN401
        """Convert a file. In the sanitizing pass no file makes this fail."""
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources=resources, **kw)
        released = released_notebook(self.parent.coursedir, resources["nbgrader"])
        try:
            reading = read_submission(Path(filename), released)
        except RefusedError:  # the verdict will say why
            reading = graft([], released)
        return self.from_notebook_node(reading.notebook, resources=resources, **kw)


def released_notebook(coursedir: CourseDirectory, names: dict[str, str]) -> NotebookNode:
    """The notebook as it was given out, with nbgrader's checksums."""
    folder = coursedir.format_path(coursedir.release_directory, ".", names["assignment"])
    return nbformat.read(Path(folder) / f"{names['notebook']}.ipynb", as_version=4)


class JudgeSubmission(NbGraderPreprocessor):
    """Stands where Execute was: the notebook's cells get the judge's outputs."""

    level = Unicode("bubblewrap", help="The sandbox that submissions run in: bubblewrap or process.").tag(
        config=True
    )

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Judge the submission and write the outputs; `resources` carries the verdict on."""
        names = resources["nbgrader"]
        coursedir = self.parent.parent.coursedir
        folder = coursedir.format_path(coursedir.submitted_directory, names["student"], names["assignment"])
        store = VerdictStore(Path(coursedir.root) / "verdicts", self.level)
        submission = Path(folder) / f"{names['notebook']}.ipynb"
        judgement = store.judge(submission, find_assignment(names["assignment"]), names["student"])
        resources["verdict"] = judgement.verdict
        ran = {cell.id: cell.get("outputs", []) for cell in judgement.notebook.cells}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = ran.get(cell.id, [])
        for task in judgement.verdict.tasks:
            _show(nb, f"grade-{task.name}", task_html(task), task_text(task))
        if note := verdict_note(judgement.verdict):
            nb.cells.insert(0, _note(note))
        return nb, resources


class RecordVerdict(SaveAutoGrades):
    """Scores from the verdict, in process: no output of a cell can change them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Record every grade cell's score and every task's comment."""
        self.verdict: Verdict = resources["verdict"]
        self.tasks = {task.name: task for task in self.verdict.tasks}
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: dict) -> None:
        task = self.tasks.get(cell.metadata.nbgrader["grade_id"].removeprefix("grade-"))
        if task is None:  # a written question: nbgrader's own rule
            super()._add_score(cell, resources)
            return
        grade = self.gradebook.find_grade(
            cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id
        )
        graded = self.verdict.status != "not graded"
        grade.auto_score = task.earned if graded else None
        grade.needs_manual_grade = not graded or grade.manual_score is not None
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: dict) -> None:
        super()._add_comment(cell, resources)
        task = self.tasks.get(cell.metadata.nbgrader["grade_id"].removeprefix("task-"))
        if task is None:
            return
        comment = self.gradebook.find_comment(
            cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id
        )
        comment.auto_comment = self.verdict.reason or task_comment(task)
        self.gradebook.db.commit()


def _show(notebook: NotebookNode, grade_id: str, html: str, text: str) -> None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id:
            data = {"text/html": html, "text/plain": text}
            cell.outputs = [nbformat.v4.new_output("display_data", data=data)]


def _note(text: str) -> NotebookNode:
    """A note of the grader's at the top of the notebook; indented, so that nothing in it is markup."""
    body = "\n".join(f"    {line}" for line in text.splitlines())
    return nbformat.v4.new_markdown_cell(f"**A note from the grader**\n\n{body}")
