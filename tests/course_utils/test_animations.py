"""Films: frames go in, an endless GIF comes out; what is not solved yet leaves a sentence."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.plots import animations
from course_utils.plots.animations import animation, gif

RED, BLUE = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1])
FRAMES = torch.stack([RED, BLUE, RED])[:, :, None, None].expand(3, 3, 6, 10)


@pytest.fixture
def shown(monkeypatch):
    found = []
    monkeypatch.setattr(animations, "get_ipython", lambda: "a notebook")
    monkeypatch.setattr(animations, "display", found.append)
    return found


def test_a_gif_has_its_frames_in_order_and_never_ends():
    film = Image.open(io.BytesIO(gif(FRAMES, seconds=0.25)))
    assert (film.size, film.n_frames, film.info["loop"]) == ((10, 6), 3, 0)
    for place, color in enumerate([(255, 0, 0), (0, 0, 255), (255, 0, 0)]):
        film.seek(place)
        assert film.info["duration"] == 250
        assert set(map(tuple, np.asarray(film.convert("RGB")).reshape(-1, 3).tolist())) == {color}


def test_numbers_outside_the_screens_range_are_clipped():
    film = Image.open(io.BytesIO(gif(2 * FRAMES[:2] - 0.5)))
    assert film.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_a_film_needs_a_frame():
    with pytest.raises(ValueError, match="frame"):
        gif(FRAMES[:0])


def test_it_plays_at_once_and_gives_the_function_back(shown):
    @animation("red, blue, red")
    def film():
        return FRAMES

    (image,) = shown
    assert (image.format, image.width, image.alt) == ("gif", 10, "red, blue, red")
    assert film() is FRAMES


def test_an_unsolved_task_leaves_a_sentence(shown, capsys):
    @animation("nothing")
    def film():
        raise NotImplementedError("insert_zeros")

    assert (shown, capsys.readouterr().out) == ([], "The film waits for a task: insert_zeros\n")


def test_any_other_mistake_is_raised(shown):
    with pytest.raises(ZeroDivisionError):

        @animation("nothing")
        def film():
            return 1 / 0
