"""The networks that students train and hand in: good ones pass, and every other gets a sentence."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from autograder.judge.checking.run_checks import run_checks
from autograder.judge.checking.submission import REFERENCE_FILES, LocalSubmission
from course_utils.reference import chair_generator, cnn_classifier, colorization
from course_utils.reference.chair_generator import ChairGenerator
from course_utils.reference.cnn_classifier import ConvNet
from course_utils.reference.colorization import Colorizer
from course_utils.training.weights import save_weights

NAME, DRAWS, COLORS = "convnet.safetensors", "chair_generator.safetensors", "colorizer.safetensors"
GATES = {
    NAME: ("cnn_classifier", cnn_classifier, "ConvNet", "test_conv_net_trained"),
    DRAWS: ("chair_generator", chair_generator, "ChairGenerator", "test_generator_trained"),
    COLORS: ("colorization", colorization, "Colorizer", "test_colorizer_trained"),
}


def verdict_on(path, name=NAME):
    topic, reference, task, gate = GATES[name]
    [task] = run_checks(topic, LocalSubmission(vars(reference), {name: path}), [task])
    [check] = [check for check in task.checks if check.name == gate]
    return check


def reference_state(name=NAME) -> dict[str, torch.Tensor]:
    return load_file(REFERENCE_FILES[name])


def renamed(state):
    return {name.replace("classifier", "head"): tensor for name, tensor in state.items()}


def one_block_less(state):
    return {name: tensor for name, tensor in state.items() if not name.startswith("features.4")}


BAD = {
    "nothing": (lambda state: {}, "does not hold the weights of a `ConvNet`"),
    "other names": (renamed, "does not hold the weights of a `ConvNet`"),
    "a block is missing": (one_block_less, "does not hold the weights of a `ConvNet`"),
    "no block": (
        lambda state: {name: t for name, t in state.items() if "class" in name},
        "does not hold",
    ),
    "not a number": (
        lambda state: state | {"classifier.bias": torch.full((14,), torch.nan)},
        "NaN",
    ),
    "a wrong size": (lambda state: state | {"features.1.weight": torch.ones(3)}, "does not hold"),
    "whole numbers": (
        lambda state: {name: t.long() for name, t in state.items()},
        "right: 80% are wanted",
    ),
    "a scalar": (lambda state: state | {"classifier.bias": torch.tensor(1.0)}, "does not hold"),
}


@pytest.mark.parametrize("name", GATES)
def test_the_reference_passes(name):
    assert verdict_on(REFERENCE_FILES[name], name).passed


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_no_such_network(tmp_path, case):
    change, message = BAD[case]
    save_file(change(reference_state()), tmp_path / NAME)
    verdict = verdict_on(tmp_path / NAME)
    assert not verdict.passed
    assert message in verdict.message


def test_an_untrained_network_fails_and_is_told_its_share(tmp_path):
    torch.manual_seed(0)
    verdict = verdict_on(save_weights(ConvNet(3, 14), tmp_path / NAME))
    assert verdict.message.endswith("% of the furniture right: 80% are wanted")


def test_a_network_of_other_classes(tmp_path):
    verdict = verdict_on(save_weights(ConvNet(3, 10), tmp_path / NAME))
    assert "other classes" in verdict.message


def test_other_widths_are_welcome(tmp_path):
    verdict = verdict_on(save_weights(ConvNet(3, 14, (8, 16)), tmp_path / NAME))
    assert "80% are wanted" in verdict.message


@pytest.mark.parametrize("name", GATES)
def test_what_is_not_handed_in_is_told(tmp_path, name):
    assert "beside the notebook" in verdict_on(tmp_path / name, name).message


def without(part: str):
    return lambda state: {
        name: tensor for name, tensor in state.items() if not name.startswith(part)
    }


def changed(name: str, tensor: torch.Tensor):
    return lambda state: state | {name: tensor}


NO_GENERATORS = {
    "nothing": lambda state: {},
    "no identity": without("identity"),
    "no image": without("image"),
    "no mask": without("mask"),
    "a layer between is missing": without("image.5"),
    "an empty kernel": changed("image.3.weight", torch.empty(0, 32, 4, 4)),
    "a kernel of other sides": changed("image.5.weight", torch.ones(64, 32, 4, 5)),
    "a vector for a matrix": changed("identity.0.weight", torch.ones(24)),
    "a scalar": changed("image.0.bias", torch.tensor(1.0)),
    "too wide to be built": changed("identity.0.weight", torch.ones(4_000_000, 2)),
}


@pytest.mark.parametrize("case", NO_GENERATORS)
def test_a_file_that_is_no_such_generator(tmp_path, case):
    save_file(NO_GENERATORS[case](reference_state(DRAWS)), tmp_path / DRAWS)
    verdict = verdict_on(tmp_path / DRAWS, DRAWS)
    assert verdict.message == f"`{DRAWS}` does not hold a `ChairGenerator` of (16, 32, 64) pixels"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: ChairGenerator(24, 16, 8, (4, 2), kernel=5), "are wanted"),
        (lambda: ChairGenerator(24, 64, 8, (4, 2, 2)), "are wanted"),
        (lambda: ChairGenerator(24, 128, 8, (4, 2, 2)), "does not hold"),
        (lambda: ChairGenerator(7, 32, 8, (4, 2)), "other chairs"),
    ],
)
def test_untrained_generators_of_many_sizes(tmp_path, model, said):
    torch.manual_seed(0)
    assert said in verdict_on(save_weights(model(), tmp_path / DRAWS), DRAWS).message


def one_more_block(state):
    return state | {
        name.replace("blocks.3", "blocks.4"): tensor.clone() for name, tensor in state.items()
    }


NO_COLORIZERS = {
    "nothing": lambda state: {},
    "other names": lambda state: {f"net.{name}": tensor for name, tensor in state.items()},
    "no scores": without("scores"),
    "nothing behind the blocks": without("up"),
    "a block is missing": without("blocks.2"),
    "a block too many": one_more_block,
    "a convolution is missing": without("blocks.1.0"),
    "no running statistics": without("blocks.3.4.running"),
    "an empty kernel": changed("blocks.0.0.weight", torch.empty(0, 1, 3, 3)),
    "a kernel of other sides": changed("blocks.0.0.weight", torch.ones(32, 1, 5, 5)),
    "a vector for a kernel": changed("blocks.2.0.weight", torch.ones(96)),
    "a scalar": changed("scores.bias", torch.tensor(1.0)),
    "too wide to be built": changed("blocks.0.0.weight", torch.ones(4_000_000, 1, 1, 1)),
    "too many outputs to be built": changed("scores.bias", torch.ones(10_000_000)),
}


@pytest.mark.parametrize("case", NO_COLORIZERS)
def test_a_file_that_is_no_such_colorizer(tmp_path, case):
    save_file(NO_COLORIZERS[case](reference_state(COLORS)), tmp_path / COLORS)
    verdict = verdict_on(tmp_path / COLORS, COLORS)
    which = "four blocks, of strides (2, 2, 2, 1) and dilations (1, 1, 1, 2)"
    assert verdict.message == f"`{COLORS}` does not hold the weights of a `Colorizer` of {which}"


SMALL = (4, 1, 2, 1), (6, 3, 2, 1), (5, 2, 2, 1), (3, 1, 1, 2)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            lambda: Colorizer(),
            "% of the chairs' and tables' pixels get a colour that they own: 75% are wanted",
        ),
        (
            lambda: Colorizer(313, SMALL, up=7),
            "% above the least that there can be: 6% are allowed",
        ),
        (lambda: Colorizer(313, SMALL[1:]), "does not hold"),
        (lambda: Colorizer(313, (*SMALL, (3, 2, 1, 1))), "does not hold"),
        (lambda: Colorizer(2), "other bins"),
    ],
)
def test_untrained_colorizers_of_many_sizes(tmp_path, model, said):
    torch.manual_seed(0)
    assert said in verdict_on(save_weights(model(), tmp_path / COLORS), COLORS).message


SPOILED = {
    "not a number": (changed("up.2.bias", torch.full((64,), torch.nan)), "NaN"),
    "whole numbers": (
        lambda state: {name: t.long() for name, t in state.items()},
        "6% are allowed",
    ),
    "far too sure": (
        lambda state: state | {"scores.bias": torch.arange(313) * 1e30},
        "is more than 900% above",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_colorizer(tmp_path, case):
    change, message = SPOILED[case]
    save_file(change(reference_state(COLORS)), tmp_path / COLORS)
    assert message in verdict_on(tmp_path / COLORS, COLORS).message


def test_a_colorizer_that_is_too_sure_paints_well_and_is_told_so(tmp_path):
    state = reference_state(COLORS)
    sharper = {name: 3 * tensor for name, tensor in state.items() if name.startswith("scores")}
    save_file(state | sharper, tmp_path / COLORS)
    message = verdict_on(tmp_path / COLORS, COLORS).message
    assert message.endswith("% above the least that there can be: 6% are allowed")
