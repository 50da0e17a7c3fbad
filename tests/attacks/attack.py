"""What an attack is: a submission in a few lines, and the verdict that it must get.

Its notebook has two of the assignment's tasks: `l2_loss`, which most attacks answer wrongly, and
`rebalancing_weights`, which most answer rightly. So an attack that works gains three points, and
one that breaks the grader loses four.
"""

from dataclasses import dataclass, field
from textwrap import dedent

import nbformat
from nbformat import NotebookNode

from autograder.checks import Forbidden

TASKS = ("l2_loss", "rebalancing_weights")

WRONG = """
def l2_loss(prediction, target):
    return 0.0 * (prediction - target).sum()
"""
RIGHT = """
def l2_loss(prediction, target):
    return 0.5 * (prediction - target).square().sum(dim=1).mean()
"""
WEIGHTS = """
def rebalancing_weights(prior, lam=0.5):
    weights = 1 / ((1 - lam) * prior + lam / len(prior))
    return weights / (prior * weights).sum()
"""

# What the notebook's tasks need, in the place of the cells that load photographs and draw.
IMPORTS = '''
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils import visible_checks


def close(result: Tensor, expected: object, tolerance: float = 1e-4) -> bool:
    """Whether a result has the expected shape and numbers."""
    expected = torch.as_tensor(expected, dtype=result.dtype)
    same_shape = result.shape == expected.shape
    return same_shape and torch.allclose(result, expected, atol=tolerance, rtol=0)
'''


@dataclass(frozen=True)
class Attack:
    """A submission, and what must become of it.

    l2_loss  weights   the answers to the two tasks
    before  after      cells of the student's own, in front of all others and at the end; several,
            with `---`
    earns              points for `l2_loss`, and for `rebalancing_weights`
    kinds              how the checks of `l2_loss` may fail; empty for any way
    flagged            what one of the flags must say, as a regular expression; "" for no flag; None
                       for any
    shows              what the executed notebook must show
    limits             of the assignment, as in a master's front matter
    rules              what `l2_loss` may not call
    safe               whether stock nbgrader may run it: without a sandbox, and it is not about our
                       worker
    known              why it does not get its verdict yet, if it does not
    """

    name: str
    l2_loss: str = WRONG
    weights: str = WEIGHTS
    before: str = ""
    after: str = ""
    earns: tuple[float, float] = (0, 4)
    kinds: set[str] = field(default_factory=set)
    flagged: str | None = ""
    shows: str = ""
    limits: dict[str, float] = field(default_factory=dict)
    rules: Forbidden | None = None
    safe: bool = True
    known: str = ""

    def __str__(self) -> str:
        return self.name

    def submission(self, released: NotebookNode) -> NotebookNode:
        """The notebook that is handed in."""
        notebook = nbformat.from_dict(released)
        answers = {"task-l2_loss": self.l2_loss, "task-rebalancing_weights": self.weights}
        for cell in notebook.cells:
            cell.source = dedent(answers.get(cell.id, cell.source)).strip()
        notebook.cells = [*cells_of(self.before), *notebook.cells, *cells_of(self.after)]
        return notebook


CLEAN = Attack("clean", RIGHT, earns=(3, 4))


def cells_of(code: str) -> list[NotebookNode]:
    """Cells of the student's own."""
    return [
        nbformat.v4.new_code_cell(part.strip("\n"))
        for part in dedent(code).split("---\n")
        if part.strip()
    ]


def two_tasks(released: NotebookNode) -> NotebookNode:
    """The released notebook, reduced to the two tasks.

    Showing the pictures of others takes seconds.
    """
    short = nbformat.from_dict(released)
    kept = {f"{role}-{task}" for role in ("task", "check", "grade") for task in TASKS}
    imports = nbformat.v4.new_code_cell(IMPORTS.strip(), id="code-imports")
    short.cells = [imports, *(cell for cell in short.cells if cell.id in kept)]
    return short
