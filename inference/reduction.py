"""By how much a large picture is made smaller while it is decoded, and how."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def reduction(width: int, height: int) -> int:
    """By what both sides are divided: 8, 4, 2 or 1.

    As much as leaves a long side of at least 1024 and a short side of at least 448 pixels: enough
    for an overlay of 1024 and, for the network's input of 224, the mean of two by two or more. A
    strip that would still have more than 8 million pixels, which is no radiograph, is reduced more.
    """
    long, short = max(width, height), min(width, height)
    factor = 1
    while factor < 8 and (
        (long >= 2048 * factor and short >= 896 * factor) or long * short > 8_000_000 * factor**2
    ):
        factor *= 2
    return factor


def reduced(
    strip: Callable[[int, int], npt.NDArray[Any]],
    width: int,
    height: int,
    factor: int,
    finish: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] = lambda means: means,
) -> npt.NDArray[Any]:
    """The mean over blocks of `factor` x `factor` pixels, asked for in strips to keep memory small.

    Args:
        strip: Gives rows `top` to `bottom` as [bottom - top, width], uint8, uint16 or float32.
        width, height: Of the whole picture.
        factor: At the right and lower edge the last pixel is repeated to fill the block.
        finish: What is done to the means of a strip.

    Returns:
        An array of the type that `finish` gives, [⌈height / factor⌉, ⌈width / factor⌉].
    """
    rows = max(1, 2**18 // (width * factor)) * factor
    if rows >= height and factor == 1:
        return finish(strip(0, height))
    across, down = -(-width // factor), -(-height // factor)
    result: npt.NDArray[Any] | None = None
    for top in range(0, height, rows):
        part = strip(top, min(top + rows, height))
        if factor > 1:
            below, right = -part.shape[0] % factor, -width % factor
            part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE)
            size = (across, part.shape[0] // factor)
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        part = finish(part)
        if result is None:
            result = np.empty((down, across), part.dtype)
        result[top // factor : top // factor + len(part)] = part
    assert result is not None
    return result
