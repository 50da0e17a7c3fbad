"""The course with less in it, for tests that are not about what is left out: judged in seconds.

Imported by conftest.py before anything looks up an assignment.
"""

import os
import re
import tempfile
from atexit import register
from collections.abc import Callable
from pathlib import Path

from autograder.assignments import ASSIGNMENTS, Assignment, assignments

_folder = tempfile.TemporaryDirectory(prefix="masters-")
register(_folder.cleanup)
EPOCHS = {  # of each training: as it is, and a single one
    "0_data_driven_graphics": {},
    "1_cnn_classifier": {"EPOCHS, BATCH = (32, 64, 128), 30": "EPOCHS, BATCH = (32, 64, 128), 1"},
    "2_chair_generator": {
        "EPOCHS, PEAK = 16, 120": "EPOCHS, PEAK = 16, 1",
        "EVERY = 10 ": "EVERY = 1 ",
    },
    "3_colorization": {
        "EPOCHS = 2400, 8, 6": "EPOCHS = 2400, 8, 1",
        "EPOCHS = 8, 8": "EPOCHS = 8, 1",
    },
}


PICTURE = re.compile(r'(@picture\("(\w+)"\)\ndef _\(\) -> Figure:\n)(?:.|\n)*?(?=```\n)')
DRAWN = ("l2_loss", "soft_encode")  # the pictures of the light master that are the real ones


def short(name: str, text: str) -> str:
    """Colorization up to its last task: what follows takes ten seconds each time it is judged."""
    if name != "3_colorization":
        return text
    return text[: text.index("# Part 8. ")].replace("    gallery: five_rows\n", "")


def light(name: str, text: str) -> str:
    """Colorization up to its last task, with words in the place of most pictures.

    All its pictures take five seconds each time that the notebook is judged.
    """
    return PICTURE.sub(_words_for, short(name, text)) if name == "3_colorization" else text


def _words_for(cell: re.Match) -> str:
    """The cell of a picture, drawing the picture's name."""
    head, picture = cell.groups()
    if picture in DRAWN:
        return cell[0]
    draw = f'figure = Figure((2, 1))\n    figure.text(0.1, 0.5, "{picture}")\n    return figure'
    return f"{head}    {draw}\n"


def brief(name: str, text: str) -> str:
    """A single epoch in each training."""
    for many, one in EPOCHS[name].items():
        assert text.count(many) == 1, f"{name}: {many}"
        text = text.replace(many, one)
    return text


def _copies(home: str, change: Callable[[str, str], str]) -> list[Assignment]:
    copies = [Assignment(real.name, Path(_folder.name).resolve() / home) for real in REAL]
    for copy in copies:
        copy.master.parent.mkdir(parents=True)
        copy.master.write_text(change(copy.name, Assignment(copy.name).master.read_text()))
    return copies


os.environ.pop(ASSIGNMENTS, None)
REAL = assignments()
BRIEF = _copies("brief", brief)
SHORT = _copies("short", short)
LIGHT = _copies("light", light)
os.environ[ASSIGNMENTS] = str(LIGHT[0].home)
