"""The verdicts of a course directory on disk, so that what has not changed is never judged twice.

verdicts/3_colorization/alice/verdict.json     the verdict, with the key of what it was made from
verdicts/3_colorization/alice/executed.ipynb   the notebook as it was run, with its outputs
verdicts/3_colorization/alice/recorded.json    what of it is in the gradebook (see recorder.py)

Several processes may judge into it at once, each for another student: a file is there whole, or not
at all.
"""

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import nbformat

from autograder.assignments import Assignment, CourseError
from autograder.collect.handed_in import renamed, why_none
from autograder.judge.judge import Judgement, judge, not_graded, verdict_key
from autograder.judge.verdict import Verdict

HOUR = 3600


@dataclass(frozen=True)
class VerdictStore:
    """The folder `verdicts/` of a course directory."""

    folder: Path
    level: str

    def judge(
        self, submission: Path, assignment: Assignment, student: str, *, again: bool = False
    ) -> Judgement:
        """The judgement of a submission: from the store if nothing that it depends on has changed.

        again  judge it anew in any case
        """
        if not again and (kept := self.fresh(submission, assignment, student)):
            return kept
        judgement = self.not_there(submission, assignment) or judge(
            submission, assignment, level=self.level
        )
        self.keep_of(submission, student, judgement)
        return judgement

    def not_there(self, submission: Path, assignment: Assignment) -> Judgement | None:
        """The judgement of a folder in which no notebook can be chosen: not graded, with what is
        there.
        """
        why = why_none(submission)
        return not_graded(submission, assignment, self.level, why) if why else None

    def keep_of(self, submission: Path, student: str, judgement: Judgement) -> None:
        """Write a judgement of a file, which is mentioned where it has another name than it
        should.
        """
        if note := renamed(submission):
            judgement.verdict.repairs.insert(0, note)
            judgement.verdict.flags.insert(0, note)
        self.keep(student, judgement)

    def fresh(self, submission: Path, assignment: Assignment, student: str) -> Judgement | None:
        """The judgement on disk, or None if it is to be made: changed, never judged, or a fault of
        ours.
        """
        kept = self.kept(submission, assignment, student)
        return kept if kept and kept.verdict.status != "not graded" else None

    def kept(self, submission: Path, assignment: Assignment, student: str) -> Judgement | None:
        """The judgement of the submission as it is now, also one of `not graded`; None if there is
        none.
        """
        verdict = self.verdict(submission, assignment, student)
        try:
            text = (self.home(assignment.name, student) / "executed.ipynb").read_text(
                encoding="utf-8"
            )
            return verdict and Judgement(verdict, nbformat.from_dict(json.loads(text)))
        except (OSError, ValueError):
            return None

    def verdict(self, submission: Path, assignment: Assignment, student: str) -> Verdict | None:
        """The same without the notebook, which takes megabytes."""
        path = self.home(assignment.name, student) / "verdict.json"
        try:
            verdict = Verdict.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not there, or of an older version: it is made again
        return verdict if verdict.key == verdict_key(submission, assignment, self.level) else None

    def keep(self, student: str, judgement: Judgement) -> None:
        """Write a judgement. A verdict on disk means that the pair is whole, whenever this is
        killed.

        Raises CourseError when it can't be written.
        """
        home = self.home(judgement.verdict.assignment, student)
        with writing(self.folder):
            home.mkdir(parents=True, exist_ok=True)
            _sweep(home)
            (home / "verdict.json").unlink(missing_ok=True)
            write_whole(home / "executed.ipynb", json.dumps(judgement.notebook, indent=1))
            write_whole(home / "verdict.json", judgement.verdict.to_json())

    def mark(self, assignment: str, student: str) -> "Mark | None":
        """What of a student is in the gradebook, as far as is known."""
        try:
            return Mark(
                **json.loads((self.home(assignment, student) / "recorded.json").read_text())
            )
        except (OSError, ValueError, TypeError):
            return None

    def set_mark(self, assignment: str, student: str, mark: "Mark") -> None:
        """Note what is in the gradebook now, or on the feedback page."""
        write_whole(self.home(assignment, student) / "recorded.json", json.dumps(asdict(mark)))

    def forget_recorded(self, assignment: str, student: str) -> None:
        """Before anything is written: what is in the gradebook is not known any more."""
        (self.home(assignment, student) / "recorded.json").unlink(missing_ok=True)

    def home(self, assignment: str, student: str) -> Path:
        """The folder of a student's verdict."""
        return self.folder / assignment / student


@dataclass(frozen=True)
class Mark:
    """What of a student's verdict is in the gradebook.

    verdict    its hash
    handed_in  when, as it stands in timestamp.txt; empty where nobody knows
    size       bytes of the autograded notebook; -1 when nothing was handed in
    page       hash of the entries in the gradebook that the feedback page shows; empty before it is
               written
    """

    verdict: str
    handed_in: str
    size: int
    page: str = ""

    def with_page(self, page: str) -> "Mark":
        """The same, once the page is written."""
        return replace(self, page=page)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises CourseError when what is done here fails for want of room, or of permission."""
    try:
        yield
    except OSError as error:
        raise CourseError(
            f"{folder} can't be written to ({error.strerror or error}): mend that and give the same command "
            "again; what was done before is whole, and is not done again."
        ) from error


def write_whole(path: Path, text: str, *, alone: bool = False, encoding: str = "utf-8") -> None:
    """Write a file that is there whole or not at all, whoever else reads and writes it, killed or
    not.

    alone  nobody else writes it: then what a killed run has left behind is written over
    """
    own = "" if alone else f".{os.getpid()}-{secrets.token_hex(4)}"
    draft = path.with_name(f".{path.name}{own}")
    try:
        draft.write_text(text, encoding=encoding)
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()  # when the disk is full


def _sweep(folder: Path) -> None:
    """Delete the drafts that processes killed long ago have left."""
    for draft in folder.glob(".*"):
        with suppress(OSError):
            if draft.stat().st_mtime < time.time() - HOUR:
                draft.unlink()


def carry_on(source: Path, to: Path) -> None:
    """Copy what nbgrader's exchange wants to find beside a notebook again, when feedback is
    released.
    """
    for name in ("timestamp.txt", "submission_secret.txt"):
        if (source / name).is_file() and not (source / name).is_symlink():
            shutil.copyfile(source / name, to / f".{name}")
            (to / f".{name}").replace(to / name)
