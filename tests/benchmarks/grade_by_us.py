"""Grade the class of a course directory by the judge, and print what happens as lines of JSON.

    python grade_by_us.py verdicts COURSE ASSIGNMENT JOBS
    python grade_by_us.py recorded COURSE ASSIGNMENT JOBS [SCHEDULER]

`verdicts` only judges: `Pool.judge`. `recorded` does everything that `autograder grade` does: the
gradebook, the autograded notebooks and the feedback pages. Started by compare_with_stock.py, which
looks at the memory of this process meanwhile.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from autograder.assignments import Assignment, find_assignment
from autograder.gradebook.course import Course
from autograder.gradebook.grading import GradingProgress, grade_class
from autograder.judge.parallel.pool import Pool
from autograder.judge.verdict import Verdict

Task = tuple[float, float]  # earned, of so many


def say(event: str, **what: object) -> None:
    """One line, with the time."""
    print(json.dumps({"event": event, "at": time.monotonic()} | what), flush=True)


def verdicts(course: Course, assignment: Assignment, jobs: int) -> None:
    """The class side by side; then each submission alone, but for those that hang."""
    students = course.students(assignment)
    paths = {course.submission(assignment, student): student for student in students}
    found: dict[str, Verdict] = {}
    with Pool(course.exam(assignment), jobs) as pool:
        assert not pool.why_cold, pool.why_cold
        say("started")
        for path, judgement in pool.judge(paths):
            found[paths[path]] = judgement.verdict
            say("graded")
        say("ended")
        quick = [path for path, student in paths.items() if not student.endswith("-loop")]
        alone = [judge_alone(pool, path) for path in quick]
    say(
        "result",
        points=points_of(found),
        latency=statistics.median(seconds for seconds, _ in alone),
        cpu=statistics.median(cpu for _, cpu in alone),
    )


def judge_alone(pool: Pool, path: Path) -> tuple[float, float]:
    """Seconds, and seconds of processor time: the worker's, and those of the judge's processes."""
    before, start = cpu_of_judge(), time.monotonic()
    [(_, judgement)] = pool.judge([path])
    seconds = time.monotonic() - start
    own = cpu_of_judge() - before
    say("alone")
    return seconds, own + judgement.verdict.resources["cpu_seconds"]


def cpu_of_judge() -> float:
    """Seconds of this process and the pool's slots, which are its forks; the boxes are not."""
    process = psutil.Process()
    mine = [process, *(one for one in process.children() if one.cmdline() == process.cmdline())]
    return sum(one.cpu_times().user + one.cpu_times().system for one in mine)


class Told(GradingProgress):
    """Prints the progress of grading."""

    def started(self, to_judge: int, to_draw: int, students: int, why_cold: str) -> None:
        assert not why_cold, why_cold
        say("started")

    def page(self, student: str) -> None:
        say("graded")


def recorded(course: Course, assignment: Assignment, jobs: int, scheduler: str | None) -> None:
    """As `autograder grade`."""
    students = course.students(assignment)
    found = grade_class(course, assignment, students, Told(), jobs=jobs, scheduler=scheduler)
    say("ended")
    pages = {student: course.feedback(assignment, student) for student in students}
    without = {student: found[student].flags for student in students if not pages[student].exists()}
    assert not without, f"There is no feedback page of {without}"
    say("result", points=points_of(found))


def points_of(found: dict[str, Verdict]) -> dict[str, dict[str, Task]]:
    """By student and task. A submission that was not graded is no result."""
    for student, verdict in found.items():
        assert verdict.status == "graded", f"{student}: {verdict.reason}"
    return {
        student: {task.name: (task.earned, task.points) for task in verdict.tasks}
        for student, verdict in sorted(found.items())
    }


def main(what: str, folder: str, name: str, jobs: str, scheduler: Iterable[str]) -> None:
    course, assignment = Course(Path(folder)), find_assignment(name)
    if what == "verdicts":
        verdicts(course, assignment, int(jobs))
    else:
        recorded(course, assignment, int(jobs), next(iter(scheduler), None))


if __name__ == "__main__":
    main(*sys.argv[1:5], sys.argv[5:])
