"""What a Dask worker runs: it hands submissions to a pool beside it, and answers with JSON.

One pool for each class, with as many slots as the Dask worker has threads. So `dask worker ADDRESS`
by itself uses all cores of a machine, with one zygote. Nothing of the judge is loaded into the Dask
worker's process.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from autograder.assignments import COURSE
from autograder.judge.parallel.messages import LostError, Parcel, Setting, UnfitError

IDLE = 300.0  # seconds after which a pool ends that nobody needs any more
LOOK = 1.0  # seconds between looks at whether the pool is alive
GRACE = 15.0  # seconds for a pool to end by itself

_pools: dict[tuple[str, str], "PoolProcess"] = {}  # by the Dask worker's address, and the class
_over: set[tuple[str, str]] = set()
_one_at_a_time = threading.Lock()


class PoolProcess:
    """A pool server of our own. Raises UnfitError when this machine can't judge the class.

    slots   how many submissions at a time
    folder  where it keeps what it is judging
    """

    def __init__(self, setting: Setting, slots: int, folder: str) -> None:
        pairs = [Pipe() for _ in range(1 + slots)]
        self.lifeline, *ours = [mine for mine, _ in pairs]
        self.process = _start(setting, [theirs for _, theirs in pairs], folder)
        self.free: SimpleQueue[Connection] = SimpleQueue()
        for connection in ours:
            self.free.put(connection)
        try:
            started = self._answer(self.lifeline)
        except LostError:
            raise UnfitError("The grader did not start. The Dask worker's log says why.") from None
        if "failed" in started:
            self.close()
            raise UnfitError(started["failed"])
        self.why_cold: str = started["why_cold"]

    def is_alive(self) -> bool:
        """Whether it can be given something to judge."""
        return self.process.poll() is None

    def judge(self, parcel: Parcel) -> tuple[str, str]:
        """The verdict and the notebook, as JSON. Raises LostError."""
        connection = self.free.get()
        try:
            connection.send(parcel)
            answer = self._answer(connection)
        except OSError as error:
            raise LostError from error
        finally:
            self.free.put(connection)
        if answer is None:
            raise LostError
        return answer

    def close(self) -> None:
        """End it, whatever it is at."""
        self.lifeline.close()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answer(self, connection: Connection) -> Any:  # noqa: ANN401
        """What comes next. Raises LostError."""
        # That the pool is gone is not told by the connection's end: its slots hold that, too.
        while not connection.poll(LOOK):
            if not self.is_alive():
                raise LostError
        try:
            return connection.recv()
        except (EOFError, OSError) as error:
            raise LostError from error


def _start(setting: Setting, ends: list[Connection], folder: str) -> subprocess.Popen:
    config = asdict(setting) | {"folder": folder, "idle": IDLE}
    numbers = [end.fileno() for end in ends]
    # The clone that this process has, wherever else one is installed.
    path = os.pathsep.join([str(COURSE), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            f"{__package__}.pool_server",
            json.dumps(config),
            *map(str, numbers),
        ],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        pass_fds=numbers,
        start_new_session=True,  # Ctrl-C is for the Dask worker, which then closes the lifeline
    )
    for end in ends:
        end.close()
    return process


def _pool(setting: Setting, worker: Any) -> PoolProcess:  # noqa: ANN401  distributed.Worker
    """The class's pool beside this Dask worker, started if it is not there. Raises UnfitError,
    LostError.
    """
    name = (worker.address, setting.run)
    with _one_at_a_time:
        if name in _over:
            raise LostError
        if name not in _pools or not _pools[name].is_alive():
            _pools[name] = PoolProcess(setting, worker.state.nthreads, worker.local_directory)
        return _pools[name]


async def begin(setting: Setting, dask_worker: Any) -> dict[str, str]:  # noqa: ANN401
    """Start a class's pool. Returns {"why_cold": ...}, or {"failed": a sentence with the
    remedy}.
    """
    try:
        pool = await asyncio.to_thread(_pool, setting, dask_worker)
    except UnfitError as error:
        return {"failed": str(error)}
    return {"why_cold": pool.why_cold}


def judge_parcel(setting: Setting, parcel: Parcel) -> tuple[str, str]:
    """A task: the verdict and the notebook, as JSON. Raises LostError; UnfitError, with the
    address.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        return _pool(setting, worker).judge(parcel)
    except UnfitError as error:
        raise UnfitError(f"{worker.address}: {error}") from None


async def end(run: str, dask_worker: Any) -> None:  # noqa: ANN401
    """End a class's pool, whatever it is at. May come twice."""
    await asyncio.to_thread(_end, (dask_worker.address, run))


def _end(name: tuple[str, str]) -> None:
    with _one_at_a_time:
        _over.add(name)  # a task that is on its way starts none
        pool = _pools.pop(name, None)
    if pool:
        pool.close()
