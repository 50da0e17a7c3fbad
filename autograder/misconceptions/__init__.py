"""Misconceptions: named, plausible wrong answers, each with the hint that helps. NOT SHIPPED.

Every one must fail a hidden check; when a student's wrong answer equals one, the feedback names it.

    @misconception("l2_loss", hint="The distance is squared: is a square missing?")
    def sum_of_absolute_differences(prediction, target): ...
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Answer = Callable[..., Any]  # a function or a class, written as a student would write it


@dataclass(frozen=True)
class Misconception:
    """A wrong implementation of a task.

    name  what it is, in the feedback: its function's name, with spaces
    hint  the symptom, the likely cause and where to look; never the answer
    """

    task: str
    name: str
    hint: str
    function: Answer


def misconception(task: str, *, hint: str) -> Callable[[Answer], Answer]:
    """Register the decorated function as a misconception of `task`."""

    def register(function: Answer) -> Answer:
        name = function.__name__.replace("_", " ")
        marked: Any = function
        marked.misconception = Misconception(task, name, hint, function)
        return function

    return register


def misconceptions_of(topic: str) -> dict[str, list[Misconception]]:
    """The misconceptions of a topic, by task, in the file's order."""
    module = importlib.import_module(f"autograder.misconceptions.{topic}")
    found: dict[str, list[Misconception]] = {}
    for value in vars(module).values():
        if isinstance(item := getattr(value, "misconception", None), Misconception):
            found.setdefault(item.task, []).append(item)
    return found
