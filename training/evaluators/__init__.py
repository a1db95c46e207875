"""Figures from predictions and arrays; nothing here knows where these come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Predictions:
    """Answers beside the truth.

    `probabilities` is float [n, classes]; a row of zeros is an image that got no answer, which counts as
    wrong. `expected` holds class numbers [n]; `sources` says where each image was collected; `groups`
    which images of a source belong together because they are of one patient (None: each is its own).
    """

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.floating]
    expected: npt.NDArray[np.integer]
    sources: Sequence[str]
    groups: Sequence[str] | None = None

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

    @property
    def confidence(self) -> npt.NDArray[np.floating]:
        """Probability of the predicted class, [n]; 0 for no answer."""
        return self.probabilities.max(axis=1)

    @property
    def patients(self) -> npt.NDArray[np.integer]:
        """A number for each image, the same for those of one group of one source, [n]."""
        groups = self.groups or [str(number) for number in range(len(self.expected))]
        keys = list(zip(groups, self.sources, strict=True))
        numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
        return np.array([numbers[key] for key in keys])

    def take(self, chosen: npt.NDArray[np.bool_ | np.integer]) -> "Predictions":
        """The predictions of some images: a mask [n] or image numbers."""
        numbers = np.arange(len(self.expected))[chosen]
        return Predictions(
            self.classes,
            self.probabilities[numbers],
            self.expected[numbers],
            [self.sources[number] for number in numbers],
            None if self.groups is None else [self.groups[number] for number in numbers],
        )


def share(flags: npt.NDArray[np.bool_]) -> float:
    """The share of flags that are set, 0–1; NaN of none."""
    return float(flags.mean()) if len(flags) else float("nan")


def cells(predictions: Predictions) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Each class in each source that has images of it: label, source, which images [n]."""
    sources = np.array(predictions.sources)
    found = [
        (label, source, (predictions.expected == number) & (sources == source))
        for number, label in enumerate(predictions.classes)
        for source in sorted(set(predictions.sources))
    ]
    return [cell for cell in found if cell[2].any()]
