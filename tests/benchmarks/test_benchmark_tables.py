"""The benchmark's figures in words and tables, and where the documentation has them."""

import json
import subprocess
import sys

import benchmark_tables as tables
import psutil
import pytest
from compare_with_stock import differences, is_right, main, read_options
from measured import memory_of, run_measured

from autograder.assignments import assignments

STOCK = {"start_up": 3.0, "seconds": 60.0, "cpu": 40.0, "memory": 2**30}
ALONE = {"latency": 1.5, "cpu": 1.25}
POINTS = {"0000-reference": {"blend": [2.0, 2.0]}, "0001-half-done": {"blend": [1.5, 2.0]}}


def one(verdicts: float, recorded: float, found: tuple[str, ...] = ()) -> dict:
    """The figures of an assignment, where a submission takes so many seconds."""
    ours = {"start_up": 4.0, "memory": 2**30, "points": POINTS}
    return {
        "count": 12,
        "jobs": 2,
        "stock": STOCK,
        "verdicts": ours | {"seconds": verdicts, "alone": ALONE},
        "recorded": ours | {"seconds": recorded},
        "differences": [*found],
        "reference_is_right": True,
    }


@pytest.fixture
def figures() -> dict:
    names = [assignment.name for assignment in assignments()]
    each = zip(names, (2.0, 2.5, 1.0, 1.5), (4.0, 5.0, 3.0, 2.0), strict=True)
    grown = {"judged_by": "2 slots", "start_up": 5.0, "seconds": 0.5, "memory": 2**31}
    return {
        "machine": "2 cores, Python 3.11",
        "assignments": {name: one(*seconds) for name, *seconds in each},
        "growth": [{"count": 1200} | grown, {"count": 12} | grown],
    }


def test_throughput(figures):
    *_, first, second, third, fourth = tables.throughput(figures).splitlines()
    assert first == "| 0 data-driven graphics | 1.0 | 30 | 30 | 15 | 15 |"
    assert second == "| 1 the CNN classifier | 1.0 | 24 | 24 | 12 | 12 |"
    assert third.startswith("| 2 the chair generator |")
    assert fourth == "| 3 colorization | 1.0 | 40 | 40 | 30 | 30 |"
    assert tables.least_ratio(figures, "verdicts") == 24
    assert tables.least_ratio(figures, "recorded") == 12


def test_details(figures):
    text = tables.details(figures)
    assert "| stock | 723 s | 3.0 s | 60.00 s | 40.0 s | 1,024 MB |" in text
    assert "| verdicts | 28 s | 4.0 s | 2.00 s | 1.2 s | 512 MB a slot |" in text
    assert "| with feedback pages | 52 s | 4.0 s | 4.00 s |  | 512 MB a slot |" in text
    assert "alone on the machine takes 1.5 s (median)" in text
    assert "On all 2 tasks of the class, both agree on which are right." in text


def test_what_the_graders_disagree_on_is_listed(figures):
    figures["assignments"] = {"0_data_driven_graphics": one(2.0, 4.0, ("one thing", "another"))}
    assert "They disagree on:\n\n- one thing\n- another" in tables.details(figures)


def test_growth_is_ordered_by_size(figures):
    rows = tables.growth(figures).splitlines()[2:]
    assert rows == [
        "| 12 | 2 slots | 5 s | 0 min 11 s | 120 | 2,048 MB |",
        "| 1,200 | 2 slots | 5 s | 10 min 05 s | 120 | 2,048 MB |",
    ]


def test_a_place_within_a_line_and_one_of_lines_are_filled_again_and_again():
    text = "**<!-- benchmark:a -->?<!-- /benchmark -->**\n<!-- benchmark:b -->\n<!-- /benchmark -->"
    for content in ("24 ×", "30 ×"):
        text = tables.filled(text, {"a": content, "b": f"| {content} |"})
        assert text == (
            f"**<!-- benchmark:a -->{content}<!-- /benchmark -->**\n"
            f"<!-- benchmark:b -->\n| {content} |\n<!-- /benchmark -->"
        )
    with pytest.raises(ValueError, match="no place `<!-- benchmark:c -->`"):
        tables.filled(text, {"c": ""})


