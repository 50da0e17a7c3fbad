"""A code cell split into statements, comments and IPython lines, for comparison with others.

parts_of("x = 1\\n!ls")              two parts; None if the cell is not Python
missing_imports(given, source)      the imports of `given` that `source` lacks, as code
same_text(a, b)                     whether two cells say the same, whatever their line ends

Nothing is run. Python code is compared by its syntax tree, so that layout and quotes do not count.
"""

import ast
import re
import symtable
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

# A syntax tree takes some 500 bytes for each character of its source.
MAX_CODE = 200_000  # characters
# Cell magics whose cell is Python like any other.
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
# `!ls`, `%time f()`, `?f`, `f?`, and `files = !ls`: lines that are no Python, as IPython knows
# them.
MAGIC = re.compile(r"^(\s*)(?:([\w, ]+)=\s*)?(?:[!%?].*|[\w.]+\?\??\s*)$")
WORD = re.compile(r"\w+|[^\w\s]")
# Decorators of a picture cell's function; `moving` is the old name of `animation`.
DRAWING = ("picture", "animation", "moving")

DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
IMPORT = ast.Import | ast.ImportFrom
ASSIGNMENT = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete
SCOPE = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Part:
    """One statement of a cell, or a comment, or a line that is IPython's.

    kind   definition, import, assignment, other; comment, magic; nothing (`pass`, a number)
    key    equal for parts that say the same
    first  last   its lines in the cell, from 1; 0 for a part of a block
    binds  the names that it binds
    """

    kind: str
    key: str
    text: str
    first: int = 0
    last: int = 0
    binds: frozenset[str] = frozenset()
    node: ast.stmt | None = None

    @cached_property
    def uses(self) -> set[str]:
        """The names that it looks up in the notebook."""
        try:
            return set(_free_names(symtable.symtable(self.text, "<cell>", "exec")))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()

    @property
    def block(self) -> str:
        """The same for a `with` block or a picture cell's function, and an edited version of it."""
        if isinstance(self.node, ast.With):
            return "with " + ", ".join(map(ast.dump, self.node.items))
        if isinstance(self.node, ast.FunctionDef) and any(map(_draws, self.node.decorator_list)):
            return "picture " + ", ".join(map(ast.dump, self.node.decorator_list))
        return ""

    @property
    def makes(self) -> set[str]:
        """The names that it binds to functions, classes or results of calls, not to mere values."""
        value = self.node.value if isinstance(self.node, ast.Assign | ast.AnnAssign) else None
        named = isinstance(value, ast.Lambda | ast.Call | ast.Name | ast.Attribute)
        return set() if self.kind == "assignment" and not named else set(self.binds)

    @property
    def is_stub(self) -> bool:
        """Whether it is a function that does nothing but say that it is not written yet."""
        if not isinstance(self.node, ast.FunctionDef):
            return False
        body = self.node.body[1:] if ast.get_docstring(self.node) is not None else self.node.body
        error = body[0].exc if len(body) == 1 and isinstance(body[0], ast.Raise) else None
        name = error.func if isinstance(error, ast.Call) else error
        return isinstance(name, ast.Name) and name.id == "NotImplementedError"

    @property
    def calls(self) -> bool:
        """Whether it calls something when it is run: the body of a function is not."""
        todo: list[ast.AST] = [self.node] if self.node else []
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Call):
                return True
            todo += [] if isinstance(node, DEFINITION | ast.Lambda) else ast.iter_child_nodes(node)
        return False


def plain(text: str) -> str:
    """A text without invisible differences: line endings, trailing spaces, composed accents."""
    lines = unicodedata.normalize("NFC", with_newlines(text)).replace("\ufeff", "").split("\n")
    return "\n".join(line.replace("\u00a0", " ").rstrip() for line in lines).strip()


