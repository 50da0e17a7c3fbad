"""The notebooks' data: photographs, digits, rendered furniture, and the real data sets."""
