"""A class judged by a cluster of Dask's own commands: it is as judged here, whatever becomes of a
machine.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from test_large_class import GRADE, NAME, copy_of, files, scores, verdicts

pytest.importorskip("distributed")
HERE = Path(__file__).parent
SUPPORT = HERE.parent / "support"
CLASS = 20
pytestmark = pytest.mark.slow
# Added to the judge of a copy of the course: it ends its own machine when it comes to one
# submission.
DEADLY = """
_judge = judge

def judge(path, *args, **kwargs):
    if b"DEADLY" in path.read_bytes():
        parent = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
    return _judge(path, *args, **kwargs)
"""


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Dask:
    """A scheduler, and workers for it, each its own command; a context manager.

    folder  where all of them keep what they write
    """

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env, self.file = folder, env, folder / "scheduler.json"
        (folder / "tmp").mkdir(parents=True)
        self.scheduler, self.workers = (
            self._start("scheduler", env, "--port", "0", "--host", "127.0.0.1"),
            [],
        )

    def __enter__(self) -> "Dask":
        wait_for(lambda: self.file.exists() and self.file.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, self.scheduler):
            process.terminate()
        for process in (*self.workers, self.scheduler):
            process.wait(30)

    def worker(self, *more: str, env: dict[str, str] | None = None) -> psutil.Process:
        """Start one of a thread, by default; returns its nanny."""
        local = ("--nthreads", "1", "--local-directory", str(self.folder / "local"))
        self.workers.append(self._start("worker", env or self.env, *local, *more))
        return psutil.Process(self.workers[-1].pid)

    def _start(self, what: str, env: dict[str, str], *more: str) -> subprocess.Popen:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "dask",
                what,
                "--scheduler-file",
                str(self.file),
                "--no-dashboard",
                *more,
            ],
            env=env | {"TMPDIR": str(self.folder / "tmp"), "OMP_NUM_THREADS": "1"},
            cwd=self.folder,
            stderr=(self.folder / "log").open("a"),
        )

    @property
    def address(self) -> str:
        return json.loads(self.file.read_text())["address"]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def pools(self) -> list[psutil.Process]:
        """The pools' processes, their slots, and the boxes of their zygotes."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            words = process.cmdline()
        except psutil.Error:
            return False
        ours = any(str(self.folder) in word for word in words)
        return ours and (
            "autograder.judge.parallel.pool_server" in words or words[0].endswith("bwrap")
        )

    def left_over(self) -> list[str]:
        """What may be there only while a class is judged."""
        found = [
            *(self.folder / "tmp").glob("worker-*"),
            *(self.folder / "local").rglob("judging-*"),
        ]
        return [*map(str, self.pools()), *map(str, found)]


def process_of(nanny: psutil.Process) -> psutil.Process:
    """The Dask worker's own process."""
    (found,) = [one for one in nanny.children() if "spawn_main" in " ".join(one.cmdline())]
    return found


@pytest.fixture(scope="module")
def package(small_course) -> dict[str, str]:
    return environment(small_course)


