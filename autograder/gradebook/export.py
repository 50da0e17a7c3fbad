"""The 0.1 name of `autograder.exports.csv_exports`, which existing course directories import."""

from autograder.exports.csv_exports import *  # noqa: F403
