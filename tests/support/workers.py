"""Workers for tests: started cold in a box, forked warm by a zygote, or without a box."""

import atexit
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from autograder.judge.limits import Limits
from autograder.judge.parallel import pool
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
def zygote(
    preload: tuple[str, ...] = (), packs: tuple[Path, ...] = (), loads: tuple[str, ...] = ()
) -> Zygote:
    """One for all tests of a process; it is forked from, never changed."""
    made = Zygote(max(2, os.cpu_count() or 1), preload, packs, loads)
    atexit.register(made.close)
    made.wait_until_ready()
    return made


class LentZygote:
    """What a pool takes for a zygote of its own: that of the tests, which outlives the pool."""

    def __init__(
        self, jobs: int, preload: Sequence[str], packs: Sequence[Path], loads: Sequence[str]
    ) -> None:
        lender = zygote(tuple(preload), tuple(packs), tuple(loads))
        self.slots, self.stage, self.process = lender.slots[:jobs], lender.stage, lender.process

    def wait_until_ready(self) -> None:
        """It is."""

    def close(self) -> None:
        """It stays."""


def lend_zygotes(patch: pytest.MonkeyPatch) -> None:
    """Let pools share a zygote: to start one takes seconds, and most tests are not about it."""
    patch.setattr(pool, "Zygote", LentZygote)


def start(how: str = DEFAULT, limits: Limits | None = None) -> Worker:
    """A worker: `bubblewrap` (cold), `warm` or `process`."""
    if how == "warm":
        return Worker("bubblewrap", limits, zygote().slots[0].open)
    return Worker(how, limits)
