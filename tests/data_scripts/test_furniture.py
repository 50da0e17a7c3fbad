"""The furniture world: solids are closed, masks are exact, and a seed is a piece of furniture."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip(
    "embreex", reason="the renderer needs embreex, which has no wheel for this machine"
)

import trimesh
from typer.testing import CliRunner

from data_scripts.furniture import album
from data_scripts.furniture.render import solids
from data_scripts.furniture.render.camera import Framing, framing, photograph
from data_scripts.furniture.render.light import lit
from data_scripts.furniture.render.materials import Material, Part
from data_scripts.furniture.render.views import VIEWS
from data_scripts.furniture.styles import CATEGORIES, described, parts_of, style_of

LINE = np.linspace(0, 1, 5)
SOLIDS = {
    "box": (solids.box((1, 2, 3), (5, 0, 0)), 6.0),
    "rounded_box": (solids.rounded_box((1, 2, 3), (0, 0, 0), 0.2), 5.77),
    "beam up": (solids.beam((0, 0, 0), (0, 0, 2), 0.1), 0.02),
    "beam down": (solids.beam((0, 0, 2), (0, 0, 0), 0.1), 0.02),
    "beam across": (solids.beam((0, 0, 0), (2, 0, 0), 0.1), 0.02),
    "rod": (solids.rod((0, 0, 0), (0, 0, 2), 0.1, sides=64), 2 * np.pi * 0.01),
    "hoop": (
        solids.tube(np.c_[solids.circle(1, 64), np.zeros(64)], 0.1, 32, closed=True),
        0.02 * np.pi**2,
    ),
    "lathe": (solids.lathe([(1, 0), (1, 2)], sides=64), 2 * np.pi),
    "slab": (solids.slab(solids.circle(1, 64), 0.5, (0, 0, 3)), 0.5 * np.pi),
    "bevelled slab": (solids.slab(solids.superellipse(2, 1, 6), 0.2, bevel=0.01), 0.38),
    "sheet": (
        solids.sheet(
            np.stack([np.stack([LINE, 0 * LINE, 0 * LINE + z], -1) for z in (0.0, 1.0)]), 0.1
        ),
        0.1,
    ),
    "mirrored": (solids.mirrored(solids.box((1, 2, 3), (5, 0, 0))), 6.0),
    "turned": (solids.turned(solids.box((1, 2, 3), (0, 0, 0)), 30, "y"), 6.0),
    "hull": (solids.hull(np.random.default_rng(0).normal(size=(50, 3))), None),
}


def assert_closed(solid: solids.Solid) -> trimesh.Trimesh:
    mesh = trimesh.Trimesh(solid.vertices, solid.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0, "faces turn counter-clockwise seen from outside"
    return mesh


@pytest.mark.parametrize("name", SOLIDS)
def test_solid_is_closed_and_as_large_as_it_says(name: str):
    solid, volume = SOLIDS[name]
    mesh = assert_closed(solid)
    if volume is not None:
        assert mesh.volume == pytest.approx(volume, rel=0.02)


def test_turning_is_right_handed():
    at_x = solids.box((0.1, 0.1, 0.1), (1, 0, 0))
    assert solids.turned(at_x, 90, "z").vertices.mean(axis=0) == pytest.approx((0, 1, 0), abs=1e-9)
    assert solids.turned(at_x, 90, "y").vertices.mean(axis=0) == pytest.approx((0, 0, -1), abs=1e-9)


# --- pieces


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("number", range(12))
def test_piece_is_sound(category: str, number: int):
    """Closed solids that stand on the floor, of a likely size, with a style that JSON can hold."""
    style = style_of(category, number)
    parts = parts_of(style)
    for part in parts:
        assert_closed(part.solid)
    vertices = np.concatenate([part.solid.vertices for part in parts])
    assert abs(vertices[:, 2].min()) < 0.02, "it stands on the floor"
    assert (np.ptp(vertices, axis=0) < 3.2).all()
    assert np.ptp(vertices, axis=0).max() > 0.4
    described_again = json.loads(json.dumps(described(style)))
    assert described_again == json.loads(json.dumps(described(style_of(category, number)))), (
        "a seed is a style"
    )


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("pieces", [20, pytest.param(40, marks=pytest.mark.slow)])
def test_no_two_pieces_look_the_same(category: str, pieces: int):
    """So many pieces from the same side: the nearest two still differ by more than noise."""
    pictures = []
    for number in range(pieces):
        surface = lit(parts_of(style_of(category, number)), finest=0.5)
        rgba = photograph(surface, framing(surface.vertices), VIEWS[3], 48, 1).astype(float) / 255
        pictures.append((rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]).ravel())
    gram = torch.cdist(torch.tensor(np.array(pictures)), torch.tensor(np.array(pictures)))
    gram.fill_diagonal_(torch.inf)
    assert gram.min() / np.sqrt(48 * 48 * 3) > 0.02


def test_another_seed_is_other_furniture():
    assert described(style_of("chair", 0, seed=0)) != described(style_of("chair", 0, seed=1))


# --- pictures


def test_views_are_those_of_the_rendered_chairs():
    names = [view.file_name for view in VIEWS]
    assert len(set(names)) == 62
    assert names[1] == "image_001_p020_t011_r096.png"
    assert "image_052_p030_t232_r096.png" in names
    assert names[31].startswith("image_032_p030_t000"), "the second elevation starts at 32"


@pytest.fixture(scope="module")
def chair():
    return lit(parts_of(style_of("chair", 0)))


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (20, 200, 120)])
def test_mask_is_exact(chair, background: tuple, monkeypatch):
    """Laid over any background, a picture is the one rendered over it, to 2/255."""
    from data_scripts.furniture.render import camera

    seen = {}
    developed = camera._developed

    def keep_samples(covered, rows, columns, size, samples):
        seen.update(covered=covered.copy(), rows=rows, columns=columns)
        return developed(covered, rows, columns, size, samples)

    monkeypatch.setattr(camera, "_developed", keep_samples)
    size, samples = 96, 3
    rgba = photograph(chair, framing(chair.vertices), VIEWS[5], size, samples).astype(float)
    laid_over = rgba[..., :3] * rgba[..., 3:] / 255 + np.array(background) * (
        1 - rgba[..., 3:] / 255
    )
    # The same rays once more; where one hits nothing it sees the background.
    fine = np.tile(np.array(background, float), (size * samples, size * samples, 1))
    window = np.ix_(seen["rows"], seen["columns"])
    color, hit = seen["covered"][:, :3] * 255, seen["covered"][:, 3:] > 0
    shape = (len(seen["rows"]), len(seen["columns"]), 3)
    fine[window] = np.where(hit, color, np.array(background, float)).reshape(shape)
    rendered = fine.reshape(size, samples, size, samples, 3).mean(axis=(1, 3))
    assert np.abs(laid_over - rendered).max() <= 2


def test_mask_of_a_ball_is_a_disc():
    """An oracle that is not the renderer: a ball's outline is a circle, whose area is known."""
    ball = solids.lathe(
        [(np.sin(t), 1 - np.cos(t)) for t in np.linspace(0.001, np.pi - 0.001, 120)], sides=160
    )
    surface = lit([Part(ball, Material("#888888"))], finest=1.0)
    camera = Framing(np.array([0, 0, 1.0]), 5.0, 0.3)
    alpha = photograph(surface, camera, VIEWS[0], 128, 4)[..., 3] / 255
    # The cone of sight touches a ball of radius 1 at distance 5 under the angle asin(1/5).
    radius = np.tan(np.arcsin(1 / 5)) / 0.3 * 64
    assert alpha.sum() == pytest.approx(np.pi * radius**2, rel=0.003)
    assert alpha[0].max() == 0
    rows = np.flatnonzero(alpha.any(axis=1))
    assert rows[0] + rows[-1] == pytest.approx(127, abs=1), "it is in the middle"


