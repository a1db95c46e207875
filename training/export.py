"""A trained network → a model folder that the service takes as it is."""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax
from tqdm import tqdm

from inference.preprocessing import VERSION, preprocess
from inference.runtime.litert import LiteRTRuntime
from model_store.errors import VersionExists
from model_store.manifest import (
    ClassName,
    FileRecord,
    Input,
    Manifest,
    Outputs,
    Threshold,
    is_version_name,
)
from model_store.store import FolderStore
from training.calibrate import fit_temperature, fit_threshold
from training.data import SPLITS, Example, check_labels, fingerprint, of_split, read_pixels
from training.evaluate import as_text, figures
from training.evaluators import Predictions
from training.networks import for_serving

NAMES = {
    "covid19": "COVID-19",
    "normal": "Normal",
    "pneumonia": "Pneumonia",
    "tuberculosis": "Tuberculosis",
}
OUTPUTS = Outputs(logits="logits", class_maps="class_maps", embedding="embedding")

#: Largest difference of a probability between Keras and LiteRT that is let through.
PARITY = 2e-3


class ParityError(RuntimeError):
    """The exported network does not answer as the trained one does."""


def to_litert(model: keras.Model) -> bytes:
    """Convert a network of `networks.for_serving` to LiteRT.

    Weights stay float32: float16 would save 2 MB and nothing else, and moves probabilities by up to 0.04.

    The export answers with `logits` [1, classes], `class_maps` [1, rows, columns, classes] without their
    bias (Grad-CAM before its ReLU), and `embedding` [1, features].
    """
    head = model.get_layer("class_maps")
    backbone = keras.Model(model.input, head.input)
    kernel, bias = (tf.constant(variable.numpy()) for variable in (head.kernel, head.bias))

    @tf.function(input_signature=[tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        features = backbone(image, training=False)
        class_maps = tf.nn.conv2d(features, kernel, strides=1, padding="VALID")
        return {
            "logits": tf.reduce_mean(class_maps, axis=(1, 2)) + bias,
            "class_maps": class_maps,
            "embedding": tf.reduce_mean(features, axis=(1, 2)),
        }

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(backbone)
        archive.add_endpoint("serving_default", serve)
        archive.write_out(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def export(
    network: Path,
    classes: tuple[str, ...],
    size: int,
    examples: Sequence[Example],
    store: FolderStore,
    *,
    version: str,
    coverage: float = 0.9,
) -> Manifest:
    """Convert, check parity, calibrate, evaluate, describe, and add the version to the store.

    Temperature and threshold come from the validation split; the card shows the test split as well.

    Args:
        network: A `.keras` file made by `train`.
        classes: The labels in the order of the logits.
        size: Side of the images that it will be served, in pixels.
        examples: The data set that it was trained on.
        store: Where the new version goes; it is not promoted.
        version: Its name.
        coverage: Share of the validation images that is to be answered with certainty.

    Raises:
        ParityError: LiteRT and Keras differ by more than `PARITY`, or in a class.
        DataError: A split is empty, a label is none of the classes, or an image cannot be read.
        ValueError: No version may be called so.
        VersionExists: The store has this version.
    """
    # Asked now, because what follows takes minutes.
    if not is_version_name(version):
        raise ValueError(
            f"{version!r} is no version's name; letters, digits, '.', '_', '-' make one."
        )
    if (store.path / version).exists():
        raise VersionExists(f"Version {version} is in {store.path} already; name another one.")
    splits = {split: of_split(examples, split) for split in SPLITS}
    check_labels(examples, classes)
    model = for_serving(keras.models.load_model(network, compile=False), size)
    spec = Input(size=size, channels=1, low=0.0, high=255.0)
    content = to_litert(model)
    runtime = LiteRTRuntime(content, OUTPUTS, threads=os.cpu_count() or 1)
    predicted, found = {}, {}
    for split in ("val", "test"):
        chosen = splits[split]
        inputs = [
            preprocess(read_pixels(each), spec)
            for each in tqdm(chosen, f"reading {split}", disable=None)
        ]
        logits = np.stack(
            [runtime.run(each).logits for each in tqdm(inputs, f"running {split}", disable=None)]
        )
        _check_parity(model, inputs, logits)
        expected = np.array([classes.index(each.label) for each in chosen])
        if split == "val":
            temperature = fit_temperature(logits, expected)
            threshold = fit_threshold(logits, temperature, coverage)
        predicted[split] = Predictions(
            classes, softmax(logits / temperature, axis=1), expected, [e.source for e in chosen]
        )
        found[split] = figures(predicted[split], threshold)

    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        (folder / "model.tflite").write_bytes(content)
        model.save(folder / "model.keras")
        card = _card(version, model.name, splits["train"], predicted, found, temperature, threshold)
        (folder / "MODEL_CARD.md").write_text(card)
        manifest = Manifest(
            name="chest-xray-four-classes",
            version=version,
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            architecture=model.name,
            files={
                file.name: FileRecord.of(file.read_bytes()) for file in sorted(folder.iterdir())
            },
            classes=tuple(ClassName(label, NAMES.get(label, label)) for label in classes),
            input=spec,
            preprocessing=VERSION,
            outputs=OUTPUTS,
            temperature=temperature,
            threshold=Threshold(value=threshold, coverage=coverage),
            gate=None,
            metrics={split: _scalars(found[split]) for split in found},
            training_data=fingerprint(examples),
            licence="Research use only; see MODEL_CARD.md",
        )
        manifest.write(folder)
        store.add(folder)
    return manifest


def _check_parity(
    model: keras.Model, inputs: Sequence[npt.NDArray[np.float32]], logits: npt.NDArray[np.float32]
) -> None:
    keras_logits = model.predict(np.concatenate(inputs), batch_size=64, verbose=0)
    difference = np.abs(softmax(keras_logits, axis=1) - softmax(logits, axis=1)).max()
    others = int((keras_logits.argmax(axis=1) != logits.argmax(axis=1)).sum())
    if not difference <= PARITY or others:
        raise ParityError(
            f"LiteRT differs from Keras by up to {difference:.5f} in probability (at most {PARITY} is "
            f"let through) and names another class on {others} of {len(inputs)} images."
        )


def _scalars(found: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in found.items() if isinstance(value, (int, float))}


def _card(
    version: str,
    architecture: str,
    training: Sequence[Example],
    predicted: dict[str, Predictions],
    found: dict[str, Any],
    temperature: float,
    threshold: float,
) -> str:
    counts = Counter((each.label, each.source) for each in training)
    seen = "\n".join(
        f"- {label}: {n} images of {source}" for (label, source), n in sorted(counts.items())
    )
    return f"""# Model card: {version}

**Research use only. Not a medical device; not for diagnosis.** A frontal chest radiograph in, probabilities
for {", ".join(predicted["val"].classes)} out. Architecture: {architecture}; its head is one map per class and
the mean over positions, so that the class maps are Grad-CAM. Temperature {temperature:.3f}; answers under
{threshold:.3f} are marked as not certain.

## What it saw

{seen}

Weights carry the conditions of the images that made them: where a licence is unknown, forbids commercial
use or differs from the others, they are for research only.

## What it cannot do

- It cannot say "something else": every radiograph is given one of its classes.
- It has no gate: it does not tell whether a picture is a chest X-ray at all.
- Each class came from few hospitals, so part of what it has learned is the hospital. Where the tables by
  source show a low sensitivity, believe them before the overall accuracy; expect worse where it was never
  tested.

## Test split

{as_text(predicted["test"], found["test"])}

## Validation split (temperature and threshold were fitted here)

{as_text(predicted["val"], found["val"])}
"""
