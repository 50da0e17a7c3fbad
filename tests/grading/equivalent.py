"""The mutants that may live: by topic, task and name, each with the reason. A topic listed here is proved.

A mutant that lives and is not listed, or is listed and dies, fails the proof.
"""

EITHER = "equal values: both branches give the same at the threshold itself"
SHAPE = "equivalent: the sizes leave -1 no other meaning than 1"
SLOPE = "the same values; any smaller limit, even 0, keeps torch's gradient finite as well"
SIGN = "equivalent: sigma is squared"
REACH = "equivalent: the lattice reaches farther than the widened gamut anyway"
MIRROR = "equivalent: the widening square is symmetric"
SCALE = "equivalent: the scale cancels when the weights are normalised"
NO_PAIR = "allowed until `gradient_of` differentiates a pair: black has no finite gradient"

EQUIVALENT: dict[str, dict[str, dict[str, str]]] = {
    "colorization": {
        "rgb_to_lab_planes": {
            "rgb > 0.04045 → rgb >= 0.04045": EITHER,
            "xyz > (6 / 29) ** 3 → xyz >= (6 / 29) ** 3": EITHER,
            "D65_WHITE.to(rgb).view(3, 1, 1) → D65_WHITE.to(rgb).view(3, -1, 1)": SHAPE,
            "D65_WHITE.to(rgb).view(3, 1, 1) → D65_WHITE.to(rgb).view(3, 1, -1)": SHAPE,
            "(6 / 29) ** 3 → (6 / 29) ** 6": SLOPE,
            "(6 / 29) ** 3 → (6 / 29) ** 4": SLOPE,
            "6 / 29 → 6 / 58": SLOPE,
            "6 / 29 → 6 / 30": SLOPE,
            "6 / 29 → 0 / 29": SLOPE,
            "xyz.clamp(min=(6 / 29) ** 3) → xyz": NO_PAIR,
            "6 / 29 → -6 / 29": NO_PAIR,
            "6 / 29 → 6 / -29": NO_PAIR,
        },
        "lab_planes_to_rgb": {
            "f > 6 / 29 → f >= 6 / 29": EITHER,
            "linear > 0.0031308 → linear >= 0.0031308": EITHER,
            "D65_WHITE.to(f).view(3, 1, 1) → D65_WHITE.to(f).view(3, -1, 1)": SHAPE,
            "D65_WHITE.to(f).view(3, 1, 1) → D65_WHITE.to(f).view(3, 1, -1)": SHAPE,
            "min=0.0031308 → min=0": SLOPE,
            "(f - 4 / 29) * 108 / 841 → (f - 4 / 29) * 108 / 842": "allowed: dark colours change by a thousandth, "
            "as much as the constants that textbooks print",
        },
        "ab_bins": {
            "[-1.0, 1.0] → [1.0, -1.0]": MIRROR,
            "[-1.0, 1.0] → [1.0, -1.0] (2)": MIRROR,
            "srgb_gamut_ab()[:, None] + corners → srgb_gamut_ab()[:, None] - corners": MIRROR,
            "120 // step → 120": REACH,
            "120 // step → 120 (2)": REACH,
            "120 // step → 120 / step (2)": REACH,
            "120 // step + 1 → 120 // step + 2": REACH,
            "120 // step → 240 // step": REACH,
            "120 // step → 240 // step (2)": REACH,
            "120 // step → 121 // step": REACH,
            "120 // step → 121 // step (2)": REACH,
            "torch.from_numpy(widened.find_simplex(lattice) >= 0) → widened.find_simplex(lattice) >= 0": "equivalent: "
            "a NumPy mask indexes a tensor as well",
            "widened.find_simplex(lattice) >= 0 → widened.find_simplex(lattice) > 0": "allowed: no lattice point lies "
            "in the triangle that Qhull happens to number 0",
            "widened.find_simplex(lattice) >= 0 → widened.find_simplex(lattice) >= 1": "allowed: the same",
        },
        "soft_encode": {
            "ab, bins, neighbors=10, sigma=5.0 → ab, bins, neighbors=10, sigma=-5.0": SIGN,
            "torch.cdist(ab.movedim(1, -1), bins, compute_mode='donot_use_mm_for_euclid_dist') → "
            "torch.cdist(ab.movedim(1, -1), bins)": "allowed: torch.cdist by matrix product is less exact, and right",
        },
        "annealed_mean": {},
        "l2_loss": {"prediction - target → target - prediction": "equivalent: the difference is squared"},
        "multinomial_cross_entropy": {
            "F.log_softmax(logits, dim=1) → F.log_softmax(logits)": "equivalent: torch's default, deprecated, "
            "is dimension 1 for four dimensions",
        },
        "color_prior": {
            "ab, bins, sigma=5.0 → ab, bins, sigma=-5.0": SIGN,
            "dim=1 → dim=-1": "equivalent: of two dimensions, 1 is the last",
            "ab.movedim(1, -1).flatten(0, 2) → ab.movedim(1, -1).flatten(0, -2)": "equivalent: of four dimensions, "
            "2 is the last but one",
            "torch.bincount(nearest, minlength=len(bins)).to(bins) → "
            "torch.bincount(nearest, minlength=len(bins)).to(ab)": "equivalent: colours and bins have one dtype",
        },
        "rebalancing_weights": {
            "1 / ((1 - lam) * prior + lam / len(prior)) → 2 / ((1 - lam) * prior + lam / len(prior))": SCALE,
            "1 / ((1 - lam) * prior + lam / len(prior)) → -1 / ((1 - lam) * prior + lam / len(prior))": SCALE,
        },
    },
}
