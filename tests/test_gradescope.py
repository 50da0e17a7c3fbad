"""Gradescope: a verdict as results.json, the archive by allowlist, its run_autograder in a bare folder."""

import json
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from workers import HAS_BUBBLEWRAP

from autograder.build.master import read_master
from autograder.build.notebooks import solution_notebook, student_notebook
from autograder.catalogue import COURSE, CourseError, find_assignment
from autograder.checks import checks_of
from autograder.gradebook import gradescope
from autograder.gradebook.gradescope import find_notebook, main, results_for, results_of
from autograder.gradebook.gradescope_archive import archive_files, make_archive
from autograder.judge.judge import Judgement
from autograder.judge.read import RefusedError
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict

LIGHT = find_assignment("data_driven_graphics")
HOSTILE = '<script>alert(1)</script> "quoted" \\ \x00\x1b[31m\u202e\ud800 👩‍🎓\r\n' + "x" * 100_000


def made_up(seed: int = 1, **said) -> Verdict:
    """A verdict on the lightest assignment whose checks pass or fail by a toss."""
    draw = random.Random(seed)
    tasks: dict[str, list[CheckVerdict]] = {}
    for check in checks_of(LIGHT.topic):
        passed = draw.random() < 0.6
        failed = {} if passed else {"kind": "wrong value", "message": "the result has wrong values"}
        verdict = CheckVerdict(check.name, check.says, check.points, passed=passed, **failed)
        tasks.setdefault(check.task, []).append(verdict)
    tasks_of = [TaskVerdict(name, checks) for name, checks in tasks.items()]
    return Verdict(LIGHT.name, **{"status": "graded", "level": "bubblewrap", "tasks": tasks_of} | said)


@pytest.mark.parametrize("seed", range(5))
def test_points_are_the_verdicts(seed):
    verdict = made_up(seed)
    results = results_of(verdict)
    checks = [check for task in verdict.tasks for check in task.checks]
    assert 0 < verdict.earned < verdict.points
    assert results["score"] == sum(test["score"] for test in results["tests"]) == verdict.earned
    assert sum(test["max_score"] for test in results["tests"]) == verdict.points
    for test, check in zip(results["tests"], checks, strict=True):
        assert (test["score"], test["max_score"]) == (check.earned, check.points)
        assert test["status"] == ("passed" if check.passed else "failed")
        assert check.says in test["output"]
        assert ("wrong value: the result has wrong values" in test["output"]) == (not check.passed)
        assert (test["visibility"], test["output_format"]) == ("visible", "text")
    assert len({test["number"] for test in results["tests"]}) == len(checks)
    assert results["stdout_visibility"] == "hidden"


def test_a_misconception_is_named_with_its_hint():
    check = CheckVerdict(
        "test", "It says.", 2, False, "wrong value", "it is off", "root forgotten", "Take it."
    )
    (test,) = results_of(made_up(tasks=[TaskVerdict("distance", [check])]))["tests"]
    assert test["name"] == "distance"
    assert test["output"] == "It says.\nwrong value: it is off\nThis is what “root forgotten” gives. Take it."


def test_notes_are_for_students_and_flags_are_not():
    results = results_of(made_up(repairs=["A cell was put back."], flags=["Reads /etc/passwd."]))
    assert "A cell was put back." in results["output"]
    assert "passwd" not in json.dumps(results)


def test_a_refused_notebook_is_a_zero_with_the_reason():
    verdict = made_up(status="refused", reason="homework.ipynb is empty.")
    for task in verdict.tasks:
        for check in task.checks:
            check.passed = False
    results = results_of(verdict)
    assert results["score"] == 0
    assert "homework.ipynb is empty." in results["output"]


def test_a_fault_of_ours_claims_no_score():
    results = results_of(made_up(status="not graded", reason="The sandbox did not start."))
    assert "score" not in json.dumps(results["tests"])
    assert "score" not in results
    assert "no fault of yours" in results["output"]
    assert "The sandbox did not start." in results["output"]


