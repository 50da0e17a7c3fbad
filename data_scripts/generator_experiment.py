"""Draw chairs from unseen viewpoints: the generator of assignment 2 against stored views.

    python data_scripts/make_packs.py furniture
    python data_scripts/generator_experiment.py --seeds 3
    python data_scripts/generator_experiment.py --ablation --epochs 25 --transformed 0

Every fourth azimuth is held out, and all methods are scored there. Prints a table.

    python data_scripts/generator_experiment.py \
        --save course_utils/reference/chair_generator.safetensors

trains the network that the hidden checks use as the reference's. It is small, as its file must be.
"""

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from course_utils.data.rendered_views import RenderedViews, Views, load_views
from course_utils.data.stored_views import Drawing, mean_of_neighbors, nearest_view
from course_utils.data.transformations import IDENTITY, sample_parameters
from course_utils.reference.chair_generator import (
    ChairGenerator,
    encode_transformation,
    encode_view,
    generator_loss,
    transform_image,
)
from course_utils.training import fit
from course_utils.training.generator_scores import mean_scores
from course_utils.training.weights import save_weights

BATCH = 16
EPOCHS = 150  # some 190 CPU-seconds
PEAK = 2e-3  # of the learning rate
DECAY = 0.2  # of the weights
TRANSFORMED = 0.5  # share of the pictures that are transformed, drawn again in each epoch
SPREAD = 0.5  # of the transformations, see `sample_parameters`


class Result(NamedTuple):
    """Results of one method on the held-out views."""

    psnr: float  # decibels, mean over the pictures
    iou: float
    wall: float  # seconds of the clock, training and drawing
    cpu: float  # seconds of all cores together


# --- variants


def raw_angles(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """(B, 4) the two angles themselves, in radians, in place of sines and cosines."""
    nothing = torch.zeros_like(azimuth)
    angles = torch.deg2rad(torch.stack([elevation, azimuth], dim=1))
    return torch.stack([angles[:, 0], nothing, angles[:, 1], nothing], dim=1)


class Upsampled(ChairGenerator):
    """The same network, with upsampling and 3 x 3 convolutions instead of up-convolutions."""

    def __init__(self, chairs: int, size: int) -> None:
        """As ChairGenerator, with its default widths."""
        super().__init__(chairs, size)
        for stream in (self.image, self.mask):
            for i, layer in enumerate(stream):
                if isinstance(layer, nn.ConvTranspose2d):
                    convolution = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1)
                    stream[i] = nn.Sequential(nn.Upsample(scale_factor=2), convolution)


class Variant(NamedTuple):
    """One way to build and train the generator."""

    build: Callable[[int, int], nn.Module] = ChairGenerator  # of the number of chairs, and the size
    encode: Callable[[Tensor, Tensor], Tensor] = encode_view
    over_white: bool = False  # the target is the picture over white, not times its mask
    weight: float = 0.1  # of the mask in the loss
    initialised: bool = True  # see `initialise`


class Recipe(NamedTuple):
    """What all variants have in common."""

    epochs: int = EPOCHS
    transformed: float = TRANSFORMED
    spread: float = SPREAD


SMALL = Variant(build=partial(ChairGenerator, features=160, channels=(64, 32, 16)))
ABLATIONS = {
    "as it is": Variant(),
    "raw angles, no sines": Variant(encode=raw_angles),
    "target over white": Variant(over_white=True),
    "mask weight 10": Variant(weight=10.0),
    "kernel 5": Variant(build=lambda chairs, size: ChairGenerator(chairs, size, kernel=5)),
    "upsample, 3 x 3 conv": Variant(build=Upsampled),
    "torch's own initial weights": Variant(initialised=False),
}


# --- three methods to draw the held-out views


def nearest(train: RenderedViews, asked: Views) -> Drawing:
    """The nearest stored view of the same chair."""
    return nearest_view(train, asked.model, asked.azimuth, asked.elevation)


def mean_of_two(train: RenderedViews, asked: Views) -> Drawing:
    """The mean of the two neighbouring stored views of the same chair."""
    return mean_of_neighbors(train, asked.model, asked.azimuth, asked.elevation)


def drawn(model: nn.Module, variant: Variant, asked: Views, chairs: int) -> Drawing:
    """What a generator draws, over black, as all drawings are scored.

    chairs  the number of chairs that it has learnt
    """
    unchanged = torch.zeros(len(asked.model), len(IDENTITY))
    with torch.no_grad():
        image, mask = model(*_inputs(variant, asked, chairs), unchanged)
    return Drawing(image + mask.clamp(0, 1) - 1 if variant.over_white else image, mask)


STORED = {"nearest stored view": nearest, "mean of two neighbours": mean_of_two}


def generated(
    train: RenderedViews, asked: Views, variant: Variant, seed: int, recipe: Recipe
) -> Drawing:
    """Train a generator, and draw."""
    model = trained(train, variant, seed, recipe)
    return drawn(model, variant, asked, len(train.names))


