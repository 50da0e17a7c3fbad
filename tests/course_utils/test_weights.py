"""Networks in files: what comes back, and what is told of a file that does not fit."""

import pytest
import torch
from torch import nn

from course_utils.training.weights import load_weights, save_weights


def network() -> nn.Module:
    """With parameters, with buffers of both kinds, and laid out as convolutions like it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    model(torch.randn(5, 3, 6, 7))  # moves the running statistics
    return model.to(memory_format=torch.channels_last)


def test_what_is_saved_comes_back_up_to_half_precision(tmp_path):
    kept, empty = (
        network(),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)),
    )
    assert load_weights(empty, save_weights(kept, tmp_path / "net.safetensors")) is empty
    for name, tensor in kept.state_dict().items():
        found = empty.state_dict()[name]
        assert found.dtype == tensor.dtype
        assert torch.allclose(found.double(), tensor.double(), rtol=2**-10, atol=1e-6)
    assert empty[1].num_batches_tracked == 1


def test_a_number_takes_two_bytes(tmp_path):
    model = nn.Linear(300, 300)
    assert save_weights(model, tmp_path / "net.safetensors").stat().st_size < 2 * 300 * 301 + 500
    assert model.weight.dtype == torch.float32


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 70000.0])
def test_what_half_precision_can_not_hold_is_told_and_nothing_is_written(tmp_path, value):
    model = nn.Linear(2, 2)
    nn.init.constant_(model.bias, value)
    with pytest.raises(ValueError, match="bias holds a NaN or a number"):
        save_weights(model, tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_or_does_not_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match="run the cell that trains"):
        load_weights(nn.Linear(2, 2), tmp_path / "net.safetensors")
    path = save_weights(nn.Linear(2, 2), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="weights of another network"):
        load_weights(nn.Linear(2, 3), path)
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(ValueError, match="damaged"):
        load_weights(nn.Linear(2, 2), path)
