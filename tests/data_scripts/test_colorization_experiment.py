"""The colorizer's experiment on a few rooms: its parts, and its table beside closed forms."""

import math

import pytest
import torch
import typer
from rich.console import Console
from torch import nn
from typer.testing import CliRunner

from course_utils.color import AB_SCALE
from course_utils.color import bayes_bounds as floors
from course_utils.color.scores import chroma_ratio, expected_cross_entropy
from course_utils.color.world import WORLD, Scenes, make_scenes
from course_utils.data.rendered_views import RenderedViews
from course_utils.reference.colorization import (
    Colorizer,
    l2_loss,
    multinomial_cross_entropy,
    rebalancing_weights,
)
from course_utils.training.weights import load_weights
from data_scripts import colorization_experiment as experiment
from data_scripts.colorization_experiment import Loss, Network, Recipe, Result

TINY = Recipe(epochs=1)


@pytest.fixture(scope="module")
def views() -> RenderedViews:
    """A shape for each category from eight azimuths, shaded from left to right."""
    category, azimuth = torch.cartesian_prod(torch.arange(4), torch.arange(8)).T
    rgba = torch.zeros(32, 64, 64, 4, dtype=torch.uint8)
    rgba[..., :3] = (torch.arange(64) * 3 + 30).to(torch.uint8)[None, None, :, None]
    for i, (kind, side) in enumerate(zip(category.tolist(), azimuth.tolist(), strict=True)):
        rgba[i, 10 + 6 * kind : 58, 8 + side : 50, 3] = 255
    kinds = ("chair", "table", "sofa", "car")
    angle = azimuth * 45.0
    return RenderedViews(
        rgba, category, category, angle, torch.zeros(32), tuple("abcd"), kinds, torch.arange(32)
    )


@pytest.fixture(scope="module")
def rooms(views) -> Scenes:
    return make_scenes(views, 48, seed=0)


@pytest.fixture(scope="module")
def unseen_rooms(views) -> Scenes:
    return make_scenes(views, 20, seed=1)


@pytest.fixture(scope="module")
def runs(rooms, unseen_rooms) -> dict[Loss, list[Result]]:
    """Each loss, trained for one epoch with two seeds."""
    return {
        loss: [experiment.measured(rooms, unseen_rooms, loss, seed, TINY) for seed in (0, 1)]
        for loss in Loss
    }


def floor_of(rooms: Scenes) -> float:
    return floors.cross_entropy_floor(floors.shares(rooms.every(4).kind), experiment.encode).item()


def numbers(model: nn.Module) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in model.parameters()])


def text_of(table) -> str:
    console = Console(width=170)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


# --- what it trains on


def test_views_of_the_test_rooms_are_in_no_other(views, monkeypatch):
    monkeypatch.setattr(experiment, "make_scenes", lambda views, count, seed: (views, count, seed))
    (seen, count, seed), (unseen, test_count, test_seed) = experiment.scenes(views, 7)
    assert not set(seen.index.tolist()) & set(unseen.index.tolist())
    assert not set(seen.azimuth[seen.index].tolist()) & set(unseen.azimuth[unseen.index].tolist())
    assert sorted(seen.index.tolist() + unseen.index.tolist()) == list(range(32))
    for some in (seen, unseen):
        assert some.category[some.index].unique().tolist() == [0, 1, 2, 3]
    assert (count, test_count) == (7, experiment.TEST_ROOMS)
    assert seed != test_seed


def epochs_of(rooms: Scenes, seed: int, monkeypatch) -> list[list[torch.Tensor]]:
    """Lightness and colours of the first two epochs that a training would see."""
    kept = []
    monkeypatch.setattr(
        experiment, "fit", lambda model, loss_of, batches, *_, **__: kept.append(batches)
    )
    experiment.trained(rooms, Loss.L2, seed, Recipe(batch=20))
    return [[torch.cat(column) for column in zip(*kept[0](epoch), strict=True)] for epoch in (0, 1)]


