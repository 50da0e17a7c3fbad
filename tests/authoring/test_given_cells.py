"""Given cells leave no names behind: neither the masters' as they are, nor any that the build
accepts.
"""

import ast
import json
import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from autograder.assignments import Assignment, assignments, find_assignment
from autograder.authoring.master import MasterError, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.source_names import defined_names
from course_utils.notebook.saved_notebook import read

COLORIZATION = find_assignment("colorization")
# What a student may well call a helper; no given cell below a task defines it.
HELPERS = """
accumulate apply areas assign average bins_of blur center centered centred chroma clip cluster code
codes columns conv convolve convolve2d correlate cosine count counts crop cross_correlate cube
decode diff distance distances dot encode entropy error expand f filter flatten forward gamma gather
gaussian get_patches grad gradient grey helper histogram im2col index indices inverse kernel labels
lerp log_softmax loss loss_of mean mix morph nearest norm normalise normalize one_hot outer overlap
pad padded pairwise patches pool pool2d pooled prior probabilities rate relu_grad rescale rgb_of
rotate rotation scale schedule score scores select shape share shares shift sigmoid slide small
smooth soft_codes softmax sort spread sq sqdist square squared squares stack step strided sum_of
sweep table tile to_lab to_rgb to_xyz total transform turn turning unfold upsample votes weighted
weights weights_of where widen windows xyz zoom
"""


@pytest.fixture(scope="module", params=[a.name for a in assignments()])
def code(request):
    """The code cells of a student notebook, in full."""
    notebook = student_notebook(read_master(Assignment(request.param)))
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_no_check_and_no_picture_binds_a_name(code):
    """A block puts back what is bound in it. A function called `_` that has drawn leaves `_` as it
    was.
    """
    given = [cell for cell in code if cell.id.startswith(("check-", "picture-"))]
    assert given
    for cell in given:
        role, _, name = cell.id.partition("-")
        [only] = ast.parse(cell.source).body
        if role == "check":
            assert isinstance(only, ast.With)
            assert ast.unparse(only.items[0]) == f"visible_checks.of('{name}')"
            assert not any(isinstance(node, ast.Global) for node in ast.walk(only))
        else:
            assert [ast.unparse(decorator) for decorator in only.decorator_list] == [
                f"picture('{name}')"
            ]
            assert defined_names(cell.source) == {"_"}


def test_no_given_cell_below_a_task_binds_what_a_student_may_call_a_helper(code):
    helpers = set(HELPERS.split())
    first = next(at for at, cell in enumerate(code) if cell.id.startswith("task-"))
    given = [
        c for c in code[first:] if not c.id.startswith(("task-", "check-", "picture-", "grade-"))
    ]
    assert {
        name: cell.source for cell in given for name in helpers & defined_names(cell.source)
    } == {}
    films = [
        node
        for c in given
        for node in ast.parse(c.source).body
        if "@animation(" in ast.unparse(node)
    ]
    assert {film.name for film in films} <= {"_"}


IMPORTS = "import torch\nfrom torch import Tensor\nfrom course_utils import visible_checks"
CLOSE = re.compile(r"^def close\(.*?(?=\n\n\n)", re.MULTILINE | re.DOTALL)
SQUARED = """
def squared(values: Tensor) -> Tensor:
    return values * values

indices = "a name of the student's own"

def pairwise_squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return squared(a[:, None] - b).sum(dim=-1)

def nearest_neighbors(squared_distances: Tensor, k: int) -> tuple[Tensor, Tensor]:
    nearest = torch.sort(squared_distances, dim=1, stable=True)
    return nearest.indices[:, :k], nearest.values[:, :k]
"""


@pytest.fixture
def shell():
    found = InteractiveShell()
    yield found
    found.restore_sys_module_state()


@pytest.fixture(scope="module")
def data_driven() -> dict[str, str]:
    """The cells of assignment 0 by name, and under "close" what its checks compare by."""
    cells = student_notebook(read_master(find_assignment("data_driven_graphics"))).cells
    return {cell.id: cell.source for cell in cells} | {
        "close": next(found[0] for cell in cells if (found := CLOSE.search(cell.source)))
    }


def test_a_helper_outlives_a_check_with_a_variable_of_its_name(shell, data_driven, capsys):
    """`squared` is a helper of the first task, and a variable in the check of the second."""
    check = data_driven["check-nearest_neighbors"]
    assert {"squared", "indices"} <= defined_names(check)
    shell.run_cell("\n".join([IMPORTS, data_driven["close"], SQUARED])).raise_error()
    before = dict(shell.user_ns)
    shell.run_cell(check).raise_error()
    assert "nearest_neighbors: the visible checks pass." in capsys.readouterr().out
    kept = {name for name in shell.user_ns if not name.startswith("_")}
    assert kept == {name for name in before if not name.startswith("_")}
    assert all(
        shell.user_ns[name] is before[name] for name in ("squared", "indices", "nearest_neighbors")
    )
    shell.run_cell(
        "answer = pairwise_squared_distances(torch.ones(1, 2), torch.zeros(3, 2))"
    ).raise_error()
    assert shell.user_ns["answer"].tolist() == [[2, 2, 2]]


