"""python -m course_utils: check the installation. Exit code 1 if something is missing."""

import sys

from course_utils.setup_check import check_setup

if __name__ == "__main__":
    sys.exit(not check_setup())
