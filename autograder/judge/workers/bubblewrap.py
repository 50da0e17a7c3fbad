"""The sandbox: what a worker may see and do, and the remedy where a machine can't have it so.

    bubblewrap   the default: namespaces of its own, no network, a file system with nothing in it
                 but Python
    process      only when asked for by name: a process group of its own. It contains accidents, not
                 attacks

A level that can't be had is a SandboxError with the remedy; nothing weaker is ever taken instead.
The worker sees copies of its own few files and of the modules that students get, and nothing else
of ours. A worker is started in it by box.py; self_test.py tries what must not be possible there.
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
JUST_MADE = 60.0  # seconds for a judge to take hold of its stage
# Above every range that systemd, container engines and login tools hand out (see systemd's
# UIDS-GIDS).
FIRST_UID, UIDS = 1_900_000_000, 2**24
OLDEST_BWRAP = (0, 8)

# Of an interpreter's prefix: no more, as a prefix may be a home directory or this repository.
PREFIX_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
SYSTEM = (
    *("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/gnu/store"),
    *(
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/alternatives",
        "/etc/localtime",
    ),
    *("/etc/fonts", "/usr/share/fonts", "/usr/share/fontconfig", "/usr/local/share/fonts"),
    *("/usr/share/zoneinfo", "/sys/devices/system/cpu"),
)
SITE_NAMES = ("site-packages", "dist-packages")


class SandboxError(CourseError):
    """The sandbox could not be set up. Never a student's fault; the text has the remedy."""


# -------------------------------------------------------------------------------------------- stage


