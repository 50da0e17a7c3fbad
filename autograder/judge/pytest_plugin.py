"""A pytest plugin that runs the hidden checks by hand, on the reference or on a notebook.

    pytest autograder/checks                               on the reference
    pytest autograder/checks --submission homework.ipynb   on a notebook in the sandbox, with points

It provides the fixture `submission` and the option --submission. pyproject.toml registers it for
every pytest run in this environment, so its functions import what they need when they are called.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from autograder.judge.checking.remote_submission import RemoteSubmission

REMOTE: pytest.StashKey["RemoteSubmission"] = pytest.StashKey()
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
    """With --submission, read the notebook and run its cells once for all checks."""
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
        remote = open_submission(path, exam)
        remote.run_cells()
    except (CourseError, RefusedError, InfrastructureError) as error:
        raise pytest.UsageError(str(error)) from None
    stash = session.config.stash
    stash[REMOTE], stash[TOPIC], stash[SCORES] = remote, assignment.topic, {}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the worker of --submission."""
    if TOPIC in config.stash:
        config.stash[REMOTE].close()


@pytest.fixture
def submission(request: pytest.FixtureRequest) -> object:
    """The functions under test: a submission's in the sandbox, or the reference's."""
    from autograder.assignments import reference_of
    from autograder.judge.checking.run_checks import have_hidden_data
    from autograder.judge.checking.submission import LocalSubmission

    topic = Path(request.node.path).stem.removeprefix("test_")
    have_hidden_data(topic)
    remote = request.config.stash.get(REMOTE, None)
    if remote is None:
        return LocalSubmission(vars(reference_of(topic)))
    if request.config.stash.get(TOPIC, topic) != topic:
        pytest.skip("the notebook is a submission of another assignment")
    remote.calls.clear()
    return remote


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
    """Print the points of --submission for each task."""
    scores = config.stash.get(SCORES, None)
    if not scores:
        return
    terminalreporter.section("points")
    total = [sum(column) for column in zip(*scores.values(), strict=True)]
    for task, (earned, points) in [*scores.items(), ("total", total)]:
        terminalreporter.write_line(f"{earned:6g} of {points:<4g} {task}")
