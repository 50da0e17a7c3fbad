"""What of a notebook is run for a verdict, and that the verdict is the same as with all of it."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from generated_notebooks import generated_notebook
from workers import needs_bubblewrap

from autograder.assignments import Assignment, assignments, find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import content_id, solution_notebook, student_notebook
from autograder.judge import judge as judge_module
from autograder.judge.exam import exam_of
from autograder.judge.parallel.pool import Pool
from autograder.judge.source.needed_cells import (
    all_sources,
    cells_apart,
    names_bound_by_given,
    sources_for_page,
    sources_for_verdict,
    sources_of_given,
    statements_of,
)

GIVEN = """\
import torch
from course import load, show

SIZE = 32
views = load(SIZE)  # slow


def shown(view):
    return view * SIZE


seen, unseen = views.split()
kept: dict[str, int] = {}
kept["a"] = len(seen)
show(shown(seen[0]), "one view")
torch.set_num_threads(1)
try:
    print(len(unseen))
except ValueError:
    print("none")"""
FIRST, SET_UP = "import torch\nfrom course import load, show", "torch.set_num_threads(1)"


def notebook_with(*own: str, given: str = GIVEN) -> nbformat.NotebookNode:
    """A given cell, a visible check, a picture, and a student's own cells behind them."""
    code = nbformat.v4.new_code_cell
    cells = [code(given), code("assert vote(views)", id="check-vote")]
    cells += [code("@picture('vote')\ndef _():\n    return shown(unseen)", id="picture-vote")]
    cells[0].id = content_id(cells[0])
    return nbformat.v4.new_notebook(cells=[*cells, *map(code, own)])


def run_of_given(*own: str, given: str = GIVEN) -> list[str]:
    """The lines of the given cell that are run for a verdict."""
    notebook = notebook_with(*own, given=given)
    source = sources_for_verdict(notebook).get(notebook.cells[0].id, "")
    return [line for line in source.split("\n") if line.strip()]


NAMES = [assignment.name for assignment in assignments()]
ALWAYS = [*FIRST.split("\n"), SET_UP]


@pytest.mark.parametrize(
    ("own", "more"),
    [
        ("def vote(a):\n    return torch.mode(a)", []),
        ("def vote(views):\n    return views.mean()", []),
        ("def vote(a):\n    return a + SIZE", ["SIZE = 32"]),
        ("SIZE + 1", ["SIZE = 32"]),
        ("def vote(a):\n    def inner():\n        return SIZE\n    return inner", ["SIZE = 32"]),
        ("class Vote:\n    size = SIZE", ["SIZE = 32"]),
        ("vote = lambda a, size=SIZE: a", ["SIZE = 32"]),
        ("def vote(a: 'views'):\n    return a", []),
        ("%time print(SIZE)", ["SIZE = 32"]),
        ("!echo {SIZE}", ["SIZE = 32"]),
        ("del SIZE", ["SIZE = 32"]),
        ("SIZE += 1", ["SIZE = 32"]),
        ("global SIZE\nSIZE", ["SIZE = 32"]),
        ("this is SIZE no Python", []),
        ("'SIZE'", []),
    ],
)
def test_a_verdict_runs_the_given_statements_whose_names_are_used(own, more):
    assert run_of_given(own) == sorted([*ALWAYS, *more], key=GIVEN.split("\n").index)


def test_names_are_followed_through_given_code():
    lines = run_of_given("def vote(a):\n    return shown(a)")
    assert {"def shown(view):", "    return view * SIZE", "SIZE = 32"} < set(lines)
    assert not any("load(" in line for line in lines if "import" not in line)
    lines = run_of_given("print(kept)")
    assert 'kept["a"] = len(seen)' in lines  # what changes an object is run with it
    assert "seen, unseen = views.split()" in lines
    assert "views = load(SIZE)  # slow" in lines


@pytest.mark.parametrize(
    "own",
    [
        "globals()['views']",
        "def vote(a):\n    return eval('views')",
        "import __main__",
        "from sys import modules",
        "import sys\nsys.modules['__main__'].views",
        "get_ipython().user_ns['views']",
        "vote.__globals__",
        "%who",
        "%run -i other.py",
        "import inspect",
    ],
)
def test_code_that_looks_names_up_has_all_given_code_but_its_drawings(own):
    lines = run_of_given(own)
    assert "views = load(SIZE)  # slow" in lines
    assert "seen, unseen = views.split()" in lines
    assert not any(line.startswith(("show(", "try:")) for line in lines)


@pytest.mark.parametrize("own", ["re.compile('a')", "model.eval()", "list(net.modules())"])
def test_everyday_methods_do_not_count_as_looking_names_up(own):
    assert "views = load(SIZE)  # slow" not in run_of_given(own)


