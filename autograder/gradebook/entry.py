"""One student's work for one exam in a course directory; each fact about it is read only once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.course_files.folder import CourseFolder
from autograder.course_files.handed_in import renamed, why_none
from autograder.gradebook.drawing import pictures_to_draw
from autograder.gradebook.store import Pictures, StoredVerdict
from autograder.judge.draw import Drawing, draw
from autograder.judge.exam import Exam
from autograder.judge.judge import Judgement, judge, not_graded
from autograder.judge.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Entry:
    """One student's work for one exam. Properties keep the value of their first use.

    folder   the course directory
    student  the name of the student's folder under submitted/
    """

    folder: CourseFolder
    exam: Exam
    student: str

    @cached_property
    def submission(self) -> Path:
        """The path of the notebook to grade, or where it is expected if there is none."""
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
        """The verdict on disk, which may be about an earlier version of the submission."""
        return StoredVerdict(self.folder.verdict(self.exam.assignment, self.student))

    @cached_property
    def key(self) -> str:
        """A hash of everything that the verdict depends on."""
        return self.exam.key_of(self.submission)

    @cached_property
    def verdict(self) -> Verdict | None:
        """The verdict on the current submission; None if that has not been judged."""
        verdict = self.stored.verdict()
        return verdict if verdict and verdict.key == self.key else None

    @property
    def is_judged(self) -> bool:
        """Whether judging can be skipped. A submission that could not be graded is retried."""
        return self.verdict is not None and self.verdict.status != "not graded"

    def to_draw(self, pictures: Pictures) -> tuple[str, ...] | None:
        """The names of the pictures to draw for the page; None if drawing can be skipped."""
        if self.verdict is None or self.verdict.status != "graded":
            return None
        if self.stored.drawn() in (pictures, "all"):
            return None
        return pictures_to_draw(self.exam.master, self.verdict, pictures)

    @property
    def hung(self) -> tuple[str, ...]:
        """The tasks that ran out of time in the hidden checks."""
        tasks = self.verdict.tasks if self.verdict else []
        return tuple(one.name for one in tasks if any(c.kind == "time" for c in one.checks))

    def judgement(self) -> Judgement | None:
        """The stored verdict with the executed notebook; None if either is missing."""
        if self.verdict is None:
            return None
        notebook = self.stored.notebook()
        return Judgement(self.verdict, notebook) if notebook else None

    def judge(self) -> Judgement:
        """The stored judgement if it is up to date; otherwise judge, draw, and store the result."""
        judgement = self.judgement() if self.is_judged else None
        if judgement is None:
            judgement = self.judge_missing() or judge(self.submission, self.exam)
            self.write(judgement)
        current = Entry(self.folder, self.exam, self.student)
        wanted = current.to_draw("lost")
        if wanted is not None:
            current.write_drawn(draw(self.submission, self.exam, wanted, current.hung), "lost")
        return current.judgement() or judgement

    def judge_missing(self) -> Judgement | None:
        """A "not graded" judgement that says why no notebook can be graded; None if one can.

        There is none to grade if the folder has no notebook, or several with other names than the
        assignment's.
        """
        why = why_none(self.submission)
        return not_graded(self.submission, self.exam, why) if why else None

    def write(self, judgement: Judgement) -> None:
        """Write a judgement to disk, with a note if the notebook did not have the expected name.

        Raises CourseError if it can't be written.
        """
        if note := renamed(self.submission):
            judgement.verdict.repairs.insert(0, note)
            judgement.verdict.flags.insert(0, note)
        self.stored.write(judgement)

    def write_drawn(self, drawing: Drawing, pictures: Pictures) -> None:
        """Write a drawing to disk; one with a problem is not kept, and is drawn again next time.

        Raises CourseError if it can't be written.
        """
        if not drawing.problem:
            self.stored.write_drawn(drawing.notebook, pictures)
