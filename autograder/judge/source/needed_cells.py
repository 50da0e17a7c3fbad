"""What of a notebook is run: for a verdict what the tasks need, for a feedback page what it shows.

A student's own cells are always run, whole. The notebook's visible checks and pictures define no
names (see `autograder.authoring.given_cells`), so a verdict does not need them. Of the other given
cells, it needs the statements whose names the student's code uses, directly or through other given
code:

    views = load_views("furniture")     run only if something that runs uses `views`
    show(plots.picture_grid(...))       only draws: not for a verdict
    torch.set_num_threads(1)            has an effect, and binds no name: always run

The names come from Python's own symbol table. Code that looks names up as it runs, such as
`globals()["views"]`, can use any name: then all given code is run.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from nbformat import NotebookNode

from autograder.authoring.given_cells import DRAWING
from autograder.authoring.notebooks import content_id
from autograder.authoring.source_names import defined_names, used_names
from autograder.judge.source.code_cells import ASIDE, Code, is_too_deep, parse
from autograder.judge.source.name_resolution import same_scope

CHECK, PICTURE, SETUP = "check-", "picture-", "setup"

Sources = dict[str, str]  # by cell id, what is run of the cell; other cells are not run

# What leads to names that the code does not spell out: built-in functions, modules, attributes.
LOOKUPS = {
    *("globals", "locals", "vars", "dir"),
    *("eval", "exec", "compile", "get_ipython", "__import__"),
}
LOOKUP_MODULES = {"__main__", "inspect", "gc", "importlib", "runpy", "IPython"}
LOOKUP_ATTRIBUTES = {"__globals__", "f_globals", "f_locals", "user_ns"}
# Magics that read or change the notebook's names.
NAMING_MAGICS = re.compile(r"%+(?:run|who|whos|who_ls|reset|reset_selective|xdel|load|macro|store)")
WORD = re.compile(r"[^\W\d]\w*")
SHOWING = frozenset({"print", "show", "display", "required"})  # functions that only show something
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
COMPOUND = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.Match)

Kind = Literal["import", "binding", "effect", "drawing"]


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a given cell.

    lines    its first and last line, from 1
    kind     when it is run: an import always, a binding if one of its names is used, an effect
             always, a drawing only for a feedback page
    uses     global names that it uses, now or when what it defines is called
    binds    names that it binds, or whose object it changes
    calls    names of the functions that it calls directly
    loaders  names that it imports from `course_utils.data`
    is_function  it defines one
    """

    lines: tuple[int, int]
    kind: Kind
    uses: frozenset[str]
    binds: frozenset[str]
    calls: frozenset[str]
    loaders: frozenset[str]
    is_function: bool


def is_runnable(cell: NotebookNode) -> bool:
    """Whether the judge may run a cell: code that is neither training nor the grader's own."""
    if cell.cell_type != "code" or not cell.source.strip():
        return False
    is_training = "training" in cell.metadata.get("tags", [])
    return not is_training and not cell.metadata.get("nbgrader", {}).get("grade")


def is_given(cell: NotebookNode) -> bool:
    """Whether a cell is as it was given out, and is not a task's."""
    return cell.id.startswith(ASIDE) or cell.id in (SETUP, content_id(cell))


def all_sources(notebook: NotebookNode) -> Sources:
    """Every cell that the judge may run, whole."""
    return {cell.id: cell.source for cell in notebook.cells if is_runnable(cell)}


def without_pictures(notebook: NotebookNode) -> Sources:
    """All of them but visible checks and pictures: what a verdict needs in the worst case."""
    whole = all_sources(notebook)
    return {name: source for name, source in whole.items() if not name.startswith(ASIDE)}


def names_bound_by_given(notebook: NotebookNode) -> set[str]:
    """The names that given cells bind."""
    cells = [cell for cell in notebook.cells if is_runnable(cell) and is_given(cell)]
    several = [statements_of(cell.source) or [] for cell in cells]
    return {name for statements in several for one in statements for name in one.binds}


def names_reached(cell: NotebookNode, notebook: NotebookNode) -> set[str]:
    """The names that a cell uses, directly or through given code or the student's."""
    return _reached(cell, _uses_by_name(notebook))


