"""The mutants that may live: by topic, task and name, each with the reason. A topic listed here is
proved.

A mutant that lives and is not listed, or is listed and dies, fails the proof.
"""

THRESHOLD = "equivalent: at the threshold itself both branches give the same"
SHAPE = "equivalent: the sizes leave -1 no other meaning than 1"
SLOPE = "equivalent: with any smaller limit, even 0, values and gradients are the same"
THOUSANDTH = (
    "allowed: dark colours change by a thousandth, no more than with a textbook's rounded constants"
)
SIGN = "equivalent: sigma is squared"
SQUARE = "equivalent: the difference is squared"
LAST = "equivalent: the dimension is counted from the end"
REACH = "equivalent: the lattice reaches farther than the widened gamut anyway"
SYMMETRIC = "equivalent: the widening square is symmetric, its corners are +-1 times the step"
BOUNDARY = "equivalent: no lattice point lies on the boundary"
NUMPY = "equivalent: NumPy's array serves in place of the tensor"
LESS_EXACT = "allowed: distances by matrix product are less exact, and right"
DEFAULT = "equivalent: for four dimensions torch's default, which is deprecated, is dimension 1"
ONE_DTYPE = "equivalent: colours and bins have one dtype"
SCALE = "equivalent: the scale cancels when the weights are normalised"
BOTH = "equivalent: two dimensions are reduced, in whichever order"
PAIRED = "equivalent: what is zipped is equally long in every right call"
EVEN = "equivalent: the cosine is even"
COMMUTE = "equivalent: a ReLU and a maximum commute"
PRODUCT = "equivalent: the rate and the gradient are multiplied with each other"
GRAPH = "allowed: the same numbers, with the graph of the steps before still attached"
STABLE = "equivalent: on the CPU torch's other sort is stable too"
HALF_A_TURN = "equivalent: half a turn more is half a turn less, modulo a whole one"
TWO_ROWS = "equivalent: of two rows the second is the last"
ONE_BATCH = "equivalent: logits and target have one size"
DEVICE = "allowed: hidden checks run on the CPU, where every tensor is"
SAME_DTYPE = "equivalent: image, mask and parameters have one dtype"
UNUSED = (
    "equivalent: what is not a factor is replaced before the logarithm, and not taken from there"
)
LIBRARY = "equivalent: it is torch's default"
SQUARE_LAYER = "equivalent: the two layers of a stream are equally wide"
OPPOSITE = "equivalent: a spread and a length do not depend on a sign"

