"""What a submission's source says before it is run: forbidden calls, and what to flag.

    forbidden   costs the task its points. Found under whatever name, in the task and in the helpers
                it uses
    suspicious  costs nothing (see flags.py)

What is hidden well enough not to be found here is blocked in the worker (blocker.py).
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from math import inf
from pkgutil import resolve_name

from nbformat import NotebookNode

from autograder.checks import Forbidden
from autograder.judge.source.code_cells import Code, code_cells
from autograder.judge.source.flags import suspicions
from autograder.judge.source.name_resolution import (
    LIVE,
    STEPS,
    Bound,
    Names,
    Scope,
    TooTangledError,
    constant,
    object_of,
    shortest,
)

# x.softmax(): x may be a tensor unless it is clearly something else.
TENSOR = "torch.Tensor."
# The places where torch keeps its operators' own functions, under the same names.
INNER = ("torch.ops.", "torch._C.", "torch._VF.")
NOT_ALLOWED = "this task asks you to write yourself"
UNFOLLOWED = (
    "`{}` was not looked through for calls that it may not make: the code is too tangled to follow."
)
EXPRESSIONS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
LOAD = ast.Load()
PLAIN_MAKERS = {"builtins.dict", "types.SimpleNamespace"}
NAMING = ("setattr", "type", "namedtuple", "make_dataclass")
# Expressions of these types are never tensors, whatever their parts are.
NO_TENSOR = (ast.Dict, ast.DictComp, ast.Constant, ast.JoinedStr, ast.Lambda, ast.ClassDef)


@dataclass
class Findings:
    """What was found in a submission's source.

    forbidden  by task, a sentence for its student: the task calls what it has to write out
    flags      what an instructor may want to look at, a sentence each
    """

    forbidden: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


def look(
    notebook: NotebookNode,
    released: NotebookNode,
    tasks: Iterable[str],
    rules: Mapping[str, Forbidden],
) -> Findings:
    """Look through a submission's source.

    notebook  the submission, on the skeleton of the released notebook
    rules     what each task may not call
    """
    cells, unread = code_cells(notebook, released)
    names, found = Names(cells), Findings(flags=unread)
    own = _Attributes(cells)
    for task, rule in rules.items():
        try:
            if sentence := _broken(task, rule, names, own):
                found.forbidden[task] = sentence
        except TooTangledError:
            found.flags.append(UNFOLLOWED.format(task))
    names.left = STEPS
    found.flags += suspicions(cells, names, frozenset(tasks))
    return found


@cache
def objects_of(rule: Forbidden) -> tuple[object, ...]:
    """What the names of a rule stand for, as far as there are such names.

    The first time, this imports parts of other libraries, which takes seconds.
    """
    found = []
    for name in rule.names:
        with suppress(ImportError, AttributeError, ValueError):
            found.append(resolve_name(name))
    return tuple(found)


def _broken(task: str, rule: Forbidden, names: Names, own: "_Attributes") -> str | None:
    """A sentence on a task's first forbidden call, or None. Raises TooTangledError."""
    search = _Search(rule, names, own)
    for by, node, scope in names.reached(task):
        if found := search.forbidden(node, scope):
            way = "" if by == task else f" by way of `{by}`"
            return f"`{task}` calls `{found}`{way}, which {NOT_ALLOWED} ({_place(node, scope)})"
    return None


def _place(node: ast.AST | str, scope: Scope) -> str:
    line = getattr(node, "lineno", None)
    return scope.code.name + (f", line {line}" if line else "")


