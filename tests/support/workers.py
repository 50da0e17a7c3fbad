"""Workers for tests: started cold in a box, forked warm by a zygote, or without a box."""

import atexit
import shutil
import subprocess
from functools import cache

import pytest

from autograder.judge.limits import Limits
from autograder.judge.workers.client import Worker
from autograder.judge.workers.warm import Zygote

BOX = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
HAS_BUBBLEWRAP = (
    shutil.which("bwrap") and not subprocess.run(BOX, check=False, capture_output=True).returncode
)
needs_bubblewrap = pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="bubblewrap can't be had here")
BOXED = [pytest.param(start, marks=needs_bubblewrap) for start in ("bubblewrap", "warm")]
STARTS = [*BOXED, "process"]
DEFAULT = "warm" if HAS_BUBBLEWRAP else "process"


@cache
def zygote() -> Zygote:
    """One for all tests of a process; it is forked from, never changed."""
    made = Zygote(slots=2)
    atexit.register(made.close)
    made.wait_until_ready()
    return made


def start(how: str = DEFAULT, limits: Limits | None = None) -> Worker:
    """A worker: `bubblewrap` (cold), `warm` or `process`."""
    if how == "warm":
        return Worker("bubblewrap", limits, zygote().slots[0].open)
    return Worker(how, limits)
