"""The document says what the service takes and answers, and nothing that it does not."""

import json
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from inference.errors import ServiceError
from inference.openapi import document
from inference.reading import read_options
from inference.settings import Settings

LABELS = ("covid19", "normal", "pneumonia", "tuberculosis")
DOCUMENT = document(LABELS, Settings())
PREDICT = DOCUMENT["paths"]["/api/predict"]["post"]

REPORT = {
    "prediction": {
        "label": "tuberculosis",
        "name": "Tuberculosis",
        "probability": 0.93,
        "certain": True,
    },
    "probabilities": {"covid19": 0.02, "normal": 0.01, "pneumonia": 0.04, "tuberculosis": 0.93},
    "explanations": [
        {
            "label": "tuberculosis",
            "method": "grad-cam",
            "media_type": "image/jpeg",
            "width": 512,
            "height": 421,
            "base64": "/9j/4AAQ",
            "lung_share": 0.81,
            "heatmap": {"rows": 1, "columns": 2, "values": [0.0, 1.0]},
        }
    ],
    "input": {"format": "JPEG", "width": 2500, "height": 2048, "sha256": "0" * 64},
    "gate": {"chest_xray": True, "score": 0.997, "reasons": []},
    "warnings": [],
    "model": {
        "name": "chest",
        "version": "2026.11.1",
        "sha256": "f" * 64,
        "preprocessing": "squash-equalize-1",
        "runtime": "litert",
    },
    "timing_ms": {
        "read": 0.3,
        "decode": 4.1,
        "preprocess": 1.2,
        "run": 1.5,
        "gate": 0.4,
        "explain": 2.4,
        "total": 9.9,
    },
    "request_id": "4711",
    "notice": "Research use only. Not a medical device; not for diagnosis.",
}


def fits(value: object, schema: dict[str, Any]) -> bool:
    return jsonschema_rs.is_valid({**schema, "components": DOCUMENT["components"]}, value)


