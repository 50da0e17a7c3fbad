"""Judged by a cluster: Dask's own scheduler and worker, within this process, and a real pool beside
them.

Several machines, and what happens when they are lost: tests/benchmarks/test_cluster_class.py.
"""

import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from workers import needs_bubblewrap

from autograder.assignments import CourseError, find_assignment
from autograder.cli import grade
from autograder.judge.checking.submission import REFERENCE_FILES
from autograder.judge.exam import exam_of, mismatch
from autograder.judge.intake.read_notebook import MAX_BYTES
from autograder.judge.parallel import dask_client as cluster_module
from autograder.judge.parallel import dask_worker
from autograder.judge.parallel.dask_client import Cluster, can_be_sent
from autograder.judge.parallel.messages import Parcel

distributed = pytest.importorskip("distributed")
COLORIZATION = find_assignment("colorization")
FILE = "colorizer.safetensors"


def local(workers: int) -> distributed.LocalCluster:
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=2, processes=False, **quiet
    )


@pytest.fixture
def submission(notebook_with, tmp_path) -> Callable:
    """Write a notebook with some answers; only the cells that define something, as pictures are
    slow.
    """

    def submission(name: str, answers: dict[str, str], first: str = "") -> Path:
        notebook = notebook_with(answers)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        notebook.cells = [code[0], *(cell for cell in code if cell.id.startswith("task-"))]
        notebook.cells.insert(0, nbformat.v4.new_code_cell(first or "pass"))
        path = tmp_path / name / f"{COLORIZATION.name}.ipynb"
        path.parent.mkdir()
        path.write_text(json.dumps(notebook))
        return path

    return submission


@pytest.fixture
def a_class(submission, answers) -> dict[str, Path]:
    """What has to arrive as it was handed in, or not to be sent at all."""
    some = {"l2_loss": answers["l2_loss"]}
    names = ("right", "wrong", "with its network", "with a module", "with a link")
    names += ("cut off", "too large", "a link", "a pipe")
    paths = {name: submission(name, some) for name in names}
    paths["wrong"].write_text(paths["wrong"].read_text().replace("return", "return 0 *"))
    shutil.copy(REFERENCE_FILES[FILE], paths["with its network"].parent)
    paths["with a module"].with_name("torch.py").touch()
    paths["with a link"].with_name(FILE).symlink_to(REFERENCE_FILES[FILE])
    os.truncate(paths["cut off"], 5000)
    os.truncate(paths["too large"], MAX_BYTES + 1)
    for name in ("a link", "a pipe"):
        paths[name].unlink()
    paths["a link"].symlink_to(paths["right"])
    os.mkfifo(paths["a pipe"])
    return paths


@pytest.fixture
def slow_ones(submission, answers) -> list[Path]:
    """Three that take two seconds; and two for which nobody waits."""
    some = {"l2_loss": answers["l2_loss"]}
    three = [
        submission(f"slow {number}", some, "import time; time.sleep(2)") for number in range(3)
    ]
    return [
        *three,
        *(submission(f"slower {n}", {}, "import time; time.sleep(9)") for n in range(2)),
    ]


@pytest.mark.slow
@needs_bubblewrap
def test_a_class(a_class, slow_ones):
    """One cluster for all of it, as to start a pool takes seconds."""
    with (
        local(1) as machines,
        Cluster(machines.scheduler_address, exam_of(COLORIZATION)) as cluster,
    ):
        assert cluster.why_cold == ""
        arrives_as_it_was_handed_in(cluster, a_class)
        judging = cluster.judge(slow_ones)
        a_lost_slot_costs_another_try(judging, slow_ones[:3])
        pool = [one for server in servers() for one in (server, *server.children(recursive=True))]
        assert len(pool) > 4
    _, alive = psutil.wait_procs(pool, 5)
    assert alive == []
    assert dask_worker._pools == {}


