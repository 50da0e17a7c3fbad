"""A pool in a process of its own, for a Dask worker: it judges what is sent, as long as anybody
listens.

    python -m autograder.judge.parallel.pool_server CONFIG LIFELINE FD...     an FD for each slot

It is a process because a Dask worker is full of threads: no place to fork from, and none for
pytest. It ends, with its slots, its zygote and its files, when the other end of the lifeline is
closed, which a Dask worker's death does too; or when nothing has come for a while, as after a class
that was killed.

    lifeline  {"why_cold": ...} once it is ready, or {"failed": a sentence with the remedy}
    an FD     a Parcel in; the verdict and the notebook out, as JSON; or None, if the slot was lost
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
from autograder.judge.parallel.pool import Pool


class PoolServer(Pool):
    """A pool each of whose slots has its own client; a context manager.

    lifeline  closed at its other end, it is time to end
    clients   one for each slot
    folder    where the submissions lie that are being judged
    Raises as Pool.
    """

    def __init__(
        self,
        exam: Exam,
        lifeline: Connection,
        clients: list[Connection],
        folder: Path,
    ) -> None:
        super().__init__(exam, len(clients))
        self.lifeline, self.clients, self.folder = lifeline, clients, folder

    def serve(self, idle: float) -> None:
        """Judge what comes, until the lifeline is closed or nothing has come for `idle` seconds."""
        while True:
            at_work = any(slot.path for slot in self.slots)
            pipes = [self.lifeline, *self.clients, *(slot.pipe for slot in self.slots)]
            ready = wait(pipes, None if at_work else idle)
            if not ready or self.lifeline in ready:
                return
            try:
                self._attend(ready)
            except (EOFError, OSError):  # a client has gone, and with it whoever holds the lifeline
                return

    def _attend(self, ready: list) -> None:
        """Take what clients send, and answer what slots have done. Raises EOFError or OSError at an
        end.
        """
        for number, (client, slot) in enumerate(zip(self.clients, self.slots, strict=True)):
            if client in ready:
                slot.path = client.recv().lay_out(self.folder / str(number))
                with suppress(OSError):  # lost while it had nothing to do: its pipe will tell
                    slot.pipe.send(slot.path)
            elif slot.pipe in ready:
                judgement = self._received(slot)
                if slot.path is not None:
                    shutil.rmtree(slot.path.parent, ignore_errors=True)
                    slot.path = None
                    client.send(judgement and as_json(judgement))


def as_json(judgement: Judgement) -> tuple[str, str]:
    """A verdict and its notebook, as text: no object that a student has had a hand in goes any
    further.
    """
    return judgement.verdict.to_json(), json.dumps(judgement.notebook)


def main() -> None:
    """Start, say so on the lifeline, and serve."""
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
    """Raises CourseError: this machine is not fit to judge the class."""
    exam = exam_of(find_assignment(config["assignment"]), config["level"])
    if different := mismatch(exam.environment(), config["grader"]):
        raise CourseError(f"It {different}")
    return PoolServer(exam, lifeline, clients, folder)


if __name__ == "__main__":
    main()
