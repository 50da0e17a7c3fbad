"""Checkpoints of a training, so that a stopped build need not train from the beginning.

`autograder build` runs the solution with the variable COURSE_CHECKPOINTS set to a folder. `fit`
then saves a checkpoint there every few seconds of computing, and starts from the one that it finds.
Without the variable it neither saves nor reads anything.

A checkpoint holds the weights, the state of the optimizer and the scheduler, the history, the
position in the epoch, and the state of every random number generator that the training uses. So a
training that was stopped gives the same result, bit for bit, as one that was not.
"""

import hashlib
import json
import os
import pickle
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

FOLDER = "COURSE_CHECKPOINTS"  # the variable that names the folder
PROGRESS = "progress.json"  # the file in it that says how far the training is
EVERY = 10.0  # seconds of processor time from one checkpoint to the next
MOST = 20_000  # objects that are searched for generators
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
Generator = torch.Generator | np.random.Generator | np.random.RandomState | random.Random
# Objects of these types refer to no generator.
PLAIN = (ModuleType, Tensor, np.ndarray, str, bytes, int, float, type(None))
Access = tuple[Callable[[], Any], Callable[[Any], Any]]  # reads a generator's state, and sets it
_trainings = count()  # of this process


class Chance:
    """The state of all random numbers that some functions and models draw.

    These are the global generators of torch, numpy and Python, and those that the functions refer
    to, such as `chance` in `lambda batch: augmented(batch, chance)`.
    """

    def __init__(self, *users: object) -> None:
        self.access: list[Access] = [
            (torch.get_rng_state, torch.set_rng_state),
            (random.getstate, random.setstate),
            (partial(np.random.get_state, legacy=False), np.random.set_state),
        ]
        if torch.cuda.is_available():
            self.access.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
        self.access += [_access(generator) for generator in generators_of(*users)]

    def state(self) -> list:
        """What they are now, as tensors, numbers, strings and containers of these."""
        return [_plain(read()) for read, _ in self.access]

    def restore(self, state: list) -> None:
        """Set them back.

        Raises ValueError if the state is of other generators.
        """
        for (_, write), one in zip(self.access, state, strict=True):
            write(one)


def _access(generator: Generator) -> Access:
    if isinstance(generator, torch.Generator):
        return generator.get_state, generator.set_state
    if isinstance(generator, random.Random):
        return generator.getstate, generator.setstate
    if isinstance(generator, np.random.RandomState):
        return partial(generator.get_state, legacy=False), generator.set_state
    bits = generator.bit_generator
    return lambda: bits.state, lambda state: setattr(bits, "state", state)


