"""The file that was handed in, not trusted: the notebook, the weights, and what lies beside
them.
"""
