"""How far chance moves the figures: percentile bootstrap (Efron 1979), patients drawn with replacement.

A figure of a resample is the figure of the data weighted by how often each image was drawn, so that all
resamples are computed at once. An interval without width (all right, or none) does not mean certainty:
with n images and no mistake, up to 3/n of mistakes are still likely.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluators import Predictions, cells
from training.evaluators.calibration import BINS, bin_numbers

#: Per image how often it was drawn, float [resamples, n].
Weights = npt.NDArray[np.float64]
#: A figure's value in each resample, float [resamples].
Values = npt.NDArray[np.float64]

#: How often a data set is drawn anew, and the share of the values that an interval has inside.
RESAMPLES = 1000
LEVEL = 0.95

_NUMBERS_AT_ONCE = 4_000_000


def draw(
    patients: npt.NDArray[np.integer], resamples: int, generator: np.random.Generator
) -> Weights:
    """Draw as many patients as there are, with replacement; a patient's images come and go together."""
    number = int(patients.max()) + 1
    times = generator.multinomial(number, np.full(number, 1 / number), size=resamples)
    return times[:, patients].astype(np.float64)


def interval(values: Values) -> list[float]:
    """The percentiles that have `LEVEL` of the values between them; NaN where no value can be said."""
    if np.isnan(values).all():
        return [float("nan")] * 2
    tail = 100 * (1 - LEVEL) / 2
    return [float(each) for each in np.nanpercentile(values, [tail, 100 - tail])]


def intervals(predictions: Predictions) -> dict[str, Any]:
    """[low, high] of the figures, under the same keys as `figures` has them.

    A cell's figures are NaN in resamples that have none of its images; these are passed over. Of a single
    patient's sensitivity no interval can be said.
    """
    count, patients = len(predictions.expected), predictions.patients
    generator = np.random.default_rng(0)
    at_once = max(1, _NUMBERS_AT_ONCE // count)
    blocks = []
    for start in range(0, RESAMPLES, at_once):
        weights = draw(patients, min(at_once, RESAMPLES - start), generator)
        blocks.append(weighted(predictions, weights))
    found: dict[str, Any] = {}
    for path in blocks[0]:
        place = found
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = interval(np.concatenate([block[path] for block in blocks]))
    for label, source, inside in cells(predictions):
        if len(set(patients[inside])) < 2:
            found["sources"][f"{label}/{source}"]["sensitivity"] = [float("nan")] * 2
    for number, label in enumerate(predictions.classes):
        if len(set(patients[predictions.expected == number])) < 2:
            found["classes"][label]["sensitivity"] = [float("nan")] * 2
    return found


def weighted(predictions: Predictions, weights: Weights) -> dict[tuple[str, ...], Values]:
    """Figures of each resample, by their path of keys."""
    sources = np.array(predictions.sources)
    classes = [
        _against_rest(predictions, number, weights) for number in range(len(predictions.classes))
    ]
    found: dict[tuple[str, ...], Values] = {
        ("accuracy",): _share(weights, predictions.correct),
        ("macro_f1",): np.nanmean([each["f1"] for each in classes], axis=0),
        ("balanced_accuracy",): np.nanmean([each["sensitivity"] for each in classes], axis=0),
        ("ece",): _ece(predictions, weights),
        ("brier",): _brier(predictions, weights),
        ("accuracy_most_certain",): _accuracy_most_certain(predictions, weights, 0.8),
    }
    for label, figures in zip(predictions.classes, classes, strict=True):
        found |= {("classes", label, name): values for name, values in figures.items()}
    for label, source, _ in cells(predictions):
        inside = sources == source
        number = predictions.classes.index(label)
        figures = _against_rest(predictions.take(inside), number, weights[:, inside])
        cell = f"{label}/{source}"
        found |= {("sources", cell, name): values for name, values in figures.items()}
    return found


def _ratio(part: Values, whole: Values) -> Values:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole != 0)


def _share(weights: Weights, flags: npt.NDArray[np.bool_]) -> Values:
    return _ratio(weights @ flags, weights.sum(axis=1))


def _against_rest(predictions: Predictions, number: int, weights: Weights) -> dict[str, Values]:
    truth = predictions.expected == number
    predicted = predictions.predicted == number
    hits, misses = weights @ (truth & predicted), weights @ (truth & ~predicted)
    false_alarms, rejected = weights @ (~truth & predicted), weights @ (~truth & ~predicted)
    return {
        "sensitivity": _ratio(hits, hits + misses),
        "specificity": _ratio(rejected, rejected + false_alarms),
        "f1": _ratio(2 * hits, np.where(hits + misses, 2 * hits + misses + false_alarms, 0)),
        "auroc": _auroc(truth, predictions.probabilities[:, number], weights),
    }


def _auroc(
    truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], weights: Weights
) -> Values:
    """The share of pairs that are in the right order (Mann and Whitney 1947); a tie counts a half."""
    if truth.all() or not truth.any():
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    of_score = np.add.reduceat(weights[:, order] * truth[order], starts, axis=1)
    others = np.add.reduceat(weights[:, order] * ~truth[order], starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    pairs = of_score.sum(axis=1) * others.sum(axis=1)
    return _ratio((of_score * below).sum(axis=1), pairs)


def _ece(predictions: Predictions, weights: Weights) -> Values:
    answered = predictions.answered
    gaps = (predictions.correct - predictions.confidence)[answered]
    number = bin_numbers(predictions.confidence[answered])
    by_bin = np.eye(BINS)[number] * gaps[:, np.newaxis]
    weights = weights[:, answered]
    return _ratio(np.abs(weights @ by_bin).sum(axis=1), weights.sum(axis=1))


def _brier(predictions: Predictions, weights: Weights) -> Values:
    truth = np.eye(len(predictions.classes))[predictions.expected]
    squares = ((predictions.probabilities - truth) ** 2).sum(axis=1)[predictions.answered]
    weights = weights[:, predictions.answered]
    return _ratio(weights @ squares, weights.sum(axis=1))


def _accuracy_most_certain(predictions: Predictions, weights: Weights, share: float) -> Values:
    order = np.argsort(-predictions.confidence, kind="stable")
    weights = weights[:, order]
    wanted = np.maximum(1, np.round(share * weights.sum(axis=1, keepdims=True)))
    before = np.cumsum(weights, axis=1) - weights
    inside = np.clip(wanted - before, 0, weights)  # of an image drawn twice, one may be inside
    return _ratio(inside @ predictions.correct[order], inside.sum(axis=1))
