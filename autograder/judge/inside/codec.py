"""Values as JSON and tensors, and back. Both sides of the connection import this.

A value keeps its form: a NumPy array arrives as one, a tuple does not become a list, strides
survive. REF names a tensor in the body of the message. In JSON:

    None, True, 3, 0.5, NaN, "short", [1, 2]        as they are
    {"tuple": [...]}  {"dict": {...}}               containers
    {"tensor": REF, "stride": [...], "grad": true}  a tensor; its stride unless it is contiguous
    {"array": REF}  {"scalar": REF}                 a NumPy array, a NumPy scalar
    {"text": REF}  {"bytes": REF}                   a long string, bytes
    {"dtype": "float32"}                            a torch.dtype
    {"handle": 7, "kind": "a function"}             anything else stays where it is, and can be
                                                    referred to by its handle
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from .frames import DEFAULT, JSON_ITEMS, Json, Tensors, WireError
from .vocabulary import KINDS, TOO_LARGE, describe, describe_tensor

Keep = Callable[[object], int]
Resolve = Callable[[int, str], object]
T = TypeVar("T")

# A container takes two levels of JSON (a tuple: {"tuple": [...]}), and the header itself takes two.
VALUE_DEPTH = 6
SHORT_TEXT = 256  # characters that travel in the header
INTEGER_BITS = 1024

_DTYPE_NAMES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype)
}


@dataclass(frozen=True)
class Handle:
    """A value that stayed in the worker.

    handle  refers to it in a later call
    kind    one of KINDS
    """

    handle: int
    kind: str = "an object"


class Kept:
    """Objects that are not sent, by their handles."""

    def __init__(self) -> None:
        self._objects: dict[int, object] = {}
        self._handles: dict[int, int] = {}  # by id, which is unique as long as the object is kept

    def keep(self, value: object) -> int:
        """Keep an object. Returns its handle: always the same one for the same object."""
        handle = self._handles.setdefault(id(value), len(self._handles))
        self._objects[handle] = value
        return handle

    def resolve(self, handle: int, _: str = "") -> object:
        """The object of a handle. Raises KeyError."""
        return self._objects[handle]


# ------------------------------------------------------------------------------------- value → JSON


def encode(value: object, tensors: Tensors, keep: Keep | None = None) -> Json:
    """A value as JSON; its tensors, copied, are added to `tensors`.

    keep   keeps an object that can't be sent, and returns its handle
    Raises WireError for such an object if there is no `keep`.
    """
    before = set(tensors)
    try:
        return _Encoder(tensors, keep).encode(value)
    except _Unsendable:
        for ref in set(tensors) - before:
            del tensors[ref]
        return _opaque(value, TOO_LARGE, keep)


class _Unsendable(Exception):  # noqa: N818
    """The value as a whole is too large or too deep."""


class _Stays(Exception):  # noqa: N818
    """This object, which may be inside a value that can be sent, stays where it is."""


class _Encoder:
    """Encodes one value, by exact type: a subclass may do anything, so it goes as its base."""

    def __init__(self, tensors: Tensors, keep: Keep | None) -> None:
        self.tensors, self.keep, self.items = tensors, keep, 0
        used = sum(tensor.nbytes for tensor in tensors.values())
        self.room = DEFAULT.reply - DEFAULT.header - used

    def encode(self, value: object, depth: int = 0) -> Json:
        self.count(1, depth)
        base = plain(value)
        try:
            return _FORMS.get(type(base), _Encoder.other)(self, base, depth)
        except _Stays:
            return _opaque(value, describe(value), self.keep)

    def count(self, items: int, depth: int = 0) -> None:
        self.items += items
        # Half of what a header may hold, as other values may travel in the same one.
        if self.items > JSON_ITEMS // 2 or depth > VALUE_DEPTH:
            raise _Unsendable

    def take(self, size: int) -> None:
        """Take room in the body before anything is copied.

        An expanded tensor may claim any size.
        """
        self.room -= size
        if self.room < 0:
            raise _Unsendable

    def add(self, tensor: Tensor) -> str:
        """Put a tensor in the body, as a contiguous copy."""
        self.count(5 + tensor.ndim)
        ref = str(len(self.tensors))
        values = tensor.detach().resolve_neg()
        self.tensors[ref] = values.clone(memory_format=torch.contiguous_format)
        return ref

    def plain(self, value: bool | float | None, depth: int) -> Json:
        return value

    def integer(self, value: int, depth: int) -> Json:
        if value.bit_length() > INTEGER_BITS:
            raise _Stays
        return value

    def text(self, value: str, depth: int) -> Json:
        if len(value) <= SHORT_TEXT:
            return value
        return {"text": self.binary(value.encode("utf-8", "surrogatepass"), depth)["bytes"]}

    def binary(self, value: bytes, depth: int) -> Json:
        self.take(len(value))
        return {"bytes": self.add(torch.from_numpy(np.frombuffer(value, np.uint8).copy()))}

    def sequence(self, value: Sequence[object], depth: int) -> Json:
        return [self.encode(item, depth + 1) for item in value]

    def fixed(self, value: Sequence[object], depth: int) -> Json:
        return {"tuple": self.sequence(value, depth)}

    def mapping(self, value: Mapping[object, object], depth: int) -> Json:
        if not all(type(key) is str and len(key) <= SHORT_TEXT for key in value):
            raise _Stays
        return {"dict": {key: self.encode(item, depth + 1) for key, item in value.items()}}

    def tensor(self, value: Tensor, depth: int) -> Json:
        if describe_tensor(value):
            raise _Stays
        self.take(value.numel() * value.element_size())
        form: dict[str, Json] = {"tensor": self.add(value)}
        if not value.is_contiguous() and _is_compact(value.shape, value.stride()):
            form["stride"] = list(value.stride())
        if value.requires_grad:
            form["grad"] = True
        return form

    def array(self, value: np.ndarray, depth: int) -> Json:
        if value.dtype.kind not in "biuf" or value.itemsize > 8:
            raise _Stays
        self.take(value.nbytes)
        native = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
        return {"array": self.add(torch.from_numpy(native))}

    def dtype(self, value: torch.dtype, depth: int) -> Json:
        return {"dtype": str(value).removeprefix("torch.")}

    def opaque(self, value: Handle, depth: int) -> Json:
        return {"handle": value.handle, "kind": value.kind}

    def other(self, value: object, depth: int) -> Json:
        """NumPy's scalars, each of which has a type of its own; everything else stays."""
        if not issubclass(type(value), np.generic):
            raise _Stays
        return {"scalar": self.array(np.asarray(value), depth)["array"]}


