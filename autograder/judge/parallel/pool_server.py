"""A pool in a separate process, which judges the submissions that a Dask worker sends.

    python -m autograder.judge.parallel.pool_server CONFIG LIFELINE FD...     one FD per slot

A Dask worker runs many threads, so it is unsafe to fork it or to run pytest in it; hence the
separate process. The process ends, with its slots, zygote and files, when the other end of the
lifeline is closed (a Dask worker's death closes it too), or when it has been idle for some time,
for example because grading was killed.

    lifeline  sends {"why_cold": ...} once the pool is ready, or {"failed": why, and the fix}
    each FD   receives a Parcel; sends a verdict (or a drawing's problem) and a notebook as JSON, or
              None if the slot died
"""

import json
import shutil
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory

from autograder.assignments import CourseError, find_assignment
from autograder.judge.exam import Exam, exam_of, mismatch
from autograder.judge.judge import Judgement
from autograder.judge.parallel.jobs import Job, Result
from autograder.judge.parallel.pool import Pool


class PoolServer(Pool):
    """A pool in which each slot serves its own client; a context manager.

    lifeline  when its other end is closed, the server ends
    clients   one connection per slot
    folder    for the files of the submissions that are being judged
    Raises the same errors as Pool.
    """

    def __init__(
        self, exam: Exam, lifeline: Connection, clients: list[Connection], folder: Path
    ) -> None:
        super().__init__(exam, len(clients))
        self.lifeline, self.clients, self.folder = lifeline, clients, folder

    def serve(self, idle: float) -> None:
        """Judge until the lifeline is closed, or until the pool was idle for `idle` seconds."""
        while True:
            is_busy = any(slot.job for slot in self.slots)
            pipes = [self.lifeline, *self.clients, *(slot.pipe for slot in self.slots)]
            ready = wait(pipes, None if is_busy else idle)
            if not ready or self.lifeline in ready:
                return
            try:
                self._handle(ready)
            except (EOFError, OSError):  # a client is gone; the same process holds the lifeline
                return

    def _handle(self, ready: list) -> None:
        """Pass parcels to slots, and results back. Raises EOFError or OSError if a client ends."""
        for number, (client, slot) in enumerate(zip(self.clients, self.slots, strict=True)):
            if client in ready:
                parcel = client.recv()
                path = parcel.lay_out(self.folder / str(number))
                slot.job = Job(path, parcel.pictures, parcel.hung)
                with suppress(OSError):  # the slot has died; its pipe becomes ready next
                    slot.pipe.send(slot.job)
            elif slot.pipe in ready:
                result = self._receive(slot)
                if slot.job is not None:
                    shutil.rmtree(slot.job.path.parent, ignore_errors=True)
                    slot.job = None
                    client.send(serialize(result) if result else None)


def serialize(result: Result) -> tuple[str, str]:
    """A result as JSON: unlike pickled objects, text from a student's run is safe.

    returns  the verdict, or a drawing's problem; and the notebook
    """
    if isinstance(result, Judgement):
        return result.verdict.to_json(), json.dumps(result.notebook)
    return json.dumps(result.problem), json.dumps(result.notebook)


def main() -> None:
    """Start the pool, report that on the lifeline, and serve."""
    config = json.loads(sys.argv[1])
    lifeline, *clients = [Connection(int(number)) for number in sys.argv[2:]]
    folder = TemporaryDirectory(dir=config["folder"], prefix="judging-", ignore_cleanup_errors=True)
    with folder as made:
        try:
            server = _start(config, lifeline, clients, Path(made))
        except CourseError as error:
            lifeline.send({"failed": str(error)})
            return
        with server:
            lifeline.send({"why_cold": server.why_cold})
            server.serve(config["idle"])


def _start(
    config: dict, lifeline: Connection, clients: list[Connection], folder: Path
) -> PoolServer:
    """Start the pool. Raises CourseError if this machine can't judge the class."""
    exam = exam_of(find_assignment(config["assignment"]), config["level"])
    if different := mismatch(exam.environment(), config["grader"]):
        raise CourseError(f"It {different}")
    return PoolServer(exam, lifeline, clients, folder)


if __name__ == "__main__":
    main()
