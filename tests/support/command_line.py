"""The `autograder` command, in a process that is forked from the tests' own.

All that it imports is there already: started anew, each command would take seconds to import it.
The tests that need a fresh interpreter, as those of the sandbox, start one themselves.
"""

import os
import subprocess
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryFile

from autograder.cli import main


def autograder(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """Run the command in a folder; its exit code and what it has written."""
    command = ["autograder", *map(str, arguments)]
    with TemporaryFile() as out, TemporaryFile() as err:
        process = os.fork()
        if process == 0:
            os._exit(run_command(command, cwd, out.fileno(), err.fileno()))
        _, status = os.waitpid(process, 0)
        written = []
        for file in (out, err):
            file.seek(0)
            written.append(file.read().decode())
    return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), *written)


def run_command(command: list[str], cwd: Path, out: int, err: int) -> int:
    """In a forked process: run the command; the exit code, as Python would choose it."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = command
    try:
        os.chdir(cwd)
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what a fresh interpreter would print
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
