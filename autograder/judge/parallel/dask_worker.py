"""The functions that run in a Dask worker: pass submissions to a separate pool process.

Each class has its own pool, with as many slots as the Dask worker has threads. So a plain `dask
worker ADDRESS` uses all cores of a machine, with one zygote. The judge itself is never imported
into the Dask worker's process.
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

IDLE = 300.0  # seconds after which an idle pool ends
LOOK = 1.0  # seconds between checks whether the pool is alive
GRACE = 15.0  # seconds that a pool may take to end by itself

Key = tuple[str, str]  # the Dask worker's address, and the id of the run

_pools: dict[Key, "PoolProcess"] = {}
_ended: set[Key] = set()
_lock = threading.Lock()


class PoolProcess:
    """A running pool server. Raises UnfitError if this machine can't judge the class.

    slots   how many submissions it judges at a time
    folder  for the files of the submissions that it is judging
    """

    def __init__(self, setting: Setting, slots: int, folder: str) -> None:
        pairs = [Pipe() for _ in range(1 + slots)]
        self.lifeline, *ours = [mine for mine, _ in pairs]
        self.process = _start(setting, [theirs for _, theirs in pairs], folder)
        self.free: SimpleQueue[Connection] = SimpleQueue()
        for connection in ours:
            self.free.put(connection)
        try:
            started = self._receive(self.lifeline)
        except LostError:
            why = "The grader did not start. See the Dask worker's log for the reason."
            raise UnfitError(why) from None
        if "failed" in started:
            self.close()
            raise UnfitError(started["failed"])
        self.why_cold: str = started["why_cold"]

    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    def run(self, parcel: Parcel) -> tuple[str, str]:
        """Judge a submission, or draw for it; returns JSON as `serialize`. Raises LostError."""
        connection = self.free.get()
        try:
            connection.send(parcel)
            answer = self._receive(connection)
        except OSError as error:
            raise LostError from error
        finally:
            self.free.put(connection)
        if answer is None:
            raise LostError
        return answer

    def close(self) -> None:
        """End the process, even while it is judging."""
        self.lifeline.close()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _receive(self, connection: Connection) -> Any:
        """The next message. Raises LostError if the pool has died."""
        # Don't rely on EOFError: slots hold copies of the connection, so it may outlive the pool.
        while not connection.poll(LOOK):
            if not self.is_alive():
                raise LostError
        try:
            return connection.recv()
        except (EOFError, OSError) as error:
            raise LostError from error


def _start(setting: Setting, ends: list[Connection], folder: str) -> subprocess.Popen:
    config = json.dumps(asdict(setting) | {"folder": folder, "idle": IDLE})
    numbers = [end.fileno() for end in ends]
    command = [sys.executable, "-P", "-m", f"{__package__}.pool_server", config]
    # Import the same clone of the course as this process, even if another one is installed.
    path = [str(COURSE)]
    if before := os.environ.get("PYTHONPATH"):
        path.append(before)
    process = subprocess.Popen(
        [*command, *map(str, numbers)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        stdin=subprocess.DEVNULL,
        pass_fds=numbers,
        start_new_session=True,  # the Dask worker handles Ctrl-C, and closes the lifeline
    )
    for end in ends:
        end.close()
    return process


def _get_pool(setting: Setting, worker: Any) -> PoolProcess:
    """The class's pool of this Dask worker, started if needed. Raises UnfitError or LostError.

    worker  a distributed.Worker
    """
    key = (worker.address, setting.run)
    with _lock:
        if key in _ended:
            raise LostError
        if key not in _pools or not _pools[key].is_alive():
            _pools[key] = PoolProcess(setting, worker.state.nthreads, worker.local_directory)
        return _pools[key]


async def begin(setting: Setting, dask_worker: Any) -> dict[str, str]:
    """Start a class's pool. Returns {"why_cold": ...}, or {"failed": why, and the fix}."""
    try:
        pool = await asyncio.to_thread(_get_pool, setting, dask_worker)
    except UnfitError as error:
        return {"failed": str(error)}
    return {"why_cold": pool.why_cold}


def run_parcel(setting: Setting, parcel: Parcel) -> tuple[str, str]:
    """Judge a submission, or draw for it, as a Dask task; returns JSON as `serialize` does.

    Raises LostError, or UnfitError with this worker's address.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        return _get_pool(setting, worker).run(parcel)
    except UnfitError as error:
        raise UnfitError(f"{worker.address}: {error}") from None


async def end(run: str, dask_worker: Any) -> None:
    """End a class's pool, even while it is judging. Does nothing if it has ended already."""
    await asyncio.to_thread(_end, (dask_worker.address, run))


def _end(key: Key) -> None:
    with _lock:
        _ended.add(key)  # a task that arrives late must not start another pool
        pool = _pools.pop(key, None)
    if pool:
        pool.close()