def environment(course: Path) -> dict[str, str]:
    """The environment of a process in which the course is this copy of it."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(course), str(SUPPORT)])}


@pytest.fixture(scope="module")
def course(package, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("class") / "course"
    subprocess.run(
        [sys.executable, str(HERE / "cluster_class.py"), str(folder)], env=package, check=True
    )
    return folder


@pytest.fixture(scope="module")
def plain(course, package) -> tuple[Path, float]:
    """The same class graded on this machine, two at a time; and how many seconds it took."""
    folder = copy_of(course, "plain")
    start = time.monotonic()
    assert grading(folder, package, "--jobs", "2").wait() == 0
    return folder, time.monotonic() - start


@pytest.fixture
def dask(package, tmp_path) -> Iterator[Dask]:
    with Dask(tmp_path / "dask", package) as dask:
        yield dask


def grading(folder: Path, env: dict[str, str], *more: str) -> subprocess.Popen:
    said = (folder / "said").open("w")
    return subprocess.Popen(
        [*GRADE, str(folder), *more], env=env, stdout=subprocess.DEVNULL, stderr=said
    )


def said(folder: Path) -> str:
    return " ".join((folder / "said").read_text().split())


def is_that_of(plain: Path, folder: Path) -> bool:
    assert verdicts(folder) == verdicts(plain)
    assert keys(folder) == keys(plain)
    assert scores(folder) == scores(plain) != []
    assert files(folder) == files(plain)
    return True


def keys(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: json.loads(path.read_text())["key"]
        for path in folder.glob(f"verdicts/{NAME}/*/verdict.json")
    }


def test_the_same_class(course, plain, dask, package, show):
    folder = copy_of(course, "cluster")
    dask.worker()
    dask.worker()
    start = time.monotonic()
    assert grading(folder, package, "--scheduler", dask.address).wait() == 0, said(folder)
    took = time.monotonic() - start
    show(f"{CLASS} submissions: {plain[1]:.1f} s by the pool, {took:.1f} s by two Dask workers")
    assert is_that_of(plain[0], folder)
    statuses = [verdict["status"] for verdict in verdicts(folder).values()]
    assert (statuses.count("graded"), statuses.count("refused")) == (CLASS - 3, 3)
    wait_for(lambda: not dask.left_over())


def test_one_worker_of_two_threads_that_comes_late(course, plain, dask, package):
    """Given the scheduler's file. The command says what it waits for."""
    folder = copy_of(course, "late")
    command = grading(folder, package, "--scheduler", str(dask.file))
    wait_for(lambda: "start one with `dask worker --scheduler-file" in said(folder))
    dask.worker("--nthreads", "2")
    assert command.wait() == 0, said(folder)
    assert is_that_of(plain[0], folder)
    wait_for(lambda: not dask.left_over())


@pytest.mark.parametrize("lost", ["the process, and its nanny starts another", "the machine"])
def test_a_worker_is_killed_in_mid_class(course, plain, dask, package, lost):
    folder = copy_of(course, lost[:11])
    dask.worker()
    nanny = dask.worker()
    command = grading(folder, package, "--scheduler", dask.address)
    wait_for(lambda: len(verdicts(folder)) >= 5)
    before = {one.pid for one in dask.pools()}
    victims = [process_of(nanny), *([nanny] if lost == "the machine" else [])]
    for victim in victims[::-1]:
        victim.kill()
    wait_for(lambda: len(before - {one.pid for one in dask.pools()}) * 2 == len(before), 30)
    assert len(verdicts(folder)) < CLASS
    assert command.wait() == 0, said(folder)
    assert is_that_of(plain[0], folder)
    wait_for(lambda: not dask.left_over())


