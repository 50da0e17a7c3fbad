"""Gradescope: a verdict as results.json, the archive by allowlist, its run_autograder in a bare
folder.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from judged_class import course_of, grade_one, scores_of, submit
from nbformat import NotebookNode
from workers import HAS_BUBBLEWRAP

from autograder.assignments import COURSE, CourseError, find_assignment
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.checks import checks_of
from autograder.demo import as_answer
from autograder.exports import gradescope
from autograder.exports.gradescope import find_notebook, main, results_for, results_of
from autograder.exports.gradescope_archive import archive_files, make_archive
from autograder.judge.intake.read_notebook import RefusedError
from autograder.judge.judge import Judgement
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict
from autograder.misconceptions import misconceptions_of

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
    return Verdict(
        LIGHT.name, **{"status": "graded", "level": "bubblewrap", "tasks": tasks_of} | said
    )


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
    assert (
        test["output"]
        == "It says.\nwrong value: it is off\nThis is what “root forgotten” gives. Take it."
    )


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


def only_test_of(results: dict) -> dict:
    """Of what is not graded: a test that has failed, without points."""
    (test,) = results["tests"]
    assert not {"score", "max_score"} & (results.keys() | test.keys())
    assert (test["name"], test["status"]) == ("Not graded: for the instructor", "failed")
    return test


def test_a_fault_of_ours_claims_no_score():
    results = results_of(made_up(status="not graded", reason="The sandbox did not start."))
    assert "no fault of yours" in results["output"]
    assert "The sandbox did not start." in results["output"]
    assert "The sandbox did not start." in only_test_of(results)["output"]


VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
POINTS = {"type": "number"}
TEST = {
    "score": POINTS,
    "max_score": POINTS,
    "status": {"enum": ["passed", "failed"]},
    "name": {"type": "string"},
    "name_format": FORMAT,
    "number": {"type": "string"},
    "output": {"type": "string"},
    "output_format": FORMAT,
    "tags": {"type": "array", "items": {"type": "string"}},
    "visibility": VISIBILITY,
    "extra_data": {"type": "object"},
}
# Gradescope's documentation, "Autograder Specifications: Output format".
RESULTS = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"minItems": 1}}},
    ],
    "properties": {
        "score": POINTS,
        "execution_time": POINTS,
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": False, "properties": TEST},
        },
        "leaderboard": {"type": "array"},
    },
}


@pytest.mark.parametrize(
    "results",
    [
        results_of(made_up()),
        results_of(made_up(status="refused", reason="It is empty.")),
        results_of(made_up(status="not graded", reason="No sandbox.")),
        gradescope.refused("There is no notebook."),
        gradescope.fault("The grader failed."),
    ],
    ids=["graded", "refused", "not graded", "no notebook", "fault"],
)
def test_it_is_what_gradescope_documents(results):
    jsonschema.validate(json.loads(json.dumps(results)), RESULTS)


@pytest.mark.parametrize(
    "results",
    [
        {},
        {"tests": []},
        {"score": "20"},
        {"score": 1, "tests": [{"points": 1}]},
        {"tests": [{"score": None}]},
    ],
)
def test_the_schema_refuses(results):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results, RESULTS)


def test_hostile_texts_are_text_bounded_and_storable():
    check = CheckVerdict(HOSTILE, HOSTILE, 1, False, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    results = results_of(
        made_up(tasks=[TaskVerdict(HOSTILE, [check])], reason=HOSTILE, repairs=[HOSTILE])
    )
    text = json.dumps(results, allow_nan=False)
    assert len(text) < 200_000
    assert json.loads(text) == results
    for said in (results["output"], results["tests"][0]["output"], results["tests"][0]["name"]):
        said.encode("utf-8")
        assert not re.search(r"[\x00\x1b\u202e]", said)
        assert "👩‍🎓" in said
    assert {results["output_format"], *(test["output_format"] for test in results["tests"])} == {
        "text"
    }
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
    "beside checkpoints": [
        "a.ipynb",
        ".ipynb_checkpoints/a.ipynb",
        "__MACOSX/._a.ipynb",
        "._a.ipynb",
    ],
    "beside a link": ["a.ipynb", "b.ipynb -> /etc/passwd"],
}
FOUND = {case: names[0] for case, names in GOOD.items()}


def lay_out(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        name, _, target = name.partition(" -> ")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if target:
            path.symlink_to(target)
        else:
            path.write_text(name)
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
    def judge(path, exam):
        if isinstance(verdict, Exception):
            raise verdict
        verdict.level = exam.level
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


@pytest.mark.parametrize(
    "fault", [RuntimeError("secret path"), MemoryError(), CourseError("No master.")]
)
def test_whatever_we_do_wrong_there_is_a_sentence_and_no_score(
    tmp_path, monkeypatch, capsys, fault
):
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
    judged_as(
        monkeypatch,
        made_up(status="not graded", reason="The sandbox did not start (no namespaces)."),
    )
    results = run_main(tmp_path)
    assert "no namespaces" in results["output"]
    assert "--sandbox process" in only_test_of(results)["output"]
    assert "--sandbox process" in capsys.readouterr().out


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
    packages = [
        path for name in ("autograder", "course_utils") for path in (COURSE / name).rglob("*")
    ]
    modules = {path for path in packages if path.suffix in (".py", ".safetensors")}
    expected = {f"course/{path.relative_to(COURSE)}" for path in modules}
    expected |= {f"course/{name}" for name in ("pyproject.toml", "README.md", "LICENSE")}
    expected |= {f"course/assignments/{LIGHT.name}/assignment.md", "course/data/furniture.npz"}
    assert set(files) == expected | {"setup.sh", "run_autograder"}
    for part in (
        ".git",
        "submitted/",
        "verdicts",
        "gradebook",
        "__pycache__",
        ".venv",
        "tests/",
        ".ipynb",
    ):
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

    words = ["gradescope", LIGHT.topic, "--to", str(tmp_path), "--sandbox", "process"]
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
    """A folder laid out as Gradescope's /autograder, with this interpreter as the one that setup.sh
    makes.
    """
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "source")
    python = tmp_path / "source/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{tmp_path}/source/course" exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    (tmp_path / "submission").mkdir()
    return tmp_path


def run_autograder(container: Path) -> dict:
    program = (container / "source/run_autograder").read_text()
    (container / "run_autograder").write_text(program)  # Gradescope copies it
    env = os.environ | {"AUTOGRADER_ROOT": str(container)}
    env.pop("COURSE_DATA", None)
    ran = subprocess.run(
        ["bash", "run_autograder"],
        cwd=container,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return json.loads((container / "results/results.json").read_text())


def test_a_grader_that_dies_has_left_a_whole_file(container):
    (container / "source/venv/bin/python").write_text("#!/bin/sh\nkill -9 $$\n")
    results = run_autograder(container)
    assert "ended before it was done" in results["output"]
    assert "a container with more memory" in only_test_of(results)["output"]


# What Gradescope's image has, and this interpreter; of this machine's files there is nothing else.
BARE = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ld.so.cache",
    "/etc/passwd",
    sys.prefix,
    sys.base_prefix,
)
needs_bubblewrap = pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="bubblewrap can't be had here")


def in_a_bare_root(container: Path, *more: str) -> dict:
    """Run run_autograder as Gradescope does: as /autograder/run_autograder, in a root of its
    own.
    """
    (container / "source/venv/bin/python").write_text(
        f'#!/bin/sh\nPYTHONPATH=/autograder/source/course exec "{sys.executable}" "$@"\n'
    )
    (container / "run_autograder").write_text((container / "source/run_autograder").read_text())
    (container / "run_autograder").chmod(0o755)
    shutil.rmtree(container / "results", ignore_errors=True)
    (container / "results").mkdir()
    binds = [word for path in BARE if Path(path).exists() for word in ("--ro-bind", path, path)]
    command = [
        "bwrap",
        "--die-with-parent",
        "--clearenv",
        "--setenv",
        "PATH",
        "/usr/bin:/bin",
        *binds,
    ]
    command += [
        "--bind",
        str(container),
        "/autograder",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
    ]
    command += [*more, "--chdir", "/autograder", "/autograder/run_autograder"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = json.loads((container / "results/results.json").read_text())
    jsonschema.validate(results, RESULTS)
    return results


def handed_in() -> dict[str, bytes]:
    """Six submissions of the lightest assignment."""
    master = read_master(LIGHT)
    cells = solution_notebook(master).cells
    right = {
        cell.id.removeprefix("task-"): cell.source for cell in cells if cell.id.startswith("task-")
    }
    first, second = master.tasks[:2]
    wrong = as_answer(misconceptions_of(LIGHT.topic)[first][0].function, first)
    hangs = re.sub(r"(?<=\n)    return .*", "    while True:\n        pass", right[second])
    assert hangs != right[second]
    answers = {
        "solved": right,
        "half": dict(list(right.items())[: len(right) // 2]),
        "misconception": right | {first: wrong},
        "unsolved": {},
        "hangs": right | {second: hangs},
    }
    return {name: json.dumps(answered(master, some)).encode() for name, some in answers.items()} | {
        "corrupt": b'{"cells": ['
    }


def answered(master: Master, answers: dict[str, str]) -> NotebookNode:
    notebook = student_notebook(master)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id.removeprefix("task-"), cell.source)
    return notebook


@pytest.mark.slow
@needs_bubblewrap
def test_in_a_bare_root_the_points_are_those_of_nbgraders_gradebook(container, tmp_path_factory):
    course = course_of(read_master(LIGHT), tmp_path_factory.mktemp("course"))
    totals = {}
    for student, content in handed_in().items():
        submit(course, LIGHT, student, content)
        grade_one(course, LIGHT, student)
        for left in (container / "submission").iterdir():
            left.unlink()
        (container / "submission" / f"Homework of Zoë ({student}).ipynb").write_bytes(content)
        results = in_a_bare_root(container)
        tasks: dict[str, float] = {}
        for test in results["tests"]:
            tasks[test["name"]] = tasks.get(test["name"], 0) + test["score"]
        assert tasks == scores_of(course, LIGHT, student), student
        assert results["score"] == sum(tasks.values())
        assert "sandbox" not in results["output"]
        totals[student] = results["score"]
    possible = sum(check.points for check in checks_of(LIGHT.topic))
    assert totals["solved"] == possible
    assert (totals["unsolved"], totals["corrupt"]) == (0, 0)
    assert all(0 < totals[student] < possible for student in ("half", "misconception", "hangs"))


# What such a container lets one do.
WITHOUT = {
    "no bubblewrap": (
        ["--ro-bind", "/dev/null", "/usr/bin/bwrap", "--ro-bind", "/dev/null", "/bin/bwrap"],
        "bubblewrap",
    ),
    "no namespaces": (["--unshare-user", "--disable-userns"], "namespace"),
}


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize("case", WITHOUT)
def test_where_there_is_no_sandbox_nobody_gets_a_zero_and_the_instructor_is_told(container, case):
    more, said = WITHOUT[case]
    (container / "submission" / "homework.ipynb").write_bytes(handed_in()["solved"])
    results = in_a_bare_root(container, *more)
    test = only_test_of(results)
    assert said in test["output"].lower()
    assert "--sandbox process" in test["output"]
    assert "no fault of yours" in results["output"]
