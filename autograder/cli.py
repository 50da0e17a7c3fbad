"""The `autograder` command."""

import errno
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from autograder.assignments import Assignment, CourseError, assignments, find_assignment

if TYPE_CHECKING:  # they import torch and nbgrader: seconds that `--help` shouldn't take
    from autograder.authoring.release import Build
    from autograder.gradebook.course import Course
    from autograder.judge.verdict import Verdict

app = typer.Typer(
    help="Assignments from master to student, and submissions from student to grade.",
    epilog="Start with `autograder demo`: the whole way on a small class, in a few minutes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
# A pipe has no width; 80 columns, rich's guess, are too few for a class.
out = Console(width=None if sys.stdout.isatty() else 120, soft_wrap=False)
err = Console(stderr=True)
LOG_EVERY = 60.0  # seconds between two lines that say where a build is, when they go into a file
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}

Level = Literal["bubblewrap", "process"]
Format = Literal["csv", "canvas", "moodle"]
To = Annotated[Path, typer.Option(help="Folder for what is built.")]
Name = Annotated[
    str | None,
    typer.Argument(metavar="[ASSIGNMENT]", help="Name, number or topic; without it, all of them."),
]
Again = Annotated[
    bool,
    typer.Option(
        "--again", help="Run the solution also when nothing has changed since it was run."
    ),
]
LevelOption = Annotated[
    Level,
    typer.Option(
        help="The sandbox. `bubblewrap` isolates; `process` does not, is for notebooks you trust, "
        "and is stamped on every verdict."
    ),
]


def main() -> None:
    """Run the command; what its user can mend is one sentence and exit code 2."""
    try:
        app()
    except CourseError as error:
        err.print(
            f"autograder: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2)


@contextmanager
def _progress() -> Iterator["_Bars"]:
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with _Bars(*columns, console=err, transient=True) as progress:
        yield progress


class _Bars(Progress):
    """Progress bars, and a line below them."""

    line = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """What rich draws."""
        yield from super().get_renderables()
        if self.line:
            yield Text(f"  {self.line}", style="dim")


@contextmanager
def _reporting() -> Iterator["_Reports"]:
    """Progress bars, one for each thing that building or judging reports."""
    with _progress() as progress:
        yield _Reports(progress)


class _Reports:
    """Shows what is being done, and how much of it is."""

    def __init__(self, progress: _Bars) -> None:
        self.progress, self.bars = progress, dict[str, TaskID]()
        self.logged = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """So much of something is done."""
        if what not in self.bars:
            self.bars[what] = self.progress.add_task(what)
        self.progress.update(self.bars[what], completed=done, total=total)
        if done == total:
            self.progress.line = ""

    def now(self, text: str) -> None:
        """The cell that runs and the epoch of its training. A log file gets it once a minute."""
        self.progress.line = text
        if not err.is_terminal and time.monotonic() - self.logged >= LOG_EVERY:
            self.logged = time.monotonic()
            err.print(f"running {text}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _building() -> Iterator[_Reports]:
    """As `_reporting`. Ctrl-C ends the command with a sentence, and so does a folder that takes no
    files.
    """
    try:
        with _reporting() as progress:
            yield progress
    except KeyboardInterrupt:
        err.print(
            "Stopped. To continue, run the same command again: trainings go on from their last checkpoint."
        )
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise CourseError(
            f"Can't write {error.filename or 'the build'}: {error.strerror}. Free some space, fix the "
            "permissions, or name another folder with --to; then run the command again."
        ) from None


def _chosen(name: str | None) -> list[Assignment]:
    return assignments() if name is None else [find_assignment(name)]


@app.command()
def build(name: Name = None, to: To = Path("build"), again: Again = False) -> None:
    """Make the student notebook and the executed solution notebook of an assignment.

    Running a solution takes minutes; one that is under --to already and that nothing has changed
    for is kept. There is no time limit. Stop it with Ctrl-C and run it again: trainings go on from
    their last checkpoint.
    """
    from autograder.authoring import release as making

    for assignment in _chosen(name):
        with _building() as progress:
            made = making.build(assignment, to, progress, again=again, now=progress.now)
        out.print(f"[bold]{assignment.name}[/]")
        out.print(f"  student   {made.student}/{assignment.name}.ipynb", highlight=False)
        out.print(f"  solution  {made.solution}  (executed; never for students)", highlight=False)


@app.command()
def release(name: Name = None, to: To = Path("build"), again: Again = False) -> None:
    """Build an assignment and pack the archive for students: leak-tested, and run as a student
    would.

    There is no time limit. Stop it with Ctrl-C and run it again: trainings go on from their last
    checkpoint.
    """
    from autograder.authoring import release as making

    for assignment in _chosen(name):
        with _building() as progress:
            made = making.release(assignment, to, progress, again=again, now=progress.now)
        out.print(
            f"{made.archive}: {_size(made.archive)}, no leaks. Give this to students.",
            highlight=False,
        )


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.1f} MB"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The course directory to make.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ASSIGNMENT]...", help="Names, numbers or topics; without any, all of them."
        ),
    ] = None,
    to: To = Path("build"),
    level: LevelOption = "bubblewrap",
) -> None:
    """Make an nbgrader course directory, with the judge in the place of nbgrader's execution.

    What `autograder release` has built under --to is taken from there; the rest is built first.
    """
    from autograder.gradebook.course import check_free, init_course

    check_free(folder)
    chosen = [find_assignment(name) for name in names] if names else assignments()
    course = init_course(folder, _built(chosen, to), level)
    there = ", ".join(assignment.name for assignment in course.released())
    out.print(
        f"{folder} is ready, with {there}. Give students an archive from `autograder release`, put what they "
        f"hand in under {folder}/submitted/STUDENT/ASSIGNMENT/, then run `autograder grade {folder}`.",
        highlight=False,
    )


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    names: Annotated[
        list[str], typer.Argument(metavar="ASSIGNMENT...", help="Names, numbers or topics.")
    ],
    to: To = Path("build"),
) -> None:
    """Put more assignments into a course directory, or one whose text was mended in the place of
    the old.

    Nothing that was handed in or graded is touched. Once somebody has handed in, nbgrader takes no
    new cells.
    """
    from autograder.gradebook.course import Course

    course = Course(folder)
    for made in _built([find_assignment(name) for name in names], to):
        course.add(made)
        out.print(f"{made.assignment.name} is in {folder}.", highlight=False)


