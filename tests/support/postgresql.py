"""A PostgreSQL server for tests: real, in a folder of its own, on a socket only, and gone
afterwards.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest


def _programs() -> Path | None:
    """Where initdb and pg_ctl are: Debian keeps them off PATH, a folder for each version."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: path.parts[-3]
    )
    return versions[-1].parent if versions else None


PROGRAMS = _programs()
needs_postgresql = pytest.mark.skipif(
    not (PROGRAMS and find_spec("psycopg")),
    reason="no PostgreSQL: apt-get install postgresql; pip install psycopg[binary]",
)


class Server:
    """A running server. Its databases are reached through `url`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        """The address of a database, as nbgrader's db_url has it; it is made, if there is none
        yet.
        """
        self._run("createdb", "-h", str(self.folder), "-U", "course", database, check=False)
        return f"postgresql+psycopg://course@/{database}?host={self.folder}"

    def control(self, *words: str) -> None:
        """Give pg_ctl a command: start, stop, restart."""
        # Nobody's data: a crash may lose it.
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        log = self.folder / "log"
        self._run(
            "pg_ctl", *words, "-w", "-D", str(self.folder / "data"), "-l", str(log), "-o", options
        )

    def make(self) -> None:
        """Make the cluster."""
        data = str(self.folder / "data")
        self._run(
            "initdb", "-D", data, "-U", "course", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"
        )

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        # PostgreSQL refuses to be run by root.
        other = {"user": _unprivileged()} if os.geteuid() == 0 else {}
        command = [str(PROGRAMS / program), *words]
        subprocess.run(command, check=check, cwd=self.folder, stdout=subprocess.DEVNULL, **other)


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server, until the end of the block."""
    # Not pytest's folder, which other users can't enter; and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, _unprivileged())
        server = Server(folder)
        server.make()
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
