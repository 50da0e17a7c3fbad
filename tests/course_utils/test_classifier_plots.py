"""Every figure of the classifier draws, and shows the numbers that it was given."""

import pytest
import torch
from figures import assert_drawn
from matplotlib.figure import Figure

import course_utils.plots.classifier_plots as plots

NAMES = ("stool", "desk", "van")
IMAGES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 1, 1])
SHARES = torch.softmax(torch.eye(3)[LABELS] * 3, dim=1)
LINE = torch.linspace(-1, 1, 9)
MAP = torch.arange(4.0).view(2, 2)

FIGURES = {
    "picture_grid": lambda: plots.picture_grid(IMAGES, ["a", "b", "c", "d", "e"], columns=3),
    "templates": lambda: plots.templates(torch.randn(192, 3), 8, NAMES),
    "activation": lambda: plots.activation(LINE, LINE.relu(), (LINE > 0).float()),
    "feature_maps": lambda: plots.feature_maps(IMAGES[0], {"edges": MAP, "nothing": 0 * MAP}),
    "shrinking": lambda: plots.shrinking([MAP, MAP[:1, :1]]),
    "pooled_back": lambda: plots.pooled_back(MAP, MAP[1:, 1:], MAP[:1, 1:], MAP),
    "score_bars": lambda: plots.score_bars(torch.tensor([1.0, -1, 0]), {"p": SHARES[0]}, NAMES),
    "loss_curve": lambda: plots.loss_curve(LINE[5:], -LINE[5:].log(), {"a coin": (0.5, 0.7)}),
    "gradients_agree": lambda: plots.gradients_agree(LINE, LINE),
    "descent": lambda: plots.descent(
        torch.ones(9, 9).cumsum(0), LINE, {"a": torch.ones(3, 2), "b": torch.ones(2, 2)}
    ),
    "curves": lambda: plots.curves({"one": [3.0, 2.0], "two": LINE}, "step", "loss", level=1.0),
    "guesses": lambda: plots.guesses(IMAGES, SHARES, LABELS, NAMES),
    "confusion": lambda: plots.confusion(LABELS, LABELS.flip(0), NAMES),
    "filters": lambda: plots.filters(torch.randn(20, 3, 3, 3)),
    "through_the_layers": lambda: plots.through_the_layers(
        IMAGES[0],
        {"edges": torch.rand(12, 4, 4), "parts": torch.rand(4, 2, 2)},
        SHARES[0],
        0,
        NAMES,
    ),
    "compare_bars": lambda: plots.compare_bars(
        {"pixels": 31.25, "yours": 92.5}, "per cent", chance=7.0
    ),
    "two_times": lambda: plots.two_times(1.0, 0.002, 0.001),
}


@pytest.mark.parametrize("name", FIGURES)
def test_it_draws(name):
    assert_drawn(FIGURES[name]())


def texts(figure: Figure) -> list[str]:
    return [text.get_text().strip() for axes in figure.axes for text in axes.texts]


def test_confusion_counts_each_row_for_itself():
    figure = plots.confusion(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2]), NAMES)
    assert texts(figure) == ["50%", "50%", "100%", "100%"]


def test_bars_show_the_values_they_are_given():
    assert "92.5" in texts(FIGURES["compare_bars"]())


def test_guesses_are_sorted_and_the_right_one_is_green():
    figure = plots.guesses(IMAGES[:1], torch.tensor([[0.2, 0.7, 0.1]]), torch.tensor([0]), NAMES)
    assert texts(figure) == ["desk", "stool", "van"]
    colours = [patch.get_facecolor()[:3] for patch in figure.axes[1].patches]
    assert colours[1] != colours[0] == colours[2]
