"""Mutants of a reference: one small fault each, made on the syntax tree.

A good grader kills them: tests/grading proves it. And a student's wrong answer that equals one of
them has that fault, or one like it: see `autograder.judge.checking.one_fault`.

The private functions that a task calls are parts of it, and are mutated with it. `mutants_of`
names and writes the mutants of the proof; `faults_of` adds what students do besides, and says in
words what was changed.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from autograder.judge.checking.fault_words import in_words

OPERATORS = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult},
    **{ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.MatMult: ast.Mult},
}
COMPARISONS = {
    **{
        ast.Gt: (ast.Lt, ast.GtE),
        ast.Lt: (ast.Gt, ast.LtE),
        ast.GtE: (ast.Lt, ast.Gt),
        ast.LtE: (ast.Gt, ast.Lt),
    },
    **{ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,)},
    **{ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)},
}
PAIRS = [
    *[
        ("mean", "sum"),
        ("max", "min"),
        ("amax", "amin"),
        ("argmax", "argmin"),
        ("maximum", "minimum"),
    ],
    *[
        ("softmax", "log_softmax"),
        ("exp", "log"),
        ("sin", "cos"),
        ("floor", "ceil"),
        ("square", "abs"),
    ],
    *[("zeros_like", "ones_like"), ("zeros", "ones"), ("values", "indices"), ("all", "any")],
]
RENAMED = dict(PAIRS) | {b: a for a, b in PAIRS}
MODULES = ("torch", "F", "np", "nn", "math")
EINSUM = re.compile(r"[a-z,]+->[a-z]*")

INSIDE = "one variable is used where another belongs"

Put = Callable[[ast.AST], None]
Variants = Mapping[type, Sequence[Callable]]


@dataclass(frozen=True)
class Mutant:
    """A function or class with one small fault.

    name    what was changed, as source: for the proof
    source  its definition, with those of the private functions that it calls
    words   what was changed, in words that quote no line of the reference
    hint    where to look for such a fault
    """

    name: str
    source: str
    words: str
    hint: str


def mutants_of(function: Callable) -> dict[str, str]:
    """The source of each mutant of a function or class, by a name that says what was changed."""
    return {mutant.name: mutant.source for mutant in faults_of(function, VARIANTS)}


def faults_of(function: Callable, variants: Variants | None = None) -> list[Mutant]:
    """The mutants of a function or class, each with its fault in words.

    variants  how nodes are changed; by default as for the proof, and as students do besides
    """
    variants = EVERY_VARIANT if variants is None else variants
    mutants = _changed(function, variants)
    parts = private_parts(function)
    whole = "\n".join(inspect.getsource(part) for part in [function, *parts])
    for part in parts:  # the later definition of a name counts
        for mutant in _changed(part, variants):
            name, source = f"{part.__name__}: {mutant.name}", f"{whole}\n{mutant.source}"
            # Students don't know the names in there.
            words = INSIDE if "is used where" in mutant.words else mutant.words
            mutants.append(replace(mutant, name=name, source=source, words=words))
    return mutants


def private_parts(function: Callable) -> list[Callable]:
    """The private functions of its module that a function or class calls, and those that they
    call.
    """
    module = vars(sys.modules[function.__module__])
    found: list[Callable] = []
    unread = [function]
    while unread:
        tree = ast.parse(inspect.getsource(unread.pop()))
        names = dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        own = [
            module[name]
            for name in names
            if name.startswith("_") and inspect.isfunction(module.get(name))
        ]
        new = [part for part in own if part not in found]
        found, unread = found + new, unread + new
    return found


def _changed(function: Callable, variants: Variants) -> list[Mutant]:
    tree = _bare(ast.parse(textwrap.dedent(inspect.getsource(function))))
    parameters = [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    mutants, sources = [], {ast.unparse(tree)}  # no mutant twice, nor the function itself
    seen: Counter[str] = Counter()
    for parent, node, put in list(_slots(tree)):
        # A number or a name alone says nothing: it is shown with what it stands in.
        shown = parent if isinstance(node, (ast.Constant, ast.Name)) else node
        before = ast.unparse(shown)
        for variant in _variants(node, parameters, variants):
            put(variant)
            source, after = ast.unparse(tree), ast.unparse(variant if shown is node else parent)
            put(node)
            if source not in sources:
                sources.add(source)
                seen[name := f"{before} → {after}"] += 1
                name = name if seen[name] == 1 else f"{name} ({seen[name]})"
                mutants.append(Mutant(name, source, *in_words(parent, node, variant)))
    return mutants


def _bare(tree: ast.Module) -> ast.Module:
    """Without docstrings, annotations, decorators, and the words of an error, which no check
    reads.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.decorator_list = []
            node.body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
    return tree


