"""The Keras way, in a process of its own: `load_model`, `predict`, Grad-CAM by `GradientTape`.

    python -m tools.bench.keras_way IMAGE ANSWERS [--compiled]

This is Keras' own example of Grad-CAM (keras.io/examples/vision/grad_cam), on the same network and on
the same input values as ours, done fairly: the sub-model is built once, the radiograph becomes small
before it is coloured, and the answer holds no more than label, probabilities and picture. With
`--compiled` one `tf.function` takes the place of `predict` and of the eager tape, which few do.
"""

import base64
import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from inference.preprocessing import preprocess
from inference.settings import Settings
from model_store.model import Model
from model_store.store import open_store
from tools.bench import answering

Floats = npt.NDArray[np.float32]

SIZE = 512


def open_model() -> Model:
    """The version that the settings name."""
    settings = Settings.from_environment()
    return open_store(settings.model_store).open(settings.model_version, files=("model.keras",))


def main(image: Path, answers: int, *, compiled: bool) -> None:
    """Load the model and answer."""
    data = image.read_bytes()
    model = open_model()
    network = keras.models.load_model(model.path("model.keras"), compile=False)
    explain = (_compiled if compiled else _eager)(network)

    def answer() -> str:
        pixels = np.asarray(Image.open(BytesIO(data)).convert("L"))
        probabilities, heatmap = explain(preprocess(pixels, model.manifest.input))
        labels = model.manifest.labels
        return json.dumps(
            {
                "label": labels[int(probabilities.argmax())],
                "probabilities": dict(zip(labels, probabilities.tolist(), strict=True)),
                "explanations": [base64.b64encode(_overlay(pixels, heatmap)).decode()],
            }
        )

    answering.give(answer, answers)


def _eager(network: Any) -> Callable[[Floats], tuple[Floats, Floats]]:
    features_of = _with_features(network)

    def explain(batch: Floats) -> tuple[Floats, Floats]:
        logits = network.predict(batch, verbose=0)[0]
        with tf.GradientTape() as tape:
            features, scores = features_of(batch)
            score = scores[:, int(logits.argmax())]
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
        heatmap = tf.squeeze(features[0] @ weights[:, tf.newaxis])
        heatmap = tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)
        return tf.nn.softmax(logits).numpy(), heatmap.numpy()

    return explain


def _compiled(network: Any) -> Callable[[Floats], tuple[Floats, Floats]]:
    features_of = _with_features(network)

    @tf.function  # type: ignore[untyped-decorator, unused-ignore]
    def traced(batch: Any) -> Any:
        with tf.GradientTape() as tape:
            features, scores = features_of(batch)
            score = tf.reduce_max(scores, axis=1)
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
        heatmap = tf.squeeze(features[0] @ weights[:, tf.newaxis])
        return tf.nn.softmax(scores[0]), tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)

    def explain(batch: Floats) -> tuple[Floats, Floats]:
        probabilities, heatmap = traced(tf.constant(batch))
        return probabilities.numpy(), heatmap.numpy()

    return explain


def _with_features(network: Any) -> Any:
    """The network with a second output: its last features that have rows and columns."""
    return keras.Model(network.input, [network.get_layer("class_maps").input, network.output])


def _overlay(pixels: npt.NDArray[np.uint8], heatmap: Floats) -> bytes:
    scale = SIZE / max(pixels.shape)
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    gray = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    heat = np.clip(255 * cv2.resize(np.nan_to_num(heatmap), size), 0, 255).astype(np.uint8)
    picture = cv2.addWeighted(gray, 0.6, cv2.applyColorMap(heat, cv2.COLORMAP_JET), 0.4, 0)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return data.tobytes()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), compiled="--compiled" in sys.argv)
