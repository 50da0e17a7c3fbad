"""Relations between calls: the right answer to other arguments, or wrong in some calls only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import comb
from typing import Any

import torch
from torch import Tensor

from autograder.checks import Failure
from autograder.judge.checking.comparing import Memory, Pair, Reply, answers_like, reply
from autograder.judge.checking.related_numbers import Relation
from autograder.judge.checking.sizes import Signature
from autograder.judge.checking.submission import Call, LocalSubmission

Change = Callable[[dict[str, Any]], dict[str, Any] | None]  # None where it does not apply


# ---------------------------------------------------------------------------------- other arguments


def other_arguments(
    pairs: Sequence[Pair], function: Callable, signature: Signature
) -> Relation | None:
    """The change of the arguments with which the reference gives the student's results, or None.

    It has to give them in all calls, wrong and right: a right one is one in which the change makes
    no difference.
    """
    if any(pair.call.of is not None for pair in pairs):
        return None
    values = [pair for pair in pairs if pair.call.wrt is None]
    # The gradient by an argument that is changed first is another one.
    pairs = pairs if all(pair.right for pair in values) else values
    ordered = sorted(pairs, key=lambda pair: pair.right)
    for number, (relation, change) in enumerate(_changes(signature)):
        for pair in ordered:
            make = partial(_reply, pair, function, signature, change)
            found = MEMORY.reply(function, number, pair, make)
            if isinstance(found, Failure) or not answers_like(found, pair.call):
                break
        else:
            return relation
    return None


MEMORY = Memory()
UNCHANGED = Failure("error", "the arguments can't be changed so")


def _reply(pair: Pair, function: Callable, signature: Signature, change: Change) -> Reply:
    """What the reference gives for the changed arguments."""
    bound = dict(signature.bound(pair.call))
    changed = change(bound) if bound else None
    if changed is None:
        return pair.expected
    call = replace(pair.call, args=(), kwargs=changed)
    if call.wrt is not None:  # it counts the arguments
        if list(changed) != list(signature.parameters)[: len(changed)]:
            return UNCHANGED
        call = replace(call, args=tuple(changed.values()), kwargs={})
    return reply(LocalSubmission({call.task: function}), call)


def _changes(signature: Signature) -> Iterator[tuple[Relation, Change]]:
    names = list(signature.parameters)
    for name in names:
        if signature.parameters[name].default is not signature.parameters[name].empty:
            yield (
                Relation(
                    50,
                    f"right for the default of `{name}`, whatever is given",
                    f"Follow `{name}` through your code: is it used at every place?",
                ),
                _left_out(name),
            )
    for one, other in zip(names, names[1:], strict=False):
        yield (
            Relation(
                51,
                f"right for `{one}` and `{other}` exchanged",
                "Check the order of these two wherever you use or pass them on.",
            ),
            _exchanged(one, other),
        )
    for name in names:
        for text, hint, make in ARGUMENTS:
            yield Relation(52, text.format(name=name), hint), _made(name, make)


def _left_out(name: str) -> Change:
    def change(bound: dict[str, Any]) -> dict[str, Any] | None:
        return {key: bound[key] for key in bound if key != name} if name in bound else None

    return change


def _exchanged(one: str, other: str) -> Change:
    def change(bound: dict[str, Any]) -> dict[str, Any] | None:
        if one not in bound or other not in bound or bound[one] is bound[other]:
            return None
        return bound | {one: bound[other], other: bound[one]}

    return change


def _made(name: str, make: Callable[[Any], Any]) -> Change:
    def change(bound: dict[str, Any]) -> dict[str, Any] | None:
        value = make(bound[name]) if name in bound else None
        return None if value is None else bound | {name: value}

    return change


def _of_tensor(make: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    def safely(value: object) -> Tensor | None:
        if not isinstance(value, Tensor):
            return None
        try:
            return make(value)
        except (RuntimeError, IndexError):
            return None

    return safely


def _of_whole_number(off: int) -> Callable[[Any], Any]:
    def moved(value: object) -> int | None:
        return value + off if isinstance(value, int) and not isinstance(value, bool) else None

    return moved


def _square_transposed(tensor: Tensor) -> Tensor:
    if tensor.ndim < 2 or tensor.shape[-1] != tensor.shape[-2]:
        raise IndexError
    return tensor.mT.contiguous()


def _of_floating(make: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    return _of_tensor(lambda tensor: make(tensor) if tensor.is_floating_point() else tensor)


WHICH = "Look at how it enters your first steps."
ARGUMENTS: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("right for a `{name}` that is one larger", "Counting starts at 0.", _of_whole_number(1)),
    ("right for a `{name}` that is one smaller", "Counting starts at 0.", _of_whole_number(-1)),
    ("right for `{name}` transposed", "Which axis comes first?", _of_tensor(_square_transposed)),
    ("right for `{name}` with the other sign", WHICH, _of_floating(torch.neg)),
    ("right for `{name}` without its signs", WHICH, _of_floating(torch.abs)),
    ("right for `{name}` cut off at 0 and 1", WHICH, _of_floating(lambda x: x.clamp(0, 1))),
    ("right for `{name}` cut off at −1 and 1", WHICH, _of_floating(lambda x: x.clamp(-1, 1))),
    ("right for `{name}` rounded to whole numbers", WHICH, _of_floating(torch.round)),
    ("right for `{name}` without its fractions", WHICH, _of_floating(torch.trunc)),
    ("right for the first `{name}` in place of each", "Look for an index 0.",
     _of_tensor(lambda x: x[:1].expand_as(x).contiguous())),
    ("right for the mean `{name}` in place of each", WHICH,
     _of_floating(lambda x: x.mean(0, keepdim=True).expand_as(x).contiguous())),
    ("right for `{name}` in the reverse order", "Which end comes first?",
     _of_tensor(lambda x: x.flip(0))),
    ("right for `{name}` with its last axis reversed", "Which way does each axis run?",
     _of_tensor(lambda x: x.flip(-1))),
    ("right for `{name}` with its last but one axis reversed", "Which way does each axis run?",
     _of_tensor(lambda x: x.flip(-2))),
    ("right for `{name}` with its second axis reversed", "In which order are the channels?",
     _of_tensor(lambda x: x.flip(1))),
    ("right for a uniform `{name}`", WHICH, _of_floating(torch.ones_like)),
    ("right for a `{name}` of zeros", f"Where should it come in? {WHICH}",
     _of_floating(torch.zeros_like)),
    ("right for a `{name}` that is scaled to the sum 1", WHICH,
     _of_floating(lambda x: x / x.sum())),
    ("right for a `{name}` that is scaled to the mean 1", WHICH,
     _of_floating(lambda x: x / x.mean())),
    ("right for the squares of `{name}`", WHICH, _of_floating(torch.square)),
    ("right for the roots of `{name}`", WHICH, _of_floating(torch.sqrt)),
    ("right for a softmax of `{name}`", WHICH, _of_floating(lambda x: x.softmax(1))),
    ("right for half the `{name}`", WHICH, _of_floating(lambda x: x / 2)),
    ("right for twice the `{name}`", WHICH, _of_floating(lambda x: x * 2)),
]  # fmt: skip


# --------------------------------------------------------------------------------------- conditions

# A condition may separate the wrong calls from the right ones by chance: out of how many ways to
# choose the wrong calls this has to be the one. There are more conditions on sizes and contents.
CHANCES = (4, 4, 6, 15, 30, 30)
GRADIENT = "for a gradient: the values themselves are right"
Conditions = list[set[str]]  # by group, the most telling first


def condition_of(pairs: Sequence[Pair], signature: Signature) -> Relation | None:
    """The condition on a call under which, and under which only, the answer is wrong; or None.

    Only if, in the first group of conditions that separates the wrong calls from the right ones, a
    single one does.
    """
    wrong = [pair for pair in pairs if not pair.right]
    right = [pair for pair in pairs if pair.right]
    if any(pair.call.of is not None for pair in pairs) or not right:
        return None
    raises = [_raises(pair) for pair in wrong]
    ways = comb(len(pairs), len(wrong))
    for conditions, least in zip(_separating(wrong, right, signature), CHANCES, strict=True):
        if len(conditions) > 1 or (conditions and ways < least):
            return None
        for condition in conditions:
            says = f"right in all calls but those {condition}"
            says += ", which raise an error" if all(raises) else ""
            hint = "Make such a call yourself, as small as you can, and follow it."
            return Relation(60, says, hint)
    return None


def _separating(wrong: Sequence[Pair], right: Sequence[Pair], signature: Signature) -> Conditions:
    """By group, the conditions that all wrong calls meet and that no right call meets."""
    groups = [_conditions(pair.call, signature) for pair in wrong]
    found = [set.intersection(*group) for group in zip(*groups, strict=True)]
    for pair in right:
        here = _conditions(pair.call, signature)
        found = [group - other for group, other in zip(found, here, strict=True)]
    return found


def _raises(pair: Pair) -> bool:
    return isinstance(pair.call.result, Failure) and pair.call.result.kind == "error"


def _conditions(call: Call, signature: Signature) -> Conditions:
    """What can be said of a call."""
    tensors = signature.tensors(call)
    gradient = {GRADIENT} if call.wrt is not None else set()
    options = set(_of_options(signature.bound(call), signature))
    symbols = signature.symbols(call)
    contents = {said for name, tensor in tensors.items() for said in _of_contents(name, tensor)}
    dtypes = set(_of_dtypes(list(tensors.values())))
    return [gradient, dtypes, options, set(_of_sides(symbols)), set(_of_sizes(symbols)), contents]


def _of_dtypes(tensors: Sequence[Tensor]) -> Iterator[str]:
    floating = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    if len(floating) > 1:
        yield "whose tensors differ in dtype"
    elif torch.float64 in floating:
        yield "in double precision"
    elif floating & {torch.float16, torch.bfloat16}:
        yield "in half precision"
    if any(not tensor.numel() for tensor in tensors):
        yield "with an empty tensor"


def _of_options(bound: dict[str, Any], signature: Signature) -> Iterator[str]:
    for name, parameter in signature.parameters.items():
        default = parameter.default
        if default is parameter.empty:
            continue
        if name not in bound:
            yield f"without `{name}`"
        elif default is None and bound[name] is not None:
            yield f"with `{name}`"
        elif default is not None and _differs(bound[name], default):
            yield f"with another `{name}` than the default"


def _differs(value: object, default: object) -> bool:
    return isinstance(value, Tensor) or value != default


def _of_sizes(symbols: dict[str, int]) -> Iterator[str]:
    for symbol, size in symbols.items():
        yield f"with {symbol} = 1" if size == 1 else f"with {symbol} > 1"


def _of_sides(symbols: dict[str, int]) -> Iterator[str]:
    for one, other in SIDES:
        if one in symbols and other in symbols:
            equal = symbols[one] == symbols[other]
            yield f"with {one} {'=' if equal else '≠'} {other}"


SIDES = (("H", "W"), ("h", "w"), ("I", "J"), ("B", "C"), ("N", "M"))


def _of_contents(name: str, tensor: Tensor) -> Iterator[str]:
    """What can be said of the numbers of an argument."""
    values = tensor.detach().flatten()[:100_000].double()
    if not len(values):
        return
    if (values < 0).any():
        yield f"with negative numbers in `{name}`"
    if (values == 0).any():
        yield f"with a 0 in `{name}`"
    if (values != values.round()).any():
        yield f"with fractions in `{name}`"
    if (values != values[0]).any():
        yield f"with unequal numbers in `{name}`"
    if values.abs().max() > LARGE:
        yield f"with large numbers in `{name}`"
    rows = tensor.detach().reshape(-1, tensor.shape[-1]) if tensor.ndim else values[None]
    ordered = rows[:1000].sort(dim=-1).values
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        yield f"with equal numbers in a row of `{name}`"


LARGE = 50