def test_colours_are_tossed_anew_in_every_epoch(rooms, monkeypatch):
    first, second = epochs_of(rooms, 0, monkeypatch)
    assert first[1].shape == (48, 2, 16, 16)
    assert torch.equal(
        first[0].sum(dim=(1, 2, 3)).sort().values, second[0].sum(dim=(1, 2, 3)).sort().values
    )
    assert not torch.equal(first[0], second[0]), "the rooms come in another order"

    def coloured(epoch: list[torch.Tensor]) -> torch.Tensor:
        order = epoch[0].sum(dim=(1, 2, 3)).argsort()
        return epoch[1][order]

    assert not torch.equal(coloured(first), coloured(second))
    assert torch.equal(epochs_of(rooms, 0, monkeypatch)[1][1], second[1])
    assert not torch.equal(coloured(epochs_of(rooms, 1, monkeypatch)[0]), coloured(first))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_lean_loss_is_the_loss(rooms, weighted):
    """Its value and its gradient, through dense codes and autograd; 20 rooms need two portions."""
    # Apart from the palettes' own colours, where bins may tie and two encoders choose differently.
    ab = rooms.every(4).ab[:20] + 0.003 * torch.randn(
        20, 2, 16, 16, generator=torch.Generator().manual_seed(1)
    )
    weights = rebalancing_weights(experiment.prior_of(rooms.every(4))) if weighted else None
    logits = torch.randn(
        20, 313, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    codes = experiment.encode(ab * AB_SCALE)
    expected = multinomial_cross_entropy(logits, codes, weights)
    (slope,) = torch.autograd.grad(expected, logits)
    found = experiment._loss(
        1 * logits, ab, weights
    )  # a copy: the gradient takes the place of its values
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(logits.grad, slope, atol=1e-8)


def test_two_outputs_are_colours_themselves(rooms):
    ab = rooms.every(4).ab
    assert torch.equal(experiment._loss(0.5 * ab, ab, None), l2_loss(0.5 * ab, ab))


def test_the_learning_rate_goes_up_and_down():
    rates = [experiment.rate(step, 1000) for step in range(1000)]
    assert max(rates) == pytest.approx(experiment.PEAK, rel=0.03)
    assert max(rates) <= experiment.PEAK
    assert 80 <= rates.index(max(rates)) <= 120
    assert 0 < rates[0] < 0.02 * experiment.PEAK
    assert 0 <= rates[-1] < 1e-4 * experiment.PEAK
    assert experiment.rate(0, 1) == experiment.PEAK, "one step is made too"


# --- networks


def test_the_papers_network_has_its_blocks():
    """Weights counted by hand from the paper's figure 2: biases, and a norm for each block."""
    with torch.device("meta"):
        network = experiment.built(Loss.MULTINOMIAL, Network.PAPER)
        two = experiment.built(Loss.L2, Network.PAPER)
    assert [(block[0].out_channels, len(block) // 2) for block in network.blocks] == [
        *((64, 2), (128, 2), (256, 3), (512, 3), (512, 3), (512, 3), (512, 3))
    ]
    assert (
        math.prod(layer.stride[0] for layer in network.blocks.modules() if hasattr(layer, "stride"))
        == 8
    )
    dilated = [block[0].dilation[0] for block in network.blocks]
    assert dilated == [1, 1, 1, 1, 2, 2, 1]
    pairs = [
        (1, 64),
        (64, 64),
        (64, 128),
        (128, 128),
        (128, 256),
        (256, 256),
        (256, 256),
        (256, 512),
    ]
    pairs += 11 * [(512, 512)]
    weights = sum(9 * before * after + after for before, after in pairs)
    norms = 2 * (64 + 128 + 256 + 4 * 512)
    up = 16 * 512 * 256 + 256 + 9 * 256 * 256 + 256
    assert sum(each.numel() for each in network.parameters()) == weights + norms + up + 257 * 313
    assert sum(each.numel() for each in two.parameters()) == weights + norms + up + 257 * 2


@pytest.mark.parametrize("network", Network)
def test_a_loss_has_as_many_outputs_as_it_needs(network):
    with torch.device("meta"):
        shapes = {
            loss: experiment.built(loss, network)(torch.zeros(1, 1, 64, 64)).shape[1:]
            for loss in Loss
        }
    assert shapes == {
        Loss.L2: (2, 16, 16),
        Loss.MULTINOMIAL: (313, 16, 16),
        Loss.REBALANCED: (313, 16, 16),
    }


def test_initial_weights_keep_the_size_of_values():
    torch.manual_seed(0)
    layers = nn.Sequential(
        *(layer for _ in range(5) for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()))
    )
    values = torch.randn(4, 64, 24, 24)
    before = layers(values).square().mean().item()
    experiment.initialise(layers)
    after = layers(values).square().mean().item()
    assert before < 0.01
    assert 0.3 < after < 3


def test_the_same_seed_gives_the_same_network(rooms):
    some, _ = rooms.split(16)
    torch.manual_seed(5)
    first = numbers(experiment.trained(some, Loss.MULTINOMIAL, 3, TINY))
    went_on = torch.rand(1)
    again = numbers(experiment.trained(some, Loss.MULTINOMIAL, 3, TINY))
    assert torch.equal(first, again)
    assert not torch.equal(first, numbers(experiment.trained(some, Loss.MULTINOMIAL, 4, TINY)))
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), went_on), (
        "the caller's random numbers go on as if nothing had been"
    )


