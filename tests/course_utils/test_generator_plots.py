"""Every figure of the generator draws, and shows the numbers that it was given."""

import pytest
import torch
from figures import assert_drawn
from matplotlib.figure import Figure
from torch import nn

import course_utils.plots.generator_plots as plots

CHAIRS = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LINE = torch.linspace(-1, 1, 9)
SMALL = torch.tensor([[1.0, 2], [0, -3]])
KERNEL = torch.tensor([[1.0, 0], [5, 2]])
PAINTED = torch.arange(16.0).view(4, 4)


def streams() -> nn.Module:
    """The streams of a small generator, without what joins them."""

    def linear(*sizes: int) -> nn.Sequential:
        return nn.Sequential(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)))

    def maps(out: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(7, 20), nn.Unflatten(1, (5, 2, 2)), nn.ConvTranspose2d(5, out, 2, 2)
        )

    model = nn.Module()
    model.identity, model.view, model.transformation = (
        linear(11, 6, 6),
        linear(4, 6, 6),
        linear(8, 6, 6),
    )
    model.shared, model.image, model.mask = linear(18, 7, 7), maps(3), maps(1)
    return model


FIGURES = {
    "picture_grid": lambda: plots.picture_grid(CHAIRS, columns=3),
    "output_sizes": lambda: plots.output_sizes(
        range(3), {"stride 1": [1, 2, 3], "stride 2": [1, 1, 2]}
    ),
    "sizes_and_back": lambda: plots.sizes_and_back({5: 2, 6: 2}, {2: [5, 6]}),
    "nails": lambda: plots.nails({"stride 1": SMALL.abs(), "stride 3": PAINTED / 16}),
    "paintings": lambda: plots.paintings(SMALL, KERNEL, {1: 0 * PAINTED, 4: PAINTED}, stride=2),
    "matrices": lambda: plots.matrices(PAINTED[:2], PAINTED[:2].T, (1.25, -7.5)),
    "overlaps": lambda: plots.overlaps(
        {"even": torch.tensor([1, 2, 2, 1]), "odd": torch.tensor([1, 3, 1])}
    ),
    "textures": lambda: plots.textures(
        {"even": torch.ones(4, 4), "odd": PAINTED, "nothing": 0 * PAINTED}
    ),
    "view_codes": lambda: plots.view_codes(
        LINE, LINE[:, None].repeat(1, 4), LINE, torch.ones(9, 4)
    ),
    "parameter_codes": lambda: plots.parameter_codes(
        "abcdefgh", LINE.repeat(8, 1), LINE.repeat(8, 1), [0.0] * 8
    ),
    "network_diagram": lambda: plots.network_diagram(streams()),
    "learning_curve": lambda: plots.learning_curve(
        [3.0, 2, 1], {10: 20.0, 20: 25.0}, {"nearest": 23.0, "mean": 26.0}
    ),
    "score_bars": lambda: plots.score_bars(
        {"PSNR": {"stored": 23.5, "yours": 27.25}, "IoU": {"stored": 0.7}}
    ),
    "azimuth_paths": lambda: plots.azimuth_paths({"there": 90 * LINE, "back": -90 * LINE}),
    "identity_shares": lambda: plots.identity_shares(torch.eye(4)[:3], (0, 2)),
    "along_the_way": lambda: plots.along_the_way(
        {"dB": {"morph": LINE, "fade": -LINE}, "sharpness": {"morph": LINE}}, LINE
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_it_draws_without_a_warning(name, recwarn):
    assert_drawn(FIGURES[name]())
    assert [str(each.message) for each in recwarn if each.category is UserWarning] == []


def texts(figure: Figure) -> list[str]:
    return [text.get_text().strip() for axes in figure.axes for text in axes.texts]


def test_a_painting_shows_the_numbers_of_its_step_and_shades_its_window():
    figure = FIGURES["paintings"]()
    assert texts(figure)[:8] == ["1", "2", "0", "-3", "1", "0", "5", "2"]
    last = figure.axes[-1]
    shaded = [place for place, box in enumerate(last.patches) if box.get_facecolor()[1] < 0.9]
    assert shaded == [10, 11, 14, 15]  # the fourth value paints the lower right corner


def test_overlaps_multiply_along_the_two_sides():
    figure = plots.overlaps({"odd": torch.tensor([1, 3])})
    assert texts(figure) == ["1", "3", "3", "9"]


def test_the_diagram_reads_its_sizes_off_the_layers():
    found = texts(FIGURES["network_diagram"]())
    assert {"11", "4", "8", "6", "7", "5 of 2 × 2", "image, 4 × 4", "mask, 4 × 4"} <= set(found)


def test_two_inner_products_are_shown_in_full():
    titles = [axes.get_title(loc="left") for axes in FIGURES["matrices"]().axes]
    assert "1.250000" in titles[0]
    assert "-7.500000" in titles[1]


def test_the_film_gathers_at_the_left_and_paints_at_the_right():
    steps = [PAINTED * 0, PAINTED, PAINTED, PAINTED]
    frames = plots.two_ways(PAINTED, SMALL, steps, KERNEL, stride=2)
    assert frames.shape[:2] == (4, 3)
    assert 0 <= frames.min() < frames.max() <= 1
    changed = (frames[1:] != frames[:-1]).any(dim=1).flatten(2).flatten(1).any(dim=1)
    assert changed.all()
    right = frames[:, :, :, frames.shape[-1] // 2 :]
    assert (right[0] != right[1]).any()
