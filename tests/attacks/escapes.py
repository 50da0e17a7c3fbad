"""Submissions that try to see, reach or change what is outside of their box.

One that succeeds prints ESCAPED.
"""

from textwrap import dedent, indent

from attack import Attack

# Each is tried by itself; an exception is what should happen.
TRIED = """
def tried(what):
    try:
        return what()
    except BaseException as error:
        print("refused:", type(error).__name__)
"""


def trying(name: str, code: str, flagged: str | None, **more: object) -> Attack:
    """An attack that runs a function `escape`, which returns something true where it gets out."""
    body = indent(dedent(code).strip("\n"), "    ")
    before = f"{TRIED}\ndef escape():\n{body}\nif tried(escape):\n    print('ESCAPED')\n"
    return Attack(name, before=before, flagged=flagged, safe=False, **more)


SEEING = [
    trying(
        "reads the judge, the checks and the references",
        """
        import pathlib
        import course_utils
        ours = pathlib.Path(course_utils.__file__).parent
        secrets = [ours / "reference", ours.parent / "autograder", ours.parent / "assignments"]
        return [path for path in secrets if path.exists()]
        """,
        "looks for the grader",
    ),
    trying(
        "reads the home directories and the password file",
        """
        import os
        names = ("/var/mail", "/etc/shadow", "/etc/passwd")
        return [name for name in names if os.path.exists(name)] + os.listdir("/home")
        """,
        "names a folder of the system",
    ),
    trying(
        "looks for the container engine's socket",
        """
        import os
        names = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman")
        return [name for name in names if os.path.exists(name)]
        """,
        "names a folder of the system",
    ),
    trying(
        "reads the environment of all processes",
        """
        import glob
        texts = [open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/environ")]
        words = (b"PYTEST", b"VIRTUAL_ENV", b"SSH_", b"SUDO")
        return any(word in text for text in texts for word in words)
        """,
        "/proc",
    ),
    trying(
        "sees the processes of the machine",
        """
        import os
        pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
        names = [open(f"/proc/{pid}/cmdline").read() for pid in pids]
        print(len(names))
        return len(names) > 6 or any("pytest" in name or "init" in name for name in names)
        """,
        "/proc",
    ),
    trying(
        "writes into the memory of another process",
        """
        import os
        pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
        for pid in [pid for pid in pids if int(pid) != os.getpid()]:
            with open(f"/proc/{pid}/mem", "r+b", buffering=0):
                return True
        """,
        "/proc",
    ),
    trying(
        "looks for other submissions",
        """
        import os
        found = []
        for folder, folders, files in os.walk("/"):
            folders[:] = [name for name in folders if name not in ("proc", "sys", "site-packages")]
            names = (*folders, *files)
            found += [folder for name in names if name == "submitted" or name.endswith(".ipynb")]
        print(found)
        return found or [name for name in os.listdir("/tmp") if name.startswith("worker-")]
        """,
        "searches folders",
        limits={"cell": 30},
    ),
    trying(
        "reads what an earlier submission has left in shared places",
        """
        import pathlib
        folders = [pathlib.Path(name) for name in ("/tmp", "/dev/shm", ".")]
        found = [str(path) for folder in folders for path in folder.rglob("left-by-*")]
        for folder in folders:
            (folder / "left-by-mallory").write_text("for the next one")
        return found
        """,
        "names a folder of the system",
    ),
]