def component(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def codes(operation: dict[str, Any]) -> dict[str, set[str]]:
    """The codes of an operation's problems by their status."""
    return {
        status: set(response["content"]["application/problem+json"]["examples"])
        for status, response in operation["responses"].items()
        if "application/problem+json" in response.get("content", {})
    }


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("auth", ["function", "anonymous"])
def test_it_is_openapi(links, auth):
    settings = Settings(allow_links=links, predict_auth=auth)
    written = json.loads(json.dumps(document(LABELS, settings), allow_nan=False))
    assert written["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(written).validate()


def test_it_has_every_route():
    assert {path: list(item) for path, item in DOCUMENT["paths"].items()} == {
        "/api/predict": ["post", "get"],
        "/api/model": ["get"],
        "/api/health": ["get"],
        "/api/openapi.json": ["get"],
        "/docs": ["get"],
        "/": ["get"],
        "/{asset}": ["get"],
    }


def test_every_error_is_in_it():
    documented = {
        code
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        for response_codes in codes(operation).values()
        for code in response_codes
    }
    assert documented == {kind.code for kind in ServiceError.__subclasses__()}


def test_every_reference_leads_somewhere_and_every_schema_is_used():
    text = json.dumps(DOCUMENT)
    schemas = DOCUMENT["components"]["schemas"]
    assert all(f'"#/components/schemas/{name}"' in text for name in schemas)
    assert text.count('"$ref"') == sum(
        text.count(f'"#/components/schemas/{name}"') for name in schemas
    )


class TestPredict:
    def test_takes_a_form_json_or_the_bytes(self):
        assert list(PREDICT["requestBody"]["content"]) == [
            "multipart/form-data",
            "application/json",
            "image/jpeg",
            "image/png",
            "image/webp",
            "image/bmp",
            "image/tiff",
            "application/dicom",
            "application/octet-stream",
        ]

    @pytest.mark.parametrize(
        ("body", "taken"),
        [
            ({"image": "AAAA"}, True),
            ({"image_url": "https://example.org/x.png"}, True),
            ({}, False),
            ({"image": ""}, False),
            ({"image": None}, False),
            ({"image": "AAAA", "image_url": "https://example.org/x.png"}, False),
            ({"image_url": "ftp://example.org/x.png"}, False),
            ({"image_url": "http://" + "x" * 4090}, False),
            ({"image": "AAAA", "explain": "all"}, False),
        ],
    )
    def test_takes_json_with_one_image(self, body, taken):
        schema = PREDICT["requestBody"]["content"]["application/json"]["schema"]
        assert fits(body, schema) == taken

    def test_has_the_parameters_that_are_read(self):
        schemas = {each["name"]: each["schema"] for each in PREDICT["parameters"]}
        assert schemas == {
            "explain": {
                "type": "string",
                "enum": [
                    *("predicted", "all", "none"),
                    *("covid19", "normal", "pneumonia", "tuberculosis"),
                ],
                "default": "predicted",
            },
            "overlay": {"type": "string", "enum": ["jpeg", "png"], "default": "jpeg"},
            "size": {"type": "integer", "minimum": 128, "maximum": 1024, "default": 512},
            "force": {"type": "boolean", "default": False},
        }

    @pytest.mark.parametrize(
        "query",
        [{"explain": each} for each in ("predicted", "all", "none", *LABELS)]
        + [{"overlay": "jpeg"}, {"overlay": "png"}, {"size": "128"}, {"size": "1024"}]
        + [{"force": "true"}, {"force": "false"}],
    )
    def test_reads_every_value_that_it_names(self, query):
        assert read_options(query, LABELS)

    def test_answers_each_of_its_problems(self):
        assert codes(PREDICT) == {
            "400": {"no_image", "bad_request"},
            "403": {"link_forbidden"},
            "413": {"too_large"},
            "415": {"unsupported_media"},
            "422": {"undecodable", "not_a_chest_xray"},
            "500": {"internal"},
            "502": {"link_failed"},
            "503": {"model_unavailable"},
            "504": {"link_timeout"},
        }

    def test_says_when_to_come_back_where_there_is_no_model(self):
        assert PREDICT["responses"]["503"]["headers"] == {
            "Retry-After": {"schema": {"type": "string"}}
        }

    def test_knows_no_links_where_they_are_not_followed(self):
        without = document(LABELS, Settings(allow_links=False))
        predict = without["paths"]["/api/predict"]["post"]
        assert set(codes(predict)) == {"400", "413", "415", "422", "500", "503"}
        assert "link" not in json.dumps(without).lower()
        assert "image_url" not in json.dumps(without)

    def test_asks_for_a_function_key_unless_it_is_anonymous(self):
        assert PREDICT["security"] == [{"key_header": []}, {"key_query": []}]
        assert "401" in PREDICT["responses"]
        assert DOCUMENT["components"]["securitySchemes"] == {
            "key_header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
            "key_query": {"type": "apiKey", "in": "query", "name": "code"},
        }
        anonymous = document(LABELS, Settings(predict_auth="anonymous"))
        assert "security" not in anonymous["paths"]["/api/predict"]["post"]
        assert "401" not in anonymous["paths"]["/api/predict"]["post"]["responses"]
        assert anonymous["components"]["securitySchemes"] == {}

    def test_states_the_limits_that_are_set(self):
        small = document(LABELS, Settings(max_image_bytes=2_000_000, max_image_pixels=1_000_000))
        said = small["paths"]["/api/predict"]["post"]["description"]
        assert "2,000,000 bytes and 1,000,000 pixels" in said


class TestWhatIsNotThere:
    def test_is_told_where_it_is_asked_for(self):
        assert codes(DOCUMENT["paths"]["/{asset}"]["get"])["404"] == {"not_found"}

    def test_is_predict_by_get_which_names_the_method(self):
        responses = DOCUMENT["paths"]["/api/predict"]["get"]["responses"]
        assert codes({"responses": responses}) == {"405": {"wrong_method"}}
        assert responses["405"]["headers"] == {"Allow": {"schema": {"type": "string"}}}


class TestReport:
    def test_is_what_the_design_shows(self):
        assert fits(REPORT, component("Report"))

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("gate", "chest_xray"), None),
            (("gate", "score"), None),
            (("gate", "reasons"), ["blank"]),
            (("explanations", 0, "lung_share"), None),
            (("explanations", 0, "media_type"), "image/png"),
            (("explanations",), []),
            (("warnings",), ["not_checked: Not checked."]),
            (("warnings",), ["a_new_code: Of a later version."]),
        ],
    )
    def test_may_have(self, path, value):
        assert fits(changed(REPORT, path, value), component("Report"))

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("prediction", "label"), "cat"),
            (("prediction", "probability"), 1.1),
            (("prediction", "probability"), None),
            (("probabilities", "normal"), -0.1),
            (("probabilities", "cat"), 0.1),
            (("probabilities",), {"covid19": 1.0}),
            (("explanations", 0, "method"), "lime"),
            (("explanations", 0, "heatmap", "values"), [1.5]),
            (("explanations", 0, "heatmap", "values"), [None]),
            (("input", "sha256"), "F" * 64),
            (("timing_ms", "run"), -1),
            (("timing_ms", "wait"), 1),
            (("extra",), 1),
            (("warnings",), ["A sentence without a code."]),
        ],
    )
    def test_may_not_have(self, path, value):
        assert not fits(changed(REPORT, path, value), component("Report"))