def trained(train: RenderedViews, variant: Variant, seed: int, recipe: Recipe) -> nn.Module:
    """A new generator, trained."""
    chairs = len(train.names)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = variant.build(chairs, train.size)
        if variant.initialised:
            initialise(model)
    chance = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, weight_decay=DECAY, fused=True)
    steps = recipe.epochs * -(-len(train) // BATCH)

    def loss_of(model: nn.Module, views: Views) -> Tensor:
        count, device = len(views.model), views.image.device
        parameters = mixed_parameters(count, chance, recipe.transformed, recipe.spread).to(device)
        image, mask = views.masked, views.mask
        if recipe.transformed:
            image, mask = transform_image(image, mask, parameters)
        target = image + 1 - mask if variant.over_white else image
        u, m = model(*_inputs(variant, views, chairs), encode_transformation(parameters))
        return generator_loss(u, m, target, mask, variant.weight)

    def batches_of_epoch(epoch: int) -> Iterator[Views]:
        return train.batches(BATCH, torch.Generator().manual_seed(1000 * seed + epoch))

    schedule = partial(rate, steps=steps)
    fit(model, loss_of, batches_of_epoch, optimizer, schedule, epochs=recipe.epochs)
    return model


def initialise(model: nn.Module) -> None:
    """Initialise the fully connected layers so that values keep their size (He et al. 2015).

    torch's default weights are smaller by a factor of sqrt(6): after five layers, little of the
    input is left.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)


def rate(step: int, steps: int) -> float:
    """The learning rate: it rises for a twentieth of the steps, and falls to 0 along a cosine."""
    warm_up = min(1, 20 * (step + 1) / steps)
    return PEAK * warm_up * (1 + math.cos(math.pi * step / steps)) / 2


def mixed_parameters(
    count: int, chance: torch.Generator, transformed: float, spread: float
) -> Tensor:
    """(count, 8) transformations of a batch: a share of the pictures is transformed."""
    parameters = sample_parameters(count, chance, spread)
    parameters[round(transformed * count) :] = torch.tensor(IDENTITY)
    return parameters


def _inputs(variant: Variant, views: Views, chairs: int) -> tuple[Tensor, Tensor]:
    return F.one_hot(views.model, chairs).float(), variant.encode(views.azimuth, views.elevation)


# --- the table


def measured(draw: Callable[[], Drawing], asked: Views) -> Result:
    """Draw the held-out views, time it, and score the drawing."""
    wall, cpu = time.monotonic(), time.process_time()
    drawing = draw()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return Result(*mean_scores(*drawing, asked.masked, asked.mask), wall, cpu)


def table(runs: dict[str, list[Result]]) -> Table:
    """One row for each method: the mean over its seeds, and the minimum."""
    rows = Table("", "PSNR dB", "least", "IoU", "least", "wall s", "CPU s")
    for name, results in runs.items():
        psnr, iou, wall, cpu = (torch.tensor(column) for column in zip(*results, strict=True))
        decibels = f"{psnr.mean():.2f}", f"{psnr.min():.2f}"
        overlap = f"{iou.mean():.3f}", f"{iou.min():.3f}"
        rows.add_row(name, *decibels, *overlap, f"{wall.mean():.0f}", f"{cpu.mean():.0f}")
    return rows


def compared(
    train: RenderedViews,
    test: RenderedViews,
    variants: dict[str, Variant],
    seeds: int,
    recipe: Recipe,
) -> dict[str, list[Result]]:
    """The stored views, and each variant of the generator with several seeds."""
    asked = test.batch(torch.arange(len(test)))
    runs = {name: [measured(partial(way, train, asked), asked)] for name, way in STORED.items()}
    for name, variant in variants.items():
        runs[name] = []
        for seed in range(seeds):
            result = measured(partial(generated, train, asked, variant, seed, recipe), asked)
            quality = f"{result.psnr:.2f} dB, {result.iou:.3f}"
            print(f"{name}, seed {seed}: {quality}, {result.cpu:.0f} s", flush=True)
            runs[name].append(result)
    return runs


def split(views: RenderedViews, validation: bool) -> tuple[RenderedViews, RenderedViews]:
    """Training and test views: every fourth azimuth is held out for testing.

    For validation, a sixth of the training azimuths is held out instead: recipes are chosen on
    these.

    These have a training view on either side, as the test views have.
    """
    train, test = views.split_by_view(4)
    if not validation:
        return train, test
    azimuth = train.azimuth[train.index]
    held_out = torch.isin(azimuth, azimuth.unique()[1::6])
    return train.select(~held_out), train.select(held_out)


def main(
    seeds: Annotated[int, typer.Option(help="How often each is trained.", min=1)] = 3,
    epochs: Annotated[int, typer.Option(help="Of each training.", min=1)] = EPOCHS,
    transformed: Annotated[
        float, typer.Option(help="Share of pictures to transform.", min=0, max=1)
    ] = TRANSFORMED,
    spread: Annotated[
        float, typer.Option(help="How much, 1 for the authors' ranges.", min=0)
    ] = SPREAD,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Train the network's variants too.")
    ] = False,
    validation: Annotated[
        bool, typer.Option("--validation", help="Do not use the test views.")
    ] = False,
    data: Annotated[str, typer.Option(help="A pack of views with chairs.")] = "furniture",
    size: Annotated[int, typer.Option(help="Pixels of a side.")] = 32,
    save: Annotated[
        Path | None, typer.Option(help="Only train a small generator, and save it here.")
    ] = None,
) -> None:
    """Train the generator with several seeds, and print a table beside what stored views give."""
    views = load_views(data, size=size).of_category("chair").renumbered()
    recipe = Recipe(epochs, transformed, spread)
    if save:
        train, _ = split(views, validation)
        print(save_weights(trained(train, SMALL, 0, recipe), save))
        return
    variants = ABLATIONS if ablation else {"generator": Variant()}
    runs = compared(*split(views, validation), variants, seeds, recipe)
    Console().print(table(runs))


if __name__ == "__main__":
    typer.run(main)
