"""The sandbox: what can be seen and done from inside, what is refused, and what is left."""

import errno
import os
import signal
import stat
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from workers import BOXED, needs_bubblewrap, start

from autograder.assignments import COURSE
from autograder.judge.inside.mounts import INODES, TERMINALS
from autograder.judge.limits import MB, Limits
from autograder.judge.workers import bubblewrap, cgroup, seccomp
from autograder.judge.workers import self_test as self_test_module
from autograder.judge.workers.box import open_box
from autograder.judge.workers.bubblewrap import SandboxError, hidden, python_paths, remedy
from autograder.judge.workers.client import Worker
from autograder.judge.workers.self_test import _judged, self_test


@pytest.fixture(scope="module", params=BOXED)
def worker(request):
    """One worker in a box for all the tests in which nothing dies: a cold one, and a warm one."""
    with start(request.param, Limits(cell=60, submission=600, cpu=300)) as worker:
        yield worker


def value(worker, expression, first=""):
    """What an expression is, inside: a Python literal that is printed."""
    reply = worker.cell(f"{first}\nprint(repr({expression}))")
    assert reply.ok, reply.outputs
    return eval(reply.outputs[-1]["text"])


def raised(worker, source):
    """The name of the exception that a cell raises, or that its first skipped statement does."""
    reply = worker.cell(source)
    raised = [output["ename"] for output in reply.outputs if output["output_type"] == "error"]
    skipped = [error.partition(":")[0] for _, _, error in reply.skipped]
    return [*raised, *skipped][0]


# -------------------------------------------------------------------------------------- from inside


@needs_bubblewrap
@pytest.mark.parametrize(
    "path",
    [
        *(COURSE / "autograder", COURSE / "course_utils", COURSE / "assignments", COURSE / "tests"),
        *(
            COURSE / "pyproject.toml",
            COURSE / ".git",
            "/etc/passwd",
            "/etc/shadow",
            "/var",
            "/home",
            "/run",
        ),
        *("/sys/kernel", "/dev/sda", "/dev/vda", "/dev/mem", "/course/course_utils/reference"),
    ],
    ids=lambda path: Path(path).name,
)
def test_secrets_are_not_there(worker, path):
    assert not value(worker, f"os.path.exists({str(path)!r})", "import os")


@needs_bubblewrap
def test_only_the_way_to_python_is_there_of_a_home(worker):
    home = Path.home()
    inside = set(
        value(worker, f"os.listdir({str(home)!r}) if os.path.exists({str(home)!r}) else []")
    )
    ways = {path.relative_to(home).parts[0] for path in python_paths() if path.is_relative_to(home)}
    assert inside <= ways


@needs_bubblewrap
@pytest.mark.parametrize(
    "name",
    [
        "autograder",
        "autograder.judge",
        "course_utils.reference",
        "course_utils.reference.colorization",
    ],
)
def test_secrets_can_not_be_imported(worker, name):
    assert raised(worker, f"import {name}") == "ModuleNotFoundError"


@needs_bubblewrap
@pytest.mark.parametrize(
    "folder",
    [
        *(
            "/",
            "/worker",
            "/course/course_utils",
            "/usr/lib",
            "/usr/bin",
            "/dev",
            "/etc",
            "/home",
            "/proc",
        ),
        *(sys.prefix, f"{sys.prefix}/lib", f"{sys.base_prefix}/lib", "/sys/devices/system/cpu"),
    ],
)
def test_nothing_can_be_written_outside(worker, folder):
    error = raised(worker, f"open({folder!r} + '/note', 'w')")
    assert error in ("OSError", "PermissionError", "FileNotFoundError")


@needs_bubblewrap
def test_the_font_list_is_there_and_need_not_be_made(worker):
    lists = value(
        worker, "glob.glob(matplotlib.get_cachedir() + '/fontlist*')", "import glob, matplotlib"
    )
    assert len(lists) == 1
    assert value(worker, "os.access(matplotlib.get_cachedir(), os.W_OK)", "import os")


