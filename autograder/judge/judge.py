"""The centre: `judge(submission, assignment) -> Judgement`, which no submission can make raise.

1. read     the file, without trusting it, on the released notebook's skeleton; look through its
   source
2. run      its cells in a worker in the sandbox
3. check    the hidden pytest checks, here, against a stand-in that calls the worker
4. explain  a failed check by the misconception that gives the same wrong answer
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import count, product
from pathlib import Path

from nbformat import NotebookNode

from autograder.assignments import COURSE, Assignment, CourseError
from autograder.authoring.master import Master, MasterError, read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.packs import hidden_packs_of, packs_of
from autograder.authoring.release import Progress, quiet
from autograder.checks import checks_of, forbidden_of
from autograder.judge.checking.remote_submission import RemoteSubmission
from autograder.judge.checking.run_checks import InfrastructureError, run_checks
from autograder.judge.checking.submission import LocalSubmission
from autograder.judge.intake.read_notebook import MAX_BYTES, RefusedError, graft, read_submission
from autograder.judge.intake.sibling_files import files_beside
from autograder.judge.intake.weights_file import saved_bytes
from autograder.judge.limits import Limits
from autograder.judge.source.forbidden_calls import look
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict
from autograder.judge.workers.box import open_box
from autograder.judge.workers.client import Opener
from autograder.judge.workers.preload import preload_of

TRIES = 2  # of a submission that our machine could not judge


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
    Raises MasterError when the assignment itself can't be read; nothing for what a student hands
    in.
    """
    master, released = _released(assignment)
    verdict = Verdict(
        assignment.name, "graded", level, key=verdict_key(submission, assignment, level)
    )
    try:
        verdict.flags = files_beside(submission)
        reading = read_submission(submission, released)
    except RefusedError as refused:
        verdict.status, verdict.reason = "refused", str(refused)
        verdict.tasks = _none_passed(master, "refused", "the notebook could not be read")
        return Judgement(verdict, graft([], released).notebook)
    except OSError as error:  # rights or a disk on this side; the student may have done all right
        why = f"{submission.name} can't be read: {error.strerror}."
        return not_graded(submission, assignment, level, why)
    repairs, flags = reading.repairs, verdict.flags
    limits = limits_of(master)
    for left in reversed(range(TRIES)):
        verdict.repairs, verdict.flags = [*repairs], [*flags]
        try:
            files = files_of(submission, master)
            with _stand_in(
                reading.notebook, released, master, limits, level, opener, files
            ) as stand_in:
                stand_in.flags[:0] = verdict.flags
                verdict.flags = stand_in.flags  # one list, which grows
                _run_and_check(verdict, stand_in, master, progress)
            return Judgement(verdict, reading.notebook)
        except Exception as fault:  # no bug of ours may become a student's zero, or end a class
            known = isinstance(fault, InfrastructureError)
            if known and left:  # a machine that was too busy may not be so now
                continue
            verdict.status = "not graded"
            verdict.reason = (
                str(fault) if known else f"The grader failed: {type(fault).__name__}: {fault}"
            )
            verdict.tasks = _none_passed(
                master, "not graded", "the grader could not run this check"
            )
            break
    return Judgement(verdict, reading.notebook)


def not_graded(submission: Path, assignment: Assignment, level: str, reason: str) -> Judgement:
    """The judgement of a submission that could not be judged, for a reason of ours."""
    master, released = _released(assignment)
    verdict = Verdict(
        assignment.name, "not graded", level, key=verdict_key(submission, assignment, level)
    )
    verdict.reason = reason
    verdict.tasks = _none_passed(master, "not graded", "the grader could not run this check")
    return Judgement(verdict, graft([], released).notebook)


def open_submission(path: Path, assignment: Assignment, level: str) -> RemoteSubmission:
    """A submission's stand-in by itself, for whoever runs the checks otherwise; to be closed.

    Raises RefusedError for a file that can't be read, MasterError for an assignment that can't.
    """
    master, released = _released(assignment)
    notebook = read_submission(path, released).notebook
    return _stand_in(
        notebook, released, master, limits_of(master), level, files=files_of(path, master)
    )


def files_of(submission: Path, master: Master) -> dict[str, Path]:
    """Where each of the files would be that are handed in with a notebook, by name."""
    return {name: submission.with_name(name) for name in master.files}


def _released(assignment: Assignment) -> tuple[Master, NotebookNode]:
    """An assignment's master, and the notebook that was released. Raises MasterError."""
    try:
        changed = assignment.master.stat().st_mtime_ns
    except OSError:  # read_master says it better
        changed = 0
    return _released_at(assignment, changed)


@lru_cache(maxsize=4)  # it is the same one for each submission of a class
def _released_at(assignment: Assignment, _changed: int) -> tuple[Master, NotebookNode]:
    master = read_master(assignment)
    return master, student_notebook(master)


