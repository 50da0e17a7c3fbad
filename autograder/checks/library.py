"""How libraries convolve, pool and normalise: what a task that writes these out may not call.

torch's operators are looked up by name, so that those of a new version are among them. Python
functions are listed, also those that only some versions have: torch's for the sentence that names
the call, as the operators behind them are blocked as well; those of NumPy, SciPy and scikit-image
because nothing else can be blocked.

Steps of a formula are allowed: indexing, `unfold`, `fold`, matrix products, Fourier transforms,
`amax`, `exp`, `logsumexp`. `log_softmax` is nearly all of a softmax, and not allowed there. In a
cross entropy it is a step, and allowed; the losses that could follow it, `nll_loss` and `kl_div`,
are not.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

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


def _each(*places: str, of: str) -> list[str]:
    return [f"{place}{name}" for place in places for name in of.split()]


_register_torchvision()
CONVOLUTION_OPERATORS = operators(r"conv(?!ert)")
CONVOLUTIONS = [
    *_each("torch.", "torch.nn.functional.", of="conv1d conv2d conv3d convolution conv_tbc"),
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
]
POOLING_OPERATORS = operators(r"max_pool|roi_pool")
POOLINGS = [
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
]
SOFTMAX_OPERATORS = operators(r"softmax|dot_product|multi_head|flash_attention|efficient_attention")
SOFTMAXES = [
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
]
CROSS_ENTROPY_OPERATORS = operators(r"cross_entropy|::nll_loss|kl_div")
CROSS_ENTROPIES = [
    *_each("torch.nn.functional.", of="cross_entropy nll_loss kl_div binary_cross_entropy"),
    *_each("torch.nn.functional.", of="binary_cross_entropy_with_logits linear_cross_entropy"),
    *_each(
        "torch.nn.", of="CrossEntropyLoss NLLLoss NLLLoss2d KLDivLoss BCELoss BCEWithLogitsLoss"
    ),
    *_each(
        "torch.nn.", of="AdaptiveLogSoftmaxWithLoss LinearCrossEntropyLoss MultiLabelSoftMarginLoss"
    ),
    *_each("torch.", of="nll_loss kl_div"),
    *_each("torch.distributions.", of="Categorical OneHotCategorical kl_divergence"),
    *_each("scipy.special.", of="kl_div rel_entr"),
    *_each("scipy.stats.", of="entropy"),
]
