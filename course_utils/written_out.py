"""What some tasks ask a student to write out: the library's own, by name, may not be called there.

The grader and the visible checks read the same lists. The grader also searches the source, and
blocks operators (autograder.checks.library).

Steps of a formula are allowed: indexing, `unfold`, `fold`, matrix products, Fourier transforms,
`amax`, `exp`, `logsumexp`. `log_softmax` is nearly all of a softmax, and not allowed there. In a
cross entropy it is a step, and allowed; the losses that could follow it, `nll_loss` and `kl_div`,
are not.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import reduce
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


def _each(*places: str, of: str) -> list[str]:
    return [f"{place}{name}" for place in places for name in of.split()]


# Dotted names; not every installation has them all.
CONVOLUTIONS = (
    *_each("torch.", "torch.nn.functional.", of="conv1d conv2d conv3d conv_tbc"),
    "torch.convolution",
    *_each(
        "torch.", "torch.nn.functional.", of="conv_transpose1d conv_transpose2d conv_transpose3d"
    ),
    *_each("torch.nn.", of="Conv1d Conv2d Conv3d LazyConv1d LazyConv2d LazyConv3d"),
    *_each("torch.nn.", of="ConvTranspose1d ConvTranspose2d ConvTranspose3d"),
    *_each("torch.nn.", of="LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"),
    *_each("torch.nn.grad.conv", of="1d_input 1d_weight 2d_input 2d_weight 3d_input 3d_weight"),
    *_each("torch.ao.nn.quantized.functional.", of="conv1d conv2d conv3d"),
    *_each("torchvision.ops.", of="deform_conv2d DeformConv2d"),
    *_each("torchvision.transforms.functional.", of="gaussian_blur"),
    *_each("torchaudio.functional.", of="convolve fftconvolve"),
    *_each(
        "scipy.signal.",
        of="convolve convolve2d correlate correlate2d fftconvolve oaconvolve sepfir2d",
    ),
    *_each("scipy.signal.", of="choose_conv_method lfilter filtfilt upfirdn"),
    *_each("scipy.signal._sigtools.", of="_convolve2d _correlateND _linear_filter"),
    *_each(
        "scipy.ndimage.",
        of="convolve convolve1d correlate correlate1d generic_filter generic_filter1d",
    ),
    *_each("scipy.ndimage._nd_image.", of="correlate correlate1d generic_filter generic_filter1d"),
    *_each("numpy.", of="convolve correlate"),
    *_each("cv2.", of="filter2D sepFilter2D"),
)
POOLINGS = (
    *_each(
        "torch.", of="max_pool1d max_pool2d max_pool3d max_pool1d_with_indices adaptive_max_pool1d"
    ),
    *_each(
        "torch.nn.functional.",
        of="max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d",
    ),
    *_each(
        "torch.nn.functional.", of="adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d"
    ),
    *_each("torch.nn.functional.", of="max_unpool1d max_unpool2d max_unpool3d"),
    *_each(
        "torch.nn.",
        of="MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d",
    ),
    *_each(
        "torch.nn.",
        of="FractionalMaxPool2d FractionalMaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    ),
    *_each("torchvision.ops.", of="roi_pool ps_roi_pool"),
    *_each(
        "scipy.ndimage.",
        of="maximum_filter maximum_filter1d rank_filter percentile_filter grey_dilation",
    ),
    *_each("scipy.ndimage.", of="generic_filter generic_filter1d"),
    *_each(
        "scipy.ndimage._nd_image.",
        of="min_or_max_filter min_or_max_filter1d rank_filter generic_filter",
    ),
    *_each("skimage.measure.", of="block_reduce"),
    *_each("skimage.morphology.", of="dilation"),
    *_each("cv2.", of="dilate"),
)
SOFTMAXES = (
    *_each("torch.", "torch.special.", "torch.sparse.", "torch.Tensor.", of="softmax log_softmax"),
    *_each("torch.nn.functional.", of="softmax log_softmax softmin gumbel_softmax"),
    *_each("torch.nn.functional.", of="scaled_dot_product_attention multi_head_attention_forward"),
    *_each("torch.nn.", of="Softmax Softmax2d LogSoftmax Softmin MultiheadAttention"),
    *_each("torch.nn.", of="AdaptiveLogSoftmaxWithLoss TransformerEncoderLayer"),
    *_each("torch.masked.", of="softmax log_softmax softmin"),
    *_each(
        "torch.distributions.", of="Categorical OneHotCategorical Multinomial utils.logits_to_probs"
    ),
    *_each("scipy.special.", of="softmax log_softmax"),
    *_each("sklearn.utils.extmath.", of="softmax"),
)
CROSS_ENTROPIES = (
    *_each("torch.nn.functional.", of="cross_entropy nll_loss kl_div binary_cross_entropy"),
    *_each("torch.nn.functional.", of="binary_cross_entropy_with_logits linear_cross_entropy"),
    *_each(
        "torch.nn.", of="CrossEntropyLoss NLLLoss NLLLoss2d KLDivLoss BCELoss BCEWithLogitsLoss"
    ),
    *_each(
        "torch.nn.", of="AdaptiveLogSoftmaxWithLoss LinearCrossEntropyLoss MultiLabelSoftMarginLoss"
    ),
    "torch.kl_div",
    *_each("torch.distributions.", of="Categorical OneHotCategorical kl_divergence"),
    *_each("scipy.special.", of="kl_div rel_entr"),
    *_each("scipy.stats.", of="entropy"),
)

# By task, whatever the assignment.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "conv2d": CONVOLUTIONS,
    "max_pool2d": POOLINGS,
    "max_pool2d_backward": POOLINGS,
    "softmax": SOFTMAXES,
    "cross_entropy": CROSS_ENTROPIES,
    "fractionally_strided_conv2d": CONVOLUTIONS,
}


@contextmanager
def refused(task: str) -> Iterator[None]:
    """While this is on, what a task should write out can't be called in Python.

    Such a call raises AssertionError, in the grader's words. A function that a notebook has
    imported from NumPy or SciPy by its own name is not noticed here: the grader finds it.
    """
    names = FORBIDDEN.get(task, ())
    with ExitStack() as undo:
        for name in names:
            place, _, attribute = name.rpartition(".")
            module = sys.modules.get(place)
            if not name.startswith("torch") and hasattr(module, attribute):
                undo.callback(setattr, module, attribute, getattr(module, attribute))
                setattr(module, attribute, _refusal(task, name))
        if names:
            undo.enter_context(_Refusing(task, names))
        yield


def _refusal(task: str, name: str) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError(f"`{task}` calls `{name}`, which this task asks you to write yourself")

    return refuse


class _Refusing(TorchFunctionMode):
    """Sees every call of a function of torch, by whatever name, and refuses some."""

    def __init__(self, task: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self.task = task
        self.names = {found: name for name in names if (found := _of_torch(name)) is not None}

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Call the function, unless it is refused."""
        if function in self.names:
            _refusal(self.task, self.names[function])()
        return function(*args, **(kwargs or {}))


def _of_torch(name: str) -> object | None:
    """A function of torch, without an import of its own; None for a class, which calls one."""
    first, *rest = name.split(".")
    try:
        found = reduce(getattr, rest, torch) if first == "torch" else None
    except AttributeError:
        return None
    return None if isinstance(found, type) else found
