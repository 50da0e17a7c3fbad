"""How libraries convolve, pool and normalise: what a task that writes these out may not call.

torch's operators are looked up by name, so that those of a new version are among them. Python
functions are listed: torch's for the sentence that names the call, as the operators behind them are
blocked as well; those of NumPy, SciPy and scikit-image because nothing else can be blocked.

The lists of names, and which steps are allowed: course_utils.written_out, which the visible checks
read as well.
"""

import re
from pkgutil import resolve_name

import torch
import torchvision.ops  # noqa: F401  registers its operators

from course_utils import written_out

NO_KERNELS = ("prim::", "inductor::", "mempool::")  # nothing to block there


def operators(pattern: str) -> list[str]:
    """The names of torch's operators, such as aten::convolution, that match a pattern somewhere."""
    names = sorted({schema.name for schema in torch._C._jit_get_all_schemas()})
    return [name for name in names if re.search(pattern, name) and not name.startswith(NO_KERNELS)]


def present(*names: str) -> list[str]:
    """Those of the dotted names that there are in the installed versions."""
    return [name for name in names if _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


CONVOLUTION_OPERATORS = operators(r"conv(?!ert)")
CONVOLUTIONS = present(*written_out.CONVOLUTIONS)
POOLING_OPERATORS = operators(r"max_pool|roi_pool")
POOLINGS = present(*written_out.POOLINGS)
SOFTMAX_OPERATORS = operators(r"softmax|dot_product|multi_head|flash_attention|efficient_attention")
SOFTMAXES = present(*written_out.SOFTMAXES)
CROSS_ENTROPY_OPERATORS = operators(r"cross_entropy|::nll_loss|kl_div")
CROSS_ENTROPIES = present(*written_out.CROSS_ENTROPIES)
