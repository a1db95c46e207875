"""The class maps are Grad-CAM: without gradients, they show what gradients show."""

from typing import Any

import numpy as np
import pytest

from inference.gradcam import heatmaps
from inference.preprocessing import preprocess
from inference.runtime.litert import LiteRTRuntime
from model_store.manifest import Input, Outputs
from tests.drawing import draw_chest

# TensorFlow's own
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*__pyct_anno:DeprecationWarning", "ignore:__array__ impl:DeprecationWarning"
)

OUTPUTS = Outputs(logits="logits", class_maps="class_maps", embedding="embedding")


def grad_cams(model: Any, batch: np.ndarray) -> list[np.ndarray]:
    """Grad-CAM of each class as Selvaraju et al. 2017 define it (equations 1 and 2), from 0 to 1."""
    import keras
    import tensorflow as tf

    head = model.get_layer("class_maps")
    features = keras.Model(model.input, head.input)(batch, training=False)
    found = []
    for number in range(model.output_shape[-1]):
        with tf.GradientTape() as tape:
            tape.watch(features)
            score = tf.reduce_mean(head(features), axis=(1, 2))[0, number]
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
        found.append(normalised(tf.reduce_sum(weights * features, axis=-1)[0].numpy()))
    return found


def normalised(class_map: np.ndarray) -> np.ndarray:
    """ReLU, then a scale on which the hottest place is 1."""
    positive = np.maximum(class_map, 0)
    return positive / positive.max() if positive.max() > 0 else positive


def assert_closed_form(model: Any, runtimes: list[Any], batch: np.ndarray) -> list[np.ndarray]:
    """Hold every class of every runtime against GradientTape; what GradientTape gives."""
    expected = grad_cams(model, batch)
    for runtime in runtimes:
        found = runtime.run(batch)
        assert found.logits.shape == (len(expected),)
        heats = [normalised(found.class_map(number)) for number in range(len(expected))]
        np.testing.assert_allclose(heats, expected, rtol=0, atol=1e-4)
    return expected


@pytest.fixture(scope="module")
def random_network() -> Any:
    """A network of `training` with random weights everywhere, statistics and biases too."""
    import keras

    from training.networks import build, for_serving

    keras.utils.set_random_seed(7)
    network = build("mobilenet_v3_small", 3, None, stride=16, lungs=True)
    model = for_serving(network, 96)
    random = np.random.default_rng(7)
    for variable in model.variables:
        if variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(random.normal(0, 0.3, variable.shape))
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 2, variable.shape))
    return model


@pytest.fixture(scope="module")
def random_runtimes(random_network, tmp_path_factory) -> list[Any]:
    from inference.runtime.tensorflow import TensorFlowRuntime
    from training.export import to_litert

    file = tmp_path_factory.mktemp("random") / "model.keras"
    random_network.save(file)
    return [LiteRTRuntime(to_litert(random_network), OUTPUTS), TensorFlowRuntime(file.read_bytes())]


def test_the_bundled_networks_class_maps_are_its_grad_cam(
    bundled, keras_model, litert, tensorflow, drawn
):
    for chest in drawn:
        batch = preprocess(chest, bundled.manifest.input)
        assert_closed_form(keras_model, [litert, tensorflow], batch)


@pytest.mark.shared
def test_the_bundled_networks_class_maps_are_its_grad_cam_on_real_radiographs(
    bundled, keras_model, litert, tensorflow, real
):
    for radiograph in real[::7]:
        batch = preprocess(radiograph, bundled.manifest.input)
        assert_closed_form(keras_model, [litert, tensorflow], batch)


def test_any_networks_class_maps_are_its_grad_cam(random_network, random_runtimes):
    spec = Input(size=96, channels=1, low=0.0, high=255.0)
    heats = []
    for seed in range(4):
        batch = preprocess(draw_chest(200, 220, seed), spec)
        heats += assert_closed_form(random_network, random_runtimes, batch)
    assert heats[0].shape == (6, 6)
    assert sum(heat.max() == 1 for heat in heats) >= 4  # it was not zeros that were compared


def test_the_classes_keep_one_scale_among_themselves(random_network, random_runtimes):
    """Grad-CAM of two classes differs by more than a factor of its own for each class."""
    import keras
    import tensorflow as tf

    batch = preprocess(draw_chest(200, 220), Input(size=96, channels=1, low=0.0, high=255.0))
    head = random_network.get_layer("class_maps")
    features = keras.Model(random_network.input, head.input)(batch, training=False).numpy()[0]
    kernel = head.kernel.numpy()[0, 0]
    expected = tf.matmul(features, kernel).numpy()
    for runtime in random_runtimes:
        found = runtime.run(batch)
        maps = np.stack([found.class_map(number) for number in range(3)], axis=-1)
        factor = (maps * expected).sum() / (expected**2).sum()
        assert factor > 0
        np.testing.assert_allclose(maps, factor * expected, atol=1e-4 * np.abs(maps).max())


def test_a_single_map_keeps_what_speaks_for_its_class_and_reaches_one():
    [heat] = heatmaps([np.array([[-3.0, 0.0], [2.0, 8.0]], np.float32)])
    np.testing.assert_array_equal(heat, np.array([[0, 0], [0.25, 1]], np.float32))
    assert heat.dtype == np.float32


def test_several_maps_share_one_scale():
    first, second = heatmaps(
        [np.array([[4.0, -1.0]], np.float32), np.array([[1.0, 2.0]], np.float32)]
    )
    np.testing.assert_array_equal(first, [[1, 0]])
    np.testing.assert_array_equal(second, [[0.25, 0.5]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "nothing", [np.zeros((7, 7), np.float32), np.full((7, 7), -5, np.float32)], ids=["0", "<0"]
)
def test_a_map_with_nothing_for_its_class_is_zero_everywhere(nothing):
    alone = heatmaps([nothing])
    np.testing.assert_array_equal(alone, np.zeros((1, 7, 7)))
    beside = heatmaps([nothing, np.full((7, 7), 3, np.float32)])
    np.testing.assert_array_equal(beside[0], np.zeros((7, 7)))
    np.testing.assert_array_equal(beside[1], np.ones((7, 7)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e-45, 1e-38, 1e38])
def test_the_smallest_and_largest_values_stay_numbers(value):
    [heat] = heatmaps([np.array([[0, value]], np.float32)])
    np.testing.assert_array_equal(heat, [[0, 1]])
    assert heat.dtype == np.float32


def test_no_maps_are_no_heatmaps():
    assert heatmaps([]) == []


def test_the_maps_are_left_as_they_are():
    class_map = np.array([[-3.0, 8.0]], np.float32)
    heatmaps([class_map])
    np.testing.assert_array_equal(class_map, [[-3, 8]])
