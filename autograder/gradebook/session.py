"""nbgrader's gradebook held open for a whole class, and nbgrader's own steps made to use it.

nbgrader opens the gradebook anew in each step for each submission, and commits after each cell.
Here it is opened once, and a submission is one transaction. Where nbgrader itself runs the steps,
from its command line or the formgrader, each opens the gradebook for itself, as ever.
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
from sqlalchemy.orm import Query, scoped_session, sessionmaker, undefer

from autograder.assignments import CourseError

Record = tuple[NotebookNode, dict]  # a notebook and what nbconvert calls its resources


@contextmanager
def gradebook_errors(coursedir: CourseDirectory) -> Iterator[None]:
    """Raises CourseError where a course directory's gradebook can't be opened, read or written
    to.
    """
    try:
        yield
    except (ArgumentError, DBAPIError, NoSuchModuleError, ModuleNotFoundError) as error:
        why = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        why += ": pip install 'image-synthesis-course[postgres]'" * isinstance(
            error, ModuleNotFoundError
        )
        raise CourseError(
            f"The gradebook {_named(coursedir.db_url)} can't be used ({why}): mend that, or db_url in "
            "nbgrader_config.py, and give the same command again. What was done before is kept."
        ) from error


def _named(db_url: str) -> str:
    """The database's address without its password; as it is, when it is none."""
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(db_url)


