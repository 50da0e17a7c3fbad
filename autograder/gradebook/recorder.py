"""Verdicts into nbgrader's gradebook, for a whole class: one writer, and one transaction a
submission.

However it was stopped, the next run goes on where it was. For each submission, in this order:

1. `recorded.json` is taken away
2. the autograded notebook is written, and then scores, comments and penalty are committed, all at
   once
3. `recorded.json` is written: what has been recorded, and need not be done again

A penalty for lateness depends on more: the due date, the instructor's plugin, and the scores that a
person has given since. Those of all late submissions are reckoned anew in every run.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from nbconvert.exporters import Exporter
from nbgrader.converters import Autograde
from nbgrader.utils import temp_attrs
from traitlets import TraitError

from autograder.assignments import Assignment, CourseError
from autograder.collect.timestamps import handed_in_at, written_in
from autograder.feedback.page import ClassFeedback
from autograder.gradebook.course import CONFIG, Course
from autograder.gradebook.lock import only_writer
from autograder.gradebook.plugin import grafted, released_notebook
from autograder.gradebook.session import ClassGradebook, LatePenalties, reached
from autograder.gradebook.store import Mark, carry_on, write_whole
from autograder.judge.judge import Judgement
from autograder.judge.verdict import Verdict

Told = Callable[[str], object]  # of a student who is done
NOT_RECORDED = "Not recorded in the gradebook"


def quiet(student: str) -> None:
    """Tells nobody."""


def record_class(
    course: Course,
    assignment: Assignment,
    students: Iterable[str],
    *,
    again: bool = False,
    on_recorded: Told = quiet,
    on_page: Told = quiet,
) -> dict[str, list[str]]:
    """Record the verdicts of students in the gradebook, and then write their feedback pages.

    students     whose verdicts are in the store; may be an iterator that waits for the next one to
                 be judged
    again        record also what is in the gradebook already
    on_recorded  told of each student, when the scores are in the gradebook or can't be
    on_page      told of each student, when the feedback page is there or can't be
    returns      the problems of each student who has any, a sentence each
    Raises CourseError when another process is recording in this course directory, and when the
    gradebook can't be used; what is recorded by then stays.
    """
    with only_writer(course.folder), ClassRecorder(course, assignment) as recorder:
        problems = {}
        for student in students:
            problems[student] = recorder.take(student, again=again)
            on_recorded(student)
        with reached(recorder.coursedir):
            recorder.update_penalties(problems)
            recorder.compare(problems)
            recorder.write_pages(problems, on_page)
    return {student: found for student, found in problems.items() if found}


class ClassRecorder(Autograde):
    """nbgrader's Autograde for a class that is judged already: one gradebook, one exporter, nothing
    twice.
    """

    def __init__(self, course: Course, assignment: Assignment) -> None:
        super().__init__(coursedir=course.api.coursedir, parent=course.api)
        self.course, self.assignment = course, assignment
        self.store = course.store
        self.gradebook = ClassGradebook(self.coursedir, assignment.name)
        self.released = released_notebook(self.coursedir, assignment.name)
        self.sanitizer = self._exporter(self.sanitize_preprocessors)
        self.exporter = self._exporter(self.autograde_preprocessors)
        self.judgement: Judgement | None = None  # of the student at hand, for JudgeSubmission
        self.before = self.gradebook.scores(assignment.name)
        self.verdicts: dict[str, Verdict] = {}

    def _exporter(self, steps: list[type]) -> Exporter:
        exporter = self.exporter_class(parent=self, config=self.config, optimistic_validation=True)
        try:
            for step in steps:
                exporter.register_preprocessor(step)
        except (ImportError, TraitError) as error:
            self.gradebook.close()
            raise CourseError(
                f"{self.course.folder / CONFIG} names what can't be used: {error}"
            ) from error
        return exporter

    def __enter__(self) -> "ClassRecorder":
        return self

    def __exit__(self, *raised: object) -> None:
        self.gradebook.close()

    def take(self, student: str, *, again: bool) -> list[str]:
        """Record a student's verdict unless it is recorded; whatever goes wrong stays this
        student's.
        """
        try:
            if again or not self.is_recorded(student):
                self.record(student)
        except (
            Exception
        ) as error:  # nbgrader's own, on whatever a student handed in: the class goes on
            return [f"{NOT_RECORDED}: {_sentence(error)}"]
        return []

    def is_recorded(self, student: str) -> bool:
        """Whether gradebook and notebook have the verdict already. Raises CourseError if there is
        none.
        """
        verdict = self._verdict(student)
        mark = self.store.mark(self.assignment.name, student)
        is_marked = mark is not None and mark.with_page("") == self._mark(student, verdict)
        return is_marked and not _different(verdict, self.before.get(student, {}))

    def _mark(self, student: str, verdict: Verdict) -> Mark:
        """What is noted of a verdict that is recorded."""
        return Mark(
            sha256(verdict.to_json().encode()).hexdigest(),
            self._handed_in(student),
            self._size(student),
        )

    def _verdict(self, student: str) -> Verdict:
        submission = self.course.submission(self.assignment, student)
        verdict = self.store.verdict(submission, self.assignment, student)
        if verdict is None:
            raise CourseError("there is no verdict of what was handed in. Judge it first.")
        self.verdicts[student] = verdict
        return verdict

    def _handed_in(self, student: str) -> str:
        """When that was, as it is written beside the notebook; empty where it is not."""
        return written_in(self.course.submission(self.assignment, student).parent)

    def _size(self, student: str) -> int:
        """Bytes of the autograded notebook, so that one cut short by a power cut is seen; -1 for
        none.
        """
        path = self.course.autograded(self.assignment, student)
        return path.stat().st_size if path.is_file() else -1

    def record(self, student: str) -> None:
        """Record a verdict whole, or nothing of it. Raises CourseError, and whatever nbgrader
        raises.
        """
        verdict = self._verdict(student)
        if not _is_text(student):
            raise CourseError("the name of the student's folder is not UTF-8. Rename the folder.")
        self.store.forget_recorded(self.assignment.name, student)
        submission = self.course.submission(self.assignment, student)
        with temp_attrs(self.coursedir, assignment_id=self.assignment.name, student_id=student):
            self.notebooks = [str(submission)]
            self.run_pre_convert_hook()
            with self.gradebook.transaction():
                self._enter(student)
                if submission.is_file():
                    self._convert(submission, student)
                else:
                    self._record_nothing(student, None if verdict.status == "not graded" else 0)
            self.run_post_convert_hook()
        self.store.set_mark(self.assignment.name, student, self._mark(student, verdict))

    def _enter(self, student: str) -> None:
        """The student and the submission, with its time, in the gradebook."""
        if self.create_student:
            self.gradebook.update_or_create_student(student)
        timestamp = handed_in_at(self.course.submission(self.assignment, student).parent)
        known = {"timestamp": timestamp} if timestamp else {}
        self.gradebook.update_or_create_submission(self.assignment.name, student, **known)

    def _convert(self, submission: Path, student: str) -> None:
        """Both of nbgrader's passes, from memory to memory; and the notebook written."""
        self.judgement = self.store.kept(submission, self.assignment, student)
        if self.judgement is None:
            raise CourseError("the notebook as it was run is not there. Judge it again.")
        name = self.assignment.name  # whatever the file is called
        source = f"{self._format_source(name, student)}/{name}.ipynb"
        resources = self.init_single_notebook_resources(source)
        notebook = grafted(submission, self.released)
        notebook, resources = Exporter.from_notebook_node(self.sanitizer, notebook, resources)
        text, _ = self.exporter.from_notebook_node(notebook, resources)
        path = self.course.autograded(self.assignment, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text, alone=True)
        carry_on(submission.parent, path.parent)
        self.set_permissions(self.assignment.name, student)

    def _record_nothing(self, student: str, score: float | None) -> None:
        """A folder without the notebook: one score for every cell, and no page to write feedback
        on.
        """
        for notebook in self.gradebook.find_submission(self.assignment.name, student).notebooks:
            notebook.late_submission_penalty = None
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = score, score is None
        self.gradebook.db.commit()
        for path in (self.course.autograded, self.course.feedback):
            path(self.assignment, student).unlink(missing_ok=True)

    def update_penalties(self, problems: dict[str, list[str]]) -> None:
        """Set the late penalties that have changed though the verdict has not; nothing else is
        touched.
        """
        if LatePenalties not in self.autograde_preprocessors:
            return
        penalties = LatePenalties(parent=self.exporter)
        for notebook in self.gradebook.late(self.assignment.name):
            student = notebook.assignment.student_id
            if student in problems and not problems[student]:
                try:
                    notebook.late_submission_penalty = penalties.penalty(notebook)
                except Exception as error:  # the instructor's plugin: the class goes on
                    problems[student].append(f"No late penalty: {_sentence(error)}")
        self.gradebook.db.commit()
        self.gradebook.db.remove()

    def compare(self, problems: dict[str, list[str]]) -> None:
        """Hold the gradebook against the verdicts, and add what differs to the problems."""
        scores = self.gradebook.scores(self.assignment.name)
        for student, found in problems.items():
            if not found and (tasks := _different(self.verdicts[student], scores.get(student, {}))):
                found += [
                    f"The gradebook has another score for {task} than the verdict."
                    for task in tasks
                ]

    def write_pages(self, problems: dict[str, list[str]], on_page: Told) -> None:
        """Write the feedback pages of those who are recorded, where anything on them has
        changed.
        """
        pages = ClassFeedback(self.course, self.assignment, self.gradebook)
        for student, found in problems.items():
            try:
                pages.write_if_changed(student)
            except Exception as error:
                found.append(f"The feedback page is not as it should be: {_sentence(error)}")
            on_page(student)


def _different(verdict: Verdict, scores: dict[str, float | None]) -> list[str]:
    """The tasks whose scores in the gradebook are not the verdict's. Unknown is not zero."""
    graded = verdict.status != "not graded"
    wanted = {task.name: task.earned if graded else None for task in verdict.tasks}
    return [task for task, score in wanted.items() if scores.get(f"grade-{task}", "none") != score]


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sentence(error: Exception) -> str:
    """The first line of an error's text: SQLAlchemy's go on with the statement."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
