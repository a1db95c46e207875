"""Gray values of any depth → the 256 of a radiograph."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.reduction import reduced


def stretch(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Map gray values of any depth to uint8 by the range that they use.

    Values that all lie within 0 to 255 stay as they are (8-bit data in a 16-bit container).
    Otherwise the value that 0.1 % of the pixels fall below becomes 0 and the one that 0.1 % exceed
    becomes 255, so that neither 12-bit data comes out black nor a hot pixel darkens the rest. A
    range of less than 255 is not stretched, so that a blank picture stays blank.
    """
    low, scale = 0.0, 1.0
    if values.min() < 0 or values.max() > 255:
        step = max(1, int((values.size / 2**18) ** 0.5))
        sample = values[::step, ::step]
        low = float(np.quantile(sample, 0.001, method="lower"))
        high = float(np.quantile(sample, 0.999, method="higher"))
        scale = 255 / max(high - low, 255)

    def strip(top: int, bottom: int) -> npt.NDArray[np.uint8]:
        part = values[top:bottom].astype(np.float32)
        part -= np.float32(low)
        part *= np.float32(scale)
        return as_gray(part)

    height, width = values.shape
    return reduced(strip, width, height, 1)


def as_gray(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Round to whole gray values and clip to 0 to 255; `values` is overwritten."""
    return np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)
