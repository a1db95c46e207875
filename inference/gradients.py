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
_ACROSS, _DOWN = (np.float32(each) for each in (np.cos(_ANGLES), np.sin(_ANGLES)))
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
    gray = (small - np.float32(spec.low)) * np.float32(255 / (spec.high - spec.low))
    framed = np.pad(gray, 1, mode="edge")
    across = framed[1:-1, 2:] - framed[1:-1, :-2]
    down = framed[2:, 1:-1] - framed[:-2, 1:-1]
    # The part of the gradient along each direction, where it is positive.
    rising = across[..., np.newaxis] * _ACROSS + down[..., np.newaxis] * _DOWN
    np.maximum(rising, 0, out=rising)
    side = SIDE // CELLS
    cells = rising.reshape(CELLS, side, CELLS, side, DIRECTIONS).mean(axis=(1, 3))
    blocks = cells.reshape(CELLS // 2, 2, CELLS // 2, 2, DIRECTIONS)
    strength = np.sqrt((blocks**2).sum(axis=(1, 3, 4), keepdims=True))
    return np.asarray(blocks / (strength + _FLAT), np.float32).ravel()