def _built(chosen: list[Assignment], to: Path) -> "list[Build]":
    """The assignments, built where that has not been done yet."""
    from autograder.authoring import release as making

    with _building() as progress:
        return [making.build(assignment, to, progress, now=progress.now) for assignment in chosen]


@app.command()
def collect(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    source: Annotated[Path, typer.Argument(help="A folder or a zip of what was handed in.")],
    assignment: Annotated[
        str | None, typer.Option(help="All of it is of this one; without it, each notebook tells.")
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="CSV with an id and a name on each line; see `autograder roster`."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Take what differs from what is there; that goes to submitted-before/."
        ),
    ] = False,
) -> None:
    """Bring what students handed in into FOLDER/submitted/STUDENT/ASSIGNMENT/.

    SOURCE may be a folder with one folder or one zip per student, what Moodle ("Download all
    submissions") or Canvas ("Download Submissions") gives, unpacked or not. Taken are the notebook,
    whatever its name is when there is only one, and the files that the assignment wants beside it.

    A student is called as the folder is, or as the LMS writes the name, or by the roster: then ids
    stay the same from one assignment to the next. Whatever is wrong with one hand-in is told in the
    table, and the others are taken; nothing that is there already is touched without --update. It
    may be run again at any time. Exit code 1 if something was not taken. Then: `autograder grade
    FOLDER`.

    When something was handed in is not known from an LMS's archive: where lateness costs points,
    write `timestamp.txt` beside the notebook.
    """
    from autograder.collect.collect import collect as bring
    from autograder.gradebook.course import Course
    from autograder.gradebook.roster import read_roster
    from autograder.tables import collected_table

    chosen = find_assignment(assignment) if assignment else None
    people = read_roster(roster) if roster else None
    with _reporting() as progress:
        outcomes = bring(Course(folder), source, chosen, people, update=update, progress=progress)
    if not outcomes:
        raise CourseError(
            f"There is nothing in {source}: name what holds a folder or a file per student."
        )
    collected_table(outcomes, out)
    if any(one.status == "not taken" for one in outcomes):
        raise typer.Exit(1)


