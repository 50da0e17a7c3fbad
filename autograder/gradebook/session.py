"""nbgrader's gradebook, opened once for a whole class, and nbgrader's steps adapted to share it.

nbgrader opens the gradebook again in every step of every submission, and commits after every cell.
Here it is opened once, and each submission is one transaction. When nbgrader's command line or the
formgrader runs the same steps, each step opens the gradebook for itself, as usual.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    Notebook,
    SourceCell,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import AssignLatePenalties, CheckCellMetadata, GetGrades, OverwriteCells
from sqlalchemy import URL, Engine, Row, create_engine, make_url, or_
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import scoped_session, sessionmaker, undefer

from autograder.assignments import CourseError

Record = tuple[NotebookNode, dict]  # a notebook and what nbconvert calls its resources
Kind = type[Grade] | type[Comment]
POSTGRES = "pip install 'image-synthesis-course[postgres]'"


@contextmanager
def gradebook_errors(coursedir: CourseDirectory) -> Iterator[None]:
    """Turn an error of the database into a CourseError that explains how to continue."""
    try:
        yield
    except (ArgumentError, DBAPIError, NoSuchModuleError, ModuleNotFoundError) as error:
        why = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if isinstance(error, ModuleNotFoundError):
            why += f": {POSTGRES}"
        raise CourseError(
            f"The gradebook {_hide_password(coursedir.db_url)} can't be used ({why}). Fix this, or "
            "db_url in nbgrader_config.py, and run the same command again. What was done before is "
            "kept."
        ) from error


def _hide_password(db_url: str) -> str:
    """The database's address without its password; text that is no address stays as it is."""
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(db_url)


