"""The judge's result: which checks of each task passed or failed, and why."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["graded", "refused", "not graded"]


@dataclass
class CheckVerdict:
    """The result of one hidden check.

    says           what the check tests, in a sentence
    kind           "" if it passed, else the kind of failure (see `autograder.checks.Failure`)
    message        one sentence for the student
    misconception  name of a known wrong answer that gives the student's result, or None
    hint           a hint for students with this misconception, or None
    """

    name: str
    says: str
    points: float
    passed: bool
    kind: str = ""
    message: str = ""
    misconception: str | None = None
    hint: str | None = None

    @property
    def earned(self) -> float:
        """Its points if it passed, else 0."""
        return self.points if self.passed else 0.0


@dataclass
class TaskVerdict:
    """The checks of one task."""

    name: str
    checks: list[CheckVerdict]

    @property
    def points(self) -> float:
        """The maximum points of the task."""
        return sum(check.points for check in self.checks)

    @property
    def earned(self) -> float:
        """What the submission earned."""
        return sum(check.earned for check in self.checks)

    @property
    def misconception(self) -> tuple[str, str] | None:
        """Name and hint of the misconception that explains the most failed checks."""
        named = []
        for check in self.checks:
            if check.misconception and check.hint:
                named.append((check.misconception, check.hint))
        return max(named, key=named.count) if named else None


@dataclass
class Verdict:
    """The judge's result for one submission.

    status     graded | refused (the file can't be read; it gets 0 points) | not graded (no fault
               of the student's; it gets no score, which is not a zero)
    reason     why it was refused or not graded, in a sentence
    level      the sandbox it ran in: bubblewrap | process
    repairs    the repairs to the notebook before it was run, a sentence each
    flags      observations that an instructor may want to check, a sentence each
    resources  seconds and bytes used
    key        hash of everything that the verdict depends on
    """

    assignment: str
    status: Status
    level: str
    tasks: list[TaskVerdict] = field(default_factory=list)
    reason: str = ""
    repairs: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    resources: dict[str, float] = field(default_factory=dict)
    key: str = ""

    @property
    def points(self) -> float:
        """The maximum points of the assignment's tasks."""
        return sum(task.points for task in self.tasks)

    @property
    def earned(self) -> float:
        """What the submission earned."""
        return sum(task.earned for task in self.tasks)

    def task(self, name: str) -> TaskVerdict:
        """The verdict on one task. Raises KeyError."""
        return {task.name: task for task in self.tasks}[name]

    def to_json(self) -> str:
        """As JSON, including the totals, for programs that read it."""
        totals = {"earned": self.earned, "points": self.points}
        return json.dumps(asdict(self) | totals, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError on anything else."""
        data: dict[str, Any] = json.loads(text)
        del data["earned"], data["points"]
        tasks = []
        for task in data.pop("tasks"):
            checks = [CheckVerdict(**check) for check in task["checks"]]
            tasks.append(TaskVerdict(task["name"], checks))
        return cls(tasks=tasks, **data)
