"""Grade one class by stock nbgrader and by us, one after the other; the figures go into
FOLDER/figures.json.

    python grade_both.py FOLDER COUNT

Run by test_throughput.py, in a process that has the small course's package first on its path.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import psutil
from nbgrader.api import Gradebook
from small_class import answers_of_the_class, hand_in, stock_course

from autograder.assignments import find_assignment
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import Build, student_files
from autograder.gradebook.course import Course, init_course
from autograder.gradebook.recorder import record_class
from autograder.gradebook.store import StoredVerdict
from autograder.judge.exam import exam_of
from autograder.judge.judge import Judgement, check_the_checks
from autograder.judge.parallel.pool import Pool

SMALL = find_assignment("small")
NAME = SMALL.name


class Memory(threading.Thread):
    """The largest memory of a process and all that it started: shared pages are counted once
    (PSS).
    """

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.halt = process, 0, threading.Event()

    def run(self) -> None:
        while not self.halt.wait(0.25):
            self.peak = max(self.peak, proportional(self.process))

    def stop(self) -> int:
        self.halt.set()
        self.join()
        return self.peak


def proportional(process: psutil.Process) -> int:
    found = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            found += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def by_stock(master: Master, classroom: dict, folder: Path) -> dict[str, object]:
    """`nbgrader autograde`, as an instructor runs it."""
    stock_course(master, folder)
    nbgrader = [sys.executable, "-m", "nbgrader"]
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([*nbgrader, "generate_assignment", NAME], cwd=folder, env=env, check=True)
    released = nbformat.read(folder / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    hand_in(released, classroom, folder, NAME)
    start = time.time()
    with subprocess.Popen([*nbgrader, "autograde", NAME], cwd=folder, env=env) as command:
        memory = Memory(psutil.Process(command.pid))
        memory.start()
        assert command.wait() == 0
    graded = sorted(
        path.stat().st_mtime for path in folder.glob(f"autograded/*/{NAME}/{NAME}.ipynb")
    )
    each = [after - before for before, after in pairwise(graded)]
    return {
        "seconds": statistics.mean(each),
        "startup": graded[0] - start - statistics.mean(each),
        "latency": statistics.median(each),
        "memory": memory.stop(),
        "full_marks": full_marks(folder),
    }


def by_us(master: Master, classroom: dict, folder: Path) -> dict[str, object]:
    """The warm pool, and one process that records what it says."""
    course = init_course(folder, [small_build(master, folder.with_name("build"))])
    hand_in(student_notebook(master), classroom, folder, NAME)
    check_the_checks(exam_of(SMALL))
    paths = [course.submission(SMALL, student) for student in classroom]
    memory = Memory(psutil.Process())
    start = time.time()
    with Pool(exam_of(SMALL)) as pool:
        assert pool.why_cold == ""
        ready = time.time()
        memory.start()  # a thread: not before the pool has forked
        for path, judgement in judge_class(pool, paths):
            StoredVerdict(course.verdict(SMALL, student_of(path))).write(judgement)
        judged = time.time()
        latency = statistics.median(_latency(pool, path) for path in paths)
        slots = len(pool.slots)
        again = time.time()
        recorded, paged = _record(course, judged_students(course, pool, paths))
    peak = memory.stop()
    return {
        "seconds": (judged - ready) / len(paths),
        "startup": ready - start,
        "latency": latency,
        "memory": peak / slots,
        "full_marks": full_marks(folder),
        "recorded_seconds": (recorded - again) / len(paths),
        "paged_seconds": (paged - again) / len(paths),
        "recording_alone": _record_alone(course, list(classroom)),
    }


def judge_class(pool: Pool, paths: list[Path]) -> Iterator[tuple[Path, Judgement]]:
    """The one place where judging is called."""
    return pool.judge(paths)


def judged_students(course: Course, pool: Pool, paths: list[Path]) -> Iterator[str]:
    """Students, each as soon as there is a verdict."""
    for path, judgement in judge_class(pool, paths):
        StoredVerdict(course.verdict(SMALL, student_of(path))).write(judgement)
        yield student_of(path)


def student_of(path: Path) -> str:
    return path.parent.parent.name


def _record(course: Course, students: Iterable[str]) -> tuple[float, float]:
    """When the last one was in the gradebook, and when the last page was written."""
    times = {}
    recorded = record_class(
        course,
        course.exam(SMALL),
        students,
        again=True,
        on_recorded=lambda student: times.update({student: time.time()}),
    )
    assert not any(one.problems for one in recorded.values())
    return max(times.values()), time.time()


def _record_alone(course: Course, students: list[str]) -> float:
    start = time.time()
    return (_record(course, students)[0] - start) / len(students)


def _latency(pool: Pool, path: Path) -> float:
    start = time.perf_counter()
    list(judge_class(pool, [path]))
    return time.perf_counter() - start


def full_marks(folder: Path) -> list[str]:
    """Who has all the points, by the gradebook."""
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        found = gradebook.assignment_submissions(NAME)
        return sorted(one.student.id for one in found if one.score == one.max_score)


def small_build(master: Master, to: Path) -> Build:
    made = Build(SMALL, to)
    for name, content in student_files(master, student_notebook(master)).items():
        (made.student / name).parent.mkdir(parents=True, exist_ok=True)
        (made.student / name).write_bytes(content)
    made.solution.parent.mkdir()
    nbformat.write(student_notebook(master), made.solution)
    return made


def main(folder: Path, count: int) -> None:
    master = read_master(SMALL)
    classroom = answers_of_the_class(master, count)
    right = classroom["student-00"]
    figures = {
        "stock": by_stock(master, classroom, folder / "stock"),
        "ours": by_us(master, classroom, folder / "ours"),
        "right": [student for student, answers in classroom.items() if answers == right],
        "count": count,
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
