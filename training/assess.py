"""One network on one split: its figures, and the audits of where they come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.preprocessing import InputSpec, preprocess
from training.answers import ORIGINAL, Answers, alterations, predictions_from
from training.data import Example, read_pixels
from training.evaluators import Predictions
from training.evaluators.heat import heat_in_lungs
from training.evaluators.left_out import left_out_figures
from training.evaluators.lungs import lung_maps
from training.evaluators.shortcuts import audit
from training.figures import figures
from training.left_out import read_left_out
from training.lungs import Masks

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Audits:
    """What is looked at beyond the answers: a file of lung masks, a folder of left-out sources' answers, how
    many images the check by randomised weights gets, and a collection of pictures that are no frontal chest
    X-rays for the gate; None and 0 leave it out."""

    masks: Path | None = None
    left_out: Path | None = None
    sanity_images: int = 48
    not_cxr: Path | None = None

    def left_out_figures(self) -> dict[str, Any] | None:
        """Figures of the left-out sources.

        Raises:
            DataError: The folder does not have what it should.
        """
        return left_out_figures(read_left_out(self.left_out)) if self.left_out else None


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
        Its `found` is that of `figures`, and beside it `shortcuts` (alteration → `audit`), `heat` (see
        `heat_in_lungs`) and `lungs` (see `lung_maps`), which are None where they were not looked at, and as
        one number each `lungs_blacked_out` (accuracy), `heat_in_lungs` (share), `lung_dice` and
        `lungs_not_found` (share of images).
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
        found["intervals"]["heat_in_lungs"] = found["heat"]["share_interval"]
    found["lungs"] = lung_maps(predictions, original.class_maps, original.lungs, masks)
    if found["lungs"]:
        found["lungs_not_found"] = found["lungs"]["implausible"]
        found["lung_dice"] = found["lungs"]["dice"]
        found["intervals"]["lung_dice"] = found["lungs"]["dice_interval"]
    return Assessment(predictions, original, found)


def sanity_of(
    network: "keras.Model", spec: InputSpec, examples: Sequence[Example], images: int
) -> dict[str, Any] | None:
    """`sanity` on so many of the examples, taken at equal steps; None where that is fewer than two."""
    from training.evaluators.sanity import sanity

    numbers = np.unique(np.linspace(0, len(examples) - 1, images).round().astype(int))
    if len(numbers) < 2:
        return None
    batch = [preprocess(read_pixels(examples[number]), spec) for number in numbers]
    return sanity(network, np.concatenate(batch))


def add_left_out(found: dict[str, Any], left_out: dict[str, Any] | None) -> None:
    """Put the figures of left-out sources beside those of a split, its two numbers among these."""
    found["left_out"] = left_out
    if left_out:
        found["left_out_recall"] = left_out["mean_recall"]
        found["left_out_ece"] = left_out["ece"]