def _slots(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, Put]]:
    """Every node with its parent, and how to put another in its place."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield parent, value, partial(setattr, parent, name)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield parent, item, partial(value.__setitem__, index)


def _variants(node: ast.AST, parameters: list[str], variants: Variants) -> Iterator[ast.AST]:
    if isinstance(node, ast.Name) and node.id in parameters:
        yield from (ast.Name(other, node.ctx) for other in parameters if other != node.id)
    for make in variants.get(type(node), ()):
        yield from make(node)


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield from (
            ast.Constant(other) for other in (value * 2, value + 1, -value, 0) if other != value
        )
    elif isinstance(value, str) and EINSUM.fullmatch(value):
        given, result = value.split("->")
        operands = given.split(",")
        for index, operand in enumerate(operands):  # each operand transposed
            changed = [*operands[:index], operand[::-1], *operands[index + 1 :]]
            yield ast.Constant(",".join(changed) + "->" + result)


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    yield node.left
    yield node.right
    if not isinstance(node.op, (ast.Add, ast.Mult)):
        yield ast.BinOp(node.right, node.op, node.left)


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for other in COMPARISONS[type(node.ops[0])]:
        yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)


def _call(node: ast.Call) -> Iterator[ast.AST]:
    """The call left out, an argument left out, neighbouring arguments exchanged."""
    function, args = node.func, node.args
    if isinstance(function, ast.Attribute):
        of_module = isinstance(function.value, ast.Name) and function.value.id in MODULES
        if not of_module:
            yield function.value
        elif args:
            yield args[0]
    for index in range(len(node.keywords)):
        yield ast.Call(function, args, node.keywords[:index] + node.keywords[index + 1 :])
    for index in range(len(args)):
        yield ast.Call(function, args[:index] + args[index + 1 :], node.keywords)
    for index in range(len(args) - 1):
        swapped = [*args[:index], args[index + 1], args[index], *args[index + 2 :]]
        yield ast.Call(function, swapped, node.keywords)


def _attribute(node: ast.Attribute) -> Iterator[ast.AST]:
    if node.attr in RENAMED:
        yield ast.Attribute(node.value, RENAMED[node.attr], node.ctx)
    if node.attr in ("T", "mT"):
        yield node.value


def _sequence(node: ast.Tuple | ast.List) -> Iterator[ast.AST]:
    if isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        yield type(node)(node.elts[::-1], node.ctx)


def _subscript(node: ast.Subscript) -> Iterator[ast.AST]:
    if isinstance(node.ctx, ast.Load):
        yield node.value


def _raise(_: ast.Raise) -> Iterator[ast.AST]:
    yield ast.Pass()
    yield ast.Raise(ast.Name("RuntimeError", ast.Load()))


def _if(node: ast.If) -> Iterator[ast.AST]:
    yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    yield ast.Pass()
    yield ast.If(ast.Constant(True), node.body, node.orelse)


def _nearby(node: ast.Constant) -> Iterator[ast.AST]:
    """Other numbers that students write: one less, half, ten times, a tenth."""
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool):
        yield ast.Constant(value - 1)
    elif isinstance(value, float):
        yield from (ast.Constant(other) for other in (value / 2, value * 10, value / 10))


def _fewer(node: ast.Tuple) -> Iterator[ast.AST]:
    """A tuple, such as that of the axes of a sum, without one of its elements."""
    if isinstance(node.ctx, ast.Load) and 1 < len(node.elts) < 5:
        for index in range(len(node.elts)):
            yield ast.Tuple(node.elts[:index] + node.elts[index + 1 :], node.ctx)


def _more_axes(node: ast.keyword) -> Iterator[ast.AST]:
    """A reduction over the batch, too."""
    if node.arg == "dim" and isinstance(node.value, ast.Constant) and node.value.value:
        both: list[ast.expr] = [ast.Constant(0), node.value]
        yield ast.keyword("dim", ast.Tuple(both, ast.Load()))


def _treated(node: ast.expr) -> Iterator[ast.AST]:
    """An intermediate result that is detached, or cut down to single precision."""
    for method in ("detach", "float"):
        yield ast.Call(ast.Attribute(node, method, ast.Load()), [], [])


def _finished(node: ast.Return) -> Iterator[ast.AST]:
    """The result, and one step more."""
    if node.value is None or isinstance(node.value, ast.Tuple):
        return
    for method in ("detach", "float", "double", "squeeze", "abs", "round", "sqrt", "square"):
        yield ast.Return(ast.Call(ast.Attribute(node.value, method, ast.Load()), [], []))
    limits: list[ast.expr] = [ast.Constant(0), ast.Constant(1)]
    yield ast.Return(ast.Call(ast.Attribute(node.value, "clamp", ast.Load()), limits, []))


VARIANTS: Variants = {
    ast.Constant: [_constants],
    ast.BinOp: [_binary],
    ast.Compare: [_compare],
    ast.Call: [_call],
    ast.Attribute: [_attribute],
    ast.Subscript: [_subscript],
    ast.Tuple: [_sequence],
    ast.List: [_sequence],
    ast.If: [_if],
    ast.Raise: [_raise],
    ast.IfExp: [lambda node: iter([ast.IfExp(node.test, node.orelse, node.body)])],
    ast.UnaryOp: [lambda node: iter([node.operand])],
    ast.BoolOp: [lambda node: iter(node.values)],
    # Not ast.Assign or ast.Return: without them most functions end in a NameError or in None.
    ast.AugAssign: [lambda _: iter([ast.Pass()])],
    ast.Expr: [lambda _: iter([ast.Pass()])],
}

# What students do besides; the proof does without, as its own mutants test the checks well enough.
EVERY_VARIANT: Variants = {
    **VARIANTS,
    ast.Constant: [_constants, _nearby],
    ast.Tuple: [_sequence, _fewer],
    ast.keyword: [_more_axes],
    ast.BinOp: [_binary, _treated],
    ast.Call: [_call, _treated],
    ast.Return: [_finished],
}
