"""The names that a piece of Python source uses and defines, by the compiler's own symbol table."""

import symtable
from collections.abc import Iterator


def free_names(source: str) -> set[str]:
    """The global names that a source uses and does not define. Raises SyntaxError."""
    return used_names(source) - defined_names(source)


def used_names(source: str) -> set[str]:
    """The global names that a source uses: at its top level, or inside of functions and classes.

    Raises SyntaxError.
    """
    top = _table(source)
    used = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    for table in _inner_tables(top):
        used |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return used


def defined_names(source: str) -> set[str]:
    """The names that a source defines at its top level. Raises SyntaxError."""
    return {
        symbol.get_name()
        for symbol in _table(source).get_symbols()
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    }


def _table(source: str) -> symtable.SymbolTable:
    return symtable.symtable(source, "<source>", "exec")


def _inner_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """The tables of all functions and classes, however deep."""
    todo = [*table.get_children()]
    while todo:
        one = todo.pop()
        yield one
        todo += one.get_children()
