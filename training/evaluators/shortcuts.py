"""Shortcut audit: what the network says of radiographs from which something was taken away.

Whoever reads lungs is lost without them and does not miss the border. A network that still names the
disease of a radiograph with black lungs has learned where pictures come from (DeGrave et al. 2021). The
outline of what is blacked out stays visible, so that "lungs blacked out" is an upper bound of what the
surroundings tell.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.preprocessing import squash
from training.evaluators import Predictions
from training.evaluators.discrimination import overall

Pixels = npt.NDArray[np.uint8]

#: How much of height and width counts as border, on each side.
BORDER = 0.1
THROUGH = 128


def lungs_blacked_out(pixels: Pixels, mask: Pixels) -> Pixels:
    """Only what is outside the lungs."""
    return np.where(_whole(mask, pixels), 0, pixels).astype(np.uint8)


def lungs_only(pixels: Pixels, mask: Pixels) -> Pixels:
    """Only what is inside the lungs."""
    return np.where(_whole(mask, pixels), pixels, 0).astype(np.uint8)


def border_blacked_out(pixels: Pixels) -> Pixels:
    """Without the outer tenth on each side, where names, sides and devices leave their marks."""
    height, width = pixels.shape
    down, across = round(BORDER * height), round(BORDER * width)
    altered = np.zeros_like(pixels)
    inside = slice(down, height - down), slice(across, width - across)
    altered[inside] = pixels[inside]
    return altered


def through_128(pixels: Pixels) -> Pixels:
    """Squashed to 128 x 128, so that sharpness and aspect ratio are everybody's."""
    return squash(pixels, THROUGH)


#: Of gray values [height, width] and the lung mask 0/1 [rows, columns] of the image squashed to a square.
WITH_MASK: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "lungs_blacked_out": lungs_blacked_out,
    "lungs_only": lungs_only,
}
#: Of gray values [height, width] alone.
WITHOUT_MASK: dict[str, Callable[[Pixels], Pixels]] = {
    "border_blacked_out": border_blacked_out,
    "through_128": through_128,
}


def _whole(mask: Pixels, pixels: Pixels) -> npt.NDArray[np.bool_]:
    """The mask at the image's size; half a mask pixel's smoothing keeps its edges from being stairs."""
    height, width = pixels.shape
    return (
        cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
    )


def audit(original: Predictions, altered: Predictions) -> dict[str, Any]:
    """How accuracy changes, and how often the prediction stays, over all and by source.

    Args:
        original: Answers for images as they are.
        altered: Answers for the same images, altered.
    """
    sources = np.array(original.sources)
    named = Counter(altered.predicted.tolist())
    return {
        **_compared(original, altered),
        "named": {
            label: named[number] / len(sources) for number, label in enumerate(altered.classes)
        },
        "sources": {
            source: _compared(original.take(sources == source), altered.take(sources == source))
            for source in sorted(set(original.sources))
        },
    }


def _compared(original: Predictions, altered: Predictions) -> dict[str, float]:
    after = overall(altered)
    return {
        "images": float(len(original.expected)),
        "accuracy_before": float(original.correct.mean()),
        "accuracy": after["accuracy"],
        "balanced_accuracy": after["balanced_accuracy"],
        "kept": float((original.predicted == altered.predicted).mean()),
    }
