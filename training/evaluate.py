"""Evaluate what is served: every image goes through `python -m inference`, as anybody's would."""

import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.data import Example, check_labels
from training.evaluators import Predictions
from training.evaluators.calibration import abstention, calibration
from training.evaluators.discrimination import by_class, by_source, confusion, overall


def served_answers(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Answers of `python -m inference --jsonl`, one a file, in order; settings are the environment's.

    Raises:
        RuntimeError: The command ended without an answer for every file.
    """
    files = "\n".join(str(example.path) for example in examples)
    command = [
        sys.executable,
        "-m",
        "inference",
        "--jsonl",
        "--explain",
        "none",
        "--files-from",
        "-",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(BrokenPipeError):  # it has ended already and said why
        process.stdin.write(files)
        process.stdin.close()
    lines = tqdm(
        process.stdout, "evaluating", len(examples), unit="image", leave=False, disable=None
    )
    answers = [json.loads(line) for line in lines]
    process.wait()
    if len(answers) != len(examples):
        raise RuntimeError(
            f"{len(answers)} answers for {len(examples)} files; see the message above."
        )
    return answers


def predictions_of(
    answers: Iterable[dict[str, Any]], examples: Sequence[Example]
) -> tuple[Predictions, list[dict[str, Any]]]:
    """Put answers beside the truth; the second value are the refusals and errors among them.

    Raises:
        ValueError: Nothing was answered, an image is not among the answers, or a label is none of the
            model's classes.
    """
    by_file = {answer["file"]: answer for answer in answers}
    missing = [example.path for example in examples if str(example.path) not in by_file]
    if missing:
        raise ValueError(f"There is no answer for {len(missing)} images, such as {missing[0]}.")
    in_order = [by_file[str(example.path)] for example in examples]
    answered = [answer for answer in in_order if "probabilities" in answer]
    if not answered:
        raise ValueError(
            f"No image was answered; the first was not because: {in_order[0]['detail']}"
        )
    classes = tuple(answered[0]["probabilities"])
    check_labels(examples, classes)
    probabilities = [[a.get("probabilities", {}).get(c, 0.0) for c in classes] for a in in_order]
    predictions = Predictions(
        classes,
        np.array(probabilities),
        np.array([classes.index(example.label) for example in examples]),
        [example.source for example in examples],
    )
    return predictions, [answer for answer in in_order if "probabilities" not in answer]


def figures(predictions: Predictions, threshold: float | None = None) -> dict[str, Any]:
    """All figures as one JSON-like object."""
    found: dict[str, Any] = {
        "images": len(predictions.expected),
        **overall(predictions),
        **calibration(predictions),
        "classes": dict(by_class(predictions)),
        "sources": {f"{label}/{source}": row for label, source, row in by_source(predictions)},
    }
    if threshold is not None:
        found.update(abstention(predictions, threshold))
    return found


def as_text(predictions: Predictions, found: dict[str, Any]) -> str:
    """The figures as tables for a person (Markdown, so that the model card can take them)."""
    scalars = [key for key, value in found.items() if isinstance(value, float)]
    classes = predictions.classes
    return "\n\n".join(
        [
            _table(["figure", "value"], [[key, f"{found[key]:.4f}"] for key in scalars]),
            _table(
                ["class", "images", "sensitivity", "specificity", "F1", "AUROC"],
                [
                    [label, f"{row['images']:.0f}"]
                    + [f"{row[key]:.3f}" for key in ("sensitivity", "specificity", "f1", "auroc")]
                    for label, row in found["classes"].items()
                ],
            ),
            _table(
                ["class", "source", "images", "sensitivity"],
                [
                    [*pair.split("/", 1), f"{row['images']:.0f}", f"{row['sensitivity']:.3f}"]
                    for pair, row in found["sources"].items()
                ],
            ),
            _table(
                ["true \\ predicted", *classes, "no answer"],
                [
                    [label, *map(str, row)]
                    for label, row in zip(classes, confusion(predictions).tolist(), strict=True)
                ],
            ),
        ]
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        for row in [head, *rows]
    ]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_json(found: dict[str, Any], file: Path) -> None:
    """Write the figures for a program; what cannot be said (AUROC of a class without images) is null."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(_without_nan(found), indent=1, allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
