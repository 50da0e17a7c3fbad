"""Build an assignment's notebooks, and put what is for students into one archive. By allowlist.

build/3_colorization/solution/3_colorization.ipynb     executed, with the rubrics: for instructors
build/3_colorization/student/                          what the archive holds, unpacked
build/3_colorization/3_colorization.zip                what students get
build/3_colorization/checkpoints/                      of a build that was stopped: where its
                                                       trainings go on
"""

import json
import re
import shutil
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.assignments import COURSE, Assignment, CourseError
from autograder.authoring.build_cache import fingerprint, load_cached, surroundings
from autograder.authoring.execute import execute, harvest_pictures
from autograder.authoring.leak import LeakError, find_leaks
from autograder.authoring.master import Master, read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.packs import packs_of
from autograder.progress import Now, silent
from autograder.progress import Progress as Progress
from autograder.progress import quiet as quiet

# For the Validate button, where a server has it. Its default of 30 seconds a cell is too short to
# train.
VALIDATION = "c = get_config()\nc.Execute.timeout = 900\n"
# The folders of `course_utils` that students get; "" is the package itself.
SHIPPED = ("", "color", "data", "notebook", "plots", "self_check", "training")
# What a student's notebook imports; pyproject.toml has the versions.
STUDENT_PACKAGES = [
    "torch",
    "torchvision",
    "jupyterlab",
    "matplotlib",
    "scikit-image",
    "numpy",
    "scipy",
    "pillow",
    "scikit-learn",
    "tqdm",
    "lightning-fabric",
    "safetensors",
    "ipywidgets",
]


@dataclass(frozen=True)
class Build:
    """Where an assignment's products are."""

    assignment: Assignment
    folder: Path

    @property
    def solution(self) -> Path:
        """The executed solution notebook."""
        return self.folder / "solution" / f"{self.assignment.name}.ipynb"

    @property
    def student(self) -> Path:
        """The folder a student unpacks."""
        return self.folder / "student"

    @property
    def archive(self) -> Path:
        """The archive students get."""
        return self.folder / f"{self.assignment.name}.zip"

    @property
    def checkpoints(self) -> Path:
        """Those of the solution's trainings, until it has run."""
        return self.folder / "checkpoints"


def shipped_modules() -> dict[str, bytes]:
    """The part of `course_utils` that students get, by path: the folders in `SHIPPED`."""
    package = COURSE / "course_utils"
    paths = [path for folder in SHIPPED for path in sorted((package / folder).glob("*.py"))]
    return {path.relative_to(COURSE).as_posix(): path.read_bytes() for path in paths}


def build(
    assignment: Assignment,
    to: Path,
    progress: Progress = quiet,
    *,
    again: bool = False,
    now: Now = silent,
) -> Build:
    """Make the student notebook and the executed solution notebook, with the pictures it draws.

    After an interruption, call it again: trainings resume from their last checkpoint.

    again  run the solution also when it is there already, and nothing that it depends on has
           changed
    now    called with the running cell
    Raises MasterError for a master out of order, CourseError when the solution does not run.
    """
    master = read_master(assignment)
    made = Build(assignment, to / assignment.name)
    student, solution = student_notebook(master), solution_notebook(master)
    packs = packs_of(master, progress)  # the solution reads them where they are made
    stamp = fingerprint(solution, packs, STUDENT_PACKAGES)
    solved = None if again else load_cached(made.solution, stamp)
    if solved is None:
        made.solution.parent.mkdir(parents=True, exist_ok=True)
        checkpoints = made.checkpoints / surroundings(packs, STUDENT_PACKAGES)[:16]
        solved = _execute(
            solution, made.solution.parent, "solution", progress, now, checkpoints=checkpoints
        )
        solved.metadata["made_from"] = stamp
    pictures = harvest_pictures(solved)
    shutil.rmtree(made.student, ignore_errors=True)
    for name, content in student_files(master, student).items():
        _write(made.student / name, content)
    for task, png in pictures.items():
        _write(made.student / "pictures" / f"{task}.png", png)
    _write(made.solution, nbformat.writes(solved).encode())
    shutil.rmtree(made.checkpoints, ignore_errors=True)
    return made


def release(
    assignment: Assignment,
    to: Path,
    progress: Progress = quiet,
    *,
    again: bool = False,
    now: Now = silent,
) -> Build:
    """Build, pack the archive, and test it for leaks; only an archive that passes gets its name.

    again, now  as for `build`

    Raises LeakError, saying what leaks, and CourseError when the student notebook fails otherwise
    than by its stubs.
    """
    made = build(assignment, to, progress, again=again, now=now)
    draft = made.archive.with_suffix(".draft.zip")
    _pack(made, draft)
    check_release(draft, read_master(assignment))
    check_stubs_only(draft, assignment, progress, now)
    draft.replace(made.archive)
    return made


