"""A cell fails by statements: what may be left out is, everything else ends its cell."""

import asyncio
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course_utils.notebook import statements
from course_utils.notebook.statements import Skipped, install, taken


@pytest.fixture
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    install(shell)
    yield shell
    shell.restore_sys_module_state()


COLAB = "ModuleNotFoundError: No module named 'google"
NAME = "NameError: name"

# The cell, the names that it has bound, and what was left out: lines and how their errors begin.
LEFT_OUT = {
    "an import": (
        "\n\n# mine\nfrom google.colab import drive\nafter = 1",
        {"after": 1},
        [(4, "from google.colab import drive", COLAB)],
    ),
    "what uses its name": (
        'from google.colab import drive\ndrive.mount("/content")\nafter = 1',
        {"after": 1},
        [
            (1, "from google.colab import drive", COLAB),
            (2, 'drive.mount("/content")', NAME + " 'drive'"),
        ],
    ),
    "what is made with it": (
        "import google.colab as colab\nfiles = [colab.ls(p) for p in '12']\nnumber = "
        "len(files)\nafter = 1",
        {"after": 1},
        [
            (1, "import google.colab as colab", COLAB),
            (2, "files = [colab.ls(p) for p in '12']", NAME + " 'colab'"),
            (3, "number = len(files)", NAME + " 'files'"),
        ],
    ),
    "one name of several": (
        "import json as a, my_home_package, math as b\nfrom math import nothing, pi\n"
        "after = b.floor(pi)",
        {"after": 3},
        [
            (
                1,
                "import json as a, my_home_package, math as b",
                "ModuleNotFoundError: No module named 'my_h",
            ),
            (2, "from math import nothing, pi", "ImportError: cannot import name 'nothing'"),
        ],
    ),
    "all names of a module": (
        "from my_helpers import *\nx = help_me(2)\nafter = 1",
        {"after": 1},
        [
            (1, "from my_helpers import *", "ModuleNotFound"),
            (2, "x = help_me(2)", NAME + " 'help_me'"),
        ],
    ),
    "a magic that nobody knows": (
        "%autosave_not 60\nafter = 1",
        {"after": 1},
        [(1, "%autosave_not 60", "UsageError: Line magic function `%autosave_not` not found")],
    ),
    "a magic that fails": (
        "%load_ext nb_black\nx = %load_ext nb_black\ny = x\nafter = 1",
        {"after": 1},
        [
            (1, "%load_ext nb_black", "ModuleNotFoundError: No module named 'nb_black'"),
            (2, "x = %load_ext nb_black", "ModuleNotFoundError: No module named 'nb_black'"),
            (3, "y = x", NAME + " 'x'"),
        ],
    ),
    "lines after a long magic": (
        "\n%load_ext \\\n  nb_black\n\nimport my_home_package\nafter = 1",
        {"after": 1},
        [
            (2, "%load_ext \\", "ModuleNotFoundError"),
            (5, "import my_home_package", "ModuleNotFoundError"),
        ],
    ),
    "a cell magic that nobody knows": (
        "%%nothing\nafter = 1",
        {},
        [(1, "%%nothing", "UsageError: Cell magic `%%nothing` not found")],
    ),
    "a class, a function": (
        "import tensorkit\nclass Net(tensorkit.Module):\n    pass\n@tensorkit.fast\n"
        "def f(x):\n    return x\n"
        "class Old:\n    kind = tensorkit.kind\nnet = Net()\nafter = 1",
        {"after": 1},
        [
            (1, "import tensorkit", "ModuleNotFoundError"),
            (2, "class Net(tensorkit.Module):", NAME),
            (5, "def f(x):", NAME),
            (7, "class Old:", NAME),
            (9, "net = Net()", NAME + " 'Net'"),
        ],
    ),
    "a setting": (
        "import sys, os, locale\nos.chdir('/content/drive')\n"
        "locale.setlocale(locale.LC_ALL, 'xx')\n"
        "os.environ['A'] = 1\nos.chdir(os.fspath('/content' + os.sep))\nafter = 1",
        {"after": 1},
        [
            (2, "os.chdir('/content/drive')", "FileNotFoundError"),
            (3, "locale.setlocale(locale.LC_ALL, 'xx')", "Error: unsupported locale setting"),
            (4, "os.environ['A'] = 1", "TypeError"),
            (5, "os.chdir(os.fspath('/content' + os.sep))", "FileNotFoundError"),
        ],
    ),
    "what awaits": (
        "import asyncio, my_home_package\nawait asyncio.sleep(0)\nawait "
        "my_home_package.start()\nafter = 1",
        {"after": 1},
        [
            (1, "import asyncio, my_home_package", "ModuleN"),
            (3, "await my_home_package.start()", NAME),
        ],
    ),
    "a module that can't be compiled": (
        "import sys\nsys.path.insert(0, 'FOLDER')\nimport broken_module\nafter = 1",
        {"after": 1},
        [(3, "import broken_module", "SyntaxError")],
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_statement_is_left_out_and_the_next_one_runs(case, shell, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "broken_module.py").write_text("def f(:\n    pass\n")
    cell, bound, left_out = LEFT_OUT[case]
    result = shell.run_cell(cell.replace("FOLDER", str(tmp_path)))
    assert result.success
    assert {name: shell.user_ns.get(name) for name in bound} == bound
    assert shell.last_execution_succeeded
    found = taken(shell)
    assert [(one.line, one.statement) for one in found] == [
        (line, text) for line, text, _ in left_out
    ]
    for one, (*_, error) in zip(found, left_out, strict=True):
        assert one.error.startswith(error)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert said.err.splitlines()[:1] == [f"line {found[0].line} was skipped: {found[0].error}"]
    assert taken(shell) == []


# The cell, and the exception that ends it.
ENDED = {
    "a mistake": ("x = 1 / 0\nafter = 1", "ZeroDivisionError"),
    "a name that was never there": ("import no_module_a\nx = never\nafter = 1", "NameError"),
    "an import in a try": (
        "try:\n    import no_module_a\nfinally:\n    x = 1\nafter = 1",
        "ModuleNotFoundError",
    ),
    "a check": ("import no_module_a\nassert no_module_a.right(1)\nafter = 1", "NameError"),
    "checks in a loop": (
        "import no_module_a\nfor x in no_module_a.cases:\n    assert x\nafter = 1",
        "NameError",
    ),
    "a function that uses a lost name": (
        "import no_module_a\ndef f():\n    return no_module_a.x\ny = f()\nafter = 1",
        "NameError",
    ),
    "an interrupt": ("import _thread\nraise KeyboardInterrupt\nafter = 1", "KeyboardInterrupt"),
    "an interrupted setting": ("import sys\nsys.exit(3)\nafter = 1", "SystemExit"),
    "a check of a module": (
        "import unittest\nunittest.TestCase().assertEqual(1, 2)\nafter = 1",
        "AssertionError",
    ),
    "a module with something of the notebook's own": (
        "import math\nmine = -1\nmath.sqrt(mine)\nafter = 1",
        "ValueError",
    ),
    "a value": ("import math\nx = math.sqrt(-1)\nafter = 1", "ValueError"),
    "a module of the course": (
        "from course_utils import visible_checks\nvisible_checks.passed()\nafter = 1",
        "TypeError",
    ),
    "what can't be compiled": ("import math\nreturn 1\nafter = 1", "SyntaxError"),
    "a name found again, then deleted": (
        "import no_module_a\nno_module_a = 1\ndel no_module_a\nno_module_a\nafter = 1",
        "NameError",
    ),
}


@pytest.mark.parametrize("case", ENDED)
def test_everything_else_ends_its_cell(case, shell, capsys, recwarn):
    cell, error = ENDED[case]
    result = shell.run_cell(cell)
    assert type(result.error_in_exec or result.error_before_exec).__name__ == error
    assert "after" not in shell.user_ns
    said = capsys.readouterr()
    assert error in said.out + said.err


def test_a_lost_name_is_remembered_until_it_is_bound(shell, capsys):
    shell.run_cell("import no_module_a")
    assert shell.run_cell("no_module_a.run()\nafter = 1").success
    assert [one.line for one in taken(shell)] == [1, 1]
    assert shell.run_cell("no_module_a = None").success
    assert not shell.run_cell("no_module_a.run()\nagain = 1").success
    assert taken(shell) == []
    assert "again" not in shell.user_ns


def test_an_exception_that_a_cell_shows_itself_is_shown(shell, capsys):
    shell.run_cell(
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\nx = 1"
    )
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert (taken(shell), shell.user_ns["x"]) == ([], 1)


def test_a_cell_within_a_cell(shell, capsys):
    shell.run_cell("%%capture out\nimport no_module_a\ninner = 1")
    assert shell.user_ns["inner"] == 1
    assert shell.run_cell("get_ipython().run_cell('import no_module_b')\nouter = 1").success
    assert [one.statement for one in taken(shell)] == ["import no_module_a", "import no_module_b"]


@pytest.mark.parametrize("shows", ["last_expr", "last", "all", "none", "last_expr_or_assign"])
def test_values_are_shown_as_without_it(shell, capsys, shows):
    plain = InteractiveShell(config=shell.config)
    said = []
    for one in (shell, plain):
        one.ast_node_interactivity = shows
        one.run_cell("1 + 1\nx = 3\n4 + 4\nx = 7")
        one.run_cell("5 + 5\n6 + 6")
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_it_leaves_no_name_and_twice_is_once(shell):
    plain = InteractiveShell(config=shell.config)
    before = set(plain.user_ns)
    install(plain)
    run = plain.run_ast_nodes
    install(plain)
    assert (set(plain.user_ns), plain.run_ast_nodes) == (before, run)


def test_a_shell_that_runs_cells_another_way_is_left_alone():
    class Other:
        def run_ast_nodes(self, nodes):
            return nodes

    class Shell:
        async def run_ast_nodes(self, code):
            return code

    for shell in (Other(), Shell(), object()):
        install(shell)
        assert not hasattr(shell, statements.HOOK)
        assert taken(shell) == []
    assert asyncio.run(Shell().run_ast_nodes(3)) == 3


def test_records_are_short_and_few(shell, capsys, monkeypatch):
    monkeypatch.setattr(statements, "MOST", 3)
    shell.run_cell("\n".join(f"import no_module_{'a' * 300}_{i}" for i in range(5)))
    found = taken(shell)
    assert (len(found), len(found[0].statement), len(found[0].error)) == (3, 80, 200)
    assert isinstance(found[0], Skipped)
