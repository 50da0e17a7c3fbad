"""Train the colorizer with three losses, and compare each with the best that is possible.

The colours of the furniture are drawn at random with known odds, so the best possible prediction
under each loss has a closed form.

    python data_scripts/make_packs.py furniture
    python data_scripts/colorization_experiment.py --seeds 3

Trains with L2, with the multinomial loss, and with the rebalanced multinomial loss; colours are
drawn again in every epoch. Prints the results in rooms with views that training has never seen,
beside the best possible ones.

    python data_scripts/colorization_experiment.py \
        --save course_utils/reference/colorizer.safetensors

trains the network that the hidden checks use as the reference's.

    python data_scripts/colorization_experiment.py --network paper --batch 40 --epochs 1 --seeds 1

trains the eight blocks of Zhang et al. instead, and prints the pictures per second.
"""

import math
import time
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from course_utils.color import AB_SCALE
from course_utils.color import bayes_bounds as floors
from course_utils.color.scores import chroma_ratio, expected_cross_entropy, plausible_share
from course_utils.color.world import WORLD, Scenes, make_scenes
from course_utils.data.rendered_views import RenderedViews, load_views
from course_utils.reference.colorization import (
    Colorizer,
    ab_bins,
    annealed_mean,
    color_prior,
    colorization_auc,
    l2_loss,
    rebalancing_weights,
    soft_encode,
    sparse_cross_entropy,
    sparse_soft_encode,
)
from course_utils.training import fit, predict, shuffled_batches
from course_utils.training.blockwise_loss import blockwise_loss
from course_utils.training.weights import save_weights

ROOMS, TEST_ROOMS = 2400, 300
BATCH = 8
EPOCHS = 6  # some 45 CPU-seconds
PEAK = 4e-3  # of the learning rate
DECAY = 0.05  # of the weights
AT_ONCE = 4096  # colour values in one evaluation of the loss: eight small pictures, or one large
AMBIGUOUS = [index for index, palette in enumerate(WORLD) if len(palette.odds) > 1]
BINS = ab_bins()

# Zhang et al. 2016, figure 2: channels, convolutions, stride, dilation. The eighth block is `up`,
# with one convolution fewer than theirs.
PAPER = (
    (64, 2, 2, 1),
    (128, 2, 2, 1),
    (256, 3, 2, 1),
    (512, 3, 1, 1),
    (512, 3, 1, 2),
    (512, 3, 1, 2),
    (512, 3, 1, 1),
)


class Loss(StrEnum):
    """What a network is trained with."""

    L2 = "L2"
    MULTINOMIAL = "multinomial"
    REBALANCED = "rebalanced"


class Network(StrEnum):
    """Which blocks it is built of."""

    TEACHING = "teaching"
    PAPER = "paper"


class Recipe(NamedTuple):
    """What all trainings have in common."""

    network: Network = Network.TEACHING
    epochs: int = EPOCHS
    batch: int = BATCH


class Result(NamedTuple):
    """Results of a network in rooms never seen; a tensor has one number for each kind of object."""

    cross_entropy: float  # nats, the expectation over all possible colours; nan for L2
    chroma: Tensor  # mean, as a share of the true one
    owned: Tensor  # share of the pixels with a colour that their object can have
    auc: float
    rebalanced_auc: float
    wall: float  # seconds of the clock, training
    cpu: float  # seconds of all cores together


def encode(ab: Tensor) -> Tensor:
    """Soft codes over the 313 bins."""
    return soft_encode(ab, BINS)


def decode(logits: Tensor) -> Tensor:
    """The annealed mean at the paper's temperature."""
    return annealed_mean(logits, BINS)


def built(loss: Loss, network: Network) -> Colorizer:
    """A fresh network for a loss."""
    outputs = 2 if loss == Loss.L2 else len(BINS)
    return Colorizer(outputs) if network == Network.TEACHING else Colorizer(outputs, PAPER, up=256)


