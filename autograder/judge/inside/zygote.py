"""The zygote: a process that has imported everything, and forks a ready worker for each submission.

    main() with the arguments CONFIG FD...     each FD is one slot's end of a control connection

It runs in a box of its own and never runs a student's code. For each request it forks an *init*,
which enters new namespaces (processes, files, network, System V; users, if the judge is not run by
root) and forks the worker there:

    zygote ── init (first process of the namespaces; reports how the worker ended) ── worker

When the init ends, the kernel ends every process that is left in its namespaces. The init ends when
the worker has ended, when the judge closes its end of the status connection, or when the judge
kills it.

    request   the worker's config: its limits and its user; with two file descriptors: the worker's
              end of the request/reply connection, and the init's end of the status connection
    status    {"started": true} with the init's pidfd; later {"exit": code, or minus the signal}
              or {"failed": why}
"""

import contextlib
import ctypes
import errno
import gc
import io
import json
import os
import platform
import select
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import torch

from . import mounts, worker
from .mounts import CLONE_NEWNS, CLONE_NEWUSER, checked
from .session import Notebook

CLONE_NEWUTS, CLONE_NEWIPC = 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
REAP_INTERVAL = 500  # milliseconds


def main() -> None:
    """Import everything, report it on each control connection, and fork until all are closed."""
    config = SimpleNamespace(**json.loads(sys.argv[1]))
    slots = [socket.socket(fileno=int(number)) for number in sys.argv[2:]]
    del sys.argv[1:]
    notebook = worker.prepare(config)
    warm_up(notebook)
    load(config.loads)
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise SystemExit("the zygote has threads: a fork of it would hang")
    # Each worker then gets its own user namespace, so the kernel counts for each worker what it
    # counts by user. Under root each worker is a user of its own already.
    config.ordinary = os.geteuid() != 0
    config.machine = mounts.snapshot()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # only the judge waits for an init
    gc.collect()
    gc.freeze()  # or the first collection in a child would copy every page that it looks at
    for slot in slots:
        slot.send(json.dumps({"ready": True}).encode())
    while slots:
        for slot in select.select(slots, [], [])[0]:
            message, descriptors, _, _ = socket.recv_fds(slot, 2**16, 2)
            if not message:
                slots.remove(slot)
                continue
            request = SimpleNamespace(**vars(config) | json.loads(message))
            serve(request, notebook, descriptors)


def warm_up(notebook: Notebook) -> None:
    """Draw, convolve and fail once, as notebooks do, so that all it takes is loaded."""
    figure = plt.figure()
    figure.add_subplot().set_title("warm")
    figure.savefig(io.BytesIO(), format="png")
    plt.close("all")
    torch.nn.functional.conv2d(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 3, 3))
    try:  # in a file and outside of one, as from a cell
        exec(compile("json.loads('')", "<warm-up>", "exec"), {"json": json})
    except ValueError:
        notebook.shell.InteractiveTB.structured_traceback(*sys.exc_info())


def load(sources: list[str]) -> None:
    """Run given code that reads data: loaders remember it, and all workers share the memory.

    The names are thrown away: each worker runs this code again when its turn comes.
    """
    names: dict[str, object] = {}
    for source in sources:
        with contextlib.suppress(Exception):  # it fails again in its cell, which says so
            exec(compile(source, "<given>", "exec"), names)


def serve(config: SimpleNamespace, notebook: Notebook, descriptors: list[int]) -> None:
    """Fork an init for one submission, and report it to the judge."""
    connection, status = descriptors
    try:
        uid, gid = os.geteuid(), os.getegid()
        child = fork_into_new_processes(CLONE_NEWUSER if config.ordinary else 0)
        if child == 0:
            config.was = uid, gid
            init(config, notebook, connection, status)
        pidfd = os.pidfd_open(child)
        with socket.socket(fileno=os.dup(status)) as answer:
            socket.send_fds(answer, [json.dumps({"started": True}).encode()], [pidfd])
        os.close(pidfd)
    except OSError as error:
        with socket.socket(fileno=os.dup(status)) as answer:
            answer.send(json.dumps({"failed": str(error)}).encode())
    for descriptor in descriptors:
        os.close(descriptor)


def fork_into_new_processes(more: int = 0) -> int:
    """fork(2), where the child is the first process of a new process namespace. Raises OSError.

    more  flags of other new namespaces for it
    With unshare(2) this process could do so only once: returning takes privileges over its own
    namespace, which bubblewrap leaves to root alone.
    """
    api, number = ctypes.PyDLL(None, use_errno=True), SYS_CLONE.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"no number for clone on {platform.machine()}")
    api.PyOS_BeforeFork()
    words = [number, CLONE_NEWPID | more | signal.SIGCHLD, 0, 0, 0, 0]
    child = api.syscall(*map(ctypes.c_long, words))
    if child == 0:
        api.PyOS_AfterFork_Child()
    else:
        api.PyOS_AfterFork_Parent()
        checked(min(child, 0), "clone")
    return child


def init(config: SimpleNamespace, notebook: Notebook, connection: int, status: int) -> None:
    """The first process of a submission's namespaces. Never returns."""
    report = socket.socket(fileno=status)
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # where the kernel shares cores among sessions, each box gets a share
        close_all_but(connection, status)
        enter_namespaces(config)
        child = os.fork()
        if child == 0:
            report.close()
            work(config, notebook, connection)
        os.close(connection)
        code = watch(child, report)
        report.send(json.dumps({"exit": code}).encode())
    except BaseException as error:
        report.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
    finally:
        os._exit(0)


def work(config: SimpleNamespace, notebook: Notebook, connection: int) -> None:
    """The worker. Never returns."""
    code = 70
    try:
        if config.ordinary:
            mounts.be_nobody()
        notebook.recorder.limit = config.output
        worker.work(socket.socket(fileno=connection), config, notebook)
        code = 0
    finally:
        os._exit(code)


def watch(child: int, report: socket.socket) -> int:
    """Wait until the worker ends, and return its exit code, or minus its signal.

    If the judge closes the connection before that, end this process.
    """
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(report, select.POLLIN)  # nothing is ever sent: readable means closed
    while True:
        events = dict(poll.poll(REAP_INTERVAL))
        for pid, code in reaped():
            if pid == child:
                return code
        if report.fileno() in events:
            os._exit(0)


def reaped() -> list[tuple[int, int]]:
    """The children that have ended, orphans of the worker among them, with their exit codes."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def close_all_but(*kept: int) -> None:
    """Close every descriptor but the standard ones and these."""
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number not in kept:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(number)


def enter_namespaces(config: SimpleNamespace) -> None:
    """Move this process and its children into new namespaces, where nothing old is writable."""
    if config.ordinary:
        mounts.be_root_of_new_users(*config.was)
    mounts.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
    mounts.own(config, config.machine, ordinary=config.ordinary, new_proc=True)
