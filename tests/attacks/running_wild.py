"""Submissions that use all they can get: time, memory, processes, disk.

Each loses its own task only.

Limits are smaller than a course's, so that the suite stays modest on a small machine.
"""

from attack import RIGHT, Attack
from tampering import l2

MB = 2**20
QUICK = {"call": 0.6, "cell": 1.5}


def wild(
    name: str, body: str, kinds: set[str], flagged: str | None = "", **limits: float
) -> Attack:
    """An attack in the body of `l2_loss`; nothing of the kind is safe outside of a sandbox."""
    return Attack(
        name, l2_loss=l2(body), kinds=kinds, flagged=flagged, limits=QUICK | limits, safe=False
    )


def wild_cell(name: str, code: str, flagged: str | None = "", **limits: float) -> Attack:
    """An attack in a cell of its own; both tasks are right, and lose nothing."""
    limits = QUICK | limits
    return Attack(
        name, RIGHT, before=code, earns=(3, 4), flagged=flagged, limits=limits, safe=False
    )


TIME = [
    wild("an endless loop", "while True: pass", {"time"}),
    wild("a long sleep", "import time\ntime.sleep(1000)", {"time"}),
    wild(
        "an endless loop that ignores every signal",
        """
import signal
for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException:
        pass
""",
        {"time"},
        "ends, signals or outlives",
    ),
    wild("an endless loop in C", "import re\nre.match('(a+)+$', 'a' * 50 + 'b')", {"time"}),
    wild("a number that is never done", "return 10 ** 10 ** 9", {"time", "memory", "error"}),
    wild("a wait for input that never comes", "input('your loss? ')", {"error"}),
    wild(
        "a lock that it holds itself",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        {"time"},
    ),
    wild(
        "an object that takes for ever to go",
        """
class Slow:
    def __del__(self):
        while True: pass
Slow()
""",
        {"time"},
        "answers for itself",
    ),
    wild("its processor time in a loop", "while True: pass", {"time"}, call=20.0, cpu=1.0),
    wild_cell("an endless loop in a cell", "while True: pass"),
    wild_cell("a cell that ends the process", "import os\nos._exit(3)", "os._exit"),
    Attack(
        "cell after cell that ends the process",
        RIGHT,
        before="import os\n" + "---\nos._exit(1)\n" * 40,
        earns=(0, 0),
        flagged="os._exit",
        limits=QUICK,
        safe=False,
    ),
    Attack(
        "cells that end the process only when they are run again",
        RIGHT,
        before="import os\n" + "---\nos.urandom(1)[0] % 2 or os._exit(1)\n" * 40,
        earns=(0, 0),
        flagged="os._exit",
        limits=QUICK,
        safe=False,
    ),
    Attack(
        "so many slow cells that nothing is left of its time",
        RIGHT,
        before="import time\n" + "---\ntime.sleep(0.5)\n" * 20,
        earns=(0, 0),
        limits=QUICK | {"submission": 3.0},
        safe=False,
    ),
]

MEMORY = [
    wild(
        "all memory, in Python",
        "hoard = []\nwhile True: hoard.append(bytearray(50_000_000))",
        {"error", "memory"},
        call=5.0,
    ),
    wild("all memory, in torch", "return torch.ones(10 ** 12).sum()", {"error"}),
    wild(
        "all memory, in small tensors",
        "hoard = []\nwhile True: hoard.append(torch.ones(10 ** 7))",
        {"error", "memory"},
        call=5.0,
    ),
    wild(
        "all memory, in shared maps",
        """
import mmap
hoard = []
while True:
    hoard.append(mmap.mmap(-1, 64 * 2 ** 20))
    hoard[-1].write(b"x" * 64 * 2 ** 20)
""",
        {"error", "memory", "crash", "time"},
        call=8.0,
        tree=1500 * MB,
    ),
    wild(
        "all memory, in children that share the work",
        """
import os, time
for _ in range(6):
    if os.fork() == 0:
        hoard = bytearray(250 * 2 ** 20)
        time.sleep(30)
time.sleep(30)
""",
        {"memory", "time"},
        "os.fork",
        call=6.0,
        tree=1000 * MB,
    ),
    wild(
        "memory that children share",
        """
import mmap, os, time
for _ in range(4):
    if os.fork() == 0:
        hoard = mmap.mmap(-1, 400 * 2 ** 20)
        hoard.write(b"x" * len(hoard))
        time.sleep(30)
time.sleep(30)
""",
        {"memory", "time"},
        "os.fork",
        call=6.0,
        tree=1000 * MB,
    ),
    wild(
        "memory behind a name that looks like a size",
        """
import ctypes, mmap, time
libc = ctypes.CDLL(None)
for name in (b"\\xff\\xfe", b"a kB"):
    libc.prctl(15, name, 0, 0, 0)
    time.sleep(0.3)
hoard = []
while True:
    hoard.append(mmap.mmap(-1, 64 * 2 ** 20))
    hoard[-1].write(b"x" * 64 * 2 ** 20)
""",
        {"error", "memory", "time"},
        "ctypes",
        call=8.0,
        tree=1000 * MB,
    ),
    wild(
        "memory of the kernel's, in sockets",
        """
import os, socket, time
hoard = []
for _ in range(40):
    if os.fork() == 0:
        try:
            while True:
                pair = socket.socketpair()
                hoard.append(pair)
                for end in pair:
                    end.setblocking(False)
                    try:
                        while True: end.send(bytes(60_000))
                    except OSError: pass
        except OSError: time.sleep(30)
time.sleep(30)
""",
        {"memory", "time"},
        None,
        call=20.0,
        cell=20.0,
        tree=1000 * MB,
    ),
    wild_cell(
        "a name that looks like a size, in a right answer",
        "import ctypes\nctypes.CDLL(None).prctl(15, b'a kB', 0, 0, 0)",
        "ctypes",
    ),
    wild(
        "all of /dev/shm and /tmp",
        """
for folder in ("/dev/shm", "/tmp"):
    try:
        for number in range(10_000):
            with open(f"{folder}/fill-{number}", "wb") as file:
                file.write(b"x" * 2 ** 24)
    except OSError as error:
        full = error
return prediction.sum() * 0
""",
        {"wrong value"},
        "names a folder of the system",
        call=5.0,
    ),
    wild(
        "a file of ten gigabytes",
        "with open('big', 'wb') as file:\n    file.seek(10 ** 10)\n    file.write(b'x')",
        {"error", "crash"},
    ),
    wild(
        "a million files",
        "for number in range(10 ** 6): open(str(number), 'w').close()",
        {"time", "error"},
    ),
    wild("files that stay open", "kept = [open('x', 'w') for _ in range(10 ** 5)]", {"error"}),
    wild(
        "a reply of a hundred megabytes",
        "return torch.ones(25 * 2 ** 20)",
        {"wrong type", "no gradient", "memory"},
        call=5.0,
    ),
    wild(
        "a hundred thousand objects in a reply",
        "return [object() for _ in range(100_000)]",
        {"wrong type", "no gradient"},
        call=5.0,
    ),
    wild_cell("prints a gigabyte", "for _ in range(10 ** 4): print('x' * 10 ** 5)", cell=10.0),
    wild_cell("prints for ever", "while True: print('and again')"),
    wild_cell("ten thousand outputs", "for number in range(10_000): display(number)", cell=10.0),
    wild_cell("text that no file can hold", r"print('\ud800 \x00 \x1b[31m'); display('\udfff')"),
    wild_cell(
        "all memory, in a cell",
        "hoard = []\nwhile True: hoard.append(bytearray(50_000_000))",
        cell=5.0,
    ),
]

