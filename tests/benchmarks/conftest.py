"""Benchmarks compare us with others on this machine, in one run. They take minutes: `pytest -m
benchmark`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from autograder.assignments import ASSIGNMENTS, COURSE

HERE = Path(__file__).parent
SMALL = HERE.parent / "support/small_course"
TABLES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLES] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for table in config.stash[TABLES]:
        terminalreporter.section("benchmark")
        terminalreporter.write_line(table)


@pytest.fixture
def show(request: pytest.FixtureRequest):
    """Print a table at the end of the run."""
    return request.config.stash[TABLES].append


@pytest.fixture
def one_thread():
    """torch uses one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def small_course(tmp_path_factory) -> Iterator[Path]:
    """A copy of the package whose only assignment is a small one. To be first on a process's
    PYTHONPATH.
    """
    root = tmp_path_factory.mktemp("package")
    for package in ("autograder", "course_utils"):
        shutil.copytree(
            COURSE / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(COURSE / "pyproject.toml", root)
    for name, place in {
        "assignment.md": "assignments/1_small/assignment.md",
        "reference.py": "course_utils/reference/small.py",
        "checks.py": "autograder/checks/test_small.py",
        "misconceptions.py": "autograder/misconceptions/small.py",
    }.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SMALL / name, root / place)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(ASSIGNMENTS, raising=False)  # it has masters of its own
        yield root
