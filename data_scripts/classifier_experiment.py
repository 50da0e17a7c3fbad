"""Compare four classifiers of furniture styles, on fourteen styles.

    python data_scripts/make_packs.py furniture_styles furniture_styles_hidden
    python data_scripts/classifier_experiment.py --seeds 3

Nearest neighbours, a linear classifier, a bag of visual words and a ConvNet are trained on the same
pictures and tested on models that none of them has seen: the pack's own test part, on which the
settings were chosen, and the hidden pack, on which nothing was chosen. Prints a table.

    python data_scripts/classifier_experiment.py --save course_utils/reference/convnet.safetensors

trains the network that the hidden checks use as the reference's.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from course_utils.data.data_folder import data_folder
from course_utils.data.furniture_styles import FurnitureStyles, augmented, load_furniture_styles
from course_utils.reference.cnn_classifier import ConvNet, learning_rate, top_k_accuracy
from course_utils.reference.data_driven_graphics import (
    bag_of_visual_words,
    kmeans,
    nearest_neighbors,
)
from course_utils.training import fit, predict, shuffled_batches
from course_utils.training.weights import save_weights

BATCH = 64
EPOCHS = 40  # of the ConvNet: some 130 CPU-seconds
NEIGHBORS = 25  # their votes decide the five guesses
PATCH, STEP, WORDS = 6, 2, 128  # pixels, pixels, clusters
Batches = Callable[[int], Iterator[tuple[Tensor, ...]]]


Accuracies = tuple[float, float]  # top-1 and top-5


class Scores(NamedTuple):
    """Results of one method."""

    test: Accuracies
    hidden: Accuracies
    wall: float  # seconds of the clock, training and testing
    cpu: float  # seconds of all cores together


# --- the four methods: data and a seed -> scores (M, C) of the test pictures


def neighbors(data: FurnitureStyles, seed: int) -> Tensor:
    """Votes of the nearest training pictures, by their pixels; the nearest one breaks ties.

    Nothing here is random: one seed is enough.
    """
    stored, classes = data.train_images.flatten(1), len(data.classes)
    # Assignment 0 subtracts all pairs, which finds the same neighbours but takes 20 times as long.
    distances = torch.cdist(data.test_images.flatten(1), stored).square()
    indices, _ = nearest_neighbors(distances, NEIGHBORS)
    votes = F.one_hot(data.train_labels[indices], classes).float()  # (M, k, C)
    # Weights fall so fast that each neighbour outvotes all that are farther: top-1 is the nearest.
    return (votes * 0.5 ** torch.arange(NEIGHBORS)[:, None]).sum(dim=1)


def linear(data: FurnitureStyles, seed: int) -> Tensor:
    """Softmax regression on the pixels."""
    return _softmax_regression(
        data, data.train_images.flatten(1), data.test_images.flatten(1), seed, 0.05
    )


def bag_of_words(data: FurnitureStyles, seed: int) -> Tensor:
    """Softmax regression on counts of visual words: clusters of small patches."""
    generator = torch.Generator().manual_seed(seed)
    sample = _patches(data.train_images[::7]).flatten(0, 1)
    points = sample[torch.randperm(len(sample), generator=generator)[:10_000]]
    words, _ = kmeans(points, points[:WORDS].clone(), steps=15)
    train, test = (_counted(images, words) for images in (data.train_images, data.test_images))
    return _softmax_regression(data, train.sqrt(), test.sqrt(), seed, 0.01)


def conv_net(data: FurnitureStyles, seed: int) -> Tensor:
    """The assignment's network."""
    return predict(trained_conv_net(data, seed), centered(data.test_images))


