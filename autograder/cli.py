"""The `autograder` command line.

Imports are late: `--help` must not wait for torch and nbgrader.
"""

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

# Earlier names of options. They still work, but `--help` shows only the current ones.
EARLIER_NAMES = {"level": "sandbox", "again": "force", "regrade": "force"}


def _current_name(option: str) -> str:
    return EARLIER_NAMES.get(option, option)


app = typer.Typer(
    help="Build assignments, collect submissions, grade them and write feedback.",
    epilog="New here? `autograder demo` runs every step on a small class, in a few minutes.",
    context_settings={"token_normalize_func": _current_name},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
# A pipe has no width, and the table of a class does not fit into the 80 columns that rich assumes.
out = Console(width=None if sys.stdout.isatty() else 120, soft_wrap=False)
err = Console(stderr=True)
LOG_EVERY = 60.0  # seconds between two lines of progress in a log file
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}

Sandbox = Literal["bubblewrap", "process"]
Format = Literal["csv", "canvas", "moodle"]
Pictures = Literal["lost", "all"]
To = Annotated[Path, typer.Option(help="Build folder.")]
Name = Annotated[
    str | None,
    typer.Argument(metavar="[ASSIGNMENT]", help="Name, number or topic. Default: all assignments."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Run the solution even if nothing has changed.")
]
SandboxOption = Annotated[
    Sandbox,
    typer.Option(
        help="`bubblewrap` isolates submissions. `process` does not: use it only for notebooks "
        "that you trust. Every verdict names the sandbox."
    ),
]


def main() -> None:
    """Run the command. Errors that its user can fix become one sentence and exit code 2."""
    try:
        app()
    except CourseError as error:
        message = f"autograder: {error}"
        err.print(message, style="bold red", markup=False, highlight=False, soft_wrap=True)
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
    """Progress bars with a line of text below them."""

    line = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bars, and the line."""
        yield from super().get_renderables()
        if self.line:
            yield Text(f"  {self.line}", style="dim")


@contextmanager
def _reporting() -> Iterator["_Reports"]:
    """Progress bars, one for each step that building or judging reports."""
    with _progress() as progress:
        yield _Reports(progress)


class _Reports:
    """Shows progress reports as bars."""

    def __init__(self, progress: _Bars) -> None:
        self.progress, self.bars = progress, dict[str, TaskID]()
        self.logged = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Update the bar of one step."""
        if what not in self.bars:
            self.bars[what] = self.progress.add_task(what)
        self.progress.update(self.bars[what], completed=done, total=total)
        if done == total:
            self.progress.line = ""

    def now(self, text: str) -> None:
        """Show the running cell and its training epoch; a log file gets them once a minute."""
        self.progress.line = text
        if not err.is_terminal and time.monotonic() - self.logged >= LOG_EVERY:
            self.logged = time.monotonic()
            err.print(f"running {text}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _building() -> Iterator[_Reports]:
    """Like `_reporting`, and also ends the command with one sentence on Ctrl-C or a full disk."""
    try:
        with _reporting() as progress:
            yield progress
    except KeyboardInterrupt:
        resumes = "trainings resume from their last checkpoint"
        err.print(f"Stopped. To continue, run the same command again: {resumes}.")
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise CourseError(
            f"Can't write {error.filename or 'the build'}: {error.strerror}. Free some space, fix "
            "the permissions, or choose another folder with --to; then run the command again."
        ) from None


def _chosen(name: str | None) -> list[Assignment]:
    return assignments() if name is None else [find_assignment(name)]


@app.command()
def build(name: Name = None, to: To = Path("build"), force: Force = False) -> None:
    """Build the student notebook and the executed solution of an assignment.

    Running a solution takes minutes and has no time limit. A solution that is already in the build
    folder is reused if nothing that it depends on has changed. After Ctrl-C, run the command again:
    trainings resume from their last checkpoint.
    """
    from autograder.authoring import release as making

    for assignment in _chosen(name):
        with _building() as progress:
            made = making.build(assignment, to, progress, again=force, now=progress.now)
        out.print(f"[bold]{assignment.name}[/]")
        out.print(f"  student   {made.student}/{assignment.name}.ipynb", highlight=False)
        out.print(f"  solution  {made.solution}  (executed; never for students)", highlight=False)


@app.command()
def release(name: Name = None, to: To = Path("build"), force: Force = False) -> None:
    """Build an assignment, test it for leaks and pack the archive for students.

    The packed notebook is also run as a student would run it: every task must be unsolved, and
    nothing else may fail. There is no time limit. After Ctrl-C, run the command again: trainings
    resume from their last checkpoint.
    """
    from autograder.authoring import release as making

    for assignment in _chosen(name):
        with _building() as progress:
            made = making.release(assignment, to, progress, again=force, now=progress.now)
        line = f"{made.archive}: {_size(made.archive)}, no leaks. Give this to students."
        out.print(line, highlight=False)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.1f} MB"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The course directory to create.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ASSIGNMENT]...", help="Names, numbers or topics. Default: all assignments."
        ),
    ] = None,
    to: To = Path("build"),
    sandbox: SandboxOption = "bubblewrap",
) -> None:
    """Create an nbgrader course directory that grades with this judge.

    Assignments that are already in the build folder are used as they are; the others are built
    first.
    """
    from autograder.gradebook.course import check_free, init_course

    check_free(folder)
    chosen = [find_assignment(name) for name in names] if names else assignments()
    course = init_course(folder, _built(chosen, to), sandbox)
    released = ", ".join(assignment.name for assignment in course.released())
    next_steps = (
        "Give students an archive from `autograder release`, put their submissions under "
        f"{folder}/submitted/STUDENT/ASSIGNMENT/, then run `autograder grade {folder}`."
    )
    out.print(f"{folder} is ready, with {released}. {next_steps}", highlight=False)


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    names: Annotated[
        list[str], typer.Argument(metavar="ASSIGNMENT...", help="Names, numbers or topics.")
    ],
    to: To = Path("build"),
) -> None:
    """Add assignments to a course directory, or update them after an edit of their text.

    Submissions and grades are not touched. Once a student has submitted, nbgrader accepts no new
    cells.
    """
    from autograder.gradebook.course import Course

    course = Course(folder)
    for made in _built([find_assignment(name) for name in names], to):
        course.add(made)
        out.print(f"{made.assignment.name} is in {folder}.", highlight=False)


