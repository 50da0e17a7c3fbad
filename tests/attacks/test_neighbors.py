"""A submission has no influence on the one that is judged in the other slot at the same time."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attack import RIGHT, TASKS, Attack
from tampering import l2
from workers import needs_bubblewrap

from autograder.assignments import find_assignment
from autograder.judge.judge import Judgement
from autograder.judge.limits import MB
from autograder.judge.parallel.pool import Pool
from autograder.judge.workers import cgroup

COLORIZATION = find_assignment("colorization")
pytestmark = needs_bubblewrap
LIMITS = {"call": 1.0, "cell": 1.0, "tree": 1200 * MB}
ANSWER = "0.5 * (prediction - target).square().sum(dim=1).mean()"


def hostile(name: str, code: str) -> Attack:
    """What it does in a cell; its own answers are right, but for the first."""
    return Attack(name, before=code, flagged=None, safe=False)


BESIDE = [
    hostile(
        "sixty busy processes",
        """
import os
for _ in range(60):
    if os.fork() == 0:
        os.setsid()
        while True: pass
while True: pass
""",
    ),
    hostile(
        "as many processes and threads as it can",
        """
import os, threading, time
while True:
    try: os.fork()
    except OSError: pass
""",
    ),
    hostile(
        "memory of the kernel's: files, terminals, sockets",
        """
import os, socket
kept = []
def until_refused(take):
    try:
        for number in range(10 ** 6): take(number)
    except OSError: pass
until_refused(lambda number: open(f"/tmp/{number}", "w").close())
until_refused(lambda number: kept.append(os.openpty()))
until_refused(lambda number: kept.append(socket.socketpair()))
""",
    ),
    hostile(
        "locks on all that it sees, at another priority, by another name",
        """
import ctypes, fcntl, glob, os, sys, time
libc = ctypes.CDLL(None)
libc.prctl(15, b"a kB", 0, 0, 0)
libc.setpriority(0, 0, 19)
kept = []
for name in [*glob.glob("/worker/inside/*"), *glob.glob("/dev/*"), os.__file__]:
    try:
        kept.append(open(name))
        fcntl.flock(kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError: pass
time.sleep(0.8)
""",
    ),
]

# Right, and with some work to do: 0.4 s of a core in each call.
CLEAN = Attack(
    "clean",
    l2(
        f"""
import time
end = time.process_time() + 0.4
while time.process_time() < end: pass
return {ANSWER}
"""
    ),
    flagged=None,
    earns=(3, 4),
)
QUICK = Attack("quick", RIGHT, earns=(3, 4))


class Beside:
    """Two slots in which submissions are judged at the same time."""

    def __init__(self, pool: Pool, write: Callable[[Attack], Path]) -> None:
        self.pool, self.write = pool, write

    def judge(self, *attacks: Attack) -> list[Judgement]:
        """Judge them, the first two at once."""
        paths = [self.write(attack) for attack in attacks]
        done = dict(self.pool.judge(paths))
        return [done[path] for path in paths]

    def groups(self) -> list[Path]:
        """The control groups of its boxes."""
        names = [f"{cgroup.PREFIX}{slot.process.pid}-*" for slot in self.pool.slots]
        return [
            path
            for parent in cgroup.parents()
            for name in names
            for path in parent.folder.glob(name)
        ]


@pytest.fixture(scope="module")
def beside(released, pool_with, tmp_path_factory):
    """Started once, as that takes seconds."""

    def write(attack: Attack) -> Path:
        path = tmp_path_factory.mktemp("beside") / f"{COLORIZATION.name}.ipynb"
        path.write_text(json.dumps(attack.submission(released)))
        return path

    return Beside(pool_with(LIMITS), write)


@pytest.mark.parametrize("attack", BESIDE, ids=str)
def test_the_submission_in_the_other_slot_is_graded_right(attack, beside):
    judged = beside.judge(attack, CLEAN, QUICK)
    for one, judgement in zip((attack, CLEAN, QUICK), judged, strict=True):
        verdict = judgement.verdict
        assert verdict.status == "graded", verdict.reason
        assert tuple(verdict.task(task).earned for task in TASKS) == one.earns, one.name
    assert beside.groups() == []
