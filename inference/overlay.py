"""Radiograph + heatmap → the picture that shows where the network looked."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from inference.preprocessing import shrink

JPEG_QUALITY = 85
#: How much of the hottest place is colour; a place without heat shows the radiograph alone.
STRONGEST_COLOUR = 0.55


@dataclass(frozen=True)
class Overlay:
    """An encoded picture."""

    data: bytes
    media_type: str
    width: int
    height: int


def fit(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Bring a radiograph to the size of its overlay, in its own aspect ratio.

    Args:
        pixels: Gray values, uint8 [height, width].
        size: Long side of the result in pixels.
    """
    scale = size / max(pixels.shape)
    height, width = (max(1, round(side * scale)) for side in pixels.shape)
    if scale <= 1:
        return shrink(pixels, width, height)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def render(
    gray: npt.NDArray[np.uint8],
    heatmap: npt.NDArray[np.float32],
    encoding: Literal["jpeg", "png"] = "jpeg",
) -> Overlay:
    """Colour a radiograph by its heatmap.

    Args:
        gray: What `fit` gave, uint8 [height, width].
        heatmap: float32 [rows, columns], 0–1; the network's grid over the whole radiograph.
        encoding: JPEG is 10 to 100 times cheaper than PNG.
    """
    height, width = gray.shape
    # The heat is smooth, so its colours are looked up on a quarter of the rows and columns.
    coarse = max(1, width // 4), max(1, height // 4)
    levels = cv2.convertScaleAbs(heatmap, alpha=255)
    heat = cv2.resize(levels, coarse, interpolation=cv2.INTER_CUBIC)
    gray_share, colour = _tables()
    share = cv2.resize(cv2.LUT(heat, gray_share), (width, height))
    added = cv2.resize(cv2.applyColorMap(heat, colour), (width, height))
    # Into what is at hand: new pictures would have to be fetched into the processor's cache.
    faded = cv2.multiply(gray, share, dst=share, scale=1 / 255)
    picture = cv2.add(cv2.cvtColor(faded, cv2.COLOR_GRAY2BGR), added, dst=added)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if encoding == "jpeg" else []
    _, data = cv2.imencode(".jpg" if encoding == "jpeg" else ".png", picture, options)
    return Overlay(data.tobytes(), f"image/{encoding}", width, height)


@cache
def _tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """For each heat 0–255: the share of gray that stays (of 255), and the colour that is added to it."""
    heat = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    share = np.linspace(0, STRONGEST_COLOUR, 256)[:, np.newaxis, np.newaxis]
    colour = cv2.applyColorMap(heat, cv2.COLORMAP_TURBO) * share
    return (255 * (1 - share)).astype(np.uint8), colour.astype(np.uint8)
