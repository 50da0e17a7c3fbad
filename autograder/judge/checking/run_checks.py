"""Run a topic's hidden checks against a stand-in, in this process, and say what became of each."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from autograder.assignments import CourseError, find_assignment
from autograder.authoring.master import read_master
from autograder.authoring.packs import hidden_packs_of
from autograder.checks import Check, Failure, checks_module, checks_of
from autograder.judge.checking.explain import explain
from autograder.judge.checking.submission import Submission
from autograder.judge.verdict import CheckVerdict, TaskVerdict
from autograder.misconceptions import misconceptions_of

# No other plugin, no configuration file: a run depends on the checks alone.
QUIET = ["--disable-plugin-autoload", "--assert=plain", "-c", os.devnull]
QUIET += ["--capture=no", "--import-mode=importlib"]
# Plugins that the checks don't use. The garbage collections of one of them take five times as long
# as the checks of a task.
UNUSED = [
    "terminal",
    "cacheprovider",
    "warnings",
    "logging",
    "unraisableexception",
    "threadexception",
]
UNUSED += ["faulthandler", "doctest", "junitxml", "pastebin", "debugging", "setuponly", "setupplan"]
UNUSED += ["stepwise", "recwarn", "tmpdir", "unittest", "freeze_support", "legacypath"]
QUIET += [f"-pno:{plugin}" for plugin in UNUSED]


# Options from the environment of the judge's user are removed: one that is unknown here would end
# the run.
PYTEST_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


class InfrastructureError(Exception):
    """A fault of the grader or its machine: the verdict is `not graded`, never zero."""


def run_checks(
    topic: str, submission: Submission, tasks: Collection[str] | None = None
) -> list[TaskVerdict]:
    """Run the hidden checks of a topic, or of some of its tasks.

    Raises InfrastructureError when the checks could not be run.
    """
    have_hidden_data(topic)
    checks = [check for check in checks_of(topic) if tasks is None or check.task in tasks]
    run = _Run(topic, submission, {check.name: check for check in checks})
    with _without(*PYTEST_VARIABLES):
        code = pytest.main(
            [*QUIET, "--rootdir", str(run.file.parent), str(run.file)], plugins=[run]
        )
    if run.fault:
        raise run.fault
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or len(run.verdicts) != len(
        checks
    ):
        raise InfrastructureError(f"the hidden checks of {topic} could not be run (pytest: {code})")
    return [
        TaskVerdict(task, [run.verdicts[check.name] for check in checks if check.task == task])
        for task in dict.fromkeys(check.task for check in checks)
    ]


@contextmanager
def _without(*variables: str) -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in variables if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


@cache
def have_hidden_data(topic: str) -> None:
    """Make the packs that a topic's hidden checks read, unless they are there.

    Raises InfrastructureError if they can't be made.
    """
    try:
        hidden_packs_of(read_master(find_assignment(topic)))
    except CourseError as error:
        raise InfrastructureError(str(error)) from None


class _Run:
    """A pytest plugin for one run: provides the fixture `submission`, and collects the verdicts."""

    def __init__(self, topic: str, submission: Submission, checks: dict[str, Check]) -> None:
        self.graded, self.checks = submission, checks
        self.file = Path(str(checks_module(topic).__file__))
        self.misconceptions = misconceptions_of(topic)
        self.verdicts: dict[str, CheckVerdict] = {}
        self.fault: InfrastructureError | None = None

    @pytest.fixture
    def submission(self) -> Submission:
        self.graded.calls.clear()
        return self.graded

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool:
        """Whether a file is no file of the checks. This saves pytest's own, slow decision."""
        return collection_path not in (self.file, self.file.parent)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, name: str) -> list[pytest.Item] | None:
        """Nothing for what is not to be run: making its items takes as long as running a check."""
        return None if name in self.checks else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo
    ) -> pytest.TestReport:
        """A report without pytest's description of a failure, which is slow and not used."""
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, InfrastructureError):
            self.fault = error
            item.session.shouldstop = "infrastructure"
        elif call.when == "call":
            self.verdicts[item.name] = self._verdict(self.checks[item.name], error)
        assert call.when != "collect"  # which has reports of another class
        outcome: Literal["passed", "failed"] = "failed" if error else "passed"
        where = item.nodeid, item.location
        return pytest.TestReport(*where, {}, outcome, None, call.when, start=0, stop=0)

    def _verdict(self, check: Check, error: BaseException | None) -> CheckVerdict:
        verdict = CheckVerdict(check.name, check.says, check.points, passed=error is None)
        if error is None:
            return verdict
        failure = error if isinstance(error, Failure) else _unusable(check.task)
        verdict.kind, verdict.message = failure.kind, failure.message
        if check.explained and failure.kind not in ("not solved", "not defined"):
            found = explain(self.graded.calls, self.misconceptions.get(check.task, []))
            if found:
                verdict.misconception, verdict.hint = found.name, found.hint
        return verdict


def _unusable(task: str) -> Failure:
    """The failure of a check that raises something else.

    The checks pass on the reference, so the form of the answer is the cause.
    """
    return Failure("wrong type", f"what `{task}` returns can't be used as its docstring says")
