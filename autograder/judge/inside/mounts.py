"""File systems that each worker has for itself, mounted before it gives up the right to mount.

bubblewrap mounts what all workers of a zygote see. This module mounts what belongs to one worker:
/tmp, shared memory and terminals, each with a limit on its size and on the number of its files. It
also covers what /proc reports about the whole machine, through which two submissions could signal
each other. Warm and cold workers get the same.

If the judge is not run by root, each worker also gets a user namespace of its own, for what the
kernel counts by user.
"""

import contextlib
import ctypes
import os
from pathlib import Path
from types import SimpleNamespace

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MS_PRIVATE = 1 << 18
NOBODY = 65534
# Files, folders and links in a file system that can be written to: each takes memory of the kernel.
INODES = 16384
TERMINALS = 16  # `!command` takes one; the kernel has some thousands for the whole machine

# Files of /proc that never change, and files that programs read: these are shown as they were at
# the start.
CONSTANT = ("cmdline", "filesystems", "version")
SHOWN = ("cpuinfo", "loadavg", "meminfo", "stat", "uptime")

libc = ctypes.CDLL(None, use_errno=True)


def snapshot() -> dict[str, bytes]:
    """What /proc reports about the machine now, by file."""
    found = {}
    for name in SHOWN:
        with contextlib.suppress(OSError):
            found[name] = Path("/proc", name).read_bytes()
    return found


def own(
    config: SimpleNamespace, machine: dict[str, bytes], *, ordinary: bool, new_proc: bool
) -> None:
    """Mount the file systems of this worker. Raises OSError.

    config    tmp, shm: sizes; folders: to be made in /tmp; under_tmp: parts of Python in it
    machine   what /proc is to report about the machine
    ordinary  the judge is not run by root, so this process is in a user namespace of its own
    new_proc  mount a /proc, for this is the first process of a new process namespace
    """
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    _tmp(config)
    if new_proc:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if ordinary:  # for root's it would be the machine's own number
        _only_one_more()
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=64,mode=755")
    _cover_proc(machine, Path("/dev/shm"))
    bounded = f"size={config.shm},nr_inodes={INODES},mode=1777"
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, bounded)
    terminals = f"newinstance,ptmxmode=0666,mode=620,max={TERMINALS}"
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, terminals)
    os.chdir(config.folders[0])


def _tmp(config: SimpleNamespace) -> None:
    inside = [(path, os.open(path, os.O_PATH)) for path in config.under_tmp]
    bounded = f"size={config.tmp},nr_inodes={INODES},mode=1777"
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, bounded)
    for path, descriptor in inside:  # Python may live there
        bind_back(Path(path), descriptor)
    for folder in config.folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder).chmod(0o777)


def _cover_proc(machine: dict[str, bytes], room: Path) -> None:
    """Cover what /proc reports about the whole machine.

    room  a folder for the covers, which will itself be covered
    """
    (room / "empty").mkdir()
    (room / "nothing").touch()
    for name, content in machine.items():
        (room / name).write_bytes(content)
    mount("none", str(room), "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() or path.is_symlink() or path.name in CONSTANT:
            continue
        if path.is_dir():
            cover = "empty"
        elif path.name in machine:
            cover = path.name
        else:
            cover = "nothing"
        mount(str(room / cover), str(path), "", MS_BIND)


def bind_back(path: Path, descriptor: int) -> None:
    """Show again, read-only, a path that a new mount has covered."""
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
    """Become root in a new user namespace, which mounting a new /dev/pts takes. Raises OSError.

    uid, gid  who this process is in the surrounding namespace
    """
    _map(f"0 {uid} 1", f"0 {gid} 1")


def be_nobody() -> None:
    """Enter a user namespace with no rights, in which no other can be made. Raises OSError."""
    unshare(CLONE_NEWUSER)
    _map(f"{NOBODY} 0 1", f"{NOBODY} 0 1")


def _only_one_more() -> None:
    """Have the kernel allow only one more user namespace below this one."""
    # Read-only in a cold box, where the filter of system calls denies new namespaces, too.
    with contextlib.suppress(OSError):
        Path("/proc/sys/user/max_user_namespaces").write_text("1")


def _map(users: str, groups: str) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", users), ("gid_map", groups)):
        Path("/proc/self", name).write_text(text)


# ---------------------------------------------------------------------------------------- the calls


def take_own(config: SimpleNamespace) -> None:
    """Mount the file systems of a cold worker, if the system allows it.

    Otherwise it keeps those that bubblewrap made. They also belong to this box alone, but nothing
    limits the number of their files.
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
    words = [word.encode() or None for word in (source, target, kind)]
    result = libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    checked(result, f"mount {target}")


def checked(result: int, what: str) -> None:
    """Raises OSError for a call that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
