"""What in a student's code an instructor may want to look at. It costs nothing, and accuses nobody.

Each kind of finding is reported once, with its place; flag_rules.py has the wording.
"""

import ast
from collections.abc import Callable, Iterator
from itertools import islice
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NamedTuple

from autograder.judge.source import flag_rules
from autograder.judge.source.code_cells import Code
from autograder.judge.source.name_resolution import (
    Names,
    Scope,
    TooTangledError,
    constant,
    object_of,
    split,
)

TANGLED = "{} was not looked through to its end: the code is too tangled to follow."
Located = ast.expr | ast.stmt  # nodes with a line number
OWNERS = (type, ModuleType, FunctionType, BuiltinFunctionType)
LITERAL = (ast.Constant, ast.Call, ast.UnaryOp, ast.unaryop, ast.List, ast.Tuple, ast.expr_context)


class Seen(NamedTuple):
    """Something seen: what it does, for a sentence, and where.

    what  an example; reported the first time only
    """

    does: str
    line: int
    what: str = ""


def suspicions(cells: list[Code], names: Names, tasks: frozenset[str]) -> list[str]:
    """A sentence on each kind of thing: the first of it, and how many more there are.

    And on each cell that could not be looked through.
    """
    found: dict[str, list[tuple[Code, Seen]]] = {}
    unread = []
    for code in (code for code in cells if code.own):
        try:
            for seen in _in_cell(code, names, tasks):
                found.setdefault(seen.does, []).append((code, seen))
        except TooTangledError:
            names.tangled.add(code.name)
        if code.name in names.tangled:
            unread.append(TANGLED.format(_capital(code.name)))
    several = [f"{len(unread) - 1} more cells were not looked through to their ends."]
    return [_sentence(*places[0], len(places)) for places in found.values()] + (
        unread if len(unread) <= 2 else unread[:1] + several
    )


def _in_cell(code: Code, names: Names, tasks: frozenset[str]) -> Iterator[Seen]:
    yield from _in_text(code)
    yield from _in_magics(code)
    for statement, scope in names.statements_of(code):
        yield from _Look(names, tasks).at(statement, scope)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _sentence(code: Code, seen: Seen, count: int) -> str:
    what = f": `{seen.what}`" if seen.what else ""
    more = f", and {count - 1} more" if count > 1 else ""
    return f"{_capital(code.name)} {seen.does}{what} (line {seen.line}{more})."


def _in_text(code: Code) -> Iterator[Seen]:
    for number, line in enumerate(code.source.split("\n"), 1):
        if hidden := flag_rules.HIDDEN.search(line):
            yield Seen("has characters that can't be seen", number, f"U+{ord(hidden[0]):04X}")


def _in_magics(code: Code) -> Iterator[Seen]:
    for number, text in code.magics:
        word = text.split()[0]
        word = "!" if text.startswith("!") else word
        if word in flag_rules.SHELL_MAGICS and not flag_rules.HONEST_SHELL.match(text):
            yield Seen(flag_rules.SHELLS, number, _shown(text))


