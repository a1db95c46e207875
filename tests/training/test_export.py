"""A trained network becomes a version that the service takes as it is, or none at all."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from inference.preprocessing import VERSION, preprocess
from inference.runtime.litert import LiteRTRuntime
from inference.runtime.tensorflow import TensorFlowRuntime
from model_store.errors import VersionExists
from model_store.manifest import ClassName, Input, Manifest, Outputs
from model_store.store import FolderStore
from tests.drawing import draw_chest
from tests.training import tiny
from training.__main__ import main
from training.data import fingerprint, of_split, read_dataset, read_pixels
from training.export import OUTPUTS, ParityError, export, outputs_of, to_litert
from training.networks import build, for_serving

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)

CLASSES = ("covid19", "normal", "pneumonia", "tuberculosis")
CONFIG = tiny.config
SPEC = Input(size=64, channels=1, low=0.0, high=255.0)


@pytest.fixture(scope="module")
def manifest(exported: Path) -> Manifest:
    return FolderStore(exported).verify("1.0")


def test_a_version_is_whole_and_not_yet_in_use(exported: Path, manifest: Manifest) -> None:
    assert set(manifest.files) == {"model.tflite", "model.keras", "MODEL_CARD.md"}
    assert FolderStore(exported).versions() == ("1.0",)
    assert FolderStore(exported).history() == ()


def test_the_manifest_says_what_the_service_needs(manifest: Manifest, drawn: Path) -> None:
    assert manifest.version == "1.0"
    assert manifest.architecture == "tiny"
    assert manifest.classes == (
        ClassName("covid19", "COVID-19"),
        ClassName("normal", "Normal"),
        ClassName("pneumonia", "Pneumonia"),
        ClassName("tuberculosis", "Tuberculosis"),
    )
    assert manifest.input == SPEC
    assert manifest.preprocessing == VERSION
    assert manifest.outputs == Outputs("logits", "class_maps", "embedding", "lung_probability")
    assert manifest.gate is None
    assert manifest.training_data == fingerprint(read_dataset(drawn))


def test_the_metrics_are_those_of_both_splits(manifest: Manifest) -> None:
    assert set(manifest.metrics) == {"val", "test"}
    for figures in manifest.metrics.values():
        assert figures["images"] == 16
        assert figures["accuracy"] >= 0.8  # of 16 images, one of them with a wrong label
        assert {"macro_f1", "balanced_accuracy", "ece", "brier", "aurc"} <= set(figures)


def test_the_threshold_gives_the_asked_coverage_on_the_validation_split(
    manifest: Manifest,
) -> None:
    assert manifest.threshold.coverage == 0.75
    assert manifest.metrics["val"]["coverage"] == 12 / 16


def test_litert_answers_as_keras_does(exported: Path, drawn: Path) -> None:
    version = exported / "1.0"
    litert = LiteRTRuntime((version / "model.tflite").read_bytes(), OUTPUTS)
    model = keras.models.load_model(version / "model.keras", compile=False)
    chosen = of_split(read_dataset(drawn), "test")
    inputs = [preprocess(read_pixels(each), SPEC) for each in chosen]
    expected = softmax(model.predict(np.concatenate(inputs), verbose=0), axis=1)
    found = softmax([litert.run(each).logits for each in inputs], axis=1)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_both_runtimes_give_the_map_of_the_lungs_that_was_trained(
    exported: Path, manifest: Manifest, runs: tuple[Path, Path]
) -> None:
    version = exported / "1.0"
    trained = keras.models.load_model(runs[0] / "best.keras", compile=False)
    runtimes = (
        LiteRTRuntime((version / "model.tflite").read_bytes(), manifest.outputs),
        TensorFlowRuntime((version / "model.keras").read_bytes(), lungs=manifest.outputs.lungs),
    )
    for seed in range(3):
        batch = preprocess(draw_chest(96, 80, seed), SPEC)
        expected = expit(trained(batch, training=False)["lungs"].numpy()[0, :, :, 0])
        assert expected.shape == (8, 8)
        assert expected.max() - expected.min() > 0.5  # it has learned that lungs are somewhere
        for runtime in runtimes:
            np.testing.assert_allclose(runtime.run(batch).lungs, expected, atol=1e-4)


def test_a_network_without_a_map_of_the_lungs_is_exported_without() -> None:
    model = for_serving(build("small_cnn", 4, None), 64)
    assert outputs_of(model) == Outputs("logits", "class_maps", "embedding")
    runtime = LiteRTRuntime(to_litert(model), outputs_of(model))
    assert runtime.run(preprocess(draw_chest(96, 80), SPEC)).lungs is None


def test_the_card_has_the_tables_and_names_the_sources(exported: Path, drawn: Path) -> None:
    card = (exported / "1.0" / "MODEL_CARD.md").read_text()
    for text in (
        "# Model card: 1.0",
        "Research use only. Not a medical device",
        *(f"| {drawn.name} | {label:<12} | 8      | not stated |" for label in CLASSES),
        "## Test split",
        "## Validation split",
        "Training saw images of every source and class in it.",
        "| border blacked out | 16 ",
        "Heatmaps of two different images are alike",
        "### The network's own map of the lungs",
        f"| {drawn.name} | 16     | –    |",
    ):
        assert text in card
    for head in ("| figure ", "| class ", "| true \\ answer "):
        assert card.count(head) >= 2
    assert f"| covid19      | {drawn.name}" in card
    assert card.count("Not measured for this version.") == 2  # no masks, no left-out sources


def test_the_shipped_backbone_is_converted_with_its_maps_and_embedding(rgb_weights: Path) -> None:
    model = for_serving(build("mobilenet_v3_small", 4, rgb_weights), 64)
    head = model.get_layer("class_maps")
    head.bias.assign([1.0, -2.0, 0.5, 3.0])
    whole = keras.Model(model.input, [head.input, head.output, model.output])
    litert = LiteRTRuntime(to_litert(model), OUTPUTS)
    for seed in range(3):
        batch = preprocess(draw_chest(96, 80, seed), SPEC)
        features, class_maps, logits = (each[0] for each in whole.predict(batch, verbose=0))
        found = litert.run(batch)
        close = {"rtol": 1e-3, "atol": 1e-3 * np.abs(logits).max()}
        np.testing.assert_allclose(found.logits, logits, **close)
        np.testing.assert_allclose(found.embedding, features.mean(axis=(0, 1)), **close)
        for number, bias in enumerate([1.0, -2.0, 0.5, 3.0]):
            expected = class_maps[:, :, number] - bias
            np.testing.assert_allclose(found.class_map(number), expected, **close)


def test_a_network_that_litert_would_answer_for_differently_is_refused(
    drawn: Path, tmp_path: Path
) -> None:
    # Its head takes the maximum of the class maps, and the conversion takes the mean.
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 1))
    features = keras.layers.Conv2D(8, 5, strides=8)(image)
    class_maps = keras.layers.Conv2D(4, 1, name="class_maps")(features)
    logits = keras.layers.GlobalMaxPooling2D()(class_maps)
    keras.Model(image, {"logits": logits}, name="maximum").save(tmp_path / "best.keras")
    store = FolderStore(tmp_path / "store")
    with pytest.raises(ParityError, match=r"LiteRT differs from Keras by up to 0\.\d+"):
        export(tmp_path / "best.keras", CONFIG, read_dataset(drawn), store, version="1.0")
    assert not store.path.exists()


def test_what_cannot_be_exported_is_said_before_the_work(exported: Path, drawn: Path) -> None:
    network = Path("not looked at")
    store = FolderStore(exported)
    examples = read_dataset(drawn)
    with pytest.raises(VersionExists, match=r"Version 1\.0 is in .* already"):
        export(network, CONFIG, examples, store, version="1.0")
    with pytest.raises(ValueError, match=r"'my run' is no version's name"):
        export(network, CONFIG, examples, store, version="my run")
    with pytest.raises(ValueError, match="labels tuberculosis; the model has the classes covid19"):
        export(network, replace(CONFIG, classes=CLASSES[:3]), examples, store, version="2.0")
    untested = [each for each in examples if each.split != "test"]
    with pytest.raises(ValueError, match="no image in its split test"):
        export(network, CONFIG, untested, store, version="2.0")


def test_the_command_says_in_a_sentence_that_a_version_exists(
    runs: tuple[Path, Path], exported: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(runs[0]), "--data", str(drawn), "--store", str(exported)]
    assert main([*command, "--version", "1.0"]) == 2
    assert capsys.readouterr().err.startswith("training export: Version 1.0 is in ")
