"""Which system calls a worker may make, as a filter that the kernel runs (seccomp(2), classic BPF).

Namespaces hide what a submission must not see. This closes what they leave open:

- memory that no limit counts (memfd, System V), counters of the whole machine (`io_setup`);
- sockets other than unix ones, tracing, mounting, and parts of the kernel that no notebook needs
  and that have had holes;
- what two boxes could talk through, as both see the files of one Python: locks, leases, `inotify`,
  and questions about which pages of a file are in memory;
- another priority: time that a niced thread waits would count as the machine's fault.

What is denied fails with an error, as if this kernel did not have it. So does every call that is
newer than this list.

Written by hand, as libseccomp is a library of the system that need not be there: it is a list of
numbers.
"""

import errno
import platform
import struct
from typing import NamedTuple

# Numbers on x86-64 and on 64-bit Arm; None where there is no such call. From 424 on, all machines
# have the same numbers.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "mount_setattr": (442, 442),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "lsm_get_self_attr": (459, 459),
    "lsm_set_self_attr": (460, 460),
    "lsm_list_modules": (461, 461),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "uselib": (134, None),
    "lookup_dcookie": (212, 18),
    "fanotify_init": (300, 262),
    "vmsplice": (278, 75),
    "personality": (135, 92),
    "landlock_restrict_self": (446, 446),
    "seccomp": (317, 277),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
}
# Calls that are reported as missing. Programs that would fail or wait if they were refused manage
# without them.
ABSENT: dict[str, tuple[int | None, int | None]] = {
    "flock": (73, 32),
    "io_setup": (206, 0),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "mincore": (27, 232),
    "cachestat": (451, 451),
    "move_pages": (279, 239),
    # Its flags are behind a pointer, which a filter can't follow; libc then uses clone.
    "clone3": (435, 435),
}
# setxattrat. No notebook needs the calls that Linux has added since, such as open_tree_attr (467).
FIRST_UNKNOWN = 463


class _Rule(NamedTuple):
    """Denies a call for some values of one of its arguments; the first is number 0."""

    call: tuple[int, int]
    argument: int
    values: tuple[int, ...]
    error: int


# By the low half of an argument: the kernel takes these as 32-bit integers.
RULES = [
    # F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ forms: /dev/null can be locked, and every box has
    # it.
    _Rule((72, 25), 1, (5, 6, 7, 36, 37, 38), errno.ENOLCK),
    _Rule((72, 25), 1, (1024, 1025, 1026), errno.EPERM),  # F_SETLEASE, F_GETLEASE, F_NOTIFY
    # SO_SNDBUF, SO_RCVBUF: what waits in sockets is memory of the kernel's; no limit of a process
    # counts it.
    _Rule((54, 208), 2, (7, 8, 32, 33), errno.EPERM),
    _Rule((28, 233), 2, (20, 21), errno.EINVAL),  # madvise: MADV_COLD, MADV_PAGEOUT
    _Rule((221, 223), 3, (4,), errno.EINVAL),  # fadvise64: POSIX_FADV_DONTNEED
]
# preadv2 and pwritev2 with any flag: RWF_NOWAIT tells whether a page of a file is in memory.
FLAGLESS = [(327, 286), (328, 287)]
FLAGS = 5  # the argument
SOCKET, SOCKETPAIR, CLONE = (41, 198), (53, 199), (56, 220)

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
AF_UNIX = 1
NAMESPACE_FLAGS = {
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
NEW_NAMESPACES = sum(NAMESPACE_FLAGS.values())

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data; both machines are little-endian.
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000


class _Step(NamedTuple):
    """One instruction of the filter."""

    code: int
    value: int
    if_true: int = 0  # instructions to skip
    if_false: int = 0


def program(machine: str | None = None) -> bytes:
    """The filter as the kernel takes it; empty for a machine whose numbers are not known here.

    machine  x86_64 or aarch64; this one by default
    """
    machine = machine or platform.machine()
    if machine not in AUDIT_ARCH:
        return b""
    return b"".join(
        struct.pack("<HBBI", s.code, s.if_true, s.if_false, s.value) for s in _steps(machine)
    )


def _steps(machine: str) -> list[_Step]:
    column = list(AUDIT_ARCH).index(machine)
    return [
        _Step(LOAD, ARCHITECTURE),
        _Step(JUMP_EQUAL, AUDIT_ARCH[machine], if_true=1),
        _Step(RETURN, KILL),  # calls of another machine's have other numbers
        _Step(LOAD, NUMBER),
        # Also those of the x32 form of x86-64, which have a high bit in their number.
        _Step(JUMP_AT_LEAST, FIRST_UNKNOWN, if_false=1),
        _fail(errno.ENOSYS),
        *(step for number in _numbers(DENIED, column) for step in _denied(number, errno.EPERM)),
        *(step for number in _numbers(ABSENT, column) for step in _denied(number, errno.ENOSYS)),
        *(step for rule in RULES for step in _denied_for(rule, column)),
        *(step for call in FLAGLESS for step in _without_flags(call[column])),
        _Step(JUMP_EQUAL, CLONE[column], if_false=4),
        _Step(LOAD, FIRST_ARGUMENT),
        _Step(JUMP_ANY_BIT, NEW_NAMESPACES, if_false=1),
        _fail(errno.EPERM),
        _Step(RETURN, ALLOW),
        _Step(JUMP_EQUAL, SOCKET[column], if_true=1),
        _Step(JUMP_EQUAL, SOCKETPAIR[column], if_false=3),
        _Step(LOAD, FIRST_ARGUMENT),
        _Step(JUMP_EQUAL, AF_UNIX, if_true=1),
        _fail(errno.EAFNOSUPPORT),
        _Step(RETURN, ALLOW),
    ]


def _numbers(calls: dict[str, tuple[int | None, int | None]], column: int) -> list[int]:
    numbers = (pair[column] for pair in calls.values())
    return [number for number in numbers if number is not None]


def _denied_for(rule: _Rule, column: int) -> list[_Step]:
    tests = [step for value in rule.values for step in _denied(value, rule.error)]
    return _looking_at(rule.call[column], rule.argument, tests)


def _without_flags(number: int) -> list[_Step]:
    return _looking_at(number, FLAGS, [_Step(JUMP_EQUAL, 0, if_true=1), _fail(errno.EOPNOTSUPP)])


def _looking_at(number: int, argument: int, tests: list[_Step]) -> list[_Step]:
    """Tests of an argument of one call. Afterwards the call's number is loaded again."""
    steps = [_Step(LOAD, FIRST_ARGUMENT + 8 * argument), *tests, _Step(LOAD, NUMBER)]
    return [_Step(JUMP_EQUAL, number, if_false=len(steps)), *steps]


def _denied(number: int, error: int) -> list[_Step]:
    return [_Step(JUMP_EQUAL, number, if_false=1), _fail(error)]


def _fail(error: int) -> _Step:
    return _Step(RETURN, FAIL | error)
