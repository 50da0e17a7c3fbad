"""What cells put out is bounded by its size in the notebook's file, whatever the worker says."""

import json

import pytest
from nbformat.v4 import new_output

from autograder.judge.checking.output_room import CELLS, OutputRoom

LIMIT = 10_000


def printed(text):
    return new_output("stream", name="stdout", text=text)


def size(outputs):
    return len(json.dumps(outputs))


@pytest.mark.parametrize("letter", ["x", "\0", "ä", "😀", '"'])
def test_a_flood_is_cut_to_its_size_in_the_file(letter):
    (kept,) = OutputRoom(LIMIT).fit([printed(letter * 10 * LIMIT)])
    assert kept.text.startswith(letter)
    assert "cut here" in kept.text
    assert size([kept]) < LIMIT + 200


def test_what_fits_is_left_alone():
    outputs = [printed("a line"), new_output("display_data", data={"image/png": "QUJD"})]
    assert OutputRoom(LIMIT).fit(outputs) == outputs


def test_a_picture_that_is_too_large_is_left_out_with_a_line():
    outputs = [
        printed("before"),
        new_output("display_data", data={"image/png": "Q" * LIMIT}),
        printed("after"),
    ]
    before, note = OutputRoom(LIMIT).fit(outputs)
    assert before.text == "before"
    assert "left out" in note.text


def test_a_notebook_of_floods_puts_out_no_more_than_a_few_cells():
    room = OutputRoom(LIMIT)
    cells = [room.fit([printed("\0" * LIMIT)]) for _ in range(50)]
    assert size(cells) < CELLS * LIMIT + 50 * 250
    assert "notebook may put out" in cells[-1][0].text
