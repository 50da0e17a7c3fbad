"""How long functions take, measured in one run."""

import time
from collections.abc import Callable


def seconds(*functions: Callable[[], object], times: int) -> list[float]:
    """The best of several of each, in turn: what else the machine does adds to all of them
    alike.
    """
    found: list[list[float]] = [[] for _ in functions]
    for _ in range(times):
        for function, its_own in zip(functions, found, strict=True):
            start = time.perf_counter()
            function()
            its_own.append(time.perf_counter() - start)
    return [min(its_own) for its_own in found]
