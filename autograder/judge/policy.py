"""What a submission's source tells before it is run: calls that a task forbids, and what is worth a look.

    forbidden   costs the task its points. Found under whatever name, in the task and in the helpers it uses
    suspicious  costs nothing (see suspicions.py)

What is hidden well enough not to be found here is blocked in the worker (blocked.py).
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograder.checks import Forbidden
from autograder.judge.bindings import Names, Scope, object_of, shortest
from autograder.judge.code_cells import Code, code_cells
from autograder.judge.suspicions import suspicions

TENSOR = "torch.Tensor."  # x.softmax(): there is no telling that x is a tensor, and the name has to do
# The places where torch keeps its operators' own functions, under the same names.
INNER = ("torch.ops.", "torch._C.", "torch._VF.")
NOT_ALLOWED = "this task asks you to write yourself"
EXPRESSIONS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


@dataclass
class Findings:
    """What was found in a submission's source.

    forbidden  by task, a sentence for its student: the task calls what it has to write out
    flags      what an instructor may want to look at, a sentence each
    """

    forbidden: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


def look(
    notebook: NotebookNode, released: NotebookNode, tasks: Iterable[str], rules: Mapping[str, Forbidden]
) -> Findings:
    """Look through a submission's source.

    notebook  the submission, on the skeleton of the released notebook
    rules     what each task may not call
    """
    cells, unread = code_cells(notebook, released)
    names = Names(cells)
    forbidden = {task: found for task, rule in rules.items() if (found := _broken(task, rule, names))}
    return Findings(forbidden, unread + suspicions(cells, names, frozenset(tasks)))


def _broken(task: str, rule: Forbidden, names: Names) -> str | None:
    """A sentence on the first forbidden call that a task leads to, or None."""
    search = _Search(rule, names)
    for by, node, scope in names.reached(task):
        if found := search.forbidden(node, scope):
            way = "" if by == task else f" by way of `{by}`"
            return f"`{task}` calls `{found}`{way}, which {NOT_ALLOWED} ({_place(node, scope)})"
    return None


def _place(node: ast.AST | str, scope: Scope) -> str:
    line = getattr(node, "lineno", None)
    return scope.code.name + (f", line {line}" if line else "")


class _Search:
    """Looks for the calls that one task may not make."""

    def __init__(self, rule: Forbidden, names: Names) -> None:
        self.names = names
        self.paths = {shortest(name) for name in rule.names}
        self.paths |= {f"torch.ops.{op.replace('::', '.')}" for op in rule.ops}
        self.objects = [found for name in rule.names if (found := object_of(name)) is not None]
        self.methods = {name.removeprefix(TENSOR) for name in rule.names if name.startswith(TENSOR)}
        self.methods -= _methods(code for _, scope in names.statements for code in [scope.code])
        self.last = {path.rpartition(".")[2] for path in self.paths}

    def forbidden(self, node: ast.AST | str, scope: Scope) -> str:
        """What a node calls that it may not, as it is written; or nothing."""
        if isinstance(node, str):
            return node if self.matches(node) else ""
        if not isinstance(node, EXPRESSIONS):
            return ""
        paths = self.names.paths(node, scope)
        if hit := next((path for path in sorted(paths) if self.matches(path)), ""):
            return _written(node) or hit
        unknown = isinstance(node, ast.Attribute) and not self.names.paths(node.value, scope)
        return (_written(node) or f".{node.attr}") if unknown and node.attr in self.methods else ""

    def matches(self, path: str) -> bool:
        """Whether a dotted name is a forbidden one, or another name of the same thing."""
        if any(path == one or path.startswith(f"{one}.") for one in self.paths):
            return True
        if path.startswith(INNER) and self.last & set(path.split(".")):
            return True
        found = object_of(path)
        return found is not None and any(found is one for one in self.objects)


def _methods(cells: Iterable[Code]) -> set[str]:
    """The methods that the notebook's own classes have: their names are not only a tensor's."""
    trees = {id(code.tree): code.tree for code in cells}.values()
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {item.name for node in classes for item in node.body if isinstance(item, ast.FunctionDef)}


def _written(node: ast.AST) -> str:
    """A dotted name as it is written; nothing for a longer expression."""
    parts = []
    while isinstance(node, ast.Attribute) and len(parts) < 8:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