class _Search:
    """Looks for the calls that one task may not make.

    own  what the notebook gives to objects of its own: these names are not only a tensor's
    """

    def __init__(self, rule: Forbidden, names: Names, own: "_Attributes") -> None:
        self.names, self.own = names, own
        self.paths = {shortest(name) for name in rule.names}
        self.paths |= {f"torch.ops.{op.replace('::', '.')}" for op in rule.ops}
        self.objects = objects_of(rule)
        self.methods = {name.removeprefix(TENSOR) for name in rule.names if name.startswith(TENSOR)}
        self.methods -= own.names
        self.last = {path.rpartition(".")[2] for path in self.paths}

    def forbidden(self, node: ast.AST | str, scope: Scope) -> str:
        """The forbidden call in a node, as it is written; or empty. Raises TooTangledError."""
        if isinstance(node, str):
            return node if self.matches(node) else ""
        if not isinstance(node, EXPRESSIONS) or not isinstance(
            getattr(node, "ctx", LOAD), ast.Load
        ):
            return ""
        paths = self.names.paths(node, scope)
        self.names.spend(len(paths))
        if hit := next((path for path in sorted(paths) if self.matches(path)), ""):
            return _written(node) or hit
        if (
            isinstance(node, ast.Attribute)
            and node.attr in self.methods
            and self.may_be_tensor(node.value, scope)
        ):
            return _written(node) or f".{node.attr}"
        return ""

    def may_be_tensor(self, node: ast.AST, scope: Scope) -> bool:
        """Whether an expression can't be shown to be something else."""
        if isinstance(node, ast.Name):
            bounds = self.names.live(node.id, scope)
            return node.id not in ("self", "cls") and (
                not bounds or any(map(self.may_hold_tensor, bounds))
            )
        if isinstance(node, ast.Attribute) and (own := self.own.values.get(node.attr)):
            return any(map(self.may_hold_tensor, own[:LIVE]))
        return self.may_hold_tensor(Bound(node, scope))

    def may_hold_tensor(self, bound: Bound) -> bool:
        """Whether what is bound so may be a tensor."""
        value, scope = bound.value, bound.scope
        if isinstance(value, ast.Call):
            return not self.makes_own(value.func, scope)
        return not isinstance(value, (str, *NO_TENSOR)) and not (
            value and self.names.paths(value, scope)
        )

    def makes_own(self, function: ast.expr, scope: Scope) -> bool:
        """Whether it calls a class of the notebook, a dictionary's item or a student's module."""
        paths = self.names.paths(function, scope)
        if paths:
            return all(path in PLAIN_MAKERS or _is_students(path) for path in paths)
        bounds = self.names.live(function.id, scope) if isinstance(function, ast.Name) else []
        return bool(bounds) and all(isinstance(bound.value, ast.ClassDef) for bound in bounds)

    def matches(self, path: str) -> bool:
        """Whether a dotted name is a forbidden one, or another name of the same thing."""
        if any(path == one or path.startswith(f"{one}.") for one in self.paths):
            return True
        if path.startswith(INNER) and self.last & set(path.split(".")):
            return True
        found = object_of(path)
        return found is not None and any(found is one for one in self.objects)


def _is_students(path: str) -> bool:
    """Whether a dotted name begins with a module that is neither ours nor a library's."""
    first = path.partition(".")[0]
    return first not in sys.modules and first not in sys.stdlib_module_names


class _Attributes:
    """The attributes that the student's own code gives to its classes and objects.

    names   of all: methods, `self.x = ...`, `SimpleNamespace(x=...)`, `setattr(a, "x", ...)`
    values  that are assigned, by name
    """

    def __init__(self, cells: list[Code]) -> None:
        self.names: set[str] = set()
        self.values: dict[str, list[Bound]] = {}
        for code in (code for code in cells if code.own):
            scope = Scope(code, inf)
            for node in ast.walk(code.tree):
                if isinstance(node, ast.ClassDef):
                    self.names |= {name for item in node.body for name in _bound_in(item)}
                self.names |= set(_named_in_call(node))
                for target in getattr(node, "targets", [getattr(node, "target", None)]):
                    if isinstance(target, ast.Attribute):
                        self.names.add(target.attr)
                        value = Bound(getattr(node, "value", None), scope)
                        self.values.setdefault(target.attr, []).append(value)


def _named_in_call(node: ast.AST) -> Iterator[str]:
    """Keywords, and the texts that `setattr`, `type` and their like are given."""
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Dict):
        yield from (constant(key) for key in node.keys if key)
    elif isinstance(node, ast.Call) and _written(node.func).rpartition(".")[2] in NAMING:
        yield from (word for part in node.args for word in constant(part).replace(",", " ").split())


def _bound_in(item: ast.stmt) -> set[str]:
    """The names that a statement of a class's body binds."""
    if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {item.name}
    targets = getattr(item, "targets", [getattr(item, "target", None)])
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _written(node: ast.AST) -> str:
    """A dotted name as it is written; nothing for a longer expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < 8:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
