"""The `autograder` command, as a process of its own."""

import subprocess
import sys
from pathlib import Path


def autograder(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "autograder.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
