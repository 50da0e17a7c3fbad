"""The base class of panels with sliders, which works without sliders too.

Each movement of a slider computes a new picture, which is sent as a small PNG: a figure with axes
would take ten times as long as a small network.
"""

import io
import time
from abc import ABC, abstractmethod
from typing import Any

import torch
from IPython.display import Image as NotebookImage
from IPython.display import display
from PIL import Image
from torch import Tensor


class Panel(ABC):
    """A picture that is redrawn whenever one of its controls moves.

    side  the longer side of the picture on the page, in pixels
    alt   alternative text for people who cannot see the picture
    """

    def __init__(self, side: int, alt: str) -> None:
        self.side, self.alt = side, alt
        self.values: dict[str, float] = self.start()
        self.sliders: dict[str, Any] = {}  # ipywidgets has no types
        self.milliseconds = 0.0  # for the last picture, from the controls' values to the PNG

    @abstractmethod
    def start(self) -> dict[str, float]:
        """The initial values of the controls."""

    @abstractmethod
    def picture(self) -> Tensor:
        """The picture for the current values: (3, H, W), in [0, 1]."""

    @abstractmethod
    def widget(self, picture: bytes) -> object:
        """The picture and its controls as one widget. Raises ImportError without ipywidgets."""

    def png(self) -> bytes:
        """The picture for the current values, as PNG."""
        begin = time.perf_counter()
        with torch.no_grad():
            data = png(self.picture(), self.side)
        self.milliseconds = 1000 * (time.perf_counter() - begin)
        return data

    def show(self) -> None:
        """Display the panel.

        Without ipywidgets, only the first picture; before the tasks are solved, a sentence.
        """
        try:
            picture = self.png()
        except NotImplementedError as task:
            print(f"The panel waits for a task: {task}.")
            return
        try:
            display(self.widget(picture))
        except ImportError:
            print(
                "There are no sliders here: `pip install ipywidgets` and restart. "
                "This is the first picture."
            )
            display(NotebookImage(picture, alt=self.alt))

    def reset(self) -> None:
        """Set the controls back to their initial values."""
        for name, value in self.start().items():
            self.sliders[name].value = value

    def follow(self, image: Any, said: Any) -> None:
        """Redraw whenever a control moves.

        image  the widget that shows the picture
        said   the label that shows how long that took, or what went wrong
        """
        for name, slider in self.sliders.items():

            def moved(change: dict[str, Any], name: str = name) -> None:
                self._moved(name, change["new"], image, said)

            slider.observe(moved, "value")

    def says(self) -> str:
        """The label below the picture: how long the last picture took."""
        return f"drawn in {self.milliseconds:.0f} ms"

    def _moved(self, name: str, value: float, image: Any, said: Any) -> None:
        self.values[name] = value
        try:
            image.value = self.png()
            said.value = self.says()
        except Exception as error:  # the notebook does not show errors of widgets
            said.value = f"{type(error).__name__}: {error}"


def png(picture: Tensor, side: int) -> bytes:
    """Encode a picture (3, H, W) in [0, 1] as a PNG whose longer side has `side` pixels."""
    levels = (picture.detach().clamp(0, 1) * 255).round().byte()
    pixels = levels.movedim(0, -1).cpu().numpy()
    longer = max(pixels.shape[:2])
    height, width = (max(1, round(side * length / longer)) for length in pixels.shape[:2])
    out = io.BytesIO()
    scaled = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    scaled.save(out, "PNG", compress_level=1)
    return out.getvalue()