def test_hostile_texts_are_text_bounded_and_storable():
    check = CheckVerdict(HOSTILE, HOSTILE, 1, False, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    results = results_of(made_up(tasks=[TaskVerdict(HOSTILE, [check])], reason=HOSTILE, repairs=[HOSTILE]))
    text = json.dumps(results, allow_nan=False)
    assert len(text) < 200_000
    assert json.loads(text) == results
    for said in (results["output"], results["tests"][0]["output"], results["tests"][0]["name"]):
        said.encode("utf-8")
        assert not re.search(r"[\x00\x1b\u202e]", said)
        assert "👩‍🎓" in said
    assert {results["output_format"], *(test["output_format"] for test in results["tests"])} == {"text"}
    assert results["tests"][0]["name_format"] == "text"


# What is handed in, and what is said of it; a file's content is its name.
HANDED_IN = {
    "nothing": ([], "There is no notebook"),
    "no notebook": (["answer.py", "notebook.ipynb.txt"], "There is no notebook"),
    "two": (["a.ipynb", "b.ipynb"], r"There are 2 notebooks, .*: a.ipynb, b.ipynb"),
    "one below another": (["a.ipynb", "old/a.ipynb"], "There are 2 notebooks"),
    "only a link": (["link.ipynb -> /etc/passwd"], "There is no notebook"),
}
GOOD = {
    "of its own name": ["My Homework (2) 👩‍🎓.ipynb", "torch.py"],
    "in a folder": ["hw/x.ipynb", "hw/x.npz"],
    "in capitals": ["X.IPYNB"],
    "beside checkpoints": ["a.ipynb", ".ipynb_checkpoints/a.ipynb", "__MACOSX/._a.ipynb", "._a.ipynb"],
    "beside a link": ["a.ipynb", "b.ipynb -> /etc/passwd"],
}
FOUND = {case: names[0] for case, names in GOOD.items()}


def lay_out(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        name, _, target = name.partition(" -> ")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target) if target else path.write_text(name)
    return folder


@pytest.mark.parametrize("case", HANDED_IN)
@pytest.mark.parametrize("level", ["bubblewrap", "process"])
def test_no_notebook_and_several_are_told(tmp_path, case, level):
    names, said = HANDED_IN[case]
    results = results_for(lay_out(tmp_path / "submission", names), LIGHT, level)
    assert results["score"] == 0
    assert re.search(said, results["output"])
    assert ("without a sandbox" in results["output"]) == (level == "process")


@pytest.mark.parametrize("case", GOOD)
def test_the_only_notebook_is_found(tmp_path, case):
    folder = lay_out(tmp_path / "submission", GOOD[case])
    assert find_notebook(folder) == folder / FOUND[case]


def test_a_flood_of_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(gradescope, "MOST_FILES", 3)
    with pytest.raises(RefusedError, match="more than 3 files"):
        find_notebook(lay_out(tmp_path / "submission", ["a.ipynb", "1", "2", "3"]))


def judged_as(monkeypatch, verdict):
    def judge(path, assignment, *, level):
        if isinstance(verdict, Exception):
            raise verdict
        verdict.level = level
        return Judgement(verdict, None)

    monkeypatch.setattr(gradescope, "judge", judge)


def run_main(tmp_path, name=LIGHT.name, level="bubblewrap"):
    results = tmp_path / "results" / "results.json"
    main(name, level, str(lay_out(tmp_path / "submission", ["a.ipynb"])), str(results))
    return json.loads(results.read_text())


def test_results_are_written_and_flags_go_to_the_instructor(tmp_path, monkeypatch, capsys):
    judged_as(monkeypatch, made_up(flags=["`torch.py` has the name of a module\x1b."]))
    results = run_main(tmp_path)
    assert results["score"] == made_up().earned
    assert results["execution_time"] >= 0
    assert "to look at: `torch.py` has the name of a module�." in capsys.readouterr().out


@pytest.mark.parametrize("fault", [RuntimeError("secret path"), MemoryError(), CourseError("No master.")])
def test_whatever_we_do_wrong_there_is_a_sentence_and_no_score(tmp_path, monkeypatch, capsys, fault):
    judged_as(monkeypatch, fault)
    results = run_main(tmp_path)
    assert "score" not in results
    assert "no fault of yours" in results["output"]
    assert "secret" not in results["output"]
    assert type(fault).__name__ in capsys.readouterr().out


def test_an_assignment_that_there_is_not(tmp_path):
    results = run_main(tmp_path, name="nonsense")
    assert "score" not in results
    assert "CourseError" in results["output"]


def test_a_missing_folder_is_no_fault_of_the_students(tmp_path):
    results = tmp_path / "results.json"
    main(LIGHT.name, "bubblewrap", str(tmp_path / "nowhere"), str(results))
    assert "score" not in json.loads(results.read_text())


def test_a_container_without_namespaces_is_told_with_the_way_out(tmp_path, monkeypatch, capsys):
    judged_as(monkeypatch, made_up(status="not graded", reason="The sandbox did not start (no namespaces)."))
    results = run_main(tmp_path)
    assert "score" not in results
    assert "no namespaces" in results["output"]
    assert "--level process" in results["output"]
    assert "--level process" in capsys.readouterr().out


def test_the_weaker_level_is_stamped(tmp_path, monkeypatch):
    judged_as(monkeypatch, made_up())
    assert run_main(tmp_path, level="process")["output"].count("Graded without a sandbox") == 1


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return make_archive(LIGHT, tmp_path_factory.mktemp("archive"))


def test_the_archive_holds_what_is_on_the_list_and_nothing_else(archive):
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in opened.infolist()}
    packages = [path for name in ("autograder", "course_utils") for path in (COURSE / name).rglob("*")]
    modules = {path for path in packages if path.suffix in (".py", ".safetensors")}
    expected = {f"course/{path.relative_to(COURSE)}" for path in modules}
    expected |= {f"course/{name}" for name in ("pyproject.toml", "README.md", "LICENSE")}
    expected |= {f"course/assignments/{LIGHT.name}/assignment.md", "course/data/furniture.npz"}
    assert set(files) == expected | {"setup.sh", "run_autograder"}
    for part in (".git", "submitted", "verdicts", "gradebook", "__pycache__", ".venv", "tests/", ".ipynb"):
        assert not [name for name in files if f"/{part}" in name and "/gradebook/" not in name]
    assert f"course/autograder/checks/test_{LIGHT.topic}.py" in files
    assert f"course/course_utils/reference/{LIGHT.topic}.py" in files
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert {mode for name, mode in modes.items() if name.startswith("course/")} == {0o644}
    assert list(archive.parent.iterdir()) == [archive]


