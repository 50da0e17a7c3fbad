"""The generator's experiment on a few tiny pictures: its parts, and all its variants."""

import math

import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from course_utils.data.rendered_views import RenderedViews
from course_utils.data.transformations import IDENTITY
from data_scripts import generator_experiment as experiment
from data_scripts.generator_experiment import ABLATIONS, Recipe, Upsampled, Variant


@pytest.fixture
def views() -> RenderedViews:
    """Two pieces of 16 pixels, 12 azimuths and one elevation: a bar that moves with the azimuth."""
    model, number = torch.cartesian_prod(torch.arange(2), torch.arange(12)).T
    pixels = torch.zeros(24, 16, 16, 4, dtype=torch.uint8)
    for i, start in enumerate(number.tolist()):
        pixels[i, 3:13, start : start + 4] = torch.tensor([200, 80 * int(model[i]), 40, 255])
    nothing = torch.zeros(24, dtype=torch.int64)
    elevation = torch.full((24,), 20.0)
    names = ("chair_a", "chair_b")
    return RenderedViews(
        pixels, model, nothing, number * 30.0, elevation, names, ("chair",), torch.arange(24)
    )


def azimuths(views: RenderedViews) -> list[float]:
    return views.azimuth[views.index].unique().tolist()


def test_the_recipe_is_not_chosen_on_the_test_views(views):
    train, test = experiment.split(views, validation=False)
    assert azimuths(test) == [90, 210, 330]
    fitted, held_out = experiment.split(views, validation=True)
    assert azimuths(held_out) == [30, 270]
    assert set(azimuths(fitted)) | set(azimuths(held_out)) == set(azimuths(train))
    assert len(fitted) + len(held_out) == len(train)


def test_every_variant_trains_and_is_scored(views, capsys):
    recipe = Recipe(epochs=1, transformed=0.5)
    runs = experiment.compared(*experiment.split(views, validation=False), ABLATIONS, 1, recipe)
    assert list(runs) == [*experiment.STORED, *ABLATIONS]
    scores = torch.tensor([results[0] for results in runs.values()])
    assert scores.isfinite().all()
    assert ((scores[:, 1] >= 0) & (scores[:, 1] <= 1)).all()
    assert len(set(scores[2:, 0].tolist())) == len(ABLATIONS), "each variant makes a difference"
    assert "as it is, seed 0" in capsys.readouterr().out


def test_training_makes_it_better_and_is_repeatable(views):
    train, _ = experiment.split(views, validation=False)
    asked = train.batch(torch.arange(len(train)))

    def after(epochs: int) -> experiment.Result:
        return experiment.measured(
            lambda: experiment.generated(train, asked, Variant(), 3, Recipe(epochs, 0.0)), asked
        )

    trained = after(40)
    assert trained.psnr > after(1).psnr + 3
    assert trained[:2] == after(40)[:2]


def test_upsampling_keeps_the_shapes():
    torch.manual_seed(0)
    network = Upsampled(3, 32)
    image, mask = network(torch.eye(3), torch.randn(3, 4), torch.zeros(3, 8))
    assert image.shape == (3, 3, 32, 32)
    assert mask.shape == (3, 1, 32, 32)
    assert not any(isinstance(layer, nn.ConvTranspose2d) for layer in network.modules())


def test_raw_angles():
    codes = experiment.raw_angles(torch.tensor([0.0, 180]), torch.tensor([90.0, 45]))
    expected = torch.tensor([[math.pi / 2, 0, 0, 0], [math.pi / 4, 0, math.pi, 0]])
    assert torch.allclose(codes, expected)


def test_a_target_over_white_is_scored_over_black(views):
    """A network that draws exactly what it was given over white gets the perfect score."""
    asked = views.batch(torch.arange(4))

    class Knows(nn.Module):
        def forward(self, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
            return asked.image, asked.mask

    drawing = experiment.drawn(Knows(), Variant(over_white=True), asked, chairs=2)
    assert torch.allclose(drawing.image, asked.masked, atol=1e-6)


def test_initial_weights_keep_the_size_of_values():
    torch.manual_seed(0)
    layers = nn.Sequential(*(layer for _ in range(5) for layer in (nn.Linear(256, 256), nn.ReLU())))
    values = torch.randn(64, 256)
    before = layers(values).square().mean().item()
    experiment.initialise(layers)
    after = layers(values).square().mean().item()
    assert before < 0.01
    assert 0.3 < after < 3


def test_the_learning_rate_goes_up_and_down():
    rates = [experiment.rate(step, 1000) for step in range(1000)]
    assert max(rates) == pytest.approx(experiment.PEAK, rel=0.02)
    assert 40 <= rates.index(max(rates)) <= 60
    assert rates[0] < 0.03 * experiment.PEAK
    assert rates[-1] < 1e-4 * experiment.PEAK


def test_a_share_is_transformed():
    identity = torch.tensor(IDENTITY)
    parameters = experiment.mixed_parameters(16, torch.Generator().manual_seed(0), 0.25, 1.0)
    assert (parameters[:4] != identity).all()
    assert (parameters[4:] == identity).all()
    assert (experiment.mixed_parameters(16, torch.Generator(), 0.0, 1.0) == identity).all()
    assert (experiment.mixed_parameters(16, torch.Generator(), 1.0, 0.0) == identity).all()


def test_the_command(views, tmp_path, monkeypatch):
    app = typer.Typer()
    app.command()(experiment.main)
    pack = views.save(tmp_path / "tiny.npz")
    monkeypatch.setenv("COLUMNS", "100")
    done = CliRunner().invoke(
        app, ["--seeds", "2", "--epochs", "1", "--data", str(pack), "--size", "16"]
    )
    assert done.exit_code == 0, done.output
    assert "generator, seed 1" in done.output
    assert "mean of two neighbours" in done.output
