"""Every slider changes the picture; without sliders there is a sentence and a picture."""

import builtins
import io

import numpy as np
import pytest
import torch
from PIL import Image

import course_utils.plots.panels as panels
from course_utils.data.transformations import FACTORS, IDENTITY, PARAMETERS
from course_utils.plots.generator_panel import VIEW, ChairPanel


class Recorder:
    """A drawing function that keeps what it was asked for, and draws one grey."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []

    def __call__(self, *values):
        self.asked.append(values)
        return torch.full((3, 8, 8), 0.5)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def panel(recorder):
    panel = ChairPanel(recorder, chairs=5, side=40)
    panel.widget(panel.png())
    return panel


@pytest.fixture
def shown(monkeypatch):
    found = []
    monkeypatch.setattr(panels, "display", found.append)
    return found


def test_it_begins_with_nothing_transformed(panel, recorder):
    first, second, share, azimuth, elevation, parameters = recorder.asked[0]
    assert (first, second) == (0, 1)
    assert [each.item() for each in (share, azimuth, elevation)] == [
        0,
        VIEW["azimuth"][3],
        VIEW["elevation"][3],
    ]
    assert parameters.tolist() == pytest.approx(IDENTITY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chair", 4),
        ("towards", 3),
        ("share", 0.25),
        ("azimuth", 200.0),
        ("elevation", 45.0),
        ("hue", 1.0),
    ]
    + [("zoom_x", 1.2), ("shift_y", -0.05), ("saturation", 0.6)],
)
def test_each_slider_asks_for_a_picture_with_its_value(panel, recorder, name, value):
    panel.sliders[name].value = value
    first, second, share, azimuth, elevation, parameters = recorder.asked[-1]
    got = {
        "chair": first,
        "towards": second,
        "share": share,
        "azimuth": azimuth,
        "elevation": elevation,
    }
    got |= dict(zip(PARAMETERS, parameters, strict=True))
    assert float(got[name]) == pytest.approx(value)
    assert len(recorder.asked) == 2


def test_the_picture_is_replaced_and_has_the_size_and_the_grey_of_the_drawing(panel):
    image = panel.widget(b"").children[0].children[0]
    panel.sliders["azimuth"].value = 90.0
    pixels = np.asarray(Image.open(io.BytesIO(image.value)))
    assert pixels.shape == (40, 40, 3)
    assert set(pixels.flat) == {128}


def test_factors_go_as_far_down_as_up(panel):
    for name, factor in zip(PARAMETERS, FACTORS, strict=True):
        slider = panel.sliders[name]
        assert slider.min == -slider.max, name
        assert slider.value == (1 if factor else 0), name


def test_start_again_brings_all_sliders_back(panel, recorder):
    panel.sliders["chair"].value, panel.sliders["hue"].value = 3, 0.5
    panel.reset()
    assert panel.values == panel.start()
    assert recorder.asked[-1][0] == 0


def test_an_error_is_said_beside_the_picture(panel, recorder, monkeypatch):
    said = panel.widget(b"").children[0].children[1]

    def fails(*values):
        raise ValueError("no such chair")

    panel.draw = fails
    panel.sliders["chair"].value = 2
    assert said.value == "ValueError: no such chair"


def test_one_chair_alone_has_no_other_to_go_towards(recorder):
    assert ChairPanel(recorder, chairs=1).start()["towards"] == 0


def test_unsolved_tasks_leave_a_sentence(shown, capsys):
    def stub(*values):
        raise NotImplementedError("ChairGenerator")

    ChairPanel(stub, chairs=5).show()
    assert capsys.readouterr().out == "The panel waits for a task: ChairGenerator.\n"
    assert shown == []


def test_without_ipywidgets_there_is_a_picture_and_a_remedy(recorder, monkeypatch, capsys):
    real, found = builtins.__import__, []

    def without(name, *args, **kwargs):
        if name == "ipywidgets":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(panels, "display", lambda image: found.append(image))
    monkeypatch.setattr(builtins, "__import__", without)
    ChairPanel(recorder, chairs=5).show()
    assert "pip install ipywidgets" in capsys.readouterr().out
    assert [type(each).__name__ for each in found] == ["Image"]


def test_a_movement_is_answered_within_50_milliseconds(panel):
    times = []
    for angle in range(20):
        panel.sliders["azimuth"].value = float(angle)
        times.append(panel.milliseconds)
    assert min(times) < 50  # without a network: what is spent on the picture and its message