def test_a_check_that_fails_leaves_no_names_and_shows_its_own_line_only(shell, data_driven, capsys):
    wrong = SQUARED.replace("nearest.values[:, :k]", "nearest.values[:, :k] + 1")
    shell.run_cell("\n".join([IMPORTS, data_driven["close"], wrong])).raise_error()
    squared = shell.user_ns["squared"]
    result = shell.run_cell(data_driven["check-nearest_neighbors"])
    assert isinstance(result.error_in_exec, AssertionError)
    shown = capsys.readouterr().out
    assert "squared distances go with the indices" in shown
    assert "visible_checks.py" not in shown
    assert shell.user_ns["squared"] is squared


PICTURE_OF = """
from matplotlib.figure import Figure
from course_utils.plots.pictures import picture

@picture("a_task")
def _() -> Figure:
    """
FILM_OF = """
import torch
from course_utils.plots.animations import animation

@animation("grey")
def _() -> torch.Tensor:
    """
UNSOLVED = 'raise NotImplementedError("a_task")'
DRAWN = {
    "a picture": PICTURE_OF + "return Figure((1, 1))",
    "a picture that waits": PICTURE_OF + UNSOLVED,
    "a film": FILM_OF + "return torch.zeros(2, 3, 4, 4)",
    "a film that waits": FILM_OF + UNSOLVED,
}


@pytest.mark.parametrize("drawn", DRAWN)
def test_the_last_output_stays_the_last_output(shell, drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = shell.user_ns["_"]
    shell.run_cell(DRAWN[drawn]).raise_error()
    assert shell.user_ns["_"] is before
    shell.run_cell("1 + 1").raise_error()
    shell.run_cell(DRAWN[drawn]).raise_error()
    assert shell.user_ns["_"] == 2
    shell.run_cell("_ + 40").raise_error()
    assert shell.user_ns["_"] == 42  # had the name been bound, IPython would not touch it any more


BLOCK = 'with visible_checks.of("l2_loss"):\n'
PICTURE = '@picture("l2_loss")\ndef _() -> Figure:\n'
SLIPS = {
    "of another task": (BLOCK, 'with visible_checks.of("ab_bins"):\n', "are one block"),
    "of two tasks": (BLOCK, BLOCK.replace(":", ', visible_checks.of("ab_bins"):'), "are one block"),
    "as a name": (BLOCK, BLOCK.replace(":", " as block:"), "are one block"),
    "a name in front": (BLOCK, "squared = 4\n" + BLOCK, "are one block"),
    "two blocks": (BLOCK, f"{BLOCK}    pass\n{BLOCK}", "are one block"),
    "as in older releases": (
        BLOCK,
        'if visible_checks.passed("l2_loss") is None:\n',
        "are one block",
    ),
    "no Python": (BLOCK, "with visible_checks.of(:\n", "this is no Python"),
    "a picture with a name": (PICTURE, PICTURE.replace("_", "walk"), "called `_`"),
    "a name before a picture": (PICTURE, f"squared = 4\n\n\n{PICTURE}", "called `_`"),
    "an import before a picture": (PICTURE, f"import os\n\n\n{PICTURE}", "called `_`"),
    "a helper before a picture": (PICTURE, f"def walk():\n    pass\n\n\n{PICTURE}", "called `_`"),
    "a picture with an argument": (
        PICTURE,
        PICTURE.replace("()", "(size=(squared := 4))"),
        "called `_`",
    ),
    "a second decorator": (PICTURE, f"@cache\n{PICTURE}", "called `_`"),
    "no name of a file": (PICTURE, PICTURE.replace("l2_loss", "../l2"), "called `_`"),
    "a global name": (PICTURE, f"{PICTURE}    global squared\n    squared = 4\n", "no `global`"),
    "a picture in a code cell": (
        "PURPLE, GREEN, ORANGE = ",
        '@picture("a")\ndef a():\n    pass\n\n\nPURPLE, GREEN, ORANGE = ',
        "`_`",
    ),
    "a film with a name": (
        "PURPLE, GREEN, ORANGE = ",
        '@animation("a")\ndef a():\n    pass\n\n\nPURPLE, GREEN, ORANGE = ',
        "`_`",
    ),
    "a check's name later": (
        "bins = or_placeholder",
        "print(target)\nbins = or_placeholder",
        "'target' is used here",
    ),
    "a picture's name later": (
        "bins = or_placeholder",
        "print(path)\nbins = or_placeholder",
        "'path' is used here",
    ),
    "in a function": (
        "bins = or_placeholder",
        "def f():\n    return target\n\n\nbins = or_placeholder",
        "'target' is used here",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_what_leaves_a_name_is_refused_with_file_and_line(slip, tmp_path):
    right, wrong, message = SLIPS[slip]
    text = COLORIZATION.master.read_text()
    assert text.count(right) == 1
    path = tmp_path / "assignment.md"
    path.write_text(text.replace(right, wrong))
    with pytest.raises(MasterError, match=re.escape(message)) as error:
        student_notebook(read_master(COLORIZATION, path))
    line = int(re.search(r"assignment\.md:(\d+): ", str(error.value))[1])
    first = text[: text.index(right)].count("\n") + 1
    assert first <= line <= first + wrong.count("\n") + 1


def test_a_tasks_check_is_found_when_an_editor_has_dropped_all_metadata(tmp_path):
    sources = [
        'with visible_checks.of("vote"):\n    pass',
        'visible_checks.passed("blend")',
        "pass",
    ]
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    path = tmp_path / "notebook.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}}))
    saved = read(path)
    assert {task: cell.source for task, cell in saved.checks.items()} == dict(
        zip(("vote", "blend"), sources, strict=False)
    )
