"""Random hostile cells: system calls, sizes, names, outputs and Markdown."""

import random
from collections.abc import Callable

import nbformat
from nbformat import NotebookNode

SIZES = (0, 1, -1, 7, 4096, 2**16, 2**20, 2**31 - 1, 2**31, 2**63 - 1)
TEXTS = (
    "\\0",
    "\\x1b[31m",
    "ä",
    "\\u202e",
    "<script>",
    "$$",
    "[](javascript:",
    "|",
    "`",
    "\\\\",
    "&#100;ata:",
    " ",
)
LETTERS = ("a", "b", ".", "/", " ", "\\u202e", "ä")
BLOCKS = (
    "# ",
    "> ",
    "- ",
    "    ",
    "```",
    "$$\n",
    "\\[ ",
    "\\begin{x}",
    "<b>",
    "<p title='",
    "| a |",
    "![](a",
)


def _numbers(dice: random.Random, count: int) -> str:
    return ", ".join(str(dice.choice(SIZES)) for _ in range(count))


def _syscalls(dice: random.Random) -> str:
    """A run of system calls by number, with arguments of any size."""
    calls = [
        f"libc.syscall({dice.randrange(0, 470)}, {_numbers(dice, 4)})"
        for _ in range(dice.randrange(1, 40))
    ]
    return "import ctypes\nlibc = ctypes.CDLL(None)\n" + "\n".join(calls)


def _memory(dice: random.Random) -> str:
    take = dice.choice(
        ["bytearray({})", "torch.ones({})", "'x' * {}", "__import__('mmap').mmap(-1, {})"]
    )
    size = 2 ** dice.randrange(10, 34)
    return f"import torch\nkept = [{take.format(size)} for _ in range({dice.randrange(1, 200)})]"


def _processes(dice: random.Random) -> str:
    what = dice.choice(
        ["while True: pass", "os._exit(3)", "os.setsid()", "import time; time.sleep(100)"]
    )
    return (
        f"import os\nfor _ in range({dice.randrange(1, 90)}):\n    if os.fork() == 0:\n"
        f"        {what}"
    )


def _files(dice: random.Random) -> str:
    name = "".join(dice.choice(LETTERS) for _ in range(dice.randrange(1, 60)))
    place = dice.choice(["/tmp/", "/dev/shm/", "", "/proc/", "/"])
    return (
        f"import os\nfor number in range({dice.randrange(1, 20_000)}):\n"
        f'    try: open("{place}{name}" + str(number), "w").write("x")\n'
        "    except (OSError, ValueError): pass"
    )


def _outputs(dice: random.Random) -> str:
    many, text = 10 ** dice.randrange(1, 8), dice.choice(TEXTS)
    way = dice.choice(["print('{}' * {})", "display('{}' * {})", "raise ValueError('{}' * {})"])
    return way.format(text.replace("'", "\\'"), many)


def _names(dice: random.Random) -> str:
    """What a program calls itself, and what it hides behind the names that others use."""
    name = dice.choice(["a kB", "\\xff\\xfe", ") R 1 (", "", "x" * 15, "Name:\\t"])
    lie = dice.choice(
        ["torch.equal", "torch.Tensor.sum", "builtins.len", "json.dumps", "torch.allclose"]
    )
    return (
        f"import builtins, ctypes, json, torch\nctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\n"
        f"{lie} = lambda *args, **kwargs: True"
    )


def _wire(dice: random.Random) -> str:
    data = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 200)))
    return (
        "import os\nfor number in range(3, 40):\n"
        f"    try: os.write(number, {data!r})\n    except OSError: pass"
    )


def _state(dice: random.Random) -> str:
    return dice.choice(
        [
            "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()",
            "import signal\nfor n in (2, 11, 15, 24): signal.signal(n, signal.SIG_IGN)\n"
            "while True: pass",
            "import os\nos.closerange(0, 1000)",
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (10 ** 8, 10 ** 8))\n"
            "[0] * 10 ** 8",
            "import threading\n"
            "for _ in range(500): threading.Thread(target=lambda: [*iter(int, 1)]).start()",
            "del globals()['__builtins__']",
            "get_ipython().run_cell = None",
        ]
    )


KINDS: tuple[Callable[[random.Random], str], ...] = (
    *(_syscalls, _memory, _processes, _files, _outputs, _names, _wire, _state),
)


def _markdown(dice: random.Random) -> str:
    parts = (dice.choice(BLOCKS) * 10 ** dice.randrange(0, 4) for _ in range(dice.randrange(1, 6)))
    return " x ".join(parts)[:60_000]


def hostile_cells(seed: int) -> list[NotebookNode]:
    """A few cells, the same for the same seed."""
    dice = random.Random(seed)
    code = [
        nbformat.v4.new_code_cell(dice.choice(KINDS)(dice)) for _ in range(dice.randrange(1, 4))
    ]
    return [*code, nbformat.v4.new_markdown_cell(_markdown(dice))]
