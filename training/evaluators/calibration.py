"""How far the probabilities can be taken at their word."""

import numpy as np

from training.evaluators import Predictions


def calibration(predictions: Predictions, bins: int = 15) -> dict[str, float]:
    """Expected calibration error (Guo et al. 2017, equal-width bins) and Brier score (Brier 1950, 0–2).

    Images that got no answer are left out.
    """
    probabilities = predictions.probabilities[predictions.answered]
    expected = predictions.expected[predictions.answered]
    highest = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == expected
    number = np.minimum((highest * bins).astype(int), bins - 1)
    gaps = [
        (number == each).mean()
        * abs(correct[number == each].mean() - highest[number == each].mean())
        for each in np.unique(number)
    ]
    truth = np.eye(len(predictions.classes))[expected]
    return {
        "ece": float(sum(gaps)),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
    }


def abstention(predictions: Predictions, threshold: float) -> dict[str, float]:
    """Share of images that are answered with certainty, and the accuracy among those."""
    certain = predictions.probabilities.max(axis=1) >= threshold
    accuracy = predictions.correct[certain].mean() if certain.any() else float("nan")
    return {"coverage": float(certain.mean()), "accuracy_if_certain": float(accuracy)}
