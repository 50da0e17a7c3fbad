"""Grades for other systems: CSV files for a spreadsheet, Canvas and Moodle, and Gradescope."""
