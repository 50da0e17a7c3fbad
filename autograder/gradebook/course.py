"""An nbgrader course directory: make one, and open it.

A course directory is one offering of the course; the repository is the software.

nbgrader_config.py          makes nbgrader use the judge
source/ release/            the assignments, as nbgrader stores them
solution/                   the executed solution notebooks, with the rubrics
submitted/STUDENT/3_colorization/3_colorization.ipynb
autograded/ feedback/ gradebook.db verdicts/      the results of grading
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
from autograder.course_files.folder import CourseFolder
from autograder.gradebook.session import gradebook_errors

if TYPE_CHECKING:  # they take seconds to import, and many commands don't need them
    from autograder.authoring.release import Build
    from autograder.gradebook.entry import Entry
    from autograder.judge.exam import Exam

CONFIG = "nbgrader_config.py"
CONFIG_TEXT = '''\
"""nbgrader's configuration of this course directory. Set any option that nbgrader documents."""

import sys
from pathlib import Path

# Makes modules in this folder importable, such as a plugin for late penalties.
sys.path.append(str(Path(__file__).resolve().parent))

try:
    from autograder.gradebook import configure
except Exception as error:
    # Without this file, nbgrader would run submissions itself, outside of any sandbox: stop here.
    why = f"the autograder can't be imported ({{error}}). Is it installed?"
    raise SystemExit(f"nbgrader_config.py: {{why}}")

c = get_config()  # noqa: F821  nbgrader defines it
c.CourseDirectory.course_id = {course_id!r}

# The gradebook is gradebook.db, in this folder. To use a PostgreSQL server, set its address, and
# run `nbgrader generate_assignment NAME --force` once for each assignment.
# c.CourseDirectory.db_url = "postgresql+psycopg://USER@HOST/DATABASE"

# The judge runs submissions, in the sandbox; nbgrader does not execute them.
configure(c, level={level!r})
'''


def check_free(folder: Path) -> None:
    """Raises CourseError if a course directory can't be made here."""
    if (folder / CONFIG).exists():
        raise CourseError(f"{folder} is a course directory already. Use it, or name another one.")
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is a file. Name a folder that can be created.")


def init_course(folder: Path, builds: "list[Build]", level: str = "bubblewrap") -> "Course":
    """Make a course directory with these assignments. Raises CourseError if it exists."""
    check_free(folder)
    (folder / "submitted").mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(CONFIG_TEXT.format(course_id=folder.resolve().name, level=level))
    course = Course(folder)
    for built in builds:
        course.add(built)
    return course


@dataclass(frozen=True)
class Course(CourseFolder):
    """A course directory, with nbgrader. Raises CourseError if the folder is not one."""

    def __post_init__(self) -> None:
        if not (self.folder / CONFIG).is_file():
            raise CourseError(
                f"{self.folder} is not a course directory: it has no {CONFIG}. "
                f"Make one with `autograder init {self.folder}`."
            )
        # nbgrader's API returns its errors, so they need not be logged as well.
        for logger in ("traitlets", "tornado.application"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", message=".*not in session.*")

    @cached_property
    def config(self) -> Config:
        """The directory's configuration. Raises CourseError if the file fails."""
        try:
            config = PyFileConfigLoader(CONFIG, path=str(self.folder)).load_config()
        except (ConfigFileNotFound, Exception) as error:  # it is Python code: it may raise anything
            raise CourseError(f"{self.folder / CONFIG} does not run: {error}") from error
        config.CourseDirectory.root = str(self.folder.resolve())
        return config

    @cached_property
    def api(self) -> NbGraderAPI:
        """nbgrader's API for this directory."""
        return NbGraderAPI(config=self.config)

    @property
    def level(self) -> str:
        """The sandbox that the configuration asks for."""
        return self.config.JudgeSubmission.get("level", "bubblewrap")

    def gradebook(self) -> Gradebook:
        """nbgrader's gradebook, a context manager. Raises CourseError if it can't be opened."""
        coursedir = self.api.coursedir
        with gradebook_errors(coursedir):
            return Gradebook(coursedir.db_url, coursedir.course_id)

    def add(self, built: "Build") -> None:
        """Add an assignment to source/ and solution/, and let nbgrader generate release/.

        Raises CourseError if nbgrader refuses; then the previous version is restored.
        """
        name = built.assignment.name
        source, before = self.folder / "source" / name, self.folder / f".{name}-before"
        shutil.rmtree(before, ignore_errors=True)
        if source.exists():
            source.rename(before)
        shutil.copytree(built.student, source)
        try:
            raise_if_failed(self.api.generate_assignment(name), f"releasing {name}")
        except CourseError:
            shutil.rmtree(source)
            if before.exists():
                before.rename(source)
            raise
        shutil.rmtree(before, ignore_errors=True)
        (self.folder / "solution").mkdir(exist_ok=True)
        shutil.copy(built.solution, self.folder / "solution")

    def released(self) -> list[Assignment]:
        """The assignments in the directory."""
        names = sorted(path.name for path in (self.folder / "source").glob("*") if path.is_dir())
        return [find_assignment(name) for name in names]

    def entry(self, exam: "Exam", student: str) -> "Entry":
        """A student's current work for an exam."""
        from autograder.gradebook.entry import Entry

        return Entry(self, exam, student)

    def exam(self, assignment: Assignment) -> "Exam":
        """An assignment as it is graded here. Raises CourseError if it can't be read."""
        from autograder.judge.exam import exam_of

        return exam_of(assignment, self.level)


def raise_if_failed(result: dict, what: str) -> None:
    """Turn a failure that nbgrader's API returns into a CourseError with the last error's line."""
    if result["success"]:
        return
    lines = [line for line in result.get("log", "").splitlines() if "[ERROR]" in line]
    if not lines:
        lines = result.get("error", "no reason given").strip().splitlines()
    raise CourseError(f"nbgrader failed at {what}: {lines[-1].removeprefix('[ERROR] ')}")
