"""The style of a piece: a seeded draw of named parameters, which is stored with its pictures."""

from dataclasses import asdict, is_dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from data_scripts.furniture.car import cars
from data_scripts.furniture.chair import chairs
from data_scripts.furniture.render.materials import Part
from data_scripts.furniture.sofa import sofas
from data_scripts.furniture.table import tables

CATEGORIES: dict[str, ModuleType] = {"chair": chairs, "table": tables, "sofa": sofas, "car": cars}


class Style(Protocol):
    """A frozen dataclass of numbers, words and materials; each category has its own."""


def style_of(category: str, number: int, seed: int = 0) -> Style:
    """The style of one piece; it depends on nothing but these three.

    category  one of CATEGORIES
    number    of the piece in its category, from 0
    """
    rng = np.random.default_rng([seed, list(CATEGORIES).index(category), number])
    return CATEGORIES[category].sample(rng)


def parts_of(style: Style) -> list[Part]:
    """Build a piece: its solids and what they are made of."""
    for module in CATEGORIES.values():
        if isinstance(style, module.STYLE):
            return module.build(style)
    raise TypeError(f"{style!r} is not the style of a chair, a table, a sofa or a car.")


def described(style: Style) -> dict[str, Any]:
    """The style as plain data, for a JSON file."""
    assert is_dataclass(style)
    return asdict(style)
