"""The colorizer's scores, against the closed-form floors and numbers worked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_utils.color.bayes_bounds import best_distribution, cross_entropy_floor, shares
from course_utils.color.scores import chroma_ratio, expected_cross_entropy, plausible_share
from course_utils.color.world import WORLD

CHAIR, TABLE = 2, 3
# (121, 2)
BINS = torch.cartesian_prod(torch.arange(-100, 101, 20.0), torch.arange(-100, 101, 20.0))


def encode(ab):
    squares = (ab.movedim(1, -1)[..., None, :] - BINS).square().sum(dim=-1)
    return torch.softmax(-squares / 200, dim=-1).movedim(-1, 1)


def some_kinds(*size):
    return torch.randint(len(WORLD), size, generator=torch.Generator().manual_seed(0))


def some_logits(batch, height, width):
    return torch.randn(batch, len(BINS), height, width, generator=torch.Generator().manual_seed(1))


def test_the_best_answer_reaches_the_floor():
    kind = some_kinds(3, 4, 5)
    best = torch.stack([best_distribution(palette, encode) for palette in WORLD])  # (K, Q)
    found = expected_cross_entropy(best.clamp(min=1e-30).log()[kind].movedim(-1, 1), kind, encode)
    assert found.item() == pytest.approx(cross_entropy_floor(shares(kind), encode).item(), rel=1e-5)


def test_who_knows_nothing_pays_log_q():
    kind = some_kinds(2, 3, 4)
    logits = torch.full((2, len(BINS), 3, 4), -7.0)
    found = expected_cross_entropy(logits, kind, encode)
    assert found.item() == pytest.approx(math.log(len(BINS)), rel=1e-6)


def test_it_is_the_mean_over_the_tosses():
    """Each colour in turn, with its odds, pixel by pixel."""
    kind, logits, expected = some_kinds(2, 3, 4), some_logits(2, 3, 4), 0.0
    for scores, index in zip(
        logits.movedim(1, -1).flatten(0, 2), kind.flatten().tolist(), strict=True
    ):
        for color, odds in zip(WORLD[index].colors, WORLD[index].odds, strict=True):
            code = encode(torch.tensor(color).view(1, 2, 1, 1)).flatten()
            expected += odds * F.cross_entropy(scores, code).item() / kind.numel()
    assert expected_cross_entropy(logits, kind, encode).item() == pytest.approx(expected, rel=1e-5)


def painted(colors, kinds):
    """A row of pixels in these colours, each of its kind."""
    return torch.tensor(colors, dtype=torch.float32).T.view(1, 2, 1, -1), torch.tensor(kinds).view(
        1, 1, -1
    )


def test_owned_colors_of_each_kind():
    chair, table = WORLD[CHAIR].colors, WORLD[TABLE].colors
    away = [(a + 9.0, b - 12.0) for a, b in chair]  # 15 from the colour itself
    ab, kind = painted(
        [*chair, *away, table[0], *table, chair[1], (0, 0)], [CHAIR] * 7 + [TABLE] * 4
    )
    nothing = [math.nan] * 2
    expected = [*nothing, 6 / 7, 2 / 4, *nothing]
    assert plausible_share(ab, kind).tolist() == pytest.approx(expected, nan_ok=True)
    assert plausible_share(ab, kind, within=14.9)[CHAIR].item() == pytest.approx(3 / 7)
    assert plausible_share(ab, kind, within=500)[TABLE].item() == 1


def test_a_mean_of_colors_is_not_owned():
    table = WORLD[TABLE]
    ab, kind = painted([tuple((table.probability @ table.ab).tolist())], [TABLE])
    assert plausible_share(ab, kind)[TABLE].item() == 0


def test_chroma_ratio_of_each_kind():
    table = WORLD[TABLE]
    true = 0.75 * math.hypot(40, -44) + 0.25 * math.hypot(-28, 24)
    ab, kind = painted([(30.0, 40.0), (0.0, -10.0), (8.0, 56.0)], [TABLE, TABLE, 5])
    found = chroma_ratio(ab, kind)
    assert found[TABLE].item() == pytest.approx((50 + 10) / 2 / true)
    assert found[5].item() == pytest.approx(1), "the car's colour is certain"
    assert found[:3].isnan().all()
    ab, kind = painted([*[table.colors[0]] * 3, table.colors[1]], [TABLE] * 4)
    assert chroma_ratio(ab, kind)[TABLE].item() == pytest.approx(1), "three of four tosses"


def test_scores_have_the_colors_dtype():
    ab, kind = painted([(1.0, 2.0)], [0])
    for dtype in (torch.float32, torch.float64):
        assert (
            plausible_share(ab.to(dtype), kind).dtype
            == chroma_ratio(ab.to(dtype), kind).dtype
            == dtype
        )