class ClassGradebook(Gradebook):
    """nbgrader's gradebook, for a class's submissions of one assignment.

    Raises CourseError if it can't be opened or does not contain the assignment.
    """

    engine: Engine
    db: scoped_session

    def __init__(self, coursedir: CourseDirectory, assignment: str) -> None:
        with gradebook_errors(coursedir):
            url = _add_timeout(make_url(coursedir.db_url))
            super().__init__(url, coursedir.course_id)
            self.engine.dispose()
            # Grading takes long, and a database server may restart or close an idle connection.
            # So SQLAlchemy tests the connection before each use.
            self.engine = create_engine(url, pool_pre_ping=True)
            self.db = scoped_session(sessionmaker(bind=self.engine))
            # The released notebook's cells are the same for every student: read them once.
            self.sources = self._load_cells(SourceCell, assignment)
            self.graded = self._load_cells(GradeCell, assignment)
            self.db.remove()
        if not self.graded:
            self.close()
            raise CourseError(
                f"The gradebook {_hide_password(coursedir.db_url)} does not contain {assignment}. "
                f"Run `nbgrader generate_assignment {assignment} --force` once, in the course "
                "directory."
            )

    def _load_cells(
        self, kind: type[SourceCell] | type[GradeCell], assignment: str
    ) -> dict[tuple[str, str, str], BaseCell | SourceCell]:
        query = self.db.query(kind, Notebook.name).join(Notebook, Notebook.id == kind.notebook_id)
        rows = query.join(Assignment).filter(Assignment.name == assignment)
        return {(cell.name, notebook, assignment): cell for cell, notebook in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything or, if the body raises or the process is killed, nothing."""
        outside = self.db
        with self.engine.begin() as connection:
            # nbgrader commits often. In a session that has joined an outer transaction, a commit
            # only flushes.
            joined = sessionmaker(bind=connection, join_transaction_mode="rollback_only")
            self.db = scoped_session(joined)
            try:
                yield
            finally:
                self.db.remove()
                self.db = outside

    def load_scores(self, assignment: str) -> dict[str, dict[str, float | None]]:
        """The automatic score of every grade cell, by student and cell, in one query."""
        found: dict[str, dict[str, float | None]] = {}
        for student, cell, score in self._query_class(assignment, Grade, Grade.auto_score):
            found.setdefault(student, {})[cell] = score
        return found

    def find_late(self, assignment: str) -> list[SubmittedNotebook]:
        """The notebooks handed in after the due date (extensions ignored), or with a penalty.

        Notebooks without a time stamp are left out: a penalty on one of them was given by hand.
        """
        penalty = SubmittedNotebook.late_submission_penalty
        handed_in = SubmittedAssignment.timestamp
        is_late = or_(penalty.is_not(None), handed_in > Assignment.duedate)
        query = self.db.query(SubmittedNotebook).join(SubmittedAssignment).join(Assignment)
        return query.filter(Assignment.name == assignment, handed_in.is_not(None), is_late).all()

    def grade_fingerprints(self, assignment: str) -> dict[str, str]:
        """A hash of all scores, comments and penalties of a submission, by student."""
        of_grades = (
            Grade.auto_score,
            Grade.manual_score,
            Grade.extra_credit,
            SubmittedNotebook.late_submission_penalty,
        )
        of_comments = (Comment.auto_comment, Comment.manual_comment)
        grades = self._query_class(assignment, Grade, *of_grades)
        comments = self._query_class(assignment, Comment, *of_comments)
        found: dict[str, list[str]] = {}
        for student, *entry in grades + comments:
            found.setdefault(student, []).append(repr(entry))
        return {student: _hash(rows) for student, rows in found.items()}

    def _query_class(self, assignment: str, kind: Kind, *columns: Any) -> list[Row]:
        """The student, the cell's name and these columns of every grade or comment."""
        query = (
            self.db.query(SubmittedAssignment.student_id, BaseCell.name, *columns)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(kind, kind.notebook_id == SubmittedNotebook.id)
            .join(BaseCell, BaseCell.id == kind.cell_id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .filter(Assignment.name == assignment)
        )
        rows = query.all()
        self.db.remove()  # grading takes long, and some databases end an idle transaction
        return rows

    def find_source_cell(self, name: str, notebook: str, assignment: str) -> SourceCell:
        """As nbgrader's, but without a query for every student."""
        found = self.sources.get((name, notebook, assignment))
        return found or super().find_source_cell(name, notebook, assignment)

    def find_graded_cell(self, name: str, notebook: str, assignment: str) -> BaseCell:
        """As nbgrader's, but without a query for every student."""
        found = self.graded.get((name, notebook, assignment))
        return found or super().find_graded_cell(name, notebook, assignment)


def _hash(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _add_timeout(url: URL) -> URL:
    """Let SQLite wait a minute for other writers, unless the address sets its own timeout."""
    if url.get_backend_name() != "sqlite":
        return url
    return url.set(query={"timeout": "60", **url.query})


def open_gradebook(step: Preprocessor, resources: dict) -> AbstractContextManager[Gradebook]:
    """The class's gradebook while a class is being recorded; otherwise one for this step alone."""
    exporter: Any = step.parent
    shared = getattr(exporter.parent, "gradebook", None)
    return nullcontext(shared) if shared else Gradebook(resources["nbgrader"]["db_url"])


def find_notebook(gradebook: Gradebook, resources: dict) -> SubmittedNotebook:
    """The gradebook's row of the submitted notebook that a step works on."""
    names = resources["nbgrader"]
    notebook, assignment, student = names["notebook"], names["assignment"], names["student"]
    return gradebook.find_submission_notebook(notebook, assignment, student)


def load_by_cell(gradebook: Gradebook, notebook: SubmittedNotebook, kind: Kind) -> "ByCell":
    """The grades or the comments of a submitted notebook, by the names of their cells."""
    rows = gradebook.db.query(BaseCell.name, kind).join(kind, kind.cell_id == BaseCell.id)
    whole = [undefer(Grade.max_score)] if kind is Grade else []
    return ByCell(rows.filter(kind.notebook_id == notebook.id).options(*whole).tuples())


class ByCell(dict):
    """Grades or comments by cell name. A missing name raises nbgrader's MissingEntry."""

    def __missing__(self, name: str) -> None:
        raise MissingEntry(
            f"The gradebook has no cell {name!r}. Was the assignment released again?"
        )


class RestoreCells(OverwriteCells):
    """nbgrader's OverwriteCells: restores the cells that students must not change."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Restore every such cell. None is missing: `nb` is built on the released notebook."""
        self.notebook_id = resources["nbgrader"]["notebook"]
        self.assignment_id = resources["nbgrader"]["assignment"]
        with open_gradebook(self, resources) as self.gradebook:
            return Preprocessor.preprocess(self, nb, resources)


class LatePenalties(AssignLatePenalties):
    """nbgrader's AssignLatePenalties, with the course's `c.AssignLatePenalties.plugin_class`."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Set the penalty of a late submission; remove it from one that is in time."""
        with open_gradebook(self, resources) as gradebook:
            notebook = find_notebook(gradebook, resources)
            notebook.late_submission_penalty = self.penalty(notebook)
            gradebook.db.commit()
        return nb, resources

    def penalty(self, notebook: SubmittedNotebook) -> float | None:
        """The points to subtract, by the current due date, score and plugin; None if in time.

        Raises whatever the plugin raises.
        """
        if not (late := notebook.assignment.total_seconds_late):
            return None
        self.init_plugin()
        student = notebook.assignment.student_id
        penalty = self.plugin_inst.late_submission_penalty(student, notebook.score, late)
        return penalty and self._check_late_penalty(notebook, penalty)


class CheckCells(CheckCellMetadata):
    """nbgrader's CheckCellMetadata, which validates the same cell metadata only once per class.

    valid  the metadata that have passed, as JSON
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.valid: set[str] = set()

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Check the metadata of the cells. Raises nbgrader's errors."""
        ours = [cell for cell in nb.cells if "nbgrader" in cell.metadata]
        described = json.dumps([(cell.cell_type, cell.metadata["nbgrader"]) for cell in ours])
        if described not in self.valid:
            MetadataValidator().validate_nb(nb)
            self.valid.add(described)
        return nb, resources


class FetchGrades(GetGrades):
    """nbgrader's GetGrades: copies scores and comments into the notebook, for feedback."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Copy them into the notebook, and the totals into `resources`."""
        with open_gradebook(self, resources) as gradebook:
            notebook = find_notebook(gradebook, resources)
            self.grades = load_by_cell(gradebook, notebook, Grade)
            self.comments = load_by_cell(gradebook, notebook, Comment)
            penalty = notebook.late_submission_penalty or 0
            resources["nbgrader"] |= {
                "score": notebook.score - penalty,
                "max_score": notebook.max_score,
                "late_penalty": penalty,
            }
            return Preprocessor.preprocess(self, nb, resources)

    def _get_comment(self, cell: NotebookNode, resources: dict) -> None:
        comment = self.comments[cell.metadata.nbgrader["grade_id"]]
        cell.metadata.nbgrader["comment"] = comment.comment

    def _get_score(self, cell: NotebookNode, resources: dict) -> None:
        grade = self.grades[cell.metadata.nbgrader["grade_id"]]
        cell.metadata.nbgrader |= {"score": grade.score, "points": grade.max_score}