def cells_apart(notebook: NotebookNode) -> frozenset[str]:
    """The ids of the given cells that the student's code has nothing to do with.

    Neither directly nor through other code do they use a name that a cell of the student's binds
    or changes, or an object of a given cell that the student's code uses as well: it may change it.
    None is apart if the student's code may use names that it does not spell out.
    """
    selection = _Selection(notebook)
    used = selection.names_of_own()
    if used is None:
        return frozenset()
    statements = [one for several in selection.given.values() for one in several or ()]
    objects = {name for one in statements if one.kind != "import" for name in one.binds}
    touched = used & objects
    for cell in selection.own:
        touched |= _defined(cell.source) | _written(cell.source)
    uses = _uses_by_name(notebook)
    return frozenset(
        cell.id
        for cell in selection.cells
        if cell.id in selection.given
        and used_names_of(cell.source) is not None
        and touched.isdisjoint(_reached(cell, uses) | _defined(cell.source))
    )


def _uses_by_name(notebook: NotebookNode) -> dict[str, set[str]]:
    """By name, the names that the cells which define it use."""
    uses: dict[str, set[str]] = {}
    for cell in notebook.cells:
        if is_runnable(cell) and not cell.id.startswith(ASIDE):
            used = used_names_of(cell.source) or frozenset()
            for name in _defined(cell.source) | _written(cell.source):
                uses.setdefault(name, set()).update(used)
    return uses


