"""Short films in a notebook, as GIF: they play without a network, and without any JavaScript.

    @moving("Six chairs turn on the spot.")
    def _() -> Tensor:
        return torch.stack([...])  # (T, 3, H, W)

A task that is not solved yet leaves a sentence in the film's place. The name `_` stays what it was
before.
"""

import io
from collections.abc import Callable

import numpy as np
from IPython import get_ipython
from IPython.display import Image as NotebookImage
from IPython.display import display
from PIL import Image
from torch import Tensor

from course_utils.plots.pictures import _is_unsolved, under_its_name

Draw = Callable[[], Tensor]


def moving(description: str, seconds: float = 0.1) -> Callable[[Draw], object]:
    """Play what the decorated function returns, again and again.

    description  what is to be seen, for those who can't see it
    seconds      for each frame
    returns      a decorator for functions of no argument that return frames (T, 3, H, W) in [0, 1].
                 It gives them back; but a function called `_` leaves no name: `_` is what it was
                 before.
    Raises whatever the function raises, unless a task that it needs is just not solved yet.
    """

    def decorate(draw: Draw) -> object:
        try:
            frames = draw()
        except Exception as error:
            if not _is_unsolved(error, draw):
                raise
            print(f"The film waits for a task: {error}")
            return under_its_name(draw)
        if get_ipython() is not None:  # plain Python has nowhere to play it
            film = gif(frames, seconds)
            display(NotebookImage(film, format="gif", width=frames.shape[-1], alt=description))
        return under_its_name(draw)

    return decorate


def gif(frames: Tensor, seconds: float = 0.1, colors: int = 48) -> bytes:
    """Frames as the bytes of an endless GIF.

    frames   (T, 3, H, W) sRGB in [0, 1]
    seconds  for each frame, in steps of 1/100
    colors   of the palette that all frames share, at most 256: fewer make a smaller file
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
    images[0].save(
        out, "GIF", save_all=True, append_images=images[1:], duration=round(1000 * seconds), loop=0
    )
    return out.getvalue()


def _palette(pixels: np.ndarray, colors: int) -> Image.Image:
    """One palette for the whole film: a palette for each frame would flicker."""
    some = pixels[:: max(1, len(pixels) // 8)]
    return Image.fromarray(np.concatenate(some)).quantize(colors, method=Image.Quantize.MEDIANCUT)
