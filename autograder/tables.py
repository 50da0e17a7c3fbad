"""The tables that the command line prints: a verdict, a class, a machine's self-test."""

import platform
from collections import Counter
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.assignments import Assignment
from autograder.judge.verdict import TaskVerdict, Verdict

if TYPE_CHECKING:
    from autograder.collect.collect import Outcome  # nbgrader takes a second to import


def verdict_table(verdict: Verdict, console: Console) -> None:
    """One submission, check by check."""
    if verdict.status != "graded":
        console.print(Text(f"{verdict.status}: {verdict.reason}", style="bold red"))
        return
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{verdict.assignment}: {verdict.earned:g} of {verdict.points:g} points",
    )
    table.add_column("Task")
    table.add_column("Points", justify="right")
    table.add_column("Check", ratio=1)
    table.add_column("Result", ratio=1)
    for task in verdict.tasks:
        for number, check in enumerate(task.checks):
            result = (
                Text("✓", style="green")
                if check.passed
                else Text(f"✗ {check.message}", style="red")
            )
            name = task.name if number == 0 else ""
            table.add_row(name, f"{check.earned:g}/{check.points:g}", Text(check.says), result)
        if task.misconception:
            name, hint = task.misconception
            table.add_row(
                "", "", Text(f"looks like: {name}", style="yellow"), Text(hint, style="yellow")
            )
        table.add_section()
    console.print(table)
    for line in verdict.repairs:
        console.print(Text(f"note: {line}"))
    for line in verdict.flags:
        console.print(Text(f"to look at: {line}", style="yellow"))
    style = "dim" if verdict.level == "bubblewrap" else "bold red"
    console.print(Text(f"sandbox: {verdict.level}", style=style))


# What a student's failures are called where there is no room for their messages.
IN_WORDS = {
    "time": "too slow",
    "crash": "crashed",
    "memory": "too much memory",
    "error": "raised an exception",
}


def class_table(assignment: Assignment, verdicts: dict[str, Verdict], console: Console) -> None:
    """A class: student, score, score per task, what went wrong and the likely misconception."""
    tasks = next(iter(verdicts.values())).tasks
    table = Table(
        box=box.SIMPLE_HEAD, title=assignment.name, title_style="bold", padding=(0, 1, 0, 0)
    )
    table.add_column("Student", no_wrap=True)
    table.add_column("Score", justify="right", no_wrap=True)
    for number, task in enumerate(tasks, 1):
        table.add_column(f"{number}\n/{task.points:g}", justify="right", no_wrap=True)
    table.add_column("What went wrong", ratio=1, min_width=20, overflow="fold")
    for student, verdict in sorted(verdicts.items()):
        score = f"{verdict.earned:g}/{verdict.points:g}"
        if verdict.status == "not graded":
            score = "not graded"
        cells = [_task_cell(task, verdict) for task in verdict.tasks]
        table.add_row(Text(student), score, *cells, went_wrong(verdict))
    console.print(table)
    legend = " · ".join(f"{number} {task.name}" for number, task in enumerate(tasks, 1))
    console.print(Text(legend, style="dim"))


def _task_cell(task: TaskVerdict, verdict: Verdict) -> Text:
    if verdict.status == "not graded":
        return Text("?", style="yellow")
    style = "green" if task.earned == task.points else "red" if task.earned == 0 else "yellow"
    return Text(f"{task.earned:g}", style=style)


def went_wrong(verdict: Verdict) -> Text:
    """A submission's failures by line: a misconception, or tasks that failed alike."""
    text = Text()
    if verdict.status != "graded":
        text.append(f"{verdict.status}: {verdict.reason}\n", style="red")
        return text
    alike: dict[str, list[str]] = {}
    for task in verdict.tasks:
        kinds = [check.kind for check in task.checks if not check.passed]
        if kinds and task.misconception:
            text.append(f"{task.name}: ")
            text.append(f"{task.misconception[0]}\n", style="yellow")
        elif kinds:
            alike.setdefault(max(kinds, key=kinds.count), []).append(task.name)
    for kind, names in alike.items():
        who = ", ".join(names) if len(names) < 3 else f"{len(names)} tasks"
        text.append(f"{who}: {IN_WORDS.get(kind, kind)}\n")
    for flag in verdict.flags:
        text.append(f"to look at: {flag}\n", style="yellow")
    text.rstrip()
    return text


def collected_table(outcomes: list["Outcome"], console: Console) -> None:
    """The outcomes of `collect`, one line per student, and their sums."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Student", overflow="fold", max_width=30)
    table.add_column("Assignment", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Notes", ratio=1, overflow="fold")
    for one in outcomes:
        style = {"not taken": "red", "there already": "dim"}.get(one.status, "green")
        table.add_row(
            Text(one.student), one.assignment, Text(one.status, style=style), Text(one.says)
        )
    console.print(table)
    sums = Counter(one.status for one in outcomes)
    console.print(", ".join(f"{sums[status]} {status}" for status in sums) + ".", highlight=False)


def doctor_table(level: str, console: Console) -> bool:
    """Print the self-test of this machine, and return whether it can grade."""
    from autograder.judge.workers.self_test import self_test

    table = Table(box=box.SIMPLE_HEAD, title=f"Sandbox level: {level}")
    table.add_column("")
    table.add_column("Test", no_wrap=True)
    table.add_column("Found, or the remedy")
    with console.status("trying the sandbox"):
        results = self_test(level)
    for test in results:
        table.add_row(
            "✓" if test.ok else "✗", test.name, Text(test.detail), style=None if test.ok else "red"
        )
    console.print(table)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "nbgrader", "jupyterlab"))
    console.print(f"Python {platform.python_version()}, {packages}", highlight=False)
    fit = all(test.ok for test in results)
    console.print(_fitness(level, fit), style="bold", highlight=False)
    return fit


def _fitness(level: str, fit: bool) -> str:
    if not fit:
        return (
            "Not fit to grade yet: follow the remedy beside each ✗, then run `autograder doctor` "
            "again."
        )
    if level == "process":
        return "Fit to grade notebooks that you trust: the level `process` does not isolate them."
    return "Fit to grade."
