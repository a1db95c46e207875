"""Radiograph → the network's input. Training and serving both call this module and no other."""

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

#: Written into every manifest. Any change of a value that `preprocess` returns needs a new name here
#: and new golden values in the tests, because a network only knows the input that it was trained on.
VERSION = "squash-clahe-1"


class InputSpec(Protocol):
    """What a network takes: `size` x `size` pixels, 1 or 3 channels, values from `low` to `high`."""

    @property
    def size(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def preprocess(pixels: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Turn a radiograph into a batch of one.

    The radiograph is squashed to a square, because its aspect ratio and resolution tell hospitals apart
    better than diseases. Its contrast is equalised place by place, which takes away a part of what
    window, gamma and exposure do; the rest is left to augmentation.

    Args:
        pixels: Gray values, uint8 [height, width], white is dense (MONOCHROME2).
        spec: The network's input.

    Returns:
        float32 [1, size, size, channels], values from `spec.low` to `spec.high`.
    """
    return as_input(equalize_locally(squash(pixels, spec.size)), spec)


def squash(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resample to uint8 [size, size] without regard to the aspect ratio: the mean over each pixel's area."""
    return shrink(pixels, size, size)


def shrink(pixels: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """Resample to uint8 [height, width]: the mean over each pixel's area.

    Large pictures are halved, then brought to twice the size, then halved again: a mean of two by two
    is many times cheaper than one over areas that cut through pixels.
    """
    while _covers(pixels, 4 * width, 4 * height):
        down, across = pixels.shape[0] // 2, pixels.shape[1] // 2
        even = pixels[: 2 * down, : 2 * across]
        pixels = cv2.resize(even, (across, down), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    twice = 2 * width, 2 * height
    if _covers(pixels, *twice) and pixels.shape != twice[::-1]:
        pixels = cv2.resize(pixels, twice, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _covers(pixels: npt.NDArray[np.uint8], width: int, height: int) -> bool:
    return bool(pixels.shape[0] >= height and pixels.shape[1] >= width)


def equalize_locally(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of uint8 [height, width]."""
    # A new one each time: it keeps buffers, so that threads cannot share it.
    clahe = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
    return clahe.apply(pixels)  # type: ignore[return-value]


def as_input(square: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Map uint8 [size, size] to float32 [1, size, size, channels] in the network's range."""
    values = square.astype(np.float32)
    if (spec.low, spec.high) != (0.0, 255.0):
        values = values * np.float32((spec.high - spec.low) / 255.0) + np.float32(spec.low)
    batch = values[np.newaxis, :, :, np.newaxis]
    return batch if spec.channels == 1 else np.repeat(batch, spec.channels, axis=-1)
