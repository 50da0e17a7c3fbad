"""A busy machine, made for a test; and a class that is judged on it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from attack import RIGHT, WEIGHTS, WRONG, Attack
from tampering import l2

FULL = (3, 4)
BOMB = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""
LOOP = "while True: pass"
ANSWER = "0.5 * (prediction - target).square().sum(dim=1).mean()"
# Small, so that what hangs is soon over; what is right is far from them.
LIMITS = {"call": 0.3, "cell": 0.8, "processes": 24}


@contextmanager
def busy(loops_a_core: int) -> Iterator[None]:
    """Run this many endless loops for each core.

    Each is in a session of its own, as the programs of other people are.
    """
    command = [sys.executable, "-S", "-c", LOOP]
    count = loops_a_core * (os.cpu_count() or 1)
    loops = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def right(name: str, body: str = f"return {ANSWER}", **more: str) -> Attack:
    return Attack(name, **({"l2_loss": l2(body), "earns": FULL} | more))


# Twenty: three that hang, one that sleeps, one fork bomb; right ones, wrong ones. The longest are
# first.
CLASS = [
    Attack("hangs", l2_loss=l2("while True: pass")),
    Attack("hangs in C", l2_loss=l2("import re\nre.match('(a+)+$', 'a' * 50 + 'b')")),
    Attack("hangs in a cell", l2_loss=RIGHT, before="while True: pass"),
    Attack("sleeps", l2_loss=l2("import time\ntime.sleep(1000)")),
    Attack("forks", l2_loss=l2(BOMB)),
    right("plain"),
    right(
        "a loop",
        "return sum(((p - t) ** 2).sum(0).mean() for p, t in zip(prediction, target)) / 2 / "
        "len(target)",
    ),
    right(
        "slow", f"for _ in range(3): torch.randn(200, 200) @ torch.randn(200, 200)\nreturn {ANSWER}"
    ),
    right("naps", f"import time\ntime.sleep(0.05)\nreturn {ANSWER}"),
    right(
        "a helper",
        "return half(prediction - target)",
        before="def half(d): return (d ** 2).sum(1).mean() / 2",
    ),
    right("prints", f"print('computing')\nreturn {ANSWER}", before="for n in range(200): print(n)"),
    right("draws", before="import matplotlib.pyplot as plt\nplt.plot([1, 2]);"),
    right("errors elsewhere", before="1 / 0\n---\nno_such_name"),
    right("its own threads", before="import numpy as np\nnp.linalg.inv(np.eye(200)).sum()"),
    right("twice", after=RIGHT),
    Attack("a constant factor", l2_loss=l2(f"return 2 * {ANSWER}")),
    Attack("nothing flows", l2_loss=WRONG),
    Attack("raises", l2_loss=l2("raise ValueError('to do')")),
    Attack("no weights", l2_loss=RIGHT, weights=WEIGHTS.replace("lam=0.5", "lam=0.25")),
    Attack("nothing", l2_loss="", weights=""),
]
