"""A fingerprint of Python code that depends on what the code does, not on how it is written down.

Comments, docstrings, annotations and formatting leave the fingerprint unchanged, so editing them
never makes rendered pictures stale. Everything else counts: numbers, names, statements, and the
module that they are in. The version of Python that computes it does not.
"""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path


def code_fingerprint(modules: Iterable[Path], root: Path) -> str:
    """16 hexadecimal digits for a set of modules, in whatever order they are given.

    root  the folder that the modules' names are relative to
    """
    named = sorted((module.relative_to(root).as_posix(), module) for module in modules)
    code = [(name, _meaning(module.read_text(encoding="utf-8"))) for name, module in named]
    return hashlib.sha256(repr(code).encode()).hexdigest()[:16]


def _meaning(source: str) -> object:
    """The syntax tree of a module, without docstrings and annotations, as nested tuples."""
    return _as_tuples(_Bare().visit(ast.parse(source)))


class _Bare(ast.NodeTransformer):
    """Removes docstrings and annotations from a syntax tree."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # The fields of a dataclass or a NamedTuple are annotations, so their names must remain.
        node.body = [_field(statement) for statement in node.body]
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        self.generic_visit(node)
        return ast.Assign(targets=[node.target], value=node.value)

    def _without_docstring(
        self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def _field(statement: ast.stmt) -> ast.stmt:
    """A statement of a class; an annotated field becomes `NAME = VALUE`, or `NAME` alone."""
    if not isinstance(statement, ast.AnnAssign) or statement.value is not None:
        return statement
    return ast.Expr(value=statement.target)


def _as_tuples(node: object) -> object:
    """A tree as nested tuples. Empty fields are left out: newer versions of Python add some."""
    if isinstance(node, list):
        return tuple(_as_tuples(each) for each in node)
    if not isinstance(node, ast.AST):
        return node
    fields = [
        (name, _as_tuples(value))
        for name, value in ast.iter_fields(node)
        if value is not None and value != [] and name not in ("kind", "type_comment")
    ]
    return (type(node).__name__, *fields)
