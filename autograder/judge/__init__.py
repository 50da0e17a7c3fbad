"""The judge: a submission in, a verdict out. `judge` is the centre; everything else is an adapter
on it.
"""
