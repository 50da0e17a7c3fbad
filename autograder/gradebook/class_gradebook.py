"""nbgrader's gradebook held open for a whole class, and nbgrader's own steps made to use it.

nbgrader opens the gradebook anew in each step for each submission, and commits after each cell. Here it is
opened once, and a submission is one transaction. Where nbgrader itself runs the steps, from its command line
or the formgrader, each opens the gradebook for itself, as ever.
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
from sqlalchemy import URL, Row, make_url
from sqlalchemy.orm import Query, scoped_session, sessionmaker, undefer

Record = tuple[NotebookNode, dict]  # a notebook and what nbconvert calls its resources


class ClassGradebook(Gradebook):
    """nbgrader's gradebook, for one assignment's class."""

    def __init__(self, coursedir: CourseDirectory, assignment: str) -> None:
        super().__init__(_patient(coursedir.db_url), coursedir.course_id)
        # What the assignment consists of is the same for every student.
        self.sources = self._cells_of(SourceCell, assignment)
        self.graded = self._cells_of(GradeCell, assignment)
        self.db.remove()

    def _cells_of(self, kind: type, assignment: str) -> dict[tuple[str, str, str], BaseCell | SourceCell]:
        query = self.db.query(kind, Notebook.name).join(Notebook, Notebook.id == kind.notebook_id)
        rows = query.join(Assignment).filter(Assignment.name == assignment)
        return {(cell.name, notebook, assignment): cell for cell, notebook in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written here is written whole, when it ends; or, if it raises or is killed, not at all."""
        outside = self.db
        with self.engine.begin() as connection:
            # nbgrader commits as it goes; a session that has joined a transaction only flushes then.
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

    def deadlines(self, assignment: str) -> dict[str, str]:
        """What each student had to hand in by, in any words; of those who are not in it yet under ""."""
        due = self.find_assignment(assignment).duedate
        query = self.db.query(SubmittedAssignment.student_id, SubmittedAssignment.extension)
        extensions = {"": None} | dict(self._all(query.join(Assignment), assignment))
        return {student: f"{due} {extension}" for student, extension in extensions.items()}

    def entries(self, assignment: str) -> dict[str, str]:
        """A hash of all that the gradebook says of a student's submission."""
        found: dict[str, list[str]] = {}
        penalty = SubmittedNotebook.late_submission_penalty
        grades = self._submitted(
            assignment, Grade, Grade.auto_score, Grade.manual_score, Grade.extra_credit, penalty
        )
        comments = self._submitted(assignment, Comment, Comment.auto_comment, Comment.manual_comment)
        for student, *entry in grades + comments:
            found.setdefault(student, []).append(repr(entry))
        return {student: _hash(rows) for student, rows in found.items()}

    def _submitted(self, assignment: str, kind: type[Grade] | type[Comment], *columns: Any) -> list[Row]:  # noqa: ANN401
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
    """The database's address; SQLite's with a minute's patience, if it has none yet, with other writers."""
    url = make_url(db_url)
    if url.get_backend_name() != "sqlite":
        return url
    return url.set(query={"timeout": "60", **url.query})


def gradebook_of(step: Preprocessor, resources: dict) -> AbstractContextManager[Gradebook]:
    """The class's gradebook if a class is being recorded, or else one that is opened for this step alone."""
    shared = getattr(step.parent.parent, "gradebook", None)
    return nullcontext(shared) if shared else Gradebook(resources["nbgrader"]["db_url"])


def notebook_of(gradebook: Gradebook, resources: dict) -> SubmittedNotebook:
    """The submitted notebook that a step works on, in the gradebook."""
    names = resources["nbgrader"]
    return gradebook.find_submission_notebook(names["notebook"], names["assignment"], names["student"])


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
        raise MissingEntry(f"The gradebook has no cell {name!r}: was the assignment released again?")


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
    """nbgrader's, with the plugin that the course has chosen."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Set the penalty of a late submission, and take it away from one that is not."""
        self.init_plugin()
        with gradebook_of(self, resources) as gradebook:
            notebook = notebook_of(gradebook, resources)
            notebook.late_submission_penalty = self._penalty(notebook, resources["nbgrader"]["student"])
            gradebook.db.commit()
        return nb, resources

    def _penalty(self, notebook: SubmittedNotebook, student: str) -> float | None:
        if not (late := notebook.assignment.total_seconds_late):
            return None
        penalty = self.plugin_inst.late_submission_penalty(student, notebook.score, late)
        return penalty and self._check_late_penalty(notebook, penalty)


class CheckCells(CheckCellMetadata):
    """nbgrader's; what it found right of one submission's cells need not be looked at in the next."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.right: set[str] = set()

    def preprocess(self, nb: NotebookNode, resources: dict) -> Record:
        """Check the metadata of the cells. Raises nbgrader's errors."""
        described = json.dumps([(c.cell_type, c.metadata["nbgrader"]) for c in nb.cells if _is_ours(c)])
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
            self.grades, self.comments = (cells_of(gradebook, notebook, kind) for kind in (Grade, Comment))
            penalty = notebook.late_submission_penalty or 0
            totals = {"score": notebook.score - penalty, "max_score": notebook.max_score}
            resources["nbgrader"] |= totals | {"late_penalty": penalty}
            return Preprocessor.preprocess(self, nb, resources)

    def _get_comment(self, cell: NotebookNode, resources: dict) -> None:
        cell.metadata.nbgrader["comment"] = self.comments[cell.metadata.nbgrader["grade_id"]].comment

    def _get_score(self, cell: NotebookNode, resources: dict) -> None:
        grade = self.grades[cell.metadata.nbgrader["grade_id"]]
        cell.metadata.nbgrader |= {"score": grade.score, "points": grade.max_score}
