"""Grade a class of each shipped assignment by stock nbgrader and by us, one after the other.

    python tests/benchmarks/compare_with_stock.py             all four, a class of twelve each
    python tests/benchmarks/compare_with_stock.py 0 --students 3
    python tests/benchmarks/compare_with_stock.py --write     and put the tables into the docs
    python tests/benchmarks/compare_with_stock.py --growth 12 120 1200

Prints the tables as Markdown. The figures are kept in FOLDER/figures.json, where a run replaces
those of the assignments that it was about; with --tables the tables are made from there, and
nothing is run. Run it alone on a quiet machine.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import benchmark_tables as tables
from course_class import KINDS, Student, class_of, hand_in, release_of, without_training
from grade_by_stock import Points, grade_by_stock
from measured import run_measured
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autograder.assignments import COURSE, Assignment, assignments, find_assignment
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.packs import hidden_packs_of
from autograder.authoring.release import Build
from autograder.gradebook.course import init_course

US = Path(__file__).parent / "grade_by_us.py"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # a limit here would hold for stock, too
Advance = Callable[[], object]


def compare(
    assignment: Assignment, folder: Path, count: int, seed: int, jobs: int, bars: "Bars"
) -> dict[str, Any]:
    """The figures of one assignment. Everything is made in the folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    master = read_master(assignment)
    hidden_packs_of(master)  # they are rendered where they are missing
    students, release = class_of(master, count, seed), released(master, folder, bars)
    with bars.bar(f"{assignment.name}: stock nbgrader", count) as advance:
        stock = grade_by_stock(master, release, students, folder / "stock", advance)
    course = course_with(master, release, students, folder / "ours")
    alone = sum(student.kind != "endless-loop" for student in students)
    verdicts = judge(course, assignment, "verdicts", count, count + alone, jobs, bars)
    recorded = judge(course, assignment, "recorded", count, count, jobs, bars)
    assert recorded["points"] == verdicts["points"]
    reference = students[0].name
    return {
        "count": count,
        "jobs": jobs,
        "stock": stock,
        "verdicts": verdicts,
        "recorded": recorded,
        "differences": differences(stock["points"], verdicts["points"]),
        "reference_is_right": is_right(reference, stock["points"], verdicts["points"]),
    }


def released(master: Master, folder: Path, bars: "Bars") -> Build:
    """The release; its solution is run, which takes a minute."""
    code = [c for c in without_training(student_notebook(master)).cells if c.cell_type == "code"]
    with bars.bar(f"{master.assignment.name}: the release", len(code)) as advance:
        return release_of(master, folder / "release", advance)


def course_with(master: Master, release: Build, students: list[Student], folder: Path) -> Path:
    """Our course directory, where the class has handed in."""
    course = init_course(folder, [release])
    hand_in(students, student_notebook(master), master, course.folder)
    return course.folder


def judge(
    course: Path,
    assignment: Assignment,
    what: str,
    count: int,
    steps: int,
    jobs: int,
    bars: "Bars",
    scheduler: str | None = None,
) -> dict[str, Any]:
    """The figures of grade_by_us.py, in a process of its own."""
    events: dict[str, dict[str, Any]] = {}
    path = os.pathsep.join(filter(None, [str(COURSE), os.environ.get("PYTHONPATH")]))
    env = {name: value for name, value in os.environ.items() if name not in THREADS}
    command = [sys.executable, US, what, course, assignment.name, jobs]
    begun = time.monotonic()  # the same clock in every process
    with bars.bar(f"{assignment.name}: {what}", steps) as advance:

        def note(line: str) -> None:
            if line.startswith('{"event"'):
                said = json.loads(line)
                events[said["event"]] = said
                if said["event"] in ("graded", "alone"):
                    advance()

        command += [scheduler] if scheduler else []
        used = run_measured(command, COURSE, env | {"PYTHONPATH": path}, note)
    result = events["result"]
    figures = {
        "start_up": events["started"]["at"] - begun,
        "seconds": (events["ended"]["at"] - events["started"]["at"]) / count,
        "memory": used.memory,
        "points": result["points"],
    }
    alone = {name: result[name] for name in ("latency", "cpu") if name in result}
    return figures | ({"alone": alone} if alone else {})


