"""An nbgrader course directory: made, graded and read.

The repository is the package, the directory is one run of the course.

nbgrader_config.py          the judge in Autograde's place of Execute
source/ release/            the assignments, as nbgrader keeps them
solution/                   the executed solution notebooks, with the rubrics
submitted/STUDENT/3_colorization/3_colorization.ipynb
autograded/ feedback/ gradebook.db verdicts/      what grading makes
"""

import logging
import shutil
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from autograder.assignments import Assignment, CourseError, find_assignment
from autograder.authoring.release import Build
from autograder.course_files.folder import CourseFolder
from autograder.gradebook.session import gradebook_errors

if TYPE_CHECKING:  # the judge takes seconds to import, and not everybody judges
    from autograder.gradebook.entry import Entry
    from autograder.judge.exam import Exam

CONFIG = "nbgrader_config.py"
CONFIG_TEXT = '''\
"""nbgrader's configuration of this course directory. Everything nbgrader documents can be set here."""

import sys
from pathlib import Path

# Modules that lie beside this file can be named here, as a plugin for late penalties.
sys.path.append(str(Path(__file__).resolve().parent))

try:
    from autograder.gradebook import configure
except Exception as error:
    # nbgrader would go on without this file, and run submissions itself, outside of any sandbox.
    raise SystemExit(f"nbgrader_config.py: the autograder can't be imported ({{error}}). Is it installed?")

c = get_config()  # noqa: F821  nbgrader defines it
c.CourseDirectory.course_id = {course_id!r}

# The gradebook is gradebook.db, beside this file. For one on a PostgreSQL server set its address, and then
# give `nbgrader generate_assignment NAME --force` for each assignment, once.
# c.CourseDirectory.db_url = "postgresql+psycopg://USER@HOST/DATABASE"

# Submissions are run by the judge, in the sandbox, wherever nbgrader would have executed them.
configure(c, level={level!r})
'''


def check_free(folder: Path) -> None:
    """Raises CourseError when a course directory can't be made here."""
    if (folder / CONFIG).exists():
        raise CourseError(
            f"{folder} is a course directory already. Name another one, or work in it."
        )
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is a file. Name a folder to make.")


def init_course(folder: Path, builds: list[Build], level: str = "bubblewrap") -> "Course":
    """Make a course directory of the built assignments. Raises CourseError when there is one
    already.
    """
    check_free(folder)
    (folder / "submitted").mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(CONFIG_TEXT.format(course_id=folder.resolve().name, level=level))
    course = Course(folder)
    for built in builds:
        course.add(built)
    return course


@dataclass(frozen=True)
class Course(CourseFolder):
    """A course directory, with nbgrader. Raises CourseError when the folder is none."""

    def __post_init__(self) -> None:
        if not (self.folder / CONFIG).is_file():
            raise CourseError(
                f"{self.folder} is not a course directory: it has no {CONFIG}. "
                f"Make one with `autograder init {self.folder}`."
            )
        for nbgraders in ("traitlets", "tornado.application"):  # failures come back as results
            logging.getLogger(nbgraders).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", message=".*not in session.*")

    @cached_property
    def config(self) -> Config:
        """The directory's configuration. Raises CourseError when the file does not run."""
        try:
            config = PyFileConfigLoader(CONFIG, path=str(self.folder)).load_config()
        except (ConfigFileNotFound, Exception) as error:  # it is a program: it may raise anything
            raise CourseError(f"{self.folder / CONFIG} does not run: {error}") from error
        config.CourseDirectory.root = str(self.folder.resolve())
        return config

    @cached_property
    def api(self) -> NbGraderAPI:
        """nbgrader itself, on this directory."""
        return NbGraderAPI(config=self.config)

    @property
    def level(self) -> str:
        """The sandbox that the configuration asks for."""
        return self.config.JudgeSubmission.get("level", "bubblewrap")

    def gradebook(self) -> Gradebook:
        """nbgrader's gradebook, to be used in a `with`. Raises CourseError when it can't be
        opened.
        """
        coursedir = self.api.coursedir
        with gradebook_errors(coursedir):
            return Gradebook(coursedir.db_url, coursedir.course_id)

    def add(self, built: Build) -> None:
        """Put a built assignment into source/ and solution/, and have nbgrader generate its
        release/.

        Raises CourseError when nbgrader refuses; what was there before is there again then.
        """
        name = built.assignment.name
        source, before = self.folder / "source" / name, self.folder / f".{name}-before"
        shutil.rmtree(before, ignore_errors=True)
        if source.exists():
            source.rename(before)
        shutil.copytree(built.student, source)
        try:
            _succeed(self.api.generate_assignment(name), f"releasing {name}")
        except CourseError:
            shutil.rmtree(source)
            if before.exists():
                before.rename(source)
            raise
        shutil.rmtree(before, ignore_errors=True)
        (self.folder / "solution").mkdir(exist_ok=True)
        shutil.copy(built.solution, self.folder / "solution")

    def released(self) -> list[Assignment]:
        """The assignments that are in the directory."""
        names = sorted(path.name for path in (self.folder / "source").glob("*") if path.is_dir())
        return [find_assignment(name) for name in names]

    def entry(self, exam: "Exam", student: str) -> "Entry":
        """A student's work for an exam, as it is now."""
        from autograder.gradebook.entry import Entry

        return Entry(self, exam, student)

    def exam(self, assignment: Assignment) -> "Exam":
        """An assignment as it is graded here. Raises CourseError when it can't be read."""
        from autograder.judge.exam import exam_of

        return exam_of(assignment, self.level)


def _succeed(result: dict, what: str) -> None:
    """Raises CourseError, with one sentence, where the answer of nbgrader's API is a failure."""
    if not result["success"]:
        reasons = [line for line in result.get("log", "").splitlines() if "[ERROR]" in line]
        last = (reasons or result.get("error", "no reason given").strip().splitlines())[-1]
        raise CourseError(f"nbgrader failed at {what}: {last.removeprefix('[ERROR] ')}")