REACHING = [
    trying(
        "the network over TCP",
        """
        import socket
        for address in (("1.1.1.1", 53), ("192.0.2.1", 80), ("169.254.169.254", 80)):
            with socket.create_connection(address, timeout=2):
                return True
        """,
        "uses the network",
    ),
    trying(
        "the network over UDP",
        """
        import socket
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", ("1.1.1.1", 53))
        """,
        "uses the network",
    ),
    trying(
        "names in the domain name system",
        """
        import socket
        return socket.getaddrinfo("example.org", 443)
        """,
        "uses the network",
    ),
    trying(
        "a page over HTTP",
        """
        import urllib.request
        return urllib.request.urlopen("http://127.0.0.1:8888/", timeout=2).read()
        """,
        "uses the network",
    ),
    trying(
        "servers on this machine",
        """
        import socket
        for port in (22, 80, 111, 631, 3306, 5432, 8000, 8080, 8787, 8888):
            with socket.socket() as end:
                end.settimeout(0.5)
                if end.connect_ex(("127.0.0.1", port)) == 0:
                    return True
        """,
        "uses the network",
    ),
    trying(
        "abstract unix sockets of the machine",
        """
        import socket
        names = [line.split()[-1] for line in open("/proc/net/unix") if "@" in line]
        print(names)
        return names
        """,
        "/proc",
    ),
    trying(
        "netlink",
        """
        import socket
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        """,
        "uses the network",
    ),
    trying(
        "raw and packet sockets",
        """
        import socket
        for family in (socket.AF_PACKET, socket.AF_INET):
            try:
                return socket.socket(family, socket.SOCK_RAW, 1)
            except OSError:
                pass
        """,
        "uses the network",
    ),
    trying(
        "a data set by torch.hub",
        """
        import torch
        return torch.hub.load_state_dict_from_url("http://127.0.0.1:9/weights.pt")
        """,
        "uses the network",
    ),
]

