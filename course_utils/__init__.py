"""What the notebooks import: photographs, colour constants, pictures.

`course_utils.reference` holds the solutions. It is never shipped to students, and nothing else in this
package imports it.

course_utils.check_setup()      is everything here that the notebook needs?
"""

from course_utils.setup_check import check_setup

__all__ = ["check_setup"]
