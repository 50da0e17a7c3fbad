"""The colour world: lightness does not reveal colours, colours are in gamut, bounds are right."""

import numpy as np
import pytest
import torch
from skimage.color import lab2xyz

from course_utils.color import AB_SCALE, L_CENTER, L_SCALE, SRGB_TO_XYZ
from course_utils.color import bayes_bounds as floors
from course_utils.color.world import PIECES, WORLD, make_scenes
from course_utils.data.rendered_views import RenderedViews
from course_utils.reference.colorization import (
    ab_bins,
    annealed_mean,
    color_prior,
    l2_loss,
    multinomial_cross_entropy,
    rebalancing_weights,
    soft_encode,
)

BINS = ab_bins()
PALETTES = {palette.name: palette for palette in WORLD}


def encode(ab: torch.Tensor) -> torch.Tensor:
    return soft_encode(ab, BINS)


def decode(logits: torch.Tensor) -> torch.Tensor:
    return annealed_mean(logits, BINS)


@pytest.fixture(scope="module")
def views() -> RenderedViews:
    """A shape for each category, shaded from left to right: cut-outs in place of furniture."""
    rgba = torch.zeros(8, 64, 64, 4, dtype=torch.uint8)
    rgba[..., :3] = (torch.arange(64) * 3 + 30).to(torch.uint8)[None, None, :, None]
    for i in range(8):
        rgba[i, 10 + 2 * i : 58, 12:50, 3] = 255
    category = torch.arange(8) % 4
    angle = torch.zeros(8)
    names = tuple(f"{i}" for i in range(8))
    kinds = ("chair", "table", "sofa", "car")
    return RenderedViews(
        rgba, torch.arange(8), category, angle, angle, names, kinds, torch.arange(8)
    )


@pytest.fixture(scope="module")
def scenes(views):
    return make_scenes(views, 60, seed=1)


# --- scenes
# ----------------------------------------------------------------------------------------------


def test_shapes_and_scales(scenes):
    assert scenes.lightness.shape == (60, 1, 64, 64)
    assert scenes.ab.shape == (60, 2, 64, 64)
    assert scenes.kind.shape == (60, 64, 64)
    assert scenes.lightness.dtype == scenes.ab.dtype == torch.float32
    assert scenes.kind.unique().tolist() == list(range(len(WORLD)))


def test_lightness_does_not_know_the_toss(views, scenes):
    again = make_scenes(views, 60, seed=1, toss_seed=99)
    assert torch.equal(again.lightness, scenes.lightness)
    assert torch.equal(again.kind, scenes.kind)
    assert not torch.equal(again.ab, scenes.ab)


