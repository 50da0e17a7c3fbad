"""A saved notebook as it runs in grading: on the released notebook, in an empty folder.

graded, repairs = on_released(saved, released)      the cells that are run, and what was put right
with graded_folder(saved) as folder:                folder.work, folder.environment
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from course_utils.data.data_folder import VARIABLE
from course_utils.notebook.saved_notebook import CALLED, Cell, SavedNotebook, cell_of
from course_utils.setup_check import HOME

if TYPE_CHECKING:
    from nbformat import NotebookNode  # it may not be installed

LOST = ("reference", "released")  # the parts of course_utils that a notebook does not import
NOWHERE = "http://127.0.0.1:9"  # nothing listens there, so requests fail at once
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
NO_NETWORK = {
    "PIP_NO_INDEX": "1",
    "PIP_RETRIES": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "CONDA_OFFLINE": "1",
    "no_proxy": "",
    "NO_PROXY": "",
}
for proxy in PROXIES:
    NO_NETWORK |= {proxy: NOWHERE, proxy.upper(): NOWHERE}
# As in the grader's worker: no GPU, no compiler, and sets always in the same order.
LIKE_THE_GRADER = {"CUDA_VISIBLE_DEVICES": "", "TORCHDYNAMO_DISABLE": "1", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class GradedFolder:
    """The folders and the environment in which a notebook's cells run.

    work         their working folder, initially empty
    course       the folder that contains course_utils
    environment  variables in addition to those of this process
    """

    work: Path
    course: Path
    environment: dict[str, str]

    def told(self, text: str) -> str:
        """A message of the kernel, with this folder replaced by the student's own."""
        return text.replace(str(self.course), str(HOME))


@contextmanager
def graded_folder(saved: SavedNotebook) -> Iterator[GradedFolder]:
    """A temporary folder with course_utils and nothing of the notebook's own folder.

    Raises OSError if it can't be made.
    """
    home = saved.path.parent.resolve()
    # Windows may still hold a file of a kernel that has just ended.
    with TemporaryDirectory(prefix="self_check_", ignore_cleanup_errors=True) as name:
        course, work = Path(name).resolve() / "course", Path(name).resolve() / "work"
        work.mkdir()
        package = HOME / "course_utils"
        shutil.copytree(package, course / "course_utils", ignore=shutil.ignore_patterns(*LOST))
        if (HOME / "requirements.txt").is_file():
            shutil.copy(HOME / "requirements.txt", course)
        own = {VARIABLE: str(_data(home)), "PYTHONPATH": _python_path(course, home)}
        yield GradedFolder(work, course, own | NO_NETWORK | LIKE_THE_GRADER)


def _data(home: Path) -> Path:
    """The data folder, as a notebook in `home` finds it: course_utils.data.data_folder."""
    if told := os.environ.get(VARIABLE):
        return home / Path(told).expanduser()
    return home / "data" if (home / "data").is_dir() else HOME / "data"


def _python_path(course: Path, home: Path) -> str:
    """The search path for imports, without the notebook's own folder."""
    told = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    kept = [folder for folder in told if Path(folder).resolve() not in (home, HOME, Path.cwd())]
    return os.pathsep.join([str(course), *kept])


def released_of(saved: SavedNotebook) -> "NotebookNode | None":
    """The notebook as it was given out; None if the archive has none, or without nbformat."""
    try:
        from course_utils.notebook.grafting import released_notebook  # it needs nbformat
    except ImportError:
        return None
    names = [saved.name.removesuffix(".ipynb"), saved.path.stem.partition(" ")[0]]
    return next((found for name in names if (found := released_notebook(name)) is not None), None)


def on_released(saved: SavedNotebook, released: "NotebookNode") -> tuple[SavedNotebook, list[str]]:
    """The notebook that is graded, and a sentence for each repair. Raises NotebookError.

    released  the notebook as it was given out
    """
    from course_utils.notebook.grafting import graft_submission

    reading = graft_submission(saved.path, released)
    cells = [_as_saved(cell_of(raw, 0), saved) for raw in reading.notebook.cells]
    about = dict(released.metadata.get("assignment", saved.about))
    return SavedNotebook(saved.path, about, cells), reading.repairs


def _as_saved(cell: Cell, saved: SavedNotebook) -> Cell:
    """A merged cell, with the name that its author sees."""
    mine = [one for one in saved.cells if one.kind == cell.kind]
    same = next((one for one in mine if one.name == cell.name or one.source == cell.source), None)
    text = cell.source.strip()
    part = next((one for one in mine if text and text in one.source), None)
    role, _, task = cell.name.partition("-")
    if role in CALLED:
        called = CALLED[role].format(task)
    else:
        known = same or part
        called = known.called if known else "a cell that was given out"
    return replace(cell, called=called, number=same.number if same else None)
