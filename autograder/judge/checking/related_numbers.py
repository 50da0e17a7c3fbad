"""The relations that hold between one wrong result and the right one.

Each function below looks for one family of them. It is given the two results as float64 tensors,
and yields every relation of its family that holds.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.checks.expect import plain
from autograder.judge.checking.comparing import close

LARGEST = 10**6  # numbers of a result that is looked at: a relation shows in fewer
FEW_CHANCES = 200  # a pattern that one in so many draws would show by chance is evidence
CLOSE = 1e-4

Sizes = Mapping[str, float]
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, order=True)
class Relation:
    """How results relate to the right ones.

    rank  the smaller, the more it says: of several that hold, the first is told
    name  the relation, which completes the sentence "Your results are ..."
    hint  the likely cause, and where to look
    """

    rank: int
    name: str
    hint: str


def numbers(value: object) -> Tensor | None:
    """A result as float64; None for anything but a number or a tensor of a reasonable size."""
    if isinstance(value, (bool, int, float)):
        return torch.tensor(float(value), dtype=torch.float64)
    if not isinstance(value, Tensor):
        return None
    value = plain(value)
    if value is None or value.numel() > LARGEST or value.dtype.is_complex:
        return None
    return value.detach().double()


def relations_between(
    given: object, expected: object, sizes: Sizes, arguments: Tensors
) -> set[Relation]:
    """Every relation that holds between a wrong result and the right one.

    sizes      numbers with a name that the result may be off by
    arguments  the call's tensors by name
    """
    found, right = numbers(given), numbers(expected)
    if found is None or right is None or not right.numel():
        return set()
    if found.shape != right.shape:
        return set(_of_shapes(found, right))
    if close(found, right):
        return {_of_form(given, expected, arguments)}
    if not found.isfinite().all() or not right.isfinite().all():
        return set(_not_finite(found, right, arguments))
    relations = set()
    for family in FAMILIES:
        relations |= set(family(found, right))
    relations |= set(_factors(found, right, sizes)) | set(_differences(found, right, sizes))
    relations |= set(_of_arguments(found, right, arguments, sizes))
    return relations | set(_where(found, right, arguments))


def _of_form(given: object, expected: object, arguments: Tensors) -> Relation:
    """The right numbers, in a result of another type or dtype."""
    if not (isinstance(given, Tensor) and isinstance(expected, Tensor)):
        return Relation(
            0,
            "the right numbers, but of another Python type",
            "Compare the type that the docstring promises with the one you return.",
        )
    kind = str(given.dtype).removeprefix("torch.")
    same = [name for name, tensor in arguments.items() if tensor.dtype == given.dtype]
    of = f"`{same[0]}`'s dtype" if len(same) == 1 else f"dtype {kind}"
    return Relation(
        0,
        f"right in their values and shapes, but not in their dtype: it is {of}",
        "Follow the dtype through your steps: constants, buffers and a mix of two dtypes change "
        "it. The docstring says which one the result has.",
    )


# ------------------------------------------------------------------------------------------ shapes


def _of_shapes(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """The right numbers in another shape, or before or after another reduction."""
    if found.numel() == right.numel():
        yield from _rearranged(found, right)
    elif found.numel() > right.numel():
        yield from _enlarged(found, right)
        yield from _too_many(found, right)
        yield from _not_reduced(found, right)
    elif found.numel():
        yield from _reduced_further(found, right)


def _rearranged(found: Tensor, right: Tensor) -> Iterator[Relation]:
    if _agree(found.squeeze(), right.squeeze()):
        more = "an axis of size 1 too many" if found.ndim > right.ndim else "an axis missing"
        yield Relation(
            1,
            f"the right numbers, with {more}",
            "Indexing with a number, `squeeze`, `keepdim` and `None` add and drop axes: print the "
            "shape after each step, also for a batch of one.",
        )
    elif _agree(found.flatten(), right.flatten()):
        yield Relation(
            2,
            "the right numbers in the right order, in another shape",
            "Compare the last change of shape with the docstring's.",
        )
    if found.ndim == right.ndim <= 4:
        for order in permutations(range(right.ndim)):
            turned = right.permute(order)
            if turned.shape == found.shape and _agree(found, turned):
                yield EXCHANGED
    if _agree(found.flatten().sort().values, right.flatten().sort().values):
        yield IN_OTHER_PLACES


def _not_reduced(found: Tensor, right: Tensor) -> Iterator[Relation]:
    for axes in _axes(found.ndim):
        for what, reduced in (("mean", found.mean(axes)), ("sum", found.sum(axes))):
            if reduced.squeeze().shape == right.squeeze().shape and _agree(
                reduced.squeeze(), right.squeeze(), single=True
            ):
                yield Relation(
                    3,
                    f"right before a last {what} over an axis, which is missing",
                    "Compare the shape that you return with the docstring's: which axis should be "
                    "gone, and how?",
                )


def _reduced_further(found: Tensor, right: Tensor) -> Iterator[Relation]:
    for axes in _axes(right.ndim):
        for what, reduced in (("mean", right.mean(axes)), ("sum", right.sum(axes))):
            if _agree(found.squeeze(), reduced.squeeze(), single=True):
                yield Relation(
                    3,
                    f"a {what} of the right ones over an axis that should be kept",
                    "Say for each axis of your last steps whether the docstring's result still "
                    "has it.",
                )
    yield from _incomplete(found, right)
    one = right.ndim and found.shape[1:] == right.shape[1:] and len(found) == 1 < len(right)
    if one and _agree(found, right[:1]):
        yield FIRST_ONLY


def _incomplete(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """Some of the right rows, or numbers, are not there."""
    if not right.ndim or found.shape[1:] != right.shape[1:]:
        return
    if len(found) > 1 and _agree(found, right[: len(found)]):
        yield Relation(
            4, "right, but the last ones are missing", "What decides how many results there are?"
        )
    elif _rows(found) < _rows(right):
        yield Relation(
            5,
            "right, but some of them are missing",
            "Which conditions leave some out, and which ones does the docstring ask for?",
        )


def _too_many(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """All of the right rows, and others."""
    if right.ndim and found.shape[1:] == right.shape[1:] and _rows(right) < _rows(found):
        yield Relation(
            5,
            "right, but there are more of them than should be",
            "Which conditions leave some out, and which ones does the docstring ask for?",
        )


def _rows(tensor: Tensor) -> set[tuple[float, ...]]:
    rows = tensor[:2000].reshape(min(len(tensor), 2000), -1)
    return set(map(tuple, rows.round(decimals=4).tolist()))


def _enlarged(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """Pictures of another size."""
    if found.ndim != 4 or right.ndim != 4 or found.shape[:2] != right.shape[:2]:
        return
    for mode in ("nearest", "bilinear"):
        if _agree(found, F.interpolate(right, found.shape[2:], mode=mode)):
            yield Relation(
                3,
                "the right pictures, stretched to another size",
                "Which size does the docstring promise, and which argument has it?",
            )


def _axes(dimensions: int) -> Iterator[tuple[int, ...]]:
    if dimensions <= 5:
        for count in range(1, dimensions + 1):
            yield from combinations(range(dimensions), count)


# ------------------------------------------------------------------------------------------ places

EXCHANGED = Relation(
    10,
    "the right numbers with two axes exchanged",
    "Say for each axis what it counts, before and after every transposition and every change of "
    "shape. Try a picture that is not square.",
)
IN_OTHER_PLACES = Relation(
    40,
    "the right numbers in other places",
    "Follow a single number: from which place does it come, and where should it go?",
)
FIRST_ONLY = Relation(
    12,
    "right for the first of a batch only",
    "Look for an index 0, or for a loop that ends after its first round: what happens to the "
    "second one?",
)
FIRST_FOR_ALL = Relation(
    11,
    "the first result of the batch, for every one of it",
    "Look for an index 0, and for a value that is computed once and used for all.",
)
LAST_ONLY = Relation(
    12,
    "right for the last of a batch only",
    "Does every round of your loop write over what the round before has written?",
)
MIXED = Relation(
    13,
    "the same for every one of the batch: a mean over all of them",
    "One step reduces over the batch as well: name the axes of each mean and sum.",
)


def _moved(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """Transposed, flipped, rolled, shifted, permuted."""
    for one, other in combinations(range(right.ndim), 2):
        if right.shape[one] == right.shape[other] and _agree(found, right.transpose(one, other)):
            yield EXCHANGED
    for axes in _axes(min(right.ndim, 4)):
        if len(axes) <= 2 and _agree(found, right.flip(axes)):
            yield Relation(
                10,
                "the right numbers in the reverse order along an axis",
                "Which way does each axis run? Follow the first and the last number of it.",
            )
    yield from _shifted(found, right)
    for axis in range(right.ndim):
        if right.shape[axis] > 2 and _agree(found.sort(axis).values, right.sort(axis).values):
            yield Relation(
                15,
                "the right numbers in another order along an axis",
                "Follow a single number: from which place does it come, and where should it go? "
                "Are sorting, ties and the order of stacking as the docstring says?",
            )
    if _agree(found.flatten().sort().values, right.flatten().sort().values):
        yield IN_OTHER_PLACES


def _shifted(found: Tensor, right: Tensor) -> Iterator[Relation]:
    for axis in range(right.ndim):
        length = right.shape[axis]
        if length < 3:
            continue
        for step in (1, -1):
            kept = slice(1, None) if step == 1 else slice(None, -1)
            inside = right.roll(step, axis).transpose(0, axis)[kept]
            if _agree(found.transpose(0, axis)[kept], inside):
                yield Relation(
                    14,
                    "the right numbers, shifted by one along an axis",
                    "Counting starts at 0: check the first and the last index of each range, and "
                    "what belongs at the ends.",
                )


def _by_batch(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """Right for some members of the batch only."""
    if right.ndim < 1 or len(right) < 2:
        return
    rows = [close(a, b) for a, b in zip(found, right, strict=True)]
    if rows[0] and not any(rows[1:]) and (len(rows) > 2 or right[0].numel() > 1):
        yield FIRST_ONLY
    if rows[-1] and not any(rows[:-1]) and (len(rows) > 2 or right[0].numel() > 1):
        yield LAST_ONLY
    if _agree(found, right[:1].expand_as(right)):
        yield FIRST_FOR_ALL
    if _agree(found, right.mean(0, keepdim=True).expand_as(right)):
        yield MIXED


# ------------------------------------------------------------------------------------------ values

TIMES = {
    **{2.0: "2", 0.5: "½", 3.0: "3", 1 / 3: "⅓", 4.0: "4", 0.25: "¼", 10.0: "10", 0.1: "1/10"},
    **{100.0: "100", 0.01: "1/100", 255.0: "255", 1 / 255: "1/255", 180.0: "180", 360.0: "360"},
    **{math.pi: "π", 1 / math.pi: "1/π", 2 * math.pi: "2π", math.pi / 180: "π/180"},
    **{180 / math.pi: "180/π", 2**0.5: "the root of 2", 0.5**0.5: "the root of ½"},
    **{110.0: "110", 1 / 110: "1/110", -2.0: "−2", -0.5: "−½"},
}
NEGATIVE = Relation(
    20,
    "right, but for the sign",
    "One difference is the other way round, or a minus is missing.",
)
SCALED = (
    "Is a sum in the place of a mean, or a mean in that of a sum? Over which axes? Is a factor of "
    "the formula missing?"
)


def _factors(found: Tensor, right: Tensor, sizes: Sizes) -> Iterator[Relation]:
    power = (right * right).sum().item()
    factor = (found * right).sum().item() / power if power else 0.0
    if (
        not math.isfinite(factor)
        or abs(factor) < 1e-9
        or not _agree(found, factor * right, single=True)
    ):
        return
    if _is(factor, -1):
        yield NEGATIVE
    for value, name in TIMES.items():
        if _is(factor, value):
            yield Relation(20, f"right up to a factor: they are {name} times as large", SCALED)
    for name, size in sizes.items():
        yield from _by_size(factor, name, size)
    if _distinct(right) >= 4 and abs(factor - 1) > 0.01:
        yield Relation(29, "right up to a factor, which is the same for all of a call", SCALED)


def _by_size(factor: float, name: str, size: float) -> Iterator[Relation]:
    """A factor that is a size of the docstring, or a number made of one."""
    if size in (0, 1):
        return
    rank = 21 + name.count("·")
    if _is(factor, size):
        yield Relation(rank, f"right up to a factor: they are {name} times as large", SCALED)
    if _is(factor, 1 / size):
        yield Relation(rank, f"right up to a factor: they are divided by {name}", SCALED)
    if size > 1 and (_is(factor, size / (size - 1)) or _is(factor, (size - 1) / size)):
        yield Relation(
            rank,
            f"right up to a factor, as between a division by {name} and one by {name} − 1",
            "What is each sum divided by: the number of values, or one less?",
        )
    if size > 0 and (_is(factor, size**0.5) or _is(factor, size**-0.5)):
        yield Relation(
            rank,
            f"right up to a factor, the root of {name}",
            "Is a division, or a square, on the other side of a root?",
        )


def _row_factors(found: Tensor, right: Tensor) -> Iterator[Relation]:
    """Each row, or each position, right up to a factor of its own: it isn't normalised."""
    for axis in range(right.ndim):
        if right.shape[axis] < 3 or right.numel() == right.shape[axis]:
            continue
        power = (right * right).sum(axis, keepdim=True)
        factors = (found * right).sum(axis, keepdim=True) / power.clamp(min=1e-300)
        if (factors.abs() > 1e-9).all() and _agree(found, factors * right):
            yield Relation(
                30,
                "right up to a factor for each row or column of numbers",
                "Along one axis the proportions are right, and the scale is not: is it normalised, "
                "by the right sum and over the right axis?",
            )


