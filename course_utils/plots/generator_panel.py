"""A panel of sliders that a trained generator answers at once.

    ChairPanel(drawn, chairs=24).show()

Every slider's movement is one pass through the network.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.data.transformations import (
    BRIGHTNESS,
    FACTORS,
    HUE,
    IDENTITY,
    PARAMETERS,
    ROTATION,
    SATURATION,
    SHIFT,
    SQUEEZE,
    ZOOM,
)
from course_utils.plots.panels import Panel

# first chair, second chair, share of the second (), azimuth (), elevation (), parameters (8,) ->
# (3, S, S)
Draw = Callable[[int, int, Tensor, Tensor, Tensor, Tensor], Tensor]

# How far each parameter goes in the paper, up and down; of the factors, their logarithm. So do the
# sliders.
REACH = (SHIFT, SHIFT, ROTATION, ZOOM + SQUEEZE, ZOOM + SQUEEZE, SATURATION, BRIGHTNESS, HUE)
# name: (lowest, highest, step, at the start)
VIEW = {"azimuth": (0.0, 360.0, 1.0, 30.0), "elevation": (0.0, 60.0, 1.0, 20.0)}


class ChairPanel(Panel):
    """Sliders for two chairs and the share of the second, for the viewpoint, and for each
    transformation.

    draw    what the picture is made by: it gets the sliders' values and returns a picture (3, S, S)
            in [0, 1]
    chairs  how many there are to choose from
    side    pixels of the picture on the page
    """

    def __init__(self, draw: Draw, chairs: int, side: int = 320) -> None:
        self.draw, self.chairs = draw, chairs
        super().__init__(side, "a chair, as the generator draws it")

    def start(self) -> dict[str, float]:
        """The values that the sliders have at first: two chairs, nothing transformed."""
        chairs = {"chair": 0, "towards": min(1, self.chairs - 1), "share": 0.0}
        view = {name: begin for name, (*_, begin) in VIEW.items()}
        return chairs | view | dict(zip(PARAMETERS, IDENTITY, strict=True))

    def picture(self) -> Tensor:
        """What the generator draws for the present values."""
        now = self.values
        numbers = (torch.tensor(float(now[name])) for name in ("share", "azimuth", "elevation"))
        parameters = torch.tensor([float(now[name]) for name in PARAMETERS])
        return self.draw(int(now["chair"]), int(now["towards"]), *numbers, parameters)

    def widget(self, picture: bytes) -> object:
        """Picture and sliders as one widget. Raises ImportError if ipywidgets is not installed."""
        import ipywidgets as widgets  # the notebook is usable without

        layout = widgets.Layout(width="300px")
        style = {"description_width": "85px"}
        self.sliders = {
            name: kind(description=name.replace("_", " "), layout=layout, style=style, **settings)
            for name, (kind, settings) in self._controls(widgets).items()
        }
        image = widgets.Image(value=picture, format="png", width=self.side, height=self.side)
        said = widgets.Label(self.says())
        self.follow(image, said)
        again = widgets.Button(description="start again")
        again.on_click(lambda _: self.reset())
        columns = list(self.sliders.values())
        left = widgets.VBox([image, said, widgets.HBox([self._turning(widgets), again])])
        return widgets.HBox([left, widgets.VBox(columns[:5]), widgets.VBox(columns[5:])])

    def _controls(self, widgets: object) -> dict[str, tuple[type, dict[str, object]]]:
        """Of each slider, the kind and the settings."""
        now, last = self.values, self.chairs - 1
        controls: dict[str, tuple[type, dict[str, object]]] = {
            name: (widgets.IntSlider, {"min": 0, "max": last, "value": now[name]})
            for name in ("chair", "towards")
        }
        controls["share"] = (
            widgets.FloatSlider,
            {"min": -1, "max": 2, "step": 0.01, "value": now["share"]},
        )
        for name, (low, high, step, _) in VIEW.items():
            controls[name] = (
                widgets.FloatSlider,
                {
                    "min": low,
                    "max": high,
                    "step": step,
                    "value": now[name],
                    "readout_format": ".0f",
                },
            )
        for name, far, factor, value in zip(PARAMETERS, REACH, FACTORS, IDENTITY, strict=True):
            kind = widgets.FloatLogSlider if factor else widgets.FloatSlider
            settings = {
                "min": -far,
                "max": far,
                "step": far / 50,
                "value": value,
                "readout_format": ".2f",
            }
            controls[name] = (kind, settings | ({"base": torch.e} if factor else {}))
        return controls

    def _turning(self, widgets: object) -> object:
        """A button that turns the chair: the browser moves the slider, and the slider asks for
        pictures.
        """
        play = widgets.Play(min=0, max=355, step=5, interval=80, repeat=True, show_repeat=False)
        widgets.jslink((play, "value"), (self.sliders["azimuth"], "value"))
        return play
