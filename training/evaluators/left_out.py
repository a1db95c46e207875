"""Leave-one-source-out: how networks fare on sources that they were trained without."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluators import Predictions
from training.evaluators.calibration import calibration
from training.evaluators.discrimination import by_source
from training.evaluators.intervals import intervals

#: Cells with fewer images are shown but do not count in the mean.
LEAST = 25


def left_out_figures(left_out: Mapping[str, Predictions]) -> dict[str, Any]:
    """Recall of each held-out cell with its interval, the means, and the calibration.

    Returns:
        `mean_recall` over the cells with at least `LEAST` images, `mean_recall_all` over all of them,
        `ece` and `brier` over all images of all sources, and under `sources` for each source `images`,
        `accuracy`, `ece` and `cells`: label → `images`, `recall`, `interval`, `named` (share of each answer).

    Raises:
        ValueError: The networks have not the same classes.
    """
    sources = {source: _of_source(each) for source, each in left_out.items()}
    every = [cell for source in sources.values() for cell in source["cells"].values()]
    large = [cell["recall"] for cell in every if cell["images"] >= LEAST]
    return {
        "cells": float(len(large)),
        "mean_recall": float(np.mean(large)) if large else float("nan"),
        "mean_recall_all": float(np.mean([cell["recall"] for cell in every])),
        **calibration(_together(list(left_out.values()))),
        "sources": sources,
    }


def _of_source(predictions: Predictions) -> dict[str, Any]:
    ranges = intervals(predictions)["sources"]
    predicted = predictions.predicted
    cells = {}
    for label, source, row in by_source(predictions):
        inside = predictions.expected == predictions.classes.index(label)
        cells[label] = {
            "images": row["images"],
            "recall": row["sensitivity"],
            "interval": ranges[f"{label}/{source}"]["sensitivity"],
            "named": {
                name: float((predicted[inside] == number).mean())
                for number, name in enumerate(predictions.classes)
            },
        }
    return {
        "images": float(len(predicted)),
        "accuracy": float(predictions.correct.mean()),
        "ece": calibration(predictions)["ece"],
        "cells": cells,
    }


def _together(parts: Sequence[Predictions]) -> Predictions:
    classes = parts[0].classes
    if any(part.classes != classes for part in parts):
        raise ValueError("The networks do not have the same classes in the same order.")
    return Predictions(
        classes,
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.expected for part in parts]),
        [source for part in parts for source in part.sources],
    )
