"""The benchmark's class: what students hand in for an assignment of the course, and its release.

The training cells are left out of all notebooks: neither grader is to train networks. What they
would save lies beside the notebook, as the assignment asks for it.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import safetensors.torch
import torch
from nbformat import NotebookNode
from torch import Tensor

from autograder.alternatives import alternatives_of
from autograder.authoring.execute import execute, harvest_pictures
from autograder.authoring.master import Master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.release import Build, student_files
from autograder.demo import LOOP, as_answer
from autograder.judge.checking.submission import REFERENCE_FILES
from autograder.misconceptions import misconceptions_of

GENERATOR = "chair_generator.safetensors"
Answers = dict[str, str]  # by task, the source of its cell; a task without one is a stub
# What the students of a class of twelve hand in; a larger class repeats it, with other draws.
KINDS = (
    "reference",
    "misconceptions",
    "half-done",
    "alternatives",
    "endless-loop",
    "misconceptions",
    "half-done",
    "alternatives",
    "misconceptions",
    "half-done",
    "alternatives",
    "misconceptions",
)


@dataclass(frozen=True)
class Student:
    """A student of the class; the name says which kind of work is handed in."""

    name: str
    kind: str
    answers: Answers


def class_of(master: Master, count: int = len(KINDS), seed: int = 0) -> list[Student]:
    """A class for an assignment, the same for the same seed."""
    kinds = _Kinds(master)
    students = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        name = f"{number:04}-{kind}"
        answers = kinds.answers(kind, random.Random(f"{seed} {name}"))
        students.append(Student(name, kind, answers))
    return students


class _Kinds:
    """The answers of each kind of student."""

    def __init__(self, master: Master) -> None:
        topic, self.tasks = master.assignment.topic, master.tasks
        cells = {cell.id: cell.source for cell in solution_notebook(master).cells}
        self.right = {task: cells[f"task-{task}"] for task in self.tasks}
        self.wrong = {
            task: [as_answer(one.function, task) for one in several]
            for task, several in misconceptions_of(topic).items()
        }
        self.others = {
            task: [as_answer(one, task) for one in several]
            for task, several in alternatives_of(topic).items()
        }

    def answers(self, kind: str, draw: random.Random) -> Answers:
        if kind == "half-done":
            share = draw.uniform(0.3, 0.7)
            return {task: self.right[task] for task in self.tasks[: round(share * len(self.tasks))]}
        if kind == "misconceptions":
            tasks = draw.sample(sorted(self.wrong), max(1, len(self.wrong) // 4))
            return self.right | {task: draw.choice(self.wrong[task]) for task in tasks}
        if kind == "alternatives":
            return self.right | {task: draw.choice(self.others[task]) for task in self.others}
        if kind == "endless-loop":
            return self.right | {self.tasks[-1]: LOOP.format(task=self.tasks[-1])}
        return self.right


def hand_in(students: list[Student], released: NotebookNode, master: Master, course: Path) -> None:
    """Write each student's notebook, and the files beside it, where nbgrader collects them."""
    name, networks = master.assignment.name, networks_of(master)
    for student in students:
        folder = course / "submitted" / student.name / name
        folder.mkdir(parents=True)
        notebook = worked_on(without_training(released), student)
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook, indent=1))
        for file, content in networks.items():
            (folder / file).write_bytes(content)


def worked_on(notebook: NotebookNode, student: Student) -> NotebookNode:
    """The notebook with a student's answers, and a line of the student's own in the first one."""
    mark = f"\n# The work of {student.name}."
    for cell in notebook.cells:
        cell.source = student.answers.get(cell.id.removeprefix("task-"), cell.source)
    first = next(cell for cell in notebook.cells if cell.id.startswith("task-"))
    first.source += mark
    return notebook


def without_training(notebook: NotebookNode) -> NotebookNode:
    """A copy without the training cells."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [cell for cell in copy.cells if "training" not in cell.metadata.get("tags", [])]
    return copy


def networks_of(master: Master) -> dict[str, bytes]:
    """The trained networks that are handed in with a notebook: those that the reference has saved.

    The reference's chair generator is narrower than the one of the notebook, which could not load
    it. It is widened, and draws the same.
    """
    files = {name: REFERENCE_FILES[name].read_bytes() for name in master.files}
    if GENERATOR in files:
        narrow = safetensors.torch.load(files[GENERATOR])
        chairs = narrow["identity.0.weight"].shape[1]
        wide = master.assignment.reference().ChairGenerator(chairs).state_dict()
        files[GENERATOR] = safetensors.torch.save(widened(narrow, wide))
    return files


def widened(narrow: dict[str, Tensor], wide: dict[str, Tensor]) -> dict[str, Tensor]:
    """A chair generator's weights in a wider one: what the new units give and take is zero."""
    found = {name: torch.zeros_like(wide[name], dtype=narrow[name].dtype) for name in narrow}
    for name, weight in narrow.items():
        # The inputs of `shared` are three streams, one behind the other in the last dimension.
        streams = 3 if name == "shared.0.weight" else 1
        places, parts = (one.chunk(streams, dim=-1) for one in (found[name], weight))
        for place, part in zip(places, parts, strict=True):
            place[tuple(map(slice, part.shape))] = part
    return found


def release_of(master: Master, to: Path, on_cell: Callable[[], object] = lambda: None) -> Build:
    """What students get, with the pictures that the solution draws; nothing is trained.

    Without a network of the notebook's own, the solution goes on with the reference's file.

    on_cell  called after each cell of the solution
    """
    made = Build(master.assignment, to)
    for path, content in student_files(master, student_notebook(master)).items():
        _write(made.student / path, content)
    solution, folder = without_training(solution_notebook(master)), made.solution.parent
    folder.mkdir(parents=True)
    for file, content in networks_of(master).items():
        _write(folder / file, content)
    solved = execute(solution, folder, called="solution", allow_errors=True, on_cell=on_cell)
    nbformat.write(solved, made.solution)
    solved.cells = [cell for cell in solved.cells if _has_picture(cell)]
    for task, picture in harvest_pictures(solved).items():
        _write(made.student / "pictures" / f"{task}.png", picture)
    return made


def _has_picture(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
