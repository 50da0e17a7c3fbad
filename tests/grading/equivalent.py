"""The mutants that may live: by topic, task and name, each with the reason. A topic listed here is proved.

A mutant that lives and is not listed, or is listed and dies, fails the proof.
"""

THRESHOLD = "equivalent: at the threshold itself both branches give the same"
SHAPE = "equivalent: the sizes leave -1 no other meaning than 1"
SLOPE = "equivalent: with any smaller limit, even 0, values and gradients are the same"
THOUSANDTH = "allowed: dark colours change by a thousandth, no more than with a textbook's rounded constants"
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

EQUIVALENT: dict[str, dict[str, dict[str, str]]] = {
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
        "multinomial_cross_entropy": {"F.log_softmax(logits, dim=1) → F.log_softmax(logits)": DEFAULT},
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
    },
}
