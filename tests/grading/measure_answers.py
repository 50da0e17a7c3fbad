"""Measure the grader on a folder of answers: how many are killed, accepted and explained.

    python tests/grading/measure_answers.py FOLDER [ASSIGNMENT ...] [--list]

The folder holds ASSIGNMENT/wrong/TASK__NAME.py and ASSIGNMENT/right/TASK__NAME.py, one answer each.
An answer may use what its notebook gives, and the other tasks, which are right. `--list` prints
each wrong answer with what became of it. FOLDER may be `misconceptions`: our own wrong answers,
each without the misconception itself, as if nobody had foreseen it.

A pair of wrong answers of one task is named falsely if both get the same diagnosis although the
diagnosis says that all results agree, and theirs don't. Relations are listed apart: one may be true
of two different answers.

The answers run in this process, without a sandbox: measure only what you would run yourself.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch

from autograder.assignments import Assignment, assignments
from autograder.judge.checking import run_checks as run_checks_module
from autograder.judge.checking.comparing import answers_like, reply
from autograder.judge.checking.run_checks import run_checks
from autograder.judge.checking.submission import Call, LocalSubmission
from autograder.judge.verdict import ONE_FAULT, RELATION, TaskVerdict
from autograder.misconceptions import misconceptions_of

OWN = "misconceptions"


@dataclass
class Answer:
    """One answer, judged."""

    task: str
    name: str
    functions: dict[str, object]
    verdict: TaskVerdict
    calls: list[Call]
    seconds: float

    @property
    def killed(self) -> bool:
        return self.verdict.earned < self.verdict.points

    @property
    def outcome(self) -> str:
        """What became of a wrong answer."""
        found = self.verdict.diagnosis
        return "survives" if not self.killed else found.kind if found else "unexplained"


class Recording(LocalSubmission):
    """Keeps the calls of all checks, with their results."""

    def __init__(self, functions: dict[str, object]) -> None:
        super().__init__(functions)
        self.every: list[Call] = []

    def _record(self, call: Call) -> object:
        self.every.append(call)
        return super()._record(call)


def judged(assignment: Assignment, task: str, name: str, answer: object) -> Answer:
    functions = vars(assignment.reference()) | {task: answer}
    submission, start = Recording(functions), time.process_time()
    [verdict] = run_checks(assignment.topic, submission, tasks=[task])
    seconds = time.process_time() - start
    return Answer(task, name, functions, verdict, submission.every, seconds)


def answers_in(folder: Path, assignment: Assignment) -> Iterator[Answer]:
    for path in sorted(folder.glob("*.py")):
        task, _, name = path.stem.partition("__")
        namespace = dict(vars(assignment.reference()))
        try:
            exec(compile(path.read_text(encoding="utf-8"), path.name, "exec"), namespace)
        except Exception as error:
            print(f"{path.name} does not run: {error}", file=sys.stderr)
            continue
        yield judged(assignment, task, name, namespace[task])


def own_answers(assignment: Assignment) -> Iterator[Answer]:
    """Our misconceptions, each as if there were no list of them."""
    known = misconceptions_of(assignment.topic)
    run_checks_module.misconceptions_of = lambda _: {}  # type: ignore[assignment]
    for task, several in known.items():
        for one in several:
            yield judged(assignment, task, one.name.replace(" ", "_"), one.function)


def named_falsely(answers: list[Answer]) -> tuple[int, list[tuple[Answer, Answer]]]:
    """The pairs tried, and those that share a diagnosis although their results differ."""
    by_task, tried, false = defaultdict(list), 0, []
    for answer in answers:
        if answer.killed:
            by_task[answer.task].append(answer)
    for several in by_task.values():
        for one, other in combinations(several, 2):
            tried += 1
            found = one.verdict.diagnosis
            if found and found == other.verdict.diagnosis and not alike(one, other):
                false.append((one, other))
    return tried, false


def alike(one: Answer, other: Answer) -> bool:
    """Whether two answers give the same results to all calls."""
    return all(
        answers_like(reply(LocalSubmission(b.functions), call), call)
        for a, b in ((one, other), (other, one))
        for call in a.calls
        if call.of is None
    )


def measure(folder: str, assignment: Assignment, listed: bool) -> None:
    right: list[Answer] = []
    if folder == OWN:
        wrong = list(own_answers(assignment))
    else:
        home = Path(folder) / assignment.name
        wrong = list(answers_in(home / "wrong", assignment))
        right = list(answers_in(home / "right", assignment))
    count = Counter(answer.outcome for answer in wrong)
    killed = len(wrong) - count["survives"]
    explained = killed - count["unexplained"]
    tried, false = named_falsely(wrong)
    kinds = Counter(one.verdict.diagnosis.kind for one, _ in false if one.verdict.diagnosis)
    accepted = sum(not answer.killed for answer in right)
    print(
        f"{assignment.name}: wrong {len(wrong)}, killed {killed}, explained {explained} "
        f"({count['known mistake']} known mistakes, {count[RELATION]} relations, "
        f"{count[ONE_FAULT]} one-fault changes); right {len(right)}, accepted {accepted}; "
        f"pairs {tried}, of them with one diagnosis {len(false)} {dict(kinds)}; "
        f"{sum(answer.seconds for answer in wrong):.1f} s of processor"
    )
    if listed:
        for answer in wrong:
            found = answer.verdict.diagnosis
            words = f": {found.name}" if found else ""
            failed = [check for check in answer.verdict.checks if not check.passed]
            kinds_of = ", ".join(dict.fromkeys(check.kind for check in failed))
            print(f"  {answer.task}__{answer.name} [{kinds_of}] {answer.outcome}{words}")
        for one, other in false:
            print(f"  SHARED {one.task}: {one.name} | {other.name}: {one.verdict.diagnosis}")
        for answer in right:
            if answer.killed:
                print(f"  REJECTED {answer.task}__{answer.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help=f"the folder of answers, or `{OWN}`")
    parser.add_argument("assignments", nargs="*", help="by default all")
    parser.add_argument("--list", action="store_true", help="print every wrong answer")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for assignment in assignments():
        if not given.assignments or assignment.name in given.assignments:
            measure(given.folder, assignment, given.list)


if __name__ == "__main__":
    main()
