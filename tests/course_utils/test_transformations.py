"""The generator's transformations: their ranges, and the reference that applies them."""

import math

import pytest
import torch

from course_utils.data.rendered_views import RenderedViews
from course_utils.data.transformations import (
    IDENTITY,
    PARAMETERS,
    Transformed,
    curriculum,
    sample_parameters,
)
from course_utils.reference.chair_generator import encode_transformation, transform_image


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def parameters(**changed: float) -> torch.Tensor:
    return torch.tensor(
        [[changed.get(name, value) for name, value in zip(PARAMETERS, IDENTITY, strict=True)]]
    )


@pytest.fixture
def picture() -> tuple[torch.Tensor, torch.Tensor]:
    """(1, 3, 20, 20) image over black, and its mask: something in the middle with no symmetry."""
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 6:14, 7:12] = 1
    return torch.rand(1, 3, 20, 20, generator=seeded()) * mask, mask


def test_ranges_are_the_authors():
    drawn = sample_parameters(40_000, seeded())
    for column, (low, high) in {
        "shift_x": (-0.1, 0.1),
        "shift_y": (-0.1, 0.1),
        "rotation": (-0.2, 0.2),
        "zoom_x": (math.exp(-0.4), math.exp(0.4)),  # zoom and squeeze together
        "zoom_y": (math.exp(-0.4), math.exp(0.4)),
        "saturation": (math.exp(-0.7), math.exp(0.7)),
        "brightness": (math.exp(-0.7), math.exp(0.7)),
        "hue": (-1.5, 1.5),
    }.items():
        values = drawn[:, PARAMETERS.index(column)]
        assert low <= values.min() < low + 0.02 * (high - low), column
        assert high - 0.02 * (high - low) < values.max() <= high, column
    squeeze = (drawn[:, 3] / drawn[:, 4]).log() / 2
    assert squeeze.abs().max() == pytest.approx(0.1, abs=0.001)
    assert drawn[:, 5].log().mean().abs() < 0.01, "factors are drawn evenly in the logarithm"


def test_spread_narrows_them():
    assert torch.equal(sample_parameters(5, seeded(), spread=0.0), torch.tensor([IDENTITY] * 5))
    half, full = (
        encode_transformation(sample_parameters(9, seeded(), spread)) for spread in (0.5, 1.0)
    )
    assert torch.allclose(half, full / 2, atol=1e-6)
    with pytest.raises(ValueError, match="negative"):
        sample_parameters(1, seeded(), -1)


def test_curriculum():
    assert curriculum(0, start=0.2) == pytest.approx(0.2)
    assert curriculum(10**7, start=0.2) == pytest.approx(1.0)
    assert curriculum(100_000, start=0.0) == pytest.approx(math.tanh(0.5)), (
        "2/(1+exp(-x)) - 1 = tanh(x/2)"
    )


def test_identity(picture):
    image, mask = transform_image(*picture, parameters())
    assert torch.allclose(image, picture[0], atol=1e-6)
    assert torch.equal(mask, picture[1])
    assert torch.equal(encode_transformation(parameters()), torch.zeros(1, 8))


def test_encoding_is_the_logarithm_of_factors():
    code = encode_transformation(
        parameters(shift_x=-0.1, rotation=0.2, zoom_x=2.0, brightness=0.5, hue=-1.0)
    )
    expected = [-0.1, 0, 0.2, math.log(2), 0, 0, -math.log(2), -1.0]
    assert torch.allclose(code, torch.tensor([expected]))


def test_encoding_has_a_gradient_without_nan():
    drawn = sample_parameters(5, seeded()).requires_grad_()
    encode_transformation(drawn).sum().backward()
    assert torch.allclose(drawn.grad[:, 3:7], 1 / drawn[:, 3:7])
    assert torch.equal(drawn.grad[:, [0, 1, 2, 7]], torch.ones(5, 4))


def test_shift_goes_right_and_down(picture):
    image, mask = transform_image(*picture, parameters(shift_x=0.1, shift_y=-0.05))
    assert torch.allclose(image[..., :-1, 2:], picture[0][..., 1:, :-2], atol=1e-5)
    assert torch.allclose(mask[..., :-1, 2:], picture[1][..., 1:, :-2], atol=1e-5)


def test_quarter_turn_is_clockwise(picture):
    image, mask = transform_image(*picture, parameters(rotation=math.pi / 2))
    assert torch.allclose(image, picture[0].rot90(-1, (-2, -1)), atol=1e-4)
    assert torch.allclose(mask, picture[1].rot90(-1, (-2, -1)), atol=1e-4)


