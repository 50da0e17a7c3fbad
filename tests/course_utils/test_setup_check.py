"""The student's first minute: what is missing is a sentence with its remedy, and nothing raises."""

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

import course_utils
from autograder.assignments import assignments
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import STUDENT_PACKAGES, student_files
from course_utils import check_setup
from course_utils import setup_check as module

# What is imported before anything is known of the machine.
FIRST = (
    "__init__.py",
    "__main__.py",
    "old_names.py",
    "data/__init__.py",
    "data/data_folder.py",
    "setup_check.py",
)


@pytest.fixture(scope="module")
def files(master) -> dict[str, bytes]:
    """What a student unpacks, without the modules that draw and train."""
    kept = {f"course_utils/{name}" for name in FIRST} | {
        "requirements.txt",
        f"{master.assignment.name}.ipynb",
    }
    kept |= {f"data/{name}.npz" for name in master.packs}
    return {
        name: data
        for name, data in student_files(master, student_notebook(master)).items()
        if name in kept
    }


@pytest.fixture
def release(files, tmp_path):
    """It unpacked."""
    folder = tmp_path / "Zoë's work"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def here(release, monkeypatch):
    """The module, as if it were the one beside the student's notebook."""
    monkeypatch.setattr(module, "HOME", release)
    monkeypatch.chdir(release)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(module, "import_module", lambda name: None)
    monkeypatch.setattr(module, "_memory_there", lambda: (3 * module.GB, "free", 2 * module.GB))
    return release


def test_where_all_is_there_it_says_so_on_one_screen(here, capsys):
    assert check_setup() is True
    said = capsys.readouterr().out
    assert "MISSING" not in said
    assert len(said.splitlines()) < 20
    assert all(
        name in said for name in [*STUDENT_PACKAGES, "furniture.npz", "GB free", "Python 3."]
    )


def test_without_any_package_it_runs_and_says_the_command(release):
    command = [sys.executable, "-S", "-W", "error", "-m", "course_utils"]
    ran = subprocess.run(command, cwd=release, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"{', '.join(STUDENT_PACKAGES)} are not installed." in ran.stdout
    assert f'-m pip install -r "{release / "requirements.txt"}"' in ran.stdout


@pytest.mark.parametrize("name", FIRST)
def test_an_older_python_can_read_it(name):
    source = (Path(course_utils.__file__).parent / name).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


def raising(error: BaseException):
    def raises(*_: object) -> None:
        raise error

    return raises


def no_module(monkeypatch, *names: str) -> None:
    find = module.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name in names else find(name))


def version_of(monkeypatch, name: str, version: str) -> None:
    real = module._version
    monkeypatch.setattr(module, "_version", lambda asked: version if asked == name else real(asked))


FAULTS = {
    "one package": (
        lambda p, f: no_module(p, "skimage"),
        "scikit-image is not installed",
        "scikit-image>=0.24",
    ),
    "too old": (
        lambda p, f: version_of(p, "torch", "2.9.1+cpu"),
        "torch 2.9.1+cpu is too old",
        "--upgrade",
    ),
    "no sliders": (
        lambda p, f: version_of(p, "jupyterlab_widgets", ""),
        "Sliders",
        "jupyterlab_widgets",
    ),
    "broken package": (
        lambda p, f: p.setattr(
            module, "import_module", raising(OSError("[WinError 126] a DLL\nis gone"))
        ),
        "torch is installed and can't be imported (OSError: [WinError 126] a DLL)",
        "--force-reinstall",
    ),
    "package that exits": (
        lambda p, f: p.setattr(module, "import_module", raising(SystemExit(1))),
        "SystemExit",
        "",
    ),
    "shadowed": (
        lambda p, f: shadow(p, f),
        "torch.py is imported in the place of torch",
        "rename torch.py",
    ),
    "old Python": (
        lambda p, f: p.setattr(sys, "version_info", (3, 9, 1)),
        "Python 3.9.1 is too old: 3.11.4",
        "venv",
    ),
    "no pack": (
        lambda p, f: (f / "data/furniture.npz").unlink(),
        "furniture.npz is missing",
        "zipfile -e 3_color",
    ),
    "half a pack": (
        lambda p, f: (f / "data/furniture.npz").write_bytes(b"PK\x03\x04 half"),
        "furniture.npz is broken",
        "zipfile -e 3_color",
    ),
    "no memory": (
        lambda p, f: p.setattr(module, "_memory_there", lambda: (1, "free", 2**31)),
        "2 GB are",
        "close",
    ),
    "no disk": (lambda p, f: p.setattr(module, "DISK", 2**70), "GB are needed", "cache purge"),
    "no list": (
        lambda p, f: (f / "requirements.txt").unlink(),
        "requirements.txt is not in",
        "unpack",
    ),
    "what nobody thought of": (
        lambda p, f: p.setattr(module.shutil, "disk_usage", raising(RuntimeError())),
        "The disk could not be looked at (RuntimeError)",
        "ask",
    ),
}


