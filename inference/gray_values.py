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
    low, high = used_range(values)
    scale = 255 / (high - low)

    def strip(top: int, bottom: int) -> npt.NDArray[np.uint8]:
        part = values[top:bottom].astype(np.float32)
        part -= np.float32(low)
        part *= np.float32(scale)
        return as_gray(part)

    height, width = values.shape
    return reduced(strip, width, height, 1)


def used_range(values: npt.NDArray[Any]) -> tuple[float, float]:
    """The values that `stretch` maps to 0 and to 255, of gray values in one or more dimensions."""
    if values.min() >= 0 and values.max() <= 255:
        return 0.0, 255.0
    sample = sampled(values)
    low = float(np.quantile(sample, 0.001, method="lower"))
    high = float(np.quantile(sample, 0.999, method="higher"))
    return low, max(high, low + 255)


def sampled(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view of every nth value along each axis: at most 2^20 of those of a picture."""
    step = max(1, int((values.size / 2**18) ** 0.5))
    return values[(slice(None, None, step),) * values.ndim]


def as_gray(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Round to whole gray values and clip to 0 to 255; `values` is overwritten."""
    return np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)
