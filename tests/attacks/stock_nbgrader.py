"""Which attacks succeed with stock nbgrader: a table of submissions graded by it and the judge.

    python tests/attacks/stock_nbgrader.py docs/attacks.md     takes some ten minutes
    pytest -m slow tests/attacks/stock_nbgrader.py

The stock assignment has the same two tasks, with the hidden tests in its cells, as nbgrader
documents it. Attacks that bomb, fill a disk, kill or escape are not run: stock nbgrader has no
sandbox.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from attack import IMPORTS, RIGHT, TASKS, WEIGHTS, Attack, two_tasks
from awkward import AWKWARD
from forbidden import FORBIDDEN
from odd_files import BESIDE, RESHAPED, OddFile, raw
from tampering import TAMPERING

from autograder.assignments import find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.notebooks import student_notebook

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
POINTS = {"l2_loss": 3, "rebalancing_weights": 4}

HIDDEN_TESTS = {
    "l2_loss": """
assert close(l2_loss(torch.zeros(1, 2, 1, 1), torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)), 12.5)
### BEGIN HIDDEN TESTS
for dtype in (torch.float32, torch.float64):
    for seed in (1, 2):
        torch.manual_seed(seed)
        prediction, target = torch.randn(2, 3, 2, 4, 5, dtype=dtype)
        prediction.requires_grad_()
        expected = F.mse_loss(prediction, target)
        result = l2_loss(prediction, target)
        assert result.shape == expected.shape and result.dtype == dtype
        assert torch.allclose(result, expected)
        slope, = torch.autograd.grad(result, prediction)
        assert torch.allclose(slope, (prediction - target) / 60)
### END HIDDEN TESTS
""",
    "rebalancing_weights": """
assert close(rebalancing_weights(torch.tensor([0.75, 0.25])), [6 / 7, 10 / 7])
### BEGIN HIDDEN TESTS
for dtype in (torch.float32, torch.float64):
    for lam in (0.2, 0.9, 1.0):
        torch.manual_seed(int(10 * lam))
        prior = torch.softmax(torch.randn(11, dtype=dtype), dim=0)
        expected = 1 / ((1 - lam) * prior + lam / 11)
        expected = expected / (prior * expected).sum()
        result = rebalancing_weights(prior, lam)
        assert result.shape == expected.shape and result.dtype == dtype
        assert torch.allclose(result, expected)
### END HIDDEN TESTS
""",
}

BROKEN = [
    OddFile("an empty file", raw(b""), None),
    OddFile("a PDF", raw(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"), None),
    OddFile("a truncated notebook", raw(b'{"cells": [{"cell_type": "code", "source": "def'), None),
]
INTRO = """# Attacks

`tests/attacks/` hands in {count} submissions that are hostile, broken, or right in an awkward way,
and holds the judge to the verdict of each: the points of every task, the kind of failure, what is
flagged for the instructor and what is not, and what is shown. After each one nothing of it may be
left (no process, no file, nothing changed in the course), and a clean submission must be graded as
before: `make test` judges one after every tenth attack, `make proof` one beside and one after each.

    pytest tests/attacks                                       the suite
    pytest tests/attacks --beside                              the suite as `make proof` runs it
    python tests/attacks/stock_nbgrader.py docs/attacks.md     this page

Below, most of them are graded by stock nbgrader {version} as well: two tasks worth 3 and 4 points,
`l2_loss` and `rebalancing_weights`, with the hidden tests in nbgrader's own cells. As a rule
`l2_loss` is wrong and the other is right, so that 4 is right and 7 is a success. *none* is no score
at all: the submission, or whoever grades it, is left without an answer. What is not right is in
bold.

Stock nbgrader has no sandbox, so it was not given what escapes, runs wild, kills or fills the disk.
Nor was it given what is about the judge's own worker, and most files that are no notebooks. That
leaves {unsafe} for the judge alone.

"""
Case = Attack | OddFile
CASES: dict[str, list[Case]] = {
    "Tampering": [attack for attack in TAMPERING if attack.safe],
    "What a task forbids": FORBIDDEN,
    "Files": [*BROKEN, *BESIDE, *RESHAPED],
    "Right answers that must not lose a point": AWKWARD,
}


@dataclass(frozen=True)
class Row:
    """One submission, graded twice. None for no score at all."""

    theme: str
    name: str
    stock: float | None
    ours: float | None
    right: float


def source_notebook() -> nbformat.NotebookNode:
    """The stock assignment, as its instructor writes it."""
    cells = [nbformat.v4.new_code_cell(IMPORTS.strip(), id="code-imports")]
    for task, answer in zip(TASKS, (RIGHT, WEIGHTS), strict=True):
        head, _, body = answer.strip().partition("\n")
        solution = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
        cells.append(_graded(f"task-{task}", solution, solution=True))
        cells.append(
            _graded(f"grade-{task}", HIDDEN_TESTS[task].strip(), grade=True, points=POINTS[task])
        )
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def _graded(name: str, source: str, **roles: object) -> nbformat.NotebookNode:
    given = {
        "grade": False,
        "solution": False,
        "task": False,
        "schema_version": 3,
        "grade_id": name,
    }
    given |= roles | {"locked": bool(roles.get("grade"))}
    return nbformat.v4.new_code_cell(source, id=name, metadata={"nbgrader": given})


class Stock:
    """A course directory with nbgrader's own configuration."""

    def __init__(self, folder: Path) -> None:
        from nbgrader.api import Gradebook
        from nbgrader.apps import NbGraderAPI
        from traitlets.config import Config

        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        config = Config()
        config.CourseDirectory.root = str(folder)
        self.folder, self.api = folder, NbGraderAPI(config=config)
        self.book = lambda: Gradebook(self.api.coursedir.db_url)
        source = folder / "source" / NAME
        source.mkdir(parents=True)
        nbformat.write(source_notebook(), source / f"{NAME}.ipynb")
        made = self.api.generate_assignment(NAME)
        assert made["success"], made
        self.released = nbformat.read(folder / "release" / NAME / f"{NAME}.ipynb", as_version=4)

    def grade(self, student: str, case: Case) -> float | None:
        """Hand a case in and have it graded: its score, or None if there is none."""
        hand_in(case, self.folder / "submitted" / student / NAME / f"{NAME}.ipynb", self.released)
        self.api.autograde(NAME, student)
        with self.book() as book:
            submissions = [
                one for one in book.assignment_submissions(NAME) if one.student_id == student
            ]
            graded = (self.folder / "autograded" / student / NAME / f"{NAME}.ipynb").exists()
            grades = [grade for one in submissions for nb in one.notebooks for grade in nb.grades]
            open_ = any(grade.needs_manual_grade and grade.manual_score is None for grade in grades)
            return submissions[0].score if submissions and graded and not open_ else None


