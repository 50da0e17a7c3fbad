"""The `picture` decorator: what it shows, where it stays quiet and what it raises."""

import io
from pathlib import Path

import nbformat
import pytest
import torch
from matplotlib.figure import Figure
from nbclient import NotebookClient
from PIL import Image, ImageChops

from course_utils.plots import pictures
from course_utils.plots.pictures import or_placeholder, picture, show

NARROW, WIDE = (4.0, 3.0), (9.4, 3.0)  # inches


def chart(size=NARROW) -> Figure:
    figure = Figure(size)
    figure.add_subplot().plot([1, 3, 2])
    return figure


@pytest.fixture
def shown(monkeypatch, tmp_path) -> list[Image.Image]:
    """The images displayed, in a folder of one's own, as if a notebook were there."""
    images = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pictures, "get_ipython", lambda: "a notebook")
    monkeypatch.setattr(
        pictures, "display", lambda shown: images.append(Image.open(io.BytesIO(shown.data)))
    )
    return images


def put_target(name: str, size=NARROW) -> Image.Image:
    Path("pictures").mkdir(exist_ok=True)
    chart(size).savefig(f"pictures/{name}.png", dpi=pictures.DPI)
    return Image.open(f"pictures/{name}.png")


def same(one: Image.Image, other: Image.Image) -> bool:
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return one.size == other.size and difference.getbbox() is None


def test_without_target_only_yours(shown):
    draw = picture("a_task")(chart)
    assert draw is chart
    assert [image.size for image in shown] == [(800, 600)]


def test_yours_alone_becomes_the_target(shown):
    """Harvest: the solution's picture, saved as the target, comes back pixel for pixel."""
    picture("a_task")(chart)
    Path("pictures").mkdir()
    shown[0].save("pictures/a_task.png")
    picture("a_task")(chart)
    assert same(shown[1].crop((0, 64, 800, 664)), shown[0])
    assert same(shown[1].crop((800, 64, 1600, 664)), shown[0])


@pytest.mark.parametrize(("size", "expected"), [(NARROW, (1600, 664)), (WIDE, (1880, 1328))])
def test_side_by_side_if_it_fits_else_stacked(shown, size, expected):
    put_target("a_task", size)
    picture("a_task")(lambda: chart(size))
    assert shown[0].size == expected


def test_unsolved_task_is_quiet(shown):
    def stub() -> Figure:
        raise NotImplementedError("a_task")

    target = put_target("a_task")
    picture("a_task")(stub)
    assert same(shown[0].crop((0, 64, 800, 664)), target)


def test_undefined_task_is_quiet(shown):
    picture("a_task")(lambda: no_such_task())  # noqa: F821
    assert len(shown) == 1


def test_misspelt_name_inside_a_task_is_raised(shown):
    task = {}
    exec(compile("def solve():\n    return tensro", "the task's cell", "exec"), task)
    with pytest.raises(NameError, match="tensro"):
        picture("a_task")(lambda: task["solve"]())


@pytest.mark.parametrize("target", [True, False])
def test_mistake_is_shown_and_raised(shown, target):
    def broken() -> Figure:
        raise ValueError("shapes differ")

    if target:
        put_target("a_task")
    with pytest.raises(ValueError, match="shapes differ"):
        picture("a_task")(broken)
    assert len(shown) == 1


def test_not_a_figure(shown):
    with pytest.raises(TypeError, match="not NoneType"):
        picture("a_task")(lambda: None)


def test_damaged_target_is_no_target(shown):
    Path("pictures").mkdir()
    Path("pictures/a_task.png").write_text("not a picture")
    picture("a_task")(chart)
    assert shown[0].size == (800, 600)


def test_pyplot_figure_is_closed(shown):
    import matplotlib.pyplot as plt

    picture("a_task")(lambda: plt.figure())
    assert not plt.get_fignums()


def test_long_mistake_fits_its_panel(shown):
    picture_of = pictures._panel("word " * 400, pictures.ALARM, (800, 360))
    margin = picture_of.crop((0, 0, 800, 16))
    assert same(margin, Image.new("RGB", margin.size, "white"))


def test_plain_python_has_no_output(capsys):
    picture("a_task")(chart)
    show(chart())
    assert capsys.readouterr().out == ""


def test_until_solved():
    def unsolved() -> torch.Tensor:
        raise NotImplementedError

    stand_in = torch.zeros(3, 2)
    assert or_placeholder(unsolved, stand_in) is stand_in
    assert or_placeholder(lambda: None, stand_in) is stand_in
    assert or_placeholder(lambda: torch.ones(5), stand_in) is stand_in
    assert or_placeholder(lambda: torch.ones(5, 2), stand_in).shape == (5, 2)


CELL = """
from matplotlib.figure import Figure
from course_utils.plots.pictures import picture

@picture("a_task")
def draw():
    return Figure((4, 3))
"""


def test_in_a_notebook_it_is_one_png(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "display_data"
    assert output.metadata["image/png"] == {"width": 400, "alt": "a_task"}
    assert "text/html" not in output.data
