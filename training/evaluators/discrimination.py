"""How well the classes are told apart."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, recall_score, roc_auc_score

from training.evaluators import Predictions, cells, share


def overall(predictions: Predictions) -> dict[str, float]:
    """Accuracy, macro-F1, and the mean sensitivity; both means are over the classes that have images."""
    truth, predicted = predictions.expected, predictions.predicted
    macro = {"labels": np.unique(truth), "average": "macro", "zero_division": 0}
    return {
        "accuracy": float(predictions.correct.mean()),
        "macro_f1": float(f1_score(truth, predicted, **macro)),
        "balanced_accuracy": float(recall_score(truth, predicted, **macro)),
    }


def by_class(predictions: Predictions) -> Iterator[tuple[str, dict[str, float]]]:
    """Each class against the rest: number of images, sensitivity, specificity, F1, AUROC.

    NaN is what cannot be said: of a class that has no image, or has all of them.
    """
    for number, label in enumerate(predictions.classes):
        yield label, _against_rest(predictions, number)


def by_source(predictions: Predictions) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Each class in each source, against the source's other images: the same figures."""
    sources = np.array(predictions.sources)
    for label, source, _ in cells(predictions):
        inside = predictions.take(sources == source)
        yield label, source, _against_rest(inside, predictions.classes.index(label))


def _against_rest(predictions: Predictions, number: int) -> dict[str, float]:
    truth = predictions.expected == number
    predicted = predictions.predicted == number
    return {
        "images": float(truth.sum()),
        "sensitivity": share(predicted[truth]),
        "specificity": share(~predicted[~truth]),
        "f1": float(f1_score(truth, predicted, zero_division=0)) if truth.any() else float("nan"),
        "auroc": _auroc(truth, predictions.probabilities[:, number]),
    }


def _auroc(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    one_sided = truth.all() or not truth.any()
    return float("nan") if one_sided else float(roc_auc_score(truth, scores))


def worst_cell(
    rows: Mapping[str, Mapping[str, Any]], *, among: Collection[str] | None = None, least: int = 25
) -> tuple[str | None, float]:
    """The `label/source` with the least sensitivity, and that sensitivity; (None, NaN) if there is none.

    Args:
        rows: `label/source` → figures, as `figures` has them under `sources`.
        among: The cells that are looked at, such as those that training saw (None: all).
        least: Cells with fewer images say too little.
    """
    large = {
        cell: row["sensitivity"]
        for cell, row in rows.items()
        if row["images"] >= least and (among is None or cell in among)
    }
    if not large:
        return None, float("nan")
    worst = min(large, key=lambda cell: large[cell])
    return worst, large[worst]


def confusion(predictions: Predictions) -> npt.NDArray[np.integer]:
    """Images by true class (rows) and predicted class (columns; the last is: no answer)."""
    classes = len(predictions.classes)
    table = np.zeros((classes, classes + 1), dtype=int)
    np.add.at(table, (predictions.expected, predictions.predicted), 1)
    return table
