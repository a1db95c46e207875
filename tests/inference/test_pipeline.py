"""One way for every image: from its bytes to a report, or to one error that says why not."""

import base64
import hashlib
import json
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import cv2
import numpy as np
import pytest

from inference import gate
from inference.course import Course
from inference.errors import NotAChestXray, TooLarge, Undecodable, UnsupportedMedia
from inference.gate import Gate
from inference.pipeline import Pipeline
from inference.pixel_budget import PixelBudget
from inference.preprocessing import preprocess
from inference.reading import Options
from inference.settings import Settings
from model_store import open_store
from tests.drawing import draw_chest, encode_dicom, encode_jpeg, encode_png, encode_tiff
from tests.inference.conftest import softmax

CHEST = draw_chest(400, 330)
JPEG = encode_jpeg(CHEST)
LABELS = ["covid19", "normal", "pneumonia", "tuberculosis"]


@pytest.fixture(scope="module")
def pipeline(bundled) -> Pipeline:
    return Pipeline(bundled, Settings())


@pytest.fixture
def answer(pipeline):
    """The JSON of a report: `answer(data, explain="all")`."""

    def to_json(data: bytes, **options):
        report = pipeline.predict(data, Options(**options), Course("4711"))
        return json.loads(json.dumps(report.to_json(), allow_nan=False))

    return to_json


def test_all_pipelines_of_a_process_decode_from_one_budget(pipeline, bundled):
    pixels = Settings().max_image_pixels // 6
    other = Pipeline(bundled, Settings())
    with ThreadPoolExecutor(2) as pool:
        with PixelBudget.shared(pixels).take(pixels):
            answers = [
                pool.submit(each.predict, JPEG, Options(), Course("1"))
                for each in (pipeline, other)
            ]
            assert not wait(answers, timeout=0.5, return_when=FIRST_COMPLETED).done
        assert all(each.result(timeout=60) for each in answers)


def test_the_answer_is_the_networks_at_the_manifests_temperature(answer, bundled, litert):
    found = answer(encode_png(CHEST))
    logits = litert.run(preprocess(CHEST, bundled.manifest.input)).logits
    expected = softmax(logits / bundled.manifest.temperature)
    assert list(found["probabilities"]) == LABELS
    np.testing.assert_allclose(list(found["probabilities"].values()), expected, atol=1e-6)
    assert found["prediction"]["label"] == LABELS[expected.argmax()]
    assert found["prediction"]["probability"] == pytest.approx(expected.max(), abs=1e-6)
    certain = bool(expected.max() >= bundled.manifest.threshold.value)
    assert found["prediction"]["certain"] is certain


def test_the_answer_tells_what_came_and_what_answered(answer, bundled):
    found = answer(JPEG)
    assert found["input"] == {
        "format": "JPEG",
        "width": 400,
        "height": 330,
        "sha256": hashlib.sha256(JPEG).hexdigest(),
    }
    assert found["model"] == {
        "name": bundled.manifest.name,
        "version": bundled.manifest.version,
        "sha256": hashlib.sha256((bundled.folder / "model.tflite").read_bytes()).hexdigest(),
        "preprocessing": "squash-clahe-1",
        "runtime": "litert",
    }
    assert found["request_id"] == "4711"


def test_every_step_is_timed_and_the_steps_fit_into_the_total(answer):
    timing = answer(JPEG)["timing_ms"]
    assert list(timing) == ["decode", "preprocess", "run", "gate", "explain", "total"]
    total = timing.pop("total")
    assert all(duration >= 0 for duration in timing.values())
    assert sum(timing.values()) <= total + 0.1


@pytest.mark.parametrize(
    ("explain", "expected"), [("none", []), ("all", LABELS), *((each, [each]) for each in LABELS)]
)
def test_the_asked_classes_are_explained(answer, explain, expected):
    assert [each["label"] for each in answer(JPEG, explain=explain)["explanations"]] == expected


def test_the_predicted_class_is_explained_by_default(answer):
    found = answer(JPEG)
    assert [each["label"] for each in found["explanations"]] == [found["prediction"]["label"]]


def test_the_heatmap_is_grad_cam_on_one_scale_for_all_asked_classes(answer, bundled, litert):
    found = litert.run(preprocess(CHEST, bundled.manifest.input))
    maps = np.maximum([found.class_map(number) for number in range(4)], 0)
    for explanation, expected in zip(
        answer(encode_png(CHEST), explain="all")["explanations"], maps / maps.max(), strict=True
    ):
        heatmap = explanation["heatmap"]
        assert (heatmap["rows"], heatmap["columns"]) == expected.shape
        np.testing.assert_allclose(heatmap["values"], expected.ravel(), atol=1e-4)