@needs_bubblewrap
def test_tmp_is_bounded(worker):
    fill = """
import os
written, number = 0, 0
try:
    while written < 500:
        with open(f"/tmp/fill{number}", "wb") as file:
            for _ in range(32): written += file.write(bytes(2**20)) // 2**20
        number += 1
except OSError as error: code = error.errno
finally:
    for n in range(number + 1): os.remove(f"/tmp/fill{n}")
"""
    assert value(worker, "(code, written)", fill) == (28, pytest.approx(128, abs=4))  # ENOSPC
    assert (
        value(worker, "os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize")
        == 64 * MB
    )


@needs_bubblewrap
def test_files_and_terminals_are_counted(worker):
    for folder in ("/tmp", "/dev/shm"):
        assert value(worker, f"os.statvfs({folder!r}).f_files", "import os") == INODES
    take = """
import os
kept = []
try:
    while len(kept) < 99: kept.append(os.openpty())
except OSError: pass
"""
    assert value(worker, "len(kept)", take) == TERMINALS
    worker.cell("for pair in kept: os.close(pair[0]), os.close(pair[1])")
    assert value(worker, "os.listdir('/dev/pts')") == ["ptmx"]


@needs_bubblewrap
def test_of_the_machine_only_its_start_is_told(worker):
    read = (
        "{name: open('/proc/' + name).read() for name in ('meminfo', 'stat', 'loadavg', 'uptime')}"
    )
    before = value(worker, read)
    assert "MemTotal" in before["meminfo"]
    assert value(worker, read, "import time\ntime.sleep(0.05)") == before
    assert value(worker, "open('/proc/locks').read()") == ""
    assert value(worker, "os.listdir('/proc/sys')", "import os") == []


@needs_bubblewrap
def test_a_file_is_bounded(worker):
    write = "import os\nwith open('/tmp/big', 'wb') as file:\n    file.write(bytes(100 * 2**20))"
    assert raised(worker, write) == "OSError"
    assert value(worker, "os.path.getsize('/tmp/big')") == 64 * MB
    worker.cell("os.remove('/tmp/big')")


@needs_bubblewrap
def test_open_files_are_bounded(worker):
    assert raised(worker, "files = [open('/dev/null') for _ in range(300)]") == "OSError"
    worker.cell("del files", silent=True)


NETWORK = {
    "TCP": "socket.create_connection(('192.0.2.1', 80), timeout=2)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    "IPv6": "socket.create_connection(('2001:db8::1', 80), timeout=2)",
    "DNS": "socket.gethostbyname('example.org')",
    "the judge's loopback": "socket.create_connection(('127.0.0.1', {port}), timeout=2)",
    "abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0{name}')",
}


@needs_bubblewrap
@pytest.mark.parametrize("kind", NETWORK)
def test_the_network_is_blocked(worker, kind):
    import socket

    name = f"autograder-{os.getpid()}"
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as local:
        server.bind(("127.0.0.1", 0))
        server.listen()
        local.bind(f"\0{name}")
        local.listen()
        source = (
            NETWORK[kind].replace("{port}", str(server.getsockname()[1])).replace("{name}", name)
        )
        assert raised(worker, f"import socket\n{source}") in (
            "OSError",
            "gaierror",
            "ConnectionRefusedError",
        )


@needs_bubblewrap
def test_privileges_are_gone(worker):
    status = value(worker, "open('/proc/self/status').read()")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    for act in ("os.setuid(0)", "os.chroot('/tmp')", "os.kill(1, 9)", "os.mkdir('/x')"):
        assert raised(worker, f"import os\n{act}") in ("PermissionError", "OSError")


@needs_bubblewrap
def test_other_processes_are_not_seen(worker):
    assert (
        len(value(worker, "[name for name in os.listdir('/proc') if name.isdigit()]", "import os"))
        <= 3
    )


