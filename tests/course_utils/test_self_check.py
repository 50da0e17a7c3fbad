"""The self-check predicts grading: which visible checks pass, why not, what to hand in."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import numpy
import pytest
import torch

from autograder.assignments import assignments, find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.packs import packs_of
from autograder.authoring.release import student_files
from autograder.judge.intake import read_notebook as judge_reads
from course_utils.notebook import saved_notebook
from course_utils.notebook.saved_notebook import ANSWER, digest, read
from course_utils.self_check import fresh_kernel, inside_kernel, not_handed_in, notebook_run
from course_utils.self_check import report as module
from course_utils.self_check.fresh_kernel import FreshKernel, Ran, place_of

NAME = "9_tiny.ipynb"


def code(source: str, name: str = "", **metadata):
    return nbformat.v4.new_code_cell(source, metadata=metadata, **({"id": name} if name else {}))


def task(name: str, answer: str | None, check: str) -> list:
    """A task's cells: an answer, or a stub in its place."""
    stub = f'def {name}(x):\n    raise NotImplementedError("{name}")'
    end = f'\nfrom course_utils import visible_checks\nvisible_checks.passed("{name}")'
    return [code(answer or stub, f"task-{name}"), code(check + end, f"check-{name}")]


@pytest.fixture
def save(tmp_path):
    """Write a notebook of an assignment with some cells, which knows of its tasks."""

    def save(cells: list, folder: Path = tmp_path, name: str = NAME, **about) -> Path:
        checks = {c.id.removeprefix("check-"): c.source for c in cells if c.id.startswith("check-")}
        tasks = {
            t: {"points": 2, "minutes": 10, "check": digest(source)} for t, source in checks.items()
        }
        told = {
            "name": "9_tiny",
            "title": "Tiny",
            "data": [],
            "hand_in": [],
            "tasks": tasks,
        } | about
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"assignment": told})
        path = folder / name
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return path

    return save


def line_after(said: str, start: str) -> str:
    """The line of the output that follows the one that starts so."""
    lines = said.splitlines()
    return lines[next(at for at, line in enumerate(lines) if line.startswith(start)) + 1].strip()


def state(said: str, name: str) -> str:
    """What is said of a task on its own line."""
    return (
        next(line for line in said.splitlines() if line.startswith(f"{name}:"))
        .partition(":")[2]
        .strip()
    )


def test_of_each_task_it_says_what_came_of_it_and_why(save, capsys):
    cells = [
        *task("right", "def right(x):\n    return x", "assert right(1) == 1"),
        *task(
            "wrong", "def wrong(x):\n    return x", "\nassert wrong(1) == 2, 'twice as much, café'"
        ),
        *task("silent", "def silent(x):\n    return x", "assert silent(1) == 2  # twice"),
        *task("raising", "def raising(x):\n    y = x\n    return y.shape", "raising(1)"),
        *task("stub", None, "stub(1)"),
        *task("needy", "def needy(x):\n    return stub(x)", "needy(1)"),
        *task("renamed", "def renamed_by_me(x):\n    return x", "renamed(1)"),
        *task("broken", "x = 1\ndef broken(x:\n    return x", "broken(1)"),
        *task(
            "foreign",
            "def foreign(x):\n    raise NotImplementedError('aten::x on meta')",
            "foreign(1)",
        ),
        code("1 / 0"),
        code("raise SystemError('the training is not run')", tags=["training"]),
        code("raise SystemError('a grade cell is not run')", "grade-right"),
        code("def right(x):\n    return 2 * x"),
        nbformat.v4.new_markdown_cell(ANSWER, id="written-why_grey"),
    ]
    path = save(cells, hand_in=["network.safetensors"])
    before = path.read_bytes()
    assert module.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert path.read_bytes() == before
    assert said.startswith(
        f"{NAME}, saved just now, is run in a fresh kernel without the training.\n"
    )
    assert state(said, "right") == "passed         2 points"
    assert state(said, "wrong") == "FAILED         2 points, about 10 minutes"
    assert state(said, "stub") == "not solved yet 2 points, about 10 minutes"
    why = {
        name: line_after(said, f"{name}:")
        for name in ("wrong", "silent", "raising", "needy", "renamed")
    }
    assert why == {
        "wrong": "twice as much, café (line 2 of the check of wrong)",
        "silent": "assert silent(1) == 2  # twice (line 1 of the check of silent)",
        "raising": "AttributeError: 'int' object has no attribute 'shape' (line 3 of "
        "the cell of raising)",
        "needy": "it needs stub, which is not solved yet",
        "renamed": "no cell defines renamed: was it renamed, or deleted?",
    }
    assert (
        line_after(said, "broken:")
        == "SyntaxError: '(' was never closed (line 2 of the cell of broken)"
    )
    assert line_after(said, "foreign:").startswith(
        "NotImplementedError: aten::x on meta (line 2 of the cell"
    )
    assert "\n1 of 9 tasks pass their visible checks; about 80 minutes are left.\n" in said
    notes = [line.removeprefix("note: ") for line in said.splitlines() if line.startswith("note: ")]
    assert notes == [
        "right is defined 2 times (the cell of right, code cell 22): keep one.",
        "Not answered in writing yet: why_grey.",
        "right passed in its place, but a later cell (code cell 22) changes it; "
        "the grade takes it as it was at its check.",
        "Code cell 19 fails: ZeroDivisionError: division by zero (line 1 of code cell 19).",
    ]
    assert "ok       9_tiny.ipynb" in said
    assert "MISSING  network.safetensors: run the cell that trains and saves it" in said


