"""How libraries convolve, pool and normalise: what a task that writes these out may not call.

torch's operators are looked up by name, so that those of a new version are among them. Python
functions are listed, also those that only some versions have: torch's for the sentence that names
the call, as the operators behind them are blocked as well; those of NumPy, SciPy and scikit-image
because nothing else can be blocked.

The lists of names, and which steps are allowed: course_utils.written_out, which the visible checks
read as well.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

from course_utils import written_out

NO_KERNELS = ("prim::", "inductor::", "mempool::")  # nothing to block there


def _register_torchvision() -> None:
    """Register torchvision's operators, without the two seconds that importing it takes."""
    spec = find_spec("torchvision")
    libraries = [*Path(spec.origin).parent.glob("_C*")] if spec and spec.origin else []
    try:
        for library in libraries:
            torch.ops.load_library(library)
    except OSError:
        libraries = []
    if not libraries:
        import_module("torchvision.ops")


def operators(pattern: str) -> list[str]:
    """The names of torch's operators, such as aten::convolution, that match a pattern somewhere."""
    names = sorted({schema.name for schema in torch._C._jit_get_all_schemas()})
    return [name for name in names if re.search(pattern, name) and not name.startswith(NO_KERNELS)]


_register_torchvision()
CONVOLUTION_OPERATORS = operators(r"conv(?!ert)")
CONVOLUTIONS = written_out.CONVOLUTIONS
POOLING_OPERATORS = operators(r"max_pool|roi_pool")
POOLINGS = written_out.POOLINGS
SOFTMAX_OPERATORS = operators(r"softmax|dot_product|multi_head|flash_attention|efficient_attention")
SOFTMAXES = written_out.SOFTMAXES
CROSS_ENTROPY_OPERATORS = operators(r"cross_entropy|::nll_loss|kl_div")
CROSS_ENTROPIES = written_out.CROSS_ENTROPIES
