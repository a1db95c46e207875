"""Sanity check of the heatmaps (Adebayo et al. 2018): do they change when the network forgets?

Layers get fresh random weights group by group, from the output down, each step keeping the randomness of
those before. A heatmap that shows what the network has learned must become another one; a method that
only traces edges of the picture stays as it was.
"""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from tqdm import tqdm

if TYPE_CHECKING:
    import keras

#: Layer groups: the head alone, then the rest in so many of about equal numbers of layers.
STEPS = 8
#: Not one that a training is likely to start from: its first weights are not strange to the trained ones.
SEED = 7919
_SIDE = 64

Maps = npt.NDArray[np.float32]


def sanity(
    model: "keras.Model", batch: npt.NDArray[np.float32], *, steps: int = STEPS
) -> dict[str, Any]:
    """Similarity of heatmaps to the trained network's, after each group of layers was randomised.

    Keras's global seed is set, to `SEED`.

    Args:
        model: A network with a layer `class_maps` [n, rows, columns, classes] whose mean gives the logits.
        batch: Preprocessed images, float32 [n, size, size, channels]; at least two.
        steps: How many groups there are below the head.

    Returns:
        `images`; `between_images`, the similarity of the trained network's heatmaps of two different images,
        which is what nothing in common but the centre looks like; and `steps`: each with `down_to` (name of
        the lowest layer that was randomised), `layers` (their share), `spearman` (rank correlation) and
        `ssim` (Wang et al. 2004). All are of the class that the trained network predicts.
    """
    import keras

    head = model.get_layer("class_maps")
    probe = keras.Model(model.input, [head.output, model.output])
    trained = [layer.get_weights() for layer in _weighted(model)]
    keras.utils.set_random_seed(SEED)
    fresh = [layer.get_weights() for layer in _weighted(keras.models.clone_model(model))]

    predicted: npt.NDArray[np.integer] | None = None

    def heats() -> Maps:
        nonlocal predicted
        class_maps, logits = probe.predict(batch, batch_size=32, verbose=0)
        if predicted is None:
            predicted = logits.argmax(axis=1)
        bias = head.bias.numpy() if head.use_bias else np.zeros(class_maps.shape[-1])
        chosen = [
            maps[:, :, number] - bias[number]
            for maps, number in zip(class_maps, predicted, strict=True)
        ]
        return np.stack(chosen).clip(min=0)

    layers = _weighted(model)
    first = heats()
    found = []
    try:
        for group in tqdm(_from_the_top(layers, steps), "randomising", leave=False, disable=None):
            for number in group:
                layers[number].set_weights(fresh[number])
            found.append(
                {
                    "down_to": layers[group[0]].name,
                    "layers": (len(layers) - group[0]) / len(layers),
                    **similarity(first, heats()),
                }
            )
    finally:
        for layer, weights in zip(layers, trained, strict=True):
            layer.set_weights(weights)
    return {
        "images": float(len(batch)),
        "between_images": similarity(first, np.roll(first, 1, axis=0)),
        "steps": found,
    }


def _weighted(model: "keras.Model") -> list["keras.Layer"]:
    """Layers that have weights, from input to output, those of nested models too."""
    layers: list[keras.Layer] = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            layers += _weighted(layer)
        elif layer.weights:
            layers.append(layer)
    return layers


def _from_the_top(layers: list["keras.Layer"], steps: int) -> list[list[int]]:
    """Layer numbers in groups: the class maps and what is beside them, then the rest from the top down."""
    head = next(number for number, layer in enumerate(layers) if layer.name == "class_maps")
    below = [group.tolist() for group in np.array_split(np.arange(head), steps) if len(group)]
    return [list(range(head, len(layers))), *reversed(below)]


def similarity(one: Maps, other: Maps) -> dict[str, float]:
    """Mean rank correlation and SSIM of pairs of heatmaps [n, rows, columns]; a flat map is like none."""
    ranks = [_spearman(a, b) for a, b in zip(one, other, strict=True)]
    structures = [_ssim(_whole(a), _whole(b)) for a, b in zip(one, other, strict=True)]
    return {"spearman": float(np.mean(ranks)), "ssim": float(np.mean(structures))}


def _spearman(one: Maps, other: Maps) -> float:
    if not (np.ptp(one) and np.ptp(other)):
        return 0.0
    return float(spearmanr(one, other, axis=None).statistic)


def _whole(heat: Maps) -> Maps:
    """The heatmap as it is shown: from 0 to 1 and smooth."""
    large = cv2.resize(heat, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    return large / max(float(large.max()), 1e-12)


def _ssim(one: Maps, other: Maps) -> float:
    """Structural similarity of two pictures from 0 to 1, windows and constants as in Wang et al. 2004."""

    def mean(values: Maps) -> Maps:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_one, mean_other = mean(one), mean(other)
    variance_one = mean(one * one) - mean_one**2
    variance_other = mean(other * other) - mean_other**2
    covariance = mean(one * other) - mean_one * mean_other
    brightness, contrast = 0.01**2, 0.03**2
    likeness = (
        (2 * mean_one * mean_other + brightness)
        * (2 * covariance + contrast)
        / ((mean_one**2 + mean_other**2 + brightness) * (variance_one + variance_other + contrast))
    )
    return float(likeness.mean())