def with_newlines(text: str) -> str:
    """A text whose lines end as Python's do, by a line feed alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def bare_lines(text: str) -> list[str]:
    """The lines of a text, each as `plain` would have it, and without what indents it."""
    whole = (
        unicodedata.normalize("NFC", with_newlines(text))
        .replace("\ufeff", "")
        .replace("\u00a0", " ")
    )
    return [line.strip() for line in whole.split("\n")]


def same_text(a: str, b: str) -> bool:
    """Whether two cells have the same visible text."""
    return a == b or plain(a) == plain(b)


def parts_of(source: str) -> list[Part] | None:
    """The parts of a cell, in order. None if it is not Python, or too long to be looked at."""
    source = with_newlines(source).replace("\ufeff", "")
    start = source.lstrip()
    if start.startswith("%%") and not start.startswith(PYTHON_MAGICS):
        return [Part("magic", plain(source), source, 1, source.count("\n") + 1)]
    # What is indented as a whole is Python for IPython.
    found = re.match(r"(?:[ \t]*\n)*([ \t]*)", source)
    indent = found[1] if found else ""
    lines = [line.removeprefix(indent) for line in source.split("\n")]
    tree, magics = _tree("\n".join(lines)), set()
    if tree is None:
        masked = [_masked(line) for line in lines]
        magics = {
            number
            for number, (old, new) in enumerate(zip(lines, masked, strict=True), 1)
            if old != new
        }
        tree = _tree("\n".join(masked)) if magics else None
    try:
        return None if tree is None else list(_parts(tree, lines, magics))
    except (ValueError, RecursionError, MemoryError):  # also a number too long to be written out
        return None


def inner_parts(part: Part) -> list[Part]:
    """The parts of a `with` block."""
    body = part.node.body if isinstance(part.node, ast.With) else []
    return [_part(node, ast.unparse(node), 0, 0) for node in body]


def text_of(parts: list[Part]) -> str:
    """Parts of a cell as the source of another: with their distances, where they had neighbours."""
    text, last = "", 0
    for part in parts:
        gap = part.first - last if last and part.first > last else 1
        text += "\n" * (min(gap, 3) if text else 0) + part.text
        last = part.last
    return text


def cut(text: str, given: dict[str, str]) -> list[tuple[str, str]]:
    """Split a text at given texts that it contains whole: pairs of a piece and its name, or ""."""
    lines = text.split("\n")
    bare = bare_lines(text) if len(text) <= MAX_CODE else []
    begins: dict[str, list[tuple[str, list[str]]]] = {}
    for name, source in given.items():
        if wanted := _bare_lines(source):
            begins.setdefault(wanted[0], []).append((name, wanted))
    pieces, at, start = [], 0, 0
    while at < len(bare):
        found = [one for one in begins.get(bare[at], []) if bare[at : at + len(one[1])] == one[1]]
        if not found:
            at += 1
            continue
        name, wanted = max(found, key=lambda one: len(one[1]))
        pieces += [
            ("\n".join(lines[start:at]), ""),
            ("\n".join(lines[at : at + len(wanted)]), name),
        ]
        at = start = at + len(wanted)
    pieces.append(("\n".join(lines[start:]), ""))
    return [(piece, name) for piece, name in pieces if name or piece.strip()]


def missing_imports(given: str, source: str) -> str:
    """The imports of the cell `given` that `source`, a student's version of it, lacks.

    The result is code with one statement per line, "" if no import is missing. A version that is
    not Python has no imports. An import under `if` does not count: it may not be executed.
    """
    has = {name for node in _always(_body(source)) for name in _imported(node)}
    lacking = []
    for node in _body(given):
        if not isinstance(node, IMPORT):
            continue
        both = zip(node.names, _imported(node), strict=True)
        names = [alias for alias, imported in both if imported not in has]
        if names:
            lacking.append(ast.unparse(_import_of(node, names)))
    return "\n".join(lacking)


def _import_of(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.stmt:
    """The same import with other names."""
    if isinstance(node, ast.Import):
        return ast.Import(names=names)
    return ast.ImportFrom(module=node.module, names=names, level=node.level)


def added_text(source: str, given: str) -> str:
    """The lines of a text that `given`, of which it is an edited version, does not have.

    Of a line that was written on, what was written after it.
    """
    new, bare, old = source.split("\n"), bare_lines(source), Counter(bare_lines(given))
    gone = [line for line in old - Counter(bare) if line]
    found: list[str] = []
    for line, text in zip(new, bare, strict=True):
        if text and old[text] > 0:
            old[text] -= 1
        elif text or (found and found[-1].strip()):  # one empty line between two others
            starts = [one for one in gone if text.startswith(one)]
            found.append(text[len(max(starts, key=len)) :].strip() if starts else line)
    return "\n".join(found).rstrip()


def resembles(source: str, given: str) -> bool:
    """Whether a text may be an edited version of `given`: half the lines, or most words, agree."""
    if len(source) > MAX_CODE:
        return False
    new, old = Counter(bare_lines(source)), Counter(bare_lines(given))
    del new[""], old[""]
    if 2 * (new & old).total() >= max(old.total(), 1):
        return True
    words, others = Counter(WORD.findall(source)), Counter(WORD.findall(given))
    return (words & others).total() * 2 > 0.6 * (words.total() + others.total())


@lru_cache(maxsize=512)
def _bare_lines(given: str) -> list[str]:
    """The lines of a text that was given out: the same for every submission."""
    return bare_lines(plain(given)) if given.strip() else []


def _tree(source: str) -> ast.Module | None:
    """The syntax tree of a source, or None. What was written to break the parser only raises."""
    if len(source) > MAX_CODE:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes: the author has already seen them
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _body(source: str) -> list[ast.stmt]:
    return [part.node for part in parts_of(source) or [] if part.node is not None]


def _always(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are reached whatever happens, those of `try` and `with` too."""
    for node in body:
        yield node
        if isinstance(node, ast.Try | ast.With):
            yield from _always(node.body)


