"""The proof's mutants: `survivors(topic, task, names)` runs a task's hidden checks on each."""

import gc
import inspect
import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Collection
from functools import cache
from multiprocessing import forkserver
from types import ModuleType
from unittest.mock import patch

import torch

from autograder.assignments import Assignment, assignments
from autograder.checks import checks_module, checks_of
from autograder.judge.checking.mutants import mutants_of
from autograder.judge.checking.submission import LocalSubmission

__all__ = ["mutants_of", "reference", "survivors"]

CPU_SECONDS, BYTES = 20, 4 << 30  # a mutant that hangs or swells dies of it
LIVED, DIED = 0, 1


def survivors(topic: str, task: str, names: Collection[str]) -> list[str]:
    """Those of a task's mutants that no hidden check kills, of those with these names.

    Each runs in a process of its own, forked from a server that has imported torch and the checks.
    """
    context = _context()
    function = getattr(reference(topic), task)
    if not _lives(context, topic, task, inspect.getsource(function)):
        raise RuntimeError(
            f"the reference of {task} does not pass, so that no mutant's death means anything"
        )
    mutants = mutants_of(function)
    return [name for name in names if _lives(context, topic, task, mutants[name])]


@cache
def _context() -> multiprocessing.context.BaseContext:
    """The server that mutants are forked from: it has imported what any topic's checks need.

    A process that had to import them itself would take seconds for a check of milliseconds.
    """
    context = multiprocessing.get_context("forkserver")
    topics = [assignment.topic for assignment in assignments()]
    checks = [f"autograder.checks.test_{topic}" for topic in topics]
    references = [f"course_utils.reference.{topic}" for topic in topics]
    modules = [torch.__name__, LocalSubmission.__module__, *checks, *references, __name__]
    context.set_forkserver_preload(modules)
    with patch.dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"):
        forkserver.ensure_running()
    return context


def _lives(
    context: multiprocessing.context.BaseContext, topic: str, task: str, source: str
) -> bool:
    process = context.Process(target=_run, args=(topic, task, source))
    process.start()
    process.join(600)
    if process.exitcode is None:  # it sleeps: no CPU limit catches that
        process.kill()
        process.join()
    return process.exitcode == LIVED


def _run(topic: str, task: str, source: str) -> None:
    """Try the checks in turn, in a process that may end any way it likes."""
    torch.set_num_threads(1)
    gc.disable()  # it would copy the server's memory, and the process ends in a moment
    for limit, most in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_DATA, BYTES)):
        resource.setrlimit(limit, (most, most))
    try:
        submission = LocalSubmission(vars(reference(topic)) | {task: _built(topic, task, source)})
        for check in checks_of(topic):
            if check.task == task:
                getattr(checks_module(topic), check.name)(submission)
    except BaseException:  # any failure at all is a death
        sys.exit(DIED)
    sys.exit(LIVED)


def _built(topic: str, task: str, source: str) -> Callable:
    namespace = dict(vars(reference(topic)))
    exec(compile(source, "<mutant>", "exec"), namespace)
    return namespace[task]


def reference(topic: str) -> ModuleType:
    """The reference module of a topic."""
    return Assignment(f"_{topic}").reference()
