"""The mounts that are new for each worker, made by a process that still may, before it gives that
up.

bubblewrap mounts what all workers of a zygote see. This mounts what is one worker's own: /tmp,
shared memory and terminals, each with a bound on its size and on how many files it can hold. And it
covers what /proc tells about the whole machine, as two submissions could signal each other with it.
Warm and cold workers get the same.

An ordinary user's box has a user namespace of its own besides, for what the kernel counts by user.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MS_PRIVATE = 1 << 18
NOBODY = 65534
INODES = 16384  # files, folders and links in a folder that can be written to: each is memory of the kernel's
TERMINALS = 16  # `!command` takes one; the kernel has some thousands for the whole machine

# Of /proc, besides the processes: what never changes; what programs look at, shown as it was at the
# start.
CONSTANT = ("cmdline", "filesystems", "version")
SHOWN = ("cpuinfo", "loadavg", "meminfo", "stat", "uptime")

libc = ctypes.CDLL(None, use_errno=True)


def snapshot() -> dict[str, bytes]:
    """What /proc says now about the machine."""
    found = {}
    for name in SHOWN:
        with contextlib.suppress(OSError):
            found[name] = Path("/proc", name).read_bytes()
    return found


def own(
    config: SimpleNamespace, machine: dict[str, bytes], *, ordinary: bool, new_proc: bool
) -> None:
    """Mount what is to be this worker's own. Raises OSError.

    config    tmp, shm: sizes; folders: to be made in /tmp; under_tmp: what of Python lies there
    machine   what /proc shall say about the machine
    ordinary  the judge is not root's, so this process is in a user namespace of its own
    new_proc  mount a /proc for the process namespace that this is the first process of
    """
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    _tmp(config)
    if new_proc:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if ordinary:  # for root's it would be the machine's own number
        _only_one_more()
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=64,mode=755")  # noqa: S108
    _cover_proc(machine, Path("/dev/shm"))  # noqa: S108  covered itself by the next one
    bounded = f"size={config.shm},nr_inodes={INODES},mode=1777"
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, bounded)  # noqa: S108
    terminals = f"newinstance,ptmxmode=0666,mode=620,max={TERMINALS}"
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, terminals)
    os.chdir(config.folders[0])


def _tmp(config: SimpleNamespace) -> None:
    inside = [(path, os.open(path, os.O_PATH)) for path in config.under_tmp]
    bounded = f"size={config.tmp},nr_inodes={INODES},mode=1777"
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, bounded)  # noqa: S108
    for path, descriptor in inside:  # Python may live there
        bind_back(Path(path), descriptor)
    for folder in config.folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder).chmod(0o777)


def _cover_proc(machine: dict[str, bytes], room: Path) -> None:
    """Cover what /proc tells about the whole machine.

    room  a folder that is out of sight later
    """
    (room / "empty").mkdir()
    (room / "nothing").touch()
    for name, content in machine.items():
        (room / name).write_bytes(content)
    mount("none", str(room), "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() or path.is_symlink() or path.name in CONSTANT:
            continue
        cover = room / (
            "empty" if path.is_dir() else path.name if path.name in machine else "nothing"
        )
        mount(str(cover), str(path), "", MS_BIND)


def bind_back(path: Path, descriptor: int) -> None:
    """Show again, read-only, what a new mount has covered."""
    source = f"/proc/self/fd/{descriptor}"
    if Path(source).is_dir():
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    mount(source, str(path), "", MS_BIND | MS_REC)
    os.close(descriptor)


# -------------------------------------------------------------------------------------------- users


def be_root_of_new_users(uid: int, gid: int) -> None:
    """In a new user namespace, be its root: a new /dev/pts can't be mounted otherwise. Raises
    OSError.

    uid gid  who this process is in the namespace around
    """
    _map(f"0 {uid} 1", f"0 {gid} 1")


def be_nobody() -> None:
    """Move on into a user namespace in which this process is nobody, and none can be made. Raises
    OSError.
    """
    unshare(CLONE_NEWUSER)
    _map(f"{NOBODY} 0 1", f"{NOBODY} 0 1")


def _only_one_more() -> None:
    """Have the kernel allow only one more user namespace below this one."""
    with contextlib.suppress(
        OSError
    ):  # read-only in a cold box; the filter of system calls denies it, too
        Path("/proc/sys/user/max_user_namespaces").write_text("1")


def _map(users: str, groups: str) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", users), ("gid_map", groups)):
        Path("/proc/self", name).write_text(text)


# ---------------------------------------------------------------------------------------- the calls


def take_own(config: SimpleNamespace) -> None:
    """A cold worker's own mounts. Where the system does not allow that, it keeps those that
    bubblewrap made.

    They are this box's own as well, but without a bound on what can be made in them.
    """
    uid, gid = os.geteuid(), os.getegid()
    ordinary = uid != 0
    machine = snapshot()
    try:
        unshare(CLONE_NEWNS | (CLONE_NEWUSER if ordinary else 0))
    except OSError:
        return
    if ordinary:
        be_root_of_new_users(uid, gid)
    own(config, machine, ordinary=ordinary, new_proc=False)
    if ordinary:
        be_nobody()


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    checked(libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). Raises OSError."""
    words: Iterable[bytes | None] = (word.encode() or None for word in (source, target, kind))
    source_, target_, kind_ = words
    result = libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), options.encode() or None)
    checked(result, f"mount {target}")


def checked(result: int, what: str) -> None:
    """Raises OSError for a call that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