def _imported(node: ast.stmt) -> list[tuple[object, ...]]:
    """What each name of an import imports, and as what."""
    if isinstance(node, ast.Import):
        return [(alias.name, alias.asname or alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [
            (node.level, node.module, alias.name, alias.asname or alias.name)
            for alias in node.names
        ]
    return []


def _masked(line: str) -> str:
    found = MAGIC.match(line)
    return f"{found[1]}pass" if found else line


def _parts(tree: ast.Module, lines: list[str], magics: set[int]) -> Iterator[Part]:
    done = 0
    for place, node in enumerate(tree.body):
        first, last = _first_line(node), node.end_lineno or node.lineno
        yield from _comments(lines, done + 1, first - 1)
        after = tree.body[place + 1] if place + 1 < len(tree.body) else None
        shares = first <= done or (after is not None and _first_line(after) <= last)
        text = "\n".join(lines[first - 1 : last])
        if magics & set(range(first, last + 1)):
            yield _magic_part(node, text, first, last)
        elif shares:  # `x = 1; y = 2`
            yield _part(node, ast.unparse(node), 0, 0)
        else:
            yield _part(node, text, first, last)
        done = max(done, last)
    yield from _comments(lines, done + 1, len(lines))


def _comments(lines: list[str], first: int, last: int) -> Iterator[Part]:
    for number in range(first, last + 1):
        if lines[number - 1].lstrip().startswith("#"):
            text = lines[number - 1].strip()
            yield Part("comment", plain(text), text, number, number)


def _magic_part(node: ast.stmt, text: str, first: int, last: int) -> Part:
    """A part with IPython's lines in it, which its tree does not have."""
    if not isinstance(node, ast.Pass):
        return Part(_kind(node), plain(text), text, first, last, frozenset(bound_by(node)), node)
    found = MAGIC.match(text)
    names = (found[2] if found else "") or ""
    return Part("magic", plain(text), text, first, last, frozenset(re.findall(r"\w+", names)))


def _part(node: ast.stmt, text: str, first: int, last: int) -> Part:
    key = unicodedata.normalize("NFC", ast.dump(node))
    return Part(_kind(node), key, text, first, last, frozenset(bound_by(node)), node)


def _kind(node: ast.stmt) -> str:
    kinds = {"definition": DEFINITION, "import": IMPORT, "assignment": ASSIGNMENT}
    if isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and not isinstance(node.value.value, str)
    ):
        return "nothing"
    return next((kind for kind, types in kinds.items() if isinstance(node, types)), "other")


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement at the top level binds, in all its branches."""
    names: set[str] = set()
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, DEFINITION):
            names.add(node.name)  # what is bound inside stays inside
            continue
        if isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        todo += [] if isinstance(node, SCOPE) else ast.iter_child_nodes(node)
    return names


def _draws(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(function, "attr", getattr(function, "id", "")) in DRAWING


def _first_line(node: ast.stmt) -> int:
    """Where a statement starts, decorators and all."""
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])


def _free_names(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _free_names(child)
