"""A report is exactly the JSON that the design promises."""

import base64
import json
import math
from typing import Any

import numpy as np

from inference.classification import Classification
from inference.gate import Verdict
from inference.overlay import Overlay
from inference.radiograph import Radiograph
from inference.report import Explanation, Report, Served
from model_store import Manifest
from model_store.manifest import ClassName, FileRecord, Input, Outputs, Threshold

MANIFEST = Manifest(
    name="chest",
    version="2026.11.1",
    created="2026-11-23T14:05:00Z",
    architecture="mobilenet",
    files={"model.tflite": FileRecord(1, "0" * 64)},
    classes=(ClassName("normal", "Normal"), ClassName("tuberculosis", "Tuberculosis")),
    input=Input(size=224, channels=1, low=0.0, high=255.0),
    preprocessing="squash-clahe-1",
    outputs=Outputs(logits="logits", class_maps="class_maps", embedding="embedding"),
    temperature=1.0,
    threshold=Threshold(value=0.5, coverage=0.9),
    gate=None,
    metrics={},
    training_data="0011",
    licence="Research use only",
)


def report(**changes: Any) -> Report:
    facts: dict[str, Any] = {
        "radiograph": Radiograph(np.zeros((4, 5), np.uint8), "JPEG", 2500, 2048),
        "sha256": "ab" * 32,
        "verdict": Verdict(True, 0.997, ()),
        "classification": Classification(1, np.array([0.07, 0.93]), True),
        "explanations": (
            Explanation(
                "tuberculosis",
                np.array([[0, 1 / 3], [1, 0.5]], np.float32),
                Overlay(b"\xff\xd8\xff\xe0", "image/jpeg", 512, 421),
                0.81,
            ),
        ),
        "lung_share": 0.81,
        "warnings": ("portable: A warning.",),
        "model": Served(MANIFEST, "f" * 64, "litert"),
        "timing_ms": {"read": 0.304, "decode": 4.1, "total": 9.8765},
        "request_id": "4711",
    }
    return Report(**facts | changes)


def test_its_bytes_are_its_json_whatever_the_names_and_pictures_are():
    odd = '"Lungenentzündung" \u2028\n'
    pictures = tuple(
        Explanation(label, np.zeros((1, 1), np.float32), Overlay(data, "image/png", 1, 1))
        for label, data in (("normal", b""), ("tuberculosis", b"\xff\xfe"))
    )
    for each in (report(), report(explanations=()), report(explanations=pictures, request_id=odd)):
        assert json.loads(each.to_bytes()) == each.to_json()


def test_the_json_is_that_of_the_design():
    assert report().to_json() == {
        "prediction": {
            "label": "tuberculosis",
            "name": "Tuberculosis",
            "probability": 0.93,
            "certain": True,
        },
        "probabilities": {"normal": 0.07, "tuberculosis": 0.93},
        "explanations": [
            {
                "label": "tuberculosis",
                "method": "grad-cam",
                "media_type": "image/jpeg",
                "width": 512,
                "height": 421,
                "base64": "/9j/4A==",
                "lung_share": 0.81,
                "heatmap": {"rows": 2, "columns": 2, "values": [0.0, 0.3333, 1.0, 0.5]},
            }
        ],
        "input": {"format": "JPEG", "width": 2500, "height": 2048, "sha256": "ab" * 32},
        "gate": {"chest_xray": True, "score": 0.997, "reasons": []},
        "warnings": ["portable: A warning."],
        "model": {
            "name": "chest",
            "version": "2026.11.1",
            "sha256": "f" * 64,
            "preprocessing": "squash-clahe-1",
            "runtime": "litert",
        },
        "timing_ms": {"read": 0.3, "decode": 4.1, "total": 9.88},
        "request_id": "4711",
        "notice": "Research use only. Not a medical device; not for diagnosis.",
    }


def test_the_members_come_in_the_designs_order():
    members = ["prediction", "probabilities", "explanations", "input", "gate", "warnings"]
    members += ["model", "timing_ms", "request_id", "notice"]
    assert list(report().to_json()) == members
    assert list(report().to_json()["probabilities"]) == ["normal", "tuberculosis"]


def test_what_is_not_known_is_null_and_what_is_not_there_is_empty():
    answer = report(verdict=Verdict(None, None, ()), explanations=(), warnings=()).to_json()
    assert answer["gate"] == {"chest_xray": None, "score": None, "reasons": []}
    assert (answer["explanations"], answer["warnings"]) == ([], [])


def test_no_rounding_takes_from_the_sum_of_the_probabilities():
    thirds = Classification(0, np.array([1 / 3, 2 / 3]), True)
    written = json.loads(json.dumps(report(classification=thirds).to_json(), allow_nan=False))
    assert math.isclose(sum(written["probabilities"].values()), 1, abs_tol=1e-6)


def test_a_share_is_rounded_and_one_that_is_not_known_is_null():
    heat, overlay = np.zeros((1, 1)), Overlay(b"", "image/png", 128, 128)
    shares = (Explanation("normal", heat, overlay, each) for each in (0.123456, 0.0, None))
    answer = report(explanations=tuple(shares)).to_json()
    assert [each["lung_share"] for each in answer["explanations"]] == [0.1235, 0.0, None]


def test_base64_holds_every_byte():
    data = bytes(range(256))
    explanation = Explanation("normal", np.zeros((1, 1)), Overlay(data, "image/png", 128, 128))
    [answer] = report(explanations=(explanation,)).to_json()["explanations"]
    assert base64.b64decode(answer["base64"], validate=True) == data
