"""Notebooks as strangers hand them in: solved, and with a habit that has cost somebody points
elsewhere.

Each was reported in public, of nbgrader, otter, VS Code or Colab. All are right: none may lose a
point.
"""

from collections.abc import Callable
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

TASK = "vote"


@dataclass(frozen=True)
class Case:
    """A habit.

    change   edits a solved notebook
    repairs  what one of the judge's notes must say, as a regular expression; "" for no note about
             it
    """

    name: str
    change: Callable[[NotebookNode], object]
    repairs: str = ""

    def __str__(self) -> str:
        return self.name


def shortened(released: NotebookNode) -> NotebookNode:
    """A released notebook without its pictures and what only they need, which take most of its
    time.
    """
    short = nbformat.from_dict(released)
    first = next(cell.id for cell in short.cells if cell.id.startswith("code-"))
    kept = ("setup", first, "task-", "check-", "grade-", "written-")
    short.cells = [cell for cell in short.cells if cell.id.startswith(kept)]
    return short


def solved(released: NotebookNode, solution: NotebookNode) -> NotebookNode:
    """The released notebook with the reference's answers."""
    notebook = nbformat.from_dict(released)
    answers = {cell.id: cell.source for cell in solution.cells if cell.id.startswith("task-")}
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    return notebook


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    """A cell by the beginning of its id."""
    return next(cell for cell in notebook.cells if cell.id.startswith(name))


def own(source: str) -> NotebookNode:
    """A cell of the student's own."""
    return nbformat.v4.new_code_cell(source)


def _imports(first: str) -> Callable[[NotebookNode], object]:
    """A line in front of the imports that were given out."""

    def change(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, "code-")
        cell.source = f"{first}\n{cell.source}"

    return change


def _last(source: str) -> Callable[[NotebookNode], object]:
    return lambda notebook: notebook.cells.append(own(source))


def _task(edit: Callable[[str], str], task: str = TASK) -> Callable[[NotebookNode], object]:
    def change(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, f"task-{task}")
        cell.source = edit(cell.source)

    return change


def _imports_cut_short(notebook: NotebookNode) -> None:
    """Whoever moved two imports elsewhere, and made a slip of the pen in the rest."""
    cell = cell_of(notebook, "code-")
    cell.source = "import torch as t\nfrom torch import\n"
    notebook.cells.insert(1, own(_GIVEN_HELPERS))


_GIVEN_HELPERS = """
import torch


def close(result, expected, tolerance=1e-4):
    expected = torch.as_tensor(expected, dtype=result.dtype)
    same_shape = result.shape == expected.shape
    return same_shape and torch.allclose(result, expected, atol=tolerance, rtol=0)


def seeded(seed):
    return torch.Generator().manual_seed(seed)
"""


def _joined(role: str, *, task_first: bool) -> Callable[[NotebookNode], object]:
    """The task's cell joined with a locked one, under the one's name or the other's."""

    def change(notebook: NotebookNode) -> None:
        task, locked = cell_of(notebook, f"task-{TASK}"), cell_of(notebook, f"{role}-{TASK}")
        stays, goes = (task, locked) if task_first else (locked, task)
        stays.source = f"{task.source}\n\n{locked.source}"
        notebook.cells.remove(goes)

    return change


def _check_split(notebook: NotebookNode) -> None:
    """The answer typed into the middle of the locked check, its own cell emptied to the stub."""
    task, check = cell_of(notebook, f"task-{TASK}"), cell_of(notebook, f"check-{TASK}")
    check.source, task.source = f"{task.source}\n\n{check.source}", ""


def _helper_reused(notebook: NotebookNode) -> None:
    cell = cell_of(notebook, "task-blend")
    cell.source = f"def ratio(w):\n    return w / w.sum()\n\n\n{cell.source}"
    head, _, _ = cell.source.rpartition('"""')
    equal = "torch.ones(len(images), dtype=images.dtype)"
    cell.source = (
        f'{head}"""\n    weights = {equal} if weights is None else weights\n'
        "    return torch.einsum('n,nchw->chw', ratio(weights), images)"
    )
    notebook.cells.append(own("ratio = 3 / 4\nprint(ratio)"))


def _helper_named_as_in_the_check(notebook: NotebookNode) -> None:
    """Each name that a visible check binds is a helper of the student's."""
    cell = cell_of(notebook, "task-pairwise_squared_distances")
    head, _, _ = cell.source.rpartition('"""')
    cell.source = (
        f'def squared(x):\n    return x * x\n\n\ndef itself(x):\n    return x\n\n\n{head}"""\n'
        "    return squared(itself(a[:, None]) - b[None]).sum(dim=2)"
    )