def _plain(state: object) -> object:
    """Replace numpy's types, so that a checkpoint can be read without running code in it."""
    if isinstance(state, dict):
        return {name: _plain(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def generators_of(*users: object) -> list[Generator]:
    """The random number generators that functions, models or data loaders refer to; nearest first.

    Functions are followed through the names that they use, objects through their attributes. Only
    code of the same packages as the users', and of `course_utils`, is looked into.
    """
    ours = {_root(user) for user in users if callable(user)} - {"torch", "numpy"}
    ours |= {"__main__", "course_utils"}
    found: list[Generator] = []
    seen: dict[int, object] = {}  # keeps them alive: an id must not be used twice
    waiting = deque(users)
    while waiting and len(seen) < MOST:
        thing = waiting.popleft()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, Generator):
            found.append(thing)
        else:
            waiting.extend(part for part in _parts(thing, ours) if not isinstance(part, PLAIN))
    return found


def _root(thing: object) -> str:
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return str(module).partition(".")[0]


def _parts(thing: object, ours: set[str]) -> Iterable[object]:
    if isinstance(thing, FunctionType):
        return _used(thing) if _root(thing) in ours else ()
    if isinstance(thing, MethodType):
        return thing.__func__, thing.__self__
    if isinstance(thing, partial):
        return thing.func, *thing.args, *thing.keywords.values()
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return list(thing)
    if isinstance(thing, type):
        return list(vars(thing).values()) if _root(thing) in ours else ()
    if isinstance(thing, property | staticmethod | classmethod):
        return getattr(thing, "fget", None), getattr(thing, "__func__", None)
    return type(thing), *getattr(thing, "__dict__", {}).values()


def _used(function: FunctionType) -> list[object]:
    """What a function's names stand for: globals, variables around it, defaults."""
    values = [
        function.__globals__[name]
        for name in _names(function.__code__)
        if name in function.__globals__
    ]
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    return [*values, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def _names(code: CodeType) -> list[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return [*code.co_names, *(name for each in inner for name in _names(each))]


class Checkpoint:
    """Where a training is, kept in a file if this is a build.

    parts   what has a `state_dict`: model, optimizer, scheduler
    chance  its random numbers

    epoch   the epoch to go on with, from 0
    steps   how many steps of it are done
    record  the history so far, by the names of its fields
    """

    def __init__(self, parts: dict[str, Any], chance: Chance, path: Path | None) -> None:
        self.parts, self.chance, self.path = parts, chance, path
        self.epoch, self.steps, self.finished = 0, 0, False
        self.record: dict[str, Any] = {}
        self.went_on_at: int | None = None  # after so many steps in all
        self._before: list = []  # the random numbers' state at the start of the epoch
        self._now: list = []  # and at the checkpoint
        self._saved = time.process_time()
        self._told = 0.0
        if path is not None and path.is_file():
            self._read(path)

    def _read(self, path: Path) -> None:
        """Go on from a file; one that is damaged, or of another training, changes nothing."""
        begun = {name: deepcopy(part.state_dict()) for name, part in self.parts.items()}
        chance = self.chance.state()
        try:
            found = torch.load(path, weights_only=True, map_location="cpu")
            for name, part in self.parts.items():
                part.load_state_dict(found["parts"][name])
            self.chance.restore(found["before"])
            self.chance.restore(found["now"])
            place = int(found["epoch"]), int(found["steps"]), bool(found["finished"])
            record, steps = dict(found["record"]), len(found["record"]["losses"])
        except (*UNREADABLE, pickle.UnpicklingError):
            for name, part in self.parts.items():
                part.load_state_dict(begun[name])
            self.chance.restore(chance)
            return
        (self.epoch, self.steps, self.finished), self.record, self.went_on_at = place, record, steps
        self._before, self._now = found["before"], found["now"]

    def begin_epoch(self) -> int:
        """Call before an epoch's batches are asked for.

        returns  how many of them to skip; call `skipped` then
        """
        if self.path is not None:
            if self.steps:
                self.chance.restore(self._before)
            else:
                self._before = self.chance.state()
        return self.steps

    def skipped(self, batches: int) -> None:
        """So many of them have been skipped.

        Raises ValueError if there were fewer: the data has changed, so the checkpoint is deleted.
        """
        if batches != self.steps:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
            raise ValueError(
                "The training data changed while the build was stopped: start the build again."
            )
        if self.steps:
            self.chance.restore(self._now)

    def step_done(self, record: dict[str, Any], epochs: int) -> None:
        """Save, if it is time to."""
        self.steps += 1
        if self.path is not None:
            self._tell(self.path, record, epochs)
            if time.process_time() - self._saved >= EVERY:
                self._save(self.path, record)

    def epoch_done(self) -> None:
        """Go to the next epoch."""
        self.epoch, self.steps = self.epoch + 1, 0

    def end(self, record: dict[str, Any], epochs: int) -> None:
        """Save the result: if the build is stopped later, this training is not done again."""
        self.finished = True
        if self.path is not None:
            self._told = 0.0
            self._tell(self.path, record, epochs)
            self._save(self.path, record)

    def _save(self, path: Path, record: dict[str, Any]) -> None:
        state = {
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "record": record,
            "before": self._before,
            "now": self.chance.state(),
            "epoch": self.epoch,
            "steps": self.steps,
            "finished": self.finished,
        }
        content = BytesIO()
        try:
            torch.save(state, content)
            _replace(path, content.getvalue())
        except (*UNREADABLE, pickle.PicklingError):  # a full disk, or scores that can't be saved
            self.path = None  # the training itself is all right
        self._saved = time.process_time()

    def _tell(self, path: Path, record: dict[str, Any], epochs: int) -> None:
        """Write how far the training is, for people who watch the build."""
        now = time.monotonic()
        if now - self._told < 1:
            return
        self._told = now
        told = {
            "epoch": min(self.epoch + 1, epochs),
            "epochs": epochs,
            "step": len(record["losses"]),
            "from": self.went_on_at,
        }
        try:
            _replace(path.with_name(PROGRESS), json.dumps(told).encode(), lasting=False)
        except OSError:  # it is a courtesy
            return


def checkpoint_of(
    parts: dict[str, Any], users: Iterable[object], *, alone: bool = True
) -> Checkpoint:
    """The checkpoint of the training that begins now; one that does nothing unless this is a build.

    parts  as for `Checkpoint`
    users  the functions that training calls
    alone  there is one process; several save nothing
    """
    path = _own_file() if alone else None
    models = [part for part in parts.values() if isinstance(part, nn.Module)]
    return Checkpoint(parts, Chance(*users, *models) if path else Chance(), path)


def _own_file() -> Path | None:
    """The checkpoint's file; its name depends on all cells so far, so that changes are noticed."""
    folder = os.environ.get(FOLDER)
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not folder or shell is None:
        return None
    cells = json.dumps([*shell.history_manager.input_hist_parsed, next(_trainings)])
    return Path(folder) / f"{hashlib.sha256(cells.encode()).hexdigest()[:24]}.pt"


def _replace(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Write a file atomically.

    lasting  the new content survives a power failure, too
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)
