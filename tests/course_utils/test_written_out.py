"""What a task should write out is refused while its visible checks run."""

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F

from autograder.checks import forbidden_of
from course_utils import visible_checks, written_out


def checked(task, answer, check):
    """What a block says of an answer to a task: the failure's sentence, or None."""
    names = {task: answer, "visible_checks": visible_checks, "torch": torch}
    try:
        exec(f"with visible_checks.of('{task}'):\n    {check}", names)
    except AssertionError as error:
        return str(error)
    finally:
        assert names[task] is answer
    return None


def from_a_layer(x):
    return torch.nn.Softmax(dim=1)(x)


def method(x):
    return x.softmax(dim=1)


def under_another_name(x, softmax=F.softmax):
    return softmax(x, dim=1)


def plain(x):
    return (x - torch.logsumexp(x, dim=1, keepdim=True)).exp()


@pytest.mark.parametrize("answer", [from_a_layer, method, under_another_name])
def test_what_a_task_should_write_out_is_refused_in_the_graders_words(answer):
    says = checked("softmax", answer, "softmax(torch.zeros(1, 2))")
    assert "which this task asks you to write yourself" in says
    assert answer(torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]


def test_its_steps_are_allowed_and_so_is_everything_in_another_task():
    assert checked("softmax", plain, "softmax(torch.zeros(1, 2))") is None
    assert checked("conv_net", method, "conv_net(torch.zeros(1, 2))") is None


@pytest.mark.parametrize("loss", [F.cross_entropy, torch.nn.CrossEntropyLoss()])
def test_a_loss_is_refused(loss):
    answer = lambda logits, target: loss(logits, target)  # noqa: E731
    says = checked("cross_entropy", answer, "cross_entropy(torch.zeros(1, 2), torch.ones(1, 2))")
    assert "`cross_entropy` calls `torch.nn.functional.cross_entropy`, which" in says


def test_what_is_not_torchs_is_refused_and_put_back():
    before = scipy.signal.convolve2d

    def conv2d(x):
        return torch.from_numpy(scipy.signal.convolve2d(x.numpy(), np.ones((2, 2))))

    says = checked("conv2d", conv2d, "conv2d(torch.zeros(3, 3))")
    assert "`conv2d` calls `scipy.signal.convolve2d`, which this task asks" in says
    assert scipy.signal.convolve2d is before


@pytest.mark.parametrize("topic", ["cnn_classifier", "chair_generator"])
def test_the_grader_forbids_the_same(topic):
    for task, rule in forbidden_of(topic).items():
        assert set(rule.names) <= set(written_out.FORBIDDEN[task])
