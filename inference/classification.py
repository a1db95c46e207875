"""Logits → calibrated probabilities, and whether to trust them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Classification:
    """`probabilities` are in the order of the model's classes and sum to 1."""

    number: int
    probabilities: npt.NDArray[np.float64]
    certain: bool

    @property
    def probability(self) -> float:
        """Probability of the predicted class."""
        return float(self.probabilities[self.number])


def classify(
    logits: npt.NDArray[np.floating], *, temperature: float, threshold: float
) -> Classification:
    """Softmax at a temperature (Guo et al. 2017), and abstention below a threshold.

    Args:
        logits: [classes].
        temperature: Positive; above 1 it takes confidence away.
        threshold: Least probability of the predicted class that counts as certain, 0–1.

    Raises:
        ValueError: A logit is not finite; a network that gives such has no answer.
    """
    if not np.isfinite(logits).all():
        raise ValueError("The network's logits are not finite.")
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max())
    probabilities = exponentials / exponentials.sum()
    number = int(probabilities.argmax())
    return Classification(number, probabilities, bool(probabilities[number] >= threshold))
