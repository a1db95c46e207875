"""TensorFlow serves any Keras classifier, and answers as LiteRT does for ours."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.preprocessing import preprocess
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings
from tests.drawing import draw_chest, encode_png
from tests.inference.conftest import softmax

# TensorFlow's own
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*__pyct_anno:DeprecationWarning", "ignore:__array__ impl:DeprecationWarning"
)

CLASSES = 4
SIZE = 32


@dataclass
class Classifier:
    """A foreign network, and the parts that it was put together from: the last of them gives logits."""

    model: Any
    trunk: Any
    head: list[Any]
    softmax: bool = True

    def content(self, folder: Path) -> bytes:
        """The `.keras` file."""
        self.model.save(folder / "foreign.keras")
        return (folder / "foreign.keras").read_bytes()

    def grad_cam(self, batch: np.ndarray, number: int) -> np.ndarray:
        """Selvaraju et al. 2017, equations 1 and 2, before the ReLU."""
        import tensorflow as tf

        features = self.trunk(batch, training=False)
        with tf.GradientTape() as tape:
            tape.watch(features)
            logits = features
            for layer in self.head:
                logits = layer(logits)
            score = logits[0, number]
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
        return tf.reduce_sum(weights * features, axis=-1)[0].numpy()


def _convolutions(layers: Any) -> list[Any]:
    return [
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(6, 3, activation="relu"),
    ]


def _chain(keras: Any, layers: list[Any], **options: Any) -> Any:
    inputs = tensor = keras.Input((SIZE, SIZE, 3))
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(inputs, tensor, **options)


def _logits(keras: Any, dense: Any) -> Any:
    """What a Dense layer gives before its softmax."""
    return lambda tensor: keras.ops.matmul(tensor, dense.kernel) + dense.bias


def sequential(keras: Any) -> Classifier:
    """As the first tutorial has it: Flatten, and softmax inside the last Dense."""
    layers = keras.layers
    convolutions = _convolutions(layers)
    dense = layers.Dense(CLASSES, activation="softmax")
    flatten = layers.Flatten()
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *convolutions, flatten, dense])
    return Classifier(model, _chain(keras, convolutions), [flatten, _logits(keras, dense)])


def functional(keras: Any) -> Classifier:
    """Rescaling inside, Dropout before a Dense without activation, a Softmax layer at the end."""
    layers = keras.layers
    body = [
        layers.Rescaling(1 / 127.5, offset=-1),
        *_convolutions(layers),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.3), layers.Dense(CLASSES)]
    return Classifier(_chain(keras, [*body, *head, layers.Softmax()]), _chain(keras, body), head)


def activation_layer(keras: Any) -> Classifier:
    """Softmax as an Activation layer, after two Dense layers."""
    layers = keras.layers
    body = _convolutions(layers)
    head = [layers.GlobalMaxPooling2D(), layers.Dense(9, activation="relu"), layers.Dense(CLASSES)]
    model = _chain(keras, [*body, *head, layers.Activation("softmax")])
    return Classifier(model, _chain(keras, body), head)


def nested(keras: Any) -> Classifier:
    """As transfer learning has it: a whole model as one layer, and a new head on it."""
    layers = keras.layers
    backbone = _chain(keras, _convolutions(layers), name="backbone")
    pooling, dense = layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation="softmax")
    inputs = keras.Input((SIZE, SIZE, 3))
    scaled = layers.Rescaling(1 / 255)
    flipped = layers.RandomFlip("horizontal")
    tensor = layers.Dropout(0.2)(pooling(backbone(scaled(flipped(inputs)), training=False)))
    return Classifier(
        keras.Model(inputs, dense(tensor)),
        _chain(keras, [scaled, backbone]),
        [pooling, _logits(keras, dense)],
    )


def pooled_backbone(keras: Any) -> Classifier:
    """A backbone that ends with its own pooling, so that the spatial layer is inside of it."""
    layers = keras.layers
    convolutions = _convolutions(layers)
    pooling = layers.GlobalAveragePooling2D()
    backbone = _chain(keras, [*convolutions, pooling], name="backbone")
    dense = layers.Dense(CLASSES, activation="softmax")
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), backbone, dense])
    return Classifier(model, _chain(keras, convolutions), [pooling, _logits(keras, dense)])


def wrapped(keras: Any) -> Classifier:
    """A whole classifier, its softmax too, inside another model."""
    inner = functional(keras)
    inputs = keras.Input((SIZE, SIZE, 3))
    return Classifier(keras.Model(inputs, inner.model(inputs)), inner.trunk, inner.head)


def logits_only(keras: Any) -> Classifier:
    """Without any softmax: the answer is logits already."""
    layers = keras.layers
    body = _convolutions(layers)
    head = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES)]
    return Classifier(_chain(keras, [*body, *head]), _chain(keras, body), head, softmax=False)


BUILDERS = (
    sequential,
    functional,
    activation_layer,
    nested,
    pooled_backbone,
    wrapped,
    logits_only,
)


@pytest.fixture(scope="module", params=BUILDERS, ids=lambda build: build.__name__)
def foreign(request) -> Classifier:
    import keras

    keras.utils.set_random_seed(3)
    return request.param(keras)


@pytest.fixture(scope="module")
def runtime(foreign, tmp_path_factory) -> Any:
    from inference.runtime.tensorflow import TensorFlowRuntime

    return TensorFlowRuntime(foreign.content(tmp_path_factory.mktemp("foreign")))


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.uniform(-40, 255, (1, SIZE, SIZE, 3)).astype(np.float32) for _ in range(3)]


def test_a_foreign_classifiers_probabilities_are_those_of_predict(foreign, runtime, batches):
    for batch in batches:
        answer = foreign.model.predict(batch, verbose=0)[0]
        expected = answer if foreign.softmax else softmax(answer)
        np.testing.assert_allclose(softmax(runtime.run(batch).logits), expected, atol=1e-5)


def test_a_foreign_classifier_is_explained_by_its_last_spatial_layer(foreign, runtime, batches):
    for batch in batches:
        found = runtime.run(batch)
        features = foreign.trunk(batch, training=False).numpy()
        np.testing.assert_allclose(found.embedding, features.mean(axis=(0, 1, 2)), rtol=1e-4)
        for number in range(CLASSES):
            expected = foreign.grad_cam(batch, number)
            assert expected.shape == features.shape[1:3]
            scale = np.abs(expected).max()
            assert scale > 0
            np.testing.assert_allclose(found.class_map(number), expected, atol=1e-4 * scale)


def test_sixteen_threads_find_what_one_finds(batches, tmp_path):
    import keras

    runtime = _opened(nested(keras).model, tmp_path)

    def values(batch: np.ndarray) -> np.ndarray:
        found = runtime.run(batch)
        maps = [found.class_map(number).ravel() for number in range(CLASSES)]
        return np.concatenate([found.logits, found.embedding, *maps])

    with ThreadPoolExecutor(16) as pool:  # before anything is compiled
        together = list(pool.map(values, batches * 8))
    for number, found in enumerate(together):
        np.testing.assert_allclose(found, values(batches[number % len(batches)]), rtol=1e-3)


# What cannot be explained or calibrated is refused when it is opened


def _opened(model: Any, folder: Path) -> Any:
    from inference.runtime.tensorflow import TensorFlowRuntime

    return TensorFlowRuntime(Classifier(model, None, []).content(folder))


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_model_without_a_spatial_layer_is_refused(kind, tmp_path):
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(CLASSES, activation="softmax")]
    sequential = [keras.Input((SIZE, SIZE, 3)), *layers]
    model = _chain(keras, layers) if kind == "functional" else keras.Sequential(sequential)
    with pytest.raises(ValueError, match="no layer with rows and columns, so Grad-CAM cannot"):
        _opened(model, tmp_path)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_a_model_whose_probabilities_cannot_be_undone_is_refused(kind, tmp_path):
    import keras

    layers = keras.layers
    activation = "sigmoid" if kind == "sigmoid" else None
    dense = layers.Dense(CLASSES, activation=activation)
    last = [] if kind == "sigmoid" else [keras.ops.softmax]
    pooling = layers.GlobalAveragePooling2D()
    model = _chain(keras, [*_convolutions(layers), pooling, dense, *last])
    with pytest.raises(ValueError, match=f"ends with a {kind} that cannot be taken off"):
        _opened(model, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\3\4" + bytes(200)])
def test_a_broken_file_is_refused(content):
    from inference.runtime.tensorflow import TensorFlowRuntime

    with pytest.raises(ValueError, match=r"\w"):
        TensorFlowRuntime(content)


# Through the service, by what the manifest says


@pytest.fixture
def serve(make_store, tmp_path):
    """Serve a foreign classifier of RGB pictures: `serve(model, low=-1.0, high=1.0)`."""

    def start(model: Any, **range_: float) -> Service:
        content = Classifier(model, None, []).content(tmp_path)
        store = make_store(
            "foreign",
            {"model.keras": content},
            input={"size": SIZE, "channels": 3, **range_},
            outputs={"logits": "dense", "class_maps": None, "embedding": None},
            temperature=1.0,
        )
        return Service(Settings(inference_runtime="tensorflow", model_store=str(store)))

    return start


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-1.0, 1.0)])
def test_the_service_answers_as_the_foreign_classifier_does(low, high, serve):
    import keras

    keras.utils.set_random_seed(3)
    classifier = sequential(keras)
    service = serve(classifier.model, low=low, high=high)
    chest = draw_chest(90, 70)
    report = service.predict(encode_png(chest), Options(explain="all"), "1").to_json()
    assert service.health()["status"] == "ready"
    assert report["model"]["runtime"] == "tensorflow"

    gray = preprocess(chest, _Gray())
    batch = np.repeat(gray / 255 * (high - low) + low, 3, axis=-1)
    expected = classifier.model.predict(batch, verbose=0)[0]
    np.testing.assert_allclose(list(report["probabilities"].values()), expected, atol=1e-5)

    maps = np.maximum([classifier.grad_cam(batch, number) for number in range(CLASSES)], 0)
    for explanation, class_map in zip(report["explanations"], maps / maps.max(), strict=True):
        heatmap = explanation["heatmap"]
        assert (heatmap["rows"], heatmap["columns"]) == (13, 13)
        np.testing.assert_allclose(heatmap["values"], class_map.ravel(), atol=2e-4)


class _Gray:
    size, channels, low, high = SIZE, 1, 0.0, 255.0


# Ours, by both runtimes


def assert_parity(bundled, litert, tensorflow, pictures):
    for pixels in pictures:
        batch = preprocess(pixels, bundled.manifest.input)
        fast, slow = (
            softmax(runtime.run(batch).logits / bundled.manifest.temperature)
            for runtime in (litert, tensorflow)
        )
        assert fast.argmax() == slow.argmax()
        np.testing.assert_allclose(fast, slow, atol=2e-3)


def test_litert_answers_as_tensorflow_does(bundled, litert, tensorflow, drawn):
    assert_parity(bundled, litert, tensorflow, drawn)


@pytest.mark.shared
def test_litert_answers_as_tensorflow_does_on_real_radiographs(bundled, litert, tensorflow, real):
    assert_parity(bundled, litert, tensorflow, real)
