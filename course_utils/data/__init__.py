"""What the notebooks learn from: photographs, digits, rendered furniture, and the real data
sets.
"""
