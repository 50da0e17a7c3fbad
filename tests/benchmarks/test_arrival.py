"""Seconds from a file's arrival to its line and its feedback page, with `autograder watch`."""

import json
import time
from statistics import median

import nbformat
import pytest
from judged_class import course_of, submit
from watching import watching

from autograder.assignments import find_assignment
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import solution_notebook

HAND_INS = 5
SECONDS = (
    30.0  # from file to page, on a quiet machine; the assignment's whole notebook takes 8 to run
)


def solved(master: Master, number: int) -> nbformat.NotebookNode:
    """The solution, with a cell that no other student has."""
    notebook = solution_notebook(master)
    own = nbformat.v4.new_markdown_cell(f"Hand-in {number}", id=f"own-{number}")
    notebook.cells.insert(1, own)
    return notebook


@pytest.mark.benchmark
@pytest.mark.parametrize("name", ["0_data_driven_graphics"])
def test_seconds_from_a_file_to_its_page(name, tmp_path, show):
    assignment = find_assignment(name)
    master = read_master(assignment)
    course = course_of(master, tmp_path)
    notebooks = [json.dumps(solved(master, number)).encode() for number in range(HAND_INS)]
    rows = [f"{name}: {HAND_INS} solved notebooks, one after the other"]
    waits = []
    started = time.monotonic()
    with watching(course.folder, "--assignment", name) as watch:
        watch.wait_for("Watching")
        rows.append(f"start of the watcher, once  {time.monotonic() - started:6.2f} s")
        for number, content in enumerate(notebooks):
            student = f"student{number}"
            arrived = time.monotonic()
            submit(course, assignment, student, content)
            watch.wait_for(student)
            seconds = time.monotonic() - arrived
            verdict = json.loads(
                (course.folder / "verdicts" / name / student / "verdict.json").read_text()
            )
            judging = verdict["resources"]["elapsed_seconds"]
            cpu = verdict["resources"]["cpu_seconds"]
            waits.append(seconds)
            rows.append(
                f"file to page and line       {seconds:6.2f} s, of which {judging:.2f} s judging "
                f"({cpu:.2f} CPU-seconds)"
            )
            assert verdict["earned"] == verdict["points"]
            assert course.feedback(assignment, student).exists()
        assert watch.interrupt() == 130
    rows.append(f"median, file to page        {median(waits):6.2f} s")
    show("\n".join(rows))
    assert median(waits) < SECONDS
