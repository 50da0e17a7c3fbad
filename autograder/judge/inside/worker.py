"""The worker: the untrusted process that runs a submission's cells and answers calls.

    main() with the arguments FD CONFIG: its end of a socket pair, and the limits as JSON

First it imports what notebooks import. Then it confines itself, and only after that it says
{"ready": true} and meets a student's code. From there on it may be under the student's control: the
judge trusts nothing that it says. The protocol is described in session.py.
"""

import contextlib
import json
import os
import pkgutil
import socket
import sys
from types import SimpleNamespace

# For the notebooks: what these take in time and memory is not the student's.
import skimage.color  # noqa: F401
import torch

from . import frames, mounts
from .confine import confine
from .defaults import seed
from .session import Notebook


def main() -> None:
    """Start up, say so, and serve."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)  # a program that a cell starts does not get it
    config = SimpleNamespace(**json.loads(sys.argv[2]))
    del sys.argv[1:]
    if config.mounts:
        mounts.take_own(config)
    work(connection, config, prepare(config))


def prepare(config: SimpleNamespace) -> Notebook:
    """Do all that can be done before a student's code is known."""
    torch.set_num_threads(1)
    # First of all: a module may look for the shell that it is imported in.
    notebook = Notebook(config.output)
    for name in config.preload:
        # What can't be imported here fails again in the cell that imports it, which says so.
        with contextlib.suppress(ImportError, AttributeError):
            pkgutil.resolve_name(name)
    # The working folder, as in a kernel: `%%writefile mine.py`, then `import mine`. It takes the
    # place of the folder with this package.
    sys.path[0] = ""
    return notebook


def work(connection: socket.socket, config: SimpleNamespace, notebook: Notebook) -> None:
    """Confine this process, say that it is ready, serve, and end it."""
    confine(config)
    seed()
    frames.send(connection, {"ready": True}, {})
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    serve(connection, notebook, config)
    os._exit(0)  # at once: what a student's code has registered for the end is not run


def serve(connection: socket.socket, notebook: Notebook, bounds: frames.Bounds) -> None:
    """Answer requests until the judge closes its end."""
    home = os.getpid()
    while True:
        try:
            with torch.inference_mode(False):  # what is made in it can't be differentiated later
                request, tensors = frames.receive(connection, limits=bounds)
        except frames.Closed:
            return
        reply, body = notebook.answer(request, tensors)
        # A child that a cell has forked may come here, too: the judge waits for one answer.
        if os.getpid() != home:
            os._exit(0)
        token = {"id": request["id"]}
        try:
            frames.send(connection, reply | token, body, limits=bounds)
        except frames.TooLargeError:
            frames.send(connection, notebook.without_value(reply) | token, {}, limits=bounds)
