"""Many submissions side by side: warm verdicts are the cold ones, and a lost slot loses nobody's
grade.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nondeterministic_cells import TIMED
from workers import needs_bubblewrap

from autograder.assignments import find_assignment
from autograder.authoring.master import read_master
from autograder.judge.draw import draw
from autograder.judge.exam import exam_of
from autograder.judge.judge import judge
from autograder.judge.limits import Limits
from autograder.judge.parallel import jobs as jobs_module
from autograder.judge.parallel import pool as pool_module
from autograder.judge.parallel.jobs import Job
from autograder.judge.parallel.pool import Pool
from autograder.judge.workers.bubblewrap import SandboxError
from autograder.judge.workers.preload import preload_of
from autograder.judge.workers.warm import Slot

COLORIZATION = find_assignment("colorization")
pytestmark = needs_bubblewrap


def define(task: str, body: str) -> str:
    return f"def {task}(*args, **kwargs):\n    {body}"


@pytest.fixture
def submission(notebook_with, tmp_path):
    """Write a notebook with some answers; only the cells that define something, as pictures are
    slow.
    """

    def submission(name: str, answers: dict[str, str], first: str = "") -> Path:
        notebook = notebook_with(answers)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        notebook.cells = [*code[:2], *(cell for cell in code if cell.id.startswith("task-"))]
        if first:
            notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
        folder = tmp_path / name
        folder.mkdir()
        path = folder / f"{COLORIZATION.name}.ipynb"
        path.write_text(json.dumps(notebook))
        return path

    return submission


@pytest.fixture
def a_class(submission, answers, impatient) -> list[Path]:
    """Right, wrong, hanging, crashing, printing, raising, unsolved, corrupt."""
    some = {name: answers[name] for name in ("l2_loss", "rebalancing_weights")}
    paths = [
        submission("right", some),
        submission("wrong", some | {"l2_loss": define("l2_loss", "return args[0].mean()")}),
        submission("hangs", some | {"l2_loss": define("l2_loss", "while True: pass")}),
        submission(
            "crashes", some | {"l2_loss": define("l2_loss", "import ctypes; ctypes.string_at(0)")}
        ),
        submission("exits", some | {"l2_loss": define("l2_loss", "import os; os._exit(3)")}),
        submission(
            "prints", some, "import sys; print('x' * 10**6); print('note', file=sys.stderr); 1 / 0"
        ),
        submission(
            "threads", some, "import torch; torch.set_num_threads(64); torch.ones(999, 999).sum()"
        ),
        submission("unsolved", {}),
        submission("corrupt", some),
    ]
    paths[-1].write_text(paths[-1].read_text()[:5000])
    return paths


FEW = ("right", "crashes", "prints", "corrupt")


def essence(judgement) -> dict:
    """All of a judgement that has to repeat: not how long it took."""
    verdict = json.loads(judgement.verdict.to_json())
    del verdict["resources"], verdict["key"]
    outputs = [cell.get("outputs", []) for cell in judgement.notebook.cells if cell.id not in TIMED]
    return {"verdict": verdict, "outputs": json.loads(json.dumps(outputs))}


@pytest.mark.usefixtures("lent_zygote")
@pytest.mark.parametrize(
    "few", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_warm_verdicts_are_the_cold_ones(a_class, few):
    paths = [path for path in a_class if path.parent.name in FEW] if few else a_class
    with Pool(exam_of(COLORIZATION)) as pool:
        assert pool.why_cold == ""
        warm = dict(pool.judge(paths))
    assert set(warm) == set(paths)
    for path in paths:
        assert essence(warm[path]) == essence(judge(path, exam_of(COLORIZATION))), path.parent.name


@pytest.mark.usefixtures("lent_zygote")
def test_twice_is_the_same(a_class):
    quick = [path for path in a_class if path.parent.name != "hangs"]
    with Pool(exam_of(COLORIZATION), jobs=2) as pool:
        first, second = dict(pool.judge(quick)), dict(pool.judge(reversed(quick)))
    for path in quick:
        assert essence(first[path]) == essence(second[path])


def slot_at_work(pool: Pool) -> int:
    return next(slot.process.pid for slot in pool.slots if slot.job is not None)


@pytest.mark.usefixtures("lent_zygote")
def test_a_lost_slot_costs_a_second_try(submission, answers):
    paths = [
        submission(f"s{i}", {"l2_loss": answers["l2_loss"]}, "import time; time.sleep(1)")
        for i in range(4)
    ]
    with Pool(exam_of(COLORIZATION), jobs=2) as pool:
        judging = pool.judge(paths)
        done = [next(judging)]
        os.kill(slot_at_work(pool), signal.SIGKILL)
        done += list(judging)
    assert {path for path, _ in done} == set(paths)
    assert all(judgement.verdict.status == "graded" for _, judgement in done)
    assert all(judgement.verdict.task("l2_loss").earned > 0 for _, judgement in done)


@pytest.mark.usefixtures("lent_zygote")
def test_lost_twice_is_not_graded_and_no_zero(submission, answers, monkeypatch):
    """A submission at which the grader itself dies each time; the others are graded."""
    bad, good = submission("bad", {}), submission("good", {"l2_loss": answers["l2_loss"]})

    def dies(path, *args, **kwargs):
        return os.kill(os.getpid(), signal.SIGKILL) if path == bad else judge(path, *args, **kwargs)

    monkeypatch.setattr(jobs_module, "judge", dies)
    with Pool(exam_of(COLORIZATION), jobs=1) as pool:
        found = dict(pool.judge([bad, good]))
    assert found[bad].verdict.status == "not graded"
    assert "stopped" in found[bad].verdict.reason
    assert found[good].verdict.task("l2_loss").earned > 0


def test_drawings_wait_for_verdicts_and_cost_none_of_them(submission, answers, monkeypatch):
    """A drawing at which the grader dies is told; so is one of a submission that is no notebook."""
    good, bad = submission("good", answers), submission("bad", {})
    torn = submission("torn", {})
    torn.write_text("{")

    def dies(path, *args, **kwargs):
        return os.kill(os.getpid(), signal.SIGKILL) if path == bad else draw(path, *args, **kwargs)

    monkeypatch.setattr(jobs_module, "draw", dies)
    jobs = [Job(good), Job(bad), Job(torn)]
    later = deque(Job(job.path, ("l2_loss",)) for job in jobs)
    with Pool(exam_of(COLORIZATION), jobs=1) as pool:
        done = list(pool.run(jobs, later))
    assert [job.pictures for job, _ in done] == [None] * 3 + [("l2_loss",)] * 3
    assert not later
    drawn = {job.path: drawing for job, drawing in done if job.pictures}
    assert "stopped" in drawn[bad].problem
    assert drawn[torn].problem
    assert drawn[good].problem == ""
    cells = {cell.id: cell for cell in drawn[good].notebook.cells}
    assert cells["check-l2_loss"].outputs[0].text.strip() == "l2_loss: the visible checks pass."
    assert "image/png" in cells["picture-l2_loss"].outputs[0].data
    assert "not_drawn" not in cells["picture-l2_loss"].metadata
    others = [one for one in cells.values() if one.id.startswith("picture-")]
    assert [one.id for one in others if not one.metadata.get("not_drawn")] == ["picture-l2_loss"]


def test_a_drawing_that_is_added_after_a_verdict_is_made(submission):
    path, later = submission("s", {}), deque()
    done = []
    with Pool(exam_of(COLORIZATION), jobs=2) as pool:
        for job, _ in pool.run([Job(path)], later):
            done.append(job)
            if job.pictures is None:
                later.append(Job(path, ()))
    assert done == [Job(path), Job(path, ())]


def test_without_a_zygote_workers_start_cold(submission, answers):
    path = submission("s", {"l2_loss": answers["l2_loss"]})
    with Pool(exam_of(COLORIZATION), jobs=1) as pool:
        os.killpg(pool.zygote.process.pid, signal.SIGKILL)
        pool.zygote.process.wait()
        ((_, judgement),) = pool.judge([path])
    assert judgement.verdict.status == "graded"
    assert judgement.verdict.task("l2_loss").earned > 0


def test_a_zygote_that_dies_with_a_request_is_not_waited_for():
    """It has what was sent to it, and ends: told by the end of the stream, not by a minute of
    silence.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slot = Slot(ours)
    slot.ready = True

    def die():
        select.select([theirs], [], [])
        theirs.close()

    with ours:
        dying = threading.Thread(target=die)
        dying.start()
        with pytest.raises(SandboxError, match="it has ended"):
            slot.open(replace(Limits(), start_up=20.0))
        dying.join()