@app.command()
def judge(
    notebook: Annotated[Path, typer.Argument(help="A submitted notebook.")],
    assignment: Annotated[
        str | None, typer.Option(help="If the file's name does not tell.")
    ] = None,
    level: LevelOption = "bubblewrap",
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Judge one notebook and print its verdict. Exit code 3 if it could not be graded for a fault
    of ours.
    """
    from autograder.judge.exam import exam_of
    from autograder.judge.intake.read_notebook import assignment_of
    from autograder.judge.judge import judge as judge_notebook
    from autograder.tables import verdict_table

    found = assignment_of(notebook, assignment)
    with _reporting() as progress:
        verdict = judge_notebook(notebook, exam_of(found, level), progress=progress).verdict
    if json:
        print(verdict.to_json())
    else:
        verdict_table(verdict, out)
    if verdict.status == "not graded":
        raise typer.Exit(3)


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    assignment: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this student; can be given again.")
    ] = None,
    regrade: Annotated[
        bool, typer.Option("--regrade", help="Judge again what has not changed, too.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(help="At a time. Default: one for each core.", min=1)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Judge on the workers of this Dask scheduler: `tcp://host:8786`, `tls://host:8786`, or the "
            "file that `dask scheduler --scheduler-file` has written.",
        ),
    ] = None,
) -> None:
    """Judge a class, record it in nbgrader's gradebook and write the feedback pages.

    It may be stopped at any moment, also by `kill -9`: the same command goes on from there. Exit
    code 1 if somebody could not be graded or recorded, for a fault of ours or of the machine: run
    it again.

    With --scheduler, the machines of a Dask cluster judge, and this one records. Each has this
    clone of the course, installed with its `cluster` extra, and runs `dask worker ADDRESS`, which
    judges as many at a time as it has threads; one of them runs `dask scheduler`. Whoever can reach
    a Dask scheduler can run programs on its workers: let its network be yours alone, or use TLS.
    """
    from autograder.gradebook.course import Course

    if jobs and scheduler:
        raise CourseError(
            "--jobs is for this machine alone: with --scheduler, start each machine's worker with as many "
            "threads as you want, `dask worker --nthreads N`."
        )
    course = Course(folder)
    chosen = [find_assignment(assignment)] if assignment else course.released()
    verdicts: list[Verdict] = []
    for one in chosen:
        verdicts += _grade_class(
            course, one, only or [], again=regrade, slots=jobs, scheduler=scheduler
        )
    if not verdicts:
        raise CourseError(
            f"Nobody has handed anything in under {folder / 'submitted'}/STUDENT/ASSIGNMENT/."
        )
    if not all(map(_is_done, verdicts)):
        raise typer.Exit(1)


def _is_done(verdict: "Verdict") -> bool:
    """Whether a submission is graded, and in the gradebook."""
    from autograder.gradebook.recorder import NOT_RECORDED

    return verdict.status != "not graded" and not any(
        flag.startswith(NOT_RECORDED) for flag in verdict.flags
    )


def _grade_class(
    course: "Course",
    assignment: Assignment,
    only: list[str],
    *,
    again: bool,
    slots: int | None = None,
    scheduler: str | None = None,
) -> "list[Verdict]":
    """Grade the students of one assignment, print the table, and return the verdicts."""
    from autograder.gradebook.grading import grade_class
    from autograder.progress_bars import ProgressBars
    from autograder.tables import class_table

    students = [student for student in course.students(assignment) if not only or student in only]
    if missing := set(only) - set(students):
        raise CourseError(f"{min(missing)} has handed in nothing for {assignment.name}.")
    if not students:
        return []
    with ProgressBars(err) as bars:
        verdicts = grade_class(
            course, assignment, students, bars, again=again, jobs=slots, scheduler=scheduler
        )
    class_table(assignment, verdicts, out)
    return list(verdicts.values())


@app.command()
def gradescope(
    name: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Name, number or topic.")],
    to: To = Path("build"),
    level: LevelOption = "bubblewrap",
) -> None:
    """Make the archive that Gradescope runs as an assignment's autograder. It holds the solutions.

    Upload it under *Configure Autograder*, on a base image with Python 3.11.4 or newer.
    """
    from autograder.exports.gradescope_archive import make_archive

    assignment = find_assignment(name)
    with _reporting() as progress:
        archive = make_archive(assignment, to, level, progress)
    out.print(f"{archive}: {_size(archive)}. For Gradescope; never for students.", highlight=False)


@app.command()
def roster(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    file: Annotated[
        Path, typer.Argument(help="CSV: id, and name, email, section, lms_user_id …, if known.")
    ],
) -> None:
    """Put the students of a CSV file into nbgrader's gradebook: adds and updates, never deletes."""
    from autograder.gradebook.course import Course
    from autograder.gradebook.roster import enrol, read_roster

    course = Course(folder)
    added, known = enrol(course, read_roster(file))
    out.print(f"{added} students added, {known} were there already.", highlight=False)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    to: Annotated[Path, typer.Option(help="The file to write.")],
    format: Annotated[
        Format, typer.Option(help="Plain CSV, or what Canvas or Moodle imports.")
    ] = "csv",
    roster: Annotated[
        Path | None, typer.Option(help="CSV with what the gradebook does not know, as sections.")
    ] = None,
) -> None:
    """Write the grades of a course directory for a spreadsheet, Canvas or Moodle.

    Who has handed in nothing, and who could not be graded, has an empty cell and not a zero.
    """
    from autograder.exports.csv_exports import export_course
    from autograder.gradebook.course import Course

    for warning in export_course(Course(folder), to, format, roster):
        err.print(warning, style="yellow", markup=False, highlight=False)
    out.print(f"{to} is written.", highlight=False, markup=False)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[ASSIGNMENT]",
            help="Name, number or topic; without it, all that was handed in.",
        ),
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(
            help="The picture in the gallery. Default: what the trained networks draw, or the last."
        ),
    ] = None,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="Numbers in the place of names, to show it in a lecture. What a picture shows is as drawn.",
        ),
    ] = False,
) -> None:
    """Write one page on a class: what to say in the next lecture, task by task, pictures, similar
    code.

    It reads what `autograder grade` has left and judges nothing. `DIR/reports/ASSIGNMENT.html` is
    one file: open it in any browser, on a phone too; it needs no network.
    """
    from autograder.gradebook.course import Course
    from autograder.report.page import write_report

    course = Course(folder)
    chosen = (
        [find_assignment(name)]
        if name
        else [one for one in course.released() if course.students(one)]
    )
    if not chosen:
        raise CourseError(
            f"Nobody has handed anything in under {folder / 'submitted'}/STUDENT/ASSIGNMENT/."
        )
    for assignment in chosen:
        with _reporting() as progress:
            path = write_report(course, assignment, progress, picture=picture, anonymous=anonymous)
        out.print(str(path), soft_wrap=True, markup=False, highlight=False)


