"""Verdicts into nbgrader's gradebook, and what follows from it: feedback pages, exports."""

from typing import Any


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """`configure`, imported on first use: the process behind the pages needs neither nbgrader nor
    torch.
    """
    if name != "configure":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from autograder.gradebook.plugin import configure

    return configure


__all__ = ["configure"]  # noqa: F822  by __getattr__