def test_readme_and_docs_have_the_places(figures, tmp_path):
    readme, page = tmp_path / "README.md", tmp_path / "benchmark.md"
    readme.write_text(tables.README.read_text(encoding="utf-8"), encoding="utf-8")
    page.write_text(tables.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    tables.write(figures, readme, page)
    assert "24 ×" in readme.read_text(encoding="utf-8")
    assert "| 3 colorization | 1.0 | 40 | 40 | 30 | 30 |" in readme.read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    assert all(table(figures) in text for table in (tables.details, tables.growth))


# ------------------------------------------------------------------------------------- the commands


def test_tables_are_made_from_kept_figures_without_a_run(figures, tmp_path, capsys):
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    main(["--tables", "--folder", str(tmp_path)])
    assert tables.throughput(figures) in capsys.readouterr().out


def test_nothing_is_written_before_all_four_are_measured(figures, tmp_path, capsys):
    del figures["assignments"]["2_chair_generator"]
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    before = tables.README.read_bytes()
    with pytest.raises(SystemExit, match="2_chair_generator was not measured"):
        main(["--tables", "--write", "--folder", str(tmp_path)])
    assert tables.README.read_bytes() == before


def test_options_have_defaults():
    options = read_options([])
    assert [one.name for one in options.assignments] == [one.name for one in assignments()]
    assert (options.students, options.growth, options.scheduler) == (12, [], None)
    assert [one.name for one in read_options(["3"]).assignments] == ["3_colorization"]


def test_a_task_agrees_if_stock_gives_its_points_where_all_checks_pass():
    ours = {"s": {"a": [2.0, 2.0], "b": [1.5, 2.0], "c": [0.0, 1.0], "d": [3.0, 3.0]}}
    assert differences({"s": {"a": 2.0, "b": 0.0, "c": 0.0, "d": 3.0}}, ours) == []
    assert differences({"s": {"a": 2.0, "b": 2.0, "c": 0.0, "d": 0.0}}, ours) == [
        "s, b: stock 2.0, the judge 1.5 of 2.0",
        "s, d: stock 0.0, the judge 3.0 of 3.0",
    ]
    assert len(differences({}, ours)) == 4


def test_all_points_are_all_points_from_both():
    stock, ours = {"s": {"a": 2.0, "b": 1.0}}, {"s": {"a": [2.0, 2.0], "b": [1.0, 1.0]}}
    assert is_right("s", stock, ours)
    assert not is_right("s", {"s": {"a": 2.0, "b": 0.0}}, ours)
    assert not is_right("s", stock, {"s": {"a": [2.0, 2.0], "b": [0.5, 1.0]}})


# --------------------------------------------------------------------------------- what is measured

TWO = """
import subprocess, sys
held = bytearray(100 * 2**20)
for at in range(0, len(held), 4096):
    held[at] = 1
child = "held = b'1' * (50 * 2**20); print('ready'); input()"
subprocess.Popen([sys.executable, "-c", child]).wait()
"""


def test_memory_is_that_of_a_process_and_what_it_has_started():
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-uc", TWO], stdin=pipe, stdout=pipe) as process:
        assert process.stdout.readline() == b"ready\n"
        assert 150 * 2**20 < memory_of(psutil.Process(process.pid)) < 300 * 2**20
        process.communicate(b"\n")
    assert memory_of(psutil.Process()) > 0


def test_a_command_is_measured_while_its_lines_are_heard(tmp_path):
    heard: list[str] = []
    code = "import sys, os; print(os.getcwd()); sum(range(10**7)); print('x', file=sys.stderr)"
    used = run_measured([sys.executable, "-uc", code], tmp_path, {}, heard.append)
    assert heard == [f"{tmp_path}\n", "x\n"]
    assert used.cpu > 0


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="(?s)failed.*ZeroDivisionError"):
        run_measured([sys.executable, "-c", "1 / 0"], tmp_path, {}, lambda line: None)
