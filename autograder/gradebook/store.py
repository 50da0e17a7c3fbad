"""The verdicts of a course directory on disk, so that what has not changed is never judged twice.

verdicts/3_colorization/alice/verdict.json     the verdict, with the key of what it was made from
verdicts/3_colorization/alice/executed.ipynb   the notebook as it was run, with its outputs
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.catalogue import Assignment
from autograder.judge.judge import Judgement, judge, verdict_key
from autograder.judge.verdict import Verdict


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
        key = verdict_key(submission, assignment, self.level)
        home = self.folder / assignment.name / student
        if not again and (kept := _read(home, key)):
            return kept
        judgement = judge(submission, assignment, level=self.level)
        if judgement.verdict.status != "not graded":  # our own fault is to be tried again
            _write(home, judgement)
        return judgement


def _read(home: Path, key: str) -> Judgement | None:
    try:
        verdict = Verdict.from_json((home / "verdict.json").read_text(encoding="utf-8"))
        if verdict.key != key:
            return None
        return Judgement(verdict, nbformat.read(home / "executed.ipynb", as_version=4))
    except (OSError, ValueError, KeyError, TypeError, nbformat.ValidationError):
        return None  # not there, or cut short by a crash: it is made again


def _write(home: Path, judgement: Judgement) -> None:
    """The notebook first: a verdict on disk means that the pair is whole."""
    home.mkdir(parents=True, exist_ok=True)
    _replace(home / "executed.ipynb", json.dumps(judgement.notebook, indent=1))
    _replace(home / "verdict.json", judgement.verdict.to_json())


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
