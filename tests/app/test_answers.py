"""What a good request is answered with, over HTTP."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import drawing
from tests.app.asking import Client, in_json, without_chance

LABELS = ["covid19", "normal", "pneumonia", "tuberculosis"]


def deep(gray: drawing.Gray) -> np.ndarray:
    """The same radiograph in 12 of 16 bits."""
    return gray.astype(np.uint16) * 16


FILES: dict[str, tuple[str, Callable[[drawing.Gray], bytes]]] = {
    "jpeg": ("JPEG", drawing.encode_jpeg),
    "jpeg in colour": ("JPEG", lambda gray: drawing.encode_jpeg(gray, mode="RGB")),
    "png": ("PNG", drawing.encode_png),
    "png of 16 bits": ("PNG", lambda gray: drawing.encode_png(deep(gray))),
    "webp": ("WEBP", drawing.encode_webp),
    "bmp": ("BMP", drawing.encode_bmp),
    "tiff": ("TIFF", drawing.encode_tiff),
    "dicom": ("DICOM", lambda gray: drawing.encode_dicom(deep(gray), bits_stored=12)),
}


def names(value: Any) -> Any:
    """The names in an answer, nested and in order."""
    if isinstance(value, dict):
        nested = {name: names(each) for name, each in value.items()}
        return nested if any(nested.values()) else list(value)
    return [names(value[0])] if isinstance(value, list) and value and names(value[0]) else None


def picture(explanation: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(explanation["base64"])))


@pytest.fixture(scope="module")
def answer(client: Client, jpeg: bytes) -> dict[str, Any]:
    return client.answer(jpeg)


class TestAnAnswer:
    def test_has_these_members_and_no_others(self, answer: dict[str, Any]) -> None:
        assert names(answer) == {
            "prediction": ["label", "name", "probability", "certain"],
            "probabilities": LABELS,
            "explanations": [
                {
                    "label": None,
                    "method": None,
                    "media_type": None,
                    "width": None,
                    "height": None,
                    "base64": None,
                    "lung_share": None,
                    "heatmap": ["rows", "columns", "values"],
                }
            ],
            "input": ["format", "width", "height", "sha256"],
            "gate": ["chest_xray", "score", "reasons"],
            "warnings": None,
            "model": ["name", "version", "sha256", "preprocessing", "runtime"],
            "timing_ms": ["read", "decode", "preprocess", "run", "gate", "explain", "total"],
            "request_id": None,
            "notice": None,
        }

    def test_predicts_the_most_probable_class(self, answer: dict[str, Any]) -> None:
        prediction, probabilities = answer["prediction"], answer["probabilities"]
        assert prediction["label"] == max(probabilities, key=probabilities.get)
        assert prediction["probability"] == max(probabilities.values())
        assert abs(sum(probabilities.values()) - 1) < 1e-6

    def test_says_what_image_it_is_for(self, answer: dict[str, Any], jpeg: bytes) -> None:
        assert answer["input"] == {
            "format": "JPEG",
            "width": 640,
            "height": 560,
            "sha256": hashlib.sha256(jpeg).hexdigest(),
        }

    def test_takes_it_for_a_chest_xray_or_says_that_it_cannot_tell(
        self, answer: dict[str, Any]
    ) -> None:
        assert answer["gate"]["chest_xray"] in (True, None)
        assert answer["gate"]["reasons"] == []
        assert bool(answer["warnings"]) == (answer["gate"]["chest_xray"] is None)

    def test_names_the_model_that_serves(self, client: Client, answer: dict[str, Any]) -> None:
        facts = client.get("/api/model").json()
        shared = ("name", "version", "sha256", "preprocessing")
        assert answer["model"] == {name: facts[name] for name in shared} | {"runtime": "litert"}

    def test_says_how_long_it_took_and_that_it_is_not_for_diagnosis(
        self, answer: dict[str, Any]
    ) -> None:
        *steps, total = answer["timing_ms"].values()
        assert all(step >= 0 for step in steps)
        assert sum(steps) <= total + 0.1
        assert answer["notice"] == ("Research use only. Not a medical device; not for diagnosis.")

    def test_has_an_id_of_its_own(
        self, client: Client, answer: dict[str, Any], jpeg: bytes
    ) -> None:
        again = client.answer(jpeg)
        assert uuid.UUID(answer["request_id"]) != uuid.UUID(again["request_id"])
        assert without_chance(again) == without_chance(answer)

    def test_is_kept_by_nobody_on_the_way(self, client: Client, jpeg: bytes) -> None:
        headers = client.predict(jpeg).headers
        assert headers["content-type"] == "application/json"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


class TestOneImage:
    def test_gets_the_same_answer_in_every_form(self, client: Client, jpeg: bytes) -> None:
        def typed(name: str) -> dict[str, str]:
            return {"Content-Type": name}

        text = in_json(jpeg)["image"]
        assert "/" in text
        url_safe = text.replace("+", "-").replace("/", "_").rstrip("=")
        answers = [
            client.predict(jpeg),
            client.predict(jpeg, headers=typed("image/jpeg")),
            client.predict(jpeg, headers=typed("application/octet-stream")),
            client.predict(jpeg, headers=typed("image/png")),  # the bytes decide, not the label
            client.predict(files={"image": ("a.jpg", jpeg, "image/jpeg")}),
            client.predict(files={"image": ("a", jpeg), "image_url": (None, "")}),
            client.predict(json={"image": text}),
            client.predict(json={"image": url_safe}),
            client.predict(json={"image": f"data:image/jpeg;base64,{text}"}),
        ]
        assert [answer.status_code for answer in answers] == [200] * 9
        first, *others = [without_chance(answer.json()) for answer in answers]
        assert others == [first] * 8

    @pytest.mark.parametrize("kind", FILES)
    def test_may_have_any_of_these_formats(
        self, client: Client, chest: drawing.Gray, kind: str
    ) -> None:
        name, encode = FILES[kind]
        data = encode(chest)
        answer = client.answer(data)
        assert answer["input"] == {
            "format": name,
            "width": 640,
            "height": 560,
            "sha256": hashlib.sha256(data).hexdigest(),
        }

    def test_gets_the_same_answer_from_every_format_that_loses_nothing(
        self, client: Client, chest: drawing.Gray
    ) -> None:
        lossless = [drawing.encode_png, drawing.encode_bmp, drawing.encode_tiff]
        answers = [client.answer(encode(chest)) for encode in lossless]
        first, *others = [answer["probabilities"] for answer in answers]
        assert others == [first, first]
        assert (
            answers[1]["explanations"] == answers[2]["explanations"] == answers[0]["explanations"]
        )

    @pytest.mark.shared
    def test_of_a_real_patient_is_answered(self, client: Client, shared: Path) -> None:
        folder = shared / "cxr"
        with (folder / "manifest.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
        one_of_each = {row["label"]: row["path"] for row in rows}
        assert sorted(one_of_each) == LABELS
        for path in one_of_each.values():
            answer = client.answer((folder / path).read_bytes(), force="true")
            assert abs(sum(answer["probabilities"].values()) - 1) < 1e-6


class TestExplain:
    @pytest.mark.parametrize(
        ("explain", "labels"),
        [*((label, [label]) for label in LABELS), ("all", LABELS), ("none", [])],
    )
    def test_chooses_the_classes_that_are_explained(
        self, client: Client, jpeg: bytes, explain: str, labels: list[str]
    ) -> None:
        answer = client.answer(jpeg, explain=explain)
        assert [each["label"] for each in answer["explanations"]] == labels

    def test_is_for_the_predicted_class_unless_said_otherwise(
        self, client: Client, jpeg: bytes, answer: dict[str, Any]
    ) -> None:
        [explanation] = answer["explanations"]
        assert explanation["label"] == answer["prediction"]["label"]
        assert without_chance(client.answer(jpeg, explain="predicted")) == without_chance(answer)

    def test_does_not_change_the_probabilities(self, client: Client, jpeg: bytes) -> None:
        answers = [client.answer(jpeg, explain=explain) for explain in ("none", "all", "normal")]
        first, *others = [answer["probabilities"] for answer in answers]
        assert others == [first, first]

    def test_gives_a_heatmap_of_values_from_0_to_1(self, client: Client, jpeg: bytes) -> None:
        explanations = client.answer(jpeg, explain="all")["explanations"]
        assert len(explanations) == 4
        for explanation in explanations:
            heatmap = explanation["heatmap"]
            assert explanation["method"] == "grad-cam"
            assert len(heatmap["values"]) == heatmap["rows"] * heatmap["columns"] > 1
            assert all(0 <= value <= 1 for value in heatmap["values"])


class TestTheOverlay:
    @pytest.mark.parametrize(("overlay", "kind"), [("jpeg", "JPEG"), ("png", "PNG")])
    def test_has_the_format_that_was_asked_for(
        self, client: Client, jpeg: bytes, overlay: str, kind: str
    ) -> None:
        [explanation] = client.answer(jpeg, overlay=overlay)["explanations"]
        assert explanation["media_type"] == f"image/{overlay}"
        assert picture(explanation).format == kind
        assert picture(explanation).mode == "RGB"

    @pytest.mark.parametrize(
        ("size", "width", "height"),
        [(128, 128, 112), (129, 129, 113), (512, 512, 448), (1024, 1024, 896)],
    )
    def test_has_the_size_that_was_asked_for(
        self, client: Client, jpeg: bytes, size: int, width: int, height: int
    ) -> None:
        [explanation] = client.answer(jpeg, size=size)["explanations"]
        assert (explanation["width"], explanation["height"]) == (width, height)
        assert picture(explanation).size == (width, height)

    def test_is_a_jpeg_of_512_pixels_unless_said_otherwise(
        self, client: Client, jpeg: bytes, answer: dict[str, Any]
    ) -> None:
        assert without_chance(client.answer(jpeg, overlay="jpeg", size=512, force="false")) == (
            without_chance(answer)
        )
        assert answer["explanations"][0]["width"] == 512


def test_what_the_gate_refuses_is_answered_with_a_warning_when_forced(client: Client) -> None:
    blank = drawing.encode_png(np.full((300, 300), 90, np.uint8))
    answer = client.answer(blank, force="true", explain="all")
    assert answer["gate"]["chest_xray"] is False
    assert "blank" in answer["gate"]["reasons"]
    assert answer["warnings"][0].startswith("forced: ")
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-6
    assert len(answer["explanations"]) == 4
    for explanation in answer["explanations"]:
        assert all(0 <= value <= 1 for value in explanation["heatmap"]["values"])
