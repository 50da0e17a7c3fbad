"""Read every student's scores and comments from nbgrader's gradebook, for the exports."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nbgrader.api import BaseCell, Comment, Gradebook, Student, SubmittedAssignment

from autograder.gradebook.roster import IN_GRADEBOOK, Person

Cells = dict[str, BaseCell]  # by nbgrader's own id


@dataclass(frozen=True)
class Score:
    """The score of one student's submission of one assignment.

    points    earned in the tasks, from the verdict or given by a person
    written   earned in the written questions
    penalty   subtracted for lateness
    waiting   whether a written answer has no score yet
    comments  on the tasks and questions
    """

    points: float
    written: float
    penalty: float
    waiting: bool
    comments: tuple[str, ...]

    @property
    def total(self) -> float:
        """The total after the penalty, at least 0."""
        return max(0.0, self.points + self.written - self.penalty)


@dataclass(frozen=True)
class Grades:
    """One student's grades.

    scores      by assignment, without those not submitted and those that could not be graded
    not_graded  the assignments that could not be graded
    """

    person: Person
    scores: dict[str, Score] = field(default_factory=dict)
    not_graded: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """The total of all assignments."""
        return sum(score.total for score in self.scores.values())


def points_possible(gradebook: Gradebook, only: Sequence[str] = ()) -> dict[str, float]:
    """The maximum points of each assignment (or of those in `only`), sorted by name."""
    named = sorted((one.name, float(one.max_score)) for one in gradebook.assignments)
    return {name: points for name, points in named if not only or name in only}


def read_grades(
    gradebook: Gradebook, assignments: Sequence[str], roster: Sequence[Person] = ()
) -> list[Grades]:
    """All students of the gradebook and the roster, sorted by id; the roster takes precedence."""
    people = {student.id: _make_person(student) for student in gradebook.students}
    people |= {person.id: _merge(people.get(person.id), person) for person in roster}
    grades = {student: Grades(person) for student, person in people.items()}
    cells = {cell.id: cell for cell in gradebook.db.query(BaseCell)}
    for assignment in assignments:
        for submission in gradebook.assignment_submissions(assignment):
            student, score = submission.student_id, _add_up(submission, cells)
            grades[student] = _add_score(grades[student], assignment, score)
    return [grades[student] for student in sorted(grades)]


def _make_person(student: Student) -> Person:
    return Person(student.id, **{name: getattr(student, name) or "" for name in IN_GRADEBOOK})


def _merge(before: Person | None, person: Person) -> Person:
    known = {name: value for name, value in vars(person).items() if value}
    return replace(before, **known) if before else person


def _add_score(grades: Grades, assignment: str, score: Score | None) -> Grades:
    if score is None:
        return replace(grades, not_graded=(*grades.not_graded, assignment))
    return replace(grades, scores=grades.scores | {assignment: score})


def _add_up(submission: SubmittedAssignment, cells: Cells) -> Score | None:
    """The score of a submission; None, which is not a zero, if a task has no score."""
    notebooks = submission.notebooks
    grades = [grade for notebook in notebooks for grade in notebook.grades]
    tasks = [grade for grade in grades if cells[grade.cell_id].cell_type == "code"]
    if any(grade.auto_score is None and grade.manual_score is None for grade in tasks):
        return None
    points = sum(grade.score for grade in tasks)
    comments = [comment for notebook in notebooks for comment in notebook.comments]
    return Score(
        points=points,
        written=sum(grade.score for grade in grades) - points,
        penalty=sum(notebook.late_submission_penalty or 0.0 for notebook in notebooks),
        waiting=any(grade.needs_manual_grade for grade in grades),
        comments=_merge_comments(comments, cells),
    )


def _merge_comments(comments: list[Comment], cells: Cells) -> tuple[str, ...]:
    """The comments with the names of their tasks; the same comment on several appears only once."""
    names_of: dict[str, list[str]] = {}
    for comment in comments:
        if comment.comment:
            name = cells[comment.cell_id].name.removeprefix("task-").removeprefix("written-")
            names_of.setdefault(comment.comment, []).append(name)
    merged = [f"{', '.join(sorted(names))}: {text}" for text, names in names_of.items()]
    return tuple(sorted(merged))
