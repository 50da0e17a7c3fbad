"""python -m course_utils.self_check NOTEBOOK.ipynb"""

import sys

from course_utils.self_check.report import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
