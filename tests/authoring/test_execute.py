"""A notebook that runs has no time limit; whatever ends it is told in a sentence, and its trainings
go on.
"""

import io
import re
from contextlib import suppress

import nbformat
import psutil
import pytest
from rich.console import Console

from autograder import cli
from autograder.assignments import CourseError
from autograder.authoring.build_cache import surroundings
from autograder.authoring.execute import execute
from autograder.authoring.kernel_watch import COMPUTES, WAITS, Watch, Work, work_between

TEXT = "# Part 1\n\n## The whole way\n\n```\n# not a heading\n```"
IMPATIENT = {"period": 0.2, "looks": 5}


def notebook(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[-1].metadata["tags"] = list(tags)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(TEXT), *cells])


FAILURES = {
    "an error": (
        ["x = 0\n\n1 / x"],
        "under “The whole way” (In [1]), line 3 (`1 / x`): ZeroDivisionError: division "
        "by zero. Mend it",
    ),
    "in an earlier cell": (
        ["def f():\n    raise ValueError('many\\n\\n  lines \\n')", "", "f()"],
        "the cell under “The whole way” (In [2]), from line 2 of the cell under “The "
        "whole way” (In [1]) "
        "(`raise ValueError('many\\n\\n  lines \\n')`): ValueError: lines. Mend it",
    ),
    "no Python": (["x = (1,"], "(In [1]), line 1 (`x = (1,`): SyntaxError: "),
    "killed": (
        ["import os, signal; os.kill(os.getpid(), 9)"],
        "was killed in the cell under “The whole way”",
    ),
    "waits for ever": (
        ["import threading; threading.Event().wait()"],
        "was ended in the cell under “The whole way” (In [1]): its kernel has done "
        "nothing for minutes.",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_ends_a_notebook_is_a_sentence(tmp_path, failure):
    sources, says = FAILURES[failure]
    with pytest.raises(CourseError) as error:
        execute(notebook(*sources), tmp_path, called="solution", **IMPATIENT)
    told = str(error.value)
    assert says in told
    assert told.startswith("The solution")
    assert told.endswith("run the same command again.")
    assert "\n" not in told
    assert "Traceback" not in told


BUSY = {
    "the kernel": "import time\nwhile time.process_time() < 1.0: pass",
    "what it has started": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', '''"
    "import time\nwhile time.process_time() < 1.0: pass''']).check_returncode()",
}


@pytest.mark.parametrize("who", BUSY)
def test_what_computes_is_not_ended_however_slow_it_is(tmp_path, who):
    policy = "import os; os.environ['OMP_WAIT_POLICY']"  # and its threads wait without computing
    ran = execute(notebook(BUSY[who], policy), tmp_path, **IMPATIENT)
    assert ran.cells[-1].outputs[0].data["text/plain"] == "'PASSIVE'"


def test_ctrl_c_ends_the_kernel_and_the_command(tmp_path):
    """The cell presses it: it then surely runs. What it has started ends, too."""
    source = "import os, signal, subprocess, pathlib, threading\n"
    source += "pathlib.Path('pid').write_text(str(subprocess.Popen(['sleep', '100000']).pid))\n"
    source += "os.kill(os.getppid(), signal.SIGINT); threading.Event().wait()"
    with pytest.raises(KeyboardInterrupt):
        execute(notebook(source), tmp_path)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int((tmp_path / "pid").read_text())).wait(timeout=600)


TRAINING = """
import os, signal
from pathlib import Path
import torch
from course_utils import checkpoints
from course_utils.training import fit
before, checkpoints.EVERY = checkpoints.EVERY, 0.0
torch.manual_seed(0)
model, chance, made = torch.nn.Linear(3, 1), torch.Generator().manual_seed(0), []
def loss_of(model, batch):
    made.append(1)
    if len(made) == 6 and not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return model(batch + torch.randn(4, 3, generator=chance)).square().mean()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
batches = lambda epoch: torch.randn(3, 4, 3, generator=chance)
history = fit(model, loss_of, batches, optimizer, epochs=4, accelerator="cpu")
checkpoints.EVERY = before
"""
ANSWER = (
    "print(len(made), history.losses, model.weight.tolist(), torch.rand(1, "
    "generator=chance).item())"
)


def test_a_build_whose_kernel_was_killed_goes_on_with_the_training(tmp_path, monkeypatch, capsys):
    """And what it ends with is what it would have been."""
    saved, told = tmp_path / "checkpoints", []
    cells = notebook(TRAINING, ANSWER)
    with pytest.raises(CourseError, match="a training goes on from its last checkpoint"):
        execute(cells, tmp_path, checkpoints=saved)
    resumed = execute(cells, tmp_path, checkpoints=saved, now=told.append)
    assert len(list(saved.glob("*.pt"))) == 1
    assert "image/png" in resumed.cells[-2].outputs[0].data
    steps, answer = resumed.cells[-1].outputs[0].text.split(" ", 1)
    assert steps == "7"
    monkeypatch.chdir(tmp_path)  # where `killed` is
    exec(f"{TRAINING}\n{ANSWER}", {"__name__": "__main__"})
    assert capsys.readouterr().out == f"12 {answer}"
    assert any(re.search(r"In \[1\]\)$", text) for text in told)


IDLE = {7: Work(100.0, 50.0, 9000)}


@pytest.mark.parametrize(
    ("work", "moves"),
    [
        (Work(100.0, 50.0, 9000), False),
        (Work(100.0 + 11 * COMPUTES, 50.0, 9000), True),  # computes
        (Work(100.0, 50.0 + 11 * WAITS, 9000), True),  # has no processor
        (Work(100.13, 51.0, 11000), False),  # waits for a shell command, on a busy machine
        (Work(100.0, 50.0, 99000), True),  # a slow download
        (Work(3.0, 0.0, 0), False),  # the counters went back: another process of this number
    ],
)
def test_what_moves(work, moves):
    assert work_between(IDLE, {7: work}).moves(10.0) is moves


def test_a_new_process_moves_and_one_that_has_ended_does_not():
    assert work_between(IDLE, IDLE | {8: Work(1.0, 0.0, 0)}).moves(10.0)
    assert not work_between(IDLE | {8: Work(1.0, 0.0, 0)}, IDLE).moves(10.0)


def test_one_look_that_finds_it_moving_begins_the_count_anew():
    watch = Watch(lambda: None, lambda: None)
    for _ in range(29):
        watch.look(IDLE, IDLE, 10.0)
    assert watch.still == 29
    watch.look(IDLE, {7: Work(101.0, 50.0, 9000)}, 10.0)
    assert watch.still == 0
    watch.look(IDLE, {}, 10.0)
    assert watch.still == 0


def test_a_late_look_counts_once():
    """The machine slept, or this process got no processor: that is not the kernel's stillness."""
    watch = Watch(lambda: None, lambda: None)
    watch.look(IDLE, IDLE, 36_000.0)
    assert watch.still == 1


@pytest.mark.parametrize("pack", [b"one", b"other"])
def test_checkpoints_of_other_data_are_others(tmp_path, pack):
    path = tmp_path / "pack.npz"
    path.write_bytes(b"one")
    before = surroundings([path], ["torch"])
    path.write_bytes(pack)
    assert (surroundings([path], ["torch"]) == before) is (pack == b"one")


def test_the_running_cell_is_shown_below_the_bars(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(cli, "err", console)
    with cli._building() as progress:
        progress("running the solution", 2, 5)
        progress.now("the training cell [1], epoch 3 of 30")
        progress.progress.refresh()
    assert "the training cell [1], epoch 3 of 30" in screen.getvalue()
    assert "2/5" in screen.getvalue()


@pytest.mark.parametrize(
    ("problem", "says", "code"),
    [
        (KeyboardInterrupt(), "Stopped. To continue, run the same command again", 130),
        (
            OSError(28, "No space left on device", "build/x"),
            "Can't write build/x: No space left on device.",
            2,
        ),
    ],
)
def test_a_command_that_is_stopped_says_how_to_go_on(
    monkeypatch, capsys, tmp_path, problem, says, code
):
    def stopped(*_, **__):
        raise problem

    monkeypatch.setattr("autograder.authoring.release.release", stopped)
    monkeypatch.setattr(cli.sys, "argv", ["autograder", "release", "1", "--to", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    told = capsys.readouterr().err
    assert says in " ".join(told.split())
    assert "Traceback" not in told
