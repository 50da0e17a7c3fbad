"""Find, write and lock the files of a course directory, without nbgrader."""
