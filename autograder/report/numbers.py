"""What the verdicts of a class come to: totals, misconceptions, and each task's scores."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict

BINS = 11  # a tenth of the points each, and the last for all of them
NOT_WRITTEN = ("not solved", "not defined")


@dataclass(frozen=True)
class Totals:
    """The points of those who are graded.

    bins  how many have 0 to 10 per cent, ... 90 to 100, and all of them
    """

    mean: float
    median: float
    points: float
    bins: list[int]


@dataclass(frozen=True)
class Shown:
    """A misconception, and who shows it."""

    task: str
    name: str
    hint: str
    students: list[str]


@dataclass(frozen=True)
class TaskNumbers:
    """One task, over all who are graded.

    full, unsolved     shares of the class, 0 to 1
    nobody, everybody  what the checks say that nobody, or everybody, failed of those who wrote it
    wrote              how many wrote it
    """

    name: str
    points: float
    mean: float
    full: float
    unsolved: float
    bins: list[int]
    wrote: int
    nobody: list[str]
    everybody: list[str]


def histogram(scores: Iterable[float], most: float) -> list[int]:
    """The number of scores in each tenth of the points; full marks have their own bin."""
    found = Counter(int(score * (BINS - 1) / most) if most else 0 for score in scores)
    return [found[number] for number in range(BINS)]


def totals_of(verdicts: Sequence[Verdict]) -> Totals | None:
    """Of the graded ones; None when there is none."""
    if not verdicts:
        return None
    scores, most = [verdict.earned for verdict in verdicts], verdicts[0].points
    return Totals(mean(scores), median(scores), most, histogram(scores, most))


def misconceptions_shown(verdicts: dict[str, Verdict]) -> list[Shown]:
    """The misconceptions found, by number of students; at most one per task and student."""
    shown: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for student, verdict in verdicts.items():
        for task in verdict.tasks:
            if task.misconception:
                name, hint = task.misconception
                shown[task.name, name, hint or ""].append(student)
    ranked = sorted(
        shown.items(), key=lambda item: -len(item[1])
    )  # equals stay in the tasks' order
    return [Shown(task, name, hint, students) for (task, name, hint), students in ranked]


def tasks_of(verdicts: Sequence[Verdict]) -> list[TaskNumbers]:
    """Each task of the graded ones, in the assignment's order."""
    names = [task.name for task in verdicts[0].tasks] if verdicts else []
    return [_task([verdict.task(name) for verdict in verdicts]) for name in names]


def _task(ones: list[TaskVerdict]) -> TaskNumbers:
    first, scores = ones[0], [one.earned for one in ones]
    wrote = [one for one in ones if is_written(one)]
    return TaskNumbers(
        first.name,
        first.points,
        mean(scores),
        full=mean(score == first.points for score in scores),
        unsolved=1 - len(wrote) / len(ones),
        bins=histogram(scores, first.points),
        wrote=len(wrote),
        nobody=[
            checks[0].says for checks in _by_check(wrote) if all(check.passed for check in checks)
        ],
        everybody=[
            checks[0].says
            for checks in _by_check(wrote)
            if not any(check.passed for check in checks)
        ],
    )


def _by_check(ones: list[TaskVerdict]) -> list[list[CheckVerdict]]:
    return [list(checks) for checks in zip(*(one.checks for one in ones), strict=True)]


def is_written(task: TaskVerdict) -> bool:
    """Whether a task is more than its stub."""
    return not all(check.kind in NOT_WRITTEN for check in task.checks)
