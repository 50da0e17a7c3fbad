"""Files beside a submitted notebook: the release's own are no suspicion, changed ones are."""

import pytest

from autograder.authoring.release import VALIDATION
from autograder.judge.intake.sibling_files import files_beside


@pytest.mark.parametrize(
    ("content", "is_told"), [(VALIDATION, False), (f"{VALIDATION}import os\n", True), ("", True)]
)
def test_the_releases_configuration_is_told_of_only_when_it_was_changed(tmp_path, content, is_told):
    (tmp_path / "nbgrader_config.py").write_text(content)
    said = files_beside(tmp_path / "3_colorization.ipynb")
    assert (
        said
        == ["`nbgrader_config.py` beside the notebook has the name of a module: it was not used."]
        * is_told
    )
