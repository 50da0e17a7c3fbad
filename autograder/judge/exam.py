"""An exam: everything that a verdict depends on, except the submission.

It is made once for a class, and passed to the judge:

    exam = exam_of(find_assignment("colorization"))
    judgement = judge(path, exam)
"""

import hashlib
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path

import torch
from nbformat import NotebookNode

from autograder.assignments import COURSE, Assignment
from autograder.authoring.master import Master, MasterError, read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.packs import hidden_packs_of, packs_of
from autograder.checks import Forbidden, forbidden_of
from autograder.judge.intake.read_notebook import MAX_BYTES, RefusedError
from autograder.judge.intake.sibling_files import files_beside
from autograder.judge.intake.weights_file import saved_bytes
from autograder.judge.limits import Limits
from autograder.judge.source.needed_cells import sources_that_load
from autograder.judge.workers.preload import preload_of

CODE = "version of the course's code"
VERSIONS = ("Python", "torch")
# Folders whose code can't change a verdict.
ONLY_READ_VERDICTS = {COURSE / "autograder" / name for name in ("report", "watch")}
REMEDY = "Update its clone, packages and data folder to match this machine, and restart it"


@dataclass(frozen=True, eq=False)
class Exam:
    """An assignment as it is graded.

    master        the assignment's source
    released      the notebook that students receive
    level         the sandbox: bubblewrap, or process
    limits        of time, memory and output
    rules         the calls that each task forbids, by task
    packs         image files that students have as well
    hidden_packs  image files that only the hidden checks read
    preload       the modules that a worker imports before it runs a student's code
    loads         given code that reads data, which is run once before workers are forked
    """

    master: Master
    released: NotebookNode
    level: str
    limits: Limits
    rules: Mapping[str, Forbidden]
    packs: tuple[Path, ...] = ()
    hidden_packs: tuple[Path, ...] = ()
    preload: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()

    @property
    def assignment(self) -> Assignment:
        """The assignment."""
        return self.master.assignment

    @property
    def topic(self) -> str:
        """The assignment's topic, which names its checks."""
        return self.assignment.topic

    def handed_in_with(self, submission: Path) -> dict[str, Path]:
        """The expected paths of the files that are handed in with a notebook, by name."""
        return {name: submission.with_name(name) for name in self.master.files}

    @cached_property
    def key(self) -> str:
        """A hash of the exam: the master, the images, and all code that can affect a verdict."""
        digest = hashlib.sha256(self.level.encode() + self.assignment.master.read_bytes())
        for pack in [*self.packs, *self.hidden_packs]:
            digest.update(pack.read_bytes())
        for package, kind in product(("autograder", "course_utils"), ("*.py", "*.safetensors")):
            for path in sorted((COURSE / package).rglob(kind)):
                if ONLY_READ_VERDICTS.isdisjoint(path.parents):
                    digest.update(path.read_bytes())
        return digest.hexdigest()

    def key_of(self, submission: Path) -> str:
        """A hash of everything that a verdict depends on: the exam and the submission."""
        digest = hashlib.sha256(self.key.encode())
        with suppress(RefusedError):  # the submission is refused, so its key does not matter
            digest.update("\n".join(files_beside(submission)).encode())
        for path in self.handed_in_with(submission).values():
            digest.update(hashlib.sha256(saved_bytes(path) or b"").digest())
        with suppress(OSError):  # the submission is not graded, so its key does not matter
            if submission.is_file() and not submission.is_symlink():
                with submission.open("rb") as file:
                    # A longer file is refused, whatever the rest contains.
                    digest.update(file.read(MAX_BYTES + 1))
                    digest.update(str(submission.stat().st_size).encode())
        return digest.hexdigest()

    def environment(self) -> dict[str, str]:
        """The versions and hashes that must be equal on two machines for equal verdicts."""
        environment = {
            "Python": ".".join(platform.python_version_tuple()[:2]),
            "torch": torch.__version__.partition("+")[0],  # without the build, such as +cpu
        }
        for path in [*self.packs, *self.hidden_packs]:
            environment[f"data/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        environment[CODE] = self.key
        return environment


def mismatch(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """How the other machine's `environment` differs from this one's, and how to fix that.

    The text continues a sentence that begins with the machine's name. Empty if nothing differs.
    """
    different = [name for name in here if there.get(name) != here[name]]
    if not different:
        return ""
    name = different[0]
    if name in VERSIONS:
        return f"has {name} {there.get(name)}, but this machine has {here[name]}. {REMEDY}."
    return f"has another {name} than this machine. {REMEDY}."


def exam_of(assignment: Assignment, level: str = "bubblewrap") -> Exam:
    """The exam of an assignment, cached until the master changes.

    level  the sandbox: bubblewrap, or process (no isolation; noted in every verdict)
    Raises MasterError for an invalid master, and CourseError for a pack that can't be made.
    """
    try:
        changed = assignment.master.stat().st_mtime_ns
    except OSError:  # read_master's message is better
        changed = 0
    return _exam_at(assignment, level, changed)


@lru_cache(maxsize=8)
def _exam_at(assignment: Assignment, level: str, _changed: int) -> Exam:
    master = read_master(assignment)
    rules = forbidden_of(assignment.topic)
    # A worker looks up what its tasks may not call, which may import more of torch.
    forbidden = {name for rule in rules.values() for name in rule.names}
    released = student_notebook(master)
    return Exam(
        master=master,
        released=released,
        level=level,
        limits=limits_of(master),
        rules=rules,
        packs=tuple(packs_of(master)),
        hidden_packs=tuple(hidden_packs_of(master)),
        preload=tuple(sorted({*preload_of(master), *forbidden})),
        loads=tuple(sources_that_load(released)),
    )


def limits_of(master: Master) -> Limits:
    """The assignment's limits. Raises MasterError for an invalid limit in the front matter."""
    try:
        return Limits.from_mapping(master.limits)
    except ValueError as error:
        raise MasterError(f"{master.assignment.master}:1: {error}") from None
