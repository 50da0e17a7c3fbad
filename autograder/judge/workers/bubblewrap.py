"""The sandbox: what a worker may see and do, and what to do where a machine can't provide it.

    bubblewrap   the default: new namespaces, no network, a file system with nothing but Python
    process      only when asked for by name: a new process group. It contains accidents, not
                 attacks

If a level is not available, that is a SandboxError which explains the fix; there is no fallback to
a weaker one. Of this repository, the worker sees copies of the package `inside` and of the modules
that students get. box.py starts a worker in the sandbox; self_test.py tries what must not be
possible in it.
"""

import contextlib
import os
import re
import secrets
import shutil
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from autograder.assignments import COURSE, CourseError
from autograder.authoring.release import shipped_modules
from autograder.judge.limits import Limits

Level = Literal["bubblewrap", "process"]

BUBBLEWRAP, PROCESS = get_args(Level)

INSIDE = Path(__file__).resolve().parents[1] / "inside"
STATEMENTS = COURSE / "course_utils" / "notebook" / "statements.py"
NOBODY = 65534
STAGE = "worker-"  # what the names of stages in /tmp begin with
JUST_MADE = 60.0  # seconds for a judge to lock a new stage
# Above every range that systemd, container engines and login tools assign (see systemd's
# UIDS-GIDS).
FIRST_UID, UIDS = 1_900_000_000, 2**24
OLDEST_BWRAP = (0, 8)
# What bubblewrap says where the system does not allow it to make namespaces.
DENIED = re.compile(
    "namespace|uid map|RTM_NEWADDR|Operation not permitted|Permission denied",
)

# The parts of an interpreter's prefix that a worker sees. Not all of it, as a prefix may be a home
# directory or this repository.
PREFIX_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
SYSTEM = (
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/fonts",
    "/usr/share/fonts",
    "/usr/share/fontconfig",
    "/usr/local/share/fonts",
    "/usr/share/zoneinfo",
    "/sys/devices/system/cpu",
)
SITE_NAMES = ("site-packages", "dist-packages")


class SandboxError(CourseError):
    """The sandbox could not be set up. Never a student's fault; the text explains the fix."""


# -------------------------------------------------------------------------------------------- stage


class Stage:
    """A directory with the files of this repository that one worker may see.

    worker/      the package `inside`, whole, with course_utils' `statements.py` as one more module
    course/      course_utils as students get it, without `reference`; the packs are in course/data
    home/        its HOME and working directory (level process)
    matplotlib/  the font list, which would take seconds to make
    """

    def __init__(self, packs: Iterable[Path] = ()) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=STAGE))
        self._held: int | None = os.open(self.path, os.O_RDONLY)
        _hold(self._held)  # until the last process of this judge ends
        for path in [*INSIDE.glob("*.py"), STATEMENTS]:
            self.write(f"worker/inside/{path.name}", path.read_bytes())
        for name, content in shipped_modules().items():
            self.write(f"course/{name}", content)
        for pack in packs:
            self.write(f"course/data/{pack.name}", pack.read_bytes())
        fonts = font_list()
        self.write(f"matplotlib/{fonts.name}", fonts.read_bytes())
        (self.path / "home").mkdir()

    def write(self, name: str, content: bytes) -> None:
        """Write a file that the worker may read, whatever user it runs as."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for made in (path, *path.parents[: len(Path(name).parts) - 1]):
            made.chmod(0o755)

    def remove(self) -> None:
        """Delete it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None


def start_command(folder: str, module: str, *arguments: str) -> list[str]:
    """The command line that runs `main` of a module of the package `inside`.

    folder  where the package has been staged, as the command sees it
    """
    start = f"import sys; sys.path[0] = {folder!r}; from inside.{module} import main; main()"
    return [sys.executable, "-c", start, *arguments]


def _hold(descriptor: int) -> None:
    """Lock a stage. Raises BlockingIOError if another process holds it."""
    import fcntl  # not on Windows, where nothing can be judged

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep() -> None:
    """Delete the stages of judges that were killed: the old ones that no process has locked."""
    for path in Path(tempfile.gettempdir()).glob(f"{STAGE}*"):
        with contextlib.suppress(OSError):  # another user's, or just gone
            if time.time() - path.stat().st_mtime < JUST_MADE:
                continue
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _hold(held)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(held)


