"""The self-test: starts workers and tries, from inside, what a student must not be able to do.

`autograder doctor` prints its findings, a line each.
"""

import inspect
import json
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from autograder.assignments import COURSE
from autograder.judge.inside import codec, frames
from autograder.judge.inside.mounts import INODES, TERMINALS
from autograder.judge.limits import MB, Limits
from autograder.judge.workers.box import Box, open_box
from autograder.judge.workers.bubblewrap import (
    BUBBLEWRAP,
    Finding,
    SandboxError,
    existing,
    preconditions,
    python_paths,
)
from autograder.judge.workers.cgroup import CONTROLLERS, Cgroup
from autograder.judge.workers.own_time import WIDE, can_be_told
from autograder.judge.workers.warm import Zygote

# What a box lacks without a control group, by its controller.
LACKS = {"cpu": "cores", "memory": "memory", "pids": "processes"}


def self_test(level: str = "bubblewrap") -> list[Finding]:
    """Start a worker and try in it what a student must not be able to do; then in a warm one."""
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
        shares = _shares(box.group)
    except (frames.WireError, frames.Closed, frames.TimedOut) as error:
        return [*found, Finding("a worker answers", False, f"The worker did not answer: {error}.")]
    finally:
        box.close()
    isolated = level == BUBBLEWRAP
    who = "a stranger here" if isolated else "your own"
    found.append(Finding("a worker answers", True, f"as user {facts['uid']}, {who}"))
    found += _judged(facts, limits, isolated=isolated)
    found.append(_time())
    return [*found, _counts(facts), shares, _warm(limits)] if isolated else found


def _time() -> Finding:
    """Whether limits can leave out the time that a submission waits for a core."""
    told = "limits do not count what a submission waits for a core"
    wide = f"limits are {WIDE:g} times as long"
    not_told = f"this kernel does not say what waits for a core, so {wide}"
    return Finding("a busy machine costs no points", True, told if can_be_told() else not_told)


def _counts(facts: dict[str, Any]) -> Finding:
    """Whether a box could mount its own folders, with a limit on their number of files."""
    bounded = facts["inodes"] == INODES
    told = f"{INODES} files and {TERMINALS} terminals at most"
    not_told = (
        "this system lets no box mount anything itself, so a submission may make as many empty "
        "files and terminals as its processes can hold"
    )
    return Finding("files and terminals are counted", True, told if bounded else not_told)


def _shares(group: Cgroup | None) -> Finding:
    """Whether a box has a control group.

    Without one, an attack can slow grading down, but can't do more.
    """
    controls = sorted(group.controls) if group else []
    lacking = [LACKS[name] for name in CONTROLLERS if name not in controls]
    told = f"each box has a control group ({', '.join(controls)})"
    if lacking:
        told = f"no control group for {' or '.join(lacking)}. {_instead(controls)}"
    return Finding("boxes share the machine fairly", True, told)


def _instead(controls: list[str]) -> str:
    """What a machine without control groups lacks, and how to get them."""
    autogroup = Path("/proc/sys/kernel/sched_autogroup_enabled")
    by_session = autogroup.exists() and autogroup.read_text().strip() == "1"
    cores = "Cores are shared by session instead. " if by_session and "cpu" not in controls else ""
    return (
        f"{cores}A submission can slow down the others, and take memory of the kernel's that is "
        "not counted. To have them, grade as root, or with "
        "`systemd-run --user --scope autograder grade …`."
    )


def _warm(limits: Limits) -> Finding:
    """Whether a warm worker is confined like a cold one.

    Without warm workers grading is slower, but no less safe.
    """
    name = "warm workers are as good"
    try:
        with Zygote() as zygote:
            zygote.wait_until_ready()
            start = perf_counter()
            box = zygote.slots[0].open(limits)
            took = perf_counter() - start
            try:
                findings = _judged(_ask(box, limits), limits, isolated=True)
            finally:
                box.close()
    except SandboxError as error:
        return Finding(name, True, f"none can be had, so each one starts in seconds. {error}")
    except (frames.WireError, frames.Closed, frames.TimedOut) as error:
        return Finding(name, False, f"A warm worker did not answer: {error}.")
    for finding in findings:
        if not finding.ok:
            return finding._replace(name=name)
    return Finding(name, True, f"ready in {took * 1e3:.0f} ms")


