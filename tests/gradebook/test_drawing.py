"""Which pictures a feedback page shows, and whose each is."""

import os
from base64 import b64decode, b64encode

import nbformat
import numpy as np
import pytest
from judged_class import PNG, course_of, entry_of, hand_in
from PIL import Image

from autograder.assignments import find_assignment
from autograder.authoring.master import read_master
from autograder.feedback.cell_process import cells_as_html
from autograder.gradebook.drawing import picture_outputs, pictures_to_draw
from autograder.gradebook.store import StoredVerdict
from autograder.judge.draw import Drawing
from autograder.judge.judge import Judgement
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict

COLORIZATION = find_assignment("colorization")


def verdict_with(*lost: str, tasks: list[str] | None = None) -> Verdict:
    tasks = tasks or ["l2_loss", "ab_bins"]
    made = [TaskVerdict(one, [CheckVerdict("c", "It is.", 2, one not in lost)]) for one in tasks]
    return Verdict(COLORIZATION.name, "graded", "bubblewrap", made, key="k")


def test_only_what_lost_points_and_the_gallery_s_picture_are_drawn():
    master = read_master(COLORIZATION)
    verdict = verdict_with("l2_loss", tasks=master.tasks)
    gallery = master.gallery_picture
    assert gallery
    assert pictures_to_draw(master, verdict, "lost") == ("l2_loss", gallery)
    assert pictures_to_draw(master, verdict, "all") == tuple(master.pictures)
    assert pictures_to_draw(master, verdict_with(tasks=master.tasks), "lost") == (gallery,)


@pytest.fixture
def targets(tmp_path):
    for name in ("l2_loss", "five_rows"):
        (tmp_path / f"{name}.png").write_bytes(b64decode(PNG))
    return tmp_path


def told(cell, verdict, targets) -> list[str]:
    """What a page shows of a picture's cell: sentences, `target`, `own` or an error."""
    shown = []
    for output in picture_outputs(cell, verdict, targets):
        data = output.get("data", {})
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        kinds = {"what one should see": "target", "what this cell draws": "own"}
        picture = kinds.get(alt, "") if "image/png" in data else ""
        shown.append(picture or data.get("text/plain") or output.get("evalue", ""))
    return shown


def picture_cell(name: str, *, drawn: bool, png: bool = True):
    cell = nbformat.v4.new_code_cell("...", id=f"picture-{name}")
    if not drawn:
        cell.metadata["not_drawn"] = True
    elif png:
        metadata = {"image/png": {"alt": "what this cell draws"}}
        data = {"image/png": b64encode(b"\x89PNG own").decode()}
        cell.outputs = [nbformat.v4.new_output("display_data", data=data, metadata=metadata)]
    else:
        cell.outputs = [nbformat.v4.new_output("error", ename="Stopped", evalue="too long")]
    return cell


@pytest.mark.parametrize(
    ("name", "drawn", "png", "shown"),
    [
        ("l2_loss", True, True, ["Your own picture.", "own", "What one should see.", "target"]),
        ("l2_loss", True, False, ["too long"]),
        ("ab_bins", True, True, ["Your own picture.", "own"]),
        ("ab_bins", False, True, ["Your own picture was not drawn for this page."]),  # no target
        ("five_rows", True, True, ["Your own picture.", "own"]),
    ],
)
def test_each_picture_says_whose_it_is(targets, name, drawn, png, shown):
    cell = picture_cell(name, drawn=drawn, png=png)
    assert told(cell, verdict_with("l2_loss"), targets) == shown


def test_a_target_in_place_of_a_picture_says_why(targets):
    solved, target = told(picture_cell("l2_loss", drawn=False), verdict_with(), targets)
    assert "`l2_loss` has all its points" in solved
    assert target == "target"
    other, target = told(picture_cell("five_rows", drawn=False), verdict_with(), targets)
    assert "What one should see" in other
    assert "all its points" not in other
    assert target == "target"


def test_a_target_of_photographs_is_small_on_the_page(targets):
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(targets / "l2_loss.png")
    size = (targets / "l2_loss.png").stat().st_size
    outputs = picture_outputs(picture_cell("l2_loss", drawn=False), verdict_with(), targets)
    [small] = [one for one in outputs if "image/webp" in one.data]
    assert len(b64decode(small.data["image/webp"])) < size / 2
    assert small.metadata["image/webp"] == {"alt": "what one should see", "width": 400}
    assert "data:image/webp;base64," in cells_as_html.page([small_cell(small)])[0].body


def small_cell(output):
    return nbformat.v4.new_code_cell("draw()", outputs=[output])


def test_a_target_that_has_changed_is_read_again(targets):
    before = picture_outputs(picture_cell("l2_loss", drawn=False), verdict_with(), targets)
    Image.new("RGB", (3, 2)).save(targets / "l2_loss.png")
    os.utime(targets / "l2_loss.png", ns=(1, 1))
    after = picture_outputs(picture_cell("l2_loss", drawn=False), verdict_with(), targets)
    assert before[1] != after[1]


# ------------------------------------------------------------------------ on disk, and in a class


def test_a_new_verdict_forgets_the_pictures_of_the_old_one(tmp_path):
    stored = StoredVerdict(tmp_path / "verdicts" / "colorization" / "ann")
    empty = nbformat.v4.new_notebook()
    stored.write(Judgement(verdict_with(), empty))
    assert stored.drawn() == ""
    stored.write_drawn(empty, "all")
    assert stored.drawn() == "all"
    stored.write(Judgement(verdict_with(), empty))
    assert stored.drawn() == ""


def test_what_is_drawn_is_not_drawn_again_and_more_is_when_asked(tmp_path, master):
    course = course_of(master, tmp_path)
    verdict = hand_in(course, master, "ann", seed=1)
    entry = entry_of(course, COLORIZATION, "ann")
    entry.write(Judgement(verdict, entry.stored.notebook()))
    assert entry.to_draw("lost") is not None
    entry.write_drawn(Drawing(entry.stored.notebook(), "the machine was too busy"), "lost")
    assert entry.to_draw("lost") is not None  # tried again next time
    entry.write_drawn(Drawing(entry.stored.notebook()), "lost")
    assert entry.to_draw("lost") is None
    assert entry.to_draw("all") == tuple(course.exam(COLORIZATION).master.pictures)
    entry.write_drawn(Drawing(entry.stored.notebook()), "all")
    assert entry.to_draw("lost") is None
