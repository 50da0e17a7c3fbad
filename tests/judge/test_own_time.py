"""Whether a submission's time was its own, by the kernel's counts; the counts are made up here."""

import pytest

from autograder.judge.workers import own_time
from autograder.judge.workers.own_time import OwnClock


class Counts:
    """A meter that counts what a test says. Looking at it changes nothing."""

    used = waited = 0.0

    def look(self) -> None:
        pass


@pytest.mark.parametrize(
    ("elapsed", "used", "waited", "undisturbed"),
    [
        (5.0, 4.9, 0.0, True),
        (5.4, 4.9, 0.4, True),  # other programs ran beside it, but it hardly waited
        (5.0, 9.5, 0.2, True),  # two threads
        (5.0, 0.1, 0.0, False),  # it slept, or waited for a disk
        (5.0, 4.0, 0.0, False),
        (7.0, 5.0, 2.0, False),  # a busy machine: what it waited is not in its 5 seconds
        (60.0, 5.0, 55.0, False),
        (5.0, 0.0, 0.0, False),  # the kernel does not tell
    ],
)
def test_only_computing_on_a_free_core_is_undisturbed(
    monkeypatch, elapsed, used, waited, undisturbed
):
    now = 100.0
    monkeypatch.setattr(own_time, "monotonic", lambda: now)
    meter = Counts()
    meter.used, meter.waited = 3.0, 1.0  # of earlier requests
    clock = OwnClock(meter, 5.0)
    now += elapsed
    meter.used += used
    meter.waited += waited
    assert clock.was_undisturbed() == undisturbed
