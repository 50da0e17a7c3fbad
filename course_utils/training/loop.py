"""The training loop of every assignment, on Lightning Fabric: a GPU, or several, is a flag.

optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
history = fit(model, loss_of, batches_of_epoch, optimizer, epochs=20)

`loss_of` and `batches_of_epoch` are yours:

def loss_of(model, batch):
    images, labels = batch
    return F.cross_entropy(model(images), labels)

def batches_of_epoch(epoch):
    return shuffled_batches(64, images, labels, seed=epoch)
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from course_utils.training.checkpoints import Checkpoint, checkpoint_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Schedule = LRScheduler | Callable[[int], float]
REDRAW = 1.5  # seconds between two drawings of the live plot


@dataclass
class History:
    """The record of a training, with one entry for each step or epoch."""

    # The loss of each step, before its update of the weights.
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)  # the learning rate of each step
    scores: list[Any] = field(default_factory=list)  # of each epoch: the result of `after_epoch`
    seconds: float = 0.0  # in total
    stopped: Literal["at the end", "out of time", "by hand"] = "at the end"

    def smoothed(self, span: int = 20) -> list[float]:
        """The losses, each as the mean of itself and of up to span - 1 before it."""
        sums = [0.0]
        for loss in self.losses:
            sums.append(sums[-1] + loss)
        starts = [max(0, end - span) for end in range(1, len(sums))]
        return [(sums[i + 1] - sums[start]) / (i + 1 - start) for i, start in enumerate(starts)]


def fit(
    model: nn.Module,
    loss_of: Callable[[nn.Module, Any], Tensor],
    batches_of_epoch: Callable[[int], Iterable[Any]],
    optimizer: Optimizer,
    schedule: Schedule | None = None,
    *,
    epochs: int = 1,
    after_epoch: Callable[[int], Any] | None = None,
    seconds: float | None = None,
    accelerator: str = "auto",
    devices: int | str = 1,
    seed: int = 0,
) -> History:
    """Train a model; afterwards it is where it was (on the CPU, say), and in evaluation mode.

    loss_of           of the model and a batch: the loss (), a mean over the batch
    batches_of_epoch  of an epoch's number, from 0: its batches, tensors or tuples of them, on any
                      device
    schedule          the learning rate at each step, counted from 0; or one of torch's schedulers,
                      which is advanced after every step; None keeps the optimizer's
    after_epoch       called after each epoch with its number, while the model is in evaluation mode
    seconds           stop after this time even if epochs are left; None trains them all, so that
                      the result does not depend on the machine's speed
    accelerator       "cpu", "cuda", "mps", or "auto" for the best there is
    devices           how many; each takes its share of the batches, and their gradients are
                      averaged
    seed              of dropout and the like; the caller's own random numbers go on as if nothing
                      had been
    Ctrl-C, or the notebook's stop button, gives back what has been trained so far. While a solution
    is built, training saves checkpoints (see `checkpoints.py`): batches and scores must then depend
    on nothing but the epoch, the model and random number generators, and scores must be plain
    values or tensors.
    Raises FloatingPointError if the loss is infinite or no number, ValueError if an epoch has no
    batches.
    """
    # Imported here because it takes as long as torch: only those who train wait for it.
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator=accelerator, devices=devices)
    fabric.launch()
    home = next(model.parameters()).device
    wrapped, stepper = fabric.setup(model, optimizer)
    with torch.random.fork_rng(), _Display(epochs, quiet=fabric.global_rank > 0) as display:
        torch.manual_seed(seed)
        parts = {"model": model, "optimizer": optimizer}
        parts |= {"schedule": schedule} if isinstance(schedule, LRScheduler) else {}
        users = loss_of, batches_of_epoch, after_epoch, schedule
        saved = checkpoint_of(parts, users, alone=fabric.world_size == 1)
        loop = _Loop(
            fabric, wrapped, stepper, loss_of, _Rates(optimizer, schedule), seconds, epochs, saved
        )
        display.go_on(loop.history)
        try:
            while loop.goes_on():
                if loop.epoch(batches_of_epoch, display):
                    _score(model, saved.epoch, after_epoch, loop.history)
                    saved.epoch_done()
            saved.end(vars(loop.history), epochs)
        except KeyboardInterrupt:
            loop.history.stopped = "by hand"
        finally:
            model.to(home).eval()
    return loop.history


def _score(
    model: nn.Module, epoch: int, after_epoch: Callable[[int], Any] | None, history: History
) -> None:
    if after_epoch:
        model.eval()
        with torch.no_grad():
            history.scores.append(after_epoch(epoch))


def predict(model: nn.Module, inputs: Tensor, size: int = 256) -> Tensor:
    """What a model makes of many inputs, `size` at a time: in evaluation mode, without gradients.

    inputs   (N, ...) on any device; they are brought to the model's
    returns  (N, ...) on the CPU
    """
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    with torch.no_grad():
        outputs = torch.cat([model(some.to(device)).cpu() for some in inputs.split(size)])
    model.train(was_training)
    return outputs


def shuffled_batches(size: int, *columns: Tensor, seed: int) -> Iterator[tuple[Tensor, ...]]:
    """All rows once, in an order that depends on the seed alone; the last batch may be smaller.

    columns  (N, ...) tensors of equal length, as images and labels
    """
    order = torch.randperm(len(columns[0]), generator=torch.Generator().manual_seed(seed))
    return (
        tuple(column[some.to(column.device)] for column in columns) for some in order.split(size)
    )


@dataclass
class _Loop:
    """What stays the same from step to step, and the history that grows."""

    fabric: "Fabric"
    model: nn.Module
    optimizer: Optimizer
    loss_of: Callable[[nn.Module, Any], Tensor]
    rates: "_Rates"
    seconds: float | None
    epochs: int
    saved: Checkpoint

    def __post_init__(self) -> None:
        self.history = History(**self.saved.record)
        self.start = time.monotonic() - self.history.seconds

    def goes_on(self) -> bool:
        """Whether there is something left to train."""
        over = self.saved.finished or self.history.stopped != "at the end"
        return not over and self.saved.epoch < self.epochs

    def epoch(self, batches_of_epoch: Callable[[int], Iterable[Any]], display: "_Display") -> bool:
        """Train for one epoch, or for the rest of it; False if the time is up."""
        done = self.saved.begin_epoch()
        before = len(self.history.losses) - done
        batches = _own_share(
            batches_of_epoch(self.saved.epoch), self.fabric.global_rank, self.fabric.world_size
        )
        self.saved.skipped(sum(1 for _ in islice(batches, done)))
        self.model.train()
        for batch in batches:
            self.step(self.fabric.to_device(batch))
            self.saved.step_done(vars(self.history), self.epochs)
            display.show(self.history)
            if self.out_of_time():
                self.history.stopped = "out of time"
                return False
        if len(self.history.losses) == before:
            raise ValueError(
                "This epoch has no batches: is batches_of_epoch giving a used-up iterator?"
            )
        display.epoch_done(len(self.history.losses) - before)
        return True

    def step(self, batch: Any) -> None:
        """One step of gradient descent."""
        rate = self.rates.before(len(self.history.losses))
        self.optimizer.zero_grad()
        loss = self.loss_of(self.model, batch)
        self.history.losses.append(_finite(loss, len(self.history.losses)))
        self.history.rates.append(rate)
        self.fabric.backward(loss)
        self.optimizer.step()
        self.rates.after()
        self.history.seconds = time.monotonic() - self.start

    def out_of_time(self) -> bool:
        """The first of several processes decides; otherwise the others would wait for ever."""
        if self.seconds is None:
            return False
        return self.fabric.broadcast(self.history.seconds >= self.seconds)


def _own_share(batches: Iterable[Any], rank: int, processes: int) -> Iterator[Any]:
    """Every n-th batch; a remainder that would not be enough for all processes is left out."""
    source = iter(batches)
    while len(group := list(islice(source, processes))) == processes:
        yield group[rank]


def _finite(loss: Tensor, step: int) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The loss is {value} at step {step}. Most often the learning rate is too large; "
            "or else there is a division by 0, a logarithm of 0, "
            "an exponential of something large, or such data."
        )
    return value


@dataclass
class _Rates:
    """Sets the learning rate before each step, or lets torch's scheduler do so after it."""

    optimizer: Optimizer
    schedule: Schedule | None

    def before(self, step: int) -> float:
        """The rate of this step."""
        if self.schedule is not None and not isinstance(self.schedule, LRScheduler):
            for group in self.optimizer.param_groups:
                group["lr"] = float(self.schedule(step))
        return float(self.optimizer.param_groups[0]["lr"])

    def after(self) -> None:
        """Advance the scheduler."""
        if isinstance(self.schedule, LRScheduler):
            self.schedule.step()


