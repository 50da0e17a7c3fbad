"""What the notebooks import: photographs, colour constants, pictures.

`course_utils.reference` holds the solutions. It is never shipped to students, and nothing else in this
package imports it.
"""
