"""The verdicts of a course directory on disk, so that what has not changed is never judged twice.

verdicts/3_colorization/alice/verdict.json     the verdict, with the key of what it was made from
verdicts/3_colorization/alice/executed.ipynb   the notebook as it was run, with its outputs
verdicts/3_colorization/alice/recorded.json    what of it is in the gradebook (see recorder.py)

Several processes may judge into it at once, each for another student: a file is there whole, or not
at all.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.course_files.files import remove_stale_drafts, write_whole, writing
from autograder.judge.judge import Judgement
from autograder.judge.verdict import Verdict


@dataclass(frozen=True)
class RecordedState:
    """What of a student's verdict is in the gradebook.

    verdict    its hash
    handed_in  when, as it stands in timestamp.txt; empty where nobody knows
    size       bytes of the autograded notebook; -1 when nothing was handed in
    page       hash of what the gradebook says of the student, as it stands on the feedback page;
               empty before the page is written
    """

    verdict: str
    handed_in: str
    size: int
    page: str = ""

    def with_page(self, page: str) -> "RecordedState":
        """The same, once the page is written."""
        return replace(self, page=page)


@dataclass(frozen=True)
class StoredVerdict:
    """The folder of one student's verdict on one assignment."""

    home: Path

    def is_there(self) -> bool:
        """Whether a verdict was written, whatever has changed since."""
        return (self.home / "verdict.json").exists()

    def verdict(self) -> Verdict | None:
        """The verdict; None if there is none, or one of an older version."""
        try:
            return Verdict.from_json((self.home / "verdict.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def notebook(self) -> NotebookNode | None:
        """The notebook as it was run, which takes megabytes; None if it is not there."""
        try:
            text = (self.home / "executed.ipynb").read_text(encoding="utf-8")
            return nbformat.from_dict(json.loads(text))
        except (OSError, ValueError):
            return None

    def write(self, judgement: Judgement) -> None:
        """Write a judgement. A verdict on disk means that both files are whole, whenever this is killed.

        Raises CourseError when it can't be written.
        """
        with writing(self.home.parents[1]):
            self.home.mkdir(parents=True, exist_ok=True)
            remove_stale_drafts(self.home)
            (self.home / "verdict.json").unlink(missing_ok=True)
            write_whole(self.home / "executed.ipynb", json.dumps(judgement.notebook, indent=1))
            write_whole(self.home / "verdict.json", judgement.verdict.to_json())

    def recorded(self) -> RecordedState | None:
        """What is in the gradebook, as far as is known."""
        try:
            return RecordedState(**json.loads((self.home / "recorded.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_recorded(self, state: RecordedState) -> None:
        """Note what is in the gradebook now, or on the feedback page."""
        write_whole(self.home / "recorded.json", json.dumps(asdict(state)))

    def forget_recorded(self) -> None:
        """Before anything is recorded: what is in the gradebook is not known any more."""
        (self.home / "recorded.json").unlink(missing_ok=True)
