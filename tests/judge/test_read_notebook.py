"""Reading submissions: whatever is in the file, the student's work is found or the reason is
said.
"""

import json

import nbformat
import pytest

from autograder.judge.intake.read_notebook import (
    ELSEWHERE,
    GONE,
    MAX_BYTES,
    RefusedError,
    read_submission,
)

STUB = 'def soft_encode(ab):\n    raise NotImplementedError("soft_encode")'
ANSWER = "def soft_encode(ab):\n    return ab"


def nbgrader(grade_id, **roles):
    return {
        "nbgrader": {"grade_id": grade_id, "grade": False, "solution": False, "locked": False}
        | roles
    }


@pytest.fixture
def released():
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell("# Title", id="cell-000"),
        v4.new_code_cell("import torch", id="cell-001"),
        v4.new_code_cell(
            STUB, id="task-soft_encode", metadata=nbgrader("task-soft_encode", solution=True)
        ),
        v4.new_code_cell(
            "assert soft_encode(1)",
            id="check-soft_encode",
            metadata=nbgrader("check-soft_encode", locked=True),
        ),
        v4.new_code_cell("train()", id="cell-004", metadata={"tags": ["training"]}),
        v4.new_markdown_cell(
            "*Write*", id="written-why", metadata=nbgrader("written-why", grade=True, solution=True)
        ),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def read(tmp_path, released):
    """Write something as the submitted file and read it."""

    def read(content):
        path = tmp_path / "3_colorization.ipynb"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content))
        return read_submission(path, released)

    return read


@pytest.fixture
def solved(released):
    copy = nbformat.from_dict(released)
    copy.cells[2].source = ANSWER
    return copy


def sources(reading):
    return [cell.source for cell in reading.notebook.cells if cell.cell_type == "code"]


def test_answers_and_own_cells_are_kept_in_order(read, solved):
    own = nbformat.v4.new_code_cell(
        "helper = 1", metadata={"tags": ["training"], "nbgrader": {"grade_id": 7}}
    )
    solved.cells.insert(2, own)
    solved.cells.insert(0, nbformat.v4.new_code_cell("first = 0"))
    reading = read(solved)
    assert sources(reading) == [
        "first = 0",
        "import torch",
        "helper = 1",
        ANSWER,
        "assert soft_encode(1)",
        "train()",
    ]
    assert reading.repairs == []
    assert reading.notebook.cells[3].metadata == {}  # the student's metadata is not believed
    nbformat.validate(reading.notebook)


def test_locked_cells_and_tags_come_from_the_release(read, solved):
    solved.cells[3].source = "pass"
    solved.cells[4].metadata = {}
    solved.cells[4].source = "while True: pass"
    reading = read(solved)
    assert sources(reading)[2:] == ["assert soft_encode(1)", "train()"]
    assert reading.notebook.cells[4].metadata.tags == ["training"]
    assert reading.repairs == ["check-soft_encode: a locked cell was changed, and is put back."]


def test_copied_cell_the_stub_does_not_win(read, solved):
    copy = nbformat.from_dict(solved.cells[2])
    copy.source = STUB
    solved.cells.insert(3, copy)
    assert sources(read(solved))[1:3] == [ANSWER, "assert soft_encode(1)"]


def test_split_cell_is_kept_in_its_parts(read, solved):
    solved.cells[2].source = "def helper(ab):\n    return ab"
    rest = nbformat.from_dict(solved.cells[2])
    rest.source = "def soft_encode(ab):\n    return helper(ab)"
    solved.cells.insert(3, rest)
    reading = read(solved)
    assert sources(reading)[1:3] == [solved.cells[2].source, rest.source]
    nbformat.validate(reading.notebook)


def test_deleted_cell_leaves_what_is_defined_elsewhere(read, solved):
    solved.cells[2] = nbformat.v4.new_code_cell(ANSWER)
    reading = read(solved)
    assert sources(reading)[:3] == ["import torch", ANSWER, GONE]
    assert reading.repairs == ["task-soft_encode: the cell is missing."]


