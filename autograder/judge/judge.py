"""The centre: `judge(submission, exam) -> Judgement`, which never raises, whatever is submitted.

1. read     merge the answers of the untrusted file into the released notebook, and search their
            source for forbidden calls
2. run      run what the tasks need in a worker inside the sandbox: the student's cells, and the
            given code whose names they use
3. check    run the hidden pytest checks in this process, against an object that calls the worker
4. explain  match each failed check with a misconception that gives the same wrong answer

What a feedback page shows besides is run later: see `autograder.judge.draw`.
"""

from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from nbformat import NotebookNode

from autograder.assignments import CourseError
from autograder.authoring.notebooks import solution_notebook
from autograder.checks import checks_of
from autograder.judge.checking.remote_submission import RemoteSubmission
from autograder.judge.checking.run_checks import InfrastructureError, run_checks
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.exam import Exam
from autograder.judge.intake.read_notebook import RefusedError, graft, read_submission
from autograder.judge.intake.sibling_files import files_beside
from autograder.judge.source.forbidden_calls import look
from autograder.judge.source.needed_cells import sources_for_verdict
from autograder.judge.verdict import CheckVerdict, Status, TaskVerdict, Verdict
from autograder.judge.workers.box import open_box
from autograder.judge.workers.client import Opener
from autograder.progress import Progress, quiet
from course_utils.notebook.grafting import Reading

TRIES = 2  # attempts at a submission, if this machine fails to run it
COULD_NOT_RUN = "the grader could not run this check"


@dataclass
class Judgement:
    """A verdict, and the notebook with the outputs of the student's cells."""

    verdict: Verdict
    notebook: NotebookNode


def judge(
    submission: Path, exam: Exam, *, progress: Progress = quiet, opener: Opener | None = None
) -> Judgement:
    """Judge one submission. Raises nothing, whatever is submitted.

    exam      the assignment as it is graded
    progress  called after each cell
    opener    opens a worker, for example from a zygote; by default workers start cold
    """
    verdict = _new_verdict(submission, exam, "graded")
    try:
        verdict.flags = files_beside(submission)
        reading = read_submission(submission, exam.released)
    except RefusedError as refused:
        verdict.status, verdict.reason = "refused", str(refused)
        verdict.tasks = _none_passed(exam, "refused", "the notebook could not be read")
        return Judgement(verdict, graft([], exam.released).notebook)
    except OSError as error:  # a problem of this machine, such as permissions: not the student's
        return not_graded(submission, exam, f"{submission.name} can't be read: {error.strerror}.")
    flags = verdict.flags
    for attempt in range(1, TRIES + 1):
        verdict.repairs, verdict.flags = [*reading.repairs], [*flags]
        try:
            _judge_once(verdict, reading, submission, exam, progress, opener)
            break
        except InfrastructureError as fault:  # the machine may have been too busy: try again
            if attempt == TRIES:
                _give_up(verdict, exam, str(fault))
        except Exception as bug:  # a bug in the grader must not become a zero, or end the class
            _give_up(verdict, exam, f"The grader failed: {type(bug).__name__}: {bug}")
            break
    return Judgement(verdict, reading.notebook)


def _give_up(verdict: Verdict, exam: Exam, reason: str) -> None:
    """Turn a verdict into "not graded"."""
    verdict.status, verdict.reason = "not graded", reason
    verdict.tasks = _none_passed(exam, "not graded", COULD_NOT_RUN)


def _judge_once(
    verdict: Verdict,
    reading: Reading,
    submission: Path,
    exam: Exam,
    progress: Progress,
    opener: Opener | None,
) -> None:
    """Run the notebook and the checks, and write the results into the verdict."""
    with _open_remote(reading.notebook, submission, exam, opener) as remote:
        remote.flags[:0] = verdict.flags
        verdict.flags = remote.flags  # the same list, so flags are kept even if running fails
        _run_and_check(verdict, remote, exam, progress)


def not_graded(submission: Path, exam: Exam, reason: str) -> Judgement:
    """The judgement of a submission that could not be judged through no fault of the student."""
    verdict = _new_verdict(submission, exam, "not graded")
    _give_up(verdict, exam, reason)
    return Judgement(verdict, graft([], exam.released).notebook)


def open_submission(path: Path, exam: Exam) -> RemoteSubmission:
    """Open a submission without running checks, for pytest; the caller closes it.

    Raises RefusedError for a file that can't be read.
    """
    return _open_remote(read_submission(path, exam.released).notebook, path, exam)


