"""The pytest side of the judge: gives hidden checks their `submission`, and pytest the option --submission.

    pytest autograder/checks                          the checks against the reference
    pytest autograder/checks --submission homework.ipynb   ... against a notebook, in the sandbox

Registered as a pytest plugin by pyproject.toml, so what it needs is imported where it is used.
"""

from pathlib import Path

import pytest

STAND_IN = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that carries a check's task and points."""
    config.addinivalue_line("markers", "check(task, points): a hidden check of one task, worth points")


@pytest.fixture
def submission(request: pytest.FixtureRequest) -> object:
    """The functions under test: a submission's in its sandbox, or the reference's."""
    from autograder.catalogue import Assignment
    from autograder.judge.submission import LocalSubmission

    given = request.config.stash.get(STAND_IN, None)
    if given is not None:
        return given
    topic = Path(request.node.path).stem.removeprefix("test_")
    return LocalSubmission(vars(Assignment(f"_{topic}").reference()))
