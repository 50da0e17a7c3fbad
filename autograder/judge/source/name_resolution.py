"""What the names in a notebook stand for, told from its syntax trees: `F` is torch.nn.functional.

Nothing is run. Imports, plain assignments, `getattr(F, "conv2d")` and the like are followed; what a
name may hold otherwise stays unknown.

The code may have been written to be slow to analyse. So everything is bounded: the length of the
code, the number and length of the names that an expression may stand for, and the number of steps.
Steps are counted, not timed, so that every machine gives up at the same point. This bounds time and
memory without a separate process.
"""

import ast
import builtins
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from types import ModuleType
from typing import Any

from autograder.judge.source.code_cells import Code

DEPTH = 30  # of expressions that are followed
LIVE = 50  # bindings of one name that are followed
MOST_PATHS = 64  # that one expression may stand for
LONGEST_PATH = 400  # characters
STEPS = 300_000  # the solutions of this course take up to 6,000

ASKING = {"builtins.isinstance", "builtins.issubclass", "builtins.hasattr"}
# What they give is found by their first argument.
ON_FIRST = {"builtins.getattr", "inspect.getattr_static", "builtins.vars", "functools.partial"}
BARE = (
    ast.Name,
    ast.Attribute,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.BinOp,
    ast.BitOr,
    ast.Constant,
    ast.expr_context,
)
TELLING = ("__name__", "__qualname__", "__module__", "__doc__")  # of a function or class

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Value = ast.AST | str | None  # an expression or a definition; a dotted name; unknown

COMPOUND = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)


class TooTangledError(Exception):
    """The code takes too many steps to follow."""


@dataclass(frozen=True)
class Scope:
    """The names that a piece of code sees.

    at      which of the top-level statements it is in, from 0; a function runs at the end of all
    locals  of the function that the code is in
    """

    code: Code
    at: float
    locals: dict[str, list["Bound"]] = field(default_factory=dict)
    parent: "Scope | None" = None


@dataclass(frozen=True)
class Bound:
    """What a name is bound to, and where.

    sure  the binding replaces the earlier ones: it is not in a branch that may not be taken
    """

    value: Value
    scope: Scope
    sure: bool = True