def test_the_scheduler_is_lost_in_mid_class(course, plain, dask, package):
    folder = copy_of(course, "scheduler")
    dask.worker("--nthreads", "2")
    command = grading(folder, package, "--scheduler", dask.address)
    wait_for(lambda: len(verdicts(folder)) >= 5)
    dask.scheduler.kill()
    assert command.wait(60) == 2
    assert "is lost" in said(folder)
    assert "the same command continues from there" in said(folder)
    assert "Traceback" not in said(folder)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("verdicts/*/*/verdict.json")}
    assert 5 <= len(kept) < CLASS
    assert grading(folder, package).wait() == 0
    assert is_that_of(plain[0], folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_submission_that_ends_machines_is_not_graded_and_no_zero(
    course, plain, small_course, tmp_path
):
    broken, folder = tmp_path / "package", copy_of(course, "deadly")
    shutil.copytree(small_course, broken)
    with (broken / "autograder/judge/parallel/pool.py").open("a") as file:
        file.write(DEADLY)
    deadly = folder / f"submitted/student-19/{NAME}/{NAME}.ipynb"
    deadly.write_text(deadly.read_text().replace("Small: what", "DEADLY"))
    env = environment(broken)
    with Dask(
        tmp_path / "dask", env | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    ) as dask:
        dask.worker()
        dask.worker()
        assert grading(folder, env, "--scheduler", dask.address).wait() == 1, said(folder)
        wait_for(lambda: not dask.left_over())
    found, others = verdicts(folder), verdicts(plain[0])
    lost = found.pop("student-19")
    assert lost["status"] == "not graded"
    assert "was lost" in lost["reason"]
    assert found == {student: verdict for student, verdict in others.items() if student in found}
    unknown = {
        score
        for student, cell, score, *_ in scores(folder)
        if (student, cell[:5]) == ("student-19", "grade")
    }
    assert unknown == {None}


UNFIT = {
    "no bubblewrap": "bubblewrap is missing. Install it",
    "another course": (
        "has another version of the course's code than this machine. Update its clone"
    ),
    "an older course": (
        "It can't import the grader (No module named 'autograder.judge.parallel.dask_worker')"
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_machine_that_is_not_fit_is_named(course, small_course, dask, package, tmp_path, case):
    folder, other = copy_of(course, case), tmp_path / "package"
    shutil.copytree(small_course, other)
    env = environment(other)
    if case == "no bubblewrap":
        env["PATH"] = str(Path(sys.executable).parent)
    elif case == "another course":
        (other / "course_utils/reference/small.py").open("a").write("\n# mended\n")
    else:
        (other / "autograder/judge/parallel/dask_worker.py").unlink()
    dask.worker()
    dask.worker(env=env)
    wait_for(lambda: dask.log.count("Starting established connection") >= 2)
    command = grading(folder, package, "--scheduler", dask.address)
    assert command.wait(120) == 2
    assert UNFIT[case] in said(folder)
    assert "autograder: tcp://127.0.0.1:" in said(folder)
    assert "Traceback" not in said(folder)
    assert verdicts(folder) == {}
    wait_for(lambda: not dask.left_over())


def test_a_scheduler_without_the_course_is_named(course, small_course, package, tmp_path):
    folder, older = copy_of(course, "no course"), tmp_path / "package"
    shutil.copytree(small_course, older)
    (older / "autograder/judge/parallel/dask_worker.py").unlink()
    with Dask(tmp_path / "dask", environment(older)) as dask:
        dask.worker()
        address = dask.address
        assert grading(folder, package, "--scheduler", address).wait(120) == 2
    assert f"scheduler at {address} can't import the grader" in said(folder)
    assert "Traceback" not in said(folder)


def test_pools_of_a_killed_command_end_by_themselves(course, plain, small_course, tmp_path):
    """After a while without work, which is shorter here; and the same command goes on."""
    impatient, folder = tmp_path / "package", copy_of(course, "killed")
    shutil.copytree(small_course, impatient)
    source = impatient / "autograder/judge/parallel/dask_worker.py"
    source.write_text(source.read_text().replace("IDLE = 300.0", "IDLE = 5.0"))
    env = environment(impatient)
    with Dask(tmp_path / "dask", env) as dask:
        dask.worker()
        command = grading(folder, env, "--scheduler", dask.address)
        wait_for(lambda: len(verdicts(folder)) >= 5)
        command.kill()
        command.wait()
        assert dask.pools()
        wait_for(lambda: not dask.left_over())
        assert grading(folder, env, "--scheduler", dask.address).wait() == 0, said(folder)
    assert verdicts(folder) == verdicts(plain[0])
    assert scores(folder) == scores(plain[0])


def test_ctrl_c(course, plain, dask, package):
    folder = copy_of(course, "stopped")
    dask.worker("--nthreads", "2")
    command = grading(folder, package, "--scheduler", dask.address)
    wait_for(lambda: len(verdicts(folder)) >= 5)
    command.send_signal(signal.SIGINT)
    assert command.wait(60) == 130
    assert "The same command goes on from there" in said(folder)
    wait_for(lambda: not dask.left_over())
    assert grading(folder, package, "--scheduler", dask.address).wait() == 0
    assert is_that_of(plain[0], folder)