def test_same_seed_same_scenes(views, scenes):
    for ours, theirs in zip(make_scenes(views, 60, seed=1), scenes, strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(make_scenes(views, 60, seed=2).lightness, scenes.lightness)


def test_lightness_is_in_the_range_of_its_kind(scenes):
    lightness = scenes.lightness[:, 0] * L_SCALE + L_CENTER
    for index, palette in enumerate(WORLD):
        own = lightness[scenes.kind == index]
        assert palette.lightness[0] - 1e-3 <= own.min()
        assert own.max() <= palette.lightness[1] + 1e-3
        assert own.max() - own.min() > 0.6 * (palette.lightness[1] - palette.lightness[0]), (
            "it has a shape"
        )


def test_every_pixel_has_a_color_of_its_kind(scenes):
    ab = (scenes.ab * AB_SCALE).movedim(1, -1)
    for index, palette in enumerate(WORLD):
        offsets = ab[scenes.kind == index][:, None] - palette.ab
        assert offsets.norm(dim=-1).min(dim=1).values.max() < 1e-3


def test_each_piece_has_one_color(views):
    """Two pieces of a scene are tossed apart, the pixels of one together."""
    scenes = make_scenes(views, 200, seed=3)
    ab = (scenes.ab * AB_SCALE).round().long()
    several = 0
    for scene, kind in zip(ab, scenes.kind, strict=True):
        for index in range(2, len(WORLD)):
            colors = scene.movedim(0, -1)[kind == index].unique(dim=0)
            assert len(colors) <= PIECES[1]
            several += len(colors) > 1
    assert several > 0, "two chairs of one room may differ"


@pytest.mark.parametrize("palette", WORLD, ids=lambda p: p.name)
def test_every_color_is_in_the_gamut(palette):
    """Outside it sRGB would clip, and the clipping would show the toss in the lightness."""
    lightness = np.linspace(*palette.lightness, 200)
    for a, b in palette.colors:
        lab = np.stack([lightness, np.full(200, a), np.full(200, b)], axis=-1)
        linear = lab2xyz(lab) @ np.linalg.inv(SRGB_TO_XYZ.numpy()).T
        assert linear.min() >= 0
        assert linear.max() <= 1


@pytest.mark.parametrize("palette", WORLD, ids=lambda p: p.name)
def test_odds_are_odds(palette):
    assert sum(palette.odds) == pytest.approx(1)
    assert len(palette.odds) == len(palette.colors)


def test_tosses_follow_the_odds(views):
    """Frequencies of each first colour, over 25 draws for 40 rooms: within 4 deviations."""
    wins, tosses = dict.fromkeys(PALETTES, 0), dict.fromkeys(PALETTES, 0)
    for toss_seed in range(25):
        scenes = make_scenes(views, 40, seed=5, toss_seed=toss_seed)
        for index, palette in enumerate(WORLD):
            for ab, kind in zip(scenes.ab * AB_SCALE, scenes.kind, strict=True):
                own = ab.movedim(0, -1)[kind == index]
                if len(
                    own
                ):  # a room has at most three pieces; its first pixel stands for one of them
                    tosses[palette.name] += 1
                    wins[palette.name] += int(torch.dist(own[0], palette.ab[0]) < 1e-3)
    for palette in WORLD:
        odds, many = palette.odds[0], tosses[palette.name]
        assert many > 300
        assert abs(wins[palette.name] / many - odds) <= 4 * (odds * (1 - odds) / many) ** 0.5


def test_every_fourth_pixel(scenes):
    targets = scenes.every(4)
    assert targets.ab.shape == (60, 2, 16, 16)
    assert torch.equal(targets.ab[:, :, 3, 5], scenes.ab[:, :, 14, 22])
    assert torch.equal(targets.kind[:, 3, 5], scenes.kind[:, 14, 22])


def test_tossed_anew_the_rooms_stay_and_colors_change_piece_by_piece(views, scenes):
    again = scenes.tossed(99)
    for ours, theirs in zip(again, make_scenes(views, 60, seed=1, toss_seed=99), strict=True):
        assert torch.equal(ours, theirs)
    coarse = scenes.every(4)
    assert torch.equal(coarse.tossed(99).ab, again.every(4).ab)
    changed = (again.ab != scenes.ab).any(dim=1)
    assert changed.any()
    of_piece = scenes.piece + 8 * torch.arange(60, dtype=torch.int64)[:, None, None]
    assert all(len(changed[of_piece == piece].unique()) == 1 for piece in of_piece.unique())


def test_split(scenes):
    first, rest = scenes.split(45)
    assert (len(first.ab), len(rest.kind)) == (45, 15)
    assert torch.equal(rest.lightness[0], scenes.lightness[45])


def test_a_world_without_cars_is_refused(views):
    with pytest.raises(
        ValueError, match="needs a car, and these views have chair, table, sofa only"
    ):
        make_scenes(views.of_category("chair", "table", "sofa").renumbered(), 2)


# --- floors, held against brute force
# --------------------------------------------------------------------


def tossed(palette, many: int = 20_000) -> torch.Tensor:
    """(many, 2) float64: the colours of evenly spaced luck, which integrates over the toss."""
    luck = (np.arange(many) + 0.5) / many
    return palette.ab.double()[np.searchsorted(np.cumsum(palette.odds)[:-1], luck, "right")]


def minimised(loss, start: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Where a loss is least, and how much that is, by nothing but its values and slopes."""
    at = start.clone().requires_grad_()
    descent = torch.optim.LBFGS(
        [at], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def step() -> torch.Tensor:
        descent.zero_grad()
        value = loss(at)
        value.backward()
        return value

    descent.step(step)
    return at.detach(), loss(at).item()


@pytest.mark.parametrize("palette", WORLD, ids=lambda p: p.name)
def test_l2_floor_and_chroma_by_brute_force(palette):
    colors = tossed(palette)
    best, least = minimised(
        lambda ab: (colors - ab).square().sum(dim=1).mean(), torch.zeros(2).double()
    )
    assert floors.variance(palette).item() == pytest.approx(least, abs=1e-3 * max(1, least))
    assert torch.allclose(floors.mean_color(palette).double(), best, atol=1e-3)
    ratio = best.norm() / colors.norm(dim=1).mean()
    assert floors.chroma_under_l2(palette).item() == pytest.approx(ratio.item(), abs=1e-3)


@pytest.mark.parametrize("palette", WORLD, ids=lambda p: p.name)
def test_cross_entropy_floor_by_brute_force(palette):
    colors = tossed(palette, 1000).float()
    codes = encode(colors.T[None, :, :, None])  # (1, Q, 1000, 1)
    mean_code = codes.mean(dim=2)[0, :, 0].double()  # the loss is linear in the target

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return multinomial_cross_entropy(logits.view(1, -1, 1, 1), mean_code.view(1, -1, 1, 1))

    best, least = minimised(loss, torch.zeros(len(BINS)).double())
    floor = floors.entropy(floors.best_distribution(palette, encode)).item()
    assert floor == pytest.approx(least, abs=1e-3)
    decoded = decode(best.float().view(1, -1, 1, 1)).flatten()
    ratio = decoded.norm() / colors.norm(dim=1).mean()
    assert floors.chroma_under_multinomial(palette, encode, decode).item() == pytest.approx(
        ratio.item(), abs=0.01
    )


def test_rebalanced_floor_by_brute_force():
    """The weighted loss, minimised: each sample has the weight of its own colour's nearest bin."""
    palette = PALETTES["sofa"]
    weights = rebalancing_weights(
        color_prior(tossed(palette, 100).float().T[None, :, :, None], BINS), lam=0.3
    )
    weights = weights.double()
    codes = encode(tossed(palette, 100).float().T[None, :, :, None]).double()

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return multinomial_cross_entropy(logits.view(1, -1, 1, 1).expand_as(codes), codes, weights)

    best, least = minimised(loss, torch.zeros(len(BINS)).double())
    only_sofas = torch.tensor([each is palette for each in WORLD]).double()
    floor = floors.cross_entropy_floor(only_sofas, encode, weights.float())
    assert floor.item() == pytest.approx(least, abs=1e-3)
    brute = decode(best.float().view(1, -1, 1, 1)).flatten()
    assert torch.allclose(
        floors.best_color(palette, encode, decode, weights.float()), brute, atol=0.05
    )
    assert brute.norm() > floors.best_color(palette, encode, decode).norm(), (
        "rebalancing is more colourful"
    )


def test_floors_of_whole_scenes(views, scenes):
    """Over many draws of colours, the best constant predictions' losses approach the bounds."""
    share = floors.shares(scenes.kind)
    assert share.sum().item() == pytest.approx(1)
    means = torch.stack([floors.mean_color(palette) for palette in WORLD])
    logits = torch.stack([floors.best_distribution(palette, encode) for palette in WORLD]).log()
    squared, entropies = [], []
    for toss_seed in range(40):
        tossing = make_scenes(views, 60, seed=1, toss_seed=toss_seed).every(4)
        ab = tossing.ab * AB_SCALE
        squared.append(2 * l2_loss(means[tossing.kind].movedim(-1, 1), ab))
        answer = logits.clamp(min=-40)[tossing.kind].movedim(-1, 1)
        entropies.append(multinomial_cross_entropy(answer, encode(ab)))
    coarse = floors.shares(scenes.every(4).kind)
    for measured, floor in (
        (squared, floors.l2_floor(coarse)),
        (entropies, floors.cross_entropy_floor(coarse, encode)),
    ):
        samples = torch.stack(measured).double()
        standard_error = samples.std() / len(samples) ** 0.5
        assert abs(samples.mean() - floor) < 4 * standard_error + 1e-3


def test_ambiguous_kinds_grey_under_l2_and_certain_ones_do_not():
    for name in ("wall", "floor", "car"):
        assert floors.chroma_under_l2(PALETTES[name]).item() == pytest.approx(1)
    for name in ("chair", "table", "sofa"):
        assert floors.chroma_under_l2(PALETTES[name]) < 0.8
    for name in ("chair", "table"):
        assert floors.chroma_under_multinomial(PALETTES[name], encode, decode) > 0.92


@pytest.mark.parametrize("name", ["chair", "table"])
def test_l2_answer_is_no_color_that_the_thing_owns(name: str):
    """Farther than 15 units from each of them: plausible and implausible can be told apart."""
    palette = PALETTES[name]
    assert torch.cdist(floors.mean_color(palette)[None], palette.ab).min() > 15
    best = floors.best_color(palette, encode, decode)
    assert torch.cdist(best[None], palette.ab).min() < 15
