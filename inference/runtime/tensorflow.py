"""TensorFlow: any Keras image classifier, explained by Grad-CAM with `GradientTape`.

It is slower and much larger than LiteRT. It serves models whose head is not ours, and it is what LiteRT's
answers are held against in tests.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from inference.runtime import Activations, Array


class TensorFlowRuntime:
    """A Keras classifier; the last spatial layer is found by itself, inside nested models too."""

    name = "tensorflow"

    def __init__(self, content: bytes, *, lungs: str | None = None) -> None:
        """Load a `.keras` file.

        Args:
            content: The file.
            lungs: The name of the layer that gives the probability to be lung, if there is one.

        Raises:
            ValueError: The file is no Keras model, the model has no spatial layer or none of that name,
                or it ends with something else than logits or a softmax layer.
        """
        with tempfile.TemporaryDirectory() as folder:  # Keras loads from a named file only
            file = Path(folder) / "model.keras"
            file.write_bytes(content)
            self._model = keras.models.load_model(file, compile=False)
        _remove_softmax(self._model)
        self._features = _handed_over(last_spatial_layer(self._model))
        self._lungs = _handed_over(self._model.get_layer(lungs)) if lungs else None
        self._forward = tf.function(self._trace_forward)
        self._explain = tf.function(self._trace_explain)

    def run(self, batch: Array) -> Activations:
        tensor = tf.constant(batch)
        logits, embedding, lungs = self._forward(tensor)
        return Activations(
            logits=logits.numpy()[0],
            embedding=embedding.numpy()[0],
            class_map=lambda number: self._explain(tensor, tf.constant(number)).numpy(),
            lungs=None if lungs is None else lungs.numpy(),
        )

    def _trace_forward(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        logits = self._model(batch, training=False)
        lungs = self._lungs()[0, :, :, 0] if self._lungs else None
        return logits, tf.reduce_mean(self._features(), axis=(1, 2)), lungs

    def _trace_explain(self, batch: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Grad-CAM without its ReLU (Selvaraju et al. 2017, equations 1 and 2)."""
        with tf.GradientTape() as tape:
            tape.watch(batch)
            score = self._model(batch, training=False)[:, number]
        features = self._features()
        gradient = tape.gradient(score, features)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return tf.reduce_sum(weights * features, axis=-1)[0]


def _handed_over(layer: keras.Layer) -> Callable[[], Any]:
    """What the layer gave when the model was called last.

    A nested model's tensors are not part of the outer graph, so the layer itself hands them over.
    """
    original = layer.call
    given: list[Any] = []

    def call(*args: Any, **kwargs: Any) -> Any:
        given[:] = [original(*args, **kwargs)]
        return given[0]

    layer.call = call
    return lambda: given[0]


def last_spatial_layer(model: keras.Model) -> keras.Layer:
    """The last layer that still has rows and columns and is not the class maps themselves.

    Raises:
        ValueError: There is none.
    """
    classes = model.output_shape[-1]
    for layer in reversed(_flatten(model)):
        shape: tuple[int | None, ...] = getattr(getattr(layer, "output", None), "shape", ())
        inner = not isinstance(layer, keras.layers.InputLayer)
        if inner and len(shape) == 4 and shape[-1] != classes and 1 not in shape[1:3]:
            return layer
    raise ValueError("The model has no layer with rows and columns, so Grad-CAM cannot explain it.")


def _flatten(model: keras.Model) -> list[keras.Layer]:
    layers: list[keras.Layer] = []
    for layer in model.layers:
        layers += _flatten(layer) if isinstance(layer, keras.Model) else [layer]
    return layers


def _remove_softmax(model: keras.Model) -> None:
    """Let the model answer with logits, which temperature and Grad-CAM start from.

    Raises:
        ValueError: It ends with something else, of which no logits can be made.
    """
    last = _last_operation(model)
    activation = getattr(last, "activation", None)
    name = getattr(activation, "__name__", type(last).__name__).lower()
    if isinstance(last, keras.layers.Softmax):
        last.call = lambda inputs, mask=None: inputs
    elif activation is keras.activations.softmax:
        last.activation = keras.activations.linear
    elif name in ("softmax", "sigmoid"):
        raise ValueError(
            f"The model ends with a {name} that cannot be taken off; end it with logits, a Softmax "
            "layer or a layer with softmax activation."
        )


def _last_operation(model: keras.Model) -> keras.Operation:
    # Functions such as keras.ops.softmax are operations of a functional model, but no layers.
    last = getattr(model, "operations", model.layers)[-1]
    return _last_operation(last) if isinstance(last, keras.Model) else last
