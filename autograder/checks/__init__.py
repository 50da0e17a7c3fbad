"""Hidden checks: pytest files, one a topic, and what they are written with. NOT SHIPPED.

A hidden check is a test function marked with its task and its points, that takes the fixture
`submission`. Its docstring is one sentence saying what is tested, and is shown to the student:

    @check("l2_loss", points=1)
    def test_pixels_are_averaged(submission):
        \"\"\"Two pictures of five by seven pixels: the loss is a mean over all the pixels.\"\"\"
        result = submission.l2_loss(prediction, target)
        expect(result, close_to=0.5 * ...)
"""

import importlib
import inspect
from dataclasses import dataclass
from types import ModuleType

import pytest

from autograder.checks.expect import Failure, expect, expect_inputs_unchanged

__all__ = ["Check", "Failure", "check", "checks_module", "checks_of", "expect", "expect_inputs_unchanged"]


def check(task: str, *, points: float) -> pytest.MarkDecorator:
    """Mark a test as a hidden check of `task`, worth `points`."""
    return pytest.mark.check(task, points=points)


@dataclass(frozen=True)
class Check:
    """One hidden check, before it is run."""

    name: str
    task: str
    points: float
    says: str  # what is tested, in a sentence for the student


def checks_module(topic: str) -> ModuleType:
    """The module of hidden checks of a topic."""
    return importlib.import_module(f"autograder.checks.test_{topic}")


def checks_of(topic: str) -> list[Check]:
    """Every hidden check of a topic, in the file's order.

    Raises ValueError for a test without task, points or docstring.
    """
    tests = [
        (name, test)
        for name, test in vars(checks_module(topic)).items()
        if name.startswith("test_") and inspect.isfunction(test)
    ]
    return [_describe(topic, name, test) for name, test in tests]


def _describe(topic: str, name: str, test: object) -> Check:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "check"]
    where = f"test_{topic}.py:{inspect.getsourcelines(test)[1]}: {name}"
    if len(marks) != 1:
        raise ValueError(f"{where} needs one @check(task, points=...), it has {len(marks)}")
    if not test.__doc__:
        raise ValueError(f"{where} needs a docstring: the sentence that tells a student what is tested")
    says = inspect.cleandoc(test.__doc__).split("\n\n")[0].replace("\n", " ")
    return Check(name, marks[0].args[0], marks[0].kwargs["points"], says)
