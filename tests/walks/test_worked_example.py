"""The worked example of docs/writing.md: its blocks, put into a copy of the package, are built and
proved.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignments import ASSIGNMENTS, COURSE

# `a/file.py`: or `a/file.py`, at the end: and below it a fence of three or four backticks
BLOCK = re.compile(
    r"^`([\w/.]+)`(, at the end)?:\n\n(`{3,4})\w+\n(.*?)^\3$", re.MULTILINE | re.DOTALL
)
ENTRY = re.compile(r'^```python\n("posters": .*?)^```$', re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^```text\n(.*?Left contains.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def writing() -> str:
    return (COURSE / "docs" / "writing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def package(writing, tmp_path_factory) -> Path:
    """A copy of the package whose only assignment is the page's as it is at first, with its
    proof.
    """
    root = tmp_path_factory.mktemp("package")
    for folder in ("autograder", "course_utils", "tests/grading"):
        shutil.copytree(
            COURSE / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(COURSE / "pyproject.toml", root)
    (root / "assignments/4_posters").mkdir(parents=True)
    write(root, writing)
    [entry] = ENTRY.findall(writing)
    (root / "tests/grading/equivalent.py").write_text(
        f"EQUIVALENT = {{\n{entry}}}\n", encoding="utf-8"
    )
    return root


def write(package: Path, writing: str) -> None:
    """Write the files as the page has them at first."""
    for path, later, _, content in BLOCK.findall(writing):
        if not later:
            (package / path).write_text(content, encoding="utf-8")


def mend(package: Path, writing: str) -> None:
    """Write the files with what the page adds after the proof has failed."""
    write(package, writing)
    for path, later, _, content in BLOCK.findall(writing):
        if later:
            with (package / path).open("a", encoding="utf-8") as file:
                file.write(f"\n\n{content}")


def run(package: Path, *arguments: str) -> str:
    """What `python -m ...` says in the copy."""
    others = {name: value for name, value in os.environ.items() if name != ASSIGNMENTS}
    ran = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=package,
        env=others | {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return ran.stdout + ran.stderr


def proof(package: Path) -> str:
    """What the proof says of the example."""
    return run(package, "pytest", "-q", "-p", "no:cacheprovider", "tests/grading", "-k", "posters")


def test_the_example_is_proved(writing, package):
    mend(package, writing)
    said = proof(package)
    assert re.search(r"^\d\d passed", said, re.MULTILINE), said


@pytest.mark.slow
def test_without_what_comes_at_the_end_the_proof_fails_as_the_page_says(writing, package):
    write(package, writing)
    said = proof(package)
    [shown] = SHOWN.findall(writing)
    assert [line for line in shown.splitlines() if line not in said] == [], said


@pytest.mark.slow
def test_the_example_is_released(writing, package):
    mend(package, writing)
    assert "no leaks" in run(
        package, "autograder.cli", "release", "posters", "--to", str(package / "build")
    )