def check_release(archive: Path, master: Master) -> None:
    """The leak test. Raises LeakError."""
    root = master.assignment.name
    files = student_files(master, student_notebook(master))
    expected = {f"{root}/{name}": content for name, content in files.items()}
    pictures = {f"{root}/pictures/{name}.png" for name in master.pictures}
    if leaks := find_leaks(archive, master, expected, pictures):
        shown = "\n  ".join(leaks[:10])
        raise LeakError(f"{archive.name} must not be given to students:\n  {shown}")


def check_stubs_only(
    archive: Path, assignment: Assignment, progress: Progress = quiet, now: Now = silent
) -> None:
    """Run the unpacked archive as a student would: every task is unsolved, nothing else fails.

    Raises CourseError.
    """
    folder = archive.parent / "as_a_student"
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as release:
        release.extractall(folder)
    root = folder / assignment.name
    notebook = nbformat.read(root / f"{assignment.name}.ipynb", as_version=4)
    ran = _execute(notebook, root, "student notebook", progress, now, allow_errors=True)
    shutil.rmtree(folder)
    errors = {
        cell.id: output
        for cell in ran.cells
        for output in cell.get("outputs", [])
        if _is_error(output)
    }
    for cell, output in errors.items():
        expected = "AssertionError" if cell.startswith("grade-") else "NotImplementedError"
        if output.ename != expected:
            raise CourseError(
                f"In the student notebook, {cell} fails by {output.ename}: {output.evalue}"
            )
    unsolved = {cell.id for cell in ran.cells if cell.id.startswith("check-")}
    if silent := unsolved - set(errors):
        raise CourseError(
            f"In the student notebook, {min(silent)} passes although nothing is solved."
        )


def _is_error(output: NotebookNode) -> bool:
    return output.output_type == "error"


def _execute(
    notebook: NotebookNode,
    folder: Path,
    called: str,
    progress: Progress,
    now: Now,
    *,
    allow_errors: bool = False,
    checkpoints: Path | None = None,
) -> NotebookNode:
    what, total = f"running the {called}", sum(cell.cell_type == "code" for cell in notebook.cells)
    done = iter(range(1, total + 1))
    progress(what, 0, total)
    return execute(
        notebook,
        folder,
        called=called,
        allow_errors=allow_errors,
        checkpoints=checkpoints,
        on_cell=lambda: progress(what, next(done, total), total),
        now=now,
    )


def student_files(master: Master, student: NotebookNode) -> dict[str, bytes]:
    """Everything a student gets but the pictures, by path."""
    name = master.assignment.name
    return {
        f"{name}.ipynb": (json.dumps(student, indent=1, ensure_ascii=False) + "\n").encode(),
        "README.md": _readme(master).encode(),
        "requirements.txt": _requirements().encode(),
        "nbgrader_config.py": VALIDATION.encode(),
        **shipped_modules(),
        # Not .ipynb: a folder that is handed in whole must have one notebook.
        f"course_utils/released/{name}.json": _compact(student),
        **{f"data/{pack.name}": pack.read_bytes() for pack in packs_of(master)},
    }


def _compact(notebook: NotebookNode) -> bytes:
    """A notebook as the self-check reads it: course_utils.notebook.grafting.released_notebook."""
    return json.dumps(notebook, ensure_ascii=False, separators=(",", ":")).encode()


def _requirements() -> str:
    """The students' packages, with the versions of pyproject.toml."""
    project = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^\w.-]", line)[0]: line for line in project["dependencies"]}
    return "\n".join(wanted[name] for name in STUDENT_PACKAGES) + "\n"


def _readme(master: Master) -> str:
    name = master.assignment.name
    files = "".join(f", and `{file}`, which a cell saves beside it" for file in master.files)
    return f"""# {master.title}

1. Once, in this folder: `python -m venv .venv`, then `.venv/bin/pip install -r requirements.txt`,
   with Python 3.11.4 or newer. That takes about 6 GB. `.venv/bin/python -m course_utils` checks
   your installation.
2. Start: `.venv/bin/jupyter lab {name}.ipynb`
3. Work from top to bottom. A task is a cell that raises `NotImplementedError`: write the function
   there, keep its name and its arguments. The cell below it checks your answer, and the one below
   that draws it beside the picture that you should see.
4. Save, and see where you are: `.venv/bin/python -m course_utils.self_check {name}.ipynb` runs
   the saved notebook as it is run for your grade, and shows which visible checks pass and what to
   hand in.
5. Hand in the notebook, `{name}.ipynb`, under the same name{files}.

On Windows, use `.venv\\Scripts\\` instead of `.venv/bin/`. If nbgrader is installed, its Validate
button runs the visible checks as well.

Everything works without a network. Nothing that you write outside the task cells is lost: your
own cells are run too when your work is graded.
"""


def _pack(made: Build, to: Path) -> None:
    """A zip whose bytes depend on the content alone."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in made.student.rglob("*") if path.is_file()):
            inside = f"{made.assignment.name}/{path.relative_to(made.student).as_posix()}"
            info = zipfile.ZipInfo(inside, date_time=(2025, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, path.read_bytes())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