def _differences(found: Tensor, right: Tensor, sizes: Sizes) -> Iterator[Relation]:
    off = found - right
    amount = off.mean().item()
    tiny = CLOSE * max(found.abs().max().item(), right.abs().max().item())
    if abs(amount) <= tiny or (off - amount).abs().max().item() > tiny:
        return
    side = "large" if amount > 0 else "small"
    hint = "Look at the numbers that you add or subtract, and at where counting starts and ends."
    for value, name in ((1.0, "1"), (0.5, "½"), (2.0, "2")):
        if abs(abs(amount) - value) <= tiny:
            yield Relation(24, f"too {side} by {name}", hint)
    for name, size in sizes.items():
        if size and abs(abs(amount) - abs(size)) <= tiny and "·" not in name:
            yield Relation(25, f"too {side} by {name}", hint)
        if size and abs(abs(amount) - 2 * abs(size)) <= tiny and "·" not in name:
            yield Relation(26, f"too {side} by twice {name}", hint)
    if _distinct(right) >= 4:
        yield Relation(31, "right up to a number that is added to all of them", hint)


def _of_arguments(
    found: Tensor, right: Tensor, arguments: Tensors, sizes: Sizes
) -> Iterator[Relation]:
    """Off by an argument: it is left out, or added too often."""
    off = found - right
    for name, argument in arguments.items():
        tensor = numbers(argument)
        if tensor is None or not tensor.isfinite().all() or _distinct(tensor) < 2:
            continue
        for shaped in _spread(tensor, right):
            power = (shaped * shaped).sum().item()
            times = (off * shaped).sum().item() / power if power else 0.0
            if abs(times) > 1e-3 and _agree(off, times * shaped):
                yield _by_argument(name, times)
        if tensor.shape == found.shape and _agree(found, tensor):
            yield Relation(
                18,
                f"`{name}`, as it was given",
                "What you compute does not reach the result: is it assigned, and returned?",
            )