def test_azimuth_goes_round_the_right_way():
    """From azimuth 90 one sees the piece's right side (+x), with its front (-y) to the left."""
    red, blue = Material("#ff0000"), Material("#0000ff")
    parts = [
        Part(solids.box((1, 1, 1), (0.5, 0, 0.5)), red),
        Part(solids.box((0.4, 0.4, 2), (0, -0.8, 1)), blue),
    ]
    surface = lit(parts)
    view = next(view for view in VIEWS if view.azimuth == 92)
    rgba = photograph(surface, framing(surface.vertices), view, 64).astype(int)
    is_blue = (rgba[..., 2] > rgba[..., 0] + 20) & (rgba[..., 3] > 200)
    is_red = (rgba[..., 0] > rgba[..., 2] + 20) & (rgba[..., 3] > 200)
    assert is_blue.nonzero()[1].mean() < is_red.nonzero()[1].mean() - 5


def test_all_of_it_is_in_every_picture(chair):
    camera = framing(chair.vertices)
    for view in VIEWS[::7]:
        alpha = photograph(chair, camera, view, 64)[..., 3]
        assert not alpha[[0, -1]].any()
        assert not alpha[:, [0, -1]].any()
        assert alpha.any()


def test_light_comes_from_above_and_joints_are_not_dark():
    """A post in a block: what faces up is lightest, and nothing is black, not even inside."""
    grey = Material("#808080")
    block, leg = solids.box((1, 1, 0.3), (0, 0, 0.15)), solids.box((0.1, 0.1, 1.2), (0, 0, 0.6))
    surface = lit([Part(block, grey), Part(leg, grey)], finest=0.1)
    light, normal = surface.light.mean(axis=-1), surface.normal
    assert light[normal[..., 2] > 0.9].mean() > 2 * light[normal[..., 2] < -0.9].mean()
    assert light.min() > 0.05


