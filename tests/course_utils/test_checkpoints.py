"""A training stopped at any step and restarted gives the same result as one without a stop."""

import json
import random
from functools import partial
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.training import checkpoints, fit, shuffled_batches
from course_utils.training.checkpoints import Chance, generators_of

INPUTS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
TARGETS = INPUTS.sum(dim=1, keepdim=True)
EPOCHS, STEPS = 3, 4  # of 3 rows each


class StoppedError(Exception):
    """What kills a training here."""


def trained(stop_at=None, schedule=None, epochs=EPOCHS):
    """Everything that a training leaves behind: weights, history, and the generators' next numbers.

    It draws from every generator there is: in the batches, in the loss, in the model and in the
    scores.
    """
    torch.manual_seed(1)
    random.seed(2)
    np.random.seed(3)
    noise, choice, own = (
        torch.Generator().manual_seed(4),
        np.random.default_rng(5),
        random.Random(6),
    )
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
    made = 0

    def augmented(inputs):
        shift = random.random() + own.random() + choice.random() + np.random.rand()
        return inputs + 0.01 * shift + 0.1 * torch.randn(inputs.shape, generator=noise)

    def loss_of(model, batch):
        nonlocal made
        if made == stop_at:
            raise StoppedError
        made += 1
        inputs, targets = batch
        return (model(augmented(inputs)) - targets).square().mean()

    def batches(epoch):
        order = torch.randperm(len(INPUTS), generator=noise)  # not of the epoch's number alone
        for rows in order.split(len(INPUTS) // STEPS):
            yield INPUTS[rows] * choice.normal(), TARGETS[rows]

    def score(epoch):
        return [epoch, float(torch.randn(1, generator=noise))] if epoch % 2 else None

    made_schedule = schedule(optimizer) if schedule else None
    history = fit(
        model,
        loss_of,
        batches,
        optimizer,
        made_schedule,
        epochs=epochs,
        after_epoch=score,
        accelerator="cpu",
    )
    numbers = [
        torch.rand(1, generator=noise).item(),
        choice.random(),
        own.random(),
        random.random(),
    ]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    record = history.losses, history.rates, history.scores, history.stopped
    return weights, record, [*numbers, np.random.rand(), torch.rand(1).item()], made


SCHEDULES = {
    "constant": None,
    "function": lambda optimizer: lambda step: 0.01 / (1 + step),
    "scheduler": partial(
        torch.optim.lr_scheduler.OneCycleLR, max_lr=0.05, total_steps=EPOCHS * STEPS + 1
    ),
}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A build: every step makes a checkpoint, in this file."""
    path = tmp_path / "deep" / "training.pt"
    monkeypatch.setattr(checkpoints, "_own_file", lambda: path)
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    return path


def same(one, other):
    weights, *rest = one[:3]
    others, *other_rest = other[:3]
    assert list(weights) == list(others)
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert rest == other_rest


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stop_at", [1, STEPS, STEPS + 2, EPOCHS * STEPS - 1])
def test_it_is_the_same_wherever_it_was_stopped(file, monkeypatch, schedule, stop_at):
    monkeypatch.setattr(checkpoints, "_own_file", lambda: None)
    whole = trained(schedule=SCHEDULES[schedule])
    monkeypatch.setattr(checkpoints, "_own_file", lambda: file)
    with pytest.raises(StoppedError):
        trained(stop_at, SCHEDULES[schedule])
    resumed = trained(schedule=SCHEDULES[schedule])
    same(resumed, whole)
    assert resumed[-1] == EPOCHS * STEPS - stop_at  # what was done is not done again


def test_it_may_be_stopped_again_and_again(file):
    for _ in range(EPOCHS * STEPS - 1):
        with pytest.raises(StoppedError):
            trained(stop_at=1)
    resumed = trained()
    assert resumed[-1] == 1
    file.unlink()
    same(resumed, trained())


def test_without_a_build_nothing_is_saved_and_with_one_nothing_changes(file, monkeypatch):
    watched = trained()
    assert file.is_file()
    file.unlink()
    monkeypatch.setattr(checkpoints, "_own_file", lambda: None)
    same(trained(), watched)
    assert not file.exists()


def test_a_finished_training_is_not_done_again_and_leaves_the_same_behind(file):
    whole = trained()
    again = trained()
    same(again, whole)
    assert again[-1] == 0


@pytest.mark.parametrize("damage", ["cut short", "empty", "other sizes", "code", "not ours"])
def test_a_file_that_is_no_good_is_not_used_and_runs_no_code(file, tmp_path, damage):
    whole = trained()
    content = file.read_bytes()
    if damage == "cut short":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "other sizes":
        state = torch.load(file, weights_only=True)
        state["parts"]["model"]["3.bias"] = torch.zeros(7)
        torch.save(state, file)
    elif damage == "code":
        torch.save({"parts": Touches(tmp_path / "touched")}, file)
    else:
        torch.save([1, 2], file)
    after = trained()
    same(after, whole)
    assert after[-1] == EPOCHS * STEPS
    assert not (tmp_path / "touched").exists()


class Touches:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


@pytest.mark.parametrize("obstacle", ["full disk", "scores of no plain type"])
def test_what_cannot_be_saved_does_not_stop_the_training(file, monkeypatch, obstacle):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    def score(epoch):
        return (lambda: epoch) if obstacle != "full disk" else epoch

    if obstacle == "full disk":
        monkeypatch.setattr(checkpoints, "_replace", full)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(
        model,
        lambda model, batch: (model(batch[0]) - batch[1]).square().mean(),
        lambda epoch: shuffled_batches(4, INPUTS, TARGETS, seed=epoch),
        optimizer,
        epochs=2,
        after_epoch=score,
        accelerator="cpu",
    )
    assert len(history.losses) == 6


def test_data_that_has_become_less_is_told_of_and_the_next_build_begins_anew(file, monkeypatch):
    with pytest.raises(StoppedError):
        trained(stop_at=STEPS - 1)
    monkeypatch.setattr("test_checkpoints.INPUTS", INPUTS[:3])
    monkeypatch.setattr("test_checkpoints.STEPS", 1)
    with pytest.raises(ValueError, match="start the build again"):
        trained()
    assert not file.exists()
    assert trained()[-1] == EPOCHS


def test_how_far_it_is_is_told(file):
    with pytest.raises(StoppedError):
        trained(stop_at=STEPS + 1)
    trained()
    told = (file.parent / checkpoints.PROGRESS).read_text()
    assert json.loads(told) == {
        "epoch": EPOCHS,
        "epochs": EPOCHS,
        "step": EPOCHS * STEPS,
        "from": STEPS + 1,
    }


def test_generators_are_found_wherever_functions_get_them_from():
    kinds = torch.Generator(), np.random.default_rng(0), np.random.RandomState(0), random.Random(0)
    held = {"deep": [kinds[1]]}

    class Augmenter:
        def __init__(self, chance):
            self.chance = chance

        def __call__(self, batch):
            return self.chance, inner(batch)

    def inner(batch, rng=kinds[2]):
        return held, rng

    loader = torch.utils.data.DataLoader(INPUTS, shuffle=True, generator=kinds[0])
    assert set(generators_of(Augmenter(kinds[0]))) == {kinds[0], kinds[1], kinds[2]}
    assert generators_of(partial(inner, rng=kinds[3]))[0] is kinds[3]
    assert generators_of(lambda epoch: loader) == [kinds[0]]
    assert generators_of(torch.nn.functional.cross_entropy, None) == []


def test_a_state_of_other_generators_is_refused():
    one = torch.Generator()
    with pytest.raises(ValueError, match="zip"):
        Chance(lambda: one).restore(Chance().state())


def test_a_training_has_a_file_of_its_own_code(tmp_path, monkeypatch):
    """Of all code up to it, and of its number: what comes after it does not count."""

    def file_after(*cells):
        shell = SimpleNamespace(history_manager=SimpleNamespace(input_hist_parsed=["", *cells]))
        monkeypatch.setattr("IPython.get_ipython", lambda: shell)
        return checkpoints._own_file()

    def begin():
        monkeypatch.setattr(checkpoints, "_trainings", count())

    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path))
    begin()
    first, second = file_after("x = 1", "fit()"), file_after("x = 1", "fit()")
    assert first.parent == tmp_path
    assert first != second
    begin()
    assert file_after("x = 2", "fit()") not in {first, second}
    begin()
    assert (file_after("x = 1", "fit()"), file_after("x = 1", "fit()")) == (first, second)
    monkeypatch.delenv(checkpoints.FOLDER)
    assert file_after("x = 1") is None