def _module(notebook: NotebookNode) -> None:
    cell = cell_of(notebook, f"task-{TASK}")
    at = notebook.cells.index(cell)
    source = f"import torch\nfrom torch import Tensor\n\n\n{cell.source}"
    notebook.cells.insert(at, own(f"%%writefile my_vote.py\n{source}"))
    cell.source = "from my_vote import vote"


def _named_tuple(source: str) -> str:
    return f"""from typing import NamedTuple


class Found(NamedTuple):
    indices: Tensor
    squared: Tensor


{source}


_plain = nearest_neighbors


def nearest_neighbors(squared_distances, k):
    return Found(*_plain(squared_distances, k))"""


def _crlf(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")


def _no_ids(notebook: NotebookNode) -> None:
    """An editor that knows nothing of ids, nor of nbgrader's metadata."""
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        del cell["id"]


def _redefined_right_below(notebook: NotebookNode) -> None:
    cell = cell_of(notebook, f"task-{TASK}")
    right, cell.source = cell.source, f"def {TASK}(labels, weights=None):\n    return labels[:, 0]"
    notebook.cells.append(own(right))


COLAB_CELL = """!python -m zipfile -e 0_data_driven_graphics.zip .
%cd 0_data_driven_graphics
%pip install -q -r requirements.txt"""

SKIPPED = "Line 1 of code cell .* was skipped"
CASES = [
    Case("nothing odd", lambda notebook: None),
    Case(
        "google.colab",
        _imports('from google.colab import drive\ndrive.mount("/content/drive")'),
        SKIPPED,
    ),
    Case(
        "a module that moved", _imports("from IPython.core.display import display, HTML"), SKIPPED
    ),
    Case(
        "a package that is only at home", _imports("import my_home_package as mine, math"), SKIPPED
    ),
    Case("a kernel's magic", _imports("%autosave 60")),
    Case("a magic that nobody knows", _imports("%load_ext nb_black"), SKIPPED),
    Case("widgets", _imports("%matplotlib widget")),
    Case("a window", _imports("%matplotlib qt")),
    Case(
        "a style that is not here",
        _imports("import matplotlib.pyplot as plt\nplt.style.use('mine')"),
        "Line 2",
    ),
    Case("an installation", _imports("!pip install -q einops\n!pip install -q torchmetrics")),
    Case("an installation by magic", _imports("%pip install -q einops")),
    Case("imports with a slip of the pen", _imports_cut_short, "import"),
    Case("joined with its check", _joined("check", task_first=True)),
    Case(
        "joined with its check, under the check's name",
        _joined("check", task_first=False),
        "check-vote",
    ),
    Case(
        "joined with its grade cell, under that one's name",
        _joined("grade", task_first=False),
        "grade-vote",
    ),
    Case("typed into its check", _check_split, "check-vote"),
    Case("a helper's name, used again at the end", _helper_reused),
    Case(
        "the task's own name, used again at the end",
        _last(f"{TASK} = 'for the best'\nprint({TASK})"),
    ),
    Case("helpers with the names of a check's variables", _helper_named_as_in_the_check),
    Case("put right below", _redefined_right_below),
    Case("a module that a cell writes", _module),
    Case("a named tuple", _task(_named_tuple, "nearest_neighbors")),
    Case("torch.compile", _task(lambda source: f"@torch.compile\n{source}")),
    Case("another device, left set", _last("torch.set_default_device('meta')")),
    Case("a device that is not here", _last("torch.set_default_device('cuda')")),
    Case("another dtype, left set", _last("torch.set_default_dtype(torch.float64)")),
    Case("gradients off", _last("torch.set_grad_enabled(False)")),
    Case("inference mode, left on", _last("mode = torch.inference_mode()\nmode.__enter__();")),
    Case("a device's context, left open", _last("here = torch.device('meta')\nhere.__enter__();")),
    Case("warnings as errors", _last("import warnings\nwarnings.simplefilter('error')")),
    Case("NumPy's errors raised", _last("import numpy as np\nnp.seterr(all='raise');")),
    Case("the guide's own Colab cell", lambda notebook: notebook.cells.insert(0, own(COLAB_CELL))),
    Case("line ends of Windows", _crlf),
    Case("an editor without ids", _no_ids),
]
