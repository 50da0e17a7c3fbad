"""The autograder: masters to notebooks, submissions to verdicts, verdicts to gradebooks. NOT
SHIPPED.
"""
