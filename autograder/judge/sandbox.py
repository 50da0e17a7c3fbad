"""The sandbox: starts a worker where it can do no harm, watches it, and ends it with all that it started.

    bubblewrap   the default: namespaces of its own, no network, a file system with nothing in it but Python
    process      only when asked for by name: a process group of its own. It contains accidents, not attacks

A level that can't be had is a SandboxError with the remedy; nothing weaker is ever taken instead.
The worker sees copies of three things of ours: worker.py, wire.py and the modules that students get.
"""

import contextlib
import inspect
import json
import os
import re
import secrets
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any, Literal, NamedTuple, get_args

from autograder.build.release import shipped_modules
from autograder.catalogue import COURSE, CourseError
from autograder.judge import wire
from autograder.judge.limits import Limits

Level = Literal["bubblewrap", "process"]

BUBBLEWRAP, PROCESS = get_args(Level)

HERE = Path(__file__).resolve().parent
NOBODY = 65534
# Above every range that systemd, container engines and login tools hand out (see systemd's UIDS-GIDS).
FIRST_UID, UIDS = 1_900_000_000, 2**24
OLDEST_BWRAP = (0, 8)
TEARDOWN = 5.0  # seconds that the kernel is given to clear away what was killed

# Of an interpreter's prefix: no more, as a prefix may be a home directory or this repository.
PREFIX_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
SYSTEM = (
    *("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
    *("/etc/fonts", "/usr/share/fonts", "/usr/share/fontconfig", "/usr/local/share/fonts"),
    *("/usr/share/zoneinfo", "/sys/devices/system/cpu"),
)
SITE_NAMES = ("site-packages", "dist-packages")


class SandboxError(CourseError):
    """The sandbox could not be set up. Never a student's fault; the text has the remedy."""


# ---------------------------------------------------------------------------------------------------- stage


class Stage:
    """A directory for one worker, holding what it may see of ours.

    worker/      worker.py and wire.py
    course/      course_utils as students get it: without `reference`
    home/        its HOME and working directory (level process)
    matplotlib/  the font list, which would take seconds to make
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="worker-"))
        for name in ("worker.py", "wire.py"):
            self.write(f"worker/{name}", (HERE / name).read_bytes())
        for name, content in shipped_modules().items():
            self.write(f"course/{name}", content)
        fonts = font_list()
        self.write(f"matplotlib/{fonts.name}", fonts.read_bytes())
        (self.path / "home").mkdir()

    def write(self, name: str, content: bytes) -> None:
        """Write a file that the worker may read, whoever it runs as."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for made in (path, *path.parents[: len(Path(name).parts) - 1]):
            made.chmod(0o755)

    def remove(self) -> None:
        """Delete it."""
        shutil.rmtree(self.path, ignore_errors=True)


@cache
def font_list() -> Path:
    """Matplotlib's list of the system's fonts. Made once for a machine, as it takes seconds."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "autograder" / f"matplotlib-{version('matplotlib')}"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="matplotlib-"))
    if not (found := sorted(folder.glob("fontlist-*.json"))):
        # Not with the user's own fonts: the sandbox does not have them.
        env = os.environ | {"MPLCONFIGDIR": str(folder), "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        code = "import matplotlib.font_manager"
        subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, timeout=120)
        found = sorted(folder.glob("fontlist-*.json"))
    return found[-1]


def environment(home: str, course: str, matplotlib: str) -> dict[str, str]:
    """All of a worker's environment; nothing of the judge's is passed on.

    home        its HOME and working directory, empty and writable
    course      holds course_utils
    matplotlib  writable, holds the font list
    """
    one_thread = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    user_base = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    return {
        **{"HOME": home, "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8"},
        **{"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "PYTHONPATH": course, **user_base},
        # Sets of strings are walked in the same order each time, so that verdicts repeat.
        **{"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        **{
            "IPYTHONDIR": f"{matplotlib}/ipython",
            "MPLCONFIGDIR": matplotlib,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        },
        **{"CUDA_VISIBLE_DEVICES": "", **dict.fromkeys(one_thread, "1")},
    }


# ----------------------------------------------------------------------------------------------- bubblewrap


def bubblewrap_command(stage: Path, limits: Limits, command: list[str], *, root: bool) -> list[str]:
    """A command, in a box of its own."""
    home, fonts = "/tmp/home", "/tmp/matplotlib"  # noqa: S108  in the box
    visible = list(dict.fromkeys([*existing(SYSTEM), *python_paths()]))
    return [
        *(_bwrap(), "--die-with-parent", "--new-session", "--clearenv"),
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *("--hostname", "sandbox"),
        *_identity(root),
        *_top_links(),
        *_tmpfs("/tmp", limits.tmp, "1777"),  # first, as Python may live in it
        *(word for folder in _parents(visible) for word in ("--perms", "0755", "--dir", str(folder))),
        *(word for path in visible for word in ("--ro-bind", str(path), str(path))),
        *(word for path in hidden(visible) for word in _tmpfs(path, 4096, "0555", read_only=True)),
        *("--ro-bind", f"{stage}/worker", "/worker", "--ro-bind", f"{stage}/course", "/course"),
        *("--proc", "/proc", "--dev", "/dev"),
        *_tmpfs("/dev/shm", limits.shm, "1777"),
        *("--perms", "0777", "--dir", home, "--perms", "0777", "--dir", fonts),
        *(w for font in stage.glob("matplotlib/*") for w in ("--ro-bind", str(font), f"{fonts}/{font.name}")),
        # The mounts that bubblewrap itself made are writable and of no size until now.
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", home),
        *(w for key, value in environment(home, "/course", fonts).items() for w in ("--setenv", key, value)),
        *("--", *command),
    ]


def _identity(root: bool) -> list[str]:
    """Who the worker is.

    A user namespace maps root's box to root's own uid, which RLIMIT_NPROC does not bind. So a judge run by
    root leaves the worker the two capabilities it needs to become nobody in particular.
    """
    if root:
        return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    uid = str(NOBODY)
    return ["--unshare-user", "--disable-userns", "--uid", uid, "--gid", uid, "--cap-drop", "ALL"]


def _fresh_uid() -> int:
    """A user that nobody is, and no other box either: what is counted by user is counted for each box."""
    mapped = [tuple(map(int, line.split())) for line in _reads("/proc/self/uid_map").splitlines()]
    if any(first <= FIRST_UID and first + count >= FIRST_UID + UIDS for first, _, count in mapped):
        return FIRST_UID + secrets.randbelow(UIDS)
    return NOBODY  # a rootless container has but a few thousand users


def _tmpfs(path: Path | str, size: int, mode: str, *, read_only: bool = False) -> list[str]:
    lock = ["--remount-ro", str(path)] if read_only else []
    return ["--perms", mode, "--size", str(size), "--tmpfs", str(path), *lock]


def _parents(visible: list[Path]) -> list[Path]:
    """The directories on the way to what is visible; bubblewrap's own would be closed to all but root."""
    parents = {parent for path in visible for parent in path.parents} - {Path("/")}
    return sorted(parent for parent in parents if not _is_under(parent, visible))


def _top_links() -> list[str]:
    """/lib and the like: links into /usr on most systems, directories on others."""
    words = []
    for path in map(Path, ("/bin", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words


def existing(paths: Iterable[str | Path]) -> list[Path]:
    """Those that exist, once each, in order."""
    return [path for path in dict.fromkeys(map(Path, paths)) if path.exists()]


def python_paths(prefixes: Iterable[str] = (sys.prefix, sys.base_prefix)) -> list[Path]:
    """What the interpreter and its packages need, wherever they are: /usr, pyenv, conda, uv, a home."""
    given = [Path(prefix) for prefix in prefixes]
    roots = dict.fromkeys([*given, *(prefix.resolve() for prefix in given)])
    parts = [root / part for root in roots for part in PREFIX_PARTS]
    packages = [path for path in sys.path if Path(path).name in SITE_NAMES]
    found = existing([*parts, *packages])
    links = [link for link in _links(Path(sys.executable)) if not _is_under(link, found)]
    return [path for path in [*found, *links] if not _is_under(path.parent, [*map(Path, SYSTEM), *found])]


def _links(path: Path) -> Iterator[Path]:
    """A path and the links it leads through, to the file itself."""
    yield path
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path


def _is_under(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def hidden(visible: Iterable[Path], packages: Iterable[Path] | None = None) -> list[Path]:
    """What of ours lies inside a visible directory, as it does when the course is installed as a package.

    packages   the directories that may hold it; by default this repository and every site-packages
    """
    if packages is None:
        packages = [COURSE, *(Path(path) for path in sys.path if Path(path).name in SITE_NAMES)]
    ours = existing(
        folder / name for folder in packages for name in ("autograder", "course_utils", "assignments")
    )
    # By their true places, as the same directory may be visible by two names.
    return [
        folder / secret.resolve().relative_to(folder.resolve())
        for folder in visible
        for secret in ours
        if secret.resolve().is_relative_to(folder.resolve())
    ]


# ------------------------------------------------------------------------------------------------------ box


@dataclass(frozen=True)
class Usage:
    """What a box's processes use at one moment.

    cpu        s of processor time, theirs and that of their ended children
    memory     B resident and not files: what `Limits.tree` bounds
    peak       B that the largest of them has ever had resident, files and all
    processes  how many there are
    """

    cpu: float = 0.0
    memory: int = 0
    peak: int = 0
    processes: int = 0


class Box:
    """A running worker and everything that it started.

    socket   the judge's end of the connection
    process  the child of the judge whose end is the worker's end: bubblewrap, or the worker itself
    """

    def __init__(self, process: subprocess.Popen, connection: socket.socket, stage: Stage) -> None:
        self.process, self.socket, self.stage = process, connection, stage
        self._ended, self._ending = False, threading.Lock()

    def usage(self) -> Usage:
        """What is used now; nothing where there is no /proc."""
        family = self.family()
        sizes = [_sizes(pid) for pid in family]
        return Usage(
            cpu=sum(_cpu_seconds(stat) for stat in family.values()),
            memory=sum(size.get("RssAnon", 0) + size.get("RssShmem", 0) for size in sizes),
            peak=max((size.get("VmHWM", 0) for size in sizes), default=0),
            processes=len(family),
        )

    def shared_fairly(self) -> int:
        """Resident bytes, with what processes share after a fork counted once. Exact, and slow."""
        return sum(_sizes(pid, "smaps_rollup").get("Pss_Anon", 0) for pid in self.family())

    def family(self) -> dict[int, list[str]]:
        """The box's processes: the fields of /proc/PID/stat from the state on, by process."""
        everyone = {int(path.name): _stat(path) for path in Path("/proc").glob("[0-9]*")}
        found = {self.process.pid: everyone.get(self.process.pid, [])}
        size = 0
        while size < len(found):  # until no more children are found
            size = len(found)
            # A process that lost its parent is still of the session; in a box it has bubblewrap for a parent.
            found |= {
                pid: stat
                for pid, stat in everyone.items()
                if stat and (int(stat[1]) in found or int(stat[3]) == self.process.pid)
            }
        return {pid: stat for pid, stat in found.items() if stat}

    def ended(self) -> bool:
        """Whether the worker has ended."""
        return self.process.poll() is not None

    def exit_status(self, within: float) -> int | None:
        """The worker's exit code, or minus its signal; None if it has not ended within so many seconds."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        return 128 - code if 128 < code < 192 else code  # as bubblewrap and shells report a signal

    def end(self) -> None:
        """End the worker and everything that it started. May be called twice, and from another thread."""
        with self._ending:
            if self._ended:  # by now its numbers may be another program's
                return
            self._ended = True
            family = self.family()
            # In a box the first is enough: the kernel ends a process namespace with its first process.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for pid in family:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            _wait_for_none(family)

    def close(self) -> None:
        """End it, and clear up."""
        self.end()
        self.socket.close()
        self.stage.remove()


def _wait_for_none(pids: Iterable[int]) -> None:
    deadline = monotonic() + TEARDOWN
    while monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in pids):
        sleep(0.01)


def _stat(path: Path) -> list[str]:
    try:
        return (path / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:  # it has ended
        return []


def _cpu_seconds(stat: list[str]) -> float:
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")  # utime, stime, cutime, cstime


def _sizes(pid: int, file: str = "status") -> dict[str, int]:
    """The lines of /proc/PID/FILE that are in kB, in bytes."""
    try:
        words = [line.split() for line in Path(f"/proc/{pid}/{file}").read_text().splitlines()]
    except OSError:
        return {}
    return {line[0][:-1]: int(line[1]) * 1024 for line in words if len(line) == 3 and line[2] == "kB"}


def open_box(level: str, limits: Limits) -> Box:
    """Start a worker, and wait until it is ready to meet a student's code.

    The box ends with the thread that opens it: open it from one that outlives it.
    Raises SandboxError: whatever goes wrong here is not a student's doing.
    """
    for finding in preconditions(level):
        if not finding.ok:
            raise SandboxError(finding.detail)
    try:
        stage = Stage()
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"The worker's files could not be laid out: {error}.") from error
    ours, theirs = socket.socketpair()
    with theirs, tempfile.TemporaryFile() as errors:
        try:
            process = _start(level, limits, stage.path, theirs, errors)
        except OSError as error:
            stage.remove()
            raise SandboxError(f"The worker could not be started: {error}.") from error
        theirs.close()  # so that the worker's end closes when the worker ends
        box = Box(process, ours, stage)
        _wait_until_ready(box, limits, errors)
    return box


def _wait_until_ready(box: Box, limits: Limits, errors: IO[bytes]) -> None:
    try:
        wire.receive(box.socket, monotonic() + limits.start_up)
    except (wire.WireError, wire.Closed, wire.TimedOut):
        box.close()
        errors.seek(0)
        raise SandboxError(remedy(errors.read().decode(errors="replace"))) from None
    except BaseException:  # Ctrl-C
        box.close()
        raise


def _start(
    level: str, limits: Limits, stage: Path, connection: socket.socket, errors: IO[bytes]
) -> subprocess.Popen:
    root, boxed = os.geteuid() == 0, level == BUBBLEWRAP
    config = asdict(limits) | {
        "uid": _fresh_uid() if root and boxed else None,
        # Outside a box it would count all that its user runs on this machine.
        "processes": limits.processes if boxed else None,
    }
    folder = "/worker" if boxed else f"{stage}/worker"
    command = [sys.executable, f"{folder}/worker.py", str(connection.fileno()), json.dumps(config)]
    if boxed:
        command = bubblewrap_command(stage, limits, command, root=root)
    return subprocess.Popen(
        command,
        cwd="/" if boxed else stage / "home",
        env={} if boxed else environment(f"{stage}/home", f"{stage}/course", f"{stage}/matplotlib"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=[connection.fileno()],
        start_new_session=True,
    )


# ------------------------------------------------------------------------------------------------ self-test


class Finding(NamedTuple):
    """What a self-test found of one thing that a sandbox must do.

    detail  what was found; if it is not ok, the remedy
    """

    name: str
    ok: bool
    detail: str


def _bwrap() -> str:
    return shutil.which("bwrap") or "bwrap"


def preconditions(level: str) -> list[Finding]:
    """What can be told before anything is started. The later ones are missing if an earlier one fails."""
    if level not in get_args(Level):
        levels = " and ".join(get_args(Level))
        return [Finding("level", False, f"There is no sandbox level {level!r}; there is {levels}.")]
    if level == PROCESS:
        return [_system("posix", os.name == "posix", "There are no process groups on Windows: use WSL2.")]
    linux = sys.platform == "linux"
    lacking = "bubblewrap needs Linux: use a Linux virtual machine, or WSL2 on Windows."
    return [_system("Linux", linux, lacking), *([_find_bubblewrap()] if linux else [])]


def _system(name: str, ok: bool, lacking: str) -> Finding:
    return Finding(name, ok, sys.platform if ok else lacking)


def _find_bubblewrap() -> Finding:
    name = "bubblewrap is installed"
    if shutil.which("bwrap") is None:
        return Finding(
            name, False, "Install bubblewrap: `apt install bubblewrap`, or `dnf install bubblewrap`."
        )
    said = subprocess.run([_bwrap(), "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.findall(r"\d+", said)
    if tuple(map(int, numbers)) < OLDEST_BWRAP:
        wanted = ".".join(map(str, OLDEST_BWRAP))
        return Finding(name, False, f"bubblewrap {'.'.join(numbers)} is too old: install {wanted} or newer.")
    return Finding(name, True, said.strip())


def remedy(stderr: str) -> str:
    """What to do about a sandbox that did not start, from what it wrote to stderr."""
    last = stderr.strip().splitlines()[-1:] or ["it wrote nothing, or was not ready in time"]
    said = f"The sandbox did not start ({last[0]}). "
    if not re.search(r"namespace|uid map|RTM_NEWADDR|Operation not permitted|Permission denied", stderr):
        return said.strip()
    if _reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return said + (
            "Ubuntu restricts user namespaces by AppArmor: load bubblewrap's profile "
            "(`apt install apparmor-profiles`, then link /usr/share/apparmor/extra-profiles/"
            "bwrap-userns-restrict into /etc/apparmor.d and `systemctl reload apparmor`)."
        )
    if in_container():
        return said + (
            "A container's default seccomp profile blocks namespaces: start it with `--security-opt "
            "seccomp=unconfined --security-opt systempaths=unconfined`, or grade outside of the container."
        )
    return said + (
        "Allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000`."
    )


def in_container() -> bool:
    """Whether this is a container of Docker's or Podman's."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _reads(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def self_test(level: str = "bubblewrap") -> list[Finding]:
    """Start a worker and try, from inside, what a student must not be able to do."""
    found = preconditions(level)
    if failed := [finding for finding in found if not finding.ok]:
        return failed
    limits = Limits()
    try:
        box = open_box(level, limits)
    except SandboxError as error:
        return [*found, Finding("a worker answers", False, str(error))]
    try:
        facts = _ask(box, limits)
    except (wire.WireError, wire.Closed, wire.TimedOut) as error:
        return [*found, Finding("a worker answers", False, f"The worker did not answer: {error}.")]
    finally:
        box.close()
    found.append(Finding("a worker answers", True, f"as user {facts['uid']}"))
    return [*found, *_judged(facts, limits, isolated=level == BUBBLEWRAP)]


def _ask(box: Box, limits: Limits) -> dict[str, Any]:
    source = f"{inspect.getsource(probe)}\nimport json\nprint(json.dumps(probe({_private()!r})))"
    wire.send(box.socket, {"id": "", "op": "cell", "source": f"from typing import Any\n{source}"}, {})
    reply, tensors = wire.receive(box.socket, monotonic() + 60, limits)
    for output in wire.decode(reply["outputs"], tensors):
        if output.get("name") == "stdout":
            return json.loads(output["text"])
    raise wire.WireError(f"the probe failed: {reply}")


def _private() -> list[str]:
    """Paths that a worker must not see: what is in this repository and in the home, Python itself aside."""
    shown = python_paths()
    folders = {COURSE, Path.home()} - {Path("/")}
    entries = [path for folder in folders for path in folder.iterdir()]
    return [str(path) for path in entries if not any(_touches(path, one) for one in shown)]


def _touches(a: Path, b: Path) -> bool:
    return a.is_relative_to(b) or b.is_relative_to(a)


def probe(private: list[str]) -> dict[str, Any]:
    """What can be seen and done from here. The worker runs its source, so it imports all that it needs."""
    import importlib.util
    import os
    import socket

    def reaches(family: int, address: tuple) -> bool:
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:  # connecting one sends nothing
            return datagrams.connect_ex(address) == 0

    def found(module: str) -> bool:
        try:
            return importlib.util.find_spec(module) is not None
        except ImportError:
            return False

    writable = []
    for folder, folders, _ in os.walk("/"):
        folders[:] = [name for name in folders if folder + name != "/proc"]  # which is the kernel's
        writable += [folder] if os.access(folder, os.W_OK) else []
    status = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines())  # noqa
    tmp = os.statvfs("/tmp")  # noqa: S108
    return {
        "uid": os.getuid(),
        "privileges": int(status["CapEff"], 16) or int(status["NoNewPrivs"]) != 1 or os.getuid() == 0,
        "network": reaches(socket.AF_INET, ("192.0.2.1", 9)) or reaches(socket.AF_INET6, ("2001:db8::1", 9)),
        "writable": writable,
        "visible": [path for path in private if os.path.exists(path)],  # noqa: PTH110
        "importable": [name for name in ("autograder", "course_utils.reference") if found(name)],
        "course": found("course_utils"),
        "tmp": tmp.f_blocks * tmp.f_frsize,
    }


def _judged(facts: dict[str, Any], limits: Limits, *, isolated: bool) -> list[Finding]:
    """What was found inside, against what the level promises."""
    broken = "This is a fault of the sandbox: please report it, and do not grade with it. "
    promises = [
        ("course_utils is there", facts["course"], "The shipped part of course_utils can't be imported."),
        ("the references are not", "course_utils.reference" not in facts["importable"], f"{broken}They are."),
    ]
    if isolated:
        # In /dev/pts nothing can be made but terminals, which `!command` needs.
        bounded = ("/tmp", "/dev/shm", "/dev/pts")  # noqa: S108
        strange = [folder for folder in facts["writable"] if not folder.startswith(bounded)]
        visible = facts["visible"] + facts["importable"]
        promises += [
            ("the network is blocked", not facts["network"], f"{broken}There is a way out."),
            ("the world is read-only", not strange, f"{broken}Writable: {', '.join(strange[:5])}."),
            ("secrets are invisible", not visible, f"{broken}Visible: {', '.join(visible[:5])}."),
            ("/tmp is bounded", facts["tmp"] <= limits.tmp, f"{broken}/tmp has {facts['tmp']} bytes."),
            ("privileges are dropped", not facts["privileges"], f"{broken}The worker has some left."),
        ]
    return [Finding(name, ok, "yes" if ok else detail) for name, ok, detail in promises]
