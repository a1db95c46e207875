"""The app as Azure's runtime indexes and invokes it, in a process without HTTP."""

from __future__ import annotations

import json

import pytest

from tests import drawing
from tests.app.asking import FILE, MULTIPART, in_form, in_json, without_chance
from tests.app.conftest import CopyApp
from tests.app.worker import RunningWorker, StartWorker
from tests.tools.running import REPOSITORY
from tools.local_host.worker import AppFailed, Request, Response


@pytest.fixture(scope="module")
def worker(start_worker: StartWorker) -> RunningWorker:
    return start_worker(REPOSITORY)


def post(worker: RunningWorker, body: bytes, content_type: str) -> Response:
    request = Request("POST", headers={"content-type": content_type}, body=body)
    return worker.invoke("predict", request)


@pytest.mark.parametrize("level", ["function", "anonymous"])
def test_every_route_has_its_method_and_only_predict_may_ask_for_a_key(
    start_worker: StartWorker, level: str
) -> None:
    functions = start_worker(REPOSITORY, PREDICT_AUTH=level).functions
    assert {each.name: (each.methods, each.route, each.auth_level) for each in functions} == {
        "predict": (["POST"], "api/predict", level),
        "model": (["GET"], "api/model", "anonymous"),
        "health": (["GET"], "api/health", "anonymous"),
        "openapi_document": (["GET"], "api/openapi.json", "anonymous"),
        "developers": (["GET"], "docs", "anonymous"),
        "page": (["GET"], "{*asset}", "anonymous"),
    }


def test_a_form_raw_bytes_and_json_get_the_same_answer(worker: RunningWorker, jpeg: bytes) -> None:
    answers = [
        post(worker, in_form("image", jpeg, FILE), MULTIPART),
        post(worker, jpeg, "image/jpeg"),
        post(worker, json.dumps(in_json(jpeg)).encode(), "application/json"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.header("content-type") for answer in answers] == ["application/json"] * 3
    first, *others = [without_chance(answer.json()) for answer in answers]
    assert others == [first, first]
    assert (first["input"]["width"], first["input"]["height"]) == (640, 560)
    assert len(first["explanations"]) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "image/jpeg", 400, "no_image"),
        (b"{", "application/json", 400, "bad_request"),
        (b"%PDF-1.7", "image/jpeg", 415, "unsupported_media"),
        (drawing.encode_jpeg(drawing.draw_chest(90, 90))[:900], "", 422, "undecodable"),
        (drawing.encode_png(drawing.draw_chest(30, 30)), "", 422, "not_a_chest_xray"),
    ],
)
def test_an_error_is_a_problem_with_all_its_members(
    worker: RunningWorker,
    body: bytes,
    content_type: str,
    status: int,
    code: str,
) -> None:
    answer = post(worker, body, content_type)
    problem = answer.json()
    assert answer.status == problem["status"] == status
    assert answer.header("content-type") == "application/problem+json"
    assert (problem["code"], problem["type"]) == (code, f"urn:problem:{code}")
    reasons = {"reasons"} if code == "not_a_chest_xray" else set()
    members = {"type", "title", "status", "detail", "code", "request_id"}
    assert set(problem) == members | reasons
    assert problem["title"]
    assert problem["detail"]
    assert len(problem["request_id"]) == 36


INTERNAL = {
    "type": "urn:problem:internal",
    "title": "The service made a mistake",
    "status": 500,
    "detail": "The request could not be answered. The fault is on our side.",
    "code": "internal",
}


class TestADefect:
    """A file of the deployed app is damaged, so that an exception that nobody expects is raised."""

    def test_is_an_internal_problem_for_the_client_and_a_trace_in_the_log(
        self, start_worker: StartWorker, copy_app: CopyApp, chest: drawing.Gray, jpeg: bytes
    ) -> None:
        app = copy_app()
        (app / "inference" / "dicom.py").write_text("def decode(:\n")
        worker = start_worker(app)
        answer = post(worker, drawing.encode_dicom(chest), "application/dicom")
        problem = answer.json()
        assert answer.status == 500
        assert answer.header("content-type") == "application/problem+json"
        request_id = problem.pop("request_id")
        assert problem == INTERNAL
        [defect] = worker.events("defect")
        assert defect["request_id"] == request_id
        assert defect["trace"].startswith("Traceback (most recent call last)")
        assert defect["trace"].endswith("\nSyntaxError")
        assert "invalid syntax" not in worker.log()  # what an exception says may quote a tag
        assert post(worker, jpeg, "image/jpeg").status == 200

    def test_of_the_disk_under_the_page_is_one_too(
        self, start_worker: StartWorker, copy_app: CopyApp
    ) -> None:
        app = copy_app()
        worker = start_worker(app)
        (app / "web" / "index.html").unlink()
        answer = worker.invoke("page", Request())
        problem = answer.json()
        request_id = problem.pop("request_id")
        assert (answer.status, problem) == (500, INTERNAL)
        [defect] = worker.events("defect")
        assert defect["request_id"] == request_id
        assert defect["trace"].startswith("Traceback (most recent call last)")
        assert defect["trace"].endswith("\nFileNotFoundError")


@pytest.mark.parametrize(
    ("setting", "value", "takes"),
    [
        ("INFERENCE_RUNTIME", "torch", "one of: litert, tensorflow."),
        ("MODEL_STORE", "/no/such/folder", "'bundled', a folder that exists, or https://"),
        ("MAX_IMAGE_BYTES", "10 MiB", "a whole number from 1024 to 209715200."),
        ("PREDICT_AUTH", "admin", "one of: function, anonymous."),
    ],
)
def test_a_wrong_setting_stops_the_app_at_its_start_with_a_sentence(
    start_worker: StartWorker, setting: str, value: str, takes: str
) -> None:
    with pytest.raises(AppFailed) as raised:
        start_worker(REPOSITORY, **{setting: value})
    assert str(raised.value).startswith(
        f"function_app.py could not be loaded: SettingsError: {setting} is '{value}'; it takes {takes}"
    )