def _built(chosen: list[Assignment], to: Path) -> "list[Build]":
    """The assignments, built where the build folder lacks them."""
    from autograder.authoring import release as making

    with _building() as progress:
        return [making.build(assignment, to, progress, now=progress.now) for assignment in chosen]


@app.command()
def collect(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    source: Annotated[Path, typer.Argument(help="A folder or a zip of submissions.")],
    assignment: Annotated[
        str | None,
        typer.Option(help="Treat every notebook as this assignment. Default: detect it."),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="CSV with an id and a name per line; see `autograder roster`."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Replace changed submissions; the old version moves to submitted-before/.",
        ),
    ] = False,
) -> None:
    """Copy submissions into FOLDER/submitted/STUDENT/ASSIGNMENT/.

    SOURCE is a folder or a zip with one folder or one zip per student, or a download from Moodle
    ("Download all submissions") or Canvas ("Download Submissions"), unpacked or not. From each
    submission, this takes the notebook, whatever its name if it is the only one, and the files that
    the assignment requires beside it.

    A student is named after the folder, or as the LMS spells the name. With a roster, students get
    the roster's ids, which stay the same from one assignment to the next. The table lists every
    problem with a submission; all others are still collected. Nothing that was collected before is
    replaced without --update, so you can run this at any time. Exit code 1 if something was not
    taken. Next step: `autograder grade FOLDER`.

    An LMS's archive does not record reliably when a student submitted. Where lateness costs points,
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
            f"{source} is empty: give a folder or zip with one folder or file per student."
        )
    collected_table(outcomes, out)
    if any(one.status == "not taken" for one in outcomes):
        raise typer.Exit(1)


@app.command()
def judge(
    notebook: Annotated[Path, typer.Argument(help="A submitted notebook.")],
    assignment: Annotated[
        str | None,
        typer.Option(help="Needed if the file name does not identify the assignment."),
    ] = None,
    sandbox: SandboxOption = "bubblewrap",
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Judge one notebook and print its verdict.

    Exit code 3 if it could not be graded because of a grader error.
    """
    from autograder.judge.exam import exam_of
    from autograder.judge.intake.read_notebook import assignment_of
    from autograder.judge.judge import judge as judge_notebook
    from autograder.tables import verdict_table

    found = assignment_of(notebook, assignment)
    with _reporting() as progress:
        verdict = judge_notebook(notebook, exam_of(found, sandbox), progress=progress).verdict
    if json:
        print(verdict.to_json())
    else:
        verdict_table(verdict, out)
    if verdict.status == "not graded":
        raise typer.Exit(3)


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    assignment: Annotated[str | None, typer.Option(help="Grade only this assignment.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Grade only this student. Can be repeated.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Re-judge unchanged submissions as well.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(help="Submissions to judge in parallel. Default: one per core.", min=1),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Judge on the workers of this Dask scheduler: `tcp://host:8786`, "
            "`tls://host:8786`, or the file written by `dask scheduler --scheduler-file`.",
        ),
    ] = None,
    pictures: Annotated[
        Pictures,
        typer.Option(
            help="Pictures to draw for the feedback pages: `lost`, those of tasks that lost points "
            "(the others are shown as they should be) and the report's; or `all`."
        ),
    ] = "lost",
) -> None:
    """Judge a class, record it in nbgrader's gradebook and write the feedback pages.

    You can stop it at any moment, even with `kill -9`: the same command continues from there. Exit
    code 1 if a submission could not be graded or recorded because of an error of the grader or the
    machine: run it again.

    With --scheduler, the machines of a Dask cluster judge, and this one records. Each machine needs
    this clone of the course, installed with its `cluster` extra, and runs `dask worker ADDRESS`,
    which judges one submission per thread; one of them runs `dask scheduler`. Anyone who can reach
    a Dask scheduler can run programs on its workers: keep its network private, or use TLS.
    """
    from autograder.gradebook.course import Course

    if jobs and scheduler:
        raise CourseError(
            "--jobs is for this machine alone: with --scheduler, set the threads of each worker, "
            "`dask worker --nthreads N`."
        )
    course = Course(folder)
    chosen = [find_assignment(assignment)] if assignment else course.released()
    verdicts: list[Verdict] = []
    for one in chosen:
        verdicts += _grade_class(
            course,
            one,
            only or [],
            again=force,
            slots=jobs,
            scheduler=scheduler,
            pictures=pictures,
        )
    if not verdicts:
        raise CourseError(_no_submissions(folder))
    if not all(map(_is_done, verdicts)):
        raise typer.Exit(1)


