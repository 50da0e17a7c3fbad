"""Two hundred submissions, one in twenty hostile: graded twice, or killed and resumed, it is all
the same.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SUPPORT = HERE.parent / "support"
CLASS, KILLS = 200, 20
NAME = "1_small"
GRADE = [sys.executable, "-P", "-c", "from autograder.cli import main; main()", "grade"]
SCORES = """
SELECT student.id, base_cell.name, grade.auto_score, grade.manual_score, comment.auto_comment
FROM submitted_notebook
JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
JOIN student ON submitted_assignment.student_id = student.id
JOIN grade ON grade.notebook_id = submitted_notebook.id
JOIN base_cell ON grade.cell_id = base_cell.id
LEFT JOIN comment ON comment.notebook_id = submitted_notebook.id AND comment.cell_id = base_cell.id
ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def package(small_course) -> dict[str, str]:
    """The environment of a process in which the course has the small assignment only."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(small_course), str(SUPPORT)])}


@pytest.fixture(scope="module")
def course(package, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large") / "course"
    command = [sys.executable, str(HERE / "large_class.py"), str(folder), str(CLASS)]
    subprocess.run(command, env=package, check=True)
    return folder


@pytest.fixture(scope="module")
def undisturbed(course, package) -> Path:
    """The same class, graded in one go."""
    return graded(copy_of(course, "undisturbed"), package)


def copy_of(course: Path, name: str) -> Path:
    return Path(shutil.copytree(course, course.with_name(name), symlinks=True))


def graded(folder: Path, package: dict[str, str], *more: str) -> Path:
    subprocess.run([*GRADE, str(folder), *more], env=package, check=True, stdout=subprocess.DEVNULL)
    return folder


def verdicts(folder: Path) -> dict[str, dict]:
    """By student, all of a verdict that has to repeat: not how long it took."""
    found = {}
    for path in sorted(folder.glob(f"verdicts/{NAME}/*/verdict.json")):
        verdict = json.loads(path.read_text())
        del verdict["resources"], verdict["key"]
        found[path.parent.name] = verdict
    return found


def scores(folder: Path) -> list[tuple]:
    with sqlite3.connect(folder / "gradebook.db") as gradebook:
        return gradebook.execute(SCORES).fetchall()


def files(folder: Path) -> set[str]:
    """What was written, by name: no partial file may be among it."""
    found = [
        path
        for name in ("autograded", "feedback", "verdicts")
        for path in (folder / name).rglob("*")
    ]
    return {str(path.relative_to(folder)) for path in found if path.is_file()}


@pytest.mark.slow
def test_no_verdict_differs_between_two_runs(course, undisturbed, package):
    again = graded(copy_of(course, "again"), package)
    first, second = verdicts(undisturbed), verdicts(again)
    assert len(first) == len(second) == CLASS
    assert [student for student in first if first[student] != second[student]] == []
    assert {verdict["status"] for verdict in first.values()} == {"graded"}
    hostile = [first[f"student-{number:02}"] for number in range(0, CLASS, 20)]
    for verdict in hostile:
        lost = [
            task["name"]
            for task in verdict["tasks"]
            if any(not c["passed"] for c in task["checks"])
        ]
        assert lost == ["softmax"]


@pytest.mark.slow
def test_killed_twenty_times_the_gradebook_is_that_of_an_undisturbed_run(
    course, undisturbed, package
):
    folder, draw = copy_of(course, "killed"), random.Random(4)
    killed, seen = 0, 0
    while killed < KILLS:
        # So that each run still has something to do: what was judged is handed in again, or judged
        # again.
        more = ["--force"] if len(verdicts(folder)) == CLASS else []
        command = subprocess.Popen(
            [*GRADE, str(folder), *more], env=package, stdout=subprocess.DEVNULL
        )
        time.sleep(draw.uniform(2.0, 14.0))
        command.send_signal(signal.SIGKILL)
        killed += command.wait() == -signal.SIGKILL
        seen = max(seen, len(verdicts(folder)))
    assert seen > 0
    graded(folder, package)
    assert verdicts(folder) == verdicts(undisturbed)
    assert scores(folder) == scores(undisturbed) != []
    assert files(folder) == files(undisturbed)