class ClassGradebook(Gradebook):
    """nbgrader's gradebook, for one assignment's class.

    Raises CourseError when it can't be opened, or does not know the assignment.
    """

    engine: Engine
    db: scoped_session

    def __init__(self, coursedir: CourseDirectory, assignment: str) -> None:
        with gradebook_errors(coursedir):
            url = _patient(coursedir.db_url)
            super().__init__(url, coursedir.course_id)
            self.engine.dispose()
            # A class takes long, and a server may be restarted, or close what idles: look before
            # each use.
            self.engine = create_engine(url, pool_pre_ping=True)
            self.db = scoped_session(sessionmaker(bind=self.engine))
            # What the assignment consists of is the same for every student.
            self.sources = self._cells_of(SourceCell, assignment)
            self.graded = self._cells_of(GradeCell, assignment)
            self.db.remove()
        if not self.graded:
            self.close()
            raise CourseError(
                f"The gradebook {_named(coursedir.db_url)} does not know {assignment}: give "
                f"`nbgrader generate_assignment {assignment} --force` in the course directory, once."
            )

    def _cells_of(
        self, kind: type[SourceCell] | type[GradeCell], assignment: str
    ) -> dict[tuple[str, str, str], BaseCell | SourceCell]:
        query = self.db.query(kind, Notebook.name).join(Notebook, Notebook.id == kind.notebook_id)
        rows = query.join(Assignment).filter(Assignment.name == assignment)
        return {(cell.name, notebook, assignment): cell for cell, notebook in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written here is written whole, when it ends; or, if it raises or is killed, not
        at all.
        """
        outside = self.db
        with self.engine.begin() as connection:
            # nbgrader commits as it goes; a session that has joined a transaction only flushes
            # then.
            join = sessionmaker(bind=connection, join_transaction_mode="rollback_only")
            self.db = scoped_session(join)
            try:
                yield
            finally:
                self.db.remove()
                self.db = outside

    def scores(self, assignment: str) -> dict[str, dict[str, float | None]]:
        """The automatic score of every grade cell, by student, in one question to the database."""
        found: dict[str, dict[str, float | None]] = {}
        for student, cell, score in self._submitted(assignment, Grade, Grade.auto_score):
            found.setdefault(student, {})[cell] = score
        return found

    def late(self, assignment: str) -> list[SubmittedNotebook]:
        """The notebooks that came after the due date, extensions aside, or have a penalty.

        None whose time is not known: who has given it a penalty has done so by hand.
        """
        query = self.db.query(SubmittedNotebook).join(SubmittedAssignment).join(Assignment)
        penalty, handed_in = (
            SubmittedNotebook.late_submission_penalty,
            SubmittedAssignment.timestamp,
        )
        is_late = or_(penalty.is_not(None), handed_in > Assignment.duedate)
        return query.filter(Assignment.name == assignment, handed_in.is_not(None), is_late).all()

    def grade_fingerprints(self, assignment: str) -> dict[str, str]:
        """A hash of all that the gradebook says of a submission, by student."""
        found: dict[str, list[str]] = {}
        penalty = SubmittedNotebook.late_submission_penalty
        grades = self._submitted(
            assignment, Grade, Grade.auto_score, Grade.manual_score, Grade.extra_credit, penalty
        )
        comments = self._submitted(
            assignment, Comment, Comment.auto_comment, Comment.manual_comment
        )
        for student, *entry in grades + comments:
            found.setdefault(student, []).append(repr(entry))
        return {student: _hash(rows) for student, rows in found.items()}

    def _submitted(
        self, assignment: str, kind: type[Grade] | type[Comment], *columns: Any
    ) -> list[Row]:  # noqa: ANN401
        """Student, name of the cell, and these columns, of every grade or comment of a class."""
        query = (
            self.db.query(SubmittedAssignment.student_id, BaseCell.name, *columns)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(kind, kind.notebook_id == SubmittedNotebook.id)
            .join(BaseCell, BaseCell.id == kind.cell_id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        )
        return self._all(query, assignment)

    def _all(self, query: Query, assignment: str) -> list[Row]:
        rows = query.filter(Assignment.name == assignment).all()
        self.db.remove()  # a class takes long, and some databases end a transaction that idles
        return rows

    def find_source_cell(self, name: str, notebook: str, assignment: str) -> SourceCell:
        """As nbgrader's, without asking the database for every student."""
        found = self.sources.get((name, notebook, assignment))
        return found or super().find_source_cell(name, notebook, assignment)

    def find_graded_cell(self, name: str, notebook: str, assignment: str) -> BaseCell:
        """As nbgrader's, without asking the database for every student."""
        found = self.graded.get((name, notebook, assignment))
        return found or super().find_graded_cell(name, notebook, assignment)


def _hash(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _patient(db_url: str) -> URL:
    """The database's address; SQLite's with a minute's patience, if it has none yet, with other
    writers.
    """
    url = make_url(db_url)
    if url.get_backend_name() != "sqlite":
        return url
    return url.set(query={"timeout": "60", **url.query})


def gradebook_of(step: Preprocessor, resources: dict) -> AbstractContextManager[Gradebook]:
    """The class's gradebook if a class is being recorded, or else one that is opened for this step
    alone.
    """
    exporter: Any = step.parent
    shared = getattr(exporter.parent, "gradebook", None)
    return nullcontext(shared) if shared else Gradebook(resources["nbgrader"]["db_url"])


def notebook_of(gradebook: Gradebook, resources: dict) -> SubmittedNotebook:
    """The submitted notebook that a step works on, in the gradebook."""
    names = resources["nbgrader"]
    return gradebook.find_submission_notebook(
        names["notebook"], names["assignment"], names["student"]
    )


def cells_of(
    gradebook: Gradebook, notebook: SubmittedNotebook, kind: type[Grade] | type[Comment]
) -> "ByName":
    """The grades or the comments of a submitted notebook, by the names of their cells."""
    rows = gradebook.db.query(BaseCell.name, kind).join(kind, kind.cell_id == BaseCell.id)
    whole = [undefer(Grade.max_score)] if kind is Grade else []
    return ByName(rows.filter(kind.notebook_id == notebook.id).options(*whole).tuples())


class ByName(dict):
    """Grades or comments by name. Raises nbgrader's MissingEntry for one that there is not."""

    def __missing__(self, name: str) -> None:
        raise MissingEntry(
            f"The gradebook has no cell {name!r}: was the assignment released again?"
        )


class RestoreCells(OverwriteCells):
    """nbgrader's, which puts back the cells as the gradebook has them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Put every cell back; none can be missing, as the released notebook is the skeleton."""
        self.notebook_id, self.assignment_id = (
            resources["nbgrader"][key] for key in ("notebook", "assignment")
        )
        with gradebook_of(self, resources) as self.gradebook:
            return Preprocessor.preprocess(self, nb, resources)


class LatePenalties(AssignLatePenalties):
    """nbgrader's, with the plugin that the course has chosen as
    `c.AssignLatePenalties.plugin_class`.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Set the penalty of a late submission, and take it away from one that is not."""
        with gradebook_of(self, resources) as gradebook:
            notebook = notebook_of(gradebook, resources)
            notebook.late_submission_penalty = self.penalty(notebook)
            gradebook.db.commit()
        return nb, resources

    def penalty(self, notebook: SubmittedNotebook) -> float | None:
        """The points to take off by the due date, the score and the plugin as they are; None if in
        time.

        Raises whatever the plugin raises.
        """
        if not (late := notebook.assignment.total_seconds_late):
            return None
        self.init_plugin()
        student = notebook.assignment.student_id
        penalty = self.plugin_inst.late_submission_penalty(student, notebook.score, late)
        return penalty and self._check_late_penalty(notebook, penalty)


class CheckCells(CheckCellMetadata):
    """nbgrader's; what it found right of one submission's cells need not be looked at in the
    next.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.right: set[str] = set()

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Check the metadata of the cells. Raises nbgrader's errors."""
        described = json.dumps(
            [(c.cell_type, c.metadata["nbgrader"]) for c in nb.cells if _is_ours(c)]
        )
        if described not in self.right:
            MetadataValidator().validate_nb(nb)
            self.right.add(described)
        return nb, resources


def _is_ours(cell: NotebookNode) -> bool:
    return "nbgrader" in cell.metadata


class FetchGrades(GetGrades):
    """nbgrader's, which puts scores and comments into the notebook for its feedback."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Put them in, and the totals into `resources`."""
        with gradebook_of(self, resources) as gradebook:
            notebook = notebook_of(gradebook, resources)
            self.grades, self.comments = (
                cells_of(gradebook, notebook, kind) for kind in (Grade, Comment)
            )
            penalty = notebook.late_submission_penalty or 0
            totals = {"score": notebook.score - penalty, "max_score": notebook.max_score}
            resources["nbgrader"] |= totals | {"late_penalty": penalty}
            return Preprocessor.preprocess(self, nb, resources)

    def _get_comment(self, cell: NotebookNode, resources: dict) -> None:
        cell.metadata.nbgrader["comment"] = self.comments[
            cell.metadata.nbgrader["grade_id"]
        ].comment

    def _get_score(self, cell: NotebookNode, resources: dict) -> None:
        grade = self.grades[cell.metadata.nbgrader["grade_id"]]
        cell.metadata.nbgrader |= {"score": grade.score, "points": grade.max_score}
