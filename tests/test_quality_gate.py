"""The networks that students train and hand in: good ones pass, and every other gets a sentence."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from autograder.judge.run_checks import run_checks
from autograder.judge.submission import REFERENCE_FILES, LocalSubmission
from course_utils.reference import cnn_classifier
from course_utils.reference.cnn_classifier import ConvNet
from course_utils.weights import save_weights

NAME = "convnet.safetensors"


def verdict_on(path):
    [task] = run_checks("cnn_classifier", LocalSubmission(vars(cnn_classifier), {NAME: path}), ["ConvNet"])
    [check] = [check for check in task.checks if check.name == "test_conv_net_trained"]
    return check


def reference_state() -> dict[str, torch.Tensor]:
    return load_file(REFERENCE_FILES[NAME])


def renamed(state):
    return {name.replace("classifier", "head"): tensor for name, tensor in state.items()}


def one_block_less(state):
    return {name: tensor for name, tensor in state.items() if not name.startswith("features.4")}


BAD = {
    "nothing": (lambda state: {}, "does not hold the weights of a `ConvNet`"),
    "other names": (renamed, "does not hold the weights of a `ConvNet`"),
    "a block is missing": (one_block_less, "does not hold the weights of a `ConvNet`"),
    "no block": (lambda state: {name: t for name, t in state.items() if "class" in name}, "does not hold"),
    "not a number": (lambda state: state | {"classifier.bias": torch.full((14,), torch.nan)}, "NaN"),
    "a wrong size": (lambda state: state | {"features.1.weight": torch.ones(3)}, "does not hold"),
    "whole numbers": (lambda state: {name: t.long() for name, t in state.items()}, "right: 80% are wanted"),
    "a scalar": (lambda state: state | {"classifier.bias": torch.tensor(1.0)}, "does not hold"),
}


def test_the_reference_passes():
    assert verdict_on(REFERENCE_FILES[NAME]).passed


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


def test_what_is_not_handed_in_is_told(tmp_path):
    assert "beside the notebook" in verdict_on(tmp_path / NAME).message
