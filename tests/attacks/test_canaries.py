"""Hidden inputs and expected values with a mark on them: whatever a task does, none is shown."""

import json

import pytest
import torch
from attack import TASKS, WRONG, Attack
from tampering import l2
from test_attacks import shown

from autograder.checks import checks_module
from autograder.judge.checking.run_checks import run_checks
from autograder.judge.checking.submission import LocalSubmission

# Each number of a hidden input, and what can be made of it: as a float, in hexadecimal, rounded.
CANARY = 48151.0  # 48152 where one is added
MARKS = ("exit code", "48151", "48152", "4.815", "bc17", "48,151", "CANARY", "Traceback")

SHOUTS = {
    "its inputs on stdout and stderr": (
        "import sys\nprint(target)\nprint(prediction, file=sys.stderr)"
    ),
    "its inputs past Python's streams": (
        "import os\nfor fd in (1, 2): os.write(fd, str(prediction).encode())"
    ),
    "its inputs as a display": (
        "display(prediction)\nfrom IPython.display import Markdown\ndisplay(Markdown(str(target)))"
    ),
    "its inputs in a plot": (
        "import matplotlib.pyplot as plt\nplt.title(str(prediction))\nplt.show()"
    ),
    "its inputs in a warning": "import warnings\nwarnings.warn(str(prediction))",
    "its inputs in an exception": "raise ValueError('CANARY' + str(prediction))",
    "its inputs in an exception's cause": "raise KeyError('CANARY') "
    "from ValueError(str(prediction))",
    "its inputs in an assertion": "assert prediction.sum() == 0, f'CANARY {prediction}'",
    "its inputs in the name of an exception": "raise type("
    "f'E{int(prediction.max())}', (Exception,), {})()",
    "its inputs in the name of a class": (
        "return type(f'E{int(prediction.max())}', (), {'__repr__': lambda s: 'CANARY'})()"
    ),
    "its inputs as its result": "return str(prediction)",
    "its inputs in the shape of its result": "return torch.zeros(int(prediction.abs().max()), 1)",
    "its inputs in a group of exceptions": "raise ExceptionGroup("
    "str(prediction), [ValueError('CANARY')])",
    "its inputs in the exit code": "import os\nos._exit(int(prediction.abs().max()) % 100)",
    "its inputs in the size of a message": (
        "import os, stat\nsize = 10**8 * (1 + int(prediction.abs().max()))\n"
        "for fd in range(3, 64):\n"
        "    try:\n        if stat.S_ISSOCK(os.fstat(fd).st_mode):\n"
        "            os.write(fd, bytes(4) + size.to_bytes(8, 'big'))\n"
        "    except OSError: pass"
    ),
    "its inputs in a line number": (
        "source = '\\n' * (int(prediction.abs().max()) - 1) + 'raise ValueError'\n"
        "exec(compile(source, '<cell 3>', 'exec'))"
    ),
    "its inputs to a file, for the next run": (
        "open('note', 'w').write(str(prediction))\nwhile True: pass"
    ),
}


@pytest.fixture
def marked(monkeypatch) -> None:
    """Checks whose inputs are made of the mark."""

    def draw(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
        return torch.full(shape, CANARY if seed % 2 else -CANARY)

    monkeypatch.setattr(checks_module("colorization"), "draw", draw)


@pytest.mark.usefixtures("marked")
def test_the_mark_is_in_what_a_task_is_given():
    class Listening(LocalSubmission):
        def answer(self, call):
            heard.append(str(call.args))
            return super().answer(call)

    heard = []
    run_checks("colorization", Listening({"l2_loss": lambda p, t: p.sum()}), tasks=["l2_loss"])
    assert any("48151" in text for text in heard)


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("shout", SHOUTS)
def test_nothing_of_a_hidden_call_is_shown(shout, judging, hand_in_as):
    before = (
        "import os\nprint(open('note').read() if os.path.exists('note') else 'nothing')\n"
        "print(globals().get('KEPT'))"
    )
    body = f"global KEPT\nKEPT = prediction\n{SHOUTS[shout]}\nreturn prediction.sum() * 0"
    attack = Attack(shout, l2(body), before=before, after=before, limits={"call": 0.5})
    judgement = judging(hand_in_as("mallory", attack), attack.limits)
    verdict = judgement.verdict
    assert verdict.status == "graded", verdict.reason
    assert verdict.task("l2_loss").earned == 0
    tasks = [vars(check) for task in verdict.tasks for check in task.checks]
    told = [
        {name: check[name] for name in ("kind", "message", "misconception", "hint")}
        for check in tasks
    ]
    text = "\n".join(
        [shown_by_the_judge(judgement), json.dumps(told), *verdict.flags, verdict.reason]
    )
    assert [mark for mark in MARKS if mark in text] == []


def shown_by_the_judge(judgement) -> str:
    """What the student sees, without the student's own text and the visible check's errors."""
    for cell in judgement.notebook.cells:
        cell.source = ""
        if cell.id.startswith("check-"):
            cell.outputs = []
    return shown(judgement)


def test_the_marks_would_be_found(judging, hand_in_as):
    """A cell that shows the mark itself does show it: the search is not blind."""
    attack = Attack("shows it", WRONG, before="print(48151)")
    judgement = judging(hand_in_as("mallory", attack))
    assert "48151" in shown_by_the_judge(judgement)
    assert judgement.verdict.task(TASKS[0]).earned == 0
