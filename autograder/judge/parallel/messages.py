"""A submission on its way to another machine: bytes and names, and nothing that has to be believed.

Imported by Dask workers, so it imports nothing that is slow.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Parcel:
    """What of a submission its verdict depends on.

    name      of the notebook
    notebook  its bytes
    files     by name, the bytes of each file that is handed in with it, where there is one
    """

    name: str
    notebook: bytes
    files: dict[str, bytes] = field(default_factory=dict)

    def lay_out(self, folder: Path) -> Path:
        """Write it into a new folder, in the place of what is there; returns where the notebook
        is.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in {**self.files, self.name: self.notebook}.items():
            (folder / Path(name).name).write_bytes(content)
        return folder / Path(self.name).name


@dataclass(frozen=True)
class Setting:
    """How a class is judged on every machine.

    run         tells this class from any other that is judged there, before or at the same time
    assignment  its name
    level       the sandbox
    grader      what a verdict depends on besides what is handed in (see same_grader.py)
    """

    run: str
    assignment: str
    level: str
    grader: dict[str, str]


class LostError(Exception):
    """The grader was lost while it was at a submission: killed, or out of memory."""


class UnfitError(Exception):
    """A machine can't judge this class; the text is a sentence with the remedy."""