def test_it_runs_from_a_cell_of_the_notebook_itself_which_may_stay_there(save, tmp_path):
    """Also in a folder with an unusual name, with the file to hand in beside the notebook."""
    folder = tmp_path / "Zoë's work" / "My Drive"
    folder.mkdir(parents=True)
    (folder / "network.safetensors").write_bytes(b"weights")
    call = f'from course_utils.self_check import self_check\nwell = self_check("{NAME}")'
    cells = task("right", "def right(x):\n    return x", "assert right(1) == 1") + [code(call)]
    save(cells, folder, hand_in=["network.safetensors"])
    with FreshKernel(folder) as kernel:
        assert kernel.run(f"{call}\nassert well", 60).says == ""
        assert kernel.run("assert self_check('another.ipynb') is False", 60).error == ""


def test_a_hang_or_a_crash_costs_its_task_alone(save, capsys, monkeypatch):
    monkeypatch.setattr(notebook_run, "SECONDS", 1)
    cells = [
        *task("hangs", "def hangs(x):\n    while True: pass", "hangs(1)"),
        code("hangs(1)", "picture-hangs"),
        *task("right", "def right(x):\n    return x", "assert right(1) == 1"),
        *task("crashes", "def crashes(x):\n    import os; os._exit(1)", "crashes(1)"),
        *task("late", "def late(x):\n    return x", "assert late(1) == 1"),
    ]
    assert module.main([str(save(cells))]) == 1
    said = capsys.readouterr().out
    assert line_after(said, "hangs:") == "it ran longer than 1 seconds, and was stopped"
    assert state(said, "right").startswith("passed")
    assert line_after(said, "crashes:") == "it ended the kernel (out of memory, most often)"
    assert state(said, "late").startswith("passed")
    assert (
        "note: The check of crashes ended the kernel (out of memory, most often): the "
        "cells below it" in said
    )
    assert "picture" not in said


def test_the_rest_runs_without_a_cell_that_can_not_be_interrupted(save, capsys, monkeypatch):
    monkeypatch.setattr(notebook_run, "SECONDS", 1)
    monkeypatch.setattr(fresh_kernel, "GRACE", 1)
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    cells = [code(stubborn), *task("right", "def right(x):\n    return x", "assert right(1) == 1")]
    assert module.main([str(save(cells))]) == 0
    said = capsys.readouterr().out
    assert (
        "note: Code cell 1 ran longer than 1 seconds, and could not be stopped: the cells below it"
        in said
    )


