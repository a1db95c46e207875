"""The share of heat in the lungs, from the network's output to the answer, in both runtimes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.course import Course
from inference.pipeline import Pipeline
from inference.reading import Options
from inference.settings import Settings
from model_store import open_store
from tests.drawing import encode_png

# TensorFlow's own
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*__pyct_anno:DeprecationWarning",
    "ignore:__array__ impl:DeprecationWarning",
    "ignore::DeprecationWarning:keras",
    "ignore::DeprecationWarning:gast",
)

#: White, with two black rectangles of 0.35 of the area.
CHEST = np.full((64, 64), 255, np.uint8)
CHEST[12:48, 8:28] = CHEST[12:48, 36:56] = 0
AREA = 2 * 36 * 20 / 64**2

OUTPUTS = {
    "logits": "logits",
    "class_maps": "class_maps",
    "embedding": "embedding",
    "lungs": "lung_probability",
}


def network() -> Any:
    """Lungs are what is dark; its classes look for what is bright, dark, either, and nothing."""
    import keras

    layers = keras.layers
    image = keras.Input((64, 64, 1), name="image")
    both = layers.Conv2D(2, 1, activation="relu", name="both")(layers.AveragePooling2D(4)(image))
    logit = layers.Conv2D(1, 1, name="lungs")(both)
    lungs = layers.Activation("sigmoid", name="lung_probability")(logit)
    # The map is a part of the model, and changes nothing here.
    seen = layers.Add()([both, layers.Rescaling(0.0)(lungs)])
    class_maps = layers.Conv2D(4, 1, name="class_maps")(layers.Dropout(0.1)(seen))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(class_maps), name="by_hand")
    weights = {
        "both": ([1.0, -1.0], [0.0, 255.0]),
        "lungs": ([0.0, 0.1], [-12.7]),
        "class_maps": ([[1.0, 0.0, 1.0, -1.0], [0.0, 1.0, 1.0, 0.0]], [200.0, 0.0, 0.0, 0.0]),
    }
    for name, values in weights.items():
        layer = model.get_layer(name)
        layer.set_weights(
            [np.reshape(values[0], layer.kernel.shape), np.array(values[1])],
        )
    return model


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    from training.export import to_litert

    model = network()
    file = tmp_path_factory.mktemp("by_hand") / "model.keras"
    model.save(file)
    return {"model.tflite": to_litert(model), "model.keras": file.read_bytes()}


@pytest.fixture(params=["litert", "tensorflow"])
def answer(request: pytest.FixtureRequest, content: dict[str, bytes], make_store: Any) -> Any:
    """The JSON of an answer by the network above: `answer(pixels, explain="all")`."""
    settings = Settings(inference_runtime=request.param)
    spec = {"size": 64, "channels": 1, "low": 0, "high": 255}

    def to_json(pixels: np.ndarray, *, outputs: Any = OUTPUTS, **options: Any) -> dict[str, Any]:
        store: Path = make_store("1.0", content, input=spec, outputs=outputs, temperature=100)
        model = open_store(str(store)).open(files=(settings.model_file,))
        report = Pipeline(model, settings).predict(
            encode_png(pixels), Options(**options), Course("1")
        )
        return json.loads(json.dumps(report.to_json(), allow_nan=False))

    return to_json


def codes(found: dict[str, Any]) -> list[str]:
    return [warning.split(": ")[0] for warning in found["warnings"]]


def test_each_explanation_has_the_share_of_its_heat_in_the_lungs(answer: Any) -> None:
    found = answer(CHEST, explain="all")
    bright, dark, either, nothing = (each["lung_share"] for each in found["explanations"])
    assert bright == pytest.approx(0, abs=0.1)
    assert dark == pytest.approx(1, abs=0.1)  # the edge is a position wide
    assert either == pytest.approx(AREA, abs=0.03)
    assert nothing is None
    # The predicted class looks at what is bright.
    assert found["prediction"]["label"] == "covid19"
    assert codes(found) == ["not_checked", "heat_outside_lungs"]


def test_where_no_lungs_are_drawn_no_share_is_told_and_the_answer_says_so(answer: Any) -> None:
    one_lung = CHEST.copy()
    one_lung[:, 32:] = 160
    found = answer(one_lung, explain="all")
    assert [each["lung_share"] for each in found["explanations"]] == [None] * 4
    assert codes(found) == ["not_checked", "no_lungs"]


def test_a_version_that_says_nothing_of_lungs_is_served_without(answer: Any) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "lungs"}
    found = answer(CHEST, outputs=outputs)
    assert [each["lung_share"] for each in found["explanations"]] == [None]
    assert codes(found) == ["not_checked"]
