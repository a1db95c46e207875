"""Train a network so small that a test can wait for it: python -m tests.training.tiny DATA EPOCHS RUN…

Each RUN is trained from the start, or on from where it stands; with the lungs of `DATA/lungs.npz` if there
is such a file. As a config, this file is for `python -m training train` and `tune`.
"""

import dataclasses
import sys
from pathlib import Path

import keras

from training.augmentation import Augmentation
from training.backbones import BACKBONES
from training.config import Config
from training.data import read_dataset
from training.train import train


def tiny_backbone(
    input_shape: tuple[int, int, int], include_top: bool, weights: None
) -> keras.Model:
    """Three strided convolutions; a picture of 64 pixels becomes features of 8 x 8."""
    assert not include_top
    assert weights is None
    image = keras.Input(input_shape)
    features = keras.layers.Rescaling(1 / 127.5, -1)(image)
    for number, channels in enumerate((8, 16, 16)):
        features = keras.layers.Conv2D(
            channels,
            5,
            strides=2,
            padding="same",
            activation="relu",
            use_bias=False,
            name=f"conv_{number}",
        )(features)
        features = keras.layers.BatchNormalization(name=f"conv_{number}_bn")(features)
    return keras.Model(image, features)


BACKBONES["tiny"] = tiny_backbone

#: Learns drawn classes in twelve epochs.
config = Config(
    backbone="tiny",
    size=64,
    stride=8,
    early_sizes=(48, 56),
    early_share=0.25,
    weights=None,
    epochs=12,
    batch=8,
    learning_rate=0.01,
    warmup_epochs=1,
    batch_norm_momentum=0.5,
    weight_average=0.5,
    dropout=0.1,
    mixup=0.1,
    augmentation=Augmentation(erasing=0, marks=0, rotation_degrees=2, surroundings=0.1),
)

if __name__ == "__main__":
    data, epochs, *runs = sys.argv[1:]
    masks = Path(data) / "lungs.npz"
    chosen = dataclasses.replace(
        config, epochs=int(epochs), lungs=str(masks) if masks.exists() else None
    )
    for run in runs:
        train(chosen, read_dataset(Path(data)), Path(run), resume=True)
