"""How the attack suite judges, and what it looks at after each attack."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from attack import CLEAN, TASKS, Attack, two_tasks
from neighbor import Neighbor
from workers import HAS_BUBBLEWRAP, lend_zygotes, zygote

from autograder.assignments import find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.checks import Forbidden
from autograder.judge import judge as judge_module
from autograder.judge.checking.run_checks import run_checks
from autograder.judge.checking.submission import Submission
from autograder.judge.exam import Exam, exam_of
from autograder.judge.judge import Judgement, judge
from autograder.judge.limits import Limits
from autograder.judge.parallel.pool import Pool

COLORIZATION = find_assignment("colorization")

# The tasks of the notebook, and one that is not in it and earns nothing.
CHECKED = (*TASKS, "ab_bins")

# What a class has lying about, next to the submission that attacks.
OTHERS = {
    "gradebook.db": "grades",
    "submitted/alice/3_colorization/3_colorization.ipynb": "alice's answers",
    "verdicts/3_colorization/alice/verdict.json": '{"earned": 42}',
    "source/3_colorization/3_colorization.ipynb": "the assignment",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not HAS_BUBBLEWRAP:
        for item in items:
            if item.path.parent == Path(__file__).parent and "judging" in getattr(
                item, "fixturenames", ()
            ):
                item.add_marker(pytest.mark.skip(reason="bubblewrap can't be had here"))


@pytest.fixture(scope="session")
def released(master):
    """The notebook of the two tasks, as it is given out."""
    return two_tasks(student_notebook(master))


@pytest.fixture(scope="session")
def two_task_exam(master, released) -> Exam:
    """The exam of the two tasks, with ordinary limits and nothing forbidden."""
    return replace(
        exam_of(COLORIZATION), master=master, released=released, limits=Limits(), rules={}
    )


@pytest.fixture(scope="session")
def stages(tmp_path_factory) -> Iterator[Path]:
    """The folder for the files of running workers, apart from those of other graders here."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("stages")
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(scope="session")
def judging(
    request, two_task_exam, released, stages, tmp_path_factory
) -> Iterator[Callable[..., Judgement]]:
    """Judge a submission of the two tasks: judging(path, limits={}, rules=None).

    The workers are warm. To judge with cold ones, leave out the opener. Of the tasks that are not
    in the notebook, one is checked. With `--beside` all are, and a clean submission is judged in
    the other slot for as long.
    """
    opener = zygote().slots[0].open
    everything = request.config.getoption("--beside")

    def checks_of_three(topic: str, submission: Submission, tasks: object = None) -> list:
        checked = [task for task in CHECKED if tasks is None or task in tasks]
        return run_checks(topic, submission, checked)

    def judged_alone(
        path: Path, limits: dict | None = None, rules: Forbidden | None = None
    ) -> Judgement:
        forbidden = {"l2_loss": rules} if rules else {}
        exam = replace(two_task_exam, limits=Limits.from_mapping(limits or {}), rules=forbidden)
        with pytest.MonkeyPatch.context() as patch:
            if not everything:
                patch.setattr(judge_module, "run_checks", checks_of_three)
            return judge(path, exam, opener=opener)

    neighbor = None
    if everything:
        path = tmp_path_factory.mktemp("neighbor") / f"{COLORIZATION.name}.ipynb"
        path.write_text(json.dumps(CLEAN.submission(released)))
        in_the_other_slot = zygote().slots[1].open
        neighbor = Neighbor(
            lambda: judge(path, two_task_exam, opener=in_the_other_slot), CLEAN.earns
        )

    def judging(*args: object) -> Judgement:
        with neighbor.beside() if neighbor else nullcontext():
            return judged_alone(*args)

    yield judging
    if neighbor:
        neighbor.close()


@pytest.fixture(scope="module")
def pool_with(two_task_exam) -> Iterator[Callable[[dict], Pool]]:
    """A pool of two slots with these limits: they are forked from here, with what is patched."""
    with ExitStack() as stack:
        lend_zygotes(stack.enter_context(pytest.MonkeyPatch.context()))

        def pool_with(limits: dict) -> Pool:
            exam = replace(two_task_exam, limits=Limits.from_mapping(limits))
            pool = stack.enter_context(Pool(exam, jobs=2))
            assert pool.zygote, pool.why_cold
            return pool

        yield pool_with


@pytest.fixture(scope="session")
def course(tmp_path_factory) -> Path:
    """A course directory with the work of others in it."""
    folder = tmp_path_factory.mktemp("course")
    for name, text in OTHERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def hand_in_as(course, released) -> Callable[[str, object], Path]:
    """Hand in an attack, a notebook or bytes, as a student of the course."""

    def hand_in_as(student: str, content: object) -> Path:
        folder = course / "submitted" / student / COLORIZATION.name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{COLORIZATION.name}.ipynb"
        if isinstance(content, Attack):
            content = content.submission(released)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return hand_in_as
