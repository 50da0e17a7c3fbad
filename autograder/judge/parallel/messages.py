"""The messages between machines: they contain only names and bytes, so no trust is needed.

Dask workers import this module, so it must import quickly.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Parcel:
    """The parts of a submission that its verdict and its pictures depend on.

    name      the notebook's file name
    notebook  the notebook's bytes
    files     the bytes of the files handed in with it, by name
    pictures  the names of the pictures to draw; None to judge it
    hung      when drawing, the tasks that ran out of time when it was judged
    """

    name: str
    notebook: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    pictures: tuple[str, ...] | None = None
    hung: tuple[str, ...] = ()

    def lay_out(self, folder: Path) -> Path:
        """Write the files into a new, empty folder; returns the notebook's path."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in {**self.files, self.name: self.notebook}.items():
            (folder / Path(name).name).write_bytes(content)
        return folder / Path(self.name).name


@dataclass(frozen=True)
class Setting:
    """How to judge a class; the same on every machine.

    run         a unique id of this grading run
    assignment  the assignment's name
    level       the sandbox
    grader      versions and hashes that must be the same on every machine (see `Exam.environment`)
    """

    run: str
    assignment: str
    level: str
    grader: dict[str, str]


class LostError(Exception):
    """The grader died while it judged a submission: it was killed, or ran out of memory."""


class UnfitError(Exception):
    """A machine can't judge this class; the message explains the fix."""
