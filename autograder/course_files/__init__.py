"""The files of a course directory: written whole, locked, and found, without nbgrader."""
