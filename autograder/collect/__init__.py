"""Hand-ins of every origin into a course directory: whose each one is, when it came, what is in
it.
"""