def trained_conv_net(data: FurnitureStyles, seed: int) -> nn.Module:
    """The assignment's network, trained as in the notebook, but for some more epochs."""
    model = _new_model(lambda: ConvNet(3, len(data.classes)), seed)
    generator = torch.Generator().manual_seed(seed)

    def batches_of_epoch(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        shuffled = shuffled_batches(
            BATCH, data.train_images, data.train_labels, seed=1000 * seed + epoch
        )
        return ((centered(augmented(images, generator)), labels) for images, labels in shuffled)

    _train(model, batches_of_epoch, len(data.train_images), EPOCHS)
    return model


def centered(images: Tensor) -> Tensor:
    """From [0, 1] to [-1, 1]."""
    return 2 * images - 1


WAYS = {
    "nearest neighbour": neighbors,
    "linear": linear,
    "bag of words": bag_of_words,
    "ConvNet": conv_net,
}


# --- their parts


def _new_model(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().to(memory_format=torch.channels_last)


def _train(
    model: nn.Module, batches_of_epoch: Batches, pictures: int, epochs: int, peak: float = 0.1
) -> None:
    """Stochastic gradient descent with momentum; the learning rate rises and falls again."""
    steps = epochs * -(-pictures // BATCH)
    rates = learning_rate(torch.arange(steps), steps, peak, warm_up=steps // 10)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=5e-4
    )

    def schedule(step: int) -> float:
        return rates[step].item()

    fit(model, _loss_of, batches_of_epoch, optimizer, schedule, epochs=epochs)


def _loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    images, labels = batch
    return F.cross_entropy(model(images), labels)


def _softmax_regression(
    data: FurnitureStyles, train: Tensor, test: Tensor, seed: int, weight_decay: float
) -> Tensor:
    """Scores (M, C) from features (N, D) and (M, D), each standardised over the training set."""
    mean, deviation = train.mean(dim=0), train.std(dim=0) + 1e-4
    train, test = (train - mean) / deviation, (test - mean) / deviation
    model = _new_model(lambda: nn.Linear(train.shape[1], len(data.classes)), seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=weight_decay)

    def batches_of_epoch(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        return shuffled_batches(BATCH, train, data.train_labels, seed=1000 * seed + epoch)

    fit(model, _loss_of, batches_of_epoch, optimizer, epochs=20)
    return predict(model, test)


def _patches(images: Tensor) -> Tensor:
    """(B, P, D) descriptors: grey patches, less their mean and over their deviation."""
    grey = images.mean(dim=1, keepdim=True)
    patches = F.unfold(grey, PATCH, stride=STEP).mT
    centered = patches - patches.mean(dim=2, keepdim=True)
    return centered / (centered.std(dim=2, keepdim=True) + 0.04)


def _counted(images: Tensor, words: Tensor) -> Tensor:
    """(N, K) shares of the words, a few pictures at a time."""
    return torch.cat([bag_of_visual_words(_patches(some), words) for some in images.split(16)])


# --- the table


def with_hidden(data: FurnitureStyles, hidden: FurnitureStyles) -> FurnitureStyles:
    """The same training pictures; to test, those of both."""
    if hidden.classes != data.classes:
        raise ValueError("The classes of the two packs differ: make them again.")
    return replace(
        data,
        test_images=torch.cat([data.test_images, hidden.test_images]),
        test_labels=torch.cat([data.test_labels, hidden.test_labels]),
    )


def measured(
    way: Callable[[FurnitureStyles, int], Tensor], data: FurnitureStyles, seed: int, hidden: int
) -> Scores:
    """Train and test once; the last `hidden` test pictures are those of the hidden pack."""
    wall, cpu = time.monotonic(), time.process_time()
    scores = way(data, seed)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    labels, first_hidden = data.test_labels, len(data.test_labels) - hidden
    return Scores(
        test=_accuracies(scores[:first_hidden], labels[:first_hidden]),
        hidden=_accuracies(scores[first_hidden:], labels[first_hidden:]),
        wall=wall,
        cpu=cpu,
    )


def _accuracies(scores: Tensor, labels: Tensor) -> Accuracies:
    top_1, top_5 = (top_k_accuracy(scores, labels, k).item() for k in (1, 5))
    return top_1, top_5


def digits(seed: int) -> Scores:
    """The same network on scikit-learn's digits, 8 x 8 pixels; a quarter is held out."""
    pictures, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(pictures).float().view(-1, 1, 8, 8) / 16
    split = train_test_split(images, torch.from_numpy(labels), test_size=0.25, random_state=seed)
    train, test, train_labels, test_labels = split
    wall, cpu = time.monotonic(), time.process_time()
    model = _new_model(lambda: ConvNet(1, 10), seed)

    def batches_of_epoch(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        return shuffled_batches(BATCH, train, train_labels, seed=epoch)

    _train(model, batches_of_epoch, len(train), epochs=20)
    scores = predict(model, test)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    none = (math.nan, math.nan)
    return Scores(_accuracies(scores, test_labels), none, wall, cpu)


def main(
    seeds: Annotated[int, typer.Option(help="How often each is trained.", min=1)] = 3,
    way: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(WAYS)}, digits. Default: all.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Only train the ConvNet, once, and save it here.")
    ] = None,
) -> None:
    """Train each method with several seeds, and print their mean and minimum as a table."""
    wanted = way or [*WAYS, "digits"]
    if unknown := set(wanted) - {*WAYS, "digits"}:
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}")
    data = load_furniture_styles()
    if save:
        print(save_weights(trained_conv_net(data, seed=0), save))
        return
    hidden = load_furniture_styles(data_folder() / "furniture_styles_hidden.npz")
    data, last = with_hidden(data, hidden), len(hidden.test_labels)
    times = {name: 1 if name == "nearest neighbour" else seeds for name in wanted}
    runs = {name: [_run(name, data, seed, last) for seed in range(times[name])] for name in wanted}
    Console().print(_table(runs))


def _run(name: str, data: FurnitureStyles, seed: int, hidden: int) -> Scores:
    scores = digits(seed) if name == "digits" else measured(WAYS[name], data, seed, hidden)
    shares = " ".join(f"{share:.1%}" for share in (*scores.test, *scores.hidden))
    print(f"{name}, seed {seed}: {shares}, {scores.wall:.0f} s", flush=True)
    return scores


def _table(runs: dict[str, list[Scores]]) -> Table:
    parts = ("test top-1", "test top-5", "hidden top-1", "hidden top-5")
    table = Table("", *(f"{part}, least" for part in parts), "wall s", "CPU s")
    for name, scores in runs.items():
        shares = torch.tensor([[*each.test, *each.hidden] for each in scores])  # (seeds, 4)
        cells = [_mean_and_least(column) for column in shares.T]
        wall = sum(each.wall for each in scores) / len(scores)
        cpu = sum(each.cpu for each in scores) / len(scores)
        table.add_row(name, *cells, f"{wall:.0f}", f"{cpu:.0f}")
    return table


def _mean_and_least(shares: Tensor) -> str:
    return "none" if shares.isnan().any() else f"{shares.mean():.1%}, {shares.min():.1%}"


if __name__ == "__main__":
    typer.run(main)
