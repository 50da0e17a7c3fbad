"""The names that a docstring gives to the sizes of a call's arguments: B pictures, C channels."""

import inspect
import re
from collections.abc import Callable, Mapping
from itertools import combinations
from math import prod
from typing import Any

from torch import Tensor

from autograder.judge.checking.submission import Call

DECLARED = re.compile(r"^\s*(?P<name>\w+)\s+\((?P<sizes>[^)]*)\)", re.MULTILINE)
SYMBOL = re.compile(r"[A-Za-z]'?")


class Signature:
    """What a task's parameters and their sizes are called.

    parameters  by name, in order
    """

    def __init__(self, function: Callable) -> None:
        self._signature = inspect.signature(function)
        self.parameters = self._signature.parameters
        self._symbols = {
            match["name"]: [size.strip() for size in match["sizes"].split(",")]
            for match in DECLARED.finditer(inspect.getdoc(function) or "")
        }

    def bound(self, call: Call) -> dict[str, Any]:
        """The arguments of a call by their names; without those that are left out."""
        if call.of is not None:
            return {}
        try:
            return self._signature.bind(*call.args, **call.kwargs).arguments
        except TypeError:
            return {}

    def tensors(self, call: Call) -> dict[str, Tensor]:
        """The arguments that are tensors."""
        bound = self.bound(call).items()
        return {name: value for name, value in bound if isinstance(value, Tensor)}

    def symbols(self, call: Call) -> dict[str, int]:
        """The sizes of a call by their names in the docstring, such as B and W."""
        found: dict[str, int] = {}
        for name, tensor in self.tensors(call).items():
            declared = self._symbols.get(name, [])
            if len(declared) == tensor.ndim:
                pairs = zip(declared, tensor.shape, strict=True)
                found |= {symbol: size for symbol, size in pairs if SYMBOL.fullmatch(symbol)}
        return found

    def sizes(self, call: Call) -> Mapping[str, float]:
        """Numbers with a name that a result may be off by: sizes, their products, arguments."""
        symbols, found = self.symbols(call), dict[str, float]()
        for count in (1, 2, 3):
            for chosen in combinations(symbols, count):
                found["·".join(chosen)] = prod(symbols[one] for one in chosen)
        for name, value in self.bound(call).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found[f"`{name}`"] = float(value)
            if isinstance(value, Tensor) and value.ndim == 0:
                found[f"`{name}`"] = float(value)
        return found