EQUIVALENT: dict[str, dict[str, dict[str, str]]] = {
    "data_driven_graphics": {
        "pairwise_squared_distances": {"a[:, None] - b → b - a[:, None]": SQUARE},
        "nearest_neighbors": {
            "torch.sort(squared_distances, dim=1, stable=True) → "
            "torch.sort(squared_distances, stable=True)": LAST,
            "dim=1 → dim=-1": LAST,
        },
        "vote": {
            "(same * weights[:, None]).sum → (same * weights[:, None]).mean": (
                "equivalent: all classes' votes are divided by the same k"
            ),
            "labels.gather(1, votes.argmax(dim=1, keepdim=True)) → "
            "labels.gather(-1, votes.argmax(dim=1, keepdim=True))": LAST,
            "dim=1 → dim=-1": LAST,
        },
        "blend": {},
        "transfer_color": {},
        "kmeans": {
            "F.one_hot(nearest, len(centers)).to(points) → F.one_hot(nearest, len(centers)).to(centers)": (
                "equivalent: points and centres have one dtype"
            ),
            "dim=1 → dim=-1": LAST,
            "dim=1 → dim=-1 (2)": LAST,
        },
        "bag_of_visual_words": {
            "dim=1 → dim=-1": LAST,
            "F.one_hot(nearest, len(words)).to(descriptors) → F.one_hot(nearest, len(words)).to(words)": (
                "equivalent: descriptors and words have one dtype"
            ),
        },
    },
    "colorization": {
        "rgb_to_lab_planes": {
            "rgb > 0.04045 → rgb >= 0.04045": THRESHOLD,
            "xyz > (6 / 29) ** 3 → xyz >= (6 / 29) ** 3": THRESHOLD,
            "D65_WHITE.to(rgb).view(3, 1, 1) → D65_WHITE.to(rgb).view(3, -1, 1)": SHAPE,
            "D65_WHITE.to(rgb).view(3, 1, 1) → D65_WHITE.to(rgb).view(3, 1, -1)": SHAPE,
            "(6 / 29) ** 3 → (6 / 29) ** 6": SLOPE,
            "(6 / 29) ** 3 → (6 / 29) ** 4": SLOPE,
            "6 / 29 → 6 / 58": SLOPE,
            "6 / 29 → 6 / 30": SLOPE,
            "6 / 29 → 0 / 29": SLOPE,
        },
        "lab_planes_to_rgb": {
            "f > 6 / 29 → f >= 6 / 29": THRESHOLD,
            "linear > 0.0031308 → linear >= 0.0031308": THRESHOLD,
            "D65_WHITE.to(f).view(3, 1, 1) → D65_WHITE.to(f).view(3, -1, 1)": SHAPE,
            "D65_WHITE.to(f).view(3, 1, 1) → D65_WHITE.to(f).view(3, 1, -1)": SHAPE,
            "min=0.0031308 → min=0": SLOPE,
            "(f - 4 / 29) * 108 / 841 → (f - 4 / 29) * 108 / 842": THOUSANDTH,
        },
        "ab_bins": {
            "step * torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0])) → "
            "step / torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]))": SYMMETRIC,
            "[-1.0, 1.0] → [1.0, -1.0]": SYMMETRIC,
            "[-1.0, 1.0] → [1.0, -1.0] (2)": SYMMETRIC,
            "srgb_gamut_ab()[:, None] + corners → srgb_gamut_ab()[:, None] - corners": SYMMETRIC,
            "torch.from_numpy(widened.equations) → widened.equations": NUMPY,
            "lattice @ sides[:, :2].T + sides[:, 2] <= 0 → "
            "lattice @ sides[:, :2].T + sides[:, 2] < 0": BOUNDARY,
            "dim=1 → dim=-1": LAST,
            "110 // step → 110": REACH,
            "110 // step → 111 // step": REACH,
            "110 // step → 220 // step": REACH,
            "110 // step + 1 → 110 // step + 2": REACH,
            "reach + 1 → reach + 2": REACH,
        },
        "soft_encode": {
            "ab, bins, neighbors=10, sigma=5.0 → ab, bins, neighbors=10, sigma=-5.0": SIGN,
            "torch.cdist(ab.movedim(1, -1), bins, compute_mode='donot_use_mm_for_euclid_dist') → "
            "torch.cdist(ab.movedim(1, -1), bins)": LESS_EXACT,
        },
        "annealed_mean": {},
        "l2_loss": {"prediction - target → target - prediction": SQUARE},
        "multinomial_cross_entropy": {
            "F.log_softmax(logits, dim=1) → F.log_softmax(logits)": DEFAULT
        },
        "color_prior": {
            "ab, bins, sigma=5.0 → ab, bins, sigma=-5.0": SIGN,
            "dim=1 → dim=-1": LAST,
            "ab.movedim(1, -1).flatten(0, 2) → ab.movedim(1, -1).flatten(0, -2)": LAST,
            "torch.bincount(nearest, minlength=len(bins)).to(bins) → "
            "torch.bincount(nearest, minlength=len(bins)).to(ab)": ONE_DTYPE,
        },
        "rebalancing_weights": {
            "1 / ((1 - lam) * prior + lam / len(prior)) → 2 / ((1 - lam) * prior + lam / len(prior))": SCALE,
            "1 / ((1 - lam) * prior + lam / len(prior)) → -1 / ((1 - lam) * prior + lam / len(prior))": SCALE,
        },
        "colorize": {"-2 → 2": LAST, "-2 → --2": LAST},
        "colorfulness": {
            "[red - green, (red + green) / 2 - blue] → [(red + green) / 2 - blue, red - green]": (
                "equivalent: a length does not depend on the order"
            ),
            "red - green → green - red": OPPOSITE,
            "(red + green) / 2 - blue → blue - (red + green) / 2": OPPOSITE,
            "255 * rgb → -255 * rgb": OPPOSITE,
            "(255 * rgb).flatten(2) → (255 * rgb).flatten(-2)": LAST,
            "dim=1 → dim=-1 (2)": LAST,
            "dim=1 → dim=-1 (3)": LAST,
        },
        "colorization_auc": {
            "1 / prior[nearest_bins(target, bins, 1)[1][:, 0]] → "
            "2 / prior[nearest_bins(target, bins, 1)[1][:, 0]]": SCALE,
            "1 / prior[nearest_bins(target, bins, 1)[1][:, 0]] → "
            "-1 / prior[nearest_bins(target, bins, 1)[1][:, 0]]": SCALE,
            "nearest_bins(target, bins, 1)[1] → nearest_bins(target, bins, 1)[-1]": (
                "equivalent: of two results the second is the last"
            ),
            "nearest_bins(target, bins, 1) → nearest_bins(target, bins, 2)": (
                "equivalent: the nearest comes first"
            ),
            "prediction - target → target - prediction": SQUARE,
        },
        "Colorizer": {
            "zip(widths, blocks, strict=False) → zip(widths, blocks)": "equivalent: it is Python's default",
            "_block: nn.BatchNorm2d(channels) → nn.BatchNorm2d(before)": (
                "equivalent: behind a block's convolutions both are its width"
            ),
        },
        "sparse_soft_encode": {
            "ab, bins, neighbors=10, sigma=5.0 → ab, bins, neighbors=10, sigma=-5.0": SIGN,
        },
        "sparse_cross_entropy": {},
    },
    "cnn_classifier": {
        "linear": {},
        "relu": {"x > 0 → x >= 0": THRESHOLD},
        "relu_backward": {},
        "conv2d": {
            "windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2) → "
            "windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(-2)": LAST,
            "2: → -2:": LAST,
            "padded.unfold(2, height, stride) → padded.unfold(-2, height, stride)": LAST,
            "windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3) → "
            "windows.permute(0, 1, 4, 5, 2, 3).flatten(1, -3)": LAST,
            "windows.permute(0, 1, 4, 5, 2, 3) → windows.permute(0, 1, 4, 5, 2, -3)": LAST,
        },
        "max_pool2d": {
            "(-2, -1) → (-1, -2)": BOTH,
            "images.unfold(2, size, stride) → images.unfold(-2, size, stride)": LAST,
        },
        "max_pool2d_backward": {
            "images.unfold(2, size, stride) → images.unfold(-2, size, stride)": LAST,
            "winner.shape[2] → winner.shape[-2]": LAST,
            "torch.zeros_like(images).flatten(2) → torch.zeros_like(images).flatten(-2)": LAST,
            "place.flatten(2) → place.flatten(-2)": LAST,
            "gradient.flatten(2) → gradient.flatten(-2)": LAST,
        },
        "softmax": {"dim=1 → dim=-1": LAST, "dim=1 → dim=-1 (2)": LAST},
        "cross_entropy": {"dim=1 → dim=-1": LAST, "dim=1 → dim=-1 (2)": LAST},
        "cross_entropy_backward": {"len(logits) → len(target)": ONE_BATCH},
        "sgd_step": {},
        "learning_rate": {
            "total - warm_up → warm_up - total": EVEN,
            "steps - warm_up → warm_up - steps": EVEN,
        },
        "conv_net": {
            "zip(blocks[::2], blocks[1::2], strict=True) → zip(blocks[::2], blocks[1::2])": PAIRED,
            "strict=True → strict=False": PAIRED,
            "(2, 3) → (3, 2)": BOTH,
            "(2, 3) → (-2, 3)": LAST,
        },
        "ConvNet": {
            "[nn.ReLU(), nn.MaxPool2d(2)] → [nn.MaxPool2d(2), nn.ReLU()]": COMMUTE,
            "(2, 3) → (3, 2)": BOTH,
            "(2, 3) → (-2, 3)": LAST,
        },
        "train_epoch": {
            "zip(batches, rates, strict=True) → zip(batches, rates)": PAIRED,
            "strict=True → strict=False": PAIRED,
            "zip(weights, gradients, strict=True) → zip(weights, gradients)": PAIRED,
            "strict=True → strict=False (2)": PAIRED,
            "sgd_step(w, slope, rate) → sgd_step(w, rate, slope)": PRODUCT,
            "torch.stack(losses).detach() → torch.stack(losses)": GRAPH,
            "w.detach() → w": GRAPH,
            "w.detach() → w (2)": GRAPH,
        },
        "top_k_accuracy": {
            "logits.argsort(descending=True, stable=True) → logits.argsort(descending=True)": STABLE,
            "stable=True → stable=False": STABLE,
            "dim=1 → dim=-1": LAST,
        },
    },
    "chair_generator": {
        "conv_output_size": {},
        "fractional_conv_output_size": {},
        "insert_zeros": {},
        "fractionally_strided_conv2d": {
            "zip(maps.shape[2:], kernels.shape[2:], strict=True) → "
            "zip(maps.shape[2:], kernels.shape[2:])": PAIRED,
            "strict=True → strict=False": PAIRED,
            "2: → -2:": LAST,
            "2: → -2: (2)": LAST,
            "2: → -2: (3)": LAST,
            "maps.flatten(2) → maps.flatten(-2)": LAST,
        },
        "overlap_count": {},
        "interpolate_azimuth": {
            "end - start + 180 → end - start - 180": HALF_A_TURN,
            "end - start + 180 → end - start + -180": HALF_A_TURN,
        },
        "interpolate_chairs": {"ends[1] → ends[-1]": TWO_ROWS},
        "encode_view": {"dim=1 → dim=-1": LAST},
        "encode_transformation": {
            "torch.tensor(FACTORS, device=parameters.device) → torch.tensor(FACTORS)": DEVICE,
            "torch.where(factors, parameters, 1) → torch.where(factors, parameters, 2)": UNUSED,
            "torch.where(factors, parameters, 1) → torch.where(factors, parameters, -1)": UNUSED,
            "torch.where(factors, parameters, 1) → torch.where(factors, parameters, 0)": UNUSED,
        },
        "transform_image": {
            "_warped: torch.meshgrid(y, x, indexing='ij') → torch.meshgrid(y, x)": LIBRARY,
            "_warped: F.grid_sample(planes, grid.to(planes), mode='bilinear', padding_mode='zeros', "
            "align_corners=False) → F.grid_sample(planes, grid.to(planes), padding_mode='zeros', "
            "align_corners=False)": LIBRARY,
            "_warped: F.grid_sample(planes, grid.to(planes), mode='bilinear', padding_mode='zeros', "
            "align_corners=False) → F.grid_sample(planes, grid.to(planes), mode='bilinear', "
            "align_corners=False)": LIBRARY,
            "_warped: F.grid_sample(planes, grid.to(planes), mode='bilinear', padding_mode='zeros', "
            "align_corners=False) → F.grid_sample(planes, grid.to(planes), mode='bilinear', "
            "padding_mode='zeros')": LIBRARY,
            "_warped: torch.arange(height, device=planes.device) → torch.arange(height)": DEVICE,
            "_warped: torch.arange(width, device=planes.device) → torch.arange(width)": DEVICE,
            "_warped: planes.device → geometry.device": DEVICE,
            "_warped: planes.device → geometry.device (2)": DEVICE,
            "_warped: grid.to(planes) → grid": SAME_DTYPE,
            "_warped: grid.to(planes) → grid.to()": SAME_DTYPE,
            "_warped: grid.to(planes) → grid.to(geometry)": SAME_DTYPE,
            "_warped: -2 → 2": LAST,
            "_warped: -2 → --2": LAST,
            "_recolored: colors.unbind(1) → colors.unbind(-1)": LAST,
            "_recolored: COLOR_AXES.to(image) → COLOR_AXES.to(colors)": SAME_DTYPE,
            "_recolored: dim=1 → dim=-1": LAST,
        },
        "ChairGenerator": {
            "self, chairs, size=32, features=256, channels=(128, 64, 32), kernel=4 → "
            "self, chairs, size=33, features=256, channels=(128, 64, 32), kernel=4": (
                "equivalent: the division by 8 rounds down"
            ),
            "dim=1 → dim=-1": LAST,
            "_fully_connected: nn.Linear(hidden, outputs) → nn.Linear(outputs, hidden)": SQUARE_LAYER,
            "_fully_connected: nn.Linear(inputs, hidden) → nn.Linear(inputs, outputs)": SQUARE_LAYER,
            "_fully_connected: nn.Linear(hidden, outputs) → nn.Linear(outputs, outputs)": SQUARE_LAYER,
            "_fully_connected: nn.Linear(hidden, outputs) → nn.Linear(hidden, hidden)": SQUARE_LAYER,
            "_up_convolutions: zip(channels, channels[1:], strict=False) → "
            "zip(channels, channels[1:])": "equivalent: it is Python's default",
            "_up_convolutions: nn.Unflatten(1, (channels[0], start, start)) → "
            "nn.Unflatten(-1, (channels[0], start, start))": LAST,
        },
        "generator_loss": {
            "(1, 2, 3) → (3, 2, 1)": BOTH,
            "(1, 2, 3) → (3, 2, 1) (2)": BOTH,
            "(1, 2, 3) → (1, -2, 3)": LAST,
            "(1, 2, 3) → (1, -2, 3) (2)": LAST,
            "image - target_image → target_image - image": SQUARE,
            "mask - target_mask → target_mask - mask": SQUARE,
        },
        "composite": {},
    },
}
