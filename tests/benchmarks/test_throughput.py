"""The same class graded by stock nbgrader and by us, in one run: verdicts, and all of it in the
gradebook.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLASS = 30
VERDICTS, RECORDED = 40, 10  # times stock nbgrader's submissions a minute


@pytest.fixture(scope="module")
def figures(small_course, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("both")
    path = os.pathsep.join([str(small_course), str(HERE)])
    command = [sys.executable, str(HERE / "grade_both.py"), str(folder), str(CLASS)]
    subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, cwd=folder, check=True, timeout=1800
    )
    return json.loads((folder / "figures.json").read_text())


def table(figures: dict) -> str:
    stock, ours = figures["stock"], figures["ours"]
    rows = [
        ("stock `nbgrader autograde`", stock["seconds"], stock),
        ("verdicts", ours["seconds"], ours),
        ("recorded, with autograded notebooks", ours["recorded_seconds"], None),
        ("... and with feedback pages", ours["paged_seconds"], None),
        ("recording alone, judged before", ours["recording_alone"], None),
    ]
    head = f"{'':38}{'a minute':>10}{'x stock':>10}{'latency':>10}{'start-up':>10}{'memory':>12}"
    lines = [f"{figures['count']} submissions, {os.cpu_count()} cores", head]
    for name, seconds, more in rows:
        line = f"{name:38}{60 / seconds:10.0f}{stock['seconds'] / seconds:10.1f}"
        if more:
            line += (
                f"{more['latency']:8.2f} s{more['startup']:8.1f} s{more['memory'] / 2**20:9.0f} MB"
            )
        lines.append(line)
    return "\n".join(lines)


@pytest.mark.benchmark
def test_the_same_answers_are_right(figures, show):
    show(table(figures))
    assert figures["ours"]["full_marks"] == figures["stock"]["full_marks"] == figures["right"]
    assert 0 < len(figures["right"]) < CLASS


@pytest.mark.benchmark
def test_verdicts(figures):
    assert figures["stock"]["seconds"] / figures["ours"]["seconds"] >= VERDICTS


@pytest.mark.benchmark
def test_recorded_in_the_gradebook(figures):
    assert figures["stock"]["seconds"] / figures["ours"]["recorded_seconds"] >= RECORDED


@pytest.mark.benchmark
def test_recording_alone_is_no_bottleneck(figures):
    assert figures["stock"]["seconds"] / figures["ours"]["recording_alone"] >= 2 * RECORDED
