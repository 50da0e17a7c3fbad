"""Callbacks that report how far a build, a collection or a grading run is.

Light on purpose: every layer imports it, so it imports nothing of the course.
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], object]  # what is being done, steps done, steps in all
Now = Callable[[str], object]  # the cell that runs, and the epoch of a training, in words


def quiet(what: str, done: int, total: int) -> None:
    """A `Progress` that shows nothing."""


def silent(text: str) -> None:
    """A `Now` that shows nothing."""
