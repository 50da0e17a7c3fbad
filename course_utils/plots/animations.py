"""Short animations in a notebook, as GIFs: they play offline and without JavaScript.

    @animation("Six chairs turn on the spot.")
    def _() -> Tensor:
        return torch.stack([...])  # (T, 3, H, W)

While a task is unsolved, a sentence takes the animation's place. The name `_` keeps the value that
it had before.
"""

import io
from collections.abc import Callable

import numpy as np
from IPython import get_ipython
from IPython.display import Image as NotebookImage
from IPython.display import display
from PIL import Image
from torch import Tensor

from course_utils.plots.pictures import is_unsolved, under_its_name

Draw = Callable[[], Tensor]


def animation(description: str, seconds: float = 0.1) -> Callable[[Draw], object]:
    """Play the frames that the decorated function returns, in an endless loop.

    description  alternative text for people who cannot see the animation
    seconds      how long each frame is shown
    returns      a decorator for functions without arguments that return frames (T, 3, H, W) in
                 [0, 1]. It returns the function; but the name `_` keeps its earlier value.
    Raises whatever the function raises, unless it only needs a task that is not solved yet.
    """

    def decorate(draw: Draw) -> object:
        try:
            frames = draw()
        except Exception as error:
            if not is_unsolved(error, draw):
                raise
            print(f"The film waits for a task: {error}")
            return under_its_name(draw)
        if get_ipython() is not None:  # plain Python cannot play it
            film = gif(frames, seconds)
            display(NotebookImage(film, format="gif", width=frames.shape[-1], alt=description))
        return under_its_name(draw)

    return decorate


def gif(frames: Tensor, seconds: float = 0.1, colors: int = 48) -> bytes:
    """Encode frames as an endless GIF.

    frames   (T, 3, H, W) sRGB in [0, 1]
    seconds  how long each frame is shown, in steps of 1/100
    colors   size of the palette that all frames share, at most 256: fewer make a smaller file
    returns  the bytes of the GIF
    Raises ValueError if there are no frames.
    """
    if not len(frames):
        raise ValueError("a film needs a frame")
    pixels = (frames.detach().clamp(0, 1) * 255).round().byte().movedim(1, -1).cpu().numpy()
    palette = _palette(pixels, colors)
    images = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in pixels
    ]
    out = io.BytesIO()
    milliseconds = round(1000 * seconds)
    images[0].save(
        out, "GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0
    )
    return out.getvalue()


def _palette(pixels: np.ndarray, colors: int) -> Image.Image:
    """One palette for all frames: with a palette for each frame, colours would flicker."""
    some = pixels[:: max(1, len(pixels) // 8)]
    return Image.fromarray(np.concatenate(some)).quantize(colors, method=Image.Quantize.MEDIANCUT)


moving = animation  # its old name, in notebooks of version 0.1
