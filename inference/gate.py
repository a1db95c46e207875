"""Is this a frontal chest X-ray? For now: what can be told from the picture alone.

A model whose manifest holds no numbers for a gate leaves the question open: `chest_xray` is then None,
and the answer carries a warning instead of a promise.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from inference.decoding import Radiograph

#: Shorter sides than this show no lung markings.
SHORTEST_SIDE = 64
#: A picture whose gray values (98 % of them) span less than this is empty.
LEAST_SPAN = 8

EXPLANATIONS = {
    "too_small": f"the shorter side has fewer than {SHORTEST_SIDE} pixels",
    "blank": "the picture is (nearly) of one gray value",
}


@dataclass(frozen=True)
class Verdict:
    """`chest_xray` is None where nothing speaks against it but the model cannot tell either."""

    chest_xray: bool | None
    score: float | None
    reasons: tuple[str, ...]
    #: It passes, but few chest X-rays score so low.
    near_edge: bool = False

    @property
    def sentence(self) -> str:
        """The reasons for a person."""
        return "; ".join(EXPLANATIONS[reason] for reason in self.reasons)


def judge(radiograph: Radiograph) -> Verdict:
    """Judge a radiograph by its size and gray values."""
    reasons = []
    if min(radiograph.width, radiograph.height) < SHORTEST_SIDE:
        reasons.append("too_small")
    if _is_blank(radiograph):
        reasons.append("blank")
    return Verdict(False if reasons else None, None, tuple(reasons))


def _is_blank(radiograph: Radiograph) -> bool:
    # Some rows tell as much as all; the mean along them takes the noise away.
    rows = radiograph.pixels[:: max(1, len(radiograph.pixels) // 64)]
    thumbnail = cv2.resize(rows, (64, 64), interpolation=cv2.INTER_AREA)
    below = (
        np.bincount(np.asarray(thumbnail, np.uint8).ravel(), minlength=256).cumsum()
        / thumbnail.size
    )
    low, high = np.searchsorted(below, (0.01, 0.99))
    return bool(high - low < LEAST_SPAN)
