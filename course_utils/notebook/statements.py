"""Some failing statements are skipped, so that one failed import does not end the whole cell.

install(shell)      from now on the shell skips the statements below when they fail, and continues
taken(shell)        the statements that it has skipped since the last call

Skipped, with a line on stderr and no traceback:

- an import, name by name
- a line magic or a shell command; an unknown cell magic
- a statement that uses a name which a skipped one would have bound (`drive.mount(...)`)
- a plain setting of an imported module (`plt.style.use("missing")`)

Any other failing statement ends its cell, as usual. The grader and the self-check both use this, so
both run a notebook the same way. The grader copies this file: it needs only the standard library
and the given shell.
"""

import ast
import builtins
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, NamedTuple

HOOK = "_skips_statements"  # the shell's attribute
MOST = 200  # records that are kept
MAX_STATEMENT, MAX_ERROR = 80, 200  # characters
# Methods of the shell, to which IPython translates `%x` and `!x`.
MAGICS = {"run_line_magic", "magic", "system", "getoutput"}
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
# The nodes that a setting may consist of, besides calls and names, which are examined one by one.
VALUES = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred)
PLACES = (ast.Attribute, ast.Subscript, ast.Slice, ast.keyword, ast.expr_context)
PLAIN = (*VALUES, *PLACES, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop)


class Skipped(NamedTuple):
    """A statement that was left out.

    line       in the cell as its author sees it, from 1
    statement  its first line
    error      as `ModuleNotFoundError: No module named 'google.colab'`
    """

    line: int
    statement: str
    error: str


def install(shell: Any) -> None:
    """Make an IPython shell skip failing statements. A second call has no effect.

    Does nothing if this version of IPython runs cells in a different way.
    """
    if hasattr(shell, HOOK):
        return
    run = getattr(shell, "run_ast_nodes", None)
    if not inspect.iscoroutinefunction(run) or not callable(getattr(shell, "showtraceback", None)):
        return
    if {"cell_name", "interactivity", "result"} <= set(inspect.signature(run).parameters):
        setattr(shell, HOOK, _Statements(shell))


def taken(shell: Any) -> list[Skipped]:
    """What was left out since the last call, in order."""
    hook: _Statements | None = getattr(shell, HOOK, None)
    if hook is None:
        return []
    found, hook.skipped = hook.skipped, []
    return found


@dataclass(eq=False)
class _Step:
    """A statement that is running. `skip` is its exception if it may be left out."""

    node: ast.stmt
    cell: str
    result: Any
    skip: BaseException | None = None


class _Statements:
    """Runs a shell's statements one by one.

    lost     names that a statement would have bound that was left out; `*` if these are unknown
    running  the statements that are running: one may run another cell
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.lost: set[str] = set()
        self.skipped: list[Skipped] = []
        self.running: list[_Step] = []
        self.run_nodes, self.show = shell.run_ast_nodes, shell.showtraceback
        shell.run_ast_nodes, shell.showtraceback = self.run_ast_nodes, self.showtraceback

    async def run_ast_nodes(
        self,
        nodelist: list[ast.stmt],
        cell_name: str,
        interactivity: str = "last_expr",
        **rest: object,
    ) -> bool | None:
        """What the shell's own does, a statement at a time. Returns whether one has failed."""
        if not nodelist or rest.get("result") is None:
            return await self.run_nodes(nodelist, cell_name, interactivity=interactivity, **rest)
        for node in nodelist:
            shows = interactivity if node is nodelist[-1] or interactivity == "all" else "none"
            if await self._fails(node, cell_name, shows, rest):
                return True
        return False

    async def _fails(self, node: ast.stmt, cell: str, shows: str, rest: dict[str, Any]) -> bool:
        """Run a statement. Returns whether it fails and may not be left out."""
        step = _Step(node, cell, rest["result"])
        self.running.append(step)
        try:
            failed = await self.run_nodes([node], cell, interactivity=shows, **rest)
        finally:
            self.running.remove(step)
        if self.lost:
            self.lost -= self.shell.user_ns.keys()  # names that were bound since are no longer lost
        if step.skip is None:
            return bool(failed)
        step.result.error_in_exec = step.result.error_before_exec = None
        if isinstance(node, ast.Import | ast.ImportFrom) and len(node.names) > 1:
            # The first name may be the one that is missing: the others are wanted.
            return any([await self._fails(part, cell, shows, rest) for part in _name_by_name(node)])
        self._leave_out(step)
        return False

    def showtraceback(self, *arguments: object, **options: object) -> None:
        """Called by the shell after a failed statement; shows nothing if that is left out."""
        step, error = self.running[-1] if self.running else None, sys.exc_info()[1]
        # A statement can also show an exception that it has handled.
        if step is None or error is None or not _is_its(step.result, error):
            self.show(*arguments, **options)
        elif self._may_skip(step, error):
            step.skip = error
        else:
            self.show(*arguments, **options)

    def _may_skip(self, step: _Step, error: BaseException) -> bool:
        node, names = step.node, self.shell.user_ns
        if not isinstance(error, Exception):
            return False
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True
        if (magic := _magic(node)) and (magic in MAGICS or type(error).__name__ == "UsageError"):
            return True
        if any(isinstance(part, ast.Assert | ast.Raise) for part in ast.walk(node)):
            return False  # a check that was not made would have passed
        if isinstance(error, NameError) and self._is_lost(error.name) and _is_own(error, step.cell):
            return True
        return _is_setting(node, names) and not isinstance(
            error, AssertionError | NotImplementedError
        )

    def _is_lost(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.lost or "*" in self.lost)

    def _leave_out(self, step: _Step) -> None:
        """Remember what a statement would have bound, keep a record, and print a line."""
        self.lost |= _bound_by(step.node) - self.shell.user_ns.keys()
        line, statement = self._source(step)
        skipped = Skipped(line, statement[:MAX_STATEMENT], _said(step.skip))
        if skipped in self.skipped[-1:]:
            return  # the next name of the same import
        if len(self.skipped) < MOST:
            self.skipped.append(skipped)
        print(f"line {line} was skipped: {skipped.error}", file=sys.stderr)

    def _source(self, step: _Step) -> tuple[int, str]:
        """The number of a statement's line, and the line, in the cell as it was written."""
        info = getattr(step.result, "info", None)
        raw, number = getattr(info, "raw_cell", None) or "", step.node.lineno
        new = getattr(info, "transformed_cell", None) or self.shell.transform_cell(raw)
        lines = raw.splitlines()
        at = dict(enumerate(_lines_of(lines, new.splitlines()), 1)).get(number, number - 1)
        return at + 1, lines[at].strip() if at < len(lines) else ""


