"""What the tests of figures share."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def assert_drawn(figure: object) -> None:
    """It is a figure, and there is more on it than on an empty page."""
    assert isinstance(figure, Figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert len(set(canvas.buffer_rgba().tobytes())) > 10
