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
from autograder.gradebook.course import CONFIG, Course
from autograder.gradebook.entry import Entry
from autograder.gradebook.page import ClassFeedback
from autograder.gradebook.plugin import grafted, released_notebook
from autograder.gradebook.session import ClassGradebook, LatePenalties, gradebook_errors
from autograder.gradebook.store import RecordedState
from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement
from autograder.judge.verdict import Verdict

OnStudent = Callable[[str], object]  # told of a student who is done
NOT_RECORDED = "Not recorded in the gradebook"


def quiet(student: str) -> None:
    """Tells nobody."""


@dataclass
class Recorded:
    """What became of a student's verdict when it was recorded.

    entry     the student's work, with its verdict
    problems  a sentence on each thing that went wrong
    """

    entry: Entry
    problems: list[str]


def record_class(
    course: Course,
    exam: Exam,
    students: Iterable[str],
    *,
    again: bool = False,
    on_recorded: OnStudent = quiet,
    on_page: OnStudent = quiet,
) -> dict[str, Recorded]:
    """Record the verdicts of students in the gradebook, and then write their feedback pages.

    students     whose verdicts are on disk; may be an iterator that waits for the next one to be
                 judged
    again        record also what is in the gradebook already
    on_recorded  told of each student, when the scores are in the gradebook or can't be
    on_page      told of each student, when the feedback page is there or can't be
    Raises CourseError when another process is recording in this course directory, and when the
    gradebook can't be used; what is recorded by then stays.
    """
    with only_writer(course.folder), ClassRecorder(course, exam) as recorder:
        for student in students:
            recorder.take(course.entry(exam, student), again=again)
            on_recorded(student)
        with gradebook_errors(recorder.coursedir):
            recorder.update_penalties()
            recorder.compare()
            recorder.write_pages(on_page)
        return recorder.done


