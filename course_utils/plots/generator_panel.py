"""A panel of sliders for a trained chair generator.

    ChairPanel(drawn, chairs=24).show()

Each movement of a slider is one pass through the network.
"""

from collections.abc import Callable
from typing import Any

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

# (first chair, second chair, share of the second (), azimuth (), elevation (), parameters (8,))
# -> picture (3, S, S)
Draw = Callable[[int, int, Tensor, Tensor, Tensor, Tensor], Tensor]

# The range of each parameter in the paper, in both directions; for factors, of their logarithm. The
# sliders have the same ranges.
REACH = (SHIFT, SHIFT, ROTATION, ZOOM + SQUEEZE, ZOOM + SQUEEZE, SATURATION, BRIGHTNESS, HUE)
Control = tuple[type, dict[str, Any]]  # the class of a slider, and its settings
# name: (lowest, highest, step, at the start)
VIEW = {"azimuth": (0.0, 360.0, 1.0, 30.0), "elevation": (0.0, 60.0, 1.0, 20.0)}


class ChairPanel(Panel):
    """Sliders for a mixture of two chairs, the viewpoint, and each transformation.

    draw    turns the sliders' values into a picture (3, S, S) in [0, 1]
    chairs  the number of chairs to choose from
    side    side of the picture on the page, in pixels
    """

    def __init__(self, draw: Draw, chairs: int, side: int = 320) -> None:
        self.draw, self.chairs = draw, chairs
        super().__init__(side, "a chair, as the generator draws it")

    def start(self) -> dict[str, float]:
        """The initial values: the first two chairs, and no transformation."""
        chairs = {"chair": 0, "towards": min(1, self.chairs - 1), "share": 0.0}
        view = {name: begin for name, (*_, begin) in VIEW.items()}
        return chairs | view | dict(zip(PARAMETERS, IDENTITY, strict=True))

    def picture(self) -> Tensor:
        """The generator's picture for the current values."""
        first, second = int(self.values["chair"]), int(self.values["towards"])
        share, azimuth, elevation = map(self._number, ("share", "azimuth", "elevation"))
        parameters = torch.stack([self._number(name) for name in PARAMETERS])
        return self.draw(first, second, share, azimuth, elevation, parameters)

    def _number(self, name: str) -> Tensor:
        return torch.tensor(float(self.values[name]))

    def widget(self, picture: bytes) -> object:
        """The picture and its sliders as one widget. Raises ImportError without ipywidgets."""
        import ipywidgets as widgets  # optional: the notebook works without it

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

    def _controls(self, widgets: Any) -> dict[str, Control]:
        """The class and the settings of each slider."""
        now, last = self.values, self.chairs - 1
        controls: dict[str, Control] = {}
        for name in ("chair", "towards"):
            controls[name] = widgets.IntSlider, {"min": 0, "max": last, "value": now[name]}
        share = {"min": -1, "max": 2, "step": 0.01, "value": now["share"]}
        controls["share"] = widgets.FloatSlider, share
        for name, (low, high, step, _) in VIEW.items():
            settings = {"min": low, "max": high, "step": step, "value": now[name]}
            controls[name] = widgets.FloatSlider, settings | {"readout_format": ".0f"}
        for name, far, factor, value in zip(PARAMETERS, REACH, FACTORS, IDENTITY, strict=True):
            settings = {"min": -far, "max": far, "step": far / 50, "value": value}
            shown = settings | {"readout_format": ".2f"}
            if factor:
                controls[name] = widgets.FloatLogSlider, shown | {"base": torch.e}
            else:
                controls[name] = widgets.FloatSlider, shown
        return controls

    def _turning(self, widgets: Any) -> Any:
        """A button that turns the chair: the browser moves the azimuth's slider."""
        play = widgets.Play(min=0, max=355, step=5, interval=80, repeat=True, show_repeat=False)
        widgets.jslink((play, "value"), (self.sliders["azimuth"], "value"))
        return play
