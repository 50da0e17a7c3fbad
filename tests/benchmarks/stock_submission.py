"""The `submission` of a hidden check in stock nbgrader: the functions are in the kernel itself.

The source of this module is copied into the cells of the stock notebook: see stock_cells.py. It
imports nothing of the judge. `StockSubmission` answers as
`autograder.judge.checking.submission.LocalSubmission` does.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import safetensors.torch
import torch
from torch import Tensor

from autograder.checks.expect import Failure


class StockSubmission:
    """Calls the student's functions by their names.

    student  the notebook's names: its `globals()`
    """

    def __init__(self, student: Mapping[str, object]) -> None:
        self.student, self.calls = student, []

    def __getattr__(self, task: str) -> "Guarded":
        if task not in self.student:
            raise Failure("not defined", f"there is no `{task}`")
        return Guarded(self, self.student[task])

    def gradient_of(self, task, *args, wrt: int = 0, cotangent=None, **kwargs) -> Tensor:
        """The gradient of a task, or of what one has returned, by its argument number `wrt`."""
        function = task.function if isinstance(task, Guarded) else getattr(self, task).function

        def differentiate(*args, **kwargs) -> Tensor:
            leaf = args[wrt].detach().requires_grad_()
            result = function(*args[:wrt], leaf, *args[wrt + 1 :], **kwargs)
            parts = list(result) if isinstance(result, tuple | list) else [result]
            if not all(isinstance(part, Tensor) and part.requires_grad for part in parts):
                raise Failure("no gradient", "no gradient flows back to the input")
            (gradient,) = torch.autograd.grad(parts, [leaf], cotangent, allow_unused=True)
            if gradient is None:
                raise Failure("no gradient", "no gradient flows back to the input")
            return gradient

        return self.call(differentiate, args, kwargs)

    def saved(self, name: str) -> dict[str, Tensor]:
        """The tensors of a file that is handed in beside the notebook."""
        try:
            return safetensors.torch.load_file(Path(name))
        except Exception:
            raise Failure("not handed in", f"`{name}` is missing or damaged") from None

    def call(self, function: Callable, args: tuple, kwargs: dict[str, object]):
        """Call it with copies of the arguments. Raises Failure for whatever goes wrong in it."""
        given = deepcopy((args, kwargs))
        try:
            result = function(*given[0], **given[1])
        except Failure:
            raise
        except NotImplementedError:
            raise Failure("not solved", "this is not written yet") from None
        except Exception as error:
            raise Failure("error", f"the call raised {type(error).__name__}") from None
        self.calls.append(SimpleNamespace(changed=not is_same(given, (args, kwargs))))
        return Guarded(self, result) if isinstance(result, torch.nn.Module) else result


class Guarded:
    """A student's function, or a network that one has returned: its errors become failures."""

    def __init__(self, submission: "StockSubmission", function: object) -> None:
        self.submission, self.function = submission, function

    def __call__(self, *args: object, **kwargs: object):
        return self.submission.call(self.function, args, kwargs)

    def __getattr__(self, name: str) -> "Guarded":
        return Guarded(self.submission, getattr(self.function, name))


def is_same(one: object, other: object) -> bool:
    """Whether the tensors in two arguments hold the same; a NaN equals itself here."""
    if isinstance(one, Tensor):
        return torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return True
