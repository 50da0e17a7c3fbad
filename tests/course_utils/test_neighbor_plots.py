"""Every figure of the stored examples draws, and shows the numbers that it was given."""

import pytest
import torch
from figures import assert_drawn
from matplotlib.figure import Figure

import course_utils.plots.neighbor_plots as plots

RANDOM = torch.Generator().manual_seed(0)
GREY, COLOR = torch.rand(24, 1, 6, 5, generator=RANDOM), torch.rand(6, 3, 6, 5, generator=RANDOM)
LABELS = torch.arange(24) % 3
AB = torch.zeros(2, 6, 5)
AB[0, :3] = 0.5  # 55 units of a*, in the upper half
UPPER = torch.arange(6)[:, None].expand(6, 5) < 3


def rooms() -> Figure:
    answers = {1: 0.8 * AB, 5: 0.5 * AB}
    return plots.colored_rooms(torch.zeros(1, 6, 5), AB, UPPER, answers)


FIGURES = {
    "distance_table": lambda: plots.distance_table(
        torch.rand(6, 6), torch.tensor([0, 0, 1, 1, 2, 2])
    ),
    "neighbor_rows": lambda: plots.neighbor_rows(
        GREY[:2], GREY[2:8].view(2, 3, 1, 6, 5), torch.ones(2, 3)
    ),
    "label_transfer": lambda: plots.label_transfer(
        GREY, LABELS, LABELS.flip(0), {"vote": {1: 0.5, 5: 0.7}}
    ),
    "gallery": lambda: plots.gallery(
        {"one": COLOR[0], "two": GREY[0], "three": COLOR[1]}, columns=2
    ),
    "colored_rooms": rooms,
    "codebook": lambda: plots.codebook(
        torch.rand(4, 3, 2), torch.rand(24, 2), LABELS, torch.rand(16, 3, 3, generator=RANDOM)
    ),
    "word_histograms": lambda: plots.word_histograms(COLOR[:2], torch.rand(2, 7), ["a", "b"]),
    "comparison": lambda: plots.comparison(
        {"pixels": [0.25, 0.5], "words": [0.5, 0.75]}, ["x", "y"], 0.1
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_it_draws(name):
    assert_drawn(FIGURES[name]())


def test_the_chroma_is_that_of_the_tossed_pixels_beside_the_truths():
    curve, truth = rooms().axes[-1].lines
    assert curve.get_ydata() == pytest.approx([0.8 * 55, 0.5 * 55])
    assert truth.get_ydata() == pytest.approx([55, 55])


def test_what_was_elected_wrongly_is_shown_with_the_truth():
    elected = torch.ones(24, dtype=torch.int64)
    truth = elected.clone()
    truth[3] = 7
    figure = plots.label_transfer(GREY, elected, truth, {"vote": {1: 0.9}})
    titles = [axes.get_title(loc="left") for axes in figure.axes[:24]]
    assert titles.count("1") == 23
    assert titles[3] == "1, not 7"


def test_bars_tell_their_shares():
    figure = FIGURES["comparison"]()
    assert [text.get_text() for text in figure.axes[0].texts] == ["25%", "50%", "50%", "75%"]


def test_a_gallery_with_room_to_spare_has_no_empty_frames():
    figure = FIGURES["gallery"]()
    assert [axes.axison for axes in figure.axes][-1] is False
