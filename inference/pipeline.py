"""The way of an image, from bytes to Report: each step is a function of the module of its name."""

import hashlib
from dataclasses import replace

import numpy as np

from inference import gate
from inference.caveats import caveats
from inference.classification import classify
from inference.course import Course
from inference.decoding import decode
from inference.errors import NotAChestXray
from inference.gate import Gate, Verdict
from inference.gradcam import heatmaps
from inference.gradients import gradients
from inference.lungs import Mask, lung_mask, lung_share
from inference.overlay import fit, render
from inference.pixel_budget import PixelBudget, return_memory_at_once
from inference.preprocessing import VERSION, preprocess
from inference.radiograph import Radiograph
from inference.reading import Options
from inference.report import Explanation, Report, Served
from inference.runtime import Array, open_runtime
from inference.settings import Settings
from model_store.model import Model


class Pipeline:
    """One opened model and what its requests share; safe to call from several threads."""

    def __init__(self, model: Model, settings: Settings) -> None:
        """Open the model's network.

        Raises:
            ValueError: The network cannot be opened, was trained on another preprocessing, or has not
                one logit a class; or the gate cannot be read.
        """
        self._manifest = manifest = model.manifest
        if manifest.preprocessing != VERSION:
            raise ValueError(
                f"Model {manifest.version} expects the preprocessing {manifest.preprocessing}; "
                f"this code has {VERSION}."
            )
        self._settings = settings
        self._gate = manifest.gate and Gate.from_manifest(manifest.gate)
        self._runtime = open_runtime(model, settings)
        self._check()
        self._served = Served(
            manifest, manifest.files[settings.model_file].sha256, self._runtime.name
        )
        # Room for three usual pictures at a time; more would hold memory and make nothing faster.
        self._budget = PixelBudget.shared(settings.max_image_pixels // 6)
        return_memory_at_once()

    def predict(self, data: bytes, options: Options, course: Course) -> Report:
        """Answer for one encoded radiograph.

        Args:
            data: A file in one of the formats that `decoding` reads.
            options: What to explain and how to draw it.
            course: Takes the steps' durations, and what becomes known.

        Raises:
            TooLarge, UnsupportedMedia, Undecodable: The file is not one that can be read.
            NotAChestXray: The gate refuses it and `options.force` is not set.
            GateError: The gate fails.
            ValueError: The network's logits are not finite.
        """
        manifest = self._manifest
        with course.step("decode"):
            radiograph = decode(
                data, max_pixels=self._settings.max_image_pixels, budget=self._budget
            )
            course.format, course.pixels = radiograph.format, radiograph.width * radiograph.height
            verdict = gate.look(radiograph)
        _refuse(verdict, options)
        with course.step("preprocess"):
            batch = preprocess(radiograph.pixels, manifest.input)
            # Before the network, which pushes both out of the processor's cache.
            edges = gradients(batch, manifest.input)
            # From here on the overlay's size is enough, and the overlay gets the memory of the rest.
            radiograph = replace(radiograph, pixels=fit(radiograph.pixels, options.size))
        with course.step("run"):
            activations = self._runtime.run(batch)
        with course.step("gate"):
            if self._gate and not verdict.reasons:
                verdict = self._gate.judge(gate.evidence(edges, activations))
        _refuse(verdict, options)
        course.verdict = verdict
        course.classification = classification = classify(
            activations.logits,
            temperature=manifest.temperature,
            threshold=manifest.threshold.value,
        )
        with course.step("explain"):
            predicted = classification.number
            explained = self._chosen(options.explain, predicted)
            lungs = None if activations.lungs is None else lung_mask(activations.lungs)
            maps = {each: activations.class_map(each) for each in {predicted, *explained}}
            shares = {each: _share(class_map, lungs) for each, class_map in maps.items()}
            explanations = self._explanations(
                {each: maps[each] for each in explained}, shares, radiograph, options
            )
        # The same for the same image, whatever is explained.
        warnings = caveats(
            verdict,
            radiograph,
            size=manifest.input.size,
            lungs_found=None if activations.lungs is None else lungs is not None,
            lung_share=shares[predicted],
        )
        return Report(
            radiograph=radiograph,
            sha256=hashlib.sha256(data).hexdigest(),
            verdict=verdict,
            classification=classification,
            explanations=explanations,
            lung_share=shares[predicted],
            warnings=warnings,
            model=self._served,
            timing_ms=course.timing_ms,
            request_id=course.request_id,
        )

    def _check(self) -> None:
        """Run the network on nothing: what cannot answer must not serve, and what compiles does it now."""
        spec = self._manifest.input
        batch = preprocess(np.zeros((spec.size, spec.size), np.uint8), spec)
        found = self._runtime.run(batch)
        found.class_map(0)
        classes = len(self._manifest.classes)
        if found.logits.shape != (classes,):
            raise ValueError(f"The network has {found.logits.size} logits for {classes} classes.")
        if found.lungs is not None and found.lungs.ndim != 2:
            raise ValueError(
                f"The network's lungs have the shape {found.lungs.shape}, not rows and columns."
            )
        if self._gate:
            self._gate.judge(gate.evidence(gradients(batch, spec), found))

    def _chosen(self, explain: str, predicted: int) -> list[int]:
        labels = self._manifest.labels
        choices = {"predicted": [predicted], "all": list(range(len(labels))), "none": []}
        return choices[explain] if explain in choices else [labels.index(explain)]

    def _explanations(
        self,
        maps: dict[int, Array],
        shares: dict[int, float | None],
        radiograph: Radiograph,
        options: Options,
    ) -> tuple[Explanation, ...]:
        """One for each class map, all on one scale."""
        return tuple(
            Explanation(
                self._manifest.labels[number],
                heat,
                render(radiograph.pixels, heat, options.overlay),
                shares[number],
            )
            for number, heat in zip(maps, heatmaps([*maps.values()]), strict=True)
        )


def _share(class_map: Array, lungs: Mask | None) -> float | None:
    return None if lungs is None else lung_share(class_map.clip(min=0), lungs)


def _refuse(verdict: Verdict, options: Options) -> None:
    if verdict.reasons and not options.force:
        raise NotAChestXray(verdict.sentence, reasons=verdict.reasons)
