"""The temperature's panel: its list and its slider reach the picture, and it answers at once."""

import builtins
import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

import course_utils.plots.panels as panels
from course_utils.data.photographs import photograph
from course_utils.plots.temperature_panel import COLDEST, TemperaturePanel
from course_utils.reference.colorization import ab_bins, colorize, rgb_to_lab_planes, soft_encode

NAMES = ("cat", "coffee", "rocket")


class Recorder:
    """A painting function that records its arguments and paints a grey as light as it is warm."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []

    def __call__(self, index, temperature):
        self.asked.append((index, temperature))
        return torch.full((3, 6, 12), temperature)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def panel(recorder):
    return TemperaturePanel(recorder, NAMES, side=40)


@pytest.fixture
def widget(panel):
    return panel.widget(panel.png())


@pytest.fixture
def shown(monkeypatch):
    found = []
    monkeypatch.setattr(panels, "display", found.append)
    return found


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_it_begins_with_the_first_picture_and_the_papers_temperature(widget, panel, recorder):
    assert recorder.asked == [(0, 0.38)]
    assert panel.sliders["temperature"].value == pytest.approx(0.38)
    assert panel.sliders["picture"].label == "cat"


def test_list_and_slider_ask_for_a_picture_with_their_values(widget, panel, recorder):
    panel.sliders["temperature"].value = 0.7
    panel.sliders["picture"].label = "rocket"
    assert recorder.asked[1:] == [(0, pytest.approx(0.7)), (2, pytest.approx(0.7))]
    assert type(recorder.asked[-1][0]) is int


def test_the_slider_goes_from_nearly_the_mode_to_the_mean_by_factors(widget, panel, recorder):
    slider = panel.sliders["temperature"]
    slider.value = 0.001
    assert slider.value == pytest.approx(COLDEST)
    slider.value = 3.0
    assert slider.value == pytest.approx(1)
    assert slider.base**slider.min == pytest.approx(COLDEST)


def test_the_picture_is_replaced_and_keeps_its_shape(widget, panel):
    image = widget.children[0]
    before = pixels(image.value)
    panel.sliders["temperature"].value = 0.8
    after = pixels(image.value)
    assert before.shape == after.shape == (20, 40, 3)  # the longer side is 40
    assert set(before.flat) == {97}  # 0.38 of 255
    assert set(after.flat) == {204}


def test_start_again_brings_both_back(widget, panel, recorder):
    panel.sliders["picture"].value, panel.sliders["temperature"].value = 2, 0.1
    again = widget.children[2].children[1]
    again.click()
    assert panel.values == pytest.approx(panel.start())
    assert recorder.asked[-1] == (0, pytest.approx(0.38))


def test_an_error_is_said_beside_the_picture(widget, panel):
    said = widget.children[2].children[2]
    assert said.value.startswith("drawn in ")

    def fails(index, temperature):
        raise ValueError("no such picture")

    panel.paint = fails
    panel.sliders["picture"].value = 1
    assert said.value == "ValueError: no such picture"


def test_it_is_shown_as_one_widget(panel, shown):
    panel.show()
    assert [type(each).__name__ for each in shown] == ["VBox"]


def test_unsolved_tasks_leave_a_sentence(shown, capsys):
    def stub(index, temperature):
        raise NotImplementedError("annealed_mean")

    TemperaturePanel(stub, NAMES).show()
    assert capsys.readouterr().out == "The panel waits for a task: annealed_mean.\n"
    assert shown == []


def test_without_ipywidgets_there_is_a_picture_and_a_remedy(panel, shown, monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "ipywidgets":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    panel.show()
    assert "pip install ipywidgets" in capsys.readouterr().out
    assert [type(each).__name__ for each in shown] == ["Image"]
    assert pixels(shown[0].data).shape == (20, 40, 3)


def test_a_tall_picture_stays_tall(recorder):
    tall = TemperaturePanel(lambda *_: torch.zeros(3, 30, 10), NAMES, side=60)
    assert pixels(tall.png()).shape == (60, 20, 3)


def test_a_photograph_is_painted_anew_within_100_milliseconds_of_one_core():
    bins = ab_bins()
    lightness, ab = rgb_to_lab_planes(photograph("chelsea", 256))
    logits = (soft_encode(110 * ab[..., ::4, ::4], bins) + 1e-4).log()  # (1, 313, 64, 64)
    panel = TemperaturePanel(
        lambda _, temperature: colorize(lightness, logits, bins, temperature)[0], NAMES
    )
    panel.widget(panel.png())
    seconds = []
    for temperature in torch.linspace(0.1, 0.9, 10).tolist():
        start = time.thread_time()  # a busy machine makes the clock run on, and not this
        panel.sliders["temperature"].value = temperature
        seconds.append(time.thread_time() - start)
        assert panel.milliseconds > 0
    assert min(seconds) < 0.1
