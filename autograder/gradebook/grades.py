"""What nbgrader's gradebook says of every student, for whoever writes it to a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nbgrader.api import BaseCell, Comment, Gradebook, Student, SubmittedAssignment

from autograder.gradebook.roster import IN_GRADEBOOK, Person

Cells = dict[str, BaseCell]  # by nbgrader's own id


@dataclass(frozen=True)
class Score:
    """What came of one student's submission of one assignment.

    points    of the tasks, from the verdict or by hand
    written   of the questions that are answered in writing
    penalty   for lateness
    waiting   a written answer has no score yet
    comments  what is said of each task
    """

    points: float
    written: float
    penalty: float
    waiting: bool
    comments: tuple[str, ...]

    @property
    def total(self) -> float:
        """What counts: never less than nothing."""
        return max(0.0, self.points + self.written - self.penalty)


@dataclass(frozen=True)
class Grades:
    """One student. An assignment that is not in `scores` was not handed in, or could not be
    graded.
    """

    person: Person
    scores: dict[str, Score] = field(default_factory=dict)
    not_graded: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Over all assignments."""
        return sum(score.total for score in self.scores.values())


def points_possible(gradebook: Gradebook, only: Sequence[str] = ()) -> dict[str, float]:
    """The points of each assignment, or of those in `only`, by name, in order."""
    named = sorted((one.name, float(one.max_score)) for one in gradebook.assignments)
    return {name: points for name, points in named if not only or name in only}


def read_grades(
    gradebook: Gradebook, assignments: Sequence[str], roster: Sequence[Person] = ()
) -> list[Grades]:
    """Everybody in the gradebook or the roster, by id; where both know something, the roster is
    right.
    """
    people = {student.id: _person(student) for student in gradebook.students}
    people |= {person.id: _joined(people.get(person.id), person) for person in roster}
    grades = {student: Grades(person) for student, person in people.items()}
    cells = {cell.id: cell for cell in gradebook.db.query(BaseCell)}
    for assignment in assignments:
        for submission in gradebook.assignment_submissions(assignment):
            student, score = submission.student_id, _score(submission, cells)
            grades[student] = _with(grades[student], assignment, score)
    return [grades[student] for student in sorted(grades)]


def _person(student: Student) -> Person:
    return Person(student.id, **{name: getattr(student, name) or "" for name in IN_GRADEBOOK})


def _joined(there: Person | None, person: Person) -> Person:
    said = {name: value for name, value in vars(person).items() if value}
    return replace(there, **said) if there else person


def _with(grades: Grades, assignment: str, score: Score | None) -> Grades:
    if score is None:
        return replace(grades, not_graded=(*grades.not_graded, assignment))
    return replace(grades, scores=grades.scores | {assignment: score})


def _score(submission: SubmittedAssignment, cells: Cells) -> Score | None:
    """The score of a submission; None when one of its tasks has none, which is not a zero."""
    notebooks = submission.notebooks
    grades = [grade for notebook in notebooks for grade in notebook.grades]
    tasks = [grade for grade in grades if cells[grade.cell_id].cell_type == "code"]
    if any(grade.auto_score is None and grade.manual_score is None for grade in tasks):
        return None
    points = sum(grade.score for grade in tasks)
    return Score(
        points,
        sum(grade.score for grade in grades) - points,
        sum(notebook.late_submission_penalty or 0.0 for notebook in notebooks),
        any(grade.needs_manual_grade for grade in grades),
        _comments([comment for notebook in notebooks for comment in notebook.comments], cells),
    )


def _comments(comments: list[Comment], cells: Cells) -> tuple[str, ...]:
    """What is said of each task and question; what is said of several alike is said once."""
    alike: dict[str, list[str]] = {}
    for comment in comments:
        if comment.comment:
            name = cells[comment.cell_id].name.removeprefix("task-").removeprefix("written-")
            alike.setdefault(comment.comment, []).append(name)
    return tuple(sorted(f"{', '.join(sorted(names))}: {text}" for text, names in alike.items()))