def test_untouched_stub_does_not_hide_an_own_definition(read, solved):
    solved.cells[2].source = STUB
    solved.cells.insert(2, nbformat.v4.new_code_cell(ANSWER))
    assert sources(read(solved))[1:3] == [ANSWER, ELSEWHERE]


def test_retyped_and_reordered_cells(read, solved):
    solved.cells[2] = nbformat.v4.new_markdown_cell(ANSWER, metadata=solved.cells[2].metadata)
    solved.cells.reverse()
    reading = read(solved)
    assert sources(reading)[:2] == ["import torch", ANSWER]
    assert "type was changed" in reading.repairs[0]


def test_a_retyped_cell_of_no_task_is_the_students_own(read, solved):
    solved.cells[1] = nbformat.v4.new_markdown_cell("my notes", id="cell-001")
    reading = read(solved)
    assert "my notes" in [
        cell.source for cell in reading.notebook.cells if cell.cell_type == "markdown"
    ]
    assert sources(reading)[0] == "import torch"


def test_written_answer_keeps_its_pictures_and_nothing_else(read, solved):
    solved.cells[5].source = "![x](attachment:a.png)"
    solved.cells[5].attachments = {"a.png": {"image/png": "aGk=", "text/html": "<script>"}, "b": 3}
    cell = read(solved).notebook.cells[5]
    assert cell.source == "![x](attachment:a.png)"
    assert cell.attachments == {"a.png": {"image/png": "aGk="}}


def test_missing_written_answer_stays_as_released(read, solved, released):
    del solved.cells[5]
    assert read(solved).notebook.cells[5].source == released.cells[5].source


@pytest.mark.parametrize("version", [2, 3])
def test_old_nbformat_is_repaired(read, version):
    cells = [
        {
            "cell_type": "code",
            "input": ANSWER,
            "language": "python",
            "outputs": None,
            "metadata": None,
        }
    ]
    reading = read({"nbformat": version, "worksheets": [{"cells": cells}], "metadata": {}})
    assert ANSWER in sources(reading)


def test_null_outputs_wrong_types_and_missing_fields_are_repaired(read):
    cells = [
        {"cell_type": "code", "source": [ANSWER], "outputs": None, "execution_count": "x", "id": 5},
        {"cell_type": "picture", "source": None},
        {"source": {"a": 1}, "metadata": {"nbgrader": "x"}},
        "not a cell",
    ]
    reading = read({"nbformat": 99, "cells": cells})
    assert ANSWER in sources(reading)
    nbformat.validate(reading.notebook)


def test_lone_surrogates_can_be_written(read, tmp_path):
    reading = read(b'{"cells": [{"cell_type": "code", "source": "x = \'\\ud800\'"}]}')
    assert json.dumps(reading.notebook, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"%PDF-1.4 \xff\xfe", "not text in UTF-8"),
        (b"%PDF-1.4", "is not JSON"),
        (b"<html></html>", "is not JSON"),
        (b'{"cells": [{"cell_type": "code"', "cut off"),
        (b'{"cells": [{"source": "def f(x', "cut off"),
        (b"[1, 2]", "no notebook"),
        (b'{"cells": []}', "has no cells"),
        (b'{"worksheets": 3}', "has no cells"),
        (b"[" * 100_000, "can't be read safely"),
        (b'{"cells": [' + b"9" * 10_000 + b"]}", "can't be read safely"),
        (b" " * (MAX_BYTES + 1), "MB is the limit"),
    ],
)
def test_unreadable_files_are_refused_with_the_reason(read, content, reason):
    with pytest.raises(RefusedError, match=reason):
        read(content)


def test_links_and_folders_are_refused(tmp_path, released):
    link = tmp_path / "link.ipynb"
    link.symlink_to("/etc/passwd")
    for path in (link, tmp_path, tmp_path / "nowhere.ipynb"):
        with pytest.raises(RefusedError, match="is not a file"):
            read_submission(path, released)