def test_where_nothing_can_run_it_is_the_first_cells_sentence(save, capsys):
    setup = code("raise ImportError('torch is not installed. Run pip.')", "setup")
    assert module.main([str(save([setup, *task("stub", None, "stub(1)")]))]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == "torch is not installed. Run pip."


def test_without_a_kernel_it_says_whose_python_that_is(save, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "course_utils.self_check.fresh_kernel", None)
    assert module.main([str(save(task("stub", None, "stub(1)")))]) == 2
    assert "run this with the Python that your notebooks use." in capsys.readouterr().out


def test_a_kernel_that_does_not_start_is_a_sentence(save, tmp_path, capsys, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import os; os._exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    assert module.main([str(save(task("stub", None, "stub(1)")))]) == 2
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith(f"No kernel starts with {sys.executable}: ")
    )


NO_NOTEBOOKS = {
    "no argument": ([], None, "Say which notebook"),
    "an option": (["--quick"], None, "Say which notebook"),
    "no file": (["none.ipynb"], None, "none.ipynb can't be read: No such file"),
    "a folder": (["."], None, "can't be read"),
    "no JSON": (["x"], b"{", "x is no notebook"),
    "no text": (["x"], b"\xff\xfe", "x is no notebook"),
    "deep": (["x"], b"[" * 100_000, "x is no notebook"),
    "no cells": (["x"], b'{"cells": {}}', "x is no notebook"),
    "another's": (
        ["x"],
        b'{"cells": [3, {"cell_type": "code", "source": "1"}]}',
        "no notebook of the course",
    ),
}


@pytest.mark.parametrize("case", NO_NOTEBOOKS)
def test_what_is_no_notebook_of_the_course_is_a_sentence(case, tmp_path, monkeypatch, capsys):
    arguments, content, says = NO_NOTEBOOKS[case]
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("x").write_bytes(content)
    assert module.main(arguments) == 2
    [line] = capsys.readouterr().out.splitlines()
    assert says in line


def test_in_its_own_kernel_it_does_nothing(save, monkeypatch, capsys):
    monkeypatch.setenv(module.INSIDE, "1")
    path = save(task("stub", None, "stub(1)"))
    assert (module.main([str(path)]), module.self_check(path)) == (2, False)
    assert capsys.readouterr().out == ""


def test_the_file_as_it_was_given_out_is_not_taken_for_ones_work(save, capsys):
    cells = task("stub", None, "stub(1)")
    assert module.main([str(save(cells))]) == 1
    assert "note: No cell of this file has ever been run." in capsys.readouterr().out
    cells[0].execution_count = 1
    assert module.main([str(save(cells))]) == 1
    assert "has ever been run" not in capsys.readouterr().out


def test_an_editor_that_drops_ids_and_metadata_does_not_matter(save, tmp_path):
    """nbgrader's name is enough, or the last line of the checks."""
    path = save(task("one", None, "one(1)") + task("two", None, "two(1)"))
    content = json.loads(path.read_text())
    content["metadata"] = {"assignment": "mine"}
    for cell in content["cells"]:
        cell["id"], cell["source"] = None, cell["source"].splitlines(keepends=True)
    content["cells"][1]["metadata"] = {"nbgrader": {"grade_id": "check-one"}, "tags": "training"}
    path.write_text(json.dumps(content))
    saved = read(path)
    assert list(saved.tasks) == list(saved.checks) == ["one", "two"]
    assert [cell.called for cell in saved.code] == [
        "code cell 1",
        "the check of one",
        "code cell 3",
        "code cell 4",
    ]
    assert saved.traps() == []


@pytest.mark.parametrize(
    "tasks", [[], {}, {"one": 3}, {"one": {"points": "5", "minutes": None, "check": 7}}]
)
def test_metadata_may_say_anything(save, tasks):
    path = save(task("one", None, "one(1)"), tasks=tasks, hand_in=["../a", 3])
    content = json.loads(path.read_text())
    content["metadata"]["assignment"]["name"] = ["9_tiny"]
    path.write_text(json.dumps(content))
    saved = read(path)
    assert (list(saved.tasks), saved.files, saved.name) == (["one"], [], NAME)


def test_a_changed_or_deleted_check_is_told(save, capsys):
    cells = task("weaker", None, "weaker(1)") + task("gone", None, "gone(1)")
    about = json.loads(save(cells).read_text())["metadata"]["assignment"]
    cells[1].source = cells[1].source.replace("weaker(1)", "")
    path = save(cells[:3], tasks=about["tasks"])
    assert module.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert (
        "note: The check of weaker was changed: grading takes the one that was given out." in said
    )
    assert line_after(said, "gone:") == "its check is no longer in the notebook"


def test_a_file_that_would_not_be_taken_is_told(save, tmp_path, monkeypatch):
    cells = task("stub", None, "stub(1)")
    renamed = read(save(cells, name="9_tiny (1).ipynb"))
    assert module._hand_in(renamed) == [
        ("RENAME", "9_tiny.ipynb, which is called 9_tiny (1).ipynb here")
    ]
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    assert module._hand_in(read(save(cells)))[0][0] == "TOO BIG"
    assert saved_notebook.MAX_BYTES == judge_reads.MAX_BYTES


def test_the_time_since_it_was_saved_is_told(save):
    path = save(task("stub", None, "stub(1)"))
    now = path.stat().st_mtime
    for seconds, says in (
        (0, "just now"),
        (600, "10 minutes ago"),
        (36e3, "10 hours ago"),
        (1e6, "12 days ago"),
    ):
        os.utime(path, (now, now - seconds))
        assert module._ago(path) == says


def test_progress_is_for_a_terminal_alone(monkeypatch, capsys):
    module._progress("cell 1 of 2")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    module._progress("cell 1 of 2")
    assert capsys.readouterr().err == "\r\x1b[Kcell 1 of 2"


TRACEBACKS = {
    "IPython 9": (
        "Cell \x1b[32mIn[7]\x1b[39m\x1b[32m, line 2\x1b[39m\n      1 x\n----> 2 f()\n\n"
        "File ~/torch/nn.py:20, in g(x)\n---> 20 raise E\n",
        (7, 2),
    ),
    "IPython 8": (
        "Cell In[7], line 2\n----> 2 f()\n\nCell In[5], line 9, in f()\n----> 9 1/0\n",
        (5, 9),
    ),
    "IPython 8.0": (
        "Input In [7], in <cell line: 2>()\n----> 2 f()\n\nFile /x.py:20, in g\n---> 20 1\n",
        (7, 2),
    ),
    "IPython 7": (
        "<ipython-input-7-ab12> in <module>\n----> 2 f()\n\n/usr/lib/x.py in g(x)\n"
        "---> 20 raise E\n",
        (7, 2),
    ),
    "syntax, IPython 9": (
        "  Cell In[7], line 3\n    def f(\n         ^\nSyntaxError: never closed\n",
        (7, 3),
    ),
    "syntax, IPython 7": (
        '  File "<ipython-input-7-ab12>", line 3\n    def f(\nSyntaxError: x\n',
        (7, 3),
    ),
    "none": ("TypeError: nothing more", None),
}


@pytest.mark.parametrize("case", TRACEBACKS)
def test_a_place_is_found_in_what_each_ipython_writes(case):
    traceback, place = TRACEBACKS[case]
    assert place_of(traceback) == place


def test_every_notebook_knows_its_tasks_as_they_are_given_out():
    for assignment in assignments():
        master = read_master(assignment)
        notebook = student_notebook(master)
        about, cells = notebook.metadata.assignment, {cell.id: cell for cell in notebook.cells}
        assert {name: known["points"] for name, known in about.tasks.items()} == master.points
        assert all(
            digest(cells[f"check-{name}"].source) == known["check"]
            for name, known in about.tasks.items()
        )
        assert all(known["minutes"] > 0 for known in about.tasks.values())
        assert (about.data, about.hand_in) == (master.packs, master.files)


# ------------------------------------------------------------------------------ as it is in grading


def test_cells_find_what_they_will_find_in_grading(save, tmp_path, monkeypatch):
    """No nearby file, no network, no Colab: a failing statement costs only itself."""
    (tmp_path / "helpers.py").write_text("value = 1")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "network.safetensors").write_bytes(b"weights")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "elsewhere.py").write_text("value = 1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    surroundings = """
import os
assert os.listdir() == ["mine.py"] and os.environ["COURSE_DATA"] == FOLDER + "/data"
assert os.environ["PIP_NO_INDEX"] == os.environ["TORCHDYNAMO_DISABLE"] == "1"
"""
    (tmp_path / "data").mkdir()
    cells = [
        code(f"FOLDER = {str(tmp_path)!r}\nexit"),
        code("\nfrom google.colab import drive\ndrive.mount('/content')\nfrom math import pi"),
        code(
            "import helpers\nimport sys\nsys.path.append(FOLDER + '/lib')\nimport "
            "elsewhere\nkept = 1"
        ),
        code("%%writefile mine.py\ndef double(x):\n    return 2 * x"),
        *task("double", "%nothing_such\nfrom mine import double", "assert double(pi * kept) > 6"),
        *task("surroundings", "def surroundings():\n    return 1", surroundings),
        *task("unchecked", "def unchecked():\n    return 1", "import nothing_such"),
        code("open('notes.txt')"),
        code("open('network.safetensors')"),
    ]
    found = module.run(save(cells, hand_in=["network.safetensors"]))
    assert {name: result.outcome for name, result in found.results.items()} == {
        "double": "passed",
        "surroundings": "passed",
        "unchecked": "FAILED",
    }
    assert found.results["unchecked"].why.startswith(
        "ModuleNotFoundError: No module named 'nothing_such'"
    )
    skipped = "was skipped here and will be in grading:"
    assert [note.partition(" (")[0] for note in found.notes] == [
        f"line 2 of code cell 2 {skipped} `from google.colab import drive`",
        f"line 3 of code cell 2 {skipped} `drive.mount('/content')`",
        "helpers.py is beside the notebook and is not handed in: move its code into a cell",
        f"line 1 of the cell of double {skipped} `%nothing_such`",
        f"elsewhere comes from {tmp_path}/lib, which is not there in grading",
        "notes.txt is beside the notebook and is not handed in: what reads it will "
        "fail in grading.",
    ]


def test_a_task_counts_at_its_check_or_at_the_end(save):
    cells = [
        code("def ratio(x):\n    return x / 2\ndef half(x):\n    return ratio(x)"),
        *task("blend", "def blend(x):\n    return half(x)", "assert blend(2) == 1"),
        *task("below", None, "assert below(1) == 1"),
        *task("wrong", None, "assert wrong(1) == 1, 'no'"),
        *task("both", "def both(x):\n    return x", "assert both(1) == 1"),
        code("def below(x):\n    return x\ndef wrong(x):\n    return 0"),
        code("for ratio in (1, 2):\n    print(ratio)"),
        code("both = lambda x: x"),
    ]
    told = []
    path = save(cells)
    found = module.run(path, tell=lambda task, result: told.append((task.name, result.outcome)))
    assert told == [
        ("blend", "passed"),
        ("below", "passed"),
        ("wrong", "FAILED"),
        ("both", "passed"),
    ]
    assert found.results["wrong"].why == "no (line 1 of the check of wrong)"
    counts = "the grade takes it as it was at its check."
    later = [note for note in found.notes if note.endswith(counts)]
    assert later == [
        "blend passed in its place, but a later cell (code cell 11) changes ratio, which it uses; "
        + counts
    ]


def given(cells: list, **about):
    """A notebook as it is given out: checks are locked, tasks are to be solved."""
    for cell in cells:
        locked = cell.id.startswith("check-")
        cell.metadata.nbgrader = {
            "grade_id": cell.id,
            "grade": False,
            "locked": locked,
            "solution": not locked,
        }
    names = [cell.id.removeprefix("task-") for cell in cells if cell.id.startswith("task-")]
    told = {"name": "9_tiny", "tasks": {name: {"points": 1, "minutes": 1} for name in names}}
    return nbformat.v4.new_notebook(cells=cells, metadata={"assignment": told | about})


def test_the_cells_are_those_of_the_notebook_that_was_given_out(save):
    """A check that was made weaker, one that was deleted, and tasks in another order."""
    released = given(
        task("one", None, "assert one(1) == 1") + task("two", None, "assert two(1) == one(1)")
    )
    first, check, second, _ = released.cells
    weaker = code(check.source.replace("== 1", "> 0"), check.id)
    cells = [
        code("def two(x):\n    return one(x)", second.id),
        code("def one(x):\n    return x + 1", first.id),
        weaker,
        code("mine = 1 / 0"),
    ]
    path = save(cells)
    found = module.run(path, released)
    outcomes = {name: (result.outcome, result.why) for name, result in found.results.items()}
    assert outcomes == {
        "one": ("FAILED", "assert one(1) == 1 (line 1 of the check of one)"),
        "two": ("passed", ""),
    }
    assert [cell.called for cell in found.graded.code][-1] == "the check of two"
    assert (
        "Code cell 4 fails: ZeroDivisionError: division by zero (line 1 of code cell 4)."
        in found.notes
    )
    assert module._state(read(path), released) == "saved just now"
    path.write_text(json.dumps(released))
    assert module._state(read(path), released) == "as it was given out"


def test_a_cell_that_takes_too_long_for_the_grader_is_noted(save):
    saved = read(save([code("x = 1"), code("import big"), *task("stub", None, "stub(1)")]))
    found = notebook_run.NotebookRun(saved)
    for cell, seconds in ((saved.code[0], 9.0), (saved.code[0], 12.0), (saved.code[1], 12.0)):
        found._take(cell, Ran(1, seconds=seconds), [])
    assert found.notes == [
        "Code cell 1 took 12 seconds; the grader stops a cell after 10 and goes on "
        "without what it defines."
    ]


def test_what_a_cell_has_left_set_is_reset():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numpy.seterr(all="raise")
        torch.set_default_device("meta")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        inside_kernel.answer("reset")
        assert not any(action == "error" for action, *_ in warnings.filters)
    made = torch.ones(1, requires_grad=True) * 2
    assert (made.device.type, made.dtype, made.requires_grad) == ("cpu", torch.float32, True)
    assert numpy.geterr()["divide"] == "warn"


def test_a_package_that_nothing_requires_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(not_handed_in, "HOME", tmp_path)
    names = [
        "json",
        "course_utils",
        "torch",
        "pytest",
        "no_such_module",
        "sympy",
    ]  # torch needs sympy
    assert not_handed_in.not_required(names) == {}
    (tmp_path / "requirements.txt").write_text("torch>=2.2\n")
    assert not_handed_in.not_required(names) == {"pytest": "pytest"}


DEFINED = {
    "def f(x):\n    y = 1\nclass C:\n    z = 1": {"f", "C"},
    "import a.b, c as d\nfrom e import f as g, h": {"a", "d", "g", "h"},
    "for i, (j, k) in []:\n    m = [n for n in ()]": {"i", "j", "k", "m"},
    "%%time\nx = 1": {"x"},
    "%%writefile x.py\ndef f():\n    pass": set(),
    "!ls\ny = 1": {"y"},
    "def broken(\n": {"broken"},
}


@pytest.mark.parametrize("source", DEFINED)
def test_what_a_cell_defines(source):
    assert (
        saved_notebook.cell_of({"cell_type": "code", "source": source}, 1).defines
        == DEFINED[source]
    )


def test_line_ends_do_not_change_a_cell():
    assert digest("a = 1\r\nb = 2\r\n") == digest("a = 1\nb = 2") != digest("a = 1\nb = 3")


# ----------------------------------------------------------------- the real thing, where it is used

WARM_UP = find_assignment("0")


def unpacked(folder: Path, notebook, *, data: bool = True) -> Path:
    """The release of assignment 0 without pictures, with this notebook, which checks its folder."""
    master = read_master(WARM_UP)
    look = (
        "import os, course_utils\nassert not os.listdir() and 'self_check_' in "
        "course_utils.__file__"
    )
    notebook.cells.append(code(look))
    for name, content in student_files(master, notebook).items():
        if data or not name.startswith("data/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder / f"{WARM_UP.name}.ipynb"


def run(path: Path, **environment: str) -> subprocess.CompletedProcess:
    """The command as in a terminal, with nothing of this repository on the way."""
    command = [sys.executable, "-m", "course_utils.self_check", path.name]
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "COURSE_DATA")
    }
    return subprocess.run(
        command,
        cwd=path.parent,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_assignment_0_unsolved_in_a_home_with_spaces_and_other_letters(tmp_path):
    path = unpacked(
        tmp_path / "Zoë Łuk's home" / "My Drive", student_notebook(read_master(WARM_UP))
    )
    ran = run(path)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.count("not solved yet") == 7
    assert "0 of 7 tasks pass their visible checks; about 69 minutes are left." in ran.stdout
    notes = [line for line in ran.stdout.splitlines() if line.startswith("note:")]
    # Has been run; answered in writing.
    assert [note.split()[1] for note in notes] == ["No", "Not"], notes


@pytest.mark.slow
def test_assignment_0_solved_with_the_data_in_a_shared_folder_that_nobody_may_write(tmp_path):
    master = read_master(WARM_UP)
    path = unpacked(tmp_path / WARM_UP.name, solution_notebook(master), data=False)
    shared = tmp_path / "shared"
    shared.mkdir()
    for pack in packs_of(master):
        shutil.copy(pack, shared)
    before = {file.name: file.stat().st_mtime_ns for file in shared.rglob("*")}
    shared.chmod(0o555)  # which does not bind root: so what is in it is compared, too
    ran = run(path, COURSE_DATA=str(shared))
    shared.chmod(0o755)
    assert {file.name: file.stat().st_mtime_ns for file in shared.rglob("*")} == before
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert "7 of 7 tasks pass their visible checks.\n" in ran.stdout
