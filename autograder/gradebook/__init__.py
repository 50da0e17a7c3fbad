"""Verdicts into nbgrader: its gradebook, formgrader and feedback, with the judge in the place of Execute."""

from autograder.gradebook.plugin import configure

__all__ = ["configure"]
