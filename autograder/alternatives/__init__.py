"""Alternatives: right answers written unlike the reference. Every one must get full marks. NOT
SHIPPED.

@alternative("l2_loss")
def by_mean_squared_error(prediction, target): ...
"""

import importlib
from collections.abc import Callable
from typing import Any

Answer = Callable[..., Any]  # a function or a class, written as a student would write it


def alternative(task: str) -> Callable[[Answer], Answer]:
    """Register the decorated function as an alternative answer of `task`."""

    def register(function: Answer) -> Answer:
        marked: Any = function
        marked.alternative = task
        return function

    return register


def alternatives_of(topic: str) -> dict[str, list[Answer]]:
    """The alternatives of a topic, by task, in the file's order."""
    module = importlib.import_module(f"autograder.alternatives.{topic}")
    found: dict[str, list[Answer]] = {}
    for value in vars(module).values():
        if isinstance(task := getattr(value, "alternative", None), str):
            found.setdefault(task, []).append(value)
    return found
