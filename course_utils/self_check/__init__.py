"""The self-check: `self_check(NOTEBOOK)`, or `python -m course_utils.self_check NOTEBOOK`."""

from course_utils.self_check.report import main, run, self_check

__all__ = ["main", "run", "self_check"]