@pytest.mark.parametrize(("overlay", "lossless"), [("jpeg", False), ("png", True)])
@pytest.mark.parametrize(("size", "height"), [(128, 106), (512, 422), (1024, 845)])
def test_the_overlay_is_of_the_asked_size_and_format(answer, overlay, lossless, size, height):
    [found] = answer(JPEG, overlay=overlay, size=size)["explanations"]
    assert (found["media_type"], found["width"]) == (f"image/{overlay}", size)
    assert abs(found["height"] - height) <= 1
    data = base64.b64decode(found["base64"], validate=True)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (found["height"], found["width"], 3)


@pytest.mark.parametrize(
    "data",
    [encode_png(CHEST, mode="RGB"), encode_tiff(CHEST), encode_dicom(CHEST)],
    ids=["RGB PNG", "TIFF", "DICOM"],
)
def test_a_picture_has_the_same_answer_in_every_lossless_format(answer, data):
    assert answer(data)["probabilities"] == answer(encode_png(CHEST))["probabilities"]


def test_without_a_gate_in_the_model_the_answer_promises_nothing(make_store):
    model = open_store(str(make_store("1.0", gate=None))).open()
    pipeline = Pipeline(model, Settings())
    found = pipeline.predict(JPEG, Options(), Course("1")).to_json()
    assert found["gate"] == {"chest_xray": None, "score": None, "reasons": []}
    assert found["warnings"] == [
        "not_checked: Whether this is a frontal chest X-ray was not checked: this model has no gate."
    ]


def test_what_dicom_tells_of_view_and_age_is_a_warning_and_the_age_is_not_in_it(answer):
    data = encode_dicom(
        CHEST,
        ViewPosition="AP",
        PatientAge="013Y",
        StationName="Portable 2",
        SeriesDescription="Chest",
    )
    found = answer(data)["warnings"]
    codes = [warning.split(":")[0] for warning in found]
    assert codes[-3:] == ["ap_view", "portable", "paediatric"]
    assert not any("13" in warning for warning in found)
    assert answer(data, explain="none")["warnings"] == found


def test_the_pictures_of_several_classes_are_on_the_scale_of_their_values(answer):
    data = encode_png(draw_chest(256, 256, 3))
    options = {"overlay": "png", "size": 256}
    found = {each["label"]: each for each in answer(data, explain="all", **options)["explanations"]}
    peaks = {label: max(each["heatmap"]["values"]) for label, each in found.items()}
    strongest = max(peaks, key=peaks.get)
    assert peaks[strongest] == 1
    assert any(0.05 < peak < 0.95 for peak in peaks.values())
    for label, each in found.items():
        [own] = answer(data, explain=label, **options)["explanations"]
        expected = peaks[label] * np.array(own["heatmap"]["values"])
        np.testing.assert_allclose(each["heatmap"]["values"], expected, atol=2e-4)
        if label == strongest:
            assert each["base64"] == own["base64"]
        elif 0.05 < peaks[label] < 0.95:  # less heat is less colour
            assert colour(each) < colour(own)


def colour(explanation) -> float:
    """How far the picture is from gray."""
    data = base64.b64decode(explanation["base64"])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return float(np.ptp(picture.astype(int), axis=-1).mean())


BLANK = encode_png(np.full((100, 100), 7, np.uint8))


def test_what_the_gate_refuses_is_not_answered(answer):
    with pytest.raises(NotAChestXray) as caught:
        answer(BLANK)
    assert caught.value.reasons == ("blank",)
    assert caught.value.detail == (
        "Refused: the picture is (nearly) of one gray value. "
        "Ask with force to have it answered all the same."
    )


@pytest.mark.parametrize("shape", [(100, 100), (2, 900), (900, 1), (1, 1)])
def test_force_has_it_answered_with_a_warning(answer, shape):
    found = answer(encode_png(np.full(shape, 7, np.uint8)), force=True, explain="all")
    assert found["gate"]["chest_xray"] is False
    assert "blank" in found["gate"]["reasons"]
    assert found["warnings"][0].startswith("forced: Answered because force=true was asked")
    assert found["warnings"][-1].startswith("low_resolution: The shorter side has ")
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    values = np.array([each["heatmap"]["values"] for each in found["explanations"]])
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UnsupportedMedia),
        (b"no image", UnsupportedMedia),
        (JPEG[: len(JPEG) // 2], Undecodable),
        (encode_png(CHEST)[:500], Undecodable),
    ],
)
@pytest.mark.parametrize("force", [True, False])
def test_what_is_no_image_is_refused_with_force_too(answer, data, error, force):
    with pytest.raises(error):
        answer(data, force=force)


