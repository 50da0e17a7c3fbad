"""A slider for the temperature of the annealed mean, with the resulting picture.

    TemperaturePanel(paint, ["chelsea", "coffee"]).show()

The network runs once for each picture; a movement of the slider only decodes its output again.
"""

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from course_utils.plots.panels import Panel

Paint = Callable[[int, float], Tensor]  # which picture, temperature -> (3, H, W) in [0, 1]

COLDEST = 0.05  # below this nothing changes: the mode has all the weight


class TemperaturePanel(Panel):
    """A list of pictures, and a slider from nearly the mode (left) to the mean (right).

    paint  computes the picture from its number and the temperature
    names  of the pictures
    side   the longer side of the picture on the page, in pixels
    begin  the initial temperature
    """

    def __init__(
        self, paint: Paint, names: Sequence[str], side: int = 384, begin: float = 0.38
    ) -> None:
        self.paint, self.names, self.begin = paint, names, begin
        super().__init__(side, "a picture, as the network colours it")

    def start(self) -> dict[str, float]:
        """The initial values: the first picture, and the paper's temperature."""
        return {"picture": 0, "temperature": self.begin}

    def picture(self) -> Tensor:
        """The result of `paint` for the current values."""
        return self.paint(int(self.values["picture"]), float(self.values["temperature"]))

    def widget(self, picture: bytes) -> object:
        """The picture, list and slider as one widget. Raises ImportError without ipywidgets."""
        import ipywidgets as widgets  # the notebook is usable without

        names = [(name, number) for number, name in enumerate(self.names)]
        self.sliders = {
            "picture": widgets.Dropdown(
                options=names, value=self.values["picture"], description="picture"
            ),
            "temperature": widgets.FloatLogSlider(
                value=self.values["temperature"],
                min=math.log10(COLDEST),
                max=0,
                step=0.01,
                readout_format=".2f",
                description="T",
                layout=widgets.Layout(width="320px"),
            ),
        }
        image = widgets.Image(value=picture, format="png")
        said = widgets.Label(self.says())
        self.follow(image, said)
        again = widgets.Button(description="start again")
        again.on_click(lambda _: self.reset())
        ends = [widgets.Label("the mode"), self.sliders["temperature"], widgets.Label("the mean")]
        return widgets.VBox(
            [image, widgets.HBox(ends), widgets.HBox([self.sliders["picture"], again, said])]
        )
