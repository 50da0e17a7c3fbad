"""The proof makes thousands of tiny calls, in hundreds of nested pytest runs."""

import gc
import os

import pytest

# Read when torch and NumPy are first imported. More threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _modules_are_no_garbage():
    """Each nested run collects garbage twice; torch's own objects make that take longer than the
    checks.
    """
    gc.freeze()
