"""The training loop: what it learns, what it gives back, and how it stops."""

import io
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.training import History, fit, plot_history, predict, shuffled_batches
from course_utils.training import loop as training

ROOT = Path(__file__).resolve().parents[2]
INPUTS = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
TARGETS = 2 * INPUTS + 1


def line(model, batch):
    inputs, targets = batch
    return (model(inputs) - targets).square().mean()


def everything(epoch):
    return [(INPUTS, TARGETS)]


def linear_model() -> nn.Linear:
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.zero_()
        model.bias.zero_()
    return model


def fitted(model, batches=everything, lr=0.1, **options) -> History:
    return fit(
        model,
        line,
        batches,
        torch.optim.SGD(model.parameters(), lr=lr),
        accelerator="cpu",
        **options,
    )


def test_one_step_by_hand():
    model = linear_model()
    history = fitted(model)  # targets 1, 3, 5, 7: loss 84 / 4, slopes -2 (34 / 4) and -2 (16 / 4)
    assert history.losses == [21.0]
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[1.7]]))
    torch.testing.assert_close(model.bias.detach(), torch.tensor([0.8]))


def test_it_finds_the_line():
    model = linear_model()
    history = fitted(model, epochs=300)
    assert len(history.losses) == len(history.rates) == 300
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[2.0]]), atol=1e-3, rtol=0)
    torch.testing.assert_close(model.bias.detach(), torch.tensor([1.0]), atol=2e-3, rtol=0)
    assert history.stopped == "at the end"
    assert history.seconds > 0


def test_rates_of_a_function_are_those_of_the_steps():
    model = linear_model()
    history = fitted(model, schedule=lambda step: 0.1 * (step == 1), epochs=2)
    assert history.rates == [0.0, 0.1]
    assert history.losses == [21.0, 21.0]  # the first step had no length
    assert model.weight.item() == pytest.approx(1.7)


def test_a_scheduler_of_torch_advances_after_each_step():
    model = linear_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.08)
    halving = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    history = fit(model, line, everything, optimizer, halving, epochs=3, accelerator="cpu")
    assert history.rates == pytest.approx([0.08, 0.04, 0.02])


def test_after_each_epoch_the_model_is_asked_in_evaluation_mode_without_gradients():
    model, seen = nn.Sequential(linear_model(), nn.Dropout(0.5)), []

    def look(epoch):
        seen.append((epoch, model.training, torch.is_grad_enabled()))
        return 10 * epoch

    modes = []

    def loss_of(model, batch):
        modes.append((model.training, torch.is_grad_enabled()))
        return line(model, batch)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    history = fit(
        model, loss_of, everything, optimizer, epochs=3, after_epoch=look, accelerator="cpu"
    )
    assert seen == [(0, False, False), (1, False, False), (2, False, False)]
    assert modes == [(True, True)] * 3
    assert history.scores == [0, 10, 20]
    assert not model.training


def test_batches_are_asked_for_with_the_number_of_the_epoch():
    asked = []
    fitted(linear_model(), lambda epoch: asked.append(epoch) or everything(epoch), epochs=3)
    assert asked == [0, 1, 2]


