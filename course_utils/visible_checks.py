"""Which visible checks have passed since the kernel was started, so that nbgrader's Validate button can tell.

visible_checks.passed("vote")      the end of a check cell
visible_checks.required("vote")    the grade cell below it
"""

_passed: set[str] = set()


def passed(task: str) -> None:
    """Say that a task's visible checks pass, and remember it."""
    _passed.add(task)
    print(f"{task}: the visible checks pass.")


def required(task: str) -> None:
    """Do nothing if a task's visible checks have passed.

    Raises AssertionError if they have not, or were not run.
    """
    if task not in _passed:
        open_task = AssertionError(
            f"the visible checks of {task} do not pass: run their cell, and read what it says"
        )
        open_task._render_traceback_ = lambda: [str(open_task)]  # the sentence will do, wherever it is shown
        raise open_task
