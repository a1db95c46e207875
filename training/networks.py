"""Classifiers of gray images whose head makes Grad-CAM a closed form.

The head is a 1x1 convolution to one map per class and the mean over positions. The gradient of a class's
logit by the features is then the same at every position, so its Grad-CAM is the class map itself
(Selvaraju et al. 2017, section 3.1), and serving needs no gradient.

With `lungs`, one more map says where the lungs are (it is trained on lung masks, and on nothing else), and
the features are multiplied by it before the head: what lies outside the lungs has no voice of its own. The
closed form holds as before, with the multiplied features as Grad-CAM's layer.
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from training.backbones import BACKBONES

#: The head's layers begin here: `freeze(model, HEAD)` leaves the backbone as it is.
HEAD = ("lungs", "dropout")
#: Where the features of a joined network come together.
JOINED = "joined_features"


def build(
    backbone: str,
    classes: int,
    weights: str | Path | None,
    *,
    dropout: float = 0.2,
    batch_norm_momentum: float = 0.9,
    stride: int = 32,
    lungs: bool = False,
) -> keras.Model:
    """A classifier of gray images of any size.

    Args:
        backbone: A name in `BACKBONES`.
        classes: How many.
        weights: `"imagenet"` (downloaded by Keras), a file of RGB weights without top, or None.
        dropout: Share of features dropped in training.
        batch_norm_momentum: MobileNetV3's own 0.999 leaves the moving statistics behind for thousands of
            steps, so that a network that fits in training fails in validation.
        stride: Pixels of the image to one position of the class maps: 32, or 16 for maps twice as fine.
        lungs: Whether there is a map of the lungs that the features are multiplied by.

    Returns:
        A model from float32 [n, height, width, 1] in 0–255 to a dictionary: `logits` float32 [n, classes]
        and, with `lungs`, `lungs` float32 [n, rows, columns, 1] (logits of the probability to be lung).
        Its layer `class_maps` gives [n, rows, columns, classes].

    Raises:
        RuntimeError: The ImageNet weights cannot be downloaded.
        ValueError: There is no such backbone, or the file has no weights of it.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"There is no backbone {backbone!r}; there are {', '.join(BACKBONES)}.")
    shape = (None, None)
    gray = BACKBONES[backbone](input_shape=(*shape, 1), include_top=False, weights=None)
    if weights is not None:
        colour = _of_colour(backbone, str(weights))
        gray.set_weights(_sum_over_colours(colour.get_weights(), gray.get_weights()))
    if stride == 16:
        gray = _without_last_stride(gray)
    for layer in gray.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    features, outputs = gray.output, {}
    if lungs:
        outputs["lungs"] = keras.layers.Conv2D(1, 1, name="lungs", dtype="float32")(features)
        features = keras.layers.Multiply(name="lung_features")(
            [features, LungProbability(name="lung_probability")(outputs["lungs"])]
        )
    features = keras.layers.Dropout(dropout, name="dropout")(features)
    class_maps = keras.layers.Conv2D(classes, 1, name="class_maps")(features)
    outputs["logits"] = keras.layers.GlobalAveragePooling2D(name="logits", dtype="float32")(
        class_maps
    )
    return keras.Model(gray.input, outputs, name=backbone)


def _of_colour(backbone: str, weights: str) -> keras.Model:
    try:
        return BACKBONES[backbone](input_shape=(None, None, 3), include_top=False, weights=weights)
    except (OSError, ValueError):
        raise
    except Exception as error:  # Keras has no kind of its own for a download that fails
        if weights != "imagenet":
            raise
        raise RuntimeError(
            f"The ImageNet weights of {backbone} cannot be downloaded; fetch them elsewhere and name the "
            f"file with --weights ({error})."
        ) from error