@needs_bubblewrap
def test_limits_are_set_and_hard(worker):
    names = "[name for name in dir(resource) if name.startswith('RLIMIT')]"
    every = f"{{name: resource.getrlimit(getattr(resource, name)) for name in {names}}}"
    limits = value(worker, every, "import resource")
    assert limits["RLIMIT_CORE"] == (0, 0)
    assert limits["RLIMIT_NOFILE"] == (256, 256)
    assert limits["RLIMIT_NPROC"] == (64, 64)
    assert limits["RLIMIT_FSIZE"] == (64 * MB, 64 * MB)
    for name in ("RLIMIT_AS", "RLIMIT_DATA"):
        soft, hard = limits[name]
        assert 2048 * MB < soft == hard < 2**40
    assert raised(worker, "resource.setrlimit(resource.RLIMIT_NOFILE, (999, 999))") == "ValueError"


# ------------------------------------------------------------------------------------------ the box


@pytest.fixture
def stage():
    """What a worker sees of ours."""
    stage = bubblewrap.Stage()
    yield stage.path
    stage.remove()


def test_the_stage_holds_nothing_that_is_not_shipped(stage):
    files = {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}
    modules = {path.name for path in (COURSE / "autograder/judge/inside").glob("*.py")}
    staged = {f"worker/inside/{name}" for name in modules | {"statements.py"}}
    assert {name for name in files if name.startswith("worker/")} == staged
    assert "course/course_utils/__init__.py" in files
    rest = {name for name in files if not name.startswith(("worker/", "matplotlib/fontlist-"))}
    assert all(name.startswith("course/course_utils/") and "reference" not in name for name in rest)
    assert all(path.stat().st_mode & stat.S_IROTH for path in stage.rglob("*") if path.is_file())


@pytest.mark.parametrize("root", [True, False], ids=["root", "user"])
def test_the_command_takes_everything_away(stage, root):
    words = bubblewrap.bubblewrap_command(stage, Limits(tmp=7 * MB), ["true"], root=root)
    text = " ".join(words)
    for flag in (
        "die-with-parent",
        "new-session",
        "clearenv",
        "unshare-net",
        "unshare-pid",
        "unshare-ipc",
    ):
        assert f"--{flag}" in words
    assert "--cap-drop ALL" in text
    assert ("--unshare-user --disable-userns --uid 65534 --gid 65534" in text) is not root
    assert f"--size {7 * MB} --tmpfs /tmp" in text
    assert "--remount-ro /dev --remount-ro / " in text
    assert "--bind" not in words
    shown = [Path(words[at + 1]) for at, word in enumerate(words) if word == "--ro-bind"]
    assert not [path for path in shown if (COURSE / "autograder").is_relative_to(path)]
    assert words[-2:] == ["--", "true"]


def test_an_environment_is_made_and_not_inherited(monkeypatch):
    monkeypatch.setenv("SECRET", "7")
    assert "SECRET" not in bubblewrap.environment("/home", "/course", "/fonts")


def test_of_a_prefix_only_pythons_own_parts_are_shown(tmp_path):
    """A virtual environment may have been made in the repository itself, or in a home."""
    for name in ("bin", "lib", "autograder", "submissions", ".ssh"):
        (tmp_path / name).mkdir()
    shown = [path for path in python_paths([str(tmp_path)]) if path.is_relative_to(tmp_path)]
    assert {path.name for path in shown} == {"bin", "lib"}


def test_a_prefix_behind_a_link_is_shown_by_both_names(tmp_path):
    (tmp_path / "real" / "lib").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    shown = python_paths([str(tmp_path / "link")])
    assert {tmp_path / "link" / "lib", tmp_path / "real" / "lib"} <= set(shown)


@contextmanager
def installed(folder):
    """A prefix in which the course is installed as a package."""
    packages = folder / "lib" / "site-packages"
    for name in (
        "autograder/checks/test_topic.py",
        "course_utils/reference/topic.py",
        "other/module.py",
    ):
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SECRET = 7")
    yield packages


def test_a_package_of_ours_in_a_prefix_is_hidden(tmp_path):
    with installed(tmp_path) as packages:
        assert hidden([tmp_path / "lib"], [packages]) == [
            packages / "autograder",
            packages / "course_utils",
        ]
        assert hidden([tmp_path / "other"], [packages]) == []
        (tmp_path / "link").symlink_to("lib")
        assert (
            hidden([tmp_path / "link"], [packages])[0] == tmp_path / "link/site-packages/autograder"
        )


