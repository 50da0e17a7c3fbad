"""The centre: `judge(submission, exam) -> Judgement`, which no submission can make raise.

1. read     the file, without trusting it, on the released notebook's skeleton; look through its
            source
2. run      its cells in a worker in the sandbox
3. check    the hidden pytest checks, here, against a stand-in that calls the worker
4. explain  a failed check by the misconception that gives the same wrong answer
"""

from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from nbformat import NotebookNode

from autograder.assignments import CourseError
from autograder.authoring.notebooks import solution_notebook
from autograder.authoring.release import Progress, quiet
from autograder.checks import checks_of
from autograder.judge.checking.remote_submission import RemoteSubmission
from autograder.judge.checking.run_checks import InfrastructureError, run_checks
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.exam import Exam
from autograder.judge.intake.read_notebook import RefusedError, graft, read_submission
from autograder.judge.intake.sibling_files import files_beside
from autograder.judge.source.forbidden_calls import look
from autograder.judge.verdict import CheckVerdict, Status, TaskVerdict, Verdict
from autograder.judge.workers.box import open_box
from autograder.judge.workers.client import Opener
from course_utils.notebook.grafting import Reading

TRIES = 2  # of a submission that our machine could not judge
COULD_NOT_RUN = "the grader could not run this check"


@dataclass
class Judgement:
    """A verdict, and the notebook as it was run, with its outputs."""

    verdict: Verdict
    notebook: NotebookNode


def judge(
    submission: Path, exam: Exam, *, progress: Progress = quiet, opener: Opener | None = None
) -> Judgement:
    """Judge one submission. Raises nothing, whatever is handed in.

    exam      the assignment as it is graded
    progress  told of each cell that was run
    opener    where the workers come from, as a zygote's slot; by default they start cold
    """
    verdict = _new_verdict(submission, exam, "graded")
    try:
        verdict.flags = files_beside(submission)
        reading = read_submission(submission, exam.released)
    except RefusedError as refused:
        verdict.status, verdict.reason = "refused", str(refused)
        verdict.tasks = _none_passed(exam, "refused", "the notebook could not be read")
        return Judgement(verdict, graft([], exam.released).notebook)
    except OSError as error:  # rights or a disk on this side; the student may have done all right
        return not_graded(submission, exam, f"{submission.name} can't be read: {error.strerror}.")
    flags = verdict.flags
    for left in reversed(range(TRIES)):
        verdict.repairs, verdict.flags = [*reading.repairs], [*flags]
        try:
            _judge_once(verdict, reading, submission, exam, progress, opener)
            break
        except Exception as fault:  # no bug of ours may become a student's zero, or end a class
            is_known = isinstance(fault, InfrastructureError)
            if is_known and left:  # a machine that was too busy may not be so now
                continue
            bug = f"The grader failed: {type(fault).__name__}: {fault}"
            verdict.status, verdict.reason = "not graded", str(fault) if is_known else bug
            verdict.tasks = _none_passed(exam, "not graded", COULD_NOT_RUN)
            break
    return Judgement(verdict, reading.notebook)


def _judge_once(
    verdict: Verdict,
    reading: Reading,
    submission: Path,
    exam: Exam,
    progress: Progress,
    opener: Opener | None,
) -> None:
    """Run the notebook and the checks, and write what came of it into the verdict."""
    with _stand_in(reading.notebook, submission, exam, opener) as stand_in:
        stand_in.flags[:0] = verdict.flags
        verdict.flags = stand_in.flags  # one list, which grows
        _run_and_check(verdict, stand_in, exam, progress)


def not_graded(submission: Path, exam: Exam, reason: str) -> Judgement:
    """The judgement of a submission that could not be judged, for a reason of ours."""
    verdict = _new_verdict(submission, exam, "not graded")
    verdict.reason = reason
    verdict.tasks = _none_passed(exam, "not graded", COULD_NOT_RUN)
    return Judgement(verdict, graft([], exam.released).notebook)


def open_submission(path: Path, exam: Exam) -> RemoteSubmission:
    """A submission's stand-in by itself, for whoever runs the checks otherwise; to be closed.

    Raises RefusedError for a file that can't be read.
    """
    return _stand_in(read_submission(path, exam.released).notebook, path, exam)


