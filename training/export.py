"""A trained network → a model folder that the service takes as it is."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax

from inference.preprocessing import VERSION
from inference.runtime.litert import LiteRTRuntime
from model_store.manifest import (
    ClassName,
    FileRecord,
    Input,
    Manifest,
    Outputs,
    Threshold,
)
from model_store.store import FolderStore
from training.answers import ORIGINAL, ask, keras_logits
from training.assess import Audits, add_left_out, assess, sanity_of
from training.calibrate import fit_temperature, fit_threshold
from training.card import Facts, model_card
from training.config import Config
from training.data import (
    SPLITS,
    Example,
    check_labels,
    fingerprint,
    of_split,
    seen_or_asked,
)
from training.figures import scalars, trained_cells
from training.gated import fitted, with_metrics, with_section
from training.lungs import read_masks
from training.negatives import read_negatives
from training.networks import for_serving
from training.new_version import check_new, now

NAMES = {
    "covid19": "COVID-19",
    "normal": "Normal",
    "pneumonia": "Pneumonia",
    "tuberculosis": "Tuberculosis",
}
OUTPUTS = Outputs(logits="logits", class_maps="class_maps", embedding="embedding")
#: The same of a network with a map of the lungs: the name of `networks`'s layer.
OUTPUTS_WITH_LUNGS = replace(OUTPUTS, lungs="lung_probability")

#: Largest difference of a probability between Keras and LiteRT that is let through.
PARITY = 2e-3

#: Share of the validation images to be answered with certainty.
COVERAGE = 0.8


class ParityError(RuntimeError):
    """The exported network does not answer as the trained one does."""


def outputs_of(model: keras.Model) -> Outputs:
    """What the export of a network of `networks.for_serving` answers with."""
    names = [layer.name for layer in model.layers]
    return OUTPUTS_WITH_LUNGS if OUTPUTS_WITH_LUNGS.lungs in names else OUTPUTS


def to_litert(model: keras.Model) -> bytes:
    """Convert a network of `networks.for_serving` to LiteRT.

    Weights stay float32: float16 would save 2 MB and nothing else, and moves probabilities by up to 0.04.

    The export answers with `logits` [1, classes], `class_maps` [1, rows, columns, classes] without their
    bias (Grad-CAM before its ReLU), `embedding` [1, features] and, with a map of the lungs,
    `lung_probability` [1, rows, columns].
    """
    head = model.get_layer("class_maps")
    lungs = outputs_of(model).lungs
    tensors = {"features": head.input}
    if lungs:
        tensors["lungs"] = model.get_layer(lungs).output
    backbone = keras.Model(model.input, tensors)
    kernel, bias = (tf.constant(variable.numpy()) for variable in (head.kernel, head.bias))

    @tf.function(input_signature=[tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        found = backbone(image, training=False)
        features = found["features"]
        class_maps = tf.nn.conv2d(features, kernel, strides=1, padding="VALID")
        return {
            "logits": tf.reduce_mean(class_maps, axis=(1, 2)) + bias,
            "class_maps": class_maps,
            "embedding": tf.reduce_mean(features, axis=(1, 2)),
            **({lungs: found["lungs"][..., 0]} if lungs else {}),
        }

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(backbone)
        archive.add_endpoint("serving_default", serve)
        archive.write_out(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def export(
    network: Path,
    config: Config,
    examples: Sequence[Example],
    store: FolderStore,
    *,
    version: str,
    coverage: float = COVERAGE,
    audits: Audits | None = None,
) -> Manifest:
    """Convert, check parity, calibrate, assess, fit a gate, describe, and add the version to the store.

    Temperature and threshold come from the validation split; the test split is audited as well. The card
    has all of it, the manifest the figures that are one number.

    Args:
        network: A `.keras` file made by `train`.
        config: The run that made it.
        examples: The data set; of sources that the run went without, the test split alone is used.
        store: Where the new version goes; it is not promoted.
        version: Its name.
        coverage: Share of the validation images that is to be answered with certainty.
        audits: What is looked at beyond the answers (None: what needs no further file).

    Raises:
        ParityError: LiteRT and Keras differ by more than `PARITY`, or in a class.
        DataError: A split is empty, a label is none of the classes, or an image or a file of the audits
            cannot be read.
        ValueError: No version may be called so.
        VersionExists: The store has this version.
    """
    audits = audits or Audits()
    check_new(version, store)
    classes, data = config.classes, fingerprint(examples)
    seen_before = [
        each
        for each in of_split(examples, "train")
        if each.source in config.without_sources and each.source in config.seen_before
    ]
    examples = seen_or_asked(examples, config.without_sources)
    splits = {split: of_split(examples, split) for split in SPLITS}
    check_labels(examples, classes)
    masks = read_masks(audits.masks, splits["test"]) if audits.masks else None
    left_out = audits.left_out_figures()
    others = read_negatives(audits.not_cxr, examples) if audits.not_cxr else None

    model = for_serving(keras.models.load_model(network, compile=False), config.size)
    spec = config.input
    content = to_litert(model)
    outputs = outputs_of(model)
    runtime = LiteRTRuntime(content, outputs, threads=os.cpu_count() or 1)
    val = ask(runtime, spec, splits["val"])
    _check_parity(model, spec, splits["val"], val[ORIGINAL].logits)
    test = ask(runtime, spec, splits["test"], masks, altered=True)
    _check_parity(model, spec, splits["test"], test[ORIGINAL].logits)

    logits = val[ORIGINAL].logits
    expected = np.array([classes.index(each.label) for each in splits["val"]])
    temperature = fit_temperature(logits, expected)
    threshold = fit_threshold(logits, temperature, coverage)
    common = {
        "temperature": temperature,
        "threshold": threshold,
        "trained": trained_cells(examples),
    }
    metrics = {
        "val": assess(val, splits["val"], classes, **common).found,
        "test": assess(test, splits["test"], classes, masks=masks, **common).found,
    }
    metrics["test"]["sanity"] = sanity_of(model, spec, splits["test"], audits.sanity_images)
    add_left_out(metrics["test"], left_out)

    gate, gate_report = fitted(runtime, spec, examples, others) if others else (None, None)

    facts = Facts(
        version=version,
        created=now(),
        architecture=model.name,
        classes=classes,
        size=spec.size,
        preprocessing=VERSION,
        temperature=temperature,
        threshold=threshold,
        coverage=coverage,
        training_data=data,
        examples=examples,
        seen_before=seen_before,
        adjusted=config.adjusted,
        gate=gate is not None,
    )
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        (folder / "model.tflite").write_bytes(content)
        model.save(folder / "model.keras")
        card = model_card(facts, metrics)
        if gate_report:
            card = with_section(card, gate_report.found)
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        numbers = {split: scalars(found) for split, found in metrics.items()}
        manifest = Manifest(
            name="chest-xray-four-classes",
            version=version,
            created=facts.created,
            architecture=model.name,
            files={
                file.name: FileRecord.of(file.read_bytes()) for file in sorted(folder.iterdir())
            },
            classes=tuple(ClassName(label, NAMES.get(label, label)) for label in classes),
            input=spec,
            preprocessing=VERSION,
            outputs=outputs,
            temperature=temperature,
            threshold=Threshold(value=threshold, coverage=coverage),
            gate=gate.to_manifest() if gate else None,
            metrics=with_metrics(numbers, gate_report.found) if gate_report else numbers,
            training_data=facts.training_data,
            without_sources=config.without_sources,
            adjusted=config.adjusted,
            licence="Research use only; see MODEL_CARD.md",
        )
        manifest.write(folder)
        store.add(folder)
    return manifest


def _check_parity(
    model: keras.Model,
    spec: Input,
    examples: Sequence[Example],
    logits: npt.NDArray[np.float32],
) -> None:
    wanted = keras_logits(model, spec, examples, "checking parity")
    difference = np.abs(softmax(wanted, axis=1) - softmax(logits, axis=1)).max()
    others = int((wanted.argmax(axis=1) != logits.argmax(axis=1)).sum())
    if not difference <= PARITY or others:
        raise ParityError(
            f"LiteRT differs from Keras by up to {difference:.5f} in probability (at most {PARITY} is "
            f"let through) and names another class on {others} of {len(examples)} images."
        )
