"""The 0.1 name of `autograder.exports.gradescope`, which archives uploaded back then still run."""

import sys

from autograder.exports.gradescope import *  # noqa: F403
from autograder.exports.gradescope import main

if __name__ == "__main__":
    main(*sys.argv[1:])