def _new_verdict(submission: Path, exam: Exam, status: Status) -> Verdict:
    return Verdict(exam.assignment.name, status, exam.level, key=exam.key_of(submission))


def _stand_in(
    notebook: NotebookNode, submission: Path, exam: Exam, opener: Opener | None = None
) -> RemoteSubmission:
    """The stand-in of a submission whose source has been looked through."""
    if opener is None:
        opener = partial(open_box, exam.level, packs=exam.packs, preload=exam.preload)
    findings = look(notebook, exam.released, exam.master.tasks, exam.rules)
    files = exam.handed_in_with(submission)
    stand_in = RemoteSubmission(notebook, exam.level, exam.limits, opener, exam.rules, files)
    stand_in.forbidden, stand_in.flags = findings.forbidden, findings.flags
    return stand_in


def _run_and_check(
    verdict: Verdict, submission: RemoteSubmission, exam: Exam, progress: Progress
) -> None:
    what, done = "running the notebook, then the checks", count(1)
    total = len(submission.runnable())
    progress(what, 0, total)
    submission.run_cells(on_cell=lambda: progress(what, next(done), total))
    tasks = _checked(exam.topic, submission)
    for task in (task for task in tasks if task.name in submission.forbidden):
        _fail(task, "forbidden", submission.forbidden[task.name])
    verdict.tasks = sorted(tasks, key=lambda task: exam.master.tasks.index(task.name))
    submission.close()
    verdict.repairs += submission.skipped
    verdict.resources = submission.resources


def _checked(topic: str, submission: RemoteSubmission) -> list[TaskVerdict]:
    """What became of each task: as it was at its visible check, or as it is at the end if that is
    better.

    A name that is used again below costs nobody a function that was right, nor does a function that
    was put right below.
    """
    tasks = {task.name: task for task in run_checks(topic, submission)}
    failed = [name for name, task in tasks.items() if task.earned < task.points]
    changed = submission.changed_later(
        [name for name in failed if name not in submission.forbidden]
    )
    if changed:
        with submission.at_the_end(changed):
            for task in run_checks(topic, submission, changed):
                tasks[task.name] = max(tasks[task.name], task, key=lambda one: one.earned)
    return list(tasks.values())


def _fail(task: TaskVerdict, kind: str, message: str) -> None:
    """Fail all checks of a task for one reason: what a call may not do in one, it may not do in
    any.
    """
    for check in task.checks:
        check.passed, check.kind, check.message = False, kind, message
        check.misconception = check.hint = None


def _none_passed(exam: Exam, kind: str, message: str) -> list[TaskVerdict]:
    """Every check failed for one reason."""
    tasks = {name: TaskVerdict(name, []) for name in exam.master.tasks}
    for check in checks_of(exam.topic):
        verdict = CheckVerdict(
            check.name, check.says, check.points, passed=False, kind=kind, message=message
        )
        tasks[check.task].checks.append(verdict)
    return list(tasks.values())


def check_the_checks(exam: Exam) -> None:
    """Before a class is graded: the hidden checks must pass on the reference, and fail on nothing.

    Only then is whatever a check raises the answer's own fault. Raises CourseError.
    """
    topic, name = exam.topic, exam.assignment.name
    right = run_checks(topic, LocalSubmission(vars(exam.assignment.reference())))
    if failed := [check.name for task in right for check in task.checks if not check.passed]:
        raise CourseError(f"{failed[0]} fails on the reference of {name}: mend it before grading.")
    if broken := _forbidden_in_reference(exam):
        raise CourseError(f"The reference of {name} does what it forbids: {broken}.")
    nothing = run_checks(topic, LocalSubmission({}))
    if passed := [check.name for task in nothing for check in task.checks if check.passed]:
        raise CourseError(
            f"{passed[0]} passes on an empty submission of {name}: it checks nothing."
        )


def _forbidden_in_reference(exam: Exam) -> str:
    """A sentence on a task whose reference calls what the task may not; empty when all is well."""
    solution = solution_notebook(exam.master)
    found = look(solution, exam.released, exam.master.tasks, exam.rules).forbidden
    return min(found.values(), default="")
