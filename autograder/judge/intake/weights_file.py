"""Trained networks that are submitted with the notebook: untrusted safetensors files."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from autograder.checks import Failure
from autograder.judge.limits import MB

LARGEST = 64 * MB


def saved_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name. It holds numbers only, and nothing of it is run.

    Raises Failure, for its student: it is not there, too large, or no such file.
    """
    content = saved_bytes(path)
    if content is None:
        raise Failure(
            "not handed in",
            f"there is no `{path.name}` beside the notebook: run the cell that saves it, and hand "
            "in both",
        )
    if len(content) > LARGEST:
        raise Failure("wrong type", f"`{path.name}` is larger than {LARGEST // MB} MB")
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
        raise Failure(
            "wrong type", f"`{path.name}` is damaged, or no file of safetensors"
        ) from None


def saved_bytes(path: Path) -> bytes | None:
    """A file's content, at most one byte over the limit; None if it is not an ordinary file."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError:
        return None
