"""Random hostile cells beside clean submissions: these are graded right, and nothing is left.

FUZZ_MINUTES=10 pytest -m slow tests/attacks/test_fuzz.py     for so long, with other cells each
                                                              time
"""

import json
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest
from attack import CLEAN, TASKS
from hostile_cells import hostile_cells
from workers import needs_bubblewrap

from autograder.assignments import find_assignment
from autograder.judge.parallel.pool import Pool

COLORIZATION = find_assignment("colorization")
LIMITS = {"call": 0.6, "cell": 1.0}
SETTLED = 20  # clean submissions after which the judge's memory is measured
FLAT = 150 * 2**20  # bytes that it may grow by afterwards
pytestmark = needs_bubblewrap


@pytest.fixture(scope="module")
def fuzzed(released, pool_with, tmp_path_factory):
    """A pool, and what makes a submission with these cells in front."""
    folder = tmp_path_factory.mktemp("fuzz")

    def write(name: str, cells: list) -> Path:
        notebook = CLEAN.submission(released)
        notebook.cells = [*cells, *notebook.cells]
        path = folder / name / f"{COLORIZATION.name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(notebook))
        return path

    return pool_with(LIMITS), write


def memory_of(pool: Pool) -> int:
    """Bytes that the judge's own processes hold: this one and the slots."""
    processes = [psutil.Process(), *(psutil.Process(slot.process.pid) for slot in pool.slots)]
    return sum(process.memory_info().rss for process in processes)


def assert_clean_ones_are_right(pool: Pool, submissions: Iterator[Path]) -> int:
    """Judge hostile and clean submissions in turn, two at a time; returns how many were clean."""
    clean, first = 0, 0
    for path, judgement in pool.judge(submissions):
        verdict = judgement.verdict
        assert verdict.status in ("graded", "not graded"), f"{path}: {verdict.reason}"
        if "clean" in path.parent.name:
            earned = tuple(verdict.task(task).earned for task in TASKS)
            assert (verdict.status, earned) == ("graded", CLEAN.earns), f"{path}: {verdict.reason}"
            clean += 1
            first = memory_of(pool) if clean == SETTLED else first
    if first:
        assert memory_of(pool) - first < FLAT
    return clean


def submissions(write, seeds: Iterator[int], until: float | None = None) -> Iterator[Path]:
    for seed in seeds:
        if until is not None and time.monotonic() > until:
            return
        yield write(f"hostile-{seed}", hostile_cells(seed))
        yield write(f"clean-{seed}", [])


def test_a_few_hostile_cells_beside_clean_submissions(fuzzed):
    pool, write = fuzzed
    assert assert_clean_ones_are_right(pool, submissions(write, iter(range(8)))) == 8


@pytest.mark.slow
def test_minutes_of_hostile_cells_beside_clean_submissions(fuzzed):
    pool, write = fuzzed
    minutes, start = float(os.environ.get("FUZZ_MINUTES", "1")), int(time.time())
    print(f"seeds from {start}")
    clean = assert_clean_ones_are_right(
        pool, submissions(write, count(start), time.monotonic() + 60 * minutes)
    )
    print(f"{clean} clean submissions were graded right beside as many hostile ones")
    assert clean > 0
    assert not list(Path(pool.zygote.stage.path).glob("home/*"))
