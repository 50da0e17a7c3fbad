"""The packs: what is in them, that they are repeatable, and that a stale one is made again."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("embreex")  # it has no wheel for Linux on Arm

import typer

from course_utils.data.furniture_styles import load_furniture_styles
from course_utils.data.rendered_views import load_views
from data_scripts import make_packs
from data_scripts.furniture.styles import style_of
from data_scripts.make_packs import PACKS, STYLES, Furniture, FurnitureStyles, make_pack

SMALL = {
    "furniture": Furniture(models=1, size=16, samples=1),
    "furniture_styles": FurnitureStyles(
        train_models=2, test_models=1, pictures=2, size=16, samples=1
    ),
}
FEW = {name: STYLES[name] for name in ("pedestal table", "desk")}  # the quickest to light


@pytest.fixture
def one_core(monkeypatch):
    """Small packs, made in this process: what a pack holds does not depend on who draws it."""

    def in_turn(work, tasks, progress):
        for done, task in enumerate(tasks, start=1):
            if progress:
                progress(done, len(tasks))
            yield work(*task)

    monkeypatch.setattr(make_packs, "_on_all_cores", in_turn)
    monkeypatch.setattr(make_packs, "STYLES", FEW)
    monkeypatch.setattr(make_packs, "PACKS", dict(SMALL))


def stored(path) -> dict[str, np.ndarray]:
    with np.load(path) as columns:
        return dict(columns)


def test_furniture_is_a_pack_of_views(one_core, tmp_path):
    path = make_pack("furniture", tmp_path)
    views = load_views(path, size=16)
    assert len(views) == 4 * 62
    assert views.categories == ("chair", "table", "sofa", "car")
    assert views.names == ("chair_0000", "table_0000", "sofa_0000", "car_0000")
    assert views.category.bincount().tolist() == [62] * 4
    assert sorted(views.elevation.unique().tolist()) == [20, 30]
    assert len(views.azimuth.unique()) == 31
    cover = views.batch(views.index).mask.mean(dim=(1, 2, 3))
    assert cover.min() > 0.02
    assert cover.max() < 0.7


def test_furniture_lies_as_the_album_of_the_same_models(one_core, tmp_path):
    """render_furniture.py writes the same pictures of the same models, in the same order."""
    from data_scripts.furniture.album import Settings, models, render_model

    for model in models(4):
        render_model(model, tmp_path / "rendered", Settings(size=16, samples=1))
    folder = load_views(tmp_path / "rendered", size=16)
    pack = load_views(make_pack("furniture", tmp_path), size=16)
    for name in pack.names:
        ours = pack.select(pack.model == pack.names.index(name))
        theirs = folder.select(folder.model == folder.names.index(name))
        assert np.array_equal(ours.azimuth[ours.index], theirs.azimuth[theirs.index])
        assert np.array_equal(ours.pixels[ours.index], theirs.pixels[theirs.index])


def test_styles_have_what_the_loader_promises(one_core, tmp_path):
    data = load_furniture_styles(make_pack("furniture_styles", tmp_path))
    assert data.train_images.shape == (2 * 2 * 2, 3, 16, 16)
    assert data.test_images.shape == (2 * 1 * 2, 3, 16, 16)
    assert data.train_labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert data.test_labels.tolist() == [0, 0, 1, 1]
    assert data.classes == tuple(FEW)
    assert len({picture.numpy().tobytes() for picture in data.train_images}) == 8
    assert data.train_images.flatten(1).std(dim=1).min() > 0.01


def test_pictures_are_of_the_style_their_label_says_and_no_model_is_in_both_parts(
    one_core, tmp_path
):
    data = load_furniture_styles(make_pack("furniture_styles", tmp_path))
    for part in ("train", "test"):
        labels, models = getattr(data, f"{part}_labels"), getattr(data, f"{part}_models")
        for label, model in zip(labels.tolist(), models.tolist(), strict=True):
            category, is_one = FEW[data.classes[label]]
            assert is_one(style_of(category, model, SMALL["furniture_styles"].seed))
    train = set(zip(data.train_labels.tolist(), data.train_models.tolist(), strict=True))
    test = set(zip(data.test_labels.tolist(), data.test_models.tolist(), strict=True))
    assert len(train) == 4
    assert len(test) == 2
    assert not train & test


@pytest.mark.parametrize("name", SMALL)
def test_the_same_settings_give_the_same_bytes_and_another_seed_others(one_core, tmp_path, name):
    first = make_pack(name, tmp_path / "first").read_bytes()
    assert make_pack(name, tmp_path / "second").read_bytes() == first
    make_packs.PACKS[name] = replace(SMALL[name], seed=5)
    assert make_pack(name, tmp_path / "third").read_bytes() != first


def test_a_fresh_pack_is_left_alone_and_a_stale_or_damaged_one_made_again(one_core, tmp_path):
    path, asked = make_pack("furniture_styles", tmp_path), []
    whole = path.read_bytes()

    def count(done, total):
        asked.append((done, total))

    make_pack("furniture_styles", tmp_path, count)
    assert asked == []
    path.write_bytes(whole[:200])
    make_pack("furniture_styles", tmp_path, count)
    assert asked == [(done, 6) for done in range(1, 7)]
    assert path.read_bytes() == whole
    make_packs.PACKS["furniture_styles"] = replace(SMALL["furniture_styles"], pictures=1)
    make_pack("furniture_styles", tmp_path, count)
    assert len(asked) == 12
    assert len(stored(path)["train_labels"]) == 4


def test_the_code_is_part_of_the_fingerprint(monkeypatch):
    settings = SMALL["furniture"]
    before = make_packs.fingerprint(settings)
    assert make_packs.fingerprint(settings) == before
    monkeypatch.setattr(make_packs, "recipe", lambda: "another")
    assert make_packs.fingerprint(settings) != before


def test_what_fails_half_way_leaves_the_old_pack_and_no_litter(one_core, tmp_path):
    path = tmp_path / "furniture_styles.npz"
    path.write_bytes(b"old")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_pack("furniture_styles", tmp_path, stop)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_pack_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="There is: furniture, furniture_styles"):
        make_pack("chairs", tmp_path)


def test_the_command_line(one_core, tmp_path):
    app = typer.Typer()
    app.command()(make_packs.main)
    done = CliRunner().invoke(app, ["furniture_styles", "--to", str(tmp_path)])
    assert done.exit_code == 0
    assert "furniture_styles.npz" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["furniture_styles.npz"]
    assert CliRunner().invoke(app, ["chairs", "--to", str(tmp_path)]).exit_code == 1


def test_several_processes_keep_the_order_of_the_tasks():
    told = []
    results = make_packs._on_all_cores(
        divmod, [(n, 3) for n in range(9)], lambda *seen: told.append(seen)
    )
    assert list(results) == [divmod(n, 3) for n in range(9)]
    assert told == [(n, 9) for n in range(1, 10)]


def test_no_piece_belongs_to_two_styles_and_all_styles_are_met():
    met = dict.fromkeys(STYLES, 0)
    for category in dict.fromkeys(category for category, _ in STYLES.values()):
        mine = {name: is_one for name, (of, is_one) in STYLES.items() if of == category}
        for number in range(300):
            style = style_of(category, number, PACKS["furniture_styles"].seed)
            names = [name for name, is_one in mine.items() if is_one(style)]
            assert len(names) <= 1, (category, number, names)
            for name in names:
                met[name] += 1
    assert min(met.values()) >= 5
