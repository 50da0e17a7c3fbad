"""The four assignments graded by stock nbgrader and by us, in one run: how many times as fast.

Takes an hour, alone on a quiet machine: `pytest -m benchmark tests/benchmarks`. Figures that a
run of compare_with_stock.py has kept can be named instead: BENCHMARK_FOLDER=build/benchmark.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import benchmark_tables as tables
import pytest
from workers import needs_bubblewrap

from autograder.assignments import ASSIGNMENTS, COURSE

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in (COURSE / "assignments").glob("*/assignment.md"))
VERDICTS, RECORDED = 20, 10  # times stock nbgrader's submissions a minute
KEPT = "BENCHMARK_FOLDER"


def run(folder: Path, *words: str) -> dict[str, Any]:
    """Run the command on the assignments as they are shipped; the figures that it keeps."""
    env = {name: value for name, value in os.environ.items() if name != ASSIGNMENTS}
    command = [sys.executable, str(HERE / "compare_with_stock.py"), "--folder", str(folder), *words]
    subprocess.run(command, env=env, check=True)
    return json.loads((folder / "figures.json").read_text())


@pytest.fixture(scope="module")
def figures(tmp_path_factory, request) -> dict[str, Any]:
    kept = os.environ.get(KEPT)
    if kept:
        found = json.loads(Path(kept, "figures.json").read_text())
    else:
        found = run(tmp_path_factory.mktemp("benchmark"))
    assert list(found["assignments"]) == NAMES
    return found


@pytest.mark.benchmark
def test_the_tables(figures, show):
    show(f"{tables.throughput(figures)}\n\n{tables.details(figures)}")


@pytest.mark.benchmark
@pytest.mark.parametrize("name", NAMES)
def test_both_graders_agree_on_every_task(figures, name):
    one = figures["assignments"][name]
    assert one["reference_is_right"]
    assert one["differences"] == []
    assert len(one["verdicts"]["points"]) == 12


@pytest.mark.benchmark
@pytest.mark.parametrize("name", NAMES)
def test_verdicts(figures, name):
    assert tables.ratio(figures["assignments"][name], "verdicts") >= VERDICTS


@pytest.mark.benchmark
@pytest.mark.parametrize("name", NAMES)
def test_recorded_with_feedback_pages(figures, name):
    assert tables.ratio(figures["assignments"][name], "recorded") >= RECORDED


@pytest.mark.slow
@needs_bubblewrap
def test_the_comparison_runs(tmp_path):
    """The first three students of assignment 0, without a look at the clock; and growth."""
    run(tmp_path, "0", "--students", "3", "--jobs", "2")
    figures = run(tmp_path, "--growth", "2", "--jobs", "1")
    one = figures["assignments"][NAMES[0]]
    assert one["reference_is_right"]
    assert one["differences"] == []
    right = [all(e == p for e, p in s.values()) for s in one["verdicts"]["points"].values()]
    assert right == [True, False, False]
    for part in ("stock", "verdicts", "recorded"):
        assert one[part]["seconds"] > 0
        assert one[part]["memory"] > 2**27
    assert one["verdicts"]["alone"]["cpu"] > 0
    [grown] = figures["growth"]
    assert (grown["count"], grown["judged_by"]) == (2, "1 slot")
    assert not (tmp_path / "growth").exists()
