"""What panels with sliders share: a picture for the sliders' values, at once, and a way out without
sliders.

Every slider's movement asks for a picture, and its picture is sent as a small PNG: a figure with
axes would take ten times as long as a small network.
"""

import io
import time
from abc import ABC, abstractmethod

import torch
from IPython.display import Image as NotebookImage
from IPython.display import display
from PIL import Image
from torch import Tensor


class Panel(ABC):
    """A picture that follows its controls.

    side  pixels of the picture's longer side on the page
    alt   what the picture is, for whoever can't see it
    """

    def __init__(self, side: int, alt: str) -> None:
        self.side, self.alt = side, alt
        self.values: dict[str, float] = self.start()
        self.sliders: dict[str, object] = {}
        self.milliseconds = 0.0  # that the last picture took, from the controls' values to the PNG

    @abstractmethod
    def start(self) -> dict[str, float]:
        """The values that the controls have at first."""

    @abstractmethod
    def picture(self) -> Tensor:
        """The picture of the present values: (3, H, W), in [0, 1]."""

    @abstractmethod
    def widget(self, picture: bytes) -> object:
        """Picture and controls as one widget. Raises ImportError if ipywidgets is not installed."""

    def png(self) -> bytes:
        """The picture of the present values, as it is sent."""
        begin = time.perf_counter()
        with torch.no_grad():
            data = png(self.picture(), self.side)
        self.milliseconds = 1000 * (time.perf_counter() - begin)
        return data

    def show(self) -> None:
        """Display the panel; without ipywidgets, or before the tasks are solved, a picture or a
        sentence.
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
                "There are no sliders here: `pip install ipywidgets` and restart. This is the first picture."
            )
            display(NotebookImage(picture, alt=self.alt))

    def reset(self) -> None:
        """Bring the controls back to where they began."""
        for name, value in self.start().items():
            self.sliders[name].value = value

    def follow(self, image: object, said: object) -> None:
        """Draw again whenever a control moves.

        image  the widget that shows the picture
        said   the label that says how long it took, or what went wrong
        """
        for name, slider in self.sliders.items():
            slider.observe(
                lambda change, name=name: self._moved(name, change["new"], image, said), "value"
            )

    def says(self) -> str:
        """How long the last picture took."""
        return f"drawn in {self.milliseconds:.0f} ms"

    def _moved(self, name: str, value: float, image: object, said: object) -> None:
        self.values[name] = value
        try:
            image.value = self.png()
            said.value = self.says()
        except Exception as error:  # a widget's errors would go to a log that nobody reads
            said.value = f"{type(error).__name__}: {error}"


def png(picture: Tensor, side: int) -> bytes:
    """A picture (3, H, W) in [0, 1] as a PNG whose longer side has `side` pixels."""
    pixels = (picture.detach().clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy()
    height, width = (
        max(1, round(side * length / max(pixels.shape[:2]))) for length in pixels.shape[:2]
    )
    out = io.BytesIO()
    scaled = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    scaled.save(out, "PNG", compress_level=1)
    return out.getvalue()