def _is_done(verdict: "Verdict") -> bool:
    """Whether a submission is graded and in the gradebook."""
    from autograder.gradebook.recorder import NOT_RECORDED

    recorded = not any(flag.startswith(NOT_RECORDED) for flag in verdict.flags)
    return recorded and verdict.status != "not graded"


def _grade_class(
    course: "Course",
    assignment: Assignment,
    only: list[str],
    *,
    again: bool,
    slots: int | None = None,
    scheduler: str | None = None,
    pictures: Pictures = "lost",
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
            course,
            assignment,
            students,
            bars,
            again=again,
            jobs=slots,
            scheduler=scheduler,
            pictures=pictures,
        )
    class_table(assignment, verdicts, out)
    return list(verdicts.values())


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    assignment: Annotated[
        str | None,
        typer.Option(
            help="Watch only this assignment. Its workers start at once, not with the first "
            "submission, which saves seconds."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Submissions to judge in parallel. Default: one per core.", min=1),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="How long to wait for the rest of a file that looks half-written. After that, it "
            "is graded as it is.",
            min=0,
        ),
    ] = 10.0,
) -> None:
    """Grade submissions as they arrive, until Ctrl-C.

    A submission arrives in FOLDER/submitted/STUDENT/ASSIGNMENT/, copied by hand, by a script or by
    `autograder collect`; or a student submits it through nbgrader's exchange, and this collects it.
    Seconds later, its verdict is in the gradebook and its feedback page is written, as by
    `autograder grade`. Each submission gets one line: the time, the student, the assignment, and
    the points or why it was not graded.

    A changed submission is graded again, an unchanged one is not, not even after a restart. Files
    that are still being copied are left alone until they are complete.

    You can run `autograder grade` and `autograder collect` beside it, between two of its batches:
    while one of them runs, this waits. It can be stopped at any moment, even with `kill -9`: the
    same command goes on from there. Restart it after a change to nbgrader_config.py.
    """
    from autograder.gradebook.course import Course
    from autograder.watch.watcher import Watcher
    from autograder.watch_lines import WatchLines

    chosen = find_assignment(assignment) if assignment else None
    with WatchLines(out, err) as lines:
        Watcher(Course(folder), lines, chosen, jobs=jobs, patience=patience).run()


@app.command()
def gradescope(
    name: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Name, number or topic.")],
    to: To = Path("build"),
    sandbox: SandboxOption = "bubblewrap",
) -> None:
    """Build the autograder archive for Gradescope. It contains the solutions.

    Upload it under *Configure Autograder*, on a base image with Python 3.11.4 or newer.
    """
    from autograder.exports.gradescope_archive import make_archive

    assignment = find_assignment(name)
    with _reporting() as progress:
        archive = make_archive(assignment, to, sandbox, progress)
    out.print(f"{archive}: {_size(archive)}. For Gradescope; never for students.", highlight=False)


