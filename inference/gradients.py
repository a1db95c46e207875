"""The network's input as histograms of gradients (after Dalal and Triggs 2005): where which edges run.

They know where things are and which way up, while each of the network's features is a mean over the picture.
"""

import cv2
import numpy as np
import numpy.typing as npt

from inference.preprocessing import InputSpec

#: Side of the square that is described; it has CELLS x CELLS cells, and each has DIRECTIONS numbers.
#: Directions go all around, because an inverted picture has the same edges the other way round.
SIDE, CELLS, DIRECTIONS = 56, 8, 8
#: How many numbers describe a picture.
FEATURES = CELLS * CELLS * DIRECTIONS

_ANGLES = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
#: What a gradient's parts across and down give to each direction, float32 [2, DIRECTIONS].
_ALONG = np.array([np.cos(_ANGLES), np.sin(_ANGLES)], np.float32)
#: Gray values whose gradient counts as flat.
_FLAT = np.float32(2.0)


def gradients(batch: npt.NDArray[np.float32], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Describe what `preprocess` has made.

    Args:
        batch: float32 [1, size, size, channels], of which the first channel counts.
        spec: The network's input.

    Returns:
        float32 [FEATURES], 0–1: by row and column of cells, how strongly gray values rise in each direction,
        as a share of the strength in the block of 2 x 2 cells around it.
    """
    small = cv2.resize(batch[0, :, :, 0], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    # Next value minus the one before, in gray values; the edge goes on for ever.
    scale, border = 255 / (spec.high - spec.low), cv2.BORDER_REPLICATE
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=1, scale=scale, borderType=border)
    down = cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=1, scale=scale, borderType=border)
    slopes = cv2.merge([across, down])
    # The part of the gradient along each direction, where it is positive.
    rising = np.maximum(slopes.reshape(-1, 2) @ _ALONG, 0).reshape(SIDE, SIDE, DIRECTIONS)
    cells = cv2.resize(rising, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    blocks = cells.reshape(CELLS // 2, 2, CELLS // 2, 2, DIRECTIONS)
    strength = np.sqrt((blocks**2).sum(axis=(1, 3, 4), keepdims=True))
    return np.asarray(blocks / (strength + _FLAT), np.float32).ravel()
