"""How well the network's own map of the lungs agrees with masks, and how often it is believed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.lungs import lung_mask
from inference.lungs import lung_share as share_in_own_lungs
from training.evaluators import Predictions
from training.evaluators.heat import Heat, Mask, lung_share, spread
from training.evaluators.intervals import RESAMPLES, draw, interval


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Dice 1945: twice what two masks share, by what both have, 0–1; 1 where both are empty."""
    both = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / both if both else 1.0


def lung_maps(
    predictions: Predictions,
    class_maps: Sequence[Heat],
    probabilities: Sequence[npt.NDArray[np.float32] | None],
    masks: Sequence[Mask | None] | None,
) -> dict[str, Any] | None:
    """What is served as `lung_share`, held against masks; None for a network that draws no lungs.

    Args:
        predictions: Of n images.
        class_maps: Of the predicted class, before the ReLU, [rows, columns] each, n of them.
        probabilities: To be lung, [rows, columns] each, n of them.
        masks: 0/1 over the image squashed to a square, n of them; where one is missing, so are the
            figures that need it.

    Returns:
        `images`; `implausible`, the share of images whose map is not believed; `dice` of the believed maps
        on the masks' grid (their probability spread to it) with its `dice_interval`; `share` and
        `share_by_mask`, the heat of the predicted class in the network's own lungs and in the mask;
        `uniform`, the lungs' area by mask, which is what a map has that is the same everywhere; `off`,
        the mean difference of the two shares; and the same for each source under `sources`.
    """
    known = [probability for probability in probabilities if probability is not None]
    if len(known) != len(probabilities) or not known:
        return None
    rows = np.array(
        [
            _row(class_map, probability, masks[number] if masks else None)
            for number, (class_map, probability) in enumerate(zip(class_maps, known, strict=True))
        ]
    )
    sources = np.array(predictions.sources)
    return _means(predictions, rows) | {
        "sources": {
            source: _means(predictions.take(sources == source), rows[sources == source])
            for source in sorted(set(predictions.sources))
        }
    }


def _row(class_map: Heat, probability: npt.NDArray[np.float32], mask: Mask | None) -> list[float]:
    nan = float("nan")
    lungs = lung_mask(probability)
    heat = class_map.clip(min=0).astype(np.float32)
    share = None if lungs is None else share_in_own_lungs(heat, lungs)
    own = nan if share is None else share
    if mask is None:
        return [lungs is None, nan, own, nan, nan, nan]
    overlap = nan if lungs is None else dice(spread(probability, mask) >= 0.5, mask > 0)
    by_mask = lung_share(spread(class_map, mask), mask) if heat.any() else nan
    return [lungs is None, overlap, own, by_mask, float((mask > 0).mean()), abs(own - by_mask)]


def _means(predictions: Predictions, rows: npt.NDArray[np.floating]) -> dict[str, Any]:
    weights = draw(predictions.patients, RESAMPLES, np.random.default_rng(0))
    with_dice = ~np.isnan(rows[:, 1])
    names = ("implausible", "dice", "share", "share_by_mask", "uniform", "off")
    found = {
        name: float(np.nanmean(column)) if not np.isnan(column).all() else float("nan")
        for name, column in zip(names, rows.T, strict=True)
    }
    drawn = weights[:, with_dice]
    drawn = drawn[drawn.any(axis=1)]
    resampled = drawn @ rows[with_dice, 1] / drawn.sum(axis=1) if len(drawn) else np.array([np.nan])
    return {"images": float(len(rows)), **found, "dice_interval": interval(resampled)}
