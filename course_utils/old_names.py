"""Module names of version 0.1, which notebooks already given out still import."""

from __future__ import annotations  # so that an older Python can report which one is needed

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "course_utils"
MOVED = {
    "data_folder": "data.data_folder",
    "data_sets": "data.data_sets",
    "digits": "data.digits",
    "furniture_styles": "data.furniture_styles",
    "own_photographs": "data.own_photographs",
    "photographs": "data.photographs",
    "rendered_files": "data.rendered_files",
    "rendered_views": "data.rendered_views",
    "stored_views": "data.stored_views",
    "transformations": "data.transformations",
    "classifier_plots": "plots.classifier_plots",
    "color_plots": "plots.color_plots",
    "colorization_plots": "plots.colorization_plots",
    "generator_panel": "plots.generator_panel",
    "generator_plots": "plots.generator_plots",
    "moving_pictures": "plots.animations",
    "neighbor_plots": "plots.neighbor_plots",
    "panels": "plots.panels",
    "picture_rows": "plots.picture_rows",
    "pictures": "plots.pictures",
    "temperature_panel": "plots.temperature_panel",
    "cell_parts": "notebook.cell_parts",
    "grafting": "notebook.grafting",
    "locked_cells": "notebook.locked_cells",
    "saved_notebook": "notebook.saved_notebook",
    "statements": "notebook.statements",
    "submitted_cells": "notebook.submitted_cells",
    "as_graded": "self_check.as_graded",
    "fresh_kernel": "self_check.fresh_kernel",
    "inside_kernel": "self_check.inside_kernel",
    "not_handed_in": "self_check.not_handed_in",
    "notebook_run": "self_check.notebook_run",
    "checkpoints": "training.checkpoints",
    "generator_scores": "training.generator_scores",
    "gradient_check": "training.gradient_check",
    "lean_loss": "training.blockwise_loss",
    "weights": "training.weights",
    "color_floors": "color.bayes_bounds",
    "color_scores": "color.scores",
    "color_world": "color.world",
    "nearest_bins": "color.nearest_bins",
}


class OldNames(MetaPathFinder, Loader):
    """Imports a module by its old name; the result is the same object as under the new name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A specification for an old name, and None for any other name."""
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == PACKAGE and name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Replace the new, empty module by the module that the old name refers to."""
        new = f"{PACKAGE}.{MOVED[module.__name__.partition('.')[2]]}"
        sys.modules[module.__name__] = importlib.import_module(new)


def install() -> None:
    """Make the old names importable. Calling it again has no effect."""
    if not any(isinstance(finder, OldNames) for finder in sys.meta_path):
        sys.meta_path.append(OldNames())
