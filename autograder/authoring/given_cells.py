"""Given cells define no names: `squared` in a check must not replace a student's helper.

A check cell is one block and a picture cell one function, and neither defines anything for later
cells:

    with visible_checks.of("vote"):        @picture("vote")
        ...                                def _() -> Figure:
                                               ...
"""

import ast
import re
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager

DRAWING = ("picture", "animation", "moving")  # decorators that call a function at once
ONE_BLOCK = (
    'the visible checks of a task are one block, `with visible_checks.of("{}"):`, and nothing else.'
)
ONE_FUNCTION = (
    'a picture cell needs a function decorated with @picture("name"), called `_` and without '
    "arguments, and "
    "nothing else. Move the rest into the function, or, if later cells use it, into a code cell "
    "above."
)
NO_NAME = "the function below @{} leaves its name behind: call it `_`."
NO_GLOBAL = "a picture leaves no names behind, so there is no `global` in it."


class GivenCellError(Exception):
    """A given cell that leaves names behind, or is no Python.

    line  of the cell, from 0
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def plain_python(source: str) -> str:
    """A cell's source with IPython's own syntax, `%time` and `!ls`, made Python."""
    return TransformerManager().transform_cell(source)


def parsed(source: str) -> list[ast.stmt]:
    """The statements of a cell. Raises GivenCellError."""
    try:
        return ast.parse(plain_python(source)).body
    except (SyntaxError, ValueError) as error:
        line = max((getattr(error, "lineno", None) or 1) - 1, 0)
        raise GivenCellError(line, f"this is no Python: {getattr(error, 'msg', error)}.") from None


def prove_check(source: str, task: str) -> None:
    """Raises GivenCellError unless a check cell is exactly one block of its task."""
    body = parsed(source)
    for statement in body:
        if not _is_block(statement, task):
            raise GivenCellError(statement.lineno - 1, ONE_BLOCK.format(task))
    if len(body) != 1:
        raise GivenCellError(body[1].lineno - 1 if body else 0, ONE_BLOCK.format(task))


def _is_block(statement: ast.stmt, task: str) -> bool:
    if not isinstance(statement, ast.With) or len(statement.items) != 1:
        return False
    item = statement.items[0]
    wanted = ast.parse(f'visible_checks.of("{task}")', mode="eval").body
    return item.optional_vars is None and ast.dump(item.context_expr) == ast.dump(wanted)


def picture_name(source: str) -> str:
    """The name of a picture cell's picture. Raises GivenCellError if the cell defines a name."""
    body, name = parsed(source), ""
    for statement in body:
        drawn = _drawn_by(statement)
        if drawn is None:
            raise GivenCellError(statement.lineno - 1, ONE_FUNCTION)
        name = drawn
    if len(body) != 1:
        raise GivenCellError(body[1].lineno - 1 if body else 0, ONE_FUNCTION)
    for part in ast.walk(body[0]):
        if isinstance(part, ast.Global):
            raise GivenCellError(part.lineno - 1, NO_GLOBAL)
    return name


def _drawn_by(statement: ast.stmt) -> str | None:
    """The name in `@picture("name")` above `def _():`; None for any other statement."""
    match statement:
        case ast.FunctionDef(
            name="_",
            args=ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kwarg=None),
            decorator_list=[
                ast.Call(
                    func=ast.Name(id="picture"),
                    args=[ast.Constant(value=str() as name)],
                    keywords=[],
                )
            ],
        ) if re.fullmatch(r"\w+", name):
            return name
    return None


def prove_drawing(source: str) -> None:
    """Raises GivenCellError if a function that a code cell draws with leaves its name behind."""
    for statement in parsed(source):
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for decorator in _called(statement.decorator_list):
            if decorator in DRAWING and statement.name != "_":
                raise GivenCellError(statement.lineno - 1, NO_NAME.format(decorator))


def _called(decorators: list[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        yield getattr(function, "attr", getattr(function, "id", ""))


def line_of(source: str, name: str) -> int:
    """The first line of a cell, from 0, that uses a name."""
    names = [node for statement in parsed(source) for node in ast.walk(statement)]
    return min((n.lineno - 1 for n in names if isinstance(n, ast.Name) and n.id == name), default=0)
