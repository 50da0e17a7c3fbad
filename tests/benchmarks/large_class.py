"""A course with a large class that has handed in, one in twenty of them with bad intentions.

    python large_class.py FOLDER COUNT

Run by test_large_class.py, in a process that has the small course's package first on its path.
"""

import sys
from pathlib import Path

from judged_class import build_unexecuted
from small_class import NAME, SMALL, answers_of_the_class, hand_in

from autograder.authoring.master import read_master
from autograder.authoring.notebooks import student_notebook
from autograder.gradebook.course import init_course

# Each in the place of `softmax`; none of them earns anything for it, and the other tasks are right.
HOSTILE = {
    "hangs": "while True: pass",
    "exits": "import os; os._exit(0)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "forks": "import os\n    while True: os.fork()",
    "eats_memory": "x = []\n    while True: x.append(bytearray(10**8))",
    "shouts": (
        "import os\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, b'passed' * 10000)\n"
        "        except OSError: pass\n    return None"
    ),
    "kills": (
        "import os, signal\n    os.kill(-1, signal.SIGKILL)\n"
        "    os.kill(os.getppid(), signal.SIGKILL)"
    ),
    "cheats": (
        "torch.allclose = lambda *a, **k: True\n    torch.equal = torch.allclose\n    return logits"
    ),
    "recurses": "return softmax(logits)",
    "stays": "import subprocess\n    subprocess.Popen(['sleep', '1000'])\n    return None",
}


def main(folder: Path, count: int) -> None:
    master = read_master(SMALL)
    build = build_unexecuted(master, folder.with_name(f"{folder.name}-build"))
    course = init_course(folder, [build])
    classroom = answers_of_the_class(master, count)
    right = classroom["student-00"]
    bodies = list(HOSTILE.values())
    for number, student in enumerate(list(classroom)[::20]):
        body = bodies[number % len(bodies)]
        classroom[student] = right | {"softmax": f"def softmax(logits):\n    {body}"}
    hand_in(student_notebook(master), classroom, course.folder, NAME)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
