"""The visible checks of a notebook: they define no names, and record which tasks pass.

    with visible_checks.of("vote"):        # a check cell
        answer = vote(...)
        assert answer.tolist() == [0, 3], "two votes beat one"

    visible_checks.required("vote")        # the grade cell below it

`visible_checks.passed("vote")` ended the check cells of older releases.
"""

import sys
from typing import Any

_passed: set[str] = set()  # since the kernel was started


class VisibleChecks:
    """The block around a task's visible checks.

    After it every global name is what it was before: a check's `squared` must not replace a
    student's helper of that name. Only names are put back; what was changed in place stays changed.
    """

    def __init__(self, task: str) -> None:
        self.task = task

    # Not a generator with @contextmanager, whose frames would appear in a student's traceback.
    def __enter__(self) -> None:
        _passed.discard(self.task)
        self._names: dict[str, Any] = sys._getframe(1).f_globals
        self._before = dict(self._names)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for name in self._names.keys() - self._before.keys():
            del self._names[name]
        self._names.update(self._before)
        del self._names, self._before
        if kind is None:
            passed(self.task)


def of(task: str) -> VisibleChecks:
    """The block for a task's visible checks: once they have passed, it says so and remembers it."""
    return VisibleChecks(task)


def passed(task: str) -> None:
    """Say that a task's visible checks pass, and remember it."""
    _passed.add(task)
    print(f"{task}: the visible checks pass.")


def required(task: str) -> None:
    """Do nothing if a task's visible checks have passed.

    Raises AssertionError if they have not, or were not run.
    """
    if task not in _passed:
        says = f"the visible checks of {task} do not pass: run their cell, and read what it says"
        open_task = AssertionError(says)
        # IPython then shows the sentence without a traceback.
        open_task._render_traceback_ = lambda: [says]  # type: ignore[attr-defined]  # IPython's
        raise open_task
