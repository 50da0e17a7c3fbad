"""The self-check's questions to its kernel, answered there without defining names in it.

answer = kernel.ask("skipped")
"""

import os
import site
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from IPython import get_ipython

from course_utils.notebook import statements


def answer(question: str, *arguments: object) -> object:
    """Answer one of the questions below, with something that JSON knows."""
    return QUESTIONS[question](*arguments)


def start() -> bool:
    """Run cells from now on as the grader's worker does."""
    shell = get_ipython()
    statements.install(shell)
    shell.ask_exit = lambda: None  # `exit` in a notebook ends nothing
    return hasattr(shell, statements.HOOK)


def skipped() -> list[statements.Skipped]:
    """The statements that were left out since the last time."""
    return statements.taken(get_ipython())


def reset() -> None:
    """Put back what a cell may have left set for good: the grader does so before each call."""
    if numpy := sys.modules.get("numpy"):
        numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    if torch := sys.modules.get("torch"):
        with suppress(Exception):  # whatever a cell has made of it
            torch.set_default_device(None)
            torch.set_default_dtype(torch.float32)
            torch.set_grad_enabled(True)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.resetwarnings()
    sys.settrace(None)
    sys.setprofile(None)


def foreign(names: list[str], course: str) -> dict[str, str]:
    """The folders of those modules that belong neither to Python, nor a package, nor the course."""
    own = [sys.prefix, sys.base_prefix, *site.getsitepackages(), site.getusersitepackages(), course]
    own.append(str(Path(os.__file__).parent))
    homes = [Path(folder).resolve() for folder in own]
    found = {}
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str):
            path = Path(file).resolve()
            if not any(path.is_relative_to(home) for home in homes):
                found[name] = str(path.parent)
    return found


QUESTIONS: dict[str, Callable] = {
    "start": start,
    "skipped": skipped,
    "reset": reset,
    "foreign": foreign,
}
