"""The centre: `judge(submission, assignment) -> Judgement`, which no submission can make raise.

1. read     the file, without trusting it, on the released notebook's skeleton
2. run      its cells in a worker in the sandbox
3. check    the hidden pytest checks, here, against a stand-in that calls the worker
4. explain  a failed check by the misconception that gives the same wrong answer
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from nbformat import NotebookNode

from autograder.build.master import Master, MasterError, read_master
from autograder.build.notebooks import student_notebook
from autograder.build.release import Progress, quiet
from autograder.catalogue import COURSE, Assignment, CourseError
from autograder.checks import checks_of
from autograder.judge.limits import Limits
from autograder.judge.read import Reading, RefusedError, graft, read_submission
from autograder.judge.remote import RemoteSubmission
from autograder.judge.run_checks import InfrastructureError, run_checks
from autograder.judge.submission import LocalSubmission
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict
from autograder.judge.worker_client import Opener


@dataclass
class Judgement:
    """A verdict, and the notebook as it was run, with its outputs."""

    verdict: Verdict
    notebook: NotebookNode


def judge(
    submission: Path,
    assignment: Assignment,
    *,
    level: str = "bubblewrap",
    progress: Progress = quiet,
    opener: Opener | None = None,
) -> Judgement:
    """Judge one submission.

    level     the sandbox: bubblewrap, or process (no isolation; stamped on the verdict)
    progress  told of each cell that was run
    opener    where the workers come from, as a zygote's slot; by default they start cold
    Raises MasterError when the assignment itself can't be read; nothing for what a student hands in.
    """
    master = read_master(assignment)
    released = student_notebook(master)
    verdict = Verdict(assignment.name, "graded", level, key=verdict_key(submission, assignment, level))
    try:
        reading = read_submission(submission, released)
    except RefusedError as refused:
        verdict.status, verdict.reason = "refused", str(refused)
        verdict.tasks = _none_passed(master, "refused", "the notebook could not be read")
        return Judgement(verdict, graft([], released).notebook)
    verdict.repairs = reading.repairs
    limits = limits_of(master)
    try:
        _run_and_check(verdict, reading, master, limits, progress, opener)
    except Exception as fault:  # no bug of ours may become a student's zero, or end a class
        known = isinstance(fault, InfrastructureError)
        verdict.status = "not graded"
        verdict.reason = str(fault) if known else f"The grader failed: {type(fault).__name__}: {fault}"
        verdict.tasks = _none_passed(master, "not graded", "the grader could not run this check")
    return Judgement(verdict, reading.notebook)


def not_graded(submission: Path, assignment: Assignment, level: str, reason: str) -> Judgement:
    """The judgement of a submission that could not be judged, for a reason of ours."""
    master = read_master(assignment)
    verdict = Verdict(assignment.name, "not graded", level, key=verdict_key(submission, assignment, level))
    verdict.reason = reason
    verdict.tasks = _none_passed(master, "not graded", "the grader could not run this check")
    return Judgement(verdict, graft([], student_notebook(master)).notebook)


def open_submission(path: Path, assignment: Assignment, level: str) -> RemoteSubmission:
    """A submission's stand-in by itself, for whoever runs the checks otherwise; to be closed.

    Raises RefusedError for a file that can't be read, MasterError for an assignment that can't.
    """
    master = read_master(assignment)
    reading = read_submission(path, student_notebook(master))
    return RemoteSubmission(reading.notebook, level, limits_of(master))


def limits_of(master: Master) -> Limits:
    """The assignment's limits. Raises MasterError for one in the front matter that there is not."""
    try:
        return Limits.from_mapping(master.limits)
    except ValueError as error:
        raise MasterError(f"{master.assignment.master}:1: {error}") from None


def _run_and_check(
    verdict: Verdict,
    reading: Reading,
    master: Master,
    limits: Limits,
    progress: Progress,
    opener: Opener | None,
) -> None:
    what, done = "running the notebook, then the checks", count(1)
    with RemoteSubmission(reading.notebook, verdict.level, limits, opener) as submission:
        total = len(submission.runnable())
        progress(what, 0, total)
        submission.run_cells(on_cell=lambda: progress(what, next(done), total))
        tasks = run_checks(master.assignment.topic, submission)
    verdict.tasks = sorted(tasks, key=lambda task: master.tasks.index(task.name))
    verdict.resources = submission.resources


def _none_passed(master: Master, kind: str, message: str) -> list[TaskVerdict]:
    """Every check failed for one reason."""
    tasks = {name: TaskVerdict(name, []) for name in master.tasks}
    for check in checks_of(master.assignment.topic):
        verdict = CheckVerdict(check.name, check.says, check.points, passed=False, kind=kind, message=message)
        tasks[check.task].checks.append(verdict)
    return list(tasks.values())


def verdict_key(submission: Path, assignment: Assignment, level: str) -> str:
    """A hash of all that a verdict depends on: the notebook, the assignment, the checks, the grader."""
    digest = hashlib.sha256(_grader_key(assignment, level).encode())
    if submission.is_file():
        with submission.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()


@cache
def _grader_key(assignment: Assignment, level: str) -> str:
    """The master and all the code that has a part in a verdict: checks, references, what ships, the judge."""
    digest = hashlib.sha256(level.encode() + assignment.master.read_bytes())
    for package in ("autograder", "course_utils"):
        for path in sorted((COURSE / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def check_the_checks(assignment: Assignment) -> None:
    """Before a class is graded: the hidden checks must pass on the reference, and fail on nothing at all.

    Only then is whatever a check raises the answer's own fault. Raises CourseError.
    """
    topic = assignment.topic
    right = run_checks(topic, LocalSubmission(vars(assignment.reference())))
    if failed := [check.name for task in right for check in task.checks if not check.passed]:
        raise CourseError(f"{failed[0]} fails on the reference of {assignment.name}: mend it before grading.")
    nothing = run_checks(topic, LocalSubmission({}))
    if passed := [check.name for task in nothing for check in task.checks if check.passed]:
        raise CourseError(
            f"{passed[0]} passes on an empty submission of {assignment.name}: it checks nothing."
        )