class ClassRecorder(Autograde):
    """nbgrader's Autograde for a class that is judged: one gradebook, one exporter, nothing twice.

    done  what became of each student so far
    """

    def __init__(self, course: Course, exam: Exam) -> None:
        super().__init__(coursedir=course.api.coursedir, parent=course.api)
        self.course, self.name = course, exam.assignment.name
        self.done: dict[str, Recorded] = {}
        self.gradebook = ClassGradebook(self.coursedir, self.name)
        self.released = released_notebook(self.coursedir, self.name)
        self.sanitizer = self._exporter(self.sanitize_preprocessors)
        self.exporter = self._exporter(self.autograde_preprocessors)
        self.judgement: Judgement | None = None  # of the student at hand, for JudgeSubmission
        self.before = self.gradebook.scores(self.name)

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

    def take(self, entry: Entry, *, again: bool) -> None:
        """Record a verdict unless it is recorded; whatever goes wrong stays this student's."""
        recorded = self.done[entry.student] = Recorded(entry, [])
        try:
            if again or not self.is_recorded(entry):
                self.record(entry)
        except Exception as error:  # nbgrader's own, on whatever was handed in: the class goes on
            recorded.problems.append(f"{NOT_RECORDED}: {_sentence(error)}")

    def is_recorded(self, entry: Entry) -> bool:
        """Whether gradebook and notebook have the verdict already.

        Raises CourseError if there is no verdict.
        """
        verdict = verdict_of(entry)
        known = entry.stored.recorded()
        is_same = known is not None and known.with_page("") == _state_of(entry, verdict)
        return is_same and not _different(verdict, self.before.get(entry.student, {}))

    def record(self, entry: Entry) -> None:
        """Record a verdict whole, or nothing of it. Raises CourseError, and what nbgrader raises."""
        verdict = verdict_of(entry)
        if not _is_text(entry.student):
            raise CourseError("the name of the student's folder is not UTF-8. Rename the folder.")
        entry.stored.forget_recorded()
        with temp_attrs(self.coursedir, assignment_id=self.name, student_id=entry.student):
            self.notebooks = [str(entry.submission)]
            self.run_pre_convert_hook()
            with self.gradebook.transaction():
                self._enter(entry)
                if entry.submission.is_file():
                    self._convert(entry)
                else:
                    self._record_nothing(entry, None if verdict.status == "not graded" else 0)
            self.run_post_convert_hook()
        entry.stored.write_recorded(_state_of(entry, verdict))

    def _enter(self, entry: Entry) -> None:
        """The student and the submission, with its time, in the gradebook."""
        if self.create_student:
            self.gradebook.update_or_create_student(entry.student)
        timestamp = handed_in_at(entry.submission.parent)
        known = {"timestamp": timestamp} if timestamp else {}
        self.gradebook.update_or_create_submission(self.name, entry.student, **known)

    def _convert(self, entry: Entry) -> None:
        """Both of nbgrader's passes, from memory to memory; and the notebook written."""
        self.judgement = entry.judgement()
        if self.judgement is None:
            raise CourseError("the notebook as it was run is not there. Judge it again.")
        source = f"{self._format_source(self.name, entry.student)}/{self.name}.ipynb"
        resources = self.init_single_notebook_resources(source)
        notebook = grafted(entry.submission, self.released)
        notebook, resources = Exporter.from_notebook_node(self.sanitizer, notebook, resources)
        text, _ = self.exporter.from_notebook_node(notebook, resources)
        path = entry.autograded
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, str(text), alone=True)
        copy_exchange_files(entry.submission.parent, path.parent)
        self.set_permissions(self.name, entry.student)

    def _record_nothing(self, entry: Entry, score: float | None) -> None:
        """A folder without a notebook: one score for every cell, and no page for feedback."""
        submission = self.gradebook.find_submission(self.name, entry.student)
        for notebook in submission.notebooks:
            notebook.late_submission_penalty = None
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = score, score is None
        self.gradebook.db.commit()
        for path in (entry.autograded, entry.feedback):
            path.unlink(missing_ok=True)

    def update_penalties(self) -> None:
        """Set the late penalties that have changed though the verdict has not; nothing else."""
        if LatePenalties not in self.autograde_preprocessors:
            return
        penalties = LatePenalties(parent=self.exporter)
        for notebook in self.gradebook.late(self.name):
            recorded = self.done.get(notebook.assignment.student_id)
            if recorded is None or recorded.problems:
                continue
            try:
                notebook.late_submission_penalty = penalties.penalty(notebook)
            except Exception as error:  # the instructor's plugin: the class goes on
                recorded.problems.append(f"No late penalty: {_sentence(error)}")
        self.gradebook.db.commit()
        self.gradebook.db.remove()

    def compare(self) -> None:
        """Hold the gradebook against the verdicts, and add what differs to the problems."""
        scores = self.gradebook.scores(self.name)
        for student, recorded in self.done.items():
            if recorded.problems:
                continue
            for task in _different(verdict_of(recorded.entry), scores.get(student, {})):
                recorded.problems.append(
                    f"The gradebook has another score for {task} than the verdict."
                )

    def write_pages(self, on_page: OnStudent) -> None:
        """Write the feedback pages where anything on them has changed."""
        pages = ClassFeedback(self.course, self.name, self.gradebook)
        for student, recorded in self.done.items():
            try:
                pages.write_if_changed(recorded.entry)
            except Exception as error:
                recorded.problems.append(
                    f"The feedback page is not as it should be: {_sentence(error)}"
                )
            on_page(student)


def verdict_of(entry: Entry) -> Verdict:
    """The verdict on what was handed in. Raises CourseError if there is none."""
    if entry.verdict is None:
        raise CourseError("there is no verdict of what was handed in. Judge it first.")
    return entry.verdict


def _state_of(entry: Entry, verdict: Verdict) -> RecordedState:
    """What is noted of a verdict that is recorded."""
    # A notebook that was cut short by a power cut is told by its size.
    size = entry.autograded.stat().st_size if entry.autograded.is_file() else -1
    handed_in = written_in(entry.submission.parent)
    return RecordedState(sha256(verdict.to_json().encode()).hexdigest(), handed_in, size)


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
