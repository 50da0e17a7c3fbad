"""Notebooks that were given out with version 0.1 still import and call everything they need."""

import importlib
import subprocess
import sys

import pytest
import torch

from course_utils import old_names
from course_utils.color.scores import owned, plausible_share
from course_utils.plots.animations import animation, moving
from course_utils.plots.pictures import or_placeholder, until_solved
from course_utils.training.blockwise_loss import blockwise_loss, lean_loss

# Every line of version 0.1's four masters that imports from the course.
IMPORTS = """
import course_utils.neighbor_plots as plots
import course_utils.classifier_plots as plots
import course_utils.generator_plots as plots
import course_utils.color_plots as plots
import course_utils.color_floors as floors
import course_utils.colorization_plots as network_plots
from course_utils import visible_checks
from course_utils.color import AB_SCALE, D65_WHITE, L_CENTER, L_SCALE, SRGB_TO_XYZ, srgb_gamut_ab
from course_utils.color_scores import chroma_ratio, expected_cross_entropy, owned
from course_utils.color_world import WORLD, Scenes, make_scenes
from course_utils.data_sets import cifar10
from course_utils.data_sets import some_pictures, stl10
from course_utils.data_sets import imagenette, some_pictures
from course_utils.digits import load_digits
from course_utils.furniture_styles import augmented, load_furniture_styles
from course_utils.generator_panel import REACH, ChairPanel
from course_utils.generator_scores import mask_sharpness, mean_scores, psnr
from course_utils.gradient_check import numerical_gradient, relative_error
from course_utils.lean_loss import lean_loss
from course_utils.moving_pictures import moving
from course_utils.nearest_bins import nearest_bins
from course_utils.own_photographs import folder_photographs
from course_utils.photographs import COLOR_PHOTOGRAPHS, GREY_PHOTOGRAPHS, PHOTOGRAPHS, crops
from course_utils.photographs import photograph
from course_utils.picture_rows import picture_rows
from course_utils.pictures import picture, show, until_solved
from course_utils.rendered_views import Views, load_views
from course_utils.stored_views import Drawing, mean_of_neighbors, most_similar, nearest_view
from course_utils.temperature_panel import TemperaturePanel
from course_utils.training import History, fit, predict, shuffled_batches
from course_utils.transformations import COLOR_AXES, FACTORS, IDENTITY, PARAMETERS
from course_utils.transformations import sample_parameters
from course_utils.weights import load_weights, save_weights
""".strip().splitlines()


@pytest.mark.parametrize("line", IMPORTS)
def test_a_line_of_an_older_notebook_still_imports(line):
    exec(line, {})


def test_the_first_import_of_a_kernel_may_be_an_old_name():
    line = "from course_utils.color_scores import owned"
    code = f"{line}; from course_utils.color import scores; assert owned is scores.owned"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("old", "new"), old_names.MOVED.items())
def test_an_old_module_name_gives_the_same_module(old, new):
    module = importlib.import_module(f"course_utils.{old}")
    assert module is importlib.import_module(f"course_utils.{new}")


def test_old_function_names_are_aliases():
    assert owned is plausible_share
    assert lean_loss is blockwise_loss
    assert moving is animation


def test_until_solved_keeps_the_name_of_its_argument():
    def unsolved():
        raise NotImplementedError("a_task")

    stand_in = torch.zeros(2, 3)
    assert until_solved(unsolved, stand_in=stand_in) is stand_in
    assert or_placeholder(unsolved, placeholder=stand_in) is stand_in
    assert until_solved(lambda: torch.ones(2, 3), stand_in).sum() == 6