class _Look:
    """Looks at one top-level statement."""

    def __init__(self, names: Names, tasks: frozenset[str]) -> None:
        self.names, self.tasks = names, tasks
        self.excused: set[int] = set()  # parts of something harmless

    def at(self, statement: ast.stmt, scope: Scope) -> Iterator[Seen]:
        """What is seen in a statement, from the outside in."""
        for node, around in self.names.walk(statement, scope):
            for look in LOOKS.get(type(node), ()):
                yield from look(self, node, around)

    def imports(self, node: ast.Import, scope: Scope) -> Iterator[Seen]:
        """An import by itself is harmless, except of modules that only a cheat would know."""
        for alias in node.names:
            if alias.name.startswith(tuple(flag_rules.USES[flag_rules.FOR_THE_GRADER])):
                yield from self.uses(alias.name, node)

    def imports_from(self, node: ast.ImportFrom, scope: Scope) -> Iterator[Seen]:
        for alias in node.names:
            yield from self.uses(f"{node.module or ''}.{alias.name}", node)

    def name(self, node: ast.Name | ast.Attribute, scope: Scope) -> Iterator[Seen]:
        """A name that is used for what it stands for; of a dotted one, the whole."""
        if id(node) in self.excused:
            self.excused.add(id(getattr(node, "value", None)))
        elif paths := self.names.paths(node, scope):
            self.excused.add(id(getattr(node, "value", None)))
            for path in sorted(paths) if isinstance(node.ctx, ast.Load) else ():
                yield from self.uses(path, node)

    def uses(self, path: str, node: Located) -> Iterator[Seen]:
        """A dotted name, or the beginning of one, that is watched."""
        parts = path.split(".")
        starts = [".".join(parts[: count + 1]) for count in range(len(parts))]
        if flag_rules.HARMLESS.intersection(starts):
            return
        for start in starts:
            if start in flag_rules.WATCHED:
                yield Seen(flag_rules.WATCHED[start], node.lineno, start.removeprefix("builtins."))
                return
            if (
                start.startswith("get_ipython().")
                and start.split(".")[1] not in flag_rules.MAGIC_METHODS
            ):
                yield Seen("changes or reads IPython itself", node.lineno, _shown(start))
                return

    def attribute(self, node: ast.Attribute, scope: Scope) -> Iterator[Seen]:
        if node.attr in flag_rules.INNER_ATTRIBUTES:
            yield Seen(flag_rules.LOOKS_AROUND, node.lineno, node.attr)
        if not isinstance(node.ctx, ast.Load):
            yield from self.replaced(self.names.paths(node, scope), node)

    def subscript(self, node: ast.Subscript, scope: Scope) -> Iterator[Seen]:
        bases = self.names.paths(node.value, scope)
        if "os.environ" in bases:
            key = constant(node.slice)
            if not isinstance(node.ctx, ast.Load) or key.startswith(flag_rules.BENIGN_VARIABLES):
                self.excused.add(id(node.value))
        elif not isinstance(node.ctx, ast.Load):
            yield from self.replaced(self.names.paths(node, scope), node)
            if any(path.endswith(".__dict__") or path == "sys.modules" for path in bases):
                yield Seen(flag_rules.REPLACES, node.lineno, min(bases))

    def replaced(self, paths: frozenset[str], node: Located) -> Iterator[Seen]:
        """A name of a module or a class, not of an object, that is set or deleted."""
        for path in sorted(paths):
            owner = object_of(path.rpartition(".")[0])
            inner = owner is None or isinstance(owner, OWNERS)
            if (
                inner
                and "." in path
                and not path.startswith((*flag_rules.SETTINGS, "get_ipython()"))
            ):
                yield Seen(flag_rules.REPLACES, node.lineno, _shown(path))

    def compared(self, node: ast.Compare, scope: Scope) -> Iterator[Seen]:
        """`"google.colab" in sys.modules` is how everybody asks."""
        if constant(node.left) == flag_rules.COLAB:
            self.excused |= {id(right) for right in node.comparators}
        yield from ()

    def call(self, node: ast.Call, scope: Scope) -> Iterator[Seen]:
        functions = self.names.paths(node.func, scope)
        bases = self.names.paths(node.args[0], scope) if node.args else frozenset()
        text = [constant(argument) for argument in node.args[:2]]
        if functions & {"builtins.setattr", "builtins.delattr"} and len(node.args) > 1:
            yield from self.replaced(frozenset(f"{base}.{text[1] or '…'}" for base in bases), node)
        elif "builtins.getattr" in functions and len(node.args) > 1:
            yield from self.looked_up(bases, text[1], node, scope)
        elif "builtins.vars" in functions and any(split(base)[0] for base in bases):
            yield Seen(flag_rules.LOOKS_AROUND, node.lineno, f"vars({min(bases)})")
        yield from self.shell(functions, text, node)
        self.environment(functions, text, node)
        yield from self.lists(functions, node)

    def looked_up(
        self, bases: frozenset[str], name: str, node: ast.Call, scope: Scope
    ) -> Iterator[Seen]:
        """`getattr` with a name in parts, or with a variable."""
        if not isinstance(node.args[1], ast.Constant):
            names = {name} | self.names.texts(node.args[1], scope)
            if inner := sorted(names & flag_rules.INNER_ATTRIBUTES):
                yield Seen(flag_rules.LOOKS_AROUND, node.lineno, inner[0])
        for base in sorted(bases & flag_rules.LOOKED_UP) if not name else ():
            yield Seen("looks something up by a name that is put together", node.lineno, base)

    def shell(self, functions: frozenset[str], text: list[str], node: ast.Call) -> Iterator[Seen]:
        way = {"get_ipython().run_line_magic": "%", "get_ipython().run_cell_magic": "%%"}
        for path in sorted(functions & {*flag_rules.SHELL, *way}):
            word = way.get(path, "!") + (text[0] if path in way and text else "")
            if word in flag_rules.SHELL_MAGICS:
                yield Seen(flag_rules.SHELLS, node.lineno, word)

    def environment(self, functions: frozenset[str], text: list[str], node: ast.Call) -> None:
        """Reading a variable that notebooks do ask for is excused, and so is setting any."""
        settings = {"os.environ.setdefault", "os.environ.update", "os.environ.pop", "os.putenv"}
        reads = {"os.environ.get", "os.getenv"}
        benign = bool(text) and text[0].startswith(flag_rules.BENIGN_VARIABLES)
        if functions & settings or (functions & reads and benign):
            self.excused |= {id(part) for part in ast.walk(node.func)}

    def lists(self, functions: frozenset[str], node: ast.Call) -> Iterator[Seen]:
        """Listing a folder that is not the notebook's own."""
        method = (
            isinstance(node.func, ast.Attribute) and node.func.attr in flag_rules.LISTING_METHODS
        )
        if not (functions & flag_rules.LISTING or method):
            return
        for part in islice(ast.walk(node), 50):  # a call in a call is looked at, too
            if flag_rules.AWAY.search(text := constant(part)):
                yield Seen("searches folders outside of its own", node.lineno, _shown(text))

    def text(self, node: ast.Constant, scope: Scope) -> Iterator[Seen]:
        if not isinstance(node.value, str) or id(node) in self.excused or node.value == "/dev/null":
            return
        if flag_rules.SYSTEM_PATH.match(node.value):
            yield Seen("names a folder of the system", node.lineno, _shown(node.value))
        elif inner := flag_rules.INNER_ATTRIBUTES.intersection(node.value[:200].split(".")):
            yield Seen(flag_rules.LOOKS_AROUND, node.lineno, min(inner))
        elif found := flag_rules.GRADER.search(node.value):
            yield Seen(flag_rules.FOR_THE_GRADER, node.lineno, found[0])
        elif flag_rules.SCRIPT.search(node.value):
            yield Seen("shows a script for the browser", node.lineno)

    def docstring(self, node: ast.Expr, scope: Scope) -> Iterator[Seen]:
        """A bare string expression has no effect, so it is not flagged."""
        if isinstance(node.value, ast.Constant):
            self.excused.add(id(node.value))
        yield from ()

    def function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope
    ) -> Iterator[Seen]:
        yield from self.answers(node.name, node.body, node)
        if node.name in self.tasks and self.is_a_table(node, scope):
            yield Seen("answers from a table of numbers", node.lineno, node.name)

    def is_a_table(self, function: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
        """Whether all that a function can return, several values, is written as literals."""
        inside = [*self.names.walk(function, scope)]
        returned = [(node.value, around) for node, around in inside if isinstance(node, ast.Return)]
        written = {
            _form(value) for value, around in returned if value and self.is_literal(value, around)
        }
        return len(returned) > 1 and len(written) == len(returned)

    def is_literal(self, value: ast.expr, scope: Scope) -> bool:
        """Numbers, and what is made of nothing else: `torch.tensor(12.5)`."""
        aside: set[int] = set()  # functions of a library, and options
        for part in ast.walk(value):
            if isinstance(part, ast.Call) and self.names.paths(part.func, scope):
                parts = [part.func, *part.keywords]
                aside |= {id(inner) for one in parts for inner in ast.walk(one)}
        return all(isinstance(part, LITERAL) or id(part) in aside for part in ast.walk(value))

    def dictionary(self, node: ast.Dict, scope: Scope) -> Iterator[Seen]:
        """Methods of a class that is made by `type("Name", (), {"__eq__": lambda ...})`."""
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None and isinstance(value, ast.Lambda):
                yield from self.answers(constant(key), [ast.Return(value.body)], node)

    def answers(self, method: str, body: list[ast.stmt], node: Located) -> Iterator[Seen]:
        returned = [statement.value for statement in body if isinstance(statement, ast.Return)]
        same = len(returned) == len(body) and all(
            isinstance(value, ast.Constant) for value in returned
        )
        if method in flag_rules.ANSWERING or (method in flag_rules.COMPARING and same):
            yield Seen(
                "makes an object that answers for itself when it is looked at", node.lineno, method
            )

    def raised(self, node: ast.Raise, scope: Scope) -> Iterator[Seen]:
        """Whole values in an exception's text. A cause's text, a name or a size is not a value."""
        said = node.exc.args if isinstance(node.exc, ast.Call) else []
        for part in (part for one in said for part in ast.walk(one) if isinstance(part, ast.Call)):
            attribute = part.func.attr if isinstance(part.func, ast.Attribute) else ""
            whole = (
                self.names.paths(part.func, scope) & {"builtins.str", "builtins.repr"} and part.args
            )
            if attribute in ("tolist", "numpy") or (whole and self.is_given(part.args[0], scope)):
                yield Seen("puts what it was given into the text of an exception", node.lineno)

    def is_given(self, node: ast.AST, scope: Scope) -> bool:
        """Whether it is a parameter, as a whole."""
        inner: Scope | None = scope
        while inner is not None and isinstance(node, ast.Name):
            if bounds := inner.locals.get(node.id):
                # A parameter is bound from outside, the name of a caught exception inside.
                return bounds[0].value is None and bounds[0].scope is not inner
            inner = inner.parent
        return False


def _form(value: ast.expr) -> tuple:
    """A form that is the same for equal expressions.

    ast.dump fails on deep expressions and on very long integers.
    """
    parts = [*ast.walk(value)]
    inner = [len([*ast.iter_child_nodes(part)]) for part in parts]
    return tuple(zip(map(_said, parts), inner, strict=True))


def _said(part: ast.AST) -> tuple:
    """What a single node says, without its parts."""
    if isinstance(part, ast.Constant):
        return ast.Constant, type(part.value), part.value
    return type(part), getattr(part, "id", getattr(part, "attr", getattr(part, "arg", "")))


def _shown(text: str) -> str:
    """A few characters of what a student wrote."""
    shown = "".join(
        letter if letter.isprintable() and letter != "`" else " " for letter in text[:60]
    )
    return shown.strip() + ("…" if len(text) > 60 else "")


# Any: each method takes nodes of its key's type.
LOOKS: dict[type[ast.AST], tuple[Callable[[_Look, Any, Scope], Iterator[Seen]], ...]] = {
    ast.Import: (_Look.imports,),
    ast.ImportFrom: (_Look.imports_from,),
    ast.Name: (_Look.name,),
    ast.Attribute: (_Look.attribute, _Look.name),
    ast.Subscript: (_Look.subscript,),
    ast.Compare: (_Look.compared,),
    ast.Call: (_Look.call,),
    ast.Constant: (_Look.text,),
    ast.Expr: (_Look.docstring,),
    ast.FunctionDef: (_Look.function,),
    ast.AsyncFunctionDef: (_Look.function,),
    ast.Dict: (_Look.dictionary,),
    ast.Raise: (_Look.raised,),
}