def gate_that(frontal: float, features: int | None = None) -> dict:
    """A gate for which everything is frontal if positive, and upside down if negative.

    `features` is how many numbers it judges; as many as the bundled one's if it is None.
    """
    bundled = Gate.from_manifest(open_store("bundled").manifest().gate)
    weights = np.zeros((features or len(bundled.weights), 2), np.float32)
    return Gate(
        ("frontal", "upside_down"), weights, np.array([frontal, 0], np.float32), edge=0.6
    ).to_manifest()


@pytest.fixture
def ask(make_store):
    """Predict with the bundled network and a gate: `ask(gate_that(1), force=True)`."""

    def predict(section: dict, **options):
        model = open_store(str(make_store("1.0", gate=section))).open()
        found = Pipeline(model, Settings()).predict(JPEG, Options(**options), Course("1"))
        return found.to_json()

    return predict


def test_what_passes_the_models_gate_has_its_score_and_no_warning(ask):
    found = ask(gate_that(2))
    assert found["gate"] == {
        "chest_xray": True,
        "score": pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3),
        "reasons": [],
    }
    assert found["warnings"] == []


def test_what_hardly_passes_it_is_answered_with_a_warning(ask):
    assert ask(gate_that(0.2))["warnings"] == [
        "near_gate_edge: The gate let this image pass, but only just."
    ]


def test_what_the_models_gate_refuses_is_told_what_helps(ask):
    with pytest.raises(NotAChestXray) as caught:
        ask(gate_that(-3))
    assert caught.value.reasons == ("upside_down",)
    assert caught.value.detail == (
        "Refused: it looks like a chest X-ray upside down; turn it by 180° and send it again. "
        "Ask with force to have it answered all the same."
    )


def test_force_answers_what_the_models_gate_refuses_and_says_so(ask):
    found = ask(gate_that(-3), force=True)
    assert found["gate"]["chest_xray"] is False
    assert found["gate"]["reasons"] == ["upside_down"]
    assert found["gate"]["score"] < 0.1
    assert found["warnings"][0].startswith(
        "forced: Answered because force=true was asked, although the gate"
    )


@pytest.mark.parametrize("force", [False, True])
def test_a_gate_that_fails_is_an_error_even_with_force(make_store, monkeypatch, force):
    model = open_store(str(make_store("1.0", gate=gate_that(2)))).open()
    broken = Pipeline(model, Settings())
    nothing = np.full(576 + 512, np.nan, np.float32)
    monkeypatch.setattr("inference.gate.evidence", lambda *_: nothing)
    with pytest.raises(gate.GateError, match="The gate cannot judge"):
        broken.predict(JPEG, Options(force=force), Course("1"))


@pytest.mark.parametrize("section", [{"limits": [1, 2]}, gate_that(1, features=5)])
def test_a_model_whose_gate_is_not_its_own_is_not_opened(make_store, section):
    model = open_store(str(make_store("1.0", gate=section))).open()
    with pytest.raises((ValueError, gate.GateError), match="gate"):
        Pipeline(model, Settings())


def test_more_pixels_than_the_setting_allows_are_refused(bundled):
    small = Pipeline(bundled, Settings(max_image_pixels=400 * 330 - 1))
    with pytest.raises(TooLarge, match="400 x 330 pixels; at most 131,999"):
        small.predict(JPEG, Options(), Course("1"))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"preprocessing": "squash-0"},
            "expects the preprocessing squash-0; this code has squash-",
        ),
        (
            {"classes": [{"label": f"c{n}", "name": f"C{n}"} for n in range(5)]},
            "The network has 4 logits for 5 classes",
        ),
        (
            {"outputs": {"logits": "Identity", "class_maps": None, "embedding": None}},
            "The network has no output 'Identity'; it has: ",
        ),
        (
            {
                "outputs": {
                    "logits": "logits",
                    "class_maps": "class_maps",
                    "embedding": "embedding",
                    "lungs": "embedding",
                }
            },
            r"The network's lungs have the shape \(\d+,\), not rows and columns",
        ),
        ({"input": {"size": 224, "channels": 3, "low": 0, "high": 1}}, r"\w"),
    ],
    ids=["preprocessing", "classes", "outputs", "lungs", "channels"],
)
def test_a_network_that_is_not_what_its_manifest_says_is_not_opened(facts, reason, make_store):
    model = open_store(str(make_store("1.0", **facts))).open()
    with pytest.raises((ValueError, RuntimeError), match=reason):
        Pipeline(model, Settings())