def test_visible_checks_and_pictures_are_not_run_for_a_verdict_and_are_for_a_page():
    notebook = notebook_with("x = 1")
    own = notebook.cells[-1].id
    assert set(sources_for_verdict(notebook)) == {notebook.cells[0].id, own}
    page = sources_for_page(notebook, [])
    assert set(page) == {notebook.cells[0].id, "check-vote", own}
    assert 'show(shown(seen[0]), "one view")' in page[notebook.cells[0].id]
    assert "picture-vote" in sources_for_page(notebook, ["vote"])
    assert set(sources_for_page(notebook, ["vote"])) == set(all_sources(notebook))


@pytest.mark.parametrize(
    ("own", "apart"),
    [
        ("def vote(a):\n    return torch.mode(a)", True),
        ("show = None", False),  # what it draws with
        ("def shown(view):\n    return 3", False),
        ("views.shuffle()", False),  # it may change the object
        ("torch.manual_seed = None", False),  # a part of a module that it uses
        ("globals()['views'] = 3", False),
        ("%reset -f", False),
        ("this is no Python", True),
    ],
)
def test_a_given_cell_is_apart_if_the_students_code_has_nothing_to_do_with_it(own, apart):
    notebook = notebook_with(own)
    assert cells_apart(notebook) == ({notebook.cells[0].id} if apart else set())


def test_what_known_cells_only_draw_is_not_run_for_a_page():
    notebook = notebook_with("x = 1")
    given = notebook.cells[0].id
    source = sources_for_page(notebook, ["vote"], [given])[given]
    assert "show(shown(" not in source
    assert "seen, unseen = views.split()" in source  # the picture uses it
    assert "show(shown(" in sources_of_given(notebook, [given])[given]


def test_lines_keep_their_numbers():
    notebook = notebook_with("print(kept)")
    source = sources_for_verdict(notebook)[notebook.cells[0].id]
    given = GIVEN.split("\n")
    assert all(line in ("", given[at]) for at, line in enumerate(source.split("\n")))


@pytest.mark.parametrize(
    "given", ["%matplotlib inline\nviews = load(3)", "SIZE = 3; views = load(3)"]
)
def test_a_given_cell_that_cannot_be_cut_is_run_whole(given):
    assert statements_of(given) is None
    assert run_of_given("x = 1", given=given) == given.split("\n")


def test_a_changed_given_cell_is_the_students_own_and_run_whole():
    notebook = notebook_with("x = 1")
    notebook.cells[0].source += "\nmine = 3"
    assert sources_for_verdict(notebook)[notebook.cells[0].id] == notebook.cells[0].source


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_of_a_solved_assignment_loads_no_data_and_draws_nothing(name):
    """The promise in the README: seconds of pictures are not paid for by a verdict."""
    notebook = solution_notebook(read_master(Assignment(name)))
    sources = sources_for_verdict(notebook)
    text = "\n".join(source for name, source in sources.items() if not name.startswith("task-"))
    code = [
        line for line in text.split("\n") if not line.startswith(("import ", "from ", " ", ")"))
    ]
    assert [line for line in code if line.strip()] == []


# ------------------------------------------------------------------------- the verdict is the same


def compared(verdict) -> dict:
    """What two verdicts on the same submission must agree in."""
    told = json.loads(verdict.to_json())
    for measured in ("resources", "key"):
        del told[measured]
    return told


def verdicts_on(paths: list[Path], exam) -> dict[Path, dict]:
    with Pool(exam) as pool:
        return {path: compared(one.verdict) for path, one in pool.judge(paths)}


def assert_same_with_everything_run(assignment, seeds, folder, monkeypatch):
    exam = exam_of(assignment)
    given = sorted(names_bound_by_given(student_notebook(exam.master)))
    paths = []
    for seed in seeds:
        path = folder / str(seed) / f"{assignment.name}.ipynb"
        path.parent.mkdir()
        nbformat.write(generated_notebook(exam.master, given, seed), path)
        paths.append(path)
    needed = verdicts_on(paths, exam)
    monkeypatch.setattr(judge_module, "sources_for_verdict", all_sources)
    everything = verdicts_on(paths, exam)
    assert [path for path in paths if needed[path] != everything[path]] == []
    assert {told["status"] for told in needed.values()} == {"graded"}


@needs_bubblewrap
def test_verdicts_are_the_same_with_everything_run(tmp_path, monkeypatch):
    assert_same_with_everything_run(
        find_assignment("data_driven_graphics"), range(2), tmp_path, monkeypatch
    )


@needs_bubblewrap
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_verdicts_are_the_same_with_everything_run(name, tmp_path, monkeypatch):
    """GENERATED=60 pytest -m slow: so many notebooks of each assignment."""
    seeds = range(100, 100 + int(os.environ.get("GENERATED", "12")))
    assert_same_with_everything_run(Assignment(name), seeds, tmp_path, monkeypatch)
