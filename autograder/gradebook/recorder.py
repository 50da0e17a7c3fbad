"""Record a class's verdicts in nbgrader's gradebook: one writer, one transaction per submission.

However a run was stopped, the next one continues where it stopped. For each submission, in order:

1. `recorded.json` is deleted
2. the autograded notebook is written; then scores, comments and penalty are committed together
3. `recorded.json` is written, so that the next run skips this submission

A late penalty also depends on the due date, on the instructor's plugin, and on scores that a person
has given since. So the penalties of all late submissions are computed again in every run.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from nbconvert.exporters import Exporter
from nbgrader.converters import Autograde
from nbgrader.utils import temp_attrs
from traitlets import TraitError

from autograder.assignments import CourseError
from autograder.course_files.files import copy_exchange_files, write_whole
from autograder.course_files.lock import only_writer
from autograder.course_files.timestamps import handed_in_at, written_in
from autograder.feedback.cell_process import cells_as_html
from autograder.gradebook.course import CONFIG, Course
from autograder.gradebook.entry import Entry
from autograder.gradebook.page import ClassFeedback
from autograder.gradebook.plugin import graft_submission, read_released
from autograder.gradebook.session import ClassGradebook, LatePenalties, gradebook_errors
from autograder.gradebook.store import RecordedState
from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement
from autograder.judge.verdict import Verdict

OnStudent = Callable[[str], object]  # called with each student who is done
NOT_RECORDED = "Not recorded in the gradebook"


def ignore(student: str) -> None:
    """Do nothing."""


@dataclass
class Recorded:
    """The result of recording a student's verdict.

    entry     the student's work, with its verdict
    problems  a sentence for each thing that went wrong
    """

    entry: Entry
    problems: list[str]


def record_class(
    course: Course,
    exam: Exam,
    students: Iterable[str],
    *,
    again: bool = False,
    on_recorded: OnStudent = ignore,
    on_page: OnStudent = ignore,
) -> dict[str, Recorded]:
    """Record the verdicts of students in the gradebook, and then write their feedback pages.

    students     those with a verdict on disk, and again those whose pictures have been drawn; may
                 be an iterator that waits for the next one
    again        record again what the gradebook already contains
    on_recorded  called with each student once the scores are recorded, or could not be
    on_page      called with each student once the feedback page is written, or could not be
    Raises CourseError if another process is recording in this course directory, or if the gradebook
    can't be used. What was recorded before that is kept.
    """
    with only_writer(course.folder), ClassRecorder(course, exam) as recorder:
        for student in students:
            is_first = student not in recorder.done
            recorder.take(course.entry(exam, student), again=again and is_first)
            if is_first:
                on_recorded(student)
        with gradebook_errors(recorder.coursedir):
            recorder.update_penalties()
            recorder.check_scores()
            recorder.write_pages(on_page)
        return recorder.done


class ClassRecorder(Autograde):
    """nbgrader's Autograde for a whole class, with one gradebook and one exporter.

    done       the result of each student so far
    judgement  of the current student, read by JudgeSubmission
    before     the scores in the gradebook at the start, by student and cell
    """

    def __init__(self, course: Course, exam: Exam) -> None:
        super().__init__(coursedir=course.api.coursedir, parent=course.api)
        self.course, self.name = course, exam.assignment.name
        self.done: dict[str, Recorded] = {}
        self.gradebook = ClassGradebook(self.coursedir, self.name)
        self.released = read_released(self.coursedir, self.name)
        self.sanitizer = self._make_exporter(self.sanitize_preprocessors)
        self.exporter = self._make_exporter(self.autograde_preprocessors)
        self.judgement: Judgement | None = None
        self.before = self.gradebook.load_scores(self.name)

    def _make_exporter(self, steps: list[type]) -> Exporter:
        exporter = self.exporter_class(parent=self, config=self.config, optimistic_validation=True)
        try:
            for step in steps:
                exporter.register_preprocessor(step)
        except (ImportError, TraitError) as error:
            self.gradebook.close()
            config = self.course.folder / CONFIG
            raise CourseError(f"{config} has a setting that can't be used: {error}") from error
        return exporter

    def __enter__(self) -> "ClassRecorder":
        return self

    def __exit__(self, *raised: object) -> None:
        self.gradebook.close()

    def take(self, entry: Entry, *, again: bool) -> None:
        """Record a verdict if needed. An error becomes a problem of this student only."""
        recorded = self.done[entry.student] = Recorded(entry, [])
        try:
            if again or not self.is_recorded(entry):
                self.record(entry)
        except Exception as error:  # nbgrader may raise anything; the rest of the class continues
            recorded.problems.append(f"{NOT_RECORDED}: {_first_line(error)}")

    def is_recorded(self, entry: Entry) -> bool:
        """Whether the gradebook and the autograded notebook already contain the verdict.

        Raises CourseError if there is no verdict.
        """
        verdict = require_verdict(entry)
        recorded = entry.stored.recorded()
        if recorded is None or recorded.with_page("") != _describe_state(entry, verdict):
            return False
        return not _find_differences(verdict, self.before.get(entry.student, {}))

    def record(self, entry: Entry) -> None:
        """Record the whole verdict or nothing. Raises CourseError, and whatever nbgrader raises."""
        verdict = require_verdict(entry)
        if not _is_utf8(entry.student):
            raise CourseError("the name of the student's folder is not UTF-8. Rename the folder.")
        entry.stored.forget_recorded()
        cells_as_html.start()  # a page will have to be written
        with temp_attrs(self.coursedir, assignment_id=self.name, student_id=entry.student):
            self.notebooks = [str(entry.submission)]
            self.run_pre_convert_hook()
            with self.gradebook.transaction():
                self._add_submission(entry)
                if entry.submission.is_file():
                    self._convert(entry)
                else:
                    self._record_missing(entry, None if verdict.status == "not graded" else 0)
            self.run_post_convert_hook()
        entry.stored.write_recorded(_describe_state(entry, verdict))

    def _add_submission(self, entry: Entry) -> None:
        """Add the student and the submission, with its time stamp, to the gradebook."""
        if self.create_student:
            self.gradebook.update_or_create_student(entry.student)
        timestamp = handed_in_at(entry.submission.parent)
        known = {"timestamp": timestamp} if timestamp else {}
        self.gradebook.update_or_create_submission(self.name, entry.student, **known)

    def _convert(self, entry: Entry) -> None:
        """Run both of nbgrader's passes in memory, and write the autograded notebook."""
        self.judgement = entry.judgement()
        if self.judgement is None:
            raise CourseError("the executed notebook is missing. Judge it again.")
        source = f"{self._format_source(self.name, entry.student)}/{self.name}.ipynb"
        resources = self.init_single_notebook_resources(source)
        notebook = graft_submission(entry.submission, self.released)
        notebook, resources = Exporter.from_notebook_node(self.sanitizer, notebook, resources)
        text, _ = self.exporter.from_notebook_node(notebook, resources)
        path = entry.autograded
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, str(text), alone=True)
        copy_exchange_files(entry.submission.parent, path.parent)
        self.set_permissions(self.name, entry.student)

    def _record_missing(self, entry: Entry, score: float | None) -> None:
        """For a folder without a notebook: give every cell this score, and remove old pages."""
        submission = self.gradebook.find_submission(self.name, entry.student)
        for notebook in submission.notebooks:
            notebook.late_submission_penalty = None
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = score, score is None
        self.gradebook.db.commit()
        for path in (entry.autograded, entry.feedback):
            path.unlink(missing_ok=True)

    def update_penalties(self) -> None:
        """Compute the penalties of all late submissions again, even where nothing else changed."""
        if LatePenalties not in self.autograde_preprocessors:
            return
        penalties = LatePenalties(parent=self.exporter)
        for notebook in self.gradebook.find_late(self.name):
            recorded = self.done.get(notebook.assignment.student_id)
            if recorded is None or recorded.problems:
                continue
            try:
                notebook.late_submission_penalty = penalties.penalty(notebook)
            except Exception as error:  # the instructor's plugin; the rest of the class continues
                recorded.problems.append(f"No late penalty: {_first_line(error)}")
        self.gradebook.db.commit()
        self.gradebook.db.remove()

    def check_scores(self) -> None:
        """Compare the gradebook with the verdicts; each difference becomes a problem."""
        scores = self.gradebook.load_scores(self.name)
        for student, recorded in self.done.items():
            if recorded.problems:
                continue
            verdict = require_verdict(recorded.entry)
            for task in _find_differences(verdict, scores.get(student, {})):
                difference = f"The score of {task} in the gradebook differs from the verdict's."
                recorded.problems.append(difference)

    def write_pages(self, on_page: OnStudent) -> None:
        """Write the feedback pages whose content has changed."""
        pages = ClassFeedback(self.course, self.name, self.gradebook)
        for student, recorded in self.done.items():
            try:
                pages.write_if_changed(recorded.entry)
            except Exception as error:
                problem = f"The feedback page is incomplete: {_first_line(error)}"
                recorded.problems.append(problem)
            on_page(student)


def require_verdict(entry: Entry) -> Verdict:
    """The verdict on the current submission. Raises CourseError if there is none."""
    if entry.verdict is None:
        raise CourseError("there is no verdict on the current submission. Judge it first.")
    return entry.verdict


def _describe_state(entry: Entry, verdict: Verdict) -> RecordedState:
    """The state to save in recorded.json once the verdict is recorded."""
    # The size reveals a notebook that a power failure has truncated.
    size = entry.autograded.stat().st_size if entry.autograded.is_file() else -1
    handed_in = written_in(entry.submission.parent)
    digest = sha256(verdict.to_json().encode()).hexdigest()
    return RecordedState(digest, handed_in, size, entry.stored.drawn())


def _find_differences(verdict: Verdict, scores: dict[str, float | None]) -> list[str]:
    """The tasks whose score in the gradebook is not the verdict's. No score is not a zero."""
    graded = verdict.status != "not graded"
    wanted = {task.name: task.earned if graded else None for task in verdict.tasks}
    return [task for task, score in wanted.items() if scores.get(f"grade-{task}", "none") != score]


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_line(error: Exception) -> str:
    """The first line of an error's text. In SQLAlchemy's errors, the SQL statement follows."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
