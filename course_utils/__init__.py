"""The modules that the notebooks import.

data         data sets                      plots       figures, panels, animations
training     the training loop, weights     color       constants, the colour world
notebook     notebook files                 self_check  which tasks are solved

`course_utils.reference` holds the solutions. It is never shipped to students, and nothing else in
this package imports it.

course_utils.check_setup()      checks that everything the notebook needs is installed
"""

from course_utils import old_names
from course_utils.setup_check import check_setup

old_names.install()

__all__ = ["check_setup"]
