"""Notebooks as students might hand them in, made by a seed: right, wrong and missing answers, and
cells of their own that use the notebook's names in every way that Python has.
"""

import random

import nbformat
from nbformat import NotebookNode

from autograder.alternatives import alternatives_of
from autograder.authoring.master import Master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.demo import as_answer
from autograder.misconceptions import misconceptions_of

# {given} is a name that given code binds, {task} a task.
OWN_CELLS = (
    "print({given})",
    "mine = {given}\nmine_too = [mine, mine]",
    "def look(thing={given}):\n    return thing\nlook()",
    "{given} = {given}",
    "{given} = 3",
    "del {given}",
    "print(globals()['{given}'])",
    "try:\n    {given}.anything\nexcept AttributeError:\n    print('none')",
    "import torch\ntorch.manual_seed(1)\ntorch.set_default_dtype(torch.float64)",
    "not_there + 1",
    "%time print({given})",
    "%matplotlib inline",
    "!echo {{{given}}}",
    "class Mine:\n    kept = {given}\n    def give(self):\n        return {given}\nMine().give()",
    "assert callable({task}), {given}",
    "before = {task}\ndef {task}(*args, **kwargs):\n    return before(*args, **kwargs)",
    "before = {task}\ndef {task}(*args, **kwargs):\n    {given}\n"
    "    return before(*args, **kwargs)",
    "before = {task}\ndef {task}(*args, **kwargs):\n    eval('{given}')\n"
    "    return before(*args, **kwargs)",
    "names = ['{given}']\nbefore = {task}\ndef {task}(*args, **kwargs):\n"
    "    import __main__\n    assert hasattr(__main__, names[0])\n"
    "    return before(*args, **kwargs)",
    "before = {task}\ndef {task}(*args, **kwargs):\n    try:\n        {given}\n"
    "    except NameError:\n        return None\n    return before(*args, **kwargs)",
    "from torch import *\nprint(zeros(2))",
    "x, y, bins_before = 1, 2, None",
    "def close(*args):\n    return True",
    "import numpy as np\nnp.random.seed(0)\nnumbers = np.arange(3)",
    "this is no Python",
)


def generated_notebook(master: Master, given: list[str], seed: int) -> NotebookNode:
    """A submission, always the same for a seed.

    given  names that given code binds
    """
    dice = random.Random(seed)
    notebook = student_notebook(master)
    solved = {cell.id: cell.source for cell in solution_notebook(master).cells}
    answers = {task: _answers(master, task, solved[f"task-{task}"]) for task in master.tasks}
    cells = []
    for cell in notebook.cells:
        if cell.id.startswith("task-"):
            cell.source = _chosen(dice, cell.source, answers[cell.id.removeprefix("task-")])
        elif cell.id.startswith("code-") and dice.random() < 0.1:
            cell.source += f"\nprint({dice.choice(given)!r})"
        cells.append(cell)
        if cell.cell_type == "code" and dice.random() < 0.06:
            text = dice.choice(OWN_CELLS)
            source = text.format(given=dice.choice(given), task=dice.choice(master.tasks))
            cells.append(nbformat.v4.new_code_cell(source))
    notebook.cells = cells
    return notebook


def _answers(master: Master, task: str, solution: str) -> list[str]:
    """Right ones first: the reference, an alternative, misconceptions."""
    others = alternatives_of(master.assignment.topic).get(task, [])
    wrong = misconceptions_of(master.assignment.topic).get(task, [])
    return [
        solution,
        *(as_answer(one, task) for one in others[:2]),
        *(as_answer(one.function, task) for one in wrong),
    ]


def _chosen(dice: random.Random, stub: str, answers: list[str]) -> str:
    draw = dice.random()
    if draw < 0.6:
        return answers[0]
    return stub if draw < 0.7 else dice.choice(answers)
