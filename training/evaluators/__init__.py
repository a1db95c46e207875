"""Figures from predictions; nothing here knows of networks or of training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Predictions:
    """Answers beside the truth.

    `probabilities` is float [n, classes]; a row of zeros is an image that got no answer, which counts as
    wrong. `expected` holds class numbers [n]; `sources` says where each image was collected.
    """

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.floating]
    expected: npt.NDArray[np.integer]
    sources: Sequence[str]

    @property
    def answered(self) -> npt.NDArray[np.bool_]:
        """Which images got an answer, [n]."""
        return self.probabilities.any(axis=1)

    @property
    def predicted(self) -> npt.NDArray[np.integer]:
        """Class numbers [n]; -1 for no answer."""
        return np.where(self.answered, self.probabilities.argmax(axis=1), -1)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which images were named rightly, [n]."""
        return self.predicted == self.expected