def _stand_in(
    notebook: NotebookNode,
    released: NotebookNode,
    master: Master,
    limits: Limits,
    level: str,
    opener: Opener | None = None,
    files: Mapping[str, Path] | None = None,
) -> RemoteSubmission:
    """The stand-in of a submission whose source has been looked through."""
    if opener is None:
        opener = partial(open_box, level, packs=packs_of(master), preload=preload_of(master))
    rules = forbidden_of(master.assignment.topic)
    findings = look(notebook, released, master.tasks, rules)
    stand_in = RemoteSubmission(notebook, level, limits, opener, rules, files)
    stand_in.forbidden, stand_in.flags = findings.forbidden, findings.flags
    return stand_in


def limits_of(master: Master) -> Limits:
    """The assignment's limits. Raises MasterError for one in the front matter that there is not."""
    try:
        return Limits.from_mapping(master.limits)
    except ValueError as error:
        raise MasterError(f"{master.assignment.master}:1: {error}") from None


def _run_and_check(
    verdict: Verdict, submission: RemoteSubmission, master: Master, progress: Progress
) -> None:
    what, done = "running the notebook, then the checks", count(1)
    total = len(submission.runnable())
    progress(what, 0, total)
    submission.run_cells(on_cell=lambda: progress(what, next(done), total))
    tasks = _checked(master.assignment.topic, submission)
    for task in (task for task in tasks if task.name in submission.forbidden):
        _fail(task, "forbidden", submission.forbidden[task.name])
    verdict.tasks = sorted(tasks, key=lambda task: master.tasks.index(task.name))
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


def _none_passed(master: Master, kind: str, message: str) -> list[TaskVerdict]:
    """Every check failed for one reason."""
    tasks = {name: TaskVerdict(name, []) for name in master.tasks}
    for check in checks_of(master.assignment.topic):
        verdict = CheckVerdict(
            check.name, check.says, check.points, passed=False, kind=kind, message=message
        )
        tasks[check.task].checks.append(verdict)
    return list(tasks.values())


def verdict_key(submission: Path, assignment: Assignment, level: str) -> str:
    """A hash of all that a verdict depends on: what is handed in, the assignment, the checks, the
    grader.
    """
    digest = hashlib.sha256(_grader_key(assignment, level).encode())
    with suppress(RefusedError):  # for which a verdict needs no key
        digest.update("\n".join(files_beside(submission)).encode())
    for path in files_of(submission, _released(assignment)[0]).values():
        digest.update(hashlib.sha256(saved_bytes(path) or b"").digest())
    with suppress(OSError):  # then it is not graded, whatever its key
        if submission.is_file() and not submission.is_symlink():
            with submission.open("rb") as file:
                digest.update(
                    file.read(MAX_BYTES + 1)
                )  # what is longer is refused, whatever follows
                digest.update(str(submission.stat().st_size).encode())
    return digest.hexdigest()


@cache
def _grader_key(assignment: Assignment, level: str) -> str:
    """The master, the pictures, and all code that has a part in a verdict: checks, references, the
    judge.
    """
    digest = hashlib.sha256(level.encode() + assignment.master.read_bytes())
    master = read_master(assignment)
    for pack in [*packs_of(master), *hidden_packs_of(master)]:
        digest.update(pack.read_bytes())
    for package, kind in product(("autograder", "course_utils"), ("*.py", "*.safetensors")):
        for path in sorted((COURSE / package).rglob(kind)):
            if COURSE / "autograder" / "report" not in path.parents:  # it only reads verdicts
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _forbidden_in_reference(assignment: Assignment) -> str:
    """A sentence on a task whose reference calls what the task may not; empty when all is well."""
    rules, master = forbidden_of(assignment.topic), read_master(assignment)
    found = look(solution_notebook(master), student_notebook(master), master.tasks, rules).forbidden
    return min(found.values(), default="")


def check_the_checks(assignment: Assignment) -> None:
    """Before a class is graded: the hidden checks must pass on the reference, and fail on nothing
    at all.

    Only then is whatever a check raises the answer's own fault. Raises CourseError.
    """
    topic = assignment.topic
    right = run_checks(topic, LocalSubmission(vars(assignment.reference())))
    if failed := [check.name for task in right for check in task.checks if not check.passed]:
        raise CourseError(
            f"{failed[0]} fails on the reference of {assignment.name}: mend it before grading."
        )
    if broken := _forbidden_in_reference(assignment):
        raise CourseError(f"The reference of {assignment.name} does what it forbids: {broken}.")
    nothing = run_checks(topic, LocalSubmission({}))
    if passed := [check.name for task in nothing for check in task.checks if check.passed]:
        raise CourseError(
            f"{passed[0]} passes on an empty submission of {assignment.name}: it checks nothing."
        )
