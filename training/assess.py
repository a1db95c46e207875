"""One network on one split: its figures, and the audits of where they come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.answers import ORIGINAL, Answers, alterations, predictions_from
from training.data import Example
from training.evaluators import Predictions
from training.evaluators.heat import heat_in_lungs
from training.evaluators.shortcuts import audit
from training.figures import figures
from training.lungs import Masks


@dataclass(frozen=True)
class Assessment:
    """`found` is what `metrics.json` says of a split; the rest is what pictures are made from."""

    predictions: Predictions
    answers: Answers
    found: dict[str, Any]


def assess(
    answers: Mapping[str, Answers],
    examples: Sequence[Example],
    classes: Sequence[str],
    *,
    temperature: float,
    threshold: float,
    trained: Collection[str] | None = None,
    masks: Sequence[Masks | None] | None = None,
) -> Assessment:
    """All figures of a split, and of the audits those for which there are answers and masks.

    Args:
        answers: From `ask`, for these examples.
        examples: The split, n of them.
        classes: Labels in the order of the logits.
        temperature: Divides the logits.
        threshold: Least probability of a certain answer.
        trained: The cells that training saw, see `figures`.
        masks: The examples' lung masks, n of them.

    Returns:
        Its `found` is that of `figures`, and beside it `shortcuts` (alteration → `audit`) and `heat` (see
        `heat_in_lungs`), which are None where they were not looked at, and as one number each
        `lungs_blacked_out` (accuracy) and `heat_in_lungs` (share).
    """
    original = answers[ORIGINAL]
    predictions = predictions_from(original, examples, classes, temperature)
    found = figures(predictions, threshold, trained=trained)
    audits = {
        name: audit(
            predictions.take(each.chosen), predictions_from(each, examples, classes, temperature)
        )
        for name, each in alterations(answers).items()
    }
    found["shortcuts"] = audits or None
    found["heat"] = heat_in_lungs(predictions, original.class_maps, masks) if masks else None
    if "lungs_blacked_out" in audits:
        found["lungs_blacked_out"] = audits["lungs_blacked_out"]["accuracy"]
    if found["heat"]:
        found["heat_in_lungs"] = found["heat"]["share"]
    return Assessment(predictions, original, found)