def shadow(monkeypatch, folder: Path) -> None:
    (folder / "torch.py").touch()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torch", raising=False)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_a_sentence_with_its_remedy(here, monkeypatch, capsys, fault):
    make, says, mend = FAULTS[fault]
    with monkeypatch.context() as patch:
        make(patch, here)
        assert check_setup() is False
    said = capsys.readouterr().out
    at = said.index(says)
    arrow = said.index("->", at)
    assert mend in said[arrow : said.index("\n", arrow)]
    assert "Traceback" not in said


def test_a_memory_that_nobody_knows_and_a_closed_terminal_are_no_fault(here, monkeypatch):
    monkeypatch.setattr(module, "_memory_there", lambda: (0, "", 0))
    monkeypatch.setattr(sys, "stdout", None)
    assert check_setup() is True


def test_a_terminal_without_the_letters_is_written_to(here, monkeypatch, tmp_path):
    (here / "requirements.txt").unlink()  # so that the folder, with an ë in its name, is told
    with (tmp_path / "out").open("w", encoding="ascii") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        assert check_setup() is False
    assert "Zo?'s work" in (tmp_path / "out").read_text()


def test_other_notebooks_in_the_folder_do_not_matter(here):
    for name, content in {"a": "{", "b": "[]", "c": '{"metadata": {}}', "d": "[" * 100_000}.items():
        (here / f"{name}.ipynb").write_text(content)
    assert check_setup() is True


def shown(code: str, capsys) -> str:
    """What a notebook would show for a cell."""
    InteractiveShell.instance().run_cell(code)
    InteractiveShell.clear_instance()
    return capsys.readouterr().out.strip()


@pytest.fixture(scope="module")
def setup(master) -> str:
    """The source of the first cell."""
    return next(cell for cell in student_notebook(master).cells if cell.cell_type == "code").source


def test_the_first_cell_is_silent_where_all_is_there(here, setup, capsys):
    assert shown(setup, capsys) == ""


STOPS = {
    "packages": (
        lambda p, f: no_module(p, "torch", "PIL"),
        "torch, pillow are not installed. Run ",
        "then restart the kernel.",
    ),
    "a file's name": (
        lambda p, f: shadow(p, f),
        "torch.py is imported in the place of torch. Rename torch.py, ",
        "then restart the kernel.",
    ),
    "Python": (
        lambda p, f: p.setattr(sys, "version_info", (3, 9, 1)),
        "Python 3.9.1 is too old: 3.11.4 is needed. Install",
        "python -m venv .venv.",
    ),
    "not unpacked": (
        lambda p, f: p.setitem(sys.modules, "course_utils.setup_check", None),
        "course_utils is not in ",
        "then this cell again.)",
    ),
}


@pytest.mark.parametrize("stop", STOPS)
def test_the_first_cell_says_in_a_sentence_what_stops_it(here, setup, monkeypatch, capsys, stop):
    make, start, end = STOPS[stop]
    with monkeypatch.context() as patch:
        make(patch, here)
        said = shown(setup, capsys)
    assert said.startswith(start)
    assert said.endswith(end)
    assert "\n" not in said


def test_older_packages_are_told_and_stop_nothing(here, setup, monkeypatch, capsys):
    """As on Colab, where another torch is there already."""
    with monkeypatch.context() as patch:
        version_of(patch, "torch", "2.8.0+cu126")
        said = shown(setup + "\nprint('and on')", capsys)
    assert said.startswith(
        "Older than this notebook asks for: torch 2.8.0+cu126 (made for 2.11); if a cell fails, "
    )
    assert said.splitlines()[1:] == ["and on"]


def test_the_first_and_the_last_cell_of_every_notebook_are_locked():
    for assignment in assignments():
        notebook = student_notebook(read_master(assignment))
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        last = notebook.cells[-1]
        assert (first.id, last.id) == ("setup", "hand-in")
        assert first.metadata.nbgrader.locked
        assert last.metadata.nbgrader.locked
        assert f"unpack {assignment.name}.zip" in first.source
        assert f'self_check("{assignment.name}.ipynb")' in last.source
        assert all(f"`{file}`" in last.source for file in read_master(assignment).files)
        nbformat.validate(json.loads(json.dumps(notebook)))


def test_in_the_graders_box_the_first_cell_costs_nothing_and_is_imported_before_the_fork(setup):
    """requirements.txt is missing; importing anything of course_utils imports the module."""
    folder = Path(course_utils.__file__).parent.parent
    code = f"""
import course_utils.visible_checks, sys
assert "course_utils.setup_check" in sys.modules
from time import process_time
start = process_time()
{setup}
assert process_time() - start < 0.1
"""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_every_pack_that_is_released_is_whole_to_the_eye_of_the_check(here):
    assert [zipfile.is_zipfile(here / "data" / f"{name}.npz") for _, name in module._packs()] == [
        True
    ]