CHANGING = [
    trying(
        "writes outside of its own folders",
        """
        import os, torch
        folders = ["/", "/usr", "/etc", "/dev", "/proc/sys/kernel", "/worker", "/course"]
        for folder in [*folders, os.path.dirname(torch.__file__)]:
            try:
                with open(os.path.join(folder, "mallory"), "w") as file:
                    file.write("here")
                print("wrote to", folder)
                return True
            except OSError:
                pass
        """,
        "names a folder of the system",
    ),
    trying(
        "plants a module for the next Python that starts",
        """
        import pathlib, site, sys
        for folder in [*site.getsitepackages(), site.getusersitepackages(), *sys.path, "/worker"]:
            try:
                (pathlib.Path(folder) / "sitecustomize.py").write_text("print('mine')")
                # In /tmp is its own working folder.
                return not str(pathlib.Path(folder).resolve()).startswith("/tmp")
            except OSError:
                pass
        """,
        "names a folder of the system",
    ),
    trying(
        "changes what the grader's own code is",
        """
        import sys
        for name in ("codec", "session", "blocker"):
            module = sys.modules.get(f"inside.{name}")
            with open(getattr(module, "__file__", "/worker/inside/codec.py"), "a") as file:
                return file.write("# mine")
        """,
        "sys.modules",
    ),
    trying(
        "kills everything that it can",
        """
        import os, signal
        os.kill(1, signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGSTOP)
        """,
        "ends, signals or outlives",
    ),
    Attack(
        "kills everything, itself among it",
        before="""
            import os, signal
            for target in (-1, 0):
                try:
                    os.kill(target, signal.SIGKILL)
                except OSError:
                    pass
        """,
        flagged="ends, signals or outlives",
        safe=False,
    ),
    trying(
        "debuggers: ptrace and its relatives",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        traced = libc.ptrace(16, 1, 0, 0), libc.ptrace(0, 0, 0, 0)
        got = *traced, libc.process_vm_readv(1, None, 0, None, 0, 0)
        print(got)
        return 0 in got
        """,
        "ctypes",
    ),
    trying(
        "namespaces of its own",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET = 0x10000000, 0x00020000, 0x40000000
        return any(libc.unshare(flag) == 0 for flag in (CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET))
        """,
        "ctypes",
    ),
    trying(
        "the namespaces of another process",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in (1, os.getppid()):
            for name in ("user", "mnt", "net", "pid"):
                if libc.setns(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0) == 0:
                    return True
        """,
        "ctypes",
    ),
    trying(
        "mounts and other roots",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        os.makedirs("/tmp/m", exist_ok=True)
        mounted = libc.mount(b"none", b"/tmp/m", b"tmpfs", 0, None) == 0
        return mounted or libc.umount2(b"/proc", 2) == 0 or libc.chroot(b"/tmp") == 0
        """,
        "ctypes",
    ),
    trying(
        "another user",
        """
        import os
        for change in (os.setuid, os.setgid, os.seteuid, os.setegid):
            try:
                change(0)
                return True
            except OSError:
                pass
        os.setgroups([0])
        return True
        """,
        None,
    ),
    trying(
        "io_uring, bpf, perf and keys",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        block = ctypes.create_string_buffer(4096)
        calls = {"io_uring_setup": (425, 1, block), "bpf": (321, 5, block, 48)}
        calls["userfaultfd"] = (323, 0)
        calls |= {"perf_event_open": (298, block, 0, -1, -1, 0), "keyctl": (250, 0, -3, 1)}
        got = {name: libc.syscall(*call) for name, call in calls.items()}
        print(got)
        return any(result >= 0 for result in got.values())
        """,
        "ctypes",
    ),
    trying(
        "devices",
        """
        import os, stat
        os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
        return os.open("/tmp/disk", os.O_RDONLY)
        """,
        None,
    ),
    trying(
        "a program with the rights of its owner",
        """
        import os, shutil, subprocess
        shutil.copy("/usr/bin/id", "/tmp/id")
        os.chmod("/tmp/id", 0o6755)
        said = subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout
        return said.strip() == "0" or os.system("sudo -n true") == 0
        """,
        "starts other programs",
    ),
    trying(
        "more than its limits",
        """
        import resource
        for name in ("RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_CPU"):
            endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.setrlimit(getattr(resource, name), endless)
            return True
        """,
        "asks where it runs",
    ),
    trying(
        "memory that no limit counts",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        got = [libc.syscall(319, b"mine", 0), libc.shmget(0, 2 ** 30, 0o1666), libc.syscall(447, 0)]
        print(got)
        return any(result >= 0 for result in got)
        """,
        "ctypes",
    ),
    trying(
        "the clock and the name of the machine",
        """
        import socket, time
        try:
            time.clock_settime(time.CLOCK_REALTIME, 0)
            return True
        except OSError:
            socket.sethostname("mallory")
            return socket.gethostname() == "mallory"
        """,
        "uses the network",
    ),
    trying(
        "a terminal to type into",
        """
        import fcntl, os, termios
        for name in ("/dev/tty", "/dev/console", "/dev/pts/0"):
            try:
                fcntl.ioctl(os.open(name, os.O_RDWR), termios.TIOCSTI, b"#")
                return True
            except OSError:
                pass
        """,
        "names a folder of the system",
    ),
]

