"""The assignments of the course, and where each one's parts are.

Four topics by four roles with the same name: reference, checks, misconceptions, alternatives.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from course_utils.data.data_folder import VARIABLE

COURSE = Path(__file__).resolve().parent.parent
# Set it to a folder of one's own copies of the masters: other texts, dates and pictures for the
# same tasks.
ASSIGNMENTS = "COURSE_ASSIGNMENTS"


class CourseError(Exception):
    """An error that the user can fix; its text is one sentence with the remedy."""


@dataclass(frozen=True)
class Assignment:
    """A numbered folder of `assignments/`, e.g. `3_colorization`.

    home  the folder of masters that it is in
    """

    name: str
    home: Path = COURSE / "assignments"

    @property
    def topic(self) -> str:
        """The name its reference, checks, misconceptions and alternatives share: `colorization`."""
        return self.name.split("_", 1)[1]

    @property
    def master(self) -> Path:
        """The jupytext Markdown that everything a student sees is built from."""
        return self.home / self.name / "assignment.md"

    @property
    def reference_name(self) -> str:
        """The module that holds the reference of every task."""
        return f"course_utils.reference.{self.topic}"

    def reference(self) -> ModuleType:
        """The reference module, imported."""
        return reference_of(self.topic)


def pack_path(name: str) -> Path:
    """Where a pack of pictures lies on this machine, whether or not it has been made."""
    return Path(os.environ.get(VARIABLE) or COURSE / "data").expanduser() / f"{name}.npz"


def reference_of(topic: str) -> ModuleType:
    """The reference module of a topic, imported."""
    return importlib.import_module(f"course_utils.reference.{topic}")


def assignments() -> list[Assignment]:
    """Every assignment of the course, in order: in $COURSE_ASSIGNMENTS, or else beside the package.

    Raises CourseError when there is none, as after an install by copy.
    """
    own = os.environ.get(ASSIGNMENTS)
    home = Path(own).expanduser().resolve() if own else COURSE / "assignments"
    masters = sorted(home.glob("*/assignment.md"))
    if not masters and own:
        raise CourseError(
            f"There is no master in {home}, which {ASSIGNMENTS} names: N_TOPIC/assignment.md."
        )
    if not masters:
        raise CourseError(
            "The masters are not here: install from a clone, with `pip install --editable .`"
        )
    return [Assignment(master.parent.name, home) for master in masters]


def find_assignment(name: str) -> Assignment:
    """The assignment called `name`: its folder, its number or its topic.

    Raises CourseError, naming those there are.
    """
    for assignment in assignments():
        if name in (assignment.name, assignment.topic, assignment.name.split("_", 1)[0]):
            return assignment
    known = ", ".join(assignment.name for assignment in assignments())
    raise CourseError(f"There is no assignment {name!r}. There is: {known}.")
