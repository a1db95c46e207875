"""Radiograph + heatmap → the picture that shows where the network looked."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

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


def render(
    pixels: npt.NDArray[np.uint8],
    heatmap: npt.NDArray[np.float32],
    *,
    size: int,
    encoding: Literal["jpeg", "png"] = "jpeg",
) -> Overlay:
    """Colour the whole radiograph by the heatmap, in its own aspect ratio.

    Args:
        pixels: Gray values, uint8 [height, width].
        heatmap: float32 [rows, columns], 0–1; the network's grid over the whole radiograph.
        size: Long side of the picture in pixels.
        encoding: JPEG is 10 to 100 times cheaper than PNG.
    """
    width, height = _fit(pixels, size)
    shrinks = size <= max(pixels.shape)
    gray = cv2.resize(
        pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    # The heat is smooth, so its colours are looked up on a quarter of the rows and columns.
    coarse = max(1, width // 4), max(1, height // 4)
    levels = np.rint(heatmap * 255).astype(np.uint8)
    heat = cv2.resize(levels, coarse, interpolation=cv2.INTER_CUBIC)
    kept, luma, *chroma = (cv2.LUT(heat, table) for table in _tables())
    # Gray has no chroma: what the picture has of it is the heat's alone, whatever the radiograph shows.
    faded = cv2.multiply(gray, cv2.resize(kept, (width, height)), scale=1 / 255)
    y = cv2.add(faded, cv2.resize(luma, (width, height)))
    if encoding == "jpeg":
        # JPEG stores just these planes; encoding them spares the way over colours and back.
        half = (width + 1) // 2, (height + 1) // 2
        cb, cr = (cv2.resize(plane, half) for plane in chroma)
        data = simplejpeg.encode_jpeg_yuv_planes(y, cb, cr, quality=JPEG_QUALITY)
    else:
        cb, cr = (cv2.resize(plane, (width, height)) for plane in chroma)
        picture = cv2.cvtColor(cv2.merge([y, cr, cb]), cv2.COLOR_YCrCb2BGR)
        data = cv2.imencode(".png", picture)[1].tobytes()
    return Overlay(data, f"image/{encoding}", width, height)


def _fit(pixels: npt.NDArray[np.uint8], size: int) -> tuple[int, int]:
    height, width = pixels.shape
    scale = size / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


@cache
def _tables() -> tuple[npt.NDArray[np.uint8], ...]:
    """For each heat 0–255: the share of gray that stays (of 255), and Y, Cb and Cr of what is added to it.

    Fading and adding are linear, as is the way from colours to Y, Cb and Cr (ITU-R BT.601, full range as
    in JFIF), so that they may be done there.
    """
    heat = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    share = np.linspace(0, STRONGEST_COLOUR, 256)
    blue, green, red = cv2.applyColorMap(heat, cv2.COLORMAP_TURBO)[:, 0].T * share
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    tables = 255 * (1 - share), luma, 128 + 0.564 * (blue - luma), 128 + 0.713 * (red - luma)
    return tuple(np.rint(table).astype(np.uint8) for table in tables)
