"""A mutant's fault in words: what a student has in place of what belongs there, and where to look.

The words name operators, steps and parameters, but quote no line: a hint says which kind of slip it
is, and the student finds the place.
"""

import ast
from collections.abc import Callable
from typing import Any, cast

Words = tuple[str, str]  # what was changed; where to look

SYMBOLS: dict[type, str] = {
    **{ast.Add: "+", ast.Sub: "−", ast.Mult: "·", ast.Div: "/", ast.Pow: "**", ast.FloorDiv: "//"},
    **{ast.Mod: "%", ast.MatMult: "@", ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="},
    **{ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in"},
    ast.NotIn: "not in",
}
MISSING: dict[type, str] = {
    **{ast.Add: "a term of a sum", ast.Sub: "a term of a difference", ast.Mult: "a factor"},
    **{ast.Div: "one side of a division", ast.FloorDiv: "one side of a division"},
    **{ast.Pow: "a power", ast.Mod: "a remainder", ast.MatMult: "a factor of a matrix product"},
}
STEPS = {
    **{"square": "a square", "sqrt": "a root", "abs": "an absolute value", "sum": "a sum"},
    **{"exp": "an exponential", "log": "a logarithm", "mean": "a mean", "norm": "a norm"},
    **{"clamp": "a limit", "softmax": "a softmax", "log_softmax": "a log-softmax"},
    **{"amax": "a maximum", "max": "a maximum", "amin": "a minimum", "min": "a minimum"},
    **{"std": "a standard deviation", "deg2rad": "a conversion of degrees", "relu": "a ReLU"},
    **{"float": "a conversion of the dtype", "to": "a conversion of the dtype"},
    **{"double": "a conversion of the dtype", "long": "a conversion to whole numbers"},
    **{"T": "a transposition", "mT": "a transposition", "detach": "a `detach`"},
    **{"inverse": "an inverse", "logsumexp": "a log-sum-exp", "ReLU": "a ReLU"},
    "Linear": "a layer",
    **dict.fromkeys(["permute", "movedim", "transpose"], "an exchange of axes"),
    **dict.fromkeys(["flatten", "unflatten", "view", "reshape", "unsqueeze"], "a change of shape"),
}
ADDED = {
    **{"detach": "a value is detached", "float": "a step is in single precision"},
    **{"double": "the result is in double precision", "squeeze": "axes of size 1 are dropped"},
    **{"abs": "an absolute value is taken", "round": "the result is rounded"},
    **{"sqrt": "a root is taken", "square": "a square is taken"},
    "clamp": "the result is cut off at 0 and 1",
}
OPTIONS = {
    **{"keepdim": "a reduced axis is not kept", "stable": "a sort is not stable"},
    **{"correction": "a spread is divided by another number than the number of values"},
    **{"min": "a lower limit is missing", "max": "an upper limit is missing"},
    **{"descending": "a sort is in the other order", "largest": "the largest are taken"},
    **{"padding": "a padding is missing", "bias": "a bias is where none belongs, or is missing"},
}

FORMULA = "Write the formula out for two small numbers, and compare it with your line step by step."
SHAPES = "Print the shape after each step, and say for each axis what it counts."
LIMITS = "Try a value at the limit itself, and one on either side of it."
STEP = "Go through the docstring sentence by sentence: which step does each one ask for?"
NUMBER = "Look at every number that you have written: where does it come from?"
CALLS = "Look at each call: which arguments does it get, and in which order?"
FORM = "Compare dtype, shape and gradient of each step with the docstring."


def in_words(parent: ast.AST, node: ast.AST, variant: ast.AST) -> Words:
    """What was changed when `variant` took the place of `node` in `parent`, and where to look."""
    describe = DESCRIBED.get(type(node))
    found = describe(parent, node, variant) if describe else None
    return found or ("one step is different", STEP)


def _binary(_: ast.AST, node: ast.BinOp, variant: ast.AST) -> Words:
    if isinstance(variant, ast.BinOp) and type(variant.op) is not type(node.op):
        has, belongs = SYMBOLS[type(variant.op)], SYMBOLS[type(node.op)]
        return f"`{has}` in place of `{belongs}`", FORMULA
    if isinstance(variant, ast.BinOp) and variant.left is node.right:
        what = "difference" if isinstance(node.op, ast.Sub) else "quotient"
        what = what if isinstance(node.op, (ast.Sub, ast.Div)) else "product"
        return f"the two sides of a {what} are exchanged", FORMULA
    if variant in (node.left, node.right):
        return f"{MISSING[type(node.op)]} is missing", FORMULA
    return _added(variant)


def _compare(_: ast.AST, node: ast.Compare, variant: ast.Compare) -> Words:
    has, belongs = SYMBOLS[type(variant.ops[0])], SYMBOLS[type(node.ops[0])]
    return f"`{has}` in place of `{belongs}`", LIMITS


def _call(_: ast.AST, node: ast.Call, variant: ast.AST) -> Words:
    step = STEPS.get(_called(node), "a step")
    inner = getattr(node.func, "value", None)
    if not isinstance(variant, ast.Call) or variant in (inner, *node.args):
        return f"{step} is missing", STEP
    if variant.func is not node.func:
        return _added(variant)
    if len(variant.keywords) < len(node.keywords):
        kept = [one.arg for one in variant.keywords]
        left_out = next(one.arg for one in node.keywords if one.arg not in kept)
        return _left_out(step, left_out)
    if len(variant.args) < len(node.args):
        return f"an argument of {step} is missing", CALLS
    return f"two arguments of {step} are exchanged", CALLS


def _left_out(step: str, option: str | None) -> Words:
    if option == "dim":
        return f"{step} over all axes, or over other axes than those that belong", SHAPES
    return OPTIONS.get(str(option), f"an option of {step} is missing"), CALLS


def _called(node: ast.Call) -> str:
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))


