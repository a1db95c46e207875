"""How far the probabilities can be taken at their word."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluators import Predictions

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence is from `low` to `high`; their mean confidence and their accuracy."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def bin_numbers(confidence: npt.NDArray[np.floating], bins: int = BINS) -> npt.NDArray[np.integer]:
    """The number of the equal-width bin of each confidence 0–1; 1 is in the highest."""
    return np.minimum((confidence * bins).astype(int), bins - 1)


def reliability(predictions: Predictions, bins: int = BINS) -> list[Bin]:
    """The reliability diagram (Niculescu-Mizil and Caruana 2005): the bins that have answers, low to high.

    Images that got no answer are left out.
    """
    confidence = predictions.confidence[predictions.answered]
    correct = predictions.correct[predictions.answered]
    number = bin_numbers(confidence, bins)
    return [
        Bin(
            low=each / bins,
            high=(each + 1) / bins,
            images=int((number == each).sum()),
            confidence=float(confidence[number == each].mean()),
            accuracy=float(correct[number == each].mean()),
        )
        for each in np.unique(number).tolist()
    ]


def calibration(predictions: Predictions, bins: int = BINS) -> dict[str, float]:
    """Expected calibration error (Guo et al. 2017, equal-width bins) and Brier score (Brier 1950, 0–2).

    Images that got no answer are left out.
    """
    probabilities = predictions.probabilities[predictions.answered]
    expected = predictions.expected[predictions.answered]
    gaps = [
        each.images / len(expected) * abs(each.accuracy - each.confidence)
        for each in reliability(predictions, bins)
    ]
    truth = np.eye(len(predictions.classes))[expected]
    return {
        "ece": float(sum(gaps)),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
    }