# What two boxes share is the kernel, its counters, and the files of one Python, which both can
# read.
TALKING = [
    trying(
        "locks that another box could feel",
        """
        import fcntl, json, os
        tries = [
            lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda file: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            lambda file: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda file: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            lambda file: fcntl.fcntl(file, fcntl.F_GETLK, bytes(64)),
            lambda file: fcntl.fcntl(file, 36, bytes(64)),
            lambda file: fcntl.fcntl(file, 37, bytes(64)),
            lambda file: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
            lambda file: fcntl.fcntl(file, fcntl.F_GETLEASE),
        ]
        got = []
        devices = [("/dev/null", "r+"), ("/dev/zero", "r+")]
        for name, mode in [*devices, (json.__file__, "r"), ("mine", "w")]:
            with open(name, mode) as file:
                for number, attempt in enumerate(tries):
                    try:
                        got.append((name, number, attempt(file)))
                    except OSError:
                        pass
        print(got)
        return got
        """,
        "names a folder of the system",
    ),
    trying(
        "what others read",
        """
        import ctypes, fcntl, json, os
        libc = ctypes.CDLL(None, use_errno=True)
        got = [libc.inotify_init(), libc.inotify_init1(0), libc.fanotify_init(0, 0)]
        folder = os.open(os.path.dirname(json.__file__), os.O_RDONLY)
        got.append(libc.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS))
        print(got)
        return any(result >= 0 for result in got)
        """,
        "ctypes",
    ),
    trying(
        "which pages of a file are in memory",
        """
        import ctypes, json, mmap, os
        libc = ctypes.CDLL(None, use_errno=True)
        file, got = os.open(json.__file__, os.O_RDONLY), []
        for flags in (8, 1, 2 ** 31 - 1):  # RWF_NOWAIT is 8
            try:
                got.append(os.preadv(file, [bytearray(64)], 0, flags))
            except OSError:
                pass
        view = mmap.mmap(file, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        at, vector = ctypes.addressof(ctypes.c_char.from_buffer(view)), (ctypes.c_ubyte * 64)()
        if libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(1), vector) == 0:
            got.append("mincore")
        if libc.syscall(451, file, (ctypes.c_ulong * 2)(0, 0), (ctypes.c_ulong * 5)(), 0) == 0:
            got.append("cachestat")
        try:
            got.append(os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED))
        except OSError:
            pass
        print(got, os.preadv(file, [bytearray(8)], 0))
        return got
        """,
        "ctypes",
    ),
    trying(
        "counters of the whole machine",
        """
        import ctypes, pathlib, time
        libc = ctypes.CDLL(None, use_errno=True)
        names = ("sys/fs/aio-nr", "sys/fs/file-nr", "sys/kernel/pty/nr")
        paths = [pathlib.Path("/proc", name) for name in (*names, "locks", "vmstat", "interrupts")]
        told = [path for path in paths if path.exists() and path.read_text()]
        shown = [pathlib.Path("/proc", name) for name in ("meminfo", "stat", "loadavg")]
        before = [path.read_text() for path in shown]
        busy = [bytearray(2 ** 20) for _ in range(40)], sum(range(10 ** 6)), time.sleep(0.2)
        after = [pathlib.Path("/proc", name).read_text() for name in ("meminfo", "stat", "loadavg")]
        print(told)
        counted = libc.syscall(206, 100, ctypes.byref(ctypes.c_ulong())) == 0
        return told or before != after or counted
        """,
        "/proc",
    ),
    trying(
        "terminals of others, and more than its share of them",
        """
        import os
        there = [name for name in os.listdir("/dev/pts") if name != "ptmx"]
        mine = []
        try:
            while len(mine) < 40:
                mine.append(os.openpty())
        except OSError:
            pass
        print(there, len(mine))
        return there or len(mine) == 40
        """,
        "names a folder of the system",
    ),
    trying(
        "another priority, so that its time goes slowly",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        attr = (ctypes.c_uint32 * 12)(48, 5)  # SCHED_IDLE
        got = [libc.setpriority(0, 0, 19), libc.nice(19), libc.syscall(251, 1, 0, 3 << 13)]
        got += [libc.syscall(314, 0, attr, 0), libc.syscall(142, 0, (ctypes.c_int * 1)(0))]
        for policy in (os.SCHED_IDLE, os.SCHED_BATCH):
            try:
                got.append(os.sched_setscheduler(0, policy, os.sched_param(0)) or 0)
            except OSError:
                pass
        print(got)
        return any(result >= 0 for result in got)
        """,
        "ctypes",
    ),
    trying(
        "system calls that are newer than the filter",
        """
        import ctypes, errno
        libc, got = ctypes.CDLL(None, use_errno=True), []
        for number in (*range(463, 471), 500, 512, 1000, 2 ** 30, 2 ** 30 + 39):
            if libc.syscall(number, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != errno.ENOSYS:
                got.append(number)
        print(got)
        return got
        """,
        "ctypes",
    ),
]

ESCAPES = [*SEEING, *REACHING, *CHANGING, *TALKING]
