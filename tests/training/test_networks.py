"""Gray networks made of colour ones, and the head whose maps are Grad-CAM."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.drawing import draw_chest
from training.networks import BACKBONES, build

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)

CHESTS = np.stack([draw_chest(64, 64, seed) for seed in range(3)])[..., np.newaxis].astype(
    "float32"
)


@pytest.fixture(scope="module")
def network(rgb_weights: Path) -> keras.Model:
    return build("mobilenet_v3_small", 4, 64, rgb_weights, dropout=0.3, batch_norm_momentum=0.95)


def test_a_gray_network_answers_as_the_colour_one_does_on_gray_images(
    network: keras.Model, rgb_weights: Path
) -> None:
    colour = keras.applications.MobileNetV3Small(
        input_shape=(64, 64, 3), include_top=False, weights=str(rgb_weights)
    )
    expected = colour.predict(np.repeat(CHESTS, 3, axis=-1), verbose=0)
    features = keras.Model(network.input, network.get_layer("dropout").input)
    found = features.predict(CHESTS, verbose=0)
    assert expected.std() > 0
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()


def test_the_logits_are_the_mean_of_the_class_maps(network: keras.Model) -> None:
    both = keras.Model(network.input, [network.get_layer("class_maps").output, network.output])
    class_maps, logits = both.predict(CHESTS, verbose=0)
    assert class_maps.shape == (3, 2, 2, 4)
    assert logits.shape == (3, 4)
    np.testing.assert_allclose(logits, class_maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)


def test_every_batch_normalisation_has_the_momentum_that_was_asked_for(
    network: keras.Model,
) -> None:
    layers = [each for each in network.layers if isinstance(each, keras.layers.BatchNormalization)]
    assert len(layers) > 20
    assert {layer.momentum for layer in layers} == {0.95}
    assert network.get_layer("dropout").rate == 0.3


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_every_backbone_takes_gray_images_and_gives_logits(backbone: str) -> None:
    network = build(backbone, 3, 64, None)
    assert network.name == backbone
    assert network.input_shape == (None, 64, 64, 1)
    assert network.output_shape == (None, 3)
    assert np.isfinite(network(CHESTS, training=False)).all()
