"""Colour: its constants, the colour world, and how good a colorizer is."""

from course_utils.color.constants import (
    AB_SCALE,
    D65_WHITE,
    L_CENTER,
    L_SCALE,
    SRGB_TO_XYZ,
    srgb_gamut_ab,
)

__all__ = ["AB_SCALE", "D65_WHITE", "L_CENTER", "L_SCALE", "SRGB_TO_XYZ", "srgb_gamut_ab"]