def initialise(model: nn.Module) -> None:
    """Initialise the convolutions so that values keep their size (He et al. 2015)."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def trained(rooms: Scenes, loss: Loss, seed: int, recipe: Recipe) -> Colorizer:
    """A new network, trained on rooms whose colours are drawn again in each epoch."""
    targets = rooms.every(4)
    weights = rebalancing_weights(prior_of(targets)) if loss == Loss.REBALANCED else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = built(loss, recipe.network)
        initialise(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, weight_decay=DECAY, fused=True)
    steps = recipe.epochs * math.ceil(len(rooms.ab) / recipe.batch)

    def batches_of_epoch(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        draw = 1000 * seed + epoch
        return shuffled_batches(recipe.batch, rooms.lightness, targets.tossed(draw).ab, seed=draw)

    def loss_of(model: nn.Module, batch: Any) -> Tensor:
        lightness, ab = batch
        return _loss(model(lightness), ab, weights)

    schedule = partial(rate, steps=steps)
    fit(model, loss_of, batches_of_epoch, optimizer, schedule, epochs=recipe.epochs)
    return model


def rate(step: int, steps: int) -> float:
    """The learning rate: up within a tenth of all steps, and down to 0 along a cosine."""
    return PEAK * min(1, 10 * (step + 1) / steps) * (1 + math.cos(math.pi * step / steps)) / 2


def prior_of(targets: Scenes) -> Tensor:
    """(Q,) how often each colour occurs."""
    return color_prior(targets.ab * AB_SCALE, BINS)


def _loss(output: Tensor, ab: Tensor, weights: Tensor | None) -> Tensor:
    if output.shape[1] == 2:
        return l2_loss(output, ab)
    bins = BINS.to(ab)

    def loss_and_gradient(logits: Tensor, colors: Tensor) -> tuple[Tensor, Tensor]:
        moved = None if weights is None else weights.to(logits)
        return sparse_cross_entropy(logits, *sparse_soft_encode(colors, bins), moved)

    at_once = math.ceil(AT_ONCE / ab[0].numel())
    return blockwise_loss(output, loss_and_gradient, ab * AB_SCALE, at_once=at_once)


def measured(rooms: Scenes, test: Scenes, loss: Loss, seed: int, recipe: Recipe) -> Result:
    """Train a network, and score it."""
    wall, cpu = time.monotonic(), time.process_time()
    model = trained(rooms, loss, seed, recipe)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    targets, output = test.every(4), predict(model, test.lightness, 64)
    if loss == Loss.L2:
        ab, entropy = output * AB_SCALE, math.nan
    else:
        ab = decode(output)
        entropy = expected_cross_entropy(output, targets.kind, encode).item()
    truth, prior = targets.ab * AB_SCALE, prior_of(rooms.every(4))
    return Result(
        cross_entropy=entropy,
        chroma=chroma_ratio(ab, targets.kind),
        owned=plausible_share(ab, targets.kind),
        auc=colorization_auc(ab, truth).item(),
        rebalanced_auc=colorization_auc(ab, truth, BINS, prior).item(),
        wall=wall,
        cpu=cpu,
    )


def possible(loss: Loss, rooms: Scenes) -> Tensor:
    """(len(WORLD),) share of the true chroma that the best prediction under a loss keeps."""
    if loss == Loss.L2:
        return torch.stack([floors.chroma_under_l2(palette) for palette in WORLD])
    weights = rebalancing_weights(prior_of(rooms.every(4))) if loss == Loss.REBALANCED else None
    ratios = [
        floors.chroma_under_multinomial(palette, encode, decode, weights) for palette in WORLD
    ]
    return torch.stack(ratios)


def table(runs: dict[Loss, list[Result]], rooms: Scenes, floor: float) -> Table:
    """One row for each loss: means over the seeds, the worst nats, and the possible chroma."""
    kinds = [WORLD[index].name for index in AMBIGUOUS]
    columns = [f"nats (least {floor:.3f})", "worst", *(f"{kind}: chroma, owned" for kind in kinds)]
    rows = Table("", *columns, "AuC", "rebalanced", "wall s", "CPU s")
    for loss, results in runs.items():
        best = possible(loss, rooms)
        mean = {
            name: sum(getattr(each, name) for each in results) / len(results)
            for name in Result._fields
        }
        things = [
            f"{mean['chroma'][k]:.3f} ({best[k]:.3f}), {100 * mean['owned'][k]:.1f} %"
            for k in AMBIGUOUS
        ]
        nats = f"{mean['cross_entropy']:.3f}", f"{max(each.cross_entropy for each in results):.3f}"
        areas = f"{mean['auc']:.4f}", f"{mean['rebalanced_auc']:.4f}"
        rows.add_row(loss, *nats, *things, *areas, f"{mean['wall']:.0f}", f"{mean['cpu']:.0f}")
    return rows


def scenes(views: RenderedViews, count: int) -> tuple[Scenes, Scenes]:
    """Rooms to train on, and rooms with views of the furniture that are in none of these."""
    seen, unseen = views.split_by_view(4)
    return make_scenes(seen, count, seed=0), make_scenes(unseen, TEST_ROOMS, seed=1)


def main(
    seeds: Annotated[int, typer.Option(help="How often each is trained.", min=1)] = 3,
    epochs: Annotated[int, typer.Option(help="Of each training.", min=1)] = EPOCHS,
    batch: Annotated[int, typer.Option(help="Rooms in a step.", min=1)] = BATCH,
    rooms: Annotated[int, typer.Option(help="To train on.", min=1)] = ROOMS,
    network: Annotated[
        Network, typer.Option(help="The notebook's, or the paper's.")
    ] = Network.TEACHING,
    data: Annotated[str, typer.Option(help="A pack of furniture.")] = "furniture",
    save: Annotated[
        Path | None, typer.Option(help="Only train one with the multinomial loss.")
    ] = None,
) -> None:
    """Train with three losses and several seeds, and print a table beside the closed forms."""
    train, test = scenes(load_views(data, size=64), rooms)
    recipe = Recipe(network, epochs, batch)
    if save:
        print(save_weights(trained(train, Loss.MULTINOMIAL, 0, recipe), save))
        return
    runs: dict[Loss, list[Result]] = {}
    for loss in Loss:
        runs[loss] = [measured(train, test, loss, seed, recipe) for seed in range(seeds)]
        pictures = epochs * rooms * seeds / sum(each.wall for each in runs[loss])
        print(f"{loss}: {pictures:.0f} pictures a second", flush=True)
    floor = floors.cross_entropy_floor(floors.shares(test.every(4).kind), encode).item()
    Console(width=170).print(table(runs, train, floor))


if __name__ == "__main__":
    typer.run(main)