def _added(variant: ast.AST) -> Words:
    assert isinstance(variant, ast.Call)
    return ADDED[_called(variant)], FORM


def _constant(parent: ast.AST, node: ast.Constant, variant: ast.Constant) -> Words:
    has, belongs = cast(Any, variant.value), cast(Any, node.value)
    if isinstance(parent, ast.keyword) and parent.arg in ("dim", "start_dim", "end_dim"):
        return "one step runs over another axis", SHAPES
    if isinstance(has, bool):
        return "an option is switched the other way", CALLS
    if isinstance(has, str):
        return "two axes of an operand are exchanged", SHAPES
    if belongs and has == -belongs:
        return "a number has the other sign", NUMBER
    if has == 0:
        return "a number is 0 that should not be", NUMBER
    if isinstance(belongs, int) and abs(has - belongs) == 1:
        return f"a number is one too {'large' if has > belongs else 'small'}", NUMBER
    times = {2: "twice as large", 0.5: "half as large", 10: "ten times as large"}
    words = times.get(has / belongs if belongs else 0, "ten times too small")
    return f"a number is {words} as it should be".replace("too small as", "smaller than"), NUMBER


def _name(_: ast.AST, node: ast.Name, variant: ast.Name) -> Words:
    return f"`{variant.id}` is used where `{node.id}` belongs", CALLS


def _attribute(_: ast.AST, node: ast.Attribute, variant: ast.AST) -> Words:
    if isinstance(variant, ast.Attribute):
        return f"`{variant.attr}` in place of `{node.attr}`", FORMULA
    return "a transposition is missing", SHAPES


def _tuple(_: ast.AST, node: ast.Tuple | ast.List, variant: ast.Tuple | ast.List) -> Words:
    if len(variant.elts) < len(node.elts):
        return "a step runs over one axis fewer, or one element is left out", SHAPES
    return "two things stand in the other order", SHAPES


def _subscript(*_: ast.AST) -> Words:
    return "an index is missing", SHAPES


def _keyword(*_: ast.AST) -> Words:
    return "a sum or a mean runs over one axis more", SHAPES


def _if(_: ast.AST, node: ast.If, variant: ast.AST) -> Words:
    if isinstance(variant, ast.Pass):
        return "a case of its own is not treated", STEP
    if isinstance(variant, ast.If) and isinstance(variant.test, ast.UnaryOp):
        return "two cases are exchanged", STEP
    return "a case of its own is taken for every case", STEP


def _raise(_: ast.AST, node: ast.Raise, variant: ast.AST) -> Words:
    if isinstance(variant, ast.Pass):
        return "what the docstring refuses is not refused", STEP
    return "another exception is raised than the docstring promises", STEP


def _conditional(*_: ast.AST) -> Words:
    return "two cases are exchanged", STEP


def _unary(*_: ast.AST) -> Words:
    return "a sign is missing", FORMULA


def _either(*_: ast.AST) -> Words:
    return "one of two conditions is missing", LIMITS


def _statement(*_: ast.AST) -> Words:
    return "a step is missing", STEP


def _returned(_: ast.AST, node: ast.Return, variant: ast.Return) -> Words:
    assert variant.value is not None
    return _added(variant.value)


DESCRIBED: dict[type, Callable[..., Words]] = {
    **{ast.BinOp: _binary, ast.Compare: _compare, ast.Call: _call, ast.Constant: _constant},
    **{ast.Name: _name, ast.Attribute: _attribute, ast.Tuple: _tuple, ast.List: _tuple},
    **{ast.Subscript: _subscript, ast.keyword: _keyword, ast.If: _if, ast.Raise: _raise},
    **{ast.IfExp: _conditional, ast.UnaryOp: _unary, ast.BoolOp: _either},
    **{ast.AugAssign: _statement, ast.Expr: _statement, ast.Return: _returned},
}
