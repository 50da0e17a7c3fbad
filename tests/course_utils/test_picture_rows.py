"""Rows of pictures: each picture at its place, each row and column with its name."""

import numpy as np
import pytest
import torch
from figures import assert_drawn
from matplotlib.figure import Figure

from course_utils.plots.picture_rows import picture_rows

PICTURES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def rows_of_five_and_two(**settings) -> Figure:
    return picture_rows({"a": PICTURES, "b": PICTURES[:2]}, ["one", "two"], **settings)


def test_they_are_drawn():
    assert_drawn(rows_of_five_and_two())


def test_rows_carry_their_names_and_columns_their_titles():
    assert [text.get_text() for text in rows_of_five_and_two().axes[0].texts] == [
        "a",
        "b",
        "one",
        "two",
    ]


def test_rows_show_each_picture_at_its_place():
    red = torch.tensor([1.0, 0, 0])[:, None, None].expand(1, 3, 8, 8)
    figure = picture_rows({"row": torch.cat([red, 0 * red])})
    sheet = np.asarray(figure.axes[0].images[0].get_array())
    first, second = (half[:, 10:-10] for half in np.split(sheet, 2, axis=1))
    assert first.mean(axis=(0, 1)) == pytest.approx([1, 0, 0])
    assert second.max() == 0


def test_two_pictures_do_not_run_together():
    sheet = np.asarray(picture_rows({"row": 0 * PICTURES[:2]}).axes[0].images[0].get_array())
    middle = sheet.shape[1] // 2
    assert sheet[:, middle - 3 : middle + 3].min() == 1


def test_pictures_stay_as_they_are():
    before = PICTURES.clone()
    rows_of_five_and_two(largest=0.04)  # as many pixels as they have: nothing to enlarge
    assert torch.equal(PICTURES, before)


def test_a_row_is_as_large_as_it_may_be():
    small, large = (rows_of_five_and_two(largest=side).get_figwidth() for side in (0.5, 1.0))
    assert large - small == pytest.approx(5 * 0.5)
