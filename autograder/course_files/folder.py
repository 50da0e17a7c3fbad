"""The paths of a student's files in a course directory."""

from dataclasses import dataclass
from pathlib import Path

from autograder.assignments import Assignment
from autograder.course_files.handed_in import notebook_in


@dataclass(frozen=True)
class CourseFolder:
    """The folder of a course directory, and the paths in it."""

    folder: Path

    def students(self, assignment: Assignment) -> list[str]:
        """The students who have a folder for the assignment under submitted/."""
        found = (self.folder / "submitted").glob(f"*/{assignment.name}")
        return sorted(path.parent.name for path in found if path.is_dir())

    def submission(self, assignment: Assignment, student: str) -> Path:
        """The notebook to grade, or the path where it is expected if there is none."""
        return notebook_in(self.folder / "submitted" / student / assignment.name, assignment.name)

    def autograded(self, assignment: Assignment, student: str) -> Path:
        """The student's graded notebook."""
        return self.folder / "autograded" / student / assignment.name / f"{assignment.name}.ipynb"

    def feedback(self, assignment: Assignment, student: str) -> Path:
        """The student's feedback page."""
        return self.folder / "feedback" / student / assignment.name / f"{assignment.name}.html"

    def verdict(self, assignment: Assignment, student: str) -> Path:
        """The folder that holds the student's verdict."""
        return self.folder / "verdicts" / assignment.name / student