def _by_argument(name: str, times: float) -> Relation:
    if _is(times, -1):
        return Relation(16, f"right up to `{name}`, which is missing", "Where should it come in?")
    if _is(times, -2):
        return Relation(16, f"right up to `{name}`, which has the other sign", NEGATIVE.hint)
    return Relation(
        17,
        f"right up to a multiple of `{name}`",
        f"How often is `{name}` added, and with which factor?",
    )


def _spread(tensor: Tensor, right: Tensor) -> Iterator[Tensor]:
    """A tensor in the result's shape, along its last axis or along its channels."""
    shapes: list[tuple[int, ...]] = [tensor.shape]
    if tensor.ndim == 1 and right.ndim > 2:
        shapes.append((len(tensor), *[1] * (right.ndim - 2)))
    for shape in shapes:
        try:
            yield tensor.reshape(shape).expand_as(right)
        except RuntimeError:
            continue


ELEMENTWISE: list[tuple[int, str, str, Callable[[Tensor], Tensor]]] = [
    (20, "1 minus the right ones", "Is something counted that should not be, or the reverse?", 
     lambda x: 1 - x),
    (21, "the squares of the right ones", "Is a root missing, or a square too many?", torch.square),
    (21, "the roots of the right ones", "Is a square missing, or a root too many?", torch.sqrt),
    (22, "right but for a sign that is lost", "An absolute value or a square loses signs.",
     torch.abs),
    (21, "the logarithms of the right ones", "Is an exponential missing, or a logarithm too many?",
     torch.log),
    (21, "the exponentials of the right ones", "Is a logarithm missing?", torch.exp),
    (21, "1 divided by the right ones", "Which of the two is divided by which?", torch.reciprocal),
    (22, "the right ones, rounded", "Where do you round, or make whole numbers?", torch.round),
    (23, "the right ones, rounded down", "Where do you round, or make whole numbers?", torch.floor),
    (23, "the right ones, rounded up", "Where do you round, or make whole numbers?", torch.ceil),
    (24, "the right ones without their fractions", "Where do you make whole numbers?", torch.trunc),
    (22, "right, but for whole turns", "Is a remainder taken where none belongs, or missing?",
     lambda x: torch.where((x < 0) | (x > 360), x % 360, torch.nan)),
]  # fmt: skip


