"""Cut a reference down to a student's stub, and gather the source of a solution.

Both work on the syntax tree.
"""

import ast
import builtins
import inspect
from functools import lru_cache
from types import ModuleType

from autograder.authoring.source_names import free_names

Definition = ast.FunctionDef | ast.ClassDef


def stub_of(module: ModuleType, name: str) -> str:
    """Signature, docstring and `raise NotImplementedError` of a reference function or class.

    The methods of a class are cut in the same way, except those that the module names in
    `GIVEN = {"ConvNet.__init__"}`. Everything else is left out, so it cannot leak.
    """
    source = inspect.getsource(module)
    node = _definitions(source)[name]
    if not isinstance(node, Definition):
        raise TypeError(f"{module.__name__}.{name} is neither a function nor a class")
    return _cut(node, source.splitlines(), name, getattr(module, "GIVEN", frozenset()))


def _cut(node: Definition, lines: list[str], name: str, given: frozenset[str]) -> str:
    head = lines[_first_line(node) - 1 : _docstring_end(node)]
    if isinstance(node, ast.ClassDef):
        methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
        parts = [
            "\n".join(lines[_first_line(method) - 1 : method.end_lineno])
            if f"{name}.{method.name}" in given
            else _cut(method, lines, f"{name}.{method.name}", given)
            for method in methods
        ]
        return "\n\n".join(["\n".join(head), *parts])
    indent = " " * node.body[0].col_offset
    return "\n".join([*head, f'{indent}raise NotImplementedError("{name}")'])


def _docstring_end(node: Definition) -> int:
    """The last line of the docstring, or, without one, of the signature."""
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        return first.end_lineno or first.lineno
    return first.lineno - 1


def solution_of(module: ModuleType, name: str, defined: set[str]) -> str:
    """The full source of a reference, preceded by the imports and helpers that it needs.

    defined  names that earlier cells of the notebook define; their source is not repeated
    """
    parts: list[str] = []
    _gather(module, name, defined | set(dir(builtins)), parts)
    imports = [part for part in parts if part.startswith(("import ", "from "))]
    others = [part for part in parts if part not in imports]
    return "\n\n\n".join(["\n".join(imports), *others] if imports else others)


def _gather(module: ModuleType, name: str, known: set[str], parts: list[str]) -> None:
    if name in known:
        return
    known.add(name)
    node = _definitions(inspect.getsource(module)).get(name)
    if node is None:
        return
    source = _source(module, node, name)
    for needed in sorted(free_names(source)):
        _gather(module, needed, known, parts)
    parts.append(source)


def _source(module: ModuleType, node: ast.stmt, name: str) -> str:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        alias = next(alias for alias in node.names if _bound_name(alias) == name)
        if isinstance(node, ast.ImportFrom):
            return ast.unparse(ast.ImportFrom(node.module, [alias], node.level))
        return ast.unparse(ast.Import([alias]))
    lines = inspect.getsource(module).splitlines()
    return "\n".join(lines[_first_line(node) - 1 : node.end_lineno])


def _bound_name(alias: ast.alias) -> str:
    """The name that an import binds: `F` for `torch.nn.functional as F`, `torch` for `torch.nn`."""
    return alias.asname or alias.name.split(".")[0]


def _first_line(node: ast.stmt) -> int:
    """The first line of a definition, with its decorators."""
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


# Cached: parsing a module of misconceptions takes 50 ms, and each name that one needs asks for it.
@lru_cache(maxsize=8)
def _definitions(source: str) -> dict[str, ast.stmt]:
    """The statement that defines each top-level name of a module."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {_bound_name(alias): node for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {name.id: node for name in ast.walk(node) if isinstance(name, ast.Name)}
    return found