class Names:
    """The names of a notebook's cells, run from top to bottom.

    left     steps before TooTangledError is raised
    tangled  names of the cells with an expression that may stand for too much; some of that was
             left out
    """

    def __init__(self, cells: Iterable[Code], steps: int = STEPS) -> None:
        self.left = steps
        self.tangled: set[str] = set()
        self.top: dict[str, list[Bound]] = defaultdict(list)
        self.statements: list[tuple[ast.stmt, Scope]] = []
        self._of_code: dict[int, list[tuple[ast.stmt, Scope]]] = defaultdict(list)
        self.stars: list[str] = []
        self._known: dict[int, frozenset[str]] = {}
        for code in cells:
            for statement in code.tree.body:
                # What is in a compound statement may also see what the statement itself binds.
                inner = 0.5 if isinstance(statement, COMPOUND) else 0
                self._take(statement, Scope(code, len(self.statements) + inner))

    def _take(self, statement: ast.stmt, scope: Scope) -> None:
        self.statements.append((statement, scope))
        self._of_code[id(scope.code)].append((statement, scope))
        sure = not isinstance(statement, COMPOUND)
        for node in same_scope(statement):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                self.stars.append(node.module or "")
            for name, value in _bindings(node):
                self.top[name].append(Bound(value, scope, sure))

    def statements_of(self, code: Code) -> list[tuple[ast.stmt, Scope]]:
        """The top-level statements of a cell."""
        return self._of_code[id(code)]

    def texts(self, node: ast.AST, scope: Scope) -> set[str]:
        """The strings that a name may hold, if they are written out."""
        bounds = self.live(node.id, scope) if isinstance(node, ast.Name) else []
        return {constant(bound.value) for bound in bounds if isinstance(bound.value, ast.AST)}

    def spend(self, steps: int) -> None:
        """Count steps. Raises TooTangledError when they are used up."""
        self.left -= steps
        if self.left < 0:
            raise TooTangledError

    def live(self, name: str, scope: Scope) -> list[Bound]:
        """The possible bindings of a name at its use: the latest, and those in branches since."""
        self.spend(1)
        inner: Scope | None = scope
        while inner is not None:
            if name in inner.locals:
                return inner.locals[name][-LIVE:]
            inner = inner.parent
        bounds = self.top.get(name, [])
        earlier = bisect_left(bounds, scope.at, key=lambda bound: int(bound.scope.at))
        found = []
        for bound in reversed(bounds[max(earlier - LIVE, 0) : earlier]):
            found.append(bound)
            if bound.sure:
                break
        return found

    def paths(self, node: ast.AST, scope: Scope, depth: int = 0) -> frozenset[str]:
        """The dotted names that an expression may stand for; empty when it is something else."""
        if depth > DEPTH:
            return frozenset()
        if id(node) not in self._known:
            # Known as nothing while it is being resolved: a name may be bound to itself.
            self._known[id(node)] = frozenset()
            resolve = _PATHS.get(type(node), Names._no_paths)
            found = resolve(self, node, scope, depth + 1)
            self._known[id(node)] = self._bounded(found, scope)
        return self._known[id(node)]

    def _bounded(self, found: set[str] | frozenset[str], scope: Scope) -> frozenset[str]:
        """As many names as are followed; always the same ones."""
        self.spend(1 + len(found))
        short = {shortest(path) for path in found if len(path) <= LONGEST_PATH}
        if len(short) > MOST_PATHS or (found and len(max(found, key=len)) > LONGEST_PATH):
            self.tangled.add(scope.code.name)
        return frozenset(short if len(short) <= MOST_PATHS else sorted(short)[:MOST_PATHS])

    def _any_of(self, several: Iterable[Iterable[str]]) -> set[str]:
        found: set[str] = set()
        for paths in several:
            some = [*paths]
            self.spend(1 + len(some))
            found.update(some)
        return found

    def _no_paths(self, node: ast.AST, scope: Scope, depth: int) -> set[str]:
        return set()

    def _of_name(self, node: ast.Name, scope: Scope, depth: int) -> set[str]:
        live = self.live(node.id, scope)
        if not live:
            return self._unbound(node.id)
        return self._any_of(self._of_bound(bound, depth) for bound in live)

    def _unbound(self, name: str) -> set[str]:
        stars = {
            f"{module}.{name}"
            for module in self.stars
            if name in vars(sys.modules.get(module, object))
        }
        known = {f"builtins.{name}"} if hasattr(builtins, name) else set()
        return stars or known or ({name} if name in ("get_ipython", "__builtins__") else set())

    def _of_bound(self, bound: Bound, depth: int) -> Iterable[str]:
        if isinstance(bound.value, str):
            return [bound.value]
        return [] if bound.value is None else self.paths(bound.value, bound.scope, depth)

    def _of_attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> set[str]:
        return {f"{path}.{node.attr}" for path in self.paths(node.value, scope, depth)}

    def _of_call(self, node: ast.Call, scope: Scope, depth: int) -> set[str]:
        """`getattr(F, "conv2d")` and other ways to say `F.conv2d`."""
        functions = self.paths(node.func, scope, depth)
        bases = (
            self.paths(node.args[0], scope, depth)
            if functions & ON_FIRST and node.args
            else frozenset()
        )
        text = [constant(argument) for argument in node.args[:2]]
        if (
            functions & {"builtins.getattr", "inspect.getattr_static"}
            and len(text) == 2
            and text[1]
        ):
            return {f"{path}.{text[1]}" for path in bases}
        if functions & {"builtins.__import__", "importlib.import_module"} and text and text[0]:
            return {text[0]}
        if "builtins.vars" in functions:
            return {f"{path}.__dict__" for path in bases}
        if "functools.partial" in functions:
            return set(bases)
        return {"get_ipython()" for path in functions if path.endswith("get_ipython")}

    def _of_subscript(self, node: ast.Subscript, scope: Scope, depth: int) -> set[str]:
        key = constant(node.slice)
        bases = self.paths(node.value, scope, depth) if key else frozenset()
        found = {f"{path[:-9]}.{key}" for path in bases if path.endswith(".__dict__")}
        return found | ({key} if "sys.modules" in bases else set())

    def _of_parts(self, node: ast.AST, scope: Scope, depth: int) -> set[str]:
        """A choice, or a collection: any of its parts."""
        parts = list(ast.iter_child_nodes(node))[:LIVE]
        return self._any_of(self.paths(part, scope, depth) for part in parts)

    def walk(self, statement: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        """Every node below, with the names that it sees."""
        todo = [(statement, scope)]
        while todo:
            node, around = todo.pop()
            self.spend(1)
            yield node, around
            inside = _inside(node, around)
            self.spend(sum(map(len, inside.locals.values())) if inside is not around else 0)
            # Defaults and decorators do not see what is in the function.
            body = {id(part) for part in _body(node)} if isinstance(node, Function) else set()
            for child in reversed([*ast.iter_child_nodes(node)]):
                todo.append((child, inside if id(child) in body else around))

    def reached(self, name: str) -> Iterator[tuple[str, ast.AST | str, Scope]]:
        """Every node that a top-level name leads to, through the helpers that it uses.

        Each is preceded by the name through which it was reached. What is only named is left out.
        """
        if not self.statements:
            return
        todo = [(name, bound) for bound in self.live(name, Scope(self.statements[0][1].code, inf))]
        seen: set[int] = set()
        while todo:
            by, bound = todo.pop()
            if bound.value is None or id(bound) in seen or not _is_followed(bound):
                continue
            seen.add(id(bound))
            if isinstance(bound.value, str):
                yield by, bound.value, bound.scope
                continue
            aside: set[int] = set()
            for node, scope in self.walk(bound.value, bound.scope):
                if id(node) in aside:
                    aside.update(map(id, ast.iter_child_nodes(node)))
                    continue
                aside.update(map(id, self.only_named(node, scope)))
                yield by, node, scope
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    todo += [
                        (node.id, one) for one in self.live(node.id, scope) if id(one) not in seen
                    ]

    def only_named(self, node: ast.AST, scope: Scope) -> list[ast.AST]:
        """Parts of a node that name something without calling it, now or later.

        Annotations, what is compared, the classes of `isinstance` and of `match`.
        """
        if isinstance(node, ast.arg):
            return [node.annotation] if node.annotation else []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return [node.returns] if node.returns else []
        if isinstance(node, ast.AnnAssign):
            return [node.annotation]
        if isinstance(node, ast.MatchClass):
            return [node.cls]
        if isinstance(node, ast.Compare):
            return _bare(node.left, *node.comparators)
        if isinstance(node, ast.Call) and node.args:
            functions = self.paths(node.func, scope)
            if functions and functions <= ASKING:
                return _bare(*node.args[1:])
            return [node.args[0]] if functions == {"typing.cast"} else []
        if isinstance(node, ast.Attribute) and node.attr in TELLING:
            return _bare(node.value)
        return []


def _bare(*nodes: ast.expr) -> list[ast.AST]:
    """Those of the nodes that are names, or choices of names, and call nothing."""
    return [node for node in nodes if all(isinstance(part, BARE) for part in ast.walk(node))]


def _is_followed(bound: Bound) -> bool:
    """Whether to follow a binding. Of given cells, only functions are followed.

    A visible check may use what a task may not.
    """
    given = not bound.scope.code.own
    return not (given and isinstance(bound.value, ast.expr))


# Any: each takes nodes of its key's type.
_PATHS: dict[type[ast.AST], Callable[[Names, Any, Scope, int], set[str] | frozenset[str]]] = {
    ast.Name: Names._of_name,
    ast.Attribute: Names._of_attribute,
    ast.Call: Names._of_call,
    ast.Subscript: Names._of_subscript,
    **dict.fromkeys(
        (ast.IfExp, ast.BoolOp, ast.Tuple, ast.List, ast.Set, ast.Dict), Names._of_parts
    ),
    ast.NamedExpr: lambda names, node, scope, depth: names.paths(node.value, scope, depth),
}


def same_scope(statement: ast.AST) -> Iterator[ast.AST]:
    """A statement and its parts, without the bodies of functions and classes in it."""
    todo = [statement]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo += reversed([*ast.iter_child_nodes(node)])


def _bindings(node: ast.AST) -> Iterator[tuple[str, Value]]:  # noqa: C901  one branch a node
    """The names that a single node binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else 2 * (alias.name.split(".")[0],)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}"
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, node
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _paired(target, node.value)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
        yield from _paired(node.target, node.value)
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield from _paired(node.target, node.iter)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _paired(node.optional_vars, node.context_expr)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, None
    elif isinstance(node, ast.Match):
        for case in node.cases:
            yield from _captured(case.pattern, node.subject)


def _paired(target: ast.AST, value: ast.AST | None) -> Iterator[tuple[str, Value]]:
    """`a, b = x, y` part by part; a value that can't be split goes to each name as a whole."""
    pairs = [(target, value)]
    while pairs:
        left, right = pairs.pop()
        if isinstance(left, ast.Name):
            yield left.id, right
        elif isinstance(left, (ast.Tuple, ast.List)):
            parts = right.elts if isinstance(right, (ast.Tuple, ast.List)) else []
            matched = parts if len(parts) == len(left.elts) else [right] * len(left.elts)
            pairs += zip(left.elts, matched, strict=True)
        elif isinstance(left, ast.Starred):
            pairs.append((left.value, right))


def _captured(pattern: ast.pattern, subject: ast.expr) -> Iterator[tuple[str, Value]]:
    """The names that a pattern binds, each with its part of the subject, or all if unclear."""
    pairs: list[tuple[ast.pattern, ast.expr]] = [(pattern, subject)]
    while pairs:
        left, right = pairs.pop()
        if isinstance(left, ast.MatchAs) and left.pattern:
            pairs.append((left.pattern, right))
        if name := getattr(left, "rest" if isinstance(left, ast.MatchMapping) else "name", None):
            yield name, right
        parts = right.elts if isinstance(right, (ast.Tuple, ast.List)) else []
        if isinstance(left, ast.MatchSequence) and len(parts) == len(left.patterns):
            pairs += zip(left.patterns, parts, strict=True)
        elif isinstance(left, ast.MatchClass):
            pairs += [(inner, right) for inner in left.patterns]
            for attribute, inner in zip(left.kwd_attrs, left.kwd_patterns, strict=True):
                found = ast.Attribute(right, attribute, ast.Load())
                pairs.append((inner, ast.copy_location(found, left)))
        else:
            pairs += [(inner, right) for inner in getattr(left, "patterns", [])]


def _inside(node: ast.AST, around: Scope) -> Scope:
    """The scope inside a node. The names of a class are left out: its methods do not see them."""
    if not isinstance(node, Function):
        return around
    inside = Scope(around.code, inf, {}, around)
    for name, default in _parameters(node.args):
        inside.locals[name] = [Bound(default, around)]
    outer: set[str] = set()
    for part in (part for statement in _body(node) for part in same_scope(statement)):
        if isinstance(part, (ast.Global, ast.Nonlocal)):
            outer |= set(part.names)
        for name, value in _bindings(part):
            inside.locals.setdefault(name, []).append(Bound(value, inside))
    for name in outer:
        inside.locals.pop(name, None)
    return inside


def _body(function: Function) -> Sequence[ast.AST]:
    return [function.body] if isinstance(function, ast.Lambda) else function.body


def _parameters(given: ast.arguments) -> Iterator[tuple[str, ast.expr | None]]:
    """The parameters of a function, each with its default."""
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    yield from ((one.arg, default) for one, default in zip(positional, defaults, strict=True))
    yield from (
        (one.arg, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    )
    yield from ((one.arg, None) for one in (given.vararg, given.kwarg) if one)


def constant(node: ast.AST, depth: int = 0) -> str:
    """A string that is written out, be it in parts: "con" + "v2d". Empty when it is not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and len(node.values) == 1:
        return constant(node.values[0], DEPTH)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < DEPTH:
        left, right = constant(node.left, depth + 1), constant(node.right, depth + 1)
        return left + right if left and right else ""
    return ""


def shortest(path: str) -> str:
    """A dotted name without detours: torch.nn.functional.torch.equal is torch.equal.

    Only modules that the judge has imported itself are looked into, and nothing of them is run.
    """
    module, rest = split(path)
    return ".".join([module.__name__, *rest]) if module else path


def split(path: str) -> tuple[ModuleType | None, list[str]]:
    """The innermost imported module on a dotted name's path, and the rest of the name."""
    first, *rest = path.split(".")
    module = sys.modules.get(first)
    while module is not None and rest:
        inner = vars(module).get(rest[0], sys.modules.get(f"{module.__name__}.{rest[0]}"))
        if not isinstance(inner, ModuleType):
            break
        module, rest = inner, rest[1:]
    return (module if isinstance(module, ModuleType) else None), rest


def object_of(path: str) -> object:
    """The object of a dotted name, if the judge can tell without running anything; else None."""
    found, rest = split(path)
    for name in rest:
        places = found.__mro__ if isinstance(found, type) else [found]
        if not isinstance(found, (type, ModuleType)):
            return None
        found = next((vars(place)[name] for place in places if name in vars(place)), None)
    return found
