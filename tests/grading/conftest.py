"""The proof makes thousands of tiny calls: more threads than one only wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch and NumPy are first imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