class Stage:
    """A directory for one worker, holding what it may see of ours.

    worker/      the package `inside`, whole, with course_utils' `statements.py` in it
    course/      course_utils as students get it: without `reference`; in course/data the packs of
                 pictures
    home/        its HOME and working directory (level process)
    matplotlib/  the font list, which would take seconds to make
    """

    def __init__(self, packs: Iterable[Path] = ()) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=STAGE))
        self._held: int | None = os.open(self.path, os.O_RDONLY)
        _hold(self._held)  # for as long as any process of this judge lives
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
        """Write a file that the worker may read, whoever it runs as."""
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
    """Delete the stages of judges that were killed: the old ones that no process holds."""
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
    """Matplotlib's list of the system's fonts. Made once for a machine, as it takes seconds."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "autograder" / f"matplotlib-{version('matplotlib')}"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="matplotlib-"))
    if not (found := sorted(folder.glob("fontlist-*.json"))):
        # Not with the user's own fonts: the sandbox does not have them.
        env = os.environ | {
            "MPLCONFIGDIR": str(folder),
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
        }
        code = "import matplotlib.font_manager"
        subprocess.run(
            [sys.executable, "-c", code], env=env, check=True, capture_output=True, timeout=120
        )
        found = sorted(folder.glob("fontlist-*.json"))
    return found[-1]


def environment(home: str, course: str, matplotlib: str) -> dict[str, str]:
    """All of a worker's environment; nothing of the judge's is passed on.

    home        its HOME and working directory, empty and writable
    course      holds course_utils and data
    matplotlib  writable, holds the font list
    """
    one_thread = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    user_base = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    return {
        **{"HOME": home, "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8"},
        **{"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "PYTHONPATH": course, **user_base},
        "COURSE_DATA": f"{course}/data",
        # Sets of strings are walked in the same order each time, so that verdicts repeat.
        **{"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        **{
            "IPYTHONDIR": f"{matplotlib}/ipython",
            "MPLCONFIGDIR": matplotlib,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        },
        **{"CUDA_VISIBLE_DEVICES": "", **dict.fromkeys(one_thread, "1")},
        # Without a network an installation fails at once, and the next line goes on.
        **{"PIP_NO_INDEX": "1", "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        **{"UV_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "GIT_TERMINAL_PROMPT": "0"},
        # There is no compiler: what is decorated with torch.compile runs as it is written.
        "TORCHDYNAMO_DISABLE": "1",
    }


# --------------------------------------------------------------------------------------- bubblewrap


FOLDERS = HOME, FONTS = "/tmp/home", "/tmp/matplotlib"  # noqa: S108  in the box, writable


def bubblewrap_command(
    stage: Path, limits: Limits, command: list[str], *, root: bool, nests: bool = False
) -> list[str]:
    """A command, in a box of its own.

    nests  it may make namespaces in there, until it gives that up: before it meets a student's code
    """
    visible = visible_paths()
    return [
        *(_bwrap(), "--die-with-parent", "--new-session", "--clearenv"),
        *(
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ),
        *("--hostname", "sandbox"),
        *_identity(root, nests),
        *_top_links(),
        *_tmpfs("/tmp", limits.tmp, "1777"),  # first, as Python may live in it
        *(
            word
            for folder in _parents(visible)
            for word in ("--perms", "0755", "--dir", str(folder))
        ),
        *(word for path in visible for word in ("--ro-bind", str(path), str(path))),
        *(word for path in hidden(visible) for word in _tmpfs(path, 4096, "0555", read_only=True)),
        *("--ro-bind", f"{stage}/worker", "/worker", "--ro-bind", f"{stage}/course", "/course"),
        *("--proc", "/proc", "--dev", "/dev"),
        *_tmpfs("/dev/shm", limits.shm, "1777"),
        *("--perms", "0777", "--dir", HOME, "--perms", "0777", "--dir", FONTS),
        *(
            w
            for font in stage.glob("matplotlib/*")
            for w in ("--ro-bind", str(font), f"{FONTS}/{font.name}")
        ),
        # The mounts that bubblewrap itself made are writable and of no size until now.
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME),
        *(
            w
            for key, value in environment(HOME, "/course", FONTS).items()
            for w in ("--setenv", key, value)
        ),
        *("--", *command),
    ]


def visible_paths() -> list[Path]:
    """What a worker sees of this machine."""
    return list(dict.fromkeys([*existing(SYSTEM), *python_paths()]))


def seen_under_tmp(stage: Path) -> list[str]:
    """What a worker sees in the box's /tmp, which is new for each: the list of fonts; perhaps
    Python.
    """
    visible = [str(path) for path in visible_paths() if path.is_relative_to("/tmp")]  # noqa: S108
    return [*visible, *(f"{FONTS}/{font.name}" for font in stage.glob("matplotlib/*"))]


def _bwrap() -> str:
    return shutil.which("bwrap") or "bwrap"


def _identity(root: bool, nests: bool) -> list[str]:
    """Who the worker is.

    A user namespace maps root's box to root's own uid, which RLIMIT_NPROC does not bind. So a judge
    run by root leaves the worker the two capabilities it needs to become nobody in particular.
    """
    capabilities = ["CAP_SETUID", "CAP_SETGID"] if root else []
    capabilities += ["CAP_SYS_ADMIN"] if nests else []
    added = [word for name in capabilities for word in ("--cap-add", name)]
    uid = str(NOBODY)
    closed = [] if nests else ["--disable-userns"]
    user = [] if root else ["--unshare-user", *closed, "--uid", uid, "--gid", uid]
    return [*user, "--cap-drop", "ALL", *added]


def fresh_uid() -> int:
    """A user that nobody is, and no other box either: what is counted by user is counted for each
    box.
    """
    mapped = [tuple(map(int, line.split())) for line in _reads("/proc/self/uid_map").splitlines()]
    if any(first <= FIRST_UID and first + count >= FIRST_UID + UIDS for first, _, count in mapped):
        return FIRST_UID + secrets.randbelow(UIDS)
    return NOBODY  # a rootless container has but a few thousand users


def _tmpfs(path: Path | str, size: int, mode: str, *, read_only: bool = False) -> list[str]:
    lock = ["--remount-ro", str(path)] if read_only else []
    return ["--perms", mode, "--size", str(size), "--tmpfs", str(path), *lock]


def _parents(visible: list[Path]) -> list[Path]:
    """The directories on the way to what is visible; bubblewrap's own would be closed to all but
    root.
    """
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
    """What the interpreter and its packages need, wherever they are: /usr, pyenv, conda, uv, a
    home.
    """
    given = [Path(prefix) for prefix in prefixes]
    roots = dict.fromkeys([*given, *(prefix.resolve() for prefix in given)])
    parts = [root / part for root in roots for part in PREFIX_PARTS]
    packages = [path for path in sys.path if Path(path).name in SITE_NAMES]
    found = existing([*parts, *packages])
    links = [link for link in _links(Path(sys.executable)) if not _is_under(link, found)]
    return [
        path
        for path in [*found, *links]
        if not _is_under(path.parent, [*map(Path, SYSTEM), *found])
    ]


def _links(path: Path) -> Iterator[Path]:
    """A path and the links it leads through, to the file itself."""
    yield path
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path


def _is_under(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def hidden(visible: Iterable[Path], packages: Iterable[Path] | None = None) -> list[Path]:
    """What of ours lies inside a visible directory, as it does when the course is installed as a
    package.

    packages   the directories that may hold it; by default this repository and every site-packages
    """
    if packages is None:
        packages = [COURSE, *(Path(path) for path in sys.path if Path(path).name in SITE_NAMES)]
    ours = existing(
        folder / name
        for folder in packages
        for name in ("autograder", "course_utils", "assignments")
    )
    # By their true places, as the same directory may be visible by two names.
    return [
        folder / secret.resolve().relative_to(folder.resolve())
        for folder in visible
        for secret in ours
        if secret.resolve().is_relative_to(folder.resolve())
    ]


# ----------------------------------------------------------------------- preconditions and remedies


class Finding(NamedTuple):
    """What a self-test found of one thing that a sandbox must do.

    detail  what was found; if it is not ok, the remedy
    """

    name: str
    ok: bool
    detail: str


def preconditions(level: str) -> list[Finding]:
    """What can be told before anything is started. The later ones are missing if an earlier one
    fails.
    """
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
        how = "`sudo apt install bubblewrap` (Debian, Ubuntu) or `sudo dnf install bubblewrap` (Fedora)"
        return Finding(name, False, f"bubblewrap is missing. Install it: {how}.")
    said = subprocess.run(
        [_bwrap(), "--version"], capture_output=True, text=True, check=False
    ).stdout
    numbers = re.findall(r"\d+", said)
    if tuple(map(int, numbers)) < OLDEST_BWRAP:
        wanted = ".".join(map(str, OLDEST_BWRAP))
        return Finding(
            name, False, f"bubblewrap {'.'.join(numbers)} is too old: install {wanted} or newer."
        )
    return Finding(name, True, said.strip())


def remedy(stderr: str) -> str:
    """What to do about a sandbox that did not start, from what it wrote to stderr."""
    silence = (
        "it said nothing, or was not ready in time: is this machine very busy, or short of memory?"
    )
    last = [silence, *stderr.strip().splitlines()][-1]
    said = f"The sandbox did not start ({last}). "
    if not re.search(
        r"namespace|uid map|RTM_NEWADDR|Operation not permitted|Permission denied", stderr
    ):
        return said.strip()
    if _reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return said + (
            "Ubuntu restricts user namespaces by AppArmor. Load bubblewrap's profile: "
            "`sudo apt install apparmor-profiles`, then "
            "`sudo ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/`, then "
            "`sudo systemctl reload apparmor`."
        )
    if in_container():
        return said + (
            "A container's default seccomp profile blocks namespaces: start it with `--security-opt "
            "seccomp=unconfined --security-opt systempaths=unconfined`, or grade outside of the container."
        )
    return said + (
        "Allow user namespaces: "
        "`sudo sysctl -e kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000`."
    )


def in_container() -> bool:
    """Whether this is a container of Docker's or Podman's."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _reads(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