def _require_sandbox(level: str) -> None:
    """Start a worker once, before a class is kept waiting for it. Raises SandboxError with the
    remedy.
    """
    from autograder.judge.limits import Limits
    from autograder.judge.workers.box import open_box

    with err.status("trying the sandbox"):
        open_box(level, Limits()).close()


@app.command()
def demo(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[ASSIGNMENT]", help="Name, number or topic; `all` takes half an hour."
        ),
    ] = "0",
    to: Annotated[
        Path, typer.Option(help="Folder for the demo; its course is made anew each time.")
    ] = Path("demo"),
    level: LevelOption = "bubblewrap",
) -> None:
    """The whole way on a small class: build, release, hand in, judge, record, feedback and
    report.
    """
    from autograder.authoring import release as making
    from autograder.authoring.master import read_master
    from autograder.demo import demo_class, hand_in
    from autograder.gradebook.course import init_course
    from autograder.report.page import write_report

    chosen = assignments() if name == "all" else [find_assignment(name)]
    _require_sandbox(level)
    mark = to / ".autograder-demo"
    if to.exists() and not mark.exists() and any(to.iterdir()):
        raise CourseError(f"{to} is not empty and no earlier demo. Name another folder with --to.")
    shutil.rmtree(
        to / "course", ignore_errors=True
    )  # what was built stays, and need not be built again
    to.mkdir(parents=True, exist_ok=True)
    mark.touch()
    with _building() as progress:
        builds = [
            making.release(assignment, to / "release", progress, now=progress.now)
            for assignment in chosen
        ]
    course = init_course(to / "course", builds, level)
    for made in builds:
        out.print(f"Released {made.archive}: {_size(made.archive)}, no leaks.", highlight=False)
        master = read_master(made.assignment)
        students = demo_class(master)
        hand_in(students, master, course.folder)
        said = ", ".join(f"[bold]{student.name}[/] {student.says}" for student in students)
        out.print(f"Handed in: {said}.", highlight=False)
        _grade_class(course, made.assignment, [], again=False)
        with _reporting() as progress:
            page = write_report(course, made.assignment, progress)
        out.print(f"The page on the class: {page}", highlight=False, soft_wrap=True)
    _what_next(course.folder)


def _what_next(folder: Path) -> None:
    lines = f"""
[bold]Made[/]
  {folder}/feedback/STUDENT/ASSIGNMENT/   the feedback pages
  {folder}/gradebook.db                   nbgrader's gradebook

[bold]What to run next[/]
  cd {folder} && jupyter lab       then Nbgrader → Formgrader: the written answers, by hand
  cd {folder} && nbgrader export   the grades as CSV
  autograder demo 3                the same with another assignment: 0 is the quickest to build
  autograder judge NOTEBOOK        one submission, check by check"""
    out.print(lines, highlight=False, soft_wrap=True)


@app.command()
def doctor(level: LevelOption = "bubblewrap") -> None:
    """Is this machine fit to grade? Tests the sandbox and says the remedy of what is missing."""
    from autograder.tables import doctor_table

    if not doctor_table(level, out):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
