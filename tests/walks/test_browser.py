"""What a user sees: the notebooks in JupyterLab, in headless Chromium."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser import chromium_page, jupyter_lab, needs_browser, run_all

from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.release import student_files

pytestmark = [pytest.mark.browser, needs_browser]


def errors(notebook: nbformat.NotebookNode) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.ename for output in outputs if output.output_type == "error"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[tuple[Path, str, object]]:
    """A folder, the address of JupyterLab on it, and a page: each starts for seconds."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyter_lab(folder) as address, chromium_page() as page:
        yield folder, address, page


# That a stub stops the notebook is also seen in test_student_evening.py.
@pytest.mark.parametrize(
    "solved",
    [
        pytest.param(True, id="solution"),
        pytest.param(False, id="student", marks=pytest.mark.slow),
    ],
)
def test_notebook_runs_in_jupyterlab(master, lab, solved):
    root, address, page = lab
    folder = root / ("solution" if solved else "student")
    name = f"{master.assignment.name}.ipynb"
    notebook = solution_notebook(master) if solved else student_notebook(master)
    for path, content in student_files(master, notebook).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    run_all(page, address, f"{folder.name}/{name}", folder / "screenshot.png")
    ran = nbformat.read(folder / name, as_version=4)
    if solved:
        assert errors(ran) == []
        drawn = [cell for cell in ran.cells if cell.id.startswith("picture-")]
        assert all(
            any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in drawn
        )
        assert len(drawn) == len(master.pictures)
    else:  # JupyterLab stops at the first cell that fails: the first visible check
        assert errors(ran) == ["NotImplementedError"]
