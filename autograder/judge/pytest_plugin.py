"""The pytest side of the judge: gives hidden checks their `submission`, and pytest the option
--submission.

    pytest autograder/checks                               the checks against the reference
    pytest autograder/checks --submission homework.ipynb   against a notebook, in the sandbox, with
                                                           points

Registered as a pytest plugin by pyproject.toml, so what it needs is imported where it is used.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from autograder.judge.checking.remote_submission import RemoteSubmission

STAND_IN: pytest.StashKey["RemoteSubmission"] = pytest.StashKey()
TOPIC = pytest.StashKey[str]()
SCORES = pytest.StashKey[dict]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --submission and --sandbox."""
    group = parser.getgroup("autograder", "hidden checks")
    group.addoption(
        "--submission",
        type=Path,
        metavar="NOTEBOOK",
        help="run the hidden checks against this notebook",
    )
    group.addoption(
        "--sandbox",
        choices=["bubblewrap", "process"],
        default="bubblewrap",
        help="what the notebook runs in; `process` does not isolate",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that carries a check's task and points."""
    config.addinivalue_line(
        "markers", "check(task, points): a hidden check of one task, worth points"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """With --submission: read the notebook and run its cells, once for all checks."""
    path = session.config.getoption("submission", None)
    if path is None:
        return
    from autograder.assignments import CourseError
    from autograder.judge.checking.run_checks import InfrastructureError
    from autograder.judge.exam import exam_of
    from autograder.judge.intake.read_notebook import RefusedError, assignment_of
    from autograder.judge.judge import open_submission

    try:
        assignment = assignment_of(path)
        exam = exam_of(assignment, session.config.getoption("sandbox"))
        stand_in = open_submission(path, exam)
        stand_in.run_cells()
    except (CourseError, RefusedError, InfrastructureError) as error:
        raise pytest.UsageError(str(error)) from None
    session.config.stash[STAND_IN], session.config.stash[TOPIC] = stand_in, assignment.topic
    session.config.stash[SCORES] = {}


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the worker of --submission."""
    if TOPIC in config.stash:
        config.stash[STAND_IN].close()


@pytest.fixture
def submission(request: pytest.FixtureRequest) -> object:
    """The functions under test: a submission's in its sandbox, or the reference's."""
    from autograder.assignments import reference_of
    from autograder.judge.checking.run_checks import have_hidden_data
    from autograder.judge.checking.submission import LocalSubmission

    topic = Path(request.node.path).stem.removeprefix("test_")
    have_hidden_data(topic)
    stand_in = request.config.stash.get(STAND_IN, None)
    if stand_in is None:
        return LocalSubmission(vars(reference_of(topic)))
    if request.config.stash.get(TOPIC, topic) != topic:
        pytest.skip("the notebook is a submission of another assignment")
    stand_in.calls.clear()
    return stand_in


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add up the points of --submission."""
    report = yield
    mark = item.get_closest_marker("check")
    if call.when == "call" and mark and SCORES in item.config.stash and not report.skipped:
        scores = item.config.stash[SCORES].setdefault(mark.args[0], [0, 0])
        scores[0] += mark.kwargs["points"] * report.passed
        scores[1] += mark.kwargs["points"]
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say the points of --submission, task by task."""
    scores = config.stash.get(SCORES, None)
    if not scores:
        return
    terminalreporter.section("points")
    for task, (earned, points) in [
        *scores.items(),
        ("total", map(sum, zip(*scores.values(), strict=True))),
    ]:
        terminalreporter.write_line(f"{earned:6g} of {points:<4g} {task}")