def hand_in(case: Case, path: Path, released: nbformat.NotebookNode) -> None:
    """Write a case's submission."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(case, Attack):
        path.write_text(json.dumps(case.submission(released)))
    else:
        case.lay(path, Attack("solved", l2_loss=RIGHT).submission(released))


@contextmanager
def our_judge() -> Iterator[Callable[[Case], float | None]]:
    """The judge, on the two tasks."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))
    from workers import zygote

    from autograder.judge.exam import exam_of
    from autograder.judge.judge import judge
    from autograder.judge.limits import Limits

    released = two_tasks(student_notebook(read_master(COLORIZATION)))
    exam = replace(exam_of(COLORIZATION), released=released, limits=Limits())
    opener = zygote().slots[0].open

    def judged(case: Case) -> float | None:
        rules = getattr(case, "rules", None)
        own = replace(exam, rules={"l2_loss": rules} if rules else {})
        with TemporaryDirectory() as folder:
            path = Path(folder) / NAME / f"{NAME}.ipynb"
            hand_in(case, path, released)
            verdict = judge(path, own, opener=opener).verdict
            return None if verdict.status == "not graded" else verdict.earned

    yield judged


def compare(progress: Callable[[str], object] = print) -> list[Row]:
    """Grade all cases twice."""
    warnings.filterwarnings("ignore", message=".*not in session.*")
    rows = []
    with our_judge() as judged, TemporaryDirectory() as folder:
        stock = Stock(Path(folder) / "course")
        cases = [(theme, case) for theme, cases in CASES.items() for case in cases]
        # One of them writes to the gradebook: it is the last.
        cases.sort(key=lambda item: "gradebook" in item[1].name)
        for number, (theme, case) in enumerate(cases):
            right = sum(case.earns or (0,))
            row = Row(theme, case.name, stock.grade(f"s{number:03}", case), judged(case), right)
            progress(f"{number + 1}/{len(cases)} {row}")
            rows.append(row)
    return sorted(rows, key=lambda row: list(CASES).index(row.theme))


def markdown(rows: list[Row]) -> str:
    """The table, by theme; what is not right is in bold."""
    lines = []
    for theme in dict.fromkeys(row.theme for row in rows):
        lines += [
            f"## {theme}",
            "",
            "| submission | stock nbgrader | the judge | right |",
            "| --- | ---: | ---: | ---: |",
        ]
        for row in (row for row in rows if row.theme == theme):
            cells = [_score(score, row.right) for score in (row.stock, row.ours)]
            lines.append(f"| {row.name} | {cells[0]} | {cells[1]} | {row.right:g} |")
        lines.append("")
    return "\n".join(lines)


def _score(score: float | None, right: float) -> str:
    text = "none" if score is None else f"{score:g}"
    return text if score == right else f"**{text}**"


def intro() -> str:
    """What the page says first."""
    from importlib.metadata import version

    from test_attacks import CASES as IN_THE_SUITE
    from test_odd_files import ODD_FILES

    compared = sum(map(len, CASES.values()))
    count = len(IN_THE_SUITE) + len(ODD_FILES)
    return INTRO.format(count=count, version=version("nbgrader"), unsafe=count - compared)


def summary(rows: list[Row]) -> str:
    """How often each of them is right."""
    cheats = ("Tampering", "What a task forbids")
    tampering = [row for row in rows if row.theme in cheats and row.right < sum(POINTS.values())]
    fooled = sum((row.stock or 0) > row.right for row in tampering)
    lost = sum((row.stock or 0) < row.right for row in rows)
    wrong = [row.name for row in rows if row.ours != row.right]
    return (
        f"{len(rows)} submissions. Stock nbgrader gives {fooled} of the {len(tampering)} dishonest "
        f"ones more than they earn, and {lost} of all less than they earn, or no score. The judge "
        f"is wrong on {len(wrong)}{': ' + '; '.join(wrong) if wrong else ''}."
    )


@pytest.mark.slow
def test_stock_nbgrader_is_fooled_where_the_judge_is_not():
    rows = compare()
    known = {case.name for cases in CASES.values() for case in cases if getattr(case, "known", "")}
    assert {row.name for row in rows if row.ours != row.right} <= known
    assert sum((row.stock or 0) > row.right for row in rows) >= 10
    assert sum((row.stock or 0) < row.right for row in rows) >= 10


if __name__ == "__main__":
    found = compare(lambda line: print(line, file=sys.stderr, flush=True))
    text = f"{intro()}{summary(found)}\n\n{markdown(found)}"
    Path(sys.argv[1]).write_text(text) if len(sys.argv) > 1 else print(text)
