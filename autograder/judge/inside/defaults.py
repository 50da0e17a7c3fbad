"""Settings of the interpreter and its libraries that each call starts with."""

import random
import signal
import sys
import warnings

import numpy as np
import torch

SEED = 0
NUMPY_ERRORS = np.geterr()


def restore_defaults() -> None:
    """Undo what a cell may have set for good, so that a call starts as in a fresh notebook."""
    torch.set_default_device(None)
    _leave_all_modes()
    torch.set_default_dtype(torch.float32)
    torch.set_autocast_enabled("cpu", False)
    if torch.are_deterministic_algorithms_enabled():  # setting it imports the compiler: a second
        torch.use_deterministic_algorithms(False)
    torch.autograd.set_detect_anomaly(False)
    torch.set_flush_denormal(False)
    np.seterr(**NUMPY_ERRORS)
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.settrace(None)
    sys.setprofile(None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.resetwarnings()
    seed()


def _leave_all_modes() -> None:
    """Leave the modes of torch that a cell has entered and not left."""
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    while torch._C._len_torch_dispatch_stack():
        torch._C._pop_torch_dispatch_stack()


def seed() -> None:
    """Start all random numbers afresh, so that a verdict can be repeated."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch.default_generator.manual_seed(SEED)