def test_a_zygote_that_cannot_be_had_is_told(submission, answers, monkeypatch):
    def refuse(*_, **__):
        raise SandboxError("no namespaces inside of namespaces here")

    monkeypatch.setattr(pool_module, "Zygote", refuse)
    path = submission("s", {"l2_loss": answers["l2_loss"]})
    with Pool(exam_of(COLORIZATION), jobs=1) as pool:
        assert "no namespaces" in pool.why_cold
        ((_, judgement),) = pool.judge([path])
    assert judgement.verdict.task("l2_loss").earned > 0


def test_closing_leaves_nothing(submission):
    """Neither processes nor files, though a submission is running and has left a daemon behind."""
    path = submission(
        "s",
        {},
        "import subprocess; subprocess.Popen(['sleep', '1000']); import time; time.sleep(60)",
    )
    pool = Pool(exam_of(COLORIZATION), jobs=1)
    stage = pool.zygote.stage.path
    pool.slots[0].pipe.send(Job(path))
    deadline = time.monotonic() + 30
    while not (sleepers := _running("sleep")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sleepers
    started = [slot.process.pid for slot in pool.slots] + [pool.zygote.process.pid]
    pool.close()
    time.sleep(0.2)
    assert not _running("sleep") & sleepers
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not stage.exists()


def _running(program: str) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [program.encode(), b"1000"]:
            found.add(int(path.parent.name))
    return found


def test_preload_is_what_the_notebook_imports():
    found = preload_of(read_master(COLORIZATION))
    assert {"torch", "course_utils.plots.color_plots"} <= set(found)
    assert found == sorted(set(found))
    assert not [name for name in found if "reference" in name]


USES_THREADS = """
import sys
from pathlib import Path
import torch
from autograder.assignments import find_assignment
from autograder.judge.exam import exam_of
from autograder.judge.parallel.pool import Pool

torch.set_num_threads(2)
torch.ones(2000, 2000) @ torch.ones(2000, 2000)
torch.rand(10**7).exp().sum()
with Pool(exam_of(find_assignment("colorization")), jobs=1) as pool:
    for _, judgement in pool.judge([Path(sys.argv[1])]):
        print(judgement.verdict.task("l2_loss").earned)
"""


def test_threads_of_the_pools_process_hang_no_slot(submission, answers):
    """They are not there after a fork, and whatever waits for one waits forever."""
    path = submission("s", answers)
    command = [sys.executable, "-c", USES_THREADS, str(path)]
    env = os.environ | {"OMP_NUM_THREADS": "2"}
    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert float(said.stdout) > 0


@pytest.mark.usefixtures("lent_zygote")
def test_the_next_submission_is_asked_for_when_a_slot_is_free(submission, answers):
    asked = []

    def arriving():
        for number in range(3):
            asked.append(number)
            yield submission(f"s{number}", answers)

    with Pool(exam_of(COLORIZATION), jobs=1) as pool:
        judging = pool.judge(arriving())
        next(judging)
        assert asked == [0, 1]
        assert len(list(judging)) == 2