PROCESSES = [
    wild(
        "a fork bomb",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        {"time", "crash"},
        "os.fork",
        processes=30,
    ),
    wild(
        "a fork bomb that goes on in the background",
        """
import os
if os.fork() == 0:
    os.setsid()
    while True:
        try: os.fork()
        except OSError: pass
return prediction.sum() * 0
""",
        {"wrong value", "error", "time", "crash", "protocol"},
        None,
        processes=30,
    ),
    wild(
        "a thread bomb",
        """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=(100,)).start()
    except RuntimeError: pass
""",
        {"time", "crash", "memory"},
        "starts threads",
        processes=30,
    ),
    wild(
        "a daemon that holds everything open",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
return prediction.sum() * 0
""",
        {"wrong value"},
        "os.fork",
    ),
    wild_cell(
        "a thread that never ends",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(10 ** 6,)).start()",
        "starts threads",
    ),
    wild_cell(
        "something to do at the end",
        "import atexit, time\natexit.register(time.sleep, 10 ** 6)",
        "atexit",
    ),
    wild(
        "another program in its place",
        "import os\nos.execv('/bin/sleep', ['sleep', '1000'])",
        {"time", "protocol", "crash"},
        "os.execv",
    ),
    wild(
        "a shell",
        "import subprocess\nsubprocess.run('sleep 1000 & yes > /dev/null', shell=True)",
        {"time"},
        "subprocess",
    ),
    wild_cell("a shell in a cell", "!sleep 1000", "command of the shell"),
    wild_cell("a cell of bash", "%%bash\nsleep 1000 &\nyes > /dev/null", "command of the shell"),
]

CRASHES = [
    wild("endless recursion", "return l2_loss(prediction, target)", {"error"}),
    wild(
        "endless recursion without a limit",
        "import sys\nsys.setrecursionlimit(10 ** 9)\nreturn l2_loss(prediction, target)",
        {"crash", "error", "memory", "time"},
    ),
    wild("a segmentation fault", "import ctypes\nctypes.string_at(0)", {"crash", "time"}, "ctypes"),
    wild("an abort", "import os\nos.abort()", {"crash", "time"}, "os.abort"),
    wild(
        "SIGKILL to itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        {"crash", "memory", "time"},
        "os.kill",
    ),
    wild(
        "SIGSTOP to itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        {"time"},
        "os.kill",
    ),
    wild(
        "closes every descriptor",
        "import os\nos.closerange(0, 300)\nreturn prediction.sum() * 0",
        {"crash", "protocol", "time"},
        None,
    ),
    wild(
        "closes only the grader's connection, and goes on",
        """
import os, time
for number in range(3, 64):
    try: os.close(number)
    except OSError: pass
time.sleep(1000)
""",
        {"protocol", "crash", "time"},
        None,
    ),
    wild(
        "corrupts an object's count of its users",
        """
import ctypes
ctypes.c_long.from_address(id(None)).value = 1
ctypes.c_long.from_address(id(0)).value = -1
return prediction.sum() * 0
""",
        {"crash", "wrong value", "time", "error", "protocol"},
        "ctypes",
    ),
    wild(
        "writes outside of a tensor",
        "return torch.as_strided(prediction, (10 ** 9,), (1,), 0).sum()",
        {"error", "crash", "time"},
    ),
]

RUNNING_WILD = [*TIME, *MEMORY, *PROCESSES, *CRASHES]