def _ask(box: Box, limits: Limits) -> dict[str, Any]:
    source = f"{inspect.getsource(probe)}\nimport json\nprint(json.dumps(probe({_private()!r})))"
    frames.send(
        box.socket, {"id": "", "op": "cell", "source": f"from typing import Any\n{source}"}, {}
    )
    reply, tensors = frames.receive(box.socket, monotonic() + 60, limits)
    for output in codec.decode(reply["outputs"], tensors):
        if output.get("name") == "stdout":
            return json.loads(output["text"])
    raise frames.WireError(f"the probe failed: {reply}")


def _private() -> list[str]:
    """Paths that a worker must not see: this repository and the home folder, except for Python."""
    shown = python_paths()
    folders = {*existing([COURSE, Path.home()])} - {Path("/")}
    entries = [path for folder in folders for path in folder.iterdir()]
    return [str(path) for path in entries if not any(_touches(path, one) for one in shown)]


def _touches(a: Path, b: Path) -> bool:
    return a.is_relative_to(b) or b.is_relative_to(a)


def probe(private: list[str]) -> dict[str, Any]:
    """What can be seen and done from here. The worker runs this as source: it imports all it needs.

    private  paths that must not be visible
    """
    import importlib.util
    import os
    import socket

    def reaches(family: int, address: tuple) -> bool:
        try:
            # Connecting a socket for datagrams sends nothing.
            with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
                return datagrams.connect_ex(address) == 0
        except OSError:
            return False

    def found(module: str) -> bool:
        try:
            return importlib.util.find_spec(module) is not None
        except ImportError:
            return False

    writable = []
    for folder, folders, _ in os.walk("/"):
        folders[:] = [name for name in folders if folder + name not in ("/proc", "/tmp")]
        writable += [folder] if os.access(folder, os.W_OK) else []
    status = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines())  # noqa
    tmp = os.statvfs("/tmp")
    capable = int(status["CapEff"], 16) or int(status["NoNewPrivs"]) != 1
    version_4 = reaches(socket.AF_INET, ("192.0.2.1", 9))
    version_6 = reaches(socket.AF_INET6, ("2001:db8::1", 9))
    return {
        "uid": os.getuid(),
        "privileges": capable or os.getuid() == 0,
        "network": version_4 or version_6,
        "writable": writable[:1000],  # without a box there may be too many for one reply
        "visible": [path for path in private if os.path.exists(path)],  # noqa: PTH110
        "importable": [name for name in ("autograder", "course_utils.reference") if found(name)],
        "course": found("course_utils"),
        "tmp": tmp.f_blocks * tmp.f_frsize,
        "inodes": tmp.f_files,
    }


def _judged(facts: dict[str, Any], limits: Limits, *, isolated: bool) -> list[Finding]:
    """Compare what was found in a box with what its level promises."""
    importable, tmp = facts["importable"], facts["tmp"]
    unreachable = "course_utils.reference" not in importable
    no_course, reachable = "It can't be.", "They can be imported."
    promises = [
        ("course_utils can be imported", facts["course"], "what students get of it", no_course),
        ("the references are out of reach", unreachable, "they can't be imported", reachable),
    ]
    if isolated:
        # In /dev/pts nothing can be made but terminals, which `!command` needs.
        bounded = ("/tmp", "/dev/shm", "/dev/pts")
        strange = [folder for folder in facts["writable"] if not folder.startswith(bounded)]
        writable = f"Writable: {', '.join(strange[:5])}."
        visible = facts["visible"] + importable
        seen = f"Visible: {', '.join(visible[:5])}."
        dropped, some_left = not facts["privileges"], "The worker has some left."
        promises += [
            ("the network is blocked", not facts["network"], "no way out", "There is a way out."),
            ("the world is read-only", not strange, "but for /tmp and shared memory", writable),
            ("secrets are invisible", not visible, "this repository and your home folder", seen),
            ("/tmp is bounded", tmp <= limits.tmp, f"{tmp // MB} MB", f"It has {tmp // MB} MB."),
            ("privileges are dropped", dropped, "for good", some_left),
        ]
    broken = "This is a fault of the sandbox: please report it, and do not grade with it."
    findings = []
    for name, ok, said, wrong in promises:
        findings.append(Finding(name, ok, said if ok else f"{wrong} {broken}"))
    return findings
