"""Mutants of a reference: one small fault each, made on the syntax tree. A good grader kills them.

The private functions that a task calls are parts of it, and are mutated with it.
`mutants_of(function)` names and writes them; `survivors(topic, task)` runs a task's hidden checks
on each.
"""

import ast
import gc
import inspect
import multiprocessing
import os
import re
import resource
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from multiprocessing import forkserver
from types import ModuleType
from unittest.mock import patch

import torch

from autograder.assignments import Assignment, assignments
from autograder.checks import checks_module, checks_of
from autograder.judge.checking.submission import LocalSubmission

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

Put = Callable[[ast.AST], None]


def mutants_of(function: Callable) -> dict[str, str]:
    """The source of each mutant of a function or class, by a name that says what was changed."""
    mutants = _changed(function)
    parts = _private_parts(function)
    whole = "\n".join(inspect.getsource(part) for part in [function, *parts])
    for part in parts:  # the later definition of a name counts
        changed = _changed(part).items()
        mutants |= {f"{part.__name__}: {name}": f"{whole}\n{source}" for name, source in changed}
    return mutants


def _private_parts(function: Callable) -> list[Callable]:
    """The private functions of its module that a function or class calls, and those that they
    call.
    """
    module, found, unread = vars(sys.modules[function.__module__]), [], [function]
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


def _changed(function: Callable) -> dict[str, str]:
    tree = _bare(ast.parse(textwrap.dedent(inspect.getsource(function))))
    parameters = [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    names = {ast.unparse(tree): ""}  # by source: no mutant twice, nor the function itself
    seen: Counter[str] = Counter()
    for parent, node, put in list(_slots(tree)):
        # A number or a name alone says nothing: it is shown with what it stands in.
        shown = parent if isinstance(node, (ast.Constant, ast.Name)) else node
        before = ast.unparse(shown)
        for variant in _variants(node, parameters):
            put(variant)
            source, after = ast.unparse(tree), ast.unparse(variant if shown is node else parent)
            put(node)
            if source not in names:
                seen[name := f"{before} → {after}"] += 1
                names[source] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return {name: source for source, name in names.items() if name}


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


def _variants(node: ast.AST, parameters: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Name) and node.id in parameters:
        return (ast.Name(other, node.ctx) for other in parameters if other != node.id)
    make = VARIANTS.get(type(node))
    return make(node) if make else iter(())


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


VARIANTS: dict[type, Callable] = {
    ast.Constant: _constants,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.If: _if,
    ast.Raise: _raise,
    ast.IfExp: lambda node: iter([ast.IfExp(node.test, node.orelse, node.body)]),
    ast.UnaryOp: lambda node: iter([node.operand]),
    ast.BoolOp: lambda node: iter(node.values),
    # Not ast.Assign or ast.Return: without them most functions end in a NameError or in None.
    ast.AugAssign: lambda _: iter([ast.Pass()]),
    ast.Expr: lambda _: iter([ast.Pass()]),
}

# ------------------------------------------------------------------------------------------ running

CPU_SECONDS, BYTES = 20, 4 << 30  # a mutant that hangs or swells dies of it
LIVED, DIED = 0, 1


def survivors(topic: str, task: str, names: Collection[str]) -> list[str]:
    """Those of a task's mutants that no hidden check kills, of those with these names.

    Each runs in a process of its own, forked from a server that has imported torch and the checks.
    """
    context = _context()
    function = getattr(reference(topic), task)
    if not _lives(context, topic, task, inspect.getsource(function)):
        raise RuntimeError(
            f"the reference of {task} does not pass, so that no mutant's death means anything"
        )
    mutants = mutants_of(function)
    return [name for name in names if _lives(context, topic, task, mutants[name])]


@cache
def _context() -> multiprocessing.context.BaseContext:
    """The server that mutants are forked from: it has imported what any topic's checks need.

    A process that had to import them itself would take seconds for a check of milliseconds.
    """
    context = multiprocessing.get_context("forkserver")
    topics = [assignment.topic for assignment in assignments()]
    checks = [f"autograder.checks.test_{topic}" for topic in topics]
    references = [f"course_utils.reference.{topic}" for topic in topics]
    modules = [torch.__name__, LocalSubmission.__module__, *checks, *references, __name__]
    context.set_forkserver_preload(modules)
    with patch.dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"):
        forkserver.ensure_running()
    return context


def _lives(
    context: multiprocessing.context.BaseContext, topic: str, task: str, source: str
) -> bool:
    process = context.Process(target=_run, args=(topic, task, source))
    process.start()
    process.join(600)
    if process.exitcode is None:  # it sleeps: no CPU limit catches that
        process.kill()
        process.join()
    return process.exitcode == LIVED


def _run(topic: str, task: str, source: str) -> None:
    """Try the checks in turn, in a process that may end any way it likes."""
    torch.set_num_threads(1)
    gc.disable()  # it would copy the server's memory, and the process ends in a moment
    for limit, most in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_DATA, BYTES)):
        resource.setrlimit(limit, (most, most))
    try:
        submission = LocalSubmission(vars(reference(topic)) | {task: _built(topic, task, source)})
        for check in checks_of(topic):
            if check.task == task:
                getattr(checks_module(topic), check.name)(submission)
    except BaseException:  # any failure at all is a death
        sys.exit(DIED)
    sys.exit(LIVED)


def _built(topic: str, task: str, source: str) -> Callable:
    namespace = dict(vars(reference(topic)))
    exec(compile(source, "<mutant>", "exec"), namespace)
    return namespace[task]


def reference(topic: str) -> ModuleType:
    """The reference module of a topic."""
    return Assignment(f"_{topic}").reference()