@cache
def font_list() -> Path:
    """Matplotlib's list of the system's fonts. It is made once, as it takes seconds."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "autograder" / f"matplotlib-{version('matplotlib')}"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="matplotlib-"))
    if not (found := sorted(folder.glob("fontlist-*.json"))):
        # Without the user's own fonts: the sandbox does not have them.
        env = os.environ | dict.fromkeys(("MPLCONFIGDIR", "HOME", "XDG_DATA_HOME"), str(folder))
        command = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=120)
        found = sorted(folder.glob("fontlist-*.json"))
    return found[-1]


def environment(home: str, course: str, matplotlib: str) -> dict[str, str]:
    """The whole environment of a worker; nothing of the judge's is passed on.

    home        its HOME and working directory, empty and writable
    course      holds course_utils and data
    matplotlib  writable, holds the font list
    """
    variables = {
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "PYTHONPATH": course,
        "COURSE_DATA": f"{course}/data",
        # Sets of strings are iterated in the same order each time, so that a verdict can be
        # repeated.
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": f"{matplotlib}/ipython",
        "MPLCONFIGDIR": matplotlib,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # There is no network: an installation fails at once, and the next line runs.
        "PIP_NO_INDEX": "1",
        "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
        "GIT_TERMINAL_PROMPT": "0",
        # There is no compiler: a function decorated with torch.compile runs as it is written.
        "TORCHDYNAMO_DISABLE": "1",
    }
    if site.ENABLE_USER_SITE:
        variables["PYTHONUSERBASE"] = site.getuserbase()
    return variables


# --------------------------------------------------------------------------------------- bubblewrap


FOLDERS = HOME, FONTS = "/tmp/home", "/tmp/matplotlib"


def bubblewrap_command(
    stage: Path, limits: Limits, command: list[str], *, root: bool, nests: bool = False
) -> list[str]:
    """A command line that runs another one in a box.

    nests  it may make namespaces in the box; it gives that up before it meets a student's code
    """
    visible = visible_paths()
    words = [_bwrap(), "--die-with-parent", "--new-session", "--clearenv"]
    words += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--hostname", "sandbox"]
    words += _identity(root, nests)
    words += _top_links()
    words += _tmpfs("/tmp", limits.tmp, "1777")  # before the others, as Python may be in it
    for folder in _parents(visible):
        words += ["--perms", "0755", "--dir", str(folder)]
    for path in visible:
        words += ["--ro-bind", str(path), str(path)]
    for path in hidden(visible):
        words += _tmpfs(path, 4096, "0555", read_only=True)
    words += ["--ro-bind", f"{stage}/worker", "/worker", "--ro-bind", f"{stage}/course", "/course"]
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += _tmpfs("/dev/shm", limits.shm, "1777")
    for name in FOLDERS:
        words += ["--perms", "0777", "--dir", name]
    for font in stage.glob("matplotlib/*"):
        words += ["--ro-bind", str(font), f"{FONTS}/{font.name}"]
    # bubblewrap has made /dev and / itself: they are writable, without a limit, until now.
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    for key, value in environment(HOME, "/course", FONTS).items():
        words += ["--setenv", key, value]
    return [*words, "--", *command]


def visible_paths() -> list[Path]:
    """The paths of this machine that a worker sees."""
    return list(dict.fromkeys([*existing(SYSTEM), *python_paths()]))


def seen_under_tmp(stage: Path) -> list[str]:
    """The paths that a worker sees in its new /tmp: the font list, and Python if it is there."""
    visible = [str(path) for path in visible_paths() if path.is_relative_to("/tmp")]
    return [*visible, *(f"{FONTS}/{font.name}" for font in stage.glob("matplotlib/*"))]


def _bwrap() -> str:
    return shutil.which("bwrap") or "bwrap"


def _identity(root: bool, nests: bool) -> list[str]:
    """The options for the user that the worker runs as.

    If root judges, a user namespace would map the worker to root itself, to which RLIMIT_NPROC does
    not apply. There the worker is left the two capabilities to become another user instead.
    """
    words = []
    if not root:
        words += ["--unshare-user"]
        words += [] if nests else ["--disable-userns"]
        words += ["--uid", str(NOBODY), "--gid", str(NOBODY)]
    words += ["--cap-drop", "ALL"]
    if root:
        words += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    if nests:
        words += ["--cap-add", "CAP_SYS_ADMIN"]
    return words


def fresh_uid() -> int:
    """A UID used by no account and no other box, so that the kernel's counts by user are the box's.

    A rootless container has only a few thousand users: there it is the UID of `nobody`.
    """
    for line in _reads("/proc/self/uid_map").splitlines():
        first, _, count = map(int, line.split())
        if first <= FIRST_UID and first + count >= FIRST_UID + UIDS:
            return FIRST_UID + secrets.randbelow(UIDS)
    return NOBODY


def _tmpfs(path: Path | str, size: int, mode: str, *, read_only: bool = False) -> list[str]:
    lock = ["--remount-ro", str(path)] if read_only else []
    return ["--perms", mode, "--size", str(size), "--tmpfs", str(path), *lock]


def _parents(visible: list[Path]) -> list[Path]:
    """The parent directories of what is visible.

    If bubblewrap made them, only root could enter them.
    """
    parents = {parent for path in visible for parent in path.parents} - {Path("/")}
    return sorted(parent for parent in parents if not _is_under(parent, visible))


def _top_links() -> list[str]:
    """Options for /lib and the like: links into /usr on most systems, directories on others."""
    words = []
    for path in map(Path, ("/bin", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words


def existing(paths: Iterable[str | Path]) -> list[Path]:
    """The paths that exist, in order and without duplicates."""
    return [path for path in dict.fromkeys(map(Path, paths)) if path.exists()]


def python_paths(prefixes: Iterable[str] = (sys.prefix, sys.base_prefix)) -> list[Path]:
    """The paths that the interpreter and its packages need, wherever they are installed."""
    given = [Path(prefix) for prefix in prefixes]
    roots = dict.fromkeys([*given, *(prefix.resolve() for prefix in given)])
    parts = [root / part for root in roots for part in PREFIX_PARTS]
    packages = [path for path in sys.path if Path(path).name in SITE_NAMES]
    found = existing([*parts, *packages])
    links = [link for link in _links(Path(sys.executable)) if not _is_under(link, found)]
    shown = [*map(Path, SYSTEM), *found]
    return [path for path in [*found, *links] if not _is_under(path.parent, shown)]


def _links(path: Path) -> Iterator[Path]:
    """A path, each link that it leads to, and finally the file itself."""
    yield path
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path


def _is_under(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def hidden(visible: Iterable[Path], packages: Iterable[Path] | None = None) -> list[Path]:
    """Our own packages inside of visible directories, where a course that is installed has them.

    packages   directories that may hold them; this repository and every site-packages by default
    """
    if packages is None:
        packages = [COURSE, *(Path(path) for path in sys.path if Path(path).name in SITE_NAMES)]
    ours = existing(
        folder / name
        for folder in packages
        for name in ("autograder", "course_utils", "assignments")
    )
    found = []
    for folder in visible:
        # Links are resolved, as the same directory may be visible under two names.
        true = folder.resolve()
        inside = [path.resolve() for path in ours if path.resolve().is_relative_to(true)]
        found += [folder / path.relative_to(true) for path in inside]
    return found


# ------------------------------------------------------------------------- preconditions, and fixes


class Finding(NamedTuple):
    """The result of a self-test for one requirement of a sandbox.

    detail  what was found; if it is not ok, how to fix it
    """

    name: str
    ok: bool
    detail: str


def preconditions(level: str) -> list[Finding]:
    """The findings that need no worker. Each is made only if the one before it is ok."""
    if level not in get_args(Level):
        levels = " and ".join(get_args(Level))
        return [Finding("level", False, f"There is no sandbox level {level!r}; there is {levels}.")]
    if level == PROCESS:
        return [_system(os.name == "posix", "There are no process groups on Windows: use WSL2.")]
    linux = sys.platform == "linux"
    lacking = "bubblewrap needs Linux: use a Linux virtual machine, or WSL2 on Windows."
    return [_system(linux, lacking), *([_find_bubblewrap()] if linux else [])]


def _system(ok: bool, lacking: str) -> Finding:
    return Finding("the system will do", ok, sys.platform if ok else lacking)


def _find_bubblewrap() -> Finding:
    name = "bubblewrap is installed"
    if shutil.which("bwrap") is None:
        debian, fedora = "sudo apt install bubblewrap", "sudo dnf install bubblewrap"
        how = f"`{debian}` (Debian, Ubuntu) or `{fedora}` (Fedora)"
        return Finding(name, False, f"bubblewrap is missing. Install it: {how}.")
    command = [_bwrap(), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    numbers = re.findall(r"\d+", said)
    if tuple(map(int, numbers)) < OLDEST_BWRAP:
        found, wanted = ".".join(numbers), ".".join(map(str, OLDEST_BWRAP))
        too_old = f"bubblewrap {found} is too old: install {wanted} or newer."
        return Finding(name, False, too_old)
    return Finding(name, True, said.strip())


def remedy(stderr: str) -> str:
    """How to fix a sandbox that did not start, from what it wrote to stderr."""
    silence = (
        "it said nothing, or was not ready in time: is this machine very busy, or short of memory?"
    )
    last = [silence, *stderr.strip().splitlines()][-1]
    said = f"The sandbox did not start ({last}). "
    if not DENIED.search(stderr):
        return said.strip()
    if _reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return said + (
            "Ubuntu restricts user namespaces by AppArmor. Load bubblewrap's profile: "
            "`sudo apt install apparmor-profiles`, then "
            "`sudo ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict "
            "/etc/apparmor.d/`, then `sudo systemctl reload apparmor`."
        )
    if in_container():
        return said + (
            "A container's default seccomp profile blocks namespaces: start it with "
            "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, "
            "or grade outside of the container."
        )
    return said + (
        "Allow user namespaces: "
        "`sudo sysctl -e kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000`."
    )


def in_container() -> bool:
    """Whether this runs in a container of Docker or Podman."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _reads(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