def _new_verdict(submission: Path, exam: Exam, status: Status) -> Verdict:
    return Verdict(exam.assignment.name, status, exam.level, key=exam.key_of(submission))


def cold_opener(exam: Exam) -> Opener:
    """Opens workers that start cold, with the exam's packs and imports."""
    return partial(open_box, exam.level, packs=exam.packs, preload=exam.preload)


def _open_remote(
    notebook: NotebookNode, submission: Path, exam: Exam, opener: Opener | None = None
) -> RemoteSubmission:
    """Open a submission whose tasks are called in a worker, with the findings in its source."""
    findings = look(notebook, exam.released, exam.master.tasks, exam.rules)
    files = exam.handed_in_with(submission)
    remote = RemoteSubmission(
        notebook,
        exam.level,
        exam.limits,
        opener or cold_opener(exam),
        exam.rules,
        files,
        sources_for_verdict(notebook),
    )
    remote.forbidden, remote.flags = findings.forbidden, findings.flags
    return remote


def _run_and_check(
    verdict: Verdict, submission: RemoteSubmission, exam: Exam, progress: Progress
) -> None:
    what, done = "running the notebook, then the checks", count(1)
    total = len(submission.runnable())
    progress(what, 0, total)
    submission.run_cells(on_cell=lambda: progress(what, next(done), total))
    tasks = _check_tasks(exam.topic, submission)
    for task in tasks:
        if task.name in submission.forbidden:
            _fail(task, "forbidden", submission.forbidden[task.name])
    verdict.tasks = sorted(tasks, key=lambda task: exam.master.tasks.index(task.name))
    submission.close()
    verdict.repairs += submission.skipped
    verdict.resources = submission.resources


def _check_tasks(topic: str, submission: RemoteSubmission) -> list[TaskVerdict]:
    """Check each task as of its visible check and as of the notebook's end; the better one counts.

    So a student loses nothing by reusing the function's name further down, and a function that is
    corrected further down counts as corrected.
    """
    tasks = {task.name: task for task in run_checks(topic, submission)}
    failed = [name for name, task in tasks.items() if task.earned < task.points]
    allowed = [name for name in failed if name not in submission.forbidden]
    if changed := submission.changed_later(allowed):
        with submission.at_the_end(changed):
            for task in run_checks(topic, submission, changed):
                tasks[task.name] = max(tasks[task.name], task, key=lambda one: one.earned)
    return list(tasks.values())


def _fail(task: TaskVerdict, kind: str, message: str) -> None:
    """Fail all checks of a task for the same reason."""
    for check in task.checks:
        check.passed, check.kind, check.message = False, kind, message
        check.misconception = check.hint = None


def _none_passed(exam: Exam, kind: str, message: str) -> list[TaskVerdict]:
    """The tasks with every check failed for the same reason."""
    tasks = {name: TaskVerdict(name, []) for name in exam.master.tasks}
    for check in checks_of(exam.topic):
        verdict = CheckVerdict(check.name, check.says, check.points, passed=False)
        verdict.kind, verdict.message = kind, message
        tasks[check.task].checks.append(verdict)
    return list(tasks.values())


def check_the_checks(exam: Exam) -> None:
    """Test the hidden checks before a class is graded.

    They must pass on the reference and fail on an empty submission. Then an exception in a check is
    the submission's fault, not the check's. Raises CourseError.
    """
    topic, name = exam.topic, exam.assignment.name
    right = run_checks(topic, LocalSubmission(vars(exam.assignment.reference())))
    if failed := [check.name for task in right for check in task.checks if not check.passed]:
        raise CourseError(f"{failed[0]} fails on the reference of {name}. Fix it before grading.")
    if broken := _find_forbidden_in_reference(exam):
        raise CourseError(f"The reference of {name} does what it forbids: {broken}.")
    nothing = run_checks(topic, LocalSubmission({}))
    if passed := [check.name for task in nothing for check in task.checks if check.passed]:
        raise CourseError(
            f"{passed[0]} passes on an empty submission of {name}, so it tests nothing."
        )


def _find_forbidden_in_reference(exam: Exam) -> str:
    """Describe a forbidden call in the reference; empty if there is none."""
    solution = solution_notebook(exam.master)
    found = look(solution, exam.released, exam.master.tasks, exam.rules).forbidden
    return min(found.values(), default="")
