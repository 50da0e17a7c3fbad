"""What the notebooks import.

data         what is learnt from            plots       figures, panels, moving pictures
training     the training loop, weights     color       constants, the colour world
notebook     notebook files                 self_check  what is solved, and what is left

`course_utils.reference` holds the solutions. It is never shipped to students, and nothing else in
this package imports it.

course_utils.check_setup()      is everything here that the notebook needs?
"""

from course_utils import old_names
from course_utils.setup_check import check_setup

old_names.install()

__all__ = ["check_setup"]
