"""What is cut from a reference, and what a solution takes along."""

import importlib.util
import textwrap

import pytest

from autograder.authoring.source_names import defined_names, free_names
from autograder.authoring.stub import solution_of, stub_of

SOURCE = '''
import math
from functools import lru_cache, partial
from torch import Tensor, nn

SCALE = 3.0
GIVEN = {"Net.__init__"}


def _helper(x):
    return SCALE * math.sqrt(x)


@lru_cache
def task(x: float, y: int = 2) -> float:
    """First line.

    Second line.
    """
    secret = _helper(x)  # a comment
    return secret + y


def without_docstring(a,
                      b=1):
    return a + b


class Net(nn.Module):
    """A network."""

    depth = 12345

    def __init__(self):
        super().__init__()
        self.shipped = 1

    @property
    def size(self) -> int:
        """Its size."""
        return 54321

    def forward(self, x: Tensor) -> Tensor:
        """Through it."""
        return x * self.depth
'''


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "reference_fixture.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("reference_fixture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_function_keeps_signature_and_docstring_only(module):
    assert stub_of(module, "task") == textwrap.dedent('''\
        @lru_cache
        def task(x: float, y: int = 2) -> float:
            """First line.

            Second line.
            """
            raise NotImplementedError("task")''')


def test_without_docstring_the_body_still_goes(module):
    assert stub_of(module, "without_docstring") == (
        "def without_docstring(a,\n                      b=1):\n"
        '    raise NotImplementedError("without_docstring")'
    )


def test_class_keeps_only_what_is_given(module):
    stub = stub_of(module, "Net")
    assert "self.shipped = 1" in stub
    assert 'raise NotImplementedError("Net.forward")' in stub
    assert "@property" in stub
    assert "12345" not in stub
    assert "54321" not in stub
    assert "self.depth" not in stub
    compile(stub, "stub", "exec")


def test_solution_brings_what_it_needs_and_the_notebook_lacks(module):
    solution = solution_of(module, "task", defined=set())
    assert solution.startswith("import math\nfrom functools import lru_cache\n")
    assert "SCALE = 3.0" in solution
    assert "def _helper" in solution
    assert "partial" not in solution
    assert "_helper" in solution_of(module, "task", defined={"math", "SCALE"})
    assert "SCALE = 3.0" not in solution_of(module, "task", defined={"math", "SCALE"})
    names = {}
    exec(solution, names)
    assert names["task"](4.0) == 8.0


def test_free_and_defined_names():
    source = "import numpy as np\nx = np.sum(y)\ndef f(a: T = d) -> R:\n    return a + z + x"
    assert free_names(source) == {"y", "T", "d", "R", "z"}
    assert defined_names(source) == {"np", "x", "f"}