@app.command()
def roster(
    folder: Annotated[Path, typer.Argument(help="A course directory made by `autograder init`.")],
    file: Annotated[
        Path, typer.Argument(help="CSV with a column id and, if known, name, email, section, …")
    ],
) -> None:
    """Add or update students in nbgrader's gradebook from a CSV file. Never deletes any."""
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
        Format, typer.Option(help="Plain CSV, or what Canvas or Moodle can import.")
    ] = "csv",
    roster: Annotated[
        Path | None, typer.Option(help="CSV with what the gradebook lacks, such as sections.")
    ] = None,
) -> None:
    """Export the grades of a course directory for a spreadsheet, Canvas or Moodle.

    Students who submitted nothing or could not be graded get an empty cell, not a zero.
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
            help="Name, number or topic. Default: every assignment with submissions.",
        ),
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(
            help="Picture in the gallery, once `autograder grade --pictures all` has drawn it. "
            "Default: what trained networks draw, or else the last."
        ),
    ] = None,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="Show numbers instead of names, for use in a lecture. Pictures stay as drawn.",
        ),
    ] = False,
) -> None:
    """Write one page about a class: common mistakes, results by task, pictures, similar code.

    It reads the results of `autograder grade` and judges nothing. `FOLDER/reports/ASSIGNMENT.html`
    is a single file: open it in any browser, on a phone too; it needs no network.
    """
    from autograder.gradebook.course import Course
    from autograder.report.page import write_report

    course = Course(folder)
    if name:
        chosen = [find_assignment(name)]
    else:
        chosen = [one for one in course.released() if course.students(one)]
    if not chosen:
        raise CourseError(_no_submissions(folder))
    for assignment in chosen:
        with _reporting() as progress:
            path = write_report(course, assignment, progress, picture=picture, anonymous=anonymous)
        out.print(str(path), soft_wrap=True, markup=False, highlight=False)


def _no_submissions(folder: Path) -> str:
    return f"There are no submissions in {folder / 'submitted'}/STUDENT/ASSIGNMENT/."


def _require_sandbox(sandbox: str) -> None:
    """Start one worker, to report a broken sandbox before the build. Raises SandboxError."""
    from autograder.judge.limits import Limits
    from autograder.judge.workers.box import open_box

    with err.status("trying the sandbox"):
        open_box(sandbox, Limits()).close()


@app.command()
def demo(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[ASSIGNMENT]", help="Name, number or topic; `all` takes half an hour."
        ),
    ] = "0",
    to: Annotated[
        Path, typer.Option(help="Demo folder. The course in it is recreated each time.")
    ] = Path("demo"),
    sandbox: SandboxOption = "bubblewrap",
) -> None:
    """Run every step on a small class: build, release, hand in, judge, record, feedback, report."""
    from autograder.authoring import release as making
    from autograder.authoring.master import read_master
    from autograder.demo import demo_class, hand_in
    from autograder.gradebook.course import init_course
    from autograder.report.page import write_report

    chosen = assignments() if name == "all" else [find_assignment(name)]
    mark = to / ".autograder-demo"
    if to.exists() and not mark.exists() and any(to.iterdir()):
        raise CourseError(
            f"{to} is not empty and no earlier demo. Choose another folder with --to."
        )
    _require_sandbox(sandbox)
    # The release folder stays, so that nothing is built twice.
    shutil.rmtree(to / "course", ignore_errors=True)
    to.mkdir(parents=True, exist_ok=True)
    mark.touch()
    with _building() as progress:
        folder = to / "release"
        builds = [making.release(one, folder, progress, now=progress.now) for one in chosen]
    course = init_course(to / "course", builds, sandbox)
    for made in builds:
        out.print(f"Released {made.archive}: {_size(made.archive)}, no leaks.", highlight=False)
        master = read_master(made.assignment)
        students = demo_class(master)
        hand_in(students, master, course.folder)
        handed_in = ", ".join(f"[bold]{student.name}[/] {student.says}" for student in students)
        out.print(f"Handed in: {handed_in}.", highlight=False)
        _grade_class(course, made.assignment, [], again=False)
        with _reporting() as progress:
            page = write_report(course, made.assignment, progress)
        out.print(f"Report on the class: {page}", highlight=False, soft_wrap=True)
    _what_next(course.folder)


def _what_next(folder: Path) -> None:
    lines = f"""
[bold]Created[/]
  {folder}/feedback/STUDENT/ASSIGNMENT/   the feedback pages
  {folder}/gradebook.db                   nbgrader's gradebook

[bold]What to run next[/]
  cd {folder} && jupyter lab       then Nbgrader → Formgrader: the written answers, by hand
  cd {folder} && nbgrader export   the grades as CSV
  autograder demo 3                the same with another assignment: 0 is the quickest to build
  autograder judge NOTEBOOK        one submission, check by check"""
    out.print(lines, highlight=False, soft_wrap=True)


@app.command()
def doctor(sandbox: SandboxOption = "bubblewrap") -> None:
    """Test the sandbox on this machine and explain how to fix what is missing."""
    from autograder.tables import doctor_table

    if not doctor_table(sandbox, out):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