def _transformed(found: Tensor, right: Tensor) -> Iterator[Relation]:
    for rank, name, hint, function in ELEMENTWISE:
        if _agree(found, function(right), single=True):
            yield Relation(rank, name, hint)
    off = (found - right).abs().max().item() if found.numel() else 0
    if off > 180 and _agree(found % 360, right % 360):
        yield Relation(22, "right, but for whole turns", ELEMENTWISE[-1][2])


def _constant(found: Tensor, right: Tensor) -> Iterator[Relation]:
    if found.numel() > 3 and _distinct(found) == 1:
        if not found.any():
            yield Relation(
                19, "0 everywhere", "What you compute does not reach the result, or is cancelled."
            )
        else:
            yield Relation(
                35,
                "one and the same number everywhere",
                "One step reduces over all the values, or what you compute does not reach the "
                "result.",
            )


FAMILIES = [_moved, _by_batch, _row_factors, _transformed, _constant]

# ------------------------------------------------------------------------------------- some values


def _where(found: Tensor, right: Tensor, arguments: Tensors) -> Iterator[Relation]:
    """Wrong at some places only, and which they are."""
    tiny = CLOSE * right.abs().max().item()
    wrong = (found - right).abs() > tiny
    yield from _cut_off(found, right, wrong)
    if wrong.sum() > 1 and not wrong.all() and _agree(found[wrong], -right[wrong]):
        yield Relation(19, "right, but for the signs of some", NEGATIVE.hint)
    yield from _places(wrong, right, arguments)