@needs_bubblewrap
def test_what_is_hidden_can_not_be_seen(tmp_path, stage, monkeypatch):
    with installed(tmp_path) as packages:
        monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
        monkeypatch.setattr(bubblewrap, "python_paths", lambda: [*python_paths(), tmp_path / "lib"])
        look = ["/usr/bin/find", str(packages), "-type", "f"]
        command = bubblewrap.bubblewrap_command(stage, Limits(), look, root=os.geteuid() == 0)
        seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert seen == [str(packages / "other/module.py")]


# ----------------------------------------------------------------------------------------- refusals


def test_a_level_that_there_is_not_is_refused():
    with pytest.raises(SandboxError, match="there is bubblewrap and process"):
        Worker("docker")


def test_without_bubblewrap_it_is_refused_and_nothing_weaker_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="apt install bubblewrap"):
        Worker()
    (finding,) = self_test()
    assert not finding.ok
    assert "apt install bubblewrap" in finding.detail


def fake_bwrap(folder, script):
    """A program of that name, in front of the real one."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_an_old_bubblewrap_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", fake_bwrap(tmp_path, "echo bubblewrap 0.4.1"))
    with pytest.raises(SandboxError, match=r"0\.4\.1 is too old: install 0\.8 or newer"):
        Worker()


def test_a_bubblewrap_that_fails_is_refused_with_the_remedy(monkeypatch, tmp_path):
    version = '[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit'
    fails = f"{version}\necho bwrap: setting up uid map: Permission denied >&2; exit 1"
    monkeypatch.setenv("PATH", fake_bwrap(tmp_path, fails))
    with pytest.raises(SandboxError, match="setting up uid map"):
        Worker()
    found = {finding.name: finding for finding in self_test()}
    assert not found["a worker answers"].ok
    assert "setting up uid map" in found["a worker answers"].detail


def test_other_systems_are_told_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match="Linux virtual machine, or WSL2"):
        Worker()


FORBIDDEN = "bwrap: No permissions to create new namespace"


@pytest.mark.parametrize(
    ("stderr", "apparmor", "container", "says"),
    [
        ("bwrap: setting up uid map: Permission denied", "1", False, "AppArmor"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "1", False, "AppArmor"),
        (FORBIDDEN, "0", True, "seccomp=unconfined"),
        (FORBIDDEN, "", False, "sysctl"),
        ("Traceback ...\nModuleNotFoundError: No module named 'torch'", "1", True, "'torch'"),
        ("", "1", True, "not ready in time"),
    ],
)
def test_each_failure_has_its_remedy(monkeypatch, stderr, apparmor, container, says):
    monkeypatch.setattr(bubblewrap, "_reads", lambda path: apparmor)
    monkeypatch.setattr(bubblewrap, "in_container", lambda: container)
    assert says in remedy(stderr)


def test_a_start_that_takes_too_long_is_not_the_students_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(bubblewrap.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SandboxError, match="not ready in time"):
        Worker("process", Limits(start_up=0.05))
    assert list(tmp_path.iterdir()) == []


def test_limits_come_from_a_mapping():
    assert Limits.from_mapping({}) == Limits()
    limits = Limits.from_mapping({"cell": 30, "memory": 4e9})
    assert (limits.cell, limits.memory) == (30.0, 4_000_000_000)
    assert (type(limits.cell), type(limits.memory)) == (float, int)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"seconds": 3}, "no limit 'seconds'. Limits: cell, call"),
        ({"cell": 0}, "'cell' must be a positive number, not 0"),
        ({"cell": "10"}, "'cell' must be"),
        ({"memory": True}, "'memory' must be"),
        ({"cpu": float("nan")}, "'cpu' must be"),
        ({"cpu": float("inf")}, "'cpu' must be"),
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_named(mapping, says):
    with pytest.raises(ValueError, match=says):
        Limits.from_mapping(mapping)


# ------------------------------------------------------------------------------------- system calls


def decided(machine, number, *arguments):
    """What the filter says to a call: the error's number, None if it may be made, or "killed"."""
    words = [seccomp.AUDIT_ARCH[machine], 0, 0, *(half for word in arguments for half in (word, 0))]
    memory = dict(enumerate([number, *words]))
    steps = [*struct.iter_unpack("<HBBI", seccomp.program(machine))]
    at = value = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == seccomp.LOAD:
            value = memory.get(operand // 4, 0)
        elif code == seccomp.RETURN:
            return {seccomp.ALLOW: None, seccomp.KILL: "killed"}.get(
                operand, operand - seccomp.FAIL
            )
        else:
            tests = {seccomp.JUMP_EQUAL: value == operand, seccomp.JUMP_AT_LEAST: value >= operand}
            tests[seccomp.JUMP_ANY_BIT] = bool(value & operand)
            at += if_true if tests[code] else if_false


CALLS = {  # number on x86-64, on Arm; arguments; the error
    "read": (0, 63, [], None),
    "fcntl, to duplicate": (72, 25, [3, 1030], None),
    "fcntl, to ask for a lock": (72, 25, [3, 5], errno.ENOLCK),
    "fcntl, to lock": (72, 25, [3, 6], errno.ENOLCK),
    "fcntl, to lock an open file": (72, 25, [3, 37], errno.ENOLCK),
    "fcntl, for a lease": (72, 25, [3, 1024], errno.EPERM),
    "flock": (73, 32, [3, 2], errno.ENOSYS),
    "preadv2": (327, 286, [3, 0, 1, 0, 0, 0], None),
    "preadv2, RWF_NOWAIT": (327, 286, [3, 0, 1, 0, 0, 8], errno.EOPNOTSUPP),
    "pwritev2, RWF_HIPRI": (328, 287, [3, 0, 1, 0, 0, 1], errno.EOPNOTSUPP),
    "mincore": (27, 232, [], errno.ENOSYS),
    "cachestat": (451, 451, [], errno.ENOSYS),
    "madvise, MADV_DONTNEED": (28, 233, [0, 0, 4], None),
    "madvise, MADV_PAGEOUT": (28, 233, [0, 0, 21], errno.EINVAL),
    "io_setup": (206, 0, [], errno.ENOSYS),
    "setpriority": (141, 140, [], errno.EPERM),
    "sched_setattr": (314, 274, [], errno.EPERM),
    "clone, a thread": (56, 220, [0x3D0F00], None),
    "clone, a user namespace": (56, 220, [0x10000011], errno.EPERM),
    "clone3": (435, 435, [], errno.ENOSYS),
    "a unix socket": (41, 198, [1], None),
    "an internet socket": (41, 198, [2], errno.EAFNOSUPPORT),
    "setsockopt, SO_RCVTIMEO": (54, 208, [3, 1, 20], None),
    "setsockopt, SO_SNDBUF": (54, 208, [3, 1, 7], errno.EPERM),
    "futex_wait": (455, 455, [], None),
    "setxattrat": (463, 463, [], errno.ENOSYS),
    "open_tree_attr": (467, 467, [], errno.ENOSYS),
    "a call that there is not yet": (999, 999, [], errno.ENOSYS),
    "a call of x32": (2**30, 2**30, [], errno.ENOSYS),
}


@pytest.mark.parametrize("machine", seccomp.AUDIT_ARCH)
@pytest.mark.parametrize("call", CALLS)
def test_system_calls_are_decided_by_number_and_arguments(machine, call):
    *numbers, arguments, error = CALLS[call]
    number = numbers[list(seccomp.AUDIT_ARCH).index(machine)]
    assert decided(machine, number, *arguments) == error


# ----------------------------------------------------------------------------------- control groups


def hierarchy(monkeypatch, folder, version, ours="/a/b"):
    """A tree of control groups as the kernel shows it, made of plain files."""
    kinds = {1: [("cpu", "cpu,cpuacct"), ("memory", "memory"), ("pids", "pids")], 2: [("", "")]}[
        version
    ]
    mounts, groups = [], []
    for at, (name, options) in enumerate(kinds):
        point = folder / (name or "unified")
        inner = point / ours.strip("/")
        inner.mkdir(parents=True)
        for path in (inner, inner.parent, point):
            (path / "cgroup.procs").touch()
        kind = "cgroup2 cgroup" if version == 2 else "cgroup cgroup"
        mounts.append(f"30 25 0:26 / {point} rw - {kind} rw,{options}")
        groups.append(f"{at}:{options}:{ours}")
    for name, lines in (("MOUNTS", mounts), ("OURS", groups)):
        (folder / name).write_text("\n".join(lines))
        monkeypatch.setattr(cgroup, name, folder / name)


def test_a_group_of_version_1_is_made_in_each_hierarchy(monkeypatch, tmp_path):
    hierarchy(monkeypatch, tmp_path, 1)
    group = cgroup.Cgroup(Limits(processes=7, tree=10, tmp=20, shm=30))
    assert group.controls == {"cpu", "memory", "pids"}
    assert {str(folder.parent.relative_to(tmp_path)) for folder in group.folders} == {
        f"{name}/a/b" for name in group.controls
    }
    text = {path.name: path.read_text() for folder in group.folders for path in folder.iterdir()}
    assert text["pids.max"] == "7"
    assert text["memory.limit_in_bytes"] == str(60 + cgroup.KERNEL)


@pytest.mark.parametrize(("shared", "place"), [("memory pids cpu", "unified/a"), ("", None)])
def test_a_group_of_version_2_is_made_beside_ours(monkeypatch, tmp_path, shared, place):
    hierarchy(monkeypatch, tmp_path, 2)
    (tmp_path / "unified/a/cgroup.subtree_control").write_text(shared)
    group = cgroup.Cgroup(Limits())
    assert [folder.parent for folder in group.folders] == ([tmp_path / place] if place else [])
    assert group.controls == set(shared.split())


def test_without_control_groups_there_is_none(monkeypatch, tmp_path):
    for name in ("MOUNTS", "OURS"):
        monkeypatch.setattr(cgroup, name, tmp_path / "none")
    group = cgroup.Cgroup(Limits())
    assert (group.folders, group.controls, group.out_of_memory()) == ([], set(), False)
    group.remove()
    assert (
        "no control group for cores or memory or processes"
        in self_test_module._shares(group).detail
    )


def test_a_group_tells_that_the_kernel_ended_a_process(monkeypatch, tmp_path):
    hierarchy(monkeypatch, tmp_path, 1)
    group = cgroup.Cgroup(Limits())
    file = (
        next(folder for folder in group.folders if "memory" in folder.parts) / "memory.oom_control"
    )
    for number in (0, 3):
        file.write_text(f"oom_kill_disable 0\nunder_oom 0\noom_kill {number}\n")
        assert group.out_of_memory() is bool(number)


def test_groups_of_judges_that_were_killed_are_swept_and_no_others(tmp_path):
    left, held, other = (
        tmp_path / name for name in ("autograder-0-a", f"autograder-{os.getpid()}-b", "c")
    )
    for folder in (left, held, other):
        folder.mkdir()
    cgroup.sweep(tmp_path)
    assert set(tmp_path.iterdir()) == {held, other}


@needs_bubblewrap
@pytest.mark.parametrize("how", ["bubblewrap", "warm"])
def test_a_box_is_in_its_group_and_the_group_goes_with_it(how):
    with start(how, Limits(processes=9)) as worker:
        folders = worker._box.group.folders
        family = worker._box.family()
        inside = [
            set(map(int, (folder / "cgroup.procs").read_text().split())) for folder in folders
        ]
        assert all(found and found <= set(family) for found in inside)
    assert not [folder for folder in folders if folder.exists()]


# ---------------------------------------------------------------------------------------- self-test


@needs_bubblewrap
def test_the_self_test_passes():
    found = self_test()
    assert [finding for finding in found if not finding.ok] == []
    names = {finding.name for finding in found}
    assert {"the network is blocked", "the world is read-only", "secrets are invisible"} <= names


def test_the_self_test_of_the_weak_level_promises_less():
    found = self_test("process")
    assert all(finding.ok for finding in found)
    assert "the network is blocked" not in {finding.name for finding in found}


def test_the_self_test_finds_what_is_wrong():
    facts = {"network": True, "writable": ["/usr", "/tmp/home"], "visible": ["/home/ada/.ssh"]}
    facts |= {"importable": []}
    facts |= {"course": False, "tmp": 2**40, "privileges": 1, "uid": 0}
    found = {finding.name: finding for finding in _judged(facts, Limits(), isolated=True)}
    assert [name for name, finding in found.items() if finding.ok] == [
        "the references are out of reach"
    ]
    assert "/usr." in found["the world is read-only"].detail


@needs_bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are run by an ordinary user already")
def test_a_judge_that_is_not_root_gets_a_box_as_good():
    code = (
        "import os; os.setgroups([]); os.setgid(12345); os.setuid(12345); os.environ['HOME'] "
        "= '/home/none'\n"
        "from autograder.judge.workers.self_test import self_test\n"
        "for c in self_test(): print(c.ok, c.name, c.detail)"
    )
    # A stranger can't look into root's home, where Python may be.
    home = ["--perms", "0755", "--tmpfs", "/root"]
    needed = {
        Path(*path.parts[:3]) for path in [*python_paths(), COURSE] if path.is_relative_to("/root")
    }
    home += [word for path in sorted(needed) for word in ("--ro-bind", str(path), str(path))]
    view = ["--bind", "/", "/", "--dev-bind", "/dev", "/dev", *home, "--die-with-parent"]
    powers = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    command = ["bwrap", *view, *powers, sys.executable, "-c", code]
    told = subprocess.run(command, cwd=COURSE, capture_output=True, text=True, check=False)
    lines = told.stdout.splitlines()
    assert len(lines) == 14, told.stderr
    assert all(line.startswith("True") for line in lines), lines
    assert "as user 65534" in told.stdout
    assert "ready in" in lines[-1]  # a warm one, too


# ---------------------------------------------------------------------------------- nothing is left


def gone(pids, seconds=120):
    """Whether processes end, within a time that is long on a busy machine, too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


LEVELS = [pytest.param("bubblewrap", marks=needs_bubblewrap), "process"]


@pytest.mark.parametrize("level", LEVELS)
def test_closing_a_box_leaves_nothing(level, tmp_path, monkeypatch):
    monkeypatch.setattr(bubblewrap.tempfile, "tempdir", str(tmp_path))
    box = open_box(level, Limits())
    family = list(box.family())
    assert box.usage().memory > 50 * MB
    assert not box.ended()
    box.close()
    box.close()
    assert gone(family)
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_a_killed_judge_left_is_swept_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(bubblewrap.tempfile, "tempdir", str(tmp_path))
    held = bubblewrap.Stage()
    left = tmp_path / f"{bubblewrap.STAGE}left"
    new = tmp_path / f"{bubblewrap.STAGE}new"
    for path in (left, new):
        (path / "course").mkdir(parents=True)
    for path in (left, held.path):
        os.utime(path, (0, 0))
    bubblewrap.Stage().remove()
    assert set(tmp_path.iterdir()) == {held.path, new}
    held.remove()


def judge_that_hangs(level, folder, teller):
    """In a forked process: start a worker that leaves a daemon, tell their numbers, and sleep."""
    try:
        bubblewrap.tempfile.tempdir = str(folder)  # it can't clear up
        worker = Worker(level)
        worker.cell("import os, time\nif os.fork() == 0: time.sleep(1000)")
        os.write(teller, f"{' '.join(map(str, worker._box.family()))}\n".encode())
        time.sleep(1000)
    finally:
        os._exit(1)


@pytest.mark.parametrize("level", LEVELS)
def test_a_judge_that_is_killed_takes_its_worker_along(level, tmp_path):
    hears, tells = os.pipe()
    judge = os.fork()  # started anew, it would import for seconds
    if judge == 0:
        judge_that_hangs(level, tmp_path, tells)
    os.close(tells)
    with os.fdopen(hears) as told:
        family = list(map(int, told.readline().split()))
    assert len(family) >= 2
    os.kill(judge, signal.SIGKILL)
    os.waitpid(judge, 0)
    try:
        # Without a box only the worker itself is told; what it has forked is not.
        assert gone(family if level == "bubblewrap" else family[:1])
    finally:
        for pid in family:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
