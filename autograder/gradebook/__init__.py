"""Verdicts into nbgrader: its gradebook, formgrader, feedback and exporters, with our judge in place of Execute."""

from autograder.gradebook.plugin import configure

__all__ = ["configure"]
