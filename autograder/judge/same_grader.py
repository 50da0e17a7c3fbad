"""Whether two machines have the same grader, so that it does not matter which of them judges a
submission.
"""

import platform
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch

from autograder.assignments import Assignment
from autograder.authoring.master import read_master
from autograder.authoring.packs import hidden_packs_of, packs_of
from autograder.judge.judge import verdict_key

NOTHING = Path("nothing", "handed", "in")
CODE = "version of the course's code"
MEND = "Bring its clone, its packages and its data folder to what is here, and start it again"


def grader_of(assignment: Assignment, level: str) -> dict[str, str]:
    """What a verdict depends on besides what is handed in: versions and hashes, by what they are
    of.

    Raises CourseError when the assignment can't be read, or a pack can't be made.
    """
    master = read_master(assignment)
    packs = [*packs_of(master), *hidden_packs_of(master)]
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "torch": torch.__version__.partition("+")[0],  # what follows is how it was built
        **{f"data/{path.name}": sha256(path.read_bytes()).hexdigest() for path in packs},
        CODE: verdict_key(NOTHING, assignment, level),
    }


def difference(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What a machine has otherwise than this one, and the remedy, as the end of a sentence; or
    nothing.
    """
    different = [name for name in here if there.get(name) != here[name]]
    if not different:
        return ""
    name = different[0]
    versions = f"{name} {there.get(name)}, and {here[name]} is here"
    return f"has {versions if name in ('Python', 'torch') else f'another {name} than is here'}. {MEND}."