def _lines_of(raw: list[str], new: list[str]) -> Iterator[int]:
    """For each line that IPython makes of a cell, the index of the one that it comes from."""
    # IPython drops empty lines at the top.
    at = next((number for number, line in enumerate(raw) if line.strip()), 0)
    for line in new:
        yield at
        # A magic with a backslash at the end of its line becomes one line.
        while "get_ipython()" in line and at < len(raw) and raw[at].endswith("\\"):
            at += 1
        at += 1


def _is_its(result: Any, error: BaseException) -> bool:
    return error is result.error_in_exec or error is result.error_before_exec


def _name_by_name(node: ast.Import | ast.ImportFrom) -> list[ast.stmt]:
    """An import of several names, as imports of one."""
    parts: list[ast.stmt] = []
    for name in node.names:
        part: ast.stmt = ast.Import(names=[name])
        if isinstance(node, ast.ImportFrom):
            part = ast.ImportFrom(module=node.module, names=[name], level=node.level)
        parts.append(ast.copy_location(part, node))
    return parts


def _magic(node: ast.stmt) -> str:
    """The shell's method that a statement calls, if it does nothing else: `files = !ls`; or ""."""
    match node:
        case (
            ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Call(func=shell), attr=method)))
            | ast.Assign(
                value=ast.Call(func=ast.Attribute(value=ast.Call(func=shell), attr=method))
            )
        ):
            return method if isinstance(shell, ast.Name) and shell.id == "get_ipython" else ""
    return ""


def _is_setting(node: ast.stmt, names: dict[str, object]) -> bool:
    """Whether a statement sets something in an imported module, and uses no names of the notebook.

    As `plt.style.use("missing")`, `torch.set_default_device(torch.device("cuda"))` and
    `plt.rcParams["figure.size"] = 3, 4`. The course's own modules are no part of this.
    """
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _is_plain(node.value, names)
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Attribute | ast.Subscript) and _is_of_module(target, names)
        for target in node.targets
    )


def _is_plain(value: ast.expr, names: dict[str, object]) -> bool:
    """Whether all calls in an expression are of modules, and all names are modules or built in."""
    for part in ast.walk(value):
        if isinstance(part, ast.Name):
            if not (
                _is_module(names.get(part.id))
                or (part.id not in names and hasattr(builtins, part.id))
            ):
                return False
        elif isinstance(part, ast.Call):
            if not _is_of_module(part.func, names):
                return False
        elif not isinstance(part, PLAIN):
            return False
    return True


def _is_of_module(node: ast.expr, names: dict[str, object]) -> bool:
    """Whether an expression is part of a module: `plt.style.use`, `plt.rcParams["figure.size"]`."""
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return False
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and _is_module(names.get(node.id))


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType) and value.__name__.partition(".")[0] != "course_utils"


def _is_own(error: Exception, cell: str) -> bool:
    """Whether an exception comes from a statement itself, and not from a function that it calls."""
    codes, trace = [], error.__traceback__
    while trace is not None:
        codes.append(trace.tb_frame.f_code)
        trace = trace.tb_next
    inside = [at for at, code in enumerate(codes) if code.co_filename == cell][:1]
    return bool(inside) and not any(_is_function(code, cell) for code in codes[inside[0] :])


def _is_function(code: CodeType, cell: str) -> bool:
    """Whether code is a function's, as opposed to a statement, class body or comprehension."""
    optimized = bool(code.co_flags & inspect.CO_OPTIMIZED)
    return code.co_filename != cell or (optimized and code.co_name not in COMPREHENSIONS)


def _bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement binds."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    parts = ast.walk(node)
    return {
        part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _said(error: BaseException | None) -> str:
    """An exception in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a custom __str__ may fail
        text = ""
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:MAX_ERROR]
