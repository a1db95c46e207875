"""One page and one file of figures for a model version: `report.html` and `metrics.json`."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.gradcam import heatmaps
from inference.overlay import fit, render
from inference.preprocessing import VERSION
from inference.runtime.litert import LiteRTRuntime
from model_store.model import Model
from model_store.store import FolderStore
from training import figures, pictures
from training.answers import ask
from training.assess import Assessment, Audits, add_left_out, assess, sanity_of
from training.data import Example, check_labels, of_split, read_pixels
from training.gate_page import html_templates, section_of
from training.gated import assess_gate, of_version
from training.lungs import Masks, read_masks
from training.negatives import read_negatives

#: What is written under `schema_version`; a key that changes its meaning makes it a higher one.
SCHEMA = 1

#: Of images in each group of the gallery, and their long side in pixels.
IN_A_GROUP = 4
SIDE = 288

_TILES = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "worst_cell",
    "ece",
    "brier",
    "accuracy_most_certain",
    "coverage",
    "accuracy_if_certain",
    "left_out_recall",
    "lungs_blacked_out",
    "heat_in_lungs",
    "lung_dice",
)


def report(
    store: FolderStore,
    version: str,
    examples: Sequence[Example],
    split: str,
    folder: Path,
    audits: Audits,
) -> dict[str, Any]:
    """Assess a version on a split and write `report.html` and `metrics.json` into `folder`.

    Returns:
        What is in `metrics.json`: `schema_version`, `model` (facts of the manifest), and split → figures
        as `assess` gives them with `sanity`, `left_out` (see `left_out_figures`) and their numbers, and with
        `gate` (see `gate_figures`) where the audits name a collection for it.

    Raises:
        DataError: The split is empty, a label is none of the model's, or a file is not as it should be.
        StoreError: The version is not there or damaged.
        ValueError: The version was trained on another preprocessing.
    """
    model = store.open(version)
    manifest = model.manifest
    if manifest.preprocessing != VERSION:
        raise ValueError(
            f"Model {manifest.version} expects the preprocessing {manifest.preprocessing}; this code "
            f"has {VERSION}. Report it with the code that it was exported with."
        )
    chosen = of_split(examples, split)
    check_labels(chosen, manifest.labels)
    masks = read_masks(audits.masks, chosen) if audits.masks else None
    left_out = audits.left_out_figures()
    gated = None
    if audits.not_cxr:
        gated = of_version(manifest), read_negatives(audits.not_cxr, examples)
    runtime = LiteRTRuntime(model.read("model.tflite"), manifest.outputs)
    trained = figures.trained_cells(examples)
    assessment = assess(
        ask(runtime, manifest.input, chosen, masks, altered=True),
        chosen,
        manifest.labels,
        temperature=manifest.temperature,
        threshold=manifest.threshold.value,
        trained=trained,
        masks=masks,
    )
    found = assessment.found
    found["sanity"] = _sanity(model, chosen, audits.sanity_images)
    add_left_out(found, left_out)
    gate = None
    if gated:
        fitted, others = gated
        judged = assess_gate(fitted, runtime, manifest.input, chosen, others)
        found["gate"], gate = judged.found, section_of(judged)
    metrics = {
        "schema_version": SCHEMA,
        "model": {
            "name": manifest.name,
            "version": manifest.version,
            "architecture": manifest.architecture,
            "classes": list(manifest.labels),
            "size": manifest.input.size,
            "preprocessing": manifest.preprocessing,
            "temperature": manifest.temperature,
            "threshold": manifest.threshold.value,
        },
        split: found,
    }
    figures.write_json(metrics, folder / "metrics.json")
    unseen = [cell for cell in found["sources"] if cell not in trained]
    page = as_page(
        figures.without_nan(metrics),
        split,
        unseen,
        gallery(assessment, chosen, masks, manifest.threshold.value),
        gate,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return metrics


def _sanity(model: Model, examples: Sequence[Example], images: int) -> dict[str, Any] | None:
    if not images or "model.keras" not in model.manifest.files:
        return None
    import keras

    network = keras.models.load_model(model.path("model.keras"), compile=False)
    return sanity_of(network, model.manifest.input, examples, images)


def gallery(
    assessment: Assessment,
    examples: Sequence[Example],
    masks: Sequence[Masks | None] | None,
    threshold: float,
) -> list[dict[str, Any]]:
    """Overlays of right, wrong and uncertain answers for each class, as the page shows them."""
    predictions = assessment.predictions
    confidence, correct = predictions.confidence, predictions.correct
    random = np.random.default_rng(0).permutation(len(examples))
    groups = []
    for number, label in enumerate(predictions.classes):
        of_class = predictions.expected == number
        for kind, flags, order in (
            ("right and certain", correct & (confidence >= threshold), random),
            ("wrong", ~correct, -confidence),
            ("uncertain", confidence < threshold, confidence),
        ):
            candidates = np.flatnonzero(of_class & flags)
            best = candidates[np.argsort(order[candidates], kind="stable")][:IN_A_GROUP]
            groups.append(
                {
                    "title": f"{label}: {kind} ({len(candidates)})",
                    "pictures": [
                        _picture(assessment, examples[each], masks[each] if masks else None, each)
                        for each in best.tolist()
                    ],
                }
            )
    return groups


def _picture(
    assessment: Assessment, example: Example, mask: Masks | None, number: int
) -> dict[str, Any]:
    predictions = assessment.predictions
    answer = predictions.classes[int(predictions.predicted[number])]
    (heat,) = heatmaps([assessment.answers.class_maps[number]])
    pixels = read_pixels(example)
    drawn = render(fit(pixels if mask is None else _outlined(pixels, mask), SIDE), heat)
    return {
        "base64": base64.b64encode(drawn.data).decode(),
        "width": drawn.width,
        "height": drawn.height,
        "alt": f"Radiograph of {example.label}, answered {answer}, with heatmap",
        "caption": f"{example.label} → {answer} {predictions.confidence[number]:.2f}",
        "source": example.source,
    }


def _outlined(pixels: npt.NDArray[np.uint8], mask: Masks) -> npt.NDArray[np.uint8]:
    """The radiograph with the lungs' outline in white."""
    height, width = pixels.shape
    whole = cv2.resize(mask.astype(np.float32), (width, height)) >= 0.5
    outlines, _ = cv2.findContours(
        whole.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    thickness = max(1, round(max(height, width) / SIDE))
    return cv2.drawContours(pixels.copy(), outlines, -1, 255, thickness)


def as_page(
    metrics: Mapping[str, Any],
    split: str,
    unseen: Sequence[str],
    groups: Sequence[Mapping[str, Any]],
    gate: Mapping[str, Any] | None = None,
) -> str:
    """The self-contained page.

    Args:
        metrics: What is in `metrics.json`.
        split: The key of the split in it.
        unseen: The `label/source` cells that training saw none of.
        groups: The gallery.
        gate: Its figures and mistakes, see `gate_page.section_of`; None: not measured.
    """
    found = metrics[split]
    plots = {
        "cells": pictures.recall_by_cell(found),
        "reliability": pictures.reliability_diagram(found),
        "risk": pictures.risk_coverage_curve(found),
    }
    if found["left_out"]:
        plots["left_out"] = pictures.recall_left_out(found["left_out"])
    if found["shortcuts"]:
        plots["altered"] = pictures.accuracy_when_altered(found)
    if found["heat"] and found["heat"]["images"]:
        plots["heat"] = pictures.heat_by_cell(found)
    if found["sanity"]:
        plots["sanity"] = pictures.sanity_curve(found["sanity"])
    return (
        html_templates()
        .get_template("report.html")
        .render(
            model=metrics["model"],
            split=split,
            found=found,
            left_out=found["left_out"],
            tiles=[_tile(key, found) for key in _TILES if key in found],
            unseen=unseen,
            largest=max(row["images"] for row in found["classes"].values()) / found["images"],
            plots={key: pictures.as_svg(plot, key) for key, plot in plots.items()},
            gallery=groups,
            gate=gate,
            outlined=bool(found["heat"]),
        )
    )


def _tile(key: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": figures.NAMES[key],
        "value": found[key],
        "interval": found["intervals"].get(key),
        "note": (found["worst_cell_name"] or "") if key == "worst_cell" else "",
    }
