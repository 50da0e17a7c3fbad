"""The views of "Seeing 3D chairs" (Aubry et al. 2014), 62 in all, and their file names."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray

AZIMUTHS = 31
ELEVATIONS = (20, 30)


class View(NamedTuple):
    """From where a piece is seen."""

    elevation: int  # degrees above the floor
    azimuth: int  # degrees, whole: floor(360 k / 31); 0 sees the front, 90 the piece's right side
    number: int  # in the file's name; the data set skips one after each elevation's 31

    @property
    def file_name(self) -> str:
        """As in the data set; its distance is always 96."""
        return f"image_{self.number:03d}_p{self.elevation:03d}_t{self.azimuth:03d}_r096.png"

    @property
    def axes(self) -> Array:
        """(3, 3) rows: the picture's right, its up, and the direction from piece to viewer."""
        sin_el, cos_el = np.sin(np.radians(self.elevation)), np.cos(np.radians(self.elevation))
        sin_az, cos_az = np.sin(np.radians(self.azimuth)), np.cos(np.radians(self.azimuth))
        return np.array(
            [
                (cos_az, sin_az, 0),
                (-sin_az * sin_el, cos_az * sin_el, cos_el),
                (sin_az * cos_el, -cos_az * cos_el, sin_el),
            ]
        )


VIEWS = tuple(
    View(elevation, 360 * k // AZIMUTHS, block * (AZIMUTHS + 1) + k)
    for block, elevation in enumerate(ELEVATIONS)
    for k in range(AZIMUTHS)
)