# --- albums

SMALL = album.Settings(size=24, samples=1)


def pixels(folder, name: str) -> np.ndarray:
    return np.stack(
        [np.array(Image.open(p)) for p in sorted((folder / name / "renders").iterdir())]
    )


def test_models_take_turns():
    assert [m.name for m in album.models(5)] == [
        "chair_0000",
        "table_0000",
        "sofa_0000",
        "car_0000",
        "chair_0001",
    ]
    assert [m.name for m in album.models(2, ["sofa"])] == ["sofa_0000", "sofa_0001"]


def test_same_seed_same_pixels_in_one_process_or_two(tmp_path):
    wanted = album.models(2)
    for jobs in (1, 2):
        album.open_album(tmp_path / str(jobs), SMALL)
        assert len(list(album.render(wanted, tmp_path / str(jobs), SMALL, jobs))) == 2
    for model in wanted:
        assert (pixels(tmp_path / "1", model.name) == pixels(tmp_path / "2", model.name)).all()
        assert (tmp_path / "1" / model.name / "style.json").read_text().startswith("{")


def test_style_note_rebuilds_the_piece(tmp_path):
    album.open_album(tmp_path, SMALL)
    list(album.render(album.models(1), tmp_path, SMALL, 1))
    note = json.loads((tmp_path / "chair_0000" / "style.json").read_text())
    style = json.loads(
        json.dumps(described(style_of(note["category"], note["number"], note["seed"])))
    )
    assert style.items() <= note.items()


def test_a_stopped_run_goes_on(tmp_path):
    album.open_album(tmp_path, SMALL)
    running = album.render(album.models(3), tmp_path, SMALL, 1)
    next(running)
    running.close()
    (tmp_path / "table_0000.part" / "renders").mkdir(parents=True)  # as a killed run leaves it
    album.open_album(tmp_path, SMALL)
    assert not list(tmp_path.glob("*.part"))
    assert [m.name for m in album.missing(album.models(3), tmp_path)] == ["table_0000", "sofa_0000"]


def test_settings_must_agree(tmp_path):
    album.open_album(tmp_path, SMALL)
    with pytest.raises(album.AlbumError, match="size 24"):
        album.open_album(tmp_path, replace(SMALL, size=32))
    with pytest.raises(album.AlbumError, match="another version"):
        album.open_album(tmp_path, replace(SMALL, recipe="other"))


def test_strangers_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("ten years of work")
    with pytest.raises(album.AlbumError, match="something else"):
        album.open_album(tmp_path, SMALL)


def run(*arguments: str):
    import typer

    from data_scripts import render_furniture

    app = typer.Typer()
    app.command()(render_furniture.main)
    return CliRunner().invoke(app, arguments)


def test_command_renders_and_then_has_nothing_to_do(tmp_path):
    words = [
        "--models",
        "1",
        "--size",
        "16",
        "--samples",
        "1",
        "--jobs",
        "1",
        "--to",
        str(tmp_path / "out"),
    ]
    assert "1 models, 62 views each, 16 px" in run(*words).output
    style = tmp_path / "out" / "chair_0000" / "style.json"
    before = style.stat().st_mtime_ns
    assert run(*words).exit_code == 0
    assert style.stat().st_mtime_ns == before


def test_command_says_what_is_wrong(tmp_path):
    (tmp_path / "thesis.tex").write_text("ten years of work")
    for words, sentence in [
        (("--category", "lamp"), "There is no category lamp. There is: chair, table, sofa, car."),
        (("--to", str(tmp_path)), "has something else in it"),
        (("--to", str(tmp_path), "--fresh"), "--fresh leaves it alone"),
    ]:
        result = run("--models", "1", *words)
        assert result.exit_code == 1
        assert sentence in " ".join(result.output.split())
        assert "Traceback" not in result.output
    assert (tmp_path / "thesis.tex").exists()
