"""Whether the heat of right answers lies in the lungs."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.evaluators import Predictions, cells
from training.evaluators.intervals import RESAMPLES, draw, interval

Heat = npt.NDArray[np.floating]
Mask = npt.NDArray[np.uint8]

#: The class that has nothing to show.
HEALTHY = "normal"

#: Standard deviation of the centred blob, as a share of the side.
BLOB = 0.25


def spread(class_map: Heat, mask: Mask) -> Heat:
    """ReLU of a class map [rows, columns], brought bilinearly to the mask's size."""
    rows, columns = mask.shape
    positive = class_map.clip(min=0).astype(np.float32)
    return cv2.resize(positive, (columns, rows), interpolation=cv2.INTER_LINEAR)


def lung_share(heat: Heat, mask: Mask) -> float:
    """The share of a heatmap's sum inside the mask of the same size, 0–1; 0 where there is no heat."""
    total = float(heat.sum())
    return float(heat[mask > 0].sum()) / total if total > 0 else 0.0


def hottest_inside(heat: Heat, mask: Mask) -> bool:
    """The pointing game (Zhang et al. 2018), without tolerance; no heat is a miss."""
    return bool(heat.max() > 0 and mask.flat[int(heat.argmax())])


def blob(shape: tuple[int, int]) -> Heat:
    """A Gaussian in the middle: what a map gets that knows nothing but that chests are centred."""
    rows, columns = (np.linspace(-0.5, 0.5, side) for side in shape)
    return np.exp(-(rows[:, np.newaxis] ** 2 + columns**2) / (2 * BLOB**2))


def mean_heat(
    predictions: Predictions, class_maps: Sequence[Heat], masks: Sequence[Mask | None]
) -> dict[str, tuple[Heat, Heat]]:
    """Where right answers have their heat on average, and where the lungs are, by class.

    Args:
        predictions: Of n images.
        class_maps: Of the predicted class, before the ReLU, [rows, columns] each, n of them.
        masks: 0/1 over the image squashed to a square, n of them; images without one are left out.

    Returns:
        Label → the mean of the heatmaps, each brought to a peak of 1, and the mean of the masks; both
        0–1, of the masks' size.
    """
    found: dict[str, tuple[Heat, Heat]] = {}
    for number, label in enumerate(predictions.classes):
        right = np.flatnonzero(predictions.correct & (predictions.expected == number))
        known = [(class_maps[each], mask) for each in right if (mask := masks[each]) is not None]
        if known:
            heats = [spread(class_map, mask) for class_map, mask in known]
            peaks = [heat / max(float(heat.max()), 1e-12) for heat in heats]
            found[label] = np.mean(peaks, axis=0), np.mean([mask > 0 for _, mask in known], axis=0)
    return found


def heat_in_lungs(
    predictions: Predictions,
    class_maps: Sequence[Heat],
    masks: Sequence[Mask | None],
) -> dict[str, Any]:
    """Share of heat in the lungs and pointing game over right answers that name a disease.

    Beside them stand `uniform` (a map that is the same everywhere: the lungs' area, which is also what a
    random point scores in the pointing game) and `blob` (one centred blob). Images without a mask are
    left out; maps without heat count as 0.

    Args:
        predictions: Of n images.
        class_maps: Of the predicted class, before the ReLU, [rows, columns] each, n of them.
        masks: 0/1 over the image squashed to a square, n of them.

    Returns:
        `images`, `share` with its `share_interval`, `uniform`, `blob`, `pointing`, `without_heat`, and the
        same for each `label/source` under `sources`.
    """
    chosen = predictions.correct & np.array([mask is not None for mask in masks])
    if HEALTHY in predictions.classes:
        chosen &= predictions.expected != predictions.classes.index(HEALTHY)
    rows = np.full((len(masks), 5), np.nan)
    for number in np.flatnonzero(chosen):
        mask = masks[number]
        assert mask is not None
        heat = spread(class_maps[number], mask)
        rows[number] = (
            lung_share(heat, mask),
            float((mask > 0).mean()),
            lung_share(blob(mask.shape), mask),
            hottest_inside(heat, mask),
            not heat.any(),
        )
    kept = predictions.take(chosen)
    return _means(kept, rows[chosen]) | {
        "sources": {
            f"{label}/{source}": _means(kept.take(inside), rows[chosen][inside])
            for label, source, inside in cells(kept)
        }
    }


def _means(predictions: Predictions, rows: npt.NDArray[np.floating]) -> dict[str, Any]:
    count = len(rows)
    if not count:
        nan = float("nan")
        return {"images": 0.0, "share": nan, "share_interval": [nan, nan]} | dict.fromkeys(
            ("uniform", "blob", "pointing", "without_heat"), nan
        )
    weights = draw(predictions.patients, RESAMPLES, np.random.default_rng(0))
    share, uniform, centred, pointing, without = rows.mean(axis=0).tolist()
    return {
        "images": float(count),
        "share": share,
        "share_interval": interval(weights @ rows[:, 0] / weights.sum(axis=1)),
        "uniform": uniform,
        "blob": centred,
        "pointing": pointing,
        "without_heat": without,
    }
