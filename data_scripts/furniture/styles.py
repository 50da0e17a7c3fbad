"""The style of a piece: named parameters, drawn from a seed, which are stored with its pictures."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from data_scripts.furniture.car.assemble import build_car
from data_scripts.furniture.car.styles import CarStyle, sample_car
from data_scripts.furniture.chair.assemble import build_chair
from data_scripts.furniture.chair.styles import ChairStyle, sample_chair
from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.sofa.assemble import build_sofa
from data_scripts.furniture.sofa.styles import SofaStyle, sample_sofa
from data_scripts.furniture.table.assemble import build_table
from data_scripts.furniture.table.styles import TableStyle, sample_table

# Frozen dataclasses of numbers, words and materials.
Style = ChairStyle | TableStyle | SofaStyle | CarStyle

# For each category, the function that draws a style. Their order is part of every seed.
CATEGORIES: dict[str, Callable[[np.random.Generator], Style]] = {
    "chair": sample_chair,
    "table": sample_table,
    "sofa": sample_sofa,
    "car": sample_car,
}


def style_of(category: str, number: int, seed: int = 0) -> Style:
    """The style of one piece, which depends only on these three arguments.

    category  one of CATEGORIES
    number    of the piece in its category, from 0
    """
    rng = np.random.default_rng([seed, list(CATEGORIES).index(category), number])
    return CATEGORIES[category](rng)


def parts_of(style: Style) -> list[Part]:
    """Build a piece: its solids and what they are made of."""
    if isinstance(style, ChairStyle):
        return build_chair(style)
    if isinstance(style, TableStyle):
        return build_table(style)
    if isinstance(style, SofaStyle):
        return build_sofa(style)
    return build_car(style)


def described(style: Style) -> dict[str, Any]:
    """The style as plain data, for a JSON file."""
    return asdict(style)