@keras.saving.register_keras_serializable("training")
class LungProbability(keras.layers.Layer):
    """Logits → probabilities that pass no gradient on: the classes have no say in what is lung."""

    def call(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.stop_gradient(keras.ops.sigmoid(logits))


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give a network the weights of another one of the same architecture, layer by layer of one name.

    Of a joined network these are the first one's (but its bias the mean of all). A map of the lungs that only
    the target has begins anew.

    Raises:
        ValueError: A layer is missing or has other shapes.
    """
    known = {layer.name for layer in source.layers}
    for layer in target.layers:
        if layer.weights and (layer.name in known or layer.name != "lungs"):
            try:
                weights = source.get_layer(layer.name).get_weights()
                if layer.name == "class_maps" and JOINED in known:
                    joined = len(source.get_layer(JOINED).input)
                    weights[0] = joined * weights[0][:, :, : layer.kernel.shape[2]]
                layer.set_weights(weights)
            except ValueError as error:
                raise ValueError(f"{source.name} is no start for this network: {error}") from error


def join(models: Sequence[keras.Model], size: int) -> keras.Model:
    """One network whose class maps are the mean of several networks' ones.

    Their features lie side by side on the finest one's grid (coarser ones are repeated, which keeps their
    mean) and their heads are stacked: one pass and one head, for which Grad-CAM's closed form holds.

    Args:
        models: Networks of `build` with the same classes. The map of the lungs is the first one's.
        size: Side in pixels of the images for which the grids are matched.

    Returns:
        A network as `build` makes it.

    Raises:
        ValueError: A grid does not divide the finest one.
    """
    image = keras.Input((None, None, 1), name="image")
    branches: list[dict[str, keras.KerasTensor]] = []
    for number, model in enumerate(models):
        tensors = {"features": model.get_layer("class_maps").input}
        if number == 0 and "lungs" in model.output:
            tensors["lungs"] = model.output["lungs"]
        suffix = f"_of_{number + 1}" if number else ""
        branches.append(_copy(keras.Model(model.input, tensors), image, suffix))
    grids = [
        keras.Model(image, each["features"]).compute_output_shape((1, size, size, 1))[1]
        for each in branches
    ]
    features = []
    for branch, grid in zip(branches, grids, strict=True):
        times, rest = divmod(max(grids), grid)
        if rest:
            raise ValueError(f"A grid of {grid} x {grid} does not divide one of {max(grids)}.")
        finer = keras.layers.UpSampling2D(times) if times > 1 else keras.layers.Identity()
        features.append(finer(branch["features"]))
    heads = [model.get_layer("class_maps") for model in models]
    class_maps = keras.layers.Conv2D(heads[0].filters, 1, name="class_maps")
    maps = class_maps(keras.layers.Concatenate(name=JOINED)(features))
    kernels = [head.kernel.numpy() / len(models) for head in heads]
    class_maps.set_weights(
        [np.concatenate(kernels, axis=2), np.mean([head.bias.numpy() for head in heads], axis=0)]
    )
    logits = keras.layers.GlobalAveragePooling2D(name="logits", dtype="float32")(maps)
    lungs = {key: each for key, each in branches[0].items() if key == "lungs"}
    name = "_and_".join(model.name for model in models)
    return keras.Model(image, {**lungs, "logits": logits}, name=name)


def _copy(
    model: keras.Model, image: keras.KerasTensor, suffix: str
) -> dict[str, keras.KerasTensor]:
    """The outputs of the same network on another input, with layers that have a suffix to their names."""

    def renamed(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return layer.__class__.from_config({**config, "name": config["name"] + suffix})

    copy = keras.models.clone_model(model, input_tensors=image, clone_function=renamed)
    copy.set_weights(model.get_weights())
    return dict(copy.output)


def freeze(model: keras.Model, before: str | tuple[str, ...] | None) -> None:
    """Leave the layers before the first one whose name begins so as they are, and train the others.

    Batch norm is frozen with its statistics. What edges look like needs no learning, and what is not
    trained needs no gradient.

    Raises:
        ValueError: No layer has such a name.
    """
    names = [layer.name for layer in model.layers]
    first = 0
    if before is not None:
        first = next((i for i, name in enumerate(names) if name.startswith(before)), len(names))
    if first == len(names):
        raise ValueError(f"{model.name} has no layer whose name begins with {before!r}.")
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first


def for_serving(model: keras.Model, size: int) -> keras.Model:
    """The same network for images of size x size with the logits as its only output.

    It is made of Keras's own layers alone, so that whoever serves it needs nothing of this package. With
    `lungs`, its layer `lung_probability` gives [n, rows, columns, 1], 0–1.
    """
    logits = keras.Model(model.input, model.output["logits"], name=model.name)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, LungProbability):
            return keras.layers.Activation("sigmoid", dtype="float32", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    inputs = keras.Input((size, size, 1), name="image")
    fixed = keras.models.clone_model(logits, input_tensors=inputs, clone_function=clone)
    fixed.set_weights(logits.get_weights())
    return fixed


def _without_last_stride(model: keras.Model) -> keras.Model:
    """The same layers and weights, save that the last depthwise convolution with stride 2 has stride 1."""
    config = model.get_config()
    layers = {layer["config"]["name"]: layer["config"] for layer in config["layers"]}
    strided = [
        layer["config"]["name"]
        for layer in config["layers"]
        if layer["class_name"] == "DepthwiseConv2D" and tuple(layer["config"]["strides"]) == (2, 2)
    ]
    if not strided:
        raise ValueError(f"{model.name} has no depthwise convolution with stride 2; use stride 32.")
    last = strided[-1]
    layers[last].update(strides=(1, 1), padding="same")
    layers[f"{last}_pad"]["padding"] = ((0, 0), (0, 0))
    finer = keras.Model.from_config(config)
    finer.set_weights(model.get_weights())
    return finer


def _sum_over_colours(colour: list[np.ndarray], gray: list[np.ndarray]) -> list[np.ndarray]:
    """The first convolution sees three equal channels, so one channel with the summed kernel is the same."""
    return [
        weight if weight.shape == wanted.shape else weight.sum(axis=2, keepdims=True)
        for weight, wanted in zip(colour, gray, strict=True)
    ]