class _Display:
    """A progress bar; in a notebook a plot of the loss instead, that is redrawn as it grows."""

    def __init__(self, epochs: int, quiet: bool) -> None:
        self.epochs, self.handle, self.drawn = epochs, None, time.monotonic()
        self.live = _in_notebook() and not quiet
        # None: in a terminal, but not in a file or a test's captured output. In a notebook the plot
        # says it all: a bar, or the widget that it becomes there, would stay for ever in what is
        # saved.
        self.bar = tqdm(unit="step", leave=False, disable=True if quiet or self.live else None)
        self.steps: int | None = None  # in all, once that is known
        self.history: History | None = None

    def __enter__(self) -> "_Display":
        return self

    def __exit__(self, *problem: object) -> None:
        self.bar.close()
        if self.live and self.history:
            self._draw(self.history, done=True)

    def go_on(self, history: History) -> None:
        """Begin with a history that may have steps already."""
        if history.losses:
            self.history = history
            self.bar.update(len(history.losses))

    def epoch_done(self, steps: int) -> None:
        """The first epoch determines the total number of steps."""
        self.steps = self.bar.total = self.steps or steps * self.epochs

    def show(self, history: History) -> None:
        """Another step has been made."""
        self.history = history
        self.bar.set_postfix_str(f"loss {history.losses[-1]:.4g}", refresh=False)
        self.bar.update()
        if self.live and time.monotonic() - self.drawn > REDRAW:
            self._draw(history)

    def _draw(self, history: History, done: bool = False) -> None:
        from IPython.display import Image, display  # a terminal has no use for it

        title = "" if done else _progress(history, self.steps)
        picture = Image(data=_plotted(history, title), format="png")
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)
        self.drawn = time.monotonic()


def plot_history(history: History) -> Figure:
    """The loss of each step, and its running mean, over the steps."""
    figure = Figure(figsize=(6, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(history.losses, color="0.8", linewidth=0.8, label="each step")
    axes.plot(history.smoothed(), color="C0", label="mean of 20 steps")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend(frameon=False)
    return figure


def _progress(history: History, steps: int | None) -> str:
    """How far it has come, in words."""
    done = len(history.losses)
    if not steps:
        return f"step {done}"
    left = history.seconds * (steps - done) / done
    return f"step {done} of {steps}, about {left:.0f} s to go"


def _plotted(history: History, title: str) -> bytes:
    png, figure = BytesIO(), plot_history(history)
    figure.axes[0].set_title(title, fontsize=9)
    figure.savefig(png, format="png", dpi=90)
    return png.getvalue()


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return type(get_ipython()).__name__ == "ZMQInteractiveShell"
