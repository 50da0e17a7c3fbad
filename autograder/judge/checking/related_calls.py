"""Relations between calls: the right answer to other arguments, or wrong in some calls only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from autograder.checks import Failure
from autograder.judge.checking.comparing import Pair, answers_like, reply
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
    ordered = sorted(pairs, key=lambda pair: pair.right)
    for relation, change in _changes(signature):
        if all(_answers_so(pair, function, signature, change) for pair in ordered):
            return relation
    return None


def _answers_so(pair: Pair, function: Callable, signature: Signature, change: Change) -> bool:
    bound = dict(signature.bound(pair.call))
    changed = change(bound) if bound else None
    if changed is None:
        return pair.right
    call = replace(pair.call, args=(), kwargs=changed)
    if call.wrt is not None:
        names = list(signature.parameters)
        call = replace(call, args=tuple(changed.values()), kwargs={})
        if list(changed) != names[: len(changed)]:
            return False
    found = reply(LocalSubmission({call.task: function}), call)
    return not isinstance(found, Failure) and answers_like(found, pair.call)


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


def condition_of(pairs: Sequence[Pair], signature: Signature) -> Relation | None:
    """The condition on a call under which, and under which only, the answer is wrong; or None.

    Only if a single one of those that are known separates the wrong calls from the right ones.
    """
    wrong = [pair for pair in pairs if not pair.right]
    right = [pair for pair in pairs if pair.right]
    if any(pair.call.of is not None for pair in pairs) or len(right) < 3:
        return None
    telling = _conditions(wrong[0].call, signature)
    for pair in wrong[1:]:
        telling &= _conditions(pair.call, signature)
    for pair in right:
        telling -= _conditions(pair.call, signature)
    strong = [one for one in telling if len(wrong) >= 2 or one in ALONE]
    if len(strong) != 1:
        return None
    [condition] = strong
    raises = all(isinstance(pair.call.result, Failure) for pair in wrong)
    if raises and all(pair.call.result.kind == "error" for pair in wrong):  # type: ignore[attr-defined]
        name = f"right in all calls but those {condition}: these raise an error"
    else:
        name = f"right in all calls but those {condition}"
    return Relation(60, name, "Make such a call yourself, as small as you can, and follow it.")


GRADIENT = "for a gradient: the values themselves are right"
EMPTY = "with an empty tensor"
DOUBLE, HALF = "in double precision", "in half precision"
MIXED = "whose tensors differ in dtype"
ALONE = {GRADIENT, EMPTY, DOUBLE, HALF, MIXED}


def _conditions(call: Call, signature: Signature) -> set[str]:
    """What can be said of a call."""
    bound, tensors = signature.bound(call), list(signature.tensors(call).values())
    symbols = signature.symbols(call)
    found = {GRADIENT} if call.wrt is not None else set()
    floating = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    if torch.float64 in floating:
        found.add(DOUBLE)
    if floating & {torch.float16, torch.bfloat16}:
        found.add(HALF)
    if len(floating) > 1:
        found.add(MIXED)
    if any(not tensor.numel() for tensor in tensors):
        found.add(EMPTY)
    if any(not tensor.is_contiguous() for tensor in tensors):
        found.add("with a tensor that is not contiguous in memory")
    for name, value in bound.items():
        default = signature.parameters[name].default
        if default is not signature.parameters[name].empty and value is not default:
            if not isinstance(value, Tensor) and value == default:
                continue
            what = "with" if default is None else "with another"
            found.add(f"{what} `{name}`{'' if default is None else ' than the default'}")
    for name in signature.parameters:
        if name not in bound:
            found.add(f"without `{name}`")
    for symbol, size in symbols.items():
        if size == 1:
            found.add(f"with {symbol} = 1")
        elif size > 1:
            found.add(f"with {symbol} > 1")
    for one, other in (("H", "W"), ("h", "w"), ("I", "J"), ("B", "C"), ("N", "M")):
        if one in symbols and other in symbols and symbols[one] != symbols[other]:
            found.add(f"with {one} ≠ {other}")
        elif one in symbols and other in symbols:
            found.add(f"with {one} = {other}")
    return found
