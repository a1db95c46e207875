"""Networks behind one interface: a backbone, then one map per class, then the mean over positions.

`class_maps = Conv2D(classes, 1)(features)`, `logits = mean(class_maps)`: for this head Grad-CAM is the
class map itself, less its bias (Selvaraju et al. 2017, section 3.1), so that serving needs no gradient.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

Backbone = Callable[..., keras.Model]

BACKBONES: dict[str, Backbone] = {
    "mobilenet_v3_small": keras.applications.MobileNetV3Small,
    "mobilenet_v3_large": keras.applications.MobileNetV3Large,
    "mobilenet_v3_large_minimalistic": lambda **options: keras.applications.MobileNetV3Large(
        minimalistic=True, **options
    ),
}


def build(
    backbone: str,
    classes: int,
    size: int,
    weights: str | Path | None,
    *,
    dropout: float = 0.2,
    batch_norm_momentum: float = 0.9,
) -> keras.Model:
    """A classifier of gray images.

    Args:
        backbone: A name in `BACKBONES`.
        classes: How many.
        size: Side of the input in pixels.
        weights: `"imagenet"` (downloaded by Keras), a file of RGB weights without top, or None.
        dropout: Share of features dropped in training.
        batch_norm_momentum: MobileNetV3's own 0.999 leaves the moving statistics behind for thousands of
            steps, so that a network that fits in training fails in validation.

    Returns:
        A model from float32 [n, size, size, 1] in 0–255 to logits float32 [n, classes]. Its layer
        `class_maps` gives [n, rows, columns, classes].
    """
    gray = BACKBONES[backbone](input_shape=(size, size, 1), include_top=False, weights=None)
    if weights is not None:
        colour = BACKBONES[backbone](
            input_shape=(size, size, 3), include_top=False, weights=str(weights)
        )
        gray.set_weights(_sum_over_colours(colour.get_weights(), gray.get_weights()))
    for layer in gray.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    features = keras.layers.Dropout(dropout, name="dropout")(gray.output)
    class_maps = keras.layers.Conv2D(classes, 1, name="class_maps")(features)
    logits = keras.layers.GlobalAveragePooling2D(name="logits", dtype="float32")(class_maps)
    return keras.Model(gray.input, logits, name=backbone)


def _sum_over_colours(colour: list[np.ndarray], gray: list[np.ndarray]) -> list[np.ndarray]:
    """The first convolution sees three equal channels, so one channel with the summed kernel is the same."""
    return [
        weight if weight.shape == wanted.shape else weight.sum(axis=2, keepdims=True)
        for weight, wanted in zip(colour, gray, strict=True)
    ]
