"""The numerical gradient check, against derivatives that are known."""

import pytest
import torch

from course_utils.training.gradient_check import numerical_gradient, relative_error


def test_a_polynomial_has_the_gradient_of_the_textbook():
    x = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]]).T  # not contiguous
    slope = numerical_gradient(lambda x: (x**3).sum(), x)
    assert slope.dtype == torch.float64
    assert slope.shape == (3, 2)
    torch.testing.assert_close(slope, 3 * x.double() ** 2, rtol=0, atol=1e-8)


def test_the_point_stays_where_it_is():
    x = torch.arange(4.0)
    numerical_gradient(lambda x: x.mul_(2).sum(), x)
    assert x.tolist() == [0, 1, 2, 3]


def test_it_finds_a_wrong_gradient_and_leaves_a_right_one():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, generator=generator)
    target = torch.eye(5)[:3].double()

    def loss(z):
        return torch.nn.functional.cross_entropy(z, target)

    right = (logits.double().softmax(dim=1) - target) / 3
    found = numerical_gradient(loss, logits)
    assert relative_error(found, right) < 1e-7
    assert relative_error(found, 3 * right) > 0.1
    assert relative_error(found, -right) > 1


def test_equal_to_the_last_bit_is_no_error_even_at_zero():
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0


def test_what_is_no_number_or_broadcasts_is_refused():
    with pytest.raises(ValueError, match="single number"):
        numerical_gradient(lambda x: x, torch.zeros(2))
    with pytest.raises(ValueError, match="shapes"):
        relative_error(torch.zeros(3, 1), torch.zeros(1, 3))