def _not_finite(found: Tensor, right: Tensor, arguments: Tensors) -> Iterator[Relation]:
    wrong = ~found.isfinite()
    if not right.isfinite().all():
        return
    hint = (
        "Which step divides by 0, takes the logarithm or the root of 0, or an exponential of a "
        "large number?"
    )
    good = ~wrong
    if good.any() and close(found[good], right[good]):
        yield Relation(20, "right, except for some that are infinite or NaN", hint)
    if not good.any():
        yield Relation(21, "all infinite or NaN", hint)


def _cut_off(found: Tensor, right: Tensor, wrong: Tensor) -> Iterator[Relation]:
    """Limited from above or below; or 0 in the place of some."""
    if wrong.sum() < 2 or wrong.all():
        return
    values = found[wrong]
    if _distinct(values) != 1:
        return
    value, hint = values[0].item(), "Is there a limit that the docstring does not ask for?"
    if (right[wrong] > value).all() and (found <= value + 1e-9).all():
        yield Relation(18, "right, but cut off from above", hint)
    elif (right[wrong] < value).all() and (found >= value - 1e-9).all():
        yield Relation(18, "right, but cut off from below", hint)
    elif value == 0:
        yield Relation(
            27,
            "right, except for some that are 0",
            "Which values are those? Are they never written, or set to 0 by a condition?",
        )


