"""One student's work for one exam in a course directory. What is known of it is found out once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.course_files.folder import CourseFolder
from autograder.course_files.handed_in import renamed, why_none
from autograder.gradebook.store import StoredVerdict
from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement, judge, not_graded
from autograder.judge.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Entry:
    """One student's work for one exam, as it is when it is first asked about.

    folder   the course directory
    student  the name of the student's folder under submitted/
    """

    folder: CourseFolder
    exam: Exam
    student: str

    @cached_property
    def submission(self) -> Path:
        """Where the notebook is, or would be: by its name, or the only one there."""
        return self.folder.submission(self.exam.assignment, self.student)

    @property
    def autograded(self) -> Path:
        """The notebook as it was graded."""
        return self.folder.autograded(self.exam.assignment, self.student)

    @property
    def feedback(self) -> Path:
        """The feedback page."""
        return self.folder.feedback(self.exam.assignment, self.student)

    @property
    def stored(self) -> StoredVerdict:
        """The verdict on disk, of whatever was handed in then."""
        return StoredVerdict(self.folder.verdict(self.exam.assignment, self.student))

    @cached_property
    def key(self) -> str:
        """A hash of all that the verdict depends on."""
        return self.exam.key_of(self.submission)

    @cached_property
    def verdict(self) -> Verdict | None:
        """The verdict on what is handed in now; None if it is still to be judged."""
        verdict = self.stored.verdict()
        return verdict if verdict and verdict.key == self.key else None

    @property
    def is_judged(self) -> bool:
        """Whether the verdict need not be made again: what failed on our side is tried again."""
        return self.verdict is not None and self.verdict.status != "not graded"

    def judgement(self) -> Judgement | None:
        """The verdict with the notebook as it was run; None if one of them is not there."""
        notebook = self.stored.notebook() if self.verdict else None
        return Judgement(self.verdict, notebook) if self.verdict and notebook else None

    def judge(self) -> Judgement:
        """The judgement: from the disk if nothing that it depends on has changed, or made now."""
        if self.is_judged and (known := self.judgement()):
            return known
        judgement = self.without_notebook() or judge(self.submission, self.exam)
        self.write(judgement)
        return judgement

    def without_notebook(self) -> Judgement | None:
        """The judgement of a folder in which no notebook can be chosen; None if one can.

        It is not graded, with a sentence on what is there.
        """
        why = why_none(self.submission)
        return not_graded(self.submission, self.exam, why) if why else None

    def write(self, judgement: Judgement) -> None:
        """Write a judgement to the disk; a notebook with another name than it should is mentioned.

        Raises CourseError when it can't be written.
        """
        if note := renamed(self.submission):
            judgement.verdict.repairs.insert(0, note)
            judgement.verdict.flags.insert(0, note)
        self.stored.write(judgement)