def changed(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """A copy of `value` with something else at `path`."""
    result = target = deepcopy(value)
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = new
    return result


def problems() -> list[Any]:
    return [
        pytest.param(schema, example["value"], id=code)
        for response in PREDICT["responses"].values()
        for content in [response.get("content", {}).get("application/problem+json", {})]
        for schema in [content.get("schema")]
        for code, example in content.get("examples", {}).items()
    ]


class TestProblems:
    @pytest.mark.parametrize(("schema", "example"), problems())
    def test_have_examples_that_fit(self, schema, example):
        assert fits(example, schema)
        assert not fits({**example, "code": "other"}, schema)
        assert not fits({**example, "trace": "inside"}, schema)

    def test_give_reasons_where_an_image_is_refused(self):
        problem = {
            "type": "urn:problem:not_a_chest_xray",
            "title": "This does not look like a frontal chest X-ray",
            "status": 422,
            "detail": "Refused.",
            "code": "not_a_chest_xray",
            "request_id": "4711",
            "reasons": ["blank", "too_small"],
        }
        assert fits(problem, component("NotAChestXray"))
        assert not fits({**problem, "reasons": []}, component("NotAChestXray"))


class TestHealth:
    @pytest.mark.parametrize(
        "health",
        [
            {"status": "starting", "model": None, "reason": None},
            {"status": "ready", "model": {"name": "chest", "version": "1"}, "reason": None},
            {"status": "degraded", "model": {"name": "chest", "version": "1"}, "reason": "Why."},
            {"status": "unavailable", "model": None, "reason": "Why."},
        ],
    )
    def test_is_one_of_four_states(self, health):
        health = {**health, "revision": None}
        assert fits(health, component("Health"))
        assert fits({**health, "revision": "0" * 40}, component("Health"))
        assert not fits({**health, "status": "fine"}, component("Health"))

    def test_is_told_with_503_where_there_is_no_model(self):
        responses = DOCUMENT["paths"]["/api/health"]["get"]["responses"]
        assert set(responses) == {"200", "503", "500"}
        for status in ("200", "503"):
            assert responses[status]["content"] == {
                "application/json": {"schema": {"$ref": "#/components/schemas/Health"}}
            }


class TestModel:
    def test_has_the_facts_of_its_manifest(self):
        facts = {
            "name": "chest",
            "version": "2026.11.1",
            "created": "2026-11-23T14:05:00Z",
            "architecture": "MobileNetV2",
            "sha256": "0" * 64,
            "classes": [{"label": "covid19", "name": "COVID-19"}],
            "input": {"size": 224, "channels": 1, "low": -1.0, "high": 1.0},
            "preprocessing": "squash-equalize-1",
            "temperature": 1.3,
            "threshold": {"value": 0.6, "coverage": 0.9},
            "metrics": {"test": {"auroc": 0.98}},
            "training_data": "sha256:abc",
            "licence": "MIT",
            "notice": "Research use only. Not a medical device; not for diagnosis.",
        }
        assert fits(facts, component("Model"))
        assert not fits({**facts, "files": []}, component("Model"))

    def test_may_be_missing(self):
        model = DOCUMENT["paths"]["/api/model"]["get"]
        assert codes(model) == {"500": {"internal"}, "503": {"model_unavailable"}}