def test_rebalancing_makes_another_network(rooms):
    some, _ = rooms.split(16)
    plain, rebalanced = (
        numbers(experiment.trained(some, loss, 0, TINY))
        for loss in (Loss.MULTINOMIAL, Loss.REBALANCED)
    )
    assert not torch.allclose(plain, rebalanced, atol=1e-4)


def test_training_makes_it_better(rooms, unseen_rooms, runs):
    longer = experiment.measured(rooms, unseen_rooms, Loss.MULTINOMIAL, 0, Recipe(epochs=8))
    assert longer.cross_entropy < runs[Loss.MULTINOMIAL][0].cross_entropy - 0.5
    assert longer.cross_entropy >= floor_of(unseen_rooms)


# --- results


@pytest.mark.parametrize("loss", Loss)
def test_results_are_what_they_say(loss, runs, unseen_rooms):
    for result in runs[loss]:
        if loss == Loss.L2:
            assert math.isnan(result.cross_entropy)
        else:
            assert floor_of(unseen_rooms) <= result.cross_entropy < math.log(313) + 0.5
        assert result.chroma.shape == result.owned.shape == (len(WORLD),)
        assert (result.chroma >= 0).all()
        assert ((result.owned >= 0) & (result.owned <= 1)).all()
        assert 0 <= result.rebalanced_auc <= 1
        assert 0 <= result.auc <= 1
        assert result.wall > 0
        assert result.cpu > 0
    first, second = runs[loss]
    assert not torch.equal(first.chroma, second.chroma), "each seed makes a difference"


def answering_best(test: Scenes, loss: Loss, rooms: Scenes) -> torch.Tensor:
    """(B, 2, h, w) or (B, 313, h, w): the best answer for what each pixel belongs to."""
    if loss == Loss.L2:
        best = torch.stack([floors.mean_color(palette) for palette in WORLD]) / AB_SCALE
    else:
        prior = experiment.prior_of(rooms.every(4))
        weights = rebalancing_weights(prior) if loss == Loss.REBALANCED else None
        found = [floors.best_distribution(palette, experiment.encode, weights) for palette in WORLD]
        best = torch.stack(found).log().clamp(min=-80)
    return best[test.every(4).kind].movedim(-1, 1)


@pytest.mark.parametrize("loss", Loss)
def test_the_best_answers_are_measured_as_what_is_possible(loss, rooms, unseen_rooms, monkeypatch):
    best = answering_best(unseen_rooms, loss, rooms)
    monkeypatch.setattr(experiment, "trained", lambda *_: nn.Identity())
    monkeypatch.setattr(experiment, "predict", lambda *_: best)
    result = experiment.measured(rooms, unseen_rooms, loss, 0, TINY)
    assert torch.allclose(result.chroma, experiment.possible(loss, rooms), atol=1e-3)
    if loss == Loss.MULTINOMIAL:
        assert result.cross_entropy == pytest.approx(floor_of(unseen_rooms), abs=1e-3)
    if loss == Loss.REBALANCED:
        assert result.cross_entropy > floor_of(unseen_rooms) + 0.01, (
            "it answers other odds than the true ones"
        )


def test_knowing_the_truth_is_right_everywhere(rooms, unseen_rooms, monkeypatch):
    monkeypatch.setattr(experiment, "trained", lambda *_: nn.Identity())
    monkeypatch.setattr(experiment, "predict", lambda *_: unseen_rooms.every(4).ab)
    result = experiment.measured(rooms, unseen_rooms, Loss.L2, 0, TINY)
    assert result.auc == pytest.approx(1)
    assert result.rebalanced_auc == pytest.approx(1)
    assert result.owned.tolist() == [1] * len(WORLD)


