"""What every file becomes, whatever its format."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Radiograph:
    """A decoded picture, upright, and what is known of it that does not identify anybody.

    `pixels` is uint8 [rows, columns], white is dense (MONOCHROME2), with both sides of the original
    divided by `reduction(width, height)`; `width` and `height` are those of the upright original.
    `colours` is a thumbnail of a file that may have some, uint8 [rows, columns, 3] in RGB, as it lies in
    the file; None where all is gray by the format.
    """

    pixels: npt.NDArray[np.uint8]
    format: str
    width: int
    height: int
    view_position: str | None = None
    paediatric: bool | None = None
    portable: bool | None = None
    colours: npt.NDArray[np.uint8] | None = None
