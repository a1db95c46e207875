"""Is this a frontal chest X-ray, upright and not inverted? If not, what is wrong with it?

First the picture alone is looked at (`look`), because what is blank needs no more. Then a linear probe, which
the model brings in its manifest, reads what the pass has computed anyway and how edges run in the picture
(`evidence`, `Gate.judge`). It knows frontal chest X-rays and what else people send, and so it can tell why.

A model without a gate leaves the question open: `chest_xray` is then None, and the answer carries a warning
instead of a promise. A gate that cannot decide is an error, never a pass.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.radiograph import Radiograph
from inference.reasons import EXPLANATIONS, PASSES, SHORTEST_SIDE
from inference.runtime import Activations

#: A picture whose gray values (98 % of them) span less than this is empty.
LEAST_SPAN = 8
#: How far a pixel's chroma (0–255) may be from what pixels of its brightness have, and how large a share of
#: the picture may be farther: a tinted film passes, and so does one with coloured arrows on it.
MOST_CHROMA, MOST_COLOURED = 8, 0.15
#: Shares of the picture that are white, and white or black, in a page of text; the whitest of 4,908 chest
#: X-rays have 0.85 and 0.87.
LEAST_WHITE, LEAST_TWO_TONE = 0.7, 0.9

#: What the probe calls a frontal chest X-ray.
FRONTAL = "frontal"


@dataclass(frozen=True)
class Verdict:
    """`score` is how much it looks like a frontal chest X-ray, 0–1; None where that was not asked.

    `chest_xray` is None where nothing speaks against it but the model cannot tell either.
    """

    chest_xray: bool | None
    score: float | None
    reasons: tuple[str, ...]
    #: It passes, but few chest X-rays score so low.
    near_edge: bool = False

    @property
    def sentence(self) -> str:
        """The reasons for a person."""
        return "; ".join(EXPLANATIONS[reason] for reason in self.reasons)


class GateError(RuntimeError):
    """The gate cannot decide; nothing passes."""


@dataclass(frozen=True)
class Gate:
    """A linear probe: logits = features @ weights + bias, one for each of `kinds`.

    `weights` is float32 [features, kinds] and `bias` float32 [kinds]. A kind is `FRONTAL` or the reason that
    it is refused for; where one reason has several, what follows a colon tells them apart, as in
    `rotated:left`. `edge` is the score below which what passes is `near_edge`.
    """

    kinds: tuple[str, ...]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    edge: float

    @classmethod
    def from_manifest(cls, section: Mapping[str, Any]) -> "Gate":
        """Read what `to_manifest` has made.

        Raises:
            ValueError: It is something else.
        """
        try:
            kinds = tuple(section["kinds"])
            numbers = np.frombuffer(base64.b64decode(section["probe"], validate=True), "<f2")
            table = numbers.astype(np.float32).reshape(-1, len(kinds))
            gate = cls(kinds, table[:-1], table[-1], float(section["edge"]))
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise ValueError(f"The manifest's gate cannot be read: {error}.") from error
        unknown = set(map(reason_of, kinds)) - {FRONTAL, *EXPLANATIONS}
        if set(section) != {"kinds", "probe", "edge"} or FRONTAL not in kinds or unknown:
            raise ValueError("The manifest's gate is not of the kind that this code reads.")
        if not (np.isfinite(table).all() and len(set(kinds)) == len(kinds) > 1):
            raise ValueError(
                "The manifest's gate has numbers that are not finite, or a kind twice."
            )
        return gate

    def to_manifest(self) -> dict[str, Any]:
        """JSON; `probe` is the weights and, as their last row, the bias: little-endian float16, base64."""
        table = np.vstack([self.weights, self.bias]).astype("<f2")
        return {
            "kinds": list(self.kinds),
            "probe": base64.b64encode(table.tobytes()).decode("ascii"),
            "edge": self.edge,
        }

    def judge(self, features: npt.NDArray[np.float32]) -> Verdict:
        """Tell what it is that has these features.

        Raises:
            GateError: They are not as many as the gate was made for, or not finite.
        """
        if features.shape != self.weights.shape[:1] or not np.isfinite(features).all():
            raise GateError(f"The gate cannot judge features of the shape {features.shape}.")
        logits = (features @ self.weights + self.bias).astype(np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        by_reason = dict.fromkeys(map(reason_of, self.kinds), 0.0)
        for kind, share in zip(self.kinds, shares.tolist(), strict=True):
            by_reason[reason_of(kind)] += share
        score = by_reason.pop(FRONTAL)
        if score >= PASSES:
            return Verdict(True, score, (), near_edge=score < self.edge)
        return Verdict(False, score, (max(by_reason, key=lambda reason: by_reason[reason]),))


def evidence(edges: npt.NDArray[np.float32], activations: Activations) -> npt.NDArray[np.float32]:
    """What the probe reads, float32 [features]: the network's embedding and the `gradients` of its input."""
    return np.concatenate([activations.embedding, edges])


def reason_of(kind: str) -> str:
    """The reason that a kind of the probe is refused for; `FRONTAL` is none."""
    return kind.partition(":")[0]


def look(radiograph: Radiograph) -> Verdict:
    """Judge a picture by its size, its gray values and its colours, which can only speak against it."""
    found = []
    if min(radiograph.width, radiograph.height) < SHORTEST_SIDE:
        found.append("too_small")
    if _is_blank(radiograph.pixels):
        found.append("blank")
    elif _is_page(radiograph.pixels):
        found.append("page")
    if radiograph.colours is not None and _is_coloured(radiograph.colours):
        found.append("coloured")
    return Verdict(False if found else None, None, tuple(found))


def _is_blank(pixels: npt.NDArray[np.uint8]) -> bool:
    # Some rows tell as much as all; the mean along them takes the noise away.
    rows = pixels[:: max(1, len(pixels) // 64)]
    thumbnail = cv2.resize(rows, (64, 64), interpolation=cv2.INTER_AREA)
    below = (
        np.bincount(np.asarray(thumbnail, np.uint8).ravel(), minlength=256).cumsum()
        / thumbnail.size
    )
    low, high = np.searchsorted(below, (0.01, 0.99))
    return bool(high - low < LEAST_SPAN)


def _is_page(pixels: npt.NDArray[np.uint8]) -> bool:
    # Pixels as they are, because a mean would make gray of letters.
    height, width = pixels.shape
    some = pixels[:: max(1, height // 128), :: max(1, width // 128)]
    shares = np.bincount(some.ravel(), minlength=256) / some.size
    dark, light = int(shares[:128].argmax()), 128 + int(shares[128:].argmax())
    white = shares[max(light - 12, 128) : light + 13].sum()
    black = shares[max(dark - 12, 0) : min(dark + 13, 128)].sum()
    return bool(white >= LEAST_WHITE and white + black >= LEAST_TWO_TONE)


def _is_coloured(colours: npt.NDArray[np.uint8]) -> bool:
    thumbnail = cv2.resize(colours, (64, 64), interpolation=cv2.INTER_AREA)
    luma, *chroma = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb).reshape(-1, 3).T
    off = np.zeros(luma.shape, bool)
    for level in range(8):
        alike = np.flatnonzero(luma // 32 == level)
        if len(alike):
            for each in chroma:
                values = each[alike].astype(np.int16)
                off[alike] |= np.abs(values - np.median(values)) > MOST_CHROMA
    return bool(off.mean() > MOST_COLOURED)
