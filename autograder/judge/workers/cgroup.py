"""A control group (cgroup) for each box, where the judge may make one.

With groups, a box of sixty processes gets no larger share of the cores than a box of one. The group
also counts memory of the kernel (sockets, empty files, page tables), and shared memory that no
process maps. It is made inside of the judge's own group, so the limits of the judge hold for its
boxes, too. Versions 1 and 2 are used. Without either, only the limits of each process and the watch
remain.
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
# An upper bound for the kernel's memory that a box's pipes, files and page tables take.
KERNEL = 256 * MB
REMOVAL = 5.0  # seconds for the kernel to release a group whose processes have ended
OOM_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
MOUNTS, OURS = Path("/proc/self/mountinfo"), Path("/proc/self/cgroup")


class Parent(NamedTuple):
    """A group in which others may be made.

    controls  the CONTROLLERS that it has
    unified   it is of version 2
    """

    folder: Path
    controls: tuple[str, ...]
    unified: bool


class Cgroup:
    """A box's group: a folder for each hierarchy. What the system does not allow is left out.

    controls  the CONTROLLERS that it has
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
        """Move processes into it. Those that they start later are in it, too."""
        for folder in self.folders:
            for process in processes:
                # It has ended, or we may not write into this hierarchy.
                with contextlib.suppress(OSError):
                    (folder / "cgroup.procs").write_text(str(process))

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended one of its processes because of its limit on memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                found = OOM_KILLS.search("\n".join(_lines(folder / name)))
                if found and int(found[1]):
                    return True
        return False

    def remove(self) -> None:
        """Remove it. All of its processes must have ended."""
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
    except OSError:  # the kernel has not released a process yet; the next judge removes it
        return False
    return True


def _bound(folder: Path, parent: Parent, limits: Limits) -> set[str]:
    """Set a group's limits. Returns the CONTROLLERS that it has."""
    memory = str(limits.tree + limits.tmp + limits.shm + KERNEL)
    processes = str(limits.processes)
    if parent.unified:
        files = {"cpu.weight": "100", "memory.max": memory, "pids.max": processes}
        also = {"memory.swap.max": "0", "memory.oom.group": "1"}
    else:
        files = {"cpu.shares": "1024", "memory.limit_in_bytes": memory, "pids.max": processes}
        also = {"memory.memsw.limit_in_bytes": memory}
    bound = set()
    for name, text in files.items():
        controller = name.partition(".")[0]
        if controller in parent.controls and _wrote(folder / name, text):
            bound.add(controller)
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
    """The groups in which the judge may be able to make its own."""
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
    """The group of version 2 in which another can be made: ours, or the one around it.

    A group that has processes can't have groups in it, unless it is the top one.
    """
    for folder in dict.fromkeys((ours, ours.parent if ours != top else ours)):
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
    """Where groups are mounted: the group, its folder, the kind and the options."""
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
