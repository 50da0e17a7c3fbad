"""Collect submissions from any source into a course directory.

For each: whose it is, when it was submitted, and which files belong to it.
"""
