"""Where the data lies: one folder for everything that is rendered or downloaded."""

import os
from pathlib import Path

VARIABLE = (
    "COURSE_DATA"  # set it to share one folder between courses, or on a machine with a small home
)


def data_folder() -> Path:
    """The folder of the data sets, whether or not it is there yet.

    returns  $COURSE_DATA if it is set; otherwise `data` where you work, if there is one; otherwise
             `data` beside `course_utils`
    """
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE]).expanduser()
    here = Path("data")
    return here.absolute() if here.is_dir() else Path(__file__).resolve().parents[2] / "data"