def test_a_turn_keeps_lengths_where_a_picture_is_wider_than_high():
    mask = torch.zeros(1, 1, 20, 40)
    mask[..., 6:14, 18:22] = 1  # eight down and four across
    _, turned = transform_image(mask.expand(1, 3, 20, 40), mask, parameters(rotation=math.pi / 2))
    expected = torch.zeros_like(mask)
    expected[..., 8:12, 16:24] = 1
    assert torch.allclose(turned, expected, atol=1e-4)


def test_each_picture_has_its_own_parameters(picture):
    rows = torch.cat([parameters(shift_x=0.1, hue=0.5), parameters(rotation=0.3, zoom_y=1.4)])
    together = transform_image(*(planes.expand(2, -1, -1, -1) for planes in picture), rows)
    for index in (0, 1):
        alone = transform_image(*picture, rows[index : index + 1])
        assert all(
            torch.allclose(a[index], b[0], atol=1e-6) for a, b in zip(together, alone, strict=True)
        )


def test_zoom_multiplies_the_area(picture):
    _, mask = transform_image(*picture, parameters(zoom_x=1.5, zoom_y=0.5))
    assert mask.sum() == pytest.approx(0.75 * picture[1].sum().item(), rel=0.01)


def test_zoom_then_shift_then_turn(picture):
    """One after the other is the same as all at once, in this order and in no other."""
    at_once = transform_image(
        *picture, parameters(shift_x=0.15, rotation=math.pi / 2, zoom_x=0.5, zoom_y=0.5)
    )
    steps = picture
    for change in ({"zoom_x": 0.5, "zoom_y": 0.5}, {"shift_x": 0.15}, {"rotation": math.pi / 2}):
        steps = transform_image(*steps, parameters(**change))
    assert torch.allclose(at_once[0], steps[0], atol=1e-4)
    assert torch.allclose(at_once[1], steps[1], atol=1e-4)


def test_colors_change_and_the_mask_does_not(picture):
    image, mask = picture
    assert torch.allclose(
        transform_image(image / 2, mask, parameters(brightness=1.5))[0], image * 0.75, atol=1e-6
    )
    grey = transform_image(image, mask, parameters(saturation=0.0))[0]
    assert torch.allclose(grey, image.mean(dim=1, keepdim=True).expand_as(grey), atol=1e-6)
    turned, same = transform_image(image * 0.4 + 0.3 * mask, mask, parameters(hue=1.0))
    assert torch.allclose(turned.mean(dim=1), (image * 0.4 + 0.3 * mask).mean(dim=1), atol=1e-5), (
        "brightness stays"
    )
    assert not torch.allclose(turned, image * 0.4 + 0.3 * mask, atol=0.02)
    assert torch.equal(same, mask)
    assert torch.equal(turned * (1 - mask), torch.zeros_like(turned)), "black stays black"


def test_a_whole_turn_of_hue_is_none(picture):
    image, mask = picture
    assert torch.allclose(
        transform_image(image, mask, parameters(hue=2 * math.pi))[0], image, atol=1e-5
    )


def make_views() -> RenderedViews:
    many = 12
    pixels = torch.zeros(many, 16, 16, 4, dtype=torch.uint8)
    pixels[:, 5:11, 5:11] = torch.tensor([120, 60, 30, 255], dtype=torch.uint8)
    zeros = torch.zeros(many)
    category = torch.zeros(many, dtype=torch.int64)
    numbers, names = torch.arange(many), tuple("abcdefghijkl")
    return RenderedViews(
        pixels, numbers, category, zeros, zeros, names, ("chair",), torch.arange(many)
    )


def test_transformed_epochs_differ_and_runs_do_not():
    def epochs() -> list[torch.Tensor]:
        data = Transformed(make_views(), transform_image, seed=4)
        return [torch.cat([batch.parameters for batch in data.batches(5)]) for _ in range(2)]

    first, second = epochs()
    assert first.shape == (12, 8)
    assert not torch.equal(first, second)
    assert torch.equal(torch.cat(epochs()), torch.cat([first, second]))


def test_transformed_image_and_mask_go_together():
    for batch in Transformed(make_views(), transform_image).batches(6):
        assert torch.equal(batch.image * (batch.mask == 0), torch.zeros_like(batch.image))
        assert not torch.equal(batch.mask, batch.views.mask)
        assert (
            (batch.image.sum(dim=1, keepdim=True) > 0) == (batch.mask > 0)
        ).float().mean() > 0.99