def test_what_is_possible_is_the_closed_form(rooms):
    l2, plain, rebalanced = (experiment.possible(loss, rooms) for loss in Loss)
    assert l2.tolist() == [floors.chroma_under_l2(palette).item() for palette in WORLD]
    # The chair's by hand: its mean colour is (29.2, 36.6), and 63.8, 58.1 and 52.0 are its colours'
    # chroma.
    chroma = 0.7 * math.hypot(54, 34) + 0.2 * math.hypot(44, 38) + 0.1 * math.hypot(2, 52)
    assert l2[2].item() == pytest.approx(math.hypot(29.2, 36.6) / chroma, abs=1e-5)
    weights = rebalancing_weights(experiment.prior_of(rooms.every(4)))
    for found, own in ((plain, None), (rebalanced, weights)):
        assert found.tolist() == [
            floors.chroma_under_multinomial(
                palette, experiment.encode, experiment.decode, own
            ).item()
            for palette in WORLD
        ]
    certain = [k for k in range(len(WORLD)) if k not in experiment.AMBIGUOUS]
    assert l2[certain].tolist() == pytest.approx([1, 1, 1])
    assert torch.equal(rebalanced[certain], plain[certain])
    assert (rebalanced != plain)[experiment.AMBIGUOUS].all()


def test_the_ambiguous_kinds_are_those_with_several_colours():
    assert [WORLD[k].name for k in experiment.AMBIGUOUS] == ["chair", "table", "sofa"]


def test_the_table_shows_what_is_possible_beside_what_is_measured(rooms):
    values = torch.arange(len(WORLD)) / 10
    low = Result(2.5, values, values + 0.1, 0.9, 0.8, 3.0, 4.0)
    high = Result(3.5, values + 0.2, values + 0.3, 0.7, 0.6, 5.0, 8.0)
    text = text_of(experiment.table({Loss.MULTINOMIAL: [low, high], Loss.L2: [low]}, rooms, 1.234))
    row, second = (
        next(line for line in text.splitlines() if f" {loss} " in line)
        for loss in ("multinomial", "L2")
    )
    best, l2 = (experiment.possible(loss, rooms) for loss in (Loss.MULTINOMIAL, Loss.L2))
    assert "nats (least 1.234)" in text
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells == [
        *("multinomial", "3.000", "3.500"),  # the mean, and the worst
        f"0.300 ({best[2]:.3f}), 40.0 %",
        f"0.400 ({best[3]:.3f}), 50.0 %",
        f"0.500 ({best[4]:.3f}), 60.0 %",
        *("0.8000", "0.7000", "4", "6"),
    ]
    assert f"0.200 ({l2[2]:.3f}), 30.0 %" in second


# --- the command


@pytest.fixture
def command(views, tmp_path, monkeypatch):
    """Runs it, on a pack of the cut-outs."""
    app = typer.Typer()
    app.command()(experiment.main)
    pack = views.save(tmp_path / "tiny.npz")
    monkeypatch.setattr(experiment, "TEST_ROOMS", 16)

    def run(*arguments: str) -> str:
        common = ["--data", str(pack), "--rooms", "24", "--epochs", "1"]
        done = CliRunner().invoke(app, [*common, *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_the_command_prints_a_row_for_each_loss(command):
    output = command("--seeds", "1", "--batch", "12")
    for loss in Loss:
        assert f"{loss}: " in output
        row = next(line for line in output.splitlines() if line.startswith(f"│ {loss} "))
        assert row.count(" %") == len(experiment.AMBIGUOUS), "the table is wide enough"
    assert output.count("pictures a second") == 3
    for name in ("chair", "table", "sofa"):
        assert name in output


def test_a_saved_network_can_be_read_again(command, tmp_path, rooms):
    path = tmp_path / "colorizer.safetensors"
    output = command("--save", str(path))
    assert output.replace("\n", "") == str(path), "no table"
    network = load_weights(Colorizer(), path).eval()
    with torch.no_grad():
        logits = network(rooms.lightness[:4])
    assert logits.isfinite().all()
    assert expected_cross_entropy(logits, rooms.every(4).kind[:4], experiment.encode) < math.log(
        313
    )
    ab = experiment.decode(logits)
    assert chroma_ratio(ab, rooms.every(4).kind[:4]).nan_to_num().max() < 4


def test_the_papers_network_goes_through_the_command(command, monkeypatch):
    """With the paper's depth and strides, but few channels."""
    narrow = tuple((channels // 32, *others) for channels, *others in experiment.PAPER)
    monkeypatch.setattr(experiment, "PAPER", narrow)
    assert "│ rebalanced " in command("--network", "paper", "--seeds", "1", "--batch", "12")


def test_help_names_the_options(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    app = typer.Typer()
    app.command()(experiment.main)
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    for option in ("--seeds", "--epochs", "--batch", "--rooms", "--network", "--data", "--save"):
        assert option in done.output
    assert "paper" in done.output
