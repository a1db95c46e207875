"""What is won by answering only where the network is certain."""

import numpy as np
import numpy.typing as npt

from training.evaluators import Predictions

Curve = npt.NDArray[np.floating]


def abstention(predictions: Predictions, threshold: float) -> dict[str, float]:
    """Share of images that are answered with certainty, and the accuracy among those."""
    certain = predictions.confidence >= threshold
    accuracy = predictions.correct[certain].mean() if certain.any() else float("nan")
    return {"coverage": float(certain.mean()), "accuracy_if_certain": float(accuracy)}


def risk_coverage(predictions: Predictions) -> tuple[Curve, Curve]:
    """The risk–coverage curve (El-Yaniv and Wiener 2010).

    Returns:
        Coverage [n], 1/n to 1: the share of the images that are answered, the most certain first; and
        risk [n]: the share of wrong ones among these.
    """
    order = np.argsort(-predictions.confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return answered / len(order), np.cumsum(~predictions.correct[order]) / answered


def selection(predictions: Predictions, share: float = 0.8) -> dict[str, float]:
    """Area under the risk–coverage curve (Geifman et al. 2019) and accuracy of the most certain `share`.

    The area is the mean risk over all coverages: less is better, and 0 is a network without mistakes.
    """
    coverage, risk = risk_coverage(predictions)
    last = max(1, round(share * len(coverage))) - 1
    return {"aurc": float(risk.mean()), "accuracy_most_certain": float(1 - risk[last])}
