"""Fixed words for objects and exceptions that are not sent.

A student's program chooses neither: no text of the student's travels this way. Nothing here runs
code of the object that it describes.
"""

import builtins
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor

DTYPES = frozenset(
    (
        torch.bool,
        torch.uint8,
        torch.uint16,
        torch.uint32,
        torch.uint64,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    )
)

_KIND_OF: dict[type, str] = {
    torch.nn.Module: "a network (torch.nn.Module)",
    type: "a class",
    types.FunctionType: "a function",
    types.BuiltinFunctionType: "a function",
    types.MethodType: "a method",
    types.GeneratorType: "a generator",
    set: "a set",
    range: "a range",
    complex: "a complex number",
    np.complexfloating: "a complex number",
    int: "a very large integer, or a subclass of int",
    dict: "a dict with keys that are not strings, or a subclass of dict",
    list: "a subclass of list",
    tuple: "a subclass of tuple",
    str: "a subclass of str",
    types.ModuleType: "a module",
    BaseException: "an exception",
}
TOO_LARGE = "a value too large or too deep to send"
KINDS = {
    *_KIND_OF.values(),
    "a tensor subclass",
    "a sparse or nested tensor",
    "a complex tensor",
    "a quantised tensor",
    "a tensor without data (meta)",
    "a tensor of an unusual dtype",
    "a numpy array subclass",
    "a numpy array of complex numbers",
    "a numpy array of unusual dtype",
    "a named tuple",
    "an object",
    TOO_LARGE,
}


def describe(value: object) -> str:
    """What an object that is not sent is called: one of KINDS."""
    kind = type(value)
    # By the type alone: isinstance would ask the object for its `__class__`.
    if issubclass(kind, Tensor):
        return describe_tensor(value) or "an object"
    if issubclass(kind, np.ndarray):
        return _describe_array(value)
    if issubclass(kind, tuple) and "_fields" in vars(kind):
        return "a named tuple"
    return next((name for base, name in _KIND_OF.items() if issubclass(kind, base)), "an object")


def describe_tensor(value: Any) -> str:
    """Why a tensor can't be sent, as one of KINDS; an empty string if it can."""
    if type(value) not in (Tensor, torch.nn.Parameter):
        return "a tensor subclass"
    if value.layout is not torch.strided or value.is_nested:
        return "a sparse or nested tensor"
    if value.is_quantized:
        return "a quantised tensor"
    if value.device.type != "cpu":
        return "a tensor without data (meta)"
    if value.is_complex():
        return "a complex tensor"
    return "" if value.dtype in DTYPES else "a tensor of an unusual dtype"


def _describe_array(value: Any) -> str:
    if type(value) is not np.ndarray:
        return "a numpy array subclass"
    if value.dtype.kind == "c":
        return "a numpy array of complex numbers"
    return "a numpy array of unusual dtype"


# --------------------------------------------------------------------------------------- exceptions

OWN_EXCEPTION = "an exception of the student's own"
_BUILTIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and name == value.__name__
}
EXCEPTIONS: dict[str, type[BaseException]] = _BUILTIN_EXCEPTIONS | {
    "numpy.linalg.LinAlgError": np.linalg.LinAlgError,
    "torch.linalg.LinAlgError": vars(torch.linalg)["LinAlgError"],
}
_NAME_OF = {exception: name for name, exception in EXCEPTIONS.items()}


def exception_name(error: BaseException) -> str:
    """What an exception is called: one of EXCEPTIONS, or OWN_EXCEPTION.

    A library's exception goes by the first of its bases that is in EXCEPTIONS.
    """
    if isinstance(error, RuntimeError) and _is_out_of_memory(error):
        return "MemoryError"
    if type(error).__module__ == "__main__" and type(error) not in _NAME_OF:
        return OWN_EXCEPTION
    return next((_NAME_OF[base] for base in type(error).__mro__ if base in _NAME_OF), OWN_EXCEPTION)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch reports that memory could not be allocated, which it does as RuntimeError."""
    texts = [argument for argument in error.args if type(argument) is str]
    return any("allocate memory" in text for text in texts)
