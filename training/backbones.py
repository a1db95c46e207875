"""What makes features of a picture: networks without a head, all called in one way."""

from collections.abc import Callable, Sequence

import keras

#: (input_shape [height, width, channels], include_top=False, weights=None | file | "imagenet") → a model
#: from values in 0–255 to features [n, rows, columns, features].
Backbone = Callable[..., keras.Model]


def small_cnn(
    input_shape: tuple[int | None, ...], include_top: bool, weights: str | None
) -> keras.Model:
    """Five convolutions, trained from scratch: the network of most tutorials."""
    return _cnn("small_cnn", input_shape, weights, ((16,), (32,), (64,), (128,), (256,)))


def deep_cnn(
    input_shape: tuple[int | None, ...], include_top: bool, weights: str | None
) -> keras.Model:
    """Twelve convolutions in five stages, after VGG (Simonyan and Zisserman 2015), from scratch."""
    stages = ((24,) * 2, (48,) * 2, (96,) * 2, (160,) * 3, (256,) * 3)
    return _cnn("deep_cnn", input_shape, weights, stages)


def _cnn(
    name: str,
    input_shape: tuple[int | None, ...],
    weights: str | None,
    stages: Sequence[Sequence[int]],
) -> keras.Model:
    if weights is not None:
        raise ValueError(f"There are no ImageNet weights of {name}; it is trained from scratch.")
    image = keras.Input(input_shape)
    features = keras.layers.Rescaling(1 / 127.5, -1)(image)
    for number, stage in enumerate(stages, 1):
        for step, channels in enumerate(stage, 1):
            # With names, a network can hand its weights on.
            layer = f"conv_{number}_{step}"
            features = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False, name=layer)(
                features
            )
            features = keras.layers.BatchNormalization(name=f"{layer}_bn")(features)
            features = keras.layers.Activation("relu")(features)
        features = keras.layers.MaxPooling2D()(features)
    return keras.Model(image, features, name=name)


def efficientnet_b0(
    input_shape: tuple[int | None, ...], include_top: bool, weights: str | None
) -> keras.Model:
    """EfficientNetB0 (Tan and Le 2019). Its weights know each colour's own mean, so gray is tripled."""
    if input_shape[-1] == 3:
        return keras.applications.EfficientNetB0(
            input_shape=input_shape, include_top=include_top, weights=weights
        )
    image = keras.Input(input_shape)
    colours = keras.layers.Concatenate()([image] * 3)
    return keras.applications.EfficientNetB0(
        input_tensor=colours, include_top=include_top, weights=weights
    )


BACKBONES: dict[str, Backbone] = {
    "small_cnn": small_cnn,
    "deep_cnn": deep_cnn,
    "mobilenet_v3_small": keras.applications.MobileNetV3Small,
    "mobilenet_v3_small_minimalistic": lambda **options: keras.applications.MobileNetV3Small(
        minimalistic=True, **options
    ),
    "mobilenet_v3_large": keras.applications.MobileNetV3Large,
    "mobilenet_v3_large_minimalistic": lambda **options: keras.applications.MobileNetV3Large(
        minimalistic=True, **options
    ),
    "efficientnet_b0": efficientnet_b0,
}
