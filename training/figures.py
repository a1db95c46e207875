"""All figures of a split in one JSON-like object, as text, and held against another version's."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from training.data import Example
from training.evaluators import Predictions
from training.evaluators.calibration import calibration, reliability
from training.evaluators.discrimination import (
    by_class,
    by_source,
    confusion,
    overall,
    worst_cell,
)
from training.evaluators.intervals import intervals
from training.evaluators.selection import abstention, risk_coverage, selection

#: What a person calls each figure, in the order of the tables.
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "mean recall of the classes",
    "macro_f1": "macro-F1",
    "worst_cell": "recall in the worst source and class",
    "ece": "expected calibration error",
    "brier": "Brier score",
    "aurc": "area under the risk-coverage curve",
    "accuracy_most_certain": "accuracy of the 80 % most certain",
    "coverage": "share of certain answers",
    "accuracy_if_certain": "accuracy of certain answers",
    "heat_in_lungs": "heat in the lungs",
    "lung_dice": "Dice of the network's map of the lungs",
    "lungs_not_found": "share of images without plausible lungs",
    "lungs_blacked_out": "accuracy with the lungs blacked out",
    "left_out_recall": "mean recall in left-out sources",
    "left_out_ece": "expected calibration error in left-out sources",
}

_CURVE_POINTS = 200


def trained_cells(examples: Sequence[Example]) -> set[str]:
    """The `label/source` cells that have training images."""
    return {f"{each.label}/{each.source}" for each in examples if each.split == "train"}


def figures(
    predictions: Predictions,
    threshold: float | None = None,
    *,
    trained: Collection[str] | None = None,
) -> dict[str, Any]:
    """All figures of a split, whose keys stay what they are.

    Args:
        predictions: Of the split.
        threshold: Least probability of a certain answer; without it `coverage` and
            `accuracy_if_certain` are left out.
        trained: The cells that training saw, among which the worst is looked for (None: all).

    Returns:
        Numbers: `images`, `accuracy`, `macro_f1`, `balanced_accuracy` (mean recall), `ece`, `brier`, `aurc`,
        `accuracy_most_certain` (of the 80 %), `worst_cell` (its recall), `coverage`, `accuracy_if_certain`.
        Objects: `classes` and `sources` (label, or label/source → `images`, `sensitivity`, `specificity`,
        `f1`, `auroc`), `intervals` ([low, high], 95 %, under the same keys), `confusion` (rows: true class,
        columns: answer, the last is none), `reliability` (bins), `risk_coverage` (points), and
        `worst_cell_name`. What cannot be said is NaN.
    """
    sources = {f"{label}/{source}": row for label, source, row in by_source(predictions)}
    worst, recall = worst_cell(sources, among=trained)
    ranges = intervals(predictions)
    if worst:
        ranges["worst_cell"] = ranges["sources"][worst]["sensitivity"]
    found: dict[str, Any] = {
        "images": len(predictions.expected),
        **overall(predictions),
        **calibration(predictions),
        **selection(predictions),
        "worst_cell": recall,
        "worst_cell_name": worst,
        "classes": dict(by_class(predictions)),
        "sources": sources,
        "intervals": ranges,
        "confusion": confusion(predictions).tolist(),
        "reliability": [asdict(each) for each in reliability(predictions)],
        "risk_coverage": _points(*risk_coverage(predictions)),
    }
    if threshold is not None:
        found.update(abstention(predictions, threshold))
    return found


def _points(coverage: np.ndarray, risk: np.ndarray) -> list[list[float]]:
    few = np.unique(np.linspace(0, len(coverage) - 1, _CURVE_POINTS).round().astype(int))
    return np.column_stack([coverage, risk])[few].tolist()


def scalars(found: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are one number and can be said, for the manifest."""
    return {
        key: value
        for key, value in found.items()
        if isinstance(value, int | float) and not math.isnan(value)
    }


def as_text(found: Mapping[str, Any]) -> str:
    """The figures as tables for a person (Markdown, so that the model card can take them)."""
    classes = list(found["classes"])
    ranges = found["intervals"]
    cell = f" ({found['worst_cell_name']})" if found["worst_cell_name"] else ""
    return "\n\n".join(
        [
            table(
                ["figure", "value", "95 %"],
                [
                    [
                        NAMES[key] + (cell if key == "worst_cell" else ""),
                        number(found[key], 4),
                        span(ranges.get(key), 3),
                    ]
                    for key in NAMES
                    if key in found
                ],
            ),
            _rates(["class"], [([label], label) for label in classes], found["classes"], ranges),
            _rates(
                ["class", "source"],
                [(pair.split("/", 1), pair) for pair in found["sources"]],
                found["sources"],
                ranges,
            ),
            table(
                ["true \\ answer", *classes, "no answer"],
                [
                    [label, *map(str, row)]
                    for label, row in zip(classes, found["confusion"], strict=True)
                ],
            ),
        ]
    )


def _rates(
    head: list[str],
    names: Sequence[tuple[list[str], str]],
    rows: Mapping[str, Any],
    ranges: Mapping[str, Any],
) -> str:
    kind = "classes" if len(head) == 1 else "sources"
    return table(
        [*head, "images", "sensitivity", "95 %", "specificity", "F1", "AUROC"],
        [
            [
                *cells,
                f"{rows[key]['images']:.0f}",
                number(rows[key]["sensitivity"]),
                span(ranges[kind][key]["sensitivity"]),
                *(number(rows[key][name]) for name in ("specificity", "f1", "auroc")),
            ]
            for cells, key in names
        ],
    )


def number(value: float | None, digits: int = 3) -> str:
    """A figure for a person; what cannot be said is a dash."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def span(interval: Sequence[float | None] | None, digits: int = 2) -> str:
    """An interval for a person."""
    if interval is None or interval[0] is None or math.isnan(interval[0]):
        return "–"
    return f"{interval[0]:.{digits}f}–{interval[1]:.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table that is readable as it is."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        for row in [head, *rows]
    ]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_json(found: Mapping[str, Any], file: Path) -> None:
    """Write figures for a program; what cannot be said (AUROC of a class without images) is null."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(without_nan(found), indent=1, allow_nan=False) + "\n")


def without_nan(value: Any) -> Any:
    """The same with None for NaN, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
