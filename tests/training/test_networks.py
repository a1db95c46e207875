"""Gray networks made of colour ones, and the head whose maps are Grad-CAM."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.drawing import draw_chest
from training.backbones import BACKBONES
from training.networks import HEAD, build, copy_weights, for_serving, freeze, join

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)

CHESTS = np.stack([draw_chest(64, 64, seed) for seed in range(3)])[..., np.newaxis].astype(
    "float32"
)


@pytest.fixture(scope="module")
def network(rgb_weights: Path) -> keras.Model:
    return build("mobilenet_v3_small", 4, rgb_weights, dropout=0.3, batch_norm_momentum=0.95)


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
    outputs = [network.get_layer("class_maps").output, network.output["logits"]]
    both = keras.Model(network.input, outputs)
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


SHIPPED = sorted(set(BACKBONES) - {"tiny"})  # that one is of these tests
FINE = sorted(set(SHIPPED) - {"small_cnn", "deep_cnn"})


@pytest.mark.parametrize(
    ("backbone", "stride", "positions"),
    [*((each, 32, 2) for each in SHIPPED), *((each, 16, 4) for each in FINE)],
)
def test_every_backbone_takes_gray_images_and_gives_maps_of_the_stride(
    backbone: str, stride: int, positions: int
) -> None:
    network = build(backbone, 3, None, stride=stride, lungs=True)
    assert network.name == backbone
    found = network(CHESTS, training=False)
    assert found["logits"].shape == (3, 3)
    assert found["lungs"].shape == (3, positions, positions, 1)
    assert np.isfinite(found["logits"]).all()


@pytest.fixture(scope="module")
def guided() -> keras.Model:
    network = build("mobilenet_v3_small", 4, None, stride=16, lungs=True)
    # Fresh weights let next to nothing through to the end; these do.
    random = np.random.default_rng(3)
    for variable in network.variables:
        if variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(random.normal(0, 0.3, variable.shape))
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 2, variable.shape))
    return network


def test_a_finer_stride_changes_no_weight(rgb_weights: Path) -> None:
    coarse, fine = (
        build("mobilenet_v3_small", 4, rgb_weights, stride=stride).get_weights()[:-2]
        for stride in (32, 16)
    )
    assert all(np.array_equal(one, other) for one, other in zip(coarse, fine, strict=True))


def test_what_lies_outside_the_lungs_has_no_voice(guided: keras.Model) -> None:
    lungs, bias = guided.get_layer("lungs"), guided.get_layer("class_maps").bias
    before = [lungs.kernel.numpy(), lungs.bias.numpy()]
    lungs.kernel.assign(np.zeros_like(before[0]))
    lungs.bias.assign([-100.0])  # nothing is lung
    bias.assign([1.0, 2.0, 3.0, 4.0])
    logits = guided(CHESTS, training=False)["logits"]
    lungs.set_weights(before)
    np.testing.assert_allclose(logits, [[1, 2, 3, 4]] * 3, atol=1e-5)
    heard = guided(CHESTS, training=False)["logits"] - [[1, 2, 3, 4]]
    assert np.abs(heard).max() > 0.1


def test_the_classes_teach_the_lung_map_nothing(guided: keras.Model) -> None:
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        found = guided(CHESTS, training=False)
        logits, lungs = tf.reduce_sum(found["logits"] ** 2), tf.reduce_sum(found["lungs"] ** 2)
    kernel = guided.get_layer("lungs").kernel.value
    assert tape.gradient(logits, kernel) is None
    assert np.abs(tape.gradient(lungs, kernel)).max() > 0


def test_layers_before_the_named_one_are_frozen_with_their_batch_norm(
    guided: keras.Model,
) -> None:
    freeze(guided, "expanded_conv_3")
    frozen = {layer.name for layer in guided.layers if layer.weights and not layer.trainable}
    assert {"conv", "conv_bn", "expanded_conv_2_project_bn"} <= frozen
    assert not any(name.startswith(("expanded_conv_3", "class_maps", "lungs")) for name in frozen)
    statistics = guided.get_layer("conv_bn").moving_mean.numpy()
    guided(CHESTS, training=True)
    assert np.array_equal(statistics, guided.get_layer("conv_bn").moving_mean.numpy())


def test_a_layer_that_is_not_there_cannot_end_the_frozen_part() -> None:
    with pytest.raises(ValueError, match="tiny has no layer whose name begins with 'block_17'"):
        freeze(keras.Sequential([keras.layers.Dense(1)], name="tiny"), "block_17")


@pytest.mark.parametrize(("lungs", "trained"), [(False, 2), (True, 4)])
def test_the_head_alone_can_be_trained_and_then_all(lungs: bool, trained: int) -> None:
    network = build("small_cnn", 4, None, lungs=lungs)
    freeze(network, HEAD)
    assert len(network.trainable_weights) == trained
    freeze(network, None)
    assert len(network.trainable_weights) == trained + 5 * 3


@pytest.mark.parametrize("backbone", ["small_cnn", "deep_cnn"])
def test_what_has_no_weights_or_no_finer_stride_says_so(backbone: str) -> None:
    with pytest.raises(ValueError, match=f"no ImageNet weights of {backbone}"):
        build(backbone, 4, "imagenet")
    with pytest.raises(ValueError, match=f"{backbone} has no depthwise convolution"):
        build(backbone, 4, None, stride=16)


def test_the_served_network_answers_alike_and_loads_without_this_package(
    guided: keras.Model, tmp_path: Path
) -> None:
    served = for_serving(guided, 64)
    assert served.input_shape == (None, 64, 64, 1)
    expected = guided(CHESTS, training=False)["logits"]
    np.testing.assert_allclose(served(CHESTS, training=False), expected, atol=1e-5)
    served.save(tmp_path / "model.keras")
    code = (
        "import sys, keras, numpy as np\n"
        f"model = keras.models.load_model({str(tmp_path / 'model.keras')!r}, compile=False)\n"
        "assert not any(name.startswith('training') for name in sys.modules)\n"
        "print(model(np.zeros((1, 64, 64, 1)), training=False).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout.strip() == "(1, 4)", done.stderr


def test_a_served_network_gives_its_weights_to_one_that_goes_on() -> None:
    first, second = (build("small_cnn", 4, None, lungs=True) for _ in range(2))
    copy_weights(for_serving(first, 64), second)
    expected = first(CHESTS, training=False)
    found = second(CHESTS, training=False)
    np.testing.assert_allclose(found["logits"], expected["logits"], atol=1e-5)
    np.testing.assert_allclose(found["lungs"], expected["lungs"], atol=1e-5)


def test_a_network_of_another_make_is_no_start() -> None:
    other, target = build("small_cnn", 3, None), build("small_cnn", 4, None)
    with pytest.raises(ValueError, match="small_cnn is no start for this network"):
        copy_weights(other, target)


def random_network(seed: int, stride: int, lungs: bool = True) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return build("mobilenet_v3_small", 4, None, stride=stride, lungs=lungs)


def test_joined_networks_answer_with_the_mean_of_their_logits_and_the_firsts_lungs() -> None:
    fine, coarse = random_network(1, 16), random_network(2, 32, lungs=False)
    joined = join([fine, coarse], 64)
    answers = [model.predict(CHESTS, verbose=0) for model in (fine, coarse, joined)]
    expected = (answers[0]["logits"] + answers[1]["logits"]) / 2
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(answers[2]["logits"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(answers[2]["lungs"], answers[0]["lungs"])
    served = for_serving(joined, 64)
    np.testing.assert_allclose(served.predict(CHESTS, verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_a_joined_class_map_is_the_mean_of_the_class_maps_on_the_finest_grid() -> None:
    fine, coarse = random_network(1, 16), random_network(2, 32)
    models = [fine, coarse, join([coarse, fine], 64)]
    maps = [
        keras.Model(model.input, model.get_layer("class_maps").output).predict(CHESTS, verbose=0)
        for model in models
    ]
    repeated = maps[1].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(maps[2], (maps[0] + repeated) / 2, rtol=1e-4, atol=1e-6)


def test_a_joined_network_gives_the_firsts_weights_to_one_that_goes_on() -> None:
    first, target = random_network(1, 32), random_network(3, 32)
    joined = for_serving(join([first, random_network(2, 16)], 64), 64)
    copy_weights(joined, target)
    expected, found = (model.predict(CHESTS, verbose=0) for model in (first, target))
    assert np.ptp(expected["logits"]) > 0
    np.testing.assert_allclose(found["logits"], expected["logits"], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["lungs"], expected["lungs"])


def test_grids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 x 2 does not divide one of 5"):
        join([random_network(1, 16), random_network(2, 32)], 80)
