"""Verdicts on disk, so that an unchanged submission is never judged twice.

verdicts/3_colorization/alice/verdict.json     the verdict, with the hash of its inputs
verdicts/3_colorization/alice/executed.ipynb   the executed notebook, with its outputs
verdicts/3_colorization/alice/drawn.json       which pictures it contains; absent before it is drawn
verdicts/3_colorization/alice/recorded.json    what the gradebook contains (see recorder.py)

Several processes may write verdicts at once, each for a different student. Every file is either
complete or absent.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import nbformat
from nbformat import NotebookNode

from autograder.course_files.files import remove_stale_drafts, write_whole, writing
from autograder.judge.judge import Judgement
from autograder.judge.verdict import Verdict

Pictures = Literal["lost", "all"]  # those of tasks that lost points and the gallery's, or all


@dataclass(frozen=True)
class RecordedState:
    """What the gradebook and the feedback page contain of a student's verdict.

    verdict    hash of the recorded verdict
    handed_in  the text of timestamp.txt; empty if there is none
    size       bytes of the autograded notebook; -1 if there is none
    drawn      which pictures it contains; empty if it was recorded before it was drawn
    page       hash of the scores and comments on the feedback page; empty before it is written
    """

    verdict: str
    handed_in: str
    size: int
    drawn: str = ""
    page: str = ""

    def with_page(self, page: str) -> "RecordedState":
        """A copy with another hash of the page."""
        return replace(self, page=page)


@dataclass(frozen=True)
class StoredVerdict:
    """The folder of one student's verdict on one assignment."""

    home: Path

    def is_there(self) -> bool:
        """Whether there is a verdict, even if the submission has changed since."""
        return (self.home / "verdict.json").exists()

    def verdict(self) -> Verdict | None:
        """The verdict; None if there is none, or only one in the format of an older version."""
        try:
            return Verdict.from_json((self.home / "verdict.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def notebook(self) -> NotebookNode | None:
        """The executed notebook, which may be megabytes; None if it is missing."""
        try:
            text = (self.home / "executed.ipynb").read_text(encoding="utf-8")
            return nbformat.from_dict(json.loads(text))
        except (OSError, ValueError):
            return None

    def write(self, judgement: Judgement) -> None:
        """Write a judgement; verdict.json comes last, so if it exists, both files are complete.

        Raises CourseError if they can't be written.
        """
        with writing(self.home.parents[1]):
            self.home.mkdir(parents=True, exist_ok=True)
            remove_stale_drafts(self.home)
            for name in ("verdict.json", "drawn.json"):
                (self.home / name).unlink(missing_ok=True)
            self._write_notebook(judgement.notebook)
            write_whole(self.home / "verdict.json", judgement.verdict.to_json())

    def write_drawn(self, notebook: NotebookNode, pictures: Pictures) -> None:
        """Replace the executed notebook by one with pictures. Raises CourseError."""
        with writing(self.home.parents[1]):
            (self.home / "drawn.json").unlink(missing_ok=True)
            self._write_notebook(notebook)
            write_whole(self.home / "drawn.json", json.dumps({"pictures": pictures}))

    def _write_notebook(self, notebook: NotebookNode) -> None:
        write_whole(self.home / "executed.ipynb", json.dumps(notebook, indent=1))

    def drawn(self) -> str:
        """Which pictures the executed notebook contains; empty before it is drawn."""
        try:
            return json.loads((self.home / "drawn.json").read_text())["pictures"]
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def recorded(self) -> RecordedState | None:
        """What the gradebook contains; None if that is unknown."""
        try:
            return RecordedState(**json.loads((self.home / "recorded.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_recorded(self, state: RecordedState) -> None:
        """Save what the gradebook and the feedback page contain now."""
        write_whole(self.home / "recorded.json", json.dumps(asdict(state)))

    def forget_recorded(self) -> None:
        """Delete the saved state before recording: until that is done, it may be wrong."""
        (self.home / "recorded.json").unlink(missing_ok=True)
