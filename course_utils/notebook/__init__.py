"""Notebook files: read, taken apart, compared, and put on the notebook that was given out."""
