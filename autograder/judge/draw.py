"""`draw(submission, exam, pictures) -> Drawing` runs a notebook again, for its feedback page.

Visible checks and pictures earn no points and take most of a notebook's time, so a verdict does not
wait for them. Given cells that the student's code has nothing to do with show the same on every
page: what they draw is drawn once for a class, from the notebook as it was given out.
"""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder.judge.checking.remote_submission import RemoteSubmission
from autograder.judge.checking.run_checks import InfrastructureError
from autograder.judge.exam import Exam
from autograder.judge.intake.read_notebook import RefusedError, graft, read_submission
from autograder.judge.judge import cold_opener
from autograder.judge.source.needed_cells import (
    PICTURE,
    Sources,
    cells_apart,
    sources_for_page,
    sources_of_given,
)
from autograder.judge.workers.client import Opener

NICE = 5  # verdicts of others go first

Outputs = dict[str, list[NotebookNode]]  # by cell id
_given_outputs: dict[str, Outputs] = {}  # by the exam's key


@dataclass
class Drawing:
    """A notebook with the outputs that its feedback page shows.

    Pictures that were not asked for have the metadata `not_drawn`.

    problem  why it was not run to its end, if the machine is to blame; empty if it was
    """

    notebook: NotebookNode
    problem: str = ""


def draw(
    submission: Path,
    exam: Exam,
    pictures: Collection[str],
    hung: Collection[str] = (),
    *,
    opener: Opener | None = None,
) -> Drawing:
    """Run a submission for its feedback page. Raises nothing, whatever is submitted.

    pictures  the names of the pictures to draw; the visible checks are always run
    hung      the tasks that ran out of time when it was judged: they are soon stopped
    opener    opens a worker from a zygote: it will draw for others, too. By default one worker
              starts cold
    """
    try:
        notebook = read_submission(submission, exam.released).notebook
    except (RefusedError, OSError) as error:
        return Drawing(graft([], exam.released).notebook, str(error))
    for cell in notebook.cells:
        if cell.id.startswith(PICTURE) and cell.id.removeprefix(PICTURE) not in pictures:
            cell.metadata["not_drawn"] = True
    try:
        known = given_outputs(exam, opener) if opener else {}
        apart = known.keys() & cells_apart(notebook)
        sources = sources_for_page(notebook, pictures, apart)
        _run(notebook, exam, sources, opener, exam.handed_in_with(submission), hung)
    except InfrastructureError as fault:
        return Drawing(notebook, str(fault))
    except Exception as bug:  # a bug in the grader must not end the class
        return Drawing(notebook, f"The grader failed: {type(bug).__name__}: {bug}")
    for cell in notebook.cells:
        if cell.id in apart:
            cell.outputs = deepcopy(known[cell.id])
    return Drawing(notebook)


def given_outputs(exam: Exam, opener: Opener | None = None) -> Outputs:
    """The outputs of the given cells that use no task, run once in a worker of their own.

    Cells that fail without an answer are left out. Raises InfrastructureError.
    """
    if exam.key not in _given_outputs:
        notebook = graft([], exam.released).notebook
        apart = cells_apart(notebook)
        _run(notebook, exam, sources_of_given(notebook, apart), opener)
        _given_outputs[exam.key] = {
            cell.id: cell.outputs
            for cell in notebook.cells
            if cell.id in apart and all(one.output_type != "error" for one in cell.outputs)
        }
    return _given_outputs[exam.key]


def _run(
    notebook: NotebookNode,
    exam: Exam,
    sources: Sources,
    opener: Opener | None,
    files: dict[str, Path] | None = None,
    hung: Collection[str] = (),
) -> None:
    """Run cells, and write their outputs into the notebook. Raises InfrastructureError."""
    with RemoteSubmission(
        notebook,
        exam.level,
        exam.limits,
        opener or cold_opener(exam),
        files=files,
        sources=sources,
        nice=NICE,
        hung=hung,
    ) as remote:
        remote.run_cells()