def _places(wrong: Tensor, right: Tensor, arguments: Tensors) -> Iterator[Relation]:
    count, total = int(wrong.sum()), wrong.numel()
    if count == total or math.comb(total, min(count, 60)) < FEW_CHANCES:
        return
    for name, places in _patterns(right, arguments):
        # Exactly there; a result that happens to be right at one of them as well does no harm.
        if not (wrong & ~places).any() and count >= 0.75 * places.sum():
            yield Relation(28, f"right except {name}", "Try such a value alone, by hand.")


def _patterns(right: Tensor, arguments: Tensors) -> Iterator[tuple[str, Tensor]]:
    """Places in a result that go together."""
    yield "where the right ones are 0", right == 0
    yield "where the right ones are negative", right < 0
    yield "where the right ones are positive", right > 0
    for name, argument in arguments.items():
        tensor = numbers(argument)
        if tensor is not None and tensor.shape == right.shape:
            yield f"where `{name}` is 0", tensor == 0
            yield f"where `{name}` is negative", tensor < 0
            yield f"where `{name}` is positive", tensor > 0
            yield f"where `{name}` is greater than 1", tensor > 1
    if right.ndim >= 2 and min(right.shape[-2:]) >= 3:
        border = torch.ones_like(right, dtype=torch.bool)
        border[..., 1:-1, 1:-1] = False
        yield "at the border", border
        for axis, names in ((-2, ("first row", "last row")), (-1, ("first column", "last column"))):
            for index, name in zip((0, -1), names, strict=True):
                line = torch.zeros_like(right, dtype=torch.bool)
                line.select(axis, index)[...] = True
                yield f"in the {name}", line
    if right.ndim == 1 and len(right) >= 3:
        for index, name in ((0, "first"), (-1, "last")):
            end = torch.zeros_like(right, dtype=torch.bool)
            end[index] = True
            yield f"for the {name}", end


# ------------------------------------------------------------------------------------------- shared


def _agree(found: Tensor, made: Tensor, *, single: bool = False) -> bool:
    """Whether a result is what was made of the right one, and not by chance.

    A result of one number only counts where `single` allows it: other calls have to agree.
    """
    if found.shape != made.shape or not made.isfinite().all() or not found.isfinite().all():
        return False
    if not (close(found, made) and close(made, found)):
        return False
    return _distinct(found) > 1 or (single and found.numel() == 1)


def _distinct(tensor: Tensor) -> int:
    """How many different numbers there are, up to rounding; of the first thousand."""
    few = tensor.flatten()[:1000]
    if not few.numel():
        return 0
    scale = few.abs().max().item() or 1.0
    return len((few / scale * 1e5).round().unique())


def _is(number: float, value: float) -> bool:
    return abs(number - value) <= CLOSE * abs(value)
