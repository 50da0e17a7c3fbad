"""A process gives up what a submission must not have, for good: rights, memory, system calls."""

import base64
import ctypes
import math
import os
import re
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from types import SimpleNamespace

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 1, 22, 38, 2
CAPABILITY_VERSION = 0x20080522


def confine(config: SimpleNamespace) -> None:
    """Confine this process. Nothing can be undone afterwards.

    config  the limits, and: uid, who to become, or None; processes, or None for no limit;
            filter, the system calls that are denied, in base 64
    """
    if config.uid is not None:
        # bubblewrap run by root has left us just what this needs. RLIMIT_NPROC does not bind root.
        os.setgroups([])
        os.setgid(config.uid)
        os.setuid(config.uid)
    for name, value in resource_limits(config).items():
        _set_limit(name, value)
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _drop_capabilities()
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        if config.filter:
            _deny_system_calls(base64.b64decode(config.filter))


def _drop_capabilities() -> None:
    """All of them; a change of user takes root's, but not those that a user namespace gives."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("<Ii", CAPABILITY_VERSION, 0)
    if libc.capset(header, bytes(24)):  # effective, permitted and inheritable, twice 32 bits
        raise OSError(ctypes.get_errno(), "capset")


def _deny_system_calls(program: bytes) -> None:
    """Have the kernel filter all calls of this process and those that it starts."""
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions of 8 bytes, and where they are
    whole = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole)


def _prctl(option: int, *words: int | bytes) -> None:
    given = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in words]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *given, *[ctypes.c_ulong(0)] * (4 - len(given))):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def resource_limits(config: SimpleNamespace) -> dict[str, int]:
    """The limits of each process, by their name in `resource`.

    Those of time and memory come on top of what this process has used until now.
    """
    size = _status_bytes()
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": math.ceil(time.process_time() + config.cpu),
        "RLIMIT_AS": size.get("VmSize", 0) + config.memory,
        "RLIMIT_DATA": size.get("VmData", 0) + config.memory,
        "RLIMIT_FSIZE": config.file_size,
        "RLIMIT_NOFILE": config.files,
    }
    if config.processes is not None:
        limits["RLIMIT_NPROC"] = config.processes
    return limits


def _set_limit(name: str, value: int) -> None:
    # SIGXCPU comes at the soft limit and says why; SIGKILL, at the hard one, can't be ignored.
    hard = value + 1 if name == "RLIMIT_CPU" else value
    try:
        _, ceiling = resource.getrlimit(getattr(resource, name))
        if ceiling != resource.RLIM_INFINITY:  # what the machine allows may be less
            value, hard = min(value, ceiling), min(hard, ceiling)
        resource.setrlimit(getattr(resource, name), (value, hard))
    except (AttributeError, ValueError, OSError):
        if sys.platform == "linux":
            raise  # elsewhere not every limit exists


def _status_bytes() -> dict[str, int]:
    """The sizes that the kernel gives for this process, in bytes. Empty where there is no /proc."""
    status = Path("/proc/self/status")
    text = status.read_text(errors="replace") if status.exists() else ""
    found = re.findall(r"(?m)^(Vm(?:Size|Data)):\s+(\d+) kB$", text)
    return {name: int(size) * 1024 for name, size in found}