def arrives_as_it_was_handed_in(cluster: Cluster, a_class: dict[str, Path]) -> None:
    judgements = dict(cluster.judge(a_class.values()))
    found = {name: judgements[path].verdict for name, path in a_class.items()}
    for name, path in a_class.items():
        assert found[name].key == exam_of(COLORIZATION).key_of(path), name
    said = {name: verdict.reason for name, verdict in found.items() if verdict.status == "refused"}
    assert {name: reason.split(": ")[-1] for name, reason in said.items()} == {
        "cut off": "line 1 is not JSON. It looks cut off.",
        "too large": "clear the outputs of all cells and hand it in again.",
        "a link": f"{COLORIZATION.name}.ipynb is not a file.",
        "a pipe": f"{COLORIZATION.name}.ipynb is not a file.",
    }
    graded = {name: verdict for name, verdict in found.items() if name not in said}
    earned = {name: verdict.task("l2_loss").earned for name, verdict in graded.items()}
    assert earned == dict.fromkeys(graded, 3) | {"wrong": 0}
    missing = [
        name for name, verdict in graded.items() if "there is no `color" in verdict.to_json()
    ]
    assert missing == [name for name in graded if name != "with its network"]
    flags = {name: verdict.flags for name, verdict in graded.items() if verdict.flags}
    assert flags == {
        "with a module": [
            "`torch.py` beside the notebook has the name of a module: it was not used."
        ],
        "with a link": [f"`{FILE}` beside the notebook is a link: it was not followed."],
    }


def a_lost_slot_costs_another_try(judging: Iterator, paths: list[Path]) -> None:
    done = [next(judging)]
    os.kill(slots()[0].pid, signal.SIGKILL)
    done += [next(judging), next(judging)]
    assert {path for path, _ in done} == set(paths)
    assert [judgement.verdict.task("l2_loss").earned for _, judgement in done] == [3, 3, 3]


def servers() -> list[psutil.Process]:
    module = "autograder.judge.parallel.pool_server"
    return [one for one in psutil.Process().children() if module in one.cmdline()]


def slots() -> list[psutil.Process]:
    """The processes of the pool that judge."""
    return [
        one
        for server in servers()
        for one in server.children()
        if one.cmdline() == server.cmdline()
    ]


def test_what_differs_is_named():
    here = {"torch": "2.11", "data/furniture.npz": "a", "code": "b"}
    assert mismatch(here, here) == ""
    assert mismatch(here | {"torch": "2.10"}, here).startswith(
        "has torch 2.10, but this machine has 2.11. Update"
    )
    assert mismatch(here | {"data/furniture.npz": "c", "code": "d"}, here).startswith(
        "has another data/furniture.npz than this machine. Update its clone"
    )


def test_nobody_at_the_address(monkeypatch):
    monkeypatch.setattr(cluster_module, "CONNECT", 1.0)
    with pytest.raises(
        CourseError, match=r"no Dask scheduler at tcp://127.0.0.1:1 .*Start one with"
    ):
        Cluster("tcp://127.0.0.1:1", exam_of(COLORIZATION))


def test_no_worker_is_waited_for_and_then_told(monkeypatch):
    monkeypatch.setattr(cluster_module, "PATIENCE", 1.0)
    said = []
    with (
        local(0) as empty,
        pytest.raises(CourseError, match="No Dask worker was connected to inproc"),
    ):
        Cluster(empty.scheduler_address, exam_of(COLORIZATION), say=said.append)
    assert said == [
        f"No Dask worker is connected to {empty.scheduler_address}. Start one with "
        f"`dask worker {empty.scheduler_address}`."
    ]


def test_what_is_no_file_to_judge_is_not_sent_and_not_waited_for(a_class, hand_in):
    sent = {name for name, path in a_class.items() if can_be_sent(path)}
    assert sent == set(a_class) - {"too large", "a link", "a pipe"}
    assert not can_be_sent(hand_in(b"{}").with_name("nothing.ipynb"))


def test_without_dask_its_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CourseError, match=r"--scheduler needs Dask.*pip install 'distributed"):
        Cluster("tcp://127.0.0.1:1", exam_of(COLORIZATION))


def test_jobs_are_for_this_machine(tmp_path):
    with pytest.raises(CourseError, match="--jobs is for this machine alone"):
        grade(tmp_path, jobs=2, scheduler="tcp://127.0.0.1:1")


def test_nothing_is_written_outside_of_the_folder(tmp_path):
    parcel = Parcel("../../a.ipynb", b"{}", {"../b.py": b"", "/tmp/c.py": b""})
    parcel.lay_out(tmp_path / "in" / "it")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "a.ipynb",
        "b.py",
        "c.py",
    }
    assert all(
        path.parent == tmp_path / "in" / "it" for path in tmp_path.rglob("*") if path.is_file()
    )