def test_the_seed_decides_on_dropout_and_the_callers_random_numbers_go_on():
    model = nn.Sequential(nn.Linear(1, 64), nn.Dropout(0.5), nn.Linear(64, 1))

    def run(seed):
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.1)
        return fitted(model, epochs=5, seed=seed, lr=0.01).losses

    state = torch.get_rng_state()
    first = run(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert run(1) == first
    assert run(2) != first


def test_out_of_time_stops_after_the_step():
    ticking = (batch for _ in range(10_000_000) for batch in everything(0))
    history = fitted(linear_model(), lambda epoch: ticking, lr=0.0, seconds=0.2)
    assert history.stopped == "out of time"
    assert 0.2 <= history.seconds < 10
    assert 1 <= len(history.losses) < 10_000_000


def test_no_time_at_all_is_one_step():
    assert len(fitted(linear_model(), epochs=5, seconds=0.0).losses) == 1


def test_stopped_by_hand_what_was_trained_is_kept():
    model = linear_model()

    def batches(epoch):
        yield INPUTS, TARGETS
        raise KeyboardInterrupt

    history = fitted(model, batches, epochs=5)
    assert history.stopped == "by hand"
    assert history.losses == [21.0]
    assert model.weight.item() == pytest.approx(1.7)
    assert not model.training


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_told_of(value):
    model = linear_model()
    with pytest.raises(FloatingPointError, match=r"at step 1\b.*learning rate"):
        fitted(model, lambda epoch: [(INPUTS, TARGETS), (INPUTS, TARGETS * value)], lr=0.0)
    assert model.weight.isfinite()


def test_an_epoch_without_batches_is_told_of():
    used_up = iter(everything(0))
    with pytest.raises(ValueError, match="used-up iterator"):
        fitted(linear_model(), lambda epoch: used_up, epochs=2)


def test_an_error_of_the_students_own_comes_through():
    model = linear_model()
    with pytest.raises(KeyError, match="mine"):
        fit(model, lambda model, batch: {}["mine"], everything, torch.optim.SGD(model.parameters()))


def test_training_can_go_on_with_the_same_optimizer():
    model, other = linear_model(), linear_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(2):
        fit(model, line, everything, optimizer, epochs=3, accelerator="cpu")
    optimizer = torch.optim.SGD(other.parameters(), lr=0.05, momentum=0.9)
    fit(other, line, everything, optimizer, epochs=6, accelerator="cpu")
    assert torch.equal(model.weight, other.weight)


def test_shuffled_batches_have_every_row_once_and_keep_rows_together():
    rows = torch.arange(10)
    batches = list(shuffled_batches(4, rows, rows * 10, seed=3))
    assert [len(first) for first, _ in batches] == [4, 4, 2]
    together = torch.cat([first for first, _ in batches])
    assert together.tolist() != rows.tolist()
    assert together.sort().values.tolist() == rows.tolist()
    assert all(torch.equal(10 * first, second) for first, second in batches)
    again = torch.cat([first for first, _ in shuffled_batches(4, rows, rows, seed=3)])
    assert torch.equal(together, again)
    assert not torch.equal(
        together, torch.cat([a for a, _ in shuffled_batches(4, rows, rows, seed=4)])
    )


def test_predict_is_in_evaluation_mode_and_leaves_the_mode_as_it_was():
    model = nn.Sequential(linear_model(), nn.Dropout(0.99)).train()
    nn.init.constant_(model[0].bias, 5.0)
    answers = predict(model, torch.zeros(7, 1), size=3)
    assert torch.equal(answers, torch.full((7, 1), 5.0))
    assert not answers.requires_grad
    assert model.training


def test_the_running_mean_by_hand():
    assert History(losses=[4.0, 2.0, 0.0, 6.0]).smoothed(span=2) == [4.0, 3.0, 1.0, 3.0]
    assert History().smoothed() == []


def test_processes_share_the_batches_and_none_gets_more():
    shares = [list(training._own_share(range(7), rank, 3)) for rank in range(3)]
    assert shares == [[0, 3], [1, 4], [2, 5]]
    assert list(training._own_share(range(3), 0, 1)) == [0, 1, 2]


def test_a_terminal_gets_no_picture_and_a_file_no_bar(capsys):
    fitted(linear_model(), epochs=50)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "step" not in shown.err


def test_in_a_notebook_the_plot_is_redrawn_in_place(monkeypatch):
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(("again", picture.data[:4]))

    def display(picture, display_id):
        shown.append(("first", picture.data[:4]))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(training, "_in_notebook", lambda: True)
    monkeypatch.setattr(training, "REDRAW", 0.0)
    fitted(linear_model(), epochs=2)
    assert shown == [("first", b"\x89PNG"), ("again", b"\x89PNG"), ("again", b"\x89PNG")]


def test_the_live_plot_says_how_far_it_is():
    history = History(losses=[1.0] * 5, seconds=10.0)
    assert training._progress(history, None) == "step 5"
    assert training._progress(history, 20) == "step 5 of 20, about 30 s to go"


def test_the_plot_has_a_point_for_each_step():
    figure = plot_history(History(losses=[3.0, 2.0, 1.0]))
    steps, means = figure.axes[0].lines
    assert list(steps.get_ydata()) == [3.0, 2.0, 1.0]
    assert list(means.get_ydata()) == [3.0, 2.5, 2.0]
    figure.savefig(io.BytesIO(), format="png")


TWO_PROCESSES = """
import torch
from torch import nn
from course_utils.training import fit
model = nn.Linear(1, 1)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
inputs = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
batches = [(inputs[:2], 2 * inputs[:2] + 1), (inputs[2:], 2 * inputs[2:] + 1)]
def line(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
history = fit(model, line, lambda epoch: batches, optimizer, accelerator="cpu", devices=2)
print(f"{len(history.losses)} {model.weight.item():.5f} {model.bias.item():.5f}")
"""


@pytest.mark.slow  # two processes that import torch, and meet
def test_two_processes_average_their_gradients(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    done = subprocess.run(
        [sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    # Half of the data each, and together the step that all of it gives: see test_one_step_by_hand.
    assert done.stdout.split("\n")[:2] == ["1 1.70000 0.80000"] * 2