def test_hidden_packs_are_in_it():
    files = archive_files(read_master(find_assignment("cnn_classifier")), "bubblewrap")
    packs = {name for name in files if name.endswith(".npz")}
    assert packs == {"course/data/furniture_styles.npz", "course/data/furniture_styles_hidden.npz"}


@pytest.mark.parametrize("level", ["bubblewrap", "process"])
def test_the_programs_are_bash_and_name_no_host(level):
    files = archive_files(read_master(LIGHT), level)
    for name in ("setup.sh", "run_autograder"):
        text = files[name].decode()
        assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
        assert not re.search(r"https?:|\b[\w-]+\.(org|com|io|net)\b", text)
        assert level in text
    assert "apt-get install -y -qq bubblewrap" in files["setup.sh"].decode()


def test_the_archive_is_the_same_twice(archive, tmp_path):
    assert make_archive(LIGHT, tmp_path).read_bytes() == archive.read_bytes()


def test_a_place_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match=r"can't be written .*--to"):
        make_archive(LIGHT, tmp_path / "file")


def test_from_the_shell(tmp_path, capsys, monkeypatch):
    from autograder.cli import main as command

    words = ["gradescope", LIGHT.topic, "--to", str(tmp_path), "--level", "process"]
    monkeypatch.setattr("sys.argv", ["autograder", *words])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 0
    assert "never for students" in " ".join(capsys.readouterr().out.split())
    (made,) = tmp_path.iterdir()
    with zipfile.ZipFile(made) as opened:
        assert "'process'" in opened.read("run_autograder").decode()


@pytest.fixture
def container(archive, tmp_path) -> Path:
    """A folder laid out as Gradescope's /autograder, with this interpreter as the one that setup.sh makes."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "source")
    python = tmp_path / "source/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/source/course" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "submission").mkdir()
    return tmp_path


def run_autograder(container: Path) -> dict:
    program = (container / "source/run_autograder").read_text()
    (container / "run_autograder").write_text(program)  # Gradescope copies it
    env = os.environ | {"AUTOGRADER_ROOT": str(container)}
    env.pop("COURSE_DATA", None)
    ran = subprocess.run(
        ["bash", "run_autograder"], cwd=container, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    return json.loads((container / "results/results.json").read_text())


def test_a_grader_that_dies_has_left_a_whole_file(container):
    (container / "source/venv/bin/python").write_text("#!/bin/sh\nkill -9 $$\n")
    results = run_autograder(container)
    assert "score" not in results
    assert "ended before it was done" in results["output"]
    assert results["tests"] == []


@pytest.mark.slow
@pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="bubblewrap can't be had here")
def test_two_submissions_in_a_bare_folder(container):
    master = read_master(LIGHT)
    solved, empty = solution_notebook(master), student_notebook(master)
    answers = {cell.id: cell.source for cell in solved.cells if cell.id.startswith("task-")}
    notebook = container / "submission" / "Homework of Zoë (final).ipynb"
    notebook.write_text(json.dumps(empty))
    stub = run_autograder(container)
    for cell in empty.cells:
        cell.source = answers.get(cell.id, cell.source)
    notebook.write_text(json.dumps(empty))
    right = run_autograder(container)
    possible = sum(test["max_score"] for test in right["tests"])
    assert stub["score"] == 0
    assert right["score"] == possible == sum(check.points for check in checks_of(LIGHT.topic))
    assert right["execution_time"] > 0
    assert "sandbox" not in right["output"]
