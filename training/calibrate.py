"""Temperature and abstention threshold, fitted on the validation split only."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

Logits = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017).

    Args:
        logits: [n, classes].
        labels: Class numbers, [n].
    """

    def loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-log_probabilities[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def fit_threshold(logits: Logits, temperature: float, coverage: float) -> float:
    """The probability that the predicted class reaches on a share `coverage` of the images."""
    highest = softmax(logits / temperature, axis=1).max(axis=1)
    return float(np.quantile(highest, 1 - coverage))
