"""A control group for each box, where the judge may make one.

In a group of its own a box of sixty processes gets as much of a core as its neighbor's single one.
Memory of the kernel's (sockets, empty files, page tables) and shared memory that nobody maps count
with the rest. It is made inside of the judge's own group, so what bounds the judge bounds its
boxes, too. Version 1 and 2; without either, the limits of each process and the watch remain.
"""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from autograder.judge.limits import MB, Limits

PREFIX = "autograder-"
CONTROLLERS = ("cpu", "memory", "pids")
# What a box's pipes, files and page tables take of the kernel's memory, generously.
KERNEL = 256 * MB
REMOVAL = 5.0  # seconds for the kernel to let go of a group whose processes have ended
MOUNTS, OURS = Path("/proc/self/mountinfo"), Path("/proc/self/cgroup")


class Parent(NamedTuple):
    """A group in which others may be made.

    controls  what it bounds, out of CONTROLLERS
    unified   version 2
    """

    folder: Path
    controls: tuple[str, ...]
    unified: bool


class Cgroup:
    """A box's group: a folder for each hierarchy. Never fails: what can't be had is not there.

    controls  what it bounds, out of CONTROLLERS
    """

    def __init__(self, limits: Limits) -> None:
        self.folders: list[Path] = []
        self.controls: set[str] = set()
        name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        for parent in parents():
            sweep(parent.folder)
            folder = parent.folder / name
            try:
                folder.mkdir()
            except OSError:
                continue
            if controls := _bound(folder, parent, limits):
                self.folders.append(folder)
                self.controls |= controls
            else:
                folder.rmdir()

    def add(self, processes: Iterable[int]) -> None:
        """Move processes into it. What they start later is in it, too."""
        for folder in self.folders:
            for process in processes:
                with contextlib.suppress(OSError):  # it has ended; or this hierarchy is not ours
                    (folder / "cgroup.procs").write_text(str(process))

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended one of its processes for want of memory within its
        bounds.
        """
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    found = re.search(
                        r"^oom_kill (\d+)$", (folder / name).read_text(), re.MULTILINE
                    )
                    if found and int(found[1]):
                        return True
        return False

    def remove(self) -> None:
        """Remove it, once all that was in it has ended."""
        for folder in self.folders:
            deadline = time.monotonic() + REMOVAL
            while not _removed(folder) and time.monotonic() < deadline:
                time.sleep(0.005)
        self.folders = []


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # the kernel is not done with a process yet; the next judge sweeps it
        return False
    return True


def _bound(folder: Path, parent: Parent, limits: Limits) -> set[str]:
    """Set a group's bounds. Gives what of CONTROLLERS it has."""
    memory = str(limits.tree + limits.tmp + limits.shm + KERNEL)
    processes = str(limits.processes)
    if parent.unified:
        files = {"cpu.weight": "100", "memory.max": memory, "pids.max": processes}
        also = {"memory.swap.max": "0", "memory.oom.group": "1"}
    else:
        files = {"cpu.shares": "1024", "memory.limit_in_bytes": memory, "pids.max": processes}
        also = {"memory.memsw.limit_in_bytes": memory}
    files = {
        name: text for name, text in files.items() if name.partition(".")[0] in parent.controls
    }
    bound = {name.partition(".")[0] for name, text in files.items() if _wrote(folder / name, text)}
    for name, text in also.items():
        if "memory" in bound:
            _wrote(folder / name, text)
    return bound


def _wrote(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError:
        return False
    return True


def parents() -> Iterator[Parent]:
    """The groups in which the judge may be able to make others."""
    groups = dict(_our_groups())
    for root, point, kind, options in _hierarchies():
        controls = tuple(name for name in CONTROLLERS if name in options)
        name = "" if kind == "cgroup2" else next(iter(controls), None)
        if name is None or name not in groups:
            continue
        inside = os.path.relpath(groups[name], root)
        ours = point if inside.startswith("..") else point / inside
        if kind == "cgroup":
            if os.access(ours, os.W_OK):
                yield Parent(ours, controls, unified=False)
        elif found := _unified(ours, point):
            yield found


def _unified(ours: Path, top: Path) -> Parent | None:
    """In version 2 a group with processes can't have others in it, but for the top one: then beside
    it.
    """
    for folder in (ours, *([ours.parent] if ours != top else [])):
        if not os.access(folder, os.W_OK) or not os.access(folder / "cgroup.procs", os.W_OK):
            continue
        shared = _words(folder / "cgroup.subtree_control")
        for name in set(CONTROLLERS) & _words(folder / "cgroup.controllers") - shared:
            _wrote(folder / "cgroup.subtree_control", f"+{name}")
        if shared := _words(folder / "cgroup.subtree_control") & set(CONTROLLERS):
            return Parent(folder, tuple(sorted(shared)), unified=True)
    return None


def _words(path: Path) -> set[str]:
    try:
        return set(path.read_text().split())
    except OSError:
        return set()


def _our_groups() -> Iterator[tuple[str, str]]:
    """Each controller with the path of our group; version 2 by an empty name."""
    for line in _lines(OURS):
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, path


def _hierarchies() -> Iterator[tuple[str, Path, str, list[str]]]:
    """Where groups are mounted: which group, on which folder, of which version, with which
    options.
    """
    for line in _lines(MOUNTS):
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup"):
            root, point = before.split()[3:5]
            kind, _, options = after.split()[:3]
            yield root, Path(point), kind, options.split(",")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # not Linux
        return []


def sweep(folder: Path) -> None:
    """Remove the groups of judges that were killed: their processes ended with them."""
    for path in folder.glob(f"{PREFIX}[0-9]*-*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            _removed(path)