def differences(stock: Points, ours: dict[str, dict[str, list[float]]]) -> list[str]:
    """The tasks on which the graders disagree, a sentence each.

    A cell of asserts gives a task all its points, or none; the judge gives some for each check. So
    a task agrees if stock gives all points exactly where every hidden check passes in the judge.
    """
    found = []
    for student, tasks in ours.items():
        for task, (earned, points) in tasks.items():
            given = stock.get(student, {}).get(task)
            if given != (points if earned == points else 0):
                found.append(f"{student}, {task}: stock {given}, the judge {earned} of {points}")
    return found


def is_right(student: str, stock: Points, ours: dict[str, dict[str, list[float]]]) -> bool:
    """Whether a student has all points from both."""
    right = {task: points for task, (_, points) in ours[student].items()}
    earned = {task: earned for task, (earned, _) in ours[student].items()}
    return stock[student] == right == earned


def grow(options: argparse.Namespace, figures: dict[str, Any], bars: "Bars") -> None:
    """Grade larger and larger classes of assignment 0, by us, recorded with feedback pages."""
    folder, scheduler = options.folder / "growth", options.scheduler
    shutil.rmtree(folder, ignore_errors=True)
    master = read_master(assignments()[0])
    release = released(master, folder, bars)
    slots = "1 slot" if options.jobs == 1 else f"{options.jobs} slots"
    judged_by = "a Dask cluster" if scheduler else slots
    for count in options.growth:
        students = class_of(master, count, options.seed)
        course = course_with(master, release, students, folder / "ours")
        about = master.assignment, "recorded", count, count, options.jobs
        found = judge(course, *about, bars, scheduler) | {"count": count, "judged_by": judged_by}
        shutil.rmtree(course)  # gigabytes of notebooks and pages
        del found["points"]
        others = [
            one
            for one in figures["growth"]
            if (one["count"], one["judged_by"]) != (count, judged_by)
        ]
        figures["growth"] = [*others, found]
        save(options.folder, figures)
    shutil.rmtree(folder)


class Bars:
    """A progress bar for what is being done."""

    def __init__(self) -> None:
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        console = Console(stderr=True)
        self.progress = Progress(*columns, TimeElapsedColumn(), console=console)

    def __enter__(self) -> "Bars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Advance]:
        """A bar; call what it gives after each step."""
        task = self.progress.add_task(what, total=total)
        yield lambda: self.progress.advance(task)
        self.progress.update(task, completed=total)


def machine() -> str:
    """Where and with what this was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("nbgrader", "torch"))
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def run(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Measure what was asked for; each result is kept as soon as there is one."""
    figures["machine"] = machine()
    with Bars() as bars:
        if options.growth:
            grow(options, figures, bars)
            return
        for assignment in options.assignments:
            place = options.folder / assignment.name
            one = compare(assignment, place, options.students, options.seed, options.jobs, bars)
            every = figures["assignments"] | {assignment.name: one}
            figures["assignments"] = dict(sorted(every.items()))
            save(options.folder, figures)


def save(folder: Path, figures: dict[str, Any]) -> None:
    """Keep the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1))


def load(folder: Path) -> dict[str, Any]:
    """The figures that were kept; none at first."""
    path = folder / "figures.json"
    return json.loads(path.read_text()) if path.is_file() else {"assignments": {}, "growth": []}


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    parser.add_argument(
        "assignments",
        nargs="*",
        type=find_assignment,
        default=assignments(),
        metavar="ASSIGNMENT",
        help="name, number or topic; all by default",
    )
    parser.add_argument("--students", type=int, default=len(KINDS), help="the size of the class")
    parser.add_argument("--seed", type=int, default=0, help="of what they hand in")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="slots of our judge")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/benchmark"), help="where everything is made"
    )
    parser.add_argument(
        "--growth",
        type=int,
        nargs="+",
        default=[],
        metavar="COUNT",
        help="instead, grade classes of these sizes of assignment 0 by us",
    )
    parser.add_argument("--scheduler", help="with --growth: the address of a Dask scheduler")
    parser.add_argument("--tables", action="store_true", help="run nothing: use the kept figures")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables, and write them into the docs where that is asked for."""
    options = read_options(arguments)
    options.folder = options.folder.resolve()
    figures = load(options.folder)
    if not options.tables:
        run(options, figures)
    for table in (tables.throughput, tables.details, tables.growth):
        print(f"{table(figures)}\n")
    if options.write:
        if missing := [one.name for one in assignments() if one.name not in figures["assignments"]]:
            sys.exit(f"Nothing is written: {', '.join(missing)} was not measured.")
        tables.write(figures)


if __name__ == "__main__":
    main()