_FORMS: dict[type, Callable[[_Encoder, Any, int], Json]] = {
    type(None): _Encoder.plain,
    bool: _Encoder.plain,
    float: _Encoder.plain,
    int: _Encoder.integer,
    str: _Encoder.text,
    bytes: _Encoder.binary,
    list: _Encoder.sequence,
    tuple: _Encoder.fixed,
    torch.Size: _Encoder.fixed,
    dict: _Encoder.mapping,
    OrderedDict: _Encoder.mapping,
    Tensor: _Encoder.tensor,
    torch.nn.Parameter: _Encoder.tensor,
    np.ndarray: _Encoder.array,
    torch.dtype: _Encoder.dtype,
    Handle: _Encoder.opaque,
}
SENT = frozenset(_FORMS)  # the types whose values can be sent, as a rule

# By the base's own methods, so that nothing of a subclass is run.
_AS_BASE: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (list, lambda value: list(list.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (str, str.__str__),
    (float, float.__float__),
    (int, int.__index__),
)


def plain(value: object) -> Any:
    """A value of a subclass of tuple, list, dict, str, float or int, as one of the base."""
    kind = type(value)
    if kind in _FORMS or issubclass(kind, np.generic):
        return value
    return next((convert(value) for base, convert in _AS_BASE if issubclass(kind, base)), value)


def _opaque(value: object, kind: str, keep: Keep | None) -> Json:
    if keep is None:
        raise WireError(f"{kind} can't be sent")
    return {"handle": keep(value), "kind": kind}


def _is_compact(shape: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether a tensor with these strides may be allocated.

    No two of its elements share memory, and little memory lies unused between them.
    """
    span = 1
    for step, size in sorted(zip(stride, shape, strict=True)):
        if size > 1 and step < span:
            return False
        span += (size - 1) * step if size > 1 else 0
    return span <= 16 * math.prod(shape) + 256


# ------------------------------------------------------------------------------------- JSON → value


def decode(value: Json, tensors: Tensors, resolve: Resolve = Handle) -> Any:
    """The inverse of `encode`. Each tensor it refers to is taken out of `tensors`.

    resolve   turns a handle and its kind into a value
    Raises WireError for JSON that `encode` does not write.
    """
    if isinstance(value, list):
        return [decode(item, tensors, resolve) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next((tag for tag in _TAGS if tag in value), None)
    try:
        return _TAGS[tag](value, tensors, resolve)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        form = "a value is not in the form it should have"
        raise WireError(f"{form} ({type(error).__name__})") from None


def _tuple(value: Json, tensors: Tensors, resolve: Resolve) -> tuple:
    return tuple(decode(typed(value["tuple"], list), tensors, resolve))


def _dict(value: Json, tensors: Tensors, resolve: Resolve) -> dict[str, object]:
    items = typed(value["dict"], dict).items()
    return {key: decode(item, tensors, resolve) for key, item in items}


def _tensor(value: Json, tensors: Tensors, resolve: Resolve) -> Tensor:
    # Taken out, so that a megabyte that is referred to 10,000 times is still one megabyte.
    tensor = tensors.pop(value["tensor"])
    if "stride" in value:
        stride = [typed(step, int) for step in typed(value["stride"], list)]
        if not _is_compact(tensor.shape, stride):
            raise WireError("a tensor has strides that are not sent")
        tensor = torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype).copy_(tensor)
    return tensor.requires_grad_() if value.get("grad") is True else tensor


def _array(value: Json, tensors: Tensors, resolve: Resolve) -> np.ndarray:
    return tensors.pop(value["array"]).numpy()


def _scalar(value: Json, tensors: Tensors, resolve: Resolve) -> np.generic:
    array = tensors.pop(value["scalar"]).numpy()
    return array.dtype.type(array.item())


def _bytes(value: Json, tensors: Tensors, resolve: Resolve) -> bytes:
    return tensors.pop(value["bytes"]).numpy().tobytes()


def _text(value: Json, tensors: Tensors, resolve: Resolve) -> str:
    encoded = tensors.pop(value["text"]).numpy().tobytes()
    return encoded.decode("utf-8", "surrogatepass")


def _dtype(value: Json, tensors: Tensors, resolve: Resolve) -> torch.dtype:
    return _DTYPE_NAMES[value["dtype"]]


def _handle(value: Json, tensors: Tensors, resolve: Resolve) -> object:
    if value["kind"] not in KINDS:
        raise WireError("a value is of a kind that there is not")
    return resolve(typed(value["handle"], int), value["kind"])


_TAGS: dict[str | None, Callable[[Json, Tensors, Resolve], object]] = {
    "tuple": _tuple,
    "dict": _dict,
    "tensor": _tensor,
    "array": _array,
    "scalar": _scalar,
    "bytes": _bytes,
    "text": _text,
    "dtype": _dtype,
    "handle": _handle,
}


def typed(value: Json, kind: type[T]) -> T:
    """`value`, if it is exactly of this type. Raises WireError."""
    if type(value) is not kind:
        raise WireError(f"a {type(value).__name__} where a {kind.__name__} should be")
    return value