def _reached(cell: NotebookNode, uses: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [*(used_names_of(cell.source) or ())]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += uses.get(name, ())
    return found


@lru_cache(maxsize=1024)
def _written(source: str) -> frozenset[str]:
    """The names whose objects a cell changes; none if it is not Python."""
    code = parse(source)
    return (
        frozenset(name for node in code.tree.body for name in _changed(node))
        if code
        else frozenset()
    )


@lru_cache(maxsize=1024)
def _defined(source: str) -> frozenset[str]:
    """The names that a cell defines; none if it is not Python."""
    code = parse(source)
    try:
        return frozenset(defined_names(code.python)) if code else frozenset()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()


def sources_for_verdict(notebook: NotebookNode) -> Sources:
    """What has to be run before the hidden checks."""
    return _Selection(notebook).sources((), ())


def sources_for_page(
    notebook: NotebookNode, pictures: Collection[str], known: Collection[str] = ()
) -> Sources:
    """What has to be run for a feedback page: the visible checks, and some of the pictures.

    pictures  the names of the pictures
    known     the ids of given cells whose outputs are known: what they only draw is not run
    """
    wanted = {f"{PICTURE}{name}" for name in pictures}
    shown = [cell.id for cell in notebook.cells if cell.id.startswith(CHECK) or cell.id in wanted]
    selection = _Selection(notebook)
    return selection.sources(shown, selection.given.keys() - set(known))


def sources_of_given(released: NotebookNode, wanted: Collection[str]) -> Sources:
    """What has to be run to see what some given cells show.

    wanted  their ids
    """
    return _Selection(released).sources((), wanted)


def sources_that_load(released: NotebookNode) -> list[str]:
    """The given statements that call the loaders of `course_utils.data`, with what they need.

    They may call them through given functions. No task's code is among them.
    """
    given = _Selection(released)
    statements = [one for several in given.given.values() for one in several or ()]
    loaders = frozenset().union(*(one.loaders for one in statements))
    for one in statements:
        if one.is_function and one.uses & loaders:
            loaders |= one.binds
    loads = [one for one in statements if one.kind == "binding" and one.calls & loaders]
    used = {name for one in loads for name in one.uses}
    kept = given.kept(used, ()) | {id(one) for one in loads}
    cut = (_cut(cell.source, given.given.get(cell.id, []), kept) for cell in given.cells)
    return [source for source in cut if source.strip()]


class _Selection:
    """The cells of a submission, and the names that they use and bind."""

    def __init__(self, notebook: NotebookNode) -> None:
        self.cells = [cell for cell in notebook.cells if is_runnable(cell)]
        self.given = {
            cell.id: statements_of(cell.source)
            for cell in self.cells
            if is_given(cell) and not cell.id.startswith(ASIDE)
        }
        self.own = [cell for cell in self.cells if not is_given(cell)]

    def sources(self, shown: Collection[str], drawing: Collection[str]) -> Sources:
        """What is run of each cell.

        shown    the ids of the visible checks and pictures that are run
        drawing  the ids of the given cells of which what only draws is run, too
        """
        used = self.names_of_own()
        shown_cells = [cell for cell in self.cells if cell.id in shown]
        if used is not None:
            used |= {name for cell in shown_cells for name in used_names_of(cell.source) or ()}
        kept = self.kept(used, drawing)
        found: Sources = {}
        for cell in self.cells:
            if cell.id in self.given:
                source = _cut(cell.source, self.given[cell.id], kept)
            elif cell.id.startswith(ASIDE) and cell.id not in shown:
                continue
            else:
                source = cell.source
            if source.strip():
                found[cell.id] = source
        return found

    def names_of_own(self) -> set[str] | None:
        """The global names that the student's code uses; None if they can't be told."""
        names: set[str] = set()
        for cell in self.own:
            used = used_names_of(cell.source)
            if used is None:
                return None
            names |= used
        return names

    def kept(self, used: set[str] | None, drawing: Collection[str]) -> set[int]:
        """The identities of the given statements that are run.

        drawing  the ids of the cells of which what only draws is run, too
        """
        statements = [one for several in self.given.values() for one in several or ()]
        drawn = {id(one) for name in drawing for one in self.given[name] or ()}
        if used is None:
            return {id(one) for one in statements if one.kind != "drawing" or id(one) in drawn}
        binding: dict[str, list[Statement]] = {}
        for one in statements:
            for name in one.binds:
                binding.setdefault(name, []).append(one)
        always = [
            one
            for one in statements
            if one.kind == "effect" or (one.kind == "drawing" and id(one) in drawn)
        ]
        kept = {id(one) for one in statements if one.kind == "import"}
        whole = (cell.source for cell in self.cells if self.given.get(cell.id, ()) is None)
        words = (word for source in whole for word in WORD.findall(source))
        todo = [*used, *_names(always), *words]
        kept |= {id(one) for one in always}
        seen: set[str] = set()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            needed = [one for one in binding.get(name, []) if one.kind == "binding"]
            kept |= {id(one) for one in needed}
            todo += _names(needed)
        return kept


def _names(statements: Iterable[Statement]) -> Iterator[str]:
    """The names that statements use. One that changes an object uses the object's name, too."""
    for one in statements:
        yield from one.uses | one.binds


def _cut(source: str, statements: list[Statement] | None, kept: set[int]) -> str:
    """A given cell with the kept statements only, each on its own line.

    statements  None for a cell that can't be cut
    """
    if statements is None:
        return source
    lines = source.split("\n")
    left = [""] * len(lines)
    for one in statements:
        if id(one) in kept:
            first, last = one.lines
            left[first - 1 : last] = lines[first - 1 : last]
    return "\n".join(left).rstrip()


@lru_cache(maxsize=1024)  # of a class, whose given cells are the same
def used_names_of(source: str) -> frozenset[str] | None:
    """The global names that a cell uses; None if it may use names that it does not spell out.

    A cell that is not Python is not run: it uses none.
    """
    code = parse(source)
    if code is None:
        return None if is_too_deep(source) else frozenset()
    if _looks_names_up(code):
        return None
    try:
        used = used_names(code.python)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()  # the compiler refuses it: it is not run, either
    words = {word for _, magic in code.magics for word in WORD.findall(magic)}
    return frozenset(used | words | set(_changed_names(code.tree)))


def _changed_names(tree: ast.AST) -> Iterator[str]:
    """The names in `del views` and `views += 1`, which the symbol table calls bound, not used."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        elif isinstance(node, ast.Delete):
            targets = node.targets
        yield from (one.id for one in targets if isinstance(one, ast.Name))


def _looks_names_up(code: Code) -> bool:
    if any(NAMING_MAGICS.match(magic) for _, magic in code.magics):
        return True
    return any(_is_lookup(node) for node in ast.walk(code.tree))


def _is_lookup(node: ast.AST) -> bool:
    """Whether a node may lead to names that the code does not spell out."""
    if isinstance(node, ast.Name):
        return node.id in LOOKUPS
    if isinstance(node, ast.Attribute):
        is_modules = node.attr == "modules" and getattr(node.value, "id", "") == "sys"
        return is_modules or node.attr in LOOKUP_ATTRIBUTES
    if isinstance(node, ast.Import):
        return any(one.name.split(".")[0] in LOOKUP_MODULES for one in node.names)
    if isinstance(node, ast.ImportFrom):
        from_sys = node.module == "sys" and any(one.name == "modules" for one in node.names)
        return from_sys or (node.module or "").split(".")[0] in LOOKUP_MODULES
    return isinstance(node, ast.Constant) and node.value == "__main__"


# ------------------------------------------------------------------------------------- given code


@lru_cache(maxsize=256)
def statements_of(source: str) -> list[Statement] | None:
    """The statements of a given cell, which are never changed; None for a cell that can't be cut.

    A cell with IPython's own syntax, or with two statements on a line, is run whole.
    """
    code = parse(source, own=False)
    if code is None or code.magics:
        return None
    body = code.tree.body
    spans = [_lines_of(node) for node in body]
    if any(last >= first for (_, last), (first, _) in zip(spans, spans[1:], strict=False)):
        return None
    lines = source.split("\n")
    found = []
    for node, (first, last) in zip(body, spans, strict=True):
        text = "\n".join(lines[first - 1 : last])
        binds = frozenset(defined_names(text) | set(_changed(node)))
        uses = frozenset(used_names(text) | set(_changed_names(node)))
        found.append(
            Statement(
                (first, last),
                _kind_of(node),
                uses,
                binds,
                calls=frozenset(_called(node)),
                loaders=_loaders_in(node),
                is_function=isinstance(node, ast.FunctionDef),
            )
        )
    return found


def _called(node: ast.stmt) -> Iterator[str]:
    """The names of the functions that a statement calls directly."""
    for part in same_scope(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            yield part.func.id


def _loaders_in(node: ast.stmt) -> frozenset[str]:
    """The names that a statement imports from course_utils.data."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils.data."):
        return frozenset(alias.asname or alias.name for alias in node.names)
    return frozenset()


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    """The first and last line of a statement, with its decorators."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(one.lineno for one in decorators)])
    return first, node.end_lineno or first


def _kind_of(node: ast.stmt) -> Kind:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "import"
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and _is_drawn(node):
        return "drawing"
    if isinstance(node, (ast.Assert, ast.Raise)):
        return "drawing"  # shows whether all is well
    if isinstance(node, (ast.Expr, ast.Delete, *COMPOUND)):
        if any(_has_effect(part) for part in same_scope(node)):
            return "effect"
        return "binding" if any(_is_binding(part) for part in same_scope(node)) else "drawing"
    return "binding"


def _is_binding(part: ast.AST) -> bool:
    """Whether a part of a compound statement binds names, the variable of a loop aside."""
    return isinstance(part, (*ASSIGNMENTS, *DEFINITIONS, ast.Import, ast.ImportFrom))


def _is_drawn(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator calls the function at once, to draw: `@picture("vote")`."""
    calls = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
    return any(isinstance(one, ast.Name) and one.id in DRAWING for one in calls)


def _has_effect(part: ast.AST) -> bool:
    """Whether a statement could change something without binding a name."""
    if isinstance(part, ast.Delete):
        return True
    if not isinstance(part, ast.Expr) or isinstance(part.value, (ast.Constant, ast.Name)):
        return False
    if not isinstance(part.value, ast.Call):
        return True
    function = part.value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name not in SHOWING


def _changed(node: ast.stmt) -> Iterator[str]:
    """The names whose objects a statement changes: `kept` in `kept[key] = 3`, `a` in `a.b = 3`."""
    for part in same_scope(node):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and isinstance(part.ctx, ast.Store):
            base: ast.expr = part
            while isinstance(base, (ast.Attribute, ast.Subscript)):
                base = base.value
            if isinstance(base, ast.Name):
                yield base.id
