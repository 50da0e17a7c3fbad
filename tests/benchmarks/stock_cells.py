"""Hidden checks as stock nbgrader has them: asserts in the grade cells of the notebook.

A cell holds everything that its checks use, written out: the instructor's helpers, the tolerances,
and an object `submission` that calls the student's functions in the same kernel. All of it is in
one function, so that no name of the notebook is overwritten.
"""

import ast
import importlib
import inspect
from copy import deepcopy
from functools import cache
from types import ModuleType

import stock_submission

from autograder.assignments import pack_path
from autograder.authoring.source_names import defined_names, free_names
from autograder.checks import checks_module, checks_of

BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
# nbgrader counts any line on stderr as a failure, a library's warning as well.
CALL = """\
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    hidden_tests(globals())
del hidden_tests, warnings"""
# The pictures that no student has are in a folder of the instructor's.
HERE_INSTEAD = {
    ("autograder.assignments", "pack_path"): (
        "def pack_path(name):\n"
        f"    return __import__('pathlib').Path({str(pack_path('').parent)!r}) / f'{{name}}.npz'"
    )
}


def hidden_tests(topic: str, task: str) -> str:
    """The source of a task's grade cell: all of its hidden checks, and then the task has failed at
    the first one that fails.
    """
    checks = [check.name for check in checks_of(topic) if check.task == task]
    inlined = Inlined()
    for name in checks:
        inlined.add(checks_module(topic), name)
    inlined.add(stock_submission, "StockSubmission")
    calls = [f"{name}(StockSubmission(student))" for name in checks]
    body = "\n".join([inlined.text(), *calls])
    function = ast.parse("def hidden_tests(student):\n    pass").body[0]
    function.body = ast.parse(body).body
    return "\n".join([BEGIN, ast.unparse(function), CALL, END])


class Inlined:
    """The sources of functions, and of everything that they use from the instructor's modules.

    sources  by name, each after those that it uses
    """

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self._seen: set[tuple[str, str]] = set()

    def add(self, module: ModuleType, name: str) -> None:
        """Add a name that a module defines or imports; not Python's own.

        Raises ValueError if something else has this name already.
        """
        place = module.__name__, name
        nodes = _definitions(module).get(name)
        if not nodes or place in self._seen:
            return
        self._seen.add(place)
        if home := _own_module(nodes[0]):
            self.add(importlib.import_module(home), name)
            return
        source = HERE_INSTEAD.get(place) or "\n".join(_source_of(node, name) for node in nodes)
        for needed in sorted(free_names(source)):
            self.add(module, needed)
        if self.sources.setdefault(name, source) != source:
            raise ValueError(f"{module.__name__} and another module both define {name}")

    def text(self) -> str:
        """All of it; a statement that defines several names is there once."""
        return "\n".join(dict.fromkeys(self.sources.values()))


@cache
def _definitions(module: ModuleType) -> dict[str, list[ast.stmt]]:
    """By name, the statements of a module that define it: one, or more that add to it."""
    found: dict[str, list[ast.stmt]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        for name in defined_names(ast.unparse(node)):
            found.setdefault(name, []).append(node)
    return found


def _own_module(node: ast.stmt) -> str:
    """The instructor's module that a statement imports from; empty if it does not."""
    module = node.module if isinstance(node, ast.ImportFrom) else None
    return module if module and module.startswith("autograder") else ""


def _source_of(node: ast.stmt, name: str) -> str:
    """The statement; of an import the one name, of a hidden check without `@check(...)`."""
    node = deepcopy(node)
    if isinstance(node, ast.Import | ast.ImportFrom):
        bound = [(alias.asname or alias.name.split(".")[0], alias) for alias in node.names]
        node.names = [alias for as_, alias in bound if as_ == name]
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = [one for one in node.decorator_list if not _is_check(one)]
    return ast.unparse(node)


def _is_check(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "check"
