"""The name of `autograder.exports.gradescope` in version 0.1: archives that were uploaded then run
it.
"""

import sys

from autograder.exports.gradescope import *  # noqa: F403
from autograder.exports.gradescope import main

if __name__ == "__main__":
    main(*sys.argv[1:])
